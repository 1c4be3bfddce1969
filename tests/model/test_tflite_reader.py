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
from tinyflow.model.tflite_options import read_options
from tinyflow.model.tflite_reader import read
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
    size = len(content)
    places = st.one_of(
        *(st.integers(*ends) for ends in ((0, size - 1), (0, min(size - 1, 2000)), (-min(size, 40_000), -1)))
    )
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=8)):
        content[place] = value
    graph = read_or_refuse(bytes(content))
    if graph is not None:
        assert summarise(graph)["macs"] >= 0


@pytest.mark.slow
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
            with_tensor(quantisation=Quantisation((float("nan"),), (0,))),
            "tensor 1 (out) has a scale that is not a finite number",
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


def test_a_file_without_subgraphs_is_refused() -> None:
    """There is nothing in it."""
    builder = flatbuffers.Builder(0)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
    with pytest.raises(ModelError, match="damaged: it has no subgraph"):
        read(bytes(builder.Output()))


Q = Quantisation((0.5,), (3,))
ROW = (1, 4)


def again(graph: Graph) -> Graph:
    """What is read of a written graph; the same again, or the test fails."""
    assert read(write(graph)) == graph
    return graph


@pytest.mark.parametrize("scales", [(0.0,), (-0.5,), (2.0**-120,), (0.5, -0.25, 0.0, 2.0**-40)])
def test_any_finite_scale_is_read(scales: tuple[float, ...]) -> None:
    """Folded batch norms leave channels with negative scales and with none."""
    again(with_tensor(quantisation=Quantisation(scales, (0,) * len(scales), 1)))


def test_the_axis_of_a_vector_counts_for_nothing() -> None:
    """Old converters give a bias the axis of its weights; one zero point stands for all, and none for 0."""
    for zero_points in ((0, 0, 0, 0), (0,), ()):
        scheme = Quantisation((1.0, 2.0, 3.0, 4.0), zero_points, 3)
        graph = relu(tensors=tuple(replace(tensor, shape=(4,), quantisation=scheme) for tensor in relu().tensors))
        vector = read(write(graph)).tensors[1]
        assert vector.quantisation == Quantisation(scheme.scales, (0,) * 4, 0)


def test_options_that_are_absent_have_the_schema_s_defaults() -> None:
    """Of a table that is not there, as of a field that is not there."""
    graph = relu(operators=(Operator(0, "SUB", 1, (0, 0), (1,)),))
    (operator,) = read(write(graph)).operators
    assert operator.options == {"activation": "NONE", "pot_scale_int16": True}
    with pytest.raises(ModelError, match=r"has a stride of \(0, 0\), which is not a pair"):
        read(write(replace(convolution(), operators=(Operator(0, "CONV_2D", 3, (0, 1), (2,)),))))


def test_custom_operators_keep_code_and_options() -> None:
    """They may read and write anything; whether anybody can run them is not the reader's business."""
    again(relu(operators=(Operator(0, "custom Sig", 1, (0,), (1,), custom_options=b"\1\2\3"),)))
    # a code that is called like a built-in operator does not make it one
    again(relu(operators=(Operator(0, "custom RELU", 1, (0, 0), (1,)),)))


def test_tensors_without_elements_are_constants() -> None:
    """An empty list of numbers is a value; nobody can write one."""
    graph = relu()
    axes = Tensor(2, "axes", (0,), "int32", None, b"")
    mean = Operator(0, "MEAN", 2, (0, 2), (1,), {"keep_dims": True})
    again(replace(graph, tensors=(*graph.tensors, axes), operators=(mean,)))
    with pytest.raises(ModelError, match=r"operator 0 \(RELU\) writes tensor 1 \(out\), which has no elements"):
        read(write(with_tensor(shape=(0, 4))))


def test_variables_and_intermediates_are_kept() -> None:
    """State of an operator is one of its inputs, which nobody writes."""
    graph = relu()
    more = (Tensor(2, "state", ROW, "int16", Q, is_variable=True), Tensor(3, "scale of it", (), "int8", Q))
    tensors, svdf = (*graph.tensors, *more), Operator(0, "custom svdf", 1, (0, 2), (1,), intermediates=(3, -1))
    kept = again(replace(graph, tensors=tensors, operators=(svdf,)))
    assert kept.state_bytes == 8 and kept.peak_live_bytes == 16
    with pytest.raises(ModelError, match=r"operator 0 \(RELU\) overwrites tensor 2"):
        read(write(replace(kept, operators=(Operator(0, "RELU", 2, (0,), (2,)),))))
    with pytest.raises(ModelError, match=r"tensor 1 \(out\) is a variable that has a value"):
        read(write(with_tensor(is_variable=True, data=b"1234")))


def counting(**changes: object) -> Graph:
    """A resource variable that is set once by a subgraph, and grows by the input with each call."""
    variable = {"container": "", "shared_name": "sum"}
    handle, name = Tensor(0, "handle", (), "resource"), Operator(0, "VAR_HANDLE", 1, (), (0,), variable)
    start = Graph(
        (handle, Tensor(1, "zeros", ROW, "int8", Q, bytes(4))),
        (name, Operator(1, "ASSIGN_VARIABLE", 1, (0, 1), ())),
        (),
        (),
        "start",
    )
    tensors = (handle, *(Tensor(i, f"t{i}", ROW, "int8", Q) for i in (1, 2, 3)))
    operators = (
        Operator(0, "CALL_ONCE", 1, (), (), {"init_subgraph_index": 1}),
        replace(name, index=1),
        Operator(2, "READ_VARIABLE", 1, (0,), (2,)),
        Operator(3, "ADD", 2, (1, 2), (3,), describe("ADD").default_options),
        Operator(4, "ASSIGN_VARIABLE", 1, (0, 3), ()),
    )
    return replace(Graph(tensors, operators, (1,), (3,), "main", (start,)), **changes)  # type: ignore[arg-type]


