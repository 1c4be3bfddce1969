"""One run of a simulator: its command, what it printed, how it ended."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tinyflow.core.errors import ToolError
from tinyflow.core.process import clean_environment, with_parent

_MOST_BYTES = 64 << 20
_LAST_BYTES, _LAST_LINES = 4000, 3


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
        lines = self.printed[-_LAST_BYTES:].decode("utf-8", "replace").splitlines()
        told = [line.strip() for line in lines if line.strip() and "@tf" not in line]
        return "; ".join(told[-_LAST_LINES:])


def run(
    command: Sequence[str],
    elf: Path,
    limit_s: float,
    *,
    is_given: bool = False,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Ended:
    """Run it beside the ELF file; whatever it has started ends with it. Raises ToolError where it isn't there.

    `is_given`: whether it gets the file as its standard input; `variables`: more of its environment.
    """
    if shutil.which(command[0]) is None:
        raise ToolError(f"{command[0]} is not installed", hint="see docs/simulators.md", missing=True)
    started = time.monotonic()
    given = elf.open("rb") if is_given else None
    child = subprocess.Popen(
        [word.replace("{elf}", str(elf)) for word in command],
        cwd=elf.parent,
        env={**clean_environment(elf.parent), **variables},
        stdin=given or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=with_parent(),
    )
    if given is not None:
        given.close()
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
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return Ended(status, bytes(printed), time.monotonic() - started)
