"""Trade-off plots of a suite's page: RAM and flash of a network against its time, a point for each bench."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tinyflow.report.html.bars import exact
from tinyflow.report.html.svg import CHARACTER_WIDTH, LINE_HEIGHT, Drawing
from tinyflow.report.metrics import Metric
from tinyflow.report.tradeoffs import Axis, Network, Plane, Point, Row, axis, label, networks, spell_tick, variant

_WIDTH, _HEIGHT = 380.0, 270.0  # as wide as a telephone shows
_TOP, _BOTTOM, _RIGHT = 34.0, 36.0, 10.0
_RADIUS = 4.5
_CORNERS = (0, 4, 3, 5, -4, -3)  # of targets' shapes: a circle, a square, a triangle, …; below 0 the other way up
_Box = tuple[float, float, float, float]


def tradeoffs(rows: Sequence[Row], anchors: Mapping[str, str], colours: Mapping[str, int]) -> list[dict[str, Any]]:
    """For the template, of each network: its drawings, which benches are on a front, and what isn't drawn, and why."""
    shapes = shapes_of(rows)
    return [
        {
            "model": network.model,
            "panels": [_panel(network, plane, anchors, colours, shapes) for plane in network.planes],
            "fronts": [
                (plane.memory.heading, ", ".join(variant(point.row) for point in plane.front))
                for plane in network.planes
            ],
            "left_out": network.left_out,
        }
        for network in networks(rows)
    ]


def shapes_of(rows: Sequence[Row]) -> dict[str, int]:
    """Target → number of its shape, in the order in which they come."""
    targets = dict.fromkeys(row["target"] for row in rows)
    return {target: index % len(_CORNERS) for index, target in enumerate(targets)}


def key(shape: int) -> str:
    """A shape alone, for the legend."""
    drawing = Drawing(12, 12, "", "key")
    _mark(drawing, shape, 6, 6, _RADIUS, "s7")
    return str(drawing)


def _label(metric: Metric, scale: Axis) -> str:
    """With whether it isn't linear."""
    return f"{label(metric, scale)}{', log' * scale.is_log}"


def _panel(
    network: Network,
    plane: Plane,
    anchors: Mapping[str, str],
    colours: Mapping[str, int],
    shapes: Mapping[str, int],
) -> str:
    across = axis(network.time, [point.time for point in plane.points])
    upward = axis(plane.memory, [point.memory for point in plane.points])
    left = 10 + CHARACTER_WIDTH * max(len(spell_tick(tick)) for tick in upward.ticks or [0])
    what = f"{plane.memory.name} of {network.model} against {network.time.name}"
    drawing = Drawing(_WIDTH, _HEIGHT, what, "tradeoff")
    drawing.text(0, 12, network.model, style="title")
    drawing.text(0, 28, _label(plane.memory, upward))
    drawing.text(_WIDTH - _RIGHT, _HEIGHT - 4, _label(network.time, across), anchor="end")

    def place(time: float, memory: float) -> tuple[float, float]:
        x = left + across.place(time) * (_WIDTH - _RIGHT - left)
        return x, _HEIGHT - _BOTTOM - upward.place(memory) * (_HEIGHT - _BOTTOM - _TOP)

    for tick in upward.ticks:
        _, y = place(across.low * across.divisor, tick * upward.divisor)
        drawing.line(left, y, _WIDTH - _RIGHT, y, style="grid")
        drawing.text(left - 5, y + 4, spell_tick(tick), anchor="end")
    for tick in across.ticks:
        x, _ = place(tick * across.divisor, upward.low * upward.divisor)
        drawing.line(x, _TOP, x, _HEIGHT - _BOTTOM, style="grid")
        drawing.text(x, _HEIGHT - _BOTTOM + 13, spell_tick(tick), anchor="middle")
    front = [place(point.time, point.memory) for point in plane.front]
    drawing.path(list(_steps(front)), style="front")
    taken: list[_Box] = []
    for point in sorted(plane.points, key=lambda point: point.is_on_front):
        x, y = place(point.time, point.memory)
        row, style = point.row, f"s{colours[point.row['backend']]}"
        with drawing.link("#" + anchors[row["bench"]], _tip(network, plane, point)):
            _mark(drawing, shapes[row["target"]], x, y, _RADIUS, f"{style} best" if point.is_on_front else style)
        taken.append((x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS))
    for point, (x, y) in zip(plane.front, front, strict=True):
        _name(drawing, variant(point.row), x, y, taken, left)
    return str(drawing)


def _steps(front: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """To the right, then down: what is between is no better."""
    before = None
    for x, y in front:
        if before is not None:
            yield x, before
        yield x, y
        before = y


def _tip(network: Network, plane: Plane, point: Point) -> str:
    costs = ((network.time, point.time), (plane.memory, point.memory))
    told = "; ".join(f"{metric.heading} {metric.format(cost)} ({exact(cost)} {metric.unit})" for metric, cost in costs)
    return f"{point.row['bench']}: {told}{'; on the front' * point.is_on_front}"


def _mark(drawing: Drawing, shape: int, x: float, y: float, radius: float, style: str) -> None:
    corners = _CORNERS[shape]
    if not corners:
        drawing.dot(x, y, radius, style=style, tip="")
        return
    count, reach = abs(corners), radius * 1.25
    first = math.pi / 2 + (math.pi / 4 if corners == 4 else math.pi if corners == -3 else 0)
    turns = [first + 2 * math.pi * corner / count for corner in range(count + 2)]  # two more, for the outline's corner
    drawing.path([(x + reach * math.cos(turn), y - reach * math.sin(turn)) for turn in turns], style=style)


def _name(drawing: Drawing, text: str, x: float, y: float, taken: list[_Box], left: float) -> None:
    """A point's name where nothing else is; nowhere if there is no room: the list below has it."""
    width = CHARACTER_WIDTH * len(text)
    # the front comes from above and leaves to the right
    for begin, base in (
        (x + 6, y - 7),
        (x - 6 - width, y + 15),
        (x + 8, y + 15),
        (x - 8 - width, y + 4),
        (x + 8, y + 4),
    ):
        box = (begin, base - LINE_HEIGHT + 2, begin + width, base + 3)
        is_inside = left <= box[0] and box[2] <= _WIDTH and box[1] >= _TOP and box[3] <= _HEIGHT - _BOTTOM
        if is_inside and not any(_overlap(box, other) for other in taken):
            drawing.text(begin, base, text, style="value")
            taken.append(box)
            return


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
