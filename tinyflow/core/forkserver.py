"""Workers that start at once: copies of one process that has done the imports already.

For sessions that run the same stages again and again, or many of one kind. A copy is as much a process of its own as
a worker that is started anew, with the same environment, folder, log and time limit; it only has modules in memory.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from tinyflow.core import process, worker
from tinyflow.core.action import Action, Workspace
from tinyflow.core.errors import Timeout, ToolError

_POLL_S = 0.1  # how long a wish to stop may go unnoticed
_REQUEST_BYTES = 1 << 16
_LAZY = "lazy"


class ForkServer:
    """The process that is copied. Threads may ask it at the same time; `close` ends it and all its copies."""

    def __init__(self, modules: Iterable[str], folder: Path, *, is_lazy: bool = False) -> None:
        """`modules` are imported before the first copy; one that can't be is left to the worker that needs it.

        `is_lazy` puts that off until somebody asks for a copy. It lives as long as the thread that makes it, at most.
        """
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ours
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno()), _LAZY if is_lazy else "", *modules],
            cwd=folder,
            env=process.worker_environment(folder),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(theirs.fileno(),),
            preexec_fn=process.with_parent(),
        )
        theirs.close()

    def has_ended(self) -> bool:
        """Whether no copy can be had any more."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_POLL_S)  # its copies' sockets may close a moment before it is gone
            return True
        return False

    def close(self) -> None:
        """End it; copies die with it."""
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def call(
        self,
        action: Action,
        workspace: Workspace,
        modules: Collection[str] = (),
        check: Callable[[], None] = process.raise_if_cancelled,
    ) -> None:
        """As `worker.call_isolated`. Raises what it raises, Timeout, and what `check` does, which is called meanwhile.

        `modules` are imported before the copy is made, so that later ones have them, too.
        """
        function = action.function
        request = worker.write_request(function, workspace)
        ours, theirs = socket.socketpair()
        with ours:
            with theirs, self._lock:
                message = pickle.dumps((tuple(modules), str(request), str(workspace.folder), str(workspace.log_path)))
                try:
                    socket.send_fds(self._socket, [message], [theirs.fileno()])
                except OSError:
                    raise ToolError("the process that workers are copies of has ended", hint="start again") from None
            status = wait(ours, workspace.timeout_s, check)
        raise_for(status, function, workspace)


Kind = tuple[str, tuple[str, ...]]  # function and implementation: what decides the imports of an action


def kind_of(action: Action) -> Kind:
    """Actions of one kind import the same."""
    return (action.function, action.implementation)


class ForkServers:
    """One for each of some kinds of actions; the others get workers that are started anew."""

    def __init__(self, modules: Mapping[Kind, Iterable[str]], folder: Path) -> None:
        """`modules` of each kind are imported when the first of its actions is called."""
        self._servers = {kind: ForkServer(names, folder, is_lazy=True) for kind, names in modules.items()}

    def call(self, action: Action, workspace: Workspace) -> None:
        """As `worker.call_isolated`."""
        fork_server = self._servers.get(kind_of(action))
        if fork_server is not None:
            try:
                return fork_server.call(action, workspace)
            except ToolError:
                if not fork_server.has_ended():
                    raise
        worker.call_isolated(action, workspace)  # also where what it imports ended a server: the worker will say why
        return None

    def close(self) -> None:
        """End them; copies die with them."""
        for fork_server in self._servers.values():
            fork_server.close()


def raise_for(status: int | None, function: str, workspace: Workspace) -> None:
    """Raise what a worker's exit status stands for."""
    if status is None:
        raise Timeout(
            f"didn't end within {workspace.timeout_s:g} s",
            hint="raise `timeout` in the recipe, or give --timeout",
        )
    if status != 0:
        log = workspace.log_path.read_text(encoding="utf-8", errors="replace")
        worker.raise_refusal(function, workspace, ToolError("", hint=log[-4000:], status=status, log=log))


def wait(connection: socket.socket, timeout_s: float, check: Callable[[], None]) -> int | None:
    """A worker's exit status, negative for a signal; None where the time ran out. It is dead when this returns."""
    connection.settimeout(_POLL_S)
    pid, left = 0, timeout_s
    try:
        while left > 0:
            check()
            try:
                text = connection.recv(64)
            except TimeoutError:
                left -= _POLL_S
                continue
            if not text:  # whoever was to tell is gone
                return -signal.SIGKILL
            for word in text.decode().split():
                if word.startswith("pid"):
                    pid = int(word[3:])
                else:
                    pid = 0
                    return int(word)
        return None
    finally:
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


# What runs in the process that is copied


def _serve(requests: socket.socket, modules: Iterable[str]) -> None:
    """Copy this process for each request, until the other end is closed; `modules` are imported before the first."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the copies
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, _REQUEST_BYTES, 1)
        if not message:
            return
        more, *paths = pickle.loads(message)
        modules = import_all([*modules, *more])
        fork_server = os.getpid()
        if os.fork() == 0:
            process.die_with_parent(fork_server)
            requests.close()
            with socket.socket(fileno=descriptors[0]) as answer:
                _attend(answer, *map(Path, paths))
            os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)


def _attend(answer: socket.socket, request: Path, folder: Path, log: Path) -> None:
    """Be one worker's parent: start it, and tell how it ended."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    attendant = os.getpid()
    answer.send(f"pid{attendant} ".encode())
    child = os.fork()
    if child == 0:
        status = 1
        try:
            process.die_with_parent(attendant)
            status = work(request, folder, log)
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    answer.send(f"{os.waitstatus_to_exitcode(status)} ".encode())


def work(request: Path, folder: Path, log: Path) -> int:
    """Be a worker in this process: the exit status of one."""
    os.chdir(folder)
    os.environ.update({"HOME": str(folder), "TMPDIR": str(folder)})
    tempfile.tempdir = None  # as it was when the imports were done
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with log.open("ab") as stream:
        stream.write(f"$ worker {request.name}\n".encode())
        stream.flush()
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    try:
        return worker.main(request)
    except BaseException:
        import traceback

        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def import_all(modules: Iterable[str]) -> tuple[str, ...]:
    """Import what can be; what is left to import then."""
    for name in modules:
        with contextlib.suppress(Exception):  # the worker that needs it will say so
            importlib.import_module(name)
    return ()


def _main(words: list[str]) -> None:
    descriptor, when, *modules = words
    _serve(socket.socket(fileno=int(descriptor)), modules if when == _LAZY else import_all(modules))


if __name__ == "__main__":
    _main(sys.argv[1:])
