"""Stage generate: a model becomes C sources and a memory plan, by the backend that the parameters name.

The sources depend on the model and on the backend's options only, never on the target's name.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tinyflow.core.action import Workspace
from tinyflow.model import tflite_reader
from tinyflow.model.summary import summarise
from tinyflow.stages.documents import others


def generate(workspace: Workspace) -> None:
    """Compile input `model.tflite`, or what stage lower made of it where there is `lowered/`, into C and a plan.

    Outputs: `sources/`, `plan.json`, and `network.json`: what was compiled, but for the weights' values; and the
    documents that the backend has besides.
    Where there is a parameter `tuning`, the backend gets it, and the records of the inputs `tuning/…`; so it gets the
    input `memplan.json`, which option memplan names, and `scratch.json` of stage scratch.
    Parameters: backend (the recipe's name, for errors and the plan), implementation (a module with `check` and
    `generate`), options. Raises ModelError for a model that is damaged or that the backend can't compile.
    """
    model = workspace.inputs["model.tflite"]
    backend, options = workspace.parameters["backend"], workspace.parameters["options"]
    implementation = import_module(workspace.parameters["implementation"])
    read = getattr(implementation, "read", tflite_reader.read)
    graph = read(model)
    implementation.check(graph, backend, options)
    source = workspace.inputs.get("lowered/", model)
    outputs = workspace.outputs["sources/"], workspace.outputs["plan.json"]
    tuned: dict[str, Any] = dict(others(workspace, "sources/", "plan.json", "network.json"))
    if "tuning" in workspace.parameters:
        records = [path for name, path in sorted(workspace.inputs.items()) if name.startswith("tuning/")]
        tuned |= {"tuning": workspace.parameters["tuning"], "records": records}
    for name in ("memplan", "scratch"):
        if f"{name}.json" in workspace.inputs:
            tuned[name] = workspace.inputs[f"{name}.json"]
    workspace.write_json("network.json", summarise(graph), sort_keys=True)
    implementation.generate(source, graph, backend, options, *outputs, **tuned)
