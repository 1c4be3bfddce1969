"""Float networks in ONNX compute what ONNX Runtime computes, operator by operator, opset by opset, channels last."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

if find_spec("onnx") is None or find_spec("onnxruntime") is None:
    pytest.skip("needs onnx and onnxruntime: pip install -e '.[onnx]'", allow_module_level=True)

from onnx import TensorProto, helper, numpy_helper
from tests_support import litert

from tinyflow.core.errors import ModelError
from tinyflow.model import oracle, reference, tflite_writer
from tinyflow.model.onnx import Imported, read_onnx
from tinyflow.model.onnx.compare import run_onnx

_SHAPE = (1, 4, 6, 5)


def network(
    nodes: Sequence[tuple[Any, ...]],
    constants: dict[str, Any],
    *,
    shapes: dict[str, Sequence[int]] | None = None,
    outputs: Sequence[str] = ("y",),
    opset: int = 15,
) -> bytes:
    """A file of nodes (kind, inputs, outputs, attributes), with float inputs of these shapes."""
    made = [
        helper.make_node(kind, inputs, results, name=f"{kind}_{i}", **attributes)
        for i, (kind, inputs, results, attributes) in enumerate(nodes)
    ]
    given = shapes or {"x": _SHAPE}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, shape in given.items()]
    results = [helper.make_empty_tensor_value_info(name) for name in outputs]
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(made, "net", ends, results, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    from onnx import shape_inference

    content: bytes = shape_inference.infer_shapes(model).SerializeToString()
    return content


def held_against_onnx_runtime(content: bytes, share: float = 1e-5) -> Imported:
    """The import, whose outputs are within a share of the largest value, and differ from sample to sample."""
    imported = read_onnx(content)
    samples = reference.make_inputs(imported.graph, 4, 3)
    theirs = run_onnx(content, imported, samples)
    assert theirs is not None
    written = tflite_writer.write(imported.graph)
    try:
        ours = litert(written, imported.graph, samples)
    except ModelError:  # its reference kernels lack ELU, and DEPTH_TO_SPACE of this version
        _, (ours, _), _ = oracle.run(written, imported.graph, samples)
    for index in range(len(imported.graph.outputs)):
        pair = np.stack([one[index] for one in theirs]), np.stack([one[index] for one in ours])
        assert pair[0].shape == pair[1].shape
        assert np.abs(pair[0].astype(float) - pair[1]).max() <= share * max(np.abs(pair[1]).max(), 1)
        assert len({one[index].tobytes() for one in ours}) > 1
    return imported


def names(imported: Imported) -> list[str]:
    """Of the operators."""
    return [operator.name for operator in imported.graph.operators]


def random(*shape: int, seed: int = 1) -> Any:
    """Seeded numbers around 0."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def ints(*values: int) -> Any:
    """A list of numbers that say how."""
    return np.array(values, np.int64)


