"""Stage lower: a model becomes what several backends generate from; which module does it is a parameter.

What it makes depends on the model and on the options only: backends that want the same share it.
"""

from __future__ import annotations

from importlib import import_module

from tinyflow.core.action import Workspace
from tinyflow.model import tflite_reader
from tinyflow.stages.documents import others


def lower(workspace: Workspace) -> None:
    """Make the folder `lowered/` of input `model.tflite`, and the documents that the implementation has besides.

    Parameters: implementation (a module with `check` and `lower`), options, tuning (optional: kernels go by the records
    of the inputs `tuning/…`). Raises ModelError for a model that is
    damaged or can't be lowered.
    """
    model, options = workspace.inputs["model.tflite"], workspace.parameters["options"]
    implementation = import_module(workspace.parameters["implementation"])
    graph = tflite_reader.read(model)
    implementation.check(graph, options)
    records = [path for name, path in sorted(workspace.inputs.items()) if name.startswith("tuning/")]
    tuning = workspace.parameters.get("tuning")
    implementation.lower(
        model, graph, options, workspace.outputs["lowered/"], tuning, records, **others(workspace, "lowered/")
    )
