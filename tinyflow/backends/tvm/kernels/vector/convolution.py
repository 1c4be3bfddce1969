"""Style aotplus on processors with vectors, Helium or RISC-V's V: loops and layouts in TIR, vectors in tf_vector.h.

    for each chunk of output rows:
        copy the input rows that it reads into scratch, with the padding around them (where there is any)
        for each two pixels:
            bring their products together, where they come in runs that don't fill vectors
            all channels: dot products, requantised

A depthwise convolution has rows of pixels in place of two, and takes its products where they lie.
"""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels.chunks import Source, convolution_source, expand, fill, flat_source, walk_of
from tinyflow.backends.tvm.kernels.intrinsics import call, hidden
from tinyflow.backends.tvm.kernels.kernel import Kernel, Machine
from tinyflow.backends.tvm.kernels.specs import ConvSpec, DenseSpec, DepthwiseSpec, Requantisation, Spec
from tinyflow.backends.tvm.kernels.vector.layout import LANES, Lanes, filled, pack_blocks, sizes

HEADERS = ("tf_vector.h",)
_PIXELS = 2  # that share the loading of weights


def build(spec: Spec, machine: Machine, scratch_bytes: int) -> Kernel | None:
    """The vector kernel of a spec; None where there is none, or no C compiler that would take it."""
    if machine.vectors not in LANES or machine.toolchain == "llvm":
        return None
    lanes = LANES[machine.vectors]
    if isinstance(spec, ConvSpec):
        return conv(spec, lanes, scratch_bytes) if spec.input.layout == spec.output.layout == "NHWC" else None
    if isinstance(spec, DepthwiseSpec):
        return depthwise(spec, lanes, scratch_bytes) if is_supported(spec) else None
    return dense(spec, lanes) if isinstance(spec, DenseSpec) else None


def is_supported(spec: DepthwiseSpec) -> bool:
    """Whether each output channel has an input channel of its own, side by side."""
    return spec.input.channels == spec.output.channels and spec.input.layout == spec.output.layout == "NHWC"


def _form(to: Requantisation) -> tuple[int, int, int, int]:
    """`struct tf_vector_form`."""
    return -1 if to.up is None else to.up, to.zero_point, to.lowest, to.highest


# CONV_2D: out[y, x, c] = requantise(bias[c] + Σ in[y*s + i - pad, x*s + j - pad, k] * w[c, i, j, k])
# TFLite, kernels/internal/reference/integer_ops/conv.h


