"""Every stage has a time limit: recipes say it, the command line says it better."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from trust_places import CHECKOUT, Run

from tinyflow.core.action import Action, Workspace
from tinyflow.core.errors import Timeout
from tinyflow.core.execute import Session
from tinyflow.core.store import Store
from tinyflow.flow.planning.plan import Planner
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.mirrors import Mirrors

LIMITS_S = {"models/aww": 11, "toolchains/zig": 12, "backends/tvmaot": 13, "targets/stm32f7": 14}


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """The built-in recipes, but for four copies with a time limit of their own."""
    for name, limit_s in LIMITS_S.items():
        text = (CHECKOUT / "recipes" / f"{name}.yaml").read_text()
        lines = [line for line in text.splitlines() if not line.startswith("timeout:")]
        path = tmp_path / "recipes" / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join([*lines, f"timeout: {limit_s}s"]) + "\n")
    return Catalogue([tmp_path / "recipes", CHECKOUT / "recipes"])


def limits(planner: Planner) -> dict[str, set[float]]:
    """Stage → time limits of its actions in a bench."""
    found: dict[str, set[float]] = {}
    for action in planner.plan_bench(parse("aww-tvmaot-stm32f7")).actions:
        found.setdefault(action.stage, set()).add(action.timeout_s)
    return found


def test_recipes_limit_every_stage(catalogue: Catalogue, tmp_path: Path) -> None:
    """The model's limit is for fetch and interpreters, the toolchain's for calls, backend's and target's for theirs.

    Tidying, the simulator's counter and the report, of which no recipe speaks, have the default of ten minutes.
    """
    assert limits(Planner(catalogue, Mirrors(), Store(tmp_path / "cache"))) == {
        **{
            "fetch": {11.0},
            "convert": {11.0},
            "intermediates": {11.0},
            "generate": {13.0},
            "run": {14.0},
            "profile": {14.0},
        },
        "tidy": {600.0},
        **{"compile": {12.0, 600.0}, "archive": {12.0}, "resolve": {12.0}, "link": {12.0}, "report": {600.0}},
    }


def test_the_command_line_goes_before_recipes(catalogue: Catalogue, tmp_path: Path) -> None:
    """`--timeout` is for every action, and changes neither ids nor keys: nothing runs again for it."""
    store = Store(tmp_path / "cache")
    plain = Planner(catalogue, Mirrors(), store)
    limited = Planner(catalogue, Mirrors(), store, timeout_s=5.0)
    assert {limit for found in limits(limited).values() for limit in found} == {5.0}
    ids = [
        {action.id for action in planner.plan_bench(parse("aww-tvmaot-stm32f7")).actions}
        for planner in (plain, limited)
    ]
    assert ids[0] == ids[1]


@pytest.mark.parametrize("text", ["5", "soon", "5 parsecs"])
def test_a_limit_needs_a_unit(tinyflow: Run, text: str) -> None:
    """Wrong use, told with an example."""
    done = tinyflow("run", "--timeout", text, "bench:net-good-chip")
    assert done.status == 2
    assert "--timeout: a duration needs a number with a unit" in done.errors


def test_a_limit_from_the_command_line_reaches_the_loader(tinyflow: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The word on the command line is what planners get."""
    from tinyflow.flow import loader

    seen: list[float | None] = []
    monkeypatch.setattr(loader.Loader, "load_tasks", lambda self, cmd, pos_args: seen.append(self.timeout_s) or [])
    tinyflow("run", "--timeout", "2min", "bench:net-good-chip")
    assert seen == [120.0]


def never_end(workspace: Workspace) -> None:
    """Two tools, one in the other, that ignore being asked."""
    workspace.run(["sh", "-c", "trap '' TERM INT; sh -c 'trap \"\" TERM; sleep 60'"])


def test_what_does_not_end_is_ended(session: Session) -> None:
    """Within its limit, though it ignores signals; the error says what to raise."""
    action = Action(stage="never", title="never", function=f"{__name__}:never_end", outputs=("x",), timeout_s=0.3)
    started = time.monotonic()
    with pytest.raises(Timeout, match=r"didn't end within 0\.3 s") as caught:
        session.execute(action)
    assert time.monotonic() - started < 30
    assert "--timeout" in caught.value.hint
