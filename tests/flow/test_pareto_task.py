"""`doit pareto:<bench>`: what it tries, what it runs, and what it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests_support import doit

from tinyflow.core.action import Action
from tinyflow.core.errors import ModelError, UsageError
from tinyflow.core.store import Store
from tinyflow.flow.planning.memory_choices import memory_choices
from tinyflow.flow.planning.plan import Planner
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.mirrors import Mirrors

BENCH = "aww-tinyc-stm32f7"


@pytest.fixture
def planner(tmp_path: Path) -> Planner:
    """One that runs nothing."""
    return Planner(Catalogue([data_folder() / "recipes"]), Mirrors(), Store(tmp_path / "cache"))


def _read(action: Action, name: str) -> Any:
    """Two goals of a model as it came, one without chase; no patches save anything."""
    source = action.inputs["model.tflite"]
    assert name == "choices.json" and action.stage == "choices"
    if "patch" in source.action.stage:  # type: ignore[union-attr]
        raise ModelError("patches save nothing")
    sizes = {"": (50, 100), "balanced": (50, 100), "least": (20, 130), "40KiB": (40, 102), "30KiB": (35, 140)}
    if action.parameters.get("is_one") and action.parameters["options"].get("feed"):  # type: ignore[call-overload,index,union-attr]
        sizes = {"": (60, 100)}
    elif action.parameters["options"].get("feed"):  # type: ignore[call-overload,index,union-attr]
        sizes = {"": (12, 100), "balanced": (12, 100), "least": (12, 125)}
    elif action.parameters.get("is_one"):
        assert action.parameters["options"]["chase"] == "off"  # type: ignore[call-overload,index]
        sizes = {"": (60, 100)}
    return [{"goal": goal, "arena_bytes": a, "instructions": b} for goal, (a, b) in sizes.items()]


def test_what_none_is_better_than_is_run_and_the_bench_itself(planner: Planner) -> None:
    """All are told; +stream without a value is what balanced means; what refuses is left out. Features beside stay."""
    choices, plans = memory_choices(parse(BENCH), planner, _read)
    goals = ("", "+stream", "+stream.least", "+stream.40KiB", "+stream.30KiB", "+chase.off")
    assert sorted(choice.bench for choice in choices) == sorted(f"{BENCH}{goal}" for goal in goals)
    assert [plan.name for plan in plans] == [f"{BENCH}{goal}" for goal in ("", "+stream.least", "+stream.40KiB")]
    choices, plans = memory_choices(parse(f"{BENCH}+feed"), planner, _read)
    assert {choice.bench for choice in choices} >= {f"{BENCH}+feed", f"{BENCH}+feed+stream.least"}
    assert [plan.name for plan in plans] == [f"{BENCH}+feed"]


def test_what_has_no_choices_is_refused(planner: Planner) -> None:
    """A bench with chains already, a backend that can't tell."""
    with pytest.raises(UsageError, match="leave it out"):
        memory_choices(parse(f"{BENCH}+stream.least"), planner, _read)
    with pytest.raises(UsageError, match="tinyc can"):
        memory_choices(parse("aww-tvmaot-stm32f7"), planner, _read)


@pytest.mark.slow
def test_estimates_are_what_is_measured(tmp_path: Path) -> None:
    """Arenas exactly, instructions beside those of the bench itself nearly; the second time nothing is built."""
    done = doit(tmp_path, f"pareto:{BENCH}")
    assert done.returncode == 0, done.stdout + done.stderr
    table = json.loads((tmp_path / "build" / "pareto" / f"{BENCH}.json").read_bytes())
    measured = [line for line in table if "ram_bytes" in line]
    assert {BENCH, f"{BENCH}+stream.least"} <= {line["bench"] for line in measured}
    (plain,) = (line for line in measured if line["bench"] == BENCH)
    for line in measured:
        metrics = json.loads((tmp_path / "build" / line["bench"] / "report.json").read_bytes())["metrics"]
        assert line["output"] == "exact" and metrics["arena_bytes"] == line["arena_bytes_estimate"]
        estimated, counted = (line[name] / plain[name] for name in ("instructions_estimate", "invoke_instructions"))
        assert abs(estimated / counted - 1) < 0.15
    again = doit(tmp_path, f"pareto:{BENCH}")
    assert "built" not in again.stdout and "report: build/pareto" in again.stdout
