"""Ctrl-C while a program of ours is still being imported: it ends without a traceback, for nothing has begun."""

import os
import signal
from types import FrameType
from typing import NoReturn

CANCELLED = 130


def be_quiet() -> None:
    """Let Ctrl-C end this process, until a command begins."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as in a shell's background
        signal.signal(signal.SIGINT, _leave)


def begin() -> None:
    """From now on Ctrl-C is a KeyboardInterrupt, for which somebody waits."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    os._exit(CANCELLED)
