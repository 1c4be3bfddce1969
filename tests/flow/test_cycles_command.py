"""`doit cycles` as a user meets it: errors by core, a board's file taken into the project."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests_support import doit

pytestmark = pytest.mark.slow


def test_what_boards_measured(tmp_path: Path) -> None:
    """Ours and the project's; a bench without an estimate is told; nothing is written of a file with a wrong line."""
    mine = tmp_path / "mine.csv"
    mine.write_text(
        "program,chip,core,clock,cycles,source\naww-tinyc-stm32f4,STM32F413ZH,cortex-m4,100MHz,5e6,my board\n"
    )
    added = doit(tmp_path, "cycles", "add", "mine.csv")
    assert (added.stdout, added.returncode) == ("recipes/evidence/mine.csv: 1 new, 0 replaced\n", 0), added.stderr
    assert doit(tmp_path, "cycles", "add", "mine.csv").stdout == "recipes/evidence/mine.csv: 0 new, 1 replaced\n"
    shown = doit(tmp_path, "cycles", "cortex-m4")
    assert "aww-tinyc-stm32f4, STM32F413ZH: not estimated" in shown.stdout, shown.stderr
    assert "cortex-m4: 16 programs, estimates " in shown.stdout and "cortex-m7" not in shown.stdout
    assert "cortex-m7: 12 programs" in doit(tmp_path, "cycles").stdout
    mine.write_text(mine.read_text() + "x,y,cortex-m4,100MHz,0,me\n")
    refused = doit(tmp_path, "cycles", "add", "mine.csv")
    assert refused.returncode == 2 and "mine.csv:3: cycles: expected more than 0, not 0" in refused.stderr
    assert doit(tmp_path, "cycles", "cortex-m9").returncode == 2
    assert doit(tmp_path, "cycles", "add").returncode == 2
    assert "my board" in (tmp_path / "recipes" / "evidence" / "mine.csv").read_text()
