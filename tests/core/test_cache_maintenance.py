"""Keeping a cache in shape never costs more than making something again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from test_execute import Chain, again, execute_all

from tinyflow.core import cache_maintenance
from tinyflow.core.execute import Session


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """Two actions over one file."""
    return Chain(tmp_path)


def age(root: Path, seconds: float) -> None:
    """Make everything in the cache look unused for so long."""
    for path in root.rglob("*"):
        if path.is_file():
            used = path.stat().st_mtime - seconds
            os.utime(path, (used, used))


def test_contents_counts_results_and_blobs(session: Session, chain: Chain) -> None:
    """Two results; the blobs are each counted once, however often they are named."""
    execute_all(session, chain.actions())
    found = cache_maintenance.contents(session.store)
    assert found.results == 2
    assert found.blobs == len([path for path in (session.store.root / "cas").rglob("*") if path.is_file()])
    assert found.size_bytes > 0


def test_verify_moves_damage_aside(session: Session, chain: Chain) -> None:
    """A flipped bit is found by reading everything, and reported by digest; the result that needs it is incomplete."""
    first, _ = actions = chain.actions()
    execute_all(session, actions)
    assert cache_maintenance.verify(session.store).damaged == ()
    blob = session.output_path(first, "upper")
    name = session.output_digest(first, "upper")
    blob.chmod(0o644)
    blob.write_bytes(b"!" + blob.read_bytes()[1:])
    found = cache_maintenance.verify(session.store)
    assert found.damaged == (name,)
    assert len(found.incomplete) == 1
    assert not blob.exists()


def test_collect_removes_the_longest_unused_first(session: Session, chain: Chain, tmp_path: Path) -> None:
    """With room for the newer half, the older results go, and their blobs."""
    execute_all(session, chain.actions())
    size = cache_maintenance.contents(session.store).size_bytes
    age(session.store.root, 10_000)
    chain.source.write_text("newer\n")
    session = again(session, tmp_path)
    new = chain.actions()
    execute_all(session, new)
    age(session.store.root, 10_000)
    removed = cache_maintenance.collect(session.store, size + 200, needed=())
    assert removed.results == 2
    assert removed.blobs > 0
    assert cache_maintenance.verify(session.store).incomplete == ()
    session = again(session, tmp_path, state="other")
    assert execute_all(session, chain.actions()) == ["hit", "hit"]


def test_collect_keeps_what_is_needed(session: Session, chain: Chain) -> None:
    """What the current suites need stays, whatever the limit."""
    actions = chain.actions()
    execute_all(session, actions)
    age(session.store.root, 10_000)
    needed = {record.key for action in actions if (record := session.records.get(action.id))}
    assert cache_maintenance.collect(session.store, 0, needed).results == 0
    assert cache_maintenance.collect(session.store, 0, ()).results == 2


def test_dry_run_removes_nothing(session: Session, chain: Chain) -> None:
    """A dry run tells the same numbers and leaves everything."""
    execute_all(session, chain.actions())
    age(session.store.root, 10_000)
    before = cache_maintenance.contents(session.store)
    told = cache_maintenance.collect(session.store, 0, (), is_dry_run=True)
    assert cache_maintenance.contents(session.store) == before
    assert cache_maintenance.collect(session.store, 0, ()) == told


def test_fresh_blobs_are_left_for_their_result(session: Session, tmp_path: Path) -> None:
    """A blob that a running build has just stored, and that no result names yet, is not taken from it."""
    name = session.store.add_bytes(b"about to be named")
    cache_maintenance.collect(session.store, 0, ())
    assert session.store.has(name)
    age(session.store.root, 10_000)
    cache_maintenance.collect(session.store, 0, ())
    assert not session.store.has(name)


def test_collected_work_is_made_again(session: Session, chain: Chain, tmp_path: Path) -> None:
    """Eviction under a session costs an action, never a result."""
    first, second = chain.actions()
    session.execute(first)
    age(session.store.root, 10_000)
    cache_maintenance.collect(session.store, 0, ())
    session.execute(second)
    assert session.output_path(second, "count").read_text() == "11"


def test_uses_names_maker_and_users(session: Session, chain: Chain) -> None:
    """A blob's maker and its users are known, also for a file within a tree."""
    first, _ = actions = chain.actions()
    execute_all(session, actions)
    found = cache_maintenance.uses(session.store, session.output_digest(first, "upper")[:20])
    assert [(use.stage, use.name, use.made) for use in found] == [("upper", "upper", True), ("letters", "upper", False)]
    [(_, inside), _] = session.store.tree_entries(session.output_digest(first, "tree/")) or []
    assert [use.name for use in cache_maintenance.uses(session.store, inside)] == ["tree/"]


def test_collect_leaves_what_somebody_holds(session: Session) -> None:
    """Locks and drafts go when nobody holds them, and never while their holder lives, however old they are."""
    store = session.store
    free, draft = store.root / "locks" / "free", store.root / "tmp" / "draft"
    with store.lock("ab" * 32), store._new_file():
        held = [path for kind in ("locks", "tmp") for path in (store.root / kind).iterdir()]
        free.touch()
        draft.touch()
        age(store.root, 1_000_000)
        cache_maintenance.collect(store, 0, ())
        assert len(held) == 2
        assert all(path.exists() for path in held)
    assert not free.exists()
    assert not draft.exists()
