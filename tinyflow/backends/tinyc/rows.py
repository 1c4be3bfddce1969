"""Steps whose output can be computed a few rows at a time: the same kernel, called for a smaller problem.

A call for rows `first` … of a window's operator is that of a layer whose input is the rows which they need, with what
is left of the padding above; what lies below the last row is padding for the kernel, as it is for the whole layer.
A pool or mean over the whole image goes by rows of its input, which a kernel of its own adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

from tinyflow.backends.programs.rows import RowStep
from tinyflow.backends.programs.steps import Chain, Mark, Program, Step
from tinyflow.backends.tinynn import kernels, needs, winograd
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.kernel import Kernel
from tinyflow.backends.tinynn.kernels import KERNELS
from tinyflow.backends.tinynn.layer import Layer
from tinyflow.model.graph import Tensor

_NO_ROWS = "computes no row from a few rows"
_NO_IMAGES = "reads or writes other than images [1, rows, columns, channels] of one size"
_WINDOWED = ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D")
# Instructions of a call for rows beyond those of the layer's whole: walking the table, the kernel's prologue. Means of
# the Cortex-M kernels.
_CALL = 150


class _Copies(NamedTuple):
    """Of a kernel that copies its input: for each channel of a call, for each value, and what it saves of a layer."""

    per_channel: float
    per_value: float
    saved: float = 0.0


_PLANES = _Copies(110, 3.5)
_COPIES: Mapping[str, _Copies] = {
    kernels.FOURS: _Copies(90, 1.6, 0.06),
    kernels.LINES: _Copies(0, 2.5, 0.33),
}
# for each multiplication and for each value that is written; of depthwise kernels, some more
_PER_MAC: Mapping[str, float] = {
    **{"ref": 12, "c": 4.5, "rv32": 3.2, "armv6m": 2.7},
    **{"dsp": 0.85, "mve": 0.2, "rvv": 0.25, "neon": 0.4, "mac16": 1.3},
}
_PER_OUTPUT, _DEPTHWISE = 10, 2.0
# for each value that is added up
_PER_SUMMED = 4
# the most that was counted of resnet's layers, some of which have less from it
_BY_WINOGRAD = 0.3


@dataclass(frozen=True, eq=False)
class KernelRows(RowStep):
    """By a kernel of tinynn."""

    kernel: Kernel = field(kw_only=True)

    @cached_property
    def fields(self) -> Mapping[str, int]:
        """Of the whole layer's call, with those of a struct in it."""
        fields = self.step.call.fields
        return {**fields, **fields.get("conv2d", {})}  # type: ignore[dict-item]

    @cached_property
    def is_windowed(self) -> bool:
        """Whether an output row needs other rows than that of its number."""
        return "kernel_height" in self.fields and not self.summed

    @cached_property
    def window(self) -> tuple[int, int, int]:
        """Stride, rows of padding above, rows under the window; 1, 0, 1 where a row needs that of its number."""
        if not self.is_windowed:
            return 1, 0, 1
        reach = (self.fields["kernel_height"] - 1) * self.fields.get("dilation_y", 1) + 1
        return self.fields["stride_y"], self.fields["pad_top"], reach

    @lru_cache(None)  # noqa: B019
    def call_of(self, rows: int, given: int, above: int) -> Call | None:
        """The call for a shape; None where the layer's kernel can't compute so few."""
        whole = self.step.call
        if self.summed:
            count = 0 if given else self.height * self.given.shape[2]
            of_rows = {"pixels": rows * self.given.shape[2], "is_first": 1 - above, "count": count}
            of_rows["channels"] = self.given.shape[3]
            return replace(self.summed, fields={**self.summed.fields, "rows": of_rows})
        if "elements" in self.fields:
            elements = self.fields["elements"] // self.height * rows
            return replace(whole, fields={**whole.fields, "elements": elements})
        if not self.is_windowed:
            shapes = {
                name: _with_pixels(whole.fields[name], rows * self.made.shape[2])
                for name in ("input_shape", "output_shape")
            }
            return replace(whole, fields={**whole.fields, **shapes})
        if given <= 0:
            return None
        fields = {**self.fields, "input_height": given, "output_height": rows, "pad_top": above}
        is_single = rows * self.made.shape[2] == 1 and needs.SEVERAL_PIXELS in self.kernel.needs
        if is_single or self.kernel.why_not_fields(fields) is not None:
            return None
        scratch_bytes = self.kernel.scratch_bytes(fields)
        if isinstance(part := whole.fields.get("conv2d"), Mapping):
            of_rows = {name: fields[name] for name in part}
            return replace(whole, fields={**whole.fields, "conv2d": of_rows}, scratch_bytes=scratch_bytes)
        return replace(whole, fields=fields, scratch_bytes=scratch_bytes)

    @cached_property
    def instructions(self) -> float:
        """About what the whole layer takes."""
        if self.summed:
            return _PER_SUMMED * self.given.elements
        per_mac = _PER_MAC[self.kernel.variant] * (_DEPTHWISE if "depth_multiplier" in self.fields else 1)
        return self._products * per_mac + self.made.elements * _PER_OUTPUT

    @cached_property
    def _products(self) -> int:
        if not self.is_windowed:
            return 0
        window = self.fields["kernel_height"] * self.fields["kernel_width"]
        is_dense = "depth_multiplier" not in self.fields and "output_channels" in self.fields
        return self.made.elements * window * (self.fields["input_channels"] if is_dense else 1)

    @property
    def copies_again(self) -> bool:
        """Whether a call copies or widens again what one before had: less, the more rows it computes."""
        return not self.summed and (self._copies is not None or self._is_winograd)

    @property
    def gains_by_rows(self) -> bool:
        """Whether a call takes less for each row, the more rows it has: it copies again, or computes beyond a row."""
        return self.copies_again or (self.is_windowed and self.made.shape[2] % self.kernel.at_once != 0)

    @property
    def _is_winograd(self) -> bool:
        return self.kernel.operator == kernels.WINOGRAD

    @cached_property
    def _copies(self) -> _Copies | None:
        return _COPIES.get(self.kernel.operator, _PLANES if self.kernel.walk == "planes" else None)

    @property
    def saved_by_faster(self) -> float:
        """About what its faster call takes less, as the whole layer."""
        saved = (part.saved for part in self.faster if isinstance(part, KernelRows))
        return max(saved, default=self.instructions * _BY_WINOGRAD)

    @property
    def saved(self) -> float:
        """About what its kernel takes less than the layer's own."""
        if self._is_winograd:
            return self.instructions - winograd.instructions(self.fields)
        return self._copies.saved * self.instructions if self._copies else 0.0

    def more_instructions(self, first: int, rows: int) -> float:
        """About what a call for rows takes beyond their share of the layer."""
        more = float(_CALL)
        if self.summed:
            return more
        channels, width = self.given.shape[3], self.made.shape[2]
        if self._is_winograd:
            of_rows = winograd.instructions({**self.fields, "output_height": rows})
            return more + of_rows - self.instructions * rows / self.height
        if self._copies:
            begin, end = self.span(first, rows)
            again = max(0, end - begin - rows * self.fields["stride_y"])
            more += channels * (self._copies.per_channel + self._copies.per_value * again * self.given.shape[2])
            more -= self.saved * rows / self.height
        pixels = self.kernel.at_once
        more += (-(-rows * width // pixels) * pixels / (rows * width) - 1) * self.instructions * rows / self.height
        return more


def by_rows(
    program: Program, step: Step | Mark | Chain, may_have: Callable[[Call], bool] = lambda call: True
) -> RowStep | str:
    """How it goes by rows, or why it doesn't. `may_have`: which of its faster calls."""
    if program.once or any(isinstance(other, Mark) for other in program.steps):
        return "is of a network with calls of subgraphs"
    if not isinstance(step, Step) or [other.operator for other in program.steps].count(step.operator) > 1:
        return "takes several steps"
    operands = [*step.inputs, step.output]
    tensors = [program.tensors[operand.tensor] for operand in operands if operand.tensor >= 0]
    if len(tensors) != len(operands) or any(operand.offset_bytes for operand in operands) or not step.inputs:
        return "reads or writes parts of tensors"
    if any(program.owner(t.index) != t.index or t.is_constant or t.index in program.initial for t in tensors):
        return "reads or writes state, a constant, or another shape of a tensor"
    *given, made = tensors
    kernel = _kernel(step.call)
    if any(len(t.shape) != 4 or t.shape[0] != 1 for t in given):
        return _NO_IMAGES
    if kernel is None:
        return _NO_ROWS
    summed = _summed(step.call, kernel, given[0], made)
    if summed is not None:
        return KernelRows(step, (given[0].index,), made.index, given[0], made, summed, kernel=kernel)
    if len(made.shape) != 4 or made.shape[0] != 1 or len({t.shape for t in given}) != 1:
        return _NO_IMAGES
    name, fields = program.graph.operators[step.operator].name, step.call.fields
    is_windowed = name in _WINDOWED and "kernel_height" in fields and len(given) == 1
    if is_windowed:
        # a column's layer may have been turned into one of a row
        if (fields["input_height"], fields["output_height"]) != (given[0].shape[1], made.shape[1]):
            return "is of one column"
    elif not (_is_by_elements(step.call, kernel, given[0], made) or _pads_channels(step.call, given[0], made)):
        return _NO_ROWS
    of_step = KernelRows(step, tuple(t.index for t in given), made.index, given[0], made, kernel=kernel)
    calls = filter(may_have, step.call.faster if is_windowed else ())
    kernels_of = ((call, _kernel(call)) for call in calls)
    faster = (replace(of_step, step=replace(step, call=call), kernel=of) for call, of in kernels_of if of is not None)
    return replace(of_step, faster=tuple(faster))


def _summed(call: Call, kernel: Kernel, given: Tensor, made: Tensor) -> Call | None:
    """A call that adds up rows, where the step is a pool over the whole image or its mean."""
    _, height, width, channels = given.shape
    if made.elements != channels or kernel.operator not in ("average_pool", "mean"):
        return None
    fields = dict(call.fields)
    if kernel.operator == "mean":
        # rows and columns may have been made one axis, axes of one are what they are
        *others, (last, is_last_reduced) = zip(fields.pop("shape"), fields.pop("reduced"), strict=True)  # type: ignore[arg-type]
        if last != channels or is_last_reduced or any(size > 1 and not is_reduced for size, is_reduced in others):
            return None
    elif fields["kernel_height"] - fields["pad_top"] < height or fields["kernel_width"] - fields["pad_left"] < width:  # type: ignore[operator]
        return None
    else:
        fields = {name: fields[name] for name in ("lowest", "highest")}
    rows = {"pixels": height * width, "channels": channels, "is_first": 1, "count": height * width}
    by_rows = next(one for one in KERNELS if one.operator == f"{kernel.operator}_rows")
    return by_rows.call(Layer({"rows": rows, **fields}))


def _is_by_elements(call: Call, kernel: Kernel, given: Tensor, made: Tensor) -> bool:
    """Whether each element is computed of those at its place alone."""
    is_whole = "broadcast" not in call.fields and call.fields.get("elements") == made.elements
    return kernel.walk == "elements" and is_whole and given.shape == made.shape and not call.takes_array


def _pads_channels(call: Call, given: Tensor, made: Tensor) -> bool:
    """Whether it is a PAD of each pixel for itself."""
    pixels = made.elements // made.shape[3]
    shapes = call.fields.get("input_shape"), call.fields.get("output_shape")
    # of axes that are made one, all pixels are the last but one
    return (
        call.struct == "tinynn_pad"
        and given.shape[:3] == made.shape[:3]
        and all(isinstance(shape, tuple) and shape[:-1] == (*(1,) * (len(shape) - 2), pixels) for shape in shapes)
    )


def _with_pixels(shape: object, pixels: int) -> tuple[int, ...]:
    """The same for so many."""
    assert isinstance(shape, tuple)
    return (*shape[:-2], pixels, shape[-1])


def _kernel(call: Call) -> Kernel | None:
    """That of a call."""
    same = [k for k in KERNELS if (k.function, f"tinynn_{k.struct}") == (call.function, call.struct)]
    is_windowed = "kernel_height" in call.fields
    return next((kernel for kernel in same if not is_windowed or kernel.why_not_fields(call.fields) is None), None)
