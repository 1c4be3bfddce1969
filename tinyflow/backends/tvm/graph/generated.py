"""What the C of both backends shares: kernels and parameters of an artifact, the plan, the files of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinyflow.backends import arrays
from tinyflow.backends.arrays import Constant
from tinyflow.backends.generated import ARENA, arena, held, model_header, plan_document, write_files
from tinyflow.backends.tvm.frontend.supported import plan_facts
from tinyflow.backends.tvm.graph.artifact import Artifact
from tinyflow.model.graph import Graph, unused_name
from tinyflow.model.memory.arena import Buffer, Placed
from tinyflow.model.memory.lifetimes import lifetimes


def write_sources(artifact: Artifact, arena_bytes: int, backend: str, own: Mapping[str, str], out: Path) -> None:
    """Write the kernels, the parameters, model.h and the backend's `own` files."""
    alignments = artifact.alignments
    files = {
        "model.h": model_header(arena_bytes),
        **arrays.files({name: Constant(array, alignments[name]) for name, array in artifact.parameters.items()}),
        **own,
    }
    write_files(out, backend, files)
    for name, text in artifact.kernels.items():
        (out / name).write_text(text, encoding="utf-8")


def write_plan(
    artifact: Artifact,
    model: Graph,
    backend: str,
    places: Mapping[int, Placed],
    size: tuple[int, int],
    path: Path,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write plan.json; `places` are by the tensors' numbers, `size` is the arena's bytes and its alignment."""
    graph = artifact.graph
    calls = [(node.operator, node.function) for node in graph.nodes if node.function]
    inputs = [row for row, node in graph.numbered() if not node.function and row in places]
    named = {
        row: replace(places[row], name=model.tensors[index].name)
        for row, index in zip(inputs, model.inputs, strict=True)
    }
    computed = [
        (node.operator, node.output, node.layout, places[row]) for row, node in graph.numbered() if node.function
    ]
    document = plan_document(
        model,
        backend,
        inputs=[f"{ARENA}+{places[tensor].offset}" for tensor in inputs],
        outputs=[f"{ARENA}+{places[tensor].offset}" for tensor in graph.outputs],
        calls=calls,
        arena=arena(
            *size,
            {**places, **named}.values(),
            [operator for operator, _ in calls] or [0],
            **held(model, computed),
        ),
        weights_bytes=sum(array.nbytes for array in artifact.parameters.values()),
        **plan_facts(model),
    )
    document.write(path, **(more or {}), **({} if artifact.tuning is None else {"tuning": dict(artifact.tuning)}))


def buffers(artifact: Artifact) -> dict[int, Buffer]:
    """The tensors that are not parameters, by their numbers; lifetimes count calls."""
    graph = artifact.graph
    taken = {node.name for node in graph.nodes}
    inputs = {row: node.name for row, node in graph.numbered() if not node.function}
    inputs = {row: name for row, name in inputs.items() if name not in artifact.parameters}
    calls = [(row, node) for row, node in graph.numbered() if node.function]
    names = dict(inputs)
    for row, node in calls:
        names[row] = node.name
        names |= {row + i: unused_name(f"{node.name}_scratch", taken) for i in range(1, len(node.tensors))}
    steps = [(node.inputs, range(row, row + len(node.tensors))) for row, node in calls]
    lives = lifetimes(inputs, steps, graph.outputs, max(len(calls) - 1, 0))
    return {tensor: Buffer(names[tensor], graph.tensors[tensor].size_bytes, *life) for tensor, life in lives.items()}
