"""What an action opens: its workspace, the tools that are in its key, the system's libraries; strace sees the rest."""

from __future__ import annotations

import re
import shutil
import site
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from trust_places import CHECKOUT

from tinyflow.core import process
from tinyflow.core.action import Action, Workspace
from tinyflow.core.execute import Session
from tinyflow.flow.planning.plan import Planner
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.mirrors import Mirrors

_OPENED = re.compile(r'\b(?:open|openat|creat)\((?:[^,"]*, )?"([^"]*)", ([A-Z_|]+).*\) = \d')
_SYSTEM = ("/usr/", "/lib", "/bin/", "/proc/", "/sys/", "/dev/", "/etc/ld.so", "/etc/localtime")
# For Linux targets (the simulator's counter) clang asks what distribution this is; it decides how the system's own
# linker is called, and we call none.
_ASKED_BY_CLANG = ("/etc/os-release", "/etc/debian_version", "/etc/lsb-release")


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """From now on every tool and worker runs under strace; (path, flags) of all files that were opened."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed (Debian: strace)")
    run = process._run
    found: list[tuple[str, str]] = []

    def run_traced(command: Sequence[str], folder: Path, *rest: Any) -> int | None:
        trace = tmp_path / "trace"
        status = run(
            [strace, "-f", "-qq", "-y", "-e", "trace=open,openat,creat", "-o", str(trace), *command], folder, *rest
        )
        for path, flags in _OPENED.findall(trace.read_text(errors="replace")):
            found.append((str((folder / path).resolve() if not path.startswith("/") else path), flags))
        return status

    monkeypatch.setattr(process, "_run", run_traced)
    yield found


def listed_folders() -> set[str]:
    """Folders of packages that a `.pth` file adds to Python's own: as declared as those, but for a checkout's."""
    listed = [
        Path(folder, line)
        for folder in site.getsitepackages()
        for file in Path(folder).glob("*.pth")
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    return {str(path) for path in listed if path.is_dir() and not CHECKOUT.is_relative_to(path)}


def undeclared(opened: list[tuple[str, str]], session: Session) -> list[str]:
    """Files outside the workspace and outside what keys name: Python, its packages, our own code, the system."""
    workspace = str(session.store.root.parent / "state" / "scratch")
    tools = {sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent.parent), *listed_folders()}
    allowed = (workspace, str(CHECKOUT / "tinyflow"), *tools, *_SYSTEM, *_ASKED_BY_CLANG)
    return sorted({path for path, flags in opened if not path.startswith(allowed) and "O_DIRECTORY" not in flags})


def peek(workspace: Workspace) -> None:
    """Read a file that is not an input, and one that is outside of everything."""
    Path("/etc/hostname").read_text()
    workspace.run(["cat", "/etc/passwd"])
    workspace.outputs["out"].write_text("x")


@pytest.mark.slow
def test_a_peeking_action_is_caught(opened: list[tuple[str, str]], session: Session) -> None:
    """The trace sees undeclared files of workers and of their tools: this is the protection taken out."""
    action = Action(stage="peek", title="peek", function=f"{__name__}:peek", outputs=("out",), isolated=True)
    session.execute(action)
    assert {"/etc/hostname", "/etc/passwd"} <= set(undeclared(opened, session))


@pytest.mark.slow
def test_a_real_bench_opens_declared_files_only(
    opened: list[tuple[str, str]], session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every stage of a real bench, from the zoo's model to the run, reads nothing that its key does not know."""
    folder = tmp_path / "recipes" / "models"
    folder.mkdir(parents=True)
    (folder / "toycar.yaml").write_text(
        "description: made from code\nsamples: {count: 1}\nsynthesize: {graph: toycar}\n"
    )
    secret = tmp_path / "home" / ".config"
    secret.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(secret.parent))
    catalogue = Catalogue([tmp_path / "recipes", CHECKOUT / "recipes"])
    plan = Planner(catalogue, Mirrors(), session.store).plan_bench(parse("toycar-tvmaotplus-stm32f7"))
    for action in plan.actions:
        session.execute(action)
    assert len(opened) > 1000
    assert undeclared(opened, session) == []
