"""What a backend's module writes besides what every backend does: documents for people (`DOCUMENTS` of the module)."""

from __future__ import annotations

from pathlib import Path

from tinyflow.core.action import Workspace


def others(workspace: Workspace, *known: str) -> dict[str, Path]:
    """Outputs other than these, by the parameters that they are for: `relax` of `relax.json`."""
    return {name.partition(".")[0]: path for name, path in workspace.outputs.items() if name not in known}
