"""What the host's process answers, asked within this one, over the C library: memory, calls, and refusals."""

from __future__ import annotations

import ctypes
import io
import os
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tinyflow.targets import host_process

LIBRARY = ctypes.CDLL(None)


def test_memory_is_read_and_written_by_symbol() -> None:
    """As many bytes as asked for, from an offset on; `optind` is 1 in a process that parses nothing with getopt."""
    before = host_process._answer(LIBRARY, "read", "optind", 4, b"")
    assert before == b"ok 4 0\n" + (1).to_bytes(4, sys.byteorder)
    try:
        assert host_process._answer(LIBRARY, "write", "optind+1", 2, b"\x02\x03") == b"ok 2 0\n"
        assert host_process._answer(LIBRARY, "read", "optind", 4, b"") == b"ok 4 0\n\x01\x02\x03\x00"
        assert host_process._answer(LIBRARY, "read", "optind+0x2", 1, b"") == b"ok 1 0\n\x03"
    finally:
        host_process._answer(LIBRARY, "write", "optind", 4, before[-4:])
    assert host_process._answer(LIBRARY, "load", "", 0, b"") == b"ok 0 0\n"


def test_calls_give_status_and_time() -> None:
    """In nanoseconds; a call through the C library tells only whether the status was 0."""
    word, status, duration = host_process._answer(LIBRARY, "call", "getpid", 0, b"").split()
    assert (word, int(status)) == (b"ok", os.getpid())
    assert 0 < int(duration) < 1e9
    assert host_process._answer(LIBRARY, "count", "getpid", 0, b"") == b"ok 1 0\n"
    calls: list[int] = []
    function = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: calls.append(1) or 1)  # type: ignore[func-returns-value]
    assert host_process._call_through_libc(cast(Any, {"f": function}), "f", b"") == 1
    assert calls == [1]
    assert host_process._answer(LIBRARY, "count", "sched_yield", 0, b"") == b"ok 0 0\n"


def test_requests_are_answered_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows a `write` belongs to it; unknown symbols and files that can't be loaded are told in a line each."""
    path = str(LIBRARY._name or "libc.so.6")
    requests = b"read optind 4\nwrite optind 4\n" + (1).to_bytes(4, sys.byteorder) + b"read nobody 1\ncall nobody 0\n"
    answers = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(requests)))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=answers))
    host_process.main(path)
    unknown = b"error the firmware has no symbol nobody\n"
    one = (1).to_bytes(4, sys.byteorder)
    assert answers.getvalue() == b"ok 4 0\n" + one + b"ok 4 0\n" + unknown + unknown
    answers.truncate(0)
    answers.seek(0)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"load x 0\n")))
    host_process.main("/nowhere/at all.so")
    assert answers.getvalue().startswith(b"error can't be loaded: /nowhere/at all.so: ")
    assert answers.getvalue().endswith(b"\n") and answers.getvalue().count(b"\n") == 1
