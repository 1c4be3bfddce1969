"""What comes from elsewhere (a cache, a recipe, a template) is data: it can't lead out of its folder nor run code."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tinyflow.core import digest
from tinyflow.core.action import Action, Workspace
from tinyflow.core.errors import RecipeError
from tinyflow.core.execute import Session
from tinyflow.core.remote import Remote, parse_address
from tinyflow.core.result import Result
from tinyflow.core.store import Store
from tinyflow.recipes.schema import Model, Runtime, Target
from tinyflow.recipes.validate import validate
from tinyflow.toolchains import script

EMPTY = digest.of_bytes(b"")
TARGET = {
    "name": "chip",
    "memory": [
        {"name": "flash", "kind": "flash", "origin": 0, "length_bytes": 1024},
        {"name": "ram", "kind": "ram", "origin": 4096, "length_bytes": 1024},
    ],
    "stack_bytes": 64,
}


def write_two(workspace: Workspace) -> None:
    """A file and a tree."""
    workspace.outputs["file"].write_text("right\n")
    (workspace.outputs["tree/"] / "inside").write_text("right\n")


def action() -> Action:
    """The action of these tests."""
    return Action(stage="write", title="write", function=f"{__name__}:write_two", outputs=("file", "tree/"))


class Liar(Remote):
    """A remote cache that answers every question for a result with `forge(key)` and has every blob it names."""

    def __init__(self, forge: Callable[[str], bytes], blobs: dict[str, bytes], key_text: str) -> None:
        super().__init__(parse_address("http://nowhere"))
        self._forge, self._blobs, self._text = forge, blobs, key_text

    @contextlib.contextmanager
    def _ask(self, method: str, target: str, until_s: float, *body: Any) -> Iterator[Any]:
        *_, kind, name = target.split("/")
        content = self._forge("sha256:" + name) if kind == "ac" else self._blobs.get(name)
        head = b"HTTP/1.1 404 no\r\n\r\n" if content is None else b"HTTP/1.1 200 yes\r\n\r\n"
        answer = HTTPResponse(SimpleNamespace(makefile=lambda mode: io.BytesIO(head + (content or b""))))
        answer.begin()
        yield answer


def forged(key: str, key_text: str, **changes: Any) -> bytes:
    """A result as whoever controls the server would write it: all digests of the envelope are right."""
    fields: dict[str, Any] = {
        "key": key,
        "key_text": key_text,
        "outputs": {"file": EMPTY, "tree/": EMPTY},
        "duration_s": 1.0,
        "log": EMPTY,
    }
    body = json.dumps(fields | changes, sort_keys=True).encode()
    return b"tinyflow result 1 " + digest.of_bytes(body).encode() + b"\n" + body


LISTING_OUT = f"{EMPTY} ../../escaped\n".encode()
LISTING_NO_DIGEST = b"sha256:../../../../escaped inside\n"
LISTING_TWICE = f"{EMPTY} a\n{EMPTY} a\n".encode()
LISTING_BOTH = f"{EMPTY} a/b\n{EMPTY} a/b/c\n".encode()  # a file and a folder
LISTINGS = (LISTING_OUT, LISTING_NO_DIGEST, LISTING_TWICE, LISTING_BOTH)


@pytest.mark.parametrize(
    "changes",
    [
        {"outputs": {"file": "sha256:../../../../escaped", "tree/": EMPTY}},
        {"outputs": {"file": "../" * 20 + "etc/passwd", "tree/": EMPTY}},
        {"outputs": {"file": EMPTY}},
        {"outputs": {"file": EMPTY, "tree/": EMPTY, "../../escaped": EMPTY}},
        *({"outputs": {"file": EMPTY, "tree/": digest.of_bytes(listing)}} for listing in LISTINGS),
        {"outputs": ["file"]},
        {"outputs": {"file": 7, "tree/": None}},
        {"log": "/etc/passwd"},
        {"surprise": 1},
    ],
)
@pytest.mark.every(3)
def test_forged_result_writes_nothing_outside(tmp_path: Path, changes: dict[str, Any]) -> None:
    """A server that knows how results are made can't make us write outside the cache, nor crash: the action runs.

    Guards the checks of digests, names and listings in `Result.from_file`, `parse_listing` and `Session._fetch`.
    """
    plain = Session(tmp_path / "plain", tmp_path / "plain_state")
    plain.execute(action())
    record = plain.records.get(action().id)
    assert record is not None
    text = plain.records.key_text(record.key) or ""
    plain.close()
    blobs = {digest.of_bytes(data)[7:]: data for data in (b"", *LISTINGS)}
    said: list[str] = []
    liar = Liar(lambda key: forged(key, text, **changes), blobs, text)
    session = Session(tmp_path / "in" / "cache", tmp_path / "in" / "state", said.append, liar)
    assert session.execute(action()).outcome == "built"
    assert session.output_path(action(), "file").read_text() == "right\n"
    session.close()
    assert not list(tmp_path.rglob("*escaped*"))


def test_the_forger_is_able(tmp_path: Path) -> None:
    """The forged results of the test above fail for their content alone: with right content one is believed."""
    plain = Session(tmp_path / "plain", tmp_path / "plain_state")
    plain.execute(action())
    record = plain.records.get(action().id)
    assert record is not None
    text = plain.records.key_text(record.key) or ""
    plain.close()
    liar = Liar(lambda key: forged(key, text), {EMPTY[7:]: b""}, text)
    session = Session(tmp_path / "in" / "cache", tmp_path / "in" / "state", remote=liar)
    assert session.execute(action()).outcome == "hit"
    session.close()


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a//b", "a\0b", "a" * 256])
def test_tree_can_not_leave_its_folder(tmp_path: Path, name: str) -> None:
    """A listing that names a place outside is not a tree, even where its digest is right: nothing is written."""
    store = Store(tmp_path / "cache")
    blob = store.add_bytes(b"payload")
    tree = store.add_bytes(f"{blob} {name}\n".encode())
    assert not store.copy_tree(tree, tmp_path / "target" / "deep")
    assert not (tmp_path / "target").exists()


def test_local_result_with_a_path_for_a_digest_is_damage(tmp_path: Path) -> None:
    """Who can write to the cache's folder still can't make a reader follow a path out of it."""
    store = Store(tmp_path / "cache")
    key = digest.of_bytes(b"text")
    store.keep(Result(key, "text", {"file": EMPTY}, 0.0, EMPTY))
    [path] = (path for path in (tmp_path / "cache" / "results").rglob("*") if path.is_file())
    path.chmod(0o644)
    path.write_bytes(forged(key, "text", outputs={"file": "sha256:../../../etc/passwd"}))
    assert store.look_up(key) is None
    assert not path.exists()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Model, "description: x\nfile: ../../secret.tflite\n"),
        (Model, "description: x\nfile: /etc/passwd\n"),
        (Model, "description: x\nsynthesize: {graph: aww}\nsamples: {folder: a/../../b, format: int8}\n"),
        (Runtime, "description: x\nsources: {all: [../../../etc/*.c]}\n"),
        (Runtime, "description: x\nsources: {all: [src/*.c]}\ninclude: [..]\n"),
        (
            Target,
            "description: x\nimplementation: tinyflow.targets.unicorn\ncpu: c\nlinker_script: ~/firmware.ld.j2\n",
        ),
    ],
)
def test_recipe_path_can_not_leave_its_folder(kind: Any, text: str) -> None:
    """A recipe that somebody sent reads only what lies below the folder that it came in."""
    with pytest.raises(RecipeError, match=r"a relative path without \.\."):
        validate(kind, "x", text.encode(), "x.yaml")


@pytest.mark.parametrize(
    "template",
    [
        "{{ target.__class__.__mro__ }}",
        "{{ regions.__class__.__base__.__subclasses__() }}",
        "{{ ''['__class__'] }}",
        "{{ self.__init__.__globals__ }}",
        "{{ regions.append(1) }}",
        "{{ stack }}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_template_sees_data_only(tmp_path: Path, template: str) -> None:
    """A linker script's template reaches no attribute beyond its data, changes nothing, and reads no file.

    Guards `ImmutableSandboxedEnvironment` and `StrictUndefined` in `toolchains.script`.
    """
    path = tmp_path / "x.ld.j2"
    path.write_text(template)
    with pytest.raises((RecipeError, TypeError)):
        print(script.render(path, TARGET, "thumb"))


def test_cache_files_are_read_only_for_all(tmp_path: Path) -> None:
    """Blobs and results can't be written by accident, whatever the umask; nobody else may write what waits in tmp/."""
    before = os.umask(0)
    try:
        session = Session(tmp_path / "cache", tmp_path / "state")
        session.execute(action())
        session.close()
    finally:
        os.umask(before)
    files = [path for kind in ("cas", "results") for path in (tmp_path / "cache" / kind).rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o444}
    assert list((tmp_path / "cache" / "tmp").iterdir()) == []
