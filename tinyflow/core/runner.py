"""A process that runs one action after another in itself: what need not be isolated, for who must not run it itself.

It has each action's folder, log and environment, as a worker that is started anew. A signal, or whoever waits no more,
ends it with the action.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path

from tinyflow.core import forkserver, process, worker
from tinyflow.core.action import Action, Workspace

_REQUEST_BYTES = 1 << 16


class Runner:
    """The process. One thread at a time may use it; it lives as long as the thread that makes it, at most."""

    def __init__(self, folder: Path) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ours
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                cwd=folder,
                env=process.worker_environment(folder),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
                preexec_fn=process.with_parent(),
            )

    @property
    def has_ended(self) -> bool:
        """Whether it can run no more."""
        return self._process.poll() is not None

    def close(self) -> None:
        """End it, and what it has started."""
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def call(self, action: Action, workspace: Workspace, modules: Collection[str], check: Callable[[], None]) -> None:
        """As `ForkServer.call`; where it doesn't end of itself, neither does the process go on."""
        request = worker.write_request(action.function, workspace)
        message = pickle.dumps((tuple(modules), str(request), str(workspace.folder), str(workspace.log_path)))
        status = None
        try:
            self._socket.send(message)
            status = forkserver.wait(self._socket, workspace.timeout_s, check)
        except OSError:
            status = -signal.SIGKILL
        finally:
            if status is None or status < 0:
                self.close()
                status = status and min(self._process.returncode, -1)
        forkserver.raise_for(status, action.function, workspace)


def _main(descriptor: int) -> None:
    said = [os.dup(1), os.dup(2)]
    with socket.socket(fileno=descriptor) as requests:
        while message := requests.recv(_REQUEST_BYTES):
            modules, *paths = pickle.loads(message)
            forkserver.import_all(modules)
            status = forkserver.work(*map(Path, paths))
            process.forget_cancel()
            os.chdir("/")
            for stream, before in zip((1, 2), said, strict=True):
                os.dup2(before, stream)
            requests.send(f"{status} ".encode())


if __name__ == "__main__":
    _main(int(sys.argv[1]))
