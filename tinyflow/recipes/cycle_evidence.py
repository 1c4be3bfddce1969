"""Cycles measured on boards, as files: a table of comma-separated values, a line for each program on a chip.

`program` is a bench of the project's, or whatever tells a program that isn't. What was measured is `cycles`, or
`latency_ms` at `clock`. `instructions` and `estimate` (cycles by the core's rules) can be left out of a bench's line,
for they are known where it was run; `rules` is the digest of those that an estimate was made by.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tinyflow.core import digest
from tinyflow.core.action import canonical
from tinyflow.core.errors import RecipeError, UsageError
from tinyflow.core.units import parse_rate
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import whole_core
from tinyflow.recipes.schema import Core, Processor
from tinyflow.recipes.suggest import hint_for

# Beside the other recipes.
FOLDER = "evidence"
COLUMNS = (
    *("program", "chip", "core", "compiler", "clock", "cycles", "latency_ms", "instructions"),
    *("estimate", "rules", "fitted", "source", "note"),
)
_NEEDED = ("program", "chip", "core", "clock", "source")
# Far beyond both ends of what processors with a program counter do.
_MOST_CLOCK_HZ = 5_000_000_000
_MOST_CYCLES_PER_INSTRUCTION = 100
_LONGEST_S = 86_400
# By how much a latency that is given with three or four digits may be off the cycles beside it.
_ROUNDING = 0.01


@dataclass(frozen=True)
class Measurement:
    """One program on one chip."""

    program: str
    chip: str
    core: str
    clock_hz: int
    cycles: float
    source: str
    compiler: str = ""
    instructions: int | None = None
    estimate: float | None = None
    rules: str = ""
    fitted: bool = False  # whether it had a say in the core's rules
    note: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What there is one line of."""
        return self.program, self.chip, self.compiler


def read(file: Path, catalogue: Catalogue, check: Callable[[Measurement], None] = lambda _: None) -> list[Measurement]:
    """The lines of a file. RecipeError for all that can't be true, with their lines and why.

    `check` raises ValueError or UsageError for one that mustn't be there.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not text"
        raise RecipeError(f"can't be read: {reason}", where=str(file)) from None
    lines = csv.reader(io.StringIO(text))
    heading = [name.strip() for name in next(lines, [])]
    for separator, spelled in ((";", '";"'), ("\t", "tabs")):
        if len(heading) == 1 and separator in heading[0]:
            raise RecipeError(f"values are separated by commas, not by {spelled}", where=f"{file}:1")
    for name in heading:
        if name not in COLUMNS:
            raise RecipeError(f'unknown column "{name}"', where=f"{file}:1", hint=hint_for(name, COLUMNS, "columns"))
    lacking = [name for name in _NEEDED if name not in heading]
    if lacking or len(set(heading)) < len(heading):
        what = f"column {lacking[0]} is missing" if lacking else "a column stands there twice"
        raise RecipeError(what, where=f"{file}:1", hint="the first line names the columns: " + ",".join(COLUMNS))
    found: dict[tuple[str, str, str], Measurement] = {}
    faults: list[RecipeError] = []
    for values in lines:
        where = f"{file}:{lines.line_num}"
        if not values:
            continue
        try:
            if len(values) != len(heading):
                raise ValueError(f"{len(values)} values under {len(heading)} columns")
            one = _measurement(dict(zip(heading, map(str.strip, values), strict=True)), catalogue)
            if one.key in found:
                raise ValueError(f"{one.program} on {one.chip} stands there twice")
            check(one)
        except ValueError as error:
            faults.append(RecipeError(str(error), where=where))
        except UsageError as error:
            faults.append(RecipeError(error.what, where=where, hint=error.hint))
        else:
            found[one.key] = one
    if faults:
        first, *others = faults
        hint = "\n".join([*filter(None, [first.hint]), *map(str, others)])
        raise RecipeError(first.what, where=first.where, hint=hint)
    if not found:
        raise RecipeError("no program is in it", where=str(file), hint="a line each, below the names of the columns")
    return list(found.values())


def _measurement(line: Mapping[str, str], catalogue: Catalogue) -> Measurement:
    """Raises ValueError for what can't be."""
    for name in _NEEDED:
        if not line[name]:
            raise ValueError(f"{name} is empty")
    if not any(catalogue.has(kind, line["core"]) for kind in (Core, Processor)):
        known = {*catalogue.names(Core), *catalogue.names(Processor)}
        raise UsageError(f'unknown core "{line["core"]}"', hint=hint_for(line["core"], known, "cores"))
    clock_hz = parse_rate(line["clock"])
    if not 0 < clock_hz <= _MOST_CLOCK_HZ:
        raise ValueError(f"no processor has a clock of {line['clock']}")
    cycles, latency_ms = _number(line, "cycles"), _number(line, "latency_ms")
    if cycles is None and latency_ms is None:
        raise ValueError("neither cycles nor latency_ms")
    by_time = None if latency_ms is None else latency_ms / 1000 * clock_hz
    measured = cycles if cycles is not None else by_time
    assert measured is not None
    if by_time is not None and abs(by_time / measured - 1) > _ROUNDING:
        raise ValueError(f"{latency_ms:g} ms at {line['clock']} are {by_time:,.0f} cycles, not {measured:,.0f}")
    if measured > _LONGEST_S * clock_hz:
        raise ValueError(f"{measured:.3g} cycles at {line['clock']} are more than a day")
    instructions = _number(line, "instructions")
    if instructions is not None:
        check_pace(measured, instructions, catalogue, line["core"])
    if line.get("fitted", "") not in ("", "no", "yes"):
        raise ValueError(f'fitted is yes or no, not "{line["fitted"]}"')
    return Measurement(
        *(line["program"], line["chip"], line["core"], clock_hz, measured, line["source"]),
        compiler=line.get("compiler", ""),
        instructions=None if instructions is None else int(instructions),
        estimate=_number(line, "estimate"),
        rules=line.get("rules", ""),
        fitted=line.get("fitted") == "yes",
        note=line.get("note", ""),
    )


