"""What operators of constants compute, of any element type: bit for bit what the reference kernels do, or nothing.

Only what is exact in every implementation has a rule here: elements that are moved, integers, conversions, and single
operations of IEEE 754, which numpy computes as C does. Shapes that a network computes are such constants, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyflow.model.arithmetic import unary
from tinyflow.model.arithmetic.evaluate import evaluate
from tinyflow.model.arithmetic.moving import MOVING, results
from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators import describe
from tinyflow.model.operators.forms import QUANTISED, check_form, form_of, rescaled
from tinyflow.model.weighted import constant_values

Array = npt.NDArray[Any]
_Rule = Callable[[Graph, Operator, Sequence[Array]], "Array | Sequence[Array]"]

# A constant of more bytes than this, and than so many times what it is made of, is computed on the chip as it was.
_LARGE_BYTES = 4096
_LARGEST_GROWTH = 4
# a fraction of a second; a file of 1 KB can ask for any number
_MOST_MACS = 1 << 24


def computed(graph: Graph, operator: Operator) -> list[bytes] | None:
    """The bytes of all outputs of an operator that reads nothing but constants and shapes.

    None where it reads anything else, where no rule knows what it computes, and where that is large.
    """
    rule = _RULES.get(operator.name)
    written = [graph.tensors[index] for index in operator.outputs]
    read = [graph.tensors[index] for index in operator.inputs if index >= 0]
    is_known = operator.name in _OF_SHAPES or all(tensor.is_constant for tensor in read)
    if rule is None or not is_known or not all(ELEMENT_TYPES[tensor.dtype].code for tensor in (*read, *written)):
        return None
    count = describe(operator.name).macs
    if count is not None and count(operator.options, [tensor.shape for tensor in read], written[0].shape) > _MOST_MACS:
        return None
    size, least = (sum(tensor.size_bytes for tensor in tensors) for tensors in (written, read))
    if size > max(_LARGE_BYTES, _LARGEST_GROWTH * least):
        return None
    try:
        check_form(graph, operator)
        if rescaled(graph, operator):
            return None
        with np.errstate(all="ignore"):
            found = rule(
                graph, operator, [] if operator.name in _OF_SHAPES else [constant_values(tensor) for tensor in read]
            )
    except (ValueError, OverflowError):
        return None
    made = [found] if isinstance(found, np.ndarray) else found
    if [array.size for array in made] != [tensor.elements for tensor in written]:
        return None
    if any(array.dtype.kind == "f" and np.isnan(array).any() for array in made):
        return None  # of NaN, implementations choose as they like
    return [array.astype(_dtype(tensor), copy=False).tobytes() for array, tensor in zip(made, written, strict=True)]


def _dtype(tensor: Tensor) -> np.dtype[Any]:
    return np.dtype(f"<{ELEMENT_TYPES[tensor.dtype].code}")


def _int8(graph: Graph, operator: Operator, read: Sequence[Array]) -> Array:
    """By the rules that all of int8 have; ValueError for any other type."""
    if form_of(graph, operator) != "int8":
        raise ValueError("not int8")
    return evaluate(graph, operator, *(array.astype(np.int64) for array in read))


def _plain(function: Callable[..., Array]) -> _Rule:
    """An operator element by element where nothing is quantised; of int8, as all int8 operators."""

    def rule(graph: Graph, operator: Operator, read: Sequence[Array]) -> Array:
        if form_of(graph, operator) in QUANTISED or read[0].dtype == np.uint8:
            return _int8(graph, operator, read)
        activation = operator.options.get("activation", "NONE")
        low, high = {"NONE": (None, None), "RELU": (0, None), "RELU6": (0, 6), "RELU_N1_TO_1": (-1, 1)}[activation]
        made = function(*read)
        return made if low is None else np.clip(made, low, high).astype(made.dtype)

    return rule


def _floor_mod(a: Array, b: Array) -> Array:
    if a.dtype.kind == "f":
        raise ValueError("a remainder of floats")
    return np.mod(_divisible(a, b), b)


def _floor_div(a: Array, b: Array) -> Array:
    return np.floor(a / b) if a.dtype.kind == "f" else np.floor_divide(_divisible(a, b), b)


def _quotient(a: Array, b: Array) -> Array:
    """Of integers towards zero, as C divides."""
    if a.dtype.kind == "f":
        return a / b
    quotient: Array = np.sign(a) * np.sign(b) * (np.abs(_divisible(a, b)) // np.abs(b))
    return quotient


def _divisible(a: Array, b: Array) -> Array:
    if a.dtype.kind != "f" and not b.all():
        raise ValueError("division by zero")
    return a


def _cast(graph: Graph, operator: Operator, read: Sequence[Array]) -> Array:
    """What doesn't fit an integer type has no value in C."""
    (source,), wanted = read, _dtype(graph.tensors[operator.outputs[0]])
    if wanted.kind in "iu" and source.dtype.kind == "f":
        limits = np.iinfo(wanted)
        if not ((source > limits.min - 1) & (source < limits.max + 1)).all():
            raise ValueError("a number out of range")
    return source.astype(wanted)


