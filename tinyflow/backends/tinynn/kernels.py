"""All kernels of the runtime tinynn, and which of them computes a layer.

tinyc calls the one that is chosen here; tinyi asks for scratch, tiles and what may lie in place, as its C counts on it.
docs/kernel-table.md is this table; tests/runtimes holds variants equal to ref, and walks to what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache

from tinyflow.backends.tinynn import layouts, needs, packs, scratch, short, winograd
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.int4 import of_four_bits
from tinyflow.backends.tinynn.kernel import Kernel, Walk
from tinyflow.backends.tinynn.layer import Layer
from tinyflow.backends.tinynn.layouts import Array
from tinyflow.backends.tinynn.linear import SMLAW_PLACES
from tinyflow.backends.tinynn.needs import Need
from tinyflow.backends.tinynn.scratch import Scratch
from tinyflow.backends.tinynn.variants import VARIANTS

Needs = tuple[Need, ...]
VECTORS = ("mve", "rvv")
# operators whose code takes more flash than a table and its reading
_LARGER_THAN_A_TABLE = ("logistic", "tanh", "hard_swish")
# and those for which it is only faster
_WORTH_IT = ("requantise", "requantise_uint8", "leaky_relu", "abs", "rsqrt")

_RIGHT, _PAIRS, _HALVED = needs.RIGHT_SHIFTS, needs.CHANNEL_PAIRS, needs.HALVED
_TAPS, _3X3 = needs.TAP_PAIRS, needs.TAPS_3X3


def _conv2d(variant: str, required: Needs, pack: packs.Pack) -> Kernel:
    tile = scratch.TILES[variant]
    return Kernel("conv2d", variant, "conv2d", "pixels", required, pack, tile.scratch, at_once=tile.pixels)


def _elementwise(name: str, struct: str, **variants: Needs) -> Iterator[Kernel]:
    """Operators of two inputs, of equal shapes and broadcast."""
    for variant, required in {**variants, "ref": ()}.items():
        yield Kernel(name, variant, struct, "elements", required, in_place=(0, 1))
        dense = required if variant == "ref" else (*required, needs.DENSE_ROWS)
        yield Kernel(f"{name}_broadcast", variant, struct, "elements", dense)


def _linear(operator: str, variant: str, how: str, shift: int, places: int) -> Kernel:
    """ADD or SUB by the same function, in so many fraction bits."""
    need, pack = needs.is_linear(operator, shift, places), packs.linear_of(operator, shift, places)
    name = f"add_{how}_{variant}"
    return Kernel(operator, variant, "add_linear", "elements", (need,), pack, in_place=(0, 1), name=name)


def _refs(struct: str, walk: Walk, *operators: str, in_place: tuple[int, ...] = ()) -> list[Kernel]:
    return [Kernel(operator, "ref", struct or operator, walk, in_place=in_place) for operator in operators]


def _depthwise(variant: str, walk: Walk, required: Needs, arrays: packs.Arrays, held: Scratch) -> Kernel:
    """For any taps, or some alone. Planes, and the three rows of 3x3, are read before they are written."""
    special = {_3X3: "3x3", needs.ONE_ROW: "_row", needs.WHOLE_WINDOW: "_pixel"}
    name = f"depthwise{''.join(special.get(need, '') for need in required)}_{variant}"
    in_place = (0,) if walk == "planes" or _3X3 in required else ()
    return Kernel("depthwise", variant, "depthwise", walk, required, packs.packed(arrays), held, in_place, name=name)


def _fully_connected(variant: str, required: Needs, pack: packs.Pack, held: Scratch = scratch.NOTHING) -> Kernel:
    return Kernel("fully_connected", variant, "fully_connected", "all", required, pack, held)


def _rows(variant: str, required: Needs, held: Scratch = scratch.NOTHING) -> Kernel:
    return Kernel("rows", variant, "rows", "all", required, scratch=held)


def _one_scale(variant: str, pack: packs.Pack) -> Kernel:
    """The same function for a layer with one scale for all outputs."""
    kernel = next(one for one in _FULLY_CONNECTED if one.variant == variant)
    return replace(kernel, operator=ONE_SCALE, pack=pack, name=f"fully_connected_{variant}")


def _lookup(variant: str, operator: str, required: Needs = ()) -> Kernel:
    """Any function of one int8 value by the table of its results."""
    pack = packs.table_of(operator)
    return Kernel(operator, variant, "lookup", "elements", required, pack, in_place=(0,), name=f"lookup_{variant}")


# an operator of its own: FULLY_CONNECTED with one scale for all outputs
ONE_SCALE = "fully_connected_by_tensor"
# and CONV_2D with the fields of winograd.offers
WINOGRAD = "conv2d_winograd"
# and those with more scratch
LINES, FOURS = "conv2d_lines", "depthwise_fours"
_MVE, _RVV = packs.packed(packs.mve_arrays), packs.packed(packs.rvv_arrays)
_DSP_ROWS = packs.packed(packs.dsp_fully_connected)
_FULLY_CONNECTED = (
    _fully_connected("mve", (_HALVED,), _MVE, scratch.inputs_filled_up(layouts.MVE_STEP)),
    _fully_connected("neon", (_HALVED, needs.HALVES_OF_STEPS), _MVE, scratch.inputs_filled_up(layouts.MVE_STEP)),
    _fully_connected("rvv", (_HALVED, _TAPS), _RVV),
    _fully_connected("dsp", (_RIGHT, _PAIRS), _DSP_ROWS, scratch.inputs_filled_up(4)),
    _fully_connected("c", (_RIGHT,), packs.tiled(4)),
    _fully_connected("ref", (), packs.packed(lambda layer: (layer.rows, layer.channels))),
)
_ADDS = {
    **dict.fromkeys(VECTORS, (needs.NO_LEFT_SHIFT,)),
    "dsp": (needs.SMALLER_INPUT, needs.WHOLE_INPUT),
    "c": (needs.WHOLE_INPUT,),
}
_MULS = {"mve": (needs.PRODUCT_HALVED,), "dsp": (needs.SCALED_DOWN,), "c": (needs.SCALED_DOWN,)}
# structs of operators whose reference kernels take several times as long as others; it matters where one is taken
_DEAR = ("conv2d", "depthwise", "fully_connected", "conv2d_float32", "depthwise_float32", "add", "mul", "minmax")
# float32: over rows, of one value, of two
_OF_ROWS = ("softmax", "log_softmax", "l2_normalization")
_OF_ONE = "leaky_relu elu hard_swish logistic tanh abs neg square sqrt rsqrt exp log sin cos floor ceil round"
_OF_TWO = "add sub mul div minimum maximum squared_difference floor_div floor_mod pow prelu"
_BY_TABLE = ("mve", "rvv", "c")
_INTEGERS = ("add", "sub", "mul", "div", "floor_div", "floor_mod", "squared_difference")
_COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")


def _conv2d_int16(variant: str, pack: packs.Pack) -> Kernel:
    tile, required = scratch.INT16_TILES[variant], (needs.NARROW_SUMS,)
    return Kernel("conv2d_int16", variant, "conv2d", "pixels", required, pack, tile.scratch, at_once=tile.pixels)


def _weighted_int16(operator: str, walk: Walk, arrays: packs.Arrays) -> Kernel:
    return Kernel(f"{operator}_int16", "ref", operator, walk, (), packs.packed_wide(arrays))


_INT16: Sequence[Kernel] = (
    _conv2d_int16("dsp", packs.packed(packs.dsp_conv2d_int16)),
    _conv2d_int16("rv32", packs.tiled_int16(4)),
    _conv2d_int16("c", packs.tiled_int16(2)),
    *(
        Kernel(
            "depthwise_int16",
            variant,
            "depthwise",
            "pixels",
            (needs.NARROW_SUMS, needs.IS_SINGLE),
            packs.packed(lambda layer: (packs.taps_last(layer)[0], packs.narrow_records(layer))),
            scratch.TAP_LISTS,
        )
        for variant in ("dsp", "c")
    ),
    *(
        Kernel("fully_connected_int16", variant, "fully_connected", "all", (needs.NARROW_SUMS,), pack, held)
        for variant, pack, held in (
            ("dsp", packs.packed(packs.dsp_fully_connected_int16), scratch.INT16_FILLED_UP),
            ("c", packs.tiled_int16(4), scratch.NOTHING),
        )
    ),
    _weighted_int16("conv2d", "pixels", lambda layer: (layer.weights, layer.channels)),
    _weighted_int16("depthwise", "pixels", packs.taps_last),
    _weighted_int16("fully_connected", "all", lambda layer: (layer.rows, layer.channels)),
    Kernel("transpose_conv_int16", "ref", "conv2d", "all"),
    *_refs("matmul", "all", "matmul_int16"),
    *_refs("pool", "pixels", "average_pool_int16", "max_pool_int16"),
    *_refs("mean", "all", "mean_int16"),
    *(
        Kernel(f"{name}{how}_int16", "ref", struct, "elements", in_place=() if how else (0, 1))
        for name, struct in {
            "add": "add",
            "sub": "add",
            "mul": "mul",
            **dict.fromkeys(("minimum", "maximum"), "minmax"),
        }.items()
        for how in ("", "_broadcast")
    ),
    *_refs("softmax", "rows", "softmax_int16", in_place=(0,)),
    *_refs("sigmoid_int16", "elements", "logistic_int16", "tanh_int16", in_place=(0,)),
    *_refs("leaky_relu", "elements", "leaky_relu_int16", in_place=(0,)),
    *_refs("requantise", "elements", "requantise_int16_int16", "requantise_int16_int8", in_place=(0,)),
    *_refs(
        "requantise",
        "elements",
        *(f"requantise_{how}" for how in ("int8_int16", "int8_int32", "int16_int32", "int32_int8", "int32_int16")),
    ),
    *_refs("affine", "elements", "quantise_int16", "dequantise_int16"),
)


def _convolves(name: str, required: Needs, pack: packs.Pack, operator: str = "conv2d") -> Kernel:
    """CONV_2D of pairs of channels, by patches, or by lines where the kernel's rows are a few values."""
    kernel = _conv2d("dsp", (_RIGHT, _PAIRS, *required), pack)
    held = scratch.LINES if "lines" in name else kernel.scratch
    return replace(kernel, operator=operator, scratch=held, name=f"conv2d_{name}")


