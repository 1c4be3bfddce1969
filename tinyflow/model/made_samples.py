"""Inputs that are made up: seeded, of kinds that differ, so that the outputs of a network do.

Uniform noise alone drives many a network to one saturated output whatever it computes. Only additions, multiplications
and comparisons of the generator's numbers make a sample, so that it is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyflow.model.graph import Graph, Shape, Tensor
from tinyflow.model.interpreters import Array, Sample

# of a sparse sample
_SHARE = 1 / 16
# the smooth ones' support points are so far apart
_PERIOD = 8
# reals of an unknown range: of the first samples, and how many times larger with each round of kinds
_REACH, _GROWTH = 1.0, 8.0

# a generator, a shape and where the real value 0 lies → shares of the way from the lowest value to the highest
_Kind = Callable[[np.random.Generator, Shape, float], Array]


def _gaussian(random: np.random.Generator, shape: Shape, _zero: float) -> Array:
    """Nearly: the mean of four uniform numbers, with a standard deviation of a seventh of the range."""
    return np.asarray(random.random((4, *shape)).mean(axis=0))


def _smooth(random: np.random.Generator, shape: Shape, _zero: float) -> Array:
    """Linear between random support points, along each axis."""
    values = random.random([-(-extent // _PERIOD) + 1 if extent > 1 else extent for extent in shape])
    for axis, extent in enumerate(shape):
        if extent > 1:
            first, behind = np.divmod(np.arange(extent), _PERIOD)
            share = (behind / _PERIOD).reshape([-1 if each == axis else 1 for each in range(len(shape))])
            values = values.take(first, axis) * (1 - share) + values.take(first + 1, axis) * share
    return values


def _sparse(random: np.random.Generator, shape: Shape, zero: float) -> Array:
    return np.where(random.random(shape) < _SHARE, random.random(shape), zero)


KINDS: dict[str, _Kind] = {
    "uniform": lambda random, shape, _: random.random(shape),
    "smooth": _smooth,
    "extremes": lambda random, shape, _: random.integers(0, 2, shape).astype(float),
    "gaussian": _gaussian,
    "sparse": _sparse,
    "high": lambda _, shape, __: np.ones(shape),
    "low": lambda _, shape, __: np.zeros(shape),
}


def made_sample(graph: Graph, seed: int, number: int) -> Sample:
    """One of a row of samples that has no end; the kinds take turns, and differ between the inputs of a network."""
    random = np.random.Generator(np.random.PCG64([seed, number]))
    kinds = list(KINDS.values())
    reach = _REACH * _GROWTH ** (number // len(kinds))
    return tuple(
        _array(graph, graph.tensors[index], kinds[(number + place) % len(kinds)], random, reach)
        for place, index in enumerate(graph.inputs)
    )


def _array(graph: Graph, tensor: Tensor, kind: _Kind, random: np.random.Generator, reach: float) -> Array:
    dtype: np.dtype[Any] = np.dtype(tensor.dtype).newbyteorder("<")
    lowest, highest = _limits(graph, tensor, dtype, reach)
    scheme, zero = tensor.quantisation, 0
    if scheme is not None and not scheme.is_per_channel:
        zero = scheme.zero_point
    if dtype.kind in "fc":
        share = kind(random, tensor.shape, (0 - lowest) / (highest - lowest))
        return np.asarray(lowest + share * (highest - lowest), dtype)
    steps = highest - lowest + 1
    share = kind(random, tensor.shape, (min(max(zero, lowest), highest) - lowest + 0.5) / steps)
    return np.asarray(np.minimum(lowest + np.floor(share * steps), highest), dtype)


def _limits(graph: Graph, tensor: Tensor, dtype: np.dtype[Any], reach: float) -> tuple[float, float]:
    """All integers of up to 16 bits, 0 and 1 of wider ones (counts, indices); of reals what is quantised."""
    if dtype.kind == "b" or (dtype.kind not in "fc" and dtype.itemsize > 2):
        return 0, 1
    if dtype.kind not in "fc":
        return np.iinfo(dtype).min, np.iinfo(dtype).max
    for operator in graph.operators:
        made = graph.tensors[operator.outputs[0]]
        if operator.name == "QUANTIZE" and operator.inputs[0] == tensor.index and made.quantisation is not None:
            limits, scheme = np.iinfo(np.dtype(made.dtype)), made.quantisation
            return tuple(scheme.scale * (end - scheme.zero_point) for end in (limits.min, limits.max))  # type: ignore[return-value]
    return -reach, reach
