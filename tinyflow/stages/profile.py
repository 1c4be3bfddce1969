"""Profile: where the instructions of one inference go, and by a core's rules its cycles, by layer and by function.

The firmware is the bench's own, without a change: the simulator looks on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial, reduce
from typing import Any

from tinyflow.core.action import JSON, Workspace
from tinyflow.core.errors import RunError
from tinyflow.core.spans import covered_bytes
from tinyflow.model.plan_document import Chain, Layer, PlanDocument
from tinyflow.stages.layer_costs import layer_costs
from tinyflow.stages.run import call, read_samples, rows_of, write_inputs
from tinyflow.targets import elf
from tinyflow.targets.blocks import Edge, Piece
from tinyflow.targets.cycles import NO_CYCLES, Cycles, Model
from tinyflow.targets.disassembly import count, disassembler
from tinyflow.targets.protocol import Counters, capabilities, open_machine

Document = Mapping[str, Any]


@dataclass
class Costs:
    """Sums over executed blocks."""

    instructions: int = 0
    loads: int = 0
    stores: int = 0
    cycles: Cycles = NO_CYCLES  # estimated; zeros without a model

    def add(self, other: Costs) -> None:
        """Add another's."""
        self.instructions += other.instructions
        self.loads += other.loads
        self.stores += other.stores
        self.cycles = Cycles(*map(sum, zip(self.cycles, other.cycles, strict=True)))


def profile(workspace: Workspace) -> None:
    """Make `profile.json` of `firmware.elf` and the first sample.

    Parameters: `target`, `limit_instructions`; `core` and `flash_timing` of the recipes where cycles are estimated, or
    `no_cycles`, why they aren't.
    A machine that sees no instruction is stopped where layers begin, see `layer_costs`.
    Raises RunError for firmware that doesn't run, and for a machine that can't do that either.
    """
    plan = PlanDocument.read(workspace.inputs["plan.json"])
    samples = read_samples(workspace.inputs, plan)
    parameters = workspace.parameters
    machine = open_machine(parameters["target"], workspace.inputs)
    limit = parameters["limit_instructions"]
    flash_model = workspace.inputs.get("flash_model.so")
    try:
        machine.load(workspace.inputs["firmware.elf"])
        if capabilities(parameters["target"]).trace is None:
            counted = layer_costs(machine, plan, samples.inputs[0], limit, partial(_head, plan))
            workspace.write_json("profile.json", _with_why(counted, parameters), allow_nan=False)
            return
        call(machine, plan.setup, limit)
        if plan.reset:
            call(machine, plan.reset, limit)
        flash = None if flash_model is None else (flash_model, parameters["flash_timing"])
        costs: list[Counters] = []
        chains = list(_chain_functions(plan))

        def trace(symbol: str, dispatcher: str, given: bytes = b"") -> list[Piece]:
            status, counters, found = machine.trace(
                symbol, dispatcher, limit_instructions=limit, flash=flash, given=given, within=chains
            )
            if status != 0:
                raise RunError(f"returned {status}, not 0", where=symbol)
            costs.append(counters)
            return found

        write_inputs(machine, plan, samples.inputs[0])
        rows = rows_of(plan, samples.inputs[0])
        fed = [piece for function, row in rows for piece in trace(function, function, row)]
        if plan.feed is not None:  # its own part is a chain's
            fed = [replace(piece, callee=piece.callee or plan.feed.function) for piece in fed]
        pieces = [*fed, *trace(plan.invoke, plan.caller)]
    finally:
        machine.close()
    counters = reduce(Counters.and_then, costs)
    firmware = elf.read(workspace.inputs["firmware.elf"])
    summed = _Summer(firmware, parameters.get("core"), parameters.get("flash_timing"))
    calls = {name: function.calls for name, function in counters.functions.items()}
    document = _document(plan, summed, pieces, calls)
    workspace.write_json("profile.json", _with_why(document, parameters), allow_nan=False)


def _with_why(document: dict[str, JSON], parameters: Document) -> dict[str, JSON]:
    """By what cycles were estimated, or why they weren't."""
    if "core" in parameters:
        document["cycle_model"] = _model(parameters["core"], parameters["target"]["clock_hz"])
    elif "no_cycles" in parameters:
        document["no_cycles"] = parameters["no_cycles"]
    return document


