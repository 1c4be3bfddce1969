"""Tidy: a model without what its converter left in it, which computes the same; what went and why is beside it."""

from __future__ import annotations

from tinyflow.core.action import Workspace
from tinyflow.stages.transform import transform


def tidy(workspace: Workspace) -> None:
    """Make `model.tflite` and `tidy.json` of the input `model.tflite`. Raises ModelError for a damaged model."""
    from tinyflow.model.transforms.tidy import tidy as exact_tidy

    transform(workspace, exact_tidy)
