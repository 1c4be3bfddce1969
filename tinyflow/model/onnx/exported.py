"""What each operator becomes in ONNX: a table from its name to the nodes that compute it in real numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyflow.model.fixed_point import ACTIVATION_BOUNDS, activation_range, limits_of
from tinyflow.model.graph import Operator, Quantisation, Tensor
from tinyflow.model.operators.moving import slices
from tinyflow.model.operators.shapes import same_padding

if TYPE_CHECKING:
    from tinyflow.model.onnx.exporter import Exporter

Array = Any
_FIRST = {0: 0, 1: 2, 2: 3, 3: 1}  # where an axis of [N, H, W, C] lies with channels first
_BEFORE_ALL = -(1 << 62)  # an end in front of element 0


class NotExported(Exception):
    """Why an operator has no equivalent."""


class Step:
    """One operator, for its rule: what it reads and what becomes of it."""

    def __init__(self, net: Exporter, operator: Operator) -> None:
        self.net = net
        self.operator = operator
        self.options = operator.options
        tensors = net.graph.tensors
        self.inputs: list[Tensor | None] = [tensors[index] if index >= 0 else None for index in operator.inputs]
        self.outputs: list[Tensor] = [tensors[index] for index in operator.outputs]
        self.is_first = self._prefers_first()
        self.emit = net.emit
        self.constant = net.constant

    def _prefers_first(self) -> bool:
        """Whether all that it reads may come with channels first, and some has."""
        read = [tensor for tensor in self.inputs if tensor is not None]
        is_image = all(len(tensor.shape) == 4 for tensor in (*read, *self.outputs))
        return is_image and any(
            self.net.is_stored(tensor.index, first=True) and not self.net.is_stored(tensor.index, first=False)
            for tensor in read
        )

    def is_image_first(self, position: int = 0) -> bool:
        """Whether an input has been computed with channels first."""
        tensor = self.tensor(position)
        return len(tensor.shape) == 4 and self.net.is_stored(tensor.index, first=True)

    def tensor(self, position: int) -> Tensor:
        """One that it must read."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        if tensor is None:
            raise NotExported(f"input {position} is not there")
        return tensor

    def has(self, position: int) -> bool:
        """Whether there is such an input."""
        return position < len(self.inputs) and self.inputs[position] is not None

    def real(self, position: int = 0, *, first: bool = False) -> str:
        """Real values of an input."""
        return self.net.real(self.tensor(position).index, first=first)

    def raw(self, position: int = 0) -> str:
        """An input as it is stored."""
        return self.net.stored(self.tensor(position).index)

    def numbers(self, position: int) -> list[int]:
        """Constant integers of an input."""
        tensor = self.tensor(position)
        if not tensor.is_constant:
            raise NotExported(f"{tensor.name} is computed")
        return [int(value) for value in self.net.values(tensor).ravel()]

    def give(self, name: str, *, first: bool = False, position: int = 0) -> None:
        """Real values become an output, behind the activation that is part of the operator."""
        tensor = self.outputs[position]
        name = self._activated(name, str(self.options.get("activation", "NONE")), tensor)
        self.net.give(tensor.index, name, first=first)

    def reshaped(self, name: str, shape: Sequence[int]) -> str:
        """The same elements in another shape."""
        return self.emit("Reshape", name, self.constant(shape, "int64"))

    def _activated(self, name: str, activation: str, tensor: Tensor) -> str:
        if activation == "TANH":
            return self.emit("Tanh", name)
        if activation not in ACTIVATION_BOUNDS:
            raise NotExported(f"activation {activation}")
        scheme = tensor.quantisation
        is_short = tensor.dtype in ("int8", "int16")
        # quantising saturates there
        if (
            is_short
            and scheme is not None
            and activation_range(activation, scheme, tensor.dtype) == limits_of(tensor.dtype)
        ):
            return name
        return self.bounded(name, *ACTIVATION_BOUNDS[activation], tensor)

    def bounded(self, name: str, low: float | None, high: float | None, tensor: Tensor) -> str:
        """Not below and not above these."""
        if (low, high) == (None, None):
            return name
        dtype = "float32" if tensor.quantisation or not tensor.is_integer else tensor.dtype
        if (low, high, dtype) == (0.0, None, "float32"):
            return self.emit("Relu", name)
        bounds = ("" if bound is None else self.constant(np.array(bound, dtype)) for bound in (low, high))
        return self.emit("Clip", name, *bounds)


