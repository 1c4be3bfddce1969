"""Generate by somebody else's engine: the network goes to it as ONNX or as it is, and it makes what it loads."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinyflow.backends.generated import FLOAT_TOLERANCE, plan_document
from tinyflow.core.action import JSON, Workspace
from tinyflow.core.errors import ModelError
from tinyflow.model import tflite_reader
from tinyflow.model.graph import Graph
from tinyflow.model.operators import has_state
from tinyflow.model.quantise.dequantised import dequantised, is_quantised
from tinyflow.targets.engine import ADAPTER, ENGINE, MADE
from tinyflow.targets.engine.process import Process


def generate(workspace: Workspace) -> None:
    """Make `sources/`, what the engine loads, `plan.json`, `engine.json` and `sizes.json`.

    Inputs: `model.tflite`, `adapter.py`. Parameters: backend, engine (see `targets.engine.process.Settings`, and
    `takes`: int8, dequantised or file). Raises ModelError for a network that isn't exported or that the engine's
    converter refuses, ToolError where the engine is missing or ends.
    """
    settings = workspace.parameters["engine"]
    graph = tflite_reader.read(workspace.inputs["model.tflite"])
    made = dequantised(graph) if settings["takes"] == "dequantised" else graph
    model, inputs, outputs = _written(workspace, made)
    ports = {"inputs": _ports(made, made.inputs, inputs), "outputs": _ports(made, made.outputs, outputs)}
    folder = workspace.outputs[MADE]
    process = Process(settings, workspace.inputs[ADAPTER], workspace.folder, workspace.timeout_s)
    try:
        commands = process.convert(model, folder)
        remarks = process.tell()["remarks"]
    finally:
        process.close()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if not files:
        raise ModelError(f"{settings['name']} made no file of it", hint="its converter may have said why: see the log")
    document = plan_document(
        graph,
        workspace.parameters["backend"],
        interpreter=settings["name"],
        setup="setup",
        invoke="invoke",
        inputs=[f"input{number}" for number in range(len(graph.inputs))],
        outputs=[f"output{number}" for number in range(len(graph.outputs))],
        weights_bytes=graph.weights_bytes,
        relative_tolerance=0.0 if graph.is_integer_only else FLOAT_TOLERANCE,
    )
    types = {tensor.dtype for tensor in made.tensors if is_quantised(tensor) and not tensor.is_constant}
    integers = "int16" if "int16" in types else "int8" if types else "float32"
    form = "dequantised" if made is not graph else integers
    versions = process.installed["versions"]
    (main, *_) = (requirement.partition(">=")[0].lower() for requirement in settings["requires"])
    told = {"form": form, "name": main, "version": versions.get(main, ""), "versions": versions, "remarks": remarks}
    workspace.keep_local()  # an engine may compile for this very processor
    document.write(workspace.outputs["plan.json"], engine=told)
    workspace.write_json(ENGINE, {**settings, **ports})
    sizes = {
        "model_bytes": sum(path.stat().st_size for path in files),
        "install_bytes": process.installed["installed_bytes"],
        "commands": len(settings["install"]) + len(commands),
        "written_lines": _lines(workspace.inputs[ADAPTER]),
    }
    workspace.write_json("sizes.json", sizes)


def _written(workspace: Workspace, graph: Graph) -> tuple[Path, Sequence[str], Sequence[str]]:
    """The file that the engine gets, and what inputs and outputs are called there."""
    if workspace.parameters["engine"]["takes"] == "file":
        if has_state(graph):
            raise ModelError("a network with state isn't run by engines: nothing sets it back between samples")
        model = workspace.folder / "model.tflite"
        model.write_bytes(workspace.inputs["model.tflite"].read_bytes())
        inputs, outputs = ([graph.tensors[i].name for i in ports] for ports in (graph.inputs, graph.outputs))
        return model, inputs, outputs
    from tinyflow.model.onnx.exporter import Exporter

    model = workspace.folder / "model.onnx"
    exporter = Exporter(graph)
    model.write_bytes(exporter.written())
    return model, exporter.inputs, exporter.outputs


def _ports(graph: Graph, indices: Sequence[int], names: Sequence[str]) -> list[JSON]:
    """Inputs or outputs as the ONNX file has them."""
    tensors = [graph.tensors[index] for index in indices]
    return [
        {"name": name, "dtype": tensor.dtype, "shape": list(tensor.shape)}
        for name, tensor in zip(names, tensors, strict=True)
    ]


def _lines(path: Path) -> int:
    """Lines of Python that do something: no comments, no text that only explains."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {line for node in ast.walk(tree) for line in _explaining(node)}
    lines = path.read_text(encoding="utf-8").splitlines()
    return sum(
        bool(text.strip()) and not text.lstrip().startswith("#") and number not in said
        for number, text in enumerate(lines, 1)
    )


def _explaining(node: Any) -> range:
    """The lines of an expression that is text alone."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return range(node.lineno, (node.end_lineno or node.lineno) + 1)
    return range(0)
