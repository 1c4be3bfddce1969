"""Operators that TVM legalises: the reference's outputs, or as near as their plan says, by every backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from operator_graphs import KINDS, graph
from processors import processor
from tests_support import litert, tflm

from tinyflow.backends import tvm
from tinyflow.backends.tvm.graph import executor
from tinyflow.core.errors import ModelError
from tinyflow.model import reference
from tinyflow.model.graph import Graph
from tinyflow.model.reference import Sample
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write

# what TFLM has no kernel for, or none for these types
_FLOATS_ONLY = (
    *("ceil", "cos", "div", "exp", "floor", "floor_div", "floor_mod", "log", "neg", "round", "rsqrt", "sin", "sqrt"),
    *("square", "add_n", "l2_pool", "reduce_max_kept", "reduce_max_gone", "reduce_min_kept", "reduce_min_gone"),
    *("logical_and", "logical_or", "logical_not", "space_to_batch_padded"),
)
_INTEGERS_ONLY = ("dequantize", "logical_and", "logical_or", "logical_not", "softmax_widened")
_INT16 = (
    *(
        "logistic",
        "tanh",
        "softmax",
        "relu",
        "abs",
        "leaky_relu",
        "softmax_beta",
        "add",
        "sub",
        "mul",
        "maximum",
        "minimum",
    ),
    *("add_broadcast", "mul_constant", "mean_kept", "mean_gone", "sum_kept", "mean_last", "conv", "conv_dilated"),
    *("conv_batch", "conv_grouped", "depthwise", "depthwise_multiplied", "dense", "dense_rows", "batch_matmul"),
    *("transpose_conv", "average_pool", "max_pool", "transpose", "pad", "slice", "strided_slice", "concatenation"),
    *("split", "pack", "unpack", "quantize"),
)
CASES = [
    *((name, "float32") for name in KINDS if name not in _INTEGERS_ONLY),
    *((name, "int8") for name in KINDS if name not in _FLOATS_ONLY),
    *((name, "int16") for name in _INT16),
    *((name, "uint8") for name in ("quantize", "dequantize")),
    *((name, "int32") for name in ("add", "sub", "mul", "concatenation", "strided_slice")),
    *((name, "bool") for name in ("logical_and", "logical_or", "logical_not")),
]
# TFLM pads with what its memory holds
_BY_LITERT = ("space_to_batch_padded",)
# each case by one of them, all of them by some cases
_WAYS: tuple[dict[str, Any], ...] = (
    {"variant": "aotplus"},
    {"variant": "aot"},
    {"variant": "llvm", "llvm": processor("host").tvm_llvm},
    {"backend": "static"},
    {"backend": "executor"},
)
_POSITIVE = ("log", "sqrt", "rsqrt")


def samples(made: Graph, is_positive: bool = False) -> list[Sample]:
    """Inputs of a few units, where they are floats."""
    inputs = reference.make_inputs(made, 4, seed=7)
    if made.tensors[made.inputs[0]].dtype != "float32":
        return list(inputs)
    return [tuple(np.abs(3 * a) + np.float32(0.1) if is_positive else 3 * a for a in sample) for sample in inputs]


def distance(expected: Any, got: Any) -> float:
    """In steps, or as a share of the largest value; what isn't a number must be none in both."""
    if expected.dtype != np.float32:
        return float(np.abs(expected.astype(np.int64) - got.astype(np.int64)).max())
    assert np.array_equal(np.isnan(expected), np.isnan(got))
    return float(np.nanmax(np.abs(expected - got)) / max(np.nanmax(np.abs(expected)), 1e-30))


