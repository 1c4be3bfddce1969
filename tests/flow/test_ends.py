"""What commands write at their end and read at their begin: profiles, shrunk models, sides, facts of models."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sample_profile import PROFILE

from tinyflow.core.action import Action, Workspace
from tinyflow.core.digest import of_file
from tinyflow.core.errors import UsageError
from tinyflow.core.execute import Session
from tinyflow.flow import cli
from tinyflow.flow.commands import models, tuning
from tinyflow.flow.loader import Loader
from tinyflow.flow.project import Project
from tinyflow.flow.publishing import comparison, publish
from tinyflow.flow.version import describe
from tinyflow.model import tflite_reader
from tinyflow.model.summary import macs, summarise
from tinyflow.model.zoo import synthesize
from tinyflow.report.profile import profile_text
from tinyflow.report.quantised import quantised_text
from tinyflow.report.removed import removed_text

SIZES = {"macs": 10, "weights_bytes": 20, "peak_live_bytes": 5, "operators": 2, "tensors": 4}
REMOVED = {"schema": 1, "before": SIZES, "after": {**SIZES, "macs": 5}, "operators": [], "channels": []}
QUANTISED = {
    **{"schema": 1, "samples": "made up", "calibration_samples": 50, "evaluation_samples": 200},
    "weights_bytes": {"before": 4096, "after": 1024},
    "float_operators": [{"operator": 3, "name": "EXP"}],
    "layers": [
        {"operator": 0, "name": "CONV_2D", "tensor": "t", "sqnr_db": 40.5, "max_abs_error": 0.01, "max_abs_value": 2.0}
    ],
    "outputs": [
        {"tensor": "y", "sqnr_db": None, "max_abs_error": 0.0, "max_abs_value": 1.0, "top1_agreement": 0.995},
        {"tensor": "z", "sqnr_db": 30.0, "max_abs_error": 0.1, "max_abs_value": 1.0, "top1_agreement": None},
    ],
}
CONTENT = {
    **{"profile.json": PROFILE, "shrink.json": REMOVED, "quantise.json": QUANTISED},
    **{"origin.json": {"weights": "synthetic"}, "model.tflite": 1},
}


def write(workspace: Workspace) -> None:
    """Every output by its name."""
    for name, path in workspace.outputs.items():
        path.write_text(json.dumps(CONTENT[name]))


def action(stage: str, *outputs: str, **inputs: Any) -> Action:
    """One that writes these."""
    return Action(stage, stage, f"{__name__}:write", outputs, inputs=inputs)


def test_a_profile_lies_beside_its_table(session: Session, tmp_path: Path) -> None:
    """As JSON and as text, where there is one."""
    project, made = Project(tmp_path, tmp_path / "cache"), action("profile", "profile.json")
    assert publish._write("a-b-c", made, session, project) == []
    session.execute(made)
    [path] = publish._write("a-b-c", made, session, project)
    assert path == tmp_path / "build" / "profile" / "a-b-c.txt"
    assert path.read_text() == profile_text("a-b-c", PROFILE)
    assert json.loads(path.with_suffix(".json").read_bytes()) == PROFILE


def test_a_shrunk_model_lies_beside_what_was_removed(session: Session, tmp_path: Path) -> None:
    """The model, what was done to it, and the same for people, who learn whose weights they are."""
    project, fetch = Project(tmp_path, tmp_path / "cache"), action("fetch", "model.tflite", "origin.json")
    made = action("shrink", "model.tflite", "shrink.json", **{"model.tflite": fetch.output("model.tflite")})
    assert publish._write("net", made, session, project) == []
    session.execute(fetch)
    assert publish._write("net", made, session, project) == []
    session.execute(made)
    [path] = publish._write("net", made, session, project)
    assert path == tmp_path / "build" / "shrink" / "net.txt"
    assert path.read_text() == removed_text("net", REMOVED, "synthetic") != removed_text("net", REMOVED, "trained")
    assert json.loads(path.with_suffix(".json").read_bytes()) == REMOVED
    assert path.with_suffix(".tflite").read_text() == "1"


def test_a_quantised_model_lies_beside_what_it_lost(session: Session, tmp_path: Path) -> None:
    """The model, the record, and a table of layers; samples that are made up are told."""
    project, made = Project(tmp_path, tmp_path / "cache"), action("quantise", "model.tflite", "quantise.json")
    assert publish._write("net", made, session, project) == []
    session.execute(made)
    [path] = publish._write("net", made, session, project)
    assert path == tmp_path / "build" / "quantise" / "net.txt"
    assert path.read_text() == quantised_text("net", QUANTISED)
    assert "99.5% of rows" in path.read_text() and "made up" in path.read_text() and "EXP" in path.read_text()
    assert "made up" not in quantised_text("net", {**QUANTISED, "samples": "recipe"})


def report(name: str, **more: Any) -> dict[str, Any]:
    """A bench's `report.json`, as much as comparing needs."""
    metrics = {"rom_bytes": 5, "invoke_s": 0.5}
    return {"schema": 1, "bench": name, "status": "ok", "weights": "trained", "metrics": metrics, **more}


