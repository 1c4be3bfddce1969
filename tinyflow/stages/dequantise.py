"""Dequantise: the float network that an integer one stands for, with inputs and outputs as before."""

from __future__ import annotations

from tinyflow.core.action import Workspace


def dequantise(workspace: Workspace) -> None:
    """Make `model.tflite` of the input `model.tflite`; one without integers stays as it is. Raises ModelError."""
    from tinyflow.model import tflite_reader, tflite_writer
    from tinyflow.model.quantise.dequantised import dequantised, with_ports

    content = workspace.inputs["model.tflite"].read_bytes()
    graph = tflite_reader.read(content, "model.tflite")
    real = dequantised(graph)
    made = content if real is graph else tflite_writer.write(with_ports(real, graph))
    workspace.outputs["model.tflite"].write_bytes(made)
