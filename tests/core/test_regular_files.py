"""What lies in a cache may be anything: it is never waited for, moved aside, said once, and made again."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

import pytest
from test_execute import Chain, execute_all

from tinyflow.core import cache_maintenance, digest, regular_files
from tinyflow.core.execute import Session


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """Two actions over one file."""
    return Chain(tmp_path)


def folder(path: Path) -> None:
    """Put a folder there, with something in it."""
    path.mkdir()
    (path / "inside").touch()


def bound_socket(path: Path) -> None:
    """Put a socket there."""
    with socket.socket(socket.AF_UNIX) as unix:
        here = Path.cwd()
        os.chdir(path.parent)  # the path of a socket may have 107 bytes
        unix.bind(path.name)
        os.chdir(here)


def device(path: Path) -> None:
    """Put a device there that gives zeros for ever."""
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root can make devices")


ODD: list[Callable[[Path], None]] = [
    folder,
    os.mkfifo,
    bound_socket,
    device,
    lambda path: path.symlink_to(path.name),
    lambda path: path.symlink_to("nowhere"),
]
KINDS = ["folder", "pipe", "socket", "device", "loop", "dangling"]


def again(tmp_path: Path, said: list[str], state: str) -> Session:
    """Another session with the same cache."""
    return Session(tmp_path / "cache", tmp_path / state, said.append)


def outputs_are_right(session: Session, chain: Chain) -> bool:
    """Whether both actions have what they should, all of it readable."""
    first, second = chain.actions()
    for action, name in ((first, "upper"), (first, "tree/"), (second, "count")):
        session.copy_output(action, name, Path(tempfile.mkdtemp(dir=chain.source.parent)) / "copy")
    return session.output_path(second, "count").read_text() == "11"


@pytest.fixture
def places(tmp_path: Path, chain: Chain) -> Iterator[dict[str, Path]]:
    """A cache in which both actions are, and where in it things lie."""
    session = Session(tmp_path / "cache", tmp_path / "state")
    first, second = actions = chain.actions()
    execute_all(session, actions)
    store = session.store
    entries = store.tree_entries(session.output_digest(first, "tree/"))
    records = [session.records.get(action.id) for action in actions]
    yield {
        "blob": session.output_path(first, "upper"),
        "last blob": session.output_path(second, "count"),
        "listing": session.output_path(first, "tree/"),
        "blob in a tree": store.blob_path(entries[0][1]),
        "result": tmp_path / "cache" / "results" / records[0].key[7:9] / records[0].key[9:],
        "folder of results": tmp_path / "cache" / "results" / records[0].key[7:9],
        "lock": tmp_path / "cache" / "locks" / records[0].key[7:],
    }
    session.close()


WHERE = ["blob", "last blob", "listing", "blob in a tree", "result", "folder of results", "lock"]


@pytest.mark.parametrize("odd", ODD, ids=KINDS)
@pytest.mark.every(3)
def test_what_is_no_file_is_moved_aside(
    tmp_path: Path, chain: Chain, places: dict[str, Path], odd: Callable[[Path], None]
) -> None:
    """Whatever stands for a blob, a result, a folder or a lock: the run goes on and ends rightly, with one line."""
    for number, where in enumerate(WHERE):
        path = places[where]
        if where == "folder of results":
            if odd is folder:
                continue
            for inside in path.iterdir():
                inside.unlink()
            path.rmdir()
        elif where == "lock":
            places["result"].unlink()
        else:
            path.unlink()
        odd(path)
        said: list[str] = []
        session = again(tmp_path, said, f"state {number}")
        execute_all(session, chain.actions())
        assert outputs_are_right(session, chain), where
        session.close()
        assert path.is_file() or path.is_dir() == (where == "folder of results"), where
        assert not path.is_symlink()
        if where != "lock" or odd not in (os.mkfifo, device):  # a lock on either is as good as another
            assert len(said) == 1, (where, said)
        session = again(tmp_path, said, f"state {number}")
        found = cache_maintenance.verify(session.store)
        assert (found.damaged, found.stuck, found.incomplete) == ((), (), ())
        session.close()
    assert len(list((tmp_path / "cache" / "damaged").iterdir())) >= 4


@pytest.mark.parametrize("odd", ODD, ids=KINDS)
def test_verification_moves_what_it_says(
    tmp_path: Path, chain: Chain, places: dict[str, Path], odd: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is told, and gone from its place; what could not be moved is told apart, not used, and made elsewhere."""
    for where in ("blob", "result"):
        places[where].unlink()
        odd(places[where])
    stray = places["blob"].parent / "stray"
    stray.write_text("no digest for a name")
    replace = Path.replace
    said: list[str] = []
    session = again(tmp_path, said, "state")

    def refuse(path: Path, target: Path) -> Path:
        if places["blob"] in (path, target):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        found = cache_maintenance.verify(session.store)
        names = [f"sha256:{path.parent.name}{path.name}" for path in (stray, places["result"], places["blob"])]
        assert (sorted(found.damaged), found.stuck) == (sorted(names[:2]), (names[2],))
        assert len(said) == 3
        assert [os.path.lexists(path) for path in (stray, places["result"], places["blob"])] == [False, False, True]
        execute_all(session, chain.actions())
        assert outputs_are_right(session, chain)
        assert len(said) == 3
        session.close()
        assert (tmp_path / "state" / "cache" / "cas").is_dir()
    session = again(tmp_path, said, "other")
    found = cache_maintenance.verify(session.store)
    assert (len(found.damaged), found.stuck) == (1, ())
    execute_all(session, chain.actions())
    assert outputs_are_right(session, chain)
    session.close()


