"""Fetch an ONNX file and make the `.tflite` of it that all stages take."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tinyflow.core.action import JSON, Workspace
from tinyflow.core.errors import ModelError
from tinyflow.stages.fetch import fetch as fetch_file

if TYPE_CHECKING:
    from tinyflow.model.onnx.layout import Layout
    from tinyflow.model.reference import Sample

_SAMPLES = 8
_SEED = 1
# Of the largest value of a float output; rounding in another order is 1e-6, in float16 5e-4.
_FLOAT_SHARE = 1e-3


def fetch(workspace: Workspace) -> None:
    """Make `model.onnx`, `model.tflite` and `origin.json`, which tells how far ONNX Runtime's outputs are from ours.

    Inputs and parameters are those of `fetch.fetch`, and `tolerance`: the largest difference that is let pass, in steps
    of a quantised output. Raises ModelError.
    """
    from tinyflow.model import oracle, reference, tflite_writer
    from tinyflow.model.onnx import read_onnx
    from tinyflow.model.onnx.compare import run_onnx

    outputs = {"model.tflite": workspace.outputs["model.onnx"], "origin.json": workspace.outputs["origin.json"]}
    fetch_file(replace(workspace, outputs=outputs))
    content = workspace.outputs["model.onnx"].read_bytes()
    imported = read_onnx(content)
    model = tflite_writer.write(imported.graph)
    samples = reference.make_inputs(imported.graph, _SAMPLES, _SEED)
    compared: dict[str, JSON] = {"onnxruntime_max_abs_error": None}
    try:
        theirs = run_onnx(content, imported, samples)
    except ModelError as error:  # it has no kernels for some types, and none for the oldest opsets
        compared["onnxruntime_refusal"] = error.what
        theirs = None
    if theirs is not None:
        _, answers, _ = oracle.run(model, imported.graph, samples)
        _require_close(workspace, theirs, answers.outputs)
        compared["onnxruntime_max_abs_error"] = reference.largest_difference(theirs, answers.outputs)
    workspace.outputs["model.tflite"].write_bytes(model)
    origin = json.loads(workspace.outputs["origin.json"].read_bytes())
    ports = {"inputs": _lying(imported.inputs), "outputs": _lying(imported.outputs)}
    origin |= {"format": "onnx", **compared, **ports}
    workspace.write_json("origin.json", origin, indent=None, sort_keys=True)


def _lying(layouts: Sequence[Layout]) -> JSON:
    """Of each port, its shape in the file, and which of its axes lies where."""
    return [{"shape": list(layout.shape), "order": list(layout.order)} for layout in layouts]


def _require_close(workspace: Workspace, theirs: Sequence[Sample], ours: Sequence[Sample]) -> None:
    """Raise ModelError for an output that is farther away than the tolerance, or that share of the largest float."""
    from tinyflow.model.reference import largest_difference

    tolerance = workspace.parameters["tolerance"]
    for index in range(len(ours[0])):
        pair = [(sample[index],) for sample in theirs], [(sample[index],) for sample in ours]
        difference = largest_difference(*pair)
        if ours[0][index].dtype.kind == "f":
            largest = max(float(abs(sample[0]).max()) for sample in pair[1])
            if not difference <= _FLOAT_SHARE * largest:
                raise ModelError(
                    f"ONNX Runtime's outputs differ by {difference:g}, the largest is {largest:g}",
                    where=workspace.parameters["name"],
                    hint="report the file: it was not imported right",
                )
        elif difference > tolerance:
            raise ModelError(
                f"ONNX Runtime's outputs differ by {difference:g} steps; the recipe's tolerance is {tolerance}",
                where=workspace.parameters["name"],
                hint="raise `tolerance` if such a difference is no matter to you",
            )
