"""Integer arithmetic is what gemmlowp and TFLite define, written out here once more, and differently."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_networks import planted_network
from small_networks import Net, Q
from tests_support import examples, tflm

from tinyflow.model import fixed_point, reference
from tinyflow.model.arithmetic import exponential, unary, window_sums
from tinyflow.model.arithmetic.evaluate import evaluate
from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.operators.shapes import same_padding
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.weighted import Window, integers

Q1 = Quantisation((0.031,), (-11,))
Q2 = Quantisation((0.07,), (19,))
SHARE, SIGNED = Quantisation((1 / 256,), (-128,)), Quantisation((1 / 128,), (0,))
INT32 = st.integers(-(2**31), 2**31 - 1)


@given(a=INT32, b=st.integers(-(2**31) + 1, 2**31 - 1))
def test_products_are_nudged_by_half_and_divided_towards_zero(a: int, b: int) -> None:
    """SaturatingRoundingDoublingHighMul as gemmlowp writes it."""
    nudged = a * b + (2**30 if a * b >= 0 else 1 - 2**30)
    towards_zero = nudged // 2**31 if nudged >= 0 else -(-nudged // 2**31)
    assert fixed_point.doubling_high_mul(np.array([a]), b).tolist() == [towards_zero]


@given(x=INT32, exponent=st.integers(0, 31))
def test_quotients_are_rounded_by_mask_and_threshold(x: int, exponent: int) -> None:
    """RoundingDivideByPOT as gemmlowp writes it."""
    mask = 2**exponent - 1
    threshold = (mask >> 1) + (x < 0)
    expected = (x >> exponent) + ((x & mask) > threshold)
    assert fixed_point.divide_by_power_of_two(np.array([x]), exponent).tolist() == [expected]


def test_exponentials_and_reciprocals_are_near_the_real_ones() -> None:
    """Over their whole range, to the precision that gemmlowp's tests ask for."""
    for integer_bits in (4, 5):
        x = -np.unique(np.geomspace(1, 2**31 - 1, 2000).astype(np.int64))
        real = np.exp(x / 2 ** (31 - integer_bits))
        assert np.abs(exponential.exp(x, integer_bits) / 2**31 - real).max() < 1e-6
    x = np.linspace(0, 2**31 - 1, 2000).astype(np.int64)
    assert np.abs(exponential.two_over_one_plus(x) / 2**29 - 2 / (1 + x / 2**31)).max() < 1e-6


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-3, 0.5))
def test_a_softmax_is_near_the_real_one(seed: int, scale: float) -> None:
    """Within a step and a half of 256."""
    rows = np.random.default_rng(seed).integers(-128, 128, (3, 7))
    real = np.exp(scale * rows) / np.exp(scale * rows).sum(axis=1, keepdims=True)
    got = exponential.softmax(rows, *fixed_point.softmax_scaling(scale))
    assert np.abs(got + 128 - np.minimum(256 * real, 255)).max() < 1.5 and not math.isnan(real.max())


@examples(30)
@given(data=st.data())
def test_convolutions_equal_their_definition(data: st.DataObject) -> None:
    """Both convolutions equal the sum written out, for all small sizes, kernels and strides."""
    height, width, channels, units = (data.draw(st.integers(1, 6)) for _ in range(4))
    kernel = (data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4)))
    stride = (data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)))
    random = np.random.Generator(np.random.PCG64(data.draw(st.integers(0, 99))))
    source = random.integers(-255, 256, (2, height, width, channels))
    weights = random.integers(-127, 128, (units, *kernel, channels))
    around = same_padding(source.shape, kernel, stride)
    window = Window(kernel, stride, (1, 1), *zip(*around, strict=True))
    assert (window_sums.convolved(source, weights, window) == _convolved(source, weights, stride)).all()
    taps = random.integers(-127, 128, (*kernel, channels, 1))
    diagonal = np.stack([taps[..., 0] * (np.arange(channels) == c) for c in range(channels)])
    assert (window_sums.convolved_depthwise(source, taps, window) == _convolved(source, diagonal, stride)).all()
    assert window_sums.windows(source, window).size <= window_sums.elements(source.shape, window)


def _assert_as_tflm(graph: Graph) -> None:
    """Each operator, from the values that TFLM itself gives for what it reads, gives TFLM's output."""
    graph = replace(graph, outputs=tuple(operator.outputs[0] for operator in graph.operators))
    samples = reference.make_inputs(graph, 3, 5)
    constants = {t.index: integers(t) for t in graph.tensors if t.is_constant}
    for sample, outputs in zip(samples, tflm(write(graph), graph, samples), strict=True):
        values = {**constants, **dict(zip(graph.inputs, sample, strict=True))}
        values.update(zip(graph.outputs, outputs, strict=True))
        for operator in graph.operators:
            read = [values[index].astype(np.int64) for index in operator.inputs if index >= 0]
            assert evaluate(graph, operator, *read).tolist() == values[operator.outputs[0]].tolist(), operator.name


@examples(20)
@given(seed=st.integers(0, 2**32 - 1))
def test_operators_are_tflms(seed: int) -> None:
    """Layers with weights, pools, sums, what moves bytes, with any stride, padding, dilation and activation."""
    _assert_as_tflm(planted_network(seed))


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])
@pytest.mark.parametrize("name", ["ADD", "SUB", "MUL"])
def test_pairs_are_tflms(name: str, activation: str) -> None:
    """Of two scales, into a third."""
    net = Net(1, 16, 16, 4)
    other = net.operator("QUANTIZE", net.input, q=Q1)
    _assert_as_tflm(net.graph(net.operator(name, net.input, other, q=Q2, activation=activation)))


