"""Objects and libraries that somebody brings: they must be those that the recipe names, and for this processor."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tinyflow.core.action import Workspace
from tinyflow.core.errors import RecipeError
from tinyflow.stages import library

PREBUILT = "prebuilt/"


def check_prebuilt(workspace: Workspace) -> None:
    """RecipeError for the first input `prebuilt/…` that is wrong; the parameter `pinned` has their digests."""
    pinned = workspace.parameters.get("pinned", {})
    if not pinned:
        return
    wanted = _kind_of_tree(workspace.inputs["objects/"]) if "objects/" in workspace.inputs else None
    for name, sha256 in pinned.items():
        fault = _fault(workspace.inputs[name], sha256, wanted)
        if fault:
            what, hint = fault
            error = RecipeError(f"the prebuilt {name.removeprefix(PREBUILT)} {what}", hint=hint)
            error.about = (name,)
            raise error


def _kind_of_tree(folder: Path) -> library.Kind | None:
    """The kind of the objects that were compiled."""
    return next((library.kind_of(path.read_bytes()) for path in sorted(folder.rglob("*.o"))), None)


def _fault(path: Path, sha256: str, wanted: library.Kind | None) -> tuple[str, str] | None:
    """What is wrong with a file, and what to do."""
    content = path.read_bytes()
    got = hashlib.sha256(content).hexdigest()
    if got != sha256:
        return "has another digest than the runtime's recipe says", f"if it is the right file, write {got}"
    if path.suffix == ".a" and not library.is_library(content):
        return "is not a static library", "is it damaged, or text in its place? ar makes libraries"
    kinds = {library.kind_of(part) for part in (library.objects(content) if path.suffix == ".a" else [content])}
    if None in kinds:
        return "holds what is not an ELF object", "is it damaged, or LLVM bitcode (-flto)?"
    if wanted is not None and kinds - {wanted}:
        return "is for another processor", "list it under the instruction set that it is for, such as thumb or riscv"
    return None
