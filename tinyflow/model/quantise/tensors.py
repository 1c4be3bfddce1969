"""Constants of a float graph as arrays."""

from __future__ import annotations

import numpy as np

from tinyflow.model.graph import Tensor
from tinyflow.model.quantise.rounding import Reals


def reals(tensor: Tensor) -> Reals:
    """What a constant of float32 or int8 stands for."""
    code, scheme = "<f4" if tensor.dtype == "float32" else "i1", tensor.quantisation
    values: Reals = np.frombuffer(tensor.data or b"", code).reshape(tensor.shape).astype(np.float64)
    if tensor.dtype == "float32" or scheme is None:
        return values
    shape = [1] * values.ndim
    if scheme.is_per_channel:
        shape[scheme.axis] = -1
    zeros, scales = (np.array(numbers).reshape(shape) for numbers in (scheme.zero_points, scheme.scales))
    found: Reals = (values - zeros) * scales
    return found
