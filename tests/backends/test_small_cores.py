"""Cores that a target recipe of one file can name: every backend links and is exact on them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tinyflow.model.zoo import synthesize

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[2]
BACKENDS = ("tinyc", "tinyi", "tvmaot", "tvmaotplus", "tvmllvm", "tvmcg")
# 64-bit products and shifts are calls there, by names that LLVM and the compiler's library must agree on
BENCHES = [*(f"residual-{backend}-m0plus" for backend in BACKENDS), "residual-tvmllvm-m0plus+toolchain.gcc"]


def test_a_core_without_wide_arithmetic_runs_everything(tmp_path: Path) -> None:
    """Cortex-M0+ by the recipe of stm32f4 with another `cpu`."""
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    (tmp_path / "recipes" / "targets").mkdir(parents=True)
    (tmp_path / "recipes" / "models").mkdir()
    target = (
        (CHECKOUT / "recipes" / "targets" / "stm32f4.yaml")
        .read_text()
        .replace("cortex-m4\nclock", "cortex-m0plus\nclock")
    )
    (tmp_path / "recipes" / "targets" / "m0plus.yaml").write_text(target)
    (tmp_path / "recipes" / "models" / "residual.yaml").write_text("description: for tests\nfile: residual.tflite\n")
    model = synthesize({"graph": "resnet", "size": 8, "channels": 4, "stacks": 1})
    (tmp_path / "recipes" / "models" / "residual.tflite").write_bytes(model)
    benches = [bench for bench in BENCHES if "gcc" not in bench or shutil.which("arm-none-eabi-gcc")]
    environment = {"PYTHONPATH": str(CHECKOUT), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "TINYFLOW_CACHE": "c"}
    command = [sys.executable, "-m", "doit", *(f"bench:{bench}" for bench in benches)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {bench: json.loads((tmp_path / "build" / bench / "report.json").read_text()) for bench in benches}
    assert {bench: row["validation"]["result"] for bench, row in rows.items()} == dict.fromkeys(benches, "exact")
