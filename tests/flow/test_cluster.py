"""Actions on a cluster: a real scheduler, real workers with caches of their own, and nothing shared."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import on_cluster
import pytest
from dask_machines import Machines, machines
from flow_support import Run, synthetic_command
from kills import Tally
from tests_support import wait_until

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


def begin(*words: str) -> subprocess.Popen[str]:
    """The same, still running."""
    return subprocess.Popen(
        synthetic_command(*words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TINYFLOW_CACHE": "cache"},
    )


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


@pytest.mark.slow
def test_workers_are_shown_with_what_they_asked_for(cluster: Machines, project: Path) -> None:
    """`doit cluster` has a line for each, by name, with slots, what it offers and its cache's hits."""
    cluster.worker("left", "--resources", "board:chip=1", slots=3)
    cluster.worker("right")
    assert run("suite:good", "--cluster", cluster.address).returncode == 0
    told = run("cluster", cluster.address)
    assert told.returncode == 0, told.stderr
    titles, left, right = (line.split() for line in told.stdout.splitlines())
    assert titles[:3] == ["worker", "address", "slots"]
    assert left[0] == "left" and left[2] == "3" and "board:chip" in left
    assert right[0] == "right" and right[2] == "1"
    actions = [int(words[-4]) for words in (left, right)]
    assert sum(actions) == len(outputs(project))


@pytest.mark.slow
def test_a_killed_worker_is_told_and_another_one_does_its_work(cluster: Machines, project: Path) -> None:
    """The bench ends well, by the worker that is left; which one is gone is one line."""
    workers = {name: cluster.worker(name) for name in ("one", "two")}
    session = begin("bench:net-pauses-chip", "--cluster", cluster.address)
    wait_until(lambda: bool(cluster.sleeping()))
    (first,) = [name for name in workers if cluster.sleeping(name)]
    workers[first].kill()
    told, errors = session.communicate(timeout=60)
    said = [line for line in (told + errors).splitlines() if line.startswith("cluster: ")]
    assert session.returncode == 0, told + errors
    assert len(said) == 1
    assert said[0].startswith(f"cluster: worker {first} at tcp://")
    assert said[0].endswith(" is gone")


@pytest.mark.slow
def test_without_workers_or_scheduler_the_rest_runs_here(cluster: Machines, project: Path) -> None:
    """All killed in the midst of a bench: it ends well, and why it went on here is said."""
    worker = cluster.worker("one")
    for victim, why in (
        (worker, "cluster: no worker can run run: it runs here"),
        (cluster.processes[0], f"cluster: the scheduler at {cluster.address} is gone; what is left runs here"),
    ):
        shutil.rmtree("build", ignore_errors=True)
        shutil.rmtree("cache", ignore_errors=True)
        session = begin("bench:net-pauses-chip", "--cluster", cluster.address)
        wait_until(lambda: bool(cluster.sleeping()))
        victim.kill()
        told, errors = session.communicate(timeout=90)
        assert session.returncode == 0, told + errors
        assert why in told + errors
        assert "Traceback" not in errors
        if victim is worker:
            cluster.worker("two")


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_who_is_stopped_leaves_nothing_running(cluster: Machines, project: Path, stop: signal.Signals) -> None:
    """Ctrl-C and kill -9 end what workers run for a session; what had been made stays."""
    cluster.worker("one")
    session = begin("suite:slow", "--cluster", cluster.address)
    wait_until(lambda: bool(cluster.sleeping()))
    session.send_signal(stop)
    _, errors = session.communicate(timeout=30)
    assert session.returncode == (130 if stop == signal.SIGINT else -9)
    assert errors == ""
    stopped_s = time.monotonic()
    wait_until(lambda: not cluster.sleeping())
    assert time.monotonic() - stopped_s < 30  # they would sleep for 60
    again = run("bench:net-good-chip", "--cluster", cluster.address)
    assert again.returncode == 0
    assert "up to date" in again.stdout.splitlines()[0] or "built   " in again.stdout


@pytest.mark.slow
def test_a_worker_with_other_code_is_not_used_and_said(cluster: Machines, project: Path, tmp_path: Path) -> None:
    """Its stage's module differs by a blank line; the other worker runs it all."""
    other = tmp_path / "other"
    shutil.copytree(Path(__file__).parent, other, ignore=shutil.ignore_patterns("__pycache__", "test_*"))
    with (other / "synthetic_stages.py").open("a") as file:
        file.write("\n")
    cluster.worker("odd", PYTHONPATH=os.pathsep.join([str(Path(__file__).parents[2]), str(other)]))
    cluster.worker("even")
    told = run("suite:good", "--cluster", cluster.address)
    assert told.returncode == 0
    lines = [line for line in (told.stdout + told.stderr).splitlines() if line.startswith("cluster: ")]
    assert lines
    assert all(line.startswith("cluster: worker odd at ") and ": implementation modules: " in line for line in lines)


