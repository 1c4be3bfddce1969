"""The short form of requantisation: what its records give is what TFLM rounds twice, for every sum that can occur."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from tests_support import examples

from tinyflow.backends.tinynn import short
from tinyflow.backends.tinynn.layer import Layer
from tinyflow.model.fixed_point import INT32_MAX, INT32_MIN, Rescaling, quantise_multipliers


def _layer(random: np.random.Generator, clamp: tuple[int, int], zero_point: int, channels: int = 6) -> Layer:
    """Of outputs that fill the range; a channel may be constant."""
    rows = random.integers(-127, 128, (channels, 9)).astype(np.int8)
    multipliers, shifts = quantise_multipliers(random.uniform(0.0005, 0.03, channels))
    biases = random.integers(-9999, 9999, channels) * random.choice([1, 1, 1, 500], channels)
    fields = {"output_zero_point": zero_point, "lowest": clamp[0], "highest": clamp[1]}
    return Layer(fields, rows, np.stack([biases, multipliers, shifts], axis=1).astype(np.int32))


@examples(5)
@given(
    st.integers(0, 9999),
    st.sampled_from([short.PAIRS, short.PLANES]),
    st.sampled_from([(-128, 127, -128), (3, 127, 3), (5, 90, 5), (-100, 100, -128)]),
)
def test_the_short_form_is_exact_for_every_sum(seed: int, kind: short.Kind, ends: tuple[int, int, int]) -> None:
    """Nothing leaves 32 bits on the way, and all outputs are those of the definition."""
    *clamp, zero_point = ends
    layer = _layer(np.random.default_rng(seed), (clamp[0], clamp[1]), zero_point)
    made = short.records(layer, kind)
    assume(made is not None)
    assert made is not None
    for channel, row in enumerate(layer.rows.astype(np.int64)):
        low, high = (np.minimum(row * -128, row * 127).sum(), np.maximum(row * -128, row * 127).sum())
        sums = np.arange(low, high + 1)
        bias, *factor = layer.channels[channel].astype(np.int64)
        expected = np.clip(Rescaling(*factor).apply(sums + bias) + zero_point, *clamp)
        kept = sums if made.rows[channel].any() else np.zeros_like(sums)
        first = int(made.offset[channel]) + (kept << kind.form.up)
        assert INT32_MIN <= first.min() <= first.max() <= INT32_MAX
        added = (zero_point << kind.form.fraction_bits) + made.nudge[channel]
        got = ((first * made.multiplier[channel] >> 32) + added) >> kind.form.fraction_bits
        np.testing.assert_array_equal(expected, np.clip(got, *clamp))
    np.testing.assert_array_equal(*made.nudge.reshape(-1, kind.together).T[[0, -1]])


def test_steps_on_both_sides_of_zero_have_another_form() -> None:
    """TFLM rounds halves away from zero: no line goes through both. Nor has a scale of 1/4 a multiplier."""
    random = np.random.default_rng(0)
    assert short.why_not_short(_layer(random, (-128, 127), 0), short.PAIRS) == "outputs below zero"
    loud = _layer(random, (-128, 127), -128)
    loud.channels[3, 2] = -1
    assert short.why_not_short(loud, short.PAIRS) == "steps of outputs that three instructions don't give"