def _number(line: Mapping[str, str], name: str) -> float | None:
    text = line.get(name, "")
    if not text:
        return None
    try:
        value = float(text.replace("_", ""))
    except ValueError:
        hint = "; give it without a unit" if text[0].isdigit() else ""
        raise ValueError(f'{name}: "{text}" is no number{hint}') from None
    if not value > 0 or math.isinf(value):
        raise ValueError(f"{name}: expected more than 0, not {text}")
    return value


def check_pace(cycles: float, instructions: float, catalogue: Catalogue, core: str) -> None:
    """ValueError for a number of cycles that a core can't have taken for so many instructions."""
    pace, issue_width = cycles / instructions, _issue_width(catalogue, core)
    if pace < 1 / issue_width:
        raise ValueError(f"{pace:.2g} cycles per instruction: this core begins {issue_width} in a cycle at most")
    if pace > _MOST_CYCLES_PER_INSTRUCTION:
        raise ValueError(f"{pace:.3g} cycles per instruction are no program's: is it the clock, or another unit?")


def _issue_width(catalogue: Catalogue, core: str) -> int:
    whole = whole_core(catalogue, catalogue.get(Core, core)) if catalogue.has(Core, core) else None
    return whole.issue_width or 1 if whole is not None else 2


def read_all(catalogue: Catalogue) -> list[Measurement]:
    """What all recipe folders have, those of a project before ours; one that stands in both is the project's."""
    found: dict[tuple[str, str, str], Measurement] = {}
    for _, measurements in files(catalogue):
        for one in measurements:
            found.setdefault(one.key, one)
    return list(found.values())


def files(catalogue: Catalogue) -> Iterator[tuple[Path, list[Measurement]]]:
    """All files and what they have; of two lines for one thing the first counts."""
    for folder in catalogue.folders:
        for file in sorted((folder / FOLDER).glob("*.csv")):
            yield file, read(file, catalogue)


def merge(known: Iterable[Measurement], new: Sequence[Measurement]) -> list[Measurement]:
    """Both; of two lines for one thing the new one."""
    return list({one.key: one for one in (*known, *new)}.values())


def spell(measurements: Iterable[Measurement]) -> str:
    """The text of a file."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(COLUMNS)
    for one in measurements:
        values = {**asdict(one), "clock": _spell_rate(one.clock_hz), "cycles": round(one.cycles)}
        values |= {"fitted": "yes" if one.fitted else "", "latency_ms": ""}
        values["estimate"] = "" if one.estimate is None else round(one.estimate)
        lines.writerow("" if values[name] is None else values[name] for name in COLUMNS)
    return written.getvalue()


def _spell_rate(hertz: int) -> str:
    for unit, size in (("MHz", 1_000_000), ("kHz", 1000)):
        if hertz % size == 0:
            return f"{hertz // size}{unit}"
    return f"{hertz}Hz"


def rules_digest(catalogue: Catalogue, core: Core) -> str:
    """What tells one set of rules from another, in eight digits."""
    whole = asdict(whole_core(catalogue, core))
    rules = {name: value for name, value in whole.items() if name not in ("description", "source")}
    rules |= {"error_percent": 0, "evidence": ""}
    return digest.of_bytes(canonical(rules).encode()).rpartition(":")[2][:8]