@pytest.mark.slow
def test_a_worker_without_tinyflow_is_not_used_and_said(cluster: Machines, project: Path, tmp_path: Path) -> None:
    """One line says so, and what is left runs here."""
    none = tmp_path / "none"
    none.mkdir()
    (none / "tinyflow.py").write_text("raise ModuleNotFoundError(\"No module named 'tinyflow'\")\n")
    cluster.worker("bare", PYTHONPATH=str(none))
    told = run("bench:net-good-chip", "--cluster", cluster.address)
    assert told.returncode == 0
    said = told.stdout + told.stderr
    assert "cluster: worker bare at tcp://" in said
    assert "is not used: it has no tinyflow of this version" in said


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small disk")
def test_a_full_disk_of_a_worker_is_told(cluster: Machines, project: Path, tmp_path: Path) -> None:
    """Nothing fails for it: another worker takes over."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        cluster.worker("full", TINYFLOW_WORKER_CACHE=str(small))
        (small / "ballast").write_bytes(bytes(60 << 10))
        cluster.worker("roomy")
        told = run("suite:good", "--cluster", cluster.address)
        assert told.returncode == 0
        said = told.stdout + told.stderr
        assert "cluster: worker full at " in said
        assert "No space left on device" in said
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_without_dask_one_command_is_named(synthetic: Run, monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    """What is missing, and the one command that brings it."""
    (project / "distributed.py").write_text("raise ModuleNotFoundError('gone', name='distributed')\n")
    told = subprocess.run(
        synthetic_command("cluster", "tcp://127.0.0.1:9"),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(project), os.environ["PYTHONPATH"]])},
    )
    assert told.returncode == 3
    first, second = told.stderr.splitlines()
    assert first == "dask.distributed is not installed"
    assert "pip install" in second and "[cluster]'" in second


@pytest.mark.slow
def test_what_runs_on_a_board_goes_to_who_offers_it(cluster: Machines, project: Path) -> None:
    """Everything else goes anywhere; a board that nobody offers is that of this machine."""
    cluster.worker("any", slots=4)
    cluster.worker("desk", "--resources", "board:board1=1")
    session = begin("bench:net-pauses-board1", "bench:tiny-pauses-board1", "--cluster", cluster.address)
    most = 0
    while session.poll() is None:
        most = max(most, len(cluster.sleeping("desk")))
        assert not cluster.sleeping("any")
    told, errors = session.communicate()
    assert (session.returncode, errors) == (0, ""), told
    assert most == 1
    session = begin("bench:net-pauses-board2", "--cluster", cluster.address)
    while session.poll() is None:
        assert not cluster.sleeping()
    assert session.returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_with_certificates(project: Path, tmp_path: Path) -> None:
    """Who has none of the cluster's is refused in one line; dask's own settings give them."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject]
    subprocess.run([*words, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    tls = {"--tls-ca-file": certificate, "--tls-cert": certificate, "--tls-key": key}
    options = [word for name, path in tls.items() for word in (name, str(path))]
    settings = {"CA_FILE": certificate, "CLIENT__CERT": certificate, "CLIENT__KEY": key}
    given = {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(path) for name, path in settings.items()}
    folder = tmp_path / "cluster"
    folder.mkdir()
    with machines(folder, "--protocol", "tls", *options, **given) as found:
        found.worker("one", *options)
        assert found.address.startswith("tls://")
        assert run("bench:net-good-chip", "--cluster", found.address, **given).returncode == 0
        shutil.rmtree("build")
        shutil.rmtree("cache")
        told = run("bench:net-good-chip", "--cluster", found.address)
        assert told.returncode == 3, told.stdout + told.stderr
        assert len(told.stderr.splitlines()) == 2


@pytest.mark.slow
def test_workers_killed_at_random_moments_lose_and_falsify_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten of three that are started again: no wrong output, no failure, no needless work."""
    monkeypatch.setenv("PYTHONPATH", on_cluster.python_path())
    tally = on_cluster.torment(10, 5, tmp_path, lambda line: None)
    assert tally == Tally(kills=10, wrong=0, lost=0, not_settled=0)


@pytest.mark.slow
def test_a_frozen_worker_is_not_waited_for(project: Path, tmp_path: Path) -> None:
    """One that doesn't answer from the beginning, and one that dask takes for lost in the midst of an action."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    with machines(folder, DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL="20s") as found:
        frozen = found.worker("frozen")
        frozen.send_signal(signal.SIGSTOP)
        workers = {name: found.worker(name) for name in ("one", "two")}
        session = begin("bench:net-pauses-chip", "--cluster", found.address)
        wait_until(lambda: bool(found.sleeping()))
        (first,) = [name for name in workers if found.sleeping(name)]
        workers[first].send_signal(signal.SIGSTOP)
        told, errors = session.communicate(timeout=120)
        assert session.returncode == 0, told + errors
        said = [line for line in (told + errors).splitlines() if line.startswith("cluster: ")]
        assert any(f"worker {first} at " in line and line.endswith(" is gone") for line in said), told + errors
