"""What each operator of the runtime tinyi is called, and how much scratch it asks for: as its C computes it.

Whoever changes a scratch rule here changes it in recipes/runtimes/tinyi/src too; the tests hold both equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tinyflow.backends.tinyi import shape_checks
from tinyflow.backends.tinyi.memory_request import MemoryRequest, Unsupported, exactly, same_quantisation
from tinyflow.backends.tinynn.variants import VARIANTS
from tinyflow.model.advice import VERSION_HINT
from tinyflow.model.fixed_point import activation_range, add_factors, rescaling_factor
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.weighted import Weighted, weighted, whole

# of struct tinynn_channel
_RECORD_BYTES = 12
# the kernels' right shifts: up to it (src/channels.c)
_LARGEST_SHIFT = 22
_MAX_PRODUCTS = 1 << 13
# of the kernels with vectors: products of a step and of a long row, lanes of a block, elements whose sum has 16 bits
_MVE_STEP, _MVE_LONG, _RVV_LANES, _NARROW_WINDOW = 16, 64, 32, 255
_VECTORS = ("mve", "rvv")
_LARGEST_PLANE = 1 << 26
MAX_WORK = 1 << 31  # TINYI_MAX_WORK of include/tinyi/visit.h
_MAX_SIZE, _MAX_STRIDE, _MAX_RANK = 1 << 16, 1 << 10, 5
# of a softmax's scale and beta
_LEAST_FACTOR = 2.0**-96
_SIGMOIDS = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}


@dataclass(frozen=True)
class Entry:
    """An operator of the runtime: its function, the newest version, the variants that its kernels have."""

    visit: str
    newest: int
    request: Callable[[Graph, Operator, str], MemoryRequest]
    kernel: str | None = None
    variants: tuple[str, ...] = ()
    most_outputs: int = 1
    plan: str | None = None
    """What set-up calls instead of `visit`, where the rest is left to the inference."""
    has_any: bool = False
    """Whether each struct of kernels has a larger one, `any_…`, for rare operators."""

    def kernel_symbol(self, variant: str, *, is_any: bool = True) -> str | None:
        """The struct beside the function in the operator table; None for NULL. `is_any`: see MemoryRequest."""
        found = [name for name in VARIANTS[variant] if name in self.variants]
        rare = "any_" if is_any and self.has_any else ""
        return f"&tinyi_{self.kernel}_{rare}{found[0]}" if found else None


def _round(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def is_right(layer: Weighted, rows: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> bool:
    """tinyi_is_right of src/channels.c; `rows`: [channels, products]."""
    if rows.shape[1] > _MAX_PRODUCTS:
        return False
    shifts, bias = layer.rescaling.shifts, np.abs(layer.bias)
    most = bias + rows.shape[1] * 255 * 128
    offset = abs(2 * layer.output_zero_point + 1)
    is_tame = (shifts >= -_LARGEST_SHIFT) & (shifts <= -1) & (most < 1 << 30)
    is_tame &= 2 * most + (offset << np.clip(-shifts, 0, 31)) < 1 << 31
    return bool((is_tame | ~rows.any(axis=1)).all())


def _layer(graph: Graph, operator: Operator) -> Weighted:
    layer = weighted(graph, operator)
    if any(layer.weight_zero_points):
        raise Unsupported("the weights are not symmetric", "")
    _modest(graph, operator)
    if max(*layer.window.stride, *layer.window.dilation) > _MAX_STRIDE:
        raise Unsupported(f"a stride or dilation above {_MAX_STRIDE} is not supported")
    return layer


def _modest(graph: Graph, operator: Operator) -> None:
    """Sizes whose products fit 32 bits."""
    for index in (*operator.inputs, *operator.outputs):
        shape = graph.tensors[index].shape if index >= 0 else ()
        if len(shape) > _MAX_RANK or max(shape, default=1) > _MAX_SIZE:
            raise Unsupported(f"the shape {shape} is not supported")


def _conv2d(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    layer = _layer(graph, operator)
    channels, (height, width) = layer.outputs, layer.window.size
    products = layer.weights[0].size
    row = products // height
    is_fast = is_right(layer, layer.weights.reshape(channels, -1)) and not (variant == "rvv" and _has_lowest(layer))
    kernel = variant if is_fast else "ref"
    has_window = height * width > 1
    if kernel == "mve":
        whole_steps = _round(products, _MVE_STEP)
        is_whole = not has_window and products == whole_steps
        patch = 0 if is_whole and products < _MVE_LONG else whole_steps
        fixed, tile, each = 2 * patch, 4, (0 if is_whole and products >= _MVE_LONG else whole_steps) + 2
    elif kernel == "rvv":
        fixed, tile, each = 2 * has_window * products, 8, products + 2
    elif kernel == "dsp":
        padded = height * _round(row, 4)
        fixed, tile, each = 6 * padded + has_window * 4 * row, 2, 2 * padded + 3
    elif kernel == "ref":
        fixed, tile, each = products, 1, 0
    else:
        tile = 2 if kernel == "c" else 4
        fixed, each = tile * has_window * products, products + tile
    each += _RECORD_BYTES
    # blocks of rvv are of whole lanes
    lanes = _RVV_LANES if kernel == "rvv" else tile
    return MemoryRequest(fixed + tile * each, fixed + _round(channels, tile) * each, step=lanes * each)


def _has_lowest(layer: Weighted) -> bool:
    """Weights of -128: takes() of the kernels whose products share 16 bits."""
    return bool((layer.weights == np.iinfo(np.int8).min).any())


def _depthwise(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    layer = _layer(graph, operator)
    channels, slides, source = layer.outputs, layer.window, layer.source.shape
    kernel = "c" if variant == "rv32" else variant
    taps, is_single = math.prod(slides.size), channels == source[3]
    is_fast = kernel != "ref" and is_right(layer, layer.weights.reshape(-1, channels).T)
    is_3x3 = slides.size == (3, 3) and is_single and slides.dilation == (1, 1)
    is_3x3 &= slides.stride[1] <= 2 or kernel != "dsp"
    is_3x3 &= kernel not in _VECTORS or not _has_lowest(layer)
    rows, columns = (
        (layer.output.shape[i + 1] - 1) * slides.stride[i] + (slides.size[i] - 1) * slides.dilation[i] + 1
        for i in (0, 1)
    )
    is_large = rows * columns > _LARGEST_PLANE
    fits = {"c": not is_large, "dsp": not is_large and slides.dilation[1] == 1}.get(kernel, is_single)
    fits &= kernel != "mve" or not _has_lowest(layer)
    if not is_fast or not (is_3x3 or fits):
        return exactly(channels * (_RECORD_BYTES + 4))
    slots = _round(channels, 8 if is_3x3 else 16) if kernel == "mve" else channels
    plane = 2 * rows * _round(columns, 2) if kernel == "dsp" else rows * columns
    behind = 3 * slides.stride[1]
    if kernel in _VECTORS and is_3x3:
        plane = 3 * columns * slots
        if kernel == "rvv" and slides.stride[1] == 1 and 2 * channels <= _RVV_LANES:
            slots *= _RVV_LANES // channels
    elif kernel in _VECTORS:
        plane = 8 * taps + channels
    elif not is_3x3:
        pairs = slides.size[0] * (slides.size[1] // 2 + 1)
        plane += 2 * (behind + 2 + behind % 2) + 8 * pairs if kernel == "dsp" else behind
    pixels = [shape[1] * shape[2] for shape in (layer.output.shape, source)]
    is_in_place = source[0] == 1 and is_single and pixels[0] <= pixels[1] and (is_3x3 or kernel not in _VECTORS)
    size = slots * _RECORD_BYTES + _round(plane, 4) + slots * taps + 1
    return MemoryRequest(size, size, (0,) if is_in_place else (), is_any=not is_3x3)


def _fully_connected(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    _layer(graph, operator)
    if operator.options["weights_format"] != "DEFAULT":
        raise Unsupported("shuffled weights are not supported", "convert for microcontrollers")
    source = graph.tensors[operator.inputs[0]]
    return MemoryRequest(0, 2 * (source.elements & ~7) if variant == "dsp" and not source.is_constant else 0)


def _average_pool(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    _pooled(graph, operator)
    channels = graph.tensors[operator.inputs[0]].shape[3]
    height, width = _pair(operator, "filter")
    is_narrow = height * width <= _NARROW_WINDOW
    kernel = variant if is_narrow and (variant != "dsp" or channels >= 4) else "ref" if variant == "ref" else "c"
    return exactly({"ref": 0, "dsp": 0, "rvv": 0, "mve": 2 * _round(channels, 8)}.get(kernel, 4 * channels))


def work(graph: Graph, operator: Operator) -> int:
    """Products or comparisons of an operator whose window the file can make as large as it likes; 0 of all others."""
    if operator.name not in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        return graph.operator_macs(operator)
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    return output.elements * math.prod(map(min, _pair(operator, "filter"), source.shape[1:3]))


def _pooled(graph: Graph, operator: Operator) -> None:
    output = graph.tensors[operator.outputs[0]]
    same_quantisation([graph.tensors[operator.inputs[0]], output])
    made = whole(output)
    activation_range(str(operator.options["activation"]), made.scale, made.zero_point)
    if max(_pair(operator, "filter")) > _MAX_SIZE or max(_pair(operator, "stride")) > _MAX_STRIDE:
        raise Unsupported(f"a filter above {_MAX_SIZE} or a stride above {_MAX_STRIDE} is not supported")


def _pair(operator: Operator, option: str) -> tuple[int, int]:
    value = operator.options[option]
    assert isinstance(value, tuple), "readers give pairs"
    return value[0], value[1]


def _max_pool(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    _pooled(graph, operator)
    return MemoryRequest()


def _binary(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    tensors = [graph.tensors[index] for index in (*operator.inputs, *operator.outputs)]
    left, right, made = (whole(tensor) for tensor in tensors)
    if operator.name in ("MINIMUM", "MAXIMUM"):
        same_quantisation(tensors)
    else:
        activation_range(str(operator.options["activation"]), made.scale, made.zero_point)
    if operator.name == "MUL":
        rescaling_factor(left.scale * right.scale / made.scale)
    elif operator.name in ("ADD", "SUB"):
        add_factors(left.scale, right.scale, made.scale)
    if len({tensor.elements for tensor in tensors}) == 1:
        return MemoryRequest(in_place=(0, 1))
    for tensor in tensors[:2]:
        shape_checks.repeated(tensor.shape, tensors[2].shape)
    return MemoryRequest(is_any=True)


def _unary(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    given, made = (whole(graph.tensors[index]) for index in (operator.inputs[0], operator.outputs[0]))
    wanted = {"SOFTMAX": (1 / 256, -128), **_SIGMOIDS}.get(operator.name)
    if wanted is not None and (made.scale, made.zero_point) != wanted:
        what = f"the output is not quantised as {wanted[0]:g} and {wanted[1]}"
        raise Unsupported(what, "quantise with TFLite's converter")
    beta = operator.options.get("beta", 1.0)
    assert isinstance(beta, float), "readers give a number"
    if operator.name in _SIGMOIDS and not 2.0**-26 <= given.scale < 8:
        raise Unsupported(f"an input scale of {given.scale:g} is not supported")
    if operator.name == "SOFTMAX" and not (given.scale >= _LEAST_FACTOR and _LEAST_FACTOR <= beta < math.inf):
        raise Unsupported(f"an input scale of {given.scale:g} with beta {beta:g} is not supported")
    if operator.name in ("RELU", "QUANTIZE"):
        rescaling_factor(given.scale / made.scale)
    if operator.name in ("RELU", "RELU6"):
        clamped = given if operator.name == "RELU6" else made
        activation_range(operator.name, clamped.scale, clamped.zero_point)
    return MemoryRequest(in_place=(0,))


def _quantise(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    source, output = (graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))
    if source.dtype != "float32":
        return _unary(graph, operator, variant)
    whole(output)
    return MemoryRequest()


def _dequantise(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    source, output = (graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))
    if output.dtype != "float32":
        raise Unsupported(f"{output.name} is {output.dtype}", "dequantise to float32")
    whole(source)
    return MemoryRequest()


def _reshape(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    tensors = [graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0])]
    for tensor in tensors:
        whole(tensor)
    return MemoryRequest(is_view=not tensors[0].is_constant)


_MOST = ("ref", "c", "dsp", *_VECTORS)
ENTRIES: Mapping[str, Entry] = {
    "CONV_2D": Entry("tinyi_conv2d", 5, _conv2d, "conv2d", (*_MOST, "rv32")),
    "DEPTHWISE_CONV_2D": Entry("tinyi_depthwise", 6, _depthwise, "depthwise", ("c", "dsp", *_VECTORS), has_any=True),
    "FULLY_CONNECTED": Entry(
        "tinyi_fully_connected",
        7,
        _fully_connected,
        "fully_connected",
        (*_MOST, "rv32"),
        plan="tinyi_plan_fully_connected",
    ),
    "AVERAGE_POOL_2D": Entry("tinyi_average_pool", 2, _average_pool, "average_pool", ("c", "dsp", *_VECTORS)),
    "MAX_POOL_2D": Entry("tinyi_max_pool", 2, _max_pool, "max_pool", ("c", "dsp")),
    "ADD": Entry("tinyi_add", 3, _binary, "add", _MOST, has_any=True),
    "SUB": Entry("tinyi_add", 3, _binary, "sub", _MOST, has_any=True),
    "MUL": Entry("tinyi_mul", 3, _binary, "mul", ("ref", "c", "dsp", "mve")),
    "MINIMUM": Entry("tinyi_minimum", 3, _binary),
    "MAXIMUM": Entry("tinyi_maximum", 3, _binary),
    "SOFTMAX": Entry("tinyi_softmax", 2, _unary),
    "LOGISTIC": Entry("tinyi_logistic", 2, _unary),
    "TANH": Entry("tinyi_tanh", 2, _unary),
    "RELU": Entry("tinyi_relu", 2, _unary),
    "RELU6": Entry("tinyi_relu6", 2, _unary),
    "QUANTIZE": Entry("tinyi_quantise", 2, _quantise),
    "DEQUANTIZE": Entry("tinyi_dequantise", 2, _dequantise),
    "LEAKY_RELU": Entry("tinyi_leaky_relu", 2, shape_checks.leaky_relu),
    "HARD_SWISH": Entry("tinyi_hard_swish", 1, shape_checks.hard_swish),
    "MEAN": Entry("tinyi_mean", 2, shape_checks.mean, "mean", ("c", "dsp")),
    "PAD": Entry("tinyi_pad", 2, shape_checks.pad),
    "PADV2": Entry("tinyi_pad", 2, shape_checks.pad),
    "CONCATENATION": Entry("tinyi_concatenation", 2, shape_checks.concatenation),
    "SPLIT": Entry("tinyi_split", 2, shape_checks.split, most_outputs=2**16 - 1),
    "TRANSPOSE": Entry("tinyi_transpose", 4, shape_checks.transpose),
    "SLICE": Entry("tinyi_slice", 3, shape_checks.slice_),
    "STRIDED_SLICE": Entry("tinyi_strided_slice", 4, shape_checks.strided_slice),
    "RESIZE_NEAREST_NEIGHBOR": Entry("tinyi_resize_nearest", 3, shape_checks.resize_nearest),
    "RESHAPE": Entry("tinyi_reshape", 1, _reshape),
    "SQUEEZE": Entry("tinyi_reshape", 2, _reshape),
    "EXPAND_DIMS": Entry("tinyi_reshape", 1, _reshape),
}


def request(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    """What an operator asks for. Raises ValueError, mostly Unsupported, for one that the runtime doesn't compute."""
    entry = ENTRIES.get(operator.name)
    if entry is None:
        raise Unsupported("this operator is not supported", f"supported: {', '.join(sorted(ENTRIES))}")
    if operator.version > entry.newest:
        raise Unsupported(f"only versions up to {entry.newest} are supported", VERSION_HINT)
    if not 1 <= len(operator.outputs) <= entry.most_outputs:
        raise Unsupported(f"{len(operator.outputs)} outputs are not supported")
    _modest(graph, operator)
    return entry.request(graph, operator, variant)
