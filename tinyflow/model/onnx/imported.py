"""The graph that an import makes: tensors and operators, and which of them stand for which values of the file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import Quantisation, Shape
from tinyflow.model.onnx.layout import Layout, Order, runs
from tinyflow.model.onnx.source import Array, Node, Source
from tinyflow.model.operators.shapes import Pair, same_padding

_INFINITY = float("inf")
# (least, largest) → what TFLite's kernels clamp to by themselves
ACTIVATIONS: Mapping[tuple[float, float], str] = {
    (0.0, _INFINITY): "RELU",
    (0.0, 6.0): "RELU6",
    (-1.0, 1.0): "RELU_N1_TO_1",
}
LOWEST_FLOAT = float(np.finfo(np.float32).min)


class NotInteger(Exception):
    """A node that has no int8 form in TFLite, whose operands have: it is computed in float32."""


@dataclass(frozen=True)
class Value:
    """A value of the file: the tensor that holds it, and how its elements lie there."""

    tensor: int
    layout: Layout

    @property
    def shape(self) -> Shape:
        """As ONNX has it."""
        return self.layout.shape

    @property
    def elements(self) -> int:
        """How many there are."""
        return math.prod(self.layout.shape)


@dataclass(frozen=True)
class Weights:
    """A constant behind a DequantizeLinear: integers, scales and zero points along an axis."""

    values: Array
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int

    def along(self, numbers: Sequence[float]) -> Array:
        """One number for each scale, shaped so that it goes with the values."""
        shape = [1] * self.values.ndim
        if len(numbers) > 1:
            shape[self.axis] = -1
        return np.asarray(numbers).reshape(shape)

    @property
    def reals(self) -> Array:
        """What the integers stand for."""
        steps = self.values.astype(np.float64) - self.along(self.zero_points)
        return (steps * self.along(self.scales)).astype(np.float32)


@dataclass(frozen=True)
class Call:
    """A node, in the form in which it is to be computed: int8 or float32.

    `name` is that of its first result, `wanted` the quantisation that this gets next, None where none is known. What
    follows each output channel at once: a factor and an offset, and `clip`, the least and largest value.
    """

    node: Node
    name: str
    is_integer: bool
    wanted: Quantisation | None = None
    factor: Array | None = None
    offset: Array | None = None
    clip: tuple[float, float] | None = None

    @property
    def activation(self) -> str:
        """The clip as an activation of TFLite."""
        return "NONE" if self.clip is None else ACTIVATIONS[self.clip]


class ImportedGraph(GraphBuilder):
    """The graph that is being made, and what its tensors are to the file's values."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
        self.constants: dict[str, Array] = source.constants
        # constants that the file stores as integers
        self.weights: dict[str, Weights] = {}
        self.values: dict[str, Value] = {}
        self._made: dict[tuple[object, ...], int] = {}

    # What nodes read

    def value(self, call: Call, position: int = 0, *, any_type: bool = False) -> Value:
        """An input as a tensor, int8 or float32 as the call is. Raises ModelError where there is none."""
        name = call.node.inputs[position] if position < len(call.node.inputs) else ""
        if name in self.values:
            value = self.values[name] if call.is_integer else self.real(self.values[name])
            dtype = self.tensors[value.tensor].dtype
            if dtype != ("int8" if call.is_integer else "float32") and not any_type:
                raise call.node.refuse(f"its input {name} is {dtype}", "cast or dequantise it")
            return value
        if name in self.constants:
            return self.fixed(call, name)
        raise call.node.refuse(f"nothing computes its input {name or position}")

    def fixed(self, call: Call, name: str, values: Array | None = None) -> Value:
        """A constant as a tensor; of other values than the file's where some are given."""
        array = self.constants[name] if values is None else values
        layout = Layout.plain(array.shape)
        if not call.is_integer or array.dtype.kind != "f":
            return Value(self.constant(name, array, "float32" if array.dtype.kind == "f" else array.dtype.name), layout)
        integers, scheme = self.as_integers(name, array)
        return Value(self.constant(name, integers, "int8", scheme), layout)

    def as_integers(self, name: str, array: Array) -> tuple[Array, Quantisation]:
        """A constant operand of an int8 operator: exactly as the file has it, or a single number."""
        stored = self.weights.get(name)
        if stored is not None and len(stored.scales) == 1 and stored.values.dtype == np.int8:
            return stored.values.reshape(array.shape), Quantisation(stored.scales, stored.zero_points)
        (value,) = np.unique(array)  # ValueError for any other; `is_integral` has been asked
        scale = float(np.float32(abs(value))) or 1.0
        return np.full(array.shape, np.sign(value), np.int8), Quantisation((scale,), (0,))

    def is_integral(self, name: str) -> bool:
        """Whether an input can be that of an int8 operator, exactly."""
        if name in self.values:
            tensor = self.tensors[self.values[name].tensor]
            return tensor.dtype == "int8" and tensor.quantisation is not None
        return name in self.weights or (name in self.constants and len(np.unique(self.constants[name])) == 1)

    def numbers(self, node: Node, position: int, attribute: str = "") -> Array | None:
        """Constants that say how: an input, or the attribute that older opsets have in its place; None for neither."""
        if attribute in node.attributes:
            return np.asarray(node.attributes[attribute])
        name = node.inputs[position] if position < len(node.inputs) else ""
        if not name:
            return None
        if name not in self.constants:
            raise node.refuse(f"its input {name} is not a constant", "sizes and axes must be known before it runs")
        return self.constants[name]

    def real(self, value: Value) -> Value:
        """The value in float32."""
        tensor = self.tensors[value.tensor]
        if tensor.dtype != "int8" or tensor.quantisation is None:
            return value
        made = self._once("DEQUANTIZE", value.tensor, f"{tensor.name}/dequantised", None, tensor.shape, "float32")
        return Value(made, value.layout)

    def quantised(self, value: Value, quantisation: Quantisation, name: str) -> Value:
        """The value with this quantisation, by a QUANTIZE where it has another or none."""
        tensor = self.tensors[value.tensor]
        if tensor.quantisation == quantisation:
            return value
        made = self.layer("QUANTIZE", (value.tensor,), name, quantisation, tensor.shape)
        return Value(made, value.layout)

    def _once(
        self, kind: str, tensor: int, name: str, quantisation: Quantisation | None, shape: Shape, dtype: str
    ) -> int:
        key = (kind, tensor, quantisation)
        if key not in self._made:
            self._made[key] = self.layer(kind, (tensor,), name, quantisation, shape, dtype)
        return self._made[key]

    # How values lie

    def arranged(self, value: Value, order: Order | None = None) -> int:
        """A tensor with the axes of a value in this order, or as ONNX has them: moved only where they lie otherwise."""
        shape = value.shape
        order = tuple(range(len(shape))) if order is None else order
        if value.layout.is_direct:
            return self._ordered(value.tensor, value.layout, order)
        large = [axis for axis in order if shape[axis] != 1]
        if large == sorted(large):  # once is enough
            tensor = self._ordered(value.tensor, value.layout, tuple(range(len(value.layout.dims))))
            return self.reshaped(tensor, tuple(shape[axis] for axis in order))
        direct = self.direct(value)
        return self._ordered(direct.tensor, direct.layout, order)

    def direct(self, value: Value) -> Value:
        """The value with an axis stored for each of its own."""
        if value.layout.is_direct:
            return value
        order = value.layout.gathered()
        tensor = self._ordered(value.tensor, value.layout, order)
        layout = Layout.stored([value.layout.inner[axis] for axis in order], order)
        return Value(tensor, layout.reshaped(value.shape))

    def _ordered(self, tensor: int, layout: Layout, order: Order) -> int:
        inner = layout.inner
        places = [axis for axis in layout.order if inner[axis] != 1]
        wanted = [axis for axis in order if inner[axis] != 1]
        final = tuple(inner[axis] for axis in order)
        if places == wanted:
            return self.reshaped(tensor, final)
        if self.shape(tensor) == layout.dims and len(order) <= 4:
            return self._transposed(tensor, [layout.order.index(axis) for axis in order])
        merged = runs(places, wanted)
        sizes = tuple(int(np.prod([inner[axis] for axis in run])) for run in merged)
        axes = sorted(range(len(merged)), key=lambda i: wanted.index(merged[i][0]))
        return self.reshaped(self._transposed(self.reshaped(tensor, sizes), axes), final)

    def reshaped(self, tensor: int, shape: Shape) -> int:
        """The same bytes in another shape."""
        if self.shape(tensor) == shape:
            return tensor
        key = ("RESHAPE", tensor, shape)
        if key not in self._made:
            target = self.constant(f"{self.tensors[tensor].name}/shape", shape, "int32")
            self._made[key] = self._moved("RESHAPE", tensor, target, shape, new_shape=shape)
        return self._made[key]

    def _transposed(self, tensor: int, axes: Sequence[int]) -> int:
        key = ("TRANSPOSE", tensor, tuple(axes))
        if key not in self._made:
            shape = tuple(self.shape(tensor)[axis] for axis in axes)
            constant = self.constant(f"{self.tensors[tensor].name}/axes", list(axes), "int32")
            self._made[key] = self._moved("TRANSPOSE", tensor, constant, shape)
        return self._made[key]

    def _moved(self, kind: str, tensor: int, how: int, shape: Shape, **options: Any) -> int:
        source = self.tensors[tensor]
        name = f"{source.name}/{kind.lower()}"
        return self.layer(kind, (tensor, how), name, source.quantisation, shape, source.dtype, **options)

    # What they compute

    def step(
        self,
        call: Call,
        kind: str,
        inputs: Sequence[int],
        shape: Shape,
        scheme: Quantisation | None = None,
        name: str = "",
        **options: Any,
    ) -> int:
        """An operator of the call; its tensor. In int8 it has a quantisation, or that of the first input."""
        dtype = "int8" if call.is_integer else "float32"
        if call.is_integer and scheme is None:
            scheme = self.tensors[inputs[0]].quantisation
        return self.layer(kind, inputs, name or call.name, scheme, shape, dtype, **options)

    def stepped(
        self,
        call: Call,
        kind: str,
        inputs: Sequence[int],
        dims: Shape,
        order: Order,
        scheme: Quantisation | None = None,
        **options: Any,
    ) -> Value:
        """The same, as a value whose axes lie in this order."""
        return Value(self.step(call, kind, inputs, dims, scheme, **options), Layout.stored(dims, order))

    def clipped(self, call: Call, value: Value, low: float, high: float) -> Value:
        """Nothing below `low`, nothing above `high`."""
        tensor, dims = value.tensor, self.shape(value.tensor)
        made = self.tensors[tensor].quantisation
        kind = ACTIVATIONS.get((low, high))
        if kind in ("RELU", "RELU6"):
            scheme = call.wanted if kind == "RELU" and call.is_integer else None  # TFLM's RELU6 does not rescale
            return replace(value, tensor=self.step(call, kind, (tensor,), dims, scheme or made))
        for kind, bound in (("MAXIMUM", low), ("MINIMUM", high)):
            if not np.isfinite(bound) or abs(bound) >= -LOWEST_FLOAT:
                continue
            name = f"{call.name}/{kind.lower()}"
            if call.is_integer:
                assert made is not None
                steps = np.clip(round(bound / made.scale) + made.zero_point, -128, 127)
                limit = self.constant(f"{name}/bound", np.full((1,) * len(dims), steps), "int8", made)
            else:
                limit = self.constant(f"{name}/bound", np.full((1,) * len(dims), bound), "float32")
            tensor = self.step(call, kind, (tensor, limit), dims, made, name)
        return replace(value, tensor=tensor)

    def padded(
        self,
        call: Call,
        source: int,
        pads: tuple[Pair, Pair],
        window: Pair,
        stride: Pair,
        dilation: Pair = (1, 1),
        value: float = 0.0,
    ) -> tuple[int, str]:
        """TFLite's padding of [N, H, W, C] where it is the same; else a PAD of its own in front."""
        shape = self.shape(source)
        if pads == ((0, 0), (0, 0)):
            return source, "VALID"
        if pads == same_padding(shape, window, stride, dilation):
            return source, "SAME"
        return self.surrounded(call, source, ((0, 0), *pads, (0, 0)), value), "VALID"

    def surrounded(self, call: Call, source: int, amounts: Sequence[Pair], value: float) -> int:
        """A PAD; the value is in real numbers, or the least that there is."""
        shape = tuple(size + sum(pair) for size, pair in zip(self.shape(source), amounts, strict=True))
        name, scheme = f"{call.name}/padded", self.tensors[source].quantisation
        around = self.constant(f"{name}/amounts", amounts, "int32")
        if value == 0:
            return self.step(call, "PAD", (source, around), shape, scheme, name)
        if call.is_integer:
            assert scheme is not None
            steps = np.clip(round(max(value / scheme.scale, -1e6)) + scheme.zero_point, -128, 127)
            filling = self.constant(f"{name}/value", [int(steps)], "int8", scheme)
        else:
            filling = self.constant(f"{name}/value", [value], "float32")
        return self.step(call, "PADV2", (source, around, filling), shape, scheme, name)

    def first_order(self, values: Sequence[Value]) -> Order:
        """The order in which operands meet: that of the first that isn't plain."""
        orders = [value.layout.order for value in values if value.layout.is_direct]
        return next((order for order in orders if order != tuple(sorted(order))), tuple(range(len(values[0].shape))))

    def arranged_constant(self, value: Value, order: Order) -> int:
        """The same as `arranged`, of a constant without any operator."""
        tensor = self.tensors[value.tensor]
        if tensor.data is None:
            return self.arranged(value, order)
        code = np.dtype(tensor.dtype).newbyteorder("<")
        array = np.frombuffer(tensor.data, code).reshape(value.shape).transpose(order)
        return self.constant(tensor.name, array, tensor.dtype, tensor.quantisation)

    def as_scalar(self, tensor: int) -> int:
        """A tensor of one element as one that goes with any shape."""
        found = self.tensors[tensor]
        if found.data is None:
            return self.reshaped(tensor, (1,))
        self.tensors[tensor] = replace(found, shape=(1,))
        return tensor
