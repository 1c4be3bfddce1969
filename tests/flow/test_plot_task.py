"""`doit plot:`: what it runs, draws, writes, and what it refuses before anything runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from tests_support import doit

from tinyflow.core.errors import ToolError, UsageError
from tinyflow.flow.planning import plots
from tinyflow.flow.planning.plots import WantedPlot, check_matplotlib, check_output, draw


def test_a_plot_without_matplotlib_is_refused_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a bench is built for it."""
    monkeypatch.setattr(plots.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match="matplotlib is not installed") as caught:
        check_matplotlib()
    assert caught.value.exit_status == 3 and "[plot]" in caught.value.hint


@pytest.mark.parametrize("wrong", [{"kind": "bar"}, {"format": "pfd"}, {"kind": "bars", "metric": "ram"}])
def test_what_can_not_be_drawn_is_refused(wrong: dict[str, str]) -> None:
    """With the nearest that can."""
    with pytest.raises(UsageError) as caught:
        WantedPlot(**wrong)
    assert any(word in caught.value.hint for word in ("bars", "pdf", "ram_"))
    with pytest.raises(UsageError, match="can hold one plot, not 2: plot:a, plot:b"):
        check_output(WantedPlot(output="x.pdf"), ["plot:a", "plot:b"])


def test_a_plot_is_named_by_what_it_shows() -> None:
    """Equal rows are one action, whatever their suite is called; other rows or another format are another."""
    document: dict[str, Any] = {"kind": "bars", "bars": []}
    one = draw("mine", WantedPlot(), document)
    assert one.id == draw("yours", WantedPlot(), dict(document)).id
    assert one.id != draw("mine", WantedPlot(format="svg"), document).id
    assert one.id != draw("mine", WantedPlot(), {**document, "bars": [1]}).id


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="pip install -e '.[plot]'")
def test_a_plot_is_drawn_once(tmp_path: Path) -> None:
    """Layers of a bench, to a file whose name says the format; then it is up to date, to another file as well."""
    asked = ("plot:sine-tinyc-stm32f7", "--kind", "layers", "--where", "target=stm32f7")
    first = doit(tmp_path, *asked, "-o", "mine.svg")
    assert first.returncode == 0 and "plot: mine.svg (up to date)" not in first.stdout, first.stdout + first.stderr
    assert "plot: mine.svg (" in first.stdout  # built, or a hit where the tests have run before
    again = doit(tmp_path, *asked, "--format", "svg")
    assert "plot: build/plots/sine-tinyc-stm32f7-layers.svg (up to date)" in again.stdout
    drawn = (tmp_path / "mine.svg").read_bytes()
    assert b"<svg" in drawn and (tmp_path / "build/plots/sine-tinyc-stm32f7-layers.svg").read_bytes() == drawn
    beside = doit(tmp_path, "plot:sine-tinyc-host", "--kind", "bars", "--format", "svg", "--metric", "ram_bytes")
    assert beside.returncode == 2 and "nothing to plot: sine-tinyc-host: no ram_bytes" in beside.stderr
    other = doit(tmp_path, *asked, "-o", "mine.gif")
    assert other.returncode == 2 and '--format: there is no "gif"' in other.stderr
    none = doit(tmp_path, *asked[:-1], "target=esp32c3")
    assert none.returncode == 2 and "nothing to plot: there are no rows" in none.stderr
