"""What tests of the flow name; not in conftest, of which several folders have one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def synthetic_command(*words: str) -> list[str]:
    """The command line of `tinyflow` with synthetic benches."""
    return [sys.executable, str(HERE / "synthetic_benches.py"), *words]