def _dequantise(graph: Graph, operator: Operator, read: Sequence[Array]) -> Array:
    """Of float16 the number itself; of integers the product in double, rounded once: dequantize.h of TFLite."""
    tensor, (source,) = graph.tensors[operator.inputs[0]], read
    if source.dtype.kind == "f":
        return source.astype(np.float32)
    scheme = tensor.quantisation
    if scheme is None:
        raise ValueError("no scale")
    shape = [1] * source.ndim
    if scheme.is_per_channel:
        shape[scheme.axis] = -1
    scales, zero_points = np.array(scheme.scales).reshape(shape), np.array(scheme.zero_points).reshape(shape)
    real: Array = scales * (source.astype(np.int64) - zero_points)
    return real.astype(np.float32)


def _gather(_graph: Graph, operator: Operator, read: Sequence[Array]) -> Array:
    source, indices = read
    axis = operator.options["axis"] % max(source.ndim, 1)
    if operator.options["batch_dims"] or not ((indices >= 0) & (indices < source.shape[axis])).all():
        raise ValueError("another kind of gathering")
    return np.take(source, indices, axis)


def _reduce(function: Any) -> _Rule:
    def rule(_graph: Graph, _operator: Operator, read: Sequence[Array]) -> Array:
        source, axes = read
        if source.dtype.kind == "f" and function is np.multiply:
            raise ValueError("an order of products")
        return np.asarray(function.reduce(source, tuple(axes.reshape(-1).tolist()), dtype=source.dtype))

    return rule


_OF_SHAPES: Mapping[str, _Rule] = {
    "SHAPE": lambda graph, operator, _: np.array(graph.tensors[operator.inputs[0]].shape, np.int64),
    "RANK": lambda graph, operator, _: np.array(len(graph.tensors[operator.inputs[0]].shape)),
}
_ELEMENTWISE: Mapping[str, Callable[..., Array]] = {
    "ADD": np.add,
    "SUB": np.subtract,
    "MUL": np.multiply,
    "DIV": _quotient,
    "FLOOR_DIV": _floor_div,
    "FLOOR_MOD": _floor_mod,
    "MAXIMUM": np.maximum,
    "MINIMUM": np.minimum,
    "EQUAL": np.equal,
    "NOT_EQUAL": np.not_equal,
    "GREATER": np.greater,
    "GREATER_EQUAL": np.greater_equal,
    "LESS": np.less,
    "LESS_EQUAL": np.less_equal,
    "LOGICAL_AND": np.logical_and,
    "LOGICAL_OR": np.logical_or,
    "LOGICAL_NOT": np.logical_not,
    "SELECT_V2": np.where,
    "NEG": np.negative,
    "ABS": np.abs,
    "SQUARE": np.square,
    "SQRT": np.sqrt,
}
_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys((*unary.RESULTS, "FULLY_CONNECTED", "SOFTMAX", "MEAN"), _int8),
    **{name: _plain(function) for name, function in _ELEMENTWISE.items()},
    **dict.fromkeys(MOVING, results),
    **_OF_SHAPES,
    "CAST": _cast,
    "DEQUANTIZE": _dequantise,
    "GATHER": _gather,
    "REDUCE_PROD": _reduce(np.multiply),
    "REDUCE_MAX": _reduce(np.maximum),
    "REDUCE_MIN": _reduce(np.minimum),
}
