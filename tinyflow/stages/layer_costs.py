"""Layer costs: what each layer of one inference costs on a machine that is stopped where layers begin.

In instructions where the machine counts them (QEMU), else in cycles of the chip's own counter (boards): from the
beginning of one layer to that of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import reduce

from tinyflow.core.action import JSON
from tinyflow.core.errors import RunError
from tinyflow.model.plan_document import Layer, PlanDocument
from tinyflow.stages.run import begin, call, rows_of
from tinyflow.targets.protocol import Counters, Machine


@dataclass
class _Stopwatch:
    """See `protocol.Calls`: each call, and what it cost."""

    machine: Machine
    unit: str
    calls: list[tuple[str, int]] = field(default_factory=list)
    _began: int = 0

    @property
    def now(self) -> int:
        """What the call under way has cost."""
        return int(getattr(self.machine.so_far(), self.unit) or 0)

    def begun(self, function: str) -> None:
        """It costs nothing yet."""
        self.calls.append((function, 0))
        self._began = self.now

    def ended(self) -> None:
        """It doesn't cost more."""
        self.calls[-1] = (self.calls[-1][0], self.now - self._began)


def layer_costs(
    machine: Machine, plan: PlanDocument, sample: Sequence[bytes], limit: int, head: Callable[[Layer], dict[str, JSON]]
) -> dict[str, JSON]:
    """`profile.json`, with what `head` says of each layer. The machine is loaded.

    Raises RunError where it counts nothing, or doesn't see the calls of layers.
    """
    begin(machine, plan, sample, limit)
    whole = call(machine, plan.invoke, limit)
    unit = next((unit for unit in ("instructions", "cycles") if getattr(whole, unit) is not None), None)
    if unit is None:
        hint = "a Cortex-M0+ has no counter, and a QEMU behind a GDB server none that moves: profile a simulated target"
        raise RunError("the chip has counted neither instructions nor cycles", hint=hint)
    watch = _Stopwatch(machine, unit)
    begin(machine, replace(plan, feed=None), sample, limit)
    fed = [call(machine, function, limit, row) for function, row in rows_of(plan, sample)]
    fed_cost = sum(getattr(cost, unit) or 0 for cost in fed)
    feed = [] if plan.feed is None else [plan.feed.function]
    names = [name for _, name in plan.calls if name not in feed]
    if not names or machine.follow(plan.invoke, plan.caller, names, watch, limit_instructions=limit) is None:
        raise RunError("nothing sees the calls of its layers", where=plan.invoke, hint="profile a simulated target")
    total = watch.now + fed_cost
    calls = [*((name, fed_cost) for name in feed), *watch.calls]
    is_known = [name for name, _ in calls] == [name for _, name in plan.calls]
    costs = iter([cost for _, cost in calls])
    chained = {layer for chain in plan.chains for layer in chain.layers[:-1]}  # is within what the last one costs
    layers: list[dict[str, JSON]] = []
    for layer in plan.layers:
        layers.append(head(layer))
        if is_known and layer.index not in chained:
            own = sum(next(costs) for _ in layer.functions)
            layers[-1] |= {unit: own, "share": round(own / total, 6) if total else 0.0}
    rest = total - (sum(cost for _, cost in calls) if is_known else 0)
    functions = reduce(Counters.and_then, [*fed, whole]).functions
    return {
        "schema": 2,
        "total": {unit: total, "macs": plan.macs},
        "layers": layers,
        "other": {unit: rest},
        **({"chains": [asdict(chain) for chain in plan.chains]} if plan.chains else {}),
        "functions": [
            {
                "name": name,
                "instructions": one.instructions,
                "calls": one.calls,
                "share": round(one.instructions / total, 6),
            }
            for name, one in functions.items()
        ],
    }
