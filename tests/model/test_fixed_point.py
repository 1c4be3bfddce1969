"""Real factors as fixed-point numbers: what TFLite makes of them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyflow.model import fixed_point

reals = st.floats(min_value=2.0**-30, max_value=2.0**29, allow_nan=False)


def value(multiplier: int, shift: int) -> Fraction:
    """What fixed point stands for."""
    return Fraction(multiplier, 2**31) * Fraction(2) ** shift


@given(reals)
def test_multiplier_is_the_nearest(real: float) -> None:
    """No other 31-bit multiplier with this shift is nearer, and all bits are used."""
    multiplier, shift = fixed_point.quantise_multiplier(real)
    assert 2**30 <= multiplier < 2**31
    assert abs(value(multiplier, shift) - Fraction(real)) <= value(1, shift) / 2 + value(1, shift - 1) * (
        multiplier == 2**30
    )


def test_what_is_too_small_counts_as_zero() -> None:
    """TFLite gives up below 2**-32: the chip can't shift further."""
    assert (0, 0) == fixed_point.quantise_multiplier(0.0) == fixed_point.quantise_multiplier(2.0**-40)
    assert fixed_point.quantise_multiplier(2.0**-32) == (2**30, -31)


def test_rounding_up_to_the_next_power() -> None:
    """A fraction that rounds to 1 becomes one half and one shift more."""
    assert fixed_point.quantise_multiplier(1 - 2.0**-40) == (2**30, 1)


def test_dense_rounds_the_product_of_scales() -> None:
    """TFLite multiplies the two scales in float32 for fully connected layers, in double for convolutions."""
    input_scale, weight_scale = 0.39101523160934448, 0.00037687498843297362
    exact = input_scale * weight_scale / 0.049459129571914673
    rounded = fixed_point.dense_factor(input_scale, weight_scale, 0.049459129571914673)
    assert [exact] == fixed_point.convolution_factors(input_scale, [weight_scale], 0.049459129571914673)
    assert 0 < abs(rounded - exact) < exact * 2**-23


@pytest.mark.parametrize(
    ("input_scale", "multiplier", "shift", "least"),
    # as TFLM's PreprocessSoftmaxScaling and CalculateInputRadius give them for aww and vww
    [(0.14217764139175415, 1221296640, 24, -124), (0.014636218547821045, 2011586560, 20, -1984)],
)
def test_softmax_scaling(input_scale: float, multiplier: int, shift: int, least: int) -> None:
    """Differences have 5 integer bits; those that underflow exp are left out."""
    assert (multiplier, shift, least) == fixed_point.softmax_scaling(input_scale)
