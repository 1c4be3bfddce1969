"""A graph to an ONNX file: quantised tensors between QuantizeLinear and DequantizeLinear (QDQ), others as they are.

Inputs and outputs keep the model's shapes; in between images have their channels first wherever that saves a Transpose.
What the operators become is the table in `exported`. Equal graphs give equal bytes.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor, unused_name
from tinyflow.model.onnx import exported
from tinyflow.model.operators import has_state
from tinyflow.model.weighted import constant_values

# The oldest that has all that the table needs: what reads ONNX lags behind. Integers of 16 bits are newer.
_OPSET, _OPSET_INT16 = 17, 21
_IR_VERSIONS = {_OPSET: 8, _OPSET_INT16: 10}
_TO_FIRST, _TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
_QUANTISED = ("int8", "uint8", "int16")

Array = Any


def write_onnx(graph: Graph) -> bytes:
    """The bytes of an ONNX file. Raises ModelError naming the operator that has no equivalent."""
    return Exporter(graph).written()


class Exporter:
    """The file on its way. Values are called by name; of an image there may be two, of which one has channels first."""

    def __init__(self, graph: Graph) -> None:
        if has_state(graph) or graph.subgraphs:
            what = "it keeps state from call to call, or calls subgraphs, which isn't exported to ONNX"
            raise ModelError(what, hint="a tinyflow backend such as tinyc runs it")
        self.graph = graph
        self.inputs: list[str] = []  # what they are called in the file
        self.outputs: list[str] = []
        self._nodes: list[tuple[str, tuple[str, ...], tuple[str, ...], dict[str, Any]]] = []
        self._constants: dict[str, Array] = {}
        self._stored: dict[tuple[int, bool], str] = {}
        self._names: set[str] = set()
        is_wide = any(tensor.dtype == "int16" and tensor.quantisation for tensor in graph.tensors)
        self.opset = _OPSET_INT16 if is_wide else _OPSET

    def written(self) -> bytes:
        """All of it."""
        from onnx import helper, numpy_helper

        inputs = []
        for index in self.graph.inputs:
            self._stored[index, False] = name = self._named(self.graph.tensors[index].name)
            self.inputs.append(name)
            inputs.append(self._port(index, name))
        for operator in self.graph.operators:
            self._export(operator)
        outputs, last = [], []
        for index in self.graph.outputs:
            name = self._named(f"{self.graph.tensors[index].name}_out")
            self.outputs.append(name)
            last.append(helper.make_node("Identity", [self.stored(index)], [name], name=name))
            outputs.append(self._port(index, name))
        # ONNX Runtime makes names of nodes' names: without them it makes some twice
        nodes = [helper.make_node(kind, read, made, name=made[0], **more) for kind, read, made, more in self._nodes]
        constants = [numpy_helper.from_array(values, name) for name, values in self._constants.items()]
        body = helper.make_graph([*nodes, *last], self.graph.name or "network", inputs, outputs, constants)
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(body, opset_imports=opsets, ir_version=_IR_VERSIONS[self.opset])
        model.producer_name = "tinyflow"
        content: bytes = model.SerializeToString(deterministic=True)
        return content

    def _port(self, index: int, name: str) -> Any:
        from onnx import helper

        tensor = self.graph.tensors[index]
        return helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype(tensor))), tensor.shape
        )

    def _export(self, operator: Operator) -> None:
        rule = exported.RULES.get(operator.name)
        try:
            if rule is None:
                raise exported.NotExported("nothing in the table of operators computes it")
            rule(exported.Step(self, operator))
        except exported.NotExported as error:
            what = f"operator {operator.index} {operator.name} isn't exported to ONNX: {error}"
            raise ModelError(what, hint="docs/onnx.md tells which are") from None

    # What rules call

    def emit(self, kind: str, *read: str, count: int = 1, **attributes: Any) -> str:
        """A node; the name of what it computes, the first of several."""
        return self.emit_all(kind, *read, count=count, **attributes)[0]

    def emit_all(self, kind: str, *read: str, count: int, **attributes: Any) -> list[str]:
        """A node; the names of all that it computes."""
        made = [self._named(f"{kind}_{len(self._nodes)}") for _ in range(count)]
        self._nodes.append((kind, read, tuple(made), attributes))
        return made

    def constant(self, values: Any, dtype: str = "") -> str:
        """Numbers, for one node alone: ONNX Runtime makes others of integers, and refuses to do it twice."""
        name = self._named(f"c{len(self._constants)}")
        self._constants[name] = np.ascontiguousarray(values, dtype or None).reshape(np.shape(values))
        return name

    def is_stored(self, index: int, *, first: bool) -> bool:
        """Whether it has been computed in this order."""
        return (index, first) in self._stored

    def stored(self, index: int, *, first: bool = False) -> str:
        """A tensor's value in its own type, the channels of [N, H, W, C] in front if asked so."""
        tensor = self.graph.tensors[index]
        if tensor.is_constant:
            values = self.values(tensor)
            return self.constant(values.transpose(_TO_FIRST) if first else values)
        if (index, first) not in self._stored:
            self._stored[index, first] = self._moved(tensor, self._stored[index, not first], first)
        return self._stored[index, first]

    def _moved(self, tensor: Tensor, name: str, first: bool) -> str:
        """In the other order; without a move where the bytes lie the same."""
        shape = [tensor.shape[axis] for axis in _TO_FIRST] if first else tensor.shape
        if tensor.shape[3] == 1 or tensor.shape[1] * tensor.shape[2] == 1:
            return self.emit("Reshape", name, self.constant(shape, "int64"))
        return self.emit("Transpose", name, perm=_TO_FIRST if first else _TO_LAST)

    def real(self, index: int, *, first: bool = False) -> str:
        """A tensor's real values; integers without a scale are themselves."""
        tensor, name = self.graph.tensors[index], self.stored(index, first=first)
        scheme = tensor.quantisation
        if scheme is None or not tensor.is_integer:
            return name
        axis = _TO_FIRST.index(scheme.axis) if first else scheme.axis
        return self.dequantised(name, self.dtype(tensor), scheme, axis)

    def dequantised(self, name: str, dtype: str, scheme: Quantisation, axis: int = 0) -> str:
        """Real values of integers."""
        scales, zero_points = self._scheme(dtype, scheme)
        more = {"axis": axis} if scheme.is_per_channel else {}
        return self.emit("DequantizeLinear", name, scales, zero_points, **more)

    def give(self, index: int, name: str, *, first: bool = False) -> None:
        """Real values become a tensor's."""
        tensor = self.graph.tensors[index]
        if tensor.quantisation is not None and tensor.is_integer:
            if tensor.dtype not in _QUANTISED:
                raise exported.NotExported(f"{tensor.dtype} with a scale")
            name = self.emit("QuantizeLinear", name, *self._scheme(tensor.dtype, tensor.quantisation))
        self._stored[index, first] = name

    def keep(self, index: int, name: str) -> None:
        """A value of a tensor's own type becomes the tensor."""
        self._stored[index, False] = name

    def _scheme(self, dtype: str, scheme: Quantisation) -> tuple[str, str]:
        """Scales and zero points; one number has no dimension, or ONNX Runtime's QLinearAveragePool refuses it."""
        if scheme.is_per_channel:
            return self.constant(scheme.scales, "float32"), self.constant(scheme.zero_points, dtype)
        return self.constant(np.float32(scheme.scale)), self.constant(np.array(scheme.zero_point, dtype))

    def values(self, tensor: Tensor) -> Array:
        """Those of a constant; two of four bits take two bytes here."""
        try:
            return constant_values(tensor)
        except ValueError as error:
            raise exported.NotExported(str(error)) from None

    def dtype(self, tensor: Tensor) -> str:
        """What holds a tensor's elements."""
        dtype = "int8" if tensor.dtype == "int4" and tensor.is_constant else tensor.dtype
        try:
            return str(np.dtype(dtype).name)
        except TypeError:
            raise ModelError(f"{tensor.name} holds {tensor.dtype} values, which are not exported to ONNX") from None

    def _named(self, text: str) -> str:
        """A name of one word that nothing else has."""
        name = unused_name(re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "tensor", self._names)
        self._names.add(name)
        return name
