"""JSON schemas of recipes as files, which editors use to complete and to underline: one for each kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

from tinyflow.recipes.catalogue import KINDS
from tinyflow.recipes.schema import Recipe


@cache
def schema_files() -> Mapping[str, str]:
    """File name (`model.json`) → its text, for all kinds of recipe."""
    return {f"{kind.noun}.json": schema_text(shape) for shape, kind in KINDS.items()}


def schema_text(shape: type[Recipe]) -> str:
    """The schema of one kind of recipe."""
    from tinyflow.recipes.validate import json_schema

    return json.dumps(json_schema(shape), indent=1, ensure_ascii=False) + "\n"
