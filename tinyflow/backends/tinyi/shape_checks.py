"""Operators that move bytes or take any shape: what their C checks, checked here, so that no chip has to refuse."""

from __future__ import annotations

from tinyflow.backends.tinyi.memory_request import MemoryRequest, Unsupported, exactly
from tinyflow.model.arithmetic.mean import constants_of as mean_constants_of
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.weighted import integers

# of elements of a sum
_MOST_ELEMENTS = 1 << 22
_LARGEST_STEP = 1 << 16


def _numbers(graph: Graph, operator: Operator, position: int) -> list[int]:
    found: list[int] = integers(graph.tensors[operator.inputs[position]]).reshape(-1).tolist()
    return found


def pad(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """PAD, PADV2: tinyi/src/pad.c."""
    for index in operator.inputs[2:]:
        if not graph.tensors[index].is_constant:
            raise Unsupported(f"{graph.tensors[index].name} is no constant number", "convert with constant shapes")
    return MemoryRequest()


def concatenation(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """CONCATENATION: tinyi/src/pieces.c."""
    if operator.options["activation"] != "NONE":
        raise Unsupported("a fused activation is not supported", "put it behind the concatenation")
    return MemoryRequest()


def strided_slice(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """STRIDED_SLICE, as Python's slices: tinyi/src/gather.c."""
    if operator.options["ellipsis_mask"] or operator.options["new_axis_mask"]:
        raise Unsupported("an ellipsis or a new axis is not supported", "spell all axes out")
    if operator.options["offset"]:
        raise Unsupported("ends counted from beginnings are not supported", "convert with an older converter")
    steps = _numbers(graph, operator, 3)
    if max(map(abs, steps), default=0) > _LARGEST_STEP:
        raise Unsupported(f"strides of {steps} are not supported")
    return MemoryRequest()


def mean(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """MEAN: tinyi/src/mean.c."""
    mean_constants_of(graph, operator)
    count = graph.tensors[operator.inputs[0]].elements // graph.tensors[operator.outputs[0]].elements
    if count > _MOST_ELEMENTS:
        raise Unsupported(f"a mean of {count} elements is not supported")
    return MemoryRequest()


def resize_nearest(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """RESIZE_NEAREST_NEIGHBOR: tinyi/src/resize_nearest.c. Scratch: which row and column each is taken from."""
    return exactly(4 * sum(graph.tensors[operator.outputs[0]].shape[1:3]))
