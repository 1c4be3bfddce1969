"""Statistics of estimates against boards."""

from __future__ import annotations

import pytest

from tinyflow.recipes.cycle_evidence import Measurement
from tinyflow.report.cycle_errors import Errors, errors_of, notes, rows, told


def one(program: str, measured: float, estimate: float | None, **more: object) -> Measurement:
    """A measurement."""
    return Measurement(program, "chip", "m", 1_000_000, measured, "us", estimate=estimate, **more)  # type: ignore[arg-type]


def test_errors_and_the_factor_of_the_others() -> None:
    """Mean, largest, the median's inverse, each by the median of all others."""
    found = errors_of([one("a", 100, 110), one("b", 100, 100), one("c", 100, 80), one("d", 100, None)])
    assert found is not None
    assert (found.count, found.largest, found.factor) == (3, pytest.approx(0.2), 1)
    assert found.mean == pytest.approx(-0.1 / 3)
    # of a: others' median is 0.9, 1.1 / 0.9; of b: 0.95, 1 / 0.95; of c: 1.05, 0.8 / 1.05
    assert found.left_out == pytest.approx(0.8 / 1.05 - 1, abs=0.5) and found.left_out == pytest.approx(
        0.2381, abs=1e-4
    )
    assert errors_of([one("a", 100, 90)]) == Errors(
        1, pytest.approx(-0.1), pytest.approx(0.1), pytest.approx(1 / 0.9), None
    )
    assert errors_of([one("a", 100, None)]) is None


def test_what_is_told() -> None:
    """Numbers with signs, what the recipe says and whether it is enough, which programs were not used, what is old."""
    known = [one("a", 1000, 1100, instructions=900, fitted=True), one("b", 1000, 950, rules="old")]
    assert rows(known) == [
        ("a", "chip", "–", "900", "1,000", "1,100", "+10.0 %", "yes"),
        ("b", "chip", "–", "–", "1,000", "950", "−5.0 %", ""),
    ]
    text = " ".join(told("m", known, 12))
    assert "2 programs, estimates +2.5 % on average, 10.0% off at most." in text
    assert "Of 1 that the rules weren't chosen by: 5.0% at most." in text
    assert "Its recipe says 12 %." in text
    assert "Its recipe says 8 %, which is too little" in " ".join(told("m", known, 8))
    assert "There is no recipe of its cycles." in told("m", known, None)
    assert told("m", [one("a", 5, None)], 5) == ["m: no program has an estimate"]
    said = notes([*known, one("c", 5, None, note="no flash")], "new")
    assert said == [
        "chip: no flash",
        "chip: measured by us, at 1 MHz",
        "c, chip: not estimated",
        "b, chip: by other rules",
    ]
