"""`doit bisect-layer`: the first layer whose output differs from the reference's."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from tinyflow.core.action import Action, in_order
from tinyflow.core.errors import UsageError
from tinyflow.flow.commands.command import OwnCommand
from tinyflow.flow.loader import Loader
from tinyflow.flow.planning.plan import BenchPlan
from tinyflow.flow.session import layer_bisection, parallel_runner
from tinyflow.flow.session.signals import stoppable
from tinyflow.recipes.bench import parse


def find_wrong_layer(loader: Loader, bench: str, say: Callable[[str], None]) -> list[str]:
    """The lines that name the wrong layer; none where all are right."""

    def attempt(actions: Collection[Action]) -> Exception | None:
        errors: list[Exception] = []
        parallel_runner.run(
            actions, loader.session, lambda _, ended: errors.append(ended) if isinstance(ended, Exception) else None
        )
        return errors[0] if errors else None

    def read(plan: BenchPlan, name: str) -> Any:
        """An output of one of the early stages, made if need be."""
        maker = next(action for action in plan.actions if name in action.outputs)
        if (error := attempt(in_order([maker]).values())) is not None:
            raise error
        return loader.session.read_json(maker, name)

    def up_to(last: int | None) -> BenchPlan:
        return loader.planner.plan_bench(parsed, last)

    parsed = loader.selector.bench(bench)
    operators = read(up_to(None), "graph.json")["operators"]
    found = layer_bisection.find(len(operators), up_to, attempt, say)
    if found is None:
        return []
    layers = read(up_to(found.layer), "plan.json")["layers"]  # a command need not say which it has
    functions = layers[-1]["functions"] if layers else ()
    return found.lines({"operator": operators[found.layer]["name"], "functions": functions})


class BisectLayer(OwnCommand):
    """Runs benches of ever fewer layers until the wrong one is alone."""

    name = "bisect-layer"
    doc_purpose = "the layer whose output differs from the reference, or whose kernel faults"
    doc_usage = "BENCH"
    doc_description = "Example: doit bisect-layer vww-tinyc-stm32f7"

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print the layer; status 1 where there is one."""
        del params
        if len(args) != 1:
            what = "bisect what?" if not args else "one bench at a time"
            raise UsageError(what, hint=f"for example {self.bin_name} bisect-layer vww-tinyc-stm32f7")
        bench = args[0].removeprefix("bench:")
        if any(name == "layer" for name, _ in parse(bench).features):
            raise UsageError("a bench of one layer has no others", hint="leave +layer out")
        with stoppable():
            found = find_wrong_layer(self.loader, bench, lambda line: print(f"  {line}", flush=True))
        if not found:
            print(f"{bench}: every layer is right")
            return 0
        print(f"{bench}: {found[0]}", *found[1:], sep="\n")
        return 1
