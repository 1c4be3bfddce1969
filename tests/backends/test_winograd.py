"""CONV_2D by Winograd: its numbers stay within what the kernel counts on, and networks take it within their memory."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import tinynn_cases as cases
from hypothesis import given
from hypothesis import strategies as st
from tests_support import examples

from tinyflow.backends.programs import memory
from tinyflow.backends.tinyc import faster
from tinyflow.backends.tinyc.faster import Wanted
from tinyflow.backends.tinyc.program import lower
from tinyflow.backends.tinynn import choice, winograd
from tinyflow.backends.tinynn.layouts import Channels
from tinyflow.backends.tinynn.windows import tiles_lead_bytes
from tinyflow.model.tflite_reader import read
from tinyflow.model.zoo import synthesize

_B = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
_A = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])
_EXTREMES = np.array([-128, 127])


def _weights(words: np.ndarray[Any, Any], outputs: int) -> np.ndarray[Any, Any]:
    """[out, 16, in] of what is packed: columns of rows 1, 2, 0, 3; pairs of outputs, words of inputs (0, 2), (1, 3)."""
    values = words.transpose(0, 4, 1, 2, 5, 3).reshape(outputs, 4, 4, -1)
    return values[:, :, [2, 0, 1, 3]].swapaxes(1, 2).reshape(outputs, winograd.PLACES, -1)


@pytest.mark.parametrize("extreme", [False, True])
def test_four_times_the_sums(extreme: bool) -> None:
    """Of all inputs and weights; what is on the way has 16 bits, and sums are right modulo 2^32."""
    draw = np.random.default_rng(3)
    for _ in range(20):
        weights, tile = (
            draw.choice(_EXTREMES, shape) if extreme else draw.integers(-128, 128, shape)
            for shape in ((4, 3, 3, 16), (4, 4, 16))
        )
        transformed = _weights(winograd.transformed(weights.astype(np.int8)), 4)
        inputs = np.einsum("iy,yxc,jx->ijc", _B, tile, _B)
        assert np.abs(inputs).max() <= 512
        with np.errstate(over="ignore"):
            sums = (transformed.astype(np.int32) * inputs.reshape(winograd.PLACES, -1).astype(np.int32)).sum(
                axis=2, dtype=np.int32
            )
            made = np.einsum("iy,oyx,jx->oij", _A.astype(np.int32), sums.reshape(4, 4, 4), _A.astype(np.int32))
        for y, x in np.ndindex(2, 2):
            wanted = (weights * tile[y : y + 3, x : x + 3]).sum(axis=(1, 2, 3))
            np.testing.assert_array_equal(4 * wanted, made[:, y, x])


def test_the_largest_numbers_have_16_bits() -> None:
    """The bounds of the proof are reached, by the signs of a row of G and of B."""
    largest = np.abs(winograd.transformed(np.full((2, 3, 3, 8), -128, np.int8))).max()
    assert largest == 9 * 128 < 2**15
    assert np.abs(_B).sum(axis=1).max() ** 2 * 128 == 512


def _layer(inputs: int, weight: int) -> Any:
    case = cases.conv2d(np.random.default_rng(1), (1, 16, 16, 8), 16, (3, 3))
    fields = {**case.call("ref").fields, "input_channels": inputs}
    plain = {name: value for name, value in fields.items() if name not in ("weights", "channels", "output_pitch")}
    plain["input_zero_point"] = 0
    channels = Channels(*(np.array([value] * 16, np.int32) for value in (0, 1 << 30, -12)))
    weights = np.full((16, 3, 3, inputs), weight, np.int8)
    return choice.convolution("dsp", plain, weights, channels)


def test_sums_of_more_bits_keep_the_direct_kernel() -> None:
    """Where four times 128 * Σ |w| is 2^31; the notes of the plan say so."""
    below, beyond = _layer(3640, -128), _layer(3648, -128)
    assert 4 * 128 * 128 * 9 * 3640 < 2**31 <= 4 * 128 * 128 * 9 * 3648
    assert below.faster
    assert beyond.faster == ()
    assert beyond.notes[-1] == "not winograd: four times the sums have more than 32 bits"


def test_shapes_that_keep_the_direct_kernel() -> None:
    """Channels that are no whole eights, strides, dilation, other kernels, odd outputs; and what isn't worth it."""
    draw = np.random.default_rng(2)
    shapes = [(1, 16, 16, 32), 32, (3, 3)]
    assert cases.conv2d(draw, *shapes).call("dsp").faster
    for shape, outputs, kernel, more in (
        ((1, 16, 16, 28), 32, (3, 3), {}),
        ((1, 16, 16, 32), 31, (3, 3), {}),
        ((1, 16, 16, 32), 32, (3, 1), {}),
        ((1, 16, 16, 32), 32, (3, 3), {"stride": (1, 2)}),
        ((1, 16, 16, 32), 32, (3, 3), {"dilation": (2, 1)}),
        ((1, 1, 1, 32), 32, (3, 3), {}),
    ):
        assert not cases.conv2d(draw, shape, outputs, kernel, **more).call("dsp").faster
    assert not cases.conv2d(draw, *shapes).call("c").faster


def _program() -> Any:
    graph = read(synthesize({"graph": "resnet", "seed": 5}))
    return lower(graph, "dsp")


