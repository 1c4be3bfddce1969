"""Who made it: every module that a stage reaches counts, every byte of a program, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests_support import CHECKOUT, NO_MEMO

from tinyflow.core import digest, identity
from tinyflow.core.action import Tool
from tinyflow.core.errors import ToolError

STAGES = sorted(path.stem for path in (CHECKOUT / "tinyflow" / "stages").glob("[a-z]*.py"))
_IMPORT = re.compile(r"^ *(?:from (tinyflow[\w.]*) import \(?([\w, \n]*)|import (tinyflow[\w.]*))", re.MULTILINE)


def later() -> digest.Memo:
    """The memo of another session that kept nothing."""
    return digest.Memo(NO_MEMO._records)


def _imported(path: Path) -> Iterator[Path]:
    """The files of ours that a file's text imports, by reading it another way."""
    for module, names, alone in _IMPORT.findall(path.read_text()):
        for name in (module or alone, *(f"{module}.{part.strip()}" for part in names.split(",") if part.strip())):
            place = CHECKOUT.joinpath(*name.split("."))
            yield from (file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file())


@pytest.mark.parametrize("stage", STAGES)
def test_all_that_a_stage_imports_is_in_its_key(stage: str) -> None:
    """However deep the import stands and however many modules lie between; core, which has a number, is left out."""
    _, stamps = identity.of_modules([f"tinyflow.stages.{stage}"], NO_MEMO)
    left_out = {CHECKOUT / "tinyflow" / "__init__.py", *(CHECKOUT / "tinyflow" / "core").glob("*.py")}
    reached = {file for path in stamps for file in _imported(path)} - left_out
    assert reached <= stamps.keys()
    assert CHECKOUT / "tinyflow" / "stages" / f"{stage}.py" in stamps
    assert not left_out & stamps.keys()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of our name elsewhere: stages.a → targets.b (inside a function) → model.c, and model.d beside it."""
    files = {
        "__init__": "",
        "core/errors": "",
        "stages/__init__": "",
        "stages/a": "from tinyflow.core.errors import X\n\ndef a():\n    from tinyflow.targets import b\n",
        "targets/__init__": "NAME = 1\n",
        "targets/b": "import tinyflow.model.c\nimport json\nfrom . import nothing\n",
        "model/__init__": "",
        "model/c": "from tinyflow.model import c\n",
        "model/d": "",
    }
    root = tmp_path / "tinyflow"
    for name, text in files.items():
        (root / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (root / f"{name}.py").write_text(text)
    (root / "model" / "table.json").write_text("{}")
    (root / "model" / "notes.txt").write_text("")
    monkeypatch.setattr(identity, "_PACKAGE", root)
    for function in (identity._files_of, identity._file_of):
        monkeypatch.setattr(identity, function.__name__, function.__wrapped__)
    return root


def test_an_edit_is_seen_wherever_imports_lead_and_nowhere_else(package: Path) -> None:
    """Also two imports away; not in core, nor in what is beside and is never imported."""

    def found() -> str:
        return identity.of_modules(["tinyflow.stages.a:a"], later())[0]

    before = found()
    for name, counts in {
        **{"stages/a": True, "targets/b": True, "model/c": True, "targets/__init__": True, "model/__init__": True},
        **{"model/d": False, "core/errors": False, "__init__": False, "stages/__init__": False},
    }.items():
        path = package / f"{name}.py"
        text = path.read_text()
        path.write_text(text + "# edited\n")
        assert (found() != before) == counts, name
        path.write_text(text)
    _, stamps = identity.of_modules(["tinyflow.stages.a"], NO_MEMO)
    found_files = {path.relative_to(package).as_posix() for path in stamps}
    assert found_files == {"model/__init__.py", "model/c.py", "stages/a.py", "targets/__init__.py", "targets/b.py"}
    assert found() == before


def test_a_package_counts_with_its_data(package: Path) -> None:
    """Tables, templates and C beside the code are part of it; notes are not. A module that isn't there is said so."""
    _, stamps = identity.of_modules(["tinyflow.model"], NO_MEMO)
    assert sorted(path.name for path in stamps) == ["__init__.py", "c.py", "d.py", "table.json"]
    with pytest.raises(ToolError, match=r"the Python module tinyflow\.stages\.gone is not installed") as caught:
        identity.of_modules(["tinyflow.stages.gone"], NO_MEMO)
    assert caught.value.exit_status == 3


def _program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_a_program_is_its_bytes_and_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that was rebuilt under its old version is another one; so is a wrapper that starts another."""
    folder = tmp_path / "bin"
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    tool, seen = Tool("binary", "compiler"), set()
    for text, version in (("echo one", ""), ("echo one # rebuilt", ""), (f"cat {tmp_path}/v", "two"), ("", "three")):
        if text:
            _program(folder, "compiler", text)
        (tmp_path / "v").write_text(f"{version}\nmore\n")
        seen.add(identity.of_tool(tool, later()))
    assert len(seen) == 4
    assert sorted(text.rpartition(" ")[2] for text in seen) == ["one", "one", "three", "two"]
    assert all(re.match("sha256:[0-9a-f]{64} ", text) for text in seen)
    _program(folder, "compiler", "echo told on the other stream >&2")
    assert identity.of_tool(tool, later()).endswith(" told on the other stream")
    (folder / "compiler").unlink()
    (folder / "compiler").symlink_to(_named(folder, "other", "echo one"))
    assert identity.of_tool(tool, later()) == identity.of_tool(Tool("binary", "other"), later())


def _named(folder: Path, name: str, text: str) -> Path:
    _program(folder, name, text)
    return folder / name


def test_a_python_interpreter_is_what_is_installed_for_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A generator that is a script does what its packages do: one more, or another version, is another tool."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    monkeypatch.setenv("PATH", f"{tmp_path / 'venv' / 'bin'}:/usr/bin:/bin")
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    tool = Tool("binary", "python3")
    seen = [identity.of_tool(tool, later())]
    for version in ("1.0", "1.1"):
        (packages / "thing.dist-info").mkdir(exist_ok=True)
        (packages / "thing.dist-info" / "METADATA").write_text(f"Name: thing\nVersion: {version}\n")
        seen.append(identity.of_tool(tool, later()))
    assert [re.search(r" with (\d+) packages ", one)[1] for one in seen] == ["0", "1", "1"]  # type: ignore[index]
    assert len(set(seen)) == 3 and seen[-1] == identity.of_tool(tool, later())


def test_what_is_missing_is_said_with_what_to_do() -> None:
    """Each kind in its words, with the tool's own hint where it has one; an optional package is absent."""
    for tool, what, hint in (
        (Tool("binary", "no-such"), "no-such is not on PATH", "see `doit doctor`"),
        (Tool("binary", "no-such", "make it"), "no-such is not on PATH", "make it"),
        (Tool("package", "no-such"), "the Python package no-such is not installed", "see `doit doctor`"),
        (Tool("package", "no-such", "get it"), "the Python package no-such is not installed", "get it"),
    ):
        with pytest.raises(ToolError) as caught:
            identity.of_tool(tool, NO_MEMO)
        assert (caught.value.what, caught.value.hint, caught.value.exit_status) == (what, hint, 3)
    assert identity.of_tool(Tool("optional package", "no-such"), NO_MEMO) == "absent"
    assert identity.of_tool(Tool("optional package", "pytest"), NO_MEMO) == pytest.__version__
    assert identity.of_tool(Tool("package", "pytest"), NO_MEMO) == pytest.__version__
    assert identity.of_machine().split()[0] == sys.platform
