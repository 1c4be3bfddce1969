"""What a page was made from, in its first lines: whoever has the same need not make it again. Cheap to import."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import tinyflow
from tinyflow.core.action import canonical
from tinyflow.core.digest import of_bytes
from tinyflow.recipes.catalogue import data_folder

Row = Mapping[str, Any]

_TEMPLATES = "templates/report"
_MARK = re.compile(rb"<!-- tinyflow report (sha256:[0-9a-f]{64}) -->")
_HEAD_BYTES = 200


def fingerprint(rows: Iterable[Row], *others: object) -> str:
    """Digest of everything that a page hangs on: reports (they name the digests of all else) and the code here."""
    return of_bytes(canonical([_code_digest(), tinyflow.__version__, list(rows), others]).encode())


def fingerprint_of(page: Path) -> str | None:
    """What a page on disk was made from; None where there is no such page."""
    try:
        with page.open("rb") as file:
            found = _MARK.search(file.read(_HEAD_BYTES))
    except OSError:
        return None
    return found.group(1).decode() if found else None


def template_folder() -> Path:
    """Where the templates of pages lie."""
    return data_folder() / _TEMPLATES


@cache
def _code_digest() -> str:
    """Of what turns documents into pages: an upgrade makes pages anew."""
    sources = [*Path(__file__).parent.parent.rglob("*.py"), *template_folder().iterdir()]
    digest = sha256()
    for path in sorted(sources, key=lambda path: path.name):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