# of operators that came later
_OPSETS = {"HardSwish": 15}
W, B = random(8, 4, 3, 3), random(8, seed=2)
_SINGLE: list[tuple[str, str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    # what it is, kind, constants, attributes, more
    ("conv", "Conv", {"w": W, "b": B}, {"pads": [1, 1, 1, 1], "strides": [2, 2]}, {}),
    ("conv_same", "Conv", {"w": W}, {"auto_pad": "SAME_UPPER", "strides": [2, 1]}, {}),
    ("conv_same_lower", "Conv", {"w": W}, {"auto_pad": "SAME_LOWER", "strides": [2, 2]}, {}),
    ("conv_dilated", "Conv", {"w": W}, {"dilations": [2, 1], "pads": [2, 1, 2, 1]}, {}),
    ("conv_grouped", "Conv", {"w": random(8, 2, 3, 3)}, {"group": 2}, {}),
    ("depthwise", "Conv", {"w": random(8, 1, 3, 3), "b": B}, {"group": 4, "pads": [2, 0, 1, 1]}, {}),
    ("conv_1d", "Conv", {"w": random(8, 4, 3), "b": B}, {"pads": [1, 0], "strides": [2]}, {"x": (1, 4, 11)}),
    ("depthwise_1d", "Conv", {"w": random(4, 1, 5)}, {"group": 4, "dilations": [2]}, {"x": (1, 4, 21)}),
    ("transposed", "ConvTranspose", {"w": random(4, 3, 3, 3), "b": B[:3]}, {"strides": [2, 2]}, {}),
    ("transposed_cut", "ConvTranspose", {"w": random(4, 3, 4, 4)}, {"strides": [2, 2], "pads": [1, 1, 1, 1]}, {}),
    (
        "transposed_more",
        "ConvTranspose",
        {"w": random(4, 3, 3, 3)},
        {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
        {},
    ),
    ("transposed_groups", "ConvTranspose", {"w": random(4, 2, 2, 3)}, {"group": 2, "strides": [1, 2]}, {}),
    ("transposed_1d", "ConvTranspose", {"w": random(4, 3, 4)}, {"strides": [2], "pads": [1, 1]}, {"x": (1, 4, 9)}),
    ("gemm", "Gemm", {"w": random(9, 4), "b": B[:4]}, {"alpha": 0.5, "beta": 2.0}, {"x": (3, 9)}),
    ("gemm_rows", "Gemm", {"w": random(4, 9)}, {"transB": 1}, {"x": (1, 9)}),
    ("matmul", "MatMul", {"w": random(5, 7)}, {}, {}),
    ("max_pool", "MaxPool", {}, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}, {}),
    ("max_pool_odd", "MaxPool", {}, {"kernel_shape": [2, 3], "pads": [1, 2, 0, 0]}, {}),
    ("max_pool_up", "MaxPool", {}, {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1}, {}),
    ("max_pool_1d", "MaxPool", {}, {"kernel_shape": [3], "strides": [2]}, {"x": (1, 4, 11)}),
    ("average", "AveragePool", {}, {"kernel_shape": [2, 2], "strides": [2, 2]}, {}),
    ("average_same", "AveragePool", {}, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, {}),
    ("average_odd", "AveragePool", {}, {"kernel_shape": [2, 3], "pads": [1, 2, 0, 0]}, {}),
    ("average_counted", "AveragePool", {}, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}, {}),
    ("average_up", "AveragePool", {}, {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1}, {}),
    ("global_average", "GlobalAveragePool", {}, {}, {}),
    ("global_max", "GlobalMaxPool", {}, {}, {}),
    ("add_channels", "Add", {"w": random(4, 1, 1)}, {}, {}),
    ("sub", "Sub", {"w": random(1, 4, 6, 5)}, {}, {}),
    ("mul", "Mul", {"w": np.float32(0.5)}, {}, {}),
    ("div", "Div", {"w": random(5) + 3}, {}, {}),
    ("max", "Max", {"w": np.float32(0.1)}, {}, {}),
    ("min", "Min", {"w": random(6, 5)}, {}, {}),
    ("relu", "Relu", {}, {}, {}),
    ("relu6", "Clip", {"w": np.float32(0), "b": np.float32(6)}, {}, {}),
    ("clip", "Clip", {"w": np.float32(-0.3), "b": np.float32(0.4)}, {}, {}),
    ("leaky", "LeakyRelu", {}, {"alpha": 0.2}, {}),
    ("prelu", "PRelu", {"w": random(4, 1, 1)}, {}, {}),
    ("hard_swish", "HardSwish", {}, {}, {}),
    ("hard_sigmoid", "HardSigmoid", {}, {"alpha": 0.3, "beta": 0.4}, {}),
    ("elu", "Elu", {}, {}, {}),
    ("sigmoid", "Sigmoid", {}, {}, {}),
    ("tanh", "Tanh", {}, {}, {}),
    ("exp", "Exp", {}, {}, {}),
    ("abs", "Abs", {}, {}, {}),
    ("neg", "Neg", {}, {}, {}),
    ("floor", "Floor", {}, {}, {}),
    ("pow", "Pow", {"w": np.float32(2)}, {}, {}),
    ("softmax", "Softmax", {}, {"axis": 1}, {}),
    ("softmax_last", "Softmax", {}, {}, {}),
    ("log_softmax", "LogSoftmax", {}, {"axis": -1}, {"x": (2, 7)}),
    (
        "batch_norm",
        "BatchNormalization",
        {"w": random(4), "b": B[:4], "m": random(4), "v": np.abs(random(4)) + 1},
        {},
        {},
    ),
    ("pad", "Pad", {"w": ints(0, 1, 2, 0, 0, 0, 1, 3)}, {}, {}),
    ("pad_value", "Pad", {"w": ints(0, 0, 2, 0, 0, 0, 1, 3), "b": np.float32(0.7)}, {}, {}),
    ("pad_mirror", "Pad", {"w": ints(0, 0, 2, 0, 0, 0, 1, 3)}, {"mode": "reflect"}, {}),
    ("transpose", "Transpose", {}, {"perm": [0, 2, 3, 1]}, {}),
    ("transpose_5d", "Transpose", {}, {"perm": [0, 2, 1, 4, 3]}, {"x": (1, 2, 3, 4, 5)}),
    ("reshape", "Reshape", {"w": ints(0, -1, 10)}, {}, {}),
    ("flatten", "Flatten", {}, {"axis": 2}, {}),
    ("squeeze", "Squeeze", {"w": ints(0)}, {}, {}),
    ("unsqueeze", "Unsqueeze", {"w": ints(0, -1)}, {}, {}),
    ("slice", "Slice", {"w": ints(1, 4), "b": ints(3, -9), "a": ints(1, 2), "s": ints(1, -2)}, {}, {}),
    ("gather_one", "Gather", {"w": np.int64(2)}, {"axis": 1}, {}),
    ("gather", "Gather", {"w": ints(3, 0, -2)}, {"axis": 2}, {}),
    ("reduce_mean", "ReduceMean", {}, {"axes": [2, 3], "keepdims": 0}, {}),
    ("reduce_sum", "ReduceSum", {"w": ints(1)}, {}, {}),
    ("reduce_max", "ReduceMax", {}, {"axes": [-1]}, {}),
    ("reduce_min", "ReduceMin", {}, {"keepdims": 0}, {}),
    ("depth_to_space", "DepthToSpace", {}, {"blocksize": 2}, {}),
    ("depth_to_space_crd", "DepthToSpace", {}, {"blocksize": 2, "mode": "CRD"}, {}),
    ("space_to_depth", "SpaceToDepth", {}, {"blocksize": 2}, {"x": (1, 3, 4, 6)}),
    ("identity", "Identity", {}, {}, {}),
]


