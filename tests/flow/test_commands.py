"""Every command that can be typed: help that can be copied from, and one line for each wrong use."""

from __future__ import annotations

import re
import shlex
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
from doit.doit_cmd import DoitMain
from flow_support import Run

from tinyflow.flow import commands
from tinyflow.flow.command_list import COMMANDS, PLUGINS, UNSUPPORTED
from tinyflow.flow.commands.help import overview

ALL = sorted(COMMANDS)
# Commands for which any one word is right, or none is needed; what is wrong for them instead.
WRONG = {"init": ["one", "two"], "explain": ["frobnicate"], "plan": ["frobnicate"]}


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The line of what is wrong; the others are a hint, and below a bench's name where in it."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    first, *rest = done.stderr.splitlines()
    assert len(rest) <= (3 if any(set(line) <= set(" ^") for line in rest) else 1) and all(
        line.startswith("  ") for line in rest
    ), done.stderr
    return first


def test_the_lists_of_commands_agree() -> None:
    """Each is a module that has its name, and the overview shows it."""
    modules = {path.stem for path in Path(commands.__path__[0]).glob("*.py")} - {"__init__", "command", "listing"}
    assert modules == {place.partition(":")[0].rpartition(".")[2] for place in PLUGINS["COMMAND"].values()}
    for name, place in PLUGINS["COMMAND"].items():
        module, _, attribute = place.partition(":")
        assert getattr(import_module(module), attribute).get_name() == name
    shown = overview("tinyflow")
    assert [name for name in ALL if name != "run" and f"tinyflow {name}" not in shown] == []


def test_no_command_is_left_to_doit(real: Run) -> None:
    """Each that doit brings is ours, or refused with what to do instead."""
    assert {command.get_name() for command in DoitMain.DOIT_CMDS} <= {*ALL, *UNSUPPORTED}
    for name in UNSUPPORTED:
        assert refusal(real(name, "bench:vww-tvmaot-stm32f7", "--all")) == f"there is no {name} here"


@pytest.mark.parametrize("name", ALL)
def test_help_says_what_and_shows_how(real: Run, project: Path, name: str) -> None:
    """Purpose, usage, what each option is for, and examples of which every option exists."""
    done = real("help", name)
    assert (done.returncode, done.stderr) == (0, "")
    assert [part for part in ("PURPOSE", "USAGE", "Example: ") if part not in done.stdout] == []
    assert examples_of(name)
    for words in examples_of(name):
        assert words[0] in ("doit", "tinyflow") and (words[1] == name or name == "run")
        assert refusal(real(*words[1:], "--frobnicate")) == "option --frobnicate not recognized"


def examples_of(name: str) -> list[list[str]]:
    """The words of each example in a command's help, without variables before it."""
    place, _, attribute = PLUGINS["COMMAND"][name].partition(":")
    lines = getattr(import_module(place), attribute).doc_description.splitlines()
    texts = [line.removeprefix("Example: ") for line in lines if line.startswith("Example: ")]
    # `eval "$(tinyflow …)"` stands for what is within
    found = [shlex.split(re.sub(r'^eval "\$\((.*)\)"$', r"\1", text)) for text in texts]
    return [[word for word in words if not word.startswith("TINYFLOW_")] for words in found]


@pytest.mark.parametrize("name", ALL)
def test_an_unknown_option_is_told_in_one_line(real: Run, project: Path, name: str) -> None:
    """Long and short, with the way to the help."""
    assert refusal(real(name, "--frobnicate")) == "option --frobnicate not recognized"
    assert refusal(real(name, "-X")) == "option -X not recognized"


@pytest.mark.parametrize("name", ALL)
def test_an_unknown_argument_is_told_in_one_line(real: Run, project: Path, name: str) -> None:
    """The word is quoted, or what is missing is named; nothing is made."""
    before = sorted(path for path in project.rglob("*") if ".state" not in path.parts)
    line = refusal(real(name, *WRONG.get(name, ["frobnicate"])))
    assert "frobnicate" in line or name in line
    after = sorted(path for path in project.rglob("*") if ".state" not in path.parts)
    assert [path for path in after if path not in before and path.name != "build"] == []


# options of a run, as they may be typed, and one that needs a value of a kind
SHARED = [
    ["--plain"],
    ["-n", "4"],
    ["-n4"],
    ["--process=4"],
    ["-v", "2"],
    ["-q"],
    ["--timeout", "5s"],
    ["--no-continue"],
]


@pytest.mark.parametrize("name", [name for name in ALL if name != "run"] + [*UNSUPPORTED])
@pytest.mark.every(3)
def test_options_may_stand_on_both_sides_of_a_command(real: Run, project: Path, name: str) -> None:
    """What a command says to a wrong word it says whatever options of a run are around it; wrong ones are refused."""
    plain = real(name, "frobnicate", "more")
    for options in SHARED:
        before = real(*options, name, "frobnicate", "more")
        assert (before.returncode, before.stderr) == (plain.returncode, plain.stderr), options
        if name not in UNSUPPORTED and not (name == "watch" and options[0] == "-v"):  # which is verbose there
            behind = real(name, "frobnicate", *options, "more")
            assert (behind.returncode, behind.stderr) == (plain.returncode, plain.stderr), options
    if name not in UNSUPPORTED:
        for words in (["-n", "four", name], [name, "--timeout", "5x"], ["--timeout", "5x", name]):
            assert re.search("num_process|--timeout: ", refusal(real(*words)))
    assert refusal(real("--frobnicate", name)) == "option --frobnicate not recognized"


def test_options_of_a_command_may_stand_before_it(real: Run, project: Path) -> None:
    """Values too, even those that are called as a command; what is printed can go to a file."""
    assert real("--all", "plan", "sine").stdout == real("plan", "--all", "sine").stdout != ""
    shown = real("results", "--format", "csv")
    assert (shown.stdout, shown.returncode) == (real("--format", "csv", "results").stdout, 0)
    drawn = real("graph", "sine-tinyc-stm32f7", "--format", "mermaid").stdout
    assert real("--format", "mermaid", "--output", "plan", "graph", "sine-tinyc-stm32f7").returncode == 0
    assert (project / "plan").read_text() == drawn
    done = real("-o", "told", "plan", "sine-tinyc-stm32f7")
    assert (done.returncode, done.stdout) == (0, "")
    assert "generate sine tinyc" in (project / "told").read_text()


def test_an_empty_argument_is_told_in_one_line(real: Run) -> None:
    """As a variable of a shell that is not set leaves it."""
    done = real("results", "--model", "")
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "an argument is empty")


@pytest.mark.parametrize(
    "words", [("results", "--format", "json", "--output"), ("graph", "bench:aww-tinyc-stm32f7", "--output")]
)
def test_an_output_that_cant_be_written_is_told_in_one_line(real: Run, project: Path, words: tuple[str, ...]) -> None:
    """A folder that is not there, or a folder: no bug of ours."""
    for place, why in (("gone/x", "No such file or directory"), (str(project), "Is a directory")):
        done = real(*words, place)
        assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"{place} can't be written: {why}")


@pytest.mark.parametrize(
    ("words", "now"),
    [
        (["cache", "why", "1a2b3c"], "it is called `cache uses` now"),
        (["verify", "--anyway", "bench:x"], "it is called --ignore-tool-versions now"),
    ],
)
def test_a_word_of_an_earlier_version_is_refused_with_its_new_name(real: Run, words: list[str], now: str) -> None:
    """Whoever has typed it for long is told what to type."""
    done = real(*words)
    assert done.returncode == 2 and now in done.stderr
