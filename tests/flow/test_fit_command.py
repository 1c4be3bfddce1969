"""`doit fit` from end to end, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from flow_support import Run
from tests_support import doit


@pytest.mark.slow
def test_the_benches_that_fit_are_built_and_told(tmp_path: Path) -> None:
    """With margins, the model's error, and an exit status; those for which nothing is known are named."""
    words = ["fit", "toycar", "-t", "stm32f4", "-t", "stm32f7", "-b", "tinyc", "-b", "tvmaotplus"]
    done = doit(tmp_path, *words, "--latency", "20ms", "--ram", "64KiB")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    verdicts = [line.split()[:2] for line in lines if line.startswith("toycar-")]
    assert verdicts[0] == ["toycar-tinyc-stm32f7", "fits"] and {verdict for _, verdict in verdicts} == {"fits"}
    assert ["toycar-tvmaotplus-stm32f4+dsp", "fits"] in verdicts and "+dsp" not in verdicts[0][0]
    assert any("cortex-m4 ±" in line for line in lines)
    again = doit(tmp_path, *words, "--latency", "1ms")
    assert again.returncode == 1 and "fits" not in again.stdout and "no   " in again.stdout


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (["fit", "toycar"], "fit needs a limit", "--latency 100ms"),
        (["fit"], "fit takes one model", "doit fit vww"),
        (["fit", "toycar", "aww", "--ram", "3KiB"], "fit takes one model", ""),
        (["fit", "toycar", "--latency", "0ms"], "--latency: nothing is as little as that", "100ms"),
        (["fit", "toycar", "--ram", "3KiB", "-t", "host"], "host: host is no chip", "doit check"),
        (["fit", "toycar", "--latency", "3ms", "-t", "corstone300"], "isn't run by the built-in simulator", ""),
        (["fit", "toycar", "--ram", "3"], "--ram: a size needs a number with a unit", "64KiB"),
        (["fit", "toycar", "--latency", "3 miles"], "--latency: a duration needs", "100ms"),
        (["fit", "nonet", "--ram", "3KiB"], "neither a model nor a file", ""),
    ],
)
def test_wrong_words_are_told(real: Run, words: list[str], what: str, hint: str) -> None:
    """In a line of what and one of what to type."""
    refused = real(*words)
    assert refused.returncode == 2 and what in refused.stderr and hint in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_target_that_cannot_be_run_stops_no_other(real: Run, project: Path) -> None:
    """Its simulator lacks the processor: it is left out with that reason, and told where nothing else is left."""
    folder = project / "recipes" / "targets"
    folder.mkdir(parents=True)
    memory = "[{name: f, kind: flash, origin: 0, length: 1MiB}, {name: r, kind: ram, origin: 0x20000000, length: 1MiB}]"
    text = f"description: x\nimplementation: tinyflow.targets.unicorn\ncpu: cortex-m55\nmemory: {memory}\n"
    (folder / "m55.yaml").write_text(text)
    for limit in (["--latency", "3ms"], ["--ram", "3KiB"]):
        refused = real("fit", "toycar", *limit, "-t", "m55", "-t", "corstone300", "-b", "nobody")
        assert refused.returncode == 2 and "m55: the built-in simulator has no cortex-m55" in refused.stderr
