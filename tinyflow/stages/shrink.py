"""Shrink: a model becomes a smaller one that computes the same; what was removed and why stands beside it."""

from __future__ import annotations

import json

from tinyflow.core import plain
from tinyflow.core.action import Workspace


def shrink(workspace: Workspace) -> None:
    """Make `model.tflite` and `shrink.json` of the input `model.tflite`. Raises ModelError for a damaged model.

    A model that nothing can be taken from keeps its bytes, so that what follows is shared with benches without shrink.
    """
    from tinyflow.model import tflite_reader, tflite_writer
    from tinyflow.model.transforms.shrink import shrink as reduce

    model = workspace.inputs["model.tflite"].read_bytes()
    reduction = reduce(tflite_reader.read(model, "model.tflite"))
    content = tflite_writer.write(reduction.graph) if reduction.has_effect else model
    workspace.outputs["model.tflite"].write_bytes(content)
    text = plain.plain_json(json.dumps(reduction.report(), indent=1, ensure_ascii=False, allow_nan=False))
    workspace.outputs["shrink.json"].write_text(text + "\n", encoding="utf-8")