def _functions(program: Any) -> list[str]:
    return [step.call.function for step in program.steps]


def _constants(program: Any) -> int:
    return sum(step.call.flash_bytes for step in program.steps)


def test_memory_stays_within_bounds() -> None:
    """Layers are taken as far as arena and constants grow by 1/16 and 1/6 at most."""
    program = _program()
    plain = memory.plan(program, 4).total_bytes
    bounded, placed = faster.placed(program, Wanted(winograd="bounded"))
    assert plain <= placed.total_bytes <= plain + plain // 16
    assert _constants(bounded) <= _constants(program) * 7 // 6
    every, _ = faster.placed(program, Wanted(winograd="all"))
    none, same = faster.placed(program, Wanted(winograd="none"))
    taken = [_functions(one).count("tinynn_conv2d_winograd_dsp") for one in (none, bounded, every)]
    assert (taken[0], same.total_bytes) == (0, plain)
    assert 0 < taken[1] <= taken[2]
    assert _constants(every) > _constants(program) * 7 // 6


def test_a_goal_that_is_memory_leaves_out_what_wants_more() -> None:
    """For RAM the arena stays as it is; for flash no faster kernel is taken at all."""
    program = _program()
    plain = memory.plan(program, 4).total_bytes
    small, placed = faster.placed(program, Wanted(goal="ram"))
    assert placed.total_bytes == plain < faster.placed(program, Wanted())[1].total_bytes
    assert "tinynn_conv2d_winograd_dsp" in _functions(small)
    assert _functions(faster.placed(program, Wanted(goal="flash"))[0]) == _functions(program)


def test_constants_are_transformed_where_there_is_no_room() -> None:
    """A layer at the arena's peak has room for one group of tiles only: its weights lie transformed."""
    bounded, _ = faster.placed(_program(), Wanted(winograd="bounded"))
    calls = [step.call.fields for step in bounded.steps if "winograd" in step.call.function]
    assert any(fields["is_transformed"] for fields in calls)
    assert all(fields["groups"] == 1 for fields in calls if fields["is_transformed"])


def test_offers_that_are_too_large_are_passed_over() -> None:
    """Where every faster call wants more than there is, the direct kernel stays."""
    program = _program()
    large = [
        replace(
            step, call=replace(step.call, faster=tuple(replace(one, scratch_bytes=1 << 20) for one in step.call.faster))
        )
        for step in program.steps
    ]
    bounded, _ = faster.placed(replace(program, steps=tuple(large)), Wanted(winograd="bounded"))
    assert _functions(bounded) == _functions(program)


@examples(60)
@given(
    sizes=st.tuples(*[st.integers(1, 7)] * 2),
    pads=st.tuples(*[st.integers(0, 2)] * 2),
    groups=st.integers(1, 3),
    channels=st.tuples(*[st.sampled_from([1, 2, 3])] * 2),
    batches=st.integers(1, 2),
)
def test_the_lead_is_what_tiles_need(
    sizes: tuple[int, int], pads: tuple[int, int], groups: int, channels: tuple[int, int], batches: int
) -> None:
    """No pixel is written over one that a later lot of tiles reads; with a byte less some are."""
    inputs = [max(size + 2 - 2 * pad, 1) for size, pad in zip(sizes, pads, strict=True)]
    names = ("output_height", "output_width", "input_height", "input_width", "pad_top", "pad_left")
    fields = dict(zip(names, (*sizes, *inputs, *pads), strict=True))
    fields |= {"batches": batches, "groups": groups, "input_channels": channels[0], "output_channels": channels[1]}
    lead = tiles_lead_bytes(fields)
    assert not _overwritten(fields, lead)
    if batches * sizes[0] * sizes[1] > 1 and lead > -inputs[0] * inputs[1] * channels[0]:
        assert _overwritten(fields, lead - 1)


def _overwritten(f: dict[str, int], lead: int) -> bool:
    tiles = list(product(range(f["batches"]), range(0, f["output_height"], 2), range(0, f["output_width"], 2)))
    each = len(tiles) // f["batches"]
    lots = [
        tiles[image * each + first : min(image * each + first + 3 * f["groups"], (image + 1) * each)]
        for image in range(f["batches"])
        for first in range(0, each, 3 * f["groups"])
    ]
    read, written = (
        [
            {_pixel(f, side, *tile, dy, dx) for tile in lot for dy, dx in np.ndindex(reach, reach)} - {None}
            for lot in lots
        ]
        for side, reach in (("input", 4), ("output", 2))
    )
    return any(
        (pixel + 1) * f["output_channels"] - lead > other * f["input_channels"]
        for number in range(len(lots))
        for pixel in written[number]
        for later in read[number + 1 :]
        for other in later
    )


def _pixel(f: dict[str, int], side: str, image: int, y: int, x: int, dy: int, dx: int) -> int | None:
    """The pixel of a tile, if it is inside."""
    pads = (f["pad_top"], f["pad_left"]) if side == "input" else (0, 0)
    row, column = y + dy - pads[0], x + dx - pads[1]
    if not (0 <= row < f[f"{side}_height"] and 0 <= column < f[f"{side}_width"]):
        return None
    return (image * f[f"{side}_height"] + row) * f[f"{side}_width"] + column
