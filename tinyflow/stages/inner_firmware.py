"""Firmware that a stage builds within its own action, where what it finds decides what it builds next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tinyflow.core.action import Workspace
from tinyflow.stages import build, link


def emptied(folder: Path) -> Path:
    """The folder, without the files that were in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    return folder


def build_inner(workspace: Workspace, sources: Path, folder: Path) -> Path:
    """Compile `sources` and link them with the libraries of the inputs, in a folder; the firmware.

    Inputs and parameters are those of both stages.
    """
    objects = emptied(folder / "objects")
    build.compile_tree(replace(workspace, inputs={"sources/": sources}, outputs={"objects/": objects}))
    linked = {
        name: path
        for name, path in workspace.inputs.items()
        if name.startswith(("lib/", "prebuilt/", "main/")) or name == "link.ld.j2"
    }
    outputs = {name: folder / name for name in ("firmware.elf", "firmware.map", "sizes.json")}
    link.link(replace(workspace, inputs={**linked, "objects/": objects}, outputs=outputs))
    return outputs["firmware.elf"]