Rule = Callable[[Step], None]


# Element by element: the order of channels is that of what is read


def _unary(kind: str, step: Step, **attributes: Any) -> None:
    step.give(step.emit(kind, step.real(first=step.is_first), **attributes), first=step.is_first)


def _nary(kind: str, step: Step, **attributes: Any) -> None:
    read = (step.real(position, first=step.is_first) for position in range(len(step.inputs)))
    step.give(step.emit(kind, *read, **attributes), first=step.is_first)


def _chained(kinds: Sequence[str], step: Step) -> None:
    """Several, one behind the other; the first takes all inputs."""
    name = step.emit(kinds[0], *(step.real(position, first=step.is_first) for position in range(len(step.inputs))))
    for kind in kinds[1:]:
        name = step.emit(kind, name)
    step.give(name, first=step.is_first)


def _bounded(low: float | None, high: float | None, step: Step) -> None:
    name = step.bounded(step.real(first=step.is_first), low, high, step.outputs[0])
    step.give(name, first=step.is_first)


def _leaky(step: Step) -> None:
    _unary("LeakyRelu", step, alpha=float(step.options["alpha"]))


def _squared(step: Step) -> None:
    name = step.real(first=step.is_first)
    step.give(step.emit("Mul", name, name), first=step.is_first)


def _squared_difference(step: Step) -> None:
    difference = step.emit("Sub", step.real(0, first=step.is_first), step.real(1, first=step.is_first))
    step.give(step.emit("Mul", difference, difference), first=step.is_first)


def _whole_quotient(step: Step) -> None:
    if step.tensor(0).is_integer:
        raise NotExported("ONNX rounds quotients of integers towards zero")
    _chained(("Div", "Floor"), step)


def _remainder(step: Step) -> None:
    if not step.tensor(0).is_integer:
        raise NotExported("ONNX's remainder of floats has the dividend's sign")
    _nary("Mod", step)


def _selected(step: Step) -> None:
    if step.operator.name == "SELECT" and len({tensor.shape for tensor in step.inputs if tensor is not None}) > 1:
        raise NotExported("a condition of fewer dimensions chooses whole rows")
    _nary("Where", step)


def _identical(step: Step) -> None:
    """Another type or scale: what is read and what is made of it do all."""
    name = step.real(first=step.is_first)
    if step.tensor(0).dtype == "float16":
        name = step.emit("Cast", name, to=_onnx_type("float32"))
    step.give(name, first=step.is_first)


def _cast(step: Step) -> None:
    """Of stored integers: their scale says nothing here."""
    step.net.keep(step.outputs[0].index, step.emit("Cast", step.raw(), to=_onnx_type(step.outputs[0].dtype)))


def _onnx_type(dtype: str) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


# Rows, axes


def _softmax(kind: str, step: Step) -> None:
    name, beta = step.real(), float(step.options.get("beta", 1.0))
    if beta != 1.0:
        name = step.emit("Mul", name, step.constant(np.float32(beta)))
    step.give(step.emit(kind, name, axis=-1))


def _normalised(step: Step) -> None:
    step.give(step.emit("LpNormalization", step.real(), axis=-1, p=2))


