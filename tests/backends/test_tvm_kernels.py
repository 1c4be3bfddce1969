"""Kernels of every style are their definitions, bit for bit, on every instruction set that they are made for."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from kernel_firmware import Chip, Sample, run
from processors import described
from tests_support import Later, examples

from tinyflow.backends.tvm.kernels import definitions, requantise
from tinyflow.backends.tvm.kernels.kernel import Style, Weights
from tinyflow.backends.tvm.kernels.specs import (
    AddSpec,
    Border,
    ConvSpec,
    DenseSpec,
    DepthwiseSpec,
    FeatureMap,
    PoolSpec,
    Requantisation,
    Rescale,
    SoftmaxSpec,
    Spec,
)
from tinyflow.targets.qemu.boards import board

styles = Later("tinyflow.backends.tvm.kernels.styles")
NO_WEIGHTS = Weights(*(np.zeros(0, dtype) for dtype in (np.int8, np.int32, np.int32, np.int32)))
CHIPS = {
    "m7": Chip("cortex-m7", "zig"),
    "m4-gcc": Chip("cortex-m4", "gcc", ("-O2", "-ffreestanding")),
    "m4-O0": Chip("cortex-m4", "zig", ("-O0", "-ffreestanding")),
    "rv32": Chip("rv32imc", "zig"),
    "m4-llvm": Chip("cortex-m4", "llvm"),
    "rv32-llvm": Chip("rv32imc", "llvm"),
    "m55": Chip("cortex-m55", "zig"),
    "m55-gcc": Chip("cortex-m55", "gcc", ("-O2", "-ffreestanding")),
    "rv32v": Chip("rv32gcv", "zig"),
    "rv64v": Chip("rv64gcv", "zig"),
    "rv64-llvm": Chip("rv64gcv", "llvm"),
}


@st.composite
def requantisations(draw: Any) -> Requantisation:
    """Without activation, ReLU, and clamped on both sides."""
    zero_point = draw(st.sampled_from((-128, -128, -1, 0, 5, 127)))
    lowest = draw(st.sampled_from((-128, zero_point)))
    highest = draw(st.sampled_from((127, 127, max(lowest, 100))))
    return Requantisation(zero_point, lowest, highest)


@st.composite
def windows(draw: Any, channels: st.SearchStrategy[int]) -> dict[str, Any]:
    """Shapes, stride and padding that belong together."""
    kernel = draw(st.sampled_from(((1, 1), (3, 3), (3, 3), (2, 3), (4, 1), (5, 5))))
    stride = draw(st.sampled_from(((1, 1), (2, 2), (2, 1))))
    top, left, bottom, right = (draw(st.integers(0, size - 1)) for size in (*kernel, *kernel))
    height = draw(st.integers(max(1, kernel[0] - top - bottom), 9))
    width = draw(st.integers(max(1, kernel[1] - left - right), 9))
    rows = (height + top + bottom - kernel[0]) // stride[0] + 1
    columns = (width + left + right - kernel[1]) // stride[1] + 1
    return {
        "input": FeatureMap(height, width, draw(channels)),
        "output": FeatureMap(rows, columns, draw(channels)),
        "kernel": kernel,
        "stride": stride,
        "padding": Border(top, left, bottom, right),
    }


SHORT = Requantisation(-128)
CHANNELS = st.sampled_from((1, 2, 3, 4, 4, 7, 8, 8, 12, 20))
ZERO_POINTS = st.sampled_from((-128, -128, -5, 0, 127))


@st.composite
def convolutions(draw: Any) -> Spec:
    """CONV_2D."""
    return ConvSpec(
        **draw(windows(CHANNELS)), input_zero_point=draw(ZERO_POINTS), requantisation=draw(requantisations())
    )


@st.composite
def depthwise(draw: Any) -> Spec:
    """DEPTHWISE_CONV_2D, now and then with several outputs of one input channel."""
    window = draw(windows(CHANNELS))
    multiple = draw(st.sampled_from((1, 1, 1, 3)))
    window["output"] = replace(window["output"], channels=window["input"].channels * multiple)
    return DepthwiseSpec(**window, input_zero_point=draw(ZERO_POINTS), requantisation=draw(requantisations()))


@st.composite
def dense(draw: Any) -> DenseSpec:
    """FULLY_CONNECTED."""
    inputs, outputs = draw(st.integers(1, 70)), draw(st.integers(1, 12))
    return DenseSpec(inputs, outputs, draw(ZERO_POINTS), draw(requantisations()))


@st.composite
def additions(draw: Any) -> Spec:
    """ADD; scales as TFLite makes them: one input's is 1/2, the other's at most that."""
    shape = FeatureMap(draw(st.integers(1, 5)), draw(st.integers(1, 5)), draw(CHANNELS))
    points = [draw(st.integers(-128, 127)) for _ in range(3)]
    scales = [Rescale(1 << 30, 0), Rescale(draw(st.integers(1 << 30, (1 << 31) - 1)), draw(st.integers(-4, -1)))]
    scales = draw(st.permutations(scales))
    output = Rescale(draw(st.integers(1 << 30, (1 << 31) - 1)), draw(st.integers(-20, -17)))
    lowest = draw(st.sampled_from((-128, points[2])))
    return AddSpec(shape, shape, shape, *points, *scales, output, lowest)


@st.composite
def pools(draw: Any) -> Spec:
    """AVERAGE_POOL_2D and MAX_POOL_2D."""
    window = draw(windows(CHANNELS))
    window["output"] = replace(window["output"], channels=window["input"].channels)
    return PoolSpec(operator=draw(st.sampled_from(("average", "max"))), **window)


@st.composite
def softmaxes(draw: Any) -> Spec:
    """SOFTMAX."""
    shift = draw(st.integers(19, 24))
    scale = Rescale(draw(st.integers(1 << 30, (1 << 31) - 1)), shift)
    return SoftmaxSpec(draw(st.integers(1, 3)), draw(st.integers(1, 20)), scale, -(31 << (26 - shift)))


SPECS = {
    "conv": convolutions(),
    "depthwise": depthwise(),
    "dense": dense(),
    "add": additions(),
    "pool": pools(),
    "softmax": softmaxes(),
}


def random_weights(spec: Spec, generator: np.random.Generator) -> Weights:
    """Weights, biases and scales with which outputs are spread over the whole range; some channels nearly dead."""
    if isinstance(spec, DenseSpec):
        shape, channels = (spec.outputs, spec.inputs), spec.outputs
    elif isinstance(spec, ConvSpec):
        channels = spec.output.channels
        shape = (channels, *spec.kernel, spec.input.channels)
    elif isinstance(spec, DepthwiseSpec):
        channels = spec.output.channels
        shape = (1, *spec.kernel, channels)
    else:
        return NO_WEIGHTS
    spread = 127 * 74 * max(1.0, spec.reduction**0.5)
    values = generator.integers(-127, 128, shape).astype(np.int8)
    bias = generator.normal(0, spread, channels).astype(np.int32)
    shift = np.floor(np.log2(100 / spread * generator.uniform(0.5, 2, channels))).astype(np.int32)
    shift = np.where(generator.random(channels) < 0.1, shift - 12, shift)
    return Weights(
        values, bias, generator.integers(1 << 30, 1 << 31, channels).astype(np.int32), shift.astype(np.int32)
    )


def input_sizes(spec: Spec) -> list[int]:
    """Elements of each input."""
    if isinstance(spec, AddSpec):
        return [spec.left.elements, spec.right.elements]
    if isinstance(spec, DenseSpec):
        return [spec.inputs]
    return [spec.rows * spec.columns if isinstance(spec, SoftmaxSpec) else spec.input.elements]


def sample(spec: Spec, style: Style, chip: Chip, seed: int) -> tuple[Sample, np.ndarray]:
    """A kernel with random constants and inputs, and the output that it has to give."""
    generator = np.random.default_rng(seed)
    weights = random_weights(spec, generator)
    inputs = tuple(generator.integers(-128, 128, size).astype(np.int8) for size in input_sizes(spec))
    expected = definitions.evaluate(spec, weights, *inputs).ravel()
    special = styles.specialise(spec, None if weights is NO_WEIGHTS else weights, style)
    kernel = styles.build(special, style, chip.machine, 1024)
    try:
        kernel.pack(weights)
    except ValueError:  # the contract: then take style plain
        kernel = styles.build(spec, "plain", chip.machine)
    return Sample(kernel, weights, inputs), expected


def check(specs: list[Spec], style: Style, chip: Chip, seed: int) -> None:
    """Run all in one firmware and compare, with outputs apart and over inputs, as far as kernels allow."""
    made = [(spec, *sample(spec, style, chip, seed)) for spec in specs]
    made += [(spec, replace(one, over=name), output) for spec, one, output in made for name in one.kernel.overlaps]
    _, samples, _ = zip(*made, strict=True)
    for (spec, one, output), outcome in zip(made, run(samples, chip), strict=True):
        assert output.tolist() == outcome.output.tolist(), (spec, one.over)


EXACT = examples(1, *HealthCheck)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("style", "operator"),
    [
        *(pytest.param("plain", name, marks=pytest.mark.slow) for name in SPECS),
        *((style, name) for style in ("aotplus", "dsp") for name in list(SPECS)[:4]),
    ],
)
@EXACT
@given(data=st.data())
def test_kernels_are_exact_on_cortex_m7(data: st.DataObject, style: Style, operator: str) -> None:
    """Whatever the shape, each style gives the definition's outputs."""
    specs = data.draw(st.lists(SPECS[operator], min_size=10, max_size=10))
    check(specs, style, CHIPS["m7"], data.draw(st.integers(0, 1000)))


