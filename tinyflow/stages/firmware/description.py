"""What is true of a packed network, whatever form it gets: finished words and numbers for the templates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from tinyflow.core.action import Workspace
from tinyflow.model import tflite_reader
from tinyflow.model.graph import Tensor
from tinyflow.model.plan_document import PlanDocument, Port
from tinyflow.stages.firmware.examples import BARE
from tinyflow.stages.firmware.sources import Collected, Group

# What TFLite calls a type: C's word for it, the lowest and the highest value of integers.
_TYPES = {
    "int8": ("int8_t", -128, 127),
    "uint8": ("uint8_t", 0, 255),
    "int16": ("int16_t", -(1 << 15), (1 << 15) - 1),
    "int32": ("int32_t", -(1 << 31), (1 << 31) - 1),
    "int64": ("int64_t", None, None),
    "float32": ("float", None, None),
    "bool": ("uint8_t", None, None),
}


def describe(
    workspace: Workspace,
    collected: Collected,
    sizes: Mapping[str, Any],
    with_example: Mapping[str, Any],
    run: Mapping[str, Any],
) -> dict[str, Any]:
    """The description that all templates read; `with_example`: sizes of the firmware with the example's `main`."""
    parameters: Mapping[str, Any] = workspace.parameters
    return {
        **network_of(workspace, collected.names),
        "form": parameters["form"],
        "board": parameters["board"],
        "target": parameters["target"],
        "chip": parameters["description"],
        "gcc": parameters["gcc"],
        "objects": sorted(collected.objects),
        "library": [_group(group) for group in collected.library],
        "chip_groups": [_group(group) for group in collected.chip],
        "flags": _shared_flags(collected.library),
        "defines": list(dict.fromkeys(one for group in collected.library for one in group.defines)),
        "headers": sorted(name for name in collected.files if not name.startswith("chip/") and _is_header(name)),
        "sizes": _sizes(sizes),
        "with_example": _sizes(with_example),
        "run": {
            "instructions": max(run.get("invoke_instructions") or [0]),
            "stack_bytes": run.get("stack_peak_bytes"),
        },
    }


def network_of(workspace: Workspace, names: Mapping[str, str]) -> dict[str, Any]:
    """What a network's header and the examples say; `names`: what the bench's symbols are called there."""
    parameters: Mapping[str, Any] = workspace.parameters
    prefix = parameters["prefix"]
    plan = PlanDocument.read(workspace.inputs["plan.json"])
    read = getattr(import_module(parameters["implementation"]), "read", tflite_reader.read)
    graph = read(workspace.inputs["model.tflite"])
    ports = [
        *_ports("input", plan.inputs, [graph.tensors[index] for index in graph.inputs], names),
        *_ports("output", plan.outputs, [graph.tensors[index] for index in graph.outputs], names),
    ]
    return {
        "prefix": prefix,
        "upper": prefix.upper(),
        "bench": parameters["bench"],
        "command": _command(parameters),
        "version": parameters["version"],
        "ports": ports,
        "arrays": list(dict.fromkeys(port["symbol"] for port in ports if port["symbol"])),
        "arena_bytes": plan.arena.bytes if plan.arena is not None else 0,
        "feed": plan.feed,
        "has_reset": bool(plan.reset),
        "keeps_inputs": plan.keeps_inputs,
    }


def _command(parameters: Mapping[str, Any]) -> str:
    """What was typed, as far as it is not what is taken without saying."""
    form, example = parameters.get("form", "c"), parameters["example"]
    words = ["" if form == "c" else f" --for {form}", "" if example == BARE else f" --example {example}"]
    return f"doit firmware:{parameters['bench']}{''.join(words)} --prefix {parameters['prefix']}"


def _sizes(sizes: Mapping[str, Any]) -> dict[str, int]:
    """ROM and RAM, and what ROM is of."""
    rom, ram = sizes["rom_bytes"], sizes["ram_data"] + sizes["ram_bss"]
    return {"rom_bytes": rom, "ram_bytes": ram, **{name: sizes[name] for name in ("rom_code", "rom_rodata")}}


def _ports(
    kind: str, ports: Sequence[Port], tensors: Sequence[Tensor], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Inputs or outputs; numbered where there are several."""
    return [
        _port(kind, f"{kind}{index}" if len(ports) > 1 else kind, port, tensor, names)
        for index, (port, tensor) in enumerate(zip(ports, tensors, strict=True))
    ]


def _port(kind: str, name: str, port: Port, tensor: Tensor, names: Mapping[str, str]) -> dict[str, Any]:
    symbol, _, offset = port.symbol.partition("+")
    word, lowest, highest = _TYPES[tensor.dtype]
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
        "symbol": names.get(symbol, symbol),  # none for an input that is fed
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


def _group(group: Group) -> dict[str, Any]:
    return {"flags": list(group.flags), "defines": list(group.defines), "sources": sorted(group.sources)}


def _shared_flags(groups: Sequence[Group]) -> list[str]:
    """For build systems that know no flags of single files: those of the group with the most."""
    return max((list(group.flags) for group in groups), key=lambda flags: len(flags))


def _is_header(name: str) -> bool:
    return name.rpartition(".")[2] in ("h", "inc")
