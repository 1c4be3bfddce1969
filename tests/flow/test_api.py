"""`tinyflow.Project`: rows, arrays and errors for programs, by the engine of the commands."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import kept
import numpy as np
import pytest
from flow_support import CHECKOUT, Run
from stateful_networks import ring
from synthetic_benches import SyntheticPlanner
from tests_support import write_models

import tinyflow
from tinyflow.flow.api import project as api
from tinyflow.flow.api.answers import Accuracy
from tinyflow.flow.loader import Loader
from tinyflow.model import tflite_reader
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize
from tinyflow.stages.accuracy import scored


class _Loader(Loader):
    def __init__(self, start: Path) -> None:
        super().__init__(start)
        self.planner = SyntheticPlanner(self.catalogue)


@pytest.fixture
def mine(project: Path, monkeypatch: pytest.MonkeyPatch) -> tinyflow.Project:
    """A project with synthetic benches."""
    monkeypatch.setattr(api, "Loader", _Loader)
    monkeypatch.setenv("TINYFLOW_CACHE", "cache")
    return tinyflow.Project(project)


def test_the_package_shows_what_programs_use_and_imports_nothing_for_it() -> None:
    """`dir` lists all names, each of them is there; the import alone loads no other module of ours, nor numpy."""
    code = (
        "import sys, tinyflow; told = dir(tinyflow);"
        "assert not {name for name in sys.modules if name.startswith(('tinyflow.', 'numpy', 'doit'))};"
        "print(*(name for name in told if getattr(tinyflow, name) is not None))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True)
    assert {"Project", "Row", "Rows", "results", "TinyflowError"} <= set(done.stdout.split()), done.stderr
    stub = (CHECKOUT / "tinyflow" / "__init__.pyi").read_text()
    assert set(dir(tinyflow)) - {"__version__"} == {line.split()[-1] for line in stub.splitlines() if " as " in line}


def test_a_bench_is_a_row_with_metrics_and_files(mine: tinyflow.Project) -> None:
    """What the command would show and write; again nothing runs, and a row is a mapping of results' columns."""
    ended = []
    mine.progress = lambda *told: ended.append(told)
    row = mine.bench("net-good-chip")
    assert (row.status, row["invoke_instructions"], row.metrics["rom_bytes"]) == ("ok", 5002, 96)
    assert row.validation["result"] == "exact" and row.error is None
    assert json.loads(row.artifacts["sizes.json"].read_text())["rom_code"] == 20
    assert row.artifacts["firmware.elf"] == mine.path / "build" / "net-good-chip" / "firmware.elf"
    assert ended[-1] == ("report net-good-chip", "built", 6, 6)
    ended.clear()
    assert mine.bench("bench:net-good-chip").report == row.report | {
        "stages": mine.bench("net-good-chip").report["stages"]
    }
    assert not ended
    assert repr(row) == str(row) and ">net-good-chip</td>" in row._repr_html_() and ">5.002 k</td>" in row._repr_html_()


def test_a_row_tells_the_commit_that_it_was_measured_at(mine: tinyflow.Project) -> None:
    """From the records, as `results` has it; with `+` where files differ, none where git knows nothing."""
    assert mine.bench("net-good-chip").commit is None
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(mine.path)]
    for words in (["init", "-q"], ["add", "recipes"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    row = mine.bench("net-good-chip")
    assert row.commit is not None and row["commit"] == row.commit[:10]
    assert (
        mine.results(columns="commit")[0]["commit"]
        == row["commit"]
        == mine.run(["bench:net-good-chip"]).frame[0]["commit"]
    )
    (mine.path / "recipes" / "new.yaml").write_text("")
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "second"], check=True)
    assert str(mine.bench("net-good-chip")["commit"]).endswith("+")


