"""FULLY_CONNECTED: a kernel for each variant, for one scale per output or one for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tinyflow.backends.tinynn import layouts
from tinyflow.backends.tinynn.calls import Call, Constant
from tinyflow.backends.tinynn.layouts import Int8s, Int32s
from tinyflow.backends.tinynn.packing.layer import Layer, first_exact, layer_of
from tinyflow.backends.tinynn.packing.vectors import (
    MVE_CHANNELS,
    MVE_STEP,
    mve_weights,
    rvv_constants,
)


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
    layer = layer_of(fields, weights, bias, multipliers, shifts, input_zero_point)
    if len({*zip(np.asarray(multipliers).tolist(), np.asarray(shifts).tolist(), strict=True)}) == 1:
        as_it_is = replace(
            layer, weights=weights, channels=layouts.records(weights, bias, multipliers, shifts, input_zero_point)
        )
        made = _fully_connected_by_tensor(variant, as_it_is)
        if made is not None:
            return made
    return first_exact(
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


def _fully_connected_by_tensor(variant: str, layer: Layer) -> Call | None:
    """A layer with one scale for all outputs: biases and one record; None where the variant has no kernel for it."""
    kernels: Mapping[str, tuple[Callable[[Layer], Call | str], int]] = {
        "mve": (_fully_connected_mve, MVE_CHANNELS),
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


def _fully_connected_dsp(layer: Layer) -> Call | str:
    """See src/dsp/fully_connected.c. Scratch: inputs filled up to groups of four."""
    refusal = layer.why_not_right or layouts.why_not_pairs(layer.rows)
    if refusal is not None:
        return refusal
    inputs = layer.fields["inputs"]
    records = layouts.padded(layouts.right_records(layer.channels), 4)
    scratch_bytes = inputs + -inputs % 4 if inputs % 4 else 0
    words = layouts.pair_words(layer.rows, 2)
    return layer.call("fully_connected_dsp", "fully_connected", words, records, scratch_bytes)


def _fully_connected_mve(layer: Layer) -> Call | str:
    """See src/mve/fully_connected.c. Scratch: inputs filled up to whole steps."""
    refusal = layouts.why_not_halved(layer.channels)
    if refusal is not None:
        return refusal
    inputs = layer.fields["inputs"]
    records = layouts.vector_records(layouts.padded(layer.channels, MVE_CHANNELS), MVE_CHANNELS)
    scratch_bytes = inputs + -inputs % MVE_STEP if inputs % MVE_STEP else 0
    return layer.call("fully_connected_mve", "fully_connected", mve_weights(layer), records, scratch_bytes)


def _fully_connected_c(layer: Layer) -> Call | str:
    """See src/c/fully_connected.c."""
    if layer.why_not_right is not None:
        return layer.why_not_right
    records = layouts.padded(layouts.right_records(layer.channels), 4)
    return layer.call("fully_connected_c", "fully_connected", layouts.tiles(layer.rows, 4), records, 0)


def _fully_connected_rvv(layer: Layer) -> Call | str:
    """See src/rvv/fully_connected.c."""
    refusal = layouts.why_not_halved(layer.channels) or layouts.why_not_tap_pairs(layer.rows)
    if refusal is not None:
        return refusal
    return layer.call("fully_connected_rvv", "fully_connected", *rvv_constants(layer), 0)
