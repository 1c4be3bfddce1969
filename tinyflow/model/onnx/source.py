"""An ONNX file as plain values: nodes with names, attributes and constants as arrays. The only home of `onnx`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy.typing as npt

from tinyflow.core.distribution import pip_install
from tinyflow.core.errors import ModelError, ToolError
from tinyflow.model.operators.shapes import Pair

Array = npt.NDArray[Any]
_OLDEST_OPSET = 13  # from here on QuantizeLinear has an axis
_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True)
class Node:
    """One operator: `name` for errors, `kind` as ONNX calls it; an absent optional input is an empty text."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def refuse(self, what: str, hint: str = "see docs/onnx.md for what can be imported") -> ModelError:
        """The error about this node."""
        return ModelError(what, where=f"node {self.name} ({self.kind})", hint=hint)

    def pair(self, name: str) -> Pair:
        """An attribute for height and width; 1 and 1 where it is absent."""
        first, second = self.attributes.get(name, (1, 1))
        return int(first), int(second)

    def pads(self, same: tuple[Pair, Pair]) -> tuple[Pair, Pair]:
        """Padding before and after, for height and width; `same` is what TFLite calls SAME."""
        auto = self.attributes.get("auto_pad", b"NOTSET")
        auto = auto.decode() if isinstance(auto, bytes) else auto
        if auto == "SAME_UPPER":
            return same
        if auto not in ("NOTSET", "VALID"):
            raise self.refuse(f"auto_pad {auto} can't be imported", "export with explicit pads")
        top, left, bottom, right = self.attributes.get("pads", (0, 0, 0, 0)) if auto == "NOTSET" else (0, 0, 0, 0)
        return (int(top), int(bottom)), (int(left), int(right))


class Source:
    """A checked ONNX model. Raises ModelError for one that is damaged, ToolError where `onnx` is not installed."""

    def __init__(self, content: bytes) -> None:
        try:
            import onnx
            from onnx import numpy_helper, shape_inference
        except ImportError:
            raise ToolError("the package onnx is not installed", hint=pip_install("onnx"), missing=True) from None
        try:
            model = onnx.load_model_from_string(content)
            onnx.checker.check_model(model)
            model = shape_inference.infer_shapes(model, strict_mode=True)
        except Exception as error:  # its own errors, and protobuf's, have no common base
            first = str(error).strip().partition("\n")[0]
            raise ModelError(f"not a valid ONNX model: {first}", hint="check it with onnx.checker") from None
        self._graph = model.graph
        self.name = str(model.graph.name)
        self.outputs = tuple(value.name for value in model.graph.output)
        self._to_array = numpy_helper.to_array
        self._get_attribute = onnx.helper.get_attribute_value
        for opset in model.opset_import:
            if opset.domain in _DOMAINS and opset.version < _OLDEST_OPSET:
                raise ModelError(
                    f"opset {opset.version} is too old", hint=f"export with opset {_OLDEST_OPSET} or later"
                )

    @cached_property
    def constants(self) -> dict[str, Array]:
        """Initialisers and the outputs of Constant nodes."""
        found = {tensor.name: self._array(tensor.name, tensor) for tensor in self._graph.initializer}
        for node in self._graph.node:
            if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
                found[node.output[0]] = self._array(node.output[0], node.attribute[0].t)
        return found

    def _array(self, name: str, tensor: Any) -> Array:
        if tensor.external_data or tensor.data_location:
            raise ModelError(f"the constant {name} lies in another file", hint="export one file that holds all data")
        try:
            array: Array = self._to_array(tensor)
        except Exception as error:  # KeyError for a type that it doesn't know, ValueError for dimensions
            what = f"the constant {name} doesn't hold what its type {tensor.data_type} and its dimensions say: {error}"
            raise ModelError(what, hint="export the model again") from None
        return array

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All other nodes, in the file's order, which is one in which they can run."""
        return tuple(self._node(node) for node in self._graph.node if node.op_type != "Constant")

    def _node(self, node: Any) -> Node:
        made = Node(
            name=node.name or next(iter(node.output), ""),
            kind=node.op_type if node.domain in _DOMAINS else f"{node.domain}.{node.op_type}",
            inputs=tuple(node.input),
            outputs=tuple(node.output),
            attributes={attribute.name: self._get_attribute(attribute) for attribute in node.attribute},
        )
        for name, value in made.attributes.items():
            numbers = value if isinstance(value, (list, tuple)) else [value]
            if any(isinstance(number, int) and not -(2**31) <= number < 2**31 for number in numbers):
                raise made.refuse(f"its attribute {name} is out of range", "numbers of 32 bits")
        return made

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Inputs that are not constants."""
        return tuple(value.name for value in self._graph.input if value.name not in self.constants)

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        values = (*self._graph.input, *self._graph.value_info, *self._graph.output)
        return {
            value.name: tuple(
                dimension.dim_value if dimension.HasField("dim_value") else 0
                for dimension in value.type.tensor_type.shape.dim
            )
            for value in values
        }

    def shape(self, value: str) -> tuple[int, ...]:
        """The shape of a value; a batch of unknown size is 1. ModelError for another dimension that isn't known."""
        shape = self._shapes.get(value)
        if shape is None:
            raise ModelError(f"the shape of {value} is not known", hint="export with fixed shapes")
        first = shape[:1] and (shape[0] or 1,)
        if min(shape, default=0) < 0 or 0 in shape[1:]:
            raise ModelError(f"{value} has a dimension that isn't fixed: {shape}", hint="export with fixed shapes")
        if max(shape, default=0) >= 2**31:
            raise ModelError(f"{value} has the shape {shape}", hint="is this a model for a microcontroller?")
        return (*first, *shape[1:])
