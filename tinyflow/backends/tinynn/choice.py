"""Which kernel computes a layer, and the constants and scratch that it wants: one function for each form of layer.

A layer's parameters come in as the fields of its C struct (recipes/runtimes/tinynn/include/tinynn.h), its weights as
the model has them; out comes a `Call`: function, struct, fields, packed arrays, scratch. It writes no C.
A kernel that can't compute a layer exactly (a shape, an accumulator that could overflow) is passed over for the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinyflow.backends.arrays import Constant
from tinyflow.backends.tinynn import kernels, layouts, packs, winograd
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.layer import Layer, as_single_row, layer_of
from tinyflow.backends.tinynn.layouts import Array, Channels, Int8s
from tinyflow.backends.tinynn.needs import WORTH_A_TABLE
from tinyflow.model.arithmetic import binary
from tinyflow.model.arithmetic.unary import VALUES
from tinyflow.model.fixed_point import Integers

_OF_BITS = {8: "{}", 4: "{}_int4"}


def _chosen(operator: str, variant: str, layer: Layer) -> Call:
    call = kernels.choose(operator, variant, layer)
    assert call is not None, "the variant ref computes everything"
    return call


def convolution(variant: str, fields: Mapping[str, int], weights: Int8s, channels: Channels, *, bits: int = 8) -> Call:
    """CONV_2D with `weights` [out, kh, kw, in]; with a `depth_multiplier` DEPTHWISE_CONV_2D with [kh, kw, …].

    `fields` are all others of the struct but `output_pitch`; weights of 4 `bits` stay so in flash.
    """
    operator, fields, weights = _laid_out(variant, fields, weights)
    layer = layer_of(fields, weights, channels, fields["input_zero_point"])
    call = _chosen(_OF_BITS[bits].format(operator), variant, layer)
    return _with_faster(variant, operator, layer, call) if bits == 8 else call


def _with_faster(variant: str, operator: str, layer: Layer, direct: Call) -> Call:
    """With the calls that want more memory, or why there are none of a layer that has the shape for them."""
    others = kernels.kernels_of(kernels.LINES if operator == "conv2d" else kernels.FOURS, variant)
    faster = [kernel.call(layer, direct.notes) for kernel in others if kernel.why_not(layer) is None]
    refused = direct.notes
    for offer in winograd.offers(layer.fields) if operator == "conv2d" else ():
        offered = replace(layer, fields={**layer.fields, **offer})
        for kernel in kernels.kernels_of(kernels.WINOGRAD, variant):
            reason = kernel.why_not(offered)
            if reason is None:
                faster.append(kernel.call(offered, direct.notes))
            else:
                refused = (*direct.notes, f"not winograd: {reason}")
    return replace(direct, notes=refused, faster=tuple(faster))


def convolution_int16(variant: str, fields: Mapping[str, int], weights: Int8s, records: Array) -> Call:
    """The same of int16; `records`: see `layouts.wide_records`."""
    operator, fields, weights = _laid_out(variant, fields, weights)
    return _chosen(f"{operator}_int16", variant, Layer(fields, weights, records))


def _laid_out(variant: str, fields: Mapping[str, int], weights: Int8s) -> tuple[str, Mapping[str, int], Int8s]:
    """Operator, fields, and weights [out, kh, kw, …] of a convolution; a depthwise one of one channel is any."""
    operator = "depthwise" if "depth_multiplier" in fields else "conv2d"
    if operator == "depthwise":
        taps = weights.reshape(fields["kernel_height"], fields["kernel_width"], fields["output_channels"])
        weights = np.ascontiguousarray(np.moveaxis(taps, -1, 0))
        if variant != "ref" and fields["input_channels"] == 1 and fields["depth_multiplier"] > 1:
            fields = {name: value for name, value in fields.items() if name != "depth_multiplier"}
            operator, weights = "conv2d", weights[..., None]
    if operator == "conv2d":
        fields = {**fields, "output_pitch": fields["output_channels"]}
    if variant != "ref":
        fields, weights = as_single_row(fields, weights)
    return operator, fields, weights


def asymmetric(fields: Mapping[str, int], weights: Integers, channels: Channels, zero_points: Sequence[int]) -> Call:
    """The same with a zero point of the weights, which are those that it was taken off; equal ones where each has one.

    Raises ValueError for others.
    """
    zero_point, *others = {*zero_points}
    if others:
        raise ValueError("the weights have zero points of their own in each channel")
    operator = "depthwise" if "depth_multiplier" in fields else "conv2d"
    rows = weights.reshape(-1, fields["output_channels"]).T if operator == "depthwise" else weights
    records = layouts.records(rows.reshape(fields["output_channels"], -1), channels, fields["input_zero_point"])
    pitch = {"output_pitch": fields["output_channels"]} if operator == "conv2d" else {}
    stored = Constant((weights + zero_point).astype(np.int8))
    constants = {"weights": stored, "channels": Constant(records, struct="tinynn_channel")}
    return plain(
        "ref", f"{operator}_asymmetric", {operator: {**constants, **fields, **pitch}, "weight_zero_point": zero_point}
    )


def fully_connected(
    variant: str,
    fields: Mapping[str, int],
    input_zero_point: int,
    weights: Int8s,
    channels: Channels,
    *,
    bits: int = 8,
) -> Call:
    """FULLY_CONNECTED: `weights` [out, in], see `convolution`; equal multipliers and shifts for a per-tensor scale."""
    named = _OF_BITS[bits].format
    scales = zip(np.asarray(channels.multipliers).tolist(), np.asarray(channels.shifts).tolist(), strict=True)
    if len({*scales}) == 1:
        as_it_is = Layer(fields, weights, layouts.records(weights, channels, input_zero_point))
        call = kernels.choose(named(kernels.ONE_SCALE), variant, as_it_is)
        if call is not None:
            return call
    return _chosen(named("fully_connected"), variant, layer_of(fields, weights, channels, input_zero_point))


def fully_connected_int16(variant: str, fields: Mapping[str, int], weights: Int8s, records: Array) -> Call:
    """FULLY_CONNECTED of int16: `weights` [out, in]; `records`: see `layouts.wide_records`."""
    return _chosen("fully_connected_int16", variant, Layer(fields, weights, records))


def plain(variant: str, operator: str, fields: Mapping[str, Any]) -> Call:
    """An operator without weights, by the name in its functions: `plain("dsp", "add", {...})`."""
    return _chosen(operator, variant, Layer(dict(fields)))


def by_table(
    variant: str, operator: str, fields: Mapping[str, Any], elements: int, number: int, *, is_left: bool
) -> Call | None:
    """An operator of two inputs, one of which is one number, as a table of the other's; None where that doesn't pay.

    `is_left`: the one that is not a number.
    """
    shifts = [value for name, value in fields.items() if name.endswith("multiplier_shift")]
    if variant == "ref" or elements < WORTH_A_TABLE or max(shifts, default=0) > 0:
        return None
    inputs = [VALUES, np.full_like(VALUES, number)]
    table = binary.result(operator.upper(), fields, *(inputs if is_left else reversed(inputs)))
    return lookup(variant, table, elements)


def lookup(variant: str, table: Integers, elements: int) -> Call:
    """Any function of one int8 value, as its results for -128 … 127."""
    name = variant if variant in kernels.VECTORS else "c"
    return Call(f"tinynn_lookup_{name}", "tinynn_lookup", packs.table_fields(table, elements), in_place=(0,))
