"""Bar charts: one metric of one model, a bar for each way of building it. Each chart has a scale of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tinyflow.report.html.svg import CHARACTER_WIDTH, Drawing, shorten
from tinyflow.report.metrics import BY_NAME, Metric
from tinyflow.report.tradeoffs import variant

Row = Mapping[str, Any]
CHARTED = ("invoke_instructions", "latency_ms", "ram_bytes", "rom_bytes", "invoke_s", "board_ms")
SERIES = 8  # colours that the style sheet has

_WIDTH = 440.0
_BAR, _GAP = 14.0, 4.0
_LABEL_MOST = 200.0
_VALUE = 11 * CHARACTER_WIDTH  # "123.4 KiB"


def charts(rows: Sequence[Row], anchors: Mapping[str, str]) -> list[tuple[Metric, list[str]]]:
    """The charts of a suite: a metric, and a panel in SVG for each model that has it.

    `anchors` leads from a bench to its place in the page.
    """
    colours = colours_of(rows)
    panels = {
        BY_NAME[name]: [
            _panel(model, BY_NAME[name], measured, colours, anchors) for model, measured in _by_model(rows, name)
        ]
        for name in CHARTED
    }
    return [(metric, drawn) for metric, drawn in panels.items() if drawn]


def colours_of(rows: Sequence[Row]) -> dict[str, int]:
    """Backend → number of its colour, in the order in which they come."""
    backends = dict.fromkeys(row["backend"] for row in rows)
    return {backend: index % SERIES for index, backend in enumerate(backends)}


def _by_model(rows: Sequence[Row], name: str) -> Iterator[tuple[str, list[Row]]]:
    for model in dict.fromkeys(row["model"] for row in rows):
        measured = [row for row in rows if row["model"] == model and name in row["metrics"]]
        if measured:
            yield model, measured


def _panel(
    model: str, metric: Metric, rows: Sequence[Row], colours: Mapping[str, int], anchors: Mapping[str, str]
) -> str:
    labels = [variant(row) for row in rows]
    left = min(_LABEL_MOST, max(len(label) for label in labels) * CHARACTER_WIDTH + 8)
    room = _WIDTH - left - _VALUE
    values = [float(row["metrics"][metric.name]) for row in rows]
    largest = max(values) or 1.0
    top = 22.0
    drawing = Drawing(
        _WIDTH, top + len(rows) * (_BAR + _GAP), f"{metric.name} of {model} by backend and target", "bars"
    )
    drawing.text(0, 12, model, style="title")
    for index, (row, label, value) in enumerate(zip(rows, labels, values, strict=True)):
        y = top + index * (_BAR + _GAP)
        width = max(1.0, room * value / largest)
        tip = f"{row['bench']}: {exact(value)} {metric.unit}"
        with drawing.link("#" + anchors[row["bench"]], tip):
            drawing.text(left - 6, y + 11, shorten(label, left - 6), anchor="end")
            drawing.rectangle(left, y, width, _BAR, style=f"s{colours[row['backend']]}")
            drawing.text(left + width + 4, y + 11, metric.format(value), style="value")
    return str(drawing)


def exact(value: float) -> str:
    """All digits of a number, grouped."""
    return f"{round(value):,}" if float(value).is_integer() else f"{value:,.6g}"
