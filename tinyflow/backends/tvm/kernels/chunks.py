"""Rows that products are read from: the input itself, or chunks of it in scratch with the padding around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels.intrinsics import call
from tinyflow.backends.tvm.kernels.specs import ConvolutionSpec, ConvSpec
from tinyflow.backends.tvm.kernels.walks import in_parts
from tinyflow.model.memory.arena import Overlap

Expr = Any


@dataclass(frozen=True)
class Source:
    """Rows of bytes that products are read from: the input itself, or chunks of it in scratch with padding around."""

    height: int  # output rows
    width: int  # output pixels in a row
    rows: int  # source rows of one product
    down: int  # source rows from one output row to the next
    step_bytes: int  # from one output pixel to the next
    row_bytes: int  # of a source row
    chunk: int  # output rows at a time
    input_rows: int
    padding: Padding | None = None

    @property
    def chunk_rows(self) -> int:
        """Source rows of a chunk."""
        return (self.chunk - 1) * self.down + self.rows

    @property
    def scratch_shape(self) -> tuple[int, int]:
        """Rows and bytes of the chunk in scratch; none without padding."""
        return (0, 0) if self.padding is None else (self.chunk_rows, self.row_bytes)

    @property
    def input_shape(self) -> tuple[int, int]:
        """Rows and bytes of a row of the input."""
        return self.input_rows, self.row_bytes if self.padding is None else self.padding.inside_bytes


@dataclass(frozen=True)
class Padding:
    """Where the input lies in the padded one."""

    top: int
    left_bytes: int
    inside_bytes: int  # of an input row
    value: int


def convolution_source(spec: ConvolutionSpec, scratch_bytes: int) -> Source:
    """Chunks as large as the scratch allows, of one plane if channels are outermost; all at once without padding."""
    border, output, depth = spec.padding, spec.output, _depth(spec)
    row_bytes = (border.left + spec.input.width + border.right) * depth
    (rows, _), (down, right) = spec.kernel, spec.stride
    chunk, padding = output.height, None
    if border:
        most = max(1, min(chunk, (scratch_bytes // row_bytes - rows) // down + 1))
        chunk = -(-chunk // -(-chunk // most))  # equal portions
        padding = Padding(border.top, border.left * depth, spec.input.width * depth, spec.input_zero_point)
    step_bytes = right * depth
    return Source(output.height, output.width, rows, down, step_bytes, row_bytes, chunk, spec.input.height, padding)


def flat_source(spec: ConvSpec) -> Source | None:
    """A single row of pixels, where none shares input with another."""
    if spec.kernel != (1, 1) or spec.stride != (1, 1) or spec.padding:
        return None
    pixels, depth = spec.output.height * spec.output.width, _depth(spec)
    return Source(1, pixels, 1, 1, depth, pixels * depth, 1, 1)


def _depth(spec: ConvolutionSpec) -> int:
    """Bytes of a pixel that lie side by side: of rows of one plane, where channels are outermost."""
    return spec.input.channels if spec.input.layout == "NHWC" else 1


def walk_of(spec: ConvolutionSpec, source: Source, pixels: int) -> Mapping[str, Overlap]:
    """How far the output may lie over the input: by chunks, or by tiles of so many pixels where nothing is copied."""
    if source.padding is not None:
        return in_parts(spec, source.chunk * source.width)
    return in_parts(spec, pixels, is_even=source.width % pixels == 0)


@T.inline
def fill(scratch: Any, source: Source, memset: str = "memset") -> None:
    """Write the padding's value everywhere; rows are copied over it."""
    if source.padding is not None:
        call(memset, T.address_of(scratch[0, 0]), source.padding.value, source.chunk_rows * source.row_bytes)


@T.inline
def expand(
    data: Any, scratch: Any, first: Expr, source: Source, memcpy: str = "memcpy", memset: str = "memset"
) -> None:
    """Copy input rows into scratch, from row `first` of the padded one on; the padding's value outside of the input."""
    if source.padding is not None:
        for r in range(source.chunk_rows):
            row: T.let = first + r - source.padding.top
            place = T.meta_var(T.address_of(scratch[r, source.padding.left_bytes]))
            if (row >= 0) & (row < source.input_rows):
                call(memcpy, place, T.address_of(data[row, 0]), source.padding.inside_bytes)
            else:
                call(memset, place, source.padding.value, source.padding.inside_bytes)
