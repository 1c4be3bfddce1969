"""Whatever edits, kills and corruptions come in whatever order: the next run gives what a clean build would give.

After the manner of Shake's random test (Mitchell, "Shake before building", ICFP 2012).
"""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

import kills
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st
from kills import Graph, Tally
from tests_support import examples

from tinyflow.core import cache_maintenance
from tinyflow.core.execute import Session


def files(graph: Graph, *kinds: str) -> list[Path]:
    """Files of the cache, in the order of their names."""
    return sorted(path for kind in kinds for path in (graph.folder / "cache" / kind).rglob("*") if path.is_file())


def pick(graph: Graph, chance: random.Random, *kinds: str) -> Path | None:
    """One file of the cache, made writable."""
    found = files(graph, *kinds)
    if not found:
        return None
    path = chance.choice(found)
    path.chmod(0o644)
    return path


def edit(graph: Graph, chance: random.Random) -> None:
    """Change a source, perhaps back to an earlier text."""
    graph.edit(chance.randrange(4), f"text {chance.randrange(5)}")


def kill(graph: Graph, chance: random.Random) -> None:
    """Kill a running session at a random moment."""
    kills.run_and_kill(graph, chance.uniform(0, 0.06))


def flip(graph: Graph, chance: random.Random) -> None:
    """Flip a bit somewhere in the cache."""
    if path := pick(graph, chance, "cas", "results"):
        data = bytearray(path.read_bytes() or b"x")
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)


def truncate(graph: Graph, chance: random.Random) -> None:
    """Cut a file of the cache short, as a power cut may."""
    if path := pick(graph, chance, "cas", "results"):
        path.write_bytes(path.read_bytes()[: chance.randrange(1 + path.stat().st_size)])


def remove(graph: Graph, chance: random.Random) -> None:
    """Lose a file of the cache."""
    if path := pick(graph, chance, "cas", "results"):
        path.unlink()


def swap(graph: Graph, chance: random.Random) -> None:
    """Put one blob's bytes, or one result's, where another's belong."""
    for kind in ("cas", "results"):
        path, other = pick(graph, chance, kind), pick(graph, chance, kind)
        if path is not None and other is not None:
            path.write_bytes(other.read_bytes())


def forget(graph: Graph, chance: random.Random) -> None:
    """Lose the records, or a part of them."""
    state = graph.folder / "state" / "state.sqlite3"
    if state.exists() and chance.random() < 0.5:
        shutil.rmtree(state.parent)
    elif state.exists():
        data = bytearray(state.read_bytes() or b"x")  # killed at its beginning
        start = chance.randrange(len(data))
        data[start : start + 200] = b"\xff" * len(data[start : start + 200])
        state.write_bytes(data)


def evict(graph: Graph, chance: random.Random) -> None:
    """Evict everything that may go."""
    session = graph.session()
    cache_maintenance.collect(session.store, chance.randrange(2000), ())
    session.close()


FAULTS = [edit, edit, kill, flip, truncate, remove, swap, forget, evict]


def settle(graph: Graph) -> tuple[list[str], list[str]]:
    """Run to the end in a fresh session; outputs and outcomes."""
    session = graph.session()
    actions = graph.actions()
    outcomes = [session.execute(action).outcome for action in actions]
    outputs = [(session.store.read(session.output_digest(action, "mixed")) or b"").decode() for action in actions]
    session.close()
    return outputs, outcomes


SEEDS, FAULT_LISTS = st.integers(0, 2**32), st.lists(st.sampled_from(FAULTS), min_size=1, max_size=8)


@examples(3, *HealthCheck)
@given(SEEDS, FAULT_LISTS)
@example(3, [edit, evict, forget])  # records that turn out to be damaged when some of them had been used already
def test_incremental_equals_clean(seed: int, faults: list) -> None:
    """After any faults, a run's results equal a clean build's, and a rerun executes nothing.

    A blob that nothing reads again may stay damaged in the cache; read through the session it is made again.
    """
    torture(seed, faults)


@pytest.mark.slow
@examples(40, *HealthCheck)
@given(SEEDS, FAULT_LISTS)
def test_incremental_equals_clean_in_many_cases(seed: int, faults: list) -> None:
    """The same, with more cases."""
    torture(seed, faults)


def torture(seed: int, faults: list) -> None:
    """Let these faults come over a random graph, mend and compare."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        graph = Graph.random(Path(folder), chance)
        settle(graph)
        for fault in faults:
            fault(graph, chance)
        session = graph.session()
        actions = graph.actions()
        for action in actions:
            session.execute(action)
        consume(session, graph, actions)
        session.close()
        outputs, outcomes = settle(graph)
        assert outputs == graph.expected()
        assert "built" not in outcomes


def consume(session: Session, graph: Graph, actions: list) -> None:
    """Read every output as a view does; what is found damaged is made again."""
    for action in actions:
        session.copy_output(action, "mixed", graph.folder / "view")


@pytest.mark.slow
def test_kills_lose_and_falsify_nothing(tmp_path: Path) -> None:
    """After a hundred kills at random moments: no wrong output, no finished action lost, no needless work."""
    assert kills.torment(100, 7, tmp_path) == Tally(kills=100, wrong=0, lost=0, not_settled=0)
