"""Actions on a cluster: a real scheduler, real workers with caches of their own, and nothing shared."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dask_machines import Machines, machines
from flow_support import Run, synthetic_command

from tinyflow.core.errors import UsageError
from tinyflow.flow.session.cluster.address import ClusterAddress, parse


@pytest.fixture
def cluster(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """A scheduler without workers; whatever they import they find as the user does."""
    with machines(tmp_path_factory.mktemp("cluster")) as found:
        yield found


def run(*words: str, cache: str = "cache", **variables: str) -> subprocess.CompletedProcess[str]:
    """`tinyflow` with synthetic benches."""
    environment = {**os.environ, "TINYFLOW_CACHE": cache, **variables}
    return subprocess.run(synthetic_command(*words), capture_output=True, text=True, timeout=120, env=environment)


def outputs(folder: Path) -> dict[str, str]:
    """Of every action that ran in a project: its outputs' digests."""
    with sqlite3.connect(folder / "build" / ".state" / "state.sqlite3") as records:
        return dict(records.execute("SELECT title, outputs FROM records"))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp://host:8786", ClusterAddress("tcp://host:8786")),
        ("tls://[::1]:8786", ClusterAddress("tls://[::1]:8786")),
        ("local:4", ClusterAddress("", 4)),
    ],
)
def test_addresses_of_clusters(text: str, address: ClusterAddress) -> None:
    """A scheduler's address is taken as dask prints it, and local:4 starts workers."""
    assert parse(text) == address
    assert str(address) == text


@pytest.mark.parametrize("text", ["host:8786", "tcp://host", "tcp://host:0", "tcp://host:99999", "local:0", "local:x"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """A malformed address is one line, with two that would do."""
    with pytest.raises(UsageError, match="is not the address of a cluster") as refused:
        parse(text)
    assert "tcp://host:8786" in refused.value.hint


def test_a_malformed_address_is_refused_before_anything_runs(synthetic: Run) -> None:
    """The command line's and the variable's alike."""
    told = synthetic("bench:net-good-chip", "--cluster", "somewhere")
    assert told.returncode == 2
    assert told.stderr.startswith('"somewhere" is not the address of a cluster\n')


@pytest.mark.slow
def test_a_suite_on_two_workers_gives_the_same_bytes(cluster: Machines, project: Path) -> None:
    """What workers with caches of their own make is what is made here, and the suite's outcome is the same."""
    for name in ("one", "two"):
        cluster.worker(name)
    there = run("suite:good", "--cluster", cluster.address)
    assert there.returncode == 0, there.stdout + there.stderr
    assert there.stderr == ""
    made = outputs(project)
    subprocess.run(["rm", "-r", "build", "cache"], check=True)
    here = run("suite:good")
    assert here.returncode == 0
    assert made == outputs(project)
    assert made


@pytest.mark.slow
def test_a_refusal_of_a_stage_is_the_same(cluster: Machines, project: Path) -> None:
    """Errors come back with their hints and logs, and nothing is tried again."""
    cluster.worker("one")
    there = run("suite:mixed", "--cluster", cluster.address, "-n", "1")
    subprocess.run(["rm", "-r", "build", "cache"], check=True)
    here = run("suite:mixed", "-n", "1")
    lines = [
        [line for line in told.stdout.splitlines() if line.startswith(("failed", "  ")) and "log:" not in line]
        for told in (there, here)
    ]
    assert lines[0] == lines[1]
    assert len(lines[0]) > 6
    assert there.returncode == here.returncode == 1


@pytest.mark.slow
def test_workers_on_this_machine(project: Path) -> None:
    """`local:2` needs nothing set up."""
    told = run("bench:net-good-chip", TINYFLOW_CLUSTER="local:2")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "built" in told.stdout
    assert (project / "build" / ".state" / "cluster" / "cache" / "cas").is_dir()


@pytest.mark.slow
def test_nobody_at_the_address_is_one_line() -> None:
    """A scheduler that isn't there is said once, with what to look at."""
    told = run("bench:net-good-chip", "--cluster", "tcp://127.0.0.1:9")
    assert told.returncode == 3
    first, *rest = told.stderr.splitlines()
    assert first.startswith("tcp://127.0.0.1:9: no scheduler answers")
    assert len(rest) == 1
