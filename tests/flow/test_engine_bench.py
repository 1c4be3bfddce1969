"""Benches by other people's engines: their rows, and what becomes of the others when one goes wrong."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fake_engines
import pytest
from tests_support import doit, write_models

from tinyflow.model.zoo import synthesize

pytestmark = pytest.mark.slow
pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[onnx]'")
pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install -e '.[onnx]'")
RECIPE = """\
description: an engine of a test's
engine:
  adapter: {name}.py
  takes: {takes}
  requires: [{name}]
  install: [pip install {name}]
machine: tinyflow.targets.engine
tolerance: 8
runtimes: []
targets: [host]
timeout: {timeout}
"""


def report(place: Path, bench: str) -> dict[str, Any]:
    """A bench's row."""
    row: dict[str, Any] = json.loads((place / "build" / bench / "report.json").read_bytes())
    return row


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A project with a small network."""
    write_models(tmp_path, {"net": synthesize({"graph": "toycar", "features": 37, "hidden": 18, "depth": 2})})
    (tmp_path / "recipes" / "backends").mkdir(parents=True, exist_ok=True)
    return tmp_path


def add(place: Path, name: str, module: str, takes: str = "int8", timeout: str = "20s") -> None:
    """One more engine."""
    folder = place / "recipes" / "backends"
    (folder / f"{name}.yaml").write_text(RECIPE.format(name=name, takes=takes, timeout=timeout))
    (folder / f"{name}.py").write_text(fake_engines.ADAPTER.replace("fake", name))
    if module:
        fake_engines.wheel(place, module, name)


def test_onnx_runtime_in_both_forms(place: Path) -> None:
    """Rows tell form, version, sizes, memory and the spread of times; the dequantised one its own reference."""
    done = doit(place, "bench:net-onnxruntime-host", "bench:net-onnxruntime_float-host")
    assert done.returncode == 0, done.stdout + done.stderr
    integers, real = (report(place, f"net-{name}-host") for name in ("onnxruntime", "onnxruntime_float"))
    assert [row["engine"]["form"] for row in (integers, real)] == ["int8", "dequantised"]
    assert "of_integers" not in integers["validation"] and 0 < real["validation"]["of_integers"]["cosine"] <= 1
    assert real["validation"]["result"] in ("exact", "within 1 step") and real["engine"]["version"].count(".") == 2
    for row in (integers, real):
        metrics = row["metrics"]
        assert 0 < metrics["invoke_s"] <= metrics["invoke_s_median"] <= metrics["invoke_s_p95"]
        assert metrics["install_bytes"] > 10 << 20 > metrics["model_bytes"] > 1000
        assert 1 << 20 < metrics["host_memory_bytes"] < 1 << 30
        assert metrics["commands"] == 1 and 5 < metrics["written_lines"] < 20
    assert "net-onnxruntime_float-host: dequantised; against the integer network mean difference " in done.stdout


@pytest.mark.parametrize("name", ["ncnn", "mnn", "iree", "iree_float"])
def test_others_where_they_are_installed(place: Path, name: str) -> None:
    """Their adapters are right: outputs are within the tolerance of the recipe."""
    needed = {"ncnn": ("ncnn", "pnnx"), "mnn": ("MNN",)}.get(name, ("iree.compiler", "iree.runtime"))
    if any(find_spec(package.partition(".")[0]) is None for package in needed):
        pytest.skip(f"needs {', '.join(needed)}: see docs/engines.md")
    done = doit(place, f"bench:net-{name}-host", PYTHONPATH=os.environ.get("PYTHONPATH", ""))
    assert done.returncode == 0, done.stdout + done.stderr
    row = report(place, f"net-{name}-host")
    assert row["engine"]["form"] == ("int8" if name == "iree" else "dequantised")
    assert row["metrics"]["commands"] >= 2


def test_what_deployment_takes_is_counted(place: Path) -> None:
    """Of the wheels that get the file itself, and of our own code: what is installed, typed and written."""
    benches = [f"net-{name}-host" for name in ("tflm_wheel", "litert_wheel", "tinyc")]
    done = doit(place, *(f"bench:{bench}" for bench in benches))
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [report(place, bench) for bench in benches]
    assert [row.get("engine", {}).get("name") for row in rows] == ["tflite-micro", "ai-edge-litert", None]
    assert rows[0]["validation"]["result"] == "exact" and rows[0]["engine"]["form"] == "int8"
    tflm, litert, ours = (row["metrics"] for row in rows)
    assert [each["commands"] for each in (tflm, litert, ours)] == [1, 1, 2]
    assert 1 << 20 < tflm["install_bytes"] < litert["install_bytes"] < ours["install_bytes"]
    assert all(5 < each["written_lines"] < 60 for each in (tflm, litert, ours))


def test_what_breaks_breaks_its_own_row_alone(place: Path) -> None:
    """Wheels that are missing, crash, hang, compute something else, print or call home: each row says which."""
    engines = {
        "right": (fake_engines.RIGHT, "ok", ""),
        "absent": ("", "failed", "the Python package absent is not installed"),
        "broken": (fake_engines.RAISES, "failed", "broken can't be imported: OSError: libfake.so.3"),
        "dies": (fake_engines.DIES, "failed", "dies: its process was killed by SIGABRT in load"),
        "hangs": (fake_engines.HANGS, "timeout", "didn't end"),
        "zeros": (fake_engines.ZEROS, "mismatch", "samples differ from tflm by up to"),
        "short": (fake_engines.SHORT, "failed", "short gives outputs of 3 float64; the model's are 37 int8"),
        "prints": (fake_engines.PRINTS.replace(fake_engines.ZEROS, fake_engines.RIGHT), "ok", ""),
        "calls": (fake_engines.CALLS_HOME.replace(fake_engines.ZEROS, fake_engines.RIGHT), "ok", ""),
    }
    for name, (module, _, _) in engines.items():
        add(place, name, module)
    words = [f"bench:net-{name}-host" for name in engines]
    done = doit(place, *words, "--timeout", "12s", PYTHONPATH=str(place / "site"))
    assert done.returncode in (1, 3), done.stdout + done.stderr
    for name, (_, status, reason) in engines.items():
        row = report(place, f"net-{name}-host")
        assert (row["status"], reason in (row["reason"] or "")) == (status, True), (name, row["reason"], done.stdout)
    assert "pip install absent" in done.stdout
    remarks = {
        name: report(place, f"net-{name}-host")["validation"].get("warnings", []) for name in ("prints", "calls")
    }
    assert any("printed" in remark for remark in remarks["prints"]), remarks
    assert any("wanted the network: 192.0.2.1:443" in remark for remark in remarks["calls"]), remarks


def test_a_suite_expects_reasons(place: Path) -> None:
    """What may have no result is `refused` and no failure; for another reason, or asked for alone, it is one."""
    add(place, "right", fake_engines.RIGHT)
    add(place, "absent", "")
    suite = place / "recipes" / "suites" / "mine.yaml"
    suite.parent.mkdir(exist_ok=True)
    left_out = "left_out: {another: it has no importer}\n"
    text = (
        f"description: x\ninclude: [net-right-host, net-absent-host]\n{left_out}refused: {{net-absent-*: is not %s}}\n"
    )
    seen = {"PYTHONPATH": str(place / "site")}
    for words, status, state in (("installed", 0, "refused"), ("there", 3, "failed")):
        suite.write_text(text % words)
        done = doit(place, "suite:mine", **seen)
        assert done.returncode == status, done.stdout + done.stderr
        assert [report(place, f"net-{name}-host")["status"] for name in ("right", "absent")] == ["ok", state]
    assert "another,it has no importer" in (place / "build" / "suites" / "mine" / "left_out.csv").read_text()
    suite.write_text(text % "installed")
    assert doit(place, "bench:net-absent-host", **seen).returncode == 3


def test_two_versions_side_by_side(place: Path) -> None:
    """Each in an environment of its own, whose packages are in the key; one that breaks breaks its own rows alone."""
    adapter = (Path(__file__).parents[2] / "recipes" / "backends" / "engines" / "onnxruntime.py").read_text()
    for name, version in (("ort_old", "1.22.0"), ("ort_new", "1.23.2"), ("ort_never", "0.0.0")):
        add(place, name, "")
        recipe = place / "recipes" / "backends" / f"{name}.yaml"
        environment = f"  environment: {{packages: [onnxruntime=={version}]}}\n"
        text = recipe.read_text().replace(f"requires: [{name}]", "requires: [onnxruntime]")
        recipe.write_text(text.replace("machine:", f"{environment}machine:").replace("20s", "200s"))
        recipe.with_suffix(".py").write_text(adapter)
    caches = {"XDG_CACHE_HOME": str(place / "home")}
    for name in ("ort_old", "ort_new"):
        made = doit(place, "fetch", f"engine:{name}", **caches)
        if made.returncode:
            pytest.skip(f"pip installs nothing here: {(made.stdout + made.stderr).strip()[-200:]}")
    words = [f"bench:net-{name}-host" for name in ("ort_old", "ort_new", "ort_never")]
    done = doit(place, *words, **caches)
    assert done.returncode == 3, done.stdout + done.stderr
    rows = [report(place, word.removeprefix("bench:")) for word in words]
    assert [row["status"] for row in rows] == ["ok", "ok", "failed"]
    assert [row["engine"]["version"] for row in rows[:2]] == ["1.22.0", "1.23.2"]
    assert "`doit fetch engine:ort_never` makes it: onnxruntime==0.0.0" in done.stdout
