"""From a `.tflite` file to C sources and a memory plan: import, lower, choose kernels, plan memory, write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tflite
from tvm.relax.frontend.tflite import from_tflite

from tinyflow.backends.tvm import OPTIONS, integer, memory, program, sources
from tinyflow.backends.tvm.calls import ARENA
from tinyflow.backends.tvm.kernel import Machine, Style
from tinyflow.backends.tvm.layers import Network
from tinyflow.backends.tvm.model_order import in_model_order
from tinyflow.backends.tvm.program import Program
from tinyflow.backends.tvm.specs import Rounding
from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph

_DEFAULT_ALIGNMENT = 16


def write_sources(model: Path, graph: Graph, backend: str, options: Mapping[str, Any], out: Path, plan: Path) -> None:
    """See `tinyflow.backends.tvm.generate`."""
    chosen = _with_defaults(options)
    network = lower(model, graph, chosen["rounding"])
    selected = program.select(network, _style(chosen), Machine(chosen["isa"], chosen["toolchain"]))
    if chosen["variant"] == "aot":
        arena = memory.plan_blocks(selected, chosen["alignment"])
        sources.write(selected, arena, "packed", backend, out)
    else:
        arena = memory.plan_offsets(selected, chosen["alignment"])
        sources.write(selected, arena, "unpacked", backend, out)
    plan.write_text(json.dumps(_plan(graph, selected, arena, backend), indent=1) + "\n", encoding="utf-8")


def _with_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {name: values[0] if values else _DEFAULT_ALIGNMENT for name, values in OPTIONS.items()}
    return {**defaults, **options}


def _style(options: Mapping[str, Any]) -> Style:
    if options["variant"] == "aot":
        return "aot"
    return "dsp" if options["dsp"] and options["isa"] == "thumb" else "aotplus"


def lower(model: Path, graph: Graph, rounding: Rounding) -> Network:
    """The integer layers of a checked model, in the order of its operators. Raises ModelError."""
    return in_model_order(integer.lower(_import(model), rounding), graph)


def _import(model: Path) -> Any:
    """TVM's QDQ graph of a checked model, for which its importer may still have no translation."""
    try:
        return from_tflite(tflite.Model.GetRootAsModel(model.read_bytes(), 0))
    except Exception as error:  # it raises whatever happens to it: its own OpErrors, assertions, KeyErrors
        what = f"TVM's importer can't take it: {error}"
        raise ModelError(what, where=model.name, hint="change the operator that is named, or convert anew") from None


def _plan(graph: Graph, selected: Program, arena: memory.Memory, backend: str) -> dict[str, Any]:
    """plan.json: what the run stage and the report need to know of the sources."""
    return {
        "schema": 1,
        "backend": backend,
        "setup": "model_setup",
        "invoke": "model_invoke",
        "inputs": _ports(graph, graph.inputs, selected.inputs, arena),
        "outputs": _ports(graph, graph.outputs, selected.outputs, arena),
        "arena": _arena(selected, arena),
        "weights_bytes": sum(array.nbytes for array in selected.constants.values()),
        "macs": graph.macs,
        "layers": [
            {
                "index": operator.index,
                "operator": operator.name,
                "functions": [step.function for step in selected.steps if step.operator == operator.index],
                "macs": graph.operator_macs(operator),
                "outputs_bytes": sum(graph.tensors[index].size_bytes for index in operator.outputs),
            }
            for operator in graph.operators
        ],
        "removed": [],
    }


def _ports(graph: Graph, indices: tuple[int, ...], values: Any, arena: memory.Memory) -> list[dict[str, Any]]:
    tensors = [graph.tensors[index] for index in indices]
    return [
        {
            "name": tensor.name,
            "symbol": f"{ARENA}+{arena.offsets[value]}",
            "bytes": tensor.size_bytes,
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
        }
        for tensor, value in zip(tensors, values, strict=True)
    ]


def _arena(selected: Program, arena: memory.Memory) -> dict[str, Any]:
    """The arena; lifetimes count operators of the model."""
    tensors = [
        {
            "name": life.name,
            "offset": arena.offsets[life.operand],
            "bytes": life.size_bytes,
            "first": selected.steps[life.first].operator,
            "last": selected.steps[life.last].operator,
        }
        for life in arena.lifetimes
    ]
    return {"symbol": ARENA, "bytes": arena.total_bytes, "alignment": arena.alignment, "tensors": tensors}
