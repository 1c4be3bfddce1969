"""Graphs as ONNX files: ONNX Runtime computes of them what TFLM and LiteRT compute of the graphs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[onnx]'")
if find_spec("onnxruntime") is None:
    pytest.skip("needs onnxruntime: pip install -e '.[onnx]'", allow_module_level=True)

import onnx
from backends.real_networks import NETWORKS, RealNet
from operator_cases import CASES, Case
from small_networks import Net
from stateful_networks import ring
from tests_support import litert, tflm

from tinyflow.core.errors import ModelError
from tinyflow.model import reference, tflite_reader, tflite_writer
from tinyflow.model.graph import Graph
from tinyflow.model.interpreters import Sample
from tinyflow.model.onnx import read_onnx
from tinyflow.model.onnx.compare import run_plain
from tinyflow.model.onnx.exported import RULES
from tinyflow.model.onnx.exporter import write_onnx
from tinyflow.model.operators import has_state
from tinyflow.model.quantise.dequantised import dequantised, is_quantised, with_ports
from tinyflow.model.zoo import synthesize

# why there is no equivalent
_REFUSED = {
    "MIRROR_PAD": "mirror the edge",
    "GATHER": "each batch",
    "FLOOR_DIV": "towards zero",
}
# for which ONNX Runtime has no kernel
_UNKNOWN = ("SPACE_TO_DEPTH int32", "SPACE_TO_DEPTH int64", "RESIZE_NEAREST_NEIGHBOR bool")


def answers(graph: Graph, samples: list[Sample], by: str) -> list[Sample]:
    """Outputs of an interpreter."""
    return (litert if by == "litert" else tflm)(tflite_writer.write(graph), graph, samples)


def distance(ours: list[Sample], theirs: list[Sample] | None) -> float:
    """The largest difference of outputs that are alike in type and shape."""
    assert theirs is not None
    kinds = [[(array.dtype, array.shape) for array in outputs[0]] for outputs in (ours, theirs)]
    assert kinds[0] == kinds[1]

    def numbers(outputs: list[Sample]) -> list[Sample]:
        return [tuple(array * 1 if array.dtype == bool else array for array in sample) for sample in outputs]

    return reference.largest_difference(numbers(ours), numbers(theirs))


@pytest.mark.every(9)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_operators_compute_what_they_compute_here(case: Case) -> None:
    """But for a step of rounding, which sums of many may add up; else the operator is named, and why it isn't there."""
    graph = case.graph()
    try:
        content = write_onnx(graph)
    except ModelError as error:
        assert f"operator 0 {case.name} isn't exported to ONNX: " in error.what and _REFUSED[case.name] in error.what
        return
    samples = reference.make_inputs(graph, 3, 1)
    if str(case) in _UNKNOWN or (case.name, case.outputs[0].dtype) == ("SELECT_V2", "bool"):
        with pytest.raises(ModelError, match="NOT_IMPLEMENTED"):
            run_plain(content, samples)
        return
    assert distance(answers(graph, samples, case.reference), run_plain(content, samples)) <= (
        2 if case.name in ("CUMSUM", "ADD_N") else 1
    )


def windows(*, is_soft: bool = True) -> Graph:
    """Images all the way: convolutions, a pool, a sum, a pad, and rows in the end."""
    random = np.random.default_rng(2)

    def some(*shape: int) -> Any:
        return random.integers(-7, 8, shape)

    net = Net(1, 7, 6, 3)
    left = net.convolution(net.input, some(4, 3, 3, 3), some(4), padding="SAME", stride=(2, 1), activation="RELU6")
    right = net.operator("MAX_POOL_2D", left, padding="SAME", stride=(1, 1), filter=(3, 2))
    added = net.operator("ADD", left, right, activation="RELU", pot_scale_int16=False)
    both = net.operator("CONCATENATION", added, right, axis=3)
    around = net.constant([[0, 0], [1, 0], [0, 2], [0, 0]], "int32")
    padded = net.operator("PAD", both, around)
    last = net.convolution(padded, some(5, 2, 2, 8), some(5), padding="VALID", stride=(1, 1))
    mean = net.operator("MEAN", last, net.constant([1, 2], "int32"))
    return net.graph(net.operator("SOFTMAX", mean, q=None, beta=1.0) if is_soft else mean)


def test_images_have_their_channels_first_in_between() -> None:
    """Two transpositions at most: behind the input, and none where rows are all that is left; outputs are right."""
    graph = windows()
    content = write_onnx(graph)
    kinds = [node.op_type for node in onnx.load_from_string(content).graph.node]
    assert kinds.count("Transpose") == 1
    assert kinds.count("Clip") == kinds.count("Relu") == 1
    samples = reference.make_inputs(graph, 8, 1)
    assert distance(answers(graph, samples, "tflm"), run_plain(content, samples)) <= 3


