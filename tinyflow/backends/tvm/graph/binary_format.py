"""The compact form of a graph; `recipes/runtimes/tvmrt/src/binary.c` describes and reads it."""

from __future__ import annotations

from collections.abc import Sequence

from tinyflow.backends.tvm.emit.packed_calls import type_code
from tinyflow.backends.tvm.graph.document import ExecutorGraph, Node
from tinyflow.model.element_types import ELEMENT_TYPES

_MAGIC = b"TVMG\1"


def digest(functions: Sequence[str], parameters: Sequence[str]) -> int:
    """FNV-1a, 32 bits, of both lists of names: a binary graph has indices, and must meet the lists it was made for."""
    value = 0x811C9DC5
    for byte in "\0".join([*functions, "", *parameters]).encode():
        value = (value ^ byte) * 0x01000193 % 2**32
    return value


def dump(graph: ExecutorGraph, functions: Sequence[str], parameters: Sequence[str]) -> bytes:
    """The graph with its functions and parameters by their places in these lists."""
    numbers = [len(graph.nodes), *(len(node.tensors) for node in graph.nodes)]
    for tensor in graph.tensors:
        kind = type_code(tensor.dtype), ELEMENT_TYPES[tensor.dtype].bits
        numbers += [tensor.storage, *kind, len(tensor.shape), *tensor.shape]
    for index, node in enumerate(graph.nodes):
        numbers += _node(graph, index, node, functions, parameters)
    numbers.append(len(graph.outputs))
    for tensor_number in graph.outputs:
        numbers += graph.place(tensor_number)
    head = _MAGIC + digest(functions, parameters).to_bytes(4, "little")
    return head + b"".join(varint(number) for number in numbers)


def _node(
    graph: ExecutorGraph, index: int, node: Node, functions: Sequence[str], parameters: Sequence[str]
) -> list[int]:
    if not node.function:
        return [1 + 2 * parameters.index(node.name)] if node.name in parameters else [0]
    numbers = [2 + 2 * functions.index(node.function), len(node.inputs)]
    for tensor in node.inputs:
        source, which = graph.place(tensor)
        numbers += [index - source, which]
    return numbers


def varint(number: int) -> bytes:
    """Seven bits a byte, lowest first; the eighth says that there is more."""
    groups = []
    while number >= 128:
        groups.append(number % 128 + 128)
        number //= 128
    return bytes([*groups, number])
