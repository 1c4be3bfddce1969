"""ADD in two multiplications, for every style but plain: proved equal to TFLite's on all pairs of inputs.

TFLite shifts both inputs left by 20, rescales each, adds, and rescales the sum, rounding three times. Seen from outside
that is a function of 256 x 256 pairs, and one plane

    out = clamp((left * a + right * b + c) >> shift)

goes between all its steps, as a and b have 21 bits and more: `fit` looks for it and checks every pair.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels.arithmetic import clamp
from tinyflow.backends.tvm.kernels.definitions import evaluate
from tinyflow.backends.tvm.kernels.intrinsics import HEADER, value
from tinyflow.backends.tvm.kernels.kernel import Kernel
from tinyflow.backends.tvm.kernels.specs import AddSpec, FeatureMap, Rescale
from tinyflow.model.fixed_point import ADD_LEFT_SHIFT
from tinyflow.model.memory.arena import Overlap

Expr = Any

# how far from the nearest factors to look
_NEIGHBOURS = 4
# elements that are done in one round of the loop
_UNROLLED = 8


class Plane(NamedTuple):
    """The four numbers of the plane."""

    a: int
    b: int
    c: int
    shift: int


def fit(spec: AddSpec) -> Plane | None:
    """A plane that is exact on all pairs within 32 bits, or None."""
    left, right = _real(spec.left_scale, spec), _real(spec.right_scale, spec)
    largest = (128 + abs(spec.left_zero_point)) * left + (128 + abs(spec.right_zero_point)) * right + 256
    shift = 30 - math.ceil(math.log2(largest))
    near = sorted(
        itertools.product(range(-_NEIGHBOURS, _NEIGHBOURS + 1), repeat=2), key=lambda d: abs(d[0]) + abs(d[1])
    )
    pairs = np.indices((256, 256), np.int64).reshape(2, -1) - 128
    expected = _on_pairs(spec, pairs)
    for bits in (shift + 1, shift):
        for more_a, more_b in near:
            a, b = round(left * 2**bits) + more_a, round(right * 2**bits) + more_b
            slope = a * pairs[0] + b * pairs[1]
            least = np.where(expected > spec.lowest, (expected << bits) - slope, -(2**40)).max()
            greatest = np.where(expected < spec.highest, (expected + 1 << bits) - 1 - slope, 2**40).min()
            c = int(least + greatest) // 2
            if least <= c <= greatest and np.abs(slope + c).max() < 2**31:
                return Plane(a, b, c, bits)
    return None


def _real(scale: Rescale, spec: AddSpec) -> float:
    """What one step of an input is in steps of the output."""
    both = scale.shift + spec.output_scale.shift + ADD_LEFT_SHIFT
    return math.ldexp(scale.multiplier * spec.output_scale.multiplier, both - 62)


def _on_pairs(spec: AddSpec, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The definition on all pairs."""
    shape = FeatureMap(1, 1, pairs.shape[1])
    every = AddSpec(**{**vars(spec), "left": shape, "right": shape, "output": shape})
    return evaluate(every, None, *pairs.astype(np.int8)).astype(np.int64)


def add(spec: AddSpec, dsp: int = 0, unrolled: int = _UNROLLED, *, may_overlap: bool = True) -> Kernel | None:
    """ADD of two feature maps of one shape and layout; None where these differ or no plane is exact.

    `dsp` is 1 where SSAT may saturate. Compilers make vectors only of what can't overlap.
    """
    plane = fit(spec) if len({spec.left, spec.right, spec.output}) == 1 else None
    if plane is None:
        return None
    elements, rounds = spec.output.elements, spec.output.elements // unrolled

    def saturated(total: Expr) -> Expr:
        if dsp and (spec.lowest, spec.highest) == (-128, 127):
            return T.Cast("int8", value("tf_saturate", total, plane.shift))
        return clamp(T.shift_right(total, T.int32(plane.shift)), spec.lowest, spec.highest)

    @T.inline
    def one(left: Any, right: Any, output: Any, i: Any):
        total: T.let = T.Cast("int32", left[i]) * plane.a + T.Cast("int32", right[i]) * plane.b + plane.c
        output[i] = saturated(total)

    @T.prim_func(s_tir=True)
    def add(
        left: T.Buffer((elements,), "int8"), right: T.Buffer((elements,), "int8"), output: T.Buffer((elements,), "int8")
    ):
        T.func_attr({"tirx.noalias": True})
        for i in range(rounds):
            for j in T.unroll(unrolled):
                one(left, right, output, i * unrolled + j)
        for i in range(elements - rounds * unrolled):
            one(left, right, output, rounds * unrolled + i)

    # what is written at a place was read there
    overlaps = dict.fromkeys(("left", "right") if may_overlap else (), Overlap(lead=0))
    return Kernel.of(add, headers=(HEADER,) if dsp else (), overlaps=overlaps)
