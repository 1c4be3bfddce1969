"""Programs that boards need beside them: servers that run meanwhile, loaders; and a lock for what only one may use."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tinyflow.core.digest import of_bytes
from tinyflow.core.distribution import pip_install
from tinyflow.core.errors import RunError, ToolError
from tinyflow.core.process import clean_environment, with_parent

_END_LIMIT_S = 5.0
_LOADER_LIMIT_S = 300.0
_LAST_LINES = 6
_DEBIANS = ("stm32flash", "dfu-util", "avrdude")  # loaders that its packages are called like


def program(name: str) -> str:
    """OpenOCD also comes as the package openocd-esp32, by another name."""
    other = f"{name}-esp32"
    return other if name == "openocd" and shutil.which(name) is None and shutil.which(other) else name


def how_to_get(name: str) -> str:
    """What to do where a program of a recipe's `server` or `loader` is missing."""
    if name.startswith("openocd"):
        return f"apt install openocd, or {pip_install('boards')}"
    if name in ("pyocd", "esptool", "esptool.py"):
        return pip_install("boards")
    if name in _DEBIANS:
        return f"apt install {name}"
    return f"install it, or name another in the target's recipe{': apt install qemu-system' * name.startswith('qemu-')}"


@contextlib.contextmanager
def alone(what: str) -> Iterator[None]:
    """Hold the lock of one probe or port: other benches, and other sessions on this machine, wait."""
    path = Path(tempfile.gettempdir()) / f"tinyflow-probe-{os.getuid()}-{of_bytes(what.encode())[-12:]}.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def free_port() -> str:
    """A port of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def filled(words: Sequence[str], places: Mapping[str, str]) -> list[str]:
    """A recipe's command with `{name}` in its words replaced."""
    for name, value in places.items():
        words = [word.replace(f"{{{name}}}", value) for word in words]
    return list(words)


class Server:
    """A server of ours, which runs until it is closed."""

    def __init__(self, command: Sequence[str], places: Mapping[str, str]) -> None:
        """Raises ToolError for a program that isn't there."""
        self.name = command[0]
        self._folder = tempfile.TemporaryDirectory(prefix="tinyflow-server-")
        self._log = Path(self._folder.name) / "log"
        with self._log.open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    [program(command[0]), *filled(command[1:], places)],
                    env=clean_environment(Path(self._folder.name)),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    preexec_fn=with_parent(),
                )
            except OSError as error:
                self._folder.cleanup()
                hint = how_to_get(self.name)
                raise ToolError(f"{self.name}: {error.strerror}", hint=hint, missing=True) from None

    def status(self) -> int | None:
        """Of its end; None while it runs."""
        return self._process.poll()

    def last_words(self) -> str:
        """What it printed last."""
        return _last_lines(self._log.read_text(errors="replace")) if self._log.exists() else ""

    def ended(self) -> ToolError:
        """For a server that ended by itself, which this closes."""
        told = "; ".join(filter(None, (self.last_words(), "is the probe plugged in, and free?")))
        error = ToolError(f"{self.name} ended with status {self.status()}", hint=told)
        self.close()
        return error

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()


def load_by(command: Sequence[str], places: Mapping[str, str]) -> None:
    """Put firmware into flash by a command of the recipe. Raises RunError with what it printed last."""
    words = [program(command[0]), *filled(command[1:], places)]
    limit_s = _LOADER_LIMIT_S
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=limit_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"the loader {command[0]} failed: {error}", hint="see docs/boards.md") from None
    if done.returncode:
        what = f"the loader {command[0]} ended with status {done.returncode}"
        raise RunError(what, hint=_last_lines(done.stderr or done.stdout) or "see docs/boards.md")


def _last_lines(text: str) -> str:
    return "; ".join(line.strip() for line in text.strip().splitlines()[-_LAST_LINES:])