def test_a_file_read_back_computes_the_same() -> None:
    """Bit for bit by TFLM: scales, zero points, weights and biases are the same ones."""
    graph = windows()
    again = read_onnx(write_onnx(graph)).graph
    samples = reference.make_inputs(graph, 8, 1)
    assert distance(answers(graph, samples, "tflm"), answers(again, samples, "tflm")) == 0


def test_equal_graphs_give_equal_bytes() -> None:
    """And the checker of ONNX takes them; scales of whole tensors have no dimension."""
    content = write_onnx(windows())
    assert content == write_onnx(windows())
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    dimensions = {constant.name: len(constant.dims) for constant in model.graph.initializer}
    scales = {node.input[1] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    assert scales and not any(dimensions[name] for name in scales)


def test_state_is_refused() -> None:
    """With what it is."""
    with pytest.raises(ModelError, match="keeps state"):
        write_onnx(ring())
    with pytest.raises(ModelError, match="state"):
        dequantised(with_ports(ring(), ring()))


def test_a_dequantised_network_computes_with_real_numbers() -> None:
    """Near the integer one, by TFLM as by ONNX Runtime; its ports may be the integers that they were."""
    graph = windows(is_soft=False)
    real = dequantised(graph)
    assert not any(is_quantised(tensor) for tensor in real.tensors) and dequantised(real) is real
    between = tflite_reader.read(tflite_writer.write(with_ports(real, graph)))
    assert [between.tensors[index].dtype for index in (*between.inputs, *between.outputs)] == ["int8", "int8"]
    samples = reference.make_inputs(graph, 8, 1)
    ours = answers(between, samples, "tflm")
    assert 0 < distance(answers(graph, samples, "tflm"), ours) <= 12
    assert distance(ours, run_plain(write_onnx(between), samples)) == 0
    (port,) = graph.inputs
    scheme = graph.tensors[port].quantisation
    assert scheme is not None
    reals = [((sample[0].astype(np.float32) - scheme.zero_point) * np.float32(scheme.scale),) for sample in samples]
    theirs = run_plain(write_onnx(real), reals)
    assert theirs is not None and distance(answers(real, reals, "tflm"), theirs) < 1e-5
    made = graph.tensors[graph.outputs[0]]
    assert distance(ours, [(reference.quantise(sample[0], made),) for sample in theirs]) == 0


def test_integers_that_stand_for_themselves_are_not_dequantised() -> None:
    """A CAST of quantised numbers takes them as they are."""
    (case,) = (case for case in CASES if str(case) == "CAST int8 to float32")
    with pytest.raises(ModelError, match=r"operator 0 CAST takes integers as they are"):
        dequantised(case.graph())


@pytest.mark.every(20)
@pytest.mark.parametrize("name", NETWORKS)
def test_float_operators_compute_what_they_compute_here(name: str) -> None:
    """But for the functions of another library; recurrent ones are refused."""
    net = RealNet()
    graph = tflite_reader.read(tflite_writer.write(net.made(NETWORKS[name](net))))
    random = np.random.default_rng(7)
    shapes = [graph.tensors[index].shape for index in graph.inputs]
    samples = [tuple((2.0**i * random.normal(size=shape)).astype(np.float32) for shape in shapes) for i in range(3)]
    try:
        content = write_onnx(graph)
    except ModelError as error:
        (operator, *_) = graph.operators
        assert has_state(graph) or operator.name not in RULES or "remainder of floats" in error.what
        return
    expected = answers(graph, samples, "tflm")
    largest = max(np.abs(array).max(initial=0) for sample in expected for array in sample)
    assert distance(expected, run_plain(content, samples)) <= 2e-5 * largest


def test_every_rule_is_tested() -> None:
    """By one of the tables above, but for operators that are as others."""
    alike = {"SELECT", "REDUCE_PROD", "REDUCE_ANY", "SIGN", "RELU_0_TO_1", "RELU_N1_TO_1", "RANK", "POW"}
    alike |= {"QUANTIZE", "DEQUANTIZE"}  # the ports of what is dequantised
    tested = {operator.name for operator in windows().operators}
    for build in NETWORKS.values():
        net = RealNet()
        tested |= {operator.name for operator in net.made(build(net)).operators}
    assert set(RULES) <= tested | alike | {case.name for case in CASES}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["aww", "vww", "resnet", "toycar"])
def test_mlperf_tiny(name: str) -> None:
    """Integers as ONNX Runtime rescales them, which layers magnify; read back, the same; dequantised, TFLM's."""
    model = synthesize({"graph": name, "seed": 1})
    graph = tflite_reader.read(model)
    samples = reference.make_inputs(graph, 8, 1)
    ours, content = answers(graph, samples, "tflm"), write_onnx(graph)
    assert distance(ours, run_plain(content, samples)) <= (64 if name == "vww" else 16)
    assert distance(ours, answers(read_onnx(content).graph, samples, "tflm")) == 0
    between = with_ports(dequantised(graph), graph)
    assert distance(answers(between, samples, "tflm"), run_plain(write_onnx(between), samples)) <= 1
