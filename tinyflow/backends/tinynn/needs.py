"""What kernels need of a layer, to compute it exactly and at all: questions on its fields, its weights and its scales.

tinyc asks them of each layer. tinyi asks those on fields, and on the chip answers for weights by bounds of its own,
which are quicker and stricter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tinyflow.backends.tinynn import layouts, lines, packs, short, winograd
from tinyflow.backends.tinynn.layer import Fields, Layer
from tinyflow.backends.tinynn.linear import linear
from tinyflow.backends.tinynn.scratch import columns_of_lanes, products_of

# TINYNN_NARROW_WINDOW of tinynn.h: elements whose sum has 16 bits
NARROW_WINDOW = 255
# elements from which on a table of 256 bytes in flash is a good price for its speed
WORTH_A_TABLE = 64
# and one of 1 KiB
_WORTH_EXPONENTIALS = 128
# bytes from which on a call of memcpy for each row is as good
_LONG = 16
# of the instructions, below which a twentieth more flash and two times the scratch are a good price
_WORTH_PERCENT = 95
# of an output, from which on words of five pixels are too much scratch
_MOST_WORDS = 320
# and the same of ten pixels in 16 bits
_MOST_HALVES = 640
# in the registers of src/rvv/conv2d_columns.c
_MOST_COLUMNS = 128
# of src/c/transpose.c
_BLOCK = 4
# of src/mve/gather.c, of which eight must stay below 2**16
_LARGEST_MVE_STRIDE = 1 << 13
_SMALLEST_RIGHT_SHIFT = -layouts.LARGEST_RIGHT_SHIFT


@dataclass(frozen=True)
class Need:
    """A condition on a layer: in words, and as a function that gives the reason against a layer or None."""

    text: str
    why_not: Callable[[Layer], str | None]
    is_on_fields: bool = False
    """Whether shapes and the like decide, no weights or scales of channels."""
    is_told: bool = False
    """Whether a layer without it is told why, although the same variant computes it."""


def _on_fields(text: str, holds: Callable[[Fields], bool], refusal: str = "") -> Need:
    return Need(text, lambda layer: None if holds(layer.fields) else refusal or f"not {text}", is_on_fields=True)


# of channels: see layouts.py for what they prove
RIGHT_SHIFTS = Need(
    f"scales below 1/2, 2^-{layouts.LARGEST_RIGHT_SHIFT + 1} at least; sums of 30 bits",
    lambda layer: layouts.why_not_right(layer.rows, layer.channels, layer.fields["output_zero_point"]),
)
ANY_SHIFTS = Need(
    "sums of 30 bits; channels of other scales than right shifts take are rescaled by the definition",
    lambda layer: layouts.why_not_right_where_possible(layer.rows, layer.channels, layer.fields["output_zero_point"]),
)
LINES, ARMV6M_LINES = (
    Need(
        "a rescaling that one multiplication does, for every sum", partial(lines.why_not_lines, line=line), is_told=True
    )
    for line in (lines.RV32, lines.ARMV6M)
)
HALVED = Need("scales below 1/2", lambda layer: layouts.why_not_halved(layer.channels))
CHANNEL_PAIRS = Need(
    "every other channel's sums of 23 bits, no -128 above a negative weight",
    lambda layer: layouts.why_not_pairs(layer.rows),
)


def _short(kind: short.Kind) -> Need:
    text = "no outputs below zero, in steps that the short form of requantisation gives"
    return Need(text, lambda layer: short.why_not_short(layer, kind))


SMALL_SUMS = Need("sums of 23 bits", lambda layer: layouts.why_not_small_sums(layer.rows, layer.channels))
SHORT_EIGHTS = Need(
    "no outputs below zero, in steps that the short form of requantisation gives by eights", short.why_not_short_eights
)
SHORT_PAIRS, SHORT_PLANES = _short(short.PAIRS), _short(short.PLANES)
TAP_PAIRS = Need("no two weights of -128 side by side", lambda layer: layouts.why_not_tap_pairs(layer.rows))
HALVES_OF_STEPS = Need(
    "no two weights of -128 eight products apart",
    lambda layer: layouts.why_not_tap_pairs(layer.rows, layouts.MVE_STEP // 2),
)
NARROW_SUMS = Need(
    "biases of int64, scales below 1/4, sums of 32 bits",
    lambda layer: layouts.why_not_narrow(layer.rows, layer.channels),
)


def _why_not_fields(layer: Layer) -> str | None:
    """By instructions of rv32/fields6x2.S and of rv32/tile4x4.S for the whole layer."""
    f = layer.fields
    products, outputs = layer.rows.shape[1], len(layer.rows)
    pixels = f["batches"] * f["output_height"] * f["output_width"]
    runs = [length for block in layouts.runs_in_fields(layer.rows, 2) for length in block]
    # of short rows of a window more for each value
    channels, has_window = f["input_channels"], f["kernel_height"] * f["kernel_width"] > 1
    gathered, copied = (20 + 50 // channels, 14 + 16 // channels) if has_window else (18, 0)
    by_fields = -(-outputs // 2) * (17 * products + 155) + 25 * len(runs) + gathered * products + 180
    by_tiles = -(-outputs // 4) * (42 * products + 226) + copied * products + 115
    if 100 * -(-pixels // 6) * by_fields < _WORTH_PERCENT * -(-pixels // 4) * by_tiles:
        return None
    return f"sums of 16 bits, for {sum(runs) / len(runs):.1f} products each, take as many instructions"


LONG_RUNS = Need("weights so small that sums of 16 bits take fewer instructions", _why_not_fields, is_told=True)

NOT_BELOW_ZERO = _on_fields("no outputs below the zero point", lambda f: f["lowest"] >= f["output_zero_point"])

# of an LSTM
SUMS_HAVE_ROOM = Need(
    "sums that are scaled by 2^-14 at least and don't leave 32 bits, products that are scaled down",
    lambda layer: layouts.why_no_room(layer.fields),
)

# of windows
IS_SINGLE = _on_fields(
    "one output for each channel", lambda f: f["depth_multiplier"] == 1, "several outputs for each channel"
)
# tinyi, which reads planes as the file has them, doesn't ask
SEVERAL_PIXELS = Need(
    "more than one output pixel",
    lambda layer: "one output pixel" if layer.fields["output_height"] * layer.fields["output_width"] == 1 else None,
)
COLUMNS_NOT_DILATED = _on_fields(
    "no dilation of columns", lambda f: f["dilation_x"] == 1, refusal="dilation of columns"
)
TAPS_3X3 = _on_fields(
    "3x3 taps for each channel, no dilation",
    lambda f: (
        f["kernel_height"] == f["kernel_width"] == 3
        and f["depth_multiplier"] == f["dilation_y"] == f["dilation_x"] == 1
    ),
)
WHOLE_STEPS_3X3 = _on_fields(
    "3x3 taps side by side, neighbouring columns; input channels in whole sixteens, output channels in pairs, columns "
    "in fours",
    lambda f: (
        f["kernel_height"] == f["kernel_width"] == 3
        and f["dilation_y"] == f["dilation_x"] == f["stride_x"] == 1
        and f["input_channels"] % layouts.MVE_STEP == f["output_channels"] % 2 == f["output_width"] % 4 == 0
    ),
)
FEW_CHANNELS = _on_fields(
    f"{layouts.RVV_LANES // 2} output channels at most, rows of outputs in vectors of {layouts.RVV_LANES}, nearly; "
    f"no dilation, at most {_MOST_COLUMNS} columns under a vector",
    lambda f: (
        f["output_channels"] <= layouts.RVV_LANES // 2
        and f["dilation_y"] == f["dilation_x"] == 1
        and 2 * (-f["output_width"] % layouts.RVV_LANES) <= f["output_width"]
        and columns_of_lanes(f, layouts.RVV_LANES) <= _MOST_COLUMNS
    ),
)
ONE_ROW = _on_fields(
    "one row, one output for each channel, stride 1, no dilation",
    lambda f: (
        f["input_height"] == f["output_height"] == f["kernel_height"] == f["depth_multiplier"] == 1
        and f["stride_x"] == f["dilation_x"] == 1
        and f["pad_top"] == 0
    ),
)
WHOLE_WINDOW = _on_fields(
    "one output pixel, whose window is the whole input; one output for each channel",
    lambda f: (
        all(f[f"input_{size}"] == f[f"kernel_{size}"] and f[f"output_{size}"] == 1 for size in ("height", "width"))
        and f["depth_multiplier"] == f["dilation_y"] == f["dilation_x"] == 1
        and f["pad_top"] == f["pad_left"] == 0
    ),
)
WHOLE_EIGHTS = _on_fields(
    "inputs in whole fours, outputs in whole eights", lambda f: f["inputs"] % 4 == f["outputs"] % 8 == 0
)
WHOLE_FOURS = _on_fields("channels in whole fours", lambda f: f["input_channels"] % 4 == 0)
STRIDE_OF_TWO = _on_fields("a stride of 2 at most", lambda f: f["stride_x"] <= 2)
WHOLE_FIVES = _on_fields(
    "stride 1, ten outputs along the longer side at least, in whole fives, nearly",
    lambda f: (
        f["stride_y"] == f["stride_x"] == 1
        and max(f["output_height"], f["output_width"]) >= 10
        and 4 * (-max(f["output_height"], f["output_width"]) % 5) <= max(f["output_height"], f["output_width"])
    ),
)
STRIDES_OF_TWO = _on_fields("strides of 2 at most", lambda f: max(f["stride_y"], f["stride_x"]) <= 2)
FOUR_CHANNELS = _on_fields("4 channels at least", lambda f: f["channels"] >= 4)
IS_NARROW = _on_fields(
    f"{NARROW_WINDOW} elements in a window at most", lambda f: f["kernel_height"] * f["kernel_width"] <= NARROW_WINDOW
)


def _has_no_left_shift(fields: Fields) -> bool:
    shifts: list[int] = [fields[f"{part}_multiplier_shift"] for part in ("left", "right", "output")]
    return max(shifts) <= 0 and min(shifts) >= -31 and fields["left_shift"] == 20


def _has_whole_input(fields: Fields) -> bool:
    halves = [(fields[f"{side}_multiplier"], fields[f"{side}_multiplier_shift"]) for side in ("left", "right")]
    is_down = all(_SMALLEST_RIGHT_SHIFT <= shift <= 0 for _, shift in halves)
    is_down = is_down and _SMALLEST_RIGHT_SHIFT <= fields["output_multiplier_shift"] <= -1
    # a scale of less than 2**-32 of the other's has the multiplier 0, which the kernels don't compute with
    return is_down and (1 << 30, 0) in halves and all(halves[side][0] for side in (0, 1)) and fields["left_shift"] == 20


ONE_CHANNEL = _on_fields(
    "one input channel, several columns of the kernel, no dilation",
    lambda f: f["input_channels"] == f["dilation_y"] == f["dilation_x"] == 1 < f["kernel_width"],
)
# of several input channels kernels read words where rows are some
BROKEN_WORDS = _on_fields(
    "several rows of the kernel that are no whole words, no dilation",
    lambda f: (
        f["kernel_width"] * f["input_channels"] % 4 != 0
        and f["dilation_y"] == f["dilation_x"] == 1 < f["kernel_height"]
    ),
)
WHOLE_THREES = _on_fields(
    "rows of outputs in whole threes, nearly",
    lambda f: 10 * (-f["output_width"] % 3) <= f["output_width"],
)
FEW_PRODUCTS = _on_fields(f"{_MOST_WORDS} products of an output at most", lambda f: products_of(f) <= _MOST_WORDS)
MOST_HALVES = _on_fields(f"{_MOST_HALVES} products of an output at most", lambda f: products_of(f) <= _MOST_HALVES)
WINOGRAD_SHAPES = _on_fields(
    "3x3 taps, stride 1, no dilation, input channels in whole eights, even output channels", winograd.is_possible
)
WINOGRAD_SUMS = Need("four times the sums of 32 bits", lambda layer: winograd.why_not_winograd(layer.rows))
UNGROUPED = _on_fields("no groups", lambda f: f["groups"] == 1)

# of operators of two inputs
NO_LEFT_SHIFT = _on_fields("nothing scaled up", _has_no_left_shift)
WHOLE_INPUT = _on_fields("one input's multiplier 1/2, the sum scaled down", _has_whole_input)
SMALLER_INPUT = _on_fields(
    "the other input's multiplier below 1/2",
    lambda f: any(f[f"{side}_multiplier_shift"] < 0 for side in ("left", "right")),
)
SCALED_DOWN = _on_fields(
    f"the product, of 17 bits, scaled down by 2^-{layouts.LARGEST_RIGHT_SHIFT} at most",
    lambda f: _SMALLEST_RIGHT_SHIFT <= f["output_multiplier_shift"] <= -1,
)
PRODUCT_HALVED = _on_fields("the product scaled down", lambda f: -31 <= f["output_multiplier_shift"] <= -1)
DENSE_ROWS = _on_fields(
    "no repetition along the last axis",
    lambda f: f["broadcast"]["left_strides"][-1] == f["broadcast"]["right_strides"][-1] == 1,
)

# of the others
MANY_ELEMENTS = _on_fields(f"{WORTH_A_TABLE} elements at least", lambda f: f["elements"] >= WORTH_A_TABLE)
MANY_EXPONENTIALS = _on_fields(
    f"{_WORTH_EXPONENTIALS} elements at least", lambda f: f["rows"] * f["columns"] >= _WORTH_EXPONENTIALS
)
SHORT_ROWS = _on_fields(f"rows below {_LONG} bytes", lambda f: f["bytes"] < _LONG)
DENSE = _on_fields("the last axis dense in the input", lambda f: f["strides"][-1] == 1)
NOT_DENSE = _on_fields("the last axis not dense in the input", lambda f: f["strides"][-1] != 1)
LONG = _on_fields(f"a last axis of {_LONG} bytes at least", lambda f: f["shape"][-1] >= _LONG)
THREE_GROUPS = _on_fields(
    "one group of neighbouring axes reduced, between two others", lambda f: len(packs.groups_of_axes(f)) <= 3
)
NEAR = _on_fields(
    f"a step forward of less than {_LARGEST_MVE_STRIDE} bytes", lambda f: 0 < f["strides"][-1] < _LARGEST_MVE_STRIDE
)
TRANSPOSED = _on_fields(
    f"the last two axes exchanged, all sizes multiples of {_BLOCK}",
    lambda f: (
        f["strides"][3] == 1
        and all(value % _BLOCK == 0 for value in (*f["strides"][:3], f["strides"][-1], *f["shape"][3:], f["offset"]))
    ),
)


def is_linear(operator: str, shift: int, places: int) -> Need:
    """Whether ADD or SUB is a linear function with so many fraction bits."""
    text = f"a linear function with {shift} fraction bits for every pair of values"
    return _on_fields(text, lambda f: linear(operator, f, shift, places) is not None)
