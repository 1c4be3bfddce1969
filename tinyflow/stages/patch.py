"""Patch: a model becomes one whose first layers are computed in patches of the image; which they are is beside it."""

from __future__ import annotations

from tinyflow.core.action import Workspace
from tinyflow.stages.transform import transform


def patch(workspace: Workspace) -> None:
    """Make `model.tflite` and `patch.json` of the input `model.tflite`, by parameter `grid`.

    Raises ModelError for a damaged model, and for one of which no patches can be made.
    """
    from tinyflow.model.transforms.patch import patch as in_patches

    transform(workspace, in_patches)
