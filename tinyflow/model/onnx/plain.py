"""What nodes without weights become."""

from __future__ import annotations

from tinyflow.model.graph import OptionValue, Quantisation
from tinyflow.model.onnx.imported import FloatValue, ImportedGraph, nhwc
from tinyflow.model.onnx.source import Node
from tinyflow.model.operators import describe


def add(net: ImportedGraph, real: FloatValue, name: str, quantisation: Quantisation) -> int:
    """Add of two tensors of one shape."""
    node = real.node
    left, right = net.activation(node, 0), net.activation(node, 1)
    if net.shape(left) != net.shape(right):
        raise node.refuse(f"it adds {net.shape(left)} and {net.shape(right)}", "only equal shapes")
    return net.result(node, "ADD", (left, right), name, quantisation, activation=real.activation)


def relu(net: ImportedGraph, real: FloatValue, name: str, quantisation: Quantisation) -> int:
    """A Relu that could not be fused."""
    return net.result(real.node, "RELU", (net.activation(real.node),), name, quantisation)


def concat(net: ImportedGraph, real: FloatValue, name: str, quantisation: Quantisation) -> int:
    """Concat, of inputs that get the output's quantisation."""
    node = real.node
    sources = tuple(
        net.requantise(net.activation(node, position), quantisation, f"{name}/{position}")
        for position in range(len(node.inputs))
    )
    rank = len(net.shape(sources[0]))
    axis = int(node.attributes["axis"]) % rank
    axis = (0, 3, 1, 2)[axis] if rank == 4 else axis
    return net.result(node, "CONCATENATION", sources, name, quantisation, axis=axis)


def pool(net: ImportedGraph, real: FloatValue, name: str, quantisation: Quantisation) -> int:
    """MaxPool and AveragePool keep the quantisation; where the file has another, a QUANTIZE follows."""
    node, source = real.node, net.activation(real.node)
    window, stride = node.pair("kernel_shape"), node.pair("strides")
    if node.pair("dilations") != (1, 1) or node.attributes.get("ceil_mode", 0):
        raise node.refuse("dilated or rounded-up windows can't be imported")
    source, padding = net.padded(node, source, window, stride)
    if node.kind == "AveragePool" and padding == "SAME" and node.attributes.get("count_include_pad", 0):
        raise node.refuse("TFLite's average leaves padding out", "export with count_include_pad=0")
    kind = "MAX_POOL_2D" if node.kind == "MaxPool" else "AVERAGE_POOL_2D"
    return _kept(net, kind, node, source, name, quantisation, padding=padding, stride=stride, filter=window)


def global_average(net: ImportedGraph, real: FloatValue, name: str, quantisation: Quantisation) -> int:
    """An average pool where the quantisation stays, else MEAN, which rescales."""
    node, source = real.node, net.activation(real.node)
    if net.tensors[source].quantisation == quantisation:
        window = net.shape(source)[1:3]
        options: dict[str, OptionValue] = {"padding": "VALID", "stride": window, "filter": window}
        return net.result(node, "AVERAGE_POOL_2D", (source,), name, quantisation, **options)
    axes = net.constant(f"{node.name}/axes", [1, 2], "int32")
    return net.result(node, "MEAN", (source, axes), name, quantisation, keep_dims=True)


def reshape(net: ImportedGraph, real: FloatValue, name: str, quantisation: Quantisation) -> int:
    """Flatten and Reshape, whose order of elements is remembered."""
    node, source = real.node, net.activation(real.node)
    shape, target = net.shape(source), net.source.shape(node.outputs[0])
    if len(target) > 2 and len(shape) == 4 and nhwc(target) != shape:
        nchw = (shape[0], shape[3], shape[1], shape[2])
        raise node.refuse(f"{nchw} becomes {target}", "only flattening can be imported")
    constant = net.constant(f"{node.name}/shape", target, "int32")
    made = net.layer("RESHAPE", (source, constant), name, net.quantisation(source), target, new_shape=target)
    if len(shape) == 4:
        net.flattened[made] = (shape[3], shape[1], shape[2])
    elif source in net.flattened:
        net.flattened[made] = net.flattened[source]
    final = net.requantise(made, quantisation, f"{name}/requantised")
    if made in net.flattened:
        net.flattened[final] = net.flattened[made]
    return final


def softmax(net: ImportedGraph, real: FloatValue, name: str, quantisation: Quantisation) -> int:
    """Softmax over rows."""
    node, source = real.node, net.activation(real.node)
    rank = len(net.shape(source))
    if rank != 2 or int(node.attributes.get("axis", -1)) % rank != 1:
        raise node.refuse("only a softmax over rows can be imported")
    return _kept(net, "SOFTMAX", node, source, name, quantisation, beta=1.0)


def _kept(
    net: ImportedGraph,
    kind: str,
    node: Node,
    source: int,
    name: str,
    quantisation: Quantisation,
    **options: OptionValue,
) -> int:
    """An operator whose output is quantised in its own way or as its input, and what makes it what the file says."""
    kept = describe(kind).output or net.quantisation(source)
    made = net.result(node, kind, (source,), name if kept == quantisation else f"{name}/before", kept, **options)
    return net.requantise(made, quantisation, name)
