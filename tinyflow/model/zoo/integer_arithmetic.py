"""Exact integer convolutions for calibration: the same numbers on every machine, whatever its BLAS does.

Sums of products of int8 values stay far below 2**53, so a float64 matrix product is exact in any order of summation.
Arrays are `[N, H, W, C]` int64 with the zero point already subtracted, so that padding is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinyflow.model.operators.shapes import same_padding

Integers = npt.NDArray[np.int64]


def _padded(source: Integers, kernel: tuple[int, int], stride: tuple[int, int]) -> Integers:
    """The source with the zeros of SAME padding around it."""
    rows, columns = (same_padding(source.shape[i + 1], kernel[i], stride[i]) for i in (0, 1))
    return np.pad(source, ((0, 0), rows, columns, (0, 0)))


def convolve(source: Integers, weights: Integers, stride: tuple[int, int]) -> Integers:
    """CONV_2D with SAME padding, weights `[out, kh, kw, in]`."""
    kernel = (weights.shape[1], weights.shape[2])
    every = np.lib.stride_tricks.sliding_window_view(_padded(source, kernel, stride), kernel, axis=(1, 2))
    windows = every[:, :: stride[0], :: stride[1]]  # [N, H, W, C, kh, kw]
    patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(*windows.shape[:3], -1)
    return _exact_product(patches, weights.reshape(len(weights), -1))


def convolve_depthwise(source: Integers, weights: Integers, stride: tuple[int, int]) -> Integers:
    """DEPTHWISE_CONV_2D with SAME padding and multiplier 1, weights `[1, kh, kw, channels]`."""
    _, kernel_height, kernel_width, _ = weights.shape
    padded = _padded(source, (kernel_height, kernel_width), stride)
    height, width = (-(-source.shape[i + 1] // stride[i]) for i in (0, 1))
    total = np.zeros((source.shape[0], height, width, source.shape[3]), np.int64)
    for y in range(kernel_height):
        for x in range(kernel_width):
            rows = slice(y, y + (height - 1) * stride[0] + 1, stride[0])
            columns = slice(x, x + (width - 1) * stride[1] + 1, stride[1])
            total += padded[:, rows, columns] * weights[0, y, x]
    return total


def multiply(source: Integers, weights: Integers) -> Integers:
    """FULLY_CONNECTED: `[N, in]` by weights `[out, in]`."""
    return _exact_product(source, weights)


def _exact_product(left: npt.NDArray[Any], right: Integers) -> Integers:
    """`left` by the transpose of `right`, through float64, which is what BLAS is fast at."""
    product: Integers = (left.astype(np.float64) @ right.T.astype(np.float64)).astype(np.int64)
    return product


def average(source: Integers) -> Integers:
    """The mean over height and width, halves away from zero: AVERAGE_POOL_2D over the whole map."""
    count = source.shape[1] * source.shape[2]
    total = source.sum(axis=(1, 2), keepdims=True)
    rounded: Integers = np.sign(total) * ((np.abs(total) + count // 2) // count)
    return rounded
