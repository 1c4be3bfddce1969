"""Completion: quick, from names of files alone, and in a real shell."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CHECKOUT, Run

from tinyflow.flow import completion
from tinyflow.flow.project import find_project
from tinyflow.recipes.catalogue import Catalogue, recipe_folders
from tinyflow.recipes.schema import Backend, Feature, Model, Suite, Target


def test_names_are_those_of_the_catalogue(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a subfolder, too, and with folders of the user's own: the rules stand in two places."""
    own = project / "own" / "models"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("description: x\nfile: x.tflite\n")
    monkeypatch.setenv("TINYFLOW_RECIPES", str(project / "own"))
    for folder in (project, own):
        monkeypatch.chdir(folder)
        catalogue = Catalogue(recipe_folders({"TINYFLOW_RECIPES": str(project / "own")}, find_project(folder, {}).root))
        for kind, name in ((Model, "models"), (Backend, "backends"), (Target, "targets"), (Feature, "features")):
            assert completion.names(name) == list(catalogue.names(kind))
        assert completion.names("suites") == list(catalogue.names(Suite))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["suite:go"], ["suite:good"]),
        (["bench:v"], ["bench:vww-"]),
        (["bench:vww-tvmaot-esp"], ["bench:vww-tvmaot-esp32c3"]),
        (["bench:vww-tvmaot-stm32f4+ds"], ["bench:vww-tvmaot-stm32f4+dsp"]),
        (["bench:vww-tvmaot-stm32f4+dsp+shr"], ["bench:vww-tvmaot-stm32f4+dsp+shrink"]),
        (["-n", "2", "report:mix"], ["report:mixed"]),
        (["results", "--suite", "sl"], ["slow"]),
        (["results", "--model", "toy"], ["toycar"]),
        (["plan", "toy"], ["toycar-"]),
        (["baseline", ""], ["check", "save"]),
        (["baseline", "save", "go"], ["good"]),
        (["bench:a-b-c-d"], []),
        (["nothing:x"], []),
        (["su"], ["suite:"]),
    ],
)
def test_a_word_becomes_what_may_stand_there(project: Path, words: list[str], expected: list[str]) -> None:
    """Part by part, as a bench's name is built."""
    assert completion.complete(words) == expected


def test_it_imports_next_to_nothing(project: Path) -> None:
    """Tab is pressed often: no recipe is parsed, no task is made."""
    program = (
        "import sys; before = set(sys.modules); from tinyflow.flow import completion; completion.complete(['bench:'])\n"
        "print({name.partition('.')[0] for name in set(sys.modules) - before} - {'tinyflow', 'importlib', 'warnings'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={"PYTHONPATH": str(CHECKOUT)}
    )
    assert done.stdout == "set()\n", done.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes(real: Run, project: Path) -> None:
    """The script that is printed, in the shell that it is for; colons end words there."""
    script = real("tabcompletion").stdout
    for line, expected in (
        ("tinyflow bench:vww-tvmaot-esp", "vww-tvmaot-esp32c3"),
        ("tinyflow base", "baseline"),
        ("tinyflow results --suite mi", "mixed"),
        ("tinyflow suite:", "good mixed mlperf_tiny slow"),
    ):
        program = f'{script}\nCOMP_LINE="{line}"; COMP_POINT={len(line)}; _tinyflow; echo "${{COMPREPLY[@]}}"'
        done = subprocess.run(["bash", "-c", program], cwd=project, capture_output=True, text=True)
        assert set(expected.split()) <= set(done.stdout.split()), done.stderr
        assert done.stderr == ""


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_take_their_script(real: Run, shell: str) -> None:
    """Where the shell is installed it parses; elsewhere it is only printed."""
    script = real("tabcompletion", "--shell", shell).stdout
    assert "tinyflow.flow.completion" in script
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=script, text=True).returncode == 0


def test_a_graph_is_drawn_of_what_would_run(synthetic: Run, project: Path) -> None:
    """Six actions of one bench; after it ran, none stands out. Wrong use says what to type."""
    assert synthetic("graph", "net-good-chip").stdout.count("orange") == 6
    synthetic("bench:net-good-chip")
    drawn = synthetic("graph", "net-good-chip").stdout
    assert (drawn.count("->"), drawn.count("orange")) == (9, 0)
    synthetic("graph", "suite:good", "--format", "svg", "--output", "graph.svg")
    assert (project / "graph.svg").read_text().startswith("<svg xmlns=")
    assert synthetic("graph").stderr.splitlines()[0] == "graph of what?"
