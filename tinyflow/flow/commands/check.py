"""`doit check`: which backends take a model, on which targets it fits, and all that speaks against it, at once."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyflow.core import safe_text
from tinyflow.core.errors import TinyflowError
from tinyflow.core.units import format_count, format_number, format_size
from tinyflow.flow.commands.command import OwnCommand, option, refuse
from tinyflow.flow.planning.available import lacking
from tinyflow.flow.session.display import width_of
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.own_model import is_path

if TYPE_CHECKING:
    from tinyflow.backends.refusals import Refusal
    from tinyflow.flow.planning.suitability import Suitability
    from tinyflow.model.graph import Graph

_MEMORY = {"flash": "flash", "ram": "RAM"}
# operators of one kind that are listed by number
_MOST_PLACES = 8


class Check(OwnCommand):
    """Reads a model, and asks each backend; nothing is built or run."""

    doc_purpose = "whether a model will run: which backends take it, where it fits, and all that speaks against it"
    doc_usage = "FILE|MODEL..."
    doc_description = """\
Exit status 1 where nothing takes it.
Example: doit check my_net.tflite --target stm32f4"""
    cmd_options = (option("target", "only this target; may be given several times", [], short="t"),)

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """A block per model; one that can't be read is said, and the others follow."""
        from tinyflow.flow.planning.suitability import assess, interpreters, tidied

        self.require(args, "check which model?", "check my_net.tflite")
        status = 0
        for name in args:
            try:
                graph, changed, size_bytes = tidied(self.loader.model_content(name), Path(name).name)
                found = assess(self.loader.catalogue, name, changed, size_bytes, params["target"])
            except TinyflowError as error:
                status = max(status, refuse(error))
                continue
            lines = [
                *_told(name, graph, changed, found),
                *_not_installed(self.loader.catalogue, found),
                _not_asked(name, interpreters(self.loader.catalogue)),
            ]
            print(safe_text.shown("\n".join(lines)))
            status = max(status, 0 if any(each.is_suitable for each in found) else 1)
        return status


def _told(name: str, graph: Graph, changed: Graph, found: Sequence[Suitability]) -> Iterator[str]:
    from tinyflow.model.summary import macs
    from tinyflow.report.tables import fitted

    count, left = len(graph.operators), len(changed.operators)
    tidied = f" ({left} once tidied)" if left != count else ""
    yield (
        f"{name}: {format_number(count, 'operator')}{tidied}, {format_count(macs(graph))} MACs, "
        f"weights {format_size(graph.weights_bytes)}, activations {format_size(changed.peak_live_bytes)} at once"
    )
    backends = list(dict.fromkeys(each.backend for each in found))
    targets = list(dict.fromkeys(each.target for each in found))
    by_place = {(each.backend, each.target): each for each in found}
    headings, lines = ("target", *_MEMORY.values(), *backends), list[Sequence[str]]()
    for target in targets:
        limits = (_limit(by_place[backends[0], target], kind) for kind in _MEMORY)
        lines.append((target, *limits, *(_cell(by_place[backend, target]) for backend in backends)))
    yield from fitted(headings, lines, [False] * len(headings), width_of(sys.stdout))
    if any(each.is_suitable for each in found):
        yield (
            "arena (≥ where only a build knows); with what is set aside for stack and heap it fits into RAM, "
            "and the weights into flash"
        )
    yield from _reasons(found)


def _not_installed(catalogue: Catalogue, found: Sequence[Suitability]) -> Iterator[str]:
    """Backends that take it and can't be run here yet, with what to type."""
    takers = dict.fromkeys(each.backend for each in found if each.is_suitable)
    for command, backends in lacking(catalogue, takers).items():
        yield f"not installed: {', '.join(backends)}: {command}"


def _not_asked(name: str, interpreters: Sequence[str]) -> str:
    """That there are backends besides, which only a run asks."""
    model = f"./{name}" if is_path(name) and "/" not in name else name
    return f"not asked: {', '.join(interpreters)}, which only a bench asks: doit bench:{model}-{interpreters[0]}-host"


def _limit(each: Suitability, kind: str) -> str:
    """How much there is of a kind of memory."""
    return format_size(each.has[kind]) if kind in each.has else "any"


def _cell(each: Suitability) -> str:
    """`arena 54.1 KiB`, what is short, or that it isn't taken."""
    if each.refusals:
        return "no"
    if each.shortages:
        return ", ".join(f"{_MEMORY[kind]} {format_size(size)} short" for kind, size in each.shortages.items())
    return f"{'≥ ' if each.is_least else ''}{format_size(each.arena_bytes)}"


def _reasons(found: Sequence[Suitability]) -> Iterator[str]:
    """What is refused, by whom, where, and what would have to change."""
    from tinyflow.backends.refusals import ELSEWHERE
    from tinyflow.flow.planning.suitability import reasons

    by_whom: dict[tuple[str, ...], list[tuple[str, str, list[Refusal]]]] = {}
    for (what, hint), places in reasons(found).items():
        backends = tuple(dict.fromkeys(backend for backend, _ in places))
        at = [refusal for backend, refusal in places if backend == backends[0]]
        by_whom.setdefault(backends, []).append((what, hint, at))
    every = list(dict.fromkeys(each.backend for each in found))
    takers = [name for name in every if any(each.is_suitable for each in found if each.backend == name)]
    for backends, told in by_whom.items():
        yield f"\n{', '.join(backends)}:"
        for what, hint, refusals in told:
            where = _where(refusals)
            yield f"  {where}: {what}" if where else f"  {what}"
            named = [backend for backend in every if re.search(rf"\b{backend}\b", hint)]
            # no advice to type this very command, nor to take what doesn't take it either
            if hint and hint != ELSEWHERE and (not named or {*named} & {*takers}):
                yield f"    {hint}"
    if by_whom:
        yield f"\nwhat takes it: {', '.join(takers) or 'nothing that compiles'}"


def _where(refusals: Sequence[Refusal]) -> str:
    """`operators 1, 5 MUL int8 (first: tensor x)`; empty where the whole model is meant."""
    from tinyflow.model.graph_check import shortened

    known: dict[str, list[Refusal]] = {}
    for refusal in refusals:
        if refusal.operator is not None:
            known.setdefault(f"{refusal.operator.name} {refusal.form}".rstrip(), []).append(refusal)
    words = []
    for kind, places in known.items():
        numbers = [
            f"{p.operator.index}" + f" of subgraph {p.subgraph}" * (p.subgraph > 0) for p in places if p.operator
        ]
        more = f" and {len(numbers) - _MOST_PLACES} more" if len(numbers) > _MOST_PLACES else ""
        first = f" (tensor {shortened(places[0].tensor)!r})" if places[0].tensor else ""
        words.append(f"operator{'s' * (len(numbers) != 1)} {', '.join(numbers[:_MOST_PLACES])}{more} {kind}{first}")
    return "; ".join(words)
