"""Networks in which kernels of ours and functions that TVM legalises take turns, whatever the options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from processors import processor
from small_networks import Net
from test_tvm_generate import assert_exact

from tinyflow.model.graph import Quantisation
from tinyflow.model.tflite_writer import write

_UNIT = Quantisation((1 / 256,), (-128,))


def mixed() -> bytes:
    """Convolutions, gates, concatenations, slices and means around each other; every kind of result is an output."""
    net, draw = Net(1, 7, 6, 4), np.random.default_rng(5)

    def convolution(source: int, channels: int, depth: int) -> int:
        weights, bias = draw.integers(-127, 128, (channels, 3, 3, depth)), draw.integers(-500, 500, channels)
        return net.convolution(source, weights, bias)

    wide = convolution(net.input, 6, 4)
    gate = net.operator("LOGISTIC", wide, q=_UNIT)
    gated = net.operator("MUL", wide, gate)
    deep = convolution(net.operator("CONCATENATION", gated, gated, axis=-1), 5, 12)
    begin, size = (net.constant(values, "int32") for values in ([0, 1, 0, 1], [1, 4, 5, 3]))
    part = net.operator("SLICE", deep, begin, size)
    axes = net.constant([1, 2], "int32")
    means = [net.operator("MEAN", source, axes, keep_dims=False) for source in (part, deep)]
    return write(net.graph(*means, part))


@pytest.mark.parametrize(
    "options",
    [
        {"variant": "aotplus"},
        *(
            pytest.param(options, marks=pytest.mark.slow)
            for options in (
                {"variant": "aot"},
                {"variant": "aot", "debug": True},
                {"variant": "aotplus", "debug": True},
                {"variant": "aotplus", "layout": "NCHW"},
                {"variant": "aot", "api": "unpacked", "usmp": "hill_climb"},
                {"variant": "llvm", "llvm": processor("host").tvm_llvm},
            )
        ),
    ],
    ids=str,
)
def test_both_mix_in_one_network(options: dict[str, Any], generate: Callable[..., Any]) -> None:
    """All outputs are TFLM's, and both are there."""
    content = mixed()
    model = generate(content, **options)
    assert_exact(content, model)
    assert {layer["path"] for layer in model.plan["layers"]} == {"kernel", "legalised"}


@pytest.mark.parametrize("variant", ["aot", "llvm"])
def test_equal_operators_share_a_function(variant: str, generate: Callable[..., Any]) -> None:
    """Constants are arguments: two tables for one shape are one function; other shapes are others."""
    net = Net(1, 4, 4, 2)
    second = net.operator("LOGISTIC", net.operator("LOGISTIC", net.input, q=_UNIT), q=_UNIT)
    begin, size = (net.constant(values, "int32") for values in ([0, 1, 0, 1], [1, 2, 2, 1]))
    content = write(net.graph(net.operator("LOGISTIC", net.operator("SLICE", second, begin, size, q=_UNIT), q=_UNIT)))
    model = generate(content, variant=variant, llvm=processor("host").tvm_llvm)
    assert_exact(content, model)
    functions = [layer["functions"] for layer in model.plan["layers"]]
    assert functions == [["logistic_0"], ["logistic_0"], ["slice_2"], ["logistic_3"]]
