"""Engines in processes of their own: what goes wrong there is told, and nobody else is hurt."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import fake_engines
import pytest

from tinyflow.core.errors import ModelError, RunError, Timeout, TinyflowError, ToolError
from tinyflow.recipes.catalogue import data_folder
from tinyflow.targets.engine import worker
from tinyflow.targets.engine.process import Process

PORT = {"name": "y", "dtype": "int8", "shape": [1, 5]}


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start a fake engine; all are ended."""
    running: list[Process] = []

    def start(module: str, requires: str = "fake", limit_s: float = 20, adapter: str = fake_engines.ADAPTER) -> Process:
        monkeypatch.syspath_prepend(fake_engines.wheel(tmp_path, module))
        path, folder = tmp_path / "adapter.py", tmp_path / "work"
        path.write_text(adapter)
        folder.mkdir()
        (folder / "model.onnx").write_bytes(b"onnx")
        words = {"name": "fake", "requires": [requires], "install": ["pip install fake"], "environment": ""}
        running.append(Process(words, path, folder, limit_s))
        return running[-1]

    yield start
    for process in running:
        process.close()


def inferred(process: Process, place: Path) -> tuple[float, Any, bytes]:
    """From ONNX to an inference."""
    made = place / "made"
    made.mkdir()
    process.convert(place / "work" / "model.onnx", made)
    process.load(made, [], [PORT])
    return process.invoke([("int8", (1, 2))], b"ab")


def test_one_that_behaves(started: Any, tmp_path: Path) -> None:
    """Outputs, time, memory, what is installed; without a converter the ONNX file is what it loads."""
    process = started(fake_engines.ZEROS)
    assert process.installed["versions"] == {"fake": "1.2"} and process.installed["installed_bytes"] > 50
    elapsed_s, outputs, content = inferred(process, tmp_path)
    assert 0 < elapsed_s < 1 and outputs == [["int8", [1, 5]]] and content == bytes(5)
    assert (tmp_path / "made" / "model.onnx").read_bytes() == b"onnx"
    told = process.tell()
    assert told["remarks"] == [] and 0 <= told["memory_bytes"] < 100 << 20


def test_one_that_is_not_installed_leaves_no_process(
    started: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told with the command that installs it."""
    children: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def noted(*words: Any, **more: Any) -> subprocess.Popen[bytes]:
        children.append(popen(*words, **more))
        return children[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    with pytest.raises(ToolError, match="fake is not installed") as caught:
        started(fake_engines.ZEROS, "no_such_engine>=2")
    assert caught.value.hint == "pip install fake"
    assert [child.poll() for child in children] == [-9]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "requires", "kind", "words"),
    [
        (fake_engines.ZEROS, "fake>=1.10", ToolError, "fake: fake is 1.2, and must be 1.10 or newer"),
        (fake_engines.RAISES, "fake", ToolError, r"can't be imported: OSError: libfake\.so\.3: cannot open"),
        (fake_engines.LEAVES, "fake", ToolError, "can't be imported: SystemExit: no licence"),
        ("import no_such_module", "fake", ToolError, "can't be imported: ModuleNotFoundError: No module named"),
        (fake_engines.DIES, "fake", ToolError, "its process was killed by SIGABRT in load"),
        (
            "def load(path, outputs):\n    raise ValueError('opset 17')",
            "fake",
            ModelError,
            "load it: ValueError: opset 17",
        ),
        (fake_engines.SHORT, "fake", None, ""),
        (fake_engines.HANGS, "fake", Timeout, "fake didn't end invoke in time"),
        (
            "def load(path, outputs):\n    return lambda arrays: 1 / 0",
            "fake",
            RunError,
            "can't run it: ZeroDivisionError",
        ),
    ],
)
def test_one_that_does_not(
    started: Any, tmp_path: Path, module: str, requires: str, kind: type[TinyflowError] | None, words: str
) -> None:
    """What is wrong, in words, at once; what can be installed comes with one command."""
    if kind is None:
        assert inferred(started(module, requires), tmp_path)[1] == [["float64", [3]]]
        return
    with pytest.raises(kind, match=words) as caught:
        inferred(started(module, requires, limit_s=2 if kind is Timeout else 20), tmp_path)
    if kind is ToolError and "killed" not in words:
        assert caught.value.hint == "pip install fake"


@pytest.mark.slow
def test_what_it_prints_harms_nothing(started: Any, tmp_path: Path) -> None:
    """Neither by Python nor by C; it is told how much it was."""
    process = started(fake_engines.PRINTS)
    assert inferred(process, tmp_path)[2] == bytes(5)
    assert process.tell()["remarks"] == ["fake printed 15 bytes to its standard output"]


@pytest.mark.slow
def test_what_it_wants_of_the_network_is_told(started: Any, tmp_path: Path) -> None:
    """And it doesn't get it where the kernel can do that."""
    process = started(fake_engines.CALLS_HOME)
    assert inferred(process, tmp_path)[2] == bytes(5)
    remark, printed = process.tell()["remarks"]
    assert "fake wanted the network: 192.0.2.1:443; " in remark
    if remark.endswith("it is cut off"):
        assert "Network is unreachable" in (tmp_path / "work" / "fake.out").read_text()
        assert "printed" in printed


@pytest.mark.slow
def test_a_converter_that_fails_is_told_with_what_it_said(started: Any, tmp_path: Path) -> None:
    """Programs are counted, whether they come to anything or not."""
    converts = """
import subprocess, sys
import fake
def convert(model, folder):
    subprocess.run([sys.executable, "-c", "open('made', 'w')"], check=True, cwd=folder)
    subprocess.run([sys.executable, "-c", "import sys; sys.exit('unknown node Foo')"], check=True)
"""
    process = started(fake_engines.ZEROS, adapter=converts)
    (tmp_path / "made").mkdir()
    with pytest.raises(ModelError, match=r"fake can't convert it: python.* -c .* ended with status 1\s") as caught:
        process.convert(tmp_path / "work" / "model.onnx", tmp_path / "made")
    assert "unknown node Foo" in caught.value.hint
    process = started_again(process, tmp_path, converts.replace("sys.exit('unknown node Foo')", "0"))
    try:
        assert len(process.convert(tmp_path / "work" / "model.onnx", tmp_path / "made")) == 2
    finally:
        process.close()


def started_again(process: Process, place: Path, adapter: str) -> Process:
    """The same with another adapter."""
    process.close()
    (place / "adapter.py").write_text(adapter)
    words = {"name": "fake", "requires": ["fake"], "install": ["pip install fake"], "environment": ""}
    return Process(words, place / "adapter.py", place / "work", 20)


@pytest.mark.slow
def test_sums_of_onnx_runtime_never_saturate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its session computes alike on all processors, those without VNNI too, and on one thread."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install -e '.[onnx]'")
    asked: list[Any] = []
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda path, options, **more: asked.append(options))
    adapter = worker.adapter_of(str(data_folder() / "recipes" / "backends" / "engines" / "onnxruntime.py"))
    adapter.load(str(tmp_path), [], [])
    (options,) = asked
    assert options.get_session_config_entry("session.x64quantprecision") == "1"
    assert options.intra_op_num_threads == options.inter_op_num_threads == 1


def test_versions_are_compared_by_their_numbers() -> None:
    """As far as three of them."""
    assert worker.numbers("1.10.0rc1") > worker.numbers("1.9") and worker.numbers("1.0.20240410") < worker.numbers(
        "1.1"
    )
