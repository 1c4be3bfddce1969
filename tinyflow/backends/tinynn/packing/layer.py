"""A layer with weights, and the choice of the kernel that computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyflow.backends.tinynn import layouts
from tinyflow.backends.tinynn.calls import Call, Constant
from tinyflow.backends.tinynn.layouts import Array, Int8s, Int32s
from tinyflow.backends.tinynn.variants import VARIANTS


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer with weights: the struct's other fields, rows of weights, records as the variant ref reads them."""

    fields: Mapping[str, int]
    weights: Int8s
    """[output channels, …] int8."""
    channels: Array
    """See `layouts.records`."""

    @property
    def rows(self) -> Int8s:
        """[output channels, products of one output]."""
        return self.weights.reshape(len(self.weights), -1)

    @property
    def why_not_right(self) -> str | None:
        """See `layouts.why_not_right`."""
        return layouts.why_not_right(self.rows, self.channels, self.fields["output_zero_point"])

    def call(self, kernel: str, struct: str, weights: Array, channels: Array, scratch_bytes: int) -> Call:
        """A call of `tinynn_<kernel>`."""
        constants = {"weights": Constant(weights), "channels": Constant(channels, struct="tinynn_channel")}
        return Call(
            f"tinynn_{kernel}", f"tinynn_{struct}", {**constants, **self.fields}, True, scratch_bytes=scratch_bytes
        )


def layer_of(
    fields: Mapping[str, int],
    weights: Int8s,
    bias: Sequence[int] | Int32s,
    multipliers: Int32s,
    shifts: Int32s,
    input_zero_point: int,
) -> Layer:
    """A layer of `weights` [out, …] whose outputs that are constant anyway need no products (see `layouts`)."""
    rows = weights.reshape(len(weights), -1)
    channels = layouts.records(rows, bias, multipliers, shifts, input_zero_point)
    clamp = fields["lowest"], fields["highest"]
    rows, channels = layouts.with_constants_apart(rows, channels, fields["output_zero_point"], clamp)
    return Layer(fields, rows.reshape(weights.shape), channels)


def as_single_row(fields: Mapping[str, int], weights: Int8s) -> tuple[Mapping[str, int], Int8s]:
    """A convolution over one column as one over one row, whose bytes are the same; `weights` [out, kh, kw, …].

    The kernels read and write along rows.
    """
    if any(fields[f"{part}_width"] != 1 for part in ("input", "output", "kernel")):
        return fields, weights
    turned = {"height": "width", "width": "height", "y": "x", "x": "y", "top": "left", "left": "top"}
    names = {name: f"{name.rpartition('_')[0]}_{turned.get(name.rpartition('_')[2], '')}" for name in fields}
    swapped = {name: fields[other] if other in fields else fields[name] for name, other in names.items()}
    return swapped, np.ascontiguousarray(weights.swapaxes(1, 2))


def first_exact(variant: str, layer: Layer, kernels: Mapping[str, Callable[[Layer], Call | str]]) -> Call:
    """The call of the first kernel, in the variant's order, that doesn't answer with a reason against itself."""
    notes: list[str] = []
    for name in VARIANTS[variant]:
        if name not in kernels:
            continue
        made = kernels[name](layer)
        if isinstance(made, Call):
            return replace(made, notes=tuple(notes))
        notes.append(f"not {name}: {made}")
    raise AssertionError("the variant ref computes everything")
