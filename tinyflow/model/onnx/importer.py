"""The walk over a file's nodes: constants are computed, what is quantised becomes int8, all else float32.

A node between DequantizeLinear and QuantizeLinear has an int8 form; so has one that only moves int8 values. Where
TFLite has none, it is computed in float32. Channels go last (`layout`), and nothing is moved before somebody needs it
otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.onnx import elementwise, moving, products, qoperator, recurrent, windows
from tinyflow.model.onnx.folding import folded
from tinyflow.model.onnx.imported import ACTIVATIONS, Call, ImportedGraph, NotInteger, Value, Weights
from tinyflow.model.onnx.layout import Layout, Order, channels_last
from tinyflow.model.onnx.source import Node, Port, Source


class _Rule(NamedTuple):
    """How nodes of one kind are taken.

    `data` is how many inputs are values, not numbers that say how. `form` says when it is int8: `keeps`, with its
    operands; `computes`, where its result is quantised, too; `fixed`, where TFLite says how it is quantised, also at
    the network's end; `float`, never. Rules that fuse take a Relu or Clip behind, those with weights also factors.
    """

    emit: Callable[[ImportedGraph, Call], Value | tuple[Value, ...]]
    form: str = "computes"
    data: int | None = None
    fuses: bool = False
    has_weights: bool = False


_RULES: Mapping[str, _Rule] = {
    "Conv": _Rule(products.conv, fuses=True, has_weights=True),
    "ConvTranspose": _Rule(products.conv_transpose, has_weights=True),
    "Gemm": _Rule(products.gemm, fuses=True, has_weights=True),
    "MatMul": _Rule(products.matmul, fuses=True, has_weights=True),
    **dict.fromkeys(("MaxPool", "GlobalMaxPool"), _Rule(windows.pool, "keeps")),
    **dict.fromkeys(("AveragePool", "GlobalAveragePool"), _Rule(windows.pool)),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), _Rule(elementwise.binary, fuses=True)),
    **dict.fromkeys(("Max", "Min", "Sum"), _Rule(elementwise.binary)),
    **dict.fromkeys(("LeakyRelu", "HardSwish", "Elu"), _Rule(elementwise.unary)),
    **dict.fromkeys(("Sigmoid", "Tanh"), _Rule(elementwise.unary, "fixed")),
    **dict.fromkeys(
        ("Abs", "Ceil", "Cos", "Exp", "Floor", "Log", "Neg", "Round", "Sin", "Sqrt"), _Rule(elementwise.unary, "float")
    ),
    "Relu": _Rule(elementwise.relu, "keeps"),
    "Clip": _Rule(elementwise.clip, "keeps", data=1),
    "PRelu": _Rule(elementwise.prelu, "float"),
    "HardSigmoid": _Rule(elementwise.hard_sigmoid, "float"),
    "Pow": _Rule(elementwise.power, "float", data=1),
    "Reciprocal": _Rule(elementwise.reciprocal, "float"),
    "BatchNormalization": _Rule(elementwise.batch_normalisation, "float", data=1),
    "Softmax": _Rule(elementwise.softmax, "fixed"),
    "LogSoftmax": _Rule(elementwise.softmax, "float"),
    "Concat": _Rule(moving.concat, "keeps"),
    **dict.fromkeys(("Identity", "Dropout"), _Rule(moving.identity, "keeps", data=1)),
    "Cast": _Rule(moving.cast, "keeps"),
    "Reshape": _Rule(moving.reshape, "keeps", data=1),
    "Flatten": _Rule(moving.flatten, "keeps"),
    "Squeeze": _Rule(moving.squeeze, "keeps", data=1),
    "Unsqueeze": _Rule(moving.unsqueeze, "keeps", data=1),
    "Transpose": _Rule(moving.transpose, "keeps"),
    "Pad": _Rule(moving.pad, "keeps", data=1),
    "Slice": _Rule(moving.cut, "keeps", data=1),
    "Split": _Rule(moving.split, "keeps", data=1),
    "Gather": _Rule(moving.gather, "keeps", data=1),
    **dict.fromkeys(("ReduceMax", "ReduceMin"), _Rule(moving.reduce, "keeps", data=1)),
    **dict.fromkeys(("ReduceMean", "ReduceSum"), _Rule(moving.reduce, data=1)),
    **dict.fromkeys(("Resize", "Upsample"), _Rule(moving.resize, "keeps", data=1)),
    "DepthToSpace": _Rule(moving.depth_to_space, "keeps"),
    "SpaceToDepth": _Rule(moving.space_to_depth, "keeps"),
    **dict.fromkeys(("ArgMax", "ArgMin"), _Rule(moving.argument, "keeps")),
    **dict.fromkeys(recurrent.KINDS, _Rule(recurrent.recurrent, "float", data=1)),
}
KNOWN = tuple(sorted((*_RULES, "Constant", "DequantizeLinear", "QuantizeLinear", *qoperator.KINDS)))
# What a node whose inputs and attributes aren't those of its kind can raise wherever they are used.
_MISFITS = (LookupError, ValueError, TypeError, ArithmeticError, AttributeError)
# kinds that work on images: their input is best stored with channels last
_SPATIAL = (
    *("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool"),
    *("BatchNormalization", "Resize", "Upsample", "DepthToSpace", "SpaceToDepth", "PRelu"),
)
# kinds that only say where elements are
_MOVES = frozenset(["Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"])
# kinds that take elements wherever they lie
_ANYWHERE = (
    *("QuantizeLinear", "DequantizeLinear", "Add", "Sub", "Mul", "Div", "Relu", "Clip", "Cast", "Identity"),
    *("Dropout", "Pad", "LeakyRelu", "Sigmoid", "Tanh", "Concat"),
)


class Importer(ImportedGraph):
    """One walk over one file."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._nodes = tuple(qoperator.expanded(source.nodes, self.constants))
        self._readers: dict[str, list[Node]] = {}
        for node in self._nodes:
            for name in dict.fromkeys(node.inputs):
                self._readers.setdefault(name, []).append(node)
        self._ports: dict[str, Port] = {port.name: port for port in source.inputs}
        self._orders: dict[int, Order] = {}
        self._taken: set[int] = set()

    def imported(self) -> tuple[Graph, list[Layout]]:
        """The whole graph, and how its inputs and then its outputs lie. Raises ModelError."""
        for port in self.source.inputs:
            try:
                self._input(port)
            except _MISFITS as error:
                what = f"what reads the input {port.name} doesn't fit it: {error}"
                raise ModelError(what, hint="export the model again") from None
        layouts = [self.values[port.name].layout for port in self.source.inputs if port.name in self.values]
        for node in self._nodes:
            if id(node) not in self._taken:
                try:
                    self._take(node)
                except _MISFITS as error:
                    what = f"its inputs and attributes don't fit: {error}"
                    raise node.refuse(what, "export the model again") from None
        results = [self._output(name) for name in self.source.outputs]
        whole = self.graph([value.tensor for value in results], self.source.name)
        needed = set(whole.outputs)
        kept = []
        for operator in reversed(whole.operators):
            if not needed.isdisjoint(operator.outputs):
                needed.update(operator.inputs)
                kept.append(operator)
        return whole.part(kept[::-1], whole.inputs, whole.outputs), [*layouts, *(value.layout for value in results)]

    # Ports

    def _input(self, port: Port) -> None:
        """A tensor of an input: int8 where nobody reads it but what quantises it, or what dequantises its integers."""
        readers = self._readers.get(port.name, [])
        order = self._preferred(port.name, tuple(range(len(port.shape))), len(port.shape))
        dims = tuple(port.shape[axis] for axis in order)
        dtype, scheme = "float32" if port.dtype.startswith("float") else port.dtype, None
        kind = "QuantizeLinear" if dtype == "float32" else "DequantizeLinear"
        if kind == "DequantizeLinear":
            readers = self._behind_moves(port.name)
        is_quantised = readers and all(node.kind == kind for node in readers) and port.name not in self.source.outputs
        if is_quantised and dtype in ("float32", "int8", "uint8"):
            dtype, scheme = "int8", self._quantisation(readers[0])
        index = self.add_input(port.name, dims, scheme, dtype)
        self.values[port.name] = Value(index, Layout.stored(dims, order))

    def _behind_moves(self, name: str) -> list[Node]:
        """What reads a value, or what is made of it by putting its elements elsewhere."""
        found: list[Node] = []
        names = [name]
        while names and len(found) < 64:
            for node in self._readers.get(names.pop(), []):
                if node.kind in _MOVES:
                    names.extend(node.outputs)
                else:
                    found.append(node)
        return found

    def _preferred(self, name: str, axes: Order, rank: int) -> Order:
        """In which order an input is best stored, by the first reader that has an order; `axes` are what it is now."""
        for _ in range(64):
            readers = self._readers.get(name, [])
            reader = next((node for node in readers if node.kind in _SPATIAL), readers[0] if readers else None)
            if reader is None or not reader.outputs:
                break
            if reader.kind in _SPATIAL and rank in (3, 4):
                return tuple(axes[axis] for axis in channels_last(rank))
            perm = reader.attributes.get("perm")
            if reader.kind == "Transpose" and perm and sorted(perm) == list(range(rank)):
                axes = tuple(axes[axis] for axis in perm)
            elif reader.kind not in _ANYWHERE:
                break
            name = reader.outputs[0]
        return tuple(range(rank))

    def _output(self, name: str) -> Value:
        """An output, as it is stored where that is as ONNX has it or with channels last."""
        if name not in self.values:
            what = "does not depend on an input" if name in self.constants else "is computed by no node"
            raise ModelError(f"the output {name} {what}", hint="leave it out")
        value = self.values[name]
        rank = len(value.shape)
        order = value.layout.order if value.layout.is_direct else ()
        order = order if order == channels_last(rank) and rank > 2 else tuple(range(rank))
        return Value(self.arranged(value, order), Layout.stored([value.shape[axis] for axis in order], order))

    # Nodes

    def _take(self, node: Node) -> None:
        results = folded(self, node)
        if results is not None:
            self.constants.update(results)
        elif node.kind == "QuantizeLinear":
            self._quantise(node)
        elif node.kind == "DequantizeLinear":
            self._dequantise(node)
        elif node.kind in _RULES:
            self._call(node, _RULES[node.kind])
        else:
            known = f"known: {', '.join(KNOWN)}"
            raise node.refuse(f"the operator {node.kind} can't be imported", known)

    def _call(self, node: Node, rule: _Rule) -> None:
        names = [name for name in node.inputs[: rule.data] if name]
        operands = [name for name in names if name in self.values]
        is_integral = bool(operands) and rule.form != "float" and all(self.is_integral(name) for name in operands)
        call = Call(node, node.outputs[0], is_integral)
        taken: list[Node] = []
        if rule.fuses or rule.has_weights:
            call, taken = self._followed(call, rule)
        ends = (call.name, *node.outputs[1:])
        wanted = [self._wanted(name) for name in ends if name]
        ends_network = rule.form == "fixed" and call.name in self.source.outputs
        if is_integral and rule.form != "keeps" and None in wanted and not ends_network:
            is_integral = False
        # constants among the operands must be integers, too
        is_integral = is_integral and (rule.form == "keeps" or all(map(self.is_integral, names)) or rule.has_weights)
        values = self._emitted(rule, replace(call, is_integer=is_integral, wanted=wanted[0] if is_integral else None))
        self._taken.update(map(id, taken))
        for name, value, scheme in zip([name for name in ends if name], values, wanted, strict=False):
            is_int8 = self.tensors[value.tensor].dtype == "int8"
            self.values[name] = self.quantised(value, scheme, f"{name}/requantised") if scheme and is_int8 else value

    def _emitted(self, rule: _Rule, call: Call) -> tuple[Value, ...]:
        """What a rule makes of a call; the clip behind it where it can't take it in."""
        clip = call.clip
        if clip is not None and (clip not in ACTIVATIONS or not rule.fuses):
            inner = replace(call, clip=None, name=f"{call.name}/unclipped")
            (value,) = self._emitted(rule, inner)
            is_integer = self.tensors[value.tensor].dtype == "int8"
            return (self.clipped(replace(call, is_integer=is_integer), value, *clip),)
        try:
            made = rule.emit(self, call)
        except NotInteger:
            made = rule.emit(self, replace(call, is_integer=False, wanted=None))
        return made if isinstance(made, tuple) else (made,)

    def _followed(self, call: Call, rule: _Rule) -> tuple[Call, list[Node]]:
        """The call with what its only readers do next, as long as it can take that in; and these."""
        taken: list[Node] = []
        while call.clip is None and call.name not in self.source.outputs:
            readers = self._readers.get(call.name, [])
            if len(readers) != 1:
                break
            (reader,) = readers
            if reader.kind in ("Relu", "Clip"):
                clip = (
                    (0.0, math.inf) if reader.kind == "Relu" else elementwise.bounds(self, replace(call, node=reader))
                )
                call = replace(call, clip=clip, name=reader.outputs[0])
            elif rule.has_weights and (after := self._affine(call, reader)) is not None:
                call = replace(after, name=reader.outputs[0])
            else:
                break
            taken.append(reader)
        return call, taken

    def _affine(self, call: Call, reader: Node) -> Call | None:
        """The call with a BatchNormalization, or a constant for each channel added or multiplied."""
        weights = self.constants.get(call.node.inputs[1])
        if weights is None or weights.ndim < 2 or not reader.outputs:
            return None
        group = int(call.node.attributes.get("group", 1))
        is_rows = call.node.kind == "Conv" or bool(call.node.attributes.get("transB", 0))
        outputs = weights.shape[0] if is_rows else weights.shape[1] * group
        is_image = call.node.kind.startswith("Conv")
        if reader.kind == "BatchNormalization" and reader.inputs[0] == call.name:
            factor, offset = elementwise.normalisation(self, reader)
        elif reader.kind in ("Add", "Sub", "Mul"):
            other = reader.inputs[1] if reader.inputs[0] == call.name else reader.inputs[0]
            numbers = self.constants.get(other)
            if numbers is not None and reader.attributes.get("axis") == 1 and is_image and numbers.ndim == 1:
                numbers = numbers.reshape(-1, *(1,) * (weights.ndim - 2))  # before opset 7
            if numbers is None or (reader.kind == "Sub" and reader.inputs[0] != call.name):
                return None
            wanted = (outputs, *(1,) * (weights.ndim - 2)) if is_image else (outputs,)
            shape = numbers.shape[numbers.ndim - len(wanted) :] if numbers.ndim >= len(wanted) else None
            if numbers.size != 1 and (shape != wanted or numbers.size != outputs):
                return None
            if numbers.ndim > (weights.ndim if is_image else 2):
                return None
            each = np.broadcast_to(numbers.reshape(-1).astype(np.float64), (outputs,))
            one, nothing = np.ones(outputs), np.zeros(outputs)
            factor, offset = {"Add": (one, each), "Sub": (one, -each), "Mul": (each, nothing)}[reader.kind]
        else:
            return None
        if len(factor) != outputs or (call.is_integer and factor.min(initial=1) <= 0):
            return None
        before = (np.ones(outputs), np.zeros(outputs)) if call.factor is None else (call.factor, call.offset)
        return replace(call, factor=before[0] * factor, offset=before[1] * factor + offset)

    # Quantisation

    def _wanted(self, name: str) -> Quantisation | None:
        """The quantisation that all readers give a value; None where one doesn't, or where the file gives it out."""
        readers = self._readers.get(name, [])
        if not readers or name in self.source.outputs or any(node.kind != "QuantizeLinear" for node in readers):
            return None
        return self._quantisation(readers[0])

    def _quantise(self, node: Node) -> None:
        name, output = node.inputs[0], node.outputs[0]
        if name not in self.values:
            raise node.refuse(f"nothing computes {name}")
        self.values[output] = self.quantised(self.values[name], self._quantisation(node), output)

    def _dequantise(self, node: Node) -> None:
        name, output = node.inputs[0], node.outputs[0]
        scales, zero_points, axis = self._scales(node)
        if name in self.values:
            scheme = self.tensors[self.values[name].tensor].quantisation
            theirs = self._quantisation(node)
            if (
                scheme is None
                or scheme.zero_points != theirs.zero_points
                or not np.allclose(scheme.scales, theirs.scales, rtol=1e-6, atol=0)
            ):
                raise node.refuse("it reads integers that no QuantizeLinear made so")
            self.values[output] = self.values[name]
            return
        if name not in self.constants:
            raise node.refuse(f"nothing computes {name}")
        values = self.constants[name]
        if values.dtype == np.uint8:
            values = (values.astype(np.int16) - 128).astype(np.int8)
        if values.dtype not in (np.int8, np.int32):
            raise node.refuse(f"weights of {values.dtype}", "quantise weights to int8 and biases to int32")
        weights = Weights(values, scales, zero_points, axis % max(values.ndim, 1))
        self.weights[output], self.constants[output] = weights, weights.reals

    def _scales(self, node: Node) -> tuple[tuple[float, ...], tuple[int, ...], int]:
        names = [*node.inputs[1:], "", ""]
        scale = self.constants.get(names[0])
        # without a zero point QuantizeLinear gives uint8
        default = np.uint8 if node.kind == "QuantizeLinear" else self._type_of(node.inputs[0])
        zero = np.zeros(1, default) if not names[1] else self.constants.get(names[1])
        if scale is None or zero is None:
            raise node.refuse("scale and zero point must be constants")
        zeros = zero.reshape(-1)
        offset = 128 if zeros.dtype == np.uint8 else 0
        if zeros.dtype not in (np.int8, np.uint8, np.int32):
            raise node.refuse(f"it quantises to {zeros.dtype}", "quantise to int8 or uint8")
        scales = tuple(scale.reshape(-1).astype(np.float32).tolist())
        if not all(0 < value < math.inf for value in scales):
            raise node.refuse("its scale is not a positive number of 32 bits", "quantise with representative samples")
        points = tuple(int(value) - offset for value in zeros)
        points = points * len(scales) if len(points) == 1 else points
        if len(points) != len(scales) or int(node.attributes.get("block_size", 0)):
            raise node.refuse(f"it has {len(scales)} scales and {len(points)} zero points")
        return scales, points, int(node.attributes.get("axis", 1))

    def _type_of(self, name: str) -> np.dtype[np.generic]:
        """The type of integers that have no zero point."""
        if name in self.constants:
            return self.constants[name].dtype
        return np.dtype(self._ports[name].dtype if name in self._ports else np.uint8)

    def _quantisation(self, node: Node) -> Quantisation:
        """Of an activation, as int8; uint8 has the same steps 128 lower."""
        scales, zero_points, _ = self._scales(node)
        if len(scales) != 1:
            raise node.refuse("an activation has a scale for each channel", "quantise activations per tensor")
        return Quantisation(scales, zero_points)
