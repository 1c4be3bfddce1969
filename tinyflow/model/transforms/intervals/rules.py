"""What operators do to bounds. Each rule is exact where its inputs are, and sound where they are not.

All of TFLite's integer kernels with a rule here are monotone in each input element (rising or falling), so the bounds
of the output are the kernel's own results at the bounds of the inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tinyflow.model.arithmetic import sums
from tinyflow.model.fixed_point import (
    ADD_LEFT_SHIFT,
    INT32_MAX,
    INT32_MIN,
    Integers,
    Rescaling,
    activation_range,
    add_factors,
)
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import VIEWS, WEIGHTED
from tinyflow.model.transforms import interpreted
from tinyflow.model.transforms.intervals.bounds import Bounds
from tinyflow.model.weighted import Weighted, Window, integers, weighted, whole, window

# Elements under all positions of a window, and of its padded input: far above any layer of a network for
# microcontrollers, and a fraction of a second. A file of 1 KB can ask for any number.
_MOST_ELEMENTS = 1 << 24

_Rule = Callable[[Graph, Operator, Sequence[Bounds]], "Bounds | None"]


def output_bounds(graph: Graph, operator: Operator, known: Mapping[int, Bounds]) -> Bounds | None:
    """Bounds of the first output; None where nothing is known."""
    rule = _RULES.get(operator.name)
    read = [known.get(index) for index in operator.inputs if index >= 0]
    present = [bounds for bounds in read if bounds is not None]
    if rule is None or len(present) != len(read):
        return None
    try:
        return rule(graph, operator, present)
    except ValueError:  # not the int8 form that the rule is about
        return None


def accumulate(layer: Weighted, bounds: Bounds) -> Bounds:
    """Bounds of a weighted operator's accumulators, [N, H, W, out], bias included."""
    low, high = (_source(layer, values) - layer.input_zero_point for values in (bounds.low, bounds.high))
    rising, falling = np.maximum(layer.weights, 0), np.minimum(layer.weights, 0)
    least = _sums(layer, low, rising) + _sums(layer, high, falling) + layer.bias
    most = _sums(layer, high, rising) + _sums(layer, low, falling) + layer.bias
    return Bounds(least, most)


def _source(layer: Weighted, values: Integers) -> Integers:
    """What is read, [N, H, W, C]; each row of a fully connected layer is an N."""
    channels = layer.weights.shape[2] if layer.is_depthwise else layer.weights.shape[3]
    return values if values.ndim == 4 and values.shape[3] == channels else values.reshape(-1, 1, 1, channels)


def _sums(layer: Weighted, source: Integers, weights: Integers) -> Integers:
    require_modest(source.shape, layer.window)
    return (sums.convolved_depthwise if layer.is_depthwise else sums.convolved)(source, weights, layer.window)


def require_modest(shape: tuple[int, ...], slides: Window) -> None:
    """Raise ValueError for more elements under a window than can be looked at."""
    if sums.elements(shape, slides) > _MOST_ELEMENTS:
        raise ValueError(f"a window over {shape} sees too many elements")


def finish(layer: Weighted, accumulators: Integers) -> Integers:
    """Outputs of accumulators."""
    moved = layer.rescaling.apply(accumulators) + layer.output_zero_point
    return np.clip(moved, layer.lowest, layer.highest)


def _weighted(graph: Graph, operator: Operator, read: Sequence[Bounds]) -> Bounds:
    layer = weighted(graph, operator)
    total = accumulate(layer, read[0])
    exact = layer.rescaling.is_exact(total.low, total.high)
    low = np.where(exact, finish(layer, np.maximum(total.low, INT32_MIN)), layer.lowest)
    high = np.where(exact, finish(layer, np.minimum(total.high, INT32_MAX)), layer.highest)
    return Bounds(low.reshape(layer.output.shape), high.reshape(layer.output.shape))


def _add(graph: Graph, operator: Operator, read: Sequence[Bounds]) -> Bounds:
    """ADD and SUB; the second input of SUB is negated after it was rescaled."""
    left, right = (whole(graph.tensors[index]) for index in operator.inputs)
    made = whole(graph.tensors[operator.outputs[0]])
    scales = [Rescaling.of([real]) for real in add_factors(left.scale, right.scale, made.scale)]
    lowest, highest = activation_range(str(operator.options["activation"]), made.scale, made.zero_point)
    sign = -1 if operator.name == "SUB" else 1

    def add(a: Integers, b: Integers) -> Integers:
        first = scales[0].apply((a - left.zero_point) << ADD_LEFT_SHIFT)
        return first + sign * scales[1].apply((b - right.zero_point) << ADD_LEFT_SHIFT)

    a, b = read
    low, high = add(a.low, b.low if sign > 0 else b.high), add(a.high, b.high if sign > 0 else b.low)
    if not scales[2].is_exact(low[..., None], high[..., None]).all():
        raise ValueError("sums that leave int32 on the way")
    low, high = (np.clip(scales[2].apply(total) + made.zero_point, lowest, highest) for total in (low, high))
    return Bounds(low, high)


