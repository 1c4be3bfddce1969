"""A sine of three fully connected layers, with weights from a formula: the smallest network that is of any use.

Its shape (1, 16, 16, 1) is that of the example of TensorFlow Lite for Microcontrollers and of microTVM. Between the
places t_j = 2 pi j / n the sine is taken as straight; with d = 2 pi / n:

    sin(x) ≈ sum over j of (sin t_j+1 - sin t_j) * clamp((x - t_j) / d, 0, 1)

The first layer gives 1 - (x - t_j) / d, which int8 clamps at 1 and ReLU at 0, the second one minus that, the third the
sum.
"""

from __future__ import annotations

import math

import numpy as np

from tinyflow.model.builder import GraphBuilder, per_tensor, symmetric
from tinyflow.model.graph import Graph

_INPUT = per_tensor(2 * math.pi / 255, -128)  # 0 to 2 pi
_RAMP = per_tensor(1 / 255, -128)  # 0 to 1
_OUTPUT = per_tensor(1 / 127)  # -1 to 1


def sine(seed: int, pieces: int = 16) -> Graph:  # noqa: ARG001 (every graph's; here nothing is left to chance)
    """Sine of `[1, 1]` from 0 to 2 pi, out of so many straight pieces."""
    steps = np.arange(pieces, dtype=np.float64)
    heights = np.array([math.sin(2 * math.pi * step / pieces) for step in range(pieces + 1)])
    net = GraphBuilder()
    x = net.add_input("x", (1, 1), _INPUT)
    for number, (weights, bias, activation, output) in enumerate(
        (
            (np.full((pieces, 1), -pieces / (2 * math.pi)), 1 + steps, "RELU", _RAMP),
            (-np.eye(pieces), np.ones(pieces), "RELU", _RAMP),
            (np.diff(heights)[None, :], np.zeros(1), "NONE", _OUTPUT),
        )
    ):
        # weights [outputs, inputs] get one scale, at which the largest is 127
        scale = np.float32(np.abs(weights).max() / 127)
        bias_scale = np.float32(net.quantisation(x).scale) * scale
        place = f"dense_{number}"
        inputs = (
            x,
            net.constant(f"{place}/weights", np.rint(weights / float(scale)), "int8", symmetric(scale)),
            net.constant(f"{place}/bias", np.rint(bias / float(bias_scale)), "int32", symmetric(bias_scale)),
        )
        x = net.layer("FULLY_CONNECTED", inputs, place, output, activation=activation)
    return net.graph((x,), "sine")
