"""What dask's workers call by name. Each of them keeps an executor, made when first asked."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distributed import Worker, get_worker

from tinyflow.core.errors import UsageError
from tinyflow.core.executor import PROTOCOL, Executor, Message, Unwanted
from tinyflow.core.remote import Remote, parse_address
from tinyflow.core.units import parse_size

CACHE, _KEEP = "TINYFLOW_WORKER_CACHE", "TINYFLOW_WORKER_CACHE_KEEP"
_KEEP_BYTES = 5 << 30
_executors: dict[str, Executor] = {}  # by the worker's address: a process may have several
_lock = threading.Lock()


def _executor(worker: Worker) -> Executor:
    with _lock:
        if worker.address not in _executors:
            scratch = Path(worker.local_directory)
            place = Path(os.environ.get(CACHE) or scratch.parent / "tinyflow")
            keep = os.environ.get(_KEEP)
            remote = os.environ.get("TINYFLOW_REMOTE_CACHE")
            token = os.environ.get("TINYFLOW_REMOTE_TOKEN")
            _executors[worker.address] = Executor(
                place,
                scratch / "tinyflow",
                parse_size(keep) if keep else _KEEP_BYTES,
                Remote(parse_address(remote, token)) if remote else None,
            )
        return _executors[worker.address]


async def _beside(worker: Worker, call: Callable[[Executor], Any]) -> Any:
    """Call something in a thread that takes none from actions."""
    return await asyncio.to_thread(lambda: call(_executor(worker)))


async def greet(dask_worker: Worker) -> Message:
    """What a worker says of itself before it is used."""
    try:
        return {"protocol": PROTOCOL, **await _beside(dask_worker, lambda executor: executor.state())}
    except (UsageError, OSError, ValueError) as error:
        return {"unfit": str(error).partition("\n")[0]}


async def accept(inputs: Message, blobs: dict[str, bytes], dask_worker: Worker) -> Message:
    """Keep blobs that were asked for."""
    told: Message = await _beside(dask_worker, lambda executor: executor.accept(inputs, blobs))
    return told


async def end(session: str, dask_worker: Worker) -> None:
    """A session is at its end."""
    await _beside(dask_worker, lambda executor: executor.end(session))


def run(request: Message, key: str) -> Message:
    """Run an action, as dask's task of this key."""
    worker = get_worker()
    told = ""

    def check() -> None:
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            raise Unwanted("nobody waits for it any more")

    def tell(text: str) -> None:
        nonlocal told
        if text != told:
            told = text
            worker.log_event(request["session"], {"key": key, "progress": text})

    return {**_executor(worker).run(request, check, tell), "worker": worker.address}