def _pool(graph: Graph, operator: Operator, read: Sequence[Bounds]) -> Bounds:
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    size = operator.options["filter"]
    assert isinstance(size, tuple), "readers give pairs"
    slides = window(graph, operator, (size[0], size[1]))
    made = whole(output)
    if whole(source) != made:
        raise ValueError("a pool that rescales has no integer kernel")
    lowest, highest = activation_range(str(operator.options["activation"]), made.scale, made.zero_point)
    require_modest(source.shape, slides)
    pool = sums.largest if operator.name == "MAX_POOL_2D" else sums.average
    low, high = (np.clip(pool(values, slides), lowest, highest) for values in (read[0].low, read[0].high))
    return Bounds(low, high)


def _rearranged(graph: Graph, operator: Operator, read: Sequence[Bounds]) -> Bounds:
    shape = graph.tensors[operator.outputs[0]].shape
    return Bounds(read[0].low.reshape(shape), read[0].high.reshape(shape))


def _pad(graph: Graph, operator: Operator, read: Sequence[Bounds]) -> Bounds:
    source = graph.tensors[operator.inputs[0]]
    around = integers(graph.tensors[operator.inputs[1]]).tolist()
    value = whole(source).zero_point
    if len(operator.inputs) > 2:
        value = int(integers(graph.tensors[operator.inputs[2]]).reshape(-1)[0])
    low, high = (np.pad(values, around, constant_values=value) for values in (read[0].low, read[0].high))
    return Bounds(low, high)


def _concatenated(graph: Graph, operator: Operator, read: Sequence[Bounds]) -> Bounds:
    made = whole(graph.tensors[operator.outputs[0]])
    if any(whole(graph.tensors[index]) != made for index in operator.inputs):
        raise ValueError("a concatenation that rescales has no integer kernel")
    axis = operator.options["axis"]
    assert isinstance(axis, int), "readers give a number"
    return Bounds(
        np.concatenate([bounds.low for bounds in read], axis), np.concatenate([bounds.high for bounds in read], axis)
    )


def _minmax(graph: Graph, operator: Operator, read: Sequence[Bounds]) -> Bounds:
    if len({whole(graph.tensors[index]) for index in (*operator.inputs, *operator.outputs)}) > 1:
        raise ValueError("an extreme that rescales has no integer kernel")
    choose = np.minimum if operator.name == "MINIMUM" else np.maximum
    a, b = read
    return Bounds(choose(a.low, b.low), choose(a.high, b.high))


def _tabled(graph: Graph, operator: Operator, read: Sequence[Bounds]) -> Bounds | None:
    """A function of single elements, rising or not: the extremes of its table between the bounds."""
    for index in (operator.inputs[0], operator.outputs[0]):
        whole(graph.tensors[index])
    values = interpreted.table(graph, operator)
    if values is None:
        return None
    # row i, column j: over the values from i to j
    least, most = (
        np.array([extreme.accumulate(np.concatenate([np.full(i, values[i]), values[i:]])) for i in range(256)])
        for extreme in (np.minimum, np.maximum)
    )
    ends = read[0].low + 128, read[0].high + 128
    return Bounds(least[ends], most[ends])


def _at_the_ends(graph: Graph, operator: Operator, read: Sequence[Bounds]) -> Bounds | None:
    """An operator of one rising activation, by the interpreter: its results at both bounds."""
    source = operator.inputs[0]
    for index in (source, operator.outputs[0]):
        whole(graph.tensors[index])
    if any(not graph.tensors[index].is_constant for index in operator.inputs[1:]):
        return None
    ends = [interpreted.run(graph, operator, {source: values}) for values in (read[0].low, read[0].high)]
    low, high = ends
    return None if low is None or high is None else Bounds(low[0], high[0])


_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(WEIGHTED, _weighted),
    **dict.fromkeys(("ADD", "SUB"), _add),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), _pool),
    **dict.fromkeys(VIEWS, _rearranged),
    **dict.fromkeys(("PAD", "PADV2"), _pad),
    **dict.fromkeys(("MINIMUM", "MAXIMUM"), _minmax),
    **dict.fromkeys(("RELU", "RELU6", "LEAKY_RELU", "HARD_SWISH", "LOGISTIC", "TANH", "QUANTIZE"), _tabled),
    **dict.fromkeys(("MEAN", "TRANSPOSE", "STRIDED_SLICE", "SLICE", "RESIZE_NEAREST_NEIGHBOR"), _at_the_ends),
    "CONCATENATION": _concatenated,
}
