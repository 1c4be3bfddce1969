"""What is known of a tensor's elements: the least and the largest integer of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyflow.model.fixed_point import Integers
from tinyflow.model.graph import Shape


@dataclass(frozen=True)
class Bounds:
    """The least and the largest value of each element; both arrays have the tensor's shape."""

    low: Integers
    high: Integers

    @staticmethod
    def exactly(values: Integers) -> Bounds:
        """Of a tensor that can have no other values."""
        return Bounds(values, values)

    @staticmethod
    def of_int8(shape: Shape) -> Bounds:
        """The whole range of the type. The arrays have no memory of their own, whatever the shape."""
        return Bounds(*(np.broadcast_to(np.int64(value), shape) for value in (-128, 127)))

    @property
    def fixed(self) -> npt.NDArray[np.bool_]:
        """Which elements have the same value for every input."""
        fixed: npt.NDArray[np.bool_] = self.low == self.high
        return fixed