def test_resource_variables_and_subgraphs_are_kept() -> None:
    """Names of variables, who calls which subgraph, constants of each; and what that takes in memory."""
    graph = again(counting())
    assert graph.resources.keys() == {("", "sum")} and graph.state_bytes == 4
    assert summarise(graph)["subgraphs"][0]["operators"][1]["name"] == "ASSIGN_VARIABLE"
    # a cut has the variable whole
    cut = again(graph.between(2, 3))
    assert [operator.name for operator in cut.operators] == ["CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ADD"]
    assert [cut.tensors[index].name for index in (*cut.inputs, *cut.outputs)] == ["t1", "t3"]


def branching(name: str = "IF", **changes: object) -> Graph:
    """One of two subgraphs runs: both give what they get."""
    tensors = (Tensor(0, "which", (1,), "bool"), *(Tensor(i, f"t{i}", ROW, "int8", Q) for i in (1, 2)))
    part = Graph((replace(tensors[1], index=0),), (), (0,), (0,), "part")
    options = {"then_subgraph_index": 1, "else_subgraph_index": 2}
    graph = Graph(tensors, (Operator(0, name, 1, (0, 1), (2,), options),), (0, 1), (2,), "main", (part, part))
    return replace(graph, **changes)  # type: ignore[arg-type]


def test_branches_are_kept() -> None:
    """Subgraphs may give what they get, and constants."""
    graph = again(branching())
    part = graph.subgraphs[0]
    constant = replace(part, tensors=(*part.tensors, Tensor(1, "constant", ROW, "int8", Q, b"1234")))
    again(replace(graph, subgraphs=(part, replace(constant, outputs=(1,)))))


PART = branching().subgraphs[0]
CALLER = replace(branching().operators[0], inputs=(1, 0), outputs=(2,))
LOOP = {"cond_subgraph_index": 1, "body_subgraph_index": 2}


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (branching(subgraphs=(PART,)), "operator 0 (IF) calls subgraph 2 of 2"),
        (
            branching(subgraphs=(PART, replace(PART, outputs=()))),
            "operator 0 (IF) calls subgraph 2 (part), which takes or gives other tensors",
        ),
        (branching(operators=(CALLER,)), "operator 0 (IF) goes by t1, which is not a single bool"),
        (
            branching(operators=(Operator(0, "WHILE", 1, (1,), (2,), LOOP),)),
            "operator 0 (WHILE) calls subgraph 1 (part), which takes or gives other tensors",
        ),
        (
            counting(subgraphs=(replace(counting().subgraphs[0], operators=counting().operators[:1]),)),
            "subgraphs call each other more than 16 deep",
        ),
        (
            counting(operators=counting().operators[:1] + counting().operators[2:]),
            "operator 1 (READ_VARIABLE) reads tensor 0 (handle) before it is written",
        ),
        (
            counting(operators=(*counting().operators[:2], Operator(2, "custom x", 1, (0,), (3,)))),
            "operator 2 (custom x) reads tensor 0 (handle): only READ_VARIABLE and ASSIGN_VARIABLE read "
            "what VAR_HANDLE names, nothing else",
        ),
        (
            counting(outputs=(3, 0)),
            "the graph's output tensor 0 (handle) names a resource variable: READ_VARIABLE gives its value",
        ),
        (
            counting(
                tensors=(*counting().tensors[:2], replace(counting().tensors[2], dtype="uint8"), counting().tensors[3])
            ),
            "the resource variable sum is uint8 [1, 4] in one place and int8 [1, 4] in another",
        ),
    ],
)
def test_unsound_calls_are_named(graph: Graph, message: str) -> None:
    """Subgraphs that aren't there, that don't fit their caller, or that call themselves; handles that go astray."""
    with pytest.raises(ModelError) as caught:
        read(write(graph))
    assert caught.value.what == message


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
    tflite.BitcastOptionsStart(builder)
    options = tflite.BitcastOptionsEnd(builder)
    tflite.OperatorStart(builder)
    tflite.OperatorAddBuiltinOptionsType(builder, tflite.BuiltinOptions.BitcastOptions)
    tflite.OperatorAddBuiltinOptions(builder, options)
    builder.Finish(tflite.OperatorEnd(builder))
    entry = tflite.Operator.GetRootAs(bytes(builder.Output()), 0)
    assert read_options("operator 0 (BITCAST)", "BITCAST", entry) == {"table": "BitcastOptions"}


@pytest.mark.parametrize("name", ["aww", "vww", "resnet", "toycar"])
def test_published_models_are_read(trained: Callable[[str], Path], name: str) -> None:
    """The real files give integer graphs whose constants are complete."""
    graph = read(trained(name))
    assert graph.is_integer_only
    assert all(len(t.data) == t.size_bytes for t in graph.tensors if t.data is not None)
