"""An ONNX file as plain values: nodes with names, attributes and constants as arrays. The only home of `onnx`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyflow.core.distribution import pip_install
from tinyflow.core.errors import ModelError, ToolError
from tinyflow.model.graph import Shape

Array = npt.NDArray[Any]
_DOMAINS = ("", "ai.onnx")
# ONNX Runtime's own: the operators of quantised networks that ONNX has not
_CONTRIBUTED = "com.microsoft"
_FIXED_HINT = "export with fixed shapes"
# positions may lie far outside: `to the end` is the largest number there is
_POSITIONS = ("starts", "ends")


@dataclass(frozen=True)
class Node:
    """One operator: `name` for errors, `kind` as ONNX calls it; an absent optional input is an empty text."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def refuse(self, what: str, hint: str = "see docs/onnx.md for what can be imported") -> ModelError:
        """The error about this node."""
        return ModelError(what, where=f"node {self.name} ({self.kind})", hint=hint)

    def integers(self, name: str, default: Sequence[int]) -> tuple[int, ...]:
        """An attribute of as many whole numbers as the default has."""
        values = tuple(int(value) for value in self.attributes.get(name, default))
        if len(values) != len(default):
            raise self.refuse(f"its attribute {name} has {len(values)} numbers, not {len(default)}")
        return values


@dataclass(frozen=True)
class Port:
    """An input or output of the file: its shape, and numpy's name of its elements' type."""

    name: str
    shape: Shape
    dtype: str


class Source:
    """A checked ONNX model. Raises ModelError for one that is damaged, ToolError where `onnx` is not installed."""

    def __init__(self, content: bytes) -> None:
        try:
            import onnx
            import onnx.inliner
            import onnx.numpy_helper
        except ImportError:
            raise ToolError("the package onnx is not installed", hint=pip_install("onnx"), missing=True) from None
        self._onnx = onnx
        try:
            model = onnx.load_model_from_string(content)
            onnx.checker.check_model(model)
            if model.functions:
                model = onnx.inliner.inline_local_functions(model)
        except Exception as error:  # its own errors, and protobuf's, have no common base
            first = str(error).strip().partition("\n")[0]
            raise ModelError(f"not a valid ONNX model: {first}", hint="check it with onnx.checker") from None
        self._graph = model.graph
        self.name = str(model.graph.name)
        self.opset = max((one.version for one in model.opset_import if one.domain in _DOMAINS), default=1)

    @cached_property
    def constants(self) -> dict[str, Array]:
        """Initialisers and the outputs of Constant nodes."""
        if len(self._graph.sparse_initializer):
            raise ModelError("it has sparse constants", hint="store them densely")
        found = {tensor.name: self._array(tensor.name, tensor) for tensor in self._graph.initializer}
        for node in self._graph.node:
            if node.op_type == "Constant" and node.domain in _DOMAINS and len(node.attribute) == 1:
                found[node.output[0]] = self._constant(node)
        return found

    def _constant(self, node: Any) -> Array:
        """What a Constant node holds: a tensor, or numbers."""
        value = self._onnx.helper.get_attribute_value(node.attribute[0])
        if isinstance(value, self._onnx.TensorProto):
            return self._array(node.output[0], value)
        array = np.asarray(value)
        if array.dtype.kind not in "fi":
            raise ModelError(f"the constant {node.output[0]} holds no numbers", hint="take it out of the network")
        return array.astype(np.float32 if array.dtype.kind == "f" else np.int64)

    def _array(self, name: str, tensor: Any) -> Array:
        if tensor.external_data or tensor.data_location:
            raise ModelError(f"the constant {name} lies in another file", hint="export one file that holds all data")
        try:
            array: Array = self._onnx.numpy_helper.to_array(tensor)
        except Exception as error:  # KeyError for a type that it doesn't know, ValueError for dimensions
            what = f"the constant {name} doesn't hold what its type {tensor.data_type} and its dimensions say: {error}"
            raise ModelError(what, hint="export the model again") from None
        return array.astype(np.float32) if array.dtype in (np.float16, np.float64) else array

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All other nodes, in the file's order, which is one in which they can run."""
        return tuple(
            self._node(node) for node in self._graph.node if not node.output or node.output[0] not in self.constants
        )

    def _node(self, node: Any) -> Node:
        made = Node(
            name=node.name or next(iter(node.output), ""),
            kind=node.op_type if node.domain in (*_DOMAINS, _CONTRIBUTED) else f"{node.domain}.{node.op_type}",
            inputs=tuple(node.input),
            outputs=tuple(node.output),
            attributes={attribute.name: self._attribute(attribute) for attribute in node.attribute},
        )
        for name, value in made.attributes.items():
            numbers = value if isinstance(value, (list, tuple)) else [value]
            is_large = any(isinstance(number, int) and not -(2**31) <= number < 2**31 for number in numbers)
            if is_large and name not in _POSITIONS:
                raise made.refuse(f"its attribute {name} is out of range", "numbers of 32 bits")
        return made

    def _attribute(self, attribute: Any) -> Any:
        value = self._onnx.helper.get_attribute_value(attribute)
        if isinstance(value, self._onnx.TensorProto):
            return self._array(attribute.name, value)
        if isinstance(value, list) and value and isinstance(value[0], bytes):
            return [one.decode(errors="replace") for one in value]
        return value.decode(errors="replace") if isinstance(value, bytes) else value

    @cached_property
    def inputs(self) -> tuple[Port, ...]:
        """Inputs that are not constants."""
        return tuple(self._port(value) for value in self._graph.input if value.name not in self.constants)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return tuple(value.name for value in self._graph.output)

    def _port(self, value: Any) -> Port:
        """A batch of unknown size is 1. ModelError for another dimension that isn't known."""
        kind = value.type.tensor_type
        if not value.type.HasField("tensor_type"):
            raise ModelError(f"the input {value.name} is no tensor", hint="only tensors can be inputs")
        given = [one.dim_value if one.HasField("dim_value") else 0 for one in kind.shape.dim]
        shape = tuple((size or 1) if axis == 0 else size for axis, size in enumerate(given))
        if min(shape, default=1) < 1:
            raise ModelError(f"{value.name} has a dimension that isn't fixed: {list(given)}", hint=_FIXED_HINT)
        if max(shape, default=0) >= 2**31:
            raise ModelError(f"{value.name} has the shape {list(given)}", hint="is this a model for a microcontroller?")
        try:
            dtype = np.dtype(self._onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
        except (KeyError, TypeError):
            raise ModelError(f"the input {value.name} has elements of no known type", hint=_FIXED_HINT) from None
        return Port(value.name, shape, dtype)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        """What a node of ONNX computes, by its reference implementation. Raises whatever that raises."""
        from onnx import helper, reference

        made = helper.make_node(node.kind, node.inputs, node.outputs, **dict(node.attributes))
        unknown = [helper.make_empty_tensor_value_info(name) for name in dict.fromkeys(node.inputs) if name]
        results = [helper.make_empty_tensor_value_info(name) for name in node.outputs if name]
        graph = helper.make_graph([made], "one", unknown, results)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        feeds = {name: value for name, value in zip(node.inputs, inputs, strict=True) if name}
        return [np.asarray(array) for array in reference.ReferenceEvaluator(model).run(None, feeds)]
