"""What a cluster costs, and that killed workers lose and falsify nothing: scheduler and workers on this machine.

    python benchmarks/on_cluster.py overhead [actions]     an action beside the same one here, with 3 workers
    python benchmarks/on_cluster.py suite WORDS            suites and benches on 2 workers beside `-n 2`
    python benchmarks/on_cluster.py kills [kills] [seed]   3 workers, one of which is killed at random moments

Seconds on a busy machine say little, so the fewest are told, too, and processor time where it can be had. The two sides
of a comparison are taken in one run.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kills
from distributed import Client
from kills import Graph, Tally

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from dask_machines import Machines, machines

from tinyflow.core.action import Action, SourceFile, Workspace
from tinyflow.core.execute import Session
from tinyflow.core.states import UP_TO_DATE
from tinyflow.flow.session import parallel_runner
from tinyflow.flow.session.cluster import open_cluster
from tinyflow.flow.session.cluster.address import parse
from tinyflow.flow.session.cluster.cluster import Cluster

_INPUT_BYTES = 10_000


def double(workspace: Workspace) -> None:
    """Next to no work: what is left is what an action costs."""
    workspace.outputs["twice"].write_bytes(workspace.inputs["once"].read_bytes() * 2)


def mix(workspace: Workspace) -> None:
    """As `kills.mix`, with a tool that takes a moment, so that many are killed at it."""
    workspace.run(["sleep", "0.05"])
    kills.mix(workspace)


@contextlib.contextmanager
def _on(found: Machines, session: Session, state: Path, said: Callable[[str], None]) -> Iterator[Cluster]:
    """Within, the session's actions run there."""
    cluster = open_cluster(parse(found.address), state, said)
    session.perform = lambda *what: cluster.perform(session, *what)
    try:
        yield cluster
    finally:
        cluster.close()


# What an action costs


def overhead(count: int, folder: Path) -> None:
    """Print seconds of one action after the other, and of three at once, here and there."""
    source = folder / "once"
    source.write_bytes(bytes(_INPUT_BYTES))

    def actions(where: str, isolated: bool) -> list[Action]:
        function, inputs = f"{__name__}:double", {"once": SourceFile(source, "once")}
        return [
            Action("double", f"{where} {i}", function, ("twice",), {"i": i, "for": where}, inputs, isolated=isolated)
            for i in range(count)
        ]

    def one_by_one(where: str, *, isolated: bool = False) -> list[float]:
        taken = []
        for action in actions(where, isolated):
            began = time.perf_counter()
            session.execute(action)
            taken.append(time.perf_counter() - began)
        return taken

    def three_at_once(where: str) -> float:
        began = time.perf_counter()
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(session.execute, actions(where, False)))
        return (time.perf_counter() - began) / count

    with machines(folder) as found:
        for name in "abc":
            found.worker(name, PYTHONPATH=python_path())
        session = Session(folder / "cache", folder / "state")
        here, at_once = one_by_one("here"), three_at_once("here, three")
        with _on(found, session, folder / "state", print):
            one_by_one("to get warm")
            used = time.process_time()
            there = one_by_one("there")
            used = time.process_time() - used
            at_once_there = three_at_once("there, three")
        session.close()
    pairs = [(f(here) * 1e3, f(there) * 1e3) for f in (min, statistics.median)]
    for what, (mine, theirs) in zip(("fewest", "median"), pairs, strict=True):
        print(f"one after the other, {what}: {mine:.1f} ms here, {theirs:.1f} ms there: {theirs - mine:.1f} ms more")
    print(f"three at once: {at_once * 1e3:.1f} ms here, {at_once_there * 1e3:.1f} ms there for each")
    print(f"processor time of who asks: {used / count * 1e3:.1f} ms for each")


# A suite