@pytest.mark.slow
@pytest.mark.parametrize("operator", ["conv", "depthwise", "dense"])
@pytest.mark.parametrize("style", ["aotplus", "dsp"])
@pytest.mark.parametrize("chip", ["m4-gcc", "m4-O0"])
@EXACT
@given(data=st.data())
def test_kernels_are_exact_whatever_the_compiler(data: st.DataObject, chip: str, style: Style, operator: str) -> None:
    """Neither GCC nor a compiler that keeps every variable in memory changes what the routines compute."""
    specs = data.draw(st.lists(SPECS[operator], min_size=10, max_size=10))
    check(specs, style, CHIPS[chip], data.draw(st.integers(0, 1000)))


@pytest.mark.slow
@pytest.mark.parametrize("operator", SPECS)
@EXACT
@given(data=st.data())
def test_kernels_are_exact_on_riscv(data: st.DataObject, operator: str) -> None:
    """Portable C means the same on another instruction set."""
    specs = data.draw(st.lists(SPECS[operator], min_size=10, max_size=10))
    check(specs, "aotplus", CHIPS["rv32"], data.draw(st.integers(0, 1000)))


def skip_without_programs(chip: Chip) -> None:
    """Skip a test that needs what isn't here."""
    program = board(described(chip.cpu, "qemu")).program
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    if chip.toolchain == "gcc" and shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("chip", ["m55", "rv32v"])
@pytest.mark.parametrize("to", [Requantisation(3), Requantisation(-128), Requantisation(-20, -20, 30)])
def test_vectors_round_halves_as_the_definition_does(chip: str, to: Requantisation) -> None:
    """Every accumulator around zero at a scale of a quarter, where one output in four is a half: both forms."""
    skip_without_programs(CHIPS[chip])
    bias = np.arange(-300, 301, dtype=np.int32)
    values = np.zeros((bias.size, 5), np.int8)
    values[:, 0] = 1
    scales = np.full(bias.size, 1 << 30, np.int32), np.full(bias.size, -1, np.int32)
    weights, data = Weights(values, bias, *scales), np.zeros(5, np.int8)
    spec = styles.specialise(DenseSpec(5, bias.size, 0, to), weights, "aotplus")
    assert isinstance(spec, DenseSpec)
    assert (spec.requantisation.up is None) == (to.lowest < to.zero_point)
    kernel = styles.build(spec, "aotplus", CHIPS[chip].machine)
    assert kernel.headers == ("tf_vector.h",)
    (outcome,) = run([Sample(kernel, weights, (data,))], CHIPS[chip])
    assert outcome.output.tolist() == definitions.evaluate(spec, weights, data).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("operator", ["conv", "depthwise", "dense"])
