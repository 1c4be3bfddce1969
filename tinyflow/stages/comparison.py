"""Bytes that were computed against bytes of the reference: the largest difference, and whether it is allowed."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.plan_document import PlanDocument


class Difference(NamedTuple):
    """The value of a tensor that is farthest from the reference, of those with the least room left.

    `error` and what is `allowed` are in units of the tensor: steps of the last bit where that is an integer.
    """

    error: float
    element: int
    expected: float
    got: float
    allowed: float

    @property
    def is_wrong(self) -> bool:
        """Whether it is more than what is allowed."""
        return self.error > self.allowed

    @property
    def severity(self) -> tuple[bool, float]:
        """Larger for what is worse."""
        return self.is_wrong, self.error

    def __str__(self) -> str:
        return f"[{self.element}]: expected {self.expected:g}, got {self.got:g}"


@dataclass(frozen=True)
class Tolerance:
    """How far outputs may be from the reference: what the plan says of this model, or the backend's recipe of all."""

    plan: PlanDocument
    of_recipe: float

    @property
    def steps(self) -> float:
        """Of quantised tensors."""
        return max(self.of_recipe, self.plan.tolerance)

    def largest_difference(
        self, expected: bytes, got: bytes, dtype: str, scale: float = 0.0, others: Iterable[bytes] = ()
    ) -> Difference:
        """Compare two tensors; a NaN on one side only is infinitely wrong.

        `scale` is a step of the integers from which a float tensor was dequantised, 0 where it never was integers.
        `others`: what the tensor is for other samples. Of one that is all but 0 now a share would allow nothing.
        """
        worst = Difference(0, 0, 0, 0, self.steps)
        if got == expected:
            return worst
        form = f"<{ELEMENT_TYPES[dtype].code}"
        wanted, found = ([value for (value,) in struct.iter_unpack(form, data)] for data in (expected, got))
        values = [*wanted, *(value for data in others for (value,) in struct.iter_unpack(form, data))]
        allowed = self._allowed(dtype, scale, values)
        pairs = enumerate(zip(wanted, found, strict=True))
        differences = (Difference(_error(*pair), element, *pair, allowed) for element, pair in pairs)
        return max(worst, *differences, key=lambda difference: difference.severity)

    def _allowed(self, dtype: str, scale: float, expected: Sequence[float]) -> float:
        if "float" not in dtype:
            return self.steps
        largest = max((abs(value) for value in expected if math.isfinite(value)), default=0.0)
        return max(self.steps * scale, self.plan.relative_tolerance * largest)

    def result(self, dtypes: Sequence[str], *, is_equal: bool) -> str:
        """The verdict on outputs of these types that are right."""
        if is_equal and not self.plan.tolerance and not self.plan.relative_tolerance:
            return "exact"
        in_steps = [
            "float" not in dtype or port.scale > 0 for dtype, port in zip(dtypes, self.plan.outputs, strict=True)
        ]
        told = [f"{self.steps:g} step{'s' * (self.steps > 1)}"] * (any(in_steps) and self.steps > 0)
        told += [f"{self.plan.relative_tolerance:g}"] * (not all(in_steps) and self.plan.relative_tolerance > 0)
        return f"within {' and '.join(told)}" if told else "exact"


def _error(expected: float, got: float) -> float:
    error = abs(expected - got)
    if error == error:
        return error
    return 0.0 if expected == got or (expected != expected and got != got) else float("inf")
