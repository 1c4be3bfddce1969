"""Which kernel of the tinynn runtime computes a layer, and the constants and scratch that it wants.

A layer's parameters come in as the fields of its C struct (recipes/runtimes/tinynn/include/tinynn.h), its weights as
the model has them; out comes a `Call`: function, struct, fields, packed arrays, scratch. It writes no C.
A kernel that can't compute a layer exactly (a shape, an accumulator that could overflow) is passed over for the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinyflow.backends.tinyc import layouts, tables
from tinyflow.backends.tinyc.calls import VARIANTS, WORD_BYTES, Call, Constant, Field
from tinyflow.backends.tinyc.layouts import Array, Int8s, Int32s

__all__ = ["VARIANTS", "Array", "Call", "Constant", "Field", "conv2d", "depthwise", "fully_connected", "plain"]


@dataclass(frozen=True, eq=False)
class _Layer:
    """A layer with weights: the struct's other fields, rows of weights, records as the variant ref reads them."""

    fields: Mapping[str, int]
    weights: Int8s
    """[output channels, …] int8."""
    channels: Array
    """See `layouts.records`."""

    @property
    def rows(self) -> Int8s:
        """[output channels, products of one output]."""
        return self.weights.reshape(len(self.weights), -1)

    @property
    def why_not_right(self) -> str | None:
        """See `layouts.why_not_right`."""
        return layouts.why_not_right(self.rows, self.channels, self.fields["output_zero_point"])

    def call(self, kernel: str, struct: str, weights: Array, channels: Array, scratch_bytes: int) -> Call:
        """A call of `tinynn_<kernel>`."""
        constants = {"weights": Constant(weights), "channels": Constant(channels, struct="tinynn_channel")}
        return Call(
            f"tinynn_{kernel}", f"tinynn_{struct}", {**constants, **self.fields}, True, scratch_bytes=scratch_bytes
        )


def _layer(
    fields: Mapping[str, int],
    weights: Int8s,
    bias: Sequence[int] | Int32s,
    multipliers: Int32s,
    shifts: Int32s,
    input_zero_point: int,
) -> _Layer:
    rows = weights.reshape(len(weights), -1)
    channels = layouts.records(rows, bias, multipliers, shifts, input_zero_point)
    clamp = fields["lowest"], fields["highest"]
    rows, channels = layouts.with_constants_apart(rows, channels, fields["output_zero_point"], clamp)
    return _Layer(fields, rows.reshape(weights.shape), channels)


def _first_exact(variant: str, layer: _Layer, kernels: Mapping[str, Callable[[_Layer], Call | str]]) -> Call:
    """The call of the first kernel, in the variant's order, that doesn't answer with a reason against itself."""
    notes: list[str] = []
    for name in VARIANTS[variant]:
        if name not in kernels:
            continue
        made = kernels[name](layer)
        if isinstance(made, Call):
            return replace(made, notes=tuple(notes))
        notes.append(f"not {name}: {made}")
    raise AssertionError("the variant ref computes everything")


def conv2d(
    variant: str,
    fields: Mapping[str, int],
    weights: Int8s,
    bias: Sequence[int] | Int32s,
    multipliers: Int32s,
    shifts: Int32s,
) -> Call:
    """CONV_2D: `weights` [out, kh, kw, in], `bias` [out] as in the model; `fields` are all others of the struct."""
    fields = {**fields, "output_pitch": fields["output_channels"]}
    layer = _layer(fields, weights, bias, multipliers, shifts, fields["input_zero_point"])
    return _first_exact(
        variant,
        layer,
        {
            "mve": _conv2d_mve,
            "rvv": _conv2d_rvv,
            "dsp": _conv2d_dsp,
            "rv32": lambda layer: _conv2d_tiled(layer, "rv32", 4, 4),
            "c": lambda layer: _conv2d_tiled(layer, "c", 2, 2),
            "ref": lambda layer: layer.call("conv2d_ref", "conv2d", layer.weights, layer.channels, layer.rows.shape[1]),
        },
    )


