"""Benches whose stages take no time and no tools, planned from names alone; a backend's name says how its run goes.

As a program it is `tinyflow` with these benches: `python synthetic_benches.py bench:net-good-chip`. Recipes come from
the working directory, as ever, so a test writes a suite there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from synthetic_stages import CONTENT, OUTPUTS

from tinyflow.core.action import Action, SourceFile
from tinyflow.flow import cli
from tinyflow.flow.loader import Loader
from tinyflow.flow.planning.plan import BenchPlan
from tinyflow.recipes.bench import Bench
from tinyflow.recipes.suite import expand


class SyntheticPlanner:
    """The planner's methods, over any bench name; `<backend>.c` of the working directory, if there, is an input."""

    def __init__(self, catalogue) -> None:
        self._catalogue = catalogue
        self._known: dict[str, Action] = {}
        self.planned: list[str] = []

    def is_outdated_by(self, saved) -> bool:
        """Never."""
        return False

    def plan_suite(self, name: str) -> tuple[BenchPlan, ...]:
        """All benches of a suite."""
        return tuple(self.plan_bench(bench) for bench in expand(self._catalogue, name))

    def plan_bench(self, bench: Bench) -> BenchPlan:
        """A chain of stages."""
        self.planned.append(bench.name)
        fetch = self._action("fetch", bench.model_name)
        convert = self._action("convert", bench.model_name, fetch)
        generate = self._action(
            "generate", f"{bench.model_name} {bench.backend}", fetch, source=Path(f"{bench.backend}.c")
        )
        link = self._action("link", bench.name, generate)
        place = f"board:{bench.target}" if bench.target.startswith("board") else ""
        run = self._action("run", bench.name, link, behaviour=bench.backend, place=place)
        naming = {"bench": bench.name, "model": bench.model_name, "backend": bench.backend, "target": bench.target}
        final = Action(
            stage="report",
            title=f"report {bench.name}",
            function="tinyflow.stages.report:report",
            outputs=OUTPUTS["report"],
            parameters={**naming, "features": {name: value or True for name, value in bench.features}},
            inputs={
                name: action.output(name)
                for action in (fetch, convert, generate, link, run)
                for name in action.outputs
                if name in CONTENT
            },
        )
        return BenchPlan(bench.name, bench, final, (fetch, convert, generate, link, run, final))

    def _action(
        self, stage: str, what: str, *before: Action, behaviour: str = "", source: Path | None = None, place: str = ""
    ) -> Action:
        inputs = {f"{other.stage}.in": other.output(other.outputs[-1]) for other in before}
        if source is not None and source.exists():
            inputs["source.c"] = SourceFile(source.absolute(), source.name)
        action = Action(
            stage=stage,
            title=f"{stage} {what}",
            function="synthetic_stages:write",
            outputs=OUTPUTS[stage],
            parameters={"what": what, "behaviour": behaviour},
            inputs=inputs,
            place=place,
        )
        return self._known.setdefault(action.id, action)


def synthetic_loader() -> Loader:
    """The real loader with these benches."""
    loader = Loader()
    loader.planner = SyntheticPlanner(loader.catalogue)
    return loader


def main() -> int:
    """Run this process's command line."""
    os.environ.setdefault("TINYFLOW_CACHE", "cache")
    return cli.run(sys.argv[1:], synthetic_loader())


if __name__ == "__main__":
    sys.exit(main())
