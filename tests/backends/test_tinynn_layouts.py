"""What is proven of layers before they are packed: the same outputs, by kernels with fewer ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_networks import Net
from tests_support import examples

from tinyflow.backends.tinyc.lowering import lower_operator
from tinyflow.backends.tinynn.layouts import (
    Array,
    records,
    why_not_narrow,
    why_not_right,
    wide_records,
    with_constants_apart,
)
from tinyflow.backends.tinynn.layouts import Channels as Given
from tinyflow.model.fixed_point import INT32_MAX, INT32_MIN, Rescaling, quantise_multipliers
from tinyflow.model.graph import Quantisation

# of the channels of a layer: one as usual, others from zero to what is shifted left
_SCALES = st.lists(st.one_of(st.just(0.0), st.floats(-45, 3).map(lambda power: 2.0**power)), min_size=1, max_size=6)
_BIASES = st.one_of(st.integers(-999, 999), st.integers(INT32_MIN, INT32_MAX), st.sampled_from([INT32_MIN, INT32_MAX]))


def _outputs(rows: Array, channels: Array, inputs: Array, zero_point: int, clamp: tuple[int, int]) -> Array:
    """What TFLM computes, sums modulo 2**32."""
    sums = (channels[:, 0] + inputs.astype(np.int64) @ rows.astype(np.int64).T).astype(np.int32).astype(np.int64)
    scaled = Rescaling(channels[:, 1].astype(np.int64), channels[:, 2].astype(np.int64)).apply(sums)
    return np.clip(scaled + zero_point, *clamp)


@pytest.mark.slow
@examples(200)
@given(_SCALES, st.data())
def test_constants_apart_change_no_output(scales: list[float], data: st.DataObject) -> None:
    """Whatever scales and biases are, and for the inputs with the extreme sums, too."""
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    count = len(scales)
    zero_point = data.draw(st.integers(-128, 127))
    clamp = data.draw(st.sampled_from([(-128, 127), (zero_point, 127), (-128, zero_point)]))
    model = Given([data.draw(_BIASES) for _ in scales], *quantise_multipliers(np.array(scales)))
    rows = random.integers(-128, 128, (count, 9)).astype(np.int8)
    channels = records(rows, model, -128)
    inputs = np.concatenate([random.integers(-128, 128, (50, 9)), *(np.where(rows > 0, *to) for to in _EXTREMES)])
    np.testing.assert_array_equal(
        _outputs(rows, channels, inputs, zero_point, clamp),
        _outputs(*with_constants_apart(rows, channels, zero_point, clamp), inputs, zero_point, clamp),
    )


_EXTREMES = ((-128, 127), (127, -128))


@pytest.mark.parametrize("bias", [0, INT32_MAX, INT32_MIN])
@pytest.mark.parametrize("scale", [0.0, 2.0**-60, 2.0**-33])
def test_channels_that_are_scaled_to_nothing_need_no_other_kernel(scale: float, bias: int) -> None:
    """Even where a bias near the end of 32 bits makes their sums wrap around."""
    rows = np.arange(-9, 9).astype(np.int8).reshape(2, 9)
    channels = records(rows, Given([5, bias], *quantise_multipliers(np.array([0.01, scale]))), -128)
    assert why_not_right(rows, channels, 3) is not None
    assert why_not_right(*with_constants_apart(rows, channels, 3, (-128, 127)), 3) is None


@pytest.mark.parametrize("has_wide_sums", [False, True])
def test_nor_do_those_of_int16(has_wide_sums: bool) -> None:
    """Where the multiplier is 0, whatever the bias."""
    rescaling = Rescaling.of([0.01, 0.0])
    wide = wide_records(np.array([5, INT32_MAX]), rescaling, has_wide_sums=has_wide_sums)
    reason = why_not_narrow(np.ones((2, 9), np.int8), wide)
    assert reason is None if has_wide_sums else reason == "biases of int32"


@pytest.mark.parametrize(("variant", "expected"), [("dsp", "tinynn_depthwise_dsp"), ("rv32", "tinynn_depthwise_c")])
def test_a_loud_channel_leaves_a_depthwise_layer_to_its_kernel(variant: str, expected: str) -> None:
    """A factor of 1/2 or more, which right shifts don't take; of CONV_2D the layer is ref's."""
    net = Net(1, 6, 6, 2)
    q = Quantisation((0.01, 0.75), (0, 0), 3)
    taps = net.constant(np.arange(-8, 10).reshape(1, 3, 3, 2), "int8", q)
    net.operator("DEPTHWISE_CONV_2D", net.input, taps, net.constant([3, 5], "int32"))
    graph = net.graph(len(net.tensors) - 1)
    (step,) = lower_operator(graph, graph.operators[0], variant)
    assert step.call.function == expected and not step.call.reference
