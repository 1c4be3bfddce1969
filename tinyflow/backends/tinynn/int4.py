"""Layers with weights of four bits by the kernels of int8: what is packed for those, in half the bytes, block by block.

On the chip a block's weights are unpacked into scratch and its outputs computed (tinynn/int4.h), then the next one's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tinyflow.backends.arrays import Constant
from tinyflow.backends.tinynn.calls import Field
from tinyflow.backends.tinynn.kernel import Kernel
from tinyflow.backends.tinynn.layer import Fields, Layer
from tinyflow.backends.tinynn.layouts import RVV_LANES, Array, Int8s, rounded_up
from tinyflow.backends.tinynn.scratch import Scratch

# What a block's weights should have room in, where those of the smallest block have. Each block of a CONV_2D gathers
# the values under the window anew.
_BLOCK_BYTES = {"conv2d": 8192, "fully_connected": 2048}
# eight weights
_WORD = 8
# which unpack weights as they multiply them, all outputs in one block
_AT_ONCE = (("fully_connected", "dsp"),)


def of_four_bits(kernel: Kernel) -> Kernel:
    """A kernel of int8 weights (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED) as one of int4 weights."""
    stem = (kernel.name or f"{kernel.operator}_{kernel.variant}").removesuffix(f"_{kernel.variant}")

    def pack(layer: Layer) -> Mapping[str, Field]:
        return _packed(kernel, layer)

    assert kernel.scratch is not None, "weights are unpacked there"
    text = "the unpacked weights of a block of outputs" if kernel.struct in _BLOCK_BYTES else "the unpacked weights"
    held = Scratch(f"{text}; {kernel.scratch.text}", lambda fields: _scratch_bytes(kernel, fields))
    return replace(
        kernel,
        operator=f"{kernel.operator}_int4",
        struct=f"{kernel.struct}_int4",
        name=f"{stem}_int4_{kernel.variant}",
        pack=pack,
        scratch=kernel.scratch if _is_at_once(kernel) else held,
        walk="all" if kernel.struct == "conv2d" else kernel.walk,  # blocks of channels one after the other
        at_once=1,
    )


def _is_at_once(kernel: Kernel) -> bool:
    return (kernel.struct, kernel.variant) in _AT_ONCE


def nibbles(packed: Array) -> Int8s:
    """Eight weights in a word, the first four in the low halves of its bytes, each 8 more than it is.

    Numbers of 16 bits are pairs, 256 * a + b.
    """
    flat = packed.reshape(-1)
    if flat.dtype == np.int16:
        low = flat.astype(np.int8)
        flat = np.stack([low, (flat - low) >> 8], axis=1).reshape(-1)
    biased = np.pad(flat + 8, (0, -flat.size % _WORD), constant_values=8).astype(np.uint8).reshape(-1, 2, _WORD // 2)
    return (biased[:, 0] | biased[:, 1] << 4).reshape(-1).view(np.int8)


def _packed(kernel: Kernel, layer: Layer) -> Mapping[str, Field]:
    parts = [kernel.pack(part) for part in _blocks(kernel, layer)]
    weights = [nibbles(_constant(part, "weights").values) for part in parts]
    each = "biases" if "biases" in parts[0] else "channels"  # with biases there is one record for all
    values = np.concatenate([_constant(part, each).values for part in parts])
    constants = {"weights": Constant(np.concatenate(weights)), each: replace(_constant(parts[0], each), values=values)}
    fields = {**parts[0], **constants}
    words = {"words": sum(map(len, weights)) * 2 // _WORD}
    if kernel.struct == "depthwise":
        return {"all": fields, **words}
    outputs = {"outputs": layer.fields["outputs"]} if kernel.struct == "fully_connected" else {}
    return {"block": fields, **outputs, **words, "block_words": len(weights[0]) * 2 // _WORD}


def _constant(fields: Mapping[str, Field], name: str) -> Constant:
    found = fields[name]
    assert isinstance(found, Constant)
    return found


def _blocks(kernel: Kernel, layer: Layer) -> Iterator[Layer]:
    if kernel.struct == "depthwise":
        yield layer
        return
    name = _count_of(kernel)
    every, at_once = layer.fields[name], _at_once(kernel, layer.fields)
    for first in range(0, every, at_once):
        mine = slice(first, first + at_once)
        yield Layer({**layer.fields, name: min(at_once, every - first)}, layer.weights[mine], layer.channels[mine])


def _count_of(kernel: Kernel) -> str:
    return "outputs" if kernel.struct == "fully_connected" else "output_channels"


def _at_once(kernel: Kernel, fields: Fields) -> int:
    """Outputs of a block: as many as have room, in blocks of like size."""
    every: int = fields[_count_of(kernel)]
    if _is_at_once(kernel):
        return every
    unit = RVV_LANES if kernel.variant == "rvv" else 4
    most = max(unit, _BLOCK_BYTES[kernel.struct] // math.prod(_row_shape(fields)) // unit * unit)
    blocks = -(-every // most)
    return min(every, rounded_up(-(-every // blocks), unit))


def _row_shape(fields: Fields) -> tuple[int, ...]:
    """Of an output's weights."""
    if "inputs" in fields:
        return (fields["inputs"],)
    taps = fields["kernel_height"], fields["kernel_width"]
    return taps if "depth_multiplier" in fields else (*taps, fields["input_channels"])


def _scratch_bytes(kernel: Kernel, fields: Fields) -> int:
    name = _count_of(kernel)
    count = fields[name] if kernel.struct == "depthwise" else _at_once(kernel, fields)
    block: dict[str, Any] = {**fields, name: count}
    none = Layer(block, np.zeros((count, *_row_shape(fields)), np.int8), np.zeros((count, 3), np.int32))
    packed = _constant(kernel.pack(none), "weights")
    return rounded_up(packed.values.nbytes, _WORD) + kernel.scratch_bytes(block)
