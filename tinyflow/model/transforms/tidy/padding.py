"""PAD in front of an operator that can pad by itself: a convolution without padding becomes one with SAME padding.

A `.tflite` knows VALID and SAME only, so this goes where windows begin where those of SAME do. Any other padding stays
an operator in a file; backends whose kernels pad as they like take it along as option `around`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace

from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators.description import Options
from tinyflow.model.operators.shapes import Pair, numbers, pair, same_padding, slid
from tinyflow.model.transforms.whole_operators import Reasons

_PADDING = ("PAD", "PADV2")
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
# a maximum doesn't see the least number of its type
LEAST = {"int8": -128, "uint8": 0, "int16": -32768}


def fold_padding(graph: Graph) -> tuple[Graph, Reasons]:
    """Each operator that can reads what was padded; a PAD that nothing reads any more goes."""
    return _fold(graph, is_file=True)


def fold_any_padding(graph: Graph) -> Graph:
    """The same with option `around` where neither VALID nor SAME says it: what no file can have. See `window`."""
    return _fold(graph, is_file=False)[0]


def _fold(graph: Graph, *, is_file: bool) -> tuple[Graph, Reasons]:
    pads = {operator.outputs[0]: operator for operator in graph.operators if operator.name in _PADDING}
    if not pads:
        return graph, {}
    operators = [_padding_itself(graph, operator, pads, is_file=is_file) for operator in graph.operators]
    needed = {index for operator in operators for index in operator.inputs}.union(graph.outputs)
    gone = pads.keys() - needed
    left = tuple(operator for operator in operators if not gone.intersection(operator.outputs))
    if left == graph.operators:
        return graph, {}
    return replace(graph, operators=left), dict.fromkeys(sorted(gone), "what reads it pads by itself")


def _padding_itself(graph: Graph, operator: Operator, pads: Mapping[int, Operator], *, is_file: bool) -> Operator:
    pad = pads.get(operator.inputs[0]) if operator.inputs else None
    if pad is None or operator.options.get("padding") != "VALID":
        return operator
    source, padded = graph.tensors[pad.inputs[0]], graph.tensors[pad.outputs[0]]
    value, form = _value(graph, pad), (source.dtype, source.quantisation)
    if operator.name in _CONVOLUTIONS:
        unseen, kernel = zero_of(source), graph.tensors[operator.inputs[1]].shape[1:3]
    else:
        unseen = LEAST.get(source.dtype) if operator.name == "MAX_POOL_2D" else None
        kernel = operator.options.get("filter", ())
    if value is None or value != unseen or form != (padded.dtype, padded.quantisation) or source.is_constant:
        return operator
    around = numbers(graph.tensors[pad.inputs[1]])
    if around[0:2] + around[6:8] != [0, 0, 0, 0]:
        return operator
    options = {**operator.options, "padding": "SAME"}
    rows, columns = same_padding(source.shape, (kernel[0], kernel[1]), pair(options, "stride"), _dilation(options))
    # as many windows as before, then what lies behind the last one is read by nobody
    is_same = slid(source.shape, kernel, options) == graph.tensors[operator.outputs[0]].shape[1:3]
    if not is_same or (around[2], around[4]) != (rows[0], columns[0]):
        # no window lies in what is put around alone
        reach = [(size - 1) * spread + 1 for size, spread in zip(kernel, _dilation(options), strict=True)]
        if is_file or max(around[2:4]) >= reach[0] or max(around[4:6]) >= reach[1]:
            return operator
        options = {**operator.options, "around": (tuple(around[2:4]), tuple(around[4:6]))}
    return replace(operator, inputs=(source.index, *operator.inputs[1:]), options=options)


def _dilation(options: Options) -> Pair:
    return pair(options, "dilation") if "dilation" in options else (1, 1)


def zero_of(tensor: Tensor) -> float | None:
    """What adds nothing to a sum of products; None where that isn't known."""
    if tensor.dtype == "float32":
        return 0
    scheme = tensor.quantisation
    return None if scheme is None or scheme.is_per_channel else scheme.zero_point


def _value(graph: Graph, pad: Operator) -> float | None:
    """What is put around; None where only a run tells it."""
    if graph.tensors[pad.inputs[1]].data is None:
        return None
    if len(pad.inputs) < 3:
        return zero_of(graph.tensors[pad.outputs[0]])
    value = graph.tensors[pad.inputs[2]]
    code = ELEMENT_TYPES[value.dtype].code
    known = value.data is not None and value.elements == 1 and code
    return float(struct.unpack(f"<{code}", value.data or b"")[0]) if known else None