def test_a_side_is_read_from_any_file_of_reports(tmp_path: Path) -> None:
    """A bench's, a suite's, a baseline with samples and commits, a folder of benches; nothing else."""
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report("a")))
    one = comparison.read_results(path)
    assert one.keys() == {"a"} and one["a"].report["metrics"]["rom_bytes"] == 5
    assert (one["a"].samples, one["a"].commit) == ({}, None)
    path.write_text(
        json.dumps(
            {
                **{
                    "commit": "abc",
                    "is_dirty": True,
                    "benches": [report("a"), report("b", commit="def", is_dirty=False)],
                },
                "samples": {"a": {"invoke_s": [1, 2], "rom_bytes": [3]}, "b": {"invoke_s": [1, "x"]}},
            }
        )
    )
    two = comparison.read_results(path)
    assert [(side.commit, side.samples) for side in two.values()] == [("abc+", {"invoke_s": [1, 2]}), ("def", {})]
    assert comparison._from_folder(tmp_path).keys() == {"a", "b"}
    for name in ("x", "y"):
        (tmp_path / "deep" / name).mkdir(parents=True)
        (tmp_path / "deep" / name / "report.json").write_text(json.dumps(report(name)))
    (tmp_path / "deep" / "x" / "timing.json").write_text(json.dumps({"invoke_s": [0.5, 0.25], "wall_s": 9}))
    found = comparison._from_folder(tmp_path / "deep")
    assert {name: side.samples for name, side in found.items()} == {"x": {"invoke_s": [0.5, 0.25]}, "y": {}}
    assert comparison._from_folder(tmp_path / "deep" / "x").keys() == {"x"}
    (tmp_path / "none").mkdir()
    assert comparison._from_folder(tmp_path / "none") == {}
    for bad in (
        *("[]", "{}", "{", json.dumps(report("a", schema=2)), json.dumps(report("a", metrics={"rom_bytes": "5"}))),
        *(json.dumps({"benches": 5}), json.dumps({"benches": [report("a")], "samples": 5})),
    ):
        path.write_text(bad)
        with pytest.raises(UsageError, match="is not a report"):
            comparison.read_results(path)
    with pytest.raises(UsageError, match="is not a report"):
        comparison.read_results(tmp_path / "gone")


def test_names_are_spelled_as_their_folders() -> None:
    """Features sorted, without `bench:`; other words stay."""
    words = ("bench:a-b-c+z+dsp.x", "a-b-c", "suite", "HEAD~1", "+dsp")
    assert [comparison.bench_name(word) for word in words] == ["a-b-c+dsp.x+z", "a-b-c", "suite", "HEAD~1", "+dsp"]


