"""Outputs of the interpreter that lie over inputs: where the chip puts them is where the tool says."""

from __future__ import annotations

import ctypes
from functools import cache
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_networks import random_network
from test_tinyc_generate import SMALL
from tests_support import examples
from tinyi_host import OK, Interpreter, interpreter_library

from tinyflow.backends.tinyi.calls import requests
from tinyflow.backends.tinyi.planner import Plan, plan
from tinyflow.model.memory.windows import lead_bytes
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize

VARIANTS = ("c", "ref")


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(str(interpreter_library()))


@st.composite
def _axes(draw: st.DrawFn) -> tuple[int, ...]:
    """Input, output, kernel, stride, dilation and padding of a window that slides along an axis."""
    reach, stride = draw(st.integers(1, 9)), draw(st.integers(1, 4))
    size, padding = reach + draw(st.integers(0, 20)), draw(st.integers(0, reach - 1))
    return size, (size + padding - reach) // stride + 1, reach, stride, 1, padding


@examples(100)
@given(
    axes=st.tuples(_axes(), _axes()), pixels=st.tuples(st.integers(1, 9), st.integers(1, 9)), at_once=st.integers(1, 6)
)
def test_the_chip_finds_the_lead_of_the_description(
    axes: tuple[tuple[int, ...], tuple[int, ...]], pixels: tuple[int, int], at_once: int
) -> None:
    """From a few pixels the same as from all of them, for any window and any bytes of a pixel."""
    rows, columns = ((ctypes.c_int32 * 6)(*axis) for axis in axes)
    found = _library().tinyi_lead(rows, columns, *pixels, at_once)
    source, output = ((axes[0][i], axes[1][i], pixels[i]) for i in range(2))
    assert found == lead_bytes(source, output, (axes[0][3], axes[1][3]), (axes[0][5], axes[1][5]), at_once)


@pytest.mark.parametrize("has_chase", [True, False])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.every(3)
def test_places_are_those_of_the_tool(variant: str, has_chase: bool) -> None:
    """Of every tensor that is read or written, with outputs over inputs and without."""
    seen = 0
    for seed in range(16):
        content = write(random_network(seed))
        graph = read(content)
        made = plan(graph, requests(graph, variant), has_chase=has_chase)
        session = Interpreter.load(variant).model(content, made.total_bytes, made.unit, is_apart=not has_chase)
        assert (session.status, session.needed_bytes) == (OK, made.total_bytes), seed
        places = session.places(len(graph.tensors)) * made.unit
        assert {index: places[index] for index in made.tensors} == {
            index: place.offset for index, place in made.tensors.items()
        }, seed
        seen += len(_over_each_other(made))
    assert (seen > 0) == has_chase


@pytest.mark.parametrize("name", ["vww", "resnet"])
def test_networks_of_convolutions_need_less(name: str) -> None:
    """What test_tinyi runs has outputs over inputs, and so a smaller arena."""
    graph = read(synthesize(SMALL[name]))
    asked = requests(graph, "c")
    made, apart = plan(graph, asked), plan(graph, asked, has_chase=False)
    assert made.total_bytes < apart.total_bytes
    assert _over_each_other(made)
    assert not _over_each_other(apart)


def _over_each_other(made: Plan) -> list[tuple[int, int]]:
    """Tensors of which one begins in the other, elsewhere than where that begins, while both are there."""
    return [
        (a, b)
        for (a, one), (b, other) in combinations(made.tensors.items(), 2)
        if one.is_alive_with(other) and one.offset != other.offset
        if one.offset < other.end and other.offset < one.end
    ]
