"""What a variable of a QDQ graph stands for: constants, activations in memory, float expressions not computed yet.

All are compared by identity: two equal expressions are still two layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

INT8_LOWEST, INT8_HIGHEST = -128, 127


@dataclass(frozen=True, eq=False)
class Value:
    """An int8 activation in memory. Reshaped views of it are the same value."""

    elements: int
    name: str = ""


@dataclass(frozen=True, eq=False)
class Array:
    """A constant of the model."""

    data: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Stored:
    """An activation seen in some shape."""

    value: Value
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Real:
    """A dequantized activation: `scale * (stored - zero_point)`."""

    stored: Stored
    scale: float
    zero_point: int


@dataclass(frozen=True, eq=False)
class Parameter:
    """A dequantized constant: `scales * data`, one scale for each output channel or one for all."""

    data: NDArray[Any]
    scales: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Linear:
    """A convolution or a matrix product, plus a bias. Weights are in the layout that `call` says."""

    call: Any
    shape: tuple[int, ...]
    data: Real
    weights: Parameter
    bias: NDArray[np.int32] | None = None


@dataclass(frozen=True, eq=False)
class Sum:
    """Two activations of one shape, added."""

    left: Real
    right: Real


@dataclass(frozen=True, eq=False)
class Softmax:
    """Softmax over the last axis."""

    data: Real


@dataclass(frozen=True, eq=False)
class Pool:
    """Integer from the start: the importer writes int8 → int32 → mean → int8, which lacks TFLite's rounding."""

    call: Any
    shape: tuple[int, ...]
    data: Stored


Expression = Union[Linear, Sum, Softmax, Pool]


@dataclass(frozen=True, eq=False)
class Clamped:
    """A float expression held within real bounds, such as a fused ReLU."""

    expression: Linear | Sum
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Pending:
    """A quantize that nobody has read yet, with the bounds that were put on its integers since."""

    expression: Expression
    scale: float
    zero_point: int
    lowest: int = INT8_LOWEST
    highest: int = INT8_HIGHEST