@pytest.mark.parametrize(
    ("kind", "constants", "attributes", "shapes"), [pytest.param(*case[1:], id=case[0]) for case in _SINGLE]
)
@pytest.mark.every(3)
def test_each_operator(kind: str, constants: dict[str, Any], attributes: Any, shapes: Any) -> None:
    """Behind a convolution of one weight for each channel, so that channels lie last when it comes, and alone."""
    content = network(
        [(kind, ["x", *constants], ["y"], attributes)], constants, shapes=shapes, opset=_OPSETS.get(kind, 15)
    )
    if kind != "Identity":
        held_against_onnx_runtime(content)
    rank = len((shapes or {"x": _SHAPE})["x"])
    if rank in (3, 4):
        channels = (shapes or {"x": _SHAPE})["x"][1]
        scale = {"k": np.eye(channels, dtype=np.float32).reshape(channels, channels, *(1,) * (rank - 2))}
        nodes = [("Conv", ["x", "k"], ["c"], {}), (kind, ["c", *constants], ["y"], attributes)]
        held_against_onnx_runtime(network(nodes, {**constants, **scale}, shapes=shapes, opset=_OPSETS.get(kind, 15)))


def test_a_channels_first_network_has_no_transpose() -> None:
    """Convolutions, pools, residuals, a concatenation, a slice, a normalisation, a flatten before a matrix."""
    constants = {
        **{"a": random(8, 4, 3, 3), "b": random(8, 8, 1, 1), "f": random(3, 10 * 8 * 7), "z": ints(0), "e": ints(10)},
        **{"s": random(8) + 2, "o": random(8), "m": random(8), "v": np.abs(random(8)) + 1, "one": ints(1)},
    }
    nodes = [
        ("Conv", ["x", "a"], ["c"], {"pads": [1, 1, 1, 1]}),
        ("BatchNormalization", ["c", "s", "o", "m", "v"], ["n"], {}),
        ("Relu", ["n"], ["r"], {}),
        ("Conv", ["r", "b"], ["d"], {}),
        ("Add", ["d", "r"], ["t"], {}),
        ("Concat", ["t", "r"], ["k"], {"axis": 1}),
        ("Slice", ["k", "z", "e", "one"], ["l"], {}),
        ("Sigmoid", ["l"], ["g"], {}),
        ("Flatten", ["g"], ["h"], {}),
        ("Gemm", ["h", "f"], ["y"], {"transB": 1}),
    ]
    imported = held_against_onnx_runtime(network(nodes, constants, shapes={"x": (1, 4, 8, 7)}))
    assert names(imported) == [
        *("CONV_2D", "CONV_2D", "ADD", "CONCATENATION", "STRIDED_SLICE", "LOGISTIC", "RESHAPE", "FULLY_CONNECTED")
    ]
    assert imported.graph.operators[0].options["activation"] == "RELU"
    assert [layout.order for layout in imported.inputs] == [(0, 2, 3, 1)]


