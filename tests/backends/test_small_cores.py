"""Cores that a target recipe of one file can name: every backend links and is exact on them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests_support import exact_reports, write_models

from tinyflow.model.zoo import synthesize

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[2]
BACKENDS = ("tinyc", "tinyi", "tvmaot", "tvmaotplus", "tvmllvm", "tvmcg")
# 64-bit products and shifts are calls there, by names that LLVM and the compiler's library must agree on
BENCHES = [*(f"residual-{backend}-m0plus" for backend in BACKENDS), "residual-tvmllvm-m0plus+toolchain.gcc"]


def test_a_core_without_wide_arithmetic_runs_everything(tmp_path: Path) -> None:
    """Cortex-M0+ by the recipe of stm32f4 with another `cpu`."""
    (tmp_path / "recipes" / "targets").mkdir(parents=True)
    target = (
        (CHECKOUT / "recipes" / "targets" / "stm32f4.yaml")
        .read_text()
        .replace("cortex-m4\nclock", "cortex-m0plus\nclock")
    )
    (tmp_path / "recipes" / "targets" / "m0plus.yaml").write_text(target)
    write_models(tmp_path, {"residual": synthesize({"graph": "resnet", "size": 8, "channels": 4, "stacks": 1})})
    benches = [bench for bench in BENCHES if "gcc" not in bench or shutil.which("arm-none-eabi-gcc")]
    exact_reports(tmp_path, benches)