def conv(spec: ConvSpec, lanes: Lanes, scratch_bytes: int) -> Kernel:
    """CONV_2D. Without padding and stride a 1x1 one is a single row of pixels."""
    run = spec.kernel[1] * spec.input.channels
    source = flat_source(spec) or convolution_source(spec, scratch_bytes)
    channels, form = spec.output.channels, _form(spec.requantisation)
    # runs that fill no vectors become one, behind the rows in scratch
    is_gathered = run % lanes.step != 0
    segments, length = (1, source.rows * run) if is_gathered else (source.rows, run)
    patch_bytes = filled(length, lanes.step) if is_gathered else 0
    shape = _scratch_shape(source, _PIXELS * patch_bytes)
    aside = 0 if source.padding is None else source.chunk_rows  # the row that they begin in
    weights_size, scale_size = sizes(spec, channels, lanes, lanes.block, segments * filled(length, lanes.step))

    @T.prim_func(s_tir=True)
    def conv2d(
        data: T.Buffer(source.input_shape, "int8"),
        weights: T.Buffer((weights_size,), "int8"),
        scale: T.Buffer((scale_size,), "int32"),
        output: T.Buffer((source.height, source.width, channels), "int8"),
        scratch: T.Buffer(shape, "int8"),
    ):
        T.func_attr({"tirx.noalias": True})
        read = T.meta_var(data if source.padding is None else scratch)
        fill(scratch, source, "tf_vector_fill")
        for part in range(-(-source.height // source.chunk)):
            first: T.let = part * source.chunk
            expand(data, scratch, first * source.down, source, "tf_vector_copy", "tf_vector_fill")
            for y, tile in T.grid(T.min(source.chunk, source.height - first), hidden(-(-source.width // _PIXELS))):
                x0: T.let = T.max(T.min(tile * _PIXELS, source.width - _PIXELS), 0)
                x1: T.let = T.min(x0 + 1, source.width - 1)
                if is_gathered:
                    _gather(scratch, aside, read, y * source.down, x0, x1, run, patch_bytes, source)
                call(
                    "tf_vector_pixels", T.address_of(output[first + y, x0, 0]), (x1 - x0) * channels,
                    T.address_of(scratch[aside, 0] if is_gathered else read[y * source.down, x0 * source.step_bytes]),
                    T.address_of(
                        scratch[aside, patch_bytes] if is_gathered
                        else read[y * source.down, x1 * source.step_bytes]
                    ),
                    T.address_of(weights[0]), T.address_of(scale[0]), segments, source.row_bytes, length, channels,
                    *form,
                )  # fmt: skip

    walk = walk_of(spec, source, _PIXELS)
    return Kernel.of(conv2d, lambda given: pack_blocks(spec, given, lanes, segments, lanes.block), HEADERS, walk)


@T.inline
def _gather(scratch: Any, aside: Any, read: Any, y: Any, x0: Any, x1: Any, run: Any, patch_bytes: Any, source: Any):
    """Bring the products of both pixels together, from row `aside` of scratch on."""
    for i in range(source.rows):
        for p in T.unroll(_PIXELS):
            at = T.meta_var((x0 + p * (x1 - x0)) * source.step_bytes)
            place = T.meta_var(T.address_of(scratch[aside, p * patch_bytes + i * run]))
            call("tf_vector_copy", place, T.address_of(read[y + i, at]), run)


def _scratch_shape(source: Source, patches_bytes: int) -> tuple[int, int]:
    """Rows with padding, and as many more as the patches take."""
    if source.padding is None:
        return (1, patches_bytes) if patches_bytes else (0, 0)
    return source.chunk_rows + -(-patches_bytes // source.row_bytes), source.row_bytes


# FULLY_CONNECTED: out[c] = requantise(bias[c] + Σ in[k] * w[c, k])
# TFLite, kernels/internal/reference/integer_ops/fully_connected.h


def dense(spec: DenseSpec, lanes: Lanes) -> Kernel:
    """FULLY_CONNECTED; inputs that don't fill vectors are copied to where more may be read."""
    is_copied = spec.inputs % lanes.step != 0
    form = _form(spec.requantisation)
    scratch_size = filled(spec.inputs, lanes.step) if is_copied else 0
    weights_size, scale_size = sizes(spec, spec.outputs, lanes, lanes.block, filled(spec.inputs, lanes.step))

    @T.prim_func(s_tir=True)
    def fully_connected(
        data: T.Buffer((spec.inputs,), "int8"),
        weights: T.Buffer((weights_size,), "int8"),
        scale: T.Buffer((scale_size,), "int32"),
        output: T.Buffer((spec.outputs,), "int8"),
        scratch: T.Buffer((scratch_size,), "int8"),
    ):
        T.func_attr({"tirx.noalias": True})
        if is_copied:
            call("tf_vector_copy", T.address_of(scratch[0]), T.address_of(data[0]), spec.inputs)
        call(
            "tf_vector_pixel", T.address_of(output[0]), T.address_of(scratch[0] if is_copied else data[0]),
            T.address_of(weights[0]), T.address_of(scale[0]), spec.inputs, spec.outputs, *form,
        )  # fmt: skip

    return Kernel.of(fully_connected, lambda given: pack_blocks(spec, given, lanes, 1, lanes.block), HEADERS)


# DEPTHWISE_CONV_2D: out[y, x, c] = requantise(bias[c] + Σ in[y*s + i - pad, x*s + j - pad, c] * w[i, j, c])
# TFLite, kernels/internal/reference/integer_ops/depthwise_conv.h


def depthwise(spec: DepthwiseSpec, lanes: Lanes, scratch_bytes: int) -> Kernel:
    """DEPTHWISE_CONV_2D that `is_supported`, row by row."""
    source, channels, form = convolution_source(spec, scratch_bytes), spec.output.channels, _form(spec.requantisation)
    (rows, columns), right = spec.kernel, spec.stride[1]
    repeated = _repeated(spec, lanes)
    lined_up = repeated * channels
    weights_size, scale_size = sizes(spec, lined_up, lanes, lanes.taps_block, rows * columns)

    @T.prim_func(s_tir=True)
    def depthwise2d(
        data: T.Buffer(source.input_shape, "int8"),
        weights: T.Buffer((weights_size,), "int8"),
        scale: T.Buffer((scale_size,), "int32"),
        output: T.Buffer((source.height, source.width * channels), "int8"),
        scratch: T.Buffer(source.scratch_shape, "int8"),
    ):
        T.func_attr({"tirx.noalias": True})
        read = T.meta_var(data if source.padding is None else scratch)
        fill(scratch, source, "tf_vector_fill")
        for part in range(-(-source.height // source.chunk)):
            first: T.let = part * source.chunk
            expand(data, scratch, first * source.down, source, "tf_vector_copy", "tf_vector_fill")
            for y in range(T.min(source.chunk, source.height - first)):
                call(
                    "tf_vector_taps", T.address_of(output[first + y, 0]), T.address_of(read[y * source.down, 0]),
                    T.address_of(weights[0]), T.address_of(scale[0]), source.width * channels, rows, columns,
                    source.row_bytes, channels, lined_up * right, lined_up, *form,
                )  # fmt: skip

    walk = walk_of(spec, source, source.width)
    return Kernel.of(
        depthwise2d, lambda given: pack_blocks(spec, given, lanes, 1, lanes.taps_block, repeated), HEADERS, walk
    )


def _repeated(spec: DepthwiseSpec, lanes: Lanes) -> int:
    """Neighbouring pixels that fill a vector together: their channels follow one another."""
    if spec.stride[1] != 1 or lanes.is_filled:
        return 1
    return max(1, lanes.taps_block // spec.output.channels)
