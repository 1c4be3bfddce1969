"""Where the tests of trust play: what a command line said, a disk of one's own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).parent.parent.parent


class Done(NamedTuple):
    """How a command line ended."""

    status: int
    output: str
    errors: str


Run = Callable[..., Done]


class Disk:
    """A small file system of its own, that can be full, grow, and be made read-only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def remount(self, options: str) -> None:
        """Change it: `size=8m`, `ro`."""
        subprocess.run(["mount", "-o", f"remount,{options}", self.folder], check=True)