@pytest.mark.slow
def test_a_plot_is_a_file(mine: tinyflow.Project) -> None:
    """The command's, in `build/plots/` or where it is asked for; what can't be drawn is refused."""
    pytest.importorskip("matplotlib")
    path = mine.plot("net-good-chip", kind="bars", format="svg", metric="rom_bytes")
    assert path == mine.path / "build" / "plots" / "net-good-chip-bars.svg" and b"<svg" in path.read_bytes()
    other = mine.plot("net-good-chip", kind="bars", format="svg", metric="rom_bytes", output=mine.path / "mine.svg")
    assert (other.name, other.read_bytes()) == ("mine.svg", path.read_bytes())
    with pytest.raises(tinyflow.UsageError, match="nothing to plot: net-good-chip: no board_ms"):
        mine.plot("net-good-chip", kind="bars", metric="board_ms")


def test_what_ends_a_bench_is_raised_in_the_commands_words(mine: tinyflow.Project, synthetic: Run) -> None:
    """For firmware that faults, and for what can't be planned."""
    for name, kind in (("net-faults-chip", tinyflow.RunError), ("net-overflows-chip", tinyflow.DoesNotFit)):
        with pytest.raises(kind) as raised:
            mine.bench(name)
        told = [line.partition("failed")[2].strip() for line in synthetic(f"bench:{name}").stdout.splitlines()]
        assert str(raised.value).splitlines()[0] in told
    with pytest.raises(tinyflow.UsageError) as raised:
        mine.bench("net")
    assert str(raised.value).splitlines()[0] == synthetic("bench:net").stderr.splitlines()[0]
    with pytest.raises(tinyflow.UsageError, match="names 2 benches"):
        mine.bench("net-good-*")
    with pytest.raises(tinyflow.UsageError, match="no folder"):
        tinyflow.Project(mine.path / "nowhere")


def test_several_benches_go_on_when_one_fails(mine: tinyflow.Project) -> None:
    """A row for each, with the error where there is one; a suite's page is written."""
    rows = mine.suite("mixed", jobs=2)
    assert [row.status for row in rows] == ["ok", "failed", "mismatch", "does_not_fit", "timeout"]
    assert [row.bench for row in rows.failed] == [row.bench for row in rows][1:]
    assert isinstance(rows["net-faults-chip"].error, tinyflow.RunError)
    assert rows["net-differs-chip"]["invoke_instructions"] == 5002
    assert rows.files == (mine.path / "build" / "suites" / "mixed" / "report.html",)
    assert rows.frame.where("status != ok").column("rom_bytes") and "hard fault in conv_3" in rows._repr_html_()
    with pytest.raises(tinyflow.UsageError, match="no row of bench"):
        rows["net-good-host"]
    assert [row.bench for row in mine.run(["tiny-good-chip", "bench:net-good-*"])] == [
        *("tiny-good-chip", "net-good-chip", "net-good-host")
    ]


def test_calls_may_run_at_once(mine: tinyflow.Project) -> None:
    """Awaited, each in a thread."""

    async def both() -> list[tinyflow.Row]:
        return await asyncio.gather(*(mine.abench(f"{net}-good-chip") for net in ("net", "tiny")))

    assert [row.status for row in asyncio.run(both())] == ["ok", "ok"]
    assert threading.active_count() < 50


def test_a_call_that_nobody_awaits_any_more_begins_nothing(mine: tinyflow.Project) -> None:
    """The action that runs then comes to its end, and is there for the next call."""
    ended: list[str] = []

    async def cancelled() -> None:
        task = asyncio.create_task(mine.abench("net-good-chip", jobs=1))
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def hear(title: str, *_: object) -> None:
            ended.append(title)
            loop.call_soon_threadsafe(begun.set)
            time.sleep(0.1)  # until the task is cancelled

        mine.progress = hear
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert len(ended) == 1
    mine.progress = lambda title, *_: ended.append(title)
    row = mine.bench("net-good-chip")
    assert row.status == "ok" and ended[0] not in ended[1:]


def test_boards_are_those_of_recipes(mine: tinyflow.Project) -> None:
    """Through what each is reached."""
    assert {board["name"]: board["through"] for board in mine.boards()}["pyboard"] == "/dev/ttyUSB0"


