"""The interpreter tinyi with the kernels of each instruction set, simulated: TFLM's outputs, the tool's plan."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tinynn_int16 as int16
from hypothesis import given
from hypothesis import strategies as st
from int4 import of_four_bits
from int16_networks import graph_of, network
from random_networks import random_network
from small_networks import Net
from stateful_networks import lstm
from test_tinyc_generate import SMALL
from test_tinyc_operators import CASES
from test_tinyi_operators import MORE, operator_graph
from tests_support import examples
from tinyi_chip import ChipInterpreter, chip
from tinyi_host import assert_exact

from tinyflow.backends.tinyi.operators import request
from tinyflow.backends.tinyi.weighted import why_not_right
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.tflite_reader import read
from tinyflow.model.weighted import weighted
from tinyflow.model.zoo import synthesize

pytestmark = pytest.mark.slow

# what is tested → processor, the variants of its firmware, the one that is meant, QEMU's program
CHIPS = {
    "dsp": ("cortex-m7", ("dsp",), "dsp", None),
    "mve": ("cortex-m55", ("mve",), "mve", "qemu-system-arm"),
    "rv32": ("rv32gcv", ("rv32", "rvv"), "rv32", "qemu-system-riscv32"),
    "rvv": ("rv32gcv", ("rv32", "rvv"), "rvv", "qemu-system-riscv32"),
    "rvv of 64 bits": ("rv64gcv", ("rvv",), "rvv", "qemu-system-riscv64"),
}


Chips = Callable[[str], tuple[ChipInterpreter, str]]


@pytest.fixture(scope="session")
def chips() -> Chips:
    """Name → interpreter and variant."""

    def find(name: str) -> tuple[ChipInterpreter, str]:
        cpu, variants, variant, program = CHIPS[name.removesuffix(" by gcc")]
        if program is not None and shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
        toolchain = "gcc" if name.endswith("gcc") else "zig"
        if toolchain == "gcc" and shutil.which("arm-none-eabi-gcc") is None:
            pytest.skip("arm-none-eabi-gcc is not installed")
        return chip(cpu, variants, variant, toolchain), variant

    return find


@pytest.mark.parametrize("name", CHIPS)
@pytest.mark.parametrize("network", SMALL)
def test_small_networks_are_exact(name: str, network: str, chips: Chips) -> None:
    """Relatives of the four networks, with odd sizes."""
    assert_exact(read(synthesize(SMALL[network])), *chips(name))


@pytest.mark.parametrize("name", CHIPS)
def test_random_networks_are_exact(name: str, chips: Chips) -> None:
    """Branches, sums, any window and any activation."""
    interpreter, variant = chips(name)

    @examples(12)
    @given(seed=st.integers(0, 2**32 - 1))
    def holds(seed: int) -> None:
        assert_exact(random_network(seed), interpreter, variant)

    holds()


def _wide(lowest: int, outputs: int, kernel: int) -> Graph:
    """A convolution of many channels over few pixels: its weights don't fit scratch at once. Then 3x3 taps of each."""
    random = np.random.default_rng(outputs)
    net = Net(1, 6, 7, 19)
    weights = random.integers(lowest, 128, (outputs, kernel, kernel, 19))
    x = net.convolution(net.input, weights, random.integers(-999, 999, outputs), padding="SAME", stride=(1, 1))
    taps = random.integers(lowest, 128, (1, 3, 3, outputs))
    w = net.constant(taps, "int8", Quantisation((0.01,), (0,)))
    x = net.operator("DEPTHWISE_CONV_2D", x, w, net.constant(random.integers(-99, 99, outputs), "int32"), stride=(2, 2))
    return net.graph(x)


@pytest.mark.parametrize("name", CHIPS)
@pytest.mark.parametrize(("outputs", "kernel", "lowest"), [(8, 3, -127), (41, 1, -127), (70, 3, -127), (41, 1, -128)])
def test_many_channels_are_exact(name: str, outputs: int, kernel: int, lowest: int, chips: Chips) -> None:
    """Blocks of channels, the last of them smaller; weights of -128, for which some vectors have no room."""
    assert_exact(_wide(lowest, outputs, kernel), *chips(name))


@pytest.mark.parametrize("name", CHIPS)
def test_weights_of_four_bits_are_exact(name: str, chips: Chips) -> None:
    """Unpacked in blocks, from a byte's middle on where rows are odd."""
    for graph in (_wide(-127, 70, 3), _wide(-127, 41, 1), *map(random_network, range(4))):
        assert_exact(of_four_bits(graph), *chips(name))


