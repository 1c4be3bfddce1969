"""What every reader must be able to promise of a graph, whatever file it came from: it can be computed, in order.

Raises ModelError without a place (`where`); the reader knows the file.
"""

from __future__ import annotations

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import check_operator

# far above any microcontroller's RAM; keeps interpreters from asking this machine for too much
_MAX_LIVE_BYTES = 64 << 20
MICRO_HINT = "is this a model for a microcontroller?"


def check_sound(graph: Graph) -> None:
    """Raise ModelError unless every tensor is written once before it is read, shapes fit, and activations are small.

    Tensor indices must be valid already.
    """
    _check_order(graph)
    for operator in graph.operators:
        try:
            check_operator(graph, operator)
        except ModelError as error:
            raise ModelError(f"{_placed(operator)} {error.what}") from None
    if graph.peak_live_bytes > _MAX_LIVE_BYTES:
        raise ModelError(f"its activations need {graph.peak_live_bytes} bytes at once", hint=MICRO_HINT)


def shortened(name: str) -> str:
    """A tensor's name for a message. Converters join names to hundreds of characters; the last part is telling."""
    return name if len(name) <= 60 else "…" + name[-60:]


def _check_order(graph: Graph) -> None:
    """No cycles, no operator before what it reads."""
    if not graph.operators or not graph.inputs or not graph.outputs:
        raise ModelError("the graph has no operators, no inputs or no outputs", hint="there is nothing to compute")
    written = set(graph.inputs)
    if any(graph.tensors[index].is_constant for index in graph.inputs) or len(written) != len(graph.inputs):
        raise ModelError("a graph input is a constant or named twice")
    for operator in graph.operators:
        for index in operator.inputs:
            if index >= 0 and index not in written and not graph.tensors[index].is_constant:
                raise ModelError(f"{_placed(operator)} reads {_named(graph, index)} before it is written")
        for index in operator.outputs:
            if index in written or graph.tensors[index].is_constant:
                raise ModelError(f"{_placed(operator)} overwrites {_named(graph, index)}")
            written.add(index)
    for index in graph.outputs:
        if index not in written:  # an input may be one
            raise ModelError(f"no operator writes the graph's output {_named(graph, index)}")


def _placed(operator: Operator) -> str:
    return f"operator {operator.index} ({operator.name})"


def _named(graph: Graph, index: int) -> str:
    return f"tensor {index} ({shortened(graph.tensors[index].name)})"
