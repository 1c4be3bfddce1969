"""`doit targets`: the chips, boards and machines that benches run on, and what is missing for them here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from tinyflow.core.errors import RecipeError
from tinyflow.core.units import format_size
from tinyflow.flow.commands.listing import Fact, Listing
from tinyflow.flow.planning.available import missing_on
from tinyflow.flow.planning.cycle_models import error_percent, no_cycles
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Feature, Target


class Targets(Listing):
    """A line for each target's recipe."""

    kind = Target
    doc_purpose = "targets with core, clock, memories, what runs them, what is missing here"
    doc_usage = "[TARGET...]"
    doc_description = """\
"cycles" tells how far off an estimate may be, "none" where there is no model of the core or of its flash.
Of one target all that is known: its backends and features, too.
Example: doit targets stm32f7 rp2040
Example: doit targets --format json"""

    def facts(self, catalogue: Catalogue, name: str) -> Iterable[Fact]:
        """See `Listing`."""
        target = catalogue.get(Target, name)
        yield Fact("name", "target", name)
        yield Fact("core", "core", target.cpu)
        clock = f"{target.clock_hz / 1e6:g} MHz" if target.clock_hz else None
        yield Fact("clock_hz", "clock", target.clock_hz, clock)
        for kind, title in (("flash", "flash"), ("ram", "RAM")):
            total = sum(region.length_bytes for region in target.memory if region.kind == kind)
            yield Fact(f"{kind}_bytes", title, total or None, format_size(total) if total else None)
        yield Fact("runs_on", "runs on", target.implementation.rpartition(".")[2])
        yield Fact("cycles", "cycles", _cycles(catalogue, target))
        yield Fact("here", "here", missing_on(catalogue, target) or "ok")
        yield Fact("description", "what it is", target.description)

    def more(self, catalogue: Catalogue, name: str) -> Iterable[Fact]:
        """See `Listing`."""
        matching = self.loader.matching
        yield Fact("backends", "backends", [backend for backend, targets in matching.pairs.items() if name in targets])
        taken = [one for one in catalogue.names(Feature) if any(name in each for each in matching.takers(one).values())]
        yield Fact("features", "features", taken)


def _cycles(catalogue: Catalogue, target: Target) -> str:
    with contextlib.suppress(RecipeError):  # told under "here"
        if target.memory and not no_cycles(catalogue, target):
            return f"±{error_percent(catalogue, target):g} %"
    return "none"
