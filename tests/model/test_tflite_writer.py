from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
import tflite
from hypothesis import given
from hypothesis import strategies as st
from tests_support import run_litert, run_tflm

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Operator, OptionValue, Quantisation, Tensor
from tinyflow.model.operators import DESCRIPTIONS, describe
from tinyflow.model.operators.description import Option
from tinyflow.model.reference import largest_difference, make_inputs
from tinyflow.model.tflite_options import read_options
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write

# operators that the reader has no shape rule for: any shapes go
_FREE_OPERATORS = (
    "PACK",
    "GATHER",
    "STRIDED_SLICE",
    "CAST",
    "MEAN",
    "RSQRT",
    "CONCATENATION",
    "MIRROR_PAD",
    "SPLIT",
    "ELU",
)


def scales() -> st.SearchStrategy[float]:
    """Positive float32 values, exactly."""
    return st.floats(2.0**-40, 2.0**20, width=32)


@st.composite
def quantisations(draw: st.DrawFn, shape: tuple[int, ...]) -> Quantisation | None:
    """None, one scale, or one for each index of an axis."""
    if draw(st.booleans()):
        return None
    axis = draw(st.integers(0, max(len(shape) - 1, 0)))
    count = draw(st.sampled_from([1, shape[axis] if shape else 1]))
    zero_points = draw(st.lists(st.integers(-128, 127), min_size=count, max_size=count))
    return Quantisation(tuple(draw(st.lists(scales(), min_size=count, max_size=count))), tuple(zero_points), axis)


@st.composite
def tensors(draw: st.DrawFn, index: int, constant: bool) -> Tensor:
    """A tensor of any supported type, with data if it is a constant."""
    shape = tuple(draw(st.lists(st.integers(1, 5), max_size=4)))
    dtype = draw(st.sampled_from(["int8", "uint8", "int16", "int32", "int64", "float32", "bool", "int4"]))
    tensor = Tensor(index, f"{index} {draw(st.text(max_size=8))}", shape, dtype, draw(quantisations(shape)))
    if not constant:
        return tensor
    data = draw(st.binary(min_size=tensor.size_bytes, max_size=tensor.size_bytes))
    return Tensor(index, tensor.name, shape, dtype, tensor.quantisation, data)


def option_values(option: Option) -> st.SearchStrategy[OptionValue]:
    """Values that an option can hold in a file."""
    numbers = st.integers(-(2**31), 2**31 - 1)
    choices = {"activation": ["NONE", "RELU", "RELU6"], "mode": ["REFLECT", "SYMMETRIC"]}
    if option.name in choices:
        return st.sampled_from(choices[option.name])
    if isinstance(option.default, str):
        return st.sampled_from(["INT8", "FLOAT32", "INT64"])
    if isinstance(option.default, bool):
        return st.booleans()
    return numbers


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A chain of operators, each reading its forerunner and constants, in any version."""
    nodes: list[Tensor] = [draw(tensors(0, constant=False))]
    operators: list[Operator] = []
    current = 0
    for i in range(draw(st.integers(1, 4))):
        constants = []
        for _ in range(draw(st.integers(0, 2))):
            nodes.append(draw(tensors(len(nodes), constant=True)))
            constants.append(len(nodes) - 1)
        nodes.append(draw(tensors(len(nodes), constant=False)))
        name = draw(st.sampled_from(_FREE_OPERATORS))
        options = {option.name: draw(option_values(option)) for option in describe(name).options}
        absent = draw(st.lists(st.just(-1), max_size=1)) if constants else []
        operators.append(
            Operator(i, name, draw(st.integers(1, 9)), (current, *constants, *absent), (len(nodes) - 1,), options)
        )
        current = len(nodes) - 1
    return Graph(tuple(nodes), tuple(operators), (0,), (current,), draw(st.text(max_size=8)))


@given(graph=graphs())
def test_reading_what_was_written_gives_the_graph(graph: Graph) -> None:
    """Nothing that Graph holds is lost or changed, and the bytes are a function of the graph."""
    content = write(graph)
    with patch("tinyflow.model.graph_check.check_operator"):  # these operators read anything
        assert read(content) == graph
        assert write(read(content)) == content


@pytest.mark.parametrize("operator", sorted(name for name, described in DESCRIPTIONS.items() if described.table))
def test_every_listed_option_is_in_the_schema(operator: str) -> None:
    """Each option of each table can be written with a value unlike its default, and is read back."""
    options = {option.name: _other_value(option) for option in describe(operator).options}
    tensor_list = tuple(Tensor(i, f"t{i}", (2, 2), "int8") for i in range(2))
    graph = Graph(tensor_list, (Operator(0, operator, 1, (0,), (1,), options),), (0,), (1,))
    entry = tflite.Model.GetRootAs(write(graph), 0).Subgraphs(0).Operators(0)
    assert read_options("operator 0", operator, entry) == options


def _other_value(option: Option) -> OptionValue:
    special: dict[str, OptionValue] = {
        "padding": "VALID",
        "activation": "RELU6",
        "weights_format": "SHUFFLED4x16INT8",
        "mode": "SYMMETRIC",
    }
    if option.name in special:
        return special[option.name]
    if isinstance(option.default, bool):
        return not option.default
    if option.is_text:
        return "name"
    if isinstance(option.default, str):
        return "INT8"
    return (3, 2) if isinstance(option.default, tuple) else type(option.default)(5)


def test_constants_are_aligned(zoo: dict[str, bytes]) -> None:
    """Every constant begins at a multiple of 16 bytes, so that interpreters may read it in place."""
    model = tflite.Model.GetRootAs(zoo["vww"], 0)
    starts = []
    for i in range(model.BuffersLength()):
        table = model.Buffers(i)._tab
        if table.Offset(4):
            starts.append(table.Vector(table.Offset(4)))
    assert len(starts) > 50 and all(start % 16 == 0 for start in starts)


def test_unknown_options_are_refused() -> None:
    """Options that came from a table which the reader doesn't know can't be written back."""
    nodes = tuple(Tensor(i, f"t{i}", (2,), "int8") for i in range(2))
    graph = Graph(nodes, (Operator(0, "BITCAST", 1, (0,), (1,), {"table": "BitcastOptions"}),), (0,), (1,))
    with pytest.raises(ModelError, match="options that can't be written"):
        write(graph)


@pytest.mark.parametrize("name", ["aww", "vww", "resnet", "toycar"])
@pytest.mark.every(4, 3)
def test_interpreters_accept_what_is_written(trained: Callable[[str], Path], name: str) -> None:
    """A published model, read and written, computes the same in TFLM and in LiteRT as before."""
    original = trained(name).read_bytes()
    graph = read(original)
    again = write(graph)
    assert read(again) == graph
    samples = make_inputs(graph, 2, 7)
    for run in (run_tflm, run_litert):
        assert largest_difference(run(original, graph, samples), run(again, graph, samples)) == 0
