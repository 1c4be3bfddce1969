"""QDQ ONNX becomes an int8 graph that computes the same as ONNX Runtime, but for rounding."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[onnx]'")
if find_spec("onnxruntime") is None:
    pytest.skip("needs onnxruntime: pip install -e '.[onnx]'", allow_module_level=True)

import onnx
import onnxruntime
from model.onnx_networks import Layers, pooled_cnn, quantised, small_cnn
from tests_support import tflm

from tinyflow.core.errors import ModelError
from tinyflow.model import reference, tflite_reader, tflite_writer
from tinyflow.model.onnx import read_onnx
from tinyflow.model.onnx.compare import run_onnx


def difference(content: bytes) -> tuple[float, int]:
    """Between ONNX Runtime and TFLM on our graph: the largest one, and how many outputs of 16 are different ones."""
    imported = read_onnx(content)
    model = tflite_writer.write(imported.graph)
    samples = reference.make_inputs(imported.graph, 16, 1)
    ours = tflm(model, tflite_reader.read(model), samples)
    theirs = run_onnx(content, imported, samples)
    assert theirs is not None
    return reference.largest_difference(ours, theirs), len({sample[0].tobytes() for sample in ours})


@pytest.mark.parametrize("activations", ["QInt8", "QUInt8"])
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.every(4)
def test_networks_compute_what_onnx_runtime_computes(tmp_path: Path, activations: str, per_channel: bool) -> None:
    """But for steps of rounding: a wrong order of channels or weights would be off by dozens."""
    steps, outputs = difference(quantised(pooled_cnn(), tmp_path, activations=activations, per_channel=per_channel))
    assert steps <= 2 and outputs > 8
    steps, outputs = difference(quantised(small_cnn(), tmp_path, activations=activations, per_channel=per_channel))
    assert steps <= 8 and outputs > 8  # a softmax magnifies its inputs' steps


def test_sums_never_saturate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session is one that computes alike on all processors; those with VNNI show no difference."""
    content, asked = quantised(pooled_cnn(), tmp_path), []  # ONNX Runtime's quantiser opens sessions of its own
    session = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda *words, **more: asked.append(words[1]) or session(*words, **more)
    )
    difference(content)
    assert asked[0].get_session_config_entry("session.x64quantprecision") == "1"


_BY_ITSELF = """
import pickle, sys
sys.path[:0] = sys.argv[2:]
from tinyflow.model.onnx.compare import run_onnx
content, imported, samples = pickle.load(open(sys.argv[1], "rb"))
pickle.dump(run_onnx(content, imported, samples), open(sys.argv[1], "wb"))
"""


@pytest.mark.slow
def test_a_processor_without_vnni_computes_the_same(tmp_path: Path) -> None:
    """Emulated: AVX2 is the newest that this QEMU has."""
    emulator = shutil.which("qemu-x86_64")
    if emulator is None:
        pytest.skip("needs qemu-x86_64: apt-get install qemu-user")
    content = quantised(small_cnn(), tmp_path, activations="QUInt8", per_channel=True)
    imported = read_onnx(content)
    samples = reference.make_inputs(imported.graph, 4, 1)
    here, kept = run_onnx(content, imported, samples), tmp_path / "kept"
    kept.write_bytes(pickle.dumps((content, imported, samples)))
    command = [emulator, "-cpu", "max", str(Path(sys.executable).resolve()), "-c", _BY_ITSELF, str(kept), *sys.path]
    subprocess.run(command, check=True, timeout=300)
    assert here is not None
    assert reference.largest_difference(here, pickle.loads(kept.read_bytes())) == 0


def one_node(kind: str, *weights: tuple[int, ...], shape: tuple[int, ...] = (1, 4, 6, 5), **attributes: Any) -> Any:
    """A network of one operator."""
    net = Layers(3, shape)
    # ONNX Runtime's tools leave operators in float that nothing quantised is before.
    source = (
        "x" if weights else net.node("MaxPool", net.node("Conv", "x", net.weights(4, 4, 1, 1)), kernel_shape=[1, 1])
    )
    return net.model(net.node(kind, source, *(net.weights(*one) for one in weights), **attributes))