@pytest.mark.parametrize("name", [*CHIPS, "mve by gcc"])
@pytest.mark.parametrize(("inputs", "outputs", "stride"), [(64, 41, 1), (80, 8, 2), (32, 5, 2)])
def test_long_rows_are_exact(name: str, inputs: int, outputs: int, stride: int, chips: Chips) -> None:
    """1x1 over many channels: some variants read such weights where they are. The input is what a RELU leaves."""
    random = np.random.default_rng(inputs)
    net = Net(2, 3, 5, inputs)
    net.tensors[net.input] = replace(net.tensors[net.input], quantisation=Quantisation((0.05,), (-128,)))
    weights = random.integers(-127, 128, (outputs, 1, 1, inputs))
    output = net.convolution(net.input, weights, random.integers(-999, 999, outputs), stride=(stride, stride))
    assert_exact(net.graph(output), *chips(name))


def _depthwise(shape: tuple[int, ...], kernel: tuple[int, int], multiplier: int = 1, **options: Any) -> Graph:
    random = np.random.default_rng(shape[3])
    net = Net(*shape)
    channels = shape[3] * multiplier
    weights = net.constant(random.integers(-127, 128, (1, *kernel, channels)), "int8", Quantisation((0.01,), (0,)))
    bias = net.constant(random.integers(-999, 999, channels), "int32")
    options = {"padding": "SAME", "stride": (1, 1), "depth_multiplier": multiplier, **options}
    return net.graph(net.operator("DEPTHWISE_CONV_2D", net.input, weights, bias, **options))


@pytest.mark.parametrize("name", CHIPS)
def test_depthwise_of_any_taps_is_exact(name: str, chips: Chips) -> None:
    """Not 3x3, dilated, long strides, several outputs for each channel, batches."""
    for graph in (
        _depthwise((1, 7, 8, 5), (5, 5)),
        _depthwise((2, 9, 4, 41), (1, 3), stride=(1, 2)),
        _depthwise((1, 9, 10, 8), (3, 3), dilation=(2, 2), padding="VALID"),
        _depthwise((1, 9, 10, 3), (3, 3), dilation=(2, 1)),
        _depthwise((1, 9, 10, 3), (3, 3), stride=(3, 3)),
        _depthwise((1, 6, 6, 3), (4, 2), multiplier=3),
        # a row, a column, one pixel of whole fours; several outputs of one channel
        _depthwise((2, 1, 21, 8), (1, 6)),
        _depthwise((1, 20, 1, 12), (5, 1), padding="VALID"),
        _depthwise((1, 9, 1, 6), (5, 1), stride=(2, 2)),
        _depthwise((2, 5, 3, 8), (5, 3), padding="VALID"),
        _depthwise((1, 11, 9, 1), (5, 6), multiplier=7, stride=(2, 2)),
    ):
        assert_exact(graph, *chips(name))


@pytest.mark.parametrize("name", CHIPS)
@pytest.mark.parametrize("zero_point", [-128, -127, 127])
@pytest.mark.parametrize(("inputs", "outputs", "is_per_channel"), [(1, 1, False), (70, 35, True), (132, 6, False)])
def test_rows_are_exact(
    name: str, inputs: int, outputs: int, zero_point: int, is_per_channel: bool, chips: Chips
) -> None:
    """FULLY_CONNECTED of any size, whatever the inputs' zero point."""
    random = np.random.default_rng(inputs)
    net = Net(2, inputs)
    net.tensors[net.input] = replace(net.tensors[net.input], quantisation=Quantisation((0.05,), (zero_point,)))
    count = outputs if is_per_channel and outputs > 1 else 1
    scales = tuple(float(np.float32(scale)) for scale in random.uniform(0.001, 0.02, count))
    weights = net.constant(random.integers(-128, 128, (outputs, inputs)), "int8", Quantisation(scales, (0,) * count, 0))
    bias = net.constant(random.integers(-9999, 9999, outputs), "int32") if outputs % 2 == 0 else -1
    output = net.operator("FULLY_CONNECTED", net.input, weights, bias, shape=(2, outputs))
    assert_exact(net.graph(output), *chips(name))


def nearly_dead(outputs: int, taps: int) -> Graph:
    """1x1, then taps of each; a third of the channels is scaled to nothing, as converters leave dead ones: any bias."""
    random = np.random.default_rng(outputs)
    net = Net(1, 6, 7, 19)
    made = net.input
    for name, shape, axis in (
        ("CONV_2D", (outputs, 1, 1, 19), 0),
        ("DEPTHWISE_CONV_2D", (1, taps, taps, outputs), 3),
    ):
        places = np.where(np.arange(outputs) % 3 == 0, random.integers(18, 60, outputs), 0)
        scales = np.float32(random.uniform(0.004, 0.008, outputs) * 2.0**-places)
        most = 2 ** np.minimum(places + 6, 31)
        q = Quantisation(tuple(scales.tolist()), (0,) * outputs, axis)
        weights = net.constant(random.integers(-127, 128, shape), "int8", q)
        bias = net.constant(random.integers(-most, most), "int32")
        made = net.operator(name, made, weights, bias, padding="SAME", stride=(1, 1))
    return net.graph(made)


