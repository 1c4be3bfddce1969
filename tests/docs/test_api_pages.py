"""The API pages can be made of the docstrings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tinyflow.recipes import schema

pytestmark = pytest.mark.slow


def test_pdoc_makes_pages_of_what_users_call(tmp_path: Path) -> None:
    """The package, recipes and reports; a key of a recipe is there with its meaning."""
    pytest.importorskip("pdoc", reason="pdoc is not installed: pip install -e '.[docs]'")
    modules = [
        "tinyflow.recipes",
        "tinyflow.report.frame",
        "tinyflow.flow.publishing.query",
        "tinyflow.flow.api.project",
        "tinyflow.targets.protocol",
    ]
    command = [sys.executable, "-m", "pdoc", *modules, "-o", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "tinyflow" / "recipes" / "schema.html").read_text()
    assert str(schema.Target.__doc__).splitlines()[0] in page
    assert "A call that takes more never ends" in page
    assert "rom_*" in (tmp_path / "tinyflow" / "flow" / "publishing" / "query.html").read_text()
    page = (tmp_path / "tinyflow" / "flow" / "api" / "project.html").read_text()
    assert all(f"Project.{name}" in page for name in ("bench", "infer", "accuracy"))
