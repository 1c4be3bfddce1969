"""Networks in ONNX, quantised by ONNX Runtime's own tools, for tests of the importer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Layers:
    """A float network under construction; each method adds a node and gives its output's name."""

    def __init__(self, seed: int, shape: Sequence[int]) -> None:
        self._random = np.random.default_rng(seed)
        self._shape = tuple(shape)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def weights(self, *shape: int) -> str:
        """Seeded weights that keep the size of activations."""
        name = f"w{len(self.constants)}"
        scale = 1.5 / np.sqrt(np.prod(shape[1:]) if len(shape) > 1 else 4)
        values = (self._random.standard_normal(shape) * scale).astype(np.float32)
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """One operator."""
        output = f"v{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(kind, list(inputs), [output], name=f"{kind}_{len(self.nodes)}", **attributes)
        )
        return output

    def model(self, output: str) -> Any:
        """The checked model; shapes are inferred."""
        ends = [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, self._shape),
            helper.make_tensor_value_info(output, TensorProto.FLOAT, None),
        ]
        graph = helper.make_graph(self.nodes, "net", ends[:1], ends[1:], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def small_cnn(seed: int = 1) -> Any:
    """Convolutions of all kinds, a residual, pools, a flatten of a whole map, two dense layers, a softmax."""
    net = Layers(seed, (1, 3, 13, 11))
    x = net.node(
        "Relu", net.node("Conv", "x", net.weights(8, 3, 3, 3), net.weights(8), pads=[1, 1, 1, 1], strides=[2, 2])
    )
    y = net.node("Relu", net.node("Conv", x, net.weights(8, 1, 3, 3), net.weights(8), pads=[1, 1, 1, 1], group=8))
    z = net.node("Conv", y, net.weights(8, 8, 1, 1), net.weights(8))
    s = net.node("Relu", net.node("Add", x, z))
    p = net.node("MaxPool", s, kernel_shape=[2, 2], strides=[2, 2])
    c = net.node("Conv", p, net.weights(6, 8, 3, 3), pads=[0, 1, 0, 1])
    f = net.node("Flatten", c)
    d = net.node("Relu", net.node("Gemm", f, net.weights(7, 18), net.weights(7), transB=1))
    e = net.node("Gemm", d, net.weights(7, 5), net.weights(5))
    return net.model(net.node("Softmax", e, axis=1))


def pooled_cnn(seed: int = 2) -> Any:
    """A global average between a convolution and a matrix."""
    net = Layers(seed, (1, 2, 9, 9))
    x = net.node("Relu", net.node("Conv", "x", net.weights(6, 2, 3, 3), net.weights(6), pads=[1, 1, 1, 1]))
    g = net.node("Flatten", net.node("GlobalAveragePool", x))
    return net.model(net.node("Gemm", g, net.weights(4, 6), net.weights(4), transB=1))


def quantised(
    model: Any,
    folder: Path,
    *,
    activations: str = "QInt8",
    weights: str = "QInt8",
    per_channel: bool = True,
    form: str = "QDQ",
) -> bytes:
    """QDQ or QOperator by onnxruntime.quantization with seeded calibration data."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    shape = [dimension.dim_value for dimension in model.graph.input[0].type.tensor_type.shape.dim]
    random = np.random.default_rng(7)
    samples = iter([{"x": random.standard_normal(shape).astype(np.float32)} for _ in range(16)])

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # it has no types
        def get_next(self) -> Any:
            return next(samples, None)

    source, target = folder / "float.onnx", folder / "int8.onnx"
    onnx.save(onnx.shape_inference.infer_shapes(model), source)
    quantize_static(
        source,
        target,
        Reader(),
        quant_format=getattr(QuantFormat, form),
        per_channel=per_channel,
        activation_type=getattr(QuantType, activations),
        weight_type=getattr(QuantType, weights),
    )
    return target.read_bytes()
