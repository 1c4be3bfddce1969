"""What the rules of one operator build from: its operands as Relax expressions, in three views, and ways to compute.

A rule is a function of a `Scope` that gives the operator's output, in its shape and type. Nothing here imports TVM
before a rule runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyflow.model.graph import Graph, Operator, Quantisation, Shape, Tensor
from tinyflow.model.operators.shapes import numbers
from tinyflow.model.weighted import constant_values

Expr = Any  # tvm.relax.Expr, tvm.tirx.Expr; TVM ships no types


class Scope:
    """One output of one operator, under construction in a Relax block builder."""

    def __init__(self, builder: Any, graph: Graph, operator: Operator, output: int) -> None:
        from tvm import relax

        self.op = relax.op
        self.graph, self.operator, self.options, self.position = graph, operator, operator.options, output
        self.read = [graph.tensors[index] if index >= 0 else None for index in operator.inputs]
        self.output = graph.tensors[operator.outputs[output]]
        self.inputs: list[Any] = []
        self.constants: list[tuple[Any, NDArray[Any]]] = []
        self._relax, self._builder = relax, builder
        self._given: dict[int, Expr] = {}
        for position, tensor in enumerate(self.read):  # in their order, read or not
            if tensor is not None and not tensor.is_constant:
                self.inputs.append(self._variable(f"input_{len(self.inputs)}", tensor.shape, tensor.dtype))
                self._given[position] = self.inputs[-1]

    def tensor(self, position: int) -> Tensor:
        """An operand, which must be there."""
        tensor = self.read[position]
        assert tensor is not None
        return tensor

    def shape(self, position: int) -> Shape:
        """Of an operand."""
        return self.tensor(position).shape

    def numbers(self, position: int) -> list[int]:
        """The values of an operand that says how."""
        return numbers(self.tensor(position))

    def has(self, position: int) -> bool:
        """Whether an operand is there."""
        return position < len(self.read) and self.read[position] is not None

    # Operands

    def given(self, position: int) -> Expr:
        """An operand as it lies in memory."""
        if position not in self._given:
            self._given[position] = self._array(constant_values(self.tensor(position)))
        return self._given[position]

    def all_given(self) -> list[Expr]:
        """All operands that are there, as they lie in memory."""
        return [self.given(position) for position in range(len(self.read)) if self.has(position)]

    def real(self, position: int) -> Expr:
        """An operand as real numbers: floats and integers without a scale as they are, others dequantised."""
        tensor, given = self.tensor(position), self.given(position)
        scheme = tensor.quantisation
        if scheme is None or not tensor.is_integer:
            return given
        values = self.op.astype(given, "float32")
        if any(scheme.zero_points):
            values = self.op.subtract(values, self._along(scheme, scheme.zero_points, tensor))
        return self.op.multiply(values, self._along(scheme, scheme.scales, tensor))

    def centred(self, position: int) -> Expr:
        """An operand as int32 without its zero point."""
        tensor = self.tensor(position)
        zero_point = 0 if tensor.quantisation is None else tensor.quantisation.zero_point
        values = self.op.astype(self.given(position), "int32")
        return self.op.subtract(values, self.constant(np.int32(zero_point))) if zero_point else values

    def _along(self, scheme: Quantisation, values: Sequence[float], tensor: Tensor) -> Expr:
        shape = [1] * len(tensor.shape)
        if scheme.is_per_channel:
            shape[scheme.axis] = len(values)
            return self.constant(np.array(values, np.float32).reshape(shape))
        return self.constant(np.float32(values[0]))

    def constant(self, values: ArrayLike) -> Expr:
        """A number in the code, or an array in flash."""
        array = np.asarray(values)
        # TVM writes floats in C with seven digits, from which some come back as others
        is_exact = array.dtype != np.float32 or np.float32(f"{array.reshape(-1)[0]:e}") == array.reshape(-1)[0]
        return self._relax.const(array) if not array.ndim and is_exact else self._array(np.atleast_1d(array))

    def _array(self, values: NDArray[Any]) -> Expr:
        array = np.asarray(values, order="C")
        variable = self._variable(f"constant_{len(self.constants)}", array.shape, array.dtype.name)
        self.constants.append((variable, array))
        return variable

    def _variable(self, name: str, shape: Shape, dtype: str) -> Any:
        return self._relax.Var(name, self._relax.TensorType(shape, dtype))

    # Results

    def quantised(self, values: Expr) -> Expr:
        """Real numbers as the output has them: rounded to the nearest step, halves away from zero, and saturated."""
        scheme, dtype = self.output.quantisation, self.output.dtype
        if scheme is None or not self.output.is_integer:
            return values
        rounded = self.called("roundf", self.op.divide(values, self.constant(np.float32(scheme.scale))))
        limits = np.iinfo(dtype)
        moved = self.op.add(rounded, self.constant(np.float32(scheme.zero_point)))
        # float32 has no 2**31 - 1
        highest = float(np.nextafter(np.float32(limits.max), np.float32(0))) if limits.bits > 16 else float(limits.max)
        return self.op.astype(self.op.clip(moved, float(limits.min), highest), dtype)

    def activated(self, values: Expr) -> Expr:
        """What a fused activation makes of real numbers."""
        return ACTIVATIONS[self.options.get("activation", "NONE")](self, values)

    def reshaped(self, values: Expr) -> Expr:
        """In the shape of the output."""
        return values if self._shape(values) == self.output.shape else self.op.reshape(values, self.output.shape)

    def broadcast(self, values: Expr) -> Expr:
        """Repeated to the shape of the output."""
        return values if self._shape(values) == self.output.shape else self.op.broadcast_to(values, self.output.shape)

    # Computations

    def compute(self, shape: Shape, function: Callable[..., Any], *operands: Expr, name: str = "compute") -> Expr:
        """`function(*operands)` gives a function of indices: a tensor expression, element by element."""
        from tvm import te

        bound = [self._bound(operand) for operand in operands]
        return self._builder.emit_te(lambda *tensors: te.compute(shape, function(*tensors), name), *bound)

    def _bound(self, values: Expr) -> Expr:
        """An expression under a name, which tensor expressions want of what they read."""
        return self._builder.emit(values) if isinstance(values, self._relax.Call) else values

    def elementwise(self, function: Callable[..., Any], *operands: Expr) -> Expr:
        """A function of single elements, on operands of one shape."""
        return self.compute(
            self._shape(operands[0]),
            lambda *tensors: lambda *indices: function(*(one(*indices) for one in tensors)),
            *operands,
        )

    def _shape(self, values: Expr) -> Shape:
        return tuple(int(extent) for extent in self._builder.normalize(values).ty.shape)

    def called(self, name: str, values: Expr) -> Expr:
        """A function of C's math.h on each element."""
        from tvm import tirx

        return self.elementwise(lambda value: tirx.call_pure_extern("float32", name, value), values)

    def picked(self, values: Expr, indices: NDArray[np.int32], axis: int) -> Expr:
        """Elements along an axis, by constant indices."""
        shape = [*self._shape(values)]
        shape[axis] = len(indices)

        def element(source: Expr, places: Expr) -> Callable[..., Expr]:
            return lambda *i: source(*i[:axis], places(i[axis]), *i[axis + 1 :])

        return self.compute(tuple(shape), element, values, self.constant(indices.astype(np.int32)))

    def looked_up(self, table: NDArray[Any], values: Expr) -> Expr:
        """What a constant table has for each of int8 values, that of -128 first."""
        places = self.op.add(self.op.astype(values, "int32"), self.constant(np.int32(128)))
        return self.compute(
            self._shape(values), lambda place, rows: lambda *i: rows(place(*i)), places, self.constant(table)
        )

    def sliced(self, position: int, begins: Sequence[int], steps: Sequence[int], counts: Sequence[int]) -> Expr:
        """Every so many-th element from a beginning on, along each axis."""
        walks = list(zip(begins, steps, strict=True))
        return self.compute(
            tuple(counts),
            lambda source: lambda *i: source(*(b + s * index for (b, s), index in zip(walks, i, strict=True))),
            self.given(position),
        )


Rule = Callable[[Scope], Expr]


def _between(lowest: float | None, highest: float | None) -> Callable[[Scope, Expr], Expr]:
    def clip(scope: Scope, values: Expr) -> Expr:
        if lowest is not None:
            values = scope.op.maximum(values, scope.constant(np.float32(lowest)))
        return values if highest is None else scope.op.minimum(values, scope.constant(np.float32(highest)))

    return clip


# fused activations, and operators of the same names
ACTIVATIONS: Mapping[str, Callable[[Scope, Expr], Expr]] = {
    "NONE": lambda _scope, values: values,
    "RELU": _between(0, None),
    "RELU6": _between(0, 6),
    "RELU_N1_TO_1": _between(-1, 1),
    "RELU_0_TO_1": _between(0, 1),
    "TANH": lambda scope, values: scope.op.tanh(values),
}
