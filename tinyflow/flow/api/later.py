"""Calls that a program awaits: the same work in a thread, which begins nothing more once nobody waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from tinyflow.core.process import Cancelled

P = ParamSpec("P")
S = TypeVar("S")
R = TypeVar("R")

_given_up: ContextVar[threading.Event | None] = ContextVar("given_up", default=None)


def awaited(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, R]]:
    """A method as a coroutine. Where its task is cancelled, what runs comes to its end unseen, and is kept."""

    @wraps(method)
    async def later(self: S, /, *args: P.args, **named: P.kwargs) -> R:
        given_up = threading.Event()
        _given_up.set(given_up)  # in the context of this task, which the thread gets a copy of
        try:
            return await asyncio.to_thread(method, self, *args, **named)
        except asyncio.CancelledError:
            given_up.set()
            raise

    later.__name__ = f"a{method.__name__}"
    later.__doc__ = f"`await project.a{method.__name__}(…)`: {method.__name__} in a thread."
    return later


def is_given_up() -> bool:
    """Whether nobody waits any more for what this thread does."""
    event = _given_up.get()
    return event is not None and event.is_set()


def raise_if_given_up() -> None:
    """Raise Cancelled then."""
    if is_given_up():
        raise Cancelled("cancelled")
