"""The elements under a sliding window, position by position."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tinyflow.model.weighted import Window

T = TypeVar("T", bound=np.generic)
# Elements under all positions of a window, and of its padded input: far above any layer of a network for
# microcontrollers, and a fraction of a second. A file of 1 KB can ask for any number.
_MOST_ELEMENTS = 1 << 24


def windows(source: npt.NDArray[T], window: Window, padding: int) -> npt.NDArray[T]:
    """[N, H, W, C] and what stands in the padding → a view [N, rows, columns, kh, kw, C].

    ValueError where that is more than could be looked at.
    """
    around = [(0, 0), *zip(window.before, window.after, strict=True), (0, 0)]
    sizes = [size + before + after for size, (before, after) in zip(source.shape, around, strict=True)]
    if math.prod(sizes) > _MOST_ELEMENTS:
        raise ValueError(f"a padded input of {math.prod(sizes)} elements")
    padded = np.pad(source, around, constant_values=padding)
    reach = tuple((size - 1) * spread + 1 for size, spread in zip(window.size, window.dilation, strict=True))
    every = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(1, 2))
    taken = every[:, :: window.stride[0], :: window.stride[1], :, :: window.dilation[0], :: window.dilation[1]]
    if taken.size > _MOST_ELEMENTS:
        raise ValueError(f"windows of {taken.size} elements")
    under: npt.NDArray[T] = taken.transpose(0, 1, 2, 4, 5, 3)
    return under
