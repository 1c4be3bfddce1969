"""Trace: what one inference reads, writes and fetches, by layer and by symbol, and how a cache would do.

The firmware is the bench's own, without a change: the simulator looks on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from tinyflow.core.action import JSON, Workspace
from tinyflow.model.plan_document import PlanDocument
from tinyflow.stages.run import call, read_samples, rows_of, write_inputs
from tinyflow.targets.accesses import Cache, Code, Data, Place, Seen, Wanted
from tinyflow.targets.protocol import open_machine

_MEMORIES = ("flash", "ram")


def trace(workspace: Workspace) -> None:
    """Make `trace.json` of `firmware.elf` and the first sample.

    Parameters: `target`, `limit_instructions`; `cache` (`bytes`, `ways`, `line_bytes`), where one is to be followed.
    Raises RunError for firmware that doesn't run, and UsageError where the target isn't the built-in simulator.
    """
    plan = PlanDocument.read(workspace.inputs["plan.json"])
    sample = read_samples(workspace.inputs, plan).inputs[0]
    parameters = workspace.parameters
    limit, cache = parameters["limit_instructions"], parameters.get("cache")
    machine = open_machine(parameters["target"], workspace.inputs)
    try:
        machine.load(workspace.inputs["firmware.elf"])
        call(machine, plan.setup, limit)
        if plan.reset:
            call(machine, plan.reset, limit)
        write_inputs(machine, plan, sample)
        accesses = machine.watch_accesses(
            workspace.inputs["accesses.so"], wanted(plan, None if cache is None else Cache(**cache))
        )
        for function, row in rows_of(plan, sample):
            accesses.begin(is_fed=True)
            call(machine, function, limit, row)
        accesses.begin()
        call(machine, plan.invoke, limit)
        seen = accesses.seen()
    finally:
        machine.close()
    workspace.write_json("trace.json", document(plan, seen, cache), allow_nan=False)


def wanted(plan: PlanDocument, cache: Cache | None = None) -> Wanted:
    """How a plan's calls are counted."""
    calls = [(name, plan.layers.index(layer)) for layer, name in plan.calls]
    arena = plan.arena.symbol if plan.arena is not None and plan.arena.symbol else ""
    return Wanted(plan.caller, calls, len(plan.layers), arena.partition("+")[0], cache)


def document(plan: PlanDocument, seen: Seen, cache: Mapping[str, JSON] | None) -> dict[str, JSON]:
    """The counts; layers have none where their calls weren't the plan's."""
    has_cache = cache is not None
    total = _costs(seen, sum_code(seen.code.values()), seen.data, has_cache)
    layers, other = (
        _layers(plan, seen, has_cache) if seen.is_as_expected else ([_named(one) for one in plan.layers], total)
    )
    return {
        "schema": 1,
        **({"cache": cache} if has_cache else {}),
        "total": total,
        "layers": layers,
        "other": other,
        "places": [_place(seen.places[index], data, has_cache) for index, data in seen.data.items()],
        "functions": _functions(seen, has_cache),
    }


def _named(layer: Any) -> dict[str, JSON]:
    return {"index": layer.index, "operator": layer.operator, "functions": list(layer.functions)}


def _layers(plan: PlanDocument, seen: Seen, has_cache: bool) -> tuple[list[dict[str, JSON]], dict[str, JSON]]:
    """Each layer, and what belongs to none."""
    *layers, other = (
        {
            **_costs(seen, code, data, has_cache),
            "places": [_place(seen.places[i], one, has_cache) for i, one in data.items()],
        }
        for code, data in zip(seen.code_of_layers, seen.data_of_layers, strict=True)
    )
    return [{**_named(layer), **costs} for layer, costs in zip(plan.layers, layers, strict=True)], other


def _costs(seen: Seen, code: Code, data: Mapping[int, Data], has_cache: bool) -> dict[str, JSON]:
    """Sums, and each memory's."""
    whole = sum_data(data.values())
    memories = {
        name: _data(sum_data(one for index, one in data.items() if seen.places[index].memory == name), has_cache)
        for name in _MEMORIES
    }
    return {"instructions": code.instructions, **_data(whole, has_cache), **_fetches(code, has_cache), **memories}


def _place(place: Place, data: Data, has_cache: bool) -> dict[str, JSON]:
    return {"name": place.name, "kind": place.kind, "memory": place.memory, **_data(data, has_cache)}


def _functions(seen: Seen, has_cache: bool) -> list[JSON]:
    """By instructions, the most first; those of one name are apart."""
    ordered = sorted(seen.code.items(), key=lambda item: (-item[1].instructions, item[0]))
    return [
        {
            "name": seen.places[index].name,
            "instructions": code.instructions,
            **_data(seen.data_by_code.get(index, Data()), has_cache, has_distinct=False),
            **_fetches(code, has_cache),
        }
        for index, code in ordered
    ]


def _data(data: Data, has_cache: bool, *, has_distinct: bool = True) -> dict[str, JSON]:
    left_out = {*(() if has_distinct else ("distinct_bytes",)), "lines", "misses", "written_back"}
    found: dict[str, JSON] = {name: value for name, value in asdict(data).items() if name not in left_out}
    if has_cache:
        found |= {
            "data_hits": data.lines - data.misses,
            "data_misses": data.misses,
            "lines_written_back": data.written_back,
        }
    return found


def _fetches(code: Code, has_cache: bool) -> dict[str, JSON]:
    return {"code_hits": code.lines - code.misses, "code_misses": code.misses} if has_cache else {}


def sum_data(every: Iterable[Data]) -> Data:
    """All together."""
    return Data(*map(sum, zip(*(asdict(one).values() for one in every), strict=True)))


def sum_code(every: Iterable[Code]) -> Code:
    """All together."""
    return Code(*map(sum, zip(*(asdict(one).values() for one in every), strict=True)))
