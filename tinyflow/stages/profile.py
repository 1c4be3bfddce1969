"""Profile: where the instructions of one inference go, layer by layer and function by function.

The firmware is the bench's own, without a change: the simulator looks on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tinyflow.core.action import JSON, Workspace
from tinyflow.core.errors import RunError
from tinyflow.model.plan_document import Layer, PlanDocument
from tinyflow.stages.run import call, read_samples
from tinyflow.targets import elf
from tinyflow.targets.blocks import Piece
from tinyflow.targets.cycles import TAKEN_BRANCH_CYCLES, block_cycles
from tinyflow.targets.disassembly import count, disassembler
from tinyflow.targets.protocol import open_machine

Document = Mapping[str, Any]


@dataclass
class Costs:
    """Sums over executed blocks."""

    instructions: int = 0
    loads: int = 0
    stores: int = 0
    cycles: int = 0  # estimated
    functions: Counter[str] = field(default_factory=Counter)  # name → instructions


def profile(workspace: Workspace) -> None:
    """Make `profile.json` of `firmware.elf` and the first sample.

    Parameters: `target`, `limit_instructions`, `cycle_model` (optional, as its recipe; then cycles are estimated).
    Raises RunError for firmware that doesn't run, and where the target isn't the built-in simulator.
    """
    plan = PlanDocument.read(workspace.inputs["plan.json"])
    samples = read_samples(workspace.inputs, plan)
    machine = open_machine(workspace.parameters["target"], workspace.inputs)
    limit = workspace.parameters["limit_instructions"]
    try:
        machine.load(workspace.inputs["firmware.elf"])
        call(machine, plan.setup, limit)
        for port, data in zip(plan.inputs, samples.inputs[0], strict=True):
            machine.write(port.symbol, data)
        model = workspace.parameters.get("cycle_model")
        status, counters, pieces = machine.trace(
            plan.invoke,
            plan.caller,
            limit_instructions=limit,
            flash_cache=None if model is None else (workspace.inputs["flash_model.so"], model),
        )
        if status != 0:
            raise RunError(f"returned {status}, not 0", where=plan.invoke)
        calls = {name: function.calls for name, function in counters.functions.items()}
        document = _document(plan, _Summer(elf.read(workspace.inputs["firmware.elf"]), model), pieces, calls)
        if model is not None:
            clock_hz = workspace.parameters["target"]["clock_hz"]
            document["cycle_model"] = {"name": model["core"], "error": model["error"], "clock_hz": clock_hz}
    finally:
        machine.close()
    workspace.write_json("profile.json", document, allow_nan=False)


def _document(
    plan: PlanDocument, summed: _Summer, pieces: Sequence[Piece], calls: Mapping[str, int]
) -> dict[str, JSON]:
    layers, rest = match_layers(plan.layers, pieces)
    total = summed.costs(pieces)
    return {
        "schema": 1,
        "total": {**summed.document(total), "macs": plan.macs},
        "layers": [_layer(plan, *own, summed, total.instructions) for own in zip(plan.layers, layers, strict=True)],
        "other": summed.document(summed.costs(rest)),
        "functions": [
            {"name": name, "instructions": cost, "calls": calls.get(name, 0), "share": _share(cost, total.instructions)}
            for name, cost in sorted(total.functions.items(), key=lambda item: (-item[1], item[0]))
        ],
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


def _layer(
    plan: PlanDocument, layer: Layer, pieces: Sequence[Piece] | None, summed: _Summer, total: int
) -> dict[str, JSON]:
    # tensors and scratch that are alive while it runs
    alive = plan.arena.alive_at(layer.index) if plan.arena is not None and plan.arena.tensors else None
    line: dict[str, JSON] = {
        "index": layer.index,
        "operator": layer.operator,
        "functions": list(layer.functions),
        "macs": layer.macs,
        "arena_bytes": None if alive is None else sum(tensor.bytes for tensor in alive),
    }
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
    """Blocks to costs; remembers what each block holds."""

    def __init__(self, firmware: elf.Firmware, cycle_model: Document | None) -> None:
        self._firmware = firmware
        self._disassemble = disassembler(firmware)
        self._cycle_model = cycle_model
        self._known: dict[tuple[int, int], tuple[int, int, int]] = {}

    def document(self, costs: Costs) -> dict[str, JSON]:
        """The plain numbers; cycles only where there is a model for them."""
        document = {"instructions": costs.instructions, "loads": costs.loads, "stores": costs.stores}
        return document if self._cycle_model is None else {**document, "cycles_estimate": costs.cycles}

    def costs(self, pieces: Iterable[Piece]) -> Costs:
        """The sum over these."""
        costs = Costs()
        if self._cycle_model is not None:
            pieces = list(pieces)
            costs.cycles = self._cycle_model["wait_states"] * sum(piece.flash_waits for piece in pieces)
        for edge in (edge for piece in pieces for edge in piece.edges):
            reads, writes, cycles = self._block(edge.address, edge.size)
            taken = TAKEN_BRANCH_CYCLES if edge.is_taken and edge.from_address else 0
            costs.cycles += (cycles + taken) * edge.executions
            costs.instructions += edge.instructions * edge.executions
            costs.loads += reads * edge.executions
            costs.stores += writes * edge.executions
            function = self._firmware.function_at(edge.address)
            costs.functions[function.name if function else "?"] += edge.instructions * edge.executions
        return costs

    def _block(self, address: int, size: int) -> tuple[int, int, int]:
        """Reads, writes and cycles of one execution."""
        if (address, size) not in self._known:
            instructions = self._disassemble(address, size)
            cycles = block_cycles(instructions) if self._cycle_model is not None else 0
            self._known[address, size] = (*count(instructions), cycles)
        return self._known[address, size]
