"""Interval analysis: for every element of every tensor the least and the largest integer that any input can give.

Elements are looked at one by one, borders included, so a channel that padding makes uneven is seen as uneven. Every
rule takes bounds in and gives bounds that hold for all values between them; where there is no rule, the whole range of
the type is the answer. The arithmetic is TFLM's reference kernels'.

All of TFLite's integer kernels with a rule here are monotone in each input element (rising or falling), so the bounds
of the output are the kernel's own results at the bounds of the inputs. Each rule is exact where its inputs are, and
sound where they are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tinyflow.model.arithmetic import binary, mean, unary, window_sums
from tinyflow.model.arithmetic.evaluate import accumulated, evaluate, finished
from tinyflow.model.fixed_point import INT32_MAX, INT32_MIN, Integers, Rescaling
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import VIEWS, WEIGHTED
from tinyflow.model.operators.forms import check_form
from tinyflow.model.weighted import Window, integers, weighted, window

# Elements of all bounds that were computed; beyond, nothing is known of an activation. 16 bytes each.
_MOST_ELEMENTS = 1 << 23
# Elements under all positions of a window, and of its padded input: far above any layer of a network for
# microcontrollers, and a fraction of a second. A file of 1 KB can ask for any number.
_MOST_UNDER_WINDOWS = 1 << 24


class Bounds(NamedTuple):
    """The least and the largest value of each element; both arrays have the tensor's shape."""

    low: Integers
    high: Integers

    @property
    def fixed(self) -> npt.NDArray[np.bool_]:
        """Which elements have the same value for every input."""
        fixed: npt.NDArray[np.bool_] = self.low == self.high
        return fixed


_Rule = Callable[[Graph, Operator, Sequence[Bounds]], Bounds]


def analyse(graph: Graph) -> Mapping[int, Bounds]:
    """Tensor → bounds, for graph inputs, int8 and int32 constants and whatever operators write in int8."""
    known: dict[int, Bounds] = {}
    for tensor in graph.tensors:
        if tensor.is_constant and tensor.dtype in ("int8", "int32"):
            values = integers(tensor)
            known[tensor.index] = Bounds(values, values)
        elif tensor.dtype == "int8":
            # the whole range of the type; these arrays have no memory of their own, whatever the shape
            known[tensor.index] = Bounds(*(np.broadcast_to(np.int64(value), tensor.shape) for value in (-128, 127)))
    left = _MOST_ELEMENTS
    for operator in graph.operators:
        elements = sum(graph.tensors[index].elements for index in (*operator.inputs, *operator.outputs) if index >= 0)
        computed = _output_bounds(graph, operator, known) if elements <= left else None
        if computed is not None and graph.tensors[operator.outputs[0]].dtype == "int8":
            left -= computed.low.size
            known[operator.outputs[0]] = computed
    return known


def _output_bounds(graph: Graph, operator: Operator, known: Mapping[int, Bounds]) -> Bounds | None:
    """Bounds of the first output; None where nothing is known."""
    rule = _RULES.get(operator.name)
    read = [index for index in operator.inputs if index >= 0]
    if rule is None or not known.keys() >= set(read):
        return None
    try:
        check_form(graph, operator)
        return rule(graph, operator, [known[index] for index in read])
    except ValueError:  # not the int8 form that the rule is about
        return None


def require_modest(shape: tuple[int, ...], slides: Window) -> None:
    """Raise ValueError for more elements under a window than can be looked at."""
    if window_sums.elements(shape, slides) > _MOST_UNDER_WINDOWS:
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
    require_modest(graph.tensors[operator.inputs[0]].shape, window(graph, operator))
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
