"""The sine of the zoo: a sine, and the same bytes everywhere."""

from __future__ import annotations

import math
from hashlib import sha256

import numpy as np
import pytest
from tests_support import run_tflm

from tinyflow.model.tflite_reader import read
from tinyflow.model.zoo import synthesize

# recorded once; a change of these bytes is a change of every result that was measured with them
DIGEST = "4e72155d73136036ee7f5abe1b3e22b47391aa8b47e3fe9445b50e0c527b285a"


@pytest.mark.parametrize(("pieces", "error"), [(8, 0.08), (16, 0.022), (24, 0.013)])
def test_it_is_a_sine(pieces: int, error: float) -> None:
    """For each of the 256 inputs, the closer the more pieces there are."""
    content = synthesize({"graph": "sine", "pieces": pieces})
    inputs = [(np.array([[value]], np.int8),) for value in range(-128, 128)]
    outputs = [output.item() / 127 for (output,) in run_tflm(content, read(content), inputs)]
    expected = [math.sin(2 * math.pi * index / 255) for index in range(256)]
    assert max(abs(one - other) for one, other in zip(expected, outputs, strict=True)) < error


def test_bytes_never_change() -> None:
    """Whatever the seed: nothing of it is left to chance."""
    digests = {sha256(synthesize({"graph": "sine", "seed": seed})).hexdigest() for seed in (0, 1)}
    assert digests == {DIGEST}
