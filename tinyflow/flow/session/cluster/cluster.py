"""Sends actions to dask's workers and takes what they made. Whatever happens there, actions end well here or elsewhere.

A worker that died, whose disk is full, or whose tools or code differ is said once and not asked again; what it had is
asked of another one, and run here in the end. Only what a stage itself refuses is raised.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, Security
from distributed.comm import connect

from tinyflow.core import process
from tinyflow.core.action import HOME, Action, Workspace
from tinyflow.core.errors import ToolError
from tinyflow.core.execute import Session
from tinyflow.core.executor import PROTOCOL, Message, request_of, take
from tinyflow.core.forkserver import Kind, kind_of
from tinyflow.core.inputs import Blobs, Digests, is_tree
from tinyflow.flow.session.cluster import entry
from tinyflow.flow.session.cluster.address import ClusterAddress
from tinyflow.flow.session.cluster.seen_worker import SeenWorker
from tinyflow.flow.session.preimports import modules_of, of_many

_CONNECT_S = 5.0
_ATTEMPTS = 4  # of an action on workers
_ROUNDS = 2  # of blobs: listings of trees, what is in them
_KILLED = "several workers died while they ran it"
_POLL_S = 0.1
_LOOK_S = 1.0  # how old what is known of the workers may be
_CALL_S = 60.0  # a worker that doesn't take a message in this time is taken for dead
_SENT_BYTES = 128 << 10  # of what no worker has: it gets that before it asks, which takes messages to and fro
_GREET_S = 15.0
_END_S = 2.0
_MESSAGE_BYTES = 32 << 20
_PLACE = re.compile("in <.*?>: ")  # of objects in memory
_NO_IMPORT = re.compile("ModuleNotFoundError|ImportError|AttributeError")
# What connections raise in the end, dask's own among them (CommClosedError is an OSError).
_BROKEN = (OSError, TimeoutError, asyncio.TimeoutError, concurrent.futures.CancelledError, asyncio.CancelledError)


class _Call(threading.Thread):
    """A call in a thread that is left to itself where it takes too long: dask's own have no limit."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self._answer: Any = TimeoutError("no answer in time")
        self.start()

    def run(self) -> None:
        """What the thread does."""
        try:
            self._answer = self._call()
        except BaseException as error:  # what a worker's end looks like depends on the moment
            self._answer = error

    def result(self, until_s: float) -> Any:
        """The answer, or the exception. Raises Cancelled."""
        while self.is_alive() and (left_s := until_s - time.monotonic()) > 0:
            process.raise_if_cancelled()
            self.join(min(_POLL_S, left_s))
        return self._answer


class _Gone(Exception):
    """The scheduler can't be reached any more."""


