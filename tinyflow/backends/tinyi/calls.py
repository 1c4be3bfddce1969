"""Which graphs of a file the runtime tinyi sets up, in which order, what their operators ask for, what is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tinyflow.backends.refusals import Refusal
from tinyflow.backends.tinyi.entry import MAX_RANK
from tinyflow.backends.tinyi.memory_request import MemoryRequest
from tinyflow.backends.tinyi.operators import MAX_WORK, request, work
from tinyflow.model.graph import Graph
from tinyflow.model.graph_check import shortened
from tinyflow.model.operators import describe

CALLING = ("IF", "WHILE")
MAX_GRAPHS = 1 << 8  # TINYI_MAX_GRAPHS of include/tinyi/calls.h
_STATEFUL = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")


def requests(graph: Graph, variant: str) -> Mapping[int, Sequence[MemoryRequest]]:
    """By the graphs' numbers, callees first; the network itself, number 0, comes last."""
    every = graph.graphs
    return {
        number: [request(every[number], operator, variant) for operator in every[number].operators]
        for number in _in_order(graph)
    }


def has_calls(graph: Graph) -> bool:
    """Whether operators run subgraphs in an inference."""
    return any(operator.name in CALLING for operator in graph.operators)


def _in_order(graph: Graph) -> list[int]:
    """The graphs that an inference may run, each behind those that it calls."""
    found: dict[int, None] = {}

    def visit(number: int) -> None:
        for operator in graph.graphs[number].operators:
            for callee in operator.calls if operator.name in CALLING else ():
                if callee not in found:
                    visit(callee)
        found[number] = None

    visit(0)
    return list(found)


def refusals(graph: Graph) -> Iterator[Refusal]:
    """What speaks against the graphs as such: their number, their work, state in those that are called."""
    if len(graph.graphs) > MAX_GRAPHS:
        yield Refusal(f"{len(graph.subgraphs)} subgraphs are more than {MAX_GRAPHS - 1}", "call fewer subgraphs")
        return
    keeping = [operator for operator in graph.operators if describe(operator.name).remembers]
    if keeping and has_calls(graph):
        what = "it keeps what came before, which is not supported beside IF and WHILE"
        yield Refusal(what, "use backend tinyc, which has both", keeping[0])
    for number in _in_order(graph):
        part = graph.graphs[number]
        for operator in part.operators if number else ():
            variable = any(index >= 0 and part.tensors[index].is_variable for index in operator.inputs)
            if variable or operator.name in _STATEFUL or describe(operator.name).remembers:
                what = "state of subgraphs that IF and WHILE run is not supported"
                yield Refusal(what, "use backend tinyc, which keeps it", operator, "", None, number)
        for tensor in (part.tensors[index] for index in part.inputs):
            if len(tensor.shape) > MAX_RANK:
                what = f"the input {shortened(tensor.name)} has {len(tensor.shape)} dimensions, not {MAX_RANK} at most"
                yield Refusal(what, "reshape it in the network")
        products = sum(work(part, operator) for operator in part.operators)
        if products >= MAX_WORK:
            what = f"an inference of {products} products is more than {MAX_WORK}"
            yield Refusal(what, "use backend tinyc, which takes any")
