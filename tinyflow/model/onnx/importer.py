"""The walk over a QDQ graph: float values stay expressions until a QuantizeLinear says what their integers are.

Activations of rank 4 are kept as NHWC. A tensor that was flattened remembers its channels, height and width, since the
weights behind it are in the order of NCHW.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Operator, OptionValue, Quantisation, Shape, Tensor
from tinyflow.model.onnx.source import Array, Node, Source, as_float32
from tinyflow.model.tflite_options import default_options

# Versions whose int8 arithmetic is that of TFLM's reference kernels.
_VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "ADD": 2, "AVERAGE_POOL_2D": 2}
_VERSIONS |= {"MAX_POOL_2D": 2, "SOFTMAX": 2, "RELU": 2, "MEAN": 2, "PAD": 2, "QUANTIZE": 2, "CONCATENATION": 2}
_SOFTMAX_OUTPUT = Quantisation((1 / 256,), (-128,))  # TFLite's quantisation specification


@dataclass(frozen=True)
class Real:
    """A float value: the node that computes it, whose result nothing has quantised yet, and an activation on top."""

    node: Node
    activation: str = "NONE"


@dataclass(frozen=True)
class Weights:
    """A constant behind a DequantizeLinear: integers, scales along an axis."""

    values: Array
    scales: tuple[float, ...]
    axis: int


@dataclass
class _Growing:
    """The graph that is being made."""

    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)

    def add_tensor(
        self, name: str, shape: Shape, dtype: str, quantisation: Quantisation | None, data: bytes | None = None
    ) -> int:
        self.tensors.append(Tensor(len(self.tensors), name, shape, dtype, quantisation, data))
        return len(self.tensors) - 1

    def add_constant(self, name: str, values: Array, dtype: str, quantisation: Quantisation | None) -> int:
        data = np.ascontiguousarray(values).astype(np.dtype(dtype).newbyteorder("<")).tobytes()
        return self.add_tensor(name, values.shape, dtype, quantisation, data)

    def add_operator(self, name: str, inputs: tuple[int, ...], output: int, **options: OptionValue) -> int:
        complete = {**default_options(name), **options}
        version = _VERSIONS.get(name, 1)
        self.operators.append(Operator(len(self.operators), name, version, inputs, (output,), complete))
        return output


class Importer:
    """One walk over one file."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._graph = _Growing()
        self._inputs: list[int] = []
        self._quantised: dict[
            str, int
        ] = {}  # value → int8 tensor: what QuantizeLinear gives, and DequantizeLinear takes
        self._dequantised: dict[str, int] = {}  # float value → the int8 tensor that it stands for
        self._constants: dict[str, Weights] = {}  # dequantised constants
        self._reals: dict[str, Real] = {}
        self._flattened: dict[int, tuple[int, int, int]] = {}  # tensor → (channels, height, width) before

    def graph(self) -> Graph:
        """The whole graph. Raises ModelError."""
        for node in self._source.nodes:
            if node.kind == "QuantizeLinear":
                self._quantise(node)
            elif node.kind == "DequantizeLinear":
                self._dequantise(node)
            elif node.kind in ("Relu", "Clip") and self._fuse(node):
                continue
            elif node.kind in _EMITTERS:
                self._reals[node.outputs[0]] = Real(node)
            else:
                raise node.refuse(f"the operator {node.kind} can't be imported", f"known: {', '.join(sorted(_KNOWN))}")
        outputs = tuple(self._output(name) for name in self._source.outputs)
        made = self._graph
        return Graph(tuple(made.tensors), tuple(made.operators), tuple(self._inputs), outputs, self._source.name)

    def _output(self, name: str) -> int:
        """The tensor of a graph output: quantised, or what a Softmax that nothing quantises gives."""
        for found in (self._dequantised, self._quantised):
            if name in found:
                return found[name]
        real = self._reals.get(name)
        if real is not None and real.node.kind == "Softmax":
            return self._emit(real, name, _SOFTMAX_OUTPUT)
        raise ModelError(f"the output {name} is not quantised", hint="quantise the network's outputs too (QDQ)")

    def _quantise(self, node: Node) -> None:
        """A QuantizeLinear makes the float value in front of it an int8 tensor."""
        value, output = node.inputs[0], node.outputs[0]
        quantisation, _ = self._quantisation(node)
        if value in self._source.inputs:
            index = self._graph.add_tensor(value, _nhwc(self._source.shape(value)), "int8", quantisation)
            self._inputs.append(index)
        elif value in self._dequantised:
            index = self._requantise(self._dequantised[value], quantisation, output)
        elif value in self._reals:
            index = self._emit(self._reals[value], output, quantisation)
        elif value in self._source.constants:
            raise node.refuse("a constant is quantised at run time", "store it as integers (QDQ after quantisation)")
        else:
            raise node.refuse(f"nothing computes {value}")
        self._quantised[output] = index

    def _requantise(self, tensor: int, quantisation: Quantisation, name: str) -> int:
        if self._graph.tensors[tensor].quantisation == quantisation:
            return tensor
        made = self._graph.add_tensor(name, self._graph.tensors[tensor].shape, "int8", quantisation)
        return self._graph.add_operator("QUANTIZE", (tensor,), made)

    def _dequantise(self, node: Node) -> None:
        value, output = node.inputs[0], node.outputs[0]
        if value in self._quantised:
            self._dequantised[output] = self._quantised[value]
            return
        if value not in self._source.constants:
            raise node.refuse("it reads integers that no QuantizeLinear made")
        values = self._source.constants[value]
        scales, zero_points, axis = self._scales(node)
        if any(zero_points):
            raise node.refuse("weights must have the zero point 0", "quantise weights symmetrically")
        if values.dtype not in (np.int8, np.int32):
            raise node.refuse(f"weights of {values.dtype}", "quantise weights to int8 and biases to int32")
        self._constants[output] = Weights(values, scales, axis)

    def _scales(self, node: Node) -> tuple[tuple[float, ...], tuple[int, ...], int]:
        names = [*node.inputs[1:], ""]
        scale = self._source.constants.get(names[0])
        zero = np.zeros(1, np.int8) if not names[1] else self._source.constants.get(names[1])
        if scale is None or zero is None:
            raise node.refuse("scale and zero point must be constants")
        zeros = np.atleast_1d(zero)
        offset = 128 if zeros.dtype == np.uint8 else 0
        if zeros.dtype not in (np.int8, np.uint8, np.int32):
            raise node.refuse(f"it quantises to {zeros.dtype}", "quantise to int8 or uint8")
        return as_float32(scale), tuple(int(value) - offset for value in zeros), int(node.attributes.get("axis", 1))

    def _quantisation(self, node: Node) -> tuple[Quantisation, int]:
        """Of an activation, as int8; uint8 has the same steps 128 lower."""
        scales, zero_points, axis = self._scales(node)
        if len(scales) != 1 or len(zero_points) != 1:
            raise node.refuse("an activation has a scale for each channel", "quantise activations per tensor")
        return Quantisation(scales, zero_points), axis

    def _fuse(self, node: Node) -> bool:
        """Put an activation on the value before it, if that isn't quantised yet."""
        real = self._reals.get(node.inputs[0])
        if real is None or real.activation != "NONE" or real.node.kind not in _FUSING:
            if node.kind == "Clip":
                raise node.refuse("a Clip must follow a convolution, Gemm or Add", "fuse it before quantising")
            return False
        if node.kind == "Clip":
            low, high = (self._source.constants.get(name) for name in (*node.inputs[1:], "", "")[:2])
            if low is None or high is None or (float(low), float(high)) != (0.0, 6.0):
                raise node.refuse("only clipping to 0 … 6 can be imported")
        self._reals[node.outputs[0]] = replace(real, activation="RELU" if node.kind == "Relu" else "RELU6")
        return True

    def _emit(self, real: Real, name: str, quantisation: Quantisation) -> int:
        emitted: int = _EMITTERS[real.node.kind](self, real, name, quantisation)
        return emitted

    # What each kind of node becomes. Each gets the node with its activation, the output's name and quantisation.

    def _activation(self, node: Node, position: int = 0) -> int:
        """The int8 tensor of an input. Raises ModelError where it isn't quantised."""
        value = node.inputs[position]
        if value not in self._dequantised:
            raise node.refuse(f"its input {value} is not quantised", "each operator stands between DQ and Q")
        return self._dequantised[value]

    def _weights(self, node: Node, position: int) -> Weights:
        value = node.inputs[position]
        if value not in self._constants:
            raise node.refuse(f"its input {value} is no quantised constant", "store weights as int8 behind a DQ")
        return self._constants[value]

    def _shape(self, tensor: int) -> Shape:
        return self._graph.tensors[tensor].shape

    def _made(self, node: Node, name: str, quantisation: Quantisation) -> int:
        """The tensor for a node's output."""
        return self._graph.add_tensor(name, _nhwc(self._source.shape(node.outputs[0])), "int8", quantisation)

    def _bias(self, node: Node, tensor: int, weights: Weights, outputs: int, position: int) -> int:
        """The int32 bias at input scale times weight scale; zeros where there is none."""
        given = self._graph.tensors[tensor].quantisation
        assert given is not None
        scales = tuple(float(np.float32(given.scale) * np.float32(scale)) for scale in weights.scales)
        values = np.zeros(outputs, np.int32)
        if len(node.inputs) > position and node.inputs[position]:
            bias = self._weights(node, position)
            if bias.values.dtype != np.int32:
                raise node.refuse("its bias is no int32", "quantise biases to int32 at input scale times weight scale")
            close = np.allclose(np.broadcast_to(bias.scales, len(scales)), scales, rtol=1e-5, atol=0)
            if not close:
                raise node.refuse("its bias has another scale than input scale times weight scale")
            values = bias.values.reshape(-1)
        return self._graph.add_constant(f"{node.name}/bias", values, "int32", Quantisation(scales, (0,) * len(scales)))

    def _conv(self, real: Real, name: str, quantisation: Quantisation) -> int:
        node, source, weights = real.node, self._activation(real.node), self._weights(real.node, 1)
        if weights.values.ndim != 4 or len(self._shape(source)) != 4:
            raise node.refuse("only convolutions in two dimensions can be imported")
        outputs, _, height, width = weights.values.shape
        channels, group = self._shape(source)[3], int(node.attributes.get("group", 1))
        if group not in (1, channels):
            raise node.refuse(f"{group} groups of {channels} channels", "only 1 group, or one for each channel")
        is_depthwise = group == channels and group > 1
        order, axis = ((1, 2, 3, 0), 3) if is_depthwise else ((0, 2, 3, 1), 0)
        bias = self._bias(node, source, weights, outputs, 2)
        scales = Quantisation(weights.scales, (0,) * len(weights.scales), axis)
        kernel = self._graph.add_constant(f"{node.name}/weights", weights.values.transpose(order), "int8", scales)
        stride, dilation = (_pair(node, key, (1, 1)) for key in ("strides", "dilations"))
        source, padding = self._padded(node, source, (height, width), stride, dilation)
        options: dict[str, OptionValue] = {
            "padding": padding, "stride": stride, "dilation": dilation, "activation": real.activation,
        }  # fmt: skip
        if is_depthwise:
            options["depth_multiplier"] = outputs // channels
        made = self._made(node, name, quantisation)
        kind = "DEPTHWISE_CONV_2D" if is_depthwise else "CONV_2D"
        return self._graph.add_operator(kind, (source, kernel, bias), made, **options)

    def _padded(
        self, node: Node, source: int, window: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
    ) -> tuple[int, str]:
        """TFLite's padding where it is the same; else a PAD of its own in front."""
        pads = _pads(node, self._shape(source)[1:3], window, stride, dilation)
        same = tuple(
            _same(size, *rest) for size, *rest in zip(self._shape(source)[1:3], window, stride, dilation, strict=True)
        )
        if pads == ((0, 0), (0, 0)):
            return source, "VALID"
        if pads == same:
            return source, "SAME"
        if node.kind != "Conv":
            raise node.refuse(f"padding {pads} is not that of SAME", "pad a convolution, or pool without padding")
        batch, height, width, channels = self._shape(source)
        (top, bottom), (left, right) = pads
        amounts = np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32)
        constant = self._graph.add_constant(f"{node.name}/padding", amounts, "int32", None)
        tensor = self._graph.tensors[source]
        shape = (batch, height + top + bottom, width + left + right, channels)
        made = self._graph.add_tensor(f"{node.name}/padded", shape, "int8", tensor.quantisation)
        return self._graph.add_operator("PAD", (source, constant), made), "VALID"

    def _gemm(self, real: Real, name: str, quantisation: Quantisation) -> int:
        """Gemm, or MatMul by a constant."""
        node, source, weights = real.node, self._activation(real.node), self._weights(real.node, 1)
        if node.kind == "Gemm" and (
            node.attributes.get("alpha", 1.0) != 1.0 or node.attributes.get("beta", 1.0) != 1.0
        ):
            raise node.refuse("alpha and beta must be 1")
        if node.attributes.get("transA", 0) or weights.values.ndim != 2 or len(self._shape(source)) != 2:
            raise node.refuse("only rows times a matrix can be imported")
        is_rows = bool(node.attributes.get("transB", 0))
        values = weights.values if is_rows else weights.values.T
        if len(weights.scales) > 1 and weights.axis % 2 != (0 if is_rows else 1):
            raise node.refuse("its weights have scales along the inputs", "quantise along the outputs")
        bias = self._bias(node, source, weights, values.shape[0], 2)
        values = self._in_our_order(values, source)
        scales = Quantisation(weights.scales, (0,) * len(weights.scales))
        matrix = self._graph.add_constant(f"{node.name}/weights", values, "int8", scales)
        made = self._made(node, name, quantisation)
        inputs = (source, matrix, bias)
        return self._graph.add_operator("FULLY_CONNECTED", inputs, made, activation=real.activation)

    def _in_our_order(self, values: Array, source: int) -> Array:
        """Columns of a matrix in the order of NHWC, where what it multiplies was flattened from NCHW."""
        if source not in self._flattened:
            return values
        channels, height, width = self._flattened[source]
        columns = values.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
        ordered: Array = columns.reshape(values.shape)
        return ordered

    def _add(self, real: Real, name: str, quantisation: Quantisation) -> int:
        node = real.node
        left, right = self._activation(node, 0), self._activation(node, 1)
        if self._shape(left) != self._shape(right):
            raise node.refuse(f"it adds {self._shape(left)} and {self._shape(right)}", "only equal shapes")
        made = self._made(node, name, quantisation)
        return self._graph.add_operator("ADD", (left, right), made, activation=real.activation)

    def _relu(self, real: Real, name: str, quantisation: Quantisation) -> int:
        source = self._activation(real.node)
        return self._graph.add_operator("RELU", (source,), self._made(real.node, name, quantisation))

    def _concat(self, real: Real, name: str, quantisation: Quantisation) -> int:
        node = real.node
        sources = tuple(
            self._requantise(self._activation(node, position), quantisation, f"{name}/{position}")
            for position in range(len(node.inputs))
        )
        rank = len(self._shape(sources[0]))
        axis = int(node.attributes["axis"]) % rank
        axis = (0, 3, 1, 2)[axis] if rank == 4 else axis
        made = self._made(node, name, quantisation)
        return self._graph.add_operator("CONCATENATION", sources, made, axis=axis)

    def _pool(self, real: Real, name: str, quantisation: Quantisation) -> int:
        """MaxPool and AveragePool keep the quantisation; where the file has another, a QUANTIZE follows."""
        node, source = real.node, self._activation(real.node)
        window, stride = _pair(node, "kernel_shape", (1, 1)), _pair(node, "strides", (1, 1))
        if _pair(node, "dilations", (1, 1)) != (1, 1) or node.attributes.get("ceil_mode", 0):
            raise node.refuse("dilated or rounded-up windows can't be imported")
        source, padding = self._padded(node, source, window, stride, (1, 1))
        if node.kind == "AveragePool" and padding == "SAME" and node.attributes.get("count_include_pad", 0):
            raise node.refuse("TFLite's average leaves padding out", "export with count_include_pad=0")
        kind = "MAX_POOL_2D" if node.kind == "MaxPool" else "AVERAGE_POOL_2D"
        return self._kept(kind, node, source, name, quantisation, padding=padding, stride=stride, filter=window)

    def _global_average(self, real: Real, name: str, quantisation: Quantisation) -> int:
        """An average pool where the quantisation stays, else MEAN, which rescales."""
        node, source = real.node, self._activation(real.node)
        if self._graph.tensors[source].quantisation == quantisation:
            window = self._shape(source)[1:3]
            made = self._made(node, name, quantisation)
            options: dict[str, OptionValue] = {"padding": "VALID", "stride": window, "filter": window}
            return self._graph.add_operator("AVERAGE_POOL_2D", (source,), made, **options)
        axes = self._graph.add_constant(f"{node.name}/axes", np.array([1, 2], np.int32), "int32", None)
        made = self._made(node, name, quantisation)
        return self._graph.add_operator("MEAN", (source, axes), made, keep_dims=True)

    def _reshape(self, real: Real, name: str, quantisation: Quantisation) -> int:
        node, source = real.node, self._activation(real.node)
        shape, target = self._shape(source), self._source.shape(node.outputs[0])
        if len(target) > 2 and len(shape) == 4 and target != _nchw(shape):
            raise node.refuse(f"{_nchw(shape)} becomes {target}", "only flattening can be imported")
        constant = self._graph.add_constant(f"{node.name}/shape", np.array(target, np.int32), "int32", None)
        tensor = self._graph.tensors[source]
        made = self._graph.add_tensor(name, target, "int8", tensor.quantisation)
        self._graph.add_operator("RESHAPE", (source, constant), made, new_shape=target)
        if len(shape) == 4:
            self._flattened[made] = (shape[3], shape[1], shape[2])
        elif source in self._flattened:
            self._flattened[made] = self._flattened[source]
        final = self._requantise(made, quantisation, f"{name}/requantised")
        if made in self._flattened:
            self._flattened[final] = self._flattened[made]
        return final

    def _softmax(self, real: Real, name: str, quantisation: Quantisation) -> int:
        node, source = real.node, self._activation(real.node)
        rank = len(self._shape(source))
        if rank != 2 or int(node.attributes.get("axis", -1)) % rank != 1:
            raise node.refuse("only a softmax over rows can be imported")
        return self._kept("SOFTMAX", node, source, name, quantisation, kept=_SOFTMAX_OUTPUT, beta=1.0)

    def _kept(
        self,
        kind: str,
        node: Node,
        source: int,
        name: str,
        quantisation: Quantisation,
        kept: Quantisation | None = None,
        **options: OptionValue,
    ) -> int:
        """An operator whose output is quantised as `kept` (else as its input), and what makes it what the file says."""
        kept = kept or self._graph.tensors[source].quantisation
        assert kept is not None
        made = self._made(node, name if kept == quantisation else f"{name}/before", kept)
        self._graph.add_operator(kind, (source,), made, **options)
        return self._requantise(made, quantisation, name)


