"""Stage firmware: a bench's firmware as source for another build system, in one file that is the same anywhere."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping

from tinyflow.core.action import Workspace
from tinyflow.stages.firmware.description import describe
from tinyflow.stages.firmware.forms import files_of
from tinyflow.stages.firmware.sources import collect

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip file can tell
_PLAIN_FILE = 0o100644 << 16


def firmware(workspace: Workspace) -> None:
    """Make `firmware.zip` in the form of parameter `form`: sources, header, examples, licences, what it takes.

    Of the runtimes whose sources are inputs it has what the symbols of `firmware.elf` are from, and nothing else.
    Raises ModelError for objects in a form that can't list any.
    """
    collected = collect(workspace)
    names = ("sizes.json", "example.json", "run.json")
    description = describe(workspace, collected, *(json.loads(workspace.inputs[name].read_bytes()) for name in names))
    files: dict[str, str | bytes] = {**collected.files, **collected.objects, **files_of(workspace, description)}
    _write(workspace, str(workspace.parameters["prefix"]), files)


def _write(workspace: Workspace, folder: str, files: Mapping[str, str | bytes]) -> None:
    """Stored, not compressed: what deflate makes depends on the zlib at hand."""
    with zipfile.ZipFile(workspace.outputs["firmware.zip"], "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{folder}/{name}", _EPOCH)
            entry.create_system, entry.external_attr = 3, _PLAIN_FILE  # Unix, wherever it is made
            archive.writestr(entry, content)