def suite(wanted: Sequence[str], folder: Path) -> None:
    """Print seconds of suites and benches from nothing, with `-n 2` and on two workers."""
    taken = {}
    for where in ("-n 2", "two workers"):
        shutil.rmtree(folder / "project", ignore_errors=True)
        (folder / "project").mkdir()
        words = [sys.executable, "-c", "from tinyflow.flow.cli import program; program()", *wanted]
        with contextlib.ExitStack() as stack:
            if where == "-n 2":
                words += ["-n", "2"]
            else:
                (folder / "cluster").mkdir()
                found = stack.enter_context(machines(folder / "cluster"))
                for worker in "ab":
                    found.worker(worker)
                words += ["--cluster", found.address]
            used, began = _children_s(), time.perf_counter()
            environment = {**os.environ, "TINYFLOW_CACHE": str(folder / "project" / "cache")}
            done = subprocess.run(words, cwd=folder / "project", env=environment, capture_output=True, text=True)
            taken[where] = time.perf_counter() - began
        counts = next((line for line in done.stdout.splitlines() if line[:1].isdigit()), done.stderr)
        print(f"{where}: {taken[where]:.1f} s ({_children_s() - used:.1f} s of processors that can be told): {counts}")
    print(f"ratio {taken['two workers'] / taken['-n 2']:.3f}")


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# Killed workers


def torment(count: int, seed: int, folder: Path, said: Callable[[str], None]) -> Tally:
    """Run a graph again and again, each time with an edited source, while workers are killed; so many of them."""
    chance, tally = random.Random(seed), Tally()
    graph = Graph.random(folder, chance, f"{__name__}:mix")
    (folder / "cluster").mkdir()
    with machines(folder / "cluster") as found, Client(found.address, set_as_default=False) as client:
        for name in "abc":
            # Nannies start what was killed again; from a process that has the imports, it takes a moment only.
            method = {"DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "forkserver"}
            found.worker(name, "--nanny", PYTHONPATH=python_path(), **method)
        while tally.kills < count:
            graph.edit_any(chance, f"{tally.kills} of {seed}")
            session = graph.session()
            with _on(found, session, folder / "state", said):
                stop = threading.Event()
                killer = threading.Thread(target=_kill, args=(client, chance, tally, count, stop))
                killer.start()
                parallel_runner.run(graph.actions(), session, lambda action, how: _note(tally, how), 3)
                stop.set()
                killer.join()
            outputs = [session.output_path(action, "mixed").read_text() for action in graph.actions()]
            tally.wrong += sum(one != other for one, other in zip(outputs, graph.expected(), strict=True))
            session.close()
            session = graph.session()
            tally.not_settled += sum(session.execute(action).outcome != UP_TO_DATE for action in graph.actions())
            session.close()
    return tally


def _note(tally: Tally, how: object) -> None:
    if isinstance(how, Exception):
        print(how)
        tally.lost += 1


def _kill(client: Client, chance: random.Random, tally: Tally, count: int, stop: threading.Event) -> None:
    """Kill a worker now and then, whatever it is at."""
    while not stop.wait(chance.uniform(0.0, 0.6)) and tally.kills < count:
        with contextlib.suppress(Exception):  # one that is being killed can't be asked
            pids = list(client.run(os.getpid, on_error="ignore").values())
            if pids:
                os.kill(chance.choice(pids), signal.SIGKILL)
                tally.kills += 1


def python_path() -> str:
    """Where workers find these stage functions."""
    return os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1] / "tests")])


def main(words: Sequence[str]) -> int:
    """Run one of the three; the exit status is 1 if anything went wrong."""
    kind, *more = words or ("overhead",)
    os.environ["PYTHONPATH"] = python_path()
    with tempfile.TemporaryDirectory() as folder:
        if kind == "kills":
            count, seed = (int(more[0]) if more else 200), (int(more[1]) if more[1:] else 1)
            tally = torment(count, seed, Path(folder), lambda line: None)
            print(
                f"{tally.kills} workers killed: {tally.wrong} wrong outputs, {tally.lost} actions that failed, "
                f"{tally.not_settled} that ran again without need"
            )
            return int(bool(tally.wrong or tally.lost or tally.not_settled))
        if kind == "suite":
            suite(more, Path(folder))
        else:
            overhead(int(more[0]) if more else 100, Path(folder))
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    import on_cluster as module  # stage functions are found by the name of their module

    sys.exit(module.main(sys.argv[1:]))
