"""What it says that outputs equal the reference's: whether samples tell anything apart, whether references agree.

Nothing here decides whether a bench is right; it says what `exact` has not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinyflow.model.graph import Graph
from tinyflow.model.interpreters import Array, Sample
from tinyflow.model.operators import VIEWS

# Of an output of 8 or 16 bits: one that moves no farther is nearly the same for all samples.
_FEW_STEPS = 8
# References that differ by more steps round in other places, or compute different functions; where an output has no
# steps, the range of its values has so many.
_APART_STEPS = 2
_STEPS = 255
# What of the samples that may go in, for each that does.
POOL = 4


def evidence(graph: Graph, outputs: Sequence[Sample], other: Sequence[Sample] | None) -> dict[str, Any]:
    """What goes beside a verdict on these `outputs` of the reference, TFLM's where there are `other`, LiteRT's ones.

    `distinct_outputs`: how many of the samples' answers are different; `litert_max_abs_error`: the largest difference,
    an int where outputs are integers, None where there is no other or one of them gives no finite number; `warnings`: a
    sentence for each reason why equal outputs say less than it seems.
    """
    values = [_stacked(arrays) for arrays in zip(*outputs, strict=True)]
    others = [] if other is None else [_stacked(arrays) for arrays in zip(*other, strict=True)]
    apart = [_largest(*pair) for pair in zip(values, others, strict=False)]
    return {
        "distinct_outputs": len(_answers(outputs)),
        "litert_max_abs_error": max(apart) if apart and np.isfinite(apart).all() else None,
        "warnings": [*_unmoved(graph, values), *_disagreeing(graph, values, others, apart)],
    }


def is_weak(graph: Graph, outputs: Sequence[Sample]) -> bool:
    """Whether other samples might tell more apart: some answers are equal, or an output hardly moves."""
    values = [_stacked(arrays) for arrays in zip(*outputs, strict=True)]
    return len(_answers(outputs)) < len(outputs) or any(_unmoved(graph, values))


def most_different(outputs: Sequence[Sample], kept: int, count: int) -> list[int]:
    """Of the samples that gave these outputs `count`, in order: the first `kept`, and others far from those taken.

    Each next one is the farthest, by the largest difference of an element, from the one that is nearest to it.
    """
    values = np.concatenate([_stacked(arrays).astype(np.float64) for arrays in zip(*outputs, strict=True)], axis=1)
    values = np.nan_to_num(values)
    taken = list(range(max(kept, 1)))
    nearest = np.full(len(values), np.inf)
    for index in range(count):
        if index >= len(taken):
            taken.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, np.abs(values - values[taken[index]]).max(axis=1, initial=0))
        nearest[taken[: index + 1]] = -1
    return sorted(taken)


def _answers(outputs: Sequence[Sample]) -> set[bytes]:
    return {b"".join(array.tobytes() for array in sample) for sample in outputs}


def _stacked(arrays: Sequence[Array]) -> Array:
    """One output of all samples as `[samples, elements]`, wide enough for differences."""
    stacked = np.stack([array.ravel() for array in arrays])
    return stacked.astype(np.float64 if stacked.dtype.kind == "f" else np.int64)


def _largest(one: Array, other: Array) -> float:
    """The largest difference; infinite where one side alone has no finite number, or other elements."""
    if one.shape != other.shape:
        return float("inf")
    different = (one != other) & ~((one != one) & (other != other))
    if not different.any():
        return 0
    apart: float = np.abs(one[different] - other[different]).max().item()
    return apart if apart == apart else float("inf")


def _unmoved(graph: Graph, values: Sequence[Array]) -> Iterator[str]:
    """Outputs that are the same, or nearly so, whatever goes in."""
    count = len(values[0])
    if count == 1:
        yield "there is one sample only, which does not show that the output follows the input"
        return
    same = [index for index, value in enumerate(values) if _largest(value, value[:1].repeat(count, axis=0)) == 0]
    if same:
        yield f"{_named(same, len(values))} the same for all {count} samples: a wrong weight or kernel may go unseen"
    for index, value in enumerate(values):
        step, steps = _resolution(graph, graph.outputs[index])
        if index in same or not steps:
            continue
        moved = round(float(np.ptp(value, axis=0).max()) / step)
        if moved <= _FEW_STEPS:
            what = f"nearly the same for all {count} samples, at most {moved} of {steps} steps apart"
            yield f"{_named([index], len(values))} {what}: a wrong weight or kernel may go unseen"


def _disagreeing(
    graph: Graph, values: Sequence[Array], others: Sequence[Array], apart: Sequence[float]
) -> Iterator[str]:
    """Outputs for which TFLM and LiteRT compute different functions."""
    for index, (value, other, error) in enumerate(zip(values, others, apart, strict=False)):
        step, steps = _resolution(graph, graph.outputs[index])
        if error == 0 or (
            np.isfinite(error) and error <= _APART_STEPS * (step if steps else _span(value, other) / _STEPS)
        ):
            continue
        much = f"{round(error / step)} of {steps} steps" if steps and np.isfinite(error) else f"{error:g}"
        which = "" if len(values) == 1 else f" in output {index}"
        what = f"TFLM and LiteRT differ by up to {much}{which}"
        yield f"{what}: outputs are held against TFLM's, and the model's author may expect LiteRT's"


def _span(one: Array, other: Array) -> float:
    """How far the smallest and the largest finite number of two arrays are apart."""
    both = np.concatenate([one, other])
    return float(np.ptp(both[np.isfinite(both)]))


def _named(outputs: Sequence[int], count: int) -> str:
    """`the output is`, `all outputs are`, `output 1 is`, `outputs 0, 2 are`."""
    if len(outputs) == count:
        return "the output is" if count == 1 else "all outputs are"
    numbers = ", ".join(map(str, outputs))
    return f"output {numbers} is" if len(outputs) == 1 else f"outputs {numbers} are"


def _resolution(graph: Graph, tensor: int) -> tuple[float, int]:
    """The smallest step of an output and how many it has: of 8 or 16 bits, dequantised or not; else no number, 0."""
    makers = {output: operator for operator in graph.operators for output in operator.outputs}
    step = 1.0
    while (maker := makers.get(tensor)) is not None and maker.name in (*VIEWS, "DEQUANTIZE"):
        tensor = maker.inputs[0]
        quantisation = graph.tensors[tensor].quantisation
        if maker.name == "DEQUANTIZE":
            if quantisation is None or quantisation.is_per_channel:
                return 1.0, 0
            step = quantisation.scale
    dtype = graph.tensors[tensor].dtype
    return step, {"int8": 255, "uint8": 255, "int16": 65535, "uint16": 65535}.get(dtype, 0)
