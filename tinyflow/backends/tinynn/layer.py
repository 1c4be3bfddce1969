"""What a kernel is asked to compute: the fields of its C struct and, where it has some, weights with their records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyflow.backends.tinynn import layouts
from tinyflow.backends.tinynn.layouts import Array, Channels, Int8s

# The fields of a kernel's C struct that are numbers (recipes/runtimes/tinynn/include/tinynn.h), by their names.
Fields = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Layer:
    """The struct's numbers, rows of weights, records as the variant ref reads them."""

    fields: Fields
    weights: Int8s = field(default_factory=lambda: np.zeros((0, 0), np.int8))
    """[output channels, …] int8; none for an operator without weights."""
    channels: Array = field(default_factory=lambda: np.zeros((0, 3), np.int32))
    """See `layouts.records`."""

    @property
    def rows(self) -> Int8s:
        """[output channels, products of one output]."""
        return self.weights.reshape(len(self.weights), -1)


def layer_of(fields: Fields, weights: Int8s, model: Channels, input_zero_point: int) -> Layer:
    """A layer of `weights` [out, …] whose outputs that are constant anyway need no products (see `layouts`)."""
    rows = weights.reshape(len(weights), -1)
    channels = layouts.records(rows, model, input_zero_point)
    clamp = fields["lowest"], fields["highest"]
    rows, channels = layouts.with_constants_apart(rows, channels, fields["output_zero_point"], clamp)
    return Layer(fields, rows.reshape(weights.shape), channels)


def as_single_row(fields: Fields, weights: Array) -> tuple[Fields, Array]:
    """A convolution over one column as one over one row, whose bytes are the same; `weights` [out, kh, kw, …].

    The kernels read and write along rows.
    """
    if any(fields[f"{part}_width"] != 1 for part in ("input", "output", "kernel")):
        return fields, weights
    turned = {"height": "width", "width": "height", "y": "x", "x": "y", "top": "left", "left": "top"}
    names = {name: f"{name.rpartition('_')[0]}_{turned.get(name.rpartition('_')[2], '')}" for name in fields}
    swapped = {name: fields[other] if other in fields else fields[name] for name, other in names.items()}
    return swapped, np.ascontiguousarray(weights.swapaxes(1, 2))
