"""The other side of `process`: runs in the engine's own Python, which has numpy and the engine, and nothing of ours.

    python worker.py ADAPTER REQUESTS ANSWERS

takes requests from one descriptor and answers on another: a line of JSON with the length of the bytes behind it. What
the engine prints goes where its standard output goes; it is cut off from the network where the kernel allows that.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h
_MOST_TOLD = 5

if TYPE_CHECKING:
    Answer = tuple[dict[str, Any], list[bytes]]  # the bytes come behind it
_begun: list[str] = []  # programs
_reached: list[str] = []  # what it wanted of the network


def cut_off() -> bool:
    """Whether there is no network from now on."""
    users, groups = os.getuid(), os.getgid()
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
        if unshare(_CLONE_NEWNET) == 0:
            return True
        if unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
            return False
    except (OSError, AttributeError):
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"{users} {users} 1"), ("gid_map", f"{groups} {groups} 1")):
        with contextlib.suppress(OSError):  # files that are others' aren't to be read then, which is told there
            Path(f"/proc/self/{name}").write_text(text)
    return True


def watch() -> None:
    """Note programs that are started, and what Python itself sends to the network."""

    def hook(event: str, words: tuple[Any, ...]) -> None:
        if event in ("subprocess.Popen", "os.posix_spawn", "os.system"):
            _begun.append(str(words[0]))
        elif event == "socket.getaddrinfo":
            _reached.append(f"{words[0]}:{words[1]}")
        elif event in ("socket.connect", "socket.sendto") and isinstance(words[1], tuple):
            _reached.append(":".join(map(str, words[1][:2])))

    sys.addaudithook(hook)


def resident_bytes(which: str) -> int:
    """VmRSS is what there is now, VmHWM the most that there was."""
    told = Path("/proc/self/status")
    found = re.search(rf"^{which}:\s+(\d+) kB", told.read_text() if told.exists() else "", re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


def installed(requirements: list[str]) -> dict[str, Any]:
    """Versions of distributions and of all that they require, what these take on disk, and what is too old."""
    versions: dict[str, str] = {}
    size, old = 0, []
    waiting = [re.split(r"[<>=!~;\[ ]", text)[0] for text in requirements]
    for text in requirements:
        name, _, least = text.partition(">=")
        version = importlib.metadata.version(name)
        if least and numbers(version) < numbers(least):
            old.append(f"{name} is {version}, and must be {least} or newer")
    while waiting:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in versions:
            continue
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        versions[key] = found.version
        for file in found.files or ():
            if file.suffix == ".pyc":
                continue
            # a record that was written by hand may lack it
            size += file.size if file.size is not None else _size_of(Path(str(found.locate_file(file))))
        for text in found.requires or ():
            if "extra ==" not in text:
                waiting.append(re.split(r"[<>=!~;\[( ]", text)[0])
    return {"versions": versions, "installed_bytes": size, "old": old}


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def words_of(error: BaseException) -> str:
    """An error in one line; of a program how it ended, without paths that are only ours."""
    if isinstance(error, subprocess.CalledProcessError):
        words = [Path(str(word)).name for word in error.cmd[:3]]
        return f"{' '.join(words)} ended with status {error.returncode}"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def numbers(version: str) -> list[int]:
    """What versions are compared by."""
    return [int(number) for number in re.findall(r"\d+", version)[:3]]


def adapter_of(path: str) -> Any:
    """The module of a file."""
    spec = importlib.util.spec_from_file_location("adapter", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Worker:
    """What is loaded."""

    def __init__(self, adapter: str) -> None:
        self.path = adapter
        self.adapter: Any = None
        self.engine: Any = None
        self.base = 0

    def start(self, request: dict[str, Any], _content: bytes) -> Answer:
        """See to it that the packages are there, and import the adapter, which imports them."""
        found = installed(request["requires"])
        if not found["old"]:
            import numpy  # noqa: F401

            self.base = resident_bytes("VmRSS")
            self.adapter = adapter_of(self.path)
        return found, []

    def convert(self, request: dict[str, Any], _content: bytes) -> Answer:
        """A file becomes what the engine loads."""
        _begun.clear()
        if hasattr(self.adapter, "convert"):
            self.adapter.convert(request["model"], request["out"])
        else:
            model = Path(request["model"])
            Path(request["out"], model.name).write_bytes(model.read_bytes())
        return {"commands": list(_begun)}, []

    def load(self, request: dict[str, Any], _content: bytes) -> Answer:
        """What was converted, ready to run."""
        self.engine = self.adapter.load(request["folder"], request["inputs"], request["outputs"])
        return {}, []

    def invoke(self, request: dict[str, Any], content: bytes) -> Answer:
        """One inference, whose time is that of the engine alone; outputs of any shape."""
        import numpy

        arrays, place = [], 0
        for dtype, shape in request["inputs"]:
            size = int(numpy.prod(shape, dtype=numpy.int64)) * numpy.dtype(dtype).itemsize
            arrays.append(numpy.frombuffer(content[place : place + size], dtype).reshape(shape).copy())
            place += size
        started = time.perf_counter()
        made = self.engine(arrays)
        elapsed_s = time.perf_counter() - started
        outputs = [numpy.ascontiguousarray(array) for array in made]
        told = [[array.dtype.name, list(array.shape)] for array in outputs]
        return {"elapsed_s": elapsed_s, "outputs": told}, [array.tobytes() for array in outputs]

    def tell(self, _request: dict[str, Any], _content: bytes) -> Answer:
        """What it took, and what it wanted of the network."""
        sys.stdout.flush()
        peak = resident_bytes("VmHWM")
        return {"peak_bytes": peak, "base_bytes": self.base, "reached": sorted(set(_reached))[:_MOST_TOLD]}, []


def main(adapter: str, requests: str, answers: str) -> None:
    """Until there are no more requests."""
    is_cut = cut_off()
    worker = Worker(adapter)
    watch()
    with os.fdopen(int(requests), "rb") as read, os.fdopen(int(answers), "wb") as write:
        for line in read:
            request = json.loads(line)
            content = read.read(request["bytes"])
            try:
                told, parts = getattr(worker, request["do"])(request, content)
                answer = {"is_cut_off": is_cut, **told}
            except BaseException as error:  # an engine may raise anything, SystemExit too
                answer, parts = {"error": words_of(error)}, []
                answer["missing"] = getattr(error, "name", None) if isinstance(error, ImportError) else None
            write.write(json.dumps({**answer, "bytes": sum(map(len, parts))}).encode() + b"\n" + b"".join(parts))
            write.flush()


if __name__ == "__main__":
    del sys.path[0]  # this file's own folder
    main(*sys.argv[1:])
