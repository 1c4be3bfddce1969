"""One-operator networks: the same layer as a `.tflite` model for the reference interpreter and as a call of tinynn.

Scales, weights and shapes are given or drawn from a generator; what TFLM's kernels prepare at run time is computed here
the way their sources do it, so that the tests don't depend on the code generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from tinyflow.backends.programs.steps import Step
from tinyflow.backends.tinyc.lowering import lower_operator
from tinyflow.backends.tinynn import choice
from tinyflow.backends.tinynn import winograd as winograd_kernel
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.layouts import Channels
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.interpreters import tflm
from tinyflow.model.operators import describe
from tinyflow.model.operators.shapes import same_padding
from tinyflow.model.summary import macs
from tinyflow.model.tflite_writer import write
from tinyflow.model.weighted import constant_bytes

Generator = np.random.Generator
Int8s = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Case:
    """One layer: the model, the call for a variant, and inputs."""

    name: str
    graph: Graph
    call: Callable[[str], Call]
    inputs: tuple[NDArray[Any], ...]
    """What the model takes."""
    macs: int = 0
    read: Callable[[str], tuple[NDArray[Any], ...]] | None = None
    """What the call for a variant takes, where that's something else."""

    def inputs_of(self, variant: str) -> tuple[NDArray[Any], ...]:
        """The arrays that the call for a variant takes: constants, too, unless they are in a table."""
        return self.read(variant) if self.read else self.inputs

    @property
    def output_bytes(self) -> int:
        """Of the one output."""
        return self.graph.tensors[self.graph.outputs[0]].size_bytes

    @property
    def element_bytes(self) -> int:
        """To a multiple of which tensors are aligned: of the largest elements, but 4 of 64 bits."""
        ports = (self.graph.tensors[index] for index in (*self.graph.inputs, *self.graph.outputs))
        return min(4, max(np.dtype(tensor.dtype).itemsize for tensor in ports))

    def expected(self) -> NDArray[Any]:
        """What TFLM's reference kernels compute, as bytes."""
        # in this process: a copy for each of thousands costs more than all else
        outputs = tflm(write(self.graph), self.graph)(self.inputs)
        return np.frombuffer(outputs[0].tobytes(), np.int8)


def quantise_multiplier(real: float) -> tuple[int, int]:
    """QuantizeMultiplier of TFLite's quantization_util.cc."""
    if real == 0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = multiplier // 2, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def activation_range(activation: str, scale: float, zero_point: int) -> tuple[int, int]:
    """CalculateActivationRangeQuantized of TFLite's kernel_util.cc, int8."""

    def quantised(real: float) -> int:
        quotient = float(np.float32(real) / np.float32(scale))
        return zero_point + math.floor(abs(quotient) + 0.5) * (1 if quotient >= 0 else -1)

    lowest, highest = -128, 127
    if activation in ("RELU", "RELU6"):
        lowest = max(lowest, quantised(0.0))
    if activation == "RELU6":
        highest = min(highest, quantised(6.0))
    if activation == "RELU_N1_TO_1":
        lowest, highest = max(lowest, quantised(-1.0)), min(highest, quantised(1.0))
    return lowest, highest


def f32(value: float) -> float:
    """The nearest float32."""
    return float(np.float32(value))


def random_int8(generator: Generator, shape: Sequence[int], extreme: float = 0.2) -> Int8s:
    """Over the whole range; a share `extreme` of the elements are -128 or 127."""
    values = generator.integers(-128, 128, tuple(shape), np.int16)
    ends = generator.choice(np.array([-128, 127], np.int16), tuple(shape))
    return np.where(generator.random(tuple(shape)) < extreme, ends, values).astype(np.int8)


def random_weights(generator: Generator, shape: Sequence[int], lowest: int = -127, bits: int = 8) -> Int8s:
    """Per channel weights as a converter makes them; `lowest` -128 for the odd model. Those of 4 bits are as coarse."""
    weights: Int8s = np.maximum(random_int8(generator, shape), np.int8(lowest)) >> (8 - bits)
    return weights


def one_operator(
    name: str,
    version: int,
    inputs: Sequence[Tensor],
    output: tuple[tuple[int, ...], str, Quantisation | None],
    options: Mapping[str, Any],
) -> Graph:
    """A network of one operator; inputs without data are its inputs."""
    shape, dtype, quantisation = output
    tensors = (*inputs, Tensor(len(inputs), "output", shape, dtype, quantisation))
    operator = Operator(0, name, version, tuple(range(len(inputs))), (len(inputs),), dict(options))
    graph_inputs = tuple(tensor.index for tensor in inputs if not tensor.is_constant)
    return Graph(tensors, (operator,), graph_inputs, (len(inputs),), "case")


