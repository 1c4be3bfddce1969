"""Random layers for the tests of kernels: small shapes, every stride, dilation, padding and activation, odd sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import tinynn_cases as cases
import tinynn_int16 as int16
import tinynn_moves as moves
from hypothesis import strategies as st
from tinynn_cases import Case

_ACTIVATIONS = st.sampled_from(["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])
_PADDINGS = st.sampled_from(["SAME", "VALID"])
# -128 is what converters never write
_LOWEST_WEIGHTS = st.sampled_from([-127, -127, -128])
_ZERO_POINTS = st.one_of(st.none(), st.integers(-128, 127))

# several blocks of weights of four bits, of CONV_2D and FULLY_CONNECTED
_MANY_OUTPUTS = st.sampled_from([1, 3, 8, 9, 33, 50, 70])


def _generator(draw: st.DrawFn) -> np.random.Generator:
    return np.random.default_rng(draw(st.integers(0, 2**32 - 1)))


def _spatial(draw: st.DrawFn, largest_kernel: int) -> dict[str, Any]:
    """Kernel, stride, dilation, padding, and an input that is large enough for them."""
    kernel = tuple(draw(st.integers(1, largest_kernel)) for _ in range(2))
    dilation = tuple(draw(st.sampled_from([1, 1, 1, 2])) for _ in range(2))
    reach = [(kernel[i] - 1) * dilation[i] + 1 for i in range(2)]
    size = [reach[i] + draw(st.integers(0, 6)) for i in range(2)]
    if draw(st.integers(0, 7)) == 0:  # one column, as of a sound or of a sensor
        kernel, size = (kernel[0], 1), [size[0], 1]
    stride = tuple(draw(st.integers(1, 3)) for _ in range(2))
    return {"kernel": kernel, "dilation": dilation, "size": size, "stride": stride, "padding": draw(_PADDINGS)}


@st.composite
def _of_few_channels(draw: st.DrawFn, bits: int) -> Case:
    """CONV_2D of a few input channels, mostly one, three outputs in a row or more."""
    kernel, stride = (
        (draw(st.integers(1, 5)), draw(st.integers(2, 9))),
        (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
    )
    padding, columns = draw(_PADDINGS), 3 * draw(st.integers(1, 3)) * stride[1]
    if padding == "VALID":
        columns += max(kernel[1] - stride[1], 0)
    case = cases.conv2d(
        _generator(draw),
        (draw(st.integers(1, 2)), kernel[0] + draw(st.integers(0, 6)), columns, draw(st.sampled_from([1, 1, 2, 3, 5]))),
        draw(st.integers(1, 5)),
        kernel,
        stride=stride,
        padding=padding,
        activation=draw(_ACTIVATIONS),
        output_zero_point=draw(_ZERO_POINTS),
        bits=bits,
    )
    return cases.with_memory(case)


@st.composite
def conv2d(draw: st.DrawFn, bits: int = 8) -> Case:
    """CONV_2D of any shape; more often of few channels than by chance."""
    if draw(st.integers(0, 3)) == 0:
        return draw(_of_few_channels(bits))
    spatial = _spatial(draw, draw(st.sampled_from([1, 3, 5])))
    shape = (draw(st.integers(1, 2)), *spatial.pop("size"), draw(st.sampled_from([1, 2, 3, 4, 5, 8, 12, 17])))
    return cases.conv2d(
        _generator(draw),
        shape,  # type: ignore[arg-type]
        draw(st.integers(1, 9) if bits == 8 else _MANY_OUTPUTS),
        halvings=draw(st.sampled_from([0, 0, 2])) if bits == 8 else 0,
        activation=draw(_ACTIVATIONS),
        wide=draw(st.booleans()),
        lowest_weight=draw(_LOWEST_WEIGHTS),
        output_zero_point=draw(_ZERO_POINTS),
        bits=bits,
        **spatial,
    )


@st.composite
def conv2d_vectors(draw: st.DrawFn) -> Case:
    """CONV_2D as vector kernels have it: whole sixteens under 3x3 taps, rows of whole vectors, several of channels."""
    how: dict[str, Any] = {"padding": draw(_PADDINGS), "activation": draw(_ACTIVATIONS)}
    kind = draw(st.sampled_from(["sixteens", "columns", "channels"]))
    kernel, stride = (3, 3), (draw(st.integers(1, 3)), 1)
    if kind == "sixteens":
        columns, channels = 4 * draw(st.integers(1, 3)), draw(st.sampled_from([16, 32, 48]))
        outputs = 2 * draw(st.integers(1, 5))
    elif kind == "columns":
        kernel, stride = (draw(st.integers(1, 3)), draw(st.integers(1, 4))), (stride[0], draw(st.integers(1, 3)))
        columns, channels = draw(st.sampled_from([26, 31, 32, 48])) * stride[1], draw(st.integers(1, 9))
        outputs = draw(st.integers(1, 16))
    else:
        kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
        columns, channels = draw(st.integers(1, 9)), draw(st.integers(1, 9))
        outputs = draw(st.integers(10, 70))
    if how["padding"] == "VALID":
        columns += kernel[1] - 1
    return cases.conv2d(
        _generator(draw),
        (draw(st.integers(1, 2)), kernel[0] + draw(st.integers(0, 4)), columns, channels),
        outputs,
        kernel,
        stride=stride,
        lowest_weight=draw(_LOWEST_WEIGHTS),
        output_zero_point=draw(_ZERO_POINTS),
        **how,
    )


@st.composite
def winograd(draw: st.DrawFn) -> Case:
    """CONV_2D of 3x3 taps with any number of tiles at once; sizes that tiles reach beyond, and smaller than a tile."""
    padding = draw(_PADDINGS)
    sizes = st.integers(1 if padding == "SAME" else 3, 9)
    case = cases.conv2d(
        _generator(draw),
        (draw(st.integers(1, 2)), draw(sizes), draw(sizes), draw(st.sampled_from([8, 16, 24]))),
        draw(st.sampled_from([2, 4, 10])),
        (3, 3),
        padding=padding,
        activation=draw(_ACTIVATIONS),
        lowest_weight=draw(_LOWEST_WEIGHTS),
        output_zero_point=draw(_ZERO_POINTS),
    )
    return cases.winograd(case, draw(st.integers(1, 4)), is_transformed=draw(st.booleans()))


@st.composite
def depthwise(draw: st.DrawFn, bits: int = 8) -> Case:
    """DEPTHWISE_CONV_2D; more often than not what kernels for three, five and seven columns, or for one row take."""
    spatial = _spatial(draw, 6)
    columns = draw(st.sampled_from([0, 3, 3, 5, 7, 1, 1]))
    if columns == 1:  # rows may be shorter than the kernel where there is padding
        taps = draw(st.integers(1, 20))
        shortest = taps if spatial["padding"] == "VALID" else 1
        spatial |= {"kernel": (taps, 1), "dilation": (1, 1), "stride": (1, 1)}
        spatial |= {"size": [max(shortest, taps + draw(st.integers(-5, 11))), 1]}
    elif columns:
        spatial |= {"kernel": (columns, columns), "dilation": (1, 1)}
        spatial |= {"size": [draw(st.integers(columns, 11)) for _ in range(2)]}
    if columns >= 5:
        spatial |= {
            "stride": (draw(st.integers(1, 2)), draw(st.integers(1, 3))),
            "dilation": (draw(st.integers(1, 2)), 1),
        }
        spatial["size"][0] += spatial["dilation"][0] * columns - columns
    channels = draw(st.sampled_from([1, 2, 3, 4, 5, 7, 8, 9, 17, 40]))  # more than vectors hold
    shape = (draw(st.integers(1, 2)), *spatial.pop("size"), channels)
    case = cases.depthwise(
        _generator(draw),
        shape,  # type: ignore[arg-type]
        activation=draw(_ACTIVATIONS),
        depth_multiplier=draw(st.sampled_from([1, 1, 1, 2, 3])),
        wide=draw(st.booleans()),
        lowest_weight=draw(_LOWEST_WEIGHTS),
        output_zero_point=draw(_ZERO_POINTS),
        bits=bits,
        **spatial,
    )
    return cases.with_memory(case) if draw(st.booleans()) else case


@st.composite
def depthwise_pixel(draw: st.DrawFn, bits: int = 8) -> Case:
    """DEPTHWISE_CONV_2D whose window is the whole input."""
    kernel = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    return cases.depthwise(
        _generator(draw),
        (draw(st.integers(1, 2)), *kernel, draw(st.sampled_from([3, 4, 8, 12, 40]))),
        kernel,
        padding="VALID",
        activation=draw(_ACTIVATIONS),
        lowest_weight=draw(_LOWEST_WEIGHTS),
        output_zero_point=draw(_ZERO_POINTS),
        bits=bits,
    )


@st.composite
def fully_connected(draw: st.DrawFn, bits: int = 8) -> Case:
    """FULLY_CONNECTED, per tensor or per channel; inputs in fours and outputs in eights more often than by chance."""
    is_even = bits == 8 and draw(st.booleans())
    return cases.fully_connected(
        _generator(draw),
        draw(st.integers(1, 3)),
        4 * draw(st.integers(1, 10)) if is_even else draw(st.integers(1, 40 if bits == 8 else 300)),
        8 * draw(st.integers(1, 3)) if is_even else draw(st.integers(1, 11) if bits == 8 else _MANY_OUTPUTS),
        draw(_ACTIVATIONS),
        draw(st.booleans()),
        draw(_LOWEST_WEIGHTS),
        draw(_ZERO_POINTS),
        bits,
    )


def int4() -> st.SearchStrategy[Case]:
    """Layers with weights of four bits."""
    return st.one_of(conv2d(4), depthwise(4), depthwise_pixel(4), fully_connected(4))


@st.composite
def pool(draw: st.DrawFn) -> Case:
    """AVERAGE_POOL_2D, MAX_POOL_2D."""
    spatial = _spatial(draw, 4)
    shape = (draw(st.integers(1, 2)), *(size + 3 for size in spatial["size"]), draw(st.integers(1, 9)))
    operator = draw(st.sampled_from(["average_pool", "max_pool"]))
    kernel, stride, padding = (spatial[name] for name in ("kernel", "stride", "padding"))
    return cases.average_pool(_generator(draw), shape, kernel, stride, padding, operator, draw(_ACTIVATIONS))  # type: ignore[arg-type]


@st.composite
def add(draw: st.DrawFn) -> Case:
    """ADD, SUB of equal shapes."""
    shape = (1, draw(st.integers(1, 99)))
    operator = draw(st.sampled_from(["add", "sub"]))
    return cases.add(_generator(draw), shape, operator, draw(_ACTIVATIONS), draw(_ZERO_POINTS))


@st.composite
def binary(draw: st.DrawFn) -> Case:
    """Two inputs, each dimension of which may be 1 in one of them."""
    shape = [draw(st.sampled_from([3, 1, 5, 2])) for _ in range(4)]
    kinds = [draw(st.sampled_from(["both", "left", "right", "both"])) for _ in range(4)]
    if draw(st.booleans()):
        kinds = ["both"] * 4
    left = tuple(1 if kind == "right" else size for size, kind in zip(shape, kinds, strict=True))
    right = tuple(1 if kind == "left" else size for size, kind in zip(shape, kinds, strict=True))
    scales = draw(st.sampled_from([(), (0.05, 0.03, 0.07)]))
    return cases.binary(_generator(draw), draw(st.sampled_from(cases.BINARY)), left, right, scales=scales)


@st.composite
def number(draw: st.DrawFn) -> Case:
    """Two inputs, one of which is a number."""
    shape = (1, draw(st.sampled_from([1, 63, 64, 150])))
    constant = draw(st.integers(0, 1))
    shapes = [(1, 1) if i == constant and draw(st.booleans()) else shape for i in range(2)]
    return cases.binary(_generator(draw), draw(st.sampled_from(cases.BINARY)), shapes[0], shapes[1], constant)


@st.composite
def unary(draw: st.DrawFn) -> Case:
    """Activations and QUANTIZE."""
    elements = draw(st.sampled_from([1, 30, 300]))
    operator = draw(st.sampled_from([*cases.UNARY, "HARD_SWISH"]))
    if operator == "HARD_SWISH":
        return cases.hard_swish(_generator(draw), elements)
    return cases.unary(_generator(draw), operator, elements)


@st.composite
def softmax(draw: st.DrawFn) -> Case:
    """SOFTMAX over rows, few or so many that a table pays."""
    rows = draw(st.sampled_from([1, 2, 3, 50]))
    return cases.softmax(_generator(draw), rows, draw(st.integers(1, 40)))


@st.composite
def mean(draw: st.DrawFn) -> Case:
    """MEAN over one to three axes, at times long ones."""
    shape = [draw(st.integers(1, 6)) for _ in range(4)]
    shape[draw(st.integers(0, 3))] *= draw(st.sampled_from([1, 1, 100]))
    axes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True))
    value = draw(st.sampled_from([None, None, -128, 127]))
    return cases.mean(_generator(draw), tuple(shape), sorted(axes), value)


def _shape(draw: st.DrawFn, most: int = 5) -> tuple[int, ...]:
    """Four axes, the last one longer than a call of memcpy is worth at times."""
    return (*(draw(st.integers(1, most)) for _ in range(3)), draw(st.sampled_from([1, 2, 3, 4, 7, 8, 11, 17, 20])))


@st.composite
def pad(draw: st.DrawFn) -> Case:
    """PAD on any side."""
    amounts = [tuple(draw(st.integers(0, 2)) for _ in range(4)) for _ in range(2)]
    return moves.pad(_generator(draw), _shape(draw, 4), *amounts)


@st.composite
def transpose(draw: st.DrawFn) -> Case:
    """TRANSPOSE in any order, half of them of blocks of four."""
    shape = _shape(draw)
    if draw(st.booleans()):
        shape = tuple(draw(st.sampled_from([4, 1, 8, 12])) for _ in range(4))
    return moves.transpose(_generator(draw), shape, tuple(draw(st.permutations(range(4)))))


@st.composite
def strided_slice(draw: st.DrawFn) -> Case:
    """STRIDED_SLICE forwards."""
    shape = _shape(draw)
    begin = [draw(st.integers(0, size - 1)) for size in shape]
    end = [draw(st.integers(first + 1, size)) for first, size in zip(begin, shape, strict=True)]
    step = [draw(st.integers(1, 2)) for _ in range(4)]
    if draw(st.booleans()):  # all of the last axis
        begin[3], end[3], step[3] = 0, shape[3], 1
    return moves.strided_slice(_generator(draw), shape, tuple(begin), tuple(end), tuple(step))


@st.composite
def resize(draw: st.DrawFn) -> Case:
    """RESIZE_NEAREST_NEIGHBOR up and down."""
    return moves.resize_nearest(_generator(draw), _shape(draw), draw(st.integers(1, 9)), draw(st.integers(1, 9)))


@st.composite
def part(draw: st.DrawFn) -> Case:
    """The call for one part of a CONCATENATION or SPLIT."""
    shape, axis = _shape(draw), draw(st.integers(0, 3))
    if draw(st.booleans()):
        return moves.concatenation(_generator(draw), [shape, shape], axis)
    parts = draw(st.integers(1, 3))
    whole = tuple(size * parts if i == axis else size for i, size in enumerate(shape))
    return moves.split(_generator(draw), whole, parts, axis)


@st.composite
def even_softmax(draw: st.DrawFn) -> Case:
    """SOFTMAX over so many like columns that each gets next to nothing: TFLM ends the program there."""
    columns = draw(st.sampled_from([500, 511, 512, 513, 600, 1000]))
    case = cases.softmax(_generator(draw), 2, columns)
    values = draw(st.lists(st.integers(-2, 0), min_size=1, max_size=3))
    return replace(case, inputs=(np.resize(np.array(values, np.int8), (2, columns)),))


# of activations of int16
_BIASES = st.sampled_from(["int64", "int64", "int32", ""])


@st.composite
def conv2d_int16(draw: st.DrawFn) -> Case:
    """CONV_2D of any shape."""
    spatial = _spatial(draw, draw(st.sampled_from([1, 3, 5])))
    shape = (draw(st.integers(1, 2)), *spatial.pop("size"), draw(st.sampled_from([1, 2, 3, 4, 5, 8, 12, 17])))
    how: dict[str, Any] = {
        "activation": draw(_ACTIVATIONS),
        "bias": draw(_BIASES),
        "is_per_channel": draw(st.booleans()),
    }
    return int16.conv2d(_generator(draw), shape, draw(st.integers(1, 9)), **spatial, **how)  # type: ignore[arg-type]


@st.composite
def depthwise_int16(draw: st.DrawFn) -> Case:
    """DEPTHWISE_CONV_2D of any shape."""
    spatial = _spatial(draw, draw(st.sampled_from([1, 3, 3, 5])))
    shape = (draw(st.integers(1, 2)), *spatial.pop("size"), draw(st.sampled_from([1, 2, 3, 4, 5, 8, 17])))
    how: dict[str, Any] = {"activation": draw(_ACTIVATIONS), "depth_multiplier": draw(st.sampled_from([1, 1, 1, 2]))}
    return int16.depthwise(_generator(draw), shape, **spatial, **how)  # type: ignore[arg-type]


@st.composite
def fully_connected_int16(draw: st.DrawFn) -> Case:
    """FULLY_CONNECTED, at times with sums of more than 32 bits."""
    inputs = draw(st.sampled_from([*range(1, 41), 4096]))
    how: dict[str, Any] = {
        "activation": draw(_ACTIVATIONS),
        "bias": draw(_BIASES),
        "is_per_channel": draw(st.booleans()),
    }
    return int16.fully_connected(_generator(draw), draw(st.integers(1, 3)), inputs, draw(st.integers(1, 11)), **how)


@st.composite
def reduction_int16(draw: st.DrawFn) -> Case:
    """The pools, MEAN, SUM."""
    spatial, operator = _spatial(draw, 4), draw(st.sampled_from(["AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "SUM"]))
    shape = (draw(st.integers(1, 2)), *(size + 3 for size in spatial["size"]), draw(st.integers(1, 9)))
    if operator in ("MEAN", "SUM"):
        axes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True))
        return int16.reduction(_generator(draw), operator, shape, sorted(axes))
    kernel, stride, padding = (spatial[name] for name in ("kernel", "stride", "padding"))
    return int16.pool(_generator(draw), shape, kernel, stride, padding, operator, draw(_ACTIVATIONS))  # type: ignore[arg-type]


@st.composite
def binary_int16(draw: st.DrawFn) -> Case:
    """Two inputs, each dimension of which may be 1 in one of them."""
    shape = [draw(st.sampled_from([3, 1, 5, 2])) for _ in range(4)]
    kinds = [draw(st.sampled_from(["both", "left", "right", "both"])) for _ in range(4)]
    left = tuple(1 if kind == "right" else size for size, kind in zip(shape, kinds, strict=True))
    right = tuple(1 if kind == "left" else size for size, kind in zip(shape, kinds, strict=True))
    if draw(st.booleans()):
        left = right = (1, draw(st.sampled_from([7, 300])))
    return int16.binary(_generator(draw), draw(st.sampled_from(int16.BINARY)), left, right, draw(_ACTIVATIONS))


@st.composite
def unary_int16(draw: st.DrawFn) -> Case:
    """Activations, SOFTMAX, QUANTIZE and DEQUANTIZE."""
    generator, elements = _generator(draw), draw(st.sampled_from([1, 30, 300]))
    operator = draw(st.sampled_from([*int16.UNARY, *int16.CONVERSIONS, "QUANTIZE", "DEQUANTIZE"]))
    if isinstance(operator, tuple):
        return int16.conversion(generator, *operator, elements)
    if operator in ("QUANTIZE", "DEQUANTIZE"):
        return int16.affine(generator, operator, elements)
    scale = draw(st.sampled_from([None, None, 2.0**-12, 2.0**-11, 1.0005 * 2**-12, 2.5, 1e-7]))
    return int16.unary(generator, operator, (draw(st.integers(1, 3)), elements), scale)


LAYERS: dict[str, Callable[[], st.SearchStrategy[Case]]] = {
    "conv2d": conv2d,
    "conv2d_vectors": conv2d_vectors,
    "winograd": winograd,
    "depthwise": depthwise,
    "depthwise_pixel": depthwise_pixel,
    "fully_connected": fully_connected,
    "int4": int4,
    "pool": pool,
    "add": add,
    "binary": binary,
    "unary": unary,
    "softmax": softmax,
    "mean": mean,
    "number": number,
    "pad": pad,
    "transpose": transpose,
    "strided_slice": strided_slice,
    "resize": resize,
    "conv2d_int16": conv2d_int16,
    "depthwise_int16": depthwise_int16,
    "fully_connected_int16": fully_connected_int16,
    "reduction_int16": reduction_int16,
    "binary_int16": binary_int16,
    "unary_int16": unary_int16,
}
# without a reference but the variant ref: parts of operators, and what TFLM does not compute
PARTS: dict[str, Callable[[], st.SearchStrategy[Case]]] = {"part": part, "even_softmax": even_softmax}
