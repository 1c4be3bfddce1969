"""`doit backends`: the ways from a network to firmware, what they take, where they run, and what they need here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from importlib import import_module

from tinyflow.flow.commands.listing import Fact, Listing, some_of
from tinyflow.flow.planning.available import lacking
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import processor_of
from tinyflow.recipes.schema import Backend, Target

_MAIN = ("int8", "int16", "float32")  # types that most networks have


class Backends(Listing):
    """A line for each backend's recipe."""

    kind = Backend
    doc_purpose = "backends with the operators, targets and features that they take, and what they need here"
    doc_usage = "[BACKEND...]"
    doc_description = """\
Of one backend all that is known: operators by type, targets, features.
Example: doit backends tinyc
Example: doit backends --format json"""

    def facts(self, catalogue: Catalogue, name: str) -> Iterable[Fact]:
        """See `Listing`."""
        backend = catalogue.get(Backend, name)
        targets, known = self.loader.matching.pairs[name], _operators(backend)
        every = {operator for operators in known.values() for operator in operators}
        by_type = ", ".join(f"{form} {len(known[form])}" for form in _MAIN if known.get(form))
        command = next(iter(lacking(catalogue, [name])), "")
        yield Fact("name", "backend", name)
        yield Fact("targets", "targets", targets, some_of(targets, catalogue.names(Target)))
        counted = f"{len(every)}: {by_type}" if every else "its own"
        yield Fact("operator_count", "operators", len(every) or None, counted)
        yield Fact("install", "here", command or None, f"not installed: {command}" if command else "ok")
        yield Fact("description", "what it is", backend.description)

    def more(self, catalogue: Catalogue, name: str) -> Iterable[Fact]:
        """See `Listing`."""
        backend, targets = catalogue.get(Backend, name), self.loader.matching.pairs[name]
        isas = dict.fromkeys(processor_of(catalogue, catalogue.get(Target, target)).isa for target in targets)
        yield Fact("instruction_sets", "instruction sets", [*isas])
        yield Fact("features", "features", self.loader.matching.features(name))
        yield Fact("extra", "extra", backend.extra)
        types: dict[str, list[str]] = {}
        for form, names in _operators(backend).items():
            for operator in sorted(names):
                types.setdefault(operator, []).append(form)
        # most operators move elements of whatever type
        by_main = {form: sorted(name for name, forms in types.items() if form in forms) for form in _MAIN}
        text = "\n".join(f"{form}: {', '.join(names)}" for form, names in by_main.items() if names)
        yield Fact("operators", "by type", types, text)


def _operators(backend: Backend) -> Mapping[str, Collection[str]]:
    """Type → operators; nothing of a backend that alone knows what it takes."""
    module = backend.implementation if backend.lowering is None else backend.lowering.implementation
    tell = getattr(import_module(module), "forms", None) if module is not None else None
    return tell() if tell is not None else {}
