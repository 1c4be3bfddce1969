"""Resource variables: what lies in their memory without being copied there, and what they are at first."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from tinyflow.model.fixed_point import OutOfRange
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators import describe

Key = tuple[str, str]  # container and name


def initial_byte(tensor: Tensor) -> int:
    """What each byte of a variable is at first: 0, of int8 its zero point, as a number of eight bits.

    ResetTensorData of TFLM's micro_interpreter_graph.cc, Allocate of micro_resource_variable.cc.
    """
    scheme = tensor.quantisation
    return scheme.zero_points[0] & 0xFF if scheme is not None and tensor.dtype == "int8" else 0


def check_called_first(graph: Graph, operator: Operator) -> None:
    """Raise ValueError for a CALL_ONCE, which is done when the network is reset, behind what touches its variables."""
    before = graph.operators[: operator.index]
    if any(other.name in ("READ_VARIABLE", "ASSIGN_VARIABLE") or other.calls for other in before):
        raise OutOfRange("it is called behind operators that have variables", "initialise variables first of all")


@dataclass
class _Value:
    """An activation with all views of it: the operators that write it, read it, read it last, assign it."""

    written: int = -1
    is_computed: bool = False
    last_read: int = -1
    assigned: list[int] = field(default_factory=list)
    is_output: bool = False


def in_place(graph: Graph) -> dict[int, Key]:
    """Activations of the network itself → the resource variable in whose memory they may lie, with all their views.

    What is read from a variable needs no copy where the variable stays as it is until the last reader is done; what is
    assigned to it needs none where the variable's old value isn't needed any more when the new one is computed. Nothing
    is known where subgraphs are called that are not run once.
    """
    if any(operator.calls and operator.name != "CALL_ONCE" for operator in graph.operators):
        return {}
    handles = graph.handles
    roots: dict[int, int] = {}
    values: dict[int, _Value] = defaultdict(_Value)
    reads: dict[Key, list[tuple[int, int]]] = defaultdict(list)
    assigns: dict[Key, list[tuple[int, int]]] = defaultdict(list)
    for number, operator in enumerate(graph.operators):
        for index in operator.inputs:
            values[roots.get(index, index)].last_read = number
        if operator.name == "READ_VARIABLE":
            reads[handles[operator.inputs[0]]].append((number, operator.outputs[0]))
        elif operator.name == "ASSIGN_VARIABLE":
            root = roots.get(operator.inputs[1], operator.inputs[1])
            values[root].assigned.append(number)
            assigns[handles[operator.inputs[0]]].append((number, root))
        elif describe(operator.name).is_view:
            roots[operator.outputs[0]] = roots.get(operator.inputs[0], operator.inputs[0])
            continue
        for index in operator.outputs:
            values[index].written = number
            values[index].is_computed = operator.name not in ("READ_VARIABLE", "VAR_HANDLE")
    for index in graph.outputs:
        value = values[roots.get(index, index)]
        value.is_output, value.last_read = True, len(graph.operators)
    found: dict[int, Key] = {}
    for key in graph.resources:
        changes = [number for number, _ in assigns[key]]
        uses = [(number, made, values[made].last_read) for number, made in reads[key]]
        if len(changes) == 1:
            ((number, root),) = assigns[key]
            value = values[root]
            is_old_needed = any(read < number and value.written <= last for read, _, last in uses)
            if value.is_computed and len(value.assigned) == 1 and not value.is_output and not is_old_needed:
                found[root] = key
                changes = [value.written]
        for read, made, last in uses:
            if not any(read < change <= last for change in changes):
                found[made] = key
    return found