def test_a_model_is_described_by_what_it_is() -> None:
    """Ports, work, operators with their versions, and where it came from."""
    graph = tflite_reader.read(synthesize({"graph": "toycar", "features": 8, "hidden": 4, "bottleneck": 2, "depth": 1}))
    told = models._describe(summarise(graph), {"weights": "synthetic", "source": "zoo"}, "sha256:1")
    assert told[0] == "  int8 [1, 8] -> int8 [1, 8]"
    weights, live = (models.format_size(size) for size in (graph.weights_bytes, graph.peak_live_bytes))
    count = models.format_count(macs(graph))
    assert told[1] == f"  {count} MACs, weights {weights}, activations {live} at once"
    assert told[2] == f"  FULLY_CONNECTED v{graph.operators[0].version} ×{len(graph.operators)}"
    assert told[3] == "  synthetic weights, from zoo, sha256:1"


def test_records_are_counted_with_their_gain() -> None:
    """Those whose default is the best say so; the gain is a geometric mean of what each objective is about."""
    by = {"objective": "instructions"}
    best = {**by, "choice": None, "instructions": {"before": 10, "after": 10}}
    better = [{**by, "choice": {}, "instructions": {"before": 100, "after": after}} for after in (50, 25)]
    assert tuning._told([best, best]) == "2 kernels by instructions, for all of which the default is the best"
    gain = 1 - (0.5 * 0.25) ** 0.5
    told = f"3 kernels by instructions, 2 of them better than the default, by {gain:.1%} on average"
    assert tuning._told([best, *better]) == told
    ram = {**better[0], "objective": "ram", "scratch_bytes": {"before": 50, "after": 0}}
    assert tuning._told([ram, best, *better]) == (
        f"{told}; 1 kernels by ram, 1 of them better than the default, by 98.0% on average"
    )


def test_models_are_fetched_from_where_they_are(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file, a file that isn't there, and one that is only made from code; the worst of it is the exit status."""
    folder = project / "recipes" / "models"
    folder.mkdir()
    (folder / "mine.yaml").write_text("description: x\nfile: mine.tflite\n")
    (folder / "mine.tflite").write_bytes(synthesize({"graph": "toycar", "features": 8, "hidden": 4, "depth": 1}))
    (folder / "gone.yaml").write_text("description: x\nfile: gone.tflite\nsynthesize: {graph: sine}\n")
    (folder / "coded.yaml").write_text("description: x\nsynthesize: {graph: sine}\n")

    def fetch(*names: str) -> tuple[int, str, str]:
        status = cli.run(["fetch", *names], Loader())
        said = capsys.readouterr()
        return status, re.sub(r"\d+\.\d+ s", "T s", said.out), said.err

    digest = of_file(folder / "mine.tflite")
    assert fetch("coded") == (0, "coded: made from code only, nothing to fetch\n", "")
    assert fetch("mine", "coded")[:2] == (
        *(0, f"mine: built in T s, {digest}\ncoded: made from code only, nothing to fetch\n"),
    )
    status, said, error = fetch("gone", "mine")
    assert status != 0 and "gone" in error and said == f"mine: up to date in T s, {digest}\n"


def test_a_cache_that_lacks_or_spoils_something_is_told(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Either is a fault by itself; a whole cache is none. The program's version is what `describe` says."""
    monkeypatch.setenv("TINYFLOW_CACHE", "cache")
    session = Session(project / "cache", project / "state")
    made = action("profile", "profile.json")
    session.execute(made)
    blob = session.output_path(made, "profile.json")
    session.close()
    assert cli.run(["cache", "verify"], Loader()) == 0
    content = blob.read_bytes()
    blob.unlink()
    assert cli.run(["cache", "verify"], Loader()) == 1
    assert "0 damaged, 1 results incomplete" in capsys.readouterr().out
    blob.write_bytes(content)
    (project / "cache" / "cas" / "00").mkdir(exist_ok=True)
    (project / "cache" / "cas" / "00" / ("1" * 62)).write_bytes(b"spoilt")
    assert cli.run(["cache", "verify"], Loader()) == 1
    assert "1 damaged, 0 results incomplete" in capsys.readouterr().out
    assert cli.run(["--version"], Loader()) == 0
    assert capsys.readouterr().out.splitlines() == describe()
