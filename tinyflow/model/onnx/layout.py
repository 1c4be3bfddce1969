"""How the elements of a value lie: permuted and shaped anew without being moved, until somebody needs them otherwise.

ONNX has channels in front, TFLite behind. So a value is kept as it was computed, with what makes of it what the file
says; transpositions and reshapes change only that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tinyflow.model.graph import Shape

Order = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """value = stored.reshape(dims), its axis i put at `order[i]`, then reshaped to `shape`."""

    dims: Shape
    order: Order
    shape: Shape

    @staticmethod
    def plain(shape: Sequence[int]) -> Layout:
        """As ONNX has it: nothing is moved."""
        return Layout(tuple(shape), tuple(range(len(shape))), tuple(shape))

    @staticmethod
    def stored(dims: Sequence[int], order: Order) -> Layout:
        """What was computed with these axes in this order."""
        made = Layout(tuple(dims), order, ())
        return replace(made, shape=made.inner)

    @property
    def inner(self) -> Shape:
        """The shape before the last reshape."""
        return tuple(size for _, size in sorted(zip(self.order, self.dims, strict=True)))

    @property
    def is_direct(self) -> bool:
        """Whether each axis of the value is an axis of what is stored."""
        return self.inner == self.shape

    def gathered(self) -> Order:
        """The order of inner axes with which `reshaped` is direct, that is nearest to what is stored."""
        inner = self.inner
        places = [axis for axis in self.order if inner[axis] != 1]
        axes = sorted(places)
        pieces = [axes[old] for old, _ in _groups([inner[axis] for axis in axes], [n for n in self.shape if n != 1])]
        pieces.sort(key=lambda piece: min(map(places.index, piece)))
        return (*(axis for axis in self.order if inner[axis] == 1), *(axis for piece in pieces for axis in piece))

    def transposed(self, axes: Sequence[int]) -> Layout:
        """With axis `axes[i]` at position i; only where it `is_direct`."""
        return Layout.stored(self.dims, tuple(axes.index(axis) for axis in self.order))

    def reshaped(self, shape: Shape) -> Layout:
        """With another shape of as many elements; direct where no element has to move for that."""
        inner, large = self.inner, [axis for axis, size in enumerate(shape) if size != 1]
        places = [axis for axis in self.order if inner[axis] != 1]
        made: dict[int, tuple[int, ...]] = {}  # place of a group's first axis → axes of the new shape
        for old, new in _groups([inner[axis] for axis in sorted(places)], [shape[axis] for axis in large]):
            axes = sorted(places)[old]
            begin = places.index(axes[0])
            if places[begin : begin + len(axes)] != axes:
                return replace(self, shape=shape)
            made[begin] = tuple(large[new])
        ones = [axis for axis, size in enumerate(shape) if size == 1]
        order = (*ones, *(axis for begin in sorted(made) for axis in made[begin]))
        return Layout(tuple(shape[axis] for axis in order), order, shape)


def _groups(old: Sequence[int], new: Sequence[int]) -> Iterator[tuple[slice, slice]]:
    """Runs of dimensions, none of them 1, of as many elements on both sides, as short as can be."""
    i = j = 0
    while i < len(old):
        k, m = i + 1, j + 1
        while (left := math.prod(old[i:k])) != (right := math.prod(new[j:m])):
            if left < right:
                k += 1
            else:
                m += 1
        yield slice(i, k), slice(j, m)
        i, j = k, m


def runs(places: Sequence[int], wanted: Sequence[int]) -> list[tuple[int, ...]]:
    """The axes in the order of `places`, those together that also follow each other in `wanted`."""
    found: list[tuple[int, ...]] = []
    for axis in places:
        if found and wanted.index(axis) == wanted.index(found[-1][-1]) + 1:
            found[-1] += (axis,)
        else:
            found.append((axis,))
    return found


def channels_last(rank: int) -> Order:
    """N, then all but the channels, then these: what TFLite calls NHWC."""
    return (0, *range(2, rank), 1)
