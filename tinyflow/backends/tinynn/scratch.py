"""What kernels keep in scratch: in words, and in bytes by the fields of their struct."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tinyflow.backends.tinynn.calls import WORD_BYTES
from tinyflow.backends.tinynn.layer import Fields
from tinyflow.backends.tinynn.layouts import MVE_CHANNELS, MVE_STEP, RVV_LANES, rounded_up


@dataclass(frozen=True)
class Scratch:
    """What a kernel keeps there, aligned to 4 bytes."""

    text: str
    size_bytes: Callable[[Fields], int]


NOTHING = Scratch("none", lambda f: 0)
CHANNEL_SUMS = Scratch("the sums of one pixel", lambda f: WORD_BYTES * f["output_channels"])
POOL_SUMS = Scratch("the sums of one pixel", lambda f: WORD_BYTES * f["channels"])
ROW_SUMS = Scratch("sums that stay from call to call", lambda f: WORD_BYTES * f["rows"]["channels"])
HALF_SUMS = Scratch("the sums of one pixel, in 16 bits, vectors filled up", lambda f: 2 * rounded_up(f["channels"], 8))
EXPONENTIALS = Scratch("the exponentials of one row", lambda f: WORD_BYTES * f["columns"])
WIDENED = Scratch(
    "inputs in 16 bits, as many as there is room for, in groups of eight", lambda f: 2 * (f["widened"] & ~7)
)


def within(struct: str, scratch: Scratch) -> Scratch:
    """The same, of a kernel in whose struct that struct is one field."""
    return Scratch(scratch.text, lambda f: scratch.size_bytes(f[struct]))


def inputs_filled_up(multiple: int) -> Scratch:
    """Of FULLY_CONNECTED."""
    return Scratch(
        "inputs filled up, where they are not whole steps",
        lambda f: rounded_up(f["inputs"], multiple) if f["inputs"] % multiple else 0,
    )


INT16_FILLED_UP = Scratch(
    "inputs filled up, where they are not whole steps",
    lambda f: 2 * rounded_up(f["inputs"], 4) if f["inputs"] % 4 else 0,
)


INT16_ARRANGED = Scratch("inputs as rows meet them, whole eights", lambda f: 2 * (f["inputs"] & ~7))


def _wide(count: int) -> int:
    """Bytes of so many numbers of 16 bits, whole eights of them."""
    return 2 * rounded_up(count, 8)


CANDIDATES = Scratch(
    "a score and a place for each box, and the boxes that were taken",
    lambda f: WORD_BYTES * (2 * f["boxes"] + 4 * f["most_taken"]),
)
SVDF_FEATURES = Scratch(
    "inputs in 16 bits, features", lambda f: _wide(f["inputs"]) + WORD_BYTES * f["units"] * f["rank"]
)
LSTM_STEP = Scratch("inputs and state of a step in 16 bits", lambda f: _wide(f["inputs"]) + _wide(f["cells"]))

# DEPTHWISE_CONV_2D


def _plane(f: Fields) -> tuple[int, int]:
    """Rows and columns of what the kernel sees of one channel, padding included."""
    height, width = (
        (f[f"output_{size}"] - 1) * f[f"stride_{axis}"] + (f[f"kernel_{size}"] - 1) * f[f"dilation_{axis}"] + 1
        for size, axis in (("height", "y"), ("width", "x"))
    )
    return height, width


def plane_elements(f: Fields) -> int:
    """Of one channel with its padding."""
    rows, columns = _plane(f)
    return rows * columns


def _wide_bytes(f: Fields) -> int:
    rows, columns = _plane(f)
    return 2 * rows * rounded_up(columns, 2)


def _wide_bytes_and_more(f: Fields) -> int:
    pairs: int = f["kernel_height"] * (f["kernel_width"] // 2 + 1)
    return _wide_bytes(f) + 2 * (rounded_up(3 * f["stride_x"], 2) + 2) + 2 * WORD_BYTES * pairs


PLANE = Scratch("one channel with its padding", plane_elements)
PLANE_AND_MORE = Scratch(
    "one channel with its padding, and what is read behind it", lambda f: plane_elements(f) + 3 * f["stride_x"]
)
WIDE_PLANE = Scratch("one channel with its padding, 16 bits for each value, even columns", _wide_bytes)
WIDE_PLANES = Scratch(
    "four channels with their padding, 16 bits for each value, even columns", lambda f: 4 * _wide_bytes(f)
)
WIDE_PLANE_AND_MORE = Scratch(
    "one channel with its padding in 16 bits, what is read behind it, pairs of taps", _wide_bytes_and_more
)


def _word_rows_bytes(f: Fields) -> int:
    """Of rows in words those that are read behind the last output, too."""
    length = rounded_up(max(f["output_height"], f["output_width"]), 5)
    return WORD_BYTES * (3 * (length + 2) + length) + plane_elements(f)


PLANE_AND_WORDS = Scratch("one channel with its padding, three of its rows as words, sums of a row", _word_rows_bytes)


def _wide_rows_bytes(f: Fields) -> int:
    """With rows for columns where there are more outputs along them."""
    lengths, outputs = _plane(f), (f["output_height"], f["output_width"])
    rows, columns = lengths if outputs[0] <= outputs[1] else lengths[::-1]
    return 2 * rows * rounded_up(columns, 2) + WORD_BYTES * (int(max(outputs)) + 1)


WIDE_PLANE_AND_SUMS = Scratch(
    "one channel with its padding, 16 bits for each value, along its longer side; sums of a row", _wide_rows_bytes
)


def pairs_of_taps(f: Fields) -> int:
    """Of dsp/row.h: with a tap of zeros at least, in chunks of three."""
    return rounded_up(f["kernel_width"] // 2 + 1, 3)


def _wide_row_bytes(f: Fields) -> int:
    pairs = pairs_of_taps(f)
    columns: int = 2 * -(-f["output_width"] // 4) - 1 + pairs
    return WORD_BYTES * (4 * pairs + 4 * columns)


WIDE_ROW = Scratch("pairs of taps of two channels, pairs of columns of four", _wide_row_bytes)
# taps.h
TAP_PLACES = Scratch(
    "where a pixel's taps lie, inside and at an edge; a pixel of padding",
    lambda f: 2 * WORD_BYTES * f["kernel_height"] * f["kernel_width"] + f["input_channels"],
)

TAP_LISTS = Scratch(
    "where a pixel's taps lie, inside and at an edge", lambda f: 16 * f["kernel_height"] * f["kernel_width"]
)


def three_rows(multiple: int) -> Scratch:
    """Of rows3x3.h, for channels filled up."""
    return Scratch(
        "three rows of the input with their padding",
        lambda f: 3 * _plane(f)[1] * rounded_up(f["input_channels"], multiple),
    )


# CONV_2D


def columns_of_lanes(f: Fields, lanes: int) -> int:
    """Columns of the input under the kernels of so many neighbouring pixels."""
    return int((min(f["output_width"], lanes) - 1) * f["stride_x"] + f["kernel_width"])


COLUMNS = Scratch(
    "the values under the kernels of up to 32 pixels, channel by channel",
    lambda f: f["kernel_height"] * f["input_channels"] * columns_of_lanes(f, RVV_LANES),
)


@dataclass(frozen=True)
class Tile:
    """What a kernel for CONV_2D computes at once."""

    pixels: int
    channels: int
    patch: Callable[[Fields], int]
    """Bytes of one pixel's values under the window; 0 where they lie side by side in the input."""
    edges: Callable[[Fields], int] = lambda f: 0
    """And of rows at the input's edge."""
    output_bytes: int = 1
    """Of one output."""

    def patches(self, f: Fields) -> int:
        """Bytes of all values under the windows of its pixels."""
        return self.pixels * self.patch(f) + self.edges(f)

    @property
    def scratch(self) -> Scratch:
        """With a place aside for outputs."""
        return Scratch(
            "each pixel's values under the window; a place aside for outputs, where tiles reach over the last ones",
            lambda f: self.patches(f) + self._aside(f),
        )

    def _aside(self, f: Fields) -> int:
        outputs, pixels = f["output_channels"], f["batches"] * f["output_height"] * f["output_width"]
        is_whole = outputs % self.channels == pixels % self.pixels == self.edges(f) == 0
        return 0 if is_whole else self.pixels * rounded_up(outputs, self.channels) * self.output_bytes


