"""Operators that move bytes or take any shape: what their C checks, checked here, so that no chip has to refuse."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyflow.backends.tinyi.memory_request import MemoryRequest, Unsupported, exactly, same_quantisation
from tinyflow.model.fixed_point import rescaling_factor
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.weighted import integers, whole

# of elements of a sum
_MOST_ELEMENTS = 1 << 22
# of relu6(x + 3) in HARD_SWISH
_RELUISH_SCALE = np.float32(3 / 32768)
_OTHER_SHAPE = ("the output has another shape than the operator gives", "convert again")


def repeated(shape: Sequence[int], made: Sequence[int]) -> None:
    """Raises Unsupported for an input whose dimensions are neither 1 nor the output's."""
    long = (1,) * (len(made) - len(shape)) + tuple(shape)
    if len(long) > len(made) or any(size not in (1, wanted) for size, wanted in zip(long, made, strict=True)):
        raise Unsupported(f"the shapes {tuple(shape)} and {tuple(made)} don't go together", "convert again")


def _operands(graph: Graph, operator: Operator) -> tuple[Tensor, Tensor]:
    """Input and output."""
    return graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]


def _list(graph: Graph, operator: Operator, position: int) -> list[int]:
    """An int32 constant."""
    tensor = graph.tensors[operator.inputs[position]]
    if tensor.dtype != "int32" or tensor.data is None:
        raise Unsupported(f"{tensor.name} is no constant of int32", "convert with constant shapes")
    found: list[int] = integers(tensor).reshape(-1).tolist()
    return found


def _axis(axis: int, tensor: Tensor) -> int:
    if not -len(tensor.shape) <= axis < len(tensor.shape):
        raise Unsupported(f"{tensor.name} has no axis {axis}", "convert again")
    return axis % len(tensor.shape)


def _require(is_met: bool) -> None:
    if not is_met:
        raise Unsupported(*_OTHER_SHAPE)


