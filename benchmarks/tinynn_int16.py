"""One-operator networks of int16 activations (`tinynn_cases` has those of int8); structs are what tinyc makes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tinynn_cases import Case, Generator, f32, lowered, one_operator, out_size, random_weights, window_text

from tinyflow.model.graph import Quantisation, Tensor
from tinyflow.model.operators import describe
from tinyflow.model.summary import macs

Shape = tuple[int, ...]
_UNIT = Quantisation((1 / 32768,), (0,))


def random_int16(generator: Generator, shape: Sequence[int], extreme: float = 0.2) -> NDArray[np.int16]:
    """Over the whole range; a share `extreme` of the elements are the least or the largest."""
    values = generator.integers(-(2**15), 2**15, tuple(shape))
    ends = generator.choice(np.array([-(2**15), 2**15 - 1]), tuple(shape))
    return np.where(generator.random(tuple(shape)) < extreme, ends, values).astype(np.int16)


def _scale(generator: Generator, least: float = -5, most: float = -1) -> Quantisation:
    return Quantisation((f32(10 ** generator.uniform(least, most)),), (0,))


def _int16(index: int, shape: Shape, scheme: Quantisation) -> Tensor:
    return Tensor(index, f"input{index}", shape, "int16", scheme)


def weighted(
    generator: Generator,
    operator: str,
    shape: Shape,
    weights_shape: Shape,
    output: Shape,
    options: Mapping[str, Any],
    *,
    bias: str = "int64",
    is_per_channel: bool = True,
    name: str = "",
) -> Case:
    """CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED whose outputs fill the range; `bias`: its type, or none."""
    axis = len(weights_shape) - 1 if operator == "DEPTHWISE_CONV_2D" else 0
    channels = weights_shape[axis]
    weights, source = random_weights(generator, weights_shape, -128), _scale(generator)
    products = weights.size // channels
    spread = generator.uniform(0.3, 1.0, channels if is_per_channel else 1)
    scales = tuple(f32(0.01 * factor) for factor in spread)
    deviation = source.scale * 0.01 * 80 * 2**14 * math.sqrt(products)
    made = Quantisation((f32(deviation / generator.uniform(4000, 14000)),), (0,))
    most = int(80 * 2**14 * math.sqrt(products))
    tensors = [
        _int16(0, shape, source),
        Tensor(1, "weights", weights_shape, "int8", Quantisation(scales, (0,) * len(scales), axis), weights.tobytes()),
    ]
    if bias:
        values = generator.integers(-most, most, channels).astype(bias)
        bias_scales = Quantisation(tuple(f32(source.scale * scale) for scale in scales), (0,) * len(scales))
        tensors.append(Tensor(2, "bias", (channels,), bias, bias_scales, values.tobytes()))
    complete = {**describe(operator).default_options, **options}
    graph = one_operator(
        operator, 4 if operator == "FULLY_CONNECTED" else 3, tensors, (output, "int16", made), complete
    )
    case = lowered(f"{name or operator} int16", graph, (random_int16(generator, shape),))
    return replace(case, macs=macs(graph))


def conv2d(
    generator: Generator,
    shape: tuple[int, int, int, int],
    outputs: int,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: str = "SAME",
    activation: str = "RELU",
    **how: Any,
) -> Case:
    """CONV_2D."""
    options, output, name = _slid(shape, outputs, kernel, stride, dilation, padding, activation)
    weights = (outputs, *kernel, shape[3])
    return weighted(generator, "CONV_2D", shape, weights, output, options, name=f"conv2d {name}", **how)


def depthwise(
    generator: Generator,
    shape: tuple[int, int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: str = "SAME",
    activation: str = "RELU",
    depth_multiplier: int = 1,
    **how: Any,
) -> Case:
    """DEPTHWISE_CONV_2D."""
    outputs = shape[3] * depth_multiplier
    options, output, name = _slid(shape, outputs, kernel, stride, dilation, padding, activation)
    options["depth_multiplier"] = depth_multiplier
    weights = (1, *kernel, outputs)
    return weighted(generator, "DEPTHWISE_CONV_2D", shape, weights, output, options, name=f"depthwise {name}", **how)


def _slid(
    shape: tuple[int, int, int, int],
    outputs: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: str,
    activation: str,
) -> tuple[dict[str, Any], Shape, str]:
    n, h, w, c = shape
    oh, ow = (out_size(s, kernel[i], stride[i], dilation[i], padding)[0] for i, s in enumerate((h, w)))
    options = {"padding": padding, "stride": stride, "dilation": dilation, "activation": activation}
    return options, (n, oh, ow, outputs), f"{window_text(kernel, stride, dilation)} {h}x{w}x{c} → {oh}x{ow}x{outputs}"


def fully_connected(
    generator: Generator, batches: int, inputs: int, outputs: int, activation: str = "NONE", **how: Any
) -> Case:
    """FULLY_CONNECTED."""
    name = f"fully connected {batches}x{inputs} → {outputs}"
    options, shapes = {"activation": activation}, ((batches, inputs), (outputs, inputs), (batches, outputs))
    return weighted(generator, "FULLY_CONNECTED", *shapes, options, name=name, **how)


def transpose_conv(
    generator: Generator,
    shape: tuple[int, int, int, int],
    outputs: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: str = "SAME",
    activation: str = "NONE",
    **how: Any,
) -> Case:
    """TRANSPOSE_CONV: what a convolution of the output gives is shaped like the input."""
    n, h, w, _ = shape
    sizes = zip((h, w), kernel, stride, strict=True)
    output = (n, *(size * s if padding == "SAME" else (size - 1) * s + k for size, k, s in sizes), outputs)
    case = conv2d(generator, shape, outputs, kernel, **how)
    source, weights, *bias, _ = case.graph.tensors
    numbers = Tensor(0, "shape", (4,), "int32", None, np.array(output, "<i4").tobytes())
    tensors = [replace(tensor, index=i) for i, tensor in enumerate([numbers, weights, source, *bias])]
    options = {"padding": padding, "stride": stride, "activation": activation}
    made = (output, "int16", case.graph.tensors[-1].quantisation)
    graph = one_operator("TRANSPOSE_CONV", 4, tensors, made, options)
    name = f"transpose conv {window_text(kernel, stride, (1, 1))} {'x'.join(map(str, shape[1:]))} → {outputs} int16"
    return replace(lowered(name, graph, case.inputs), macs=macs(graph))


def batch_matmul(generator: Generator, left: Shape, right: Shape, *, adj_x: bool = False, adj_y: bool = False) -> Case:
    """BATCH_MATMUL of two activations."""
    schemes = [_scale(generator, -4.5, -3.5) for _ in range(2)]
    rows, columns = left[-1 if adj_x else -2], right[-2 if adj_y else -1]
    depth = left[-2 if adj_x else -1]
    scale = math.prod(scheme.scale for scheme in schemes) * 2**14 * math.sqrt(depth) * generator.uniform(0.5, 2)
    shape = (*np.broadcast_shapes(left[:-2], right[:-2]), rows, columns)
    tensors = [_int16(i, each, schemes[i]) for i, each in enumerate((left, right))]
    options = {"adj_x": adj_x, "adj_y": adj_y, "asymmetric_quantize_inputs": False}
    made = (shape, "int16", Quantisation((f32(scale),), (0,)))
    graph = one_operator("BATCH_MATMUL", 3, tensors, made, options)
    name = f"BATCH_MATMUL {' '.join('x'.join(map(str, each)) for each in (left, right))} int16"
    return lowered(name, graph, tuple(random_int16(generator, each) for each in (left, right)))


def pool(
    generator: Generator,
    shape: tuple[int, int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: str = "VALID",
    operator: str = "AVERAGE_POOL_2D",
    activation: str = "NONE",
) -> Case:
    """AVERAGE_POOL_2D or MAX_POOL_2D."""
    output = tuple(out_size(shape[1 + i], kernel[i], stride[i], 1, padding)[0] for i in range(2))
    scheme = _scale(generator, -5, -3)
    options = {"padding": padding, "stride": stride, "filter": kernel, "activation": activation}
    made = (shape[0], *output, shape[3]), "int16", scheme
    graph = one_operator(operator, 2, [_int16(0, shape, scheme)], made, options)
    name = f"{operator} {kernel[0]}x{kernel[1]}/{stride[0]} {'x'.join(map(str, shape[1:]))} int16"
    return lowered(name, graph, (random_int16(generator, shape),))


def reduction(generator: Generator, operator: str, shape: Shape, axes: Sequence[int]) -> Case:
    """MEAN or SUM over some axes, dimensions kept."""
    source, count = _scale(generator), math.prod(shape[axis] for axis in axes)
    factor = generator.uniform(0.2, 2) * (1 if operator == "MEAN" else math.sqrt(count))
    tensors = [
        _int16(0, shape, source),
        Tensor(1, "axes", (len(axes),), "int32", None, np.array(axes, "<i4").tobytes()),
    ]
    output = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    made = output, "int16", Quantisation((f32(source.scale * factor),), (0,))
    graph = one_operator(operator, 2, tensors, made, {"keep_dims": True})
    return lowered(f"{operator} {shape} {tuple(axes)} int16", graph, (random_int16(generator, shape),))


def binary(generator: Generator, operator: str, left: Shape, right: Shape, activation: str = "NONE") -> Case:
    """An operator on two inputs, whose dimensions of 1 are repeated."""
    shape = tuple(np.broadcast_shapes(left, right))
    schemes = [_scale(generator, -4.5, -3.5) for _ in range(2)]
    scale = (
        math.prod(scheme.scale for scheme in schemes) * 2**14 if operator == "MUL" else max(s.scale for s in schemes)
    )
    schemes.append(Quantisation((f32(scale * generator.uniform(0.5, 2)),), (0,)))
    if operator in ("MINIMUM", "MAXIMUM"):
        schemes = schemes[:1] * 3
    options = describe(operator).default_options
    if "activation" in options:
        options["activation"] = activation
    tensors = [_int16(i, each, schemes[i]) for i, each in enumerate((left, right))]
    graph = one_operator(operator, 2, tensors, (shape, "int16", schemes[2]), options)
    name = f"{operator} {' '.join('x'.join(map(str, each)) for each in (left, right))} int16"
    return lowered(name, graph, tuple(random_int16(generator, each) for each in (left, right)))


UNARY = ("RELU", "RELU6", "LEAKY_RELU", "LOGISTIC", "TANH", "SOFTMAX")
BINARY = ("ADD", "SUB", "MUL", "MINIMUM", "MAXIMUM")
_TYPES = ("int8", "int16", "int32")
CONVERSIONS = (("int16", "int16"), *((a, b) for a in _TYPES for b in _TYPES if a != b))


def unary(
    generator: Generator, operator: str, shape: Shape, scale: float | None = None, made_scale: float | None = None
) -> Case:
    """An operator on each element, or SOFTMAX over the last axis."""
    source = _scale(generator, -4.2, -3) if scale is None else Quantisation((f32(scale),), (0,))
    made = Quantisation((f32(made_scale or source.scale * generator.uniform(0.3, 3)),), (0,))
    made = _UNIT if describe(operator).output else source if operator == "RELU6" else made
    options = describe(operator).default_options
    if "alpha" in options:
        options["alpha"] = f32(generator.uniform(0.001, 0.9))
    graph = one_operator(operator, 2, [_int16(0, shape, source)], (shape, "int16", made), options)
    inputs = random_int16(generator, shape)
    if operator == "SOFTMAX" and generator.random() < 0.7:  # otherwise one takes all
        inputs = (inputs * generator.uniform(0, 0.2)).astype(np.int16)
    return lowered(f"{operator} {'x'.join(map(str, shape))} int16", graph, (inputs,))


def conversion(generator: Generator, given: str, made: str, elements: int) -> Case:
    """QUANTIZE from one integer type to another."""
    steps = {"int8": 2**8, "int16": 2**16, "int32": 2**32}
    types = given, made
    source = generator.uniform(0.5, 2) / steps[given]
    scales = f32(source), f32(generator.uniform(0.3, 3) / steps[made])
    zero_points = [int(generator.integers(-128, 128)) if dtype == "int8" else 0 for dtype in types]
    schemes = [Quantisation((scale,), (zero_point,)) for scale, zero_point in zip(scales, zero_points, strict=True)]
    shape = (1, elements)
    graph = one_operator("QUANTIZE", 1, [Tensor(0, "input", shape, given, schemes[0])], (shape, made, schemes[1]), {})
    limits = np.iinfo(given)
    values = generator.integers(limits.min, limits.max + 1, shape).astype(given)
    return lowered(f"QUANTIZE {elements} {given} → {made}", graph, (values,))


def affine(generator: Generator, operator: str, elements: int) -> Case:
    """QUANTIZE from float32, DEQUANTIZE to it."""
    scheme, shape = _scale(generator), (1, elements)
    sides = [("float32", None), ("int16", scheme)][:: 1 if operator == "QUANTIZE" else -1]
    graph = one_operator(operator, 1, [Tensor(0, "input", shape, *sides[0])], (shape, *sides[1]), {})
    values = random_int16(generator, shape)
    if operator == "QUANTIZE":
        real = ((values + generator.choice([0, 0.5, 0.3], shape)) * scheme.scale * 1.1).astype(np.float32)
        return lowered(f"QUANTIZE {elements} float32 → int16", graph, (real,))
    return lowered(f"DEQUANTIZE {elements} int16", graph, (values,))
