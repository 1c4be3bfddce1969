"""One bench's part of a page: what was measured, maps, profile, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinyflow.report import removed
from tinyflow.report.documents import BenchDocuments
from tinyflow.report.html import arena, bars, memory, profile, provenance
from tinyflow.report.html.shared import Shared, SharedDrawings
from tinyflow.report.metrics import METRICS
from tinyflow.report.rows import warnings_of
from tinyflow.report.tables import spell_validation

_SYMBOLS_SHOWN = 12


class Detail:
    """All that is shown of a bench, worked out once however often it is written."""

    def __init__(self, bench: BenchDocuments) -> None:
        self.report, sizes, plan, run = bench.report, bench.sizes, bench.plan, bench.run
        self.regions = memory.regions(sizes) if sizes else []
        self.symbols = sizes["symbols"][:_SYMBOLS_SHOWN] if sizes else []
        self.arena = arena.arena_map(plan) if plan else None
        self.layers = profile.layers(plan, run) if plan and plan.get("layers") else []
        self.functions = profile.functions(run) if run else []
        self.removed = _removed(self.report.get("removed"))
        self.verdict = _verdict(self.report)
        self.warnings = warnings_of(self.report)
        self.steps = provenance.steps(bench.provenance)
        self.tools = ", ".join(f"{name} {tool}" for name, tool in self.report["tools"].items())

    @property
    def drawings(self) -> list[str]:
        """The maps."""
        return [region.drawing for region in self.regions] + ([self.arena.drawing] if self.arena else [])

    @property
    def settings(self) -> list[str]:
        """What each stage was told."""
        return [step.settings for step in self.steps]


def _verdict(report: Mapping[str, Any]) -> str:
    """What outputs were held against what, and how far they and the references are from each other."""
    found = report["validation"]
    if not found:
        return ""
    told = [
        f"{spell_validation(report)}: outputs of {found['samples']} samples against {found['reference']}",
        f"largest difference {found['max_abs_error']}",
    ]
    if "tolerance" in found:
        told.append(f"tolerance {found['tolerance']}")
    if found.get("distinct_outputs") is not None:
        told.append(f"{found['distinct_outputs']} different answers among them")
    if found.get("references_differ_by") is not None:
        told.append(f"LiteRT's differ from the reference's by {found['references_differ_by']} at most")
    if found.get("onnxruntime_differs_by") is not None:
        told.append(f"ONNX Runtime's by {found['onnxruntime_differs_by']} at most")
    return ", ".join(told)


def _removed(document: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What became of the model's sizes, and a line for each layer that lost something; None for models as they came."""
    if document is None:
        return None
    return {"sizes": removed.sizes(document), "layers": list(removed.layers(document))}


class Details:
    """The parts of all benches of one page."""

    def __init__(self, environment: Any, benches: Sequence[BenchDocuments], anchors: Mapping[str, str]) -> None:
        """`anchors` leads from a bench to its place in the page."""
        self._template = environment.get_template("detail.html.j2")
        self._anchors = anchors
        self._details = {bench.report["bench"]: Detail(bench) for bench in benches}
        found = self._details.values()
        self.drawings = SharedDrawings(drawing for detail in found for drawing in detail.drawings)
        self.tools = Shared(detail.tools for detail in found)
        self.settings = Shared(text for detail in found for text in detail.settings)

    def write(self, name: str, trends: Mapping[str, str], *, is_open: bool = False, is_cut: bool = False) -> str:
        """One bench's part; `is_cut`: without maps and profile."""
        detail = self._details[name]
        report = detail.report
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
            place=self.drawings.place,
            tools=self.tools,
            settings=self.settings,
            command=f"doit bench:{report['bench']}",
            is_open=is_open,
            is_cut=is_cut,
        )
        return text


def _summary(report: Mapping[str, Any]) -> str:
    """The few numbers that stand beside a bench's name."""
    told = [f"{m.heading} {m.format(report['metrics'][m.name])}" for m in METRICS if m.name in report["metrics"]]
    shown = {"invoke", "ROM", "RAM", "time"}
    found = [text for text in told if text.split(" ")[0] in shown]
    return ", ".join(found) if found else str(report["status"])
