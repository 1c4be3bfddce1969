"""What to type for an extra, however this was installed; and nobody is ever told to install somebody else's package."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from tests_support import CHECKOUT

import tinyflow
from tinyflow.core.distribution import NAME, pip_install

FOREIGN = re.compile(r"pip3? +install\b[^\n]*[ '\"]tinyflow(?![\w/.-])|[\"']tinyflow\[")


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        (None, f"{NAME}[onnx]"),
        ({"url": "file://{folder}/one.whl", "archive_info": {}}, "{folder}/one.whl[onnx]"),
        ({"url": "file://{folder}/with%20space.whl", "archive_info": {}}, "{folder}/with space.whl[onnx]"),
        ({"url": "file://{folder}/gone.whl", "archive_info": {}}, f"{NAME}[onnx]"),
        ({"url": "https://example.org/one.whl", "archive_info": {}}, f"{NAME}[onnx] @ https://example.org/one.whl"),
        (
            {"url": "https://example.org/it.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            f"{NAME}[onnx] @ git+https://example.org/it.git@abc",
        ),
    ],
)
def test_an_installed_one_names_what_it_came_from(
    record: dict[str, object] | None, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is still there, an address, or the name that is ours."""
    for name in ("one.whl", "with space.whl"):
        (tmp_path / name).touch()
    info = tmp_path / f"{NAME.replace('-', '_')}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1\n")
    if record is not None:
        (info / "direct_url.json").write_text(json.dumps(record).replace("{folder}", str(tmp_path)))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(tinyflow, "__file__", str(tmp_path / "tinyflow" / "__init__.py"))
    assert pip_install("onnx") == f"pip install '{wanted.replace('{folder}', str(tmp_path))}'"


def test_a_checkout_is_installed_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a dot where one is in it, else by its path: a dot would be somebody's own project."""
    monkeypatch.chdir(CHECKOUT)
    assert pip_install("onnx") == "pip install -e '.[onnx]'"
    monkeypatch.chdir(tmp_path)
    assert pip_install("onnx") == f"pip install -e '{CHECKOUT}[onnx]'"


def test_the_project_has_this_name_and_its_own_extras() -> None:
    """In the one file that pip reads."""
    text = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nname = "{NAME}"' in text and f'"{NAME}[tvm,xlsx,' in text
    plain, _, extras = text.partition("[project.optional-dependencies]")
    assert "apache-tvm" in extras and "apache-tvm" not in plain  # a third of what was installed


def test_nobody_is_told_to_install_a_foreign_package() -> None:
    """In no file of the whole tree: `tinyflow` on the package index is another project."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=CHECKOUT, capture_output=True, text=True
    )
    files = [CHECKOUT / name for name in listed.stdout.splitlines()] or list(CHECKOUT.rglob("*.*"))
    for line in (
        "pip install 'tinyflow[onnx]'",
        "pip install -U tinyflow",
        'pip install "tinyflow>=1"',
        '"tinyflow[xlsx]"',
    ):
        assert FOREIGN.search(line)
    for file in files:
        if file.is_file() and file != Path(__file__):
            found = FOREIGN.search(file.read_text(encoding="utf-8", errors="replace"))
            assert found is None, f"{file}: {found[0]}"
