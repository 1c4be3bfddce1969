"""`doit features`: what `+feature` of a bench's name can be, which backends and targets take it, what excludes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tinyflow.flow.commands.listing import Fact, Listing, some_of
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Backend, Feature, Target

_ANY = {"integer": "N", "size": "SIZE", "grid": "N or N_M"}


class Features(Listing):
    """A line for each feature's recipe."""

    kind = Feature
    doc_purpose = "features of benches, the backends and targets that take them, what excludes what"
    doc_usage = "[FEATURE...]"
    doc_description = """\
A feature is a part of a bench's name: +dsp, or +opt.Os with a value.
Example: doit features dsp
Example: doit features --format json"""

    def facts(self, catalogue: Catalogue, name: str) -> Iterable[Fact]:
        """See `Listing`."""
        feature = catalogue.get(Feature, name)
        takers = self.loader.matching.takers(name)
        every = catalogue.names(Target)
        targets = [target for target in every if any(target in taken for taken in takers.values())]
        compiling = [one for one in catalogue.names(Backend) if catalogue.get(Backend, one).machine is None]
        compiled = [one for one in takers if one in compiling]
        backends = some_of(compiled, compiling) + (", on host any" if len(takers) > len(compiled) else "")
        values = [*feature.values, *([_ANY[feature.value]] if feature.value else [])]
        yield Fact("name", "feature", name)
        yield Fact("values", "values", values)
        yield Fact("backends", "backends", list(takers), backends)
        yield Fact("targets", "targets", targets, some_of(targets, every))
        yield Fact("needs", "needs", list(_needs(feature)))
        yield Fact("conflicts", "excludes", sorted(_conflicts(catalogue, feature)))
        yield Fact("description", "what it does", feature.description)

    def more(self, catalogue: Catalogue, name: str) -> Iterable[Fact]:
        """See `Listing`."""
        feature = catalogue.get(Feature, name)
        yield Fact("default", "default", feature.default)
        yield Fact("reason", "why", feature.reason)
        takers = self.loader.matching.takers(name)
        yield Fact(
            "targets_by_backend",
            "by backend",
            dict(takers),
            "; ".join(f"{backend}: {some_of(targets, catalogue.names(Target))}" for backend, targets in takers.items()),
        )


def _needs(feature: Feature) -> Iterator[str]:
    """What a processor or toolchain must be."""
    needs = feature.requires
    yield from needs.cpu_features
    for words in (needs.isas, needs.toolchains):
        if words:
            yield " or ".join(words)


def _conflicts(catalogue: Catalogue, feature: Feature) -> set[str]:
    """Features that can't be beside it, whoever of the two says so."""
    found = {*feature.conflicts, *(other for case in feature.cases.values() for other in case.conflicts)}
    for name in catalogue.names(Feature):
        other = catalogue.get(Feature, name)
        if any(word.partition(".")[0] == feature.name for word in other.conflicts):
            found.add(name)
        for value, case in other.cases.items():
            if any(word.partition(".")[0] == feature.name for word in case.conflicts):
                found.add(f"{name}.{value}")
    return found
