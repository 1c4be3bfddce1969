"""`docs/extending.md` word by word: every file is written as it is there, every command run, in its order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import kept
import pytest

from tinyflow.model.zoo import synthesize

CHECKOUT = Path(__file__).parents[2]
TEXT = (CHECKOUT / "docs" / "extending.md").read_text(encoding="utf-8")
# (language, path or nothing, content) of each block between fences
BLOCKS = re.findall(r"```(\w+)(?: (\S+))?\n(.*?)```", TEXT, re.DOTALL)
NETWORK = {"graph": "toycar", "features": 33, "hidden": 10, "bottleneck": 3, "depth": 1}


def test_every_kind_of_thing_is_shown() -> None:
    """A model, target, feature, runtime, backend, frontend and suite, and each block is a file or commands."""
    kinds = {Path(path).parts[1] for _, path, _ in BLOCKS if path.startswith("recipes/")}
    assert kinds == {"models", "targets", "features", "runtimes", "backends", "frontends", "suites"}
    assert all(path or language == "sh" for language, path, _ in BLOCKS)


@pytest.mark.slow
def test_it_works_word_by_word(tmp_path: Path) -> None:
    """From an empty folder with a network to a suite in which a backend of one's own is exact."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "my_net.tflite").write_bytes(synthesize(NETWORK))
    script = ["set -e"]
    for index, (language, path, content) in enumerate(BLOCKS):
        if language == "sh":
            script.append(content)
        else:
            (tmp_path / f"block{index}").write_text(content)
            script.append(f"mkdir -p {Path(path).parent}; cp ../block{index} {path}")
    environment = {
        "TINYFLOW_CACHE": str(kept.folder()),
        "HOME": str(tmp_path),
        "PATH": f"{programs(tmp_path)}:{os.environ['PATH']}",
    }
    bash = ["bash", "-c", "\n".join(script)]
    done = subprocess.run(bash, cwd=project, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    own = ("my_net-dense-stm32l4", "my_net-dense-stm32l4+small")
    for bench in ("other_net-tinyc-stm32f4", "coded-tinyc-stm32f4", *own):
        report = json.loads((project / "build" / bench / "report.json").read_text())
        assert (report["status"], report["validation"]["result"]) == ("ok", "exact")
    assert {"cycles_estimate", "latency_ms", "energy_uj"} <= report["metrics"].keys()
    assert "4 benches in baselines/mine.json" in done.stdout
    assert re.search(r"(?m)^recipes +ok ", done.stdout)


def programs(place: Path) -> Path:
    """A folder with `doit` and `tinyflow` of this checkout, whatever PYTHONPATH the user sets."""
    folder = place / "bin"
    folder.mkdir()
    for name, start in (("doit", "from doit.__main__ import main"), ("tinyflow", "from tinyflow.flow.cli import main")):
        code = f"import sys; sys.argv[0] = '{name}'; sys.path.append('{CHECKOUT}'); {start}; sys.exit(main())"
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
        (folder / name).chmod(0o755)
    return folder
