"""Style dsp, the input of a convolution: how a chunk of it becomes int16 pairs in scratch, padding included.

flat     1x1, stride 1: all pixels one behind the other
rows     whole padded rows: what one row of the kernel covers is contiguous there, a segment
patches  any depth: all products of one pixel, gathered from padded rows of bytes
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tvm.script import tirx as T

from tinyflow.backends.tvm.intrinsics import GROUP, call, hidden
from tinyflow.backends.tvm.specs import ConvSpec

Expr = Any
Expand = Callable[..., None]  # a T.inline of (data, scratch, place in scratch, first output row, output rows)

_BLOCK = 8  # products of one step of tf_conv4
# Weights are widened once for each chunk: 48 pixels make that 3 % of the work, and more would only cost memory.
_CHUNK_PIXELS = 48


@dataclass(frozen=True)
class Tiling:
    """In what portions a convolution is done, and where pairs lie in scratch, in words of two values."""

    rows: int  # output rows
    columns: int  # output pixels in a row
    chunk: int  # output rows at a time
    segments: int  # contiguous runs of products of one pixel
    length: int  # products in a segment
    segment_words: int  # from one segment to the next
    row_words: int  # from one output row to the next
    column_words: int  # from one output pixel to the next
    input_words: int  # all of a chunk's input

    @property
    def blocks(self) -> int:
        """Steps of the inner loop in a segment."""
        return -(-self.length // _BLOCK)

    @property
    def padded_length(self) -> int:
        """Products in a segment of the weights, with zeros at the end."""
        return self.blocks * _BLOCK

    @property
    def weight_words(self) -> int:
        """Pairs of the weights of one group of channels."""
        return self.segments * self.padded_length * GROUP // 2

    @property
    def chunk_words(self) -> int:
        """The input, and what the last pixel's last step reads beyond it (times weights of 0)."""
        return self.input_words + (self.padded_length - self.length) // 2

    @property
    def run(self) -> int:
        """Output rows whose pixels follow one another in scratch as if they were one row."""
        return self.chunk if self.row_words == self.columns * self.column_words else 1

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

    def rows_from(self, first: Expr) -> Expr:
        """Output rows of the chunk that begins with this one."""
        if self.rows % self.chunk == 0:
            return T.int32(self.chunk)
        return T.min(T.int32(self.chunk), self.rows - first)


def widening(spec: ConvSpec, scratch_bytes: int) -> tuple[Tiling, Expand]:
    """The tiling of a convolution and what fills scratch for it, which exceeds `scratch_bytes` if one row does."""
    words = (scratch_bytes - 2 * GROUP * spec.reduction) // 4  # without the weights of a group
    if spec.input.channels % 4:
        return _patches(spec, words)
    if spec.kernel == (1, 1) and spec.stride == (1, 1):
        return _flat(spec, words)
    return _rows(spec, words)


def product_order(spec: ConvSpec) -> list[int]:
    """Which product stands where in what tf_patch gathers; -1 is a product with 0."""
    rows, length = spec.kernel[0], spec.kernel[1] * spec.input.channels
    whole = length - length % 4
    order = [row * length + i for row in range(rows) for i in range(whole)]
    order += [row * length + i for row in range(rows) for i in range(whole, length)]
    return order + [-1] * (-len(order) % 4)


