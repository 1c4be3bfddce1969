"""What a refusal advises is true of the operator that is refused; "get the file again" is for damage only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tflite
from small_networks import Q

from tinyflow.backends import tinyc, tinyi, tvm
from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.operators import describe
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write

_BACKENDS: tuple[Any, ...] = (tinyc, tinyi, tvm)


def dense(activations: str, weights: str = "int8", bias: str = "int32", *, is_constant: bool = True) -> Graph:
    """One FULLY_CONNECTED of these types."""
    data = (np.zeros((3, 4), weights).tobytes(), np.zeros(3, bias).tobytes())
    scheme = {"float32": None, "int16": Quantisation((0.05,), (0,))}.get(activations, Q)
    tensors = (
        Tensor(0, "in", (1, 4), activations, scheme),
        Tensor(1, "w", (3, 4), weights, Quantisation((0.5,), (0,)), data[0] if is_constant else None),
        Tensor(2, "b", (3,), bias, None, data[1]),
        Tensor(3, "out", (1, 3), activations, scheme),
    )
    operator = Operator(0, "FULLY_CONNECTED", 4, (0, 1, 2), (3,), describe("FULLY_CONNECTED").default_options)
    return Graph(tensors, (operator,), (0,) if is_constant else (0, 1), (3,))


def grouped() -> Graph:
    """A CONV_2D of two groups."""
    tensors = (
        Tensor(0, "in", (1, 4, 4, 4), "int8", Q),
        Tensor(1, "w", (2, 1, 1, 2), "int8", Quantisation((0.5,), (0,)), bytes(4)),
        Tensor(2, "out", (1, 4, 4, 2), "int8", Q),
    )
    return Graph(tensors, (Operator(0, "CONV_2D", 3, (0, 1), (2,), describe("CONV_2D").default_options),), (0,), (2,))


def ports() -> Graph:
    """An int8 network behind a QUANTIZE from uint8."""
    tensors = tuple(Tensor(i, f"t{i}", (1, 4), "int8" if i else "uint8", Q) for i in range(3))
    return Graph(tensors, (Operator(0, "QUANTIZE", 2, (0,), (1,)), Operator(1, "RELU", 2, (1,), (2,))), (0,), (2,))


def skewed() -> Graph:
    """Weights with a zero point."""
    graph = grouped()
    weights = replace(graph.tensors[1], shape=(1, 1, 1, 4), quantisation=Quantisation((0.5,), (7,)))
    return replace(graph, tensors=(graph.tensors[0], weights, replace(graph.tensors[2], shape=(1, 4, 4, 1))))


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (dense("float32", "float32", "float32"), "quantise the model to int8"),
        (dense("float32"), "dynamic range"),
        (dense("int16", bias="int64"), "16x8"),
        (dense("uint8", "uint8"), "until 2020"),
        (dense("int8", is_constant=False), "constants"),
        (ports(), "inference_input_type"),
        (grouped(), "one CONV_2D for each group"),
        (skewed(), "symmetric"),
    ],
    ids=["float", "hybrid", "16x8", "uint8", "computed", "ports", "grouped", "skewed"],
)
def test_each_refusal_says_what_is_true(graph: Graph, words: str) -> None:
    """By every backend; "quantise the model" where it isn't quantised, and nowhere else."""
    for backend in _BACKENDS:
        try:
            backend.check(graph, "tested", {})
        except ModelError as error:
            if "not supported (backend" in error.what and "grouped" not in error.what:
                continue  # an operator that it hasn't at all
            assert words in error.hint, backend
            assert ("quantise the model" in error.hint) == (words == "quantise the model to int8")


def test_no_refusal_advises_what_it_refuses() -> None:
    """DIV of int8 or int16 is no matter of int8 to TVM, which has it in float32."""
    for dtype in ("int8", "int16"):
        tensors = tuple(Tensor(i, f"t{i}", (1, 4), dtype, Quantisation((0.05,), (0,))) for i in range(2))
        options = describe("DIV").default_options
        graph = Graph(tensors, (Operator(0, "DIV", 1, (0, 0), (1,), options),), (0,), (1,))
        with pytest.raises(ModelError, match=f"not supported in {dtype}, but in float32") as caught:
            tvm.check(graph, "tvm", {})
        assert caught.value.hint == "give it one of those types when converting"


def test_damage_alone_is_worth_getting_the_file_again() -> None:
    """What a converter wrote stays so however often it is fetched."""
    whole = dense("int8")
    for content, words in (
        (write(whole)[:200], "get the file again"),
        (write(replace(whole, outputs=(2,))), "converter"),
        (write(replace(whole, outputs=())), "nothing to compute"),
        (of_type("STRING"), "text"),
    ):
        with pytest.raises(ModelError) as caught:
            read(content)
        assert words in caught.value.hint
        assert ("again" in caught.value.hint) == ("damaged" in caught.value.what) == (len(content) == 200)


def unary(operator: str, dtype: str) -> bytes:
    """A file with one operator of this name."""
    tensors = tuple(Tensor(i, f"t{i}", (1, 4), dtype, Q) for i in range(2))
    return write(Graph(tensors, (Operator(0, operator, 1, (0,), (1,)),), (0,), (1,)))


def of_type(dtype: str) -> bytes:
    """A file with a tensor of a type that no graph has."""
    content = bytearray(unary("RELU", "uint64"))
    table = tflite.Model.GetRootAs(content, 0).Subgraphs(0).Tensors(0)._tab
    content[table.Pos + table.Offset(6)] = getattr(tflite.TensorType, dtype)
    return bytes(content)
