"""Sums under a sliding window: convolutions and pools, of sources [N, H, W, C] without their zero point."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tinyflow.model.fixed_point import Integers
from tinyflow.model.weighted import Window

T = TypeVar("T", bound=np.generic)


def elements(shape: tuple[int, ...], window: Window) -> int:
    """Of the larger of two arrays: the padded source, and what lies under all positions of a window."""
    sizes = [size + sum(around) for size, around in zip(shape, _around(window), strict=True)]
    axes = zip(sizes[1:3], window.reach, window.stride, strict=True)
    positions = [max((size - reach) // stride + 1, 0) for size, reach, stride in axes]
    return max(math.prod(sizes), shape[0] * shape[3] * math.prod(positions) * math.prod(window.size))


def windows(source: npt.NDArray[T], window: Window, padding: int = 0) -> npt.NDArray[T]:
    """What is under a window, the padding holding one number: a view [N, rows, columns, kh, kw, C]."""
    padded = np.pad(source, _around(window), constant_values=padding)
    every = np.lib.stride_tricks.sliding_window_view(padded, window.reach, axis=(1, 2))
    taken = every[:, :: window.stride[0], :: window.stride[1], :, :: window.dilation[0], :: window.dilation[1]]
    under: npt.NDArray[T] = taken.transpose(0, 1, 2, 4, 5, 3)
    return under


def _around(window: Window) -> list[tuple[int, int]]:
    return [(0, 0), *zip(window.before, window.after, strict=True), (0, 0)]


def convolved(source: Integers, weights: Integers, window: Window) -> Integers:
    """CONV_2D's sums of products, [N, rows, columns, out]; weights are [out, kh, kw, in]."""
    taken = windows(source, window)
    return product(taken.reshape(*taken.shape[:3], -1), weights.reshape(len(weights), -1))


def convolved_depthwise(source: Integers, weights: Integers, window: Window) -> Integers:
    """DEPTHWISE_CONV_2D's sums of products, [N, rows, columns, in * multiplier]; weights [kh, kw, in, multiplier]."""
    sums = np.einsum("nhwklc,klcm->nhwcm", windows(source, window), weights, optimize=False)
    summed: Integers = sums.reshape(*sums.shape[:3], -1)
    return summed


def transposed(source: Integers, weights: Integers, stride: tuple[int, int]) -> Integers:
    """TRANSPOSE_CONV's sums without padding, [N, (rows - 1) * stride + kh, …, out]; weights are [out, kh, kw, in]."""
    batches, rows, columns, _ = source.shape
    outputs, *kernel, _ = weights.shape
    size = [(n - 1) * step + taps for n, step, taps in zip((rows, columns), stride, kernel, strict=True)]
    sums = np.zeros((batches, *size, outputs), np.int64)
    for y, x in np.ndindex(*kernel):
        under = sums[:, y :: stride[0], x :: stride[1]][:, :rows, :columns]
        under += product(source, weights[:, y, x])
    return sums


def product(left: Integers, right: Integers) -> Integers:
    """`left` by the transpose of `right`. Sums stay far below 2**53: float64, which BLAS is fast at, is exact."""
    exact: Integers = (left.astype(np.float64) @ right.T.astype(np.float64)).astype(np.int64)
    return exact


def average(source: Integers, window: Window) -> Integers:
    """AVERAGE_POOL_2D: halves away from zero, the padding left out; the source keeps its zero point, or doesn't."""
    total = windows(source, window).sum(axis=(3, 4))
    counts = windows(np.ones(source.shape, np.int64), window).sum(axis=(3, 4))
    rounded: Integers = np.sign(total) * ((np.abs(total) + counts // 2) // counts)
    return rounded


def largest(source: Integers, window: Window) -> Integers:
    """MAX_POOL_2D."""
    found: Integers = windows(source, window, np.iinfo(np.int8).min).max(axis=(3, 4))
    return found