@pytest.mark.parametrize(
    ("name", "output", "options"),
    [
        ("RELU", Q1, {}),
        ("RELU6", Q, {}),
        ("QUANTIZE", Q2, {}),
        ("LEAKY_RELU", Q1, {"alpha": 0.1}),
        ("LEAKY_RELU", Q2, {"alpha": 1.7}),
        ("HARD_SWISH", Q2, {}),
        ("LOGISTIC", SHARE, {}),
        ("TANH", SIGNED, {}),
        ("SOFTMAX", SHARE, {"beta": 0.5}),
    ],
)
def test_functions_of_one_activation_are_tflms(name: str, output: Quantisation, options: Any) -> None:
    """On all values."""
    net = Net(1, 16, 16, 4)
    _assert_as_tflm(net.graph(net.operator(name, net.input, q=output, **options)))


@pytest.mark.parametrize("name", ["MINIMUM", "MAXIMUM"])
def test_extremes_are_tflms(name: str) -> None:
    """Of equal quantisations."""
    net = Net(1, 16, 16, 4)
    _assert_as_tflm(net.graph(net.operator(name, net.input, net.operator("RELU6", net.input))))


def _moving(name: str, shape: tuple[int, ...], *constants: Any, **options: Any) -> Any:
    return pytest.param(name, shape, constants, options, id=f"{name}-{shape}")


@pytest.mark.parametrize(
    ("name", "shape", "constants", "options"),
    [
        _moving("TRANSPOSE", (1, 4, 5, 6), [0, 3, 1, 2]),
        _moving("SLICE", (1, 2, 6, 3), [0, 1, 0, 1], [1, 2, -1, 3]),
        _moving("STRIDED_SLICE", (1, 3, 3, 4), [0, 4, -1, 0], [1, 1, 0, 4], [1, -1, -2, 1], begin_mask=1, end_mask=8),
        _moving("STRIDED_SLICE", (1, 6, 4), [0, -2, 0, 0], [1, 5, 6, 4], [1, 1, 1, 1], shrink_axis_mask=2),
        _moving("PAD", (1, 8, 7, 4), [[0, 0], [2, 1], [0, 1], [0, 0]]),
        _moving("RESIZE_NEAREST_NEIGHBOR", (1, 7, 9, 4), [7, 9]),
        _moving("RESIZE_NEAREST_NEIGHBOR", (1, 7, 9, 4), [7, 9], half_pixel_centers=True),
        _moving("RESIZE_NEAREST_NEIGHBOR", (1, 7, 9, 4), [7, 9], align_corners=True),
        _moving("MEAN", (1, 4), [1, 2]),
        _moving("MEAN", (1, 1, 6, 4), [-3, 1], keep_dims=True),
    ],
)
def test_what_moves_and_averages_is_tflms(name: str, shape: tuple[int, ...], constants: Any, options: Any) -> None:
    """By constants that say how; MEAN to another scale."""
    net = Net(1, 5, 6, 4)
    inputs = [net.constant(values, "int32") for values in constants]
    made = net.operator(name, net.input, *inputs, shape=shape, q=Q2 if name == "MEAN" else Q, **options)
    _assert_as_tflm(net.graph(made))


def test_slopes_of_int16_are_tflms() -> None:
    """For all negative numbers: factors in float32 would be one step off at -14863."""
    builder = GraphBuilder()
    scales = [Quantisation((scale,), (0,)) for scale in (0.019881609827280045, 0.011874638497829437)]
    source, output = (builder.tensor(f"t{i}", (1, 1 << 15), scheme, "int16") for i, scheme in enumerate(scales))
    builder.inputs.append(source)
    builder.operator("LEAKY_RELU", (source,), output, alpha=0.30000001192092896)
    graph = read(write(builder.graph((output,), "net")))
    values = np.arange(-(1 << 15), 0)
    ((expected,),) = tflm(write(graph), graph, [(values.astype(np.int16)[None],)])
    constants = unary.constants_of(graph, graph.operators[0], "int16")
    found = fixed_point.rescale(values, constants["alpha_multiplier"], constants["alpha_shift"])
    assert (found == expected[0]).all()


def test_what_is_not_known_is_refused() -> None:
    """No numbers are given for an operator, or for scales, that nothing is known of."""
    net = Net(1, 4, 4, 2)
    graph = net.graph(net.operator("TANH", net.input))
    with pytest.raises(ValueError, match="not quantised as 1/128"):
        evaluate(graph, graph.operators[0], np.zeros((1, 4, 4, 2), np.int64))
    with pytest.raises(ValueError, match="GELU is not known"):
        evaluate(graph, replace(graph.operators[0], name="GELU"), np.zeros((1, 4, 4, 2), np.int64))


def _convolved(source: np.ndarray, weights: np.ndarray, stride: tuple[int, int]) -> np.ndarray:
    """SAME convolution by its definition (TensorFlow's `nn.convolution` documentation), element by element."""
    sizes = source.shape[1:3]
    kernel = weights.shape[1:3]
    out = [-(-size // step) for size, step in zip(sizes, stride, strict=True)]
    before = [max((out[i] - 1) * stride[i] + kernel[i] - sizes[i], 0) // 2 for i in (0, 1)]
    result = np.zeros((source.shape[0], *out, weights.shape[0]), np.int64)
    for y, x, ky, kx in np.ndindex(*out, *kernel):
        row, column = y * stride[0] + ky - before[0], x * stride[1] + kx - before[1]
        if 0 <= row < sizes[0] and 0 <= column < sizes[1]:
            result[:, y, x] += source[:, row, column] @ weights[:, ky, kx].T
    return result