def test_a_shuffle_of_channels_is_one_transpose() -> None:
    """Reshape, Transpose, Reshape between convolutions, and into two pieces behind."""
    constants = {"a": random(8, 4, 1, 1), "g": ints(1, 2, 4, 6, 5), "h": ints(1, 8, 6, 5), "b": random(3, 4, 1, 1)}
    nodes = [
        ("Conv", ["x", "a"], ["c"], {}),
        ("Reshape", ["c", "g"], ["d"], {}),
        ("Transpose", ["d"], ["e"], {"perm": [0, 2, 1, 3, 4]}),
        ("Reshape", ["e", "h"], ["f"], {}),
        ("Split", ["f"], ["p", "q"], {"axis": 1}),
        ("Conv", ["p", "b"], ["y"], {}),
        ("Relu", ["q"], ["z"], {}),
    ]
    imported = held_against_onnx_runtime(network(nodes, constants, outputs=("y", "z")))
    assert names(imported).count("TRANSPOSE") == 1


def test_what_was_channels_last_stays_so() -> None:
    """As converters from TensorFlow write it: Transposes around convolutions vanish, at the ends too."""
    nodes = [
        ("Transpose", ["x"], ["t"], {"perm": [0, 3, 1, 2]}),
        ("Conv", ["t", "a"], ["c"], {}),
        ("Transpose", ["c"], ["y"], {"perm": [0, 2, 3, 1]}),
    ]
    imported = held_against_onnx_runtime(network(nodes, {"a": random(2, 5, 3, 3)}, shapes={"x": (1, 7, 6, 5)}))
    assert names(imported) == ["CONV_2D"]
    assert [layout.order for layout in imported.inputs + imported.outputs] == [(0, 1, 2, 3)] * 2


def test_shapes_are_computed_when_a_file_is_read() -> None:
    """Shape, Gather, Unsqueeze, Concat, Cast, arithmetic: what exporters write for a flatten."""
    constants = {"i": np.int64(0), "last": ints(-1), "zero": ints(0), "w": random(120, 3)}
    nodes = [
        ("Shape", ["x"], ["s"], {}),
        ("Gather", ["s", "i"], ["n"], {}),
        ("Unsqueeze", ["n", "zero"], ["u"], {}),
        ("Concat", ["u", "last"], ["t"], {"axis": 0}),
        ("Relu", ["x"], ["r"], {}),
        ("Reshape", ["r", "t"], ["f"], {}),
        ("MatMul", ["f", "w"], ["y"], {}),
    ]
    assert names(held_against_onnx_runtime(network(nodes, constants))) == ["RELU", "RESHAPE", "FULLY_CONNECTED"]