def _conv2d_dsp(layer: _Layer) -> Call | str:
    """See src/dsp/conv2d.c. Scratch: activations of three pixels; a place aside for outputs; four rows at the edge."""
    refusal = layer.why_not_right or layouts.why_not_pairs(layer.rows)
    if refusal is not None:
        return refusal
    fields, outputs, kernel_height = layer.fields, len(layer.rows), layer.weights.shape[1]
    row_bytes = layer.weights[0, 0].size
    lines = layer.weights.reshape(outputs, kernel_height, row_bytes)
    rows = np.pad(lines, ((0, 0), (0, 0), (0, -row_bytes % 4))).reshape(outputs, -1)
    pixels = fields["batches"] * fields["output_height"] * fields["output_width"]
    has_edges = layer.weights.shape[1:3] != (1, 1)
    scratch_bytes = 3 * 2 * rows.shape[1]
    if outputs % 2 or pixels % 3 or has_edges:
        scratch_bytes += 3 * (outputs + outputs % 2)
    if has_edges:
        scratch_bytes += 4 * row_bytes
    records = layouts.padded(layouts.right_records(layer.channels), 2)
    return layer.call("conv2d_dsp", "conv2d", layouts.pair_words(rows, 1), records, scratch_bytes)


def _conv2d_tiled(layer: _Layer, variant: str, tile_pixels: int, tile_channels: int) -> Call | str:
    """See include/tinynn/tiled_conv2d.h. Scratch: each pixel's values under the kernel; a place aside for outputs."""
    if layer.why_not_right is not None:
        return layer.why_not_right
    fields, outputs = layer.fields, len(layer.rows)
    scratch_bytes = 0 if layer.weights.shape[1:3] == (1, 1) else tile_pixels * layer.rows.shape[1]
    pixels = fields["batches"] * fields["output_height"] * fields["output_width"]
    if pixels % tile_pixels or outputs % tile_channels:
        scratch_bytes += tile_pixels * (outputs + -outputs % tile_channels)
    records = layouts.padded(layouts.right_records(layer.channels), tile_channels)
    return layer.call(f"conv2d_{variant}", "conv2d", layouts.tiles(layer.rows, tile_channels), records, scratch_bytes)


_MVE_STEP, _MVE_CHANNELS, _MVE_PIXELS = 16, 4, 2


def _conv2d_mve(layer: _Layer) -> Call | str:
    """See src/mve/conv2d.c. Scratch: each pixel's values under the kernel in whole steps; a place aside for outputs."""
    refusal = layouts.why_not_halved(layer.channels)
    if refusal is not None:
        return refusal
    fields, outputs, products = layer.fields, len(layer.rows), layer.rows.shape[1]
    is_direct = layer.weights.shape[1:3] == (1, 1) and products % _MVE_STEP == 0
    scratch_bytes = 0 if is_direct else _MVE_PIXELS * (products + -products % _MVE_STEP)
    pixels = fields["batches"] * fields["output_height"] * fields["output_width"]
    if outputs % _MVE_CHANNELS or pixels % _MVE_PIXELS:
        scratch_bytes += _MVE_PIXELS * (outputs + -outputs % _MVE_CHANNELS)
    records = layouts.vector_records(layouts.padded(layer.channels, _MVE_CHANNELS), _MVE_CHANNELS)
    return layer.call("conv2d_mve", "conv2d", _mve_weights(layer), records, scratch_bytes)


_RVV_LANES = 32


def _rvv_constants(layer: _Layer) -> tuple[Array, Array]:
    """Weights and records in blocks of lanes, the last one smaller (rvv/conv2d.c, rvv/rescale.h)."""
    starts = range(0, len(layer.rows), _RVV_LANES)
    weights = np.concatenate([layer.rows[start : start + _RVV_LANES].T.ravel() for start in starts])
    return weights, layouts.vector_records(layer.channels, _RVV_LANES, sign=-1)


def _conv2d_rvv(layer: _Layer) -> Call | str:
    """See src/rvv/conv2d.c. Scratch: each pixel's values under the kernel; a place aside for the last pixel."""
    refusal = layouts.why_not_halved(layer.channels) or layouts.why_not_tap_pairs(layer.rows)
    if refusal is not None:
        return refusal
    fields, outputs = layer.fields, len(layer.rows)
    scratch_bytes = 0 if layer.weights.shape[1:3] == (1, 1) else 2 * layer.rows.shape[1]
    if fields["batches"] * fields["output_height"] * fields["output_width"] % 2:
        scratch_bytes += 2 * outputs
    return layer.call("conv2d_rvv", "conv2d", *_rvv_constants(layer), scratch_bytes)


def _fully_connected_rvv(layer: _Layer) -> Call | str:
    """See src/rvv/fully_connected.c."""
    refusal = layouts.why_not_halved(layer.channels) or layouts.why_not_tap_pairs(layer.rows)
    if refusal is not None:
        return refusal
    return layer.call("fully_connected_rvv", "fully_connected", *_rvv_constants(layer), 0)


def _mve_weights(layer: _Layer) -> Array:
    return layouts.dot_blocks(layer.rows, _MVE_CHANNELS, _MVE_STEP)


