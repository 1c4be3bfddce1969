"""A process beside a session that outlives it for a moment and kills what the session's tools have left running.

A session that is killed can end nothing itself. The kernel ends its children with it (`process.die_with_parent`), but
not theirs: what a compiler's driver, a shell or a user's generator has started. They are told by their HOME, which is
the folder of the action they work for. Run by its path, with the standard library alone, so that it starts fast.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_ROUNDS = 50  # a process may start others while it is being looked for
_PAUSE_S = 0.01
# As nobody's child: a session has none but those that work for it.
_IN_BACKGROUND = ("sh", "-c", 'exec 3<&0; "$@" <&3 3<&- &', "sh")


def watch(place: Path) -> int:
    """Watch over processes whose HOME lies below a folder; they end when the descriptor that this returns is closed."""
    ours, theirs = os.pipe()
    with contextlib.suppress(OSError):  # no shell
        subprocess.run(
            [*_IN_BACKGROUND, sys.executable, "-I", "-S", "-B", __file__, str(place)],
            stdin=ours,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
            check=False,
        )
    os.close(ours)
    return theirs


def _is_below(process: str, place: bytes) -> bool:
    try:
        with open(f"/proc/{process}/environ", "rb") as file:  # noqa: PTH123 (without pathlib it starts faster)
            return any(word.startswith(b"HOME=" + place + b"/") for word in file.read().split(b"\0"))
    except OSError:  # it ended, or is somebody else's
        return False


def _kill_below(place: bytes) -> None:
    for _ in range(_ROUNDS):
        found = [int(name) for name in os.listdir("/proc") if name.isdigit() and _is_below(name, place)]  # noqa: PTH208
        if not found:
            return
        for process in found:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        time.sleep(_PAUSE_S)


if __name__ == "__main__":
    while os.read(0, 1):
        pass
    with contextlib.suppress(OSError):  # no /proc
        _kill_below(os.fsencode(sys.argv[1]))
