"""What is seen on a terminal and what in a log: the same facts, moving only where something can move."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from copies import Original
from flow_support import Run

OnTerminal = Callable[..., str]


@pytest.fixture
def on_terminal(original: Original, project: Path) -> OnTerminal:
    """Runs `tinyflow` with synthetic benches on a terminal."""

    def run(*words: str, status: int = 0, **environment: str) -> str:
        """What it writes there."""
        master, slave = pty.openpty()
        variables = os.environ | {"TERM": "xterm", "COLUMNS": "120"} | environment
        original.start(words, project, variables, slave, slave, slave)
        os.close(slave)
        written = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end is closed
            while chunk := os.read(master, 4096):
                written += chunk
        os.close(master)
        assert original.wait() == status
        return written.decode()

    return run


def test_a_terminal_shows_running_actions_with_their_time(on_terminal: OnTerminal) -> None:
    """A list that moves, then the table."""
    written = on_terminal("bench:net-good-chip")
    assert re.search(r"0:00:0\d.* (fetch|generate) net", written)
    assert "\x1b[32mbuilt" in written
    assert "accuracy says nothing" in written.splitlines()[-2]


def test_no_color_is_respected(on_terminal: OnTerminal) -> None:
    """NO_COLOR: nothing but bold and cursor movements."""
    written = on_terminal("bench:net-good-chip", NO_COLOR="1")
    assert "built" in written
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", written)


def test_a_dumb_terminal_gets_plain_lines(on_terminal: OnTerminal) -> None:
    """No escape sequence at all."""
    assert "\x1b" not in on_terminal("bench:net-good-chip", TERM="dumb")


def test_a_log_gets_one_line_per_action(synthetic: Run) -> None:
    """State, title and seconds; no escape sequence."""
    lines = synthetic("bench:net-good-chip").stdout.splitlines()
    assert "\x1b" not in "".join(lines)
    assert all(re.fullmatch(r"built   [a-z]+ net.*  \d+\.\d\d s", line) for line in lines[:6])


def test_output_can_go_to_a_file(synthetic: Run, project: Path) -> None:
    """`-o log` leaves the standard output empty."""
    assert synthetic("-o", "log", "bench:net-good-chip").stdout == ""
    assert "6 built" in (project / "log").read_text()


def test_a_terminal_counts_what_is_done(on_terminal: OnTerminal) -> None:
    """Done of all, running, and each outcome; the counts come to all."""
    written = on_terminal("-n", "1", "suite:good", "bench:net-faults-chip", status=1)
    assert re.search(r"\d+/\d+ · 1 running", written)
    assert re.search(r"\d+ built · \d+\.\d\d s", written)
    assert "1 failed" in written


def test_quiet_shows_only_failures_and_tables(synthetic: Run) -> None:
    """`-q` and `-v 0`: no line for what went well."""
    for words in (["-q"], ["-v", "0"]):
        done = synthetic(*words, "bench:net-good-chip", "bench:net-faults-chip")
        lines = done.stdout.splitlines()
        assert not [line for line in lines if line.startswith(("built", "hit"))]
        assert lines[0] == "failed  run net-faults-chip: hard fault in conv_3 at 0x08001234"
        assert any(line.startswith("net-good-chip") for line in lines)
        assert not any(" built" in line for line in lines)


def test_quiet_on_a_terminal_moves_nothing(on_terminal: OnTerminal) -> None:
    """No spinner, no list; only the table's colours may be there."""
    written = on_terminal("-q", "bench:net-good-chip")
    assert "running" not in written
    assert "\x1b[?25l" not in written


def test_plain_lines_can_be_had_on_a_terminal(on_terminal: OnTerminal) -> None:
    """`--plain`: as in a log, action by action."""
    written = on_terminal("--plain", "bench:net-good-chip")
    assert re.search(r"(?m)^built   fetch net  0\.\d\d s\r?$", written)
    assert "running" not in written


def test_what_is_not_reached_is_counted_too(on_terminal: OnTerminal) -> None:
    """Behind a failure nothing waits for ever: the last count is of all."""
    written = on_terminal("-n", "1", "bench:net-faults-chip", status=1)
    shown = re.findall(r"(\d+)/(\d+) · 0 running", written)
    assert shown and shown[-1][0] == shown[-1][1]


@pytest.mark.slow
def test_the_time_left_is_told_from_what_is_on_record(on_terminal: OnTerminal, project: Path) -> None:
    """What is built again takes about what it took; the first time nothing is told."""
    benches = [f"bench:net-pauses{index}-chip" for index in range(4)]
    assert " left" not in on_terminal("-n", "1", *benches)
    shutil.rmtree(project / "cache")
    assert re.search(r"about \d+ s left", on_terminal("-n", "1", *benches))


@pytest.mark.slow
def test_a_running_action_says_how_far_it_is(on_terminal: OnTerminal, project: Path) -> None:
    """What a stage tells of its progress is behind its title while it runs, and nowhere later."""
    written = on_terminal("-n", "1", "bench:net-pauses0-chip")
    assert re.search(r"0:00:0\d.* run net-pauses0-chip: 2 of 3 done", written)
    assert not list((project / "build" / ".state" / "progress").iterdir())
