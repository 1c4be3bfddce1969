"""The store: bytes by digest, all or nothing; what is damaged or another's is a miss, and is said."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyflow.core import digest, store
from tinyflow.core.errors import CacheError
from tinyflow.core.result import Result
from tinyflow.core.store import Store

TEXT = "key text\n"
KEY = digest.of_bytes(TEXT.encode())
LOG = digest.of_bytes(b"")


@pytest.fixture
def said() -> list[str]:
    """What the store said."""
    return []


@pytest.fixture
def cache(tmp_path: Path, said: list[str]) -> Store:
    """An empty one."""
    return Store(tmp_path / "cache", said.append)


def kept(cache: Store, key: str = KEY, **outputs: str) -> Result:
    """A result with a log and these outputs."""
    result = Result(key, TEXT, outputs, 1.5, cache.add_bytes(b"log"))
    cache.keep(result)
    return result


def place(cache: Store, kind: str, name: str) -> Path:
    """Where it lies by the layout that is promised to other programs."""
    return cache.root / kind / name[7:9] / name[9:]


def age(path: Path) -> None:
    """Make a file look unused for a long time."""
    os.utime(path, (1000, 1000))


def is_fresh(path: Path) -> bool:
    """Whether a file counts as used just now."""
    return path.stat().st_mtime > 1_000_000


def test_a_blob_is_kept_once_read_only_and_read_back(cache: Store, tmp_path: Path) -> None:
    """Whichever way it came; nothing is left in `tmp`."""
    for number, size in enumerate((0, 5, (1 << 20) - 1, 1 << 20, (1 << 20) + 1)):
        data = os.urandom(size)
        (tmp_path / "file").write_bytes(data)
        assert not cache.has(digest.of_bytes(data)) and cache.read(digest.of_bytes(data)) is None
        name = cache.add_file(tmp_path / "file")
        assert name == cache.add_bytes(data) == digest.of_bytes(data)
        path = place(cache, "cas", name)
        assert path == cache.blob_path(name)
        assert cache.has(name) and cache.read(name) == path.read_bytes() == data
        assert path.stat().st_mode & 0o777 == 0o444
        assert cache.copy_blob(name, tmp_path / "deep" / str(number) / "copy")
        assert (tmp_path / "deep" / str(number) / "copy").read_bytes() == data
        assert not os.path.samefile(path, tmp_path / "deep" / str(number) / "copy")  # noqa: PTH121
        age(path)
        (cache.add_bytes if number % 2 else cache.add_file)(data if number % 2 else tmp_path / "file")
        assert is_fresh(path)
    assert list((cache.root / "tmp").iterdir()) == []


def test_a_blob_is_on_the_disk_before_it_has_its_name(cache: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flushed, then synced, then renamed: a power cut leaves no empty file under a digest; so for results."""
    happened: list[str] = []
    sync, rename = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        happened.append(f"sync {os.fstat(descriptor).st_size}")
        sync(descriptor)

    def replace_(path: Path, target: Path) -> Path:
        happened.append(f"rename to {target.parent.parent.name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace_)
    cache.add_bytes(b"12345")
    assert happened == ["sync 5", "rename to cas"]
    result = kept(cache)
    assert happened[2:] == ["sync 3", "rename to cas", f"sync {len(result.to_file())}", "rename to results"]


@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_flipped_bit_is_a_miss_however_it_is_read(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, data: st.DataObject
) -> None:
    """The damaged file is moved where it can be looked at, which is said once; nothing of it is handed out."""
    folder = tmp_path_factory.mktemp("flip")
    said: list[str] = []
    cache = Store(folder / "cache", said.append)
    name = cache.add_bytes(content)
    path = place(cache, "cas", name)
    harmed = bytearray(content)
    harmed[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.chmod(0o644)
    path.write_bytes(bytes(harmed))
    if data.draw(st.booleans()):
        assert cache.read(name) is None
    else:
        assert not cache.copy_blob(name, folder / "copy")
        assert not (folder / "copy").exists()
    assert not cache.has(name) and not path.exists()
    [aside] = (cache.root / "damaged").iterdir()
    assert aside.name == f"cas-{name[7:]}" and aside.read_bytes() == harmed
    [line] = said
    assert f"{name[7:19]}… was damaged; moved to {aside.parent}" in line
    assert cache.add_bytes(content) == name and cache.read(name) == content


def test_a_result_is_found_with_its_blobs_or_not_at_all(cache: Store, tmp_path: Path) -> None:
    """One missing blob, of an output or inside a tree, and it is a miss; a hit counts as used, for eviction."""
    (tmp_path / "tree" / "a").mkdir(parents=True)
    (tmp_path / "tree" / "a" / "b").write_bytes(b"in a tree")
    names = {"out": cache.add_bytes(b"out"), "tree/": cache.add_tree(tmp_path / "tree")}
    assert cache.look_up(KEY) is None
    result = kept(cache, **names)
    path = place(cache, "results", KEY)
    age(path)
    assert cache.look_up(KEY) == result
    assert is_fresh(path)
    assert cache.tree_entries(names["tree/"]) == [("a/b", digest.of_bytes(b"in a tree"))]
    for name in (names["out"], digest.of_bytes(b"in a tree"), names["tree/"]):
        blob = place(cache, "cas", name)
        assert cache.is_complete(names) and cache.are_there([name])
        blob.rename(tmp_path / "gone")
        age(path)
        assert cache.look_up(KEY) is None and not cache.is_complete(names) and not cache.are_there([name])
        assert path.exists() and not is_fresh(path)
        (tmp_path / "gone").rename(blob)
    assert cache.look_up(KEY) == result


def test_a_tree_is_copied_whole_or_refused(cache: Store, tmp_path: Path) -> None:
    """An empty tree too; a listing that isn't one is a miss."""
    for name in ("x", "a/y", "a/b/z"):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_text(name)
    (tmp_path / "none").mkdir()
    tree, empty = cache.add_tree(tmp_path / "tree"), cache.add_tree(tmp_path / "none")
    assert cache.copy_tree(tree, tmp_path / "copy") and cache.copy_tree(empty, tmp_path / "copy" / "none")
    found = {name: path.read_text() for name, path in digest.tree_files(tmp_path / "copy")}
    assert found == {"x": "x", "a/y": "a/y", "a/b/z": "a/b/z"}
    assert (tmp_path / "copy" / "none").is_dir()
    place(cache, "cas", digest.of_bytes(b"a/y")).unlink()
    assert not cache.copy_tree(tree, tmp_path / "second")
    assert cache.tree_entries(cache.add_bytes(b"no listing\n")) is None
    assert not cache.copy_tree(digest.of_bytes(b"never seen"), tmp_path / "third")
    assert not cache.is_complete({"tree/": cache.add_bytes(b"no listing\n")})


def test_the_result_of_another_key_is_not_taken(cache: Store, said: list[str]) -> None:
    """A whole result that lies where another belongs (a copied cache, a wrong server) is moved aside."""
    other = digest.of_bytes(b"other")
    kept(cache)
    place(cache, "results", other).parent.mkdir(parents=True, exist_ok=True)
    place(cache, "results", other).write_bytes(place(cache, "results", KEY).read_bytes())
    assert cache.look_up(other) is None
    assert not place(cache, "results", other).exists()
    assert "was damaged" in said[0]
    assert cache.look_up(KEY) is not None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"key": "sha256:x"}, "names what is not a digest"),
        ({"log": "../../etc/passwd"}, "names what is not a digest"),
        ({"outputs": {"a": LOG, "b": "sha256:" + "g" * 64}}, "names what is not a digest"),
        ({"outputs": []}, "not a result"),
        ({"more": 1}, "not a result"),
    ],
)
def test_a_result_that_names_what_is_no_digest_is_none(change: dict[str, object], why: str) -> None:
    """Whole by its checksum, and still nothing that can be followed. The whole one is read back."""
    good = Result(KEY, TEXT, {"a": LOG}, 0.25, LOG)
    assert Result.from_file(good.to_file()) == good
    _, _, body = good.to_file().partition(b"\n")
    changed = json.dumps({**json.loads(body), **change}, sort_keys=True).encode()
    header = f"tinyflow result 1 {digest.of_bytes(changed)}\n".encode()
    with pytest.raises(ValueError, match=why):
        Result.from_file(header + changed)
    for broken in (good.to_file()[1:], good.to_file()[:-1], b"", good.to_file().replace(b"result 1", b"result 2")):
        with pytest.raises(ValueError, match="damaged"):
            Result.from_file(broken)