def _weighted_tensors(
    input_shape: tuple[int, ...],
    input_q: tuple[float, int],
    weights: Int8s,
    axis: int,
    scales: Sequence[float],
    bias: Any,
    bits: int,
) -> list[Tensor]:
    bias_scales = tuple(f32(input_q[0] * scale) for scale in scales)
    zeros = (0,) * len(scales)
    data = constant_bytes(weights, f"int{bits}")
    return [
        Tensor(0, "input", input_shape, "int8", Quantisation((input_q[0],), (input_q[1],))),
        Tensor(1, "weights", weights.shape, f"int{bits}", Quantisation(tuple(scales), zeros, axis), data),
        Tensor(2, "bias", bias.shape, "int32", Quantisation(bias_scales, zeros), bias.astype("<i4").tobytes()),
    ]


def _draw_weighted(
    generator: Generator, channels: int, products: int, wide: bool, zero_point: int | None, bits: int
) -> tuple[tuple[float, int], tuple[float, int], list[float], NDArray[np.int32]]:
    """Scales and biases whose outputs fill the range: input and output (scale, zero point), scales, biases.

    Of `wide` ones a sixth has any scale and any bias: what converters make of dead channels, and of loud ones.
    """
    input_q = f32(generator.uniform(0.003, 0.1)), int(generator.integers(-128, 128))
    spread = generator.uniform(0.1, 4.0, channels) if wide else generator.uniform(0.5, 1.0, channels)
    scales = [f32(0.01 * factor * 2 ** (8 - bits)) for factor in spread]
    deviation = 0.01 * input_q[0] * 80 * 80 * math.sqrt(products)
    output_scale = f32(deviation / generator.uniform(30, 90))
    if zero_point is None:
        zero_point = -128 if generator.random() < 0.5 else int(generator.integers(-128, 128))
    limit = int(60 * 60 * math.sqrt(products)) // 2 ** (8 - bits) + 1
    bias = generator.integers(-limit, limit, channels).astype(np.int32)
    for odd in np.flatnonzero(generator.random(channels) < 1 / 6) if wide else ():
        scales[odd] = f32(scales[odd] * 2.0 ** generator.integers(-40, 14))
        bias[odd] = generator.choice([-(2**31), 2**31 - 1, generator.integers(-(2**31), 2**31)])
    return input_q, (output_scale, zero_point), scales, bias


def _multipliers(input_scale: float, scales: Sequence[float], output_scale: float) -> tuple[Any, Any]:
    pairs = [quantise_multiplier(input_scale * scale / output_scale) for scale in scales]
    multipliers, shifts = zip(*pairs, strict=True)
    return np.array(multipliers, np.int32), np.array(shifts, np.int32)


def out_size(size: int, kernel: int, stride: int, dilation: int, padding: str) -> tuple[int, int]:
    """Output size, and padding in front."""
    if padding == "SAME":
        return -(-size // stride), same_padding((1, size, size), (kernel,) * 2, (stride,) * 2, (dilation,) * 2)[0][0]
    return (size - (kernel - 1) * dilation - 1) // stride + 1, 0


def window_text(kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]) -> str:
    """Such as 3x3/2, with its dilation where it has one."""
    return f"{kernel[0]}x{kernel[1]}/{stride[0]}" + f" dilated {dilation[0]}x{dilation[1]}" * (max(dilation) > 1)


def _width(bits: int) -> str:
    return " int4" if bits == 4 else ""