def test_what_follows_weights_goes_into_them() -> None:
    """Normalisations and constants for each channel, behind convolutions of all kinds and matrices."""
    norm = {"s": random(8) + 2, "o": random(8), "m": random(8), "v": np.abs(random(8)) + 1, "k": random(8, 1, 1)}
    for kind, weights, more in (
        ("Conv", random(8, 4, 3, 3), {}),
        ("Conv", random(8, 1, 3, 3), {"group": 4}),
        ("ConvTranspose", random(4, 8, 3, 3), {}),
    ):
        nodes = [
            (kind, ["x", "w"], ["a"], more),
            ("Add", ["k", "a"], ["b"], {}),
            ("BatchNormalization", ["b", "s", "o", "m", "v"], ["c"], {"epsilon": 1e-3}),
            ("Mul", ["c", "k"], ["y"], {}),
        ]
        assert len(names(held_against_onnx_runtime(network(nodes, {"w": weights, **norm})))) == 1
    nodes = [
        ("MatMul", ["x", "w"], ["a"], {}),
        ("Add", ["a", "o"], ["b"], {}),
        ("Relu", ["b"], ["y"], {}),
    ]
    constants = {"w": random(5, 8), "o": random(8)}
    assert names(held_against_onnx_runtime(network(nodes, constants)))[-1] == "RESHAPE"


@pytest.mark.parametrize("opset", [7, 8, 9, 10, 11, 12, 13, 14, 17, 18, 19, 20, 21])
@pytest.mark.every(4)
def test_every_opset_from_7_on(opset: int) -> None:
    """What was an attribute became an input in one of them, and softmax got another axis."""
    values: list[tuple[str, list[str], dict[str, Any], int, dict[str, Any]]] = [
        ("Clip", [], {"min": -0.2, "max": 0.3}, 11, {"l": np.float32(-0.2), "h": np.float32(0.3)}),
        ("Pad", [], {"pads": [0, 0, 1, 0, 0, 0, 0, 2]}, 11, {"p": ints(0, 0, 1, 0, 0, 0, 0, 2)}),
        (
            "Slice",
            [],
            {"starts": [1], "ends": [2**62], "axes": [2]},
            10,
            {"b": ints(1), "e": ints(2**62), "a": ints(2)},
        ),
        ("ReduceMean", [], {"axes": [3]}, 18, {"r": ints(3)}),
        ("ReduceSum", [], {"axes": [3]}, 13, {"r": ints(3)}),
        ("Unsqueeze", [], {"axes": [0]}, 13, {"u": ints(0)}),
        ("Squeeze", [], {"axes": [0]}, 13, {"u": ints(0)}),
        ("Softmax", [], {"axis": 2}, 1, {}),
        ("Dropout", [], {}, 1, {}),
    ]
    nodes, constants, last = [], {}, "x"
    for number, (kind, _, attributes, since, inputs) in enumerate(values):
        own = {f"{name}{number}": value for name, value in inputs.items()}
        is_new = opset >= since and own
        constants |= own if is_new else {}
        more = {} if is_new else attributes
        nodes.append((kind, [last, *(own if is_new else [])], [f"t{number}"], more))
        last = f"t{number}"
    factors = {"f": np.float32([1, 1, 2, 3])}
    if opset < 9:
        nodes.append(("Upsample", [last], ["y"], {"scales": [1.0, 1.0, 2.0, 3.0]}))
    elif opset == 9:
        nodes.append(("Upsample", [last, "f"], ["y"], {}))
    elif opset == 10:
        nodes.append(("Resize", [last, "f"], ["y"], {}))
    else:
        nodes.append(
            (
                "Resize",
                [last, "roi", "f"],
                ["y"],
                {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
            )
        )
    constants |= factors if opset >= 9 else {}
    constants |= {"roi": np.zeros(0, np.float32)} if opset >= 11 else {}
    held_against_onnx_runtime(network(nodes, constants, opset=opset))


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"])
@pytest.mark.parametrize("sizes", [(12, 15), (3, 10), (6, 5), (18, 5)])
@pytest.mark.every(5)
def test_resizing(mode: str, coordinates: str, sizes: tuple[int, int]) -> None:
    """What TFLite takes from the same elements; the rest is refused."""
    more = {"mode": mode, "coordinate_transformation_mode": coordinates}
    content = network([("Resize", ["x", "", "", "s"], ["y"], more)], {"s": ints(1, 4, *sizes)})
    try:
        held_against_onnx_runtime(content)
    except ModelError as error:
        assert "takes other elements than TFLite" in str(error) and mode == "nearest"


def test_two_activations_are_multiplied() -> None:
    """MatMul of batches."""
    nodes = [("MatMul", ["x", "z"], ["y"], {})]
    content = network(nodes, {}, shapes={"x": (2, 3, 4), "z": (2, 4, 5)})
    assert names(held_against_onnx_runtime(content)) == ["BATCH_MATMUL"]


def test_pieces_of_all_sizes() -> None:
    """SPLIT where they are equal, SPLIT_V where not."""
    for sizes, kind in (((2, 2), "SPLIT"), ((1, 3), "SPLIT_V")):
        content = network([("Split", ["x", "s"], ["y", "z"], {"axis": 1})], {"s": ints(*sizes)}, outputs=("y", "z"))
        assert kind in names(held_against_onnx_runtime(content))


def test_classes_are_numbers_of_32_bits() -> None:
    """ArgMax along channels."""
    content = network([("ArgMax", ["x"], ["y"], {"axis": 1, "keepdims": 0})], {})
    imported = held_against_onnx_runtime(content)
    assert imported.graph.tensors[imported.graph.outputs[0]].dtype == "int32"


def test_an_input_that_is_read_as_it_is() -> None:
    """Pixels become floats by a CAST; what nobody casts is refused."""
    pixels = helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 3, 4, 4])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 4, 4])
    nodes = [helper.make_node("Cast", ["x"], ["c"], to=1), helper.make_node("Relu", ["c"], ["y"])]
    for kept, passes in ((nodes, True), ([helper.make_node("Relu", ["x"], ["y"])], False)):
        graph = helper.make_graph(kept, "g", [pixels], [result])
        content = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8
        ).SerializeToString()
        if passes:
            assert names(held_against_onnx_runtime(content)) == ["CAST", "RELU"]
        else:
            with pytest.raises(ModelError, match="its input x is uint8"):
                read_onnx(content)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "GRU reset first", "RNN"])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.every(5)
