"""An engine in a process of its own: it may print, crash, hang or be of another Python, and nobody else is hurt."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyflow.core import environments
from tinyflow.core.errors import ModelError, RunError, Timeout, ToolError
from tinyflow.core.process import die_with_parent, end_of, worker_environment

WORKER = Path(__file__).with_name("worker.py")
_ERROR = re.compile(r"\berror:", re.IGNORECASE)
_LAST_WORDS = 300  # characters of what it said before it ended
_START_LIMIT_S = 120.0

Ports = Mapping[str, Any]  # `name`, `dtype` and `shape`, as in the ONNX file
Settings = Mapping[str, Any]
"""`name`, `adapter` (a file), `requires` (distributions with their least versions), `install` (commands), and
`environment`, empty where the engine is installed beside us."""


class Process:
    """One engine. Errors have its name."""

    def __init__(self, settings: Settings, adapter: Path, folder: Path, limit_s: float) -> None:
        """Start it in a folder; `limit_s` is for each request. Raises ToolError where the engine can't be had."""
        self._name = settings["name"]
        self._install = " && ".join(settings["install"])
        self._limit_s = limit_s
        python = sys.executable
        variables = worker_environment(folder)
        if settings["environment"]:
            python = str(environments.program(settings["environment"], "python"))
            del variables["PYTHONPATH"]  # what is installed beside us
        self._printed, self._said = (folder / f"{self._name}.{stream}" for stream in ("out", "err"))
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        parent = os.getpid()
        with self._printed.open("wb") as out, self._said.open("wb") as err:
            self._child = subprocess.Popen(
                [python, "-s", str(WORKER), str(adapter.resolve()), str(requests), str(answers)],
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                pass_fds=(requests, answers),
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent),
            )
        os.close(requests)
        os.close(answers)
        self._is_cut_off = True
        try:
            self.installed = self._start(settings)
        except BaseException:
            self.close()
            raise

    def _start(self, settings: Settings) -> Mapping[str, Any]:
        answer, _ = self._ask("start", limit_s=min(self._limit_s, _START_LIMIT_S), requires=list(settings["requires"]))
        if "error" in answer:
            is_missing = answer["error"].startswith("PackageNotFoundError")
            what = "is not installed" if is_missing else f"can't be imported: {answer['error']}"
            raise ToolError(f"{self._name} {what}", hint=self._install, missing=True)
        if answer["old"]:
            raise ToolError(f"{self._name}: {answer['old'][0]}", hint=self._install, missing=True)
        return answer

    def convert(self, model: Path, out: Path) -> list[str]:
        """Make of a file what the engine loads; the programs that were started for it. Raises ModelError."""
        answer, _ = self._ask("convert", model=str(model), out=str(out))
        if "error" in answer:
            raise ModelError(f"{self._name} can't convert it: {answer['error']}", hint=self._hint())
        return list(answer["commands"])

    def load(self, folder: Path, inputs: Sequence[Ports], outputs: Sequence[Ports]) -> float:
        """Load what was converted; how many seconds that took. Raises ModelError."""
        started = time.perf_counter()
        answer, _ = self._ask("load", folder=str(folder), inputs=inputs, outputs=outputs)
        if "error" in answer:
            raise ModelError(f"{self._name} can't load it: {answer['error']}", hint=self._hint())
        return time.perf_counter() - started

    def invoke(self, inputs: Sequence[tuple[str, Sequence[int]]], content: bytes) -> tuple[float, Any, bytes]:
        """One inference on inputs of these types and shapes: its seconds, the outputs' types and shapes, their bytes.

        Raises RunError.
        """
        answer, made = self._ask("invoke", content, inputs=inputs)
        if "error" in answer:
            raise RunError(f"{self._name} can't run it: {answer['error']}", hint=self._hint())
        return answer["elapsed_s"], answer["outputs"], made

    def tell(self) -> dict[str, Any]:
        """The most memory it had, above what Python with numpy has, and remarks: sentences on how it behaved."""
        answer, _ = self._ask("tell")
        remarks = []
        if answer["reached"]:
            found = "it is cut off" if self._is_cut_off else "the kernel lets it"
            remarks.append(f"{self._name} wanted the network: {', '.join(answer['reached'])}; {found}")
        if size := self._printed.stat().st_size:
            remarks.append(f"{self._name} printed {size} bytes to its standard output")
        return {"memory_bytes": max(answer["peak_bytes"] - answer["base_bytes"], 0), "remarks": remarks}

    def close(self) -> None:
        """End it; called any number of times."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, 9)
        self._child.wait()
        for descriptor in (self._requests, self._answers):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._requests = self._answers = -1

    def _ask(
        self, verb: str, content: bytes = b"", limit_s: float | None = None, **words: Any
    ) -> tuple[dict[str, Any], bytes]:
        """One request; its answer and the bytes behind it. Raises Timeout, and ToolError where the process ends."""
        until = time.monotonic() + (limit_s or self._limit_s)
        request = json.dumps({"do": verb, "bytes": len(content), **words}).encode() + b"\n" + content
        os.set_blocking(self._requests, False)
        with contextlib.suppress(BrokenPipeError):  # the end of the answers tells more
            while request:
                self._wait(verb, until, writes=True)
                request = request[os.write(self._requests, request) :]
        head, _, rest = self._read_line(verb, until)
        answer = json.loads(head)
        while len(rest) < answer["bytes"]:
            rest += self._read(verb, until)
        self._is_cut_off = answer.get("is_cut_off", self._is_cut_off)
        return answer, rest

    def _read_line(self, verb: str, until: float) -> tuple[bytes, bytes, bytes]:
        found = b""
        while b"\n" not in found:
            found += self._read(verb, until)
        return found.partition(b"\n")

    def _read(self, verb: str, until: float) -> bytes:
        self._wait(verb, until)
        found = os.read(self._answers, 1 << 20)
        if not found:
            status = self._child.wait()
            raise ToolError(f"{self._name}: its process {end_of(status)} in {verb}", hint=self._hint(), status=status)
        return found

    def _wait(self, verb: str, until: float, *, writes: bool = False) -> None:
        """Until there is something to read, or room to write."""
        left = max(until - time.monotonic(), 0)
        reads, wants = ([], [self._requests]) if writes else ([self._answers], [])
        if not any(select.select(reads, wants, [], left)):
            self.close()
            raise Timeout(
                f"{self._name} didn't end {verb} in time",
                hint="raise `timeout` in the recipe of the backend or the target",
            )

    def _hint(self) -> str:
        """The first error of what it said, or the last words."""
        lines = [" ".join(line.split()) for line in self._said.read_text(errors="replace").splitlines()]
        (error, *_) = [*(line for line in lines if _ERROR.search(line)), ""]
        text = error[:_LAST_WORDS] or " ".join(lines).strip()[-_LAST_WORDS:]
        return f"it said: {text}" if text else "another engine may"
