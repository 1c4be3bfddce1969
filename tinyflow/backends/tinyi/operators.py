"""What each operator of the runtime tinyi is called, and how much scratch it asks for: as its C computes it.

Whoever changes a scratch rule here changes it in recipes/runtimes/tinyi/src too; the tests hold both equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Union

import numpy as np
import numpy.typing as npt

from tinyflow.backends.tinyi import customs
from tinyflow.backends.tinyi.memory_request import MemoryRequest, Unsupported, exactly
from tinyflow.backends.tinynn import choice
from tinyflow.backends.tinynn.calls import WORD_BYTES
from tinyflow.backends.tinynn.fields import convolution_fields, lstm_fields, pool_fields, real_convolution_fields
from tinyflow.backends.tinynn.kernel import Kernel
from tinyflow.backends.tinynn.kernels import kernels_of
from tinyflow.backends.tinynn.layer import Layer, as_single_row
from tinyflow.backends.tinynn.layouts import (
    LARGEST_RIGHT_SHIFT,
    MVE_STEP,
    RVV_LANES,
    outputs_between,
    rounded_up,
    wide_records,
)
from tinyflow.backends.tinynn.needs import ONE_ROW, TAP_PAIRS, TAPS_3X3, WHOLE_WINDOW
from tinyflow.backends.tinynn.packs import rvv_repeats
from tinyflow.backends.tinynn.scratch import (
    INT16_TILES,
    TILES,
    pairs_of_taps,
    plane_elements,
    products_of,
    products_of_rows,
)
from tinyflow.backends.tinynn.sound import SOUNDS
from tinyflow.model import recurrent
from tinyflow.model.arithmetic import binary, mean, sums, unary
from tinyflow.model.element_types import NUMBERS, WHOLE_BYTES
from tinyflow.model.fixed_point import Integers, Rescaling, dense_factor, log_softmax_scaling, softmax_int16_scaling
from tinyflow.model.graph import CUSTOM, Graph, Operator, Tensor
from tinyflow.model.operators import VIEWS, describe
from tinyflow.model.operators.forms import form_of, quantisation_of, quantisations, rescaled
from tinyflow.model.operators.shapes import slid
from tinyflow.model.summary import operator_macs
from tinyflow.model.weighted import Weighted, integers, symmetric, weighted

# of struct tinynn_channel, and tinynn_wide_channel
_RECORD_BYTES, _WIDE_RECORD_BYTES = 12, 16
# LARGEST_SHIFT of fully_connected.inc
_LARGEST_DENSE_SHIFT = 20
_MAX_PRODUCTS = 1 << 13
_MANY_PRODUCTS = f"more than {_MAX_PRODUCTS} products"
# of rows that the MVE kernel reads where they are; channels that the RVV kernel packs at once
_MVE_LONG, _RVV_CHANNELS = 64, 8
_LARGEST_PLANE = 1 << 26
_UNPACKED_ROWS = 8  # BLOCK of include/tinyi/fully_connected.inc
MAX_WORK = 1 << 31  # TINYI_MAX_WORK of include/tinyi/context.h
_MAX_SIZE, _MAX_STRIDE, MAX_RANK = 1 << 16, 1 << 10, 5
_LONG = ("TRANSPOSE", *VIEWS)  # of one axis more: TINYIMAX_RANK
_MAX_SUMMED = 1 << 22  # elements
_MOST_SQUARES, _MOST_EXPONENTIALS, _MOST_RESIZED = 1 << 15, 1 << 11, 1 << 14
_MOST_HYBRID_PRODUCTS = 1 << 16
# of a softmax's scale and beta
_LEAST_FACTOR = 2.0**-96
_SIGMOIDS = ("LOGISTIC", "TANH")
_LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
# what QUANTIZE makes → of what
_CONVERTED = {
    "int8": ("float32", "int16", "int32", "uint8"),
    "uint8": ("int8",),
    "int16": ("float32", "int8", "int16", "int32"),
    "int32": ("int8", "int16"),
}
# whose numbers may be computed: indices, and a shape that is the output's anyway
_CHOOSING = ("GATHER", "GATHER_ND", "EMBEDDING_LOOKUP", "TRANSPOSE_CONV")


Ask = Callable[[Graph, Operator, str], Union[MemoryRequest, None]]


@dataclass(frozen=True)
class Entry:
    """An operator of the runtime: its function, what it asks for, its kernels."""

    function: str
    request: Callable[[Graph, Operator, str], MemoryRequest | None] = lambda graph, operator, variant: None
    """None: no scratch; what the file says was found to fit when it was read."""
    kernel: str | None = None
    """The operator's name in the table of kernels, where there is a choice."""
    struct: str | None = None
    """What the chip's structs of them are called, where not as `function`."""
    symbol: str | None = None
    """A function of tinynn that stands beside `function`, in all variants."""
    has_ref: bool = False
    """Whether NULL doesn't stand for the variant ref."""
    plan: str | None = None
    """What set-up calls instead of `function`, where the rest is left to the inference."""
    has_general: bool = False
    """Whether each struct of kernels has a larger one, `general_…`, for rare operators."""
    general: str | None = None
    """The function for rare operators, where it is another one."""

    has_int4: bool = False
    """Whether each function has another one, `…_int4`, for weights of int4, too."""

    def called(self, *, is_general: bool = True, is_int4: bool = True) -> str:
        """The function in the operator table."""
        function = self.general or self.function if is_general else self.function
        return f"{function}_int4" if is_int4 and self.has_int4 else function

    def planned(self, *, is_general: bool = True, is_int4: bool = True) -> str | None:
        """What set-up calls instead; a function for rare operators looks for itself."""
        return None if (is_general and self.general) or (is_int4 and self.has_int4) else self.plan

    def kernel_symbol(self, variant: str, *, is_general: bool = True) -> str | None:
        """The struct beside the function in the operator table; None for NULL. `is_general`: see MemoryRequest."""
        if self.symbol is not None:
            return f"&{self.symbol}"
        own = (one for one in kernels_of(self.kernel or "", variant) if one.function.endswith(one.variant))
        kernel = next((one for one in own if one.variant != "ref" or self.has_ref), None)
        rare = "general_" if is_general and self.has_general else ""
        return f"&{self.struct or self.function}_{rare}{kernel.variant}" if kernel else None


