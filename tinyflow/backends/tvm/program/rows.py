"""Kernels for a few rows of a layer: that of a layer whose input is the rows which they need.

What is left of the padding lies above and below. Weights are the whole layer's, so kernels of a layer share them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from tinyflow.backends.programs.rows import RowStep
from tinyflow.backends.programs.steps import Program, Step
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tvm.frontend import layouts
from tinyflow.backends.tvm.frontend.layers import Layer
from tinyflow.backends.tvm.kernels import styles
from tinyflow.backends.tvm.kernels.kernel import Kernel, Machine, Style, Weights
from tinyflow.backends.tvm.kernels.specs import (
    AddSpec,
    Border,
    ConvSpec,
    DepthwiseSpec,
    FeatureMap,
    PoolSpec,
    Spec,
    WindowSpec,
    work,
)
from tinyflow.backends.tvm.legalised.rules import LegalisedSpec
from tinyflow.backends.tvm.program import operations

# Instructions of a call for rows: walking the table, the kernel's prologue; for each weight that is widened, for each
# channel whose plane is filtered, for each value that is copied once more
_CALL, _WIDENED, _PLANE, _COPIED = 150, 0.8, 90, 2.5
# for each multiplication and for each value that is written; of depthwise kernels, some more
_PER_MAC: Mapping[Style, float] = {"plain": 6, "aot": 4, "aotplus": 3.2, "dsp": 0.75, "smlad": 0.9}
_PER_OUTPUT, _DEPTHWISE = 10, 2.0
# of a layer's instructions, by kernels with more scratch
_BY_SCRATCH = 0.03
# bytes of scratch, if that is enough for a row
_SCRATCH = 1024
# kernels in style dsp load words
_WORD_BYTES = 4


@dataclass(frozen=True, eq=False)
class KernelCall(Call):
    """The call of a kernel in TIR: of a whole layer, or of rows."""

    kernel: Kernel | None = None
    whole: operations.Step | None = None

    @classmethod
    def of(cls, kernel: Kernel, whole: operations.Step | None = None) -> KernelCall:
        """Its scratch, and which of its inputs the output may overlap."""
        names = [parameter.name for parameter in kernel.parameters if parameter.role in ("input", "state")]
        overlaps = {number: kernel.overlaps[name] for number, name in enumerate(names) if name in kernel.overlaps}
        return cls("", "", {}, scratch_bytes=scratch_of(kernel), overlaps=overlaps, kernel=kernel, whole=whole)


def scratch_of(kernel: Kernel) -> int:
    """Bytes that a kernel takes."""
    return sum(parameter.size_bytes for parameter in kernel.parameters if parameter.role == "scratch")


@dataclass(frozen=True, eq=False)
class LayerRows(RowStep):
    """A layer of images."""

    weights: Weights | None = field(kw_only=True)
    spec: Spec = field(kw_only=True)
    """With what its style wants to know."""
    style: Style = field(kw_only=True)
    machine: Machine = field(kw_only=True)

    @cached_property
    def window(self) -> tuple[int, int, int]:
        """Stride, rows of padding above, rows under the window; 1, 0, 1 where a row needs that of its number."""
        if not isinstance(self.spec, WindowSpec):
            return 1, 0, 1
        return self.spec.stride[0], self.spec.padding.top, self.spec.kernel[0]

    @lru_cache(None)  # noqa: B019
    def call_of(self, rows: int, given: int, above: int) -> Call | None:
        """The call for a shape; None where there is nothing but padding."""
        if given <= 0:
            return None
        kernel = styles.build(self._of_rows(rows, given, above), self.style, self.machine, least_scratch(self.spec))
        return KernelCall.of(kernel)

    def _of_rows(self, rows: int, given: int, above: int) -> Spec:
        spec = self.spec
        if isinstance(spec, AddSpec):
            left, right, output = (replace(of, height=rows) for of in (spec.left, spec.right, spec.output))
            return replace(spec, left=left, right=right, output=output)
        assert isinstance(spec, WindowSpec)
        stride, _, reach = self.window
        below = max(0, (rows - 1) * stride + reach - above - given)
        border = Border(above, spec.padding.left, below, spec.padding.right)
        of_rows: Spec = replace(
            spec,
            input=replace(spec.input, height=given),
            output=replace(spec.output, height=rows),
            padding=border,
        )
        return of_rows

    @cached_property
    def instructions(self) -> float:
        """About what the whole layer takes."""
        is_depthwise = isinstance(self.spec, DepthwiseSpec)
        per_mac = _PER_MAC[self.style] * (_DEPTHWISE if is_depthwise else 1)
        products = work(self.spec) if is_depthwise or isinstance(self.spec, ConvSpec) else 0
        return products * per_mac + self.made.elements * _PER_OUTPUT

    @property
    def copies_again(self) -> bool:
        """Whether a call copies or widens again what one before had: less, the more rows it computes."""
        is_widened = self.style in ("dsp", "smlad") and isinstance(self.spec, ConvSpec)
        return is_widened or isinstance(self.spec, DepthwiseSpec)

    @property
    def saved_by_faster(self) -> float:
        """About what a kernel with more scratch takes less."""
        return self.instructions * _BY_SCRATCH

    def more_instructions(self, first: int, rows: int) -> float:
        """About what a call for rows takes beyond their share of the layer."""
        more = float(_CALL)
        if self.style in ("dsp", "smlad") and isinstance(self.spec, ConvSpec):
            more += _WIDENED * self.spec.reduction * self.spec.output.channels
        if isinstance(self.spec, DepthwiseSpec):
            begin, end = self.span(first, rows)
            again = max(0, end - begin - rows * self.spec.stride[0])
            more += self.spec.output.channels * (_PLANE + _COPIED * again * self.spec.input.width)
        return more


def least_scratch(spec: Spec | LegalisedSpec) -> int:
    """About as much as a kernel can do with."""
    return max(_SCRATCH, 24 * spec.reduction if isinstance(spec, ConvSpec) else 0)


def by_rows(layer: Layer, step: Step, program: Program, style: Style, machine: Machine) -> LayerRows | str:
    """How a layer goes by rows, or why it doesn't; `step` is what it is in the program."""
    spec = layer.spec
    tensors = [program.tensors[operand.tensor] for operand in (*step.inputs, step.output)]
    if not isinstance(spec, (AddSpec, ConvSpec, DepthwiseSpec, PoolSpec)):
        return "computes no row from a few rows"
    if any(tensor.index in program.initial for tensor in tensors):
        return "reads or writes state"
    maps = [*layouts.input_maps(layer), spec.output]
    if any(
        of is None or of.layout != "NHWC" or tensor.shape != shape_of(of)
        for tensor, of in zip(tensors, maps, strict=True)
    ):
        return "reads or writes another shape of a tensor"
    if any(of is None or of.width * of.channels % _WORD_BYTES for of in maps) and style in ("dsp", "smlad"):
        return "has rows that begin within a word"
    *given, made = tensors
    sources = tuple(tensor.index for tensor in given)
    exact, by = _exact(spec, layer.weights, style, machine)
    return LayerRows(
        step, sources, made.index, given[0], made, weights=layer.weights, spec=exact, style=by, machine=machine
    )


def shape_of(of: FeatureMap) -> tuple[int, ...]:
    """As a tensor has it."""
    return 1, of.height, of.width, of.channels


def _exact(spec: Spec, weights: Weights | None, style: Style, machine: Machine) -> tuple[Spec, Style]:
    """The spec with what its style wants to know, or the style that takes any weights."""
    exact = styles.specialise(spec, weights, style)
    if weights is not None:
        try:
            styles.build(exact, style, machine, least_scratch(spec)).pack(weights)
        except ValueError:
            return spec, "plain"
    return exact, style
