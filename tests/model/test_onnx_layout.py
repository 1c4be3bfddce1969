"""Layouts say where elements are, whatever is permuted and reshaped, without moving one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinyflow.model.onnx.layout import Layout, channels_last, runs


def value(layout: Layout) -> Any:
    """What a layout makes of the numbers from 0 on."""
    stored = np.arange(math.prod(layout.dims)).reshape(layout.dims)
    return stored.transpose(np.argsort(layout.order)).reshape(layout.shape)


@st.composite
def shapes_of(draw: st.DrawFn, elements: int) -> tuple[int, ...]:
    """Any shape of so many elements, 1 among its sizes."""
    shape = []
    while elements > 1:
        shape.append(draw(st.sampled_from([size for size in range(2, elements + 1) if elements % size == 0])))
        elements //= shape[-1]
    for _ in range(draw(st.integers(0, 2))):
        shape.insert(draw(st.integers(0, len(shape))), 1)
    return tuple(shape)


@given(st.data())
def test_reshapes_and_transposes_are_those_of_numpy(data: st.DataObject) -> None:
    """One after the other, from any order of axes; reshaped directly where that is said."""
    dims = data.draw(st.lists(st.sampled_from([1, 2, 3, 4, 6]), max_size=4))
    layout = Layout.stored(dims, tuple(data.draw(st.permutations(range(len(dims))))))
    expected = value(layout)
    for _ in range(data.draw(st.integers(1, 5))):
        if layout.is_direct and data.draw(st.booleans()):
            axes = data.draw(st.permutations(range(len(layout.shape))))
            layout, expected = layout.transposed(axes), expected.transpose(axes)
        else:
            shape = data.draw(shapes_of(math.prod(layout.shape)))
            layout, expected = layout.reshaped(shape), expected.reshape(shape)
        assert np.array_equal(value(layout), expected)
        gathered = Layout.stored([layout.inner[axis] for axis in layout.gathered()], layout.gathered())
        assert gathered.reshaped(layout.shape).is_direct


@given(st.permutations(range(5)), st.permutations(range(5)))
def test_axes_that_stay_together_are_moved_together(places: list[int], wanted: list[int]) -> None:
    """Each run occurs in both orders."""
    found = runs(places, wanted)
    assert [axis for run in found for axis in run] == places
    assert all(wanted[wanted.index(run[0]) :][: len(run)] == list(run) for run in found)


def test_channels_are_split_in_place() -> None:
    """A group of channels of an image that lies with channels last; flattened, it waits for who needs it."""
    image = Layout.stored((1, 7, 7, 64), channels_last(4))
    assert image.reshaped((1, 2, 32, 7, 7)) == Layout.stored((1, 7, 7, 2, 32), (0, 3, 4, 1, 2))
    assert not image.reshaped((1, 64 * 49)).is_direct
    assert image.reshaped((1, 64, 49)).is_direct
