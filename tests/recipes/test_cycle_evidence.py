"""Files of what boards measured: what is read, and what can't be true."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyflow.core.errors import RecipeError, UsageError
from tinyflow.recipes import cycle_evidence
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.cycle_evidence import COLUMNS, Measurement
from tinyflow.recipes.schema import Core

OURS = Catalogue([Path(__file__).parents[2] / "recipes"])
HEADING = "program,chip,core,clock,cycles,latency_ms,instructions,source"


def written(folder: Path, *lines: str, heading: str = HEADING) -> Path:
    """A file of these lines."""
    path = folder / "b.csv"
    path.write_text("\n".join([heading, *lines]) + "\n")
    return path


def test_what_is_read(tmp_path: Path) -> None:
    """Cycles, or a latency at a clock; columns in any order, those that aren't needed left out; empty lines."""
    path = written(tmp_path, "p,c,cortex-m4,100MHz,1500,,1000,me", "", '"a, b",c,cortex-m4,2MHz,,0.5,,me')
    by_cycles, by_time = cycle_evidence.read(path, OURS)
    assert by_cycles == Measurement("p", "c", "cortex-m4", 100_000_000, 1500.0, "me", instructions=1000)
    assert by_time == Measurement("a, b", "c", "cortex-m4", 2_000_000, 1000.0, "me")
    few = written(tmp_path, "me,9e3,1MHz,cortex-m55,c,p", heading="source,cycles,clock,core,chip,program")
    assert cycle_evidence.read(few, OURS) == [Measurement("p", "c", "cortex-m55", 1_000_000, 9000.0, "me")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("p,c,cortex-m4,100MHz,,,,me", "neither cycles nor latency_ms"),
        ("p,c,cortex-m4,100MHz,abc,,,me", 'cycles: "abc" is no number'),
        ("p,c,cortex-m4,100MHz,-5,,,me", "cycles: expected more than 0, not -5"),
        ("p,c,cortex-m4,100MHz,nan,,,me", "cycles: expected more than 0, not nan"),
        ("p,c,cortex-m4,100MHz,inf,,,me", "cycles: expected more than 0, not inf"),
        ("p,c,cortex-m4,100,5,,,me", "a rate needs a number with a unit"),
        ("p,c,cortex-m4,100GHz,5,,,me", "no processor has a clock of 100GHz"),
        ("p,c,cortex-m4,100MHz,1000,5,,me", "5 ms at 100MHz are 500,000 cycles, not 1,000"),
        ("p,c,cortex-m4,100MHz,900,,1000,me", "0.9 cycles per instruction: this core begins 1 in a cycle at most"),
        ("p,c,cortex-m7,100MHz,400,,1000,me", "0.4 cycles per instruction: this core begins 2 in a cycle at most"),
        ("p,c,cortex-m4,100MHz,200000,,1000,me", "200 cycles per instruction are no program's"),
        ("p,c,cortex-m4,100MHz,1e30,,,me", "1e+30 cycles at 100MHz are more than a day"),
        ("p,c,cortex-m4,100MHz,,50.1ms,,me", 'latency_ms: "50.1ms" is no number; give it without a unit'),
        ("p,c,cortex-m99,100MHz,5,,,me", 'unknown core "cortex-m99"\n  did you mean "cortex-m'),
        ("p,c,cortex-m4,100MHz,5,,,", "source is empty"),
        ("p,c,cortex-m4,100MHz,5,,", "7 values under 8 columns"),
        ("a,c,cortex-m4,1MHz,5,,,me\na,c,cortex-m4,1MHz,6,,,me", "a on c stands there twice"),
    ],
)
def test_what_can_not_be_true(tmp_path: Path, line: str, reason: str) -> None:
    """Is refused with the line and why."""
    path = written(tmp_path, "first,c,cortex-m4,100MHz,1500,,1000,me", line)
    with pytest.raises(RecipeError) as refused:
        cycle_evidence.read(path, OURS)
    assert str(refused.value).startswith(f"{path}:{3 + line.count(chr(10))}: ") and reason in str(refused.value)


