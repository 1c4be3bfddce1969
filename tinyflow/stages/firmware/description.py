"""What is true of a packed network, whatever form it gets: finished words and numbers for the templates."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tinyflow.core.action import Workspace
from tinyflow.stages.firmware.examples import BARE
from tinyflow.stages.firmware.sources import Collected, Group


def describe(
    workspace: Workspace,
    collected: Collected,
    sizes: Mapping[str, Any],
    with_example: Mapping[str, Any],
    run: Mapping[str, Any],
) -> dict[str, Any]:
    """The description that all templates read; `with_example`: sizes of the firmware with the example's `main`."""
    parameters: Mapping[str, Any] = workspace.parameters
    network = json.loads(workspace.inputs["network.json"].read_bytes())
    for port in network["ports"]:
        port["symbol"] = collected.names.get(port["symbol"], port["symbol"])
    return {
        **network,
        **names_of(parameters),
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
            "instructions": max((count or 0 for count in run.get("invoke_instructions") or ()), default=0),
            "stack_bytes": run.get("stack_peak_bytes"),
        },
    }


def names_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a network is called, and what made its files."""
    names = {name: parameters[name] for name in ("prefix", "bench", "version")}
    return {**names, "upper": str(parameters["prefix"]).upper(), "command": _command(parameters)}


def _command(parameters: Mapping[str, Any]) -> str:
    """What was typed, as far as it is not what is taken without saying."""
    form, example = parameters.get("form", "c"), parameters["example"]
    words = ["" if form == "c" else f" --for {form}", "" if example == BARE else f" --example {example}"]
    return f"doit firmware:{parameters['bench']}{''.join(words)} --prefix {parameters['prefix']}"


def _sizes(sizes: Mapping[str, Any]) -> dict[str, int]:
    """ROM and RAM, and what ROM is of."""
    rom, ram = sizes["rom_bytes"], sizes["ram_data"] + sizes["ram_bss"]
    return {"rom_bytes": rom, "ram_bytes": ram, **{name: sizes[name] for name in ("rom_code", "rom_rodata")}}


def _group(group: Group) -> dict[str, Any]:
    return {"flags": list(group.flags), "defines": list(group.defines), "sources": sorted(group.sources)}


def _shared_flags(groups: Sequence[Group]) -> list[str]:
    """For build systems that know no flags of single files: those of the group with the most."""
    return max((list(group.flags) for group in groups), key=lambda flags: len(flags))


def _is_header(name: str) -> bool:
    return name.rpartition(".")[2] in ("h", "inc")
