"""The graph of TVM's graph runtime: nodes, the tensors that they give, and their JSON.

The form is that of TVM's graph executor (its `graph_executor_codegen` writes, its `graph_executor` reads it): `nodes`
in an order in which they can run, `arg_nodes` (those that compute nothing), `heads` (outputs), `node_row_ptr` (the
number of each node's first tensor), and for each tensor `dltype`, `storage_id` and `shape` in `attrs`. A node's
attributes `operator`, `output` and `layout`, which other readers ignore, tell the operator of the model that it
computes, which of its outputs where that isn't the first, and where that isn't in the model's order of axes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tinyflow.model.element_types import ELEMENT_TYPES

# that a call has in the runtime tvmrt: TVMRT_MAX_ARGUMENTS of tvmrt.h
MOST_ARGUMENTS = 8


@dataclass(frozen=True)
class GraphTensor:
    """What a node gives: tensors with one storage share its bytes, at different times."""

    dtype: str
    shape: tuple[int, ...]
    storage: int

    @property
    def size_bytes(self) -> int:
        """Bytes of all elements."""
        return math.prod(self.shape) * ELEMENT_TYPES[self.dtype].bits // 8


@dataclass(frozen=True)
class Node:
    """An input or a parameter (`function` is empty), or a call.

    A call's arguments are its inputs, then the tensors that it gives; `inputs` are numbers of tensors of nodes before.
    """

    name: str
    tensors: tuple[GraphTensor, ...]
    function: str = ""
    inputs: tuple[int, ...] = ()
    operator: int = -1
    layout: str = "NHWC"  # of what it computes
    output: int = 0  # of the operator, that it is


@dataclass(frozen=True)
class ExecutorGraph:
    """Nodes in an order in which they can run, and the tensors that are the graph's outputs."""

    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]

    @cached_property
    def tensors(self) -> tuple[GraphTensor, ...]:
        """All tensors; their places here are their numbers."""
        return tuple(tensor for node in self.nodes for tensor in node.tensors)

    @cached_property
    def rows(self) -> tuple[int, ...]:
        """The number of each node's first tensor, and the number of tensors at the end."""
        rows = [0]
        for node in self.nodes:
            rows.append(rows[-1] + len(node.tensors))
        return tuple(rows)

    def numbered(self) -> Iterator[tuple[int, Node]]:
        """Each node with the number of its first tensor."""
        return zip(self.rows, self.nodes, strict=False)

    def place(self, tensor: int) -> tuple[int, int]:
        """The node that gives a tensor, and which of its tensors it is."""
        node = next(index for index, end in enumerate(self.rows[1:]) if tensor < end)
        return node, tensor - self.rows[node]


def dump(graph: ExecutorGraph) -> str:
    """The graph as JSON without any white space, for it may lie in flash."""
    document = {
        "nodes": [_node(graph, node) for node in graph.nodes],
        "arg_nodes": [index for index, node in enumerate(graph.nodes) if not node.function],
        "heads": [[*graph.place(tensor), 0] for tensor in graph.outputs],
        "attrs": {
            "dltype": ["list_str", [tensor.dtype for tensor in graph.tensors]],
            "storage_id": ["list_int", [tensor.storage for tensor in graph.tensors]],
            "shape": ["list_shape", [list(tensor.shape) for tensor in graph.tensors]],
        },
        "node_row_ptr": list(graph.rows),
    }
    return json.dumps(document, separators=(",", ":"))


def _node(graph: ExecutorGraph, node: Node) -> dict[str, Any]:
    if not node.function:
        return {"op": "null", "name": node.name, "inputs": []}
    attributes = {
        "func_name": node.function,
        "flatten_data": "0",
        "num_inputs": str(len(node.inputs)),
        "num_outputs": str(len(node.tensors)),
        "operator": str(node.operator),
        **({"layout": node.layout} if node.layout != "NHWC" else {}),
        **({"output": str(node.output)} if node.output else {}),
    }
    inputs = [[*graph.place(tensor), 0] for tensor in node.inputs]
    return {"op": "tvm_op", "name": node.name, "attrs": attributes, "inputs": inputs}


def load(text: str) -> ExecutorGraph:
    """The graph of a JSON text that `dump` wrote."""
    document = json.loads(text)
    rows, attributes = document["node_row_ptr"], document["attrs"]
    columns = (attributes[name][1] for name in ("dltype", "shape", "storage_id"))
    tensors = [GraphTensor(dtype, tuple(shape), storage) for dtype, shape, storage in zip(*columns, strict=True)]
    nodes = []
    for index, node in enumerate(document["nodes"]):
        given = tuple(tensors[rows[index] : rows[index + 1]])
        inputs = tuple(rows[source] + which for source, which, _ in node["inputs"])
        attrs = node.get("attrs", {})
        operator, layout = int(attrs.get("operator", -1)), attrs.get("layout", "NHWC")
        output = int(attrs.get("output", 0))
        nodes.append(Node(node["name"], given, attrs.get("func_name", ""), inputs, operator, layout, output))
    return ExecutorGraph(tuple(nodes), tuple(rows[source] + which for source, which, _ in document["heads"]))
