"""A scheduler and workers of dask as processes of their own, which share nothing but the network of this machine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tinyflow.core.process import with_parent

_START_S = 60.0


class Machines:
    """Started one by one in a folder; all end with it."""

    def __init__(self, folder: Path, *words: str, **variables: str) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self._variables = variables
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", ":0", *words, **variables)
        self.address = json.loads(self._wait(self._file))["address"]

    def worker(self, name: str, *words: str, slots: int = 1, **variables: str) -> subprocess.Popen[bytes]:
        """A worker that is there when this returns; it has its cache in `<folder>/<name>`."""
        count = len(self.names())
        place = self._folder / name
        variables = {"TINYFLOW_WORKER_CACHE": str(place / "cache"), **variables}
        who = ("--name", name, "--nthreads", str(slots), "--local-directory", str(place))
        process = self._start("worker", *who, "--dashboard-address", ":0", "--no-nanny", *words, **variables)
        until_s = time.monotonic() + _START_S
        while len(self.names()) <= count:
            assert process.poll() is None and time.monotonic() < until_s, self.said("worker")
            time.sleep(0.1)
        return process

    def names(self) -> list[str]:
        """The workers that the scheduler knows."""
        import dask
        from distributed import Client

        names = {name: name.removeprefix("DASK_").lower().replace("__", ".") for name in self._variables}
        settings = {names[name]: self._variables[name] for name in names}
        with dask.config.set(settings), Client(self.address, set_as_default=False) as client:
            return [each["name"] for each in client.scheduler_info(n_workers=-1)["workers"].values()]

    def sleeping(self, name: str = "") -> list[int]:
        """Processes of `sleep` that run for actions on a worker, or on any."""
        home = f"HOME={self._folder}/{name}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes().split(b"\0")
                if words[0] == b"sleep" and any(
                    word.startswith(home) for word in (process / "environ").read_bytes().split(b"\0")
                ):
                    found.append(int(process.name))
        return found

    def said(self, kind: str) -> str:
        """What such processes printed."""
        return (self._folder / f"{kind}.txt").read_text()

    def end(self) -> None:
        """All of it."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _start(self, kind: str, *words: str, **variables: str) -> subprocess.Popen[bytes]:
        words = ("--scheduler-file", str(self._file), *words)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TINYFLOW_")}
        with (self._folder / f"{kind}.txt").open("ab") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words],
                stdout=said,
                stderr=said,
                cwd=self._folder,
                env={**environment, **variables},
                start_new_session=True,
                preexec_fn=with_parent(),
            )
        self.processes.append(process)
        return process

    def _wait(self, path: Path) -> str:
        until_s = time.monotonic() + _START_S
        while not path.is_file() or not path.read_text():
            assert time.monotonic() < until_s, self.said("scheduler")
            time.sleep(0.05)
        return path.read_text()


@contextlib.contextmanager
def machines(folder: Path, *words: str, **variables: str) -> Iterator[Machines]:
    """Within, there is a scheduler, started with these words; `variables` are the settings of who looks at it."""
    found = Machines(folder, *words, **variables)
    try:
        yield found
    finally:
        found.end()
