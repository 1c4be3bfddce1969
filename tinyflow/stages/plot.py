"""Plot: rows that are known, as a drawing for a paper."""

from __future__ import annotations

from tinyflow.core.action import Workspace
from tinyflow.report import paper


def plot(workspace: Workspace) -> None:
    """Make `plot.<format>`. Parameters: `format`, and `plot`, the document of `report.plots`."""
    wanted = workspace.parameters["format"]
    content = paper.draw(workspace.parameters["plot"], wanted, workspace.folder)
    workspace.outputs[f"plot.{wanted}"].write_bytes(content)
