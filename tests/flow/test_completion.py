"""Completion: quick, from names of files alone, and in a real shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from flow_support import CHECKOUT, Run

from tinyflow.flow import completion
from tinyflow.flow.command_list import GROUPS
from tinyflow.flow.project import find_project
from tinyflow.recipes.catalogue import KINDS, Catalogue, recipe_folders
from tinyflow.recipes.schema import Backend, Feature, Model, Suite, Target


def test_names_are_those_of_the_catalogue(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a subfolder, too, and with folders of the user's own: the rules are in two places."""
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


def test_every_group_of_tasks_is_offered() -> None:
    """And members of each."""
    assert set(completion.complete([""])) == {f"{group}:" for group in GROUPS}
    for group in GROUPS:
        assert completion.complete([f"{group}:"]), group


def test_every_kind_of_recipe_has_a_schema_to_ask_for() -> None:
    """The words behind `schema` are the catalogue's."""
    assert completion.complete(["schema", ""]) == sorted(kind.noun for kind in KINDS.values())


def test_values_of_features_are_those_of_the_recipes(project: Path) -> None:
    """Of the built-in ones, and of one that is written line by line; the project's own stands first."""
    built_in = Catalogue(recipe_folders({}, project))
    assert all(completion.values(name) == list(built_in.get(Feature, name).values) for name in built_in.names(Feature))
    own = project / "recipes" / "features"
    own.mkdir()
    (own / "opt.yaml").write_text("description: x\nvalues:\n  - O1\n  - 'Os'\nsets: {optimise: $value}\n")
    assert completion.values("opt") == list(Catalogue(recipe_folders({}, project)).get(Feature, "opt").values)
    (own / "opt.yaml").write_text("description: no list\nvalues: [")
    assert completion.values("opt") == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["suite:go"], ["suite:good"]),
        (["bench:v"], ["bench:vww-"]),
        (["bench:vww-tvmaot-esp"], [f"bench:vww-tvmaot-esp32{kind}" for kind in ("", "c3", "c3_devkit", "c6", "s3")]),
        (["bench:vww-tvmaot-stm32f4+ds"], ["bench:vww-tvmaot-stm32f4+dsp"]),
        (["bench:vww-tvmaot-stm32f4+dsp+shr"], ["bench:vww-tvmaot-stm32f4+dsp+shrink"]),
        (["-n", "2", "report:mix"], ["report:mixed"]),
        (["results", "--suite", "sl"], ["slow"]),
        (["results", "--model", "toy"], ["toycar"]),
        (["plan", "toy"], ["toycar-"]),
        (["baseline", ""], ["check", "save"]),
        (["bench:vww-tvmaot-stm32f4+o"], [f"bench:vww-tvmaot-stm32f4+{name}." for name in ("opt", "order")]),
        (["bench:vww-tvmaot-stm32f4+opt.O"], [f"bench:vww-tvmaot-stm32f4+opt.{level}" for level in ("O2", "O3", "Os")]),
        (["bench:vww-tvmaot-stm32f4+dsp+opt.Os+ds"], []),
        (["plan", "vww-tinyc-host+toolchain.g"], ["vww-tinyc-host+toolchain.gcc"]),
        (["bench:vww-tinyc-host+dsp."], []),
        (["bench:vww-tinyc-host+nothing."], []),
        (["export:go"], ["export:good"]),
        (["shrink:to"], ["shrink:toycar"]),
        (["schema", "ta"], ["target"]),
        (["init", "--model", "v"], []),
        (["import", "v"], []),
        (["cache", "s"], ["stats"]),
        (["baseline", "save", "go"], ["good"]),
        (["bench:a-b-c-d"], []),
        (["nothing:x"], []),
        (["models", "toy"], ["toycar"]),
        (["fetch", "toy"], ["toycar"]),
        (["verify", "toy"], ["toycar-"]),
        (["doctor", "t"], []),
        (["su"], ["suite:"]),
    ],
)
def test_a_word_becomes_what_may_stand_there(project: Path, words: list[str], expected: list[str]) -> None:
    """Part by part, as a bench's name is built."""
    assert completion.complete(words) == expected


