"""What the files of an archive say of each other: the manifest, the actions with their keys, the blobs that they made.

An `Archive` in memory is one whose every digest was found right; whatever is made of it needs no further look.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyflow.archive import container, documents
from tinyflow.core import digest, safe_text
from tinyflow.core.errors import ArchiveError, TinyflowError, UsageError
from tinyflow.core.key import facts_of, tools_of
from tinyflow.core.result import Result

MANIFEST, ACTIONS, PROVENANCE = "manifest.sha256", "actions.json", "provenance.json"
SUFFIX = ".tar.gz"
_SCHEMA = 1
_ARTIFACTS = "artifacts"
_LISTING = ".listing"  # stands for the `/` of a tree's name


@dataclass(frozen=True)
class ArchivedAction:
    """One action as it was recorded: its key, as text too, and the digests of its outputs."""

    stage: str
    title: str
    key: str
    key_text: str
    outputs: Mapping[str, str]
    is_local: bool  # its outputs depend on more than the key, so that no shared cache may have them

    @property
    def result(self) -> Result:
        """What a cache keeps of it. How long it took and what it said was another machine's business."""
        return Result(self.key, self.key_text, self.outputs, 0.0, digest.of_bytes(b""))


@dataclass(frozen=True)
class Archive:
    """What was exported (a bench or a suite, by name), and all files."""

    name: str
    tinyflow: str  # version
    benches: Mapping[str, tuple[ArchivedAction, ...]]  # the actions of each in the order of its plan
    files: Mapping[str, bytes]
    digest: str  # of the manifest, so of all content, however it is packed
    blobs: Mapping[str, str]  # digest → one file that has it

    @property
    def actions(self) -> tuple[ArchivedAction, ...]:
        """Each once, behind those that it depends on."""
        return tuple({action.key: action for plan in self.benches.values() for action in plan}.values())

    def read(self, name: str) -> bytes | None:
        """The blob of a digest."""
        place = self.blobs.get(name)
        return None if place is None else self.files[place]


def compose(
    name: str,
    benches: Mapping[str, Sequence[ArchivedAction]],
    sources: Mapping[str, bytes],
    outputs: Mapping[str, bytes],
    tinyflow: str,
) -> bytes:
    """The bytes of an archive. `sources`: path → content; `outputs`: digest → content, of trees and what is in them."""
    files = dict(sources)
    blobs = {digest.of_bytes(content): path for path, content in sorted(files.items())}
    actions = tuple({action.key: action for plan in benches.values() for action in plan}.values())
    for action, folder in zip(actions, _folders(actions), strict=True):
        for output, blob in blobs_of(action.outputs, outputs.__getitem__):
            if blob not in blobs:
                path = f"{folder}/{output[:-1]}{_LISTING}" if output.endswith("/") else f"{folder}/{output}"
                path = path if container.fits(path) else f"{_ARTIFACTS}/blobs/{blob.removeprefix('sha256:')}"
                files[path], blobs[blob] = outputs[blob], path
    document = {
        "schema": _SCHEMA,
        "name": name,
        "tinyflow": tinyflow,
        "benches": {bench: [action.key for action in plan] for bench, plan in benches.items()},
        "actions": [_to_document(action) for action in actions],
    }
    files[ACTIONS] = safe_text.json_text(document).encode()
    made = {path: blob for blob, path in blobs.items() if path.startswith(f"{_ARTIFACTS}/")}
    origins = {path: digest.of_bytes(content) for path, content in sources.items()}
    tools = tools_of(action.key_text for action in actions)
    statement = documents.statement(name, list(benches), made, origins, tools, tinyflow)
    files[PROVENANCE] = safe_text.json_text(statement).encode()
    named = {bench: _named(plan, blobs) for bench, plan in benches.items()}
    has_mirror = any(path.startswith("models/") for path in files)
    files["README.md"] = documents.readme(name, named, tools, tinyflow, has_mirror).encode()
    files["LICENSES.md"] = documents.licences(files).encode()
    lines = [f"{digest.of_bytes(files[path])[7:]}  {path}\n" for path in sorted(files)]
    files[MANIFEST] = "".join(lines).encode()
    return container.pack(files)


def load(path: Path) -> Archive:
    """Read an archive and check all of it. Raises ArchiveError with the entry, UsageError where there is no file."""
    try:
        if path.stat().st_size > container.MOST_BYTES:
            raise ArchiveError(f"is larger than {container.MOST_BYTES >> 30} GiB", hint="no archive of ours is")
        return parse(path.read_bytes())
    except OSError as error:
        raise UsageError(f"can't be read: {error.strerror}", where=str(path), hint="name an archive's file") from error
    except ArchiveError as error:
        where = ": ".join(filter(None, (str(path), error.where)))
        raise ArchiveError(error.what, where=where, hint=error.hint) from None


def parse(data: bytes) -> Archive:
    """The same from bytes. Raises ArchiveError."""
    files, fault = container.unpack(data)
    found = _check_manifest(files)
    if fault:
        raise ArchiveError(fault, hint="it was damaged; get it once more")
    blobs = {name: path for path, name in sorted(found.items(), reverse=True)}
    try:
        return _read(files, blobs)
    except ArchiveError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, TinyflowError, RecursionError) as error:
        raise ArchiveError(f"is not what it should be: {str(error)!a}", where=ACTIONS) from error


