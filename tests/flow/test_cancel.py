"""Being stopped: children die, what is finished stays, the report says what was not reached, and the status is 130."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flow_support import CHECKOUT, synthetic_command
from tests_support import is_running, wait_until

_SLEEP_S = 60  # of benches that sleep


def start(project: Path, *words: str) -> subprocess.Popen[str]:
    """Start a session and wait until the good bench has run and the others sleep."""
    said = project / "said"
    session = subprocess.Popen(
        synthetic_command("-n", "3", *words),
        cwd=project,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=said.open("w"),
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(
        lambda: len(children_of(session.pid, "sleep")) >= 2 and "built   report net-good-chip" in said.read_text()
    )
    return session


def children_of(parent: int, program: str = "") -> list[int]:
    """Process ids of the direct children, or of those that run a program: others may be about to end."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
            fields = rest.split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z" and name.endswith(program):
            found.append(int(stat.parent.name))
    return found


@pytest.mark.parametrize(("begins", "expected"), [("", (130, "")), ("early.begin();", (-2, "KeyboardInterrupt"))])
def test_while_all_is_imported_a_stop_says_nothing(begins: str, expected: tuple[int, str]) -> None:
    """And afterwards it is what a command waits for. doit's loader comes the same way."""
    way = "from tinyflow.__main__ import PluginLoader; from tinyflow.flow import early;"
    code = f"import os, signal; {way} {begins} os.kill(os.getpid(), signal.SIGINT)"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True)
    assert (done.returncode, "".join(done.stderr.splitlines()[-1:])) == expected


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_session_reports_what_it_knows(project: Path, stop: signal.Signals) -> None:
    """At once: no child left, finished benches `ok`, the rest `cancelled`, status 130, no traceback."""
    session = start(project, "suite:slow")
    children = children_of(session.pid)
    session.send_signal(stop)
    _, errors = session.communicate(timeout=_SLEEP_S / 2)
    assert session.returncode == 130
    assert errors == ""
    assert "2 stopped" in (project / "said").read_text()
    assert not any(map(is_running, children))
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
    session.communicate(timeout=_SLEEP_S / 2)
    wait_until(lambda: not any(map(is_running, children)))
    again = subprocess.run(synthetic_command("bench:net-good-chip"), cwd=project, capture_output=True, text=True)
    assert again.stdout.splitlines()[0].startswith("6 up to date")


def test_a_second_ctrl_c_does_not_stop_the_stopping(project: Path) -> None:
    """Impatience loses no report."""
    session = start(project, "suite:slow")
    for _ in range(5):
        session.send_signal(signal.SIGINT)
        time.sleep(0.01)
    session.communicate(timeout=_SLEEP_S / 2)
    assert session.returncode == 130
    assert (project / "build" / "suites" / "slow" / "report.md").exists()
