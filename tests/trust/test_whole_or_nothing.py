"""A reader beside a writer sees a whole file or none, and a store that ends in the middle leaves none."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tinyflow.core import cache_maintenance, digest
from tinyflow.core.action import Action, Workspace
from tinyflow.core.errors import CacheError
from tinyflow.core.execute import Session
from tinyflow.core.result import Result
from tinyflow.core.store import Store

ROUNDS = 6
DATA = os.urandom(6_000_000)
BLOB = digest.of_bytes(DATA)
KEY = digest.of_bytes(b"key")


def store_blob(store: Store, folder: Path) -> Path:
    """Keep the large blob anew; its place."""
    source = folder / "source"
    if not source.exists():
        source.write_bytes(DATA)
    store.add_file(source)
    return store.blob_path(BLOB)


def store_result(store: Store, folder: Path) -> Path:
    """Keep a result with a large text anew; its place."""
    del folder
    store.keep(Result(KEY, "text\n" * 600_000, {}, 0.5, BLOB))
    return store.root / "results" / KEY[7:9] / KEY[9:]


@pytest.mark.parametrize("write", [store_blob, store_result])
def test_a_reader_sees_all_or_nothing(tmp_path: Path, write: Callable[[Store, Path], Path]) -> None:
    """While a file is stored again and again, whoever looks finds no file, or the file at its full length.

    Guards the rename in `Store._new_file`; a file that grows in its place would be seen at lesser lengths.
    """
    store = Store(tmp_path / "cache")
    place = write(store, tmp_path)
    whole = place.stat().st_size
    seen: set[int] = set()
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            try:
                seen.add(os.stat(place).st_size)  # noqa: PTH116 (as often as can be)
            except FileNotFoundError:
                seen.add(-1)

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(ROUNDS):
        place.unlink()
        write(store, tmp_path)
    is_over.set()
    reader.join()
    assert seen and seen <= {-1, whole}


def write_much(workspace: Workspace) -> None:
    """Write two outputs; from then on this process may write no file beyond the first megabytes."""
    workspace.outputs["small"].write_text("small\n")
    workspace.outputs["big"].write_bytes(DATA)
    if not Path(workspace.parameters["room"]).exists():
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, hard))


@pytest.fixture
def _any_size() -> Iterator[None]:
    """The limit on the size of files, as it was."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("_any_size")
def test_a_store_that_fails_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    """The system takes no more in the middle of a blob, as on a full disk, but for every user: one error that says what
    to do, no torn blob, no rest in `tmp/`, no result; with room again the action runs once more.

    Guards naming the error and removing what was written aside (`Store._new_file`).
    """
    action = Action(
        stage="much",
        title="much",
        function=f"{__name__}:write_much",
        outputs=("small", "big"),
        parameters={"room": str(tmp_path / "room")},
    )
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    session = Session(tmp_path / "cache", tmp_path / "state")
    with pytest.raises(CacheError, match="can't write to the cache") as caught:
        session.execute(action)
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "free some space" in caught.value.hint
    assert not session.store.has(BLOB)
    assert list((tmp_path / "cache" / "tmp").iterdir()) == []
    assert cache_maintenance.contents(session.store).results == 0
    assert cache_maintenance.verify(session.store).damaged == ()
    (tmp_path / "room").touch()
    assert session.execute(action).outcome == "built"
    assert session.store.read(BLOB) == DATA
    session.close()
