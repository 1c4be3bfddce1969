"""Errors for people: two lines for what they can mend, a traceback only for what we must."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest

from tinyflow.core.action import Action
from tinyflow.core.errors import RunError, ToolError
from tinyflow.flow.messages import error_lines, shown
from tinyflow.flow.session.display import LiveDisplay, PlainDisplay
from tinyflow.flow.streams import plain_output, write_data


def test_an_error_is_one_line_of_what_and_one_of_what_to_do() -> None:
    """Where, what, hint; nothing else."""
    error = RunError("hard fault", where="net-tool-chip", hint="look at the last block")
    assert error_lines(error) == ["net-tool-chip: hard fault", "  look at the last block"]


def test_what_was_done_and_where_it_broke_are_both_said() -> None:
    """A file's name alone would not tell which action could not read it; a title is not said twice."""
    assert error_lines(RunError("damaged", where="model.tflite"), "convert net") == [
        "convert net: model.tflite: damaged"
    ]
    assert error_lines(RunError("damaged", where="convert net"), "convert net") == ["convert net: damaged"]


def test_a_long_tool_output_becomes_its_telling_line(tmp_path: Path) -> None:
    """The compiler's first error, and where the whole log is."""
    printed = "in file x.c\nx.c:3:1: error: no\n1 error generated."
    error = ToolError("clang ended with status 1", where="compile", hint=printed)
    error.log_path = tmp_path / "log"
    error.log_path.write_text("…")
    first, *rest = error_lines(error)
    assert first == "compile: clang ended with status 1"
    assert rest == ["  x.c:3:1: error: no", f"  log: {tmp_path}/log"]


def test_verbose_keeps_everything() -> None:
    """`-v 2` adds the traceback of what a user can cause, too."""
    lines = error_lines(RunError("hard fault", hint="look\nhere"), "run net", is_verbose=True)
    assert lines[:3] == ["run net: hard fault", "  look", "  here"]
    assert any("RunError" in line for line in lines[3:])


def test_a_bug_keeps_its_traceback() -> None:
    """What is not a TinyflowError is our fault, and says so."""
    try:
        {}["nowhere"]
    except KeyError as error:
        lines = error_lines(error, "run net")
    assert lines[0] == "run net: this is a bug of tinyflow: KeyError: 'nowhere'"
    assert any("test_messages.py" in line for line in lines)


def test_paths_are_shown_from_where_people_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative below the working directory, absolute elsewhere."""
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "build" / "x") == "build/x"
    assert shown(Path("/elsewhere")) == "/elsewhere"


EVIL = "\x1b]0;x\x07\x1b[2J\x9b\x85\u202e\udcff" + "n" * 100_000
# What `rich` itself may say to a terminal: colours, cursor up, erase, hide and show the cursor.
_OURS = re.compile("\x1b\\[[0-9;?]*[mAKlh]|[\r\n]")


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def harmless(text: str) -> bool:
    """Whether a terminal would only show this, within reason."""
    return _OURS.sub("", text).isprintable() and len(text) < 5000


@pytest.mark.parametrize("is_verbose", [False, True])
def test_no_error_obeys_or_floods(is_verbose: bool) -> None:
    """Names and tools' words in errors, ours and bugs alike, are plain and of a sane length on every border."""
    for error in (ToolError(EVIL, where=EVIL, hint=EVIL + "\n\t" + EVIL), ValueError(EVIL)):
        lines = error_lines(error, EVIL, is_verbose=is_verbose)
        assert all(map(harmless, lines))
        assert sum(map(len, lines)) < 20_000


def test_no_display_obeys_or_floods(monkeypatch: pytest.MonkeyPatch) -> None:
    """Titles of actions, lines and progress, on a terminal and in a log."""
    monkeypatch.setenv("TERM", "xterm")
    action = Action(stage="s", title=EVIL.replace("\udcff", ""), function="m:f", outputs=("o",))
    stream = Terminal()
    for display in (PlainDisplay(stream), LiveDisplay(stream, list, 0.0, lambda _: EVIL)):
        display.expect([action])
        display.started(action)
        display.print_lines([EVIL])
        display.ended(action, "failed", [EVIL, EVIL])
        display.close()
    assert all(map(harmless, stream.getvalue().split("\n")))
    assert "\\x1b]0;x" in stream.getvalue()


def test_what_commands_print_is_plain_and_what_they_write_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """`print` within a command obeys nobody; a format, which has seen to its texts, passes unchanged."""
    with plain_output():
        print(EVIL)
        print(EVIL, file=sys.stderr)
        write_data("x" * 10_000)
    told = capsys.readouterr()
    assert harmless(told.out.split("\n")[0])
    assert harmless(told.err)
    assert told.out.endswith("x" * 10_000)
