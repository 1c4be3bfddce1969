"""A GDB server: one that runs somewhere, or one that we start, and the board behind it for us alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.digest import of_bytes
from tinyflow.core.errors import RunError, ToolError
from tinyflow.core.process import clean_environment, with_parent

_POLL_S = 0.1
_END_LIMIT_S = 5.0
_LAST_LINES = 6


def program(name: str) -> str:
    """OpenOCD also comes as the package openocd-esp32, by another name."""
    return f"{name}-esp32" if name == "openocd" and shutil.which(name) is None else name


@contextlib.contextmanager
def alone(words: Mapping[str, Any]) -> Iterator[None]:
    """Hold the lock of one probe: other benches, and other sessions on this machine, wait."""
    name = of_bytes(str(words.get("probe") or words.get("connect") or words["server"]).encode())
    path = Path(tempfile.gettempdir()) / f"tinyflow-probe-{os.getuid()}-{name[-12:]}.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Connection:
    """A socket to a GDB server, and the server's process where it is ours."""

    def __init__(self, words: Mapping[str, Any]) -> None:
        """Raises ToolError for a server that is not there, ends, or doesn't listen in time."""
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="tinyflow-gdb-")
        self._log = Path(self._folder.name) / "log"
        where = words.get("connect") or self._start(words["server"])
        host, _, port = where.rpartition(":")
        end = time.monotonic() + words.get("start_s", 10.0)
        while True:
            try:
                self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=_END_LIMIT_S)
                break
            except OSError as error:
                status = self._status()
                if status is not None:
                    what = f"{words['server'][0]} ended with status {status}"
                    told, hint = self.last_words(), "is the probe plugged in, and free?"
                    self.close()
                    raise ToolError(what, hint="; ".join(filter(None, (told, hint)))) from None
                if time.monotonic() > end:
                    told = self.last_words()
                    self.close()
                    what = f"no GDB server at {where}: {error.strerror or error}"
                    hint = told or "is it running, and is the port right?"
                    raise ToolError(what, hint=hint) from None
                time.sleep(_POLL_S)
        self.socket.settimeout(None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _start(self, command: list[str]) -> str:
        """Start the server on a free port, which `{port}` in its words stands for."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        with self._log.open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    [program(command[0]), *(word.replace("{port}", port) for word in command[1:])],
                    env=clean_environment(Path(self._folder.name)),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    preexec_fn=with_parent(),
                )
            except OSError as error:
                raise ToolError(f"{command[0]}: {error.strerror}", hint="see docs/boards.md", missing=True) from None
        return f"127.0.0.1:{port}"

    def _status(self) -> int | None:
        """Of our server, once it has ended."""
        return None if self._process is None else self._process.poll()

    def last_words(self) -> str:
        """What our server printed last."""
        if not self._log.exists():
            return ""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return "; ".join(line.strip() for line in lines[-_LAST_LINES:])

    def close(self) -> None:
        """End both."""
        if hasattr(self, "socket"):
            with contextlib.suppress(OSError):  # files made of it would keep it open
                self.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_END_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        self._folder.cleanup()


def load_by(command: list[str], firmware: Path) -> None:
    """Put firmware into flash by a command of the recipe. Raises RunError with what it printed last."""
    words = [word.replace("{elf}", str(firmware)) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"the loader {command[0]} failed: {error}", hint="see docs/boards.md") from None
    if done.returncode:
        told = "; ".join((done.stderr or done.stdout).strip().splitlines()[-_LAST_LINES:])
        what = f"the loader {command[0]} ended with status {done.returncode}"
        raise RunError(what, hint=told or "see docs/boards.md")
