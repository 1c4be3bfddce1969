"""Being stopped: children die, what is finished stays, the report says what was not reached, and the status is 130."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from flow_support import synthetic_command

_STOPPED_WITHIN_S = 3.0


def start(project: Path, *words: str) -> subprocess.Popen[str]:
    """Start a session and wait until a bench sleeps."""
    command = synthetic_command("-n", "3", *words)
    session = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while len(children_of(session.pid)) < 2:
        assert time.monotonic() < deadline and session.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)  # let the good bench finish
    return session


def children_of(parent: int) -> list[int]:
    """Process ids of the direct children."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_session_reports_what_it_knows(project: Path, stop: signal.Signals) -> None:
    """Within 3 s: no child left, finished benches `ok`, the rest `cancelled`, status 130, no traceback."""
    session = start(project, "suite:slow")
    children = children_of(session.pid)
    started = time.monotonic()
    session.send_signal(stop)
    output, errors = session.communicate(timeout=20)
    assert time.monotonic() - started < _STOPPED_WITHIN_S
    assert session.returncode == 130
    assert errors == ""
    assert "2 stopped" in output
    assert not any(Path("/proc", str(child)).exists() for child in children)
    with (project / "build" / "suites" / "slow" / "report.csv").open() as file:
        found = {row["bench"]: (row["status"], row["reason"]) for row in csv.DictReader(file)}
    assert found == {
        "net-good-chip": ("ok", ""),
        "net-sleeps-chip": ("cancelled", "run: stopped"),
        "net-sleeps-host": ("cancelled", "run: stopped"),
    }


@pytest.mark.slow
def test_finished_actions_are_kept_even_when_killed(project: Path, synthetic: object) -> None:
    """`kill -9` writes no report, but the next session goes on behind the last finished action."""
    session = start(project, "suite:slow")
    children = children_of(session.pid)
    os.kill(session.pid, signal.SIGKILL)
    session.communicate(timeout=20)
    deadline = time.monotonic() + 5
    while any(Path("/proc", str(child)).exists() for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    again = subprocess.run(synthetic_command("bench:net-good-chip"), cwd=project, capture_output=True, text=True)
    assert again.stdout.splitlines()[0].startswith("6 up to date")


def test_a_second_ctrl_c_does_not_stop_the_stopping(project: Path) -> None:
    """Impatience loses no report."""
    session = start(project, "suite:slow")
    for _ in range(5):
        session.send_signal(signal.SIGINT)
        time.sleep(0.01)
    session.communicate(timeout=20)
    assert session.returncode == 130
    assert (project / "build" / "suites" / "slow" / "report.md").exists()
