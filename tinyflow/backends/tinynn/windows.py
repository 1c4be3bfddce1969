"""How far a kernel that walks from pixel to pixel must write before what it still reads."""

from __future__ import annotations

import numpy as np

from tinyflow.backends.tinynn.layer import Fields


def lead_bytes(fields: Fields, at_once: int, element_bytes: int) -> int:
    """Bytes that the output begins before the input, at least, so that no pixel overwrites what a later one reads.

    `at_once` pixels are read, then written. Less than 0: so many bytes behind it. The first row and column under a
    pixel's window that lie inside decide; what is put aside in scratch needs less than that.
    """
    height, width = fields["input_height"], fields["input_width"]
    read, written = (fields.get(f"{side}_channels", fields.get("channels")) for side in ("input", "output"))
    # pixels of the input that lie before all that is read from a pixel of the output on
    rows = np.arange(fields["output_height"]) * fields["stride_y"] - fields["pad_top"]
    columns = np.arange(fields["output_width"]) * fields["stride_x"] - fields["pad_left"]
    firsts = rows.clip(0, height)[:, None] * width + columns.clip(0, width)
    batches = np.arange(fields["batches"])[:, None] * (height * width)
    firsts = (batches + firsts.reshape(1, -1)).reshape(-1)
    needed = np.minimum.accumulate(firsts[::-1])[::-1]
    behind = np.minimum(np.arange(len(needed)) + at_once, len(needed))
    return int((behind * written - needed * read).max()) * element_bytes