@pytest.mark.parametrize(
    ("heading", "reason"),
    [
        ("program,chip,core,clok,source", 'unknown column "clok"; did you mean "clock"?'),
        ("program,chip,core,clock", "column source is missing"),
        ("program,chip,core,clock,source,source", "a column stands there twice"),
    ],
)
def test_columns_that_are_wrong(tmp_path: Path, heading: str, reason: str) -> None:
    """Are told at the first line."""
    with pytest.raises(RecipeError) as refused:
        cycle_evidence.read(written(tmp_path, heading=heading), OURS)
    assert ":1: " in str(refused.value) and reason.partition(";")[0] in str(refused.value)
    with pytest.raises(RecipeError, match="no program is in it"):
        cycle_evidence.read(written(tmp_path), OURS)
    with pytest.raises(RecipeError, match="can't be read"):
        cycle_evidence.read(tmp_path / "none.csv", OURS)


def test_all_wrong_lines_are_told_at_once(tmp_path: Path) -> None:
    """Each with its place, those that a check of the caller's refuses, too; a file of semicolons or tabs as such."""

    def check(one: Measurement) -> None:
        if one.program == "q":
            raise UsageError("not that one", hint="another")

    path = written(tmp_path, "p,c,cortex-m4,1MHz,0,,,me", "q,c,cortex-m4,1MHz,5,,,me", "r,c,cortex-m9,1MHz,5,,,me")
    with pytest.raises(RecipeError) as refused:
        cycle_evidence.read(path, OURS, check)
    told = str(refused.value).split("\n")
    assert told[0] == f"{path}:2: cycles: expected more than 0, not 0"
    assert told[1:4] == [f"  {path}:3: not that one", "    another", f'  {path}:4: unknown core "cortex-m9"']
    for separator in ";\t":
        with pytest.raises(RecipeError, match="separated by commas, not by"):
            cycle_evidence.read(written(tmp_path, heading=HEADING.replace(",", separator)), OURS)


def test_written_and_read_again(tmp_path: Path) -> None:
    """Nothing is lost; a new line takes the place of an old one for the same program, chip and compiler."""
    whole = Measurement(
        "p", "c", "cortex-m4", 12_500_000, 7.0, "s", "gcc", 5, 6.0, "12345678", fitted=True, note="a, b"
    )
    other = Measurement("q", "c", "cortex-m4", 32_768, 9.0, "s")
    path = tmp_path / "x.csv"
    path.write_text(cycle_evidence.spell([whole, other]))
    assert path.read_text().split("\n")[0] == ",".join(COLUMNS)
    assert cycle_evidence.read(path, OURS) == [whole, other]
    newer = Measurement("q", "c", "cortex-m4", 32_768, 8.0, "s")
    assert cycle_evidence.merge([whole, other], [newer]) == [whole, newer]


def test_a_projects_line_before_ours(tmp_path: Path) -> None:
    """Of one thing; all others of both stay."""
    (tmp_path / "evidence").mkdir()
    ours = cycle_evidence.read_all(OURS)
    mine = Measurement(ours[0].program, ours[0].chip, ours[0].core, 1_000_000, 5.0, "me", ours[0].compiler)
    (tmp_path / "evidence" / "mine.csv").write_text(cycle_evidence.spell([mine]))
    both = cycle_evidence.read_all(Catalogue([tmp_path, *OURS.folders]))
    assert mine in both and ours[0] not in both and len(both) == len(ours)


def test_our_own_evidence_is_that_of_todays_rules() -> None:
    """Whoever changes a core's rules has to estimate anew, or to take an estimate out."""
    today = {name: cycle_evidence.rules_digest(OURS, OURS.get(Core, name)) for name in OURS.names(Core)}
    ours = cycle_evidence.read_all(OURS)
    assert {one.program for one in ours if one.rules != today[one.core]} == set()
    worst = {one.core: OURS.get(Core, one.core).error_percent for one in ours}
    known = [one for one in ours if one.estimate is not None]
    assert all(abs(one.estimate / one.cycles - 1) * 100 <= worst[one.core] for one in known if one.estimate)