def depthwise(
    variant: str,
    fields: Mapping[str, int],
    weights: Int8s,
    bias: Sequence[int] | Int32s,
    multipliers: Int32s,
    shifts: Int32s,
) -> Call:
    """DEPTHWISE_CONV_2D: `weights` [1, kh, kw, out] or [kh, kw, out]; the rest as `conv2d`."""
    taps = weights.reshape(fields["kernel_height"], fields["kernel_width"], fields["output_channels"])
    by_channel = np.ascontiguousarray(np.moveaxis(taps, -1, 0))
    layer = _layer(fields, by_channel, bias, multipliers, shifts, fields["input_zero_point"])
    return _first_exact(
        variant,
        layer,
        {
            "mve": _depthwise3x3_mve,
            "rvv": _depthwise3x3_rvv,
            "dsp": lambda layer: _depthwise3x3(layer, "dsp"),
            "c": lambda layer: _depthwise3x3(layer, "c"),
            "ref": _depthwise_ref,
        },
    )


def _depthwise_ref(layer: _Layer) -> Call:
    """See src/ref/depthwise.c. Scratch: the sums of one pixel."""
    taps = np.ascontiguousarray(np.moveaxis(layer.weights, 0, -1))
    return layer.call("depthwise_ref", "depthwise", taps, layer.channels, WORD_BYTES * len(layer.rows))


def _depthwise3x3(layer: _Layer, variant: str) -> Call | str:
    """See src/dsp/depthwise3x3.c and src/c/depthwise3x3.c. Scratch: one channel with padding around it."""
    if layer.why_not_right is not None:
        return layer.why_not_right
    refusal = _why_not_3x3(layer, largest_stride=2 if variant == "dsp" else None)
    if refusal is not None:
        return refusal
    fields = layer.fields
    rows, columns = _plane(fields)
    scratch_bytes = 2 * rows * (columns + columns % 2) if variant == "dsp" else rows * columns
    taps = layer.rows.ravel()
    if variant == "dsp":
        taps = np.append(taps, np.int8(0))  # the last three taps are read as a word
    call = layer.call(
        f"depthwise3x3_{variant}", "depthwise", taps, layouts.right_records(layer.channels), scratch_bytes
    )
    pixels = [fields[f"{side}_height"] * fields[f"{side}_width"] for side in ("input", "output")]
    is_in_place = fields["batches"] == 1 and pixels[1] <= pixels[0]
    return replace(call, in_place=(0,) if is_in_place else ())


def _why_not_3x3(layer: _Layer, largest_stride: int | None) -> str | None:
    fields = layer.fields
    if layer.weights.shape[1:] != (3, 3) or fields["depth_multiplier"] > 1:
        return "not 3x3 taps for each channel"
    is_wide = largest_stride is not None and fields["stride_x"] > largest_stride
    if fields["dilation_y"] > 1 or fields["dilation_x"] > 1 or is_wide:
        return "dilation, or a stride of more than 2"
    return None


def _plane(fields: Mapping[str, int]) -> tuple[int, int]:
    """Rows and columns of what 3x3 taps see of one channel, padding included."""
    return (fields["output_height"] - 1) * fields["stride_y"] + 3, (fields["output_width"] - 1) * fields["stride_x"] + 3


def _depthwise3x3_mve(layer: _Layer) -> Call | str:
    """See src/mve/depthwise3x3.c."""
    channels, count = layer.channels, len(layer.rows)
    split = layouts.padded(channels, 8).reshape(-1, 4, 2, 3).transpose(0, 2, 1, 3).reshape(-1, 3)
    constants = layouts.tiles(layer.rows, 8), layouts.vector_records(split, 8)
    return _depthwise3x3_vectors(layer, "mve", count + -count % 8, constants)


def _depthwise3x3_rvv(layer: _Layer) -> Call | str:
    """See src/rvv/depthwise3x3.c."""
    count = len(layer.rows)
    pixels = _RVV_LANES // count if layer.fields["stride_x"] == 1 and 2 * count <= _RVV_LANES else 1
    rows, channels = np.tile(layer.weights, (pixels, 1, 1)), np.tile(layer.channels, (pixels, 1))
    return _depthwise3x3_vectors(layer, "rvv", count, _rvv_constants(replace(layer, weights=rows, channels=channels)))


