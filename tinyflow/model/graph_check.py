"""What every reader must be able to promise of a graph, whatever file it came from: it can be computed, in order.

Raises ModelError without a place (`where`); the reader knows the file.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyflow.core.errors import ModelError
from tinyflow.core.safe_text import plain
from tinyflow.model.graph import Graph, Operator, Shape, Tensor
from tinyflow.model.operators import check_operator
from tinyflow.model.operators.control import called_forms, is_condition
from tinyflow.model.operators.shapes import require

# far above any microcontroller's RAM; keeps interpreters from asking this machine for too much
_MAX_LIVE_BYTES = 64 << 20
# of subgraphs that call each other
_MAX_DEPTH = 16
MICRO_HINT = "is this a model for a microcontroller?"


def check_sound(graph: Graph) -> None:
    """Raise ModelError unless every tensor is written once before it is read, shapes fit, and activations are small.

    Tensor indices must be valid already.
    """
    if not graph.operators or not graph.inputs or not graph.outputs:
        raise ModelError("the graph has no operators, no inputs or no outputs", hint="there is nothing to compute")
    for number, part in enumerate(graph.graphs):
        try:
            _check_order(part, is_called=number > 0)
            for operator in part.operators:
                _check_operator(graph, part, operator)
            _check_resources(part)
        except ModelError as error:
            where = f"subgraph {number} ({shortened(part.name)}): " if number else ""
            raise ModelError(where + error.what, hint=error.hint) from None
    _check_depth(graph)
    _check_forms(graph)
    if graph.peak_live_bytes > _MAX_LIVE_BYTES:
        raise ModelError(f"its activations need {graph.peak_live_bytes} bytes at once", hint=MICRO_HINT)


def shortened(name: str) -> str:
    """A tensor's name for a message. Converters join names to hundreds of characters; the last part is telling."""
    name = plain(name, is_line=True)
    return name if len(name) <= 60 else "…" + name[-60:]


def _check_order(graph: Graph, *, is_called: bool) -> None:
    """No cycles, no operator before what it reads. A graph that another calls may give what it gets, and constants."""
    fixed = {tensor.index for tensor in graph.tensors if tensor.is_constant or tensor.is_variable}
    written = set(graph.inputs)
    if written & fixed or len(written) != len(graph.inputs):
        raise ModelError("a graph input is a constant or named twice")
    for operator in graph.operators:
        for index in operator.inputs:
            if index >= 0 and index not in written and index not in fixed:
                raise ModelError(f"{_placed(operator)} reads {_named(graph, index)} before it is written")
        for index in operator.outputs:
            if not graph.tensors[index].elements:
                raise ModelError(f"{_placed(operator)} writes {_named(graph, index)}, which has no elements")
            if index in written or index in fixed:
                raise ModelError(f"{_placed(operator)} overwrites {_named(graph, index)}")
            written.add(index)
    for index in graph.outputs:
        if index not in written and not (is_called and index in fixed):  # an input may be one
            raise ModelError(f"no operator writes the graph's output {_named(graph, index)}")


def _check_resources(graph: Graph) -> None:
    """Resource variables are read and written where they are named; only so it is known which is meant."""
    handles = {operator.outputs[0] for operator in graph.operators if operator.name == "VAR_HANDLE"}
    for operator in graph.operators:
        known = operator.inputs[:1] if operator.name in ("READ_VARIABLE", "ASSIGN_VARIABLE") else ()
        for position, index in enumerate(operator.inputs):
            if index >= 0 and (position < len(known)) != (index in handles):
                what = f"{_placed(operator)} reads {_named(graph, index)}"
                raise ModelError(
                    f"{what}: only READ_VARIABLE and ASSIGN_VARIABLE read what VAR_HANDLE names, nothing else"
                )
    for index in graph.outputs:
        if index in handles:
            raise ModelError(
                f"the graph's output {_named(graph, index)} names a resource variable: READ_VARIABLE gives its value"
            )


def _check_operator(graph: Graph, part: Graph, operator: Operator) -> None:
    try:
        check_operator(part, operator)
        for number in operator.calls:
            require(0 < number < len(graph.graphs), f"calls subgraph {number} of {len(graph.graphs)}")
        if operator.calls:
            _check_called(graph, part, operator)
    except ModelError as error:
        raise ModelError(f"{_placed(operator)} {error.what}") from None


def _check_called(graph: Graph, part: Graph, operator: Operator) -> None:
    read, written = ([part.tensors[index] for index in indices] for indices in (operator.inputs, operator.outputs))
    for number, (takes, gives) in zip(operator.calls, called_forms(operator.name, read, written), strict=True):
        called = graph.graphs[number]
        given, made = ([called.tensors[index] for index in indices] for indices in (called.inputs, called.outputs))
        fits = is_condition(made) if gives is None else _forms(gives) == _forms(made)
        what = f"calls subgraph {number} ({shortened(called.name)}), which takes or gives other tensors"
        require(_forms(takes) == _forms(given) and fits, what)


def _forms(tensors: Sequence[Tensor]) -> list[tuple[Shape, str]]:
    return [(tensor.shape, tensor.dtype) for tensor in tensors]


def _check_depth(graph: Graph) -> None:
    """No subgraph calls itself, however indirectly."""
    calls = [{number for operator in part.operators for number in operator.calls} for part in graph.graphs]
    reached = {0}
    for _ in range(_MAX_DEPTH):
        reached = {number for caller in reached for number in calls[caller]}
        if not reached:
            return
    raise ModelError(f"subgraphs call each other more than {_MAX_DEPTH} deep", hint="take recursion out of the network")


def _check_forms(graph: Graph) -> None:
    """All who read and assign a resource variable mean the same shape and type."""
    forms: dict[tuple[str, str], tuple[Shape, str]] = {}
    for part in graph.graphs:
        for key, index in part.resource_uses():
            (form,) = _forms([part.tensors[index]])
            known = forms.setdefault(key, form)
            if form != known:
                what = f"the resource variable {shortened(key[1])} is {known[1]} {list(known[0])} in one place"
                raise ModelError(f"{what} and {form[1]} {list(form[0])} in another")


def _placed(operator: Operator) -> str:
    return f"operator {operator.index} ({operator.name})"


def _named(graph: Graph, index: int) -> str:
    return f"tensor {index} ({shortened(graph.tensors[index].name)})"