def test_a_program_goes_on_after_an_interruption(mine: tinyflow.Project) -> None:
    """What ran is stopped; the next call runs again."""

    def interrupt(*told: object) -> None:
        raise KeyboardInterrupt

    mine.progress = interrupt
    with pytest.raises(KeyboardInterrupt):
        mine.bench("net-good-chip")
    mine.progress = None
    assert mine.bench("net-good-chip").status == "ok"


def test_what_has_run_is_asked_for_and_compared(mine: tinyflow.Project, synthetic: Run) -> None:
    """As by the commands: rows by condition, changes with their limits, in words and as tables."""
    mine.run(["net-good-chip", "net-good-host", "net-faults-chip"])
    rows = mine.results(where="status = ok", sort="-bench", columns="bench,rom_bytes")
    assert list(rows) == [{"bench": f"net-good-{place}", "rom_bytes": 96} for place in ("host", "chip")]
    assert repr(rows).splitlines()[1].split() == ["net-good-host", "96"]
    compared = mine.compare("good", "faults")
    assert [change.verdict for change in compared.regressions] == ["failed"]
    assert repr(compared) in synthetic("compare", "good", "faults").stdout
    assert ">net-*-chip</td>" in compared._repr_html_() and "1 failed" in compared._repr_html_()
    assert not mine.compare("net-good-chip", "net-good-host", max_regression="rom_bytes:0").regressions
    with pytest.raises(tinyflow.UsageError, match="names nothing to compare"):
        mine.compare("nothing", "net-good-chip")


@pytest.fixture
def dense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tinyflow.Project:
    """A project with a small network `dense`, 37 values in and out."""
    monkeypatch.setenv("TINYFLOW_CACHE", str(kept.folder()))
    write_models(tmp_path, {"dense": synthesize({"graph": "toycar", "features": 37, "hidden": 18, "depth": 2})})
    return tinyflow.Project(tmp_path)


@pytest.mark.slow
def test_firmware_computes_arrays_of_ones_own(dense: tinyflow.Project) -> None:
    """The bench's own samples give the reference's outputs, bytes or real values; what doesn't fit is refused."""
    bench = "dense-tinyc-stm32f4"
    samples = dense.bench(bench).samples
    given, expected = samples.inputs[0], samples.outputs[0]
    assert given.shape == expected.shape == (8, 37) and given.dtype == np.int8
    assert np.array_equal(dense.infer(bench, given, jobs=2), expected)
    many = np.concatenate([given[::-1]] * 40)
    assert np.array_equal(dense.infer(bench, many), np.concatenate([expected[::-1]] * 40))
    graph = tflite_reader.read((dense.path / "recipes" / "models" / "dense.tflite").read_bytes(), "dense")
    ins, outs = (graph.tensors[ports[0]].quantisation for ports in (graph.inputs, graph.outputs))
    assert ins is not None and outs is not None
    real = dense.infer(bench, (given.astype(np.float64) - ins.zero_point) * ins.scale)
    assert real.dtype == np.float32
    np.testing.assert_allclose(real, (expected.astype(np.float64) - outs.zero_point) * outs.scale, rtol=1e-6)
    for wrong, what in (
        (given[:, :5], "has shape (8, 5)"),
        (given.astype(np.uint8), "is uint8"),
        (given[:0], "there are no samples"),
        (np.full((1, 37), np.nan), "not finite"),
        (7, "has shape ()"),
        ([[1, 2], [3]], "is no array"),
    ):
        with pytest.raises(tinyflow.UsageError) as raised:
            dense.infer(bench, wrong)
        assert what in raised.value.what
    with pytest.raises(tinyflow.DoesNotFit, match=r"^link dense-tinyc.*: needs "):
        dense.infer(f"{bench}+flash.1KiB", given)


