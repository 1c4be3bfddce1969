"""What the states of an action are called: in verdicts before it runs, in records and ledgers, in tables and documents.

README explains them to users.
"""

from __future__ import annotations

UP_TO_DATE = "up to date"  # nothing to do
HIT = "hit"  # restored from the cache; of a verdict, it can be
BUILT = "built"  # executed
RUN = "run"  # must be executed
WAITING = "waiting for inputs"  # nobody can say before they are made
RUNNING = "running"
FAILED = "failed"
STOPPED = "stopped"

DONE = (UP_TO_DATE, HIT, BUILT)
"""How an action can come to its outputs, the dearest last."""