def _chain_functions(plan: PlanDocument) -> dict[str, Chain]:
    """What walks each chain's table, or takes a row and walks on."""
    functions = {layer.index: layer.functions for layer in plan.layers}
    return {functions[chain.layers[-1]][0]: chain for chain in plan.chains if functions.get(chain.layers[-1])}


def _without_chains(plan: PlanDocument, pieces: Sequence[Piece]) -> tuple[list[Piece], dict[int, list[Piece] | None]]:
    """The pieces with one for each chain: what walks its table and moves rows; and by layers the kernels that it calls.

    Where these calls aren't those of the plan that one piece has all of them, and its other layers are None.
    """
    found, kernels = list(pieces), dict[int, list[Piece] | None]()
    chains = _chain_functions(plan)
    for function, chain in chains.items():
        places = [at for at, piece in enumerate(found) if piece.callee == function]
        if not places:
            continue
        walked = found[places[0] : places[-1] + 1]
        called = [piece for piece in walked if piece.callee in chain.functions]
        order = [int(layer) for layer in chain.order.split()]
        if is_known := len(called) == len(order) > 0:
            kernels |= {
                layer: [piece for at, piece in zip(order, called, strict=True) if at == layer] for layer in chain.layers
            }
        else:
            kernels |= dict.fromkeys(chain.layers[:-1])
        others = [piece for piece in walked if piece.callee in {"", *chains} - {function}]
        own = [piece for piece in walked if piece not in others and not (is_known and piece.callee in chain.functions)]
        found[places[0] : places[-1] + 1] = [_joined(function, own), *others]
    return found, kernels


def _joined(function: str, pieces: Sequence[Piece]) -> Piece:
    """All that belongs to one function and what it calls, as if it had been called once."""
    waits, executions = Counter[str](), Counter[Edge]()
    for piece in pieces:
        waits.update(piece.flash_waits)
        for edge in piece.edges:
            executions[edge._replace(executions=0)] += edge.executions
    return Piece(function, tuple(edge._replace(executions=count) for edge, count in executions.items()), waits)


def _model(core: Document, clock_hz: int | None) -> dict[str, JSON]:
    """What is said beside every number that comes of it."""
    return {
        "name": core["name"],
        "error_percent": core["error_percent"],
        "evidence": core["evidence"],
        "clock_hz": clock_hz,
    }


def _document(
    plan: PlanDocument, summed: _Summer, pieces: Sequence[Piece], calls: Mapping[str, int]
) -> dict[str, JSON]:
    whole, kernels = _without_chains(plan, pieces)
    layers, rest = match_layers(plan.layers, whole)
    for at, layer in enumerate(plan.layers):
        own, more = layers[at], kernels.get(layer.index, [])
        layers[at] = None if own is None or more is None else [*own, *more]
    total = summed.costs(pieces)
    return {
        "schema": 2,
        "total": {**summed.document(total), "macs": plan.macs},
        "layers": [_layer(plan, *own, summed, total.instructions) for own in zip(plan.layers, layers, strict=True)],
        "other": summed.document(summed.costs(rest)),
        "functions": summed.functions(pieces, calls),
        **({"chains": [asdict(chain) for chain in plan.chains]} if plan.chains else {}),
    }


def match_layers(layers: Sequence[Layer], pieces: Sequence[Piece]) -> tuple[list[list[Piece] | None], list[Piece]]:
    """The calls that belong to each layer, in order, and those that belong to none.

    A layer names the functions that it calls; the dispatcher's calls of these come in the layers' order. A layer that
    calls nothing has no pieces; where calls and layers don't agree every layer is None, for a guess would be wrong.
    """
    expected = [name for layer in layers for name in layer.functions]
    named = set(expected)
    calls = [piece for piece in pieces if piece.callee in named]
    if [piece.callee for piece in calls] != expected:
        return [None for _ in layers], list(pieces)
    remaining = iter(calls)
    found: list[list[Piece] | None] = [[next(remaining) for _ in layer.functions] for layer in layers]
    return found, [piece for piece in pieces if piece.callee not in named]


