"""Export ONNX: a network as ONNX files, the integer one (QDQ) and the float one that it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyflow.core.action import JSON, Workspace
from tinyflow.core.errors import ModelError

if TYPE_CHECKING:
    from tinyflow.model.graph import Graph

_SAMPLES = 8
_SEED = 1


def export_onnx(workspace: Workspace) -> None:
    """Make `model.onnx`, `model_float.onnx` and `export_onnx.json` of the input `model.tflite`.

    The JSON tells how far ONNX Runtime's outputs of each are from the reference's, where it is installed. Raises
    ModelError for a network that ONNX, or float32, has no equivalent of.
    """
    from tinyflow.model import tflite_reader
    from tinyflow.model.onnx.exporter import write_onnx
    from tinyflow.model.quantise.dequantised import dequantised

    graph = tflite_reader.read(workspace.inputs["model.tflite"].read_bytes(), "model.tflite")
    told: dict[str, JSON] = {}
    for name, form in (("model.onnx", lambda graph: graph), ("model_float.onnx", dequantised)):
        made = form(graph)
        content = write_onnx(made)
        told[name] = {"bytes": len(content), **_held_against(content, made)}
        workspace.outputs[name].write_bytes(content)
    workspace.write_json("export_onnx.json", told)


def _held_against(content: bytes, graph: Graph) -> dict[str, JSON]:
    """The reference, and ONNX Runtime's largest difference from it: in steps of a quantised output."""
    from tinyflow.model import oracle, reference, tflite_writer
    from tinyflow.model.onnx.compare import run_plain

    samples = reference.make_inputs(graph, _SAMPLES, _SEED)
    try:
        theirs = run_plain(content, samples)
    except ModelError as error:
        return {"onnxruntime_max_abs_error": None, "onnxruntime_refusal": error.what}
    if theirs is None:
        return {"onnxruntime_max_abs_error": None}
    who, answers, _ = oracle.run(tflite_writer.write(graph), graph, samples)
    difference = reference.largest_difference(theirs, answers.outputs)
    return {"reference": who.name, "onnxruntime_max_abs_error": difference}
