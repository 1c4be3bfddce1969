"""A project of synthetic benches, run as a user would run it but in this process; disks of their own for root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from trust_places import CHECKOUT, Disk, Done, Run

from tinyflow.flow import cli


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a folder with one suite and nothing built; no variable of the user's counts."""
    folder = tmp_path / "project" / "recipes" / "suites"
    folder.mkdir(parents=True)
    (folder / "good.yaml").write_text("description: for tests\ninclude: [net-good-chip, tiny-good-chip]\n")
    for variable in [name for name in os.environ if name.startswith("TINYFLOW_")]:
        monkeypatch.delenv(variable)
    monkeypatch.syspath_prepend(str(CHECKOUT / "tests" / "flow"))
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def tinyflow(project: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `tinyflow` with synthetic benches in this process."""
    from synthetic_benches import synthetic_loader

    def run(*words: str) -> Done:
        told = project / "told"
        if ":" in words[0]:  # doit took its standard output when it was imported, which pytest replaces for each test
            words = ("run", "-o", str(told), *words)
        told.write_text("")
        status = cli.run(list(words), synthetic_loader())
        captured = capsys.readouterr()
        return Done(status, told.read_text() + captured.out, captured.err)

    return run


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 1 MB in memory; only root can have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a file system needs root")
    yield Disk(folder)
    subprocess.run(["umount", "-l", folder], check=True)
