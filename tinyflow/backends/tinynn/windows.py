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


def tiles_lead_bytes(fields: Fields) -> int:
    """The same of a kernel with stride 1 that reads 3 * `groups` tiles of 2x2 pixels, then writes them."""
    height, width = fields["output_height"], fields["output_width"]
    columns = -(-width // 2)
    lot, tiles = 3 * fields["groups"], -(-height // 2) * columns
    given, made = int(fields["input_height"] * fields["input_width"]), height * width

    def first_read(tile: int) -> int:
        """The first pixel inside under a tile's windows; padding may lie above those of the next row of tiles, too."""
        if tile >= tiles:
            return given
        row, column = divmod(tile, columns)
        y, x = (max(2 * at - fields[side], 0) for at, side in ((row, "pad_top"), (column, "pad_left")))
        return min(int(y * fields["input_width"] + x), given)

    behind = []
    for end in [*range(lot, tiles, lot), tiles]:
        row, column = divmod(end - 1, columns)
        written = min(2 * row + 1, height - 1) * width + min(2 * column + 2, width)
        needed = min(first_read(end), first_read((row + 1) * columns), first_read((row + 2) * columns))
        behind += [
            (image * made + written) * fields["output_channels"] - (image * given + needed) * fields["input_channels"]
            for image in range(fields["batches"] - (end == tiles))  # behind the last tile nothing is read
        ]
    return int(max(behind, default=-given * fields["input_channels"]))
