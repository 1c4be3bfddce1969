"""Style dsp, the input of a convolution: how a part of it becomes int16 pairs in scratch, padding included.

flat     1x1, stride 1: all pixels one behind the other
rows     padded rows: what one row of the kernel covers is contiguous there, a segment
patches  any depth: all products of one pixel, gathered from padded rows of bytes
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels.intrinsics import GROUP, call, hidden
from tinyflow.backends.tvm.kernels.specs import ConvSpec
from tinyflow.backends.tvm.kernels.walks import in_parts
from tinyflow.model.memory.arena import Overlap

Expr = Any
Expand = Callable[..., None]  # a T.inline of (data, scratch, place in scratch, first output row, rows, first column)

BLOCK = 8  # products of one step of tf_conv4
# Weights are widened once for each part: 48 pixels make that 3 % of the work, and more would only cost memory.
PART_PIXELS = 48
# A whole row is worth so much scratch even where there is less room; it fits on a stack of 8 KiB. Nobody who counts
# bytes wants it.
_ROW_BYTES, _COUNTED = 6144, 2048
# Where not even so many pixels would fit beside the pairs of the weights, these stay bytes.
_FEW_PIXELS = 2


@dataclass(frozen=True)
class Tiling:
    """In what parts a convolution is done, and where pairs lie in scratch, in words of two values."""

    height: int  # output rows
    width: int  # output pixels in a row
    rows: int  # of a part
    columns: int  # of a part
    segments: int  # contiguous runs of products of one pixel
    length: int  # products in a segment
    segment_words: int  # from one segment to the next
    row_words: int  # from one output row to the next
    column_words: int  # from one output pixel to the next
    input_words: int  # all of a part's input
    is_narrow: bool  # weights stay bytes, as their pairs would take too much scratch

    @property
    def blocks(self) -> int:
        """Steps of the inner loop in a segment."""
        return -(-self.length // BLOCK)

    @property
    def padded_length(self) -> int:
        """Products in a segment of the weights, with zeros at the end."""
        return self.blocks * BLOCK

    @property
    def group_words(self) -> int:
        """The weights of one group of channels as they are stored, in words of four."""
        return self.segments * self.padded_length * GROUP // 4

    @property
    def weight_words(self) -> int:
        """Scratch for their pairs."""
        return 0 if self.is_narrow else 2 * self.group_words

    @property
    def part_words(self) -> int:
        """Scratch for the input, and what the last pixel's last step reads beyond it (times weights of 0)."""
        return self.input_words + (self.padded_length - self.length) // 2

    @property
    def row_parts(self) -> int:
        """Parts from top to bottom."""
        return -(-self.height // self.rows)

    @property
    def column_parts(self) -> int:
        """Parts from left to right."""
        return -(-self.width // self.columns)

    @property
    def run(self) -> int:
        """Output rows whose pixels follow one another, in scratch and in the output, as if they were one row."""
        is_one = self.column_parts == 1 and self.row_words == self.columns * self.column_words
        return self.rows if is_one else 1

    @property
    def is_flat(self) -> bool:
        """Whether a pixel is one segment and pixels lie one behind the other."""
        return self.segments == 1 and self.pixel_step == 0

    @property
    def segment_step(self) -> int:
        """Bytes from a segment's end, as far as it is read, to the next one."""
        return 4 * self.segment_words - 2 * self.padded_length

    @property
    def pixel_step(self) -> int:
        """Bytes from the end of a pixel's last segment to the next pixel."""
        return 4 * (self.column_words - (self.segments - 1) * self.segment_words) - 2 * self.padded_length

    def walk(self, spec: ConvSpec) -> Mapping[str, Overlap]:
        """How far the output may lie over the input."""
        return in_parts(spec, self.rows * self.columns, is_even=self.width % self.columns == 0)

    def rows_from(self, first: Expr) -> Expr:
        """Output rows of the part that begins with this one."""
        return self.rows if self.height % self.rows == 0 else T.min(T.int32(self.rows), self.height - first)

    def first_column(self, part: Expr) -> Expr:
        """The first output pixel of a part; the last part overlaps the one before it."""
        return 0 if self.column_parts == 1 else T.min(part * self.columns, T.int32(self.width - self.columns))


@dataclass(frozen=True)
class Span:
    """A part of a padded input row: columns of padding, of input from column `source` on, and of padding again."""

    before: Expr
    source: Expr
    inside: Expr
    after: Expr


def _span(spec: ConvSpec, left: Expr, columns: int) -> Span:
    """What `columns` output pixels read, from pixel `left` on; plain numbers where that is one."""
    least, most = (min, max) if isinstance(left, int) else (T.min, T.max)
    width = (columns - 1) * spec.stride[1] + spec.kernel[1]
    begin = left * spec.stride[1] - spec.padding.left
    before = least(most(-begin, 0), width)
    source = most(begin, 0)
    inside = most(least(spec.input.width - source, width - before), 0)
    return Span(before, source, inside, width - before - inside)


def widening(
    spec: ConvSpec, scratch_bytes: int, part_pixels: int = PART_PIXELS, distances: Sequence[int] = ()
) -> tuple[Tiling, Expand]:
    """The tiling of a convolution and what fills scratch for it: `scratch_bytes` or, if need be, `_ROW_BYTES`.

    `distances`: bytes that neighbouring pixels may be apart, ascending; where they can't, they are as they are.
    """
    weight_bytes = 2 * GROUP * spec.reduction
    row_bytes = scratch_bytes if scratch_bytes < _COUNTED else max(scratch_bytes, _ROW_BYTES)
    is_narrow = weight_bytes + 2 * _FEW_PIXELS * spec.reduction > row_bytes
    taken = 0 if is_narrow else weight_bytes
    limits = Limits((scratch_bytes - taken) // 4, (row_bytes - taken) // 4, part_pixels)
    is_flat = spec.kernel == (1, 1) and spec.stride == (1, 1) and not spec.padding
    if spec.input.channels % 4 or (distances and 2 * spec.input.channels * spec.stride[1] not in distances):
        return _patches(spec, limits, is_narrow, distances)
    if is_flat:
        return _flat(spec, limits, is_narrow)
    return _rows(spec, limits, is_narrow)


@dataclass(frozen=True)
class Limits:
    """Words of scratch for the input of a part: those that are there, and those that one whole row may take."""

    words: int
    row_words: int
    part_pixels: int

    def shape(self, height: int, width: int, words: Callable[[int, int], int]) -> tuple[int, int]:
        """Rows and columns of a part, in equal portions; `words` says what so many rows and columns take."""
        if words(1, width) > self.row_words:
            fitting = [columns for columns in range(1, width) if words(1, columns) <= self.row_words]
            return 1, -(-width // -(-width // max(fitting, default=1)))
        enough = -(-self.part_pixels // width)
        fitting = [rows for rows in range(1, min(height, enough) + 1) if words(rows, width) <= self.words]
        return -(-height // -(-height // max(fitting, default=1))), width


def product_order(spec: ConvSpec) -> list[int]:
    """Which product is where in what tf_patch gathers; -1 is a product with 0."""
    rows, length = spec.kernel[0], spec.kernel[1] * spec.input.channels
    whole = length - length % 4
    order = [row * length + i for row in range(rows) for i in range(whole)]
    order += [row * length + i for row in range(rows) for i in range(whole, length)]
    return order + [-1] * (-len(order) % 4)


def _flat(spec: ConvSpec, limits: Limits, is_narrow: bool) -> tuple[Tiling, Expand]:
    pixels, depth = spec.output.height * spec.output.width, spec.input.channels
    words = depth // 2
    rows, _ = limits.shape(pixels, 1, lambda rows, _: rows * words)
    tiling = Tiling(pixels, 1, rows, 1, 1, depth, 0, words, words, rows * words, is_narrow)

    @T.inline
    def expand(data: Any, scratch: Any, at: Any, first: Any, count: Any, left: Any):  # noqa: ARG001 (one part only)
        call("tf_widen", T.address_of(scratch[at]), T.address_of(data[first * depth]), count * (depth // 4))

    return tiling, expand


def _rows(spec: ConvSpec, limits: Limits, is_narrow: bool) -> tuple[Tiling, Expand]:
    (kernel_rows, kernel_columns), (down, right) = spec.kernel, spec.stride
    depth, height, width = spec.input.channels, spec.output.height, spec.output.width

    def words_of(rows: int, columns: int) -> int:
        return ((rows - 1) * down + kernel_rows) * ((columns - 1) * right + kernel_columns) * depth // 2

    rows, columns = limits.shape(height, width, words_of)
    row_words = ((columns - 1) * right + kernel_columns) * depth // 2
    tiling = Tiling(
        height=height,
        width=width,
        rows=rows,
        columns=columns,
        segments=kernel_rows,
        length=kernel_columns * depth,
        segment_words=row_words,
        row_words=down * row_words,
        column_words=right * depth // 2,
        input_words=words_of(rows, columns),
        is_narrow=is_narrow,
    )
    zero, input_width = spec.input_zero_point, spec.input.width

    @T.inline
    def expand(data: Any, scratch: Any, at: Any, first: Any, count: Any, left: Any):
        span = T.meta_var(_span(spec, left, columns))
        for r in range((count - 1) * down + kernel_rows):
            row: T.let = first * down + r - spec.padding.top
            target: T.let = at + r * row_words
            if (row >= 0) & (row < spec.input.height):
                inside: T.let = target + span.before * (depth // 2)
                source: T.let = (row * input_width + span.source) * depth
                call("tf_fill", T.address_of(scratch[target]), zero, span.before * (depth // 2))
                call("tf_widen", T.address_of(scratch[inside]), T.address_of(data[source]), span.inside * (depth // 4))
                after: T.let = inside + span.inside * (depth // 2)
                call("tf_fill", T.address_of(scratch[after]), zero, span.after * (depth // 2))
            else:
                call("tf_fill", T.address_of(scratch[target]), zero, row_words)

    return tiling, expand


def _patches(spec: ConvSpec, limits: Limits, is_narrow: bool, distances: Sequence[int] = ()) -> tuple[Tiling, Expand]:
    (kernel_rows, kernel_columns), (down, right) = spec.kernel, spec.stride
    depth, height, width = spec.input.channels, spec.output.height, spec.output.width
    length = kernel_columns * depth
    products = -(-len(product_order(spec)) // BLOCK) * BLOCK
    apart = next((distance // 4 for distance in distances if distance >= 2 * products), products // 2)

    def byte_words(columns: int) -> int:
        return -(-((columns - 1) * right + kernel_columns) * depth // 4)

    def words_of(rows: int, columns: int) -> int:
        return rows * columns * apart + ((rows - 1) * down + kernel_rows) * byte_words(columns)

    rows, columns = limits.shape(height, width, words_of)
    pair_words, row_words = columns * apart, byte_words(columns)
    tiling = Tiling(height, width, rows, columns, 1, products, 0, pair_words, apart, words_of(rows, columns), is_narrow)
    zero, row_bytes = T.int8(spec.input_zero_point), ((columns - 1) * right + kernel_columns) * depth

    @T.inline
    def expand(data: Any, scratch: Any, at: Any, first: Any, count: Any, left: Any):
        span = T.meta_var(_span(spec, left, columns))
        for r in range((count - 1) * down + kernel_rows):
            row: T.let = first * down + r - spec.padding.top
            target: T.let = at + rows * pair_words + r * row_words
            if (row >= 0) & (row < spec.input.height):
                source: T.let = (row * spec.input.width + span.source) * depth
                call(
                    "tf_pad_row", T.address_of(scratch[target]), zero, span.before * depth,
                    T.address_of(data[source]), span.inside * depth, span.after * depth,
                )  # fmt: skip
            else:
                call("tf_pad_row", T.address_of(scratch[target]), zero, row_bytes, T.address_of(data[0]), 0, 0)
        for y, x in T.grid(count, hidden(columns)):
            pairs: T.let = at + y * pair_words + x * apart
            bytes_at: T.let = at + rows * pair_words + y * (down * row_words)
            call(
                "tf_patch", T.address_of(scratch[pairs]), T.address_of(scratch[bytes_at]), x * (right * depth),
                row_words * 4, kernel_rows, length,
            )  # fmt: skip

    return tiling, expand
