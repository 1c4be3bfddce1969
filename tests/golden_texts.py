"""Texts that are kept whole: what people and programs get to read is held letter for letter.

`GOLDEN_TEXTS=write pytest tests/…` writes them anew; the difference is read before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def check(name: str, text: str) -> None:
    """Compare a text with the one that is kept under this name."""
    path = FOLDER / name
    if os.environ.get("GOLDEN_TEXTS") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    expected = path.read_text(encoding="utf-8").splitlines()
    assert text.splitlines() == expected, f"if it should change: GOLDEN_TEXTS=write, and read the difference of {path}"
