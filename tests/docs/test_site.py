"""The documents as a site: every page has its place, every link leads somewhere, nothing comes from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.slow
def test_site_is_whole_and_needs_no_network(tmp_path: Path) -> None:
    """`mkdocs build --strict` says nothing, pages load nothing from other hosts, the reference tells keys and calls."""
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install -e '.[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, env=environment, timeout=300)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    pages = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*.html")}
    host = r"=.?(?:https?:)?//"
    loaded = rf"<(?:script|img|iframe)[^>]*src{host}|<link[^>]*rel=.?(?:stylesheet|preload)[^>]*href{host}"
    assert [name for name, text in pages.items() if re.search(loaded, text)] == []
    assert "A call that takes more never ends" in pages["reference/recipes.html"]
    assert "only the benches of this suite" in pages["reference/commands.html"]
    for name in ("bench", "infer", "accuracy"):
        assert f'id="tinyflow.flow.api.project.Project.{name}"' in pages["reference/api.html"]
