"""Profile: where the instructions of one inference go, layer by layer and function by function.

The firmware is the bench's own, without a change: the simulator looks on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tinyflow.core.action import JSON, Workspace
from tinyflow.core.errors import RunError
from tinyflow.stages.run import call, read_samples
from tinyflow.targets.disassembly import count, disassembler
from tinyflow.targets.protocol import open_machine
from tinyflow.targets.unicorn.block_table import Edge
from tinyflow.targets.unicorn.machine import Simulator
from tinyflow.targets.unicorn.trace import Piece

Document = Mapping[str, Any]


@dataclass
class Costs:
    """Sums over executed blocks."""

    instructions: int = 0
    loads: int = 0
    stores: int = 0
    functions: dict[str, int] = field(default_factory=dict)  # name → instructions

    def document(self) -> dict[str, JSON]:
        """The plain numbers."""
        return {"instructions": self.instructions, "loads": self.loads, "stores": self.stores}


def profile(workspace: Workspace) -> None:
    """Make `profile.json` of `firmware.elf` and the first sample. Parameters: `target`, `limit_instructions`.

    Raises RunError for firmware that doesn't run, and where the target isn't the built-in simulator.
    """
    plan = json.loads(workspace.inputs["plan.json"].read_bytes())
    samples = read_samples(workspace.inputs, plan)
    machine = open_machine(workspace.parameters["target"], workspace.inputs)
    if not isinstance(machine, Simulator):
        raise RunError("only the built-in simulator sees every instruction", hint="profile a simulated target")
    limit = workspace.parameters["limit_instructions"]
    try:
        machine.load(workspace.inputs["firmware.elf"])
        call(machine, plan["setup"], limit)
        for symbol, data in zip(samples.input_symbols, samples.inputs[0], strict=True):
            machine.write(symbol, data)
        dispatcher = plan.get("dispatcher", plan["invoke"])
        status, counters, pieces = machine.trace(plan["invoke"], dispatcher, limit_instructions=limit)
        if status != 0:
            raise RunError(f"returned {status}, not 0", where=plan["invoke"])
        document = _document(plan, machine, pieces, {name: f.calls for name, f in counters.functions.items()})
    finally:
        machine.close()
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    workspace.outputs["profile.json"].write_text(text + "\n", encoding="utf-8")


def _document(plan: Document, machine: Simulator, pieces: Sequence[Piece], calls: Mapping[str, int]) -> dict[str, JSON]:
    layers, rest = match_layers(plan["layers"], pieces)
    summed = _Summer(machine)
    total = summed.costs(edge for piece in pieces for edge in piece.edges)
    lines = []
    for layer, own in zip(plan["layers"], layers, strict=True):
        costs = None if own is None else summed.costs(edge for piece in own for edge in piece.edges)
        lines.append(_layer(plan, layer, costs, total.instructions))
    return {
        "schema": 1,
        "total": {**total.document(), "macs": plan["macs"]},
        "layers": lines,
        "other": summed.costs(edge for piece in rest for edge in piece.edges).document(),
        "functions": [
            {"name": name, "instructions": cost, "calls": calls.get(name, 0), "share": _share(cost, total.instructions)}
            for name, cost in sorted(total.functions.items(), key=lambda item: (-item[1], item[0]))
        ],
    }


def match_layers(layers: Sequence[Document], pieces: Sequence[Piece]) -> tuple[list[list[Piece] | None], list[Piece]]:
    """The calls that belong to each layer, in order, and those that belong to none.

    A layer names the functions that it calls; the dispatcher's calls of these come in the layers' order. A layer that
    calls nothing has no pieces; where calls and layers don't agree every layer is None, for a guess would be wrong.
    """
    named = {name for layer in layers for name in layer["functions"]}
    calls = [piece for piece in pieces if piece.callee in named]
    expected = [name for layer in layers for name in layer["functions"]]
    if [piece.callee for piece in calls] != expected:
        return [None for _ in layers], list(pieces)
    remaining = iter(calls)
    found: list[list[Piece] | None] = [[next(remaining) for _ in layer["functions"]] for layer in layers]
    chosen = {id(piece) for piece in calls}
    return found, [piece for piece in pieces if id(piece) not in chosen]


def _layer(plan: Document, layer: Document, costs: Costs | None, total: int) -> dict[str, JSON]:
    line: dict[str, JSON] = {
        "index": layer["index"],
        "operator": layer["operator"],
        "functions": layer["functions"],
        "macs": layer["macs"],
        "arena_bytes": _live_bytes(plan, layer["index"]),
    }
    if costs is None:
        return line
    line |= {**costs.document(), "share": _share(costs.instructions, total)}
    if layer["macs"]:
        line["instructions_per_mac"] = round(costs.instructions / layer["macs"], 4)
    return line


def _live_bytes(plan: Document, index: int) -> int | None:
    """Bytes of tensors and scratch that are alive while a layer runs."""
    tensors = (plan["arena"] or {}).get("tensors")
    if not tensors:
        return None
    sizes: list[int] = [tensor["bytes"] for tensor in tensors if tensor["first"] <= index <= tensor["last"]]
    return sum(sizes)


def _share(part: int, total: int) -> float:
    return round(part / total, 6) if total else 0.0


class _Summer:
    """Blocks to costs; remembers what each block holds."""

    def __init__(self, machine: Simulator) -> None:
        self._firmware = machine.firmware
        self._disassemble = disassembler(machine.firmware)
        self._memory: dict[tuple[int, int], tuple[int, int]] = {}

    def costs(self, edges: Iterable[Edge]) -> Costs:
        """The sum over these."""
        costs = Costs()
        for edge in edges:
            reads, writes = self._accesses(edge.address, edge.size)
            costs.instructions += edge.instructions * edge.executions
            costs.loads += reads * edge.executions
            costs.stores += writes * edge.executions
            function = self._firmware.function_at(edge.address)
            name = function.name if function else "?"
            costs.functions[name] = costs.functions.get(name, 0) + edge.instructions * edge.executions
        return costs

    def _accesses(self, address: int, size: int) -> tuple[int, int]:
        if (address, size) not in self._memory:
            self._memory[address, size] = count(self._disassemble(address, size))
        return self._memory[address, size]
