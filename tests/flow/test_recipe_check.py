"""What only the code behind recipes can tell of them; all of it through `tinyflow doctor`."""

from __future__ import annotations

from pathlib import Path

import pytest
from flow_support import Run

TARGET = """\
description: x
implementation: {module}
cpu: {cpu}
memory:
  - {{name: rom, kind: flash, origin: 0x0, length: 1MiB}}
  - {{name: ram, kind: ram, origin: 0x20000000, length: 1MiB}}
{more}
"""
UNICORN = "tinyflow.targets.unicorn"


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("backends/b.yaml", "implementation: no.such.module\n", ":2:17: there is no module no.such.module"),
        (
            "backends/b.yaml",
            "implementation: tinyflow.backends.tinyc\nmachine: tinyflow.no\n",
            ":3:10: there is no mod",
        ),
        (
            "backends/b.yaml",
            "implementation: tinyflow.backends.tinyc\noptions: {kernls: c}\n",
            ":3:11: backend b has no opt",
        ),
        (
            "backends/b.yaml",
            "implementation: tinyflow.backends.tinyc\noptions: {dsp: 3}\n",
            ":3:16: backend b: dsp can't be 3",
        ),
        (
            "features/f.yaml",
            "sets: {options: {kernls: c}}\n",
            ':2:18: no backend has an option kernls\n  did you mean "kernels"?',
        ),
        ("features/f.yaml", "sets: {options: {kernels: cc}}\n", ":2:27: backend tinyc: kernels can't be 'cc'"),
        (
            "features/f.yaml",
            "sets: {options: {dsp: true}}\nrequires: {backends: [tflm]}\n",
            ":2:18: backend tflm has no option dsp",
        ),
        (
            "features/f.yaml",
            "sets: {options: {graph: $value}}\nvalues: [json, xml]\n",
            ":2:25: backend tvmrt: graph can't be 'xml'",
        ),
        ("features/f.yaml", "sets: {transforms: [shrinkk]}\n", ":2:21: there is no module tinyflow.stages.shrinkk"),
        ("models/m.yaml", "chain: [sine, sinf]\n", ':2:15: unknown model "sinf"\n  did you mean "sine"?'),
        (
            *("models/m.yaml", "chain: [micro_speech_words]\n"),
            ":2:9: micro_speech_words is a chain itself\n  write its parts here: micro_speech_frames, "
            "micro_speech_features, micro_speech_latest, micro_speech",
        ),
        ("models/m.yaml", "synthesize: {graph: vwv}\n", ':2:21: no graph is called "vwv"\n  did you mean "vww"?'),
        ("toolchains/t.yaml", "implementation: gone.tool\ncpus: {}\n", ":2:17: there is no module gone.tool"),
        (
            "targets/t.yaml",
            TARGET.format(module="gone.chip", cpu="cortex-m4", more=""),
            ":2:17: there is no module gone.chip",
        ),
        (
            "targets/t.yaml",
            TARGET.format(module=UNICORN, cpu="cortex-m55", more=""),
            ":3:6: the built-in simulator has no cortex-m55",
        ),
        (
            "targets/t.yaml",
            TARGET.format(module="tinyflow.targets.qemu", cpu="cortex-m33", more=""),
            ":3:6: no board of QEMU for cortex-m33",
        ),
        (
            "targets/t.yaml",
            TARGET.format(module=UNICORN, cpu="cortex-m4", more="backend_options: {tinyc: {schedule: arm}}"),
            ":7:27: backend tinyc has no option schedule",
        ),
        (
            "targets/t.yaml",
            TARGET.format(module=UNICORN, cpu="cortex-m4", more="linker_script: my.j2"),
            ":7:16: my.j2: 'no_such_number' is undefined",
        ),
    ],
)
@pytest.mark.every(11)
def test_what_can_t_work_is_told_with_its_place(
    file: str, text: str, fault: str, project: Path, real: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 2, one place for each, and nothing is run for it."""
    for suite in (project / "recipes" / "suites").iterdir():
        suite.unlink()
    (project / "my.j2").write_text("{{ no_such_number }}\n")
    path = project / "recipes" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if text.startswith("description") else f"description: x\n{text}")
    monkeypatch.setenv("PATH", "")  # no program is asked for its version
    done = real("doctor")
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"recipes/{file}{fault}" in done.stderr
    assert done.stderr.count(f"recipes/{file}:") == 1
