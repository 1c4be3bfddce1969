"""`docs/python.md` word by word: every block runs, in its order, in a folder with a network; and the notebook."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import kept
import pytest

import tinyflow
from tinyflow.model.zoo import synthesize

CHECKOUT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs" / "python.md").read_text(encoding="utf-8"), re.DOTALL)
CHECKS = """
assert row.validation["result"] == "exact" and row.artifacts["firmware.elf"].is_file()
assert len(rows) == 2 and not rows.failed
assert found.top1 == 1 and len(project.results()) >= 2
assert (folder / "CMakeLists.txt").is_file()
assert [row.status for row in tried] == ["ok"] * 3 + ["unsupported"]
assert y.shape == x.shape and y.dtype == np.int8 and real.dtype == np.float32
"""


def test_every_name_is_told_of() -> None:
    """All of `dir(tinyflow)`, and every call that a project has."""
    text = (CHECKOUT / "docs" / "python.md").read_text(encoding="utf-8")
    calls = [name for name in dir(tinyflow.Project) if name[0] != "_"]
    told = set(re.findall(r"\w+", text))
    assert not {name for name in (*dir(tinyflow), *calls) if name[0] != "_"} - told


@pytest.mark.slow
def test_it_works_word_by_word(tmp_path: Path) -> None:
    """From `import tinyflow` to the last line; what it shows is as the text says."""
    network = {"graph": "toycar", "features": 33, "hidden": 10, "bottleneck": 3, "depth": 1}
    (tmp_path / "my_net.tflite").write_bytes(synthesize(network))
    script = tmp_path / "script.py"
    script.write_text("\n".join([*BLOCKS, CHECKS]))
    environment = {**os.environ, "TINYFLOW_CACHE": str(kept.folder()), "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "needs " in done.stdout, "what does not fit is told"


@pytest.mark.slow
def test_the_notebook_runs_and_shows_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell without an error; checks, rows, comparisons and layers as HTML; without noise every sample is right."""
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient: pip install -e '.[notebook]'")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("TINYFLOW_CACHE", str(kept.folder()))
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    notebook = nbformat.read(CHECKOUT / "docs" / "example.ipynb", 4)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = [output.data["text/html"] for output in outputs if "data" in output]
    assert len(shown) == 4 and all("<table>" in html for html in shown)
    told = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    assert told.startswith("0 top-1 100 % of ")
