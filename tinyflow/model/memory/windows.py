"""How far a kernel that walks from pixel to pixel must write before what it still reads."""

from __future__ import annotations

import numpy as np

# height, width, bytes of a pixel
Map = tuple[int, int, int]


def lead_bytes(
    source: Map, output: Map, stride: tuple[int, int], before: tuple[int, int], at_once: int, batches: int = 1
) -> int:
    """Bytes that the output begins before the input, at least, so that no pixel overwrites what a later one reads.

    `at_once` pixels are read, then written. Less than 0: so many bytes behind it. The first row and column under a
    pixel's window that lie inside decide (`before`: padding above and to the left); what is put aside needs less.
    """
    (height, width, read), (output_height, output_width, written) = source, output
    # pixels of the input that lie before all that is read from a pixel of the output on
    rows = (np.arange(output_height) * stride[0] - before[0]).clip(0, height)
    columns = (np.arange(output_width) * stride[1] - before[1]).clip(0, width)
    firsts = (rows[:, None] * width + columns).reshape(1, -1)
    every = (np.arange(batches)[:, None] * (height * width) + firsts).reshape(-1)
    needed = np.minimum.accumulate(every[::-1])[::-1]
    behind = np.minimum(np.arange(len(needed)) + at_once, len(needed))
    return int((behind * written - needed * read).max())
