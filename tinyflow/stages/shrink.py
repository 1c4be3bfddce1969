"""Shrink: a model becomes a smaller one that computes the same; what was removed and why is beside it."""

from __future__ import annotations

from tinyflow.core.action import Workspace
from tinyflow.stages.transform import transform


def shrink(workspace: Workspace) -> None:
    """Make `model.tflite` and `shrink.json` of the input `model.tflite`. Raises ModelError for a damaged model."""
    from tinyflow.model.transforms.shrink import shrink as exact_shrink

    transform(workspace, exact_shrink)