def _by_lines(pack: Callable[[Layer], Array]) -> packs.Pack:
    return packs.with_records(lambda layer: pack(packs.in_lines(layer)))


_FEW, _SHORT = (needs.ONE_CHANNEL, needs.WHOLE_THREES), needs.SHORT_PAIRS
_BROKEN = (needs.BROKEN_WORDS, needs.WHOLE_THREES)
_LINES_PACK = packs.packed(packs.dsp_conv2d_lines)
_ONE_SIDED = (_RIGHT, _3X3, needs.NOT_BELOW_ZERO, needs.LINES)
_LINE = replace(
    _depthwise("rv32", "planes", _ONE_SIDED, packs.planes_of_lines, scratch.PLANE), name="depthwise3x3_line_rv32"
)
_ARMV6M_LINE, _MAC16_LINE = (
    replace(
        _depthwise(
            variant,
            "planes",
            (_RIGHT, _3X3, shapes, needs.ARMV6M_LINES),
            packs.planes_of_armv6m_lines,
            held,
        ),
        name=f"depthwise3x3_line_{variant}",
    )
    for variant, shapes, held in (
        ("armv6m", needs.WHOLE_FIVES, scratch.PLANE_AND_WORDS),
        ("mac16", needs.STRIDES_OF_TWO, scratch.WIDE_PLANE_AND_SUMS),
    )
)
_MAC16_RIGHT = replace(
    _MAC16_LINE,
    needs=_MAC16_LINE.needs[:-1],
    pack=packs.packed(packs.planes),
    name="depthwise3x3_right_mac16",
)
_PLANES = _depthwise("dsp", "planes", (_RIGHT, _3X3, needs.STRIDE_OF_TWO), packs.planes_in_words, scratch.WIDE_PLANE)
_SHORT_PLANES = replace(
    _PLANES,
    needs=(*_PLANES.needs, needs.SEVERAL_PIXELS, needs.SHORT_PLANES),
    pack=packs.with_records(short.planes3x3),
    name="depthwise3x3_short_dsp",
)


