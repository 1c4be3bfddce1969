"""What all tests share."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from tests_support import Shared

from tinyflow.core.execute import Session

# Very many tests start programs of ours; without bytecode each would compile all its modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell's background jobs ignore Ctrl-C, and hand that on to the programs that are to be stopped by it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes is the machine's business; a busy one must not fail a test.
# Each run takes other examples; `--hypothesis-profile many` takes more of them.
hypothesis.settings.register_profile("tinyflow", deadline=None, max_examples=25)
hypothesis.settings.register_profile("many", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("tinyflow")


# What collecting makes stays to the end: it is neither searched for garbage nor copied where a process is.
gc.disable()


def pytest_collection_finish() -> None:
    """From here on there is garbage."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _place_of_all_workers(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp()
    Shared.place = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "shared"
    Shared.place.mkdir(exist_ok=True)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A session with an empty cache and no past."""
    session = Session(tmp_path / "cache", tmp_path / "state")
    yield session
    session.close()
