"""One bench's part of a page: what was measured, maps, profile, provenance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tinyflow.report import accuracy, removed
from tinyflow.report.documents import BenchDocuments
from tinyflow.report.glossary import PLACES
from tinyflow.report.html import arena, bars, memory, network, profile, provenance
from tinyflow.report.metrics import METRICS
from tinyflow.report.rows import (
    cycle_model_of,
    spell_accuracy,
    spell_agreement,
    spell_cycle_model,
    spell_paths,
    unseen_layers,
    warnings_of,
)
from tinyflow.report.tables import spell_validation

_SYMBOLS_SHOWN = 12
_MOST_BYTES = 900_000  # of pictures of networks, some 1,500 layers
_CHANGES = {
    "tidied": "Tidied before it was compiled",
    "removed": "Removed from the model",
    "patched": "Computed in patches",
}
_IF_KNOWN = {  # of what a verdict rests on
    "tolerance": "tolerance {}",
    "distinct_outputs": "{} different answers among them",
    "references_differ_by": "LiteRT's differ from the reference's by {} at most",
    "onnxruntime_differs_by": "ONNX Runtime's by {} at most",
}


def _detail(bench: BenchDocuments) -> dict[str, Any]:
    """All that is shown of a bench, worked out once however often it is written."""
    report, sizes, plan, run = bench.report, bench.sizes, bench.plan, bench.run
    lines = profile.layers(plan, run, bench.profile) if plan and plan.get("layers") else []
    changes = ((title, report[name]) for name, title in _CHANGES.items() if name in report)
    return {
        "report": report,
        "regions": memory.regions(sizes, report["metrics"]) if sizes else [],
        "symbols": sizes["symbols"][:_SYMBOLS_SHOWN] if sizes else [],
        "arena": arena.arena_map(plan) if plan else None,
        "layers": network.described(lines, bench.network) if lines else [],
        "paths": spell_paths(report.get("paths", {})),
        "functions": profile.functions(run, bench.profile) if run else [],
        "no_cycles": report.get("no_cycles", ""),
        "cycle_model": spell_cycle_model(model) if (model := cycle_model_of(report)) else "",
        "changes": [
            {"title": title, "sizes": removed.sizes(gone), "layers": list(removed.layers(gone))}
            for title, gone in changes
        ],
        "verdict": _verdict(report),
        "accuracy": spell_accuracy(report),
        "right": accuracy.tables(bench.accuracy) if bench.accuracy else [],
        "confusion": accuracy.confusion(bench.accuracy) if bench.accuracy else None,
        "warnings": [*warnings_of(report), *unseen_layers(report)],
        "steps": provenance.steps(bench.provenance),
        "tools": ", ".join(f"{name} {tool}" for name, tool in report["tools"].items()),
    }


def _networks(bench: BenchDocuments, layers: Iterable[profile.Line]) -> list[dict[str, Any]]:
    """The network as it came, as it was compiled where that is another, and as TVM runs it: what is known of these."""
    lines = {line.index: line for line in layers if line.index is not None}
    chains = (bench.plan or {}).get("chains", ())
    backend = bench.report["backend"]
    given, compiled = (one if one and one["operators"] else None for one in (bench.graph, bench.network))
    found = []
    if given and (compiled is None or _what_runs(given) != _what_runs(compiled)):
        found.append({"title": "as given", "file": "graph.json", **network.network(given, {})})
        given = None
    if compiled:
        title = f"{'as given, and ' if given else ''}as {backend} compiles it"
        drawn = network.network(compiled, lines, chains, has_places=bool(lines))
        found.append({"title": title, "file": "network.json", **drawn})
    if bench.relax:
        drawn = network.network(bench.relax, lines, chains, has_places=bool(lines))
        found.append({"title": "as TVM has it after its passes (Relax)", "file": "relax.json", **drawn})
    left = _MOST_BYTES
    for one in reversed(found):
        one["is_left_out"] = one["size_bytes"] > left
        left -= 0 if one["is_left_out"] else one["size_bytes"]
    return found


def _what_runs(graph: Mapping[str, Any]) -> list[Any]:
    return [graph[name] for name in ("inputs", "operators", "outputs")]


def _verdict(report: Mapping[str, Any]) -> str:
    """What outputs were held against what, and how far they and the references are from each other."""
    found = report["validation"]
    if not found:
        return ""
    told = [
        f"{spell_validation(report)}: outputs of {found['samples']} samples against {found['reference']}",
        f"largest difference {'unknown' if (error := found['max_abs_error']) is None else error}",
    ]
    if agreeing := spell_agreement(found):
        told.append(agreeing)
    told += [text.format(found[name]) for name, text in _IF_KNOWN.items() if found.get(name) is not None]
    if layers := found.get("layers"):
        told.append(f"what {layers['compared']} of {layers['of']} layers compute of the first sample compared, too")
    return ", ".join(told)


class Details:
    """The parts of all benches of one page."""

    def __init__(self, environment: Any, benches: Sequence[BenchDocuments], anchors: Mapping[str, str]) -> None:
        """`anchors` leads from a bench to its place in the page."""
        self._template = environment.get_template("detail.html.j2")
        self._anchors = anchors
        self._documents = {bench.report["bench"]: bench for bench in benches}
        self._details = {bench.report["bench"]: _detail(bench) for bench in benches}
        found = self._details.values()
        maps = [drawn for each in found for drawn in (*each["regions"], each["arena"]) if drawn]
        self.drawings = SharedDrawings(drawn["drawing"] for drawn in maps)
        self.tools = Shared(detail["tools"] for detail in found)
        self.settings = Shared(step["settings"] for detail in found for step in detail["steps"])

    def write(self, name: str, trends: Mapping[str, str], *, is_open: bool = False, is_cut: bool = False) -> str:
        """One bench's part; `is_cut`: without maps and profile."""
        detail = self._details[name]
        report = detail["report"]
        text: str = self._template.render(
            report=report,
            detail=detail,
            anchor=self._anchors[name],
            summary=_summary(report),
            metrics=[
                (metric, report["metrics"][metric.name]) for metric in METRICS if metric.name in report["metrics"]
            ],
            trends=trends,
            exact=bars.exact,
            terms=PLACES,
            place=self.drawings.place,
            tools=self.tools,
            settings=self.settings,
            command=f"doit bench:{report['bench']}",
            networks=_networks(self._documents[name], detail["layers"]) if is_open else [],
            is_open=is_open,
            is_cut=is_cut,
        )
        return text


