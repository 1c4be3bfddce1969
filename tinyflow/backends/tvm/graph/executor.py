"""Backend tvmrt: a lowered graph lies in flash, and the runtime tvmrt interprets it; parameters are bound at set-up.

What is generated are the graph, tables of functions and parameters by name, and memory of just the size that the
runtime takes: storages one behind the other as it lays them out, and a pool for what it keeps of the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.backends.options import Options
from tinyflow.backends.tvm.graph.document import MOST_ARGUMENTS
from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph

OPTIONS: Options = {"graph": ("json", "binary")}


def check(graph: Graph, backend: str, options: Mapping[str, Any]) -> None:  # noqa: ARG001 (the protocol's)
    """Raise ModelError for an operator of more operands than a call of the runtime has; lowering took the rest."""
    for operator in graph.operators:
        read = [index for index in operator.inputs if index >= 0 and not graph.tensors[index].is_constant]
        if len(read) >= MOST_ARGUMENTS:
            what = f"{len(read)} inputs: a call of the runtime has {MOST_ARGUMENTS} operands (backend {backend})"
            raise ModelError(what, where=f"operator {operator.index} {operator.name}", hint="tvmcg has no such limit")


def generate(lowered: Path, graph: Graph, backend: str, options: Mapping[str, Any], out: Path, plan: Path) -> None:
    """Write C sources of the artifact in the folder `lowered` into the folder `out`, and the memory plan.

    `graph` is the model that was lowered. Options: graph, json as TVM has it or a compact binary form. Raises
    ModelError for a graph that is beyond the runtime's limits.
    """
    from tinyflow.backends.tvm.graph.executor_sources import write

    write(lowered, graph, backend, options, out, plan)