@pytest.mark.parametrize("name", CHIPS)
@pytest.mark.parametrize(("outputs", "taps"), [(12, 3), (9, 5)])
def test_channels_of_one_output_are_exact(name: str, outputs: int, taps: int, chips: Chips) -> None:
    """They leave the layer to its fast kernels, whose scratch is another than that of ref."""
    graph = nearly_dead(outputs, taps)
    for operator in graph.operators:
        layer = weighted(graph, operator)
        rows = layer.weights.T if layer.is_depthwise else layer.weights
        assert why_not_right(layer, rows.reshape(outputs, -1)) is None
    assert_exact(graph, *chips(name))
    assert_exact(of_four_bits(graph), *chips(name))


# whose kernels are the variants' own
_OWN = ("ADD", "SUB", "MUL", "MEAN", "MAX_POOL_2D")


@pytest.mark.parametrize("name", ["dsp", "mve", "rvv"])
def test_operators_are_exact(name: str, chips: Chips) -> None:
    """Operators without weights, inputs of different shapes."""
    interpreter = chips(name)
    for case in [*CASES, *MORE]:
        if case.startswith(_OWN):
            assert_exact(operator_graph(case), *interpreter)


def _layer_of_int16(seed: int) -> Graph:
    """A convolution or dense layer of any shape, at times with sums of more than 32 bits."""
    draw = np.random.default_rng(seed)
    kind, activation = draw.integers(3), str(draw.choice(["NONE", "RELU", "RELU6"]))
    bias = str(draw.choice(["int64", "int64", "int64", "int32", ""]))
    if kind == 0:
        inputs = int(draw.choice([*range(1, 41), 256, 4096]))
        sizes = int(draw.integers(1, 4)), inputs, int(draw.integers(1, 12))
        return int16.fully_connected(draw, *sizes, activation, bias=bias, is_per_channel=bool(draw.integers(2))).graph
    kernel, stride, dilation = (
        (int(a), int(b)) for a, b in zip(draw.integers(1, [5, 3, 3]), draw.integers(1, [5, 3, 3]), strict=True)
    )
    shape = (int(draw.integers(1, 3)), *(int(size) for size in draw.integers(8, 13, 2)), int(draw.integers(1, 13)))
    padding = str(draw.choice(["SAME", "VALID"]))
    spatial = kernel, stride, dilation, padding, activation
    if kind == 1:
        return int16.depthwise(draw, shape, *spatial, depth_multiplier=int(draw.choice([1, 1, 1, 2]))).graph
    return int16.conv2d(draw, shape, int(draw.integers(1, 20)), *spatial, bias=bias).graph


@pytest.mark.parametrize("name", CHIPS)
def test_layers_of_int16_are_exact(name: str, chips: Chips) -> None:
    """By the variant's kernels where sums have 32 bits, by the definition where they don't."""
    interpreter, variant = chips(name)
    assert_exact(network(), interpreter, variant)
    assert_exact(graph_of("FULLY_CONNECTED of wide sums"), interpreter, variant)

    @examples(40)
    @given(seed=st.integers(0, 2**32 - 1))
    def holds(seed: int) -> None:
        assert_exact(_layer_of_int16(seed), interpreter, variant)

    holds()


@pytest.mark.parametrize("sizes", [(8, 16), (28, 20), (9, 16), (16, 10), (3, 1)])
def test_lstm_is_exact(sizes: tuple[int, int], chips: Chips) -> None:
    """Rows of whole eights, and any others."""
    interpreter, variant = chips("dsp")
    for seed in range(8):
        assert_exact(lstm(seed, sizes=sizes), interpreter, variant)


def test_lstm_of_large_sums_is_exact(chips: Chips) -> None:
    """Where sums that are scaled up could leave 32 bits the definition computes."""
    interpreter, variant = chips("dsp")
    graph = lstm(3, sizes=(8, 8))
    for bias, is_taken in ((1 << 28, True), ((1 << 29) - 100_000, False)):
        changed = [
            replace(tensor, data=np.full(tensor.shape, bias, np.int32).tobytes())
            if tensor.dtype == "int32"
            else replace(tensor, quantisation=Quantisation((0.04,), (0,)))
            if tensor.dtype == "int8" and tensor.is_constant
            else tensor
            for tensor in graph.tensors
        ]
        large = replace(graph, tensors=tuple(changed))
        assert (request(large, large.operators[0], variant).most > 0) == is_taken
        assert_exact(large, interpreter, variant)