def _has_window(f: Fields) -> bool:
    return (f["kernel_height"], f["kernel_width"]) != (1, 1)


def products_of(f: Fields, multiple: int = 1) -> int:
    """Products of one output, filled up."""
    return rounded_up(f["kernel_height"] * f["kernel_width"] * f["input_channels"], multiple)


def products_of_rows(f: Fields) -> int:
    """The same, each row of the kernel filled up to fours."""
    return int(f["kernel_height"] * rounded_up(f["kernel_width"] * f["input_channels"], 4))


def _window(f: Fields) -> int:
    return products_of(f) if _has_window(f) else 0


def _whole_steps(f: Fields) -> int:
    steps = rounded_up(products_of(f), MVE_STEP)
    return steps if _has_window(f) or steps != products_of(f) else 0


def _edge_rows(f: Fields) -> int:
    return 4 * int(f["kernel_width"] * f["input_channels"]) if _has_window(f) else 0


def _edges_and_windows(f: Fields) -> int:
    is_split = f["kernel_height"] > 1 and f["kernel_width"] * f["input_channels"] % 4 != 0
    return _edge_rows(f) + (3 * products_of(f, 4) if is_split else 0)


def _fields_bytes(f: Fields) -> int:
    tile = TILES["rv32_fields"]
    return tile.scratch.size_bytes(f) + (f["input_channels"] if _has_window(f) else 0)


