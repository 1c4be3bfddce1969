"""The way through: a graph becomes a program, the program gets its memory, both become files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tinyflow.backends.tinyc import memory, sources
from tinyflow.backends.tinyc.lowering import lower
from tinyflow.backends.tinyc.memory import Memory
from tinyflow.backends.tinyc.sources import ARENA, Constants
from tinyflow.backends.tinyc.steps import Program
from tinyflow.model.graph import Graph


def write_sources(graph: Graph, backend: str, variant: str, alignment: int, out: Path, plan: Path) -> None:
    """Write the C files and `plan`, the memory plan as JSON."""
    program = lower(graph, variant)
    placed = memory.plan(program, alignment)
    constants = sources.write(program, placed, backend, out)
    document = _plan(program, placed, constants, backend)
    plan.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _plan(program: Program, placed: Memory, constants: Constants, backend: str) -> dict[str, Any]:
    graph = program.graph
    return {
        "schema": 1,
        "backend": backend,
        "setup": "model_setup",
        "invoke": "model_invoke",
        "inputs": [_port(program, placed, index) for index in graph.inputs],
        "outputs": [_port(program, placed, index) for index in graph.outputs],
        "arena": _arena(program, placed),
        "weights_bytes": constants.size_bytes,
        "macs": graph.macs,
        "layers": [_layer(program, operator) for operator in graph.operators],
        "removed": [],
    }


def _port(program: Program, placed: Memory, index: int) -> dict[str, Any]:
    tensor = program.graph.tensors[index]
    return {
        "name": tensor.name,
        "symbol": f"{ARENA}+{placed.tensors[program.owner(index)].offset}",
        "bytes": tensor.size_bytes,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
    }


def _arena(program: Program, placed: Memory) -> dict[str, Any]:
    """The arena; lifetimes count operators of the model."""
    last = program.graph.operators[-1].index
    operators = [*(step.operator for step in program.steps), last]
    tensors = [
        {
            "name": place.name,
            "offset": place.offset,
            "bytes": place.size_bytes,
            "first": operators[place.first],
            "last": operators[place.last],
        }
        for place in (*placed.tensors.values(), *placed.scratch.values())
    ]
    return {"symbol": ARENA, "bytes": placed.total_bytes, "alignment": placed.alignment, "tensors": tensors}


def _layer(program: Program, operator: Any) -> dict[str, Any]:
    calls = [step.call for step in program.steps if step.operator == operator.index]
    outputs = (program.graph.tensors[index] for index in operator.outputs)
    layer: dict[str, Any] = {
        "index": operator.index,
        "operator": operator.name,
        "functions": [call.function for call in calls],
        "macs": program.graph.operator_macs(operator),
        "outputs_bytes": sum(tensor.size_bytes for tensor in outputs),
    }
    notes = [note for call in calls for note in call.notes]
    return {**layer, "notes": notes} if notes else layer
