"""Answers: what the reference computes of labelled samples; firmware's outputs are held against it."""

from __future__ import annotations

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError


def answers(workspace: Workspace) -> None:
    """Make `outputs.bin` of `model.tflite` and `given.bin`, for every sample all tensors. Raises ModelError."""
    from tinyflow.model import oracle, reference

    model = workspace.inputs["model.tflite"].read_bytes()
    graph = oracle.read(model, "model.tflite")
    content = workspace.inputs["given.bin"].read_bytes()
    size = sum(graph.tensors[index].size_bytes for index in graph.inputs)
    given = [content[place : place + size] for place in range(0, len(content), size)]
    outputs = b""
    if given:
        _, found, _ = oracle.run(model, graph, reference.make_inputs(graph, len(given), 0, given))
        if found.keeps_state:
            hint = "`project.infer` runs your samples as one sequence"
            raise ModelError("the network remembers samples, so that none has an answer of its own", hint=hint)
        outputs = b"".join(array.tobytes() for sample in found.outputs for array in sample)
    workspace.outputs["outputs.bin"].write_bytes(outputs)