def test_archives_are_found_as_files(project: Path) -> None:
    """Folders on the way, too; nothing else."""
    folder = project / "build" / "archives"
    folder.mkdir(parents=True)
    for name in ("a.tar.gz", "b.txt", ".c.tar.gz"):
        (folder / name).touch()
    assert completion.complete(["import", "b"]) == ["build/"]
    for command in ("import", "verify"):
        assert completion.complete([command, "build/"]) == ["build/archives/"]
        assert completion.complete([command, "build/archives/"]) == ["build/archives/a.tar.gz"]
    assert completion.complete(["import", "nowhere/"]) == []
    assert "build/" in completion.complete(["verify", "bu"])


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
        ("tinyflow bench:vww-tvmaot-stm32f7", "vww-tvmaot-stm32f7"),
        ("tinyflow base", "baseline"),
        ("tinyflow results --suite mi", "mixed"),
        ("tinyflow suite:", "good mixed mlperf_tiny slow"),
        ("tinyflow bench:vww-tinyc-stm32f4+opt.", "vww-tinyc-stm32f4+opt.Os"),
    ):
        program = f'{script}\nCOMP_LINE="{line}"; COMP_POINT={len(line)}; _tinyflow; echo "${{COMPREPLY[@]}}"'
        done = subprocess.run(["bash", "-c", program], cwd=project, capture_output=True, text=True)
        assert set(expected.split()) <= set(done.stdout.split()), done.stderr
        assert done.stderr == ""


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_is_left_to_complete_files(real: Run, project: Path) -> None:
    """Where we know nothing there is no candidate at all, not an empty one: then bash offers files."""
    asked = 'COMP_LINE="tinyflow import x"; COMP_POINT=17; _tinyflow; echo "${#COMPREPLY[@]}"'
    program = real("tabcompletion").stdout + asked
    assert subprocess.run(["bash", "-c", program], cwd=project, capture_output=True, text=True).stdout == "0\n"


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes(real: Run, project: Path) -> None:
    """Asked as fish asks itself: commands, names after a colon, values after a dot."""
    script = real("tabcompletion", "--shell", "fish").stdout
    for line, expected in (
        ("tinyflow base", "baseline"),
        ("tinyflow suite:mi", "suite:mixed"),
        ("tinyflow bench:vww-tinyc-stm32f4+opt.", "bench:vww-tinyc-stm32f4+opt.Os"),
    ):
        ask = ["fish", "--no-config", "-c", f"{script}\ncomplete -C '{line}'"]
        done = subprocess.run(ask, cwd=project, capture_output=True, text=True, env=os.environ | {"HOME": str(project)})
        assert expected in done.stdout.split(), done.stderr


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_completes(real: Run, project: Path) -> None:
    """The function, with what zsh sets for it; what it offers is printed instead."""
    script = real("tabcompletion", "--shell", "zsh").stdout
    around = "compdef() {}; compadd() { while [[ $1 != -- ]]; do shift; done; shift; print -l -- $@ }"
    for words, expected in (
        (["tinyflow", "base"], "baseline"),
        (["tinyflow", "suite:mi"], "suite:mixed"),
        (["tinyflow", "results", "--model", "to"], "toycar"),
    ):
        asked = f"words=({' '.join(words)}); CURRENT={len(words)}; _tinyflow"
        command = ["zsh", "-f", "-c", f"{around}\n{script}\n{asked}"]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True)
        assert expected in done.stdout.split(), done.stderr


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


def test_a_network_is_drawn_as_it_is_on_record(synthetic: Run) -> None:
    """Of one bench that has run; what it has no document of is refused with what to do."""
    told = synthetic("graph", "net-good-chip", "--network", "given").stderr
    assert told == "net-good-chip has no graph.json\n  doit bench:net-good-chip makes it\n"
    synthetic("bench:net-good-chip")
    drawn = synthetic("graph", "bench:net-good-chip", "--network", "given").stdout
    assert '"0 SOFTMAX" [label="0 SOFTMAX 1x4 int8"];' in drawn
    assert '"input 0" -> "0 SOFTMAX";' in drawn and '"0 SOFTMAX" -> "output 0";' in drawn
    assert "TVM's backends have it" in synthetic("graph", "net-good-chip", "--network", "relax").stderr
    two = synthetic("graph", "net-good-chip", "net-good-host", "--network", "given")
    assert (two.returncode, two.stderr.splitlines()[0]) == (2, "one network at a time")
