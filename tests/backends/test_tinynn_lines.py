"""Rescaling by one multiplication: outputs as by TFLM's two roundings, for every sum that a channel can have."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinyflow.backends.tinynn import choice
from tinyflow.backends.tinynn.layer import Layer
from tinyflow.backends.tinynn.layouts import Channels
from tinyflow.backends.tinynn.lines import ARMV6M, RV32, Line, line_records, why_not_lines
from tinyflow.model.fixed_point import Rescaling


def _by_record(
    sums: np.ndarray[Any, Any], record: Any, clamp: tuple[int, int], zero: int, line: Line
) -> np.ndarray[Any, Any]:
    """As rv32.inc and armv6m/conv2d.c do, in 64 bits: nothing leaves 32."""
    _, factor, packed = (int(number) for number in record)
    shift, offset = packed & 31, (packed % 2**32 >> 5) + (clamp[0] << (packed & 31))
    is_above = sums >= line.limit
    assert line.is_cut or not is_above.any()
    least = sums[(sums >= 0) & ~is_above]
    for x in (least * (factor % 2**32) >> line.dropped, (least * (factor % 2**32) >> line.dropped) + offset):
        assert x.min(initial=0) >= -(2**31) and x.max(initial=0) < 2**31 and offset >= -(2**31)
    x = (sums * (factor % 2**32) >> line.dropped) + offset
    if zero > clamp[0]:
        x = np.where(x < (zero << shift) + (1 << line.places), x - (1 << line.places), x)
    return np.where(sums < 0, clamp[0], np.where(is_above, clamp[1], np.minimum(x >> shift, clamp[1])))


_SCALES = st.one_of(st.sampled_from([1 << 30, (1 << 31) - 1, 3 << 29]), st.integers(1 << 30, (1 << 31) - 1))


@given(
    st.lists(st.integers(-128, 127), min_size=1, max_size=40),
    st.integers(-50_000, 50_000),
    _SCALES,
    st.integers(1, 17),
    st.sampled_from(
        [(-128, -128, 127), (4, -128, 127), (127, -128, 127), (-3, -3, 90), (110, 110, 127), (-20, -20, -20)]
    ),
    st.sampled_from([RV32, ARMV6M]),
)
def test_lines_are_right_for_every_sum(
    weights: list[int], bias: int, multiplier: int, shift: int, outputs: tuple[int, int, int], line: Line
) -> None:
    """Tried with all of them; there is a line for nearly all scales."""
    zero, *clamp = outputs
    rows = np.array([weights], np.int8)
    fields = {"output_zero_point": zero, "lowest": clamp[0], "highest": clamp[1]}
    layer = Layer(fields, rows, np.array([[bias, multiplier, -shift]], np.int32))
    if why_not_lines(layer, line) is not None:
        assert shift > (15 if line is RV32 else 9) or multiplier in (1 << 30, 3 << 29, (1 << 31) - 1)
        return
    (record,) = line_records(layer, line)
    products = np.stack([127 * rows[0].astype(np.int64), -128 * rows[0].astype(np.int64)])
    sums = np.arange(bias + products.min(axis=0).sum(), bias + products.max(axis=0).sum() + 1)
    expected = np.clip(Rescaling(np.array([multiplier]), np.array([-shift])).apply(sums[:, None])[:, 0] + zero, *clamp)
    made = _by_record(sums + int(record[0]) - bias, record, (clamp[0], clamp[1]), zero, line)
    np.testing.assert_array_equal(expected, made)


def test_layers_that_are_no_lines_keep_the_other_kernel() -> None:
    """Depthwise: outputs below the zero point, or a scale so small that what is added has more than 32 bits."""
    ones = "batches depth_multiplier stride_y stride_x dilation_y dilation_x pad_top pad_left".split()  # noqa: SIM905
    sizes = ("input_height", "input_width", "output_height", "output_width")
    fields = {
        **dict.fromkeys(ones, 1),
        **dict.fromkeys(sizes, 6),
        **{"kernel_height": 3, "kernel_width": 3, "input_channels": 2, "output_channels": 2, "input_zero_point": 0},
        **{"lowest": 0, "highest": 127},
    }
    weights = np.full((1, 3, 3, 2), 3, np.int8)
    channels = Channels([1 << 12] * 2, np.full(2, 1 << 30, np.int32), np.full(2, -6, np.int32))
    for zero, function in ((0, "line_rv32"), (3, "rv32")):
        call = choice.convolution("rv32", {**fields, "output_zero_point": zero}, weights, channels)
        assert call.function == f"tinynn_depthwise3x3_{function}"
    least = {"lowest": -128, "highest": 127, "output_zero_point": -128}
    for shift in (-16, -17):
        layer = Layer(least, np.array([[127, -128]], np.int8), np.array([[1 << 20, 1 << 30, shift]], np.int32))
        assert (why_not_lines(layer, RV32) is None) == (shift == -16)
