"""What operators do to bounds. Each rule is exact where its inputs are, and sound where they are not.

All of TFLite's integer kernels with a rule here are monotone in each input element (rising or falling), so the bounds
of the output are the kernel's own results at the bounds of the inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tinyflow.model.arithmetic import binary, mean, sums, unary
from tinyflow.model.arithmetic.evaluate import accumulated, evaluate, finished, pool_window
from tinyflow.model.fixed_point import INT32_MAX, INT32_MIN, Rescaling
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import VIEWS, WEIGHTED
from tinyflow.model.operators.int8 import check_form
from tinyflow.model.transforms.intervals.bounds import Bounds
from tinyflow.model.weighted import Window, weighted

# Elements under all positions of a window, and of its padded input: far above any layer of a network for
# microcontrollers, and a fraction of a second. A file of 1 KB can ask for any number.
_MOST_ELEMENTS = 1 << 24

_Rule = Callable[[Graph, Operator, Sequence[Bounds]], Bounds]


def output_bounds(graph: Graph, operator: Operator, known: Mapping[int, Bounds]) -> Bounds | None:
    """Bounds of the first output; None where nothing is known."""
    rule = _RULES.get(operator.name)
    read = [known.get(index) for index in operator.inputs if index >= 0]
    present = [bounds for bounds in read if bounds is not None]
    if rule is None or len(present) != len(read):
        return None
    try:
        check_form(graph, operator)
        return rule(graph, operator, present)
    except ValueError:  # not the int8 form that the rule is about
        return None


def require_modest(shape: tuple[int, ...], slides: Window) -> None:
    """Raise ValueError for more elements under a window than can be looked at."""
    if sums.elements(shape, slides) > _MOST_ELEMENTS:
        raise ValueError(f"a window over {shape} sees too many elements")


def _weighted(graph: Graph, operator: Operator, read: Sequence[Bounds]) -> Bounds:
    """By the accumulators' bounds, where these stay within int32 on the way to the outputs."""
    layer = weighted(graph, operator)
    if layer.window != Window():
        require_modest(layer.source.shape, layer.window)
    low, high = read[0].low, read[0].high
    rising, falling = np.maximum(layer.weights, 0), np.minimum(layer.weights, 0)
    least = accumulated(layer, low, rising) + accumulated(layer, high, falling) + layer.bias
    most = accumulated(layer, high, rising) + accumulated(layer, low, falling) + layer.bias
    exact = layer.rescaling.is_exact(least, most)
    low = np.where(exact, finished(layer, np.maximum(least, INT32_MIN)), layer.lowest)
    high = np.where(exact, finished(layer, np.minimum(most, INT32_MAX)), layer.highest)
    return Bounds(low.reshape(layer.output.shape), high.reshape(layer.output.shape))


def _add(graph: Graph, operator: Operator, read: Sequence[Bounds]) -> Bounds:
    """ADD rises with both, SUB falls with the second."""
    constants = binary.constants_of(graph, operator)
    a, b = read
    least, most = (b.high, b.low) if operator.name == "SUB" else (b.low, b.high)
    low, high = (binary.total(operator.name, constants, *pair) for pair in ((a.low, least), (a.high, most)))
    names = ("output_multiplier", "output_multiplier_shift")
    rescaling = Rescaling(*(np.array([constants[name]], np.int64) for name in names))
    if not rescaling.is_exact(low[..., None], high[..., None]).all():
        raise ValueError("sums that leave int32 on the way")
    return Bounds(binary.rescaled(constants, low), binary.rescaled(constants, high))


def _rising(graph: Graph, operator: Operator, read: Sequence[Bounds]) -> Bounds:
    """An operator that rises with each input: its results at both bounds."""
    low, high = [each.low for each in read], [each.high for each in read]
    return Bounds(evaluate(graph, operator, *low), evaluate(graph, operator, *high))


def _pool(graph: Graph, operator: Operator, read: Sequence[Bounds]) -> Bounds:
    require_modest(graph.tensors[operator.inputs[0]].shape, pool_window(graph, operator))
    return _rising(graph, operator, read)


def _tabled(graph: Graph, operator: Operator, read: Sequence[Bounds]) -> Bounds:
    """A function of single elements, rising or not: the extremes of its table between the bounds."""
    values = unary.RESULTS[operator.name](unary.constants_of(graph, operator), unary.VALUES)
    # row i, column j: over the values from i to j
    least, most = (
        np.array([extreme.accumulate(np.concatenate([np.full(i, values[i]), values[i:]])) for i in range(256)])
        for extreme in (np.minimum, np.maximum)
    )
    ends = read[0].low + 128, read[0].high + 128
    return Bounds(least[ends], most[ends])


def _mean(graph: Graph, operator: Operator, read: Sequence[Bounds]) -> Bounds:
    count = graph.tensors[operator.inputs[0]].elements // graph.tensors[operator.outputs[0]].elements
    if 255 * count << max(mean.constants_of(graph, operator)["shift"], 0) > INT32_MAX:
        raise ValueError("sums that leave int32 on the way")
    return _rising(graph, operator, read)


_RISING = ("PAD", "PADV2", "MINIMUM", "MAXIMUM", "CONCATENATION", "TRANSPOSE", "STRIDED_SLICE", "SLICE")
_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(WEIGHTED, _weighted),
    **dict.fromkeys(("ADD", "SUB"), _add),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), _pool),
    **dict.fromkeys((*VIEWS, *_RISING, "RESIZE_NEAREST_NEIGHBOR"), _rising),
    **dict.fromkeys(unary.RESULTS, _tabled),
    "MEAN": _mean,
}
