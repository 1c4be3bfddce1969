"""What a page was made from: whoever has the same need not make it again. Cheap to import."""

from __future__ import annotations

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


def fingerprint(rows: Iterable[Row], *others: object) -> str:
    """Digest of everything that a page depends on: reports (they name the digests of all else) and the code here."""
    return of_bytes(canonical([_code_digest(), tinyflow.__version__, list(rows), others]).encode())


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
