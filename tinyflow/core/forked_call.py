"""A function in a copy of this process: native code that aborts ends the copy, and what it printed is kept.

Only where nothing else has to be started anew: a copy costs milliseconds, a worker of its own hundreds of them.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import resource
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from tinyflow.core import process


class Ended(NamedTuple):
    """How a copy ended: the function's result, or the exception that it raised, which is None where the copy died."""

    status: int  # negative for a signal
    result: Any
    error: Exception | None
    said: str  # on stdout and stderr


def call_forked(function: Callable[[], Any]) -> Ended:
    """Call a function in a copy of this process, and wait for it. Its result and its exceptions have to be picklable.

    What it prints goes to this process's stderr as well.
    """
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as said:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            process.die_with_parent(parent)
            _answer(function, answer.fileno(), said.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        text = said.read().decode(errors="replace")
        answer.seek(0)
        result, error = pickle.load(answer) if status == 0 else (None, None)
    print(text, end="", file=sys.stderr, flush=True)
    return Ended(status, result, error, text)


def _answer(function: Callable[[], Any], answer: int, said: int) -> None:
    """Be the copy; never returns."""
    status = 1
    try:
        faulthandler.disable()  # its words would not be the function's
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout = sys.stderr = os.fdopen(2, "w", closefd=False)
        try:
            told: tuple[Any, Exception | None] = (function(), None)
        except Exception as error:
            told = (None, error)
        sys.stderr.flush()
        with os.fdopen(answer, "wb", closefd=False) as stream:
            pickle.dump(told, stream)
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)
