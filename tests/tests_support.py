"""What several test modules need and no fixture can give."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tinyflow.core import digest


class _ForgetfulTable:
    """Keeps no memo."""

    def get_memo(self, path: str) -> digest.Known | None:
        """Nothing."""
        return None

    def put_memo(self, path: str, known: digest.Known) -> None:
        """Nowhere."""


NO_MEMO = digest.Memo(_ForgetfulTable())


CHECKOUT = Path(__file__).parents[1]


def doit(place: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Plain doit as a user runs it in the folder `place`: a short environment, a cache of its own, no mirror."""
    if not (place / "pyproject.toml").exists():
        shutil.copy(CHECKOUT / "pyproject.toml", place)
    fixed = {"PYTHONPATH": str(CHECKOUT), "HOME": str(place), "PATH": "/usr/bin:/bin", "TINYFLOW_CACHE": "cache"}
    return subprocess.run(
        [sys.executable, "-m", "doit", *words],
        cwd=place,
        env=fixed | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
