"""A project folder of its own for each test, and ways to run programs in it as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from copies import Original
from flow_support import CHECKOUT, HERE, Run

from tinyflow.flow import cli

SUITES = {
    "good": ["net-good-chip", "net-good-host", "tiny-good-chip"],
    "mixed": ["net-good-chip", "net-faults-chip", "net-differs-chip", "net-overflows-chip", "net-hangs-chip"],
    "slow": ["net-good-chip", "net-sleeps-chip", "net-sleeps-host"],
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a folder with three suites and nothing built."""
    folder = tmp_path / "recipes" / "suites"
    folder.mkdir(parents=True)
    for name, members in SUITES.items():
        (folder / f"{name}.yaml").write_text(f"description: for tests\ninclude: [{', '.join(members)}]\n")
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith("TINYFLOW_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(CHECKOUT), str(HERE)]))
    return tmp_path


@pytest.fixture(scope="session")
def original() -> Iterator[Original]:
    """What runs of synthetic benches are copies of."""
    original = Original()
    yield original
    original.close()


@pytest.fixture
def synthetic(original: Original, project: Path) -> Run:
    """Runs `tinyflow` with synthetic benches in a process of its own."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return original.run(words, project, os.environ)

    return run


@pytest.fixture
def real(project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the real `tinyflow` in this process, for what ends before anything runs."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["tinyflow", *words])
        status = cli.main()
        return subprocess.CompletedProcess(words, status, *capsys.readouterr())

    return run
