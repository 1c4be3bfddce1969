"""What Conv, ConvTranspose, Gemm and MatMul become: operators with weights, in the order of NHWC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinyflow.model.builder import symmetric
from tinyflow.model.graph import Quantisation
from tinyflow.model.onnx.imported import Call, ImportedGraph, NotInteger, Value, Weights
from tinyflow.model.onnx.layout import Layout, channels_last
from tinyflow.model.onnx.source import Array
from tinyflow.model.onnx.windows import Windows, images, rank_as
from tinyflow.model.operators.shapes import Pair, same_padding

_INT32 = np.iinfo(np.int32)


def _kernel(net: ImportedGraph, call: Call, position: int = 1) -> Array:
    """The real values of constant weights, in the order of ONNX."""
    name = call.node.inputs[position]
    if name not in net.constants:
        raise call.node.refuse("its weights are computed by the network", "make them constants")
    return net.constants[name].astype(np.float32, copy=False)


def _integer_kernel(net: ImportedGraph, call: Call, axis: int, outputs: int) -> tuple[Array, Array]:
    """Weights as int8 without zero points, and a scale for each index along the axis of outputs.

    They are the file's wherever they fit; where integers less their zero point need a ninth bit, those of that channel
    are rounded to coarser ones.
    """
    name = call.node.inputs[1]
    stored = net.weights.get(name)
    if stored is None:  # one number, say
        values = net.constants[name]
        stored = Weights(np.sign(values).astype(np.int8), (float(np.abs(values).max()) or 1.0,), (0,), 0)
    if len(stored.scales) > 1 and stored.axis % stored.values.ndim != axis:
        raise call.node.refuse("its weights have scales along another axis", "quantise along the outputs")
    steps = stored.values.astype(np.int64) - stored.along(stored.zero_points)
    scales = np.broadcast_to(np.array(stored.scales, np.float64), (outputs,)).copy()
    others = tuple(other for other in range(steps.ndim) if other != axis)
    largest = np.abs(steps).max(axis=others) if steps.size else np.zeros(outputs)
    is_plain = not any(stored.zero_points) and stored.values.dtype == np.int8
    coarser = np.ones(outputs) if is_plain else np.maximum(largest / 127, 1)
    scales *= coarser
    shape = [1] * steps.ndim
    shape[axis] = -1
    return np.rint(steps / coarser.reshape(shape)), scales if call.factor is None else scales * call.factor


def _bias(
    net: ImportedGraph, call: Call, position: int, outputs: int, scales: Array | None, factor: float = 1.0
) -> int:
    """A bias tensor: float32, or int32 at these scales; zeros where there is none."""
    name = call.node.inputs[position] if len(call.node.inputs) > position else ""
    reals = np.zeros(outputs)
    if name:
        if name not in net.constants:
            raise call.node.refuse("its bias is computed by the network", "make it a constant")
        reals = net.constants[name].astype(np.float64)
        if reals.size not in (1, outputs):
            raise call.node.refuse(f"its bias has {reals.size} numbers for {outputs} outputs")
        reals = np.broadcast_to(reals.reshape(-1), (outputs,)) * factor
    is_followed = call.factor is not None
    reals = _followed(call, reals)
    if scales is None:
        return net.constant(f"{call.name}/bias", reals, "float32")
    scheme = symmetric(scales)
    steps = np.rint(reals / np.array(scheme.scales))
    stored = net.weights.get(name)
    is_exact = factor == 1.0 and not is_followed
    if is_exact and stored is not None and stored.values.dtype == np.int32 and stored.values.size == outputs:
        theirs = np.broadcast_to(stored.scales, (outputs,))
        same = np.isclose(theirs, scheme.scales, rtol=1e-5, atol=0) & (not any(stored.zero_points))
        steps = np.where(same, stored.values.reshape(-1), steps)
    return net.constant(f"{call.name}/bias", np.clip(steps, _INT32.min, _INT32.max), "int32", scheme)


def _followed(call: Call, values: Array) -> Array:
    """Biases as they are behind the factor and the offset of each channel."""
    values = values if call.factor is None else values * call.factor
    return values if call.offset is None else values + call.offset


def _scaled(call: Call, kernel: Array, axis: int) -> Array:
    if call.factor is None:
        return kernel
    shape = [1] * kernel.ndim
    shape[axis] = -1
    scaled: Array = kernel * np.broadcast_to(call.factor, (kernel.shape[axis],)).reshape(shape)
    return scaled


def _constant(net: ImportedGraph, call: Call, kernel: Array, scales: Array | None, axis: int) -> int:
    """Weights as a tensor; `scales` where they are integers."""
    if scales is None:
        return net.constant(f"{call.name}/weights", kernel, "float32")
    return net.constant(f"{call.name}/weights", kernel, "int8", symmetric(scales, axis))


def _bias_scales(net: ImportedGraph, source: int, scales: Array | None) -> Array | None:
    return None if scales is None else np.float32(net.quantisation(source).scale) * scales.astype(np.float32)


def conv(net: ImportedGraph, call: Call) -> Value:
    """Conv in one or two dimensions: depthwise where each channel has a group of its own."""
    node, (source, rank) = call.node, images(net, call)
    kernel = _kernel(net, call)
    if kernel.ndim != rank:
        raise node.refuse(f"weights of {kernel.ndim} dimensions for an input of {rank}")
    outputs, channels = kernel.shape[0], net.shape(source)[3]
    group = int(node.attributes.get("group", 1))
    if group < 1 or channels != group * kernel.shape[1] or outputs % group:
        raise node.refuse(f"{group} groups of {kernel.shape[1]} channels for an input of {channels}")
    scales = None
    if call.is_integer:
        kernel, scales = _integer_kernel(net, call, 0, outputs)
    else:
        kernel = _scaled(call, kernel, 0)
    if rank == 3:
        kernel = kernel[:, :, None]
    is_depthwise = group == channels and group > 1
    order, axis = ((1, 2, 3, 0), 3) if is_depthwise else ((0, 2, 3, 1), 0)
    bias = _bias(net, call, 2, outputs, _bias_scales(net, source, scales))
    weights = _constant(net, call, kernel.transpose(order), scales, axis)
    windows = Windows.of(call, rank, net.shape(source), kernel.shape[2:])
    source, padding = net.padded(call, source, windows.pads, windows.size, windows.stride, windows.dilation)
    options: dict[str, Any] = {"depth_multiplier": outputs // channels} if is_depthwise else {}
    options |= {"padding": padding, "stride": windows.stride, "dilation": windows.dilation}
    kind = "DEPTHWISE_CONV_2D" if is_depthwise else "CONV_2D"
    dims = (net.shape(source)[0], *windows.counts, outputs)
    return rank_as(
        rank,
        net.stepped(
            call,
            kind,
            (source, weights, bias),
            dims,
            channels_last(4),
            call.wanted,
            activation=call.activation,
            **options,
        ),
    )


def conv_transpose(net: ImportedGraph, call: Call) -> Value:
    """ConvTranspose: groups by weights of zero; what TFLite's two paddings don't give is cut away behind."""
    node, (source, rank) = call.node, images(net, call)
    kernel = _kernel(net, call)
    batch, *sizes, channels = net.shape(source)
    group = int(node.attributes.get("group", 1))
    if kernel.ndim != rank or kernel.shape[0] != channels or group < 1 or channels % group:
        raise node.refuse(f"weights {kernel.shape} in {group} groups for an input of {channels} channels")
    outputs = kernel.shape[1] * group
    scales = None
    if call.is_integer:
        if group > 1:
            raise NotInteger
        kernel, scales = _integer_kernel(net, call, 1, outputs)
    if group > 1:
        dense = np.zeros((group, channels // group, group, *kernel.shape[1:]), np.float32)
        for one in range(group):
            dense[one, :, one] = kernel.reshape(group, -1, *kernel.shape[1:])[one]
        kernel = dense.reshape(channels, outputs, *kernel.shape[2:])
    if scales is None:
        kernel = _scaled(call, kernel, 1)
    if rank == 3:
        kernel = kernel[:, :, None]
    weights = _constant(net, call, kernel.transpose(1, 2, 3, 0), scales, 0)
    bias = _bias(net, call, 2, outputs, _bias_scales(net, source, scales))
    if node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise node.refuse("auto_pad can't be imported here", "export with explicit pads")
    ones = (1,) * (rank - 2)
    if node.integers("dilations", ones) != ones:
        raise node.refuse("it is dilated, which TFLite's is not")
    stride = _image_pair(node.integers("strides", ones), 1)
    more = _image_pair(node.integers("output_padding", (0,) * (rank - 2)), 0)
    pads = node.integers("pads", (0,) * 2 * (rank - 2))
    before, after = _image_pair(pads[: rank - 2], 0), _image_pair(pads[rank - 2 :], 0)
    window = (kernel.shape[2], kernel.shape[3])
    whole = tuple((size - 1) * step + reach for size, step, reach in zip(sizes, stride, window, strict=True))
    final = tuple(size + a - b - c for size, a, b, c in zip(whole, more, before, after, strict=True))
    if "output_shape" in node.attributes or min(final) < 1:
        raise node.refuse("its output_shape can't be imported", "export with explicit pads")
    same = same_padding((batch, *final, outputs), window, stride)
    counts = tuple(-(-size // step) for size, step in zip(final, stride, strict=True))
    padding, made = (
        "VALID",
        tuple(max(pair) for pair in zip(whole, (b + f for b, f in zip(before, final, strict=True)), strict=True)),
    )
    if counts == tuple(sizes) and tuple(pair[0] for pair in same) == before:
        padding, made = "SAME", final
    elif made != whole:  # output_padding that reaches behind the last window: only a bias is there
        raise node.refuse(f"its output_padding {more} reaches beyond its windows")
    dims = (batch, *made, outputs)
    shape = net.constant(f"{call.name}/output_shape", dims, "int32")
    tensor = net.step(
        call, "TRANSPOSE_CONV", (shape, weights, source, bias), dims, call.wanted, padding=padding, stride=stride
    )
    if made != final:
        begins = net.constant(f"{call.name}/begin", (0, *before, 0), "int32")
        lengths = net.constant(f"{call.name}/size", (batch, *final, outputs), "int32")
        dims = (batch, *final, outputs)
        tensor = net.step(call, "SLICE", (tensor, begins, lengths), dims, name=f"{call.name}/cut")
    return rank_as(rank, Value(tensor, Layout.stored(dims, channels_last(4))))


def _image_pair(values: Sequence[int], missing: int) -> Pair:
    return (values[0], values[1]) if len(values) == 2 else (missing, values[0])


def gemm(net: ImportedGraph, call: Call) -> Value:
    """Gemm by a constant, or by a matrix that the network computes."""
    node, source = call.node, net.value(call, 0)
    if node.attributes.get("transA", 0) or len(source.shape) != 2:
        raise node.refuse("only rows times a matrix can be imported")
    alpha, beta = (float(node.attributes.get(name, 1.0)) for name in ("alpha", "beta"))
    return _dense(net, call, source, alpha, beta, is_rows=bool(node.attributes.get("transB", 0)))


def matmul(net: ImportedGraph, call: Call) -> Value:
    """MatMul: rows by a constant matrix, or BATCH_MATMUL."""
    left, name = net.value(call, 0), call.node.inputs[1]
    if name in net.constants and net.constants[name].ndim == 2 and len(left.shape) >= 1:
        depth = left.shape[-1]
        rows = replace(left, layout=left.layout.reshaped((int(np.prod(left.shape[:-1])), depth)))
        made = _dense(net, call, rows, 1.0, 1.0, is_rows=False)
        return replace(made, layout=made.layout.reshaped((*left.shape[:-1], made.shape[-1])))
    if call.factor is not None or call.offset is not None:
        raise AssertionError("nothing follows a product of two activations at once")
    right = net.value(call, 1)
    if min(len(left.shape), len(right.shape)) < 2:
        raise call.node.refuse(f"it multiplies {list(left.shape)} and {list(right.shape)}")
    pair = (net.arranged(left), net.arranged(right))
    leading = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    dims = (*leading, left.shape[-2], right.shape[-1])
    if left.shape[-1] != right.shape[-2]:
        raise call.node.refuse(f"it multiplies {list(left.shape)} and {list(right.shape)}")
    return net.stepped(call, "BATCH_MATMUL", pair, dims, tuple(range(len(dims))), call.wanted)


def _dense(net: ImportedGraph, call: Call, source: Value, alpha: float, beta: float, *, is_rows: bool) -> Value:
    node, name = call.node, call.node.inputs[1]
    if name not in net.constants:
        return _by_computed(net, call, source, is_rows=is_rows)
    stored, axis = net.constants[name], 0 if is_rows else 1
    if stored.ndim != 2 or stored.shape[1 - axis] != source.shape[1]:
        raise node.refuse(f"it multiplies rows of {source.shape[1]} by a matrix {stored.shape}")
    outputs, scales = stored.shape[axis], None
    if call.is_integer:
        kernel, scales = _integer_kernel(net, call, axis, outputs)
        scales = scales * alpha
        if alpha <= 0:
            raise NotInteger
    else:
        kernel = _scaled(call, _kernel(net, call) * np.float32(alpha), axis)
    kernel = kernel if is_rows else kernel.T
    layout = source.layout
    if layout.is_direct or layout.dims[0] != source.shape[0]:
        tensor = net.arranged(source)
    else:  # flattened rows: the matrix is put in their order, not they in its
        inner, tensor = layout.inner, net.reshaped(source.tensor, source.shape)
        if layout.order[0] != 0:
            tensor = net.arranged(source)
        else:
            columns = kernel.reshape(outputs, *inner[1:])
            kernel = columns.transpose(layout.order).reshape(outputs, -1)
    bias = _bias(net, call, 2, outputs, _bias_scales(net, tensor, scales), beta)
    weights = net.constant(
        f"{call.name}/weights",
        kernel,
        "float32" if scales is None else "int8",
        None if scales is None else _dense_scheme(scales),
    )
    dims = (source.shape[0], outputs)
    return net.stepped(
        call, "FULLY_CONNECTED", (tensor, weights, bias), dims, (0, 1), call.wanted, activation=call.activation
    )


def _dense_scheme(scales: Array) -> Quantisation:
    """One scale for all where it is one; FULLY_CONNECTED per channel is younger."""
    return symmetric(scales[:1] if len(np.unique(scales.astype(np.float32))) == 1 else scales)


def _by_computed(net: ImportedGraph, call: Call, source: Value, *, is_rows: bool) -> Value:
    """Rows by a matrix that is no constant, without a bias."""
    right = net.value(call, 1)
    if len(call.node.inputs) > 2 and call.node.inputs[2]:
        raise call.node.refuse("its matrix is computed by the network", "use MatMul and Add")
    dims = (source.shape[0], right.shape[0 if is_rows else 1])
    pair = (net.arranged(source), net.arranged(right))
    return net.stepped(call, "BATCH_MATMUL", pair, dims, (0, 1), call.wanted, adj_y=is_rows)
