"""Cut: some layers of a model as a model of their own, to be benched alone."""

from __future__ import annotations

from tinyflow.core.action import Workspace


def cut(workspace: Workspace) -> None:
    """Make `model.tflite` of the layers `first` to `last` (parameters, both included) of the input `model.tflite`.

    Raises ModelError for layers that aren't there.
    """
    from tinyflow.model import tflite_reader, tflite_writer
    from tinyflow.model.transforms import cut as cutting

    graph = tflite_reader.read(workspace.inputs["model.tflite"])
    part = cutting.cut(graph, workspace.parameters["first"], workspace.parameters["last"])
    workspace.outputs["model.tflite"].write_bytes(tflite_writer.write(part))
