"""Stage example: a program around a bench's network, and what is true of that network whatever form it gets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from typing import Any

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError
from tinyflow.model import tflite_reader
from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.graph import Tensor
from tinyflow.model.plan_document import PlanDocument, Port
from tinyflow.stages.firmware.description import names_of
from tinyflow.stages.firmware.forms import program_of

# Of integers that may stand for real values: the lowest and the highest.
_LIMITS = {
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-(1 << 15), (1 << 15) - 1),
    "int32": (-(1 << 31), (1 << 31) - 1),
}


def example(workspace: Workspace) -> None:
    """Write to `sources/` the program that parameter `example` names, by the bench's own names: to see what it takes.

    What is true of the network is in `network.json`. Raises ModelError for one that the example isn't for.
    """
    network = network_of(workspace)
    workspace.write_json("network.json", network)
    for name, text in program_of(workspace, {**network, **names_of(workspace.parameters)}).items():
        (workspace.outputs["sources/"] / name).write_text(text, encoding="utf-8")


def network_of(workspace: Workspace) -> dict[str, Any]:
    """What a network's header and the examples say of it, whatever it is called."""
    plan = PlanDocument.read(workspace.inputs["plan.json"])
    implementation = workspace.parameters["implementation"]  # none of a command
    read = getattr(implementation and import_module(implementation), "read", tflite_reader.read)
    graph = read(workspace.inputs["model.tflite"])
    return {
        "ports": [
            *_ports("input", plan.inputs, [graph.tensors[index] for index in graph.inputs]),
            *_ports("output", plan.outputs, [graph.tensors[index] for index in graph.outputs]),
        ],
        "arena_bytes": plan.arena.bytes if plan.arena is not None else 0,
        "feed": asdict(plan.feed) if plan.feed is not None else None,
        "has_reset": bool(plan.reset),
        "keeps_inputs": plan.keeps_inputs,
    }


def _ports(kind: str, ports: Sequence[Port], tensors: Sequence[Tensor]) -> list[dict[str, Any]]:
    """Inputs or outputs; numbered where there are several."""
    return [
        _port(kind, f"{kind}{index}" if len(ports) > 1 else kind, port, tensor)
        for index, (port, tensor) in enumerate(zip(ports, tensors, strict=True))
    ]


def _port(kind: str, name: str, port: Port, tensor: Tensor) -> dict[str, Any]:
    symbol, _, offset = port.symbol.partition("+")
    word = "uint8_t" if tensor.dtype == "bool" else ELEMENT_TYPES[tensor.dtype].in_c
    lowest, highest = _LIMITS.get(tensor.dtype, (None, None))
    if not word:
        raise ModelError(f"{kind} {tensor.name} is {tensor.dtype}, which C has no type for")
    scheme = tensor.quantisation if lowest is not None else None
    has_scale = scheme is not None and not scheme.is_per_channel and scheme.scale > 0
    return {
        "kind": kind,
        "name": name,
        "upper": name.upper(),
        "tensor": tensor.name,
        "type": word,
        "dtype": tensor.dtype,
        "lowest": _integer(lowest),
        "highest": _integer(highest),
        "shape": list(tensor.shape),
        "count": math.prod(tensor.shape),
        "bytes": port.bytes,
        "symbol": symbol,  # none for an input that is fed
        "offset": int(offset or "0", 0),
        "scale": _real(scheme.scale) if scheme is not None and has_scale else "",
        "zero_point": scheme.zero_point if scheme is not None and has_scale else 0,
    }


def _integer(value: int | None) -> str:
    """As C writes it, whose -2147483648 is a minus before what no int holds."""
    return "" if value is None else f"({value + 1} - 1)" if value == -(1 << 31) else str(value)


def _real(value: float) -> str:
    """A float32 with all its digits."""
    text = f"{value:.9g}"
    return f"{text}f" if set(".e") & set(text) else f"{text}.0f"
