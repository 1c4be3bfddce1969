from __future__ import annotations

import os
import signal
import sys

import pytest

from tinyflow.core.errors import ModelError
from tinyflow.core.forked_call import call_forked


def test_a_result_comes_back_with_what_was_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """By Python and past it; the log of this process has it too."""

    def speak() -> list[int]:
        print("aside")
        os.write(2, b"natively\n")
        return [1] * 100_000

    ended = call_forked(speak)
    assert (ended.status, ended.error, len(ended.result)) == (0, None, 100_000)
    assert sorted(ended.said.split()) == sorted(capfd.readouterr().err.split()) == ["aside", "natively"]


def test_an_exception_comes_back_whole() -> None:
    """With all that an error of ours says."""

    def refuse() -> None:
        raise ModelError("no", where="here", hint="do")

    ended = call_forked(refuse)
    assert str(ended.error) == "here: no\n  do"


def test_its_death_is_not_ours() -> None:
    """Aborts, exits and results that can't come back are told by how the copy ended."""
    ended = call_forked(os.abort)
    assert (ended.status, ended.result, ended.error) == (-signal.SIGABRT, None, None)
    assert call_forked(lambda: sys.exit(3)).status == 1
    ended = call_forked(lambda: lambda: 0)
    assert ended.status == 1 and "pickle" in ended.said
