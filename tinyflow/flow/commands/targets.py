"""`doit targets`: the chips, boards and machines that benches run on, and what is missing for them here."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from tinyflow.core.errors import RecipeError
from tinyflow.core.units import format_size
from tinyflow.flow.commands.command import OwnCommand
from tinyflow.flow.planning.available import is_here
from tinyflow.flow.planning.cycle_models import capabilities_of, error_percent, no_cycles
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Target
from tinyflow.report.tables import aligned

_TITLES = ("target", "core", "clock", "flash", "RAM", "runs on", "cycles", "here", "what it is")


class Targets(OwnCommand):
    """A line for each target's recipe."""

    doc_purpose = "targets with core, clock, memories, what runs them, what is missing here"
    doc_usage = "[TARGET...]"
    doc_description = """\
"cycles" tells how far off an estimate may be, "none" where there is no model of the core or of its flash.
Example: doit targets stm32f7 rp2040"""

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print the table; all targets where none is named."""
        del params
        catalogue = self.loader.catalogue
        rows = [_row(catalogue, catalogue.get(Target, name)) for name in args or catalogue.names(Target)]
        sys.stdout.writelines(f"{line}\n" for line in aligned([_TITLES, *rows], [False] * len(_TITLES)))
        return 0


def _row(catalogue: Catalogue, target: Target) -> tuple[str, ...]:
    sizes = {
        kind: format_size(total) if (total := sum(r.length_bytes for r in target.memory if r.kind == kind)) else "–"
        for kind in ("flash", "ram")
    }
    clock = f"{target.clock_hz / 1e6:g} MHz" if target.clock_hz else "–"
    runs_on = target.implementation.rpartition(".")[2] or "–"
    return (
        *(target.name, target.cpu, clock, sizes["flash"], sizes["ram"], runs_on),
        *(_cycles(catalogue, target), missing(catalogue, target), target.description),
    )


def _cycles(catalogue: Catalogue, target: Target) -> str:
    with contextlib.suppress(RecipeError):  # told under "here"
        if target.memory and not no_cycles(catalogue, target):
            return f"±{error_percent(catalogue, target):g} %"
    return "none"


def missing(catalogue: Catalogue, target: Target) -> str:
    """What is missing on this machine; `ok` where nothing is."""
    try:
        can = capabilities_of(catalogue, target)
    except RecipeError as error:
        return str(error).partition("\n")[0]
    inputs = (tool for output in can.inputs.values() for tool in output.action.tools)
    lacks = [tool.name for tool in (*can.tools, *inputs) if not is_here(tool)]
    return f"no {', '.join(dict.fromkeys(lacks))}" if lacks else "ok"
