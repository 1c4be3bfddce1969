"""`doit cycles` as a user meets it: errors by core, a board's file taken into the project."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests_support import doit

pytestmark = pytest.mark.slow


HEADING = "program,chip,core,clock,cycles,instructions,estimate,compiler,source\n"
BENCH = "sine-tinyc-stm32f4"


def test_what_boards_measured(tmp_path: Path) -> None:
    """Ours and the project's; errors of what is added; nothing is written of a file with a wrong line."""
    mine = tmp_path / "mine.csv"
    mine.write_text(
        f"{HEADING}{BENCH},STM32F413ZH,cortex-m4,100MHz,5e3,4000,,,my board\n"
        "mine-of-another,mine,cortex-m4,100MHz,1e6,9e5,11e5,,my board\n"
        '"ad (autoencoder), Bosch",STM32L4R5ZI,cortex-m4,120MHz,700219,411477,7e5,vendor\'s image,me\n'
    )
    added = doit(tmp_path, "cycles", "add", "mine.csv")
    assert added.returncode == 0 and "recipes/evidence/mine.csv: 3 new, 0 replaced\n" in added.stdout, added.stderr
    assert "ad (autoencoder), Bosch, STM32L4R5ZI: in place of tinyflow's own line\n" in added.stdout
    assert "+10.0 %" in added.stdout and f"{BENCH}, STM32F413ZH: not estimated\n" in added.stdout
    assert added.stdout.endswith("doit cycles cortex-m4\n")
    assert "recipes/evidence/mine.csv: 0 new, 3 replaced\n" in doit(tmp_path, "cycles", "add", "mine.csv").stdout
    shown = doit(tmp_path, "cycles", "cortex-m4")
    assert f"{BENCH}, STM32F413ZH: not estimated" in shown.stdout, shown.stderr
    assert "cortex-m4: 17 programs, estimates " in shown.stdout and "cortex-m7" not in shown.stdout
    assert "cortex-m7: 12 programs" in doit(tmp_path, "cycles").stdout
    mine.write_text(mine.read_text() + "x,y,cortex-m4,100MHz,0,,,,me\n")
    refused = doit(tmp_path, "cycles", "add", "mine.csv")
    assert refused.returncode == 2 and "mine.csv:5: cycles: expected more than 0, not 0" in refused.stderr
    assert doit(tmp_path, "cycles", "cortex-m9").returncode == 2
    assert doit(tmp_path, "cycles", "add").returncode == 2
    assert "my board" in (tmp_path / "recipes" / "evidence" / "mine.csv").read_text()


def test_lines_that_do_not_fit_the_project(tmp_path: Path) -> None:
    """Unknown benches, of another core, that never ran, what another file has: all are told, with what to do."""
    one = f"{BENCH},chip,cortex-m4,100MHz,50,,,,me\n"
    wrong = tmp_path / "wrong.csv"
    other = "p,c,cortex-m4,1MHz,5e3,4e3,,,me\n"
    wrong.write_text(f"{HEADING}foo-tinyc-stm32f4,c,cortex-m4,1MHz,5e3,,,,me\n{one.replace('m4', 'm7')}{one}{other}")
    (tmp_path / "other.csv").write_text(HEADING + other)
    assert doit(tmp_path, "cycles", "add", "other.csv").returncode == 0
    told = doit(tmp_path, "cycles", "add", "wrong.csv").stderr
    assert 'wrong.csv:2: foo-tinyc-stm32f4: unknown model "foo"\n' in told
    assert "wrong.csv:3: stm32f4 has a cortex-m4, not a cortex-m7\n" in told
    assert f"wrong.csv:4: {BENCH} has no estimate here\n    run it first: doit bench:{BENCH}\n" in told
    assert "wrong.csv:5: p on c stands in recipes/evidence/other.csv, too\n" in told
    assert not (tmp_path / "recipes" / "evidence" / "wrong.csv").exists()
    ran = doit(tmp_path, f"bench:{BENCH}")
    assert ran.returncode == 0, ran.stderr
    wrong.write_text(HEADING + one)
    assert (
        "cycles per instruction: this core begins 1 in a cycle" in doit(tmp_path, "cycles", "add", "wrong.csv").stderr
    )
    wrong.write_text(HEADING + one.replace(",50,", ",5e3,"))
    added = doit(tmp_path, "cycles", "add", "wrong.csv").stdout
    assert " %" in added and "not estimated" not in added