def pad(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """PAD, PADV2: tinyi/src/pad.c."""
    source, output = _operands(graph, operator)
    same_quantisation([source, output])
    numbers = _list(graph, operator, 1)
    _require(len(numbers) == 2 * len(source.shape) == 2 * len(output.shape) and min(numbers) >= 0)
    sizes = zip(source.shape, numbers[0::2], numbers[1::2], output.shape, strict=True)
    _require(all(before + size + after == made for size, before, after, made in sizes))
    if len(operator.inputs) > 2:
        value = graph.tensors[operator.inputs[2]]
        same_quantisation([value, output])
        if not value.is_constant or value.elements != 1:
            raise Unsupported(f"{value.name} is no constant number", "convert with constant shapes")
    return MemoryRequest()


def _pieces(pieces: Sequence[Tensor], all_of_it: Tensor, axis: int) -> None:
    same_quantisation([*pieces, all_of_it])
    axis = _axis(axis, all_of_it)
    shapes = {(*piece.shape[:axis], 0, *piece.shape[axis + 1 :]) for piece in pieces}
    _require(shapes == {(*all_of_it.shape[:axis], 0, *all_of_it.shape[axis + 1 :])})
    _require(sum(piece.shape[axis] for piece in pieces) == all_of_it.shape[axis])


def concatenation(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """CONCATENATION: tinyi/src/pieces.c."""
    axis = operator.options["axis"]
    assert isinstance(axis, int), "readers give a number"
    _pieces([graph.tensors[index] for index in operator.inputs], graph.tensors[operator.outputs[0]], axis)
    if operator.options["activation"] != "NONE":
        raise Unsupported("a fused activation is not supported", "put it behind the concatenation")
    return MemoryRequest()


def split(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """SPLIT, which names its axis first: tinyi/src/pieces.c."""
    axis = _list(graph, operator, 0)
    _require(len(axis) == 1)
    _pieces([graph.tensors[index] for index in operator.outputs], graph.tensors[operator.inputs[1]], axis[0])
    return MemoryRequest()


def transpose(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """TRANSPOSE: tinyi/src/gather.c."""
    source, output = _operands(graph, operator)
    same_quantisation([source, output])
    order = [_axis(axis, source) for axis in _list(graph, operator, 1)]
    _require(sorted(order) == list(range(len(source.shape))))
    _require(tuple(source.shape[axis] for axis in order) == tuple(output.shape))
    return MemoryRequest()


def slice_(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """SLICE: tinyi/src/gather.c."""
    source, output = _operands(graph, operator)
    same_quantisation([source, output])
    begins, sizes = _list(graph, operator, 1), _list(graph, operator, 2)
    _require(len(begins) == len(sizes) == len(source.shape) == len(output.shape))
    for size, begin, wanted, made in zip(source.shape, begins, sizes, output.shape, strict=True):
        count = size - begin if wanted == -1 else wanted
        _require(0 <= begin < size and 1 <= count <= size - begin and count == made)
    return MemoryRequest()


def strided_slice(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """STRIDED_SLICE, as Python's slices: tinyi/src/gather.c."""
    source, output = _operands(graph, operator)
    same_quantisation([source, output])
    masks = [operator.options[f"{name}_mask"] for name in ("begin", "end", "shrink_axis", "ellipsis", "new_axis")]
    begin_mask, end_mask, shrink_mask, *others = (mask for mask in masks if isinstance(mask, int))
    if any(others):
        raise Unsupported("an ellipsis or a new axis is not supported", "spell all axes out")
    if operator.options.get("offset"):
        raise Unsupported("ends counted from beginnings are not supported", "convert with an older converter")
    begins, ends, steps = (_list(graph, operator, position) for position in (1, 2, 3))
    _require(len(begins) == len(ends) == len(steps) <= len(source.shape))
    elements = math.prod(source.shape[len(begins) :])
    for axis, (size, begin, end, step) in enumerate(zip(source.shape, begins, ends, steps, strict=False)):
        if shrink_mask >> axis & 1:
            _require(-size <= begin < size)
            continue
        if step == 0 or abs(step) > 1 << 16:
            raise Unsupported(f"a stride of {step} is not supported")
        part = slice(None if begin_mask >> axis & 1 else begin, None if end_mask >> axis & 1 else end, step)
        elements *= len(range(*part.indices(size)))
    _require(elements == output.elements)
    return MemoryRequest()


def mean(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """MEAN: tinyi/src/mean.c."""
    source, output = _operands(graph, operator)
    rescaling_factor(whole(source).scale / whole(output).scale)
    axes = {_axis(axis, source) for axis in _list(graph, operator, 1)}
    count = math.prod(source.shape[axis] for axis in axes)
    if count > _MOST_ELEMENTS:
        raise Unsupported(f"a mean of {count} elements is not supported")
    _require(source.elements // count == output.elements)
    return MemoryRequest()


def resize_nearest(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """RESIZE_NEAREST_NEIGHBOR: tinyi/src/resize_nearest.c. Scratch: which row and column each is taken from."""
    source, output = _operands(graph, operator)
    same_quantisation([source, output])
    _require(len(source.shape) == len(output.shape) == 4)
    _require((source.shape[0], source.shape[3]) == (output.shape[0], output.shape[3]))
    _require(_list(graph, operator, 1) == list(output.shape[1:3]))
    return exactly(4 * sum(output.shape[1:3]))


def leaky_relu(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """LEAKY_RELU: tinyi/src/leaky_relu.c."""
    source, output = _operands(graph, operator)
    slope = operator.options["alpha"]
    assert isinstance(slope, float), "readers give a number"
    if not slope >= 0:
        raise Unsupported(f"a slope of {slope} is not supported", "use one that is not negative")
    given, made = np.float32(whole(source).scale), np.float32(whole(output).scale)
    with np.errstate(all="ignore"):  # what leaves float32 is refused
        rescaling_factor(float(given / made))
        rescaling_factor(float(given * np.float32(slope) / made))
    return MemoryRequest(in_place=(0,))


def hard_swish(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """HARD_SWISH: tinyi/src/hard_swish.c."""
    source, output = _operands(graph, operator)
    with np.errstate(all="ignore"):
        fine = np.float32(1 / 128) * np.float32(whole(source).scale)
        rescaling_factor(float(fine / _RELUISH_SCALE))
        scaled = rescaling_factor(float(fine / np.float32(whole(output).scale)))
    if scaled[1] > 0:
        raise Unsupported("the output's scale is too small for its input's", "quantise with TFLite's converter")
    return MemoryRequest(in_place=(0,))