@pytest.mark.parametrize(
    ("index", "name", "form"),
    [
        pytest.param(i, *case, id="-".join(case), marks=() if i % 25 == 0 else pytest.mark.slow)
        for i, case in enumerate(CASES)
    ],
)
def test_operators_are_within_their_bounds(
    index: int, name: str, form: str, generate: Callable[..., Any], generate_graph: Callable[..., Any]
) -> None:
    """Steps for integers, a share of the largest value for floats; where the plan has none, all bits."""
    content = write(graph(KINDS[name], form))
    made, way = read(content), _WAYS[index % len(_WAYS)]
    model = generate_graph(content, way["backend"], {}) if "backend" in way else generate(content, **way)
    inputs = samples(made, is_positive=name in _POSITIVE)
    expected_of = litert if name in _BY_LITERT else tflm
    for expected, sample in zip(expected_of(content, made, inputs), inputs, strict=True):
        for wanted, got in zip(expected, model.invoke(sample), strict=True):
            is_float = wanted.dtype == np.float32
            allowed = model.plan.get("relative_tolerance" if is_float else "tolerance", 0)
            assert distance(wanted, got) <= allowed
            assert allowed <= (1e-5 if is_float else 1)


def test_every_operator_that_is_known_has_a_case() -> None:
    """But for those that TFLM has no kernel for, which are run as they are by LiteRT."""
    from tinyflow.backends.tvm.frontend.supported import CHECKS
    from tinyflow.backends.tvm.legalised.rules import KNOWN

    tested = {KINDS[name].name for name, _ in CASES}
    known = {name for names in KNOWN.values() for name in names} | {*CHECKS}
    untested = ["POW", "REDUCE_ALL", "REDUCE_ANY", "REDUCE_PROD", "RELU_0_TO_1", "RELU_N1_TO_1", "SELECT", "TILE"]
    assert sorted(known - tested) == untested


def test_what_is_not_exact_says_so(generate: Callable[..., Any]) -> None:
    """The path of each layer, and steps where integers are computed as real numbers."""
    plans = {
        name: generate(write(graph(KINDS[name], "int8")), variant="aotplus").plan
        for name in ("log_softmax", "mean_gone")
    }
    assert [layer["path"] for plan in plans.values() for layer in plan["layers"]] == ["dequantised", "legalised"]
    assert (plans["log_softmax"]["tolerance"], plans["mean_gone"].get("tolerance")) == (1, None)


def test_check_needs_no_tvm() -> None:
    """What is refused is refused before TVM is imported, which takes longer than all the rest."""
    import subprocess
    import sys

    text = "import sys; from tinyflow.backends.tvm.frontend import supported; sys.exit('tvm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == 0
    tvm.check(graph(KINDS["mean_gone"], "int8"), "tvmaot", {})


@pytest.mark.parametrize(
    ("name", "form", "told"),
    [
        ("logical_and", "int8", "not supported in int8, but in bool"),
        ("gather", "float16", "not supported"),
        ("div", "int8", "not supported in int8, but in"),
    ],
)
def test_types_without_a_rule_are_refused(name: str, form: str, told: str) -> None:
    """Before anything is generated, by name and type."""
    made = graph(KINDS[name], "float32" if form == "float16" else form)
    if form == "float16":
        made = replace(made, tensors=tuple(replace(tensor, dtype=form) for tensor in made.tensors))
    with pytest.raises(ModelError, match=told):
        tvm.check(made, "tvmaot", {})


def test_operands_of_several_types_are_refused() -> None:
    """TVM would have no instruction, or a conversion that nobody asked for."""
    made = graph(KINDS["add"], "float32")
    other = replace(made.tensors[1], dtype="int32")
    with pytest.raises(ModelError, match="reads float32, int32 and writes float32"):
        tvm.check(replace(made, tensors=(made.tensors[0], other, made.tensors[2])), "tvmaot", {})


def test_more_operands_than_the_graph_runtime_has_are_refused() -> None:
    """By tvmrt, which has eight; tvmcg takes them."""
    made = graph(replace(KINDS["concatenation"], operands=[(1, 2)] * 8), "int8")
    executor.check(graph(replace(KINDS["concatenation"], operands=[(1, 2)] * 7), "int8"), "tvmrt", {})
    with pytest.raises(ModelError, match="operator 0 CONCATENATION: 8 inputs"):
        executor.check(made, "tvmrt", {})
