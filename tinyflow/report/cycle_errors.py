"""How far estimated cycles are off what boards measured: by program, by core, and with one left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from tinyflow.recipes.cycle_evidence import Measurement

HEADINGS = ("program", "chip", "compiler", "instructions", "measured", "estimated", "error", "fitted")
ARE_NUMBERS = (False, False, False, True, True, True, True, False)
_UNKNOWN = "–"


@dataclass(frozen=True)
class Errors:
    """Of one core's programs, as shares: 0.03 is an estimate that is 3 % too high."""

    count: int
    mean: float
    largest: float  # of absolute values
    factor: float  # by which all estimates would have to be multiplied
    left_out: float | None  # largest error of a program whose estimate is multiplied by the factor of the others


def errors_of(measurements: Iterable[Measurement]) -> Errors | None:
    """What is known of a core; None where nothing has an estimate."""
    ratios = [one.estimate / one.cycles for one in measurements if one.estimate is not None]
    if not ratios:
        return None
    errors = [ratio - 1 for ratio in ratios]
    others = [median([*ratios[:at], *ratios[at + 1 :]]) for at in range(len(ratios)) if len(ratios) > 1]
    left_out = [abs(ratio / other - 1) for ratio, other in zip(ratios, others, strict=False)]
    return Errors(
        len(ratios), sum(errors) / len(errors), max(map(abs, errors)), 1 / median(ratios), max(left_out, default=None)
    )


def rows(measurements: Iterable[Measurement]) -> list[tuple[str, ...]]:
    """A line for each program under `HEADINGS`."""
    return [
        (
            *(one.program, one.chip, one.compiler or _UNKNOWN),
            _UNKNOWN if one.instructions is None else f"{one.instructions:,}",
            f"{one.cycles:,.0f}",
            _UNKNOWN if one.estimate is None else f"{one.estimate:,.0f}",
            _UNKNOWN if one.estimate is None else _percent(one.estimate / one.cycles - 1),
            "yes" if one.fitted else "",
        )
        for one in measurements
    ]


def notes(measurements: Sequence[Measurement], rules: str) -> list[str]:
    """What is said of chips, where it is from, and `doubts`."""
    said = [f"{one.chip}: {one.note}" for one in measurements if one.note]
    said += [f"{one.chip}: measured by {one.source}, at {one.clock_hz / 1e6:g} MHz" for one in measurements]
    return list(dict.fromkeys([*said, *doubts(measurements, rules)]))


def doubts(measurements: Sequence[Measurement], rules: str) -> list[str]:
    """What nothing or only old rules estimate; `rules` is the digest of those of today."""
    said = [f"{one.program}, {one.chip}: not estimated" for one in measurements if one.estimate is None]
    said += [f"{one.program}, {one.chip}: by other rules" for one in measurements if one.rules not in ("", rules)]
    return list(dict.fromkeys(said))


def told(core: str, measurements: Sequence[Measurement], error_percent: int | None) -> list[str]:
    """In sentences; `error_percent` is what the core's recipe says, None where there is no recipe."""
    found = errors_of(measurements)
    if found is None:
        return [f"{core}: no program has an estimate"]
    programs = "1 program" if found.count == 1 else f"{found.count} programs"
    lines = [f"{core}: {programs}, estimates {_percent(found.mean)} on average, {found.largest:.1%} off at most."]
    unused = errors_of([one for one in measurements if not one.fitted])
    if unused is not None and unused.count < found.count:
        lines.append(f"Of {unused.count} that the rules weren't chosen by: {unused.largest:.1%} at most.")
    if found.left_out is not None:
        lines.append(
            f"Multiplied by {found.factor:.3f}, the median, they would be right on average; "
            f"with the factor of all others each is {found.left_out:.1%} off at most."
        )
    if error_percent is None:
        lines.append("There is no recipe of its cycles.")
    elif found.largest * 100 > error_percent:
        lines.append(
            f"Its recipe says {error_percent} %, which is too little: error_percent in recipes/cores/{core}.yaml."
        )
    else:
        lines.append(f"Its recipe says {error_percent} %.")
    return lines


def _percent(share: float) -> str:
    return f"{share * 100:+.1f} %".replace("-", "−")
