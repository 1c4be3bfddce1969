"""How much of what was computed agrees with the reference: tells rounding from nonsense where outputs aren't equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinyflow.core.action import JSON
from tinyflow.model.element_types import ELEMENT_TYPES

_TOP = 5
_DIGITS = 6

Sample = Sequence[bytes]  # the tensors of one sample
# of all outputs the one that agrees least stands for the row
_LEAST = {"equal_share": min, "mean_abs_error": max, "cosine": min, "top1_agreement": min, "top5_agreement": min}


def agreement(
    tensors: Sequence[Mapping[str, Any]], expected: Sequence[Sample], got: Sequence[Sample]
) -> dict[str, JSON]:
    """Numbers by name, of the output that agrees least; what can't be said of any output is left out.

    `equal_share`: of all values. `mean_abs_error`: in steps of an integer output, in the output's own unit of a float
    one; left out where a value isn't finite. `cosine`: of all samples' values as one vector each, zero points taken
    off. `top1_agreement`: share of samples whose largest value is where the reference has its largest;
    `top5_agreement`: whose largest of the reference is among its five largest. Both of outputs that are one
    vector a sample, and have more values than one, or five.

    `tensors`: `dtype`, and if known `shape` and `zero_point`.
    """
    found: dict[str, list[float]] = {}
    for index, tensor in enumerate(tensors):
        form = np.dtype(f"<{ELEMENT_TYPES[tensor['dtype']].code}")
        pair = [np.array([np.frombuffer(sample[index], form) for sample in samples]) for samples in (expected, got)]
        for name, value in _of_output(tensor, *pair).items():
            found.setdefault(name, []).append(value)
    return {name: round(least(found[name]), _DIGITS) for name, least in _LEAST.items() if name in found}


def _of_output(tensor: Mapping[str, Any], wanted: Any, values: Any) -> dict[str, float]:
    """Of arrays [samples, values]."""
    found: dict[str, float] = {}
    same = wanted == values
    wanted, values = (array.astype(np.float64) for array in (wanted, values))
    same |= np.isnan(wanted) & np.isnan(values)
    if same.size:
        found["equal_share"] = float(same.mean())
    if same.size and np.isfinite(wanted).all() and np.isfinite(values).all():
        found["mean_abs_error"] = float(np.abs(wanted - values).mean())
        one, other = (array.ravel() - (tensor.get("zero_point") or 0) for array in (wanted, values))
        length = float(np.linalg.norm(one) * np.linalg.norm(other))
        if length:
            found["cosine"] = min(1.0, float(one @ other) / length)
    count = wanted.shape[1]
    if count > 1 and max(tensor.get("shape") or [count]) == count:
        best = wanted.argmax(axis=1)[:, None]
        # of equal values those count in favour: which of them comes first says nothing
        rank = (values > np.take_along_axis(values, best, axis=1)).sum(axis=1)
        found["top1_agreement"] = float((rank == 0).mean())
        if count > _TOP:
            found["top5_agreement"] = float((rank < _TOP).mean())
    return found