def _reduced(kind: str, step: Step) -> None:
    rank = len(step.tensor(0).shape)
    axes = sorted({axis % rank for axis in step.numbers(1)})
    keeps = bool(step.options.get("keep_dims", False))
    # what is left of an image without height and width lies the same in both orders
    is_first = axes == [1, 2] and step.is_image_first()
    name = step.real(first=is_first)
    if is_first:
        axes = [2, 3]
    if step.tensor(0).dtype == "bool":
        name = step.emit("Cast", name, to=_onnx_type("int32"))
    if kind == "ReduceSum" or step.net.opset >= 18:
        name = step.emit(kind, name, step.constant(axes, "int64"), keepdims=int(keeps))
    else:
        name = step.emit(kind, name, axes=axes, keepdims=int(keeps))
    if step.tensor(0).dtype == "bool":
        name = step.emit("Cast", name, to=_onnx_type("bool"))
    step.give(name, first=is_first and keeps)


def _argument(kind: str, step: Step) -> None:
    (axis,) = step.numbers(1)
    name = step.emit(kind, step.real(), axis=axis, keepdims=0)
    step.net.keep(step.outputs[0].index, step.emit("Cast", name, to=_onnx_type(step.outputs[0].dtype)))


def _summed_up(step: Step) -> None:
    how = {name: int(step.options[name]) for name in ("exclusive", "reverse")}
    step.give(step.emit("CumSum", step.real(), step.constant(np.array(step.numbers(1)[0], np.int64)), **how))


# Windows: channels first


def _pads(step: Step, kernel: tuple[int, int], dilation: tuple[int, int] = (1, 1)) -> list[int]:
    """Before height and width, behind them."""
    if step.options["padding"] == "VALID":
        return [0, 0, 0, 0]
    before, after = zip(*same_padding(step.tensor(0).shape, kernel, step.options["stride"], dilation), strict=True)
    return [*before, *after]


def _real_bias(step: Step, position: int, weights: int, source: int) -> list[str]:
    """A bias at the scale that products have, whatever it says of itself; none where there is none."""
    if not step.has(position):
        return []
    bias = step.tensor(position)
    if not bias.is_integer:
        return [step.raw(position)]
    one, other = step.tensor(source).quantisation, step.tensor(weights).quantisation
    if one is None or other is None:
        raise NotExported("a bias of integers, but no scales")
    scales = tuple(float(np.float32(one.scale * scale)) for scale in other.scales)
    values = step.net.values(bias).ravel()
    if bias.dtype == "int32":
        return [step.net.dequantised(step.constant(values), "int32", Quantisation(scales, (0,) * len(scales)))]
    return [step.constant(values * np.array(scales), "float32")]


def _real_weights(step: Step, position: int, axes: Sequence[int], shape: Sequence[int]) -> str:
    """Constant weights, permuted and reshaped, with scales along the axis where the outputs are then."""
    tensor, net = step.tensor(position), step.net
    if not tensor.is_constant:
        raise NotExported("its weights are computed")
    scheme = tensor.quantisation

    name = net.constant(net.values(tensor).transpose(axes).reshape(shape))
    if scheme is None or not tensor.is_integer:
        return name
    return net.dequantised(name, net.dtype(tensor), scheme, 1 if step.operator.name == "TRANSPOSE_CONV" else 0)