def _depthwise3x3_vectors(layer: _Layer, variant: str, row_channels: int, constants: tuple[Array, Array]) -> Call | str:
    """See include/tinynn/rows3x3.h. Scratch: three rows of the input with their padding."""
    refusal = (
        layouts.why_not_halved(layer.channels) or _why_not_3x3(layer, None) or layouts.why_not_tap_pairs(layer.rows)
    )
    if refusal is not None:
        return refusal
    fields = layer.fields
    scratch_bytes = 3 * _plane(fields)[1] * row_channels
    call = layer.call(f"depthwise3x3_{variant}", "depthwise", *constants, scratch_bytes)
    is_in_place = fields["batches"] == 1 and fields["output_width"] <= fields["input_width"] and fields["pad_top"] <= 2
    return replace(call, in_place=(0,) if is_in_place else ())


def fully_connected(
    variant: str,
    fields: Mapping[str, int],
    input_zero_point: int,
    weights: Int8s,
    bias: Sequence[int] | Int32s,
    multipliers: Int32s,
    shifts: Int32s,
) -> Call:
    """FULLY_CONNECTED: `weights` [out, in]; multipliers and shifts [out], equal ones for a per-tensor scale."""
    layer = _layer(fields, weights, bias, multipliers, shifts, input_zero_point)
    if len({*zip(np.asarray(multipliers).tolist(), np.asarray(shifts).tolist(), strict=True)}) == 1:
        as_it_is = replace(
            layer, weights=weights, channels=layouts.records(weights, bias, multipliers, shifts, input_zero_point)
        )
        made = _fully_connected_by_tensor(variant, as_it_is)
        if made is not None:
            return made
    return _first_exact(
        variant,
        layer,
        {
            "mve": _fully_connected_mve,
            "rvv": _fully_connected_rvv,
            "dsp": _fully_connected_dsp,
            "c": _fully_connected_c,
            "ref": lambda layer: layer.call("fully_connected_ref", "fully_connected", layer.rows, layer.channels, 0),
        },
    )


def _fully_connected_by_tensor(variant: str, layer: _Layer) -> Call | None:
    """A layer with one scale for all outputs: biases and one record; None where the variant has no kernel for it."""
    kernels: Mapping[str, tuple[Callable[[_Layer], Call | str], int]] = {
        "mve": (_fully_connected_mve, _MVE_CHANNELS),
        "rvv": (_fully_connected_rvv, 1),
        "dsp": (_fully_connected_dsp, 4),
    }
    kernel, multiple = kernels.get(variant, (None, 0))
    call = kernel(layer) if kernel else ""
    if isinstance(call, str):
        return None
    biases = layouts.padded(layer.channels[:, :1], multiple).ravel().astype(np.int32)
    first = layer.channels[:1] if variant != "dsp" else layouts.right_records(layer.channels[:1])
    record = first * np.array([0, 1, -1 if variant == "rvv" else 1], np.int32)
    constants = {"channels": Constant(record.astype(np.int32), struct="tinynn_channel"), "biases": Constant(biases)}
    return replace(call, fields={**call.fields, **constants})


def _fully_connected_dsp(layer: _Layer) -> Call | str:
    """See src/dsp/fully_connected.c. Scratch: inputs filled up to groups of four."""
    refusal = layer.why_not_right or layouts.why_not_pairs(layer.rows)
    if refusal is not None:
        return refusal
    inputs = layer.fields["inputs"]
    records = layouts.padded(layouts.right_records(layer.channels), 4)
    scratch_bytes = inputs + -inputs % 4 if inputs % 4 else 0
    words = layouts.pair_words(layer.rows, 2)
    return layer.call("fully_connected_dsp", "fully_connected", words, records, scratch_bytes)


def _fully_connected_mve(layer: _Layer) -> Call | str:
    """See src/mve/fully_connected.c. Scratch: inputs filled up to whole steps."""
    refusal = layouts.why_not_halved(layer.channels)
    if refusal is not None:
        return refusal
    inputs = layer.fields["inputs"]
    records = layouts.vector_records(layouts.padded(layer.channels, _MVE_CHANNELS), _MVE_CHANNELS)
    scratch_bytes = inputs + -inputs % _MVE_STEP if inputs % _MVE_STEP else 0
    return layer.call("fully_connected_mve", "fully_connected", _mve_weights(layer), records, scratch_bytes)


def _fully_connected_c(layer: _Layer) -> Call | str:
    """See src/c/fully_connected.c."""
    if layer.why_not_right is not None:
        return layer.why_not_right
    records = layouts.padded(layouts.right_records(layer.channels), 4)
    return layer.call("fully_connected_c", "fully_connected", layouts.tiles(layer.rows, 4), records, 0)


# variants with vectors, whose sums of int8 values have 16 bits: enough for so many
_VECTORS = ("mve", "rvv")
_NARROW_WINDOW = 255
# elements from which on a table of 256 bytes in flash is a good price for its speed
_WORTH_A_TABLE = 64