def _check_manifest(files: Mapping[str, bytes]) -> dict[str, str]:
    """Path → digest of every file; ArchiveError for one that is not in the manifest, missing, or otherwise there."""
    for name in (MANIFEST, ACTIONS, PROVENANCE):
        if name not in files:
            raise ArchiveError(f"has no {name}", hint="it is not an archive of tinyflow")
    manifest = files[MANIFEST]
    claimed: dict[str, str] = {}
    for line in manifest.decode(errors="replace").split("\n")[:-1]:
        match = re.fullmatch("([0-9a-f]{64})  ([^\n]+)", line)
        if match is None:
            raise ArchiveError(f"not a line of a manifest: {line[:80]!r}", where=MANIFEST)
        claimed[match[2]] = f"sha256:{match[1]}"
    found = {path: digest.of_bytes(content) for path, content in files.items() if path != MANIFEST}
    for path in sorted(claimed.keys() | found.keys()):
        if path not in found:
            raise ArchiveError("is missing, though the manifest names it", where=path)
        if path not in claimed:
            raise ArchiveError("is not in the manifest", where=path)
        if claimed[path] != found[path]:
            raise ArchiveError(f"its digest is {found[path]}, not {claimed[path]}", where=path)
    return found


def _read(files: Mapping[str, bytes], blobs: Mapping[str, str]) -> Archive:
    """The archive behind files whose digests are right. Raises ArchiveError, ValueError, KeyError, TypeError."""
    document = json.loads(files[ACTIONS])
    if document["schema"] != _SCHEMA:
        raise ValueError(f"schema {document['schema']}, and this tinyflow reads {_SCHEMA}")
    actions = {action.key: action for action in map(_from_document, document["actions"])}
    for action in actions.values():
        _check_blobs(action, files, blobs)
    benches = {_text(bench): tuple(actions[key] for key in keys) for bench, keys in document["benches"].items()}
    if not benches or not all(benches.values()) or len(actions) != len(document["actions"]):
        raise ValueError("benches and actions don't go together")
    _check_subjects(json.loads(files[PROVENANCE]), files)
    name = digest.of_bytes(files[MANIFEST])
    return Archive(_text(document["name"]), _text(document["tinyflow"]), benches, files, name, blobs)


def _check_blobs(action: ArchivedAction, files: Mapping[str, bytes], blobs: Mapping[str, str]) -> None:
    """Every output is there, of a tree every file."""
    for path, name in blobs_of(action.outputs, lambda blob: files[blobs[blob]]):
        if name not in blobs:
            raise ArchiveError(f"lacks {path} of {action.title}, {name}", where=ACTIONS)


def _check_subjects(statement: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """The provenance speaks of files that are here, as they are here."""
    for subject in statement["subject"]:
        content = files.get(subject["name"])
        if content is None or digest.of_bytes(content) != f"sha256:{subject['digest']['sha256']}":
            raise ArchiveError(f"speaks of another {subject['name']}", where=PROVENANCE)


def _to_document(action: ArchivedAction) -> dict[str, Any]:
    facts = action.key_text.rstrip("\n").split("\n")
    fields = {"stage": action.stage, "title": action.title, "key": action.key, "facts": facts}
    return {**fields, "outputs": dict(sorted(action.outputs.items())), "is_local": action.is_local}


def _from_document(fields: Mapping[str, Any]) -> ArchivedAction:
    text = "\n".join(fields["facts"]) + "\n"
    if digest.of_bytes(text.encode()) != fields["key"]:
        raise ValueError(f"the key of {fields['title']!r} is not that of its facts")
    outputs = dict(fields["outputs"])
    named = [name for section, name, value in facts_of(text) if section == "output" and not value]
    if sorted(outputs) != sorted(named) or not all(map(digest.is_digest, outputs.values())):
        raise ValueError(f"the outputs of {fields['title']!r} are not those of its key")
    is_local = fields["is_local"] is True
    return ArchivedAction(_text(fields["stage"]), _text(fields["title"]), fields["key"], text, outputs, is_local)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{value!r} is not text")
    return value


def _folders(actions: Iterable[ArchivedAction]) -> list[str]:
    """A folder for each action's outputs, named by its title; where two have one title, by the key as well."""
    titles = [(action, f"{action.stage}/{_slug(action)}") for action in actions]
    names = [name for _, name in titles]
    return [
        f"{_ARTIFACTS}/{name}" + (f"-{action.key[7:15]}" if names.count(name) > 1 else "") for action, name in titles
    ]


def _slug(action: ArchivedAction) -> str:
    """`link vww-tinyc-stm32f7` → `vww-tinyc-stm32f7`."""
    title = action.title.removeprefix(f"{action.stage} ")
    return re.sub(r"[^A-Za-z0-9_+=.-]+", "-", title).strip("-.") or action.key[7:15]


def blobs_of(outputs: Mapping[str, str], read: Callable[[str], bytes | None]) -> Iterator[tuple[str, str]]:
    """(Output or path below it, digest) of all that an action made, trees and what is in them."""
    for output, blob in sorted(outputs.items()):
        yield output, blob
        if output.endswith("/"):
            yield from ((output + path, name) for path, name in digest.parse_listing(read(blob) or b""))


def _named(plan: Iterable[ArchivedAction], blobs: Mapping[str, str]) -> dict[str, str]:
    """Output → file, of what people ask for in a bench."""
    made = {output: blobs[blob] for action in plan for output, blob in action.outputs.items()}
    return {
        output: made[output] for output in ("firmware.elf", "firmware.map", "run.json", "row.json") if output in made
    }