@pytest.mark.parametrize(
    "model",
    [
        one_node("Conv", (4, 4, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2]),
        one_node("Conv", (4, 4, 2, 3), (4,), auto_pad="SAME_UPPER", strides=[2, 1]),
        one_node("Conv", (8, 1, 3, 3), group=4, pads=[2, 0, 1, 1]),
        one_node("Conv", (4, 4, 3, 3), dilations=[2, 1], pads=[2, 1, 2, 1]),
        one_node("AveragePool", kernel_shape=[2, 2], strides=[1, 1]),
        one_node("MaxPool", kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1]),
        one_node("GlobalAveragePool"),
        one_node("Relu"),
        one_node("MatMul", (9, 4), shape=(1, 9)),
        one_node("Gemm", (4, 9), (4,), shape=(1, 9), transB=1),
    ],
    ids=lambda model: model.graph.node[-1].op_type,
)
def test_each_operator_alone(tmp_path: Path, model: Any) -> None:
    """To a step for each time that something is rounded."""
    steps, outputs = difference(quantised(model, tmp_path))
    assert steps <= 2 and outputs > 8


def test_a_concatenation_along_channels(tmp_path: Path) -> None:
    """Axis 1 of NCHW is the last of ours; both sides get the output's scale."""
    net = Layers(5, (1, 3, 6, 6))
    left, right = (net.node("Conv", "x", net.weights(n, 3, 1, 1)) for n in (2, 5))
    steps, _ = difference(quantised(net.model(net.node("Concat", left, right, axis=1)), tmp_path))
    assert steps <= 1


def test_what_cannot_be_imported_is_told_by_node() -> None:
    """With its name and its kind, and what is known."""
    content = onnx.shape_inference.infer_shapes(one_node("Erf")).SerializeToString()
    with pytest.raises(ModelError, match=r"node .*\(Erf\): the operator Erf can't be imported") as caught:
        read_onnx(content)
    assert "Conv, " in caught.value.hint and "QLinearConv" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x08\x07" * 40])
def test_damaged_files_are_refused(content: bytes) -> None:
    """In one line."""
    with pytest.raises(ModelError, match="not a valid ONNX model"):
        read_onnx(content)


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    """Or are read, where only an ending was lost that nobody needs."""
    content = quantised(pooled_cnn(), tmp_path)
    for length in np.linspace(1, len(content) - 1, 40, dtype=int):
        try:
            read_onnx(content[:length])
        except ModelError:
            continue


@pytest.mark.parametrize("weights", ["QInt8", "QUInt8"])
def test_networks_of_operators_on_integers(tmp_path: Path, weights: str) -> None:
    """QLinearConv, QLinearAdd, QGemm and their like compute what they do between QDQ; weights may have zero points."""
    for network, most in ((pooled_cnn(), 2), (small_cnn(), 12)):
        content = quantised(network, tmp_path, form="QOperator", activations="QUInt8", weights=weights)
        assert any(node.op_type.startswith("QLinear") for node in onnx.load_model_from_string(content).graph.node)
        steps, outputs = difference(content)
        assert steps <= most and outputs > 8


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("Sigmoid", {}),
        ("LeakyRelu", {"alpha": 0.1}),
        ("Softmax", {"axis": 1}),
        ("AveragePool", {"kernel_shape": [2, 2]}),
        ("GlobalAveragePool", {}),
        ("MaxPool", {"kernel_shape": [2, 2]}),
        ("Mul", {}),
        ("Add", {}),
        ("Concat", {"axis": 1}),
    ],
)
def test_each_operator_on_integers(tmp_path: Path, kind: str, attributes: Any) -> None:
    """Behind two convolutions, as ONNX Runtime's tools quantise it."""
    net = Layers(6, (1, 3, 6, 6))
    sides = [
        net.node("Conv", "x", net.weights(4, 3, 1, 1)) for _ in range(2 if kind in ("Mul", "Add", "Concat") else 1)
    ]
    content = quantised(
        net.model(net.node(kind, *sides, **attributes)), tmp_path, form="QOperator", activations="QUInt8"
    )
    steps, outputs = difference(content)
    # those magnify a step of their inputs
    assert steps <= (5 if kind in ("Mul", "Sigmoid", "Softmax") else 2) and outputs > 8


@pytest.mark.parametrize("kind", ["Conv", "Gemm"])
def test_weights_of_9_bits(tmp_path: Path, kind: str) -> None:
    """Integers less their zero point that int8 can't hold are rounded: the outputs are off by steps, not by dozens."""
    model = one_node("Conv", (4, 4, 3, 3)) if kind == "Conv" else one_node("Gemm", (9, 4), (4,), shape=(1, 9))
    content = quantised(model, tmp_path, weights="QUInt8", activations="QUInt8", per_channel=False)
    steps, outputs = difference(content)
    assert steps <= 3 and outputs > 8