def _convolution(step: Step) -> None:
    shape = step.tensor(1).shape
    made = (shape[0], shape[3], *shape[1:3])
    _convolved(step, (0, 3, 1, 2), made, group=step.tensor(0).shape[3] // shape[3])


def _depthwise(step: Step) -> None:
    shape = step.tensor(1).shape
    _convolved(step, (3, 0, 1, 2), (shape[3], 1, *shape[1:3]), group=step.tensor(0).shape[3])


def _convolved(step: Step, axes: Sequence[int], shape: tuple[int, ...], group: int) -> None:
    kernel, dilation = shape[2:], step.options["dilation"]
    name = step.emit(
        "Conv",
        step.real(first=True),
        _real_weights(step, 1, axes, shape),
        *_real_bias(step, 2, 1, 0),
        kernel_shape=kernel,
        strides=step.options["stride"],
        dilations=dilation,
        pads=_pads(step, (kernel[0], kernel[1]), dilation),
        group=group,
    )
    step.give(name, first=True)


def _transposed_convolution(step: Step) -> None:
    shape, source, made = step.tensor(1).shape, step.tensor(2).shape, step.outputs[0].shape
    before, behind, more = [0, 0], [0, 0], [0, 0]  # padding, elements that go, elements that come
    for axis in (0, 1):
        whole = (source[axis + 1] - 1) * step.options["stride"][axis] + shape[axis + 1]
        over = whole - made[axis + 1]
        if over > 0 and step.options["padding"] == "SAME":
            before[axis] = over // 2
        behind[axis], more[axis] = max(over - 2 * before[axis], 0), max(-over, 0)
    name = step.emit(
        "ConvTranspose",
        step.real(2, first=True),
        _real_weights(step, 1, (3, 0, 1, 2), (shape[3], shape[0], *shape[1:3])),
        *_real_bias(step, 3, 1, 2),
        kernel_shape=shape[1:3],
        strides=step.options["stride"],
        pads=[*before, *before],  # many engines know no other
        output_padding=more,
    )
    if any(behind):
        read = (step.constant(values, "int64") for values in ([0, 0], made[1:3], [2, 3]))
        name = step.emit("Slice", name, *read)
    step.give(name, first=True)


def _pooled(kind: str, step: Step) -> None:
    kernel = step.options["filter"]
    name = step.real(first=True)
    if step.operator.name == "L2_POOL_2D":
        name = step.emit("Mul", name, name)
    name = step.emit(kind, name, kernel_shape=kernel, strides=step.options["stride"], pads=_pads(step, kernel))
    step.give(step.emit("Sqrt", name) if step.operator.name == "L2_POOL_2D" else name, first=True)


def _resized(mode: str, step: Step) -> None:
    (batch, _, _, channels), sizes = step.tensor(0).shape, step.numbers(1)
    is_aligned, is_centred = step.options["align_corners"], step.options["half_pixel_centers"]
    how: dict[str, Any] = {
        "mode": mode,
        "coordinate_transformation_mode": "align_corners"
        if is_aligned
        else "half_pixel"
        if is_centred
        else "asymmetric",
    }
    if mode == "nearest":
        how["nearest_mode"] = "round_prefer_ceil" if is_aligned or is_centred else "floor"
    wanted = step.constant([batch, channels, *sizes], "int64")
    step.give(step.emit("Resize", step.real(first=True), "", "", wanted, **how), first=True)


def _blocks(kind: str, step: Step, **more: Any) -> None:
    step.give(step.emit(kind, step.real(first=True), blocksize=step.options["block_size"], **more), first=True)


# Products


def _fully_connected(step: Step) -> None:
    weights = step.tensor(1)
    outputs, depth = weights.shape
    shape = step.tensor(0).shape
    rows = math.prod(shape) // depth
    name = step.real() if shape == (rows, depth) else step.reshaped(step.real(), (rows, depth))
    factors = step.real(1)
    bias = _real_bias(step, 2, 1, 0)
    name = step.emit("Gemm", name, factors, *bias, transB=1)
    step.give(name if step.outputs[0].shape == (rows, outputs) else step.reshaped(name, step.outputs[0].shape))


def _matrices(step: Step) -> None:
    read = []
    for position, option in enumerate(("adj_x", "adj_y")):
        name, rank = step.real(position), len(step.tensor(position).shape)
        perm = (*range(rank - 2), rank - 1, rank - 2)
        read.append(step.emit("Transpose", name, perm=perm) if step.options[option] else name)
    step.give(step.emit("MatMul", *read))


# What moves elements


def _reshape(step: Step) -> None:
    """Also of an image with channels first, where its bytes lie the same."""
    source = step.tensor(0)
    is_first = step.is_image_first() and 1 in (source.shape[3], source.shape[1] * source.shape[2])
    step.give(step.reshaped(step.real(first=is_first), step.outputs[0].shape))


def _transpose(step: Step) -> None:
    step.give(step.emit("Transpose", step.real(), perm=step.numbers(1)))


def _concatenation(step: Step) -> None:
    axis = int(step.options["axis"]) % len(step.outputs[0].shape)
    read = (step.real(position, first=step.is_first) for position in range(len(step.inputs)))
    step.give(step.emit("Concat", *read, axis=_FIRST[axis] if step.is_first else axis), first=step.is_first)


def _packed(step: Step) -> None:
    axis, shape = int(step.options["axis"]) % len(step.outputs[0].shape), list(step.tensor(0).shape)
    shape.insert(axis, 1)
    read = [step.reshaped(step.real(position), shape) for position in range(len(step.inputs))]
    step.give(step.emit("Concat", *read, axis=axis))


def _split_into(step: Step, source: int, axis: int, sizes: Sequence[int]) -> None:
    """Pieces, of the outputs' shapes."""
    axis %= len(step.tensor(source).shape)
    made = step.net.emit_all(
        "Split", step.real(source), step.constant(sizes, "int64"), count=len(step.outputs), axis=axis
    )
    for position, name in enumerate(made):
        shape = step.outputs[position].shape
        is_whole = len(shape) == len(step.tensor(source).shape)
        step.give(name if is_whole else step.reshaped(name, shape), position=position)


def _split(step: Step) -> None:
    (axis,) = step.numbers(0)
    _split_into(step, 1, axis, [tensor.shape[axis] for tensor in step.outputs])


def _split_v(step: Step) -> None:
    (axis,) = step.numbers(2)
    _split_into(step, 0, axis, [tensor.shape[axis] for tensor in step.outputs])


def _unpacked(step: Step) -> None:
    _split_into(step, 0, int(step.options["axis"]), [1] * len(step.outputs))


def _padded(step: Step) -> None:
    if step.options.get("mode") == "SYMMETRIC":
        raise NotExported("ONNX doesn't mirror the edge itself")
    around = np.array(step.numbers(1)).reshape(-1, 2)
    is_first = step.is_image_first()
    if is_first:
        around = around[[0, 3, 1, 2]]
    read = [step.real(first=is_first), step.constant(around.T.ravel(), "int64")]
    if step.operator.name != "MIRROR_PAD" and step.has(2):
        read.append(step.real(2))
    mode = "reflect" if step.operator.name == "MIRROR_PAD" else "constant"
    step.give(step.emit("Pad", *read, mode=mode), first=is_first)


def _sliced(step: Step) -> None:
    begins, sizes = step.numbers(1), step.outputs[0].shape
    _cut(step, [slice(begin, begin + size, 1) for begin, size in zip(begins, sizes, strict=True)])


def _strided_slice(step: Step) -> None:
    if any(step.options.get(name) for name in ("ellipsis_mask", "new_axis_mask", "offset")):
        raise NotExported("a mask of ellipses or new axes")
    _cut(step, slices(step.options, *(step.numbers(position) for position in (1, 2, 3))))


def _cut(step: Step, parts: Sequence[slice]) -> None:
    ranges = [part.indices(size) for part, size in zip(parts, step.tensor(0).shape, strict=False)]
    begins, ends, steps = zip(*ranges, strict=True)
    ends = tuple(_BEFORE_ALL if end < 0 else end for end in ends)
    read = (step.constant(values, "int64") for values in (begins, ends, range(len(ranges)), steps))
    name = step.emit("Slice", step.real(), *read)
    step.give(step.reshaped(name, step.outputs[0].shape))


def _reversed(step: Step) -> None:
    axes = step.numbers(1)
    parts = [slice(None, None, -1 if axis in axes else 1) for axis in range(len(step.tensor(0).shape))]
    _cut(step, parts)


def _space_to_batch(step: Step) -> None:
    """Padded; each block's places then become images of their own."""
    blocks, around = step.numbers(1), np.array(step.numbers(2)).reshape(-1, 2)
    rank, count = len(step.tensor(0).shape), len(blocks)
    pads = np.zeros((rank, 2), np.int64)
    pads[1 : count + 1] = around
    name = step.emit("Pad", step.real(), step.constant(pads.T.ravel(), "int64"), mode="constant")
    batch, *sizes = (int(size) for size in np.array(step.tensor(0).shape) + pads.sum(axis=1))
    parts = [size for pair in zip(sizes, blocks, strict=False) for size in (pair[0] // pair[1], pair[1])]
    name = step.reshaped(name, (batch, *parts, *sizes[count:]))
    inner, places = range(1, 2 * count, 2), range(2, 2 * count + 1, 2)
    name = step.emit("Transpose", name, perm=[*places, 0, *inner, *range(2 * count + 1, rank + count)])
    step.give(step.reshaped(name, step.outputs[0].shape))


def _batch_to_space(step: Step) -> None:
    """Images become places of blocks, of which the borders go."""
    blocks, crops = step.numbers(1), np.array(step.numbers(2)).reshape(-1, 2)
    batch, *sizes = step.tensor(0).shape
    count, images = len(blocks), batch // math.prod(blocks)
    name = step.reshaped(step.real(), (*blocks, images, *sizes))
    order = [axis for place in range(count) for axis in (count + 1 + place, place)]
    name = step.emit("Transpose", name, perm=[count, *order, *range(2 * count + 1, count + 1 + len(sizes))])
    whole = [size * block for size, block in zip(sizes, blocks, strict=False)]
    name = step.reshaped(name, (images, *whole, *sizes[count:]))
    ends = [size - int(after) for size, after in zip(whole, crops[:, 1], strict=True)]
    read = (step.constant(values, "int64") for values in (crops[:, 0], ends, range(1, count + 1)))
    step.give(step.emit("Slice", name, *read))


def _gathered(step: Step) -> None:
    if step.options["batch_dims"]:
        raise NotExported("indices for each batch apart")
    step.give(step.emit("Gather", step.real(0), step.raw(1), axis=int(step.options["axis"])))


def _gathered_nd(step: Step) -> None:
    step.give(step.emit("GatherND", step.real(0), step.emit("Cast", step.raw(1), to=_onnx_type("int64"))))


def _looked_up(step: Step) -> None:
    step.give(step.emit("Gather", step.real(1), step.raw(0), axis=0))


def _repeated(kind: str, step: Step) -> None:
    step.give(step.emit(kind, step.real(), step.constant(step.numbers(1), "int64")))


def _filled(step: Step) -> None:
    step.give(step.emit("Expand", step.real(1), step.constant(step.outputs[0].shape, "int64")))


def _known(values: Callable[[Step], Array], step: Step) -> None:
    """What the shapes alone tell."""
    step.net.keep(step.outputs[0].index, step.constant(values(step), step.outputs[0].dtype))


_SAME = {
    **{"ABS": "Abs", "CEIL": "Ceil", "COS": "Cos", "ELU": "Elu", "EXP": "Exp", "FLOOR": "Floor", "LOG": "Log"},
    **{"HARD_SWISH": "HardSwish", "LOGICAL_NOT": "Not", "LOGISTIC": "Sigmoid", "NEG": "Neg", "RELU": "Relu"},
    **{"ROUND": "Round", "SIGN": "Sign", "SIN": "Sin", "SQRT": "Sqrt", "TANH": "Tanh"},
    **{"ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div", "POW": "Pow", "MAXIMUM": "Max", "MINIMUM": "Min"},
    **{"ADD_N": "Sum", "PRELU": "PRelu", "LOGICAL_AND": "And", "LOGICAL_OR": "Or"},
    **{"EQUAL": "Equal", "GREATER": "Greater", "GREATER_EQUAL": "GreaterOrEqual"},
    **{"LESS": "Less", "LESS_EQUAL": "LessOrEqual"},
}
RULES: dict[str, Rule] = {
    **{name: partial(_nary, kind) for name, kind in _SAME.items()},
    **{
        name: partial(_chained, kinds)
        for name, kinds in {"RSQRT": ("Sqrt", "Reciprocal"), "NOT_EQUAL": ("Equal", "Not")}.items()
    },
    **{
        name: partial(_bounded, *bounds)
        for name, bounds in {"RELU6": (0.0, 6.0), "RELU_0_TO_1": (0.0, 1.0), "RELU_N1_TO_1": (-1.0, 1.0)}.items()
    },
    **{
        name: partial(_reduced, kind)
        for name, kind in {
            **{"MEAN": "ReduceMean", "SUM": "ReduceSum", "REDUCE_MAX": "ReduceMax", "REDUCE_MIN": "ReduceMin"},
            **{"REDUCE_PROD": "ReduceProd", "REDUCE_ALL": "ReduceMin", "REDUCE_ANY": "ReduceMax"},
        }.items()
    },
    "ARG_MAX": partial(_argument, "ArgMax"),
    "ARG_MIN": partial(_argument, "ArgMin"),
    "AVERAGE_POOL_2D": partial(_pooled, "AveragePool"),
    "BATCH_MATMUL": _matrices,
    "BATCH_TO_SPACE_ND": _batch_to_space,
    "BROADCAST_TO": partial(_repeated, "Expand"),
    "CAST": _cast,
    "CONCATENATION": _concatenation,
    "CONV_2D": _convolution,
    "CUMSUM": _summed_up,
    "DEPTHWISE_CONV_2D": _depthwise,
    "DEPTH_TO_SPACE": partial(_blocks, "DepthToSpace", mode="DCR"),
    "DEQUANTIZE": _identical,
    "EMBEDDING_LOOKUP": _looked_up,
    "EXPAND_DIMS": _reshape,
    "FILL": _filled,
    "FLOOR_DIV": _whole_quotient,
    "FLOOR_MOD": _remainder,
    "FULLY_CONNECTED": _fully_connected,
    "GATHER": _gathered,
    "GATHER_ND": _gathered_nd,
    "L2_NORMALIZATION": _normalised,
    "L2_POOL_2D": partial(_pooled, "AveragePool"),
    "LEAKY_RELU": _leaky,
    "LOG_SOFTMAX": partial(_softmax, "LogSoftmax"),
    "MAX_POOL_2D": partial(_pooled, "MaxPool"),
    "MIRROR_PAD": _padded,
    "PACK": _packed,
    "PAD": _padded,
    "PADV2": _padded,
    "QUANTIZE": _identical,
    "RANK": partial(_known, lambda step: np.array(len(step.tensor(0).shape))),
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": partial(_resized, "linear"),
    "RESIZE_NEAREST_NEIGHBOR": partial(_resized, "nearest"),
    "REVERSE_V2": _reversed,
    "SELECT": _selected,
    "SELECT_V2": _selected,
    "SHAPE": partial(_known, lambda step: np.array(step.tensor(0).shape)),
    "SLICE": _sliced,
    "SOFTMAX": partial(_softmax, "Softmax"),
    "SPACE_TO_BATCH_ND": _space_to_batch,
    "SPACE_TO_DEPTH": partial(_blocks, "SpaceToDepth"),
    "SPLIT": _split,
    "SPLIT_V": _split_v,
    "SQUARE": _squared,
    "SQUARED_DIFFERENCE": _squared_difference,
    "SQUEEZE": _reshape,
    "STRIDED_SLICE": _strided_slice,
    "TILE": partial(_repeated, "Tile"),
    "TRANSPOSE": _transpose,
    "TRANSPOSE_CONV": _transposed_convolution,
    "UNPACK": _unpacked,
    "ZEROS_LIKE": partial(_known, lambda step: np.zeros(step.outputs[0].shape)),
}