def _chunk(rows: int, pixels_per_row: int, words_per_row: int, words: int) -> int:
    """Output rows at a time, in equal portions: enough for `_CHUNK_PIXELS`, if so many fit into `words`."""
    most = max(1, min(rows, -(-_CHUNK_PIXELS // pixels_per_row), words // words_per_row))
    return -(-rows // -(-rows // most))


def _flat(spec: ConvSpec, words: int) -> tuple[Tiling, Expand]:
    pixels, depth = spec.output.height * spec.output.width, spec.input.channels
    chunk = _chunk(pixels, 1, depth // 2, words)
    tiling = Tiling(pixels, 1, chunk, 1, depth, 0, depth // 2, depth // 2, chunk * depth // 2)

    @T.inline
    def expand(data: Any, scratch: Any, at: Any, first: Any, count: Any):
        call("tf_widen", T.address_of(scratch[at]), T.address_of(data[first * depth]), count * (depth // 4))

    return tiling, expand


def _rows(spec: ConvSpec, words: int) -> tuple[Tiling, Expand]:
    (kernel_rows, kernel_columns), (down, right) = spec.kernel, spec.stride
    depth = spec.input.channels
    width = (spec.output.width - 1) * right + kernel_columns
    row_words = width * depth // 2
    chunk = _chunk(spec.output.height, spec.output.width, down * row_words, words - (kernel_rows - down) * row_words)
    tiling = Tiling(
        rows=spec.output.height,
        columns=spec.output.width,
        chunk=chunk,
        segments=kernel_rows,
        length=kernel_columns * depth,
        segment_words=row_words,
        row_words=down * row_words,
        column_words=right * depth // 2,
        input_words=((chunk - 1) * down + kernel_rows) * row_words,
    )
    left = spec.padding.left * depth // 2
    inside = min(spec.input.width, width - spec.padding.left) * depth
    after = row_words - left - inside // 2
    zero = spec.input_zero_point

    @T.inline
    def expand(data: Any, scratch: Any, at: Any, first: Any, count: Any):
        for r in range((count - 1) * down + kernel_rows):
            row: T.let = first * down + r - spec.padding.top
            target: T.let = at + r * row_words
            if (row >= 0) & (row < spec.input.height):
                source: T.let = row * (spec.input.width * depth)
                call("tf_fill", T.address_of(scratch[target]), zero, left)
                call("tf_widen", T.address_of(scratch[target + left]), T.address_of(data[source]), inside // 4)
                call("tf_fill", T.address_of(scratch[target + left + inside // 2]), zero, after)
            else:
                call("tf_fill", T.address_of(scratch[target]), zero, row_words)

    return tiling, expand


def _patches(spec: ConvSpec, words: int) -> tuple[Tiling, Expand]:
    (kernel_rows, kernel_columns), (down, right) = spec.kernel, spec.stride
    depth, columns = spec.input.channels, spec.output.width
    length, width = kernel_columns * depth, (columns - 1) * right + kernel_columns
    products = -(-len(product_order(spec)) // _BLOCK) * _BLOCK
    pair_words, row_words = columns * products // 2, -(-width * depth // 4)
    left_words = words - (kernel_rows - down) * row_words
    chunk = _chunk(spec.output.height, columns, pair_words + down * row_words, left_words)
    input_words = chunk * pair_words + ((chunk - 1) * down + kernel_rows) * row_words
    tiling = Tiling(spec.output.height, columns, chunk, 1, products, 0, pair_words, products // 2, input_words)
    left = spec.padding.left * depth
    inside = min(spec.input.width, width - spec.padding.left) * depth
    after = width * depth - left - inside
    zero = T.int8(spec.input_zero_point)

    @T.inline
    def expand(data: Any, scratch: Any, at: Any, first: Any, count: Any):
        for r in range((count - 1) * down + kernel_rows):
            row: T.let = first * down + r - spec.padding.top
            target: T.let = at + chunk * pair_words + r * row_words
            if (row >= 0) & (row < spec.input.height):
                source: T.let = row * (spec.input.width * depth)
                call("tf_pad_row", T.address_of(scratch[target]), zero, left, T.address_of(data[source]), inside, after)
            else:
                call("tf_pad_row", T.address_of(scratch[target]), zero, width * depth, T.address_of(data[0]), 0, 0)
        for y, x in T.grid(count, hidden(columns)):
            pairs: T.let = at + y * pair_words + x * (products // 2)
            bytes_at: T.let = at + chunk * pair_words + y * (down * row_words)
            call(
                "tf_patch", T.address_of(scratch[pairs]), T.address_of(scratch[bytes_at]), x * (right * depth),
                row_words * 4, kernel_rows, length,
            )  # fmt: skip

    return tiling, expand
