"""Being told to stop: SIGTERM and SIGHUP are treated as Ctrl-C is, and none of them interrupts the last words."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stoppable() -> AbstractContextManager[None]:
    """Within, every signal to stop raises KeyboardInterrupt in the main thread."""
    return _handling(_interrupt)


def unstoppable() -> AbstractContextManager[None]:
    """Within, signals to stop are ignored: for what takes a moment and must not be left half done."""
    return _handling(signal.SIG_IGN)


@contextmanager
def _handling(handler: object) -> Iterator[None]:
    """Install a handler for the signals that are not ignored already (nohup, a shell's background jobs)."""
    stops = [number for number in _STOPS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in stops}  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise once; who presses Ctrl-C again while we stop must not stop the stopping."""
    del number, frame
    for stop in _STOPS:
        signal.signal(stop, signal.SIG_IGN)
    raise KeyboardInterrupt
