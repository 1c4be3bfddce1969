"""A graph of boxes and arrows from left to right, as DOT, Mermaid or SVG. It knows no action: boxes have texts.

The SVG is laid out here in layers, as Sugiyama, Tagawa and Toda describe it (1981): a box is after all that it
waits for, and boxes of a layer are ordered by the middle of their neighbours, to and fro (`layered`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinyflow.core import safe_text
from tinyflow.report.html.svg import CHARACTER_WIDTH, Drawing
from tinyflow.report.layered import layers_of

_BOX_HEIGHT, _ROW_GAP, _LAYER_GAP, _PADDING = 24.0, 10.0, 56.0, 8.0
_STYLE = """\
svg { background: #fff }
text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: #1a1d21 }
.box { fill: #e8eef7; stroke: #3b6fb6 } .box.run { fill: #fdf0e0; stroke: #d07a1f }
.arrow { fill: none; stroke: #8b929b }
@media (prefers-color-scheme: dark) { svg { background: #14171b } text { fill: #e8eaed }
.box { fill: #1d2a3c; stroke: #6f9fe0 } .box.run { fill: #3a2a15; stroke: #e9a057 } .arrow { stroke: #7d8691 } }"""


@dataclass(frozen=True)
class Box:
    """One box: `waits_for` names boxes that come before it."""

    name: str
    text: str
    waits_for: tuple[str, ...] = ()
    is_stale: bool = False


def to_dot(title: str, boxes: Sequence[Box]) -> str:
    """For Graphviz."""
    lines = [f"digraph {_quoted(title)} {{", "  rankdir=LR; node [shape=box, fontname=sans, fontsize=10];"]
    for box in boxes:
        style = ", style=filled, fillcolor=orange" if box.is_stale else ""
        lines.append(f"  {_quoted(box.name)} [label={_quoted(box.text)}{style}];")
    lines += [f"  {_quoted(before)} -> {_quoted(box.name)};" for box in boxes for before in box.waits_for]
    return "\n".join([*lines, "}"]) + "\n"


def to_mermaid(title: str, boxes: Sequence[Box]) -> str:
    """For Markdown of GitHub and others."""
    ids = {box.name: f"n{index}" for index, box in enumerate(boxes)}
    lines = ["---", f"title: {_quoted(title)}", "---", "flowchart LR"]
    for box in boxes:
        text = box.text.replace('"', "#quot;")
        lines.append(f'  {ids[box.name]}["{text}"]{":::stale" if box.is_stale else ""}')
    lines += [f"  {ids[before]} --> {ids[box.name]}" for box in boxes for before in box.waits_for]
    return "\n".join([*lines, "  classDef stale fill:orange"]) + "\n"


def to_svg(title: str, boxes: Sequence[Box]) -> str:
    """A drawing that is alone."""
    named = {box.name: box for box in boxes}
    layers = [[named[name] for name in layer] for layer in layers_of({box.name: box.waits_for for box in boxes})]
    widths = [max(len(box.text) for box in layer) * CHARACTER_WIDTH + 2 * _PADDING for layer in layers]
    step = _BOX_HEIGHT + _ROW_GAP
    height = max((len(layer) for layer in layers), default=0) * step + 2 * _PADDING
    drawing = Drawing(sum(widths) + _LAYER_GAP * max(len(layers) - 1, 0) + 2 * _PADDING, height, title, "graph")
    places: dict[str, tuple[float, float, float]] = {}  # left, right, middle
    left = _PADDING
    for layer, width in zip(layers, widths, strict=True):
        top = (height - len(layer) * step + _ROW_GAP) / 2
        for index, box in enumerate(layer):
            places[box.name] = (left, left + width, top + index * step + _BOX_HEIGHT / 2)
        left += width + _LAYER_GAP
    for box in boxes:
        for before in box.waits_for:
            drawing.curve(places[before][1:], (places[box.name][0], places[box.name][2]), style="arrow")
    for box in boxes:
        left, right, middle = places[box.name]
        style = "box run" if box.is_stale else "box"
        drawing.rectangle(left, middle - _BOX_HEIGHT / 2, right - left, _BOX_HEIGHT, style=style, tip=box.text)
        drawing.text(left + _PADDING, middle + 4, box.text)
    return drawing.standalone(_STYLE) + "\n"


def _quoted(text: str) -> str:
    return '"' + safe_text.shown(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


DRAWINGS = {"dot": to_dot, "mermaid": to_mermaid, "svg": to_svg}