def _is_int4(graph: Graph, operator: Operator) -> bool:
    return graph.tensors[operator.inputs[1]].dtype == "int4"


def why_not_right(layer: Weighted, rows: Integers) -> str | None:
    """Why tinyi_has_right_shifts of src/channels.c refuses a layer, None where not; `rows`: [channels, products]."""
    if rows.shape[1] > _MAX_PRODUCTS:
        return _MANY_PRODUCTS
    shifts, bias = layer.rescaling.shifts, np.abs(layer.bias)
    most = bias + rows.shape[1] * 255 * 128
    offset = abs(2 * layer.output_zero_point + 1)
    is_tame = (shifts >= -LARGEST_RIGHT_SHIFT) & (shifts <= -1) & (most < 1 << 30)
    is_tame &= 2 * most + (offset << np.clip(-shifts, 0, 31)) < 1 << 31
    others = shifts[~(is_tame | ~rows.any(axis=1) | _is_constant(layer, rows))]
    if not others.size:
        return None
    return _why_not_shifts(others, LARGEST_RIGHT_SHIFT) or "sums that may have more than 30 bits"


def _why_not_shifts(shifts: Integers, most: int) -> str | None:
    if shifts.max() > -1:
        return "a scale of 1/2 or more"
    return f"a scale below 2**-{most + 1}" if shifts.min() < -most else None


def _is_constant(layer: Weighted, rows: Integers) -> npt.NDArray[np.bool_]:
    """Channels with one output, although their sums vary: by less than half of 2**22 steps of it."""
    swing, clamp = 255 * np.abs(rows).sum(axis=1), (layer.lowest, layer.highest)
    is_known, (least, most) = outputs_between(layer.rescaling, layer.bias, swing, layer.output_zero_point, clamp)
    is_small = (layer.rescaling.shifts <= 0) & (swing <= 2**21 - 2)
    is_constant: npt.NDArray[np.bool_] = is_known & is_small & (least == most)
    return is_constant


def _layer(graph: Graph, operator: Operator) -> Weighted:
    layer = symmetric(graph, operator, form_of(graph, operator))
    if max(*layer.window.stride, *layer.window.dilation) > _MAX_STRIDE:
        raise Unsupported(f"a stride or dilation above {_MAX_STRIDE} is not supported")
    return layer


def _modest(graph: Graph, operator: Operator) -> None:
    """Sizes whose products fit 32 bits."""
    for index in (*operator.inputs, *operator.outputs):
        shape = graph.tensors[index].shape if index >= 0 else ()
        most = MAX_RANK + (operator.name in _LONG)
        if len(shape) > most or max(shape, default=1) > _MAX_SIZE:
            raise Unsupported(f"the shape {shape} is not supported")


def _asymmetric(graph: Graph, operator: Operator) -> MemoryRequest | None:
    """Of a layer of version 1, with which networks of uint8 have become int8; None for any other."""
    if operator.version > 1:
        return None
    layer = weighted(graph, operator)
    if len(layer.weight_zero_points) > 1:
        raise Unsupported("the weights have scales of their own in each channel")
    behind = WORD_BYTES * layer.outputs if layer.is_depthwise else layer.weights[0].size
    size = layer.outputs * _RECORD_BYTES + behind
    return MemoryRequest(size, size, is_general=True)


