"""The elements under a sliding window, position by position."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tinyflow.model.weighted import Window

T = TypeVar("T", bound=np.generic)


def windows(source: npt.NDArray[T], window: Window, padding: int) -> npt.NDArray[T]:
    """[N, H, W, C] and what stands in the padding → a view [N, rows, columns, kh, kw, C]."""
    around = [(0, 0), *zip(window.before, window.after, strict=True), (0, 0)]
    padded = np.pad(source, around, constant_values=padding)
    reach = tuple((size - 1) * spread + 1 for size, spread in zip(window.size, window.dilation, strict=True))
    every = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(1, 2))
    taken = every[:, :: window.stride[0], :: window.stride[1], :, :: window.dilation[0], :: window.dilation[1]]
    under: npt.NDArray[T] = taken.transpose(0, 1, 2, 4, 5, 3)
    return under
