"""`doit suites`: the sets of benches that have a name, what is in them, and which can't run here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from tinyflow.core.errors import UsageError
from tinyflow.flow.commands.listing import Fact, Listing
from tinyflow.flow.planning.available import lacking, missing_for
from tinyflow.recipes.bench import Bench
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import resolve
from tinyflow.recipes.schema import Backend, Suite
from tinyflow.recipes.suite import expand


class Suites(Listing):
    """A line for each suite's recipe."""

    kind = Suite
    doc_purpose = "suites with the benches in them, and which of those can't run here, and why"
    doc_usage = "[SUITE...]"
    doc_description = """\
Example: doit suites mlperf_tiny
Example: doit suites --format json"""

    @cached_property
    def _absent(self) -> Mapping[str, str]:
        """Backend → what to type for the packages that it lacks."""
        catalogue = self.loader.catalogue
        found = lacking(catalogue, catalogue.names(Backend))
        return {name: command for command, names in found.items() for name in names}

    def facts(self, catalogue: Catalogue, name: str) -> Iterable[Fact]:
        """See `Listing`."""
        benches = expand(catalogue, name)
        unfit: dict[str, list[str]] = {}
        for bench in benches:
            if why := self._why_not(catalogue, bench):
                unfit.setdefault(why, []).append(bench.name)
        told = "; ".join(f"{len(names)} not: {why}" for why, names in unfit.items())
        yield Fact("name", "suite", name)
        yield Fact("benches", "benches", [bench.name for bench in benches], str(len(benches)))
        for key in ("model", "backend", "target"):
            names = list(dict.fromkeys(getattr(bench, key) for bench in benches))
            yield Fact(f"{key}s", f"{key}s", names, str(len(names)))
        yield Fact("not_here", "here", unfit, told or "ok")
        yield Fact("description", "what it is", catalogue.get(Suite, name).description)

    def more(self, catalogue: Catalogue, name: str) -> Iterable[Fact]:
        """See `Listing`."""
        benches = expand(catalogue, name)
        yield Fact("features", "features", [*dict.fromkeys(one for b in benches for one in b.name.split("+")[1:])])
        yield Fact("command", "to run it", f"{self.bin_name} suite:{name}")

    def _why_not(self, catalogue: Catalogue, bench: Bench) -> str:
        """What a bench lacks on this machine; empty where nothing is known."""
        if bench.backend in self._absent:
            return self._absent[bench.backend]
        try:
            return missing_for(catalogue, resolve(bench, catalogue))
        except UsageError as error:
            return error.what
