"""Where a model's file and its samples lie on this machine or in mirrors: `TINYFLOW_MIRRORS`, folders and URLs.

Only looks for files; reading and checking them is the fetch stage's work.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from tinyflow.core.errors import UsageError
from tinyflow.recipes.schema import Model

_HINT = "folders and https://[user:password@]host/path, separated by colons; correct or unset it"


@dataclass(frozen=True)
class Mirrors:
    """Folders and URLs in the order in which they are tried; the URLs without what opens them, which `fetch` adds."""

    folders: tuple[Path, ...] = ()
    urls: tuple[str, ...] = ()

    @classmethod
    def discover(cls, environment: Mapping[str, str] = os.environ) -> Mirrors:
        """The mirrors that `TINYFLOW_MIRRORS` names; UsageError for a folder that isn't there."""
        text = environment.get("TINYFLOW_MIRRORS", "")
        if not text:
            return cls()
        from tinyflow.core.address import Address, places_in

        try:
            entries = places_in(text)
        except ValueError as error:
            raise UsageError(f"TINYFLOW_MIRRORS: {error}", hint=_HINT) from None
        urls = tuple(entry.shown.rstrip("/") for entry in entries if isinstance(entry, Address))
        folders = {number: Path(entry).absolute() for number, entry in enumerate(entries, 1) if isinstance(entry, str)}
        for number, folder in folders.items():
            if not folder.is_dir():
                # Behind an address it may be a piece of that, which nobody else should see.
                named = f"in entry {number} what" if "://" in text or "@" in text else f"{folder}, which"
                raise UsageError(f"TINYFLOW_MIRRORS names {named} is not a folder", hint=_HINT)
        return cls(tuple(folders.values()), urls)


class LocalFile(NamedTuple):
    """A model's file on this machine: the user's own (`file`), or a copy of what the recipe pins (`mirror`)."""

    path: Path
    source: Literal["file", "mirror"]


def find_model(model: Model, folder: Path, mirrors: Mirrors) -> LocalFile | None:
    """The model's file beside its recipe in `folder`, else in the first mirror folder that has it."""
    if model.file is not None and (folder / model.file).is_file():
        return LocalFile(folder / model.file, "file")
    below = [model.file] if model.file is not None else []
    below += [f"{model.name}/{model.name}.tflite", f"{model.name}.tflite"]
    paths = (mirror / path for mirror in mirrors.folders for path in below)
    # Without a digest nothing says that it is a copy of anything.
    source: Literal["file", "mirror"] = "file" if model.sha256 is None else "mirror"
    return next((LocalFile(path, source) for path in paths if path.is_file()), None)


def model_urls(model: Model, mirrors: Mirrors) -> tuple[str, ...]:
    """Where the model's file can be downloaded: URL mirrors first. None where no digest pins what comes."""
    if model.sha256 is None:
        return ()
    return tuple(f"{mirror}/{model.file}" for mirror in mirrors.urls if model.file is not None) + model.urls


def find_data(model: Model, folder: Path, mirrors: Mirrors) -> Path | None:
    """The folder or file of a model's labelled samples, beside its recipe or in the first mirror folder that has it."""
    data = model.accuracy.data if model.accuracy is not None else ""
    return next((path for place in (folder, *mirrors.folders) if (path := place / data).exists()), None)


def find_samples(model: Model, folder: Path, mirrors: Mirrors) -> tuple[Path, ...]:
    """Real samples `0.bin`, `1.bin`, … of the first folder that has any, at most as many as the recipe asks for."""
    if model.samples.folder is None:
        return ()
    for place in (folder, *mirrors.folders):
        found: list[Path] = []
        while len(found) < model.samples.count:
            path = place / model.samples.folder / f"{len(found)}.bin"
            if not path.is_file():
                break
            found.append(path)
        if found:
            return tuple(found)
    return ()
