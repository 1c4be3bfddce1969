from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import flatbuffers
import pytest
import tflite
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from tests_support import examples

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.operators import describe
from tinyflow.model.summary import summarise
from tinyflow.model.tflite_reader import _options, read
from tinyflow.model.tflite_writer import write

FUZZ = examples(75, HealthCheck.function_scoped_fixture)


def read_or_refuse(content: bytes) -> Graph | None:
    """What the reader makes of damaged bytes; anything but a Graph or a complete ModelError fails the test."""
    try:
        return read(content, "damaged.tflite")
    except ModelError as error:
        assert error.where == "damaged.tflite" and error.what and error.hint
        return None


@FUZZ
@given(data=st.data())
def test_flipped_bytes_are_refused_or_harmless(zoo: dict[str, bytes], data: st.DataObject) -> None:
    """Any bytes flipped anywhere in a real file: a sound graph or one ModelError."""
    content = bytearray(zoo[data.draw(st.sampled_from(sorted(zoo)))])
    # most of a file is weights; tables and offsets lie in its last and first kilobytes
    places = st.one_of(st.integers(0, len(content) - 1), st.integers(0, 2000), st.integers(-40_000, -1))
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=8)):
        content[place] = value
    graph = read_or_refuse(bytes(content))
    if graph is not None:
        assert summarise(graph)["macs"] >= 0


@FUZZ
@given(data=st.data())
def test_wild_offsets_are_refused_or_harmless(zoo: dict[str, bytes], data: st.DataObject) -> None:
    """Any aligned word of a real file replaced by an extreme number: a sound graph or one ModelError."""
    content = bytearray(zoo["aww"])
    word = data.draw(st.integers(0, len(content) // 4 - 1)) * 4
    number = data.draw(
        st.sampled_from([0, 1, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(content), len(content) - word])
    )
    content[word : word + 4] = number.to_bytes(4, "little")
    read_or_refuse(bytes(content))


@FUZZ
@given(data=st.data())
def test_truncated_files_are_refused(zoo: dict[str, bytes], data: st.DataObject) -> None:
    """A file cut anywhere never gives the graph of the whole one."""
    content = zoo[data.draw(st.sampled_from(sorted(zoo)))]
    cut = read_or_refuse(content[: data.draw(st.integers(0, len(content) - 1))])
    assert cut is None or cut != read(content)


@FUZZ
@given(content=st.binary(max_size=400))
def test_random_bytes_are_refused(content: bytes) -> None:
    """Random bytes behind a valid identifier are not a model."""
    assert read_or_refuse(content) is None
    assert read_or_refuse(content[:4].ljust(4, b"\0") + b"TFL3" + content[4:]) is None


def relu(**changes: object) -> Graph:
    """`in` → RELU → `out`, int8 [1, 4], with fields of the graph replaced."""
    quantisation = Quantisation((0.5,), (3,))
    graph = Graph(
        tensors=(Tensor(0, "in", (1, 4), "int8", quantisation), Tensor(1, "out", (1, 4), "int8", quantisation)),
        operators=(Operator(0, "RELU", 2, (0,), (1,)),),
        inputs=(0,),
        outputs=(1,),
        name="main",
    )
    return replace(graph, **changes)  # type: ignore[arg-type]


def with_tensor(**changes: object) -> Graph:
    """The RELU graph with its output tensor changed."""
    graph = relu()
    return replace(graph, tensors=(graph.tensors[0], replace(graph.tensors[1], **changes)))  # type: ignore[arg-type]


def add_chain(*edges: tuple[int, int]) -> Graph:
    """Doubling ADD operators, each from one tensor to another, over four int8 tensors."""
    tensors = tuple(Tensor(i, f"t{i}", (1, 4), "int8") for i in range(4))
    operators = tuple(
        Operator(i, "ADD", 2, (a, a), (b,), describe("ADD").default_options) for i, (a, b) in enumerate(edges)
    )
    return Graph(tensors, operators, (0,), (3,))


def convolution(**changes: object) -> Graph:
    """One CONV_2D on [1, 8, 8, 2] with options replaced."""
    options = {**describe("CONV_2D").default_options, **changes}
    tensors = (
        Tensor(0, "in", (1, 8, 8, 2), "int8"),
        Tensor(1, "weights", (3, 3, 3, 2), "int8", None, bytes(range(54))),
        Tensor(2, "out", (1, 8, 8, 3), "int8"),
    )
    return Graph(tensors, (Operator(0, "CONV_2D", 3, (0, 1), (2,), options),), (0,), (2,))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (add_chain((0, 1), (2, 3), (1, 2)), "operator 1 (ADD) reads tensor 2 (t2) before it is written"),
        (add_chain((0, 1), (1, 1), (1, 3)), "operator 1 (ADD) overwrites tensor 1 (t1)"),
        (add_chain((0, 1), (1, 0), (1, 3)), "operator 1 (ADD) overwrites tensor 0 (t0)"),
        (add_chain((0, 1)), "no operator writes the graph's output tensor 3 (t3)"),
        (relu(operators=()), "the graph has no operators, no inputs or no outputs"),
        (relu(inputs=(0, 0)), "a graph input is a constant or named twice"),
        (relu(inputs=(7,)), "the file is damaged: it names tensor 7 of 2"),
        (with_tensor(shape=(1, -1)), "tensor 1 (out) has the shape [1, -1], which is not static"),
        (with_tensor(shape=(1,) * 9), "tensor 1 (out) has 9 dimensions"),
        (with_tensor(shape=(2**30, 2**30)), f"tensor 1 (out) takes {2**60} bytes: [{2**30}, {2**30}] int8"),
        (with_tensor(shape=(2, 4)), "operator 0 (RELU) computes [1, 4], its output tensor is [2, 4]"),
        (with_tensor(data=b"123"), "tensor 1 (out) needs 4 bytes, the file has 3"),
        (with_tensor(dtype="string"), "tensor 1 (out) holds string values"),
        (
            with_tensor(quantisation=Quantisation((0.0,), (0,))),
            "tensor 1 (out) has a scale that is not a positive number",
        ),
        (
            with_tensor(quantisation=Quantisation((float("nan"),), (0,))),
            "tensor 1 (out) has a scale that is not a positive number",
        ),
        (
            with_tensor(quantisation=Quantisation((1.0,) * 3, (0,) * 3, 1)),
            "tensor 1 (out) has 3 scales and 3 zero points for 4 channels",
        ),
        (with_tensor(quantisation=Quantisation((1.0,), (1 << 40,))), "tensor 1 (out) has a zero point out of range"),
        (
            convolution(stride=(0, 1)),
            "operator 0 (CONV_2D) has a stride of (0, 1), which is not a pair of positive numbers",
        ),
        (convolution(stride=(2, 2)), "operator 0 (CONV_2D) computes [1, 4, 4, 3], its output tensor is [1, 8, 8, 3]"),
        (
            convolution(padding="VALID", dilation=(1, 9)),
            "operator 0 (CONV_2D) has a window of 19 elements, which does not fit into 8",
        ),
        (relu(operators=(Operator(0, "CONV_2D", 3, (0, 0), (1,)),)), "operator 0 (CONV_2D) has no options"),
        (relu(operators=(Operator(0, "WHILE", 1, (0,), (1,)),)), "operator WHILE: control flow is not supported"),
        (relu(operators=(Operator(0, "CUSTOM", 1, (0,), (1,)),)), "custom operator "),
        (relu(operators=(Operator(0, "RELU", 2, (-1,), (1,)),)), "operator 0 (RELU) lacks an input: it reads 1"),
    ],
)
def test_unsound_graph_is_named(graph: Graph, message: str) -> None:
    """A well-formed file whose graph is unsound gives one line that says what and where."""
    content = write(graph)  # the writer checks nothing, so tests can make unsound files with it
    with pytest.raises(ModelError) as caught:
        read(content, "unsound.tflite")
    assert caught.value.what == message
    assert caught.value.where == "unsound.tflite" and caught.value.hint