@pytest.mark.parametrize("where", ["blob", "listing", "result"])
@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_what_the_disk_does_not_give_is_damaged(
    tmp_path: Path, chain: Chain, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch, where: str, number: int
) -> None:
    """An error while reading, or already while opening, is one line, and the action runs again."""
    dying = places[where].stat().st_ino

    class Dying(FileIO):
        def read(self, size: int = -1, /) -> bytes:
            if os.fstat(self.fileno()).st_ino == dying:
                raise OSError(number, os.strerror(number))
            return super().read(size)

    monkeypatch.setattr(regular_files, "FileIO", Dying)
    said: list[str] = []
    session = again(tmp_path, said, "other")
    execute_all(session, chain.actions())
    assert outputs_are_right(session, chain)
    session.close()
    [line] = said
    assert f"damaged ({os.strerror(number)}); moved to" in line
    assert [path.stat().st_ino for path in (tmp_path / "cache" / "damaged").iterdir()] == [dying]


def test_a_place_that_damages_all_is_done_without(
    tmp_path: Path, chain: Chain, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made again and can't be read again is made in the checkout's own cache, and the run ends rightly."""

    class Dying(FileIO):
        def read(self, size: int = -1, /) -> bytes:
            if Path(f"/proc/self/fd/{self.fileno()}").readlink() in (places["blob"], places["result"]):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().read(size)

    monkeypatch.setattr(regular_files, "FileIO", Dying)
    said: list[str] = []
    session = again(tmp_path, said, "other")
    execute_all(session, chain.actions())
    assert outputs_are_right(session, chain)
    session.close()
    assert 2 <= len(said) <= 4
    assert (tmp_path / "other" / "cache" / "cas").is_dir()


def test_want_of_descriptors_is_no_damage(
    tmp_path: Path, chain: Chain, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that can open nothing more blames no blob."""
    from tinyflow.core.errors import CacheError

    def no_more(*words: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    session = again(tmp_path, [], "other")
    with monkeypatch.context() as patch:
        patch.setattr(regular_files.os, "open", no_more)
        with pytest.raises(CacheError, match="Too many open files"):
            session.store.read(digest.of_bytes(places["blob"].read_bytes()))
    assert places["blob"].is_file()
    session.close()


def test_a_file_of_ours_may_be_anything(tmp_path: Path) -> None:
    """A pipe is not waited for, and no more is read of what is huge than such a file has."""
    path = tmp_path / "state"
    path.write_text("{é}", encoding="utf-8")
    assert regular_files.small_text(path) == "{é}"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="a pipe"):
        regular_files.small_text(path)
    path.unlink()
    path.touch()
    os.truncate(path, 1 << 33)
    assert len(regular_files.small_text(path)) == 1 << 20


def test_what_is_no_file_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a device may do things: a look tells first what it is."""
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(os, "open", None)
    with pytest.raises(regular_files.Unreadable, match="a pipe"):
        regular_files.Regular(tmp_path / "pipe")
