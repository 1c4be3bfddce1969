"""What a graph is, in numbers and as JSON: everything but the weights' values."""

from __future__ import annotations

from typing import Any

from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.memory.lifetimes import lifetimes
from tinyflow.model.operators import VIEWS, describe


def macs(graph: Graph) -> int:
    """Multiply-accumulates of one inference; those of subgraphs, each run once."""
    return sum(operator_macs(part, operator) for part in graph.graphs for operator in part.operators)


def operator_macs(graph: Graph, operator: Operator) -> int:
    """Multiply-accumulates of one operator, padding counted; 0 for one that has no products of two tensors."""
    count = describe(operator.name).macs
    if count is None:
        return 0
    read = [graph.tensors[index].shape for index in operator.inputs if index >= 0]
    return count(operator.options, read, graph.tensors[operator.outputs[0]].shape)


def least_arena_bytes(graph: Graph) -> int:
    """Bytes that any arena has: results may lie in the place of what nobody reads later, views where their source lies.

    Only products of whole inputs are not put there; a window leaves those that it has passed. A subgraph may get its
    caller's tensors as they are, a variable be read and written where it is kept.
    """
    return max(map(_least_bytes, graph.graphs)) + graph.state_bytes


def _least_bytes(graph: Graph) -> int:
    """The largest of the sets that are alive between operators of this very graph and, for products, while one runs."""
    steps = [(operator.inputs, operator.outputs) for operator in graph.operators]
    lives = lifetimes(graph.inputs, steps, graph.outputs, len(steps))
    source = {operator.outputs[0]: operator.inputs[0] for operator in graph.operators if operator.name in VIEWS}
    kept = {index for _, index in graph.resource_uses()}
    alive: list[dict[int, int]] = [{} for _ in range(len(steps) + 1)]  # before each operator: what lies there → bytes
    for index, (first, last) in lives.items():
        place, size = index, graph.tensors[index].size_bytes
        while place in source:
            place = source[place]
        for step in range(first if index in graph.inputs else first + 1, last + 1) if place in lives else ():
            alive[step][place] = 0 if {place, index} & kept else max(alive[step].get(place, 0), size)
    for number, operator in enumerate(graph.operators):
        if describe(operator.name).macs is not None and operator.name not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            before, behind = alive[number : number + 2]
            alive.append({place: max(before.get(place, 0), behind.get(place, 0)) for place in {*before, *behind}})
    return max(sum(sizes.values()) for sizes in alive)


def summarise(graph: Graph) -> dict[str, Any]:
    """Everything but the weights' values, as JSON."""
    return {
        "name": graph.name,
        "macs": macs(graph),
        "weights_bytes": graph.weights_bytes,
        "peak_live_bytes": graph.peak_live_bytes,
        "is_integer_only": graph.is_integer_only,
        **_parts(graph),
        # only where there are some, here and below: other documents stay as they are
        **({"state_bytes": graph.state_bytes} if graph.state_bytes else {}),
        **({"subgraphs": [_parts(part) for part in graph.subgraphs]} if graph.subgraphs else {}),
    }


def _parts(graph: Graph) -> dict[str, Any]:
    return {
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "operators": [{**_operator(operator), "macs": operator_macs(graph, operator)} for operator in graph.operators],
        "tensors": [_tensor(tensor) for tensor in graph.tensors],
    }


def _operator(operator: Operator) -> dict[str, Any]:
    told = {**vars(operator), "custom_options": operator.custom_options.hex()}
    return {name: value for name, value in told.items() if value or name not in ("intermediates", "custom_options")}


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {
        "index": tensor.index,
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "bytes": tensor.size_bytes,
        "constant": tensor.is_constant,
        **({"variable": True} if tensor.is_variable else {}),
        "quantisation": None if tensor.quantisation is None else _quantisation(tensor.quantisation),
    }


def _quantisation(quantisation: Quantisation) -> dict[str, Any]:
    """Scale and zero point of a whole tensor; for a per-channel one only their number and axis."""
    if quantisation.is_per_channel:
        return {"channels": len(quantisation.scales), "axis": quantisation.axis}
    return {"scale": quantisation.scale, "zero_point": quantisation.zero_point}
