"""One operator of any kind with scales from denormal to the largest float32."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from small_networks import Net

from tinyflow.model.graph import Graph, Quantisation

NAMES = (
    *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "SUB", "MUL", "AVERAGE_POOL_2D", "MAX_POOL_2D"),
    *("RELU", "RELU6", "QUANTIZE", "LEAKY_RELU", "HARD_SWISH", "LOGISTIC", "TANH", "SOFTMAX", "MEAN"),
)
_FIXED = {"SOFTMAX": (1 / 256, -128), "LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}
_KEEPING = ("AVERAGE_POOL_2D", "MAX_POOL_2D")  # whose output is quantised as its input
# around all bounds of the kernels: of 32-bit steps, of shifts, of float32
_EXPONENTS = st.one_of(st.integers(-149, 127), st.integers(-40, 40), st.integers(-12, 6))


@st.composite
def _quantisation(draw: st.DrawFn) -> Quantisation:
    scale = float(np.float32(draw(st.floats(1, 1.9921875, width=32)) * 2.0 ** draw(_EXPONENTS)))
    return Quantisation((scale,), (draw(st.integers(-128, 127)),))


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """The operator on [1, 3, 4, 2]; everything else is drawn."""
    name = draw(st.sampled_from(NAMES))
    given, other, made = (draw(_quantisation()) for _ in range(3))
    net = Net(1, 3, 4, 2)
    net.tensors[net.input] = replace(net.tensors[net.input], quantisation=given)
    if name in _FIXED:
        scale, zero_point = _FIXED[name]
        made = Quantisation((scale,), (zero_point,))
    made = given if name in _KEEPING else made
    activation = draw(st.sampled_from(["NONE", "RELU", "RELU6", "RELU_N1_TO_1"]))
    options: dict[str, Any] = {"activation": activation}
    inputs, shape = [net.input], (1, 3, 4, 2)
    if name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        weights = {"CONV_2D": (3, 2, 2, 2), "DEPTHWISE_CONV_2D": (1, 2, 2, 2), "FULLY_CONNECTED": (5, 24)}[name]
        values = np.random.default_rng(draw(st.integers(0, 99))).integers(-127, 128, weights)
        inputs.append(net.constant(values, "int8", Quantisation(other.scales, (0,))))
        shape = None  # type: ignore[assignment]
    elif name in ("ADD", "SUB", "MUL"):
        inputs.append(net.constant(np.arange(-12, 12).reshape(shape), "int8", other))
    elif name in _KEEPING:
        options |= {"padding": "SAME", "stride": (1, 1), "filter": (2, 2)}
    elif name == "MEAN":
        inputs.append(net.constant([1, 2], "int32"))
        options, shape = {"keep_dims": True}, (1, 1, 1, 2)
    else:
        options = {"LEAKY_RELU": {"alpha": 0.25}}.get(name, {})
    output = net.operator(name, *inputs, shape=shape, q=made, **options)
    return net.graph(output)