class Cluster:
    """The workers of one scheduler during one session; safe to use from several threads."""

    def __init__(self, address: ClusterAddress, state: Path, warn: Callable[[str], None]) -> None:
        """`warn` gets one line for each worker that is not used, and where the scheduler is lost."""
        for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # it is we who say what happens
        self._address = address
        self._warn = warn
        self._name = uuid4().hex
        self._modules: dict[Kind, list[str]] = {}
        self._here = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._lock = threading.RLock()
        self._workers: dict[str, Mapping[str, Any]] = {}
        self._looked_s = 0.0
        self._unfit: dict[str, str] = {}
        self._differing: dict[str, set[str]] = defaultdict(set)  # toolset → workers
        self._held: set[str] = set()  # digests of inputs and outputs that some worker has
        self._told: set[str] = set()
        self._is_gone = False
        self._progress: dict[str, Workspace] = {}
        self._local = _local_cluster(address.local_workers, state) if address.local_workers else None
        try:
            self._client = _connect(self._local or address.scheduler, str(address))
            self._client.subscribe_topic(self._name, self._hear)
            if not self._look():
                hint = f"start some: dask worker {address}"
                raise ToolError("the cluster has no workers", where=str(address), hint=hint)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the workers; what they still run for us they stop."""
        client = vars(self).get("_client")
        if client is not None:
            with contextlib.suppress(Exception):
                if not self._is_gone:
                    self._run_on(entry.end, self._workers, self._name, limit_s=_END_S)
            with contextlib.suppress(Exception):
                client.close(timeout=2)
        if self._local is not None:
            with contextlib.suppress(Exception):
                self._local.close(timeout=5)

    def expect(self, actions: Collection[Action]) -> None:
        """These actions may run: modules that many of them need are kept in memory."""
        self._modules = of_many(actions)

    @property
    def slots(self) -> int:
        """How many actions may run there at once."""
        workers = self._look()
        return sum(workers[name]["nthreads"] for name in workers.keys() - self._unfit.keys()) or os.cpu_count() or 1

    # Workers

    def workers(self) -> list[SeenWorker]:
        """All of them, by name."""
        found = self._look()
        told = self._run_on(entry.greet, found, limit_s=_GREET_S)
        seen = []
        for address, scheduler in found.items():
            answer = told.get(address)
            said = answer if isinstance(answer, Mapping) else {}
            seen.append(SeenWorker.of(address, scheduler, said, self._unfit.get(address, "")))
        return sorted(seen, key=lambda worker: (worker.name, worker.address))

    def _look(self) -> Mapping[str, Mapping[str, Any]]:
        """The workers that there are, by address. Raises _Gone."""
        with self._lock:
            if time.monotonic() - self._looked_s < _LOOK_S:
                return self._workers
            asked = _Call(lambda: self._client.scheduler_info(n_workers=-1)["workers"])
            answer = asked.result(time.monotonic() + _CALL_S)
            if isinstance(answer, BaseException):
                raise self._lost()
            found: dict[str, Mapping[str, Any]] = dict(answer)
            for name in self._workers.keys() - found.keys():
                self._tell(f"worker {self._spelled(name)} is gone")
            fresh = found.keys() - self._workers.keys()
            self._workers = found
            self._looked_s = time.monotonic()
            if fresh:
                self._greet(fresh)
            return found

    def _greet(self, names: Collection[str]) -> None:
        """Ask new workers who they are."""
        told = self._run_on(entry.greet, names, limit_s=_GREET_S)
        for name in names:
            answer = told.get(name)
            if isinstance(answer, Mapping) and answer.get("protocol") == PROTOCOL:
                continue
            if isinstance(answer, Mapping):
                said = answer.get("unfit") or f"it speaks protocol {answer.get('protocol')}, not {PROTOCOL}"
            elif _NO_IMPORT.search(said := repr(answer)):  # as text: it travelled
                said = f"it has no tinyflow of this version ({answer})"
            else:
                said = f"it doesn't answer ({said})" if answer is not None else "it doesn't answer"
            self._exclude(name, said)

    def _run_on(
        self, function: Callable[..., Any], names: Collection[str], *args: Any, limit_s: float
    ) -> dict[str, Any]:
        """What each of some workers answers to a call; an exception where it failed, or took too long."""

        def ask(name: str) -> Any:
            return self._client.run(function, *args, workers=[name])[name]

        calls = {name: _Call(partial(ask, name)) for name in names}
        until_s = time.monotonic() + limit_s
        return {name: call.result(until_s) for name, call in calls.items()}

    def _exclude(self, name: str, why: str) -> None:
        """Use a worker no more."""
        with self._lock:
            self._unfit[name] = why
        self._tell(f"worker {self._spelled(name)} is not used: {why}")

    def _spelled(self, name: str) -> str:
        """A worker's address, and its name where that says more."""
        own = str(self._workers.get(name, {}).get("name", name))
        return name if own == name else f"{own} at {name}"

    def _tell(self, line: str) -> None:
        with self._lock:
            is_new = line not in self._told
            self._told.add(line)
        if is_new:
            self._warn(f"cluster: {line}")

    def _lost(self) -> _Gone:
        """The scheduler is away: said once."""
        self._is_gone = True
        self._tell(f"the scheduler at {self._address} is gone; what is left runs here")
        return _Gone()

    def _fit(self, action: Action, toolset: str) -> list[str]:
        """Workers that an action may run on. Raises _Gone."""
        workers = self._look()
        with self._lock:
            out = self._unfit.keys() | self._differing[toolset]
        fit = [name for name in workers if name not in out]
        if action.place:
            fit = [name for name in fit if workers[name].get("resources", {}).get(action.place)]
        return fit

    # Actions

    def perform(self, session: Session, action: Action, digests: Digests, workspace: Workspace) -> None:
        """Have an action's outputs made. Raises what its stage raises, and Cancelled."""
        if action.place != HOME and not self._is_gone:
            with contextlib.suppress(_Gone):
                if self._perform_there(session, action, digests, workspace):
                    return
        with self._here:
            session.perform_here(action, digests, workspace)

    def _perform_there(self, session: Session, action: Action, digests: Digests, workspace: Workspace) -> bool:
        """Whether a worker ran it."""
        toolset = session.toolset_text(action)
        inputs = {name: (digests[name], is_tree(source)) for name, source in action.inputs.items()}
        is_kept = not action.isolated or kind_of(action) in self._modules
        request = request_of(self._name, action, inputs, toolset, modules_of(action) if is_kept else ())
        blobs = Blobs(action, digests, session.store)
        tried: set[str] = set()
        for _ in range(_ATTEMPTS):
            fit = [name for name in self._fit(action, toolset) if name not in tried]
            if not fit:
                if not action.place:
                    self._tell(f"no worker can run {action.stage}: it runs here")
                return False
            fresh = {name for name, _ in inputs.values()} - self._held
            request["blobs"] = blobs.small(fresh, _SENT_BYTES)
            answer = self._ask(request, action, fit, blobs, workspace)
            worker = answer.get("worker", "")
            if "unfit" in answer:
                self._exclude(worker, answer["unfit"])
            elif "failed" in answer:
                tried.add(worker)
                self._tell(f"{action.title} failed on {self._spelled(worker) or 'workers'}: {answer['failed']}")
            elif "differs" in answer:
                with self._lock:
                    self._differing[toolset].add(worker)
                self._tell(f"worker {self._spelled(worker)} doesn't run {action.stage}: {answer['differs'][0]}")
            elif "log" in answer:
                try:
                    take(answer, workspace)
                except (ValueError, KeyError) as error:  # damaged, or without what it should hold
                    self._exclude(worker, f"its answer is not whole: {error}")
                else:
                    self._held.update(name for name, _ in inputs.values())
                    self._held.update(answer["outputs"].values())
                    return True
        self._tell(f"{action.title} found no worker in {_ATTEMPTS} attempts: it runs here")
        return False

    def _ask(self, request: Message, action: Action, workers: list[str], blobs: Blobs, workspace: Workspace) -> Message:
        """What one of these workers answers, which has all inputs then; empty where it died."""
        answer = self._run(request, action, workers, workspace)
        if not answer.get("asks"):
            return answer
        worker = answer["worker"]
        for _ in range(_ROUNDS):
            for part in _parts(answer.get("asks", ()), blobs):
                told = self._run_on(entry.accept, [worker], request["inputs"], part, limit_s=_CALL_S)[worker]
                if not isinstance(told, Mapping):
                    return {}
                answer = dict(told)
        if "unfit" in answer:
            return {**answer, "worker": worker}
        return self._run(request, action, [worker], workspace)

    def _run(self, request: Message, action: Action, workers: list[str], workspace: Workspace) -> Message:
        """An answer to a request; empty where the worker died. Raises Cancelled and _Gone."""
        key = f"{action.stage}-{uuid4().hex}"
        self._progress[key] = workspace
        future = self._client.submit(
            entry.run,
            request,
            key,
            key=key,
            pure=False,
            workers=workers,
            resources={action.place: 1} if action.place else None,
        )
        try:
            return self._wait(future, workers)
        except _BROKEN:
            if self._client.status != "running":
                raise self._lost() from None
            return {}
        finally:
            future.release()
            self._progress.pop(key, None)

    def _wait(self, future: Future, workers: Collection[str]) -> Message:
        """What a task gives; empty where nothing comes any more. Raises Cancelled, _Gone and what is _BROKEN."""
        ended = threading.Event()
        future.add_done_callback(lambda future: ended.set())
        while not ended.wait(_POLL_S):
            process.raise_if_cancelled()
            if not self._look().keys() & set(workers):
                return {}
        if future.status == "error":
            error = future.exception(_CALL_S)
            return {"failed": _KILLED if isinstance(error, KilledWorker) else repr(error)}
        if future.status != "finished":
            raise concurrent.futures.CancelledError
        coming = asyncio.run_coroutine_threadsafe(self._gather(future), self._client.loop.asyncio_loop)
        while True:
            process.raise_if_cancelled()
            try:
                return coming.result(_POLL_S)
            except (TimeoutError, concurrent.futures.TimeoutError):
                if coming.done():
                    raise
                if not self._look().keys() & set(workers):
                    coming.cancel()
                    return {}

    async def _gather(self, future: Future) -> Message:
        answer: Message = await self._client.gather(future, asynchronous=True)
        return answer

    def _hear(self, event: tuple[float, Mapping[str, str]]) -> None:
        """A worker told how far an action is."""
        told = event[1]
        workspace = self._progress.get(told["key"])
        if workspace is not None:
            with contextlib.suppress(OSError):
                workspace.show(told["progress"])


