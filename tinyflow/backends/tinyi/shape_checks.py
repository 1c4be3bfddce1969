"""Operators that move bytes or take any shape: what their C checks, checked here, so that no chip has to refuse."""

from __future__ import annotations

import numpy as np

from tinyflow.backends.tinyi.memory_request import MemoryRequest, Unsupported, exactly
from tinyflow.model.fixed_point import rescaling_factor
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.weighted import integers, whole

# of elements of a sum
_MOST_ELEMENTS = 1 << 22
_LARGEST_STEP = 1 << 16
# of relu6(x + 3) in HARD_SWISH
_RELUISH_SCALE = np.float32(3 / 32768)


def _operands(graph: Graph, operator: Operator) -> tuple[Tensor, Tensor]:
    """Input and output."""
    return graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]


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
    source, output = _operands(graph, operator)
    rescaling_factor(whole(source).scale / whole(output).scale)
    count = source.elements // output.elements
    if count > _MOST_ELEMENTS:
        raise Unsupported(f"a mean of {count} elements is not supported")
    return MemoryRequest()


def resize_nearest(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """RESIZE_NEAREST_NEIGHBOR: tinyi/src/resize_nearest.c. Scratch: which row and column each is taken from."""
    return exactly(4 * sum(graph.tensors[operator.outputs[0]].shape[1:3]))


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
