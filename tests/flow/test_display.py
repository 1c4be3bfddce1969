"""What is seen on a terminal and what in a log: the same facts, moving only where something can move."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
from pathlib import Path

from conftest import Run, synthetic_command


def on_terminal(project: Path, *words: str, **environment: str) -> str:
    """What a session writes to a terminal."""
    master, slave = pty.openpty()
    session = subprocess.Popen(
        synthetic_command(*words),
        cwd=project,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"} | environment,
    )
    os.close(slave)
    written = b""
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while chunk := os.read(master, 4096):
            written += chunk
    os.close(master)
    assert session.wait(60) == 0
    return written.decode()


def test_a_terminal_shows_running_actions_with_their_time(project: Path) -> None:
    """A list that moves, then the table."""
    written = on_terminal(project, "bench:net-good-chip")
    assert re.search(r"0:00:0\d.* (fetch|generate) net", written)
    assert "\x1b[32mbuilt" in written
    assert "accuracy says nothing" in written.splitlines()[-2]


def test_no_color_is_respected(project: Path) -> None:
    """NO_COLOR: nothing but bold and cursor movements."""
    written = on_terminal(project, "bench:net-good-chip", NO_COLOR="1")
    assert "built" in written
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", written)


def test_a_dumb_terminal_gets_plain_lines(project: Path) -> None:
    """No escape sequence at all."""
    assert "\x1b" not in on_terminal(project, "bench:net-good-chip", TERM="dumb")


def test_a_log_gets_one_line_per_action(synthetic: Run) -> None:
    """State, title and seconds; no escape sequence."""
    lines = synthetic("bench:net-good-chip").stdout.splitlines()
    assert "\x1b" not in "".join(lines)
    assert all(re.fullmatch(r"built   [a-z]+ net.*  \d+\.\d\d s", line) for line in lines[:6])


def test_output_can_go_to_a_file(synthetic: Run, project: Path) -> None:
    """`-o log` leaves the standard output empty."""
    assert synthetic("-o", "log", "bench:net-good-chip").stdout == ""
    assert "6 built" in (project / "log").read_text()
