"""Backends tflm and litert: nothing is generated; the interpreter's wheel runs the model on this machine.

They are what people compare with: outputs, wall time, and the arena that TFLM asks for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyflow.backends.options import Options
from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph

OPTIONS: Options = {"interpreter": ("tflm", "litert")}


def check(graph: Graph, backend: str, options: Mapping[str, Any]) -> None:
    """Raise ModelError for a model without inputs or outputs; what an interpreter refuses, it says itself."""
    if not graph.inputs or not graph.outputs:
        raise ModelError(f"a model without inputs or outputs can't be run (backend {backend}, {options})")


def generate(model: Path, graph: Graph, backend: str, options: Mapping[str, Any], out: Path, plan: Path) -> None:  # noqa: ARG001
    """Write the plan alone: the tensors, and for TFLM the smallest arena that it starts with.

    Options: interpreter, tflm or litert. Raises ModelError for a model that the interpreter refuses.
    """
    from tinyflow.model import oracle, reference
    from tinyflow.model.interpreters import tflm_arena_bytes

    content = model.read_bytes()
    arena: dict[str, Any] | None = None
    sample = reference.make_inputs(graph, 1, seed=0)
    oracle.run_apart(oracle.TFLM if options["interpreter"] == "tflm" else oracle.LITERT_AUTO, content, graph, sample)
    if options["interpreter"] == "tflm":
        arena = {"symbol": None, "bytes": tflm_arena_bytes(content, graph), "alignment": 16, "tensors": []}
    document = {
        "schema": 1,
        "backend": backend,
        "interpreter": options["interpreter"],
        "setup": "setup",
        "invoke": "invoke",
        "inputs": _ports(graph, "input", graph.inputs),
        "outputs": _ports(graph, "output", graph.outputs),
        "arena": arena,
        "weights_bytes": graph.weights_bytes,
        "macs": graph.macs,
        "layers": [_layer(graph, operator) for operator in graph.operators],
        "removed": [],
    }
    plan.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _ports(graph: Graph, kind: str, indices: Sequence[int]) -> list[dict[str, Any]]:
    return [
        {
            "name": graph.tensors[index].name,
            "symbol": f"{kind}{number}",
            "bytes": graph.tensors[index].size_bytes,
            "dtype": graph.tensors[index].dtype,
            "shape": list(graph.tensors[index].shape),
        }
        for number, index in enumerate(indices)
    ]


def _layer(graph: Graph, operator: Any) -> dict[str, Any]:
    outputs = (graph.tensors[index] for index in operator.outputs)
    return {
        "index": operator.index,
        "operator": operator.name,
        "functions": [],
        "macs": graph.operator_macs(operator),
        "outputs_bytes": sum(tensor.size_bytes for tensor in outputs),
    }
