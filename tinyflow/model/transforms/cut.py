"""A run of operators as a network of its own."""

from __future__ import annotations

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph
from tinyflow.model.transforms.record import Change


def cut(graph: Graph, first: int, last: int) -> Change:
    """Operators `first` to `last`, both included; what they read of others comes in, what others read goes out.

    Raises ModelError where there are no such operators or where they read nothing that changes, or give nothing.
    """
    if not 0 <= first <= last < len(graph.operators):
        wanted = f"layer {first}" if first == last else f"layers {first} to {last}"
        raise ModelError(f"there is no {wanted}", hint=f"the model has layers 0 to {len(graph.operators) - 1}")
    kept = graph.operators[first : last + 1]
    made = {index for operator in kept for index in operator.outputs}
    read = {index: None for operator in kept for index in operator.inputs if index >= 0}
    inputs = [index for index in read if index not in made and not graph.tensors[index].is_constant]
    if not inputs:
        raise ModelError(f"layer {first} reads constants only", hint="cut from an earlier layer on")
    read_later = {index for operator in graph.operators[last + 1 :] for index in operator.inputs}
    outputs = [i for operator in kept for i in operator.outputs if i in read_later or i in graph.outputs]
    if not outputs:
        raise ModelError(f"nothing reads what layer {last} computes", hint="cut up to a later layer")
    change = Change(graph)
    others = (*graph.operators[:first], *graph.operators[last + 1 :])
    change.operators_went(
        graph.part(kept, inputs, outputs), {operator.outputs[0]: "it was cut off" for operator in others}
    )
    return change