@pytest.mark.slow
def test_samples_of_a_network_with_state_are_one_sequence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many may run at once: as the bench runs them, and from the beginning in each call."""
    monkeypatch.setenv("TINYFLOW_CACHE", str(kept.folder()))
    write_models(tmp_path, {"kept": write(ring())})
    project = tinyflow.Project(tmp_path, jobs=4)
    samples = project.bench("kept-tinyc-host").samples
    count = len(samples.inputs[0])
    twice = project.infer("kept-tinyc-host", np.concatenate([samples.inputs[0]] * 2))
    assert np.array_equal(twice[:count], samples.outputs[0])
    assert not np.array_equal(twice[count:], samples.outputs[0]), "what came before is remembered"


@pytest.mark.slow
def test_accuracy_is_one_call(dense: tinyflow.Project) -> None:
    """Against labels made of the reference's outputs, two of them wrong; labels that don't match are refused."""
    bench = "dense-tinyc-stm32f4"
    samples = dense.bench(bench).samples
    best = samples.outputs[0].argmax(1)
    labels = best.copy()
    labels[:2] = (best[:2] + 1) % 37
    found = dense.accuracy(bench, samples.inputs[0], labels)
    assert (found.samples, float(found), repr(found)) == (8, 0.75, "top-1 75 % of 8 samples")
    assert sum(row["samples"] for row in found.table) == 8 and "75 %" in found._repr_html_()
    assert found.confusion[labels[0], best[0]] >= 1
    for wrong, what in (
        (labels[1:], "7 labels for 8"),
        (labels + 30, "labels go from"),
        (labels / 2, "labels are float"),
    ):
        with pytest.raises(tinyflow.UsageError, match=what):
            dense.accuracy(bench, samples.inputs[0], wrong)


@pytest.mark.slow
def test_a_profile_and_a_check_are_values(dense: tinyflow.Project) -> None:
    """Instructions of all layers together are the bench's; every backend is asked about the target."""
    found = dense.profile("dense-tinyc-stm32f4")
    total = dense.bench("dense-tinyc-stm32f4")["invoke_instructions"]
    assert sum(row["instructions"] for row in found.layers if row["layer"] != "all") == total
    assert "FULLY_CONNECTED" in found._repr_html_() and repr(found) == str(found)
    checked = {row["backend"]: row for row in dense.check("dense", targets=["stm32f4"])}
    assert checked["tinyc"]["fits"] == "yes" and checked["tinyc"]["arena_bytes"] > 37
    (archive,) = dense.run(["export:dense-tinyc-stm32f4"]).files
    assert archive == dense.path / "build" / "archives" / "dense-tinyc-stm32f4.tar.gz" and archive.is_file()
    with pytest.raises(tinyflow.UsageError, match="neither a model nor a file"):
        dense.check("dens")


def test_accuracy_of_several_classes() -> None:
    """A class that nothing is mistaken of says so; of another the most frequent mistake is told."""
    labels = {"name": "x", "of": 4, "windows": [1] * 4, "classes": [], "names": ["a", "b", "c", "d"]}
    scores = np.eye(2)[[0, 1, 1, 1]]
    found = Accuracy(scored("classification", {"firmware": scores}, {**labels, "labels": [0, 0, 0, 1]}))
    (first, second) = found.table.rows
    assert (first["mistaken_for"], first["times"], second["right"]) == (1, 2, 1.0)
    assert found.confusion.tolist() == [[1, 2], [0, 1]] and float(found) == 0.5


@pytest.mark.slow
def test_actions_of_programs_on_a_cluster(mine: tinyflow.Project) -> None:
    """`cluster=` is `--cluster`: of a call, and of a project; what is no address is refused before anything runs."""
    with pytest.raises(tinyflow.UsageError, match="is not the address of a cluster"):
        mine.run("bench:net-good-chip", cluster="here")
    (row,) = mine.run("bench:net-good-chip", cluster="local:1")
    assert row.status == "ok"
    assert (mine.path / "build" / ".state" / "cluster" / "cache" / "cas").is_dir()
