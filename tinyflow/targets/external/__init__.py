"""Target implementation: any simulator that runs a program to its end, as `external` of the target's recipe says.

The firmware has a main of its own (`recipes/runtimes/selfrun`), which does what a script in the ELF file says and
prints what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.action import Tool
from tinyflow.core.errors import UsageError
from tinyflow.model.plan_document import PlanDocument
from tinyflow.targets import own_main
from tinyflow.targets.protocol import Capabilities, Machine


def capabilities(target: Mapping[str, Any]) -> Capabilities:
    """See `protocol`."""
    words = target.get("machine", {})
    if not words.get("command"):
        hint = "its recipe says `external: {command: [simulator, '{elf}'], exit: …}`: docs/simulators.md"
        raise UsageError("nothing says which simulator runs it", hint=hint)
    own_main.check(target, "selfrun")
    if words.get("counts", {}).get("instructions") == "minstret" and target["isa"] != "riscv":
        hint = "let the simulator print a number, or leave `counts` out"
        raise UsageError(f"{target['cpu']} has no counter minstret", hint=hint)
    return Capabilities(
        (Tool("binary", words["command"][0], "install it, see docs/simulators.md"), Tool("package", "pyelftools"))
    )


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Machine:
    """One process for each call; with `plan.json` among `files` samples are known to be independent."""
    from tinyflow.targets.external.machine import External

    return External(target, PlanDocument.read(files["plan.json"]) if "plan.json" in files else None)
