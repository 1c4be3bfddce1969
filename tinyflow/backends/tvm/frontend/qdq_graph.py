"""From TVM's QDQ graph to integer layers, in one topological walk over the Relax bindings.

The importer gives `dequantize → float operator → quantize`, and keeps neither the model's order of operators nor their
names. What becomes a layer, and what that reads, is taken from its graph; windows, scales and weights are those of the
operator of the model (see `layers`). So no float is left for a chip to compute.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tinyflow.backends.tvm.frontend.layers import Layer, Network, Value, make_layer
from tinyflow.backends.tvm.kernels.specs import Rounding
from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import describe

# Relax operators that become layers: how many activations they read, and the model's operators that they may come from
_COMPUTING: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "relax.add": (2, ("ADD",)),
    "relax.matmul": (1, ("FULLY_CONNECTED",)),
    "relax.nn.avg_pool2d": (1, ("AVERAGE_POOL_2D",)),
    "relax.nn.conv2d": (1, ("CONV_2D", "DEPTHWISE_CONV_2D")),
    "relax.nn.max_pool2d": (1, ("MAX_POOL_2D",)),
    "relax.nn.softmax": (1, ("SOFTMAX",)),
}
# those that are a part of the layer before them (its bias, its clamp), or see an activation in another type or shape
_PARTS = (
    *("relax.add", "relax.astype", "relax.clip", "relax.dequantize", "relax.nn.relu"),
    *("relax.permute_dims", "relax.quantize", "relax.reshape"),
)


class _Computed(NamedTuple):
    """What gives an activation: a Relax operator, and the activations that it reads."""

    name: str
    inputs: tuple[Value, ...]


def lower(module: Any, graph: Graph, rounding: Rounding) -> Network:
    """The integer layers of `main` in an IRModule that TVM's TFLite importer made of a graph.

    Those that some output needs, in the order of the graph's operators. Raises ModelError for other modules.
    """
    inputs, outputs, computed = _walk(module["main"], [graph.tensors[index].name for index in graph.inputs])
    writers = {tensor: operator for operator in graph.operators for tensor in operator.outputs}
    found: dict[int, Layer] = {}
    # both are followed together from their outputs back: what writes an output is the same step in both
    pairs = list(zip(outputs, graph.outputs, strict=True))
    while pairs:
        value, tensor = pairs.pop()
        operator = _behind_reshapes(tensor, writers)
        if operator is not None and operator.index not in found:
            name, read = computed.get(value, _Computed("nothing", ()))
            if name not in _COMPUTING or operator.name not in _COMPUTING[name][1]:
                raise ModelError(f"{name} is in TVM's graph where the model has {operator.name}")
            found[operator.index] = make_layer(graph, operator, read, value, rounding)
            pairs += zip(read, _activations(operator, graph), strict=True)
    return Network(inputs, outputs, tuple(found[index] for index in sorted(found)))


def _walk(main: Any, names: Sequence[str]) -> tuple[tuple[Value, ...], tuple[Value, ...], Mapping[Value, _Computed]]:
    """Inputs and outputs of a Relax function, and what gives each activation; `names` are those of the inputs."""
    inputs = tuple(Value(_elements(p), name) for p, name in zip(main.params, names, strict=True))
    known: dict[Any, Any] = dict(zip(main.params, inputs, strict=True))
    computed: dict[Value, _Computed] = {}
    for binding in (binding for block in main.body.blocks for binding in block.bindings):
        expression = binding.value
        if hasattr(expression, "fields"):  # several outputs
            known[binding.var] = tuple(known[field] for field in expression.fields)
        elif not hasattr(expression, "op"):
            known[binding.var] = known.get(expression)
        else:
            name = getattr(expression.op, "name", str(expression.op))
            # all others are constants, shapes and numbers
            read = tuple(known[one] for one in expression.args if known.get(one) is not None)
            if name in _COMPUTING and len(read) == _COMPUTING[name][0]:
                known[binding.var] = value = Value(_elements(binding.var))
                computed[value] = _Computed(name, read)
            elif name in _PARTS and len(read) <= 1:
                known[binding.var] = read[0] if read else None
            else:
                raise ModelError(f"{name} is in TVM's graph where the integer lowering has no rule for it")
    result = known[main.body.body]
    return inputs, result if isinstance(result, tuple) else (result,), computed


def _elements(variable: Any) -> int:
    return math.prod(int(extent) for extent in variable.ty.shape)


def _behind_reshapes(tensor: int, writers: Mapping[int, Operator]) -> Operator | None:
    """The operator whose bytes a tensor holds; None where they are an input of the graph."""
    operator = writers.get(tensor)
    while operator is not None and describe(operator.name).is_view:
        operator = writers.get(operator.inputs[0])
    return operator


def _activations(operator: Operator, graph: Graph) -> list[int]:
    return [index for index in operator.inputs if index >= 0 and not graph.tensors[index].is_constant]
