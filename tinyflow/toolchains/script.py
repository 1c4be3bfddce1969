"""The linker's script: a target's memory as finished numbers in a template."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.errors import RecipeError

_ENTRIES = {"thumb": "Reset_Handler", "host": ""}  # of others `_start`
# The stack pointer's alignment at calls: RISC-V's calling convention says 16 bytes, Arm's 8.
_STACK_ALIGNMENT = 16
_ATTRIBUTES = {"flash": "rx", "ram": "rwx"}


def render(template: Path, target: Mapping[str, Any], isa: str) -> str:
    """Fill in a script's template for a target: regions, stack and heap.

    Raises RecipeError for a template that can't be filled in, or a target without flash or RAM.
    """
    return fill(template, _numbers(target, isa), "see templates/link/firmware.ld.j2")


def fill(template: Path, values: Mapping[str, object], hint: str = "") -> str:
    """A template with its values. Raises RecipeError for one that can't be filled in."""
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(  # a template may come with somebody's recipe
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    try:
        return environment.from_string(template.read_text(encoding="utf-8")).render(values)
    except jinja2.TemplateError as error:
        raise RecipeError(str(error), where=template.name, hint=hint) from error


def _numbers(target: Mapping[str, Any], isa: str) -> dict[str, object]:
    numbers: dict[str, object] = {"target": target["name"], "isa": isa, "entry": _ENTRIES.get(isa, "_start")}
    if isa == "host":
        return numbers
    return numbers | {
        "regions": [
            {
                "name": region["name"],
                "attributes": _ATTRIBUTES[region["kind"]],
                "origin": f"0x{region['origin']:08x}",
                "length": region["length_bytes"],
            }
            for region in target["memory"]
        ],
        "flash": _first(target, "flash"),
        "ram": _first(target, "ram"),
        "stack_bytes": -(-target["stack_bytes"] // _STACK_ALIGNMENT) * _STACK_ALIGNMENT,
        "heap_bytes": target.get("heap_bytes", 0),
    }


def _first(target: Mapping[str, Any], kind: str) -> str:
    """The first region of a kind: where everything goes."""
    for region in target["memory"]:
        if region["kind"] == kind:
            return str(region["name"])
    raise RecipeError(f"{target['name']} has no {kind}", hint=f"add a region with `kind: {kind}` to its memory")
