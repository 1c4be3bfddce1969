"""Labelled: a user's labelled samples as a network takes them, in parts that run one by one."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError

_MOST_BYTES = 4 << 30  # of what an archive holds
_PIECE_BYTES = 1 << 20
# RuntimeError: a zip with a password
_UNREADABLE = (
    *(OSError, EOFError, NotImplementedError, RuntimeError),
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)


def labelled(workspace: Workspace) -> None:
    """Make labels.json, `<number>.bin` with the samples of each part, and real.bin where that is asked for.

    Inputs: `model.tflite`; `data`, a folder or a file, or an archive of which `member` is meant. Parameters: `name` of
    the data for people, `form` (format, divide, channels, classes), `task`, `count` of items, `part` of them in each
    part; `is_missing` where there is no data. real.bin holds all samples as real values, float64. Raises ModelError.
    """
    from tinyflow.model import labelled as data
    from tinyflow.model import oracle

    parameters = workspace.parameters
    if parameters.get("is_missing"):
        hint = "put it beside the recipe, or below a folder of TINYFLOW_MIRRORS; docs/accuracy.md tells what it holds"
        raise ModelError(f'there is no "{parameters["name"]}" with labelled samples', hint=hint)
    graph = oracle.read(workspace.inputs["model.tflite"].read_bytes(), "model.tflite")
    if len(graph.inputs) != 1:
        raise ModelError(f"the network has {len(graph.inputs)} inputs", hint="`project.infer` takes several")
    form = data.of_mapping(parameters["form"])
    path, name = _opened(workspace)
    found = data.read(path, name, form)
    taker = data.Taker(graph.tensors[graph.inputs[0]], form)
    if path.suffix == ".bin" and path.is_file():
        elements = taker.tensor.elements
        found = data.records(found.items[0], elements * (4 if form.format == "float32" else 1), form)
    classes = 2 if parameters["task"] == "anomaly" else max(2, graph.tensors[graph.outputs[0]].elements)
    if len(found.classes) > classes:
        what = f"names {len(found.classes)} classes"
        raise ModelError(what, where=name, hint=f"the network has {classes}")
    for item in found.items:
        taker.check(item.label, classes, item.where)
    chosen = found.chosen(parameters["count"])
    windows: list[int] = []
    real = workspace.outputs["real.bin"].open("wb") if "real.bin" in workspace.outputs else None
    parts = sorted((each for each in workspace.outputs if each.endswith(".bin") and each != "real.bin"), key=_number)
    for number, part in enumerate(parts):
        with workspace.outputs[part].open("wb") as stream:
            for item in chosen[number * parameters["part"] : (number + 1) * parameters["part"]]:
                windows.append(0)
                for own, values in taker.windows(item):
                    stream.write(own.tobytes())
                    windows[-1] += 1
                    if real is not None:
                        real.write(values.tobytes())
    if real is not None:
        real.close()
    document = {
        "name": name,
        "of": len(found.items),
        "classes": list(found.classes),
        "labels": [item.label for item in chosen],
        "names": [item.name for item in chosen],
        "windows": windows,
    }
    workspace.write_json("labels.json", document)


def _number(name: str) -> int:
    return int(name.partition(".")[0])


def _opened(workspace: Workspace) -> tuple[Path, str]:
    """Where the data lies now, and what to call it."""
    path, name = workspace.inputs["data"], workspace.parameters["name"]
    table, member = workspace.parameters.get("table"), workspace.parameters["member"]
    if table is not None:  # a csv, which came with its folder
        return path / table, f"{name}/{table}"
    archived = _archived(path, name)
    if archived is None:
        if path.is_file():
            shown = path.with_name(f"data{PurePosixPath(name).suffix}")
            path = path.rename(shown)
        return path, name
    folder = workspace.folder / "unpacked"
    try:
        room = _MOST_BYTES
        for inner, content in archived:
            room -= _keep(folder, inner, content, name, room)
    except _UNREADABLE as error:
        raise ModelError(f"is no archive that can be read: {error}", where=name) from None
    target = folder / (member or "")
    if not target.exists():
        held = ", ".join(sorted(each.name for each in folder.iterdir())[:8]) if folder.is_dir() else "nothing"
        raise ModelError(f'has no "{member}"', where=name, hint=f"`accuracy.member`; it holds {held}")
    return target, f"{name}/{member}" if member else name


def _archived(path: Path, name: str) -> Iterator[tuple[str, IO[bytes]]] | None:
    """Name and content of every regular file of an archive; None for what is none."""
    if path.is_file() and name.endswith((".tar.gz", ".tgz", ".tar")):
        return _of_tar(path)
    return _of_zip(path) if path.is_file() and name.endswith(".zip") else None


def _of_tar(path: Path) -> Iterator[tuple[str, Any]]:
    with tarfile.open(path) as archive:
        for entry in archive:
            if entry.isreg():
                yield entry.name, archive.extractfile(entry)


def _of_zip(path: Path) -> Iterator[tuple[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                with archive.open(entry) as content:
                    yield entry.filename, content


def _keep(folder: Path, inner: str, content: IO[bytes], name: str, room: int) -> int:
    """Write one file of an archive below a folder, wherever the archive wants it; its bytes, at most `room`."""
    place = PurePosixPath(inner)
    if place.is_absolute() or ".." in place.parts:
        raise ModelError(f'holds "{inner}", which leads out of it', where=name, hint="pack it again")
    target = folder / place
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as stream:
        while piece := content.read(_PIECE_BYTES):
            stream.write(piece)
            if stream.tell() > room:
                raise ModelError(
                    f"holds more than {_MOST_BYTES >> 30} GiB", where=name, hint="`count` takes fewer of a folder"
                )
        return stream.tell()
