"""Tuning records as files: one line of JSON for each kernel, readable, in an order of their own.

A record is found by what decides its counts: kernel (spec and room for scratch), style, processor, toolchain, level,
and by its objective. It says which choice has the least of that (null: what the backend takes by default), and how much
both have of everything that was measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.action import canonical
from tinyflow.core.errors import RecipeError
from tinyflow.recipes.objective import OBJECTIVES

Record = Mapping[str, Any]

SCHEMA = 1
# Beside the other recipes; a file for each toolchain and processor.
FOLDER = "tuning"
_KEY = ("kernel", "style", "cpu", "toolchain", "optimise", "objective")
_HINT = "`doit tuning import FILE` takes records; `+tune.16` makes them"


def key_of(record: Record) -> str:
    """What a record is found by. KeyError for what is none."""
    return canonical({name: record[name] for name in _KEY})


def counts_of(record: Record) -> Mapping[str, int]:
    """How much of its objective's metric the default has and the choice: `before` and `after`."""
    counts: Mapping[str, int] = record[OBJECTIVES[record["objective"]].metric]
    return counts


def file_name(cpu: str, toolchain: str) -> str:
    """The file of a processor and toolchain, below a recipe folder."""
    return f"{FOLDER}/{toolchain}-{cpu}.jsonl"


def read(file: Path) -> list[Record]:
    """The records of a file. RecipeError for a line that isn't one."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not text"
        raise RecipeError(f"can't be read: {reason}", where=str(file), hint=_HINT) from None
    whole = lines[:-1] if not lines[-1] else lines
    return [_parse(line, f"{file.name}:{number}") for number, line in enumerate(whole, 1)]


def _parse(line: str, where: str) -> Record:
    try:
        # those of before there were others are of instructions
        record: dict[str, Any] = {"objective": "instructions", **json.loads(line)}
        counts = counts_of(record)
        is_right = record["schema"] == SCHEMA and 0 <= counts["after"] <= counts["before"] and bool(key_of(record))
        is_right = is_right and record["instructions"]["after"] > 0
        choice = record["choice"]
        is_right = is_right and (choice is None or isinstance(choice["kernel"], str))
        names = [record[name] for name in ("style", "cpu", "toolchain", "optimise")]
        is_right = is_right and all(isinstance(name, str) and "/" not in name for name in names)
    except (ValueError, KeyError, TypeError):
        is_right = False
    if not is_right:
        raise RecipeError("this is not a tuning record", where=where, hint=_HINT)
    return record


def write(file: Path, records: Iterable[Record]) -> None:
    """Write records in the order of what they are found by."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(spell(records), encoding="utf-8")


def spell(records: Iterable[Record]) -> str:
    """The text of a file."""
    return "".join(canonical(record) + "\n" for record in sorted(records, key=_order))


def _order(record: Record) -> tuple[str, ...]:
    return (*(record[name] for name in ("cpu", "toolchain", "optimise", "style", "objective")), key_of(record))


def merge(*groups: Iterable[Record]) -> list[Record]:
    """All records, each kernel once for each objective: with the least of it; of equals, the first."""
    best: dict[str, Record] = {}
    for group in groups:
        for record in group:
            known = best.setdefault(key_of(record), record)
            if counts_of(record)["after"] < counts_of(known)["after"]:
                best[key_of(record)] = record
    return list(best.values())