BATCH = Scratch("a batch's inputs in int8", lambda f: f["input_height"] * f["input_width"] * f["input_channels"])
# float32: four pixels at once
FLOAT32_PATCHES = Scratch(
    "each pixel's values under the window",
    lambda f: 0 if _is_pointwise(f) else 4 * WORD_BYTES * products_of(f),
)


def _is_pointwise(f: Fields) -> bool:
    """Whether each output pixel is computed from the input pixel at its place alone."""
    return not _has_window(f) and all(f[f"input_{size}"] == f[f"output_{size}"] for size in ("height", "width"))


TILES: Mapping[str, Tile] = {
    "ref": Tile(1, 1, products_of),
    "c": Tile(2, 2, _window),
    "rv32": Tile(4, 4, _window),
    "dsp": Tile(3, 2, lambda f: 2 * products_of(f, 4), _edges_and_windows),
    "mve": Tile(2, MVE_CHANNELS, _whole_steps),
    "neon": Tile(2, MVE_CHANNELS, _whole_steps),
    "rvv": Tile(6, 1, _window),
    "armv6m": Tile(5, 1, _window),
    "mac16": Tile(10, 1, lambda f: products_of(f, 4)),
    "rv32_fields": Tile(6, 2, lambda f: 2 * products_of(f)),
}
FIELDS = Scratch(
    "pairs of pixels' values under the window in 16 bits; a pixel of padding; "
    "a place aside for outputs, where tiles reach over the last ones",
    _fields_bytes,
)

WORDS = Scratch(
    "each pixel's values under the window, as bytes and as words; a place aside for outputs, where tiles reach over "
    "the last ones",
    lambda f: TILES["armv6m"].scratch.size_bytes(f) + TILES["armv6m"].pixels * WORD_BYTES * products_of(f),
)


def halves_bytes(pixels: int, products: int) -> int:
    """Of so many pixels' values and of a channel's weights (mac16.h), and a word."""
    return 2 * (pixels + 1) * rounded_up(products, 4) + WORD_BYTES


HALVES = Scratch(
    "each pixel's values under the window in 16 bits, and those of one as bytes; a channel's weights in 16 bits",
    lambda f: (
        halves_bytes(TILES["mac16"].pixels, products_of(f))
        + (products_of(f, 4) if _has_window(f) or f["input_channels"] % 4 else 0)
    ),
)
HALVES_OF_INPUTS = Scratch("inputs in 16 bits", lambda f: 2 * rounded_up(f["inputs"], 4) + WORD_BYTES)


def row_words(f: Fields) -> int:
    """Words of two values of a row of the kernel in dsp/lines.h."""
    return int(-(-f["kernel_width"] * f["input_channels"] // 2))


def _lines_bytes(f: Fields) -> int:
    rows, channels, words = f["kernel_height"], f["input_channels"], row_words(f)
    seen = (rounded_up(f["output_width"], 3) - 1) * f["stride_x"] * channels + 2 * words
    values = rounded_up(max(seen, (f["pad_left"] + f["input_width"]) * channels), 2)
    outputs = 3 * rounded_up(f["output_channels"], 2)
    return int(3 * WORD_BYTES * rounded_up(rows * words, 2) + 2 * rows * values + outputs)


LINES = Scratch(
    "three pixels' values under the window, outputs aside, lines of the input with their padding in 16 bits",
    _lines_bytes,
)
INT16_TILES: Mapping[str, Tile] = {
    "c": Tile(2, 2, lambda f: 2 * _window(f), output_bytes=2),
    "rv32": Tile(2, 4, lambda f: 2 * _window(f), output_bytes=2),
    "dsp": Tile(3, 2, lambda f: 2 * products_of_rows(f), lambda f: 2 * _edge_rows(f), output_bytes=2),
}
