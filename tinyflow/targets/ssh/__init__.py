"""Target implementation: a real machine with Linux, reached by ssh, as `ssh` of the target's recipe says.

The firmware is a static program (`recipes/runtimes/linuxrun`), which does what a script in its ELF file says and prints
what came of it. Nothing has to be installed there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.action import Tool
from tinyflow.core.errors import UsageError
from tinyflow.model.plan_document import PlanDocument
from tinyflow.targets.programs import how_to_get
from tinyflow.targets.protocol import Capabilities, Machine
from tinyflow.targets.ssh.connection import MACHINES


def capabilities(target: Mapping[str, Any]) -> Capabilities:
    """See `protocol`."""
    if target["isa"] not in MACHINES:
        what = f"no program for Linux runs on {target['cpu']}"
        raise UsageError(what, hint=f"one on {', '.join(MACHINES)} does: recipes/runtimes/linuxrun")
    if not target.get("machine", {}).get("host"):
        hint = "its recipe says `ssh: {host: user@name}`: docs/boards.md"
        raise UsageError("nothing says which machine that is", hint=hint)
    return Capabilities((Tool("binary", "ssh", how_to_get("ssh")), Tool("package", "pyelftools")))


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Machine:
    """The machine, once nobody else has it; with `plan.json` among `files` samples are known to be independent."""
    from tinyflow.targets.ssh.machine import Ssh

    return Ssh(target, PlanDocument.read(files["plan.json"]) if "plan.json" in files else None)
