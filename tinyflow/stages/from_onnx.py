"""Fetch an ONNX file and make the `.tflite` of it that all stages take."""

from __future__ import annotations

import json
from dataclasses import replace

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError
from tinyflow.stages.fetch import fetch as fetch_file

_SAMPLES = 8
_SEED = 1


def fetch(workspace: Workspace) -> None:
    """Make `model.onnx`, `model.tflite` and `origin.json`, which tells how far ONNX Runtime's outputs are from ours.

    Inputs and parameters are those of `fetch.fetch`, and `tolerance`: the largest difference that is let pass, in steps
    of the quantised output. Raises ModelError.
    """
    from tinyflow.model import oracle, reference, tflite_writer
    from tinyflow.model.onnx import read_onnx
    from tinyflow.model.onnx.compare import run_onnx

    outputs = {"model.tflite": workspace.outputs["model.onnx"], "origin.json": workspace.outputs["origin.json"]}
    fetch_file(replace(workspace, outputs=outputs))
    content = workspace.outputs["model.onnx"].read_bytes()
    graph = read_onnx(content)
    model = tflite_writer.write(graph)
    samples = reference.make_inputs(graph, _SAMPLES, _SEED)
    theirs = run_onnx(content, graph, samples)
    difference = None
    if theirs is not None:
        _, answers, _ = oracle.run(model, graph, samples)
        difference = reference.largest_difference(theirs, answers.outputs)
        tolerance = workspace.parameters["tolerance"]
        if difference > tolerance:
            raise ModelError(
                f"ONNX Runtime's outputs differ by {difference:g} steps; the recipe's tolerance is {tolerance}",
                where=workspace.parameters["name"],
                hint="raise `tolerance` if such a difference is no matter to you",
            )
    workspace.outputs["model.tflite"].write_bytes(model)
    origin = json.loads(workspace.outputs["origin.json"].read_bytes())
    origin |= {"format": "onnx", "onnxruntime_max_abs_error": difference}
    workspace.write_json("origin.json", origin, indent=None, sort_keys=True)
