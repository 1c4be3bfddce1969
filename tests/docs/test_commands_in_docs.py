"""What the documents say can be typed can be typed: commands, groups of tasks, options, files that they name."""

from __future__ import annotations

import getopt
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
from doit.cmdparse import CmdOption, CmdParse

from tinyflow.flow.command_list import COMMANDS, GROUPS, PLUGINS

CHECKOUT = Path(__file__).parents[2]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in (CHECKOUT / "docs").glob("*.md"))]
PROGRAMS = ("doit", "tinyflow")


def typed(text: str) -> list[str]:
    """Commands in code spans, and lines of blocks that begin with one of our programs."""
    fenced = re.findall(r"```(?:sh|console)?\n(.*?)```", text, re.DOTALL)
    plain = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", plain)
    lines = [line.strip() for block in fenced for line in block.splitlines()]
    lines += [line.strip() for line in plain.splitlines() if line.startswith("    ")]
    found = [re.split("  +", text)[0].lstrip("$ ") for text in [*spans, *lines]]
    return [text for text in found if text.split(" ")[0] in PROGRAMS and " " in text]


def is_right(command: str) -> bool:
    """Whether a command line is one of ours, with options that it has."""
    words = [word for word in shlex.split(command.replace("…", ""))[1:] if word != "--help"]
    if words == ["--version"]:
        return True
    name = words[0] if words[0] in COMMANDS else "run"
    place, _, attribute = PLUGINS["COMMAND"][name].partition(":")
    shape = getattr(import_module(place), attribute)
    options = words[1:] if name != "run" or words[0] == "run" else words
    parser = CmdParse([CmdOption(option) for option in shape.cmd_options])
    try:
        _, names = getopt.gnu_getopt(options, parser.get_short(), parser.get_long())
    except getopt.GetoptError:
        return False
    return name != "run" or all(word.partition(":")[0] in GROUPS for word in names)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_can_be_typed_can_be_typed(document: str) -> None:
    """Every command line of every document."""
    wrong = [command for command in typed((CHECKOUT / document).read_text()) if not is_right(command)]
    assert wrong == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files(document: str) -> None:
    """Relative links, and files of ours that are named in code spans."""
    path = CHECKOUT / document
    text = path.read_text()
    linked = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in linked if not (path.parent / link).exists()] == []
    named = re.findall(r"`((?:docs|tests|benchmarks|templates)/[\w./-]+\w)`", text)
    assert [name for name in named if not (CHECKOUT / name).exists()] == []
