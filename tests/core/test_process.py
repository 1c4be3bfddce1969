"""Child processes: how one ended is told in words that lead somewhere."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tinyflow.core import worker
from tinyflow.core.action import Action, Workspace
from tinyflow.core.errors import ToolError
from tinyflow.core.process import ADVICE_ON_MEMORY, killed_by, run_tool
from tinyflow.stages.build import compile_source
from tinyflow.stages.link_errors import explain

_GCC = {"implementation": "tinyflow.toolchains.gcc", "cpu": {"isa": "host", "prefix": "", "flags": []}}


def _failure(folder: Path, *command: str) -> ToolError:
    with pytest.raises(ToolError) as caught:
        run_tool(command, folder=folder, log_path=folder / "log", timeout_s=20)
    return caught.value


@pytest.mark.parametrize(
    ("number", "name"),
    [(signal.SIGKILL, "SIGKILL"), (signal.SIGSEGV, "SIGSEGV"), (signal.SIGTERM, "SIGTERM"), (signal.SIGBUS, "SIGBUS")],
)
def test_a_killed_tool_is_reported_as_killed(tmp_path: Path, number: int, name: str) -> None:
    """By which signal; of SIGKILL, who most likely sent it. A shell in between changes nothing."""
    direct = _failure(tmp_path, "sh", "-c", f"kill -{number:d} $$")
    assert (direct.what, direct.killed_by) == (f"sh was killed by {name}", number)
    assert direct.hint.startswith(ADVICE_ON_MEMORY) == (number == signal.SIGKILL)
    assert explain(direct) is direct, "a linker that was killed says nothing of the firmware"
    if number != signal.SIGTERM:
        behind = _failure(tmp_path, "sh", "-c", f"sh -c 'kill -{number:d} $$'; exit $?")
        assert (behind.what, behind.killed_by) == (direct.what, number)


@pytest.mark.parametrize(
    ("log", "number"),
    [
        ("gcc: fatal error: Killed signal terminated program cc1\ncompilation terminated.", signal.SIGKILL),
        ("collect2: fatal error: ld terminated with signal 9 [Killed]", signal.SIGKILL),
        ("clang: error: unable to execute command: Killed\nclang: error: linker command failed due", signal.SIGKILL),
        ("clang: error: unable to execute command: Segmentation fault (core dumped)", signal.SIGSEGV),
        ("std::bad_alloc\nzig: error: clang frontend command failed with exit code 134", signal.SIGABRT),
        ("a.c:1:1: error: unknown type name 'Killed'", None),
    ],
)
def test_drivers_that_tell_of_a_death_are_understood(log: str, number: int | None) -> None:
    """Clang's, gcc's and its linker's words, which come with status 1; an error of a source is none of them."""
    assert killed_by(1, log) == number
    assert killed_by(1) is None and killed_by(2, "ended with status 9") is None


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_a_killed_compiler_is_no_fault_of_the_source(tmp_path: Path) -> None:
    """The program behind gcc's driver: neither "does not compile" nor the driver's status, but the signal."""
    source = tmp_path / "fine.c"
    source.write_text("int fine;\n")
    workspace = Workspace(
        folder=tmp_path,
        inputs={"fine.c": source},
        outputs={"object.o": tmp_path / "fine.o"},
        parameters={
            "source": "fine.c",
            "defines": [],
            "flags": ["-wrapper", "sh,-c,kill -9 $$"],
            "toolchain": _GCC,
        },
        log_path=tmp_path / "log",
        timeout_s=20,
    )
    with pytest.raises(ToolError) as caught:
        compile_source(workspace)
    assert caught.value.where == "fine.c" and caught.value.what.endswith("was killed by SIGKILL")
    assert caught.value.hint.startswith(ADVICE_ON_MEMORY)


def stage_killed(workspace: Workspace) -> None:
    """As the kernel does it where memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def stage_hungry(workspace: Workspace) -> None:
    """More than any machine has."""
    workspace.outputs["out"].write_bytes(bytes(1 << 60))


@pytest.mark.parametrize(
    ("stage", "what"),
    [
        (stage_killed, f"the worker of {__name__}:stage_killed was killed by SIGKILL"),
        (stage_hungry, "not enough memory"),
    ],
)
def test_workers_without_memory_say_so(tmp_path: Path, stage: object, what: str) -> None:
    """Killed for it, or refused by the allocator."""
    workspace = Workspace(
        folder=tmp_path,
        inputs={},
        outputs={"out": tmp_path / "out"},
        parameters={},
        log_path=tmp_path / "log",
        timeout_s=20,
    )
    with pytest.raises(ToolError) as caught:
        function = f"{__name__}:{stage.__name__}"  # type: ignore[attr-defined]
        worker.call_isolated(Action("stage", "stage", function, ("out",)), workspace)
    assert what in caught.value.what and caught.value.hint.startswith(ADVICE_ON_MEMORY)


def test_a_worker_that_never_ran_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python is gone meanwhile: no exit status is made up."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    workspace = Workspace(
        folder=tmp_path, inputs={}, outputs={}, parameters={}, log_path=tmp_path / "log", timeout_s=20
    )
    with pytest.raises(ToolError, match="python is not installed"):
        worker.call_isolated(Action("stage", "stage", "module:name", ("out",)), workspace)
