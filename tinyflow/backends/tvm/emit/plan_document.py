"""plan.json: what the run stage and the report need to know of generated sources. Imports no TVM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinyflow.model.graph import Graph

ARENA = "model_arena"


def plan_document(
    graph: Graph,
    backend: str,
    *,
    inputs: Sequence[int],
    outputs: Sequence[int],
    arena: Mapping[str, Any],
    weights_bytes: int,
    functions: Mapping[int, Sequence[str]],
) -> dict[str, Any]:
    """The whole document. `inputs` and `outputs` are offsets in the arena, `functions` those of each operator."""
    return {
        "schema": 1,
        "backend": backend,
        "setup": "model_setup",
        "invoke": "model_invoke",
        "inputs": _ports(graph, graph.inputs, inputs),
        "outputs": _ports(graph, graph.outputs, outputs),
        "arena": dict(arena),
        "weights_bytes": weights_bytes,
        "macs": graph.macs,
        "layers": [
            {
                "index": operator.index,
                "operator": operator.name,
                "functions": list(functions.get(operator.index, ())),
                "macs": graph.operator_macs(operator),
                "outputs_bytes": sum(graph.tensors[index].size_bytes for index in operator.outputs),
            }
            for operator in graph.operators
        ],
        "removed": [],
    }


def arena_document(total_bytes: int, alignment: int, tensors: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The arena with its tensors: name, offset, bytes, and the operators of the model that first and last use it."""
    return {"symbol": ARENA, "bytes": total_bytes, "alignment": alignment, "tensors": list(tensors)}


def _ports(graph: Graph, indices: Sequence[int], offsets: Sequence[int]) -> list[dict[str, Any]]:
    tensors = [graph.tensors[index] for index in indices]
    return [
        {
            "name": tensor.name,
            "symbol": f"{ARENA}+{offset}",
            "bytes": tensor.size_bytes,
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
        }
        for tensor, offset in zip(tensors, offsets, strict=True)
    ]