@pytest.mark.parametrize("chip", ["m55", "m55-gcc", "rv32v", "rv64v"])
@EXACT
@given(data=st.data())
def test_kernels_are_exact_with_vectors(data: st.DataObject, chip: str, operator: str) -> None:
    """Helium and RISC-V's V: whatever the shape, and in each form of requantisation."""
    skip_without_programs(CHIPS[chip])
    specs = data.draw(st.lists(SPECS[operator], min_size=12, max_size=12))
    check(specs, "aotplus", CHIPS[chip], data.draw(st.integers(0, 1000)))


@pytest.mark.slow
@pytest.mark.parametrize("operator", ["conv", "dense"])
@pytest.mark.parametrize(("chip", "style"), [("m4-llvm", "smlad"), ("rv32-llvm", "aotplus"), ("rv64-llvm", "aotplus")])
@EXACT
@given(data=st.data())
def test_kernels_are_exact_as_objects_of_tvms_llvm(data: st.DataObject, chip: str, style: Style, operator: str) -> None:
    """What no compiler of C sees, with and without SMLAD as an intrinsic, and at addresses of 64 bits."""
    if chip == "rv64-llvm":
        skip_without_programs(CHIPS[chip])
    specs = data.draw(st.lists(SPECS[operator], min_size=10, max_size=10))
    check(specs, style, CHIPS[chip], data.draw(st.integers(0, 1000)))


