"""Networks one behind the other as one network: what each gives is what the next one reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tinyflow.core.errors import ModelError
from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import Graph, Quantisation, Tensor

_HINT = "put a network between them that converts"


def chained(parts: Sequence[Graph], name: str) -> Graph:
    """All of them; where shapes differ, a RESHAPE stands between two.

    Raises ModelError for parts that don't fit in number, types, elements or quantisation, and for subgraphs.
    """
    joined = GraphBuilder()
    given: list[int] = []
    for number, part in enumerate(parts):
        where = f"part {number}"
        if part.subgraphs:
            raise ModelError("it has subgraphs", where=where, hint="chain networks without")
        begin = len(joined.tensors)
        joined.tensors += [replace(tensor, index=begin + tensor.index) for tensor in part.tensors]
        if number == 0:
            joined.inputs += part.inputs
        elif len(given) != len(part.inputs):
            raise ModelError(f"it reads {len(part.inputs)} tensors, {len(given)} come", where=where, hint=_HINT)
        else:
            for source, target in zip(given, part.inputs, strict=True):
                _join(joined, source, begin + target, where)

        def moved(indices: Sequence[int], begin: int = begin) -> tuple[int, ...]:
            return tuple(begin + index if index >= 0 else index for index in indices)

        joined.operators += [
            replace(
                operator,
                index=len(joined.operators) + operator.index,
                inputs=moved(operator.inputs),
                outputs=moved(operator.outputs),
                intermediates=moved(operator.intermediates),
            )
            for operator in part.operators
        ]
        given = [begin + index for index in part.outputs]
    return joined.graph(given, name)


def _join(joined: GraphBuilder, source: int, target: int, where: str) -> None:
    """The tensor `target` becomes what `source` is."""
    one, other = joined.tensors[source], joined.tensors[target]
    if (one.dtype, one.elements) != (other.dtype, other.elements):
        raise ModelError(f"it reads {_words(other)}, {_words(one)} come", where=where, hint=_HINT)
    if one.quantisation != other.quantisation and None not in (one.quantisation, other.quantisation):
        raise ModelError(f"it reads {other.name} in another quantisation than it comes in", where=where, hint=_HINT)
    scheme: Quantisation | None = one.quantisation or other.quantisation
    for tensor in (one, other):
        joined.tensors[tensor.index] = replace(tensor, quantisation=scheme)
    shape = joined.constant(f"{other.name}/shape", other.shape, "int32")
    joined.operator("RESHAPE", (source, shape), target)


def _words(tensor: Tensor) -> str:
    return f"{tensor.elements} {tensor.dtype} of {tensor.name}"
