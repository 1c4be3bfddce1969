"""From TVM's QDQ graph to integer layers, in one topological walk over the Relax bindings.

The importer gives `dequantize → float operator → quantize`. The walk keeps float expressions as values that nobody
has computed yet; a `quantize` that somebody reads becomes one integer layer. No float is left for a chip to compute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinyflow.backends.tvm.frontend.expressions import (
    INT8_HIGHEST,
    INT8_LOWEST,
    Array,
    Clamped,
    Linear,
    Parameter,
    Pending,
    Pool,
    Real,
    Softmax,
    Stored,
    Sum,
    Value,
)
from tinyflow.backends.tvm.frontend.layers import Layer, Network, make_layer
from tinyflow.backends.tvm.kernels.specs import Rounding
from tinyflow.core.errors import ModelError
from tinyflow.model.fixed_point import quantised_bound

Shape = tuple[int, ...]


def lower(module: Any, rounding: Rounding, names: Sequence[str]) -> Network:
    """The integer layers of `main` in an IRModule of TVM's TFLite importer. Raises ModelError for other graphs.

    `names` are those of the inputs in the model.
    """
    return _Walk(rounding).network(module["main"], names)


class _Walk:
    """The state of one walk: what each variable stands for, and the layers so far.

    There is one rule for each Relax operator; it gives None where the operator doesn't fit.
    """

    def __init__(self, rounding: Rounding) -> None:
        self.rounding = rounding
        self.known: dict[Any, Any] = {}
        self.read_already: dict[Pending, Stored] = {}
        self.layers: list[Layer] = []

    def network(self, main: Any, names: Sequence[str]) -> Network:
        """Walk one function; each layer comes after those that it reads, in no other order."""
        inputs = tuple(Value(math.prod(_shape(p)), name) for p, name in zip(main.params, names, strict=True))
        for parameter, value in zip(main.params, inputs, strict=True):
            self.known[parameter] = Stored(value, _shape(parameter))
        for block in main.body.blocks:
            for binding in block.bindings:
                self.known[binding.var] = self._visit(binding.value, _shape(binding.var))
        result = self.known[main.body.body]
        outputs = tuple(self._read(source).value for source in (result if isinstance(result, tuple) else (result,)))
        return Network(inputs, outputs, tuple(self.layers))

    def _visit(self, expression: Any, shape: Shape) -> Any:
        """What the value of one binding stands for."""
        if hasattr(expression, "fields"):  # several outputs
            return tuple(self._operand(field) for field in expression.fields)
        if not hasattr(expression, "op"):
            return self._operand(expression)
        name = getattr(expression.op, "name", str(expression.op))
        operands = [self._operand(argument) for argument in expression.args]
        result = _RULES[name](self, expression, operands, shape) if name in _RULES else None
        if result is None:
            raise ModelError(f"{name} is in TVM's graph where the integer lowering has no rule for it")
        return result

    def _operand(self, expression: Any) -> Any:
        """A known variable, a constant array, or the Relax expression itself (shapes, numbers)."""
        if expression in self.known:
            return self.known[expression]
        value: Any = getattr(expression, "value", None)
        return Array(value.numpy()) if hasattr(value, "numpy") else expression

    def _read(self, source: Stored | Pending) -> Stored:
        """The activation in memory; makes its layer on the first call."""
        if isinstance(source, Stored):
            return source
        if source not in self.read_already:
            layer, self.read_already[source] = make_layer(source, self.rounding)
            self.layers.append(layer)
        return self.read_already[source]

    def dequantize(self, _: Any, operands: list[Any], __: Shape) -> Real | Parameter | None:
        source, scale, zero_point = operands
        scales = tuple(float(number) for number in np.ravel(scale.data))
        zero_points = {int(number) for number in np.ravel(zero_point.data)}
        if isinstance(source, Array):
            return Parameter(source.data, scales) if zero_points == {0} else None
        return Real(self._read(source), scales[0], zero_points.pop()) if len(scales) == 1 else None

    def quantize(self, _: Any, operands: list[Any], __: Shape) -> Pending | Stored | None:
        source, scale, zero_point = operands[0], float(operands[1].data), int(operands[2].data)
        if isinstance(source, Real) and (source.scale, source.zero_point) == (scale, zero_point):
            return source.stored
        if isinstance(source, Clamped):
            bounds = (_integer_bound(bound, scale, zero_point) for bound in (source.low, source.high))
            return Pending(source.expression, scale, zero_point, *bounds)
        return Pending(source, scale, zero_point) if isinstance(source, (Linear, Sum, Softmax)) else None

    def clip(self, _: Any, operands: list[Any], __: Shape) -> Clamped | Pending | None:
        source, low, high = operands[0], float(operands[1].value), float(operands[2].value)
        if isinstance(source, Pending):
            return replace(source, lowest=max(source.lowest, int(low)), highest=min(source.highest, int(high)))
        return _clamped(source, low, high)

    def relu(self, _: Any, operands: list[Any], __: Shape) -> Clamped | None:
        return _clamped(operands[0], 0.0, math.inf)

    def linear(self, call: Any, operands: list[Any], shape: Shape) -> Linear | None:
        data, weights = operands
        if isinstance(data, Real) and isinstance(weights, Parameter):
            return Linear(call, shape, data, weights)
        return None

    def add(self, _: Any, operands: list[Any], __: Shape) -> Linear | Sum | None:
        left, right = operands
        if isinstance(left, Linear) and left.bias is None and isinstance(right, Parameter):
            return replace(left, bias=right.data)
        return Sum(left, right) if isinstance(left, Real) and isinstance(right, Real) else None

    def softmax(self, _: Any, operands: list[Any], __: Shape) -> Softmax | None:
        return Softmax(operands[0]) if isinstance(operands[0], Real) else None

    def pool(self, call: Any, operands: list[Any], shape: Shape) -> Pending | None:
        if not isinstance(operands[0], (Stored, Pending)):
            return None
        pool = Pool(call, shape, self._read(operands[0]))
        return Pending(pool, scale=1.0, zero_point=0)  # which pooling doesn't look at

    def cast(self, _: Any, operands: list[Any], __: Shape) -> Stored | Pending | None:
        """Around pooling only, whose layer reads and writes int8."""
        return operands[0] if isinstance(operands[0], (Stored, Pending)) else None

    def permute(self, call: Any, operands: list[Any], _: Shape) -> Array | None:
        axes = [int(axis) for axis in call.attrs.axes]
        return Array(operands[0].data.transpose(axes)) if isinstance(operands[0], Array) else None

    def reshape(self, _: Any, operands: list[Any], shape: Shape) -> Array | Parameter | Stored | None:
        source = operands[0]
        if isinstance(source, (Array, Parameter)):
            return replace(source, data=source.data.reshape(shape))
        return Stored(self._read(source).value, shape) if isinstance(source, (Stored, Pending)) else None


_RULES: Mapping[str, Callable[[_Walk, Any, list[Any], Shape], Any]] = {
    "relax.add": _Walk.add,
    "relax.astype": _Walk.cast,
    "relax.clip": _Walk.clip,
    "relax.dequantize": _Walk.dequantize,
    "relax.matmul": _Walk.linear,
    "relax.nn.avg_pool2d": _Walk.pool,
    "relax.nn.conv2d": _Walk.linear,
    "relax.nn.max_pool2d": _Walk.pool,
    "relax.nn.relu": _Walk.relu,
    "relax.nn.softmax": _Walk.softmax,
    "relax.permute_dims": _Walk.permute,
    "relax.quantize": _Walk.quantize,
    "relax.reshape": _Walk.reshape,
}


def _shape(variable: Any) -> Shape:
    """The extents of a tensor; nothing for a tuple."""
    return tuple(int(extent) for extent in getattr(variable.ty, "shape", ()))


def _clamped(source: Any, low: float, high: float) -> Clamped | None:
    return Clamped(source, low, high) if isinstance(source, (Linear, Sum)) else None


def _integer_bound(bound: float, scale: float, zero_point: int) -> int:
    """A real bound in steps of the output, within int8."""
    if math.isinf(bound):
        return INT8_HIGHEST if bound > 0 else INT8_LOWEST
    return max(INT8_LOWEST, min(INT8_HIGHEST, quantised_bound(bound, scale, zero_point)))
