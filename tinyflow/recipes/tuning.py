"""Tuning records as files: one line of JSON for each kernel, readable, in an order of their own.

A record is found by what decides its counts: kernel (spec and room for scratch), style, processor, toolchain, level. It
says which choice takes the fewest instructions (null: what the backend takes by default), and how many both take.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.action import canonical
from tinyflow.core.errors import RecipeError

Record = Mapping[str, Any]

SCHEMA = 1
# Beside the other recipes; a file for each toolchain and processor.
FOLDER = "tuning"
_KEY = ("kernel", "style", "cpu", "toolchain", "optimise")
_HINT = "`doit tuning import FILE` takes records; `+tune.16` makes them"


def key_of(record: Record) -> str:
    """What a record is found by. KeyError for what is none."""
    return canonical({name: record[name] for name in _KEY})


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
        record: dict[str, Any] = json.loads(line)
        counts = record["instructions"]
        is_right = record["schema"] == SCHEMA and 0 < counts["after"] <= counts["before"] and bool(key_of(record))
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
    return (*(record[name] for name in ("cpu", "toolchain", "optimise", "style")), key_of(record))


def merge(*groups: Iterable[Record]) -> list[Record]:
    """All records, each kernel once: with the fewest instructions; of equals, the first."""
    best: dict[str, Record] = {}
    for group in groups:
        for record in group:
            known = best.setdefault(key_of(record), record)
            if record["instructions"]["after"] < known["instructions"]["after"]:
                best[key_of(record)] = record
    return list(best.values())