def large(height: int, width: int, depth: int, channels: int, size: int = 3, stride: int = 1) -> ConvSpec:
    """A padded convolution."""
    border = Border(size // 2, size // 2, size // 2, size // 2)
    rows, columns = ((extent - 1) // stride + 1 for extent in (height, width))
    shapes = FeatureMap(height, width, depth), FeatureMap(rows, columns, channels)
    return ConvSpec(*shapes, (size, size), (stride, stride), border, -128, Requantisation(-128))


@pytest.mark.slow
def test_large_layers_keep_to_the_stack_that_is_there() -> None:
    """Rows that are too long are done in pieces, and weights that are too many stay narrow: exact all the same."""
    specs = [large(4, 61, 32, 4), large(3, 50, 64, 8, stride=2), large(4, 5, 128, 5), large(2, 300, 3, 8, stride=2)]
    specs += [large(2, 2, 1024, 4, size=1), large(2, 3, 203, 4)]
    samples, expected = zip(*(sample(spec, "dsp", CHIPS["m7"], 3) for spec in specs), strict=True)
    for spec, outcome, output in zip(specs, run(samples, CHIPS["m7"]), expected, strict=True):
        assert output.tolist() == outcome.output.tolist(), spec
    for built in samples:
        assert sum(p.size_bytes for p in built.kernel.parameters if p.role == "scratch") < 7000


@pytest.mark.slow
@pytest.mark.parametrize("chip", ["m7", "rv32", "m55", "rv32v"])
def test_aotplus_is_never_slower_than_aot(chip: str) -> None:
    """On every processor; where there are vectors it takes clearly less."""
    if CHIPS[chip].is_on_qemu:
        skip_without_programs(CHIPS[chip])
    specs: list[Spec] = [large(12, 12, 16, 32, size=1), large(8, 8, 16, 16), large(16, 16, 3, 8, stride=2)]
    specs += [replace(large(8, 8, 16, 16, size=1, stride=2), padding=Border()), DenseSpec(100, 12, -5, SHORT)]
    wide = large(12, 12, 24, 24)
    specs += [DepthwiseSpec(wide.input, wide.output, (3, 3), (1, 1), wide.padding, -128, SHORT)]
    counts = {}
    for style in ("aot", "aotplus"):
        outcomes = run([sample(spec, style, CHIPS[chip], 1)[0] for spec in specs], CHIPS[chip])
        counts[style] = [outcome.counters.instructions for outcome in outcomes]
    for spec, before, after in zip(specs, counts["aot"], counts["aotplus"], strict=True):
        assert before is not None
        assert after is not None
        assert after <= before / (1.2 if CHIPS[chip].is_on_qemu else 1), spec


@examples(25)
@given(spec=dense(), seed=st.integers(0, 10_000))
def test_the_short_form_is_exact_for_every_accumulator(spec: DenseSpec, seed: int) -> None:
    """Wherever the short form is chosen, it equals TFLite's rule on all accumulators that can occur."""
    weights = random_weights(spec, np.random.default_rng(seed))
    up = requantise.find_up(spec, weights)
    if up is None:
        return
    special = replace(spec, requantisation=replace(spec.requantisation, up=up))
    values, constants = requantise.pack(special, weights)
    bias = requantise.folded_bias(spec, weights).astype(np.int64)
    for channel in range(spec.outputs):
        row = weights.values[channel].astype(np.int64)
        low, high = np.minimum(row * -128, row * 127).sum(), np.maximum(row * -128, row * 127).sum()
        totals = np.unique(np.linspace(low, high, 20_000).astype(np.int64))
        exact = definitions.rescale(
            totals + bias[channel], int(weights.multiplier[channel]), int(weights.shift[channel])
        )
        expected = np.clip(
            exact + spec.requantisation.zero_point, spec.requantisation.lowest, spec.requantisation.highest
        )
        kept = totals if values[channel].any() else np.zeros_like(totals)
        assert expected.tolist() == short_form(kept, constants[channel], special.requantisation).tolist()


def short_form(totals: np.ndarray, constants: np.ndarray, to: Requantisation) -> np.ndarray:
    """What the chip computes, checked for overflow."""
    offset, multiplier = (int(number) for number in constants)
    total = offset + (totals << to.up)
    assert (np.abs(total) < 2**31).all()
    high = (total * multiplier >> 32) + (to.zero_point << requantise.FRACTION_BITS)
    return np.clip(high >> requantise.FRACTION_BITS, to.lowest, to.highest)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chip", "style"), [("m7", "aotplus"), ("m7", "dsp"), ("rv32", "aotplus"), ("m55", "aotplus"), ("m4-llvm", "smlad")]
)
def test_outputs_stay_behind_what_large_layers_still_read(chip: str, style: Style) -> None:
    """Layers of many parts each, of which the last may begin within the one before; as near to the input as may be."""
    if CHIPS[chip].is_on_qemu:
        skip_without_programs(CHIPS[chip])
    specs: list[Spec] = [large(24, 23, 8, 8), large(31, 29, 3, 5, stride=2), large(25, 24, 16, 24, stride=2)]
    specs += [replace(large(23, 24, 8, 16, size=1, stride=stride), padding=Border()) for stride in (1, 2)]
    specs += [replace(large(23, 24, 16, 8, size=1), padding=Border())]
    for stride in (1, 2):
        window = large(24, 24, 8, 8, stride=stride)
        specs.append(DepthwiseSpec(window.input, window.output, (3, 3), window.stride, window.padding, -128, SHORT))
    check(specs, style, CHIPS[chip], 3)