def _parts(names: Collection[str], blobs: Blobs) -> Iterator[dict[str, bytes]]:
    """These blobs in parts that a message may hold; one that is larger alone."""
    part: dict[str, bytes] = {}
    size = 0
    for name in names:
        content = blobs.read([name])[name]
        if part and size + len(content) > _MESSAGE_BYTES:
            yield part
            part, size = {}, 0
        part[name] = content
        size += len(content)
    if part:
        yield part


def _connect(server: LocalCluster | str, address: str) -> Client:
    """A client. Raises ToolError where nobody answers."""
    security = Security()  # what dask's settings say
    try:
        if isinstance(server, str):  # first alone: a client that failed says so again and again
            with concurrent.futures.ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, _reach(server, security)).result()
        return Client(server, timeout=_CONNECT_S, set_as_default=False, name="tinyflow", security=security)
    except (OSError, TimeoutError, ValueError, RuntimeError, TypeError) as error:  # TypeError: no certificates
        said = _PLACE.sub("", str(error.__cause__ or error).partition("\n")[0]) or type(error).__name__
        hint = "is `dask scheduler` running there, of the version that is installed here? certificates: docs/cluster.md"
        raise ToolError(f"no scheduler answers: {said}", where=address, hint=hint, missing=True) from None


async def _reach(server: str, security: Security) -> None:
    """Open a connection and close it."""
    await (await connect(server, timeout=_CONNECT_S, **security.get_connection_args("client"))).close()


def _local_cluster(workers: int, state: Path) -> LocalCluster:
    with dask.config.set({"distributed.worker.multiprocessing-method": "spawn"}):
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            local_directory=str(state / "cluster"),
            env={entry.CACHE: str(state / "cluster" / "cache")},
            silence_logs=logging.CRITICAL,
        )
