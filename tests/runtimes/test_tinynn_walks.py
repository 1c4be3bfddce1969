"""A kernel that walks pixel by pixel, by the table of kernels, does so: seen by what it reads in the simulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tinynn_cases as cases
from tinynn_calls import ChipKernels
from unicorn import UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE

from tinyflow.backends.tinynn.kernels import KERNELS

CASES: tuple[Callable[[np.random.Generator], cases.Case], ...] = (
    lambda draw: cases.conv2d(draw, (1, 7, 6, 5), 7, (3, 3)),
    lambda draw: cases.conv2d(draw, (1, 9, 7, 4), 4, (3, 2), stride=(2, 2), padding="VALID"),
    lambda draw: cases.conv2d(draw, (1, 6, 5, 8), 6, (1, 1)),
    lambda draw: cases.conv2d(draw, (1, 9, 8, 3), 5, (2, 3), dilation=(2, 2)),
    lambda draw: cases.depthwise(draw, (1, 7, 6, 5), (3, 3)),
    lambda draw: cases.average_pool(draw, (1, 8, 8, 6), (2, 2), (2, 2)),
    lambda draw: cases.average_pool(draw, (1, 8, 7, 5), (3, 3), (1, 1), "SAME", "max_pool"),
)
# words are read where bytes would do
_SLACK_BYTES = 4


@pytest.mark.parametrize(("cpu", "variant"), [("cortex-m7", "dsp"), ("cortex-m7", "c"), ("rv32imc", "rv32")])
@pytest.mark.every(3)
def test_pixels_need_what_lies_under_their_windows(cpu: str, variant: str) -> None:
    """What lies above the window of the first unfinished pixel may be gone; below those at work nothing is read."""
    chip = ChipKernels(cpu, variants=("dsp", "rv32", "c", "ref"))
    seen = 0
    for make in CASES:
        case = make(np.random.default_rng(1))
        for name in (variant, "ref"):
            call = case.call(name)
            kernel = next(one for one in KERNELS if one.function == call.function)
            if kernel.walk == "pixels":
                _check(chip, case, call, kernel.at_once)
                seen += 1
    assert seen > len(CASES)


def _check(chip: ChipKernels, case: cases.Case, call: Any, at_once: int) -> None:
    events: list[tuple[bool, int, int]] = []
    engine = chip._simulator._engine
    hooks = [
        engine.hook_add(kind, lambda *seen, is_write=kind == UC_HOOK_MEM_WRITE: events.append((is_write, *seen[2:4])))
        for kind in (UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE)
    ]
    chip.run(call, case.inputs, case.output_bytes)
    for hook in hooks:
        engine.hook_del(hook)
    begin, output = chip.arguments[1:3]
    f = call.fields
    channels = f.get("output_channels", f.get("channels"))
    row_bytes = case.inputs[0].size // f["input_height"]
    # when each byte of the output has its last value
    made = np.zeros(case.output_bytes, int)
    for time, (is_write, address, size) in enumerate(events):
        if is_write and output <= address < output + case.output_bytes:
            made[address - output : address - output + size] = time
    for time, (is_write, address, _) in enumerate(events):
        is_missing = made > time
        if not is_write and begin <= address < begin + case.inputs[0].size and is_missing.any():
            first = int(is_missing.argmax()) // channels
            lowest, highest = (
                pixel // f["output_width"] * f["stride_y"] - f["pad_top"] for pixel in (first, first + at_once - 1)
            )
            highest += (f["kernel_height"] - 1) * f.get("dilation_y", 1) + 1
            at = address - begin
            assert lowest * row_bytes - _SLACK_BYTES <= at < highest * row_bytes + _SLACK_BYTES, (case.name, first)
