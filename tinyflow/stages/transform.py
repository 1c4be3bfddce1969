"""What all stages do that change a model: bytes in, bytes and the record of the change out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyflow.core.action import Workspace


def transform(workspace: Workspace, function: Callable[..., Any]) -> None:
    """Make `model.tflite` by a transform (`model.transforms`) of the input `model.tflite`.

    Its parameters are the action's; its record goes to the output `<stage>.json`, where the action has one.
    """
    from tinyflow.model.transforms import transformed

    model = workspace.inputs["model.tflite"].read_bytes()
    content, record = transformed(model, function, **workspace.parameters)
    for name, path in workspace.outputs.items():
        if name == "model.tflite":
            path.write_bytes(content)
        else:
            workspace.write_json(name, record, allow_nan=False)