def _by_fours(kernel: Kernel) -> Kernel:
    name = kernel.name.replace("3x3", "3x3_fours")
    return replace(
        kernel,
        operator=FOURS,
        needs=(needs.WHOLE_FOURS, needs.SEVERAL_PIXELS, *kernel.needs),
        scratch=scratch.WIDE_PLANES,
        name=name,
    )


# of weights of four bits these have no form
_OF_BYTES: Sequence[Kernel] = (
    _LINE,
    _ARMV6M_LINE,
    _MAC16_LINE,
    _MAC16_RIGHT,
    _fully_connected("mac16", (_RIGHT, needs.SMALL_SUMS), packs.packed(packs.mac16_right), scratch.HALVES_OF_INPUTS),
    _convolves("lines_short_dsp", (*_FEW, _SHORT), _by_lines(short.pairs)),
    _convolves("short_dsp", (_SHORT,), packs.with_records(short.pairs)),
    replace(
        _conv2d("mve", (_HALVED, needs.WHOLE_STEPS_3X3), packs.packed(packs.mve_conv2d3x3)),
        scratch=scratch.three_rows(layouts.MVE_STEP),
        at_once=4,
        name="conv2d3x3_mve",
    ),
    replace(
        _conv2d("rvv", (_HALVED, needs.FEW_CHANNELS), packs.packed(packs.rvv_columns)),
        scratch=scratch.COLUMNS,
        at_once=layouts.RVV_LANES,
        name="conv2d_columns_rvv",
    ),
    replace(
        _conv2d("rv32", (_RIGHT, needs.LONG_RUNS, needs.LINES), packs.packed(packs.rv32_conv2d_fields)),
        scratch=scratch.FIELDS,
        at_once=6,
        name="conv2d_fields_rv32",
    ),
    *(
        Kernel(
            ONE_SCALE,
            "dsp",
            "fully_connected",
            "all",
            needed,
            pack,
            scratch.NOTHING,
            name=f"fully_connected_{name}_dsp",
        )
        for name, pack, needed in (
            (
                "eights_short",
                packs.with_records(short.eights),
                (_RIGHT, _PAIRS, needs.WHOLE_EIGHTS, needs.SHORT_EIGHTS),
            ),
            ("eights", packs.dsp_eights, (_RIGHT, _PAIRS, needs.WHOLE_EIGHTS, needs.SMALL_SUMS)),
        )
    ),
    _SHORT_PLANES,
    *(
        replace(
            _conv2d("armv6m", (_RIGHT, needs.FEW_PRODUCTS, *required), packs.packed(pack)),
            scratch=scratch.WORDS,
            name=name,
        )
        for name, pack, *required in (
            ("conv2d_words_armv6m", packs.armv6m_words, needs.ARMV6M_LINES),
            ("conv2d_right_armv6m", lambda layer: (layer.rows, packs.right_records(layer))),
        )
    ),
    *(
        replace(
            _conv2d("mac16", (_RIGHT, needs.SMALL_SUMS, needs.MOST_HALVES, *required), packs.packed(pack)),
            scratch=scratch.HALVES,
            name=name,
        )
        for name, pack, *required in (
            ("conv2d_line_mac16", packs.mac16_lines, needs.ARMV6M_LINES),
            ("conv2d_right_mac16", packs.mac16_right),
        )
    ),
)
_WEIGHTED: Sequence[Kernel] = (
    _conv2d("mve", (_HALVED,), _MVE),
    _conv2d("neon", (_HALVED, needs.HALVES_OF_STEPS), _MVE),
    _conv2d("rvv", (_HALVED,), _RVV),
    _convolves("lines_dsp", _FEW, _LINES_PACK),
    _conv2d("dsp", (_RIGHT, _PAIRS), packs.packed(packs.dsp_conv2d)),
    _conv2d("rv32", (_RIGHT,), packs.tiled(4)),
    _conv2d("c", (_RIGHT,), packs.tiled(2)),
    _conv2d("ref", (), packs.packed(lambda layer: (layer.weights, layer.channels))),
    _depthwise("mve", "pixels", (_HALVED, _3X3, _TAPS), packs.mve_depthwise3x3, scratch.three_rows(8)),
    _depthwise("mve", "pixels", (_TAPS, needs.IS_SINGLE, _HALVED), packs.mve_depthwise, scratch.TAP_PLACES),
    _depthwise("neon", "pixels", (_HALVED, _3X3, _TAPS), packs.neon_depthwise3x3, scratch.three_rows(8)),
    _depthwise("rvv", "pixels", (_HALVED, _3X3, _TAPS), packs.rvv_depthwise3x3, scratch.three_rows(1)),
    _depthwise("rvv", "pixels", (needs.IS_SINGLE, _HALVED), packs.rvv_arrays, scratch.TAP_PLACES),
    _depthwise(
        "dsp", "planes", (_RIGHT, needs.WHOLE_WINDOW, needs.WHOLE_FOURS), packs.dsp_depthwise_pixel, scratch.NOTHING
    ),
    _PLANES,
    _depthwise("dsp", "planes", (_RIGHT, needs.ONE_ROW, needs.WHOLE_FOURS), packs.dsp_depthwise_row, scratch.WIDE_ROW),
    _depthwise(
        "dsp",
        "planes",
        (needs.ANY_SHIFTS, needs.COLUMNS_NOT_DILATED, needs.SEVERAL_PIXELS),
        packs.planes,
        scratch.WIDE_PLANE_AND_MORE,
    ),
    _depthwise("rv32", "planes", (_RIGHT, _3X3), packs.planes, scratch.PLANE),
    _depthwise("c", "planes", (_RIGHT, _3X3), packs.planes, scratch.PLANE),
    _depthwise("c", "planes", (needs.ANY_SHIFTS, needs.SEVERAL_PIXELS), packs.planes, scratch.PLANE_AND_MORE),
    _depthwise("ref", "pixels", (), packs.taps_last, scratch.CHANNEL_SUMS),
    *_FULLY_CONNECTED,
    _one_scale("mve", packs.with_one_scale(_MVE, layouts.MVE_CHANNELS, lambda record: record)),
    _one_scale("rvv", packs.with_one_scale(_RVV, 1, lambda record: record, sign=-1)),
    _one_scale("dsp", packs.with_one_scale(_DSP_ROWS, 4, layouts.right_records)),
)