def conv2d(
    generator: Generator,
    input_shape: tuple[int, int, int, int],
    outputs: int,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: str = "SAME",
    activation: str = "RELU",
    wide: bool = False,
    lowest_weight: int = -127,
    output_zero_point: int | None = None,
    bits: int = 8,
    halvings: int = 0,
) -> Case:
    """CONV_2D; its weights are halved so often."""
    n, h, w, c = input_shape
    weights = random_weights(generator, (outputs, *kernel, c), lowest_weight, bits) >> halvings
    input_q, output_q, scales, bias = _draw_weighted(generator, outputs, weights[0].size, wide, output_zero_point, bits)
    oh, top = out_size(h, kernel[0], stride[0], dilation[0], padding)
    ow, left = out_size(w, kernel[1], stride[1], dilation[1], padding)
    graph = one_operator(
        "CONV_2D",
        3,
        _weighted_tensors(input_shape, input_q, weights, 0, scales, bias, bits),
        ((n, oh, ow, outputs), "int8", Quantisation((output_q[0],), (output_q[1],))),
        {"padding": padding, "stride": stride, "dilation": dilation, "activation": activation},
    )
    lowest, highest = activation_range(activation, *output_q)
    fields = {
        **{"batches": n, "input_height": h, "input_width": w, "input_channels": c},
        **{"output_height": oh, "output_width": ow, "output_channels": outputs},
        **{"kernel_height": kernel[0], "kernel_width": kernel[1], "stride_y": stride[0], "stride_x": stride[1]},
        **{"dilation_y": dilation[0], "dilation_x": dilation[1], "pad_top": top, "pad_left": left},
        **{"input_zero_point": input_q[1], "output_zero_point": output_q[1], "lowest": lowest, "highest": highest},
    }
    channels = Channels(bias, *_multipliers(input_q[0], scales, output_q[0]))
    name = f"conv2d{_width(bits)} {window_text(kernel, stride, dilation)} {h}x{w}x{c} → {oh}x{ow}x{outputs}"
    return Case(
        name,
        graph,
        lambda variant: choice.convolution(variant, fields, weights, channels, bits=bits),
        (random_int8(generator, input_shape),),
        macs(graph),
    )


def winograd(case: Case, groups: int, *, is_transformed: bool) -> Case:
    """CONV_2D whose call in the variant dsp is the kernel that wants more memory, wherever its shape allows that."""
    offer = {"groups": groups, "is_transformed": int(is_transformed)}

    def call(variant: str) -> Call:
        with patch.object(
            winograd_kernel, "offers", lambda fields: [offer] if winograd_kernel.is_possible(fields) else []
        ):
            direct = case.call(variant)
        return direct.faster[0] if direct.faster else direct

    return replace(case, name=f"{case.name}, {groups} groups{', transformed' * is_transformed}", call=call)


def with_memory(case: Case) -> Case:
    """A convolution by the fastest call, where one wants more memory."""

    def call(variant: str) -> Call:
        direct = case.call(variant)
        return direct.faster[0] if direct.faster else direct

    return replace(case, call=call)