# operators without weights: name → (struct, inputs that the output may overwrite)
_PLAIN: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "average_pool": ("tinynn_pool", ()),
    "max_pool": ("tinynn_pool", ()),
    "add": ("tinynn_add", (0, 1)),
    "sub": ("tinynn_add", (0, 1)),
    "mul": ("tinynn_mul", (0, 1)),
    "minimum": ("tinynn_minmax", (0, 1)),
    "maximum": ("tinynn_minmax", (0, 1)),
    "add_broadcast": ("tinynn_add", ()),
    "sub_broadcast": ("tinynn_add", ()),
    "mul_broadcast": ("tinynn_mul", ()),
    "minimum_broadcast": ("tinynn_minmax", ()),
    "maximum_broadcast": ("tinynn_minmax", ()),
    "softmax": ("tinynn_softmax", (0,)),
    "logistic": ("tinynn_sigmoid", (0,)),
    "tanh": ("tinynn_sigmoid", (0,)),
    "requantise": ("tinynn_requantise", (0,)),
    "leaky_relu": ("tinynn_leaky_relu", (0,)),
    "hard_swish": ("tinynn_hard_swish", (0,)),
    "quantise": ("tinynn_affine", ()),
    "dequantise": ("tinynn_affine", ()),
    "copy": ("tinynn_copy", ()),
    "copy_rows": ("tinynn_copy_rows", ()),
    "gather": ("tinynn_gather", ()),
    "pad": ("tinynn_pad", ()),
    "mean": ("tinynn_mean", ()),
    "resize_nearest": ("tinynn_resize_nearest", ()),
}


def plain(variant: str, operator: str, fields: Mapping[str, Any]) -> Call:
    """An operator without weights, by the name in its functions: `plain("dsp", "add", {...})`."""
    struct, in_place = _PLAIN[operator]
    call = Call(f"tinynn_{operator}_ref", struct, dict(fields), in_place=in_place)
    if "c" not in VARIANTS[variant]:
        return call
    vector = next((name for name in _VECTORS if name in VARIANTS[variant]), None)
    if vector and operator in ("add", "sub") and _has_no_left_shift(fields):
        return replace(call, function=f"tinynn_{operator}_{vector}")
    if operator in ("add", "sub") and _has_whole_input(fields):
        is_dsp = "dsp" in VARIANTS[variant] and _has_smaller_input(fields)
        return replace(call, function=f"tinynn_{operator}_{'dsp' if is_dsp else 'c'}")
    if vector and operator == "average_pool" and fields["kernel_height"] * fields["kernel_width"] <= _NARROW_WINDOW:
        sums_bytes = 2 * (fields["channels"] + -fields["channels"] % 8) if vector == "mve" else 0
        name = f"tinynn_average_pool_{vector}"
        return replace(call, function=name, takes_scratch=True, scratch_bytes=sums_bytes)
    if operator == "average_pool":
        sums_bytes = WORD_BYTES * fields["channels"]
        return replace(call, function="tinynn_average_pool_c", takes_scratch=True, scratch_bytes=sums_bytes)
    if operator in tables.TABLES and fields["elements"] >= _WORTH_A_TABLE:
        table = Constant(tables.TABLES[operator](fields).astype(np.int8), alignment=1)
        return Call("tinynn_lookup_c", "tinynn_lookup", {"table": table, "elements": fields["elements"]}, in_place=(0,))
    return call


def _has_no_left_shift(fields: Mapping[str, Any]) -> bool:
    """Whether the vector kernels compute an ADD or SUB: nothing is scaled up."""
    shifts: list[int] = [fields[f"{part}_multiplier_shift"] for part in ("left", "right", "output")]
    return max(shifts) <= 0 and min(shifts) >= -31 and fields["left_shift"] == 20


def _has_whole_input(fields: Mapping[str, Any]) -> bool:
    """Whether src/c/add.c computes an ADD or SUB: one input's multiplier is 1/2, the sum is scaled down."""
    halves = [(fields[f"{side}_multiplier"], fields[f"{side}_multiplier_shift"]) for side in ("left", "right")]
    is_down = all(-22 <= shift <= 0 for _, shift in halves) and -22 <= fields["output_multiplier_shift"] <= -1
    return is_down and (1 << 30, 0) in halves and fields["left_shift"] == 20


def _has_smaller_input(fields: Mapping[str, Any]) -> bool:
    """Whether src/dsp/add.c computes what `_has_whole_input` allows: the other input's multiplier is below 1/2."""
    return any(fields[f"{side}_multiplier_shift"] < 0 for side in ("left", "right"))