def test_what_is_no_digest_has_no_place(cache: Store) -> None:
    """It would become a path."""
    for name in ("", "sha256:", "x" * 63, "y" * 65, "../" + "z" * 61, "sha256:" + "/" * 64):
        with pytest.raises(ValueError, match="not a digest"):
            cache.has(name)


def test_listing_folders_gives_the_same_answers(cache: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within `listed`, folders are read once if that is cheaper; what is missing is missing either way."""
    names = [cache.add_bytes(str(number).encode()) for number in range(50)]
    gone = digest.of_bytes(b"gone")
    for questions in (0, 10_000):
        with cache.listed(questions):
            assert cache.are_there(names) and not cache.are_there([*names, gone]) and cache.are_there([])
            if questions:
                place(cache, "cas", names[0]).rename(cache.root / "kept")
                assert cache.are_there(names)  # as it was when it was read
                (cache.root / "kept").rename(place(cache, "cas", names[0]))
        assert cache.are_there(names)
    # One blob in the first of 256 folders: from 86 questions on, a third as dear as a listed entry, listing is cheaper.
    cache.add_bytes(next(data for n in range(9999) if digest.of_bytes(data := b"%d" % n)[7:9] == "00"))
    asked: list[str] = []
    monkeypatch.setattr(store.os.path, "exists", lambda path: asked.append(path) or True)
    for questions in (86, 85):
        with cache.listed(questions):
            assert cache.are_there(names)
        assert len(asked) == (0 if questions == 86 else len(names))


def test_what_can_t_be_written_goes_to_a_folder_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only cache is read, what is new lies in the second folder, and that is said once; without it, an error."""
    cache, own, said = tmp_path / "cache", tmp_path / "own", list[str]()
    old = Store(cache).add_bytes(b"old")
    make = store.tempfile.mkstemp

    def refuse(dir: Path) -> tuple[int, str]:
        if dir.is_relative_to(cache):
            raise PermissionError(13, "Permission denied")
        return make(dir=dir)

    monkeypatch.setattr(store.tempfile, "mkstemp", refuse)
    two = Store(cache, said.append, own)
    new, newer = two.add_bytes(b"new"), two.add_bytes(b"newer")
    assert [two.blob_path(name).is_relative_to(root) for name, root in ((old, cache), (new, own), (newer, own))] == [
        *(True, True, True)
    ]
    assert two.are_there([old, new, newer]) and two.read(new) == b"new" and two.read(old) == b"old"
    assert two.add_bytes(b"old") == old and not list(own.rglob(old[9:]))
    assert said == [f"cache: {cache} can't be written; what is new is kept in {own}"]
    assert Store(cache, said.append, own).has(new) and not Store(cache, said.append).has(new)
    with two.lock(KEY):
        assert (own / "locks" / KEY[7:]).exists()
    for name in (KEY, digest.of_bytes(b"x")):
        two.keep(replace(Result(KEY, TEXT, {}, 0, new), key=name))
    assert two.look_up(KEY) is not None and list((own / "results").glob("*/*")) != []
    with pytest.raises(CacheError, match="can't write to the cache: Permission denied") as caught:
        Store(cache).add_bytes(b"no other folder")
    assert (caught.value.where, caught.value.exit_status) == (str(cache), 3)
    assert "TINYFLOW_CACHE" in caught.value.hint


@pytest.mark.parametrize("name", ["", ".", "..", "a/../b", "a/./b", "/a", "a//b"])
def test_outputs_that_are_no_places_in_a_folder_are_none(name: str) -> None:
    """A result that names one is not taken; a file, a tree and what lies deeper are fine."""
    for fine in ("a", "a/", "a/b/", "..a", "a."):
        assert Result.from_file(Result(KEY, TEXT, {fine: LOG}, 0, LOG).to_file()).outputs == {fine: LOG}
    with pytest.raises(ValueError):
        Result.from_file(Result(KEY, TEXT, {name: LOG}, 0, LOG).to_file())
