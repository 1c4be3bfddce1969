"""`tinyflow` with synthetic benches in processes that start at once: copies of one that has imported everything.

A copy is as much a process of its own as a program that was started: its own folder, environment, terminal or files,
threads, children and end. Most of a short command's time goes into imports, and here that time is taken once.
"""

from __future__ import annotations

import array
import os
import pickle
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from flow_support import CHECKOUT, HERE

_LIMIT_S = 60
_REQUEST_BYTES = 1 << 17


class Original:
    """The process that is copied; one copy runs at a time."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(_LIMIT_S)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, (CHECKOUT, HERE)))},
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self._process.wait(_LIMIT_S)

    def start(self, words: tuple[str, ...], folder: Path, environment: Mapping[str, str], *streams: int) -> None:
        """Begin one command line; `streams` are its standard input, output and error output."""
        message = pickle.dumps((words, str(folder), dict(environment)))
        descriptors = array.array("i", streams)
        self._socket.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])

    def wait(self) -> int:
        """The exit status of what was started last, negative for a signal."""
        return int(self._socket.recv(_REQUEST_BYTES))

    def run(
        self, words: tuple[str, ...], folder: Path, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """A command line from beginning to end."""
        with (
            Path(os.devnull).open() as nothing,
            tempfile.TemporaryFile("w+") as output,
            tempfile.TemporaryFile("w+") as errors,
        ):
            self.start(words, folder, environment, nothing.fileno(), output.fileno(), errors.fileno())
            status = self.wait()
            output.seek(0)
            errors.seek(0)
            return subprocess.CompletedProcess(words, status, output.read(), errors.read())


def _serve(requests: socket.socket) -> None:
    """Be copied for each request, until the other end is closed."""
    while True:
        message, streams, _, _ = socket.recv_fds(requests, _REQUEST_BYTES, 3)
        if not message:
            return
        copy = os.fork()
        if copy == 0:
            requests.close()
            _be_a_program(*pickle.loads(message), streams)
        for stream in streams:
            os.close(stream)
        _, status = os.waitpid(copy, 0)
        requests.send(str(os.waitstatus_to_exitcode(status)).encode())


def _be_a_program(words: tuple[str, ...], folder: str, environment: dict[str, str], streams: list[int]) -> None:
    from synthetic_benches import main

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.argv = ["synthetic_benches.py", *words]
    status = 1
    try:
        status = main()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _prepare() -> None:
    """Run a bench, so that all that is imported, compiled and kept in memory is there already."""
    from synthetic_benches import main

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.argv = ["synthetic_benches.py", "-q", "bench:net-good-chip"]
        assert main() == 0
        sys.stdout.flush()
        os.chdir("/")


if __name__ == "__main__":
    connection = socket.socket(fileno=int(sys.argv[1]))
    _prepare()
    _serve(connection)
