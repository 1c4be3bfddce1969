"""From operators to kernel calls: one function for each operator, or none where bytes only get another shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tinyc import lower_binary, lower_pieces, lower_spatial, lower_unary
from tinyflow.backends.tinyc.steps import Operand, Program, Step
from tinyflow.backends.tinynn.packing import plain
from tinyflow.model.advice import VERSION_HINT
from tinyflow.model.graph import Graph, Operator

Lowering = Callable[[Graph, Operator, str], Iterable[Step]]

# operator → (newest version whose int8 arithmetic is the kernels', its lowering)
_LOWERINGS: Mapping[str, tuple[int, Lowering]] = {
    **lower_spatial.LOWERINGS,
    **lower_binary.LOWERINGS,
    **lower_unary.LOWERINGS,
    **lower_pieces.LOWERINGS,
}
# operators that leave every byte where it is → newest version
_RESHAPES: Mapping[str, int] = {"RESHAPE": 1, "SQUEEZE": 2, "EXPAND_DIMS": 1}
SUPPORTED = tuple(sorted([*_LOWERINGS, *_RESHAPES]))


def lower(graph: Graph, variant: str) -> Program:
    """The program of a graph that `lower_operator` takes all operators of."""
    shares: dict[int, int] = {}
    steps: list[Step] = []
    for operator in graph.operators:
        if operator.name in _RESHAPES and not _must_copy(graph, operator, shares):
            source = operator.inputs[0]
            shares[operator.outputs[0]] = shares.get(source, source)
        else:
            steps.extend(lower_operator(graph, operator, variant))
    return Program(graph, tuple(steps), shares)


def _must_copy(graph: Graph, operator: Operator, shares: Mapping[int, int]) -> bool:
    """Whether a constant becomes an output of the graph, which must lie in RAM."""
    source = shares.get(operator.inputs[0], operator.inputs[0])
    return graph.tensors[source].is_constant and operator.outputs[0] in graph.outputs


def lower_operator(graph: Graph, operator: Operator, variant: str) -> list[Step]:
    """The calls for one operator. Raises ValueError, mostly Unsupported, for one that no kernel computes."""
    newest, lowering = _LOWERINGS.get(operator.name, (0, _copy))
    newest = _RESHAPES.get(operator.name, newest)
    if operator.name not in SUPPORTED:
        raise Unsupported("this operator is not supported", f"supported: {', '.join(SUPPORTED)}")
    if operator.version > newest:
        raise Unsupported(f"only versions up to {newest} are supported", VERSION_HINT)
    return list(lowering(graph, operator, variant))


def _copy(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    call = plain(variant, "copy", {"bytes": graph.tensors[operator.outputs[0]].size_bytes})
    yield Step(operator.index, call, (Operand(operator.inputs[0]),), Operand(operator.outputs[0]))