_OFFERED: Sequence[Kernel] = (
    _convolves("lines_short_dsp", (*_BROKEN, _SHORT), _by_lines(short.pairs), LINES),
    _convolves("lines_dsp", _BROKEN, _LINES_PACK, LINES),
    _by_fours(_SHORT_PLANES),
    _by_fours(_PLANES),
    Kernel(
        WINOGRAD,
        "dsp",
        "conv2d_winograd",
        "tiles",
        (_RIGHT, needs.WINOGRAD_SHAPES, needs.WINOGRAD_SUMS),
        winograd.packed,
        winograd.SCRATCH,
    ),
)

# Those of an operator and variant in the order in which they are asked.
KERNELS: Sequence[Kernel] = (
    *_OF_BYTES,
    *_WEIGHTED,
    *(of_four_bits(kernel) for kernel in _WEIGHTED),
    *_OFFERED,
    # over rows as a file has them, and over weights that the chip itself widens: tinyi's, which packs what they read
    *(_rows(variant, () if variant == "ref" else (_RIGHT,)) for variant in ("mve", "rvv", "rv32", "c", "ref")),
    _rows("dsp", (_RIGHT,), scratch.WIDENED),
    *(
        Kernel("rows_int16", variant, "fully_connected", "all", (needs.NARROW_SUMS,), scratch=held)
        for variant, held in (("dsp", scratch.INT16_ARRANGED), ("c", scratch.NOTHING))
    ),
    Kernel("average_pool", "mve", "pool", "pixels", (needs.IS_NARROW,), scratch=scratch.HALF_SUMS),
    Kernel("average_pool", "rvv", "pool", "pixels", (needs.IS_NARROW,), scratch=scratch.NOTHING),
    Kernel("average_pool", "dsp", "pool", "pixels", (needs.IS_NARROW, needs.FOUR_CHANNELS)),
    Kernel("average_pool", "c", "pool", "pixels", scratch=scratch.POOL_SUMS),
    # weights with a zero point
    *(
        Kernel(f"{name}_asymmetric", "ref", f"{name}_asymmetric", "pixels", scratch=scratch.within(name, held))
        for name, held in (("conv2d", scratch.TILES["ref"].scratch), ("depthwise", scratch.CHANNEL_SUMS))
    ),
    # of ref the compiler makes vectors by itself
    *(Kernel("max_pool", name, "pool", "pixels", name="max_pool_ref") for name in VECTORS),
    Kernel("mul", "rvv", "mul", "elements", in_place=(0, 1), name="mul_ref"),
    Kernel("mul_broadcast", "rvv", "mul", "elements", name="mul_broadcast_ref"),
    Kernel("max_pool", "dsp", "pool", "all"),  # which is filled with the least value first
    Kernel("max_pool", "c", "pool", "pixels", (needs.FOUR_CHANNELS,)),
    *_refs("pool", "pixels", "average_pool", "max_pool"),
    *(
        _linear(name, *how)
        for name in ("add", "sub")
        for how in (
            ("dsp", "linear", 16, SMLAW_PLACES),
            ("dsp", "fine", 20, SMLAW_PLACES),
            ("mve", "linear", 21, 0),
            ("c", "linear", 21, 0),
        )
    ),
    *_elementwise("add", "add", **_ADDS),
    *_elementwise("sub", "add", **_ADDS),
    *_elementwise("mul", "mul", **_MULS),
    *_elementwise("minimum", "minmax", dsp=()),
    *_elementwise("maximum", "minmax", dsp=()),
    *(_lookup(variant, name) for name in _LARGER_THAN_A_TABLE for variant in _BY_TABLE),
    *(_lookup(variant, name, (needs.MANY_ELEMENTS,)) for name in _WORTH_IT for variant in _BY_TABLE),
    *_refs("sigmoid", "elements", "logistic", "tanh", in_place=(0,)),
    *_refs("requantise", "elements", "requantise_uint8", in_place=(0,)),
    *_refs("", "elements", "requantise", "leaky_relu", "hard_swish", in_place=(0,)),
    Kernel(
        "softmax",
        "c",
        "softmax_table",
        "rows",
        (needs.MANY_EXPONENTIALS,),
        packs.exponentials,
        in_place=(0,),
        name="softmax_table_c",
    ),
    Kernel("softmax", "c", "softmax", "rows", scratch=scratch.EXPONENTIALS, in_place=(0,)),
    *_refs("softmax", "rows", "softmax", in_place=(0,)),
    *_refs("softmax", "all", "softmax_int8_int16"),
    *_refs("affine", "elements", "quantise", "dequantise", "dequantise_uint8"),
    *(Kernel("mean", name, "mean", "all", (needs.THREE_GROUPS,), packs.middle_axis) for name in ("dsp", "c")),
    *(
        Kernel(f"{name}_rows", "ref", f"{struct}_rows", "all", scratch=scratch.ROW_SUMS)
        for name, struct in (("average_pool", "pool"), ("mean", "mean"))
    ),
    Kernel("copy_rows", "c", "copy_rows", "elements", (needs.SHORT_ROWS,)),
    # of ref's long rows the compiler makes vectors by itself
    *(Kernel("gather", name, "gather", "all", (needs.DENSE, needs.LONG), name="gather_ref") for name in VECTORS),
    Kernel("gather", "mve", "gather", "all", (needs.NOT_DENSE, needs.NEAR)),
    Kernel("gather", "rvv", "gather", "all", (needs.NOT_DENSE,)),
    Kernel("gather", "c", "gather", "all", (needs.DENSE,)),
    Kernel("gather", "c", "gather", "all", (needs.NOT_DENSE, needs.TRANSPOSED), name="transpose_c"),
    Kernel("resize_nearest", "c", "resize_nearest", "all"),
    Kernel(
        "conv2d_float32",
        "c",
        "conv2d_float32",
        "pixels",
        (needs.UNGROUPED,),
        scratch=scratch.FLOAT32_PATCHES,
        at_once=4,
    ),
    Kernel("depthwise_float32", "c", "depthwise_float32", "pixels", (needs.IS_SINGLE,), scratch=scratch.NOTHING),
    *(Kernel(name, "ref", name, "pixels", scratch=scratch.NOTHING) for name in ("conv2d_float32", "depthwise_float32")),
    Kernel("hybrid", "ref", "hybrid", "all", scratch=scratch.BATCH),
    Kernel("detections", "ref", "detections", "all", scratch=scratch.CANDIDATES),
    *_refs("", "all", "transpose_conv_float32", "matmul_float32"),
    *_refs("pool_float32", "pixels", *(f"{name}_pool_float32" for name in ("average", "max", "l2"))),
    *_refs("resize_float32", "all", "resize_bilinear_float32", "resize_bilinear_uint8"),
    *_refs("mean", "all", *(f"{name}_float32" for name in ("mean", "sum", "reduce_max", "reduce_min"))),
    *_refs("rows_float32", "rows", *(f"{name}_float32" for name in _OF_ROWS), in_place=(0,)),
    *_refs(
        "unary_float32", "elements", "clamp_float32", *(f"{name}_float32" for name in _OF_ONE.split()), in_place=(0,)
    ),
    *_refs("binary_float32", "elements", *(f"{name}_float32" for name in _OF_TWO.split()), in_place=(0, 1)),
    *_refs("", "elements", "signal_window", "signal_energy"),
    *_refs("signal_scale", "all", "signal_headroom", "signal_scale"),
    *_refs("signal_channels", "all", "signal_square_root"),
    *_refs("signal_subtraction", "all", "signal_noise", "signal_subtract"),
    *_refs("signal_frames", "all", "signal_is_valid", "signal_frames"),
    *_refs("signal_overlap", "all", "signal_overlap_int16", "signal_overlap_float32"),
    *_refs("", "all", "rfft", "signal_filter_bank", "signal_gain", "signal_logarithm"),
    *(
        Kernel(f"svdf_{state}", "dsp", "svdf", "all", (), packs.dsp_svdf, scratch.SVDF_FEATURES)
        for state in ("int8", "int16")
    ),
    Kernel("lstm_int8", "dsp", "lstm", "all", (needs.SUMS_HAVE_ROOM,), packs.dsp_lstm, scratch.LSTM_STEP),
    *_refs("svdf", "all", "svdf_int8", "svdf_int16"),
    *_refs("lstm", "all", "lstm_int8", "lstm_int16"),
    *_refs("", "all", "svdf_float32", "lstm_float32"),
    *_refs("", "elements", "copy", "copy_rows"),
    *_refs("", "elements", "fill", "constant"),
    *_refs("", "all", "gather", "move", "take", "take_nd", "select", "pad", "mean", "resize_nearest"),
    *_refs("", "all", "matmul", "resize_bilinear"),
    *_refs("conv2d", "all", "transpose_conv"),
    *_refs("requantise", "elements", "abs", "rsqrt", in_place=(0,)),
    # of ref, too: who makes the table has an exponential function
    *(replace(_lookup(variant, "elu"), name="lookup_c") for variant in ("c", "ref")),
    *_refs("copy", "elements", "logical_not", in_place=(0,)),
    *_refs("cast", "elements", "cast", "cast_float32"),
    *_refs("", "rows", "log_softmax", in_place=(0,)),
    *_refs("totals", "rows", "l2_normalization", in_place=(0,)),
    *_refs("totals", "all", "cumsum", "cumsum_float32"),
    *(replace(kernel, takes_array=True) for kernel in _refs("totals", "elements", "add_n", "add_n_float32")),
    *_refs("along", "all", *(f"arg_{name}{of}" for name in ("max", "min") for of in ("", "_float32"))),
    *_refs("mean", "all", "reduce_max", "reduce_min", "reduce_all_bool"),
    *_refs("add", "elements", *_COMPARISONS, "squared_difference"),
    *_refs("mul", "elements", "div"),
    *_refs("", "elements", "prelu"),
    *_refs(
        "pairs",
        "elements",
        *(f"{name}_{dtype}" for dtype in ("int32", "int64", "float32") for name in _COMPARISONS),
        *(f"{name}_int32" for name in _INTEGERS),
        *(f"{name}_{dtype}" for dtype in ("int32", "int64") for name in ("minimum", "maximum")),
        *(f"{name}_bool" for name in ("equal", "not_equal", "logical_and", "logical_or")),
    ),
    *_INT16,
)


@cache
def kernels_of(operator: str, variant: str) -> Sequence[Kernel]:
    """What the variant has for an operator, and what it falls back to, in the order in which they are asked."""
    return [
        kernel
        for name in VARIANTS[variant]
        for kernel in KERNELS
        if kernel.operator == operator and kernel.variant == name
    ]


def choose(operator: str, variant: str, layer: Layer) -> Call | None:
    """The call of the first kernel that computes a layer, with notes on variants that don't; None where none does."""
    notes: dict[str, str] = {}
    told: list[str] = []
    for kernel in kernels_of(operator, variant):
        need, reason = kernel.unmet(layer)
        if need is None or reason is None:
            variants = (f"not {name}: {why}" for name, why in notes.items() if name != kernel.variant)
            passed_over = (*told, *variants)
            is_slow = kernel.variant == "ref" and kernel.struct in _DEAR
            reference = next(iter(notes.values()), "") if is_slow else ""
            return kernel.call(layer, passed_over if layer.weights.size else (), reference)
        notes[kernel.variant] = reason
        told += [f"not {kernel.function}: {reason}"] if need.is_told else []
    return None