def _conv2d(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    asymmetric = _asymmetric(graph, operator)
    if asymmetric is not None:
        return asymmetric
    layer = _layer(graph, operator)
    fields = convolution_fields(layer)
    chosen, reference = _chosen(_of_conv2d(variant), layer, fields)
    asked = _in_blocks(chosen.variant if chosen else "ref", fields, is_int4=_is_int4(graph, operator))
    return replace(asked, reference=reference)


def _of_conv2d(variant: str) -> Sequence[Kernel]:
    """The one that a chip packs for."""
    return [one for one in kernels_of("conv2d", variant) if not one.name][:1]


def _in_blocks(
    kernel: str, fields: Mapping[str, int], *, is_general: bool = False, is_int4: bool = False
) -> MemoryRequest:
    """Of CONV_2D: see `_packed_in_blocks`."""
    tile, products = TILES[kernel], products_of(fields)
    fixed, packed_channels, packed, aside = tile.patches(fields), tile.channels, products, tile.pixels
    if kernel == "ref":
        packed = aside = 0
    elif kernel == "dsp":
        packed = 2 * products_of(fields, 4)
    elif kernel == "rvv":
        packed_channels = _RVV_CHANNELS
    elif kernel == "mve":
        packed = rounded_up(products, MVE_STEP)
        if tile.patch(fields) == 0 and products >= _MVE_LONG:  # weights stay where they are, pixels are copied
            fixed, packed = tile.pixels * packed, 0
    each = packed + aside + _RECORD_BYTES + (products if is_int4 else 0)
    # blocks of rvv are of whole lanes
    lanes = RVV_LANES if kernel == "rvv" else packed_channels
    blocks = _packed_in_blocks(fields["output_channels"], packed_channels, fixed, each, lanes)
    return replace(blocks, is_general=is_general, is_int4=is_int4)


def _packed_in_blocks(channels: int, tile: int, fixed: int, each: int, lanes: int) -> MemoryRequest:
    """Of `each` channel so many bytes, the weights of so many channels packed at once as there is room for."""
    return MemoryRequest(fixed + tile * each, fixed + rounded_up(channels, tile) * each, step=lanes * each)


def _chosen(kernels: Sequence[Kernel], layer: Weighted, fields: Mapping[str, int]) -> tuple[Kernel | None, str]:
    """The first kernel that the chip finds exact, by bounds on any weights; or None, for the definition, and why."""
    channels = layer.weights.reshape(-1, layer.outputs).T if layer.is_depthwise else layer.weights
    why = why_not_right(layer, channels.reshape(layer.outputs, -1))
    # takes() of the kernels whose products share 16 bits: no weight of -128 at all
    has_lowest = bool((layer.weights == np.iinfo(np.int8).min).any())
    for one in () if why else kernels:
        against = one.why_not_fields(fields) or ("a weight of -128" if has_lowest and TAP_PAIRS in one.needs else None)
        if against is None:
            return one, ""
        why = against
    return None, (why or "") if any(one.variant != "ref" for one in kernels) else ""


def _depthwise(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    asymmetric = _asymmetric(graph, operator)
    if asymmetric is not None:
        return asymmetric
    layer = _layer(graph, operator)
    fields, _ = as_single_row(convolution_fields(layer), layer.weights)
    channels, taps = layer.outputs, math.prod(layer.window.size)
    chain = kernels_of("depthwise", variant)
    is_int4 = _is_int4(graph, operator)
    unpacked = rounded_up(channels * taps, WORD_BYTES) if is_int4 else 0
    is_conv2d = not is_int4 and variant == "dsp" and fields["input_channels"] == 1 < fields["depth_multiplier"]
    if is_conv2d and _chosen(_of_conv2d(variant), layer, fields)[0]:
        return _in_blocks(variant, fields, is_general=True)
    # rv32/depthwise.c falls back to what is portable
    names = (chain[0].variant, *["c"] * (chain[0].variant == "rv32"))
    own = [one for one in chain if one.variant in names and one.variant != "ref"]
    # the one that is always linked comes first
    own.sort(key=lambda one: TAPS_3X3 not in one.needs)
    if plane_elements(fields) > _LARGEST_PLANE:
        own = [one for one in own if TAPS_3X3 in one.needs or one.walk != "planes"]
    kernel, reference = _chosen(own, layer, fields)
    if kernel is None:
        if not own and variant != "ref":
            reference = f"planes of more than {_LARGEST_PLANE} elements"
        size = unpacked + channels * (_RECORD_BYTES + WORD_BYTES)
        return replace(exactly(size), is_int4=is_int4, reference=reference)
    is_3x3 = TAPS_3X3 in kernel.needs
    slots = channels
    if kernel.variant == "mve":
        slots = rounded_up(channels, 8 if is_3x3 else 16)
    elif kernel.variant == "rvv" and is_3x3:
        slots *= rvv_repeats(fields)
    if WHOLE_WINDOW in kernel.needs:
        taps = rounded_up(taps, 2)
    elif ONE_ROW in kernel.needs:
        taps = 2 * pairs_of_taps(fields)
    # one byte more is read than there are taps
    size = unpacked + slots * _RECORD_BYTES + rounded_up(kernel.scratch_bytes(fields), WORD_BYTES) + slots * taps + 1
    return MemoryRequest(size, size, kernel.overwrites(fields), is_general=not is_3x3, is_int4=is_int4)


def _fully_connected(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    weights = graph.tensors[operator.inputs[1]]
    if not weights.is_constant or (weights.quantisation and any(weights.quantisation.zero_points)):
        _matmul(graph, operator, variant)
        if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            integers(graph.tensors[operator.inputs[2]])
        return MemoryRequest(is_general=True)
    layer = _layer(graph, operator)
    # make_records of fully_connected.inc
    why = _why_not_shifts(layer.rescaling.shifts, _LARGEST_DENSE_SHIFT)
    if weights.shape[1] > _MAX_PRODUCTS:
        why = _MANY_PRODUCTS
    source = graph.tensors[operator.inputs[0]]
    widened = 0 if source.is_constant else source.elements
    wide = kernels_of("rows", variant)[0].scratch_bytes({"widened": widened})
    unpacked = _UNPACKED_ROWS * weights.shape[1] if weights.dtype == "int4" else 0
    return MemoryRequest(unpacked, unpacked + wide, is_int4=unpacked > 0, reference=(variant != "ref" and why) or "")


def _average_pool(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    fields = _pooled(graph, operator)
    return exactly(choice.plain(variant, "average_pool", fields).scratch_bytes)


def work(graph: Graph, operator: Operator) -> int:
    """Products or comparisons of an operator whose window the file can make as large as it likes; 0 of all others."""
    if operator.name not in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        return operator_macs(graph, operator)
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    window: tuple[int, int] = operator.options["filter"]
    return output.elements * math.prod(map(min, window, source.shape[1:3]))


def _pooled(graph: Graph, operator: Operator) -> Mapping[str, int]:
    fields = pool_fields(graph, operator, form_of(graph, operator))
    if max(operator.options["filter"]) > _MAX_SIZE or max(operator.options["stride"]) > _MAX_STRIDE:
        raise Unsupported(f"a filter above {_MAX_SIZE} or a stride above {_MAX_STRIDE} is not supported")
    return fields


def _max_pool(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    _pooled(graph, operator)


def _indexed(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    main, made = (
        graph.tensors[index] for index in (operator.inputs[describe(operator.name).main_input], operator.outputs[0])
    )
    if main.dtype != made.dtype:
        raise Unsupported(f"{made.name} is {made.dtype}, not {main.dtype}", "look up elements of one type")


def _concatenation(graph: Graph, operator: Operator, _variant: str) -> None:
    """Of uint8 it would rescale what is quantised otherwise than its output."""
    for source in rescaled(graph, operator):
        raise Unsupported(f"{source.name} is uint8 of another scale than the output")


def _blocks(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    sizes = graph.tensors[operator.inputs[1]]
    if sizes.elements > 2 or max(integers(sizes).reshape(-1)) > _MAX_STRIDE:
        raise Unsupported("blocks of more than two dimensions, or very large ones, are not supported")


def _strided_slice(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    steps = integers(graph.tensors[operator.inputs[3]]).reshape(-1).tolist()
    if max(map(abs, steps), default=0) > _MAX_SIZE:
        raise Unsupported(f"strides of {steps} are not supported")


def _mean(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    mean.constants_of(graph, operator, form_of(graph, operator))
    count = graph.tensors[operator.inputs[0]].elements // graph.tensors[operator.outputs[0]].elements
    if count > _MAX_SUMMED:
        raise Unsupported(f"a mean of {count} elements is not supported")


def _resize_nearest(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """Which row and column each is taken from."""
    return exactly(4 * sum(graph.tensors[operator.outputs[0]].shape[1:3]))


def _binary(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    tensors = [graph.tensors[index] for index in (*operator.inputs, *operator.outputs)]
    binary.constants_of(graph, operator, form_of(graph, operator))
    if len({tensor.elements for tensor in tensors}) == 1:
        return MemoryRequest(in_place=(0, 1))
    return MemoryRequest(is_general=True)


def _unary(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    form = form_of(graph, operator)
    given = quantisation_of(graph.tensors[operator.inputs[0]], form)
    if form == "int8" and operator.name in _SIGMOIDS and not 2.0**-26 <= given.scale < 8:
        raise Unsupported(f"an input scale of {given.scale:g} is not supported")
    if operator.name in unary.RESULTS:
        unary.constants_of(graph, operator, form)
    else:
        beta = operator.options["beta"]
        if not (given.scale >= _LEAST_FACTOR and _LEAST_FACTOR <= beta < math.inf):
            raise Unsupported(f"an input scale of {given.scale:g} with beta {beta:g} is not supported")
        if form == "int16":
            softmax_int16_scaling(given.scale, beta)
    return MemoryRequest(in_place=(0,))


def _softmax(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    """To int8, or rarely int16, which nothing may lie in place of."""
    if graph.tensors[operator.outputs[0]].dtype == "int16":
        quantisation_of(graph.tensors[operator.inputs[0]])
        return MemoryRequest(is_general=True)
    return _unary(graph, operator, variant)


def _svdf(graph: Graph, operator: Operator, variant: str) -> MemoryRequest | None:
    if form_of(graph, operator) != "int8":
        return None
    recurrent.svdf(graph, operator)
    filters, inputs = graph.tensors[operator.inputs[1]].shape
    kernel = kernels_of("svdf_int8", variant)[0]
    if kernel.scratch is None or inputs % 8:
        return None
    units = filters // operator.options["rank"]
    fields = {"inputs": inputs, "units": units, "rank": operator.options["rank"]}
    return exactly(kernel.scratch_bytes(fields) + WORD_BYTES * units)


def _lstm(graph: Graph, operator: Operator, variant: str) -> MemoryRequest | None:
    form = form_of(graph, operator)
    if form == "float32":
        recurrent.lstm_sizes(graph, operator)
        return None
    fields = lstm_fields(graph, operator, form)
    kernel = kernels_of(f"lstm_{form}", variant)[0]
    why = kernel.why_not(Layer(fields))
    return exactly(kernel.scratch_bytes(fields)) if why is None else MemoryRequest(reference=why)


def _quantise(graph: Graph, operator: Operator, variant: str) -> MemoryRequest | None:
    source, output = (graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))
    if (source.dtype, output.dtype) == ("int8", "int8"):
        return _unary(graph, operator, variant)
    if source.dtype not in _CONVERTED.get(output.dtype, ()):
        raise Unsupported(f"from {source.dtype} to {output.dtype} is not supported")
    quantisation_of(output, output.dtype)
    if source.is_integer:
        unary.constants_of(graph, operator)
    return MemoryRequest(is_general=output.dtype != "int8" or source.is_integer)


def _dequantise(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    source, output = (graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))
    if output.dtype != "float32":
        raise Unsupported(f"{output.name} is {output.dtype}", "dequantise to float32")
    quantisation_of(source, source.dtype)


def _weighted_int16(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    layer = _layer(graph, operator)
    if layer.bias_dtype == "int16":
        raise Unsupported("a bias of int16 is not supported")
    records = wide_records(layer.bias, layer.rescaling, has_wide_sums=layer.bias_dtype == "int64")
    fields: Mapping[str, int] = {}
    if operator.name != "FULLY_CONNECTED":
        fields = convolution_fields(layer)
    rows = (layer.weights.reshape(-1, layer.outputs).T if layer.is_depthwise else layer.weights).astype(np.int8)
    # the chip has the first one of the variant
    chain = kernels_of(_INT16[operator.name].kernel or "", variant)[:1]
    kernel = next((one for one in chain if one.variant != "ref"), None)
    why = kernel.why_not(Layer(fields, rows, records)) if kernel else ""
    if kernel is None or why is not None:
        return replace(exactly(_WIDE_RECORD_BYTES * layer.outputs), reference=why or "")
    if operator.name != "CONV_2D":
        return exactly(
            _RECORD_BYTES * layer.outputs + kernel.scratch_bytes({**fields, "inputs": layer.weights[0].size})
        )
    tile, is_dsp = INT16_TILES[kernel.variant], kernel.variant == "dsp"
    packed = products_of_rows(fields) if is_dsp else products_of(fields)
    each = packed + tile.pixels * tile.output_bytes + _RECORD_BYTES
    return _packed_in_blocks(layer.outputs, tile.channels, tile.patches(fields), each, tile.channels)


def _variable(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """READ_VARIABLE, ASSIGN_VARIABLE: the value has one scale or none."""
    value = graph.tensors[(*operator.inputs[1:], *operator.outputs)[0]]
    if value.dtype not in WHOLE_BYTES:
        raise Unsupported(f"{value.name} is {value.dtype}")
    if value.quantisation is not None and value.is_integer:
        quantisation_of(value, value.dtype)
    return MemoryRequest()


def _call_once(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """Only assigns constants, before anything else has to do with variables."""
    before = graph.operators[: operator.index]
    if any(other.name in ("READ_VARIABLE", "ASSIGN_VARIABLE") for other in before):
        raise Unsupported("it is called behind operators that have variables", "initialise variables first of all")
    if operator.calls[0] >= len(graph.graphs):
        raise Unsupported("it is called by a subgraph", "initialise variables in the network itself")
    part = graph.graphs[operator.calls[0]]
    for other in part.operators:
        is_constant = other.name == "ASSIGN_VARIABLE" and part.tensors[other.inputs[1]].is_constant
        if not is_constant and other.name != "VAR_HANDLE":
            raise Unsupported("what it calls does more than assign constants")
    return MemoryRequest()


def _calling(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    return MemoryRequest(calls=operator.calls)


def _reshape(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    has_scale = source.quantisation is not None or output.quantisation is not None
    if form_of(graph, operator) == "int8" and has_scale:
        quantisations(graph, operator)
    is_long = max(len(source.shape), len(output.shape)) > MAX_RANK
    return MemoryRequest(
        is_view=not source.is_constant, is_general=is_long or (source.dtype == "int8" and not has_scale)
    )


def _transpose(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    return MemoryRequest(is_general=len(graph.tensors[operator.inputs[0]].shape) > MAX_RANK)


_INT8: Mapping[str, Entry] = {
    "CONV_2D": Entry("tinyi_conv2d", _conv2d, "conv2d", has_ref=True, general="tinyi_conv2d_any", has_int4=True),
    "DEPTHWISE_CONV_2D": Entry(
        "tinyi_depthwise", _depthwise, "depthwise", has_general=True, general="tinyi_depthwise_any", has_int4=True
    ),
    "FULLY_CONNECTED": Entry(
        "tinyi_fully_connected",
        _fully_connected,
        "rows",
        has_ref=True,
        plan="tinyi_plan_fully_connected",
        general="tinyi_fully_connected_any",
        has_int4=True,
    ),
    "AVERAGE_POOL_2D": Entry("tinyi_average_pool", _average_pool, "average_pool"),
    "MAX_POOL_2D": Entry("tinyi_max_pool", _max_pool, "max_pool"),
    "ADD": Entry("tinyi_add", _binary, "add", has_ref=True, has_general=True),
    "SUB": Entry("tinyi_add", _binary, "sub", "tinyi_sub", has_ref=True, has_general=True),
    "MUL": Entry("tinyi_mul", _binary, "mul", has_ref=True),
    "MINIMUM": Entry("tinyi_minimum", _binary),
    "MAXIMUM": Entry("tinyi_maximum", _binary),
    "SOFTMAX": Entry("tinyi_softmax", _softmax, general="tinyi_softmax_any"),
    "LOGISTIC": Entry("tinyi_logistic", _unary),
    "TANH": Entry("tinyi_tanh", _unary),
    "RELU": Entry("tinyi_relu", _unary),
    "RELU6": Entry("tinyi_relu6", _unary),
    "QUANTIZE": Entry("tinyi_quantise", _quantise, general="tinyi_quantise_any"),
    "DEQUANTIZE": Entry("tinyi_dequantise", _dequantise),
    "LEAKY_RELU": Entry("tinyi_leaky_relu", _unary),
    "HARD_SWISH": Entry("tinyi_hard_swish", _unary),
    "MEAN": Entry("tinyi_mean", _mean, "mean"),
}
_INT16: Mapping[str, Entry] = {
    "CONV_2D": Entry("tinyi_conv2d_int16", _weighted_int16, "conv2d_int16"),
    "DEPTHWISE_CONV_2D": Entry(
        "tinyi_depthwise_int16", _weighted_int16, "depthwise_int16", struct="tinynn_depthwise_int16"
    ),
    "FULLY_CONNECTED": Entry("tinyi_fully_connected_int16", _weighted_int16, "rows_int16"),
    "TRANSPOSE_CONV": Entry("tinyi_transpose_conv_int16", _weighted_int16),
    "AVERAGE_POOL_2D": Entry("tinyi_average_pool_int16", _max_pool),
    "MAX_POOL_2D": Entry("tinyi_max_pool_int16", _max_pool),
    **{name: Entry(f"tinyi_{name.lower()}_int16", _binary) for name in binary.NAMES},
    **{name: Entry(f"tinyi_{name.lower()}_int16", _mean) for name in ("MEAN", "SUM")},
    **{
        name: Entry(f"tinyi_{name.lower()}_int16", _unary)
        for name in ("SOFTMAX", "RELU", "RELU6", "LEAKY_RELU", *_SIGMOIDS)
    },
    "QUANTIZE": Entry("tinyi_quantise_any", _quantise),
    "DEQUANTIZE": Entry("tinyi_dequantise_int16", _dequantise),
}
# of any type; what tinyi/context.h has of them
_TYPES = ("int8", "int16", "int32", "int64", "uint8", "bool", "float32")
_MOVING: Mapping[str, Entry] = {
    "PAD": Entry("tinyi_pad"),
    "PADV2": Entry("tinyi_pad"),
    "MIRROR_PAD": Entry("tinyi_mirror_pad"),
    "SPACE_TO_BATCH_ND": Entry("tinyi_space_to_batch", _blocks),
    "BATCH_TO_SPACE_ND": Entry("tinyi_batch_to_space", _blocks),
    "FILL": Entry("tinyi_fill_with"),
    "ZEROS_LIKE": Entry("tinyi_zeros_like"),
    "CONCATENATION": Entry("tinyi_concatenation", _concatenation),
    "PACK": Entry("tinyi_pack"),
    "SPLIT": Entry("tinyi_split"),
    "SPLIT_V": Entry("tinyi_split_v"),
    "UNPACK": Entry("tinyi_unpack"),
    "TRANSPOSE": Entry("tinyi_transpose", _transpose, general="tinyi_transpose_long"),
    "SLICE": Entry("tinyi_slice"),
    "STRIDED_SLICE": Entry("tinyi_strided_slice", _strided_slice),
    "REVERSE_V2": Entry("tinyi_reverse"),
    "BROADCAST_TO": Entry("tinyi_broadcast_to"),
    "TILE": Entry("tinyi_tile"),
    "SPACE_TO_DEPTH": Entry("tinyi_space_to_depth"),
    "DEPTH_TO_SPACE": Entry("tinyi_depth_to_space"),
    "GATHER": Entry("tinyi_gather", _indexed),
    "GATHER_ND": Entry("tinyi_gather_nd", _indexed),
    "EMBEDDING_LOOKUP": Entry("tinyi_embedding_lookup", _indexed),
    "SELECT_V2": Entry("tinyi_select"),
    "SHAPE": Entry("tinyi_shape"),
    "RANK": Entry("tinyi_rank"),
    "RESIZE_NEAREST_NEIGHBOR": Entry("tinyi_resize_nearest", _resize_nearest),
    **dict.fromkeys(VIEWS, Entry("tinyi_reshape_any", _reshape, general="tinyi_reshape_long")),
}
# what int8 has of its own: fewer questions are asked
_RESHAPES = dict.fromkeys(VIEWS, Entry("tinyi_reshape", _reshape, general="tinyi_reshape_long"))


def _hybrid(graph: Graph, operator: Operator) -> MemoryRequest | None:
    """Of a layer with weights of int8; None for any other."""
    weights, source = graph.tensors[operator.inputs[1]], graph.tensors[operator.inputs[0]]
    if weights.dtype != "int8":
        return None
    scheme, is_depthwise = weights.quantisation, operator.name == "DEPTHWISE_CONV_2D"
    if not weights.is_constant or scheme is None or any(scheme.zero_points):
        raise Unsupported(f"{weights.name} is not constant and symmetric", "convert with TFLite's converter")
    channels = weights.shape[-1 if is_depthwise else 0]
    products = weights.elements // channels
    if products > _MOST_HYBRID_PRODUCTS:
        raise Unsupported(f"a sum of {products} products is not supported", "")
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        _real_constant(graph.tensors[operator.inputs[2]])
    batch = weights.shape[1] if operator.name == "FULLY_CONNECTED" else math.prod(source.shape[1:])
    scales = 0 if len(scheme.scales) == channels else WORD_BYTES * channels
    size = scales + batch + (weights.elements if is_depthwise else 0)
    return MemoryRequest(size, size, is_general=True)


def _real_convolution(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    hybrid = _hybrid(graph, operator)
    if hybrid is not None:
        return hybrid
    fields = real_convolution_fields(graph, operator)
    _real_constants(graph, operator)
    kernels = kernels_of("depthwise_float32" if "depth_multiplier" in fields else "conv2d_float32", "c")
    return exactly(next(one for one in kernels if one.why_not_fields(fields) is None).scratch_bytes(fields))


def _real_constants(graph: Graph, operator: Operator) -> None:
    for position in (position for position in describe(operator.name).weights if position < len(operator.inputs)):
        if operator.inputs[position] >= 0:
            _real_constant(graph.tensors[operator.inputs[position]])


def _real_constant(tensor: Tensor) -> None:
    if tensor.dtype != "float32" or not tensor.is_constant:
        raise Unsupported(f"{tensor.name} is {tensor.dtype}, not a constant of float32", hint="")


def _real_dense(graph: Graph, operator: Operator, variant: str) -> MemoryRequest | None:  # noqa: ARG001
    hybrid = _hybrid(graph, operator)
    if hybrid is not None:
        return hybrid
    if graph.tensors[operator.inputs[1]].is_constant or len(operator.inputs) > 2:
        _real_constants(graph, operator)
    return None


def _real_transpose_conv(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    _real_constants(graph, operator)
    source, output = graph.tensors[operator.inputs[2]].shape, graph.tensors[operator.outputs[0]].shape
    if slid(output, graph.tensors[operator.inputs[1]].shape[1:3], operator.options) != source[1:3]:
        raise Unsupported(f"an output of {output} does not become {source} by the convolution")


def _real_binary(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    shapes = {graph.tensors[index].elements for index in (*operator.inputs, *operator.outputs)}
    return MemoryRequest(in_place=(0, 1) if len(shapes) == 1 else ())


def _in_place(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    return MemoryRequest(in_place=(0,))


def _of(function: str, names: str, ask: Callable[[Graph, Operator, str], MemoryRequest | None]) -> dict[str, Entry]:
    """Operators of one function, with their own kernels beside it."""
    kernels = {name: name.lower().removesuffix("_2d") for name in names.split()}
    return {name: Entry(function, ask, symbol=f"tinynn_{kernel}_float32_ref") for name, kernel in kernels.items()}


def _nothing(graph: Graph, operator: Operator, variant: str) -> None:
    """No scratch."""


_FLOAT32: Mapping[str, Entry] = {
    "CONV_2D": Entry("tinyi_conv2d_float32", _real_convolution, general="tinyi_conv2d_hybrid"),
    "DEPTHWISE_CONV_2D": Entry("tinyi_depthwise_float32", _real_convolution, general="tinyi_depthwise_hybrid"),
    "FULLY_CONNECTED": Entry("tinyi_fully_connected_float32", _real_dense, general="tinyi_fully_connected_hybrid"),
    "BATCH_MATMUL": Entry("tinyi_batch_matmul_float32"),
    "TRANSPOSE_CONV": Entry("tinyi_transpose_conv_float32", _real_transpose_conv),
    "RESIZE_BILINEAR": Entry("tinyi_resize_bilinear_float32"),
    "RELU": Entry("tinyi_relu_float32", _in_place),
    "RELU6": Entry("tinyi_relu6_float32", _in_place),
    "LEAKY_RELU": Entry("tinyi_leaky_relu_float32", _in_place),
    "QUANTIZE": _INT8["QUANTIZE"],
    **_of("tinyi_pool_float32", "AVERAGE_POOL_2D MAX_POOL_2D L2_POOL_2D", _nothing),
    **_of(
        "tinyi_binary_float32",
        "ADD SUB MUL DIV MINIMUM MAXIMUM SQUARED_DIFFERENCE FLOOR_DIV FLOOR_MOD POW PRELU",
        _real_binary,
    ),
    **_of(
        "tinyi_unary_float32",
        "ELU HARD_SWISH LOGISTIC TANH ABS NEG SQUARE SQRT RSQRT EXP LOG SIN COS FLOOR CEIL ROUND",
        _in_place,
    ),
    **_of("tinyi_rows_float32", "LOG_SOFTMAX", _in_place),
    **_of("tinyi_softmax_float32", "SOFTMAX", _in_place),
    **_of("tinyi_l2_normalization_float32", "L2_NORMALIZATION", _in_place),
    **_of("tinyi_reduce", "MEAN SUM REDUCE_MAX REDUCE_MIN", _nothing),
}


def _rarer_pair(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    binary.rarer_constants_of(graph, operator)
    _same_types(graph, operator)


def _same_types(graph: Graph, operator: Operator) -> None:
    left, right, output = (graph.tensors[index] for index in (*operator.inputs, *operator.outputs))
    made = "bool" if operator.name in binary.COMPARISONS else left.dtype
    if (right.dtype, output.dtype) != (left.dtype, made):
        raise Unsupported(f"{left.dtype} and {right.dtype} do not go together", "give both operands one type")


def _plain_pair(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    _same_types(graph, operator)
    if operator.name == "ADD" and operator.options["activation"] != "NONE":
        raise Unsupported(f"activation {operator.options['activation']} is not supported")


def _alike(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    if source.dtype == "int8" and source.quantisation != output.quantisation:
        raise Unsupported("input and output are quantised differently")


def _argument(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    output = graph.tensors[operator.outputs[0]]
    if output.dtype not in ("int32", "int64"):
        raise Unsupported(f"{output.name} is {output.dtype}, not int32", "ask for indices of int32")


def _cumsum(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    sums.constants_of(graph, operator)


def _add_n(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    if form_of(graph, operator) == "int8":
        sums.constants_of(graph, operator)
    return exactly(8 * (len(operator.inputs) + 1))


def _l2_normalization(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    source = graph.tensors[operator.inputs[0]]
    if operator.options["activation"] != "NONE" or source.shape[-1] >= _MOST_SQUARES:
        raise Unsupported(f"an activation, or a row of {source.shape[-1]} elements, is not supported")
    return MemoryRequest(in_place=(0,))


def _log_softmax(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    made, scale = quantisation_of(output), quantisation_of(source).scale
    log_softmax_scaling(scale)
    if (made.scale, made.zero_point) != (1 / 16, 127) or scale >= 8 or source.shape[-1] > _MOST_EXPONENTIALS:
        raise Unsupported("an output that is not 1/16 around 127, or a scale or row as large as this, is not supported")
    return MemoryRequest(in_place=(0,))


def _elu(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    return exactly(256, (0,))


def _cast(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    types = [graph.tensors[index].dtype for index in (operator.inputs[0], operator.outputs[0])]
    if not {*types} <= {*NUMBERS}:
        raise Unsupported(f"from {' to '.join(types)} is not supported")
    return MemoryRequest(is_general="float32" in types)


def _transpose_conv(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    return exactly(_RECORD_BYTES * symmetric(graph, operator).outputs)


def _matmul(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    form = form_of(graph, operator)
    left, right, output = (graph.tensors[index] for index in (*operator.inputs[:2], operator.outputs[0]))
    given, other, made = (quantisation_of(tensor, form) for tensor in (left, right, output))
    factor = Rescaling.of([dense_factor(given.scale, other.scale, made.scale)])
    if form == "int16":
        wide_records(np.zeros(1, np.int64), factor, has_wide_sums=True)


def _resize_bilinear(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    for index in (operator.inputs[0], operator.outputs[0]):
        if max(graph.tensors[index].shape[1:3]) > _MOST_RESIZED:
            raise Unsupported(f"more than {_MOST_RESIZED} rows or columns are not supported")


def _beside(function: str, ask: Ask, names: Sequence[str], of: str) -> dict[str, Entry]:
    """Operators of one function; beside it stands their own kernel."""
    return {name: Entry(function, ask, symbol=f"tinynn_{name.lower()}{of}_ref") for name in names}


_INT8_RARER: Mapping[str, Entry] = {
    **_beside("tinyi_comparison", _rarer_pair, binary.COMPARISONS, ""),
    **_beside("tinyi_squared_difference", _rarer_pair, ("SQUARED_DIFFERENCE",), ""),
    **_beside("tinyi_div", _rarer_pair, ("DIV",), ""),
    **_beside("tinyi_prelu", _rarer_pair, ("PRELU",), ""),
    **_beside("tinyi_reduce", _alike, ("REDUCE_MAX", "REDUCE_MIN"), ""),
    **_beside("tinyi_argument", _argument, ("ARG_MAX", "ARG_MIN"), ""),
    "SUM": Entry("tinyi_sum", _mean, "mean", "tinyi_mean"),
    "CUMSUM": Entry("tinyi_cumsum", _cumsum),
    "ADD_N": Entry("tinyi_add_n", _add_n),
    "L2_NORMALIZATION": Entry("tinyi_l2_normalization", _l2_normalization),
    "LOG_SOFTMAX": Entry("tinyi_log_softmax", _log_softmax),
    "ABS": Entry("tinyi_abs", _unary),
    "RSQRT": Entry("tinyi_rsqrt", _unary),
    "ELU": Entry("tinyi_elu", _elu),
    "TRANSPOSE_CONV": Entry("tinyi_transpose_conv", _transpose_conv),
    "BATCH_MATMUL": Entry("tinyi_batch_matmul", _matmul),
    "RESIZE_BILINEAR": Entry("tinyi_resize_bilinear", _resize_bilinear),
}
_ARITHMETIC = ("SUB", "MUL", "DIV")
_INT32_PAIRS = ("FLOOR_DIV", "FLOOR_MOD", "SQUARED_DIFFERENCE", "MINIMUM", "MAXIMUM")
_PLAIN: Mapping[str, Mapping[str, Entry]] = {
    "int32": {
        **_beside("tinyi_plain_comparison", _plain_pair, binary.COMPARISONS, "_int32"),
        **_beside("tinyi_plain_add", _plain_pair, ("ADD",), "_int32"),
        **_beside("tinyi_plain_arithmetic", _plain_pair, _ARITHMETIC, "_int32"),
        **_beside("tinyi_plain_pairs", _plain_pair, _INT32_PAIRS, "_int32"),
    },
    "int64": {
        **_beside("tinyi_plain_comparison", _plain_pair, binary.COMPARISONS, "_int64"),
        **_beside("tinyi_plain_pairs", _plain_pair, ("MINIMUM", "MAXIMUM"), "_int64"),
    },
    "float32": {
        **_beside("tinyi_plain_comparison", _plain_pair, binary.COMPARISONS, "_float32"),
        **_beside("tinyi_argument", _argument, ("ARG_MAX", "ARG_MIN"), "_float32"),
        "CUMSUM": Entry("tinyi_cumsum_float32", _nothing),
        "ADD_N": Entry("tinyi_add_n_float32", _add_n),
    },
    "bool": {
        **_beside("tinyi_plain_comparison", _plain_pair, binary.COMPARISONS[:2], "_bool"),
        **_beside("tinyi_plain_pairs", _plain_pair, ("LOGICAL_AND", "LOGICAL_OR"), "_bool"),
        **_beside("tinyi_reduce", _alike, ("REDUCE_ALL",), "_bool"),
        "LOGICAL_NOT": Entry("tinyi_logical_not", _in_place),
        "IF": Entry("tinyi_if", _calling),
    },
    "int8": _INT8_RARER,
    "int16": {"BATCH_MATMUL": Entry("tinyi_batch_matmul_int16", _matmul)},
}
_CAST = {"CAST": Entry("tinyi_cast", _cast, general="tinyi_cast_float32")}
_LOOP = {"WHILE": Entry("tinyi_while", _calling)}
# form → operator → entry
_COMPUTING: Mapping[str, Mapping[str, Entry]] = {
    "int8": {
        **_INT8,
        **_RESHAPES,
        "SVDF": Entry("tinyi_svdf", _svdf, "svdf_int8"),
        _LSTM: Entry("tinyi_lstm", _lstm, "lstm_int8"),
    },
    "int16": {**_INT16, _LSTM: Entry("tinyi_lstm_int16", _lstm)},
    "int32": {"QUANTIZE": _INT16["QUANTIZE"]},
    "float32": {
        **_FLOAT32,
        "SVDF": Entry("tinyi_svdf_float32", _svdf),
        _LSTM: Entry("tinyi_lstm_float32", _lstm),
    },
    "uint8": {
        "QUANTIZE": _INT16["QUANTIZE"],
        "DEQUANTIZE": Entry("tinyi_dequantise_uint8", _dequantise),
        "RESIZE_BILINEAR": Entry("tinyi_resize_bilinear_uint8"),
    },
}
_CUSTOM: Mapping[str, Mapping[str, Entry]] = {
    form: dict.fromkeys(sounds, Entry("tinyi_custom", customs.request)) for form, sounds in SOUNDS.items()
}
ENTRIES: Mapping[str, Mapping[str, Entry]] = {
    **{
        form: {
            **_MOVING,
            **_CAST,
            **_LOOP,
            **_PLAIN.get(form, {}),
            **_COMPUTING.get(form, {}),
            **_CUSTOM.get(form, {}),
        }
        for form in _TYPES
    },
    "uint32": {**_MOVING, **_CAST, **_CUSTOM["uint32"]},
    "uint64": {**_MOVING, **_CUSTOM["uint64"]},
    "resource": {
        "VAR_HANDLE": Entry("tinyi_nothing"),
        "READ_VARIABLE": Entry("tinyi_read_variable", _variable),
        "ASSIGN_VARIABLE": Entry("tinyi_assign_variable", _variable),
    },
    "": {"CALL_ONCE": Entry("tinyi_nothing", _call_once)},
}


# all custom operators; `customs` is their own table
CUSTOM_ROW = "{32, -1, 0, 1, 2, tinyi_custom, customs, NULL}, /* custom */"


def main_type(name: str, form: str) -> int:
    """TFLite's number of the type by which the chip tells an operator's forms apart; -1 where there is only one."""
    import tflite

    is_only = sum(name in names for names in ENTRIES.values()) == 1
    return -1 if is_only else int(getattr(tflite.TensorType, form.upper()))


def rows(linked: Mapping[tuple[str, str], Mapping[str, bool]], variant: str) -> list[str]:
    """The table of the operators of a model, one line for each; `linked`: name and form → what their functions know."""
    names = [name for name, _ in linked]
    lines = [
        row(name, form, variant, **how, is_only=names.count(name) == 1) + f", /* {name} */"
        for (name, form), how in linked.items()
        if not name.startswith(CUSTOM)
    ]
    has_custom = any(name.startswith(CUSTOM) for name in names)
    return [*lines, CUSTOM_ROW] if has_custom else lines


def row(
    name: str, form: str, variant: str, *, is_general: bool = True, is_int4: bool = True, is_only: bool = False
) -> str:
    """The initialiser of a struct tinyi_operator. `is_only`: the model has the operator in no other form."""
    import tflite

    entry, described = ENTRIES[form][name], describe(name)
    code, (_, newest) = getattr(tflite.BuiltinOperator, name), described.versions
    element_type = -1 if is_only else main_type(name, form)
    numbers = f"{code}, {element_type}, {described.main_input}, {newest}, {described.outputs}"
    kernel = entry.kernel_symbol(variant, is_general=is_general) or "NULL"
    plan = entry.planned(is_general=is_general, is_int4=is_int4) or "NULL"
    return f"{{{numbers}, {entry.called(is_general=is_general, is_int4=is_int4)}, {kernel}, {plan}}}"


def request(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    """What an operator asks for. Raises ValueError, mostly Unsupported, for one that the runtime doesn't compute."""
    _modest(graph, operator)
    described = describe(operator.name)
    for position in () if described.is_view else described.parameters:
        tensor = graph.tensors[operator.inputs[position]]
        if tensor.dtype != "int32" or (tensor.data is None and operator.name not in _CHOOSING):
            raise Unsupported(f"{tensor.name} is not a constant of int32", "convert with constant shapes")
    return ENTRIES[form_of(graph, operator)][operator.name].request(graph, operator, variant) or MemoryRequest()