def _head(plan: PlanDocument, layer: Layer) -> dict[str, JSON]:
    """What is said of a layer whatever it costs."""
    # tensors and scratch that are alive while it runs; some lie over others
    alive = plan.arena.alive_at(layer.index) if plan.arena is not None and plan.arena.tensors else None
    return {
        "index": layer.index,
        "operator": layer.operator,
        "functions": list(layer.functions),
        **({"reference": layer.reference} if layer.reference else {}),
        **({"notes": list(layer.notes)} if layer.notes else {}),
        "macs": layer.macs,
        "arena_bytes": None if alive is None else covered_bytes((t.offset, t.end) for t in alive),
    }


def _layer(
    plan: PlanDocument, layer: Layer, pieces: Sequence[Piece] | None, summed: _Summer, total: int
) -> dict[str, JSON]:
    line = _head(plan, layer)
    if pieces is None:
        return line
    costs = summed.costs(pieces)
    line["share"] = _share(costs.instructions, total)
    if layer.macs:
        line["instructions_per_mac"] = round(costs.instructions / layer.macs, 4)
    return line | summed.document(costs)


def _share(part: int, total: int) -> float:
    return round(part / total, 6) if total else 0.0


class _Summer:
    """Blocks to costs; remembers what each block holds and each piece cost."""

    def __init__(self, firmware: elf.Firmware, core: Document | None, flash_timing: Document | None) -> None:
        self._firmware = firmware
        self._disassemble = disassembler(firmware)
        wait_cycles = flash_timing["wait_cycles"] if flash_timing is not None else 0
        self._model = None if core is None else Model(core, wait_cycles, self._disassemble)
        self._blocks: dict[tuple[int, int], tuple[int, int, str]] = {}
        self._pieces: dict[int, dict[str, Costs]] = {}

    def document(self, costs: Costs) -> dict[str, JSON]:
        """The plain numbers; cycles only where there is a model for them."""
        document: dict[str, JSON] = {
            "instructions": costs.instructions,
            "loads": costs.loads,
            "stores": costs.stores,
        }
        return document if self._model is None else {**document, **_cycles(costs.cycles)}

    def costs(self, pieces: Iterable[Piece]) -> Costs:
        """The sum over these."""
        summed = Costs()
        for piece in pieces:
            for costs in self.by_function(piece).values():
                summed.add(costs)
        return summed

    def by_function(self, piece: Piece) -> dict[str, Costs]:
        """What each function cost in it."""
        if id(piece) not in self._pieces:
            edges: dict[str, list[Edge]] = {}
            for edge in piece.edges:
                edges.setdefault(self._block(edge)[2], []).append(edge)
            names = dict.fromkeys([*edges, *piece.flash_waits])
            found = {name: self._sum(edges.get(name, ()), piece.flash_waits.get(name, 0)) for name in names}
            self._pieces[id(piece)] = found
        return self._pieces[id(piece)]

    def _sum(self, edges: Sequence[Edge], flash_waits: int) -> Costs:
        costs = Costs()
        for edge in edges:
            reads, writes, _ = self._block(edge)
            costs.instructions += edge.instructions * edge.executions
            costs.loads += reads * edge.executions
            costs.stores += writes * edge.executions
        if self._model is not None:
            costs.cycles = self._model.cycles(edges, flash_waits)
        return costs

    def functions(self, pieces: Iterable[Piece], calls: Mapping[str, int]) -> list[JSON]:
        """By instructions, the most first."""
        found: dict[str, Costs] = {}
        for piece in pieces:
            for name, costs in self.by_function(piece).items():
                found.setdefault(name, Costs()).add(costs)
        total = sum(costs.instructions for costs in found.values())
        return [
            {
                "name": name,
                "instructions": costs.instructions,
                "calls": calls.get(name, 0),
                "share": _share(costs.instructions, total),
                **({} if self._model is None else _cycles(costs.cycles)),
            }
            for name, costs in sorted(found.items(), key=lambda item: (-item[1].instructions, item[0]))
        ]

    def _block(self, edge: Edge) -> tuple[int, int, str]:
        """Reads and writes of one execution, and the function."""
        place = (edge.address, edge.size)
        if place not in self._blocks:
            function = self._firmware.function_at(edge.address)
            self._blocks[place] = (*count(self._disassemble(*place)), function.name if function else "?")
        return self._blocks[place]


def _cycles(cycles: Cycles) -> dict[str, JSON]:
    """The estimate, and what it is made of."""
    causes = {cause: round(value) for cause, value in cycles._asdict().items()}
    return {"cycles_estimate": round(cycles.total), "cycles_by_cause": causes}
