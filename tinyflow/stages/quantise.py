"""Quantise: a float network becomes an int8 one after training; what that costs is beside it."""

from __future__ import annotations

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError


def quantise(workspace: Workspace) -> None:
    """Make `model.tflite` and `quantise.json` of the input `model.tflite` and of samples, `samples/<number>.bin`.

    Parameters: `seed` of samples that are made up where there are none, `input_format` of those that are there. Raises
    ModelError.
    """
    from tinyflow.model import reference, tflite_reader, tflite_writer
    from tinyflow.model.quantise.after_training import quantised
    from tinyflow.model.transforms.tidy import tidy
    from tinyflow.stages.convert import sample_files

    graph = tflite_reader.read(workspace.inputs["model.tflite"].read_bytes(), "model.tflite")
    if not all(graph.tensors[index].dtype == "float32" for index in graph.inputs):
        raise ModelError("an input is no float32", hint="only float networks can be quantised after training")
    seed, files = workspace.parameters["seed"], [path.read_bytes() for path in sample_files(workspace)]
    real = reference.make_inputs(graph, len(files), seed, files, workspace.parameters["input_format"])
    made, record = quantised(tidy(graph).graph, real, seed)
    workspace.outputs["model.tflite"].write_bytes(tflite_writer.write(made))
    workspace.write_json("quantise.json", record, allow_nan=False)
