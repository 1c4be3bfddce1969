"""Cut: some layers of a model as a model of their own, to be benched alone."""

from __future__ import annotations

from tinyflow.core.action import Workspace
from tinyflow.stages.transform import transform


def cut(workspace: Workspace) -> None:
    """Make `model.tflite` of the layers `first` to `last` (parameters, both included) of the input `model.tflite`.

    Raises ModelError for layers that aren't there.
    """
    from tinyflow.model.transforms.cut import cut as cut_layers

    transform(workspace, cut_layers)
