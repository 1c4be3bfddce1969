"""Programs that targets need: servers that run meanwhile, what runs to its end; and a lock for what only one may use.

All of them have a clean environment, and end with whatever they have started.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, TypeVar

from tinyflow.core import lock
from tinyflow.core.action import Tool
from tinyflow.core.digest import of_bytes
from tinyflow.core.distribution import pip_install
from tinyflow.core.errors import RunError, ToolError
from tinyflow.core.process import clean_environment, end_of, with_parent

_END_LIMIT_S = 5.0
_LOADER_LIMIT_S = 300.0
_POLL_S = 0.1
_MOST_BYTES = 64 << 20
_LAST_BYTES, _LAST_LINES = 4000, 6
_LOCKS = Path("/tmp")  # not TMPDIR, which is another one for each worker
_PACKAGES = {"ssh": "openssh-client", **{name: name for name in ("stm32flash", "dfu-util", "avrdude")}}  # Debian's

Opened = TypeVar("Opened")


def program(name: str) -> str:
    """OpenOCD also comes as the package openocd-esp32, by another name."""
    other = f"{name}-esp32"
    return other if name == "openocd" and shutil.which(name) is None and shutil.which(other) else name


def how_to_get(name: str) -> str:
    """What to do where a program of a recipe's command is missing."""
    if name.startswith("openocd"):
        return f"apt install openocd, or {pip_install('boards')}"
    if name in ("pyocd", "esptool", "esptool.py"):
        return pip_install("boards")
    if name in _PACKAGES:
        return f"apt install {_PACKAGES[name]}"
    return f"install it, or name another in the target's recipe{': apt install qemu-system' * name.startswith('qemu-')}"


def tools(words: Mapping[str, Sequence[str]]) -> list[Tool]:
    """Those of a recipe's `server` and `loader`."""
    commands = (words[name][0] for name in ("server", "loader") if words.get(name))
    return [Tool("binary", program(name), how_to_get(name)) for name in commands]


@contextlib.contextmanager
def alone(what: str) -> Iterator[None]:
    """Hold the lock of one probe or port: other benches, and other sessions on this machine, wait."""
    with lock.hold(_LOCKS / f"tinyflow-probe-{os.getuid()}-{of_bytes(what.encode())[-12:]}.lock"):
        yield


def free_port() -> str:
    """A port of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def _start(
    command: Sequence[str],
    places: Mapping[str, str],
    folder: Path,
    output: IO[bytes] | int,
    given: IO[bytes] | int = subprocess.DEVNULL,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.Popen[bytes]:
    """A recipe's command, in a folder, with `{name}` in its words replaced. Raises ToolError where it isn't there."""
    words = [program(command[0]), *command[1:]]
    for name, value in places.items():
        words = [word.replace(f"{{{name}}}", value) for word in words]
    try:
        return subprocess.Popen(
            words,
            cwd=folder,
            env={**clean_environment(folder), **variables},
            stdin=given,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=with_parent(),
        )
    except OSError as error:
        hint = how_to_get(command[0])
        raise ToolError(f"{command[0]}: {error.strerror}", hint=hint, missing=True) from None


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _last_lines(text: bytes) -> str:
    """Without what firmware has told."""
    lines = text[-_LAST_BYTES:].decode("utf-8", "replace").splitlines()
    told = [line.strip() for line in lines if line.strip() and "@tf" not in line]
    return "; ".join(told[-_LAST_LINES:])


class Server:
    """A server of ours, which runs until it is closed."""

    def __init__(self, command: Sequence[str], places: Mapping[str, str]) -> None:
        """Raises ToolError for a program that isn't there."""
        self.name = command[0]
        self._folder = tempfile.TemporaryDirectory(prefix="tinyflow-server-")
        folder = Path(self._folder.name)
        self._log = folder / "log"
        try:
            with self._log.open("wb") as log:
                self._process = _start(command, places, folder, log)
        except ToolError:
            self._folder.cleanup()
            raise

    def status(self) -> int | None:
        """Of its end; None while it runs."""
        return self._process.poll()

    def last_words(self) -> str:
        """What it printed last."""
        return _last_lines(self._log.read_bytes()) if self._log.exists() else ""

    def close(self) -> None:
        """End it; called any number of times."""
        if self.status() is None:
            _end(self._process, signal.SIGTERM)
            try:
                self._process.wait(_END_LIMIT_S)
            except subprocess.TimeoutExpired:
                _end(self._process, signal.SIGKILL)
                self._process.wait()
        self._folder.cleanup()


def soon(opened: Callable[[], Opened], limit_s: float, server: Server | None) -> Opened:
    """What is opened once it is there; else its last OSError or ToolError. Raises ToolError for a server that ends."""
    end = time.monotonic() + limit_s
    while True:
        try:
            return opened()
        except (OSError, ToolError):
            if server is not None and server.status() is not None:
                told = "; ".join(filter(None, (server.last_words(), "is the probe plugged in, and free?")))
                raise ToolError(f"{server.name} ended with status {server.status()}", hint=told) from None
            if time.monotonic() > end:
                raise
            time.sleep(_POLL_S)


@dataclass(frozen=True)
class Ended:
    """`status` None: it was ended, after the time or after too much text."""

    status: int | None
    printed: bytes
    wall_s: float

    @property
    def is_flood(self) -> bool:
        """Whether it was too much text."""
        return len(self.printed) > _MOST_BYTES

    @property
    def last_words(self) -> str:
        """What it printed last, without what the firmware has told."""
        return _last_lines(self.printed)


def run(
    command: Sequence[str],
    places: Mapping[str, str],
    folder: Path,
    limit_s: float,
    *,
    given: Path | None = None,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Ended:
    """Run a recipe's command to its end, in a folder. Raises ToolError where it isn't there.

    `given`: its standard input; `variables`: more of its environment.
    """
    started = time.monotonic()
    with contextlib.ExitStack() as open_files:
        source = subprocess.DEVNULL if given is None else open_files.enter_context(given.open("rb"))
        child = _start(command, places, folder, subprocess.PIPE, source, variables)
    assert child.stdout is not None
    printed, status = bytearray(), None
    with contextlib.closing(child.stdout) as stream:
        while len(printed) <= _MOST_BYTES:
            left_s = started + limit_s - time.monotonic()
            if not select.select([stream], [], [], max(0, left_s))[0]:
                break
            more = os.read(stream.fileno(), 1 << 16)
            if not more:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    status = child.wait(max(0.0, left_s))
                break
            printed += more
        _end(child, signal.SIGKILL)
        child.wait()
    return Ended(status, bytes(printed), time.monotonic() - started)


def load_by(command: Sequence[str], places: Mapping[str, str]) -> None:
    """Put firmware into flash by a command of the recipe. Raises RunError with what it printed last, and ToolError."""
    with tempfile.TemporaryDirectory(prefix="tinyflow-loader-") as folder:
        ended = run(command, places, Path(folder), _LOADER_LIMIT_S)
    if ended.status != 0:
        way = f"didn't end within {_LOADER_LIMIT_S:g} s" if ended.status is None else end_of(ended.status)
        raise RunError(f"the loader {command[0]} {way}", hint=ended.last_words or "see docs/boards.md")