def depthwise(
    generator: Generator,
    input_shape: tuple[int, int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: str = "SAME",
    activation: str = "RELU",
    depth_multiplier: int = 1,
    wide: bool = False,
    lowest_weight: int = -127,
    output_zero_point: int | None = None,
    bits: int = 8,
) -> Case:
    """DEPTHWISE_CONV_2D."""
    n, h, w, c = input_shape
    outputs = c * depth_multiplier
    weights = random_weights(generator, (1, *kernel, outputs), lowest_weight, bits)
    input_q, output_q, scales, bias = _draw_weighted(
        generator, outputs, kernel[0] * kernel[1], wide, output_zero_point, bits
    )
    oh, top = out_size(h, kernel[0], stride[0], dilation[0], padding)
    ow, left = out_size(w, kernel[1], stride[1], dilation[1], padding)
    graph = one_operator(
        "DEPTHWISE_CONV_2D",
        3,
        _weighted_tensors(input_shape, input_q, weights, 3, scales, bias, bits),
        ((n, oh, ow, outputs), "int8", Quantisation((output_q[0],), (output_q[1],))),
        {
            **{"padding": padding, "stride": stride, "dilation": dilation},
            **{"depth_multiplier": depth_multiplier, "activation": activation},
        },
    )
    lowest, highest = activation_range(activation, *output_q)
    fields = {
        **{"batches": n, "input_height": h, "input_width": w, "input_channels": c},
        **{"output_height": oh, "output_width": ow, "output_channels": outputs, "depth_multiplier": depth_multiplier},
        **{"kernel_height": kernel[0], "kernel_width": kernel[1], "stride_y": stride[0], "stride_x": stride[1]},
        **{"dilation_y": dilation[0], "dilation_x": dilation[1], "pad_top": top, "pad_left": left},
        **{"input_zero_point": input_q[1], "output_zero_point": output_q[1], "lowest": lowest, "highest": highest},
    }
    channels = Channels(bias, *_multipliers(input_q[0], scales, output_q[0]))
    name = f"depthwise{_width(bits)} {window_text(kernel, stride, dilation)} {h}x{w}x{c} → {oh}x{ow}x{outputs}"
    return Case(
        name,
        graph,
        lambda variant: choice.convolution(variant, fields, weights, channels, bits=bits),
        (random_int8(generator, input_shape),),
        macs(graph),
    )


def fully_connected(
    generator: Generator,
    batches: int,
    inputs: int,
    outputs: int,
    activation: str = "NONE",
    per_channel: bool = False,
    lowest_weight: int = -127,
    output_zero_point: int | None = None,
    bits: int = 8,
) -> Case:
    """FULLY_CONNECTED."""
    weights = random_weights(generator, (outputs, inputs), lowest_weight, bits)
    input_q, output_q, scales, bias = _draw_weighted(
        generator, outputs if per_channel else 1, inputs, False, output_zero_point, bits
    )
    bias = np.resize(bias, outputs)
    # TFLM takes int4 with one scale only
    read_bits = 8 if per_channel else bits
    graph = one_operator(
        "FULLY_CONNECTED",
        4,
        _weighted_tensors((batches, inputs), input_q, weights, 0, scales, bias, read_bits),
        ((batches, outputs), "int8", Quantisation((output_q[0],), (output_q[1],))),
        {
            **{"activation": activation, "weights_format": "DEFAULT"},
            **{"keep_num_dims": False, "asymmetric_quantize_inputs": False},
        },
    )
    lowest, highest = activation_range(activation, *output_q)
    fields = {
        **{"batches": batches, "inputs": inputs, "outputs": outputs},
        **{"output_zero_point": output_q[1], "lowest": lowest, "highest": highest},
    }
    factors = (np.resize(each, outputs) for each in _multipliers(input_q[0], scales, output_q[0]))
    channels = Channels(bias, *factors)
    return Case(
        f"fully connected{_width(bits)} {batches}x{inputs} → {outputs}",
        graph,
        lambda variant: choice.fully_connected(variant, fields, input_q[1], weights, channels, bits=bits),
        (random_int8(generator, (batches, inputs)),),
        macs(graph),
    )


def average_pool(
    generator: Generator,
    input_shape: tuple[int, int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: str = "VALID",
    operator: str = "average_pool",
    activation: str = "NONE",
) -> Case:
    """AVERAGE_POOL_2D or MAX_POOL_2D."""
    n, h, w, c = input_shape
    oh, top = out_size(h, kernel[0], stride[0], 1, padding)
    ow, left = out_size(w, kernel[1], stride[1], 1, padding)
    quantisation = Quantisation((f32(0.05),), (int(generator.integers(-128, 128)),))
    graph = one_operator(
        f"{operator.upper()}_2D",
        2,
        [Tensor(0, "input", input_shape, "int8", quantisation)],
        ((n, oh, ow, c), "int8", quantisation),
        {"padding": padding, "stride": stride, "filter": kernel, "activation": activation},
    )
    lowest, highest = activation_range(activation, quantisation.scale, quantisation.zero_point)
    fields = {
        **{"batches": n, "input_height": h, "input_width": w, "channels": c, "output_height": oh, "output_width": ow},
        **{"kernel_height": kernel[0], "kernel_width": kernel[1], "stride_y": stride[0], "stride_x": stride[1]},
        **{"pad_top": top, "pad_left": left, "lowest": lowest, "highest": highest},
    }
    return Case(
        f"{operator} {kernel[0]}x{kernel[1]}/{stride[0]} {h}x{w}x{c}",
        graph,
        lambda variant: choice.plain(variant, operator, fields),
        (random_int8(generator, input_shape),),
    )


def add(
    generator: Generator,
    shape: tuple[int, ...],
    operator: str = "add",
    activation: str = "RELU",
    output_zero_point: int | None = None,
) -> Case:
    """ADD or SUB of equal shapes."""
    scales = [f32(generator.uniform(0.01, 0.2)) for _ in range(2)]
    output_scale = f32(max(scales) * generator.uniform(0.7, 2.0))
    zero_points = [int(generator.integers(-128, 128)) for _ in range(3)]
    if output_zero_point is not None:
        zero_points[2] = output_zero_point
    twice_largest = 2 * max(scales)
    terms = [quantise_multiplier(scale / twice_largest) for scale in scales]
    output = quantise_multiplier(twice_largest / ((1 << 20) * output_scale))
    lowest, highest = activation_range(activation, output_scale, zero_points[2])
    graph = one_operator(
        operator.upper(),
        2,
        [Tensor(i, f"input{i}", shape, "int8", Quantisation((scales[i],), (zero_points[i],))) for i in range(2)],
        (shape, "int8", Quantisation((output_scale,), (zero_points[2],))),
        {"activation": activation, "pot_scale_int16": True},
    )
    fields = {
        "elements": math.prod(shape),
        "left_shift": 20,
        **{"left_zero_point": zero_points[0], "left_multiplier": terms[0][0], "left_multiplier_shift": terms[0][1]},
        **{"right_zero_point": zero_points[1], "right_multiplier": terms[1][0], "right_multiplier_shift": terms[1][1]},
        **{"output_zero_point": zero_points[2], "output_multiplier": output[0], "output_multiplier_shift": output[1]},
        **{"lowest": lowest, "highest": highest},
    }
    return Case(
        f"{operator} {'x'.join(map(str, shape))}",
        graph,
        lambda variant: choice.plain(variant, operator, fields),
        (random_int8(generator, shape), random_int8(generator, shape)),
    )


def softmax(generator: Generator, rows: int, columns: int) -> Case:
    """SOFTMAX, int8 to int8."""
    scale = f32(10 ** generator.uniform(-3, 0.5))
    shape = (rows, columns)
    graph = one_operator(
        "SOFTMAX",
        2,
        [Tensor(0, "input", shape, "int8", Quantisation((scale,), (int(generator.integers(-128, 128)),)))],
        (shape, "int8", Quantisation((1 / 256,), (-128,))),
        {"beta": 1.0},
    )
    # PreprocessSoftmaxScaling and CalculateInputRadius of quantization_util.cc, 5 integer bits
    multiplier, left_shift = quantise_multiplier(min(scale * 2**26, 2**31 - 1))
    radius = math.floor(31 * 2**26 / 2**left_shift)
    fields = {
        **{"rows": rows, "columns": columns, "multiplier": multiplier, "left_shift": left_shift},
        "least_difference": -radius,
    }
    return Case(
        f"softmax {rows}x{columns}",
        graph,
        lambda variant: choice.plain(variant, "softmax", fields),
        (random_int8(generator, shape),),
    )


def _quantisation(generator: Generator) -> Quantisation:
    scale = f32(10 ** generator.uniform(-3, 0))
    return Quantisation((scale,), (int(generator.integers(-128, 128)),))


def lowered(name: str, graph: Graph, inputs: tuple[NDArray[Any], ...]) -> Case:
    """A case whose fields the code generator finds, for operators that it makes one call of."""
    arrays = dict(zip(graph.inputs, inputs, strict=True))
    arrays |= {tensor.index: np.frombuffer(tensor.data, np.int8) for tensor in graph.tensors if tensor.data}

    def step(variant: str) -> Step:
        (made,) = lower_operator(graph, graph.operators[0], variant)
        return made

    def read(variant: str) -> tuple[NDArray[Any], ...]:
        return tuple(arrays[operand.tensor] for operand in step(variant).inputs)

    return Case(name, graph, lambda variant: step(variant).call, inputs, read=read)


# operator → the output's quantisation where it is fixed, and version
_UNARY: Mapping[str, tuple[Quantisation | None, int]] = {
    "RELU": (None, 2),
    "RELU6": (None, 2),
    "LEAKY_RELU": (None, 2),
    "QUANTIZE": (None, 2),
    "LOGISTIC": (Quantisation((1 / 256,), (-128,)), 2),
    "TANH": (Quantisation((1 / 128,), (0,)), 2),
}
UNARY = tuple(_UNARY)


def unary(generator: Generator, operator: str, elements: int) -> Case:
    """An operator on each element."""
    source = _quantisation(generator)
    made, version = _UNARY[operator]
    if made is None:
        scale = f32(source.scale * generator.uniform(0.3, 3))
        made = source if operator == "RELU6" else Quantisation((scale,), (int(generator.integers(-128, 128)),))
    options = describe(operator).default_options
    if "alpha" in options:
        options["alpha"] = f32(generator.uniform(0.001, 0.9))
    shape = (1, elements)
    tensor = Tensor(0, "input", shape, "int8", source)
    graph = one_operator(operator, version, [tensor], (shape, "int8", made), options)
    return lowered(f"{operator} {elements}", graph, (random_int8(generator, shape),))


BINARY = ("ADD", "SUB", "MUL", "MINIMUM", "MAXIMUM")


def binary(
    generator: Generator,
    operator: str,
    left: tuple[int, ...],
    right: tuple[int, ...],
    constant: int | None = None,
    scales: Sequence[float] = (),
) -> Case:
    """An operator on two inputs, whose dimensions of 1 are repeated; `constant` (0, 1) is one of one number."""
    shape = tuple(np.broadcast_shapes(left, right))
    quantisations = [_quantisation(generator) for _ in range(3)]
    if scales:
        quantisations = [Quantisation((scales[i],), quantisations[i].zero_points) for i in range(3)]
    if operator in ("MINIMUM", "MAXIMUM"):
        quantisations = quantisations[:1] * 3
    options = describe(operator).default_options
    if "activation" in options:
        options["activation"] = ("NONE", "RELU", "RELU6")[int(generator.integers(3))]
    shapes = (left, right)
    values = [random_int8(generator, each) for each in shapes]
    if constant is not None:
        values[constant] = np.full_like(values[constant], values[constant].flat[0])
    data = [values[i].tobytes() if i == constant else None for i in range(2)]
    tensors = [Tensor(i, f"input{i}", shapes[i], "int8", quantisations[i], data[i]) for i in range(2)]
    version = 2 if operator != "MUL" else 3
    graph = one_operator(operator, version, tensors, (shape, "int8", quantisations[2]), options)
    name = " ".join("a number" if i == constant else "x".join(map(str, shapes[i])) for i in range(2))
    return lowered(f"{operator} {name}", graph, tuple(values[i] for i in range(2) if i != constant))


def mean(generator: Generator, shape: tuple[int, int, int, int], axes: Sequence[int], value: int | None = None) -> Case:
    """MEAN over some axes, dimensions kept; of random elements, or of one `value`."""
    source = _quantisation(generator)
    made = Quantisation((f32(source.scale * generator.uniform(0.2, 2)),), (int(generator.integers(-128, 128)),))
    tensors = [
        Tensor(0, "input", shape, "int8", source),
        Tensor(1, "axes", (len(axes),), "int32", None, np.array(axes, "<i4").tobytes()),
    ]
    output = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    graph = one_operator("MEAN", 2, tensors, (output, "int8", made), {"keep_dims": True})
    multiplier, shift = quantise_multiplier(source.scale / made.scale)
    count = math.prod(shape[axis] for axis in axes)
    # QuantizedMeanOrSum of reference/reduce.h: the multiplier divided by the count, as many bits kept as there are
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    fields = {
        "shape": (1, *shape),
        "reduced": (0, *(int(axis in axes) for axis in range(4))),
        "input_zero_point": source.zero_point,
        "output_zero_point": made.zero_point,
        "multiplier": (multiplier << extra) // count,
        "shift": shift - extra,
    }
    return Case(
        f"mean {shape} {tuple(axes)}",
        graph,
        lambda variant: choice.plain(variant, "mean", fields),
        (random_int8(generator, shape) if value is None else np.full(shape, value, np.int8),),
    )


def _down_scale(multiplier: int) -> int:
    """DownScaleInt32ToInt16Multiplier of reference/hard_swish.h's caller."""
    return 2**15 - 1 if multiplier >= 2**31 - 1 - 2**15 else (multiplier + 2**15) >> 16


def hard_swish(generator: Generator, elements: int) -> Case:
    """HARD_SWISH."""
    source, shape = _quantisation(generator), (1, elements)
    made = Quantisation((f32(source.scale * generator.uniform(0.3, 2)),), (int(generator.integers(-128, 128)),))
    output = quantise_multiplier(source.scale / 128 / made.scale)
    reluish = quantise_multiplier(source.scale / 128 / (3 / 32768))
    fields = {
        "elements": elements,
        "input_zero_point": source.zero_point,
        "output_zero_point": made.zero_point,
        "output_multiplier": _down_scale(output[0]),
        "output_shift": output[1],
        "reluish_multiplier": _down_scale(reluish[0]),
        "reluish_shift": reluish[1],
    }
    tensor = Tensor(0, "input", shape, "int8", source)
    return Case(
        f"hard swish {elements}",
        one_operator("HARD_SWISH", 1, [tensor], (shape, "int8", made), {}),
        lambda variant: choice.plain(variant, "hard_swish", fields),
        (random_int8(generator, shape),),
    )