def test_what_has_no_integer_form_is_computed_in_float(tmp_path: Path) -> None:
    """Between a DEQUANTIZE and a QUANTIZE."""
    net = Layers(5, (1, 3, 6, 6))
    half = net.node("Conv", "x", net.weights(3, 3, 1, 1))
    content = quantised(net.model(net.node("Add", half, net.node("Exp", half))), tmp_path)
    names = [operator.name for operator in read_onnx(content).graph.operators]
    assert "EXP" in names and "DEQUANTIZE" in names
    assert difference(content)[0] <= 2


def _scale(model: Any) -> Any:
    """The constant that the first QuantizeLinear divides by."""
    name = next(node.input[1] for node in model.graph.node if node.op_type == "QuantizeLinear")
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def _node(model: Any, kind: str) -> Any:
    return next(node for node in model.graph.node if node.op_type == kind)


def _attribute(node: Any, name: str) -> Any:
    return next(attribute for attribute in node.attribute if attribute.name == name)


def _constant(model: Any, name: str) -> Any:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def _weights_scale(model: Any) -> Any:
    """The constant by which weights are dequantised."""
    constants = {tensor.name for tensor in model.graph.initializer}
    nodes = (node for node in model.graph.node if node.op_type == "DequantizeLinear" and node.input[0] in constants)
    return _constant(model, next(nodes).input[1])


def _lengthen(model: Any) -> None:
    """A zero point of two numbers whose dimensions say one."""
    tensor = _constant(model, next(node.input[2] for node in model.graph.node if node.op_type == "QuantizeLinear"))
    tensor.raw_data = bytes(2)
    del tensor.int32_data[:]


def _change_scale(value: float) -> Any:
    return lambda model: _scale(model).CopyFrom(onnx.numpy_helper.from_array(np.float32(value), _scale(model).name))


def _resize_input(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 1 << 40
    del model.graph.value_info[:]


def _open_input(model: Any) -> None:
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        value.type.tensor_type.shape.dim[3].dim_value = -1


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (_lengthen, "the constant .* doesn't hold what its type 3 and its dimensions say"),
        (
            lambda model: setattr(_weights_scale(model), "data_type", 65),
            "type 65|data_type .*: 65",
        ),
        (lambda model: setattr(_scale(model), "data_location", 1), "lies in another file|not a valid ONNX model"),
        (_change_scale(0), r"node .*\(QuantizeLinear\): its scale is not a positive number"),
        (_change_scale(-1), r"node .*\(QuantizeLinear\): its scale is not a positive number"),
        (_change_scale(float("inf")), r"node .*\(QuantizeLinear\): its scale is not a positive number"),
        (_resize_input, "has the shape|not a valid ONNX model"),
        (_open_input, "x has a dimension that isn't fixed"),
        (
            lambda model: _attribute(_node(model, "Conv"), "dilations").ints.__setitem__(0, 1 << 40),
            r"\(Conv\): its attribute dilations is out of range|not a valid ONNX model",
        ),
    ],
)
def test_malformed_models_are_refused_with_their_place(tmp_path: Path, change: Any, what: str) -> None:
    """Constants that aren't what they say, extreme scales and sizes: the constant, value or node, and what to do."""
    model = onnx.load_model_from_string(quantised(one_node("Conv", (4, 4, 1, 1), dilations=[1, 1]), tmp_path))
    change(model)
    with pytest.raises(ModelError, match=what) as caught:
        read_onnx(model.SerializeToString())
    assert caught.value.hint


def test_what_is_made_of_a_model_can_be_read(tmp_path: Path) -> None:
    """An extreme that the importer has no word about is refused by our reader's, and not by the next command."""
    model = onnx.load_model_from_string(quantised(pooled_cnn(), tmp_path))
    for value in (*model.graph.input, *model.graph.value_info):
        for dimension in value.type.tensor_type.shape.dim[2:]:
            dimension.dim_value = 1 << 14
    del model.graph.value_info[:]
    with pytest.raises(ModelError, match=r"can't be made a .tflite file: tensor .* takes \d+ bytes") as caught:
        read_onnx(model.SerializeToString())
    assert caught.value.hint
