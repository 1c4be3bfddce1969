"""Chain: networks one behind the other become one."""

from __future__ import annotations

import json

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError


def chain(workspace: Workspace) -> None:
    """Make model.tflite and origin.json of the inputs `<number>/model.tflite` and `<number>/origin.json`.

    Parameters: `name`, and the names of all `parts`. Weights are called as those of the least of the parts that have
    any. Raises ModelError for parts that can't be read, or don't fit.
    """
    from tinyflow.model.chain import chained
    from tinyflow.model.tflite_reader import read
    from tinyflow.model.tflite_writer import write

    name, names = workspace.parameters["name"], workspace.parameters["parts"]
    parts = [read(workspace.inputs[f"{i}/model.tflite"].read_bytes(), names[i]) for i in range(len(names))]
    origins = [json.loads(workspace.inputs[f"{i}/origin.json"].read_bytes()) for i in range(len(names))]
    try:
        workspace.outputs["model.tflite"].write_bytes(write(chained(parts, name)))
    except ModelError as error:
        raise ModelError(error.what, where=f"{name}, {error.where}", hint=error.hint) from None
    said = [origin["weights"] for origin, part in zip(origins, parts, strict=True) if part.weights_bytes]
    weights = next((word for word in ("synthetic", "user") if word in said), "trained")
    workspace.write_json("origin.json", {"source": "chain", "weights": weights}, indent=None)