def test_several_subgraphs_are_refused() -> None:
    """Control flow means several subgraphs; the message says so."""
    builder = flatbuffers.Builder(0)
    subgraphs = []
    for _ in range(2):
        tflite.SubGraphStart(builder)
        subgraphs.append(tflite.SubGraphEnd(builder))
    tflite.ModelStartSubgraphsVector(builder, 2)
    for subgraph in subgraphs:
        builder.PrependUOffsetTRelative(subgraph)
    vector = builder.EndVector()
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddSubgraphs(builder, vector)
    builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
    with pytest.raises(ModelError, match="2 subgraphs, not 1"):
        read(bytes(builder.Output()))


def test_file_errors_name_the_file(tmp_path: Path) -> None:
    """A missing file and one of another kind are told by the file's name."""
    (tmp_path / "notes.tflite").write_text("a text, not a model")
    with pytest.raises(ModelError, match=r"^notes.tflite: not a .tflite file"):
        read(tmp_path / "notes.tflite")
    with pytest.raises(ModelError, match=r"^absent.tflite: can't be read: No such file"):
        read(tmp_path / "absent.tflite")


def test_tensors_have_names_of_their_own() -> None:
    """Files may name several tensors alike or not at all; the first keeps its name, and no new one is taken already."""
    names = ("", "x", "x", "x_2", "")
    tensors = tuple(Tensor(i, name, (1, 4), "float32") for i, name in enumerate(names))
    operators = tuple(Operator(i, "RELU", 1, (i,), (i + 1,)) for i in range(4))
    graph = read(write(Graph(tensors, operators, (0,), (4,))))
    assert [tensor.name for tensor in graph.tensors] == ["tensor_0", "x", "x_2_", "x_2", "tensor_4"]
    assert read(write(graph)) == graph


def test_unlisted_option_table_is_named_not_lost() -> None:
    """An operator whose options this reader doesn't know is read, with the table's name for its options."""
    builder = flatbuffers.Builder(0)
    tflite.CumsumOptionsStart(builder)
    options = tflite.CumsumOptionsEnd(builder)
    tflite.OperatorStart(builder)
    tflite.OperatorAddBuiltinOptionsType(builder, tflite.BuiltinOptions.CumsumOptions)
    tflite.OperatorAddBuiltinOptions(builder, options)
    builder.Finish(tflite.OperatorEnd(builder))
    entry = tflite.Operator.GetRootAs(bytes(builder.Output()), 0)
    assert _options("operator 0 (CUMSUM)", "CUMSUM", entry) == {"table": "CumsumOptions"}


@pytest.mark.parametrize("name", ["aww", "vww", "resnet", "toycar"])
def test_published_models_are_read(trained: Callable[[str], Path], name: str) -> None:
    """The real files give integer graphs whose constants are complete."""
    graph = read(trained(name))
    assert graph.is_integer_only
    assert all(len(t.data) == t.size_bytes for t in graph.tensors if t.data is not None)
