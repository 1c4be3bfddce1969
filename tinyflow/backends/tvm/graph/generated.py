"""What the C of both backends shares: kernels and parameters of an artifact, the plan, the files of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.backends.generated import ARENA, model_header, plan_document, write_files
from tinyflow.backends.tvm.emit import arrays
from tinyflow.backends.tvm.graph.artifact import Artifact
from tinyflow.model.graph import Graph, unused_name
from tinyflow.model.memory.arena import Buffer
from tinyflow.model.plan_document import Arena, Resident


def write_sources(artifact: Artifact, arena_bytes: int, backend: str, own: Mapping[str, str], out: Path) -> None:
    """Write the kernels, the parameters, model.h and the backend's `own` files."""
    parameters = artifact.parameters
    files = {
        "model.h": model_header(arena_bytes),
        "weights.h": arrays.header(parameters),
        "weights.c": arrays.definitions(parameters, artifact.alignments),
        **own,
    }
    write_files(out, backend, files)
    for name, text in artifact.kernels.items():
        (out / name).write_text(text, encoding="utf-8")


def write_plan(
    artifact: Artifact,
    model: Graph,
    backend: str,
    offsets: Mapping[int, int],
    arena: tuple[int, int],
    path: Path,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write plan.json; `offsets` in the arena are by the tensors' numbers, `arena` is its bytes and its alignment."""
    graph = artifact.graph
    inputs = [row for row, node in graph.numbered() if not node.function and row in offsets]
    names = {row: model.tensors[index].name for row, index in zip(inputs, model.inputs, strict=True)}
    size_bytes, alignment = arena
    document = plan_document(
        model,
        backend,
        inputs=[f"{ARENA}+{offsets[tensor]}" for tensor in inputs],
        outputs=[f"{ARENA}+{offsets[tensor]}" for tensor in graph.outputs],
        calls=[(node.operator, node.function) for node in graph.nodes if node.function],
        arena=Arena(symbol=ARENA, bytes=size_bytes, alignment=alignment, tensors=_residents(artifact, offsets, names)),
        weights_bytes=sum(array.nbytes for array in artifact.parameters.values()),
    )
    document.write(path, **(more or {}), **({} if artifact.tuning is None else {"tuning": dict(artifact.tuning)}))


def _residents(artifact: Artifact, offsets: Mapping[int, int], names: Mapping[int, str]) -> list[Resident]:
    operators = [node.operator for node in artifact.graph.nodes if node.function] or [0]
    return [
        Resident(
            name=names.get(tensor, buffer.name),
            offset=offsets[tensor],
            bytes=buffer.size_bytes,
            first=operators[buffer.first],
            last=operators[buffer.last],
        )
        for tensor, buffer in lifetimes(artifact).items()
    ]


def lifetimes(artifact: Artifact) -> dict[int, Buffer]:
    """The tensors that are not parameters, by their numbers, with the first and the last call that they live at.

    Inputs live from the first call on, outputs to the last one, scratch for one.
    """
    graph = artifact.graph
    taken = {node.name for node in graph.nodes}
    names: dict[int, str] = {}
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    call = -1
    for row, node in graph.numbered():
        if not node.function:
            if node.name not in artifact.parameters:
                names[row], first[row], last[row] = node.name, 0, 0
            continue
        call += 1
        last.update({tensor: call for tensor in node.inputs if tensor in last})
        for i in range(len(node.tensors)):
            names[row + i] = unused_name(f"{node.name}_scratch", taken) if i else node.name
            first[row + i] = last[row + i] = call
    last.update(dict.fromkeys(graph.outputs, max(call, 0)))
    return {t: Buffer(names[t], graph.tensors[t].size_bytes, first[t], last[t]) for t in names}