def _summary(report: Mapping[str, Any]) -> str:
    """The few numbers that are beside a bench's name."""
    shown, metrics = {"invoke", "ROM", "RAM", "time", "board"}, report["metrics"]
    found = [f"{m.heading} {m.format(metrics[m.name])}" for m in METRICS if m.heading in shown and m.name in metrics]
    return ", ".join(found) if found else str(report["status"])


class Shared:
    """What several benches of a page have in common stands in it once, so that a hundred have room with all their maps.

    Texts that come more than once, numbered from 1 in the order in which they first come.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        repeated = [text for text, count in Counter(texts).items() if count > 1 and text]
        self._numbers = {text: index for index, text in enumerate(repeated, start=1)}

    def number(self, text: str) -> int | None:
        """The number of a text; None where it comes once only."""
        return self._numbers.get(text)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts, by number."""
        return tuple(self._numbers)


class SharedDrawings:
    """Drawings of which equal ones are drawn once, in a hidden part of the page, and used where they belong."""

    def __init__(self, drawings: Iterable[str]) -> None:
        """`drawings` are whole `<svg class="…" …>…</svg>`."""
        self._shapes = Shared(_shapes(drawing) for drawing in drawings)

    def place(self, drawing: str) -> str:
        """What to write for a drawing."""
        number = self._shapes.number(_shapes(drawing))
        return drawing if number is None else f'{_opening(drawing)}<use href="#shapes-{number}"/></svg>'

    def definitions(self) -> list[str]:
        """The shapes that are used, for the page."""
        return [f'<g id="shapes-{number}"{shapes}</g>' for number, shapes in enumerate(self._shapes.texts, start=1)]


def _opening(drawing: str) -> str:
    """The opening tag; texts in tags are escaped, so the first `>` ends it."""
    return drawing[: drawing.index(">") + 1]


def _shapes(drawing: str) -> str:
    """What is drawn, behind the class that the style sheet knows it by: ` class="chart arena"><rect …`."""
    _, name, _ = drawing.split('"', 2)
    return f' class="{name}">{drawing[len(_opening(drawing)) :].removesuffix("</svg>")}'
