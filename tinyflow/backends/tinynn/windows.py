"""How far the output of a layer must begin before its input, by the fields of its struct."""

from __future__ import annotations

from tinyflow.backends.tinynn.layer import Fields
from tinyflow.model.memory import windows


def lead_bytes(fields: Fields, at_once: int, element_bytes: int) -> int:
    """See `windows.lead_bytes`."""
    read, written = (
        (
            fields[f"{side}_height"],
            fields[f"{side}_width"],
            fields.get(f"{side}_channels", fields.get("channels")) * element_bytes,
        )
        for side in ("input", "output")
    )
    stride, before = (fields["stride_y"], fields["stride_x"]), (fields["pad_top"], fields["pad_left"])
    return windows.lead_bytes(read, written, stride, before, at_once, fields["batches"])


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
