"""What the C of both backends shares: kernels and parameters of an artifact, the plan, the files of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinyflow.backends import arrays
from tinyflow.backends.arrays import Constant
from tinyflow.backends.generated import ARENA, arena, held, initialised, model_header, plan_document, write_files
from tinyflow.backends.tvm.frontend.supported import plan_facts
from tinyflow.backends.tvm.graph.artifact import Artifact
from tinyflow.model.graph import Graph, unused_name
from tinyflow.model.memory.arena import Buffer, Placed
from tinyflow.model.memory.lifetimes import lifetimes


def reset(artifact: Artifact, places: Mapping[int, Placed]) -> tuple[list[str] | None, dict[str, bytes]]:
    """See `initialised`; no statements where there is no state."""
    rows = {node.name: row for row, node in artifact.graph.numbered()}
    statements, copied = initialised((places[rows[name]], one.tobytes()) for name, one in artifact.state.items())
    return statements if artifact.state else None, copied


def write_sources(
    artifact: Artifact,
    arena_bytes: int,
    backend: str,
    own: Mapping[str, str],
    out: Path,
    copied: Mapping[str, bytes],
) -> None:
    """Write the kernels, the parameters and what `copied` says of state, model.h and the backend's `own` files."""
    alignments = artifact.alignments
    constants = {name: Constant(array, alignments[name]) for name, array in artifact.parameters.items()}
    constants |= {name: Constant(np.frombuffer(content, np.int8)) for name, content in copied.items()}
    files = {
        "model.h": model_header(arena_bytes, has_state=bool(artifact.state)),
        **arrays.files(constants),
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
    graph, owners = artifact.graph, artifact.owners
    calls = [(node.operator, node.function) for node in graph.nodes if node.function]
    inputs = [row for row, node in graph.numbered() if not node.function and row in places and row not in owners]
    named = {
        row: replace(places[row], name=model.tensors[index].name)
        for row, index in zip(inputs, model.inputs, strict=True)
    }
    computed = [
        (node.operator, node.output, node.layout, places[row])
        for row, node in graph.numbered()
        if node.function and row not in owners
    ]
    document = plan_document(
        model,
        backend,
        inputs=[f"{ARENA}+{places[tensor].offset}" for tensor in inputs],
        outputs=[f"{ARENA}+{places[tensor].offset}" for tensor in (owners.get(one, one) for one in graph.outputs)],
        calls=calls,
        arena=arena(
            *size,
            {**places, **named}.values(),
            [operator for operator, _ in calls] or [0],
            {places[row].name: artifact.writers(row) for row in dict.fromkeys(owners.values())},
            **held(model, computed),
        ),
        reset="model_reset" if artifact.state else "",
        weights_bytes=sum(array.nbytes for array in artifact.parameters.values()),
        **plan_facts(model),
    )
    document.write(path, **(more or {}), **({} if artifact.tuning is None else {"tuning": dict(artifact.tuning)}))


def buffers(artifact: Artifact) -> dict[int, Buffer]:
    """The tensors that are not parameters, by their numbers; lifetimes count calls.

    What lies in the storage of state is one with it.
    """
    graph, owners = artifact.graph, artifact.owners
    taken = {node.name for node in graph.nodes}
    inputs = {row: node.name for row, node in graph.numbered() if not node.function}
    inputs = {row: name for row, name in inputs.items() if name not in artifact.parameters}
    calls = [(row, node) for row, node in graph.numbered() if node.function]
    names = dict(inputs)
    for row, node in calls:
        names[row] = node.name
        names |= {row + i: unused_name(f"{node.name}_scratch", taken) for i in range(1, len(node.tensors))}
    steps = [(node.inputs, range(row, row + len(node.tensors))) for row, node in calls]
    last_step = max(len(calls) - 1, 0)
    lives = lifetimes(inputs, steps, graph.outputs, last_step)
    lives = {tensor: life for tensor, life in lives.items() if tensor not in owners}
    lives |= dict.fromkeys(owners.values(), (0, last_step))
    return {tensor: Buffer(names[tensor], graph.tensors[tensor].size_bytes, *life) for tensor, life in lives.items()}
