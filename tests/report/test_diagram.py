"""Diagrams: every box and arrow in every format, whatever a text holds; boxes never lie on one another."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyflow.report.diagram import DRAWINGS, Box, to_dot, to_mermaid, to_svg

BOXES = [
    Box("a", 'fetch "vww" <&>'),
    Box("b", "convert", ("a",)),
    Box("c", "generate", ("a",), is_stale=True),
    Box("d", "run", ("b", "c")),
]


def rectangles(svg: str) -> list[tuple[float, float, float, float]]:
    """Place and size of every box in a drawing."""
    root = ElementTree.fromstring(svg)
    found = root.iter("{http://www.w3.org/2000/svg}rect")
    return [tuple(float(box.attrib[name]) for name in ("x", "y", "width", "height")) for box in found]  # type: ignore[misc]


def test_every_box_and_arrow_is_drawn() -> None:
    """Four boxes, four arrows, one of the boxes to run."""
    assert to_dot("x", BOXES).count("->") == 4
    assert '"a" [label="fetch \\"vww\\" <&>"];' in to_dot("x", BOXES)
    assert to_mermaid("x", BOXES).count("-->") == 4
    assert to_mermaid("x", BOXES).count(":::stale") == 1
    svg = to_svg("x", BOXES)
    assert len(rectangles(svg)) == 4
    assert len(re.findall('class="arrow"', svg)) == 4
    assert svg.count('class="box run"') == 1


def test_quotes_and_backslashes_stay_in_their_string() -> None:
    """A backslash is spelled twice, a quote behind one, a line break as one."""
    assert '[label="a\\\\\\"b"]' in to_dot("x", [Box("a", 'a\\"b')])


@pytest.mark.parametrize("name", DRAWINGS)
def test_nothing_is_a_drawing_too(name: str) -> None:
    """No boxes."""
    assert DRAWINGS[name]("x", [])


@given(st.lists(st.lists(st.integers(0, 30), max_size=4), max_size=30))
def test_boxes_have_room_and_arrows_go_right(needs: list[list[int]]) -> None:
    """In any graph: no two boxes overlap, and none stands left of what it waits for."""
    boxes = [
        Box(str(index), f"box {index}", tuple({str(before % index) for before in befores} if index else ()))
        for index, befores in enumerate(needs)
    ]
    svg = to_svg("x", boxes)
    placed = rectangles(svg)
    for index, (x, y, width, height) in enumerate(placed):
        for other_x, other_y, other_width, other_height in placed[index + 1 :]:
            apart = x + width <= other_x or other_x + other_width <= x
            assert apart or y + height <= other_y or other_y + other_height <= y
        for before in boxes[index].waits_for:
            assert placed[int(before)][0] + placed[int(before)][2] <= x