_EMITTERS: Mapping[str, Any] = {
    "Conv": Importer._conv,
    "Gemm": Importer._gemm,
    "MatMul": Importer._gemm,
    "Add": Importer._add,
    "Relu": Importer._relu,
    "Concat": Importer._concat,
    "MaxPool": Importer._pool,
    "AveragePool": Importer._pool,
    "GlobalAveragePool": Importer._global_average,
    "Flatten": Importer._reshape,
    "Reshape": Importer._reshape,
    "Softmax": Importer._softmax,
}
_FUSING = ("Conv", "Gemm", "MatMul", "Add")
_KNOWN = (*_EMITTERS, "Clip", "QuantizeLinear", "DequantizeLinear")


def _nhwc(shape: Shape) -> Shape:
    return (shape[0], shape[2], shape[3], shape[1]) if len(shape) == 4 else shape


def _nchw(shape: Shape) -> Shape:
    return (shape[0], shape[3], shape[1], shape[2])


def _pair(node: Node, name: str, default: tuple[int, int]) -> tuple[int, int]:
    first, second = node.attributes.get(name, default)
    return int(first), int(second)


def _same(size: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
    """What TFLite's SAME adds before and after."""
    from tinyflow.model.shapes import same_padding

    return same_padding(size, window, stride, dilation)


def _pads(
    node: Node, sizes: tuple[int, ...], window: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Before and after, for height and width."""
    auto = node.attributes.get("auto_pad", b"NOTSET")
    auto = auto.decode() if isinstance(auto, bytes) else auto
    if auto == "SAME_UPPER":
        height, width = (_same(*row) for row in zip(sizes, window, stride, dilation, strict=True))
        return height, width
    if auto not in ("NOTSET", "VALID"):
        raise node.refuse(f"auto_pad {auto} can't be imported", "export with explicit pads")
    top, left, bottom, right = node.attributes.get("pads", (0, 0, 0, 0)) if auto == "NOTSET" else (0, 0, 0, 0)
    return (int(top), int(bottom)), (int(left), int(right))
