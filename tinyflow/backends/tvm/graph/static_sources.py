"""The sources of backend tvmcg: the calls of a lowered graph in order, with their places in the arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyflow.backends.generated import ARENA, model_source
from tinyflow.backends.tvm.emit import packed_calls
from tinyflow.backends.tvm.graph import artifact, generated
from tinyflow.backends.tvm.graph.artifact import Artifact
from tinyflow.backends.tvm.graph.document import Node
from tinyflow.backends.tvm.program.planner import plan_buffers
from tinyflow.model.graph import Graph
from tinyflow.model.memory.arena import Placed


def write(lowered: Path, graph: Graph, backend: str, options: Mapping[str, Any], out: Path, plan: Path) -> None:
    """See `tinyflow.backends.tvm.graph.static`."""
    made = artifact.read(lowered)
    alignment = max(options.get("alignment", 16), made.least_alignment)
    buffers = generated.buffers(made)
    planned = plan_buffers(buffers.values(), alignment, options.get("usmp", "default"))
    places = planned.places(buffers)
    reset, copied = generated.reset(made, places)
    own = {"model.c": _model(made, places, planned.total_bytes, alignment, reset)}
    generated.write_sources(made, planned.total_bytes, backend, own, out, copied)
    generated.write_plan(made, graph, backend, places, (planned.total_bytes, alignment), plan)


def _model(
    made: Artifact, places: Mapping[int, Placed], arena_bytes: int, alignment: int, reset: Sequence[str] | None
) -> str:
    graph = made.graph
    placed = {**places, **{tensor: places[owner] for tensor, owner in made.owners.items()}}
    addresses = {tensor: f"{ARENA} + {place.offset}" for tensor, place in placed.items()}
    addresses |= {row: node.name for row, node in graph.numbered() if node.name in made.parameters}
    calls = [
        packed_calls.call(index, node.function, _arguments(made, node, row, addresses))
        for index, (row, node) in enumerate((row, node) for row, node in graph.numbered() if node.function)
    ]
    includes = '#include "model.h"\n#include "kernels.h"\n#include "weights.h"\n'
    before, statements = [text for text, _ in calls], [text for _, text in calls]
    return model_source(includes, alignment, arena_bytes, before, statements, reset)


def _arguments(made: Artifact, node: Node, row: int, addresses: Mapping[int, str]) -> list[tuple[str, str]]:
    """Type and address of everything that a call reads and writes."""
    tensors = (*node.inputs, *range(row, row + len(node.tensors)))
    return [(made.graph.tensors[tensor].dtype, addresses[tensor]) for tensor in tensors]