def test_recurrent_cells_are_unrolled(kind: str, direction: str, batch: int) -> None:
    """All steps, and the last states, by given and by zero states; calls don't depend on each other."""
    kind, _, variant = kind.partition(" ")
    gates, both = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind], 2 if direction == "bidirectional" else 1
    more = {"linear_before_reset": 0 if variant else 1} if kind == "GRU" else {}
    constants = {
        "w": random(both, gates * 6, 4),
        "r": random(both, gates * 6, 6, seed=2) / 2,
        "b": random(both, 2 * gates * 6, seed=3),
        "h": random(both, batch, 6, seed=4),
    }
    shapes = {"x": (5, batch, 4)}
    names_of = ["y", "last", "cell"][: 3 if kind == "LSTM" else 2]
    for inputs, outputs in ((["x", "w", "r", "b", "", "h"], names_of), (["x", "w", "r"], ["", "last"])):
        nodes = [(kind, inputs, outputs, {"hidden_size": 6, "direction": direction, **more})]
        used = {name: constants[name] for name in inputs[1:] if name}
        content = network(nodes, used, shapes=shapes, outputs=[name for name in outputs if name])
        held_against_onnx_runtime(content)


def test_a_recurrent_classifier() -> None:
    """Channels first from a convolution, transposed to steps, as PyTorch exports it."""
    constants = {
        **{"k": random(6, 3, 3), "w": random(1, 20, 6), "r": random(1, 20, 5) / 2, "b": random(1, 40)},
        **{"zero": ints(0), "g": random(4, 5)},
    }
    nodes = [
        ("Conv", ["x", "k"], ["c"], {}),
        ("Transpose", ["c"], ["t"], {"perm": [2, 0, 1]}),
        ("LSTM", ["t", "w", "r", "b"], ["", "h"], {"hidden_size": 5}),
        ("Squeeze", ["h", "zero"], ["s"], {}),
        ("Gemm", ["s", "g"], ["y"], {"transB": 1}),
    ]
    imported = held_against_onnx_runtime(network(nodes, constants, shapes={"x": (1, 3, 10)}))
    assert "TRANSPOSE" not in names(imported)
