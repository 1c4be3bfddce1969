"""Python environments of their own: what pip took can be asked for again, and nothing else is taken then."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tinyflow.core import environments
from tinyflow.core.errors import ToolError


def wheel(folder: Path, content: str) -> None:
    """A distribution `mine` 1.2 with one module."""
    folder.mkdir(exist_ok=True)
    described = "mine-1.2.dist-info"
    with zipfile.ZipFile(folder / "mine-1.2-py3-none-any.whl", "w") as archive:
        archive.writestr("mine.py", content)
        archive.writestr(f"{described}/METADATA", "Metadata-Version: 2.1\nName: mine\nVersion: 1.2\n")
        archive.writestr(f"{described}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{described}/RECORD", "mine.py,,\n")


@pytest.mark.slow
def test_a_lock_takes_the_same_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another file of that name and version pip says that its digest differs, and there is no environment."""
    for name, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(tmp_path / "wheels"))):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(environments.VARIABLE, str(tmp_path / "made"))
    wheel(tmp_path / "wheels", "one = 1\n")
    loose = environments.make(["mine==1.2"])
    (line,) = (environments.folder_of(loose) / environments.LOCKED).read_text().splitlines()
    assert line.startswith("mine==1.2 --hash=sha256:")
    assert environments.name_of([line]) != loose
    assert "mine==1.2" in (environments.contents(environments.make([line])) or "")
    wheel(tmp_path / "wheels", "two = 2\n")
    with pytest.raises(ToolError, match="ended with status 1"):
        environments.make([line])
    assert environments.contents(environments.name_of([line])) is None
