"""`doit accuracy:`: how right firmware is, over data that these tests make, so that it is known beforehand."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import secrets
import tarfile
from pathlib import Path
from typing import Any

import kept
import numpy as np
import numpy.typing as npt
import pytest
from small_networks import Net
from stateful_networks import ring
from tests_support import doit, write_models

import tinyflow
from tinyflow.model.builder import GraphBuilder
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize

pytestmark = pytest.mark.slow
CLASSES, COUNT, WRONG = 6, 300, 30
BENCH = "same-tinyc-stm32f4"


def _same() -> bytes:
    """A network whose outputs grow with its inputs, each of them alone: the largest input is the class."""
    net = Net(1, 1, 1, CLASSES)
    weights = (50 * np.eye(CLASSES)).astype(np.int8).reshape(CLASSES, 1, 1, CLASSES)
    return write(net.graph(net.convolution(net.input, weights, np.zeros(CLASSES, np.int32), padding="VALID")))


def _same_float() -> bytes:
    """The same in float32."""
    net = GraphBuilder()
    weights = net.constant("w", np.eye(CLASSES).reshape(CLASSES, 1, 1, CLASSES), "float32")
    bias = net.constant("b", np.zeros(CLASSES), "float32")
    given = net.add_input("x", (1, 1, 1, CLASSES), None, "float32")
    return write(net.graph([net.layer("CONV_2D", (given, weights, bias), "y", None, None, "float32")], "same"))


def _data(seed: int = 1) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
    """Samples and labels, of which a known number is wrong."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, COUNT)
    samples = random.integers(-100, 20, (COUNT, 1, 1, CLASSES)).astype(np.int8)
    samples[np.arange(COUNT), 0, 0, labels] = 100
    labels[:WRONG] = (labels[:WRONG] + 1) % CLASSES
    return samples, labels


def _asks(place: Path, name: str, text: str) -> None:
    """Let a model's recipe ask for accuracy."""
    with (place / "recipes" / "models" / f"{name}.yaml").open("a") as recipe:
        recipe.write(f"accuracy: {{{text}}}\n")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with that network and data."""
    monkeypatch.setenv("TINYFLOW_CACHE", str(kept.folder()))
    monkeypatch.delenv("TINYFLOW_MIRRORS", raising=False)
    write_models(tmp_path, {"same": _same()})
    samples, labels = _data()
    np.savez(tmp_path / "recipes" / "models" / "set.npz", x=samples, y=labels)
    return tmp_path


def _document(place: Path, bench: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / "build" / bench / "accuracy.json").read_bytes())
    return found


def test_figures_are_those_that_were_made(place: Path) -> None:
    """By the command, in row, page and text; by Python, with the recipe's samples and with arrays."""
    _asks(place, "same", "data: set.npz, count: 1000, target: 0.9, classes: [a, b, c, d, e, f]")
    done = doit(place, "-n", "2", f"accuracy:{BENCH}")
    assert done.returncode == 0, done.stdout + done.stderr
    told = f"top-1 90 % of {COUNT} samples (reference 90 %); target 90 %: reached"
    assert told in done.stdout and "all outputs equal the reference's" in done.stdout
    document, (samples, labels) = _document(place, f"{BENCH}+accuracy"), _data()
    taken = samples.reshape(COUNT, CLASSES).argmax(1)
    confusion = [[int(((labels == row) & (taken == column)).sum()) for column in range(6)] for row in range(6)]
    assert document["confusion"] == confusion and document["agreement"]["equal_share"] == 1
    assert {one["sample"] for one in document["wrong"]} < {str(number) for number in range(WRONG)}
    assert document["sides"]["firmware"] == document["sides"]["reference"]
    row = json.loads((place / "build" / f"{BENCH}+accuracy" / "report.json").read_bytes())
    assert (row["metrics"]["top1"], row["metrics"]["top1_reference"], row["accuracy"]["of"]) == (0.9, 0.9, COUNT)
    page = (place / "build" / f"{BENCH}+accuracy" / "report.html").read_text()
    assert "Confusion" in page and told in page and f'%">{confusion[1][1]}<' in page
    project = tinyflow.Project(place)
    found, mine = project.accuracy(BENCH), project.accuracy(BENCH, samples, labels)
    assert found.document["confusion"] == mine.document["confusion"] == confusion
    assert dict(found.sides["firmware"]) == dict(mine.sides["firmware"]) and float(found) == 0.9
    assert found.table.rows[0]["label"] == "a" and found.table.rows[0]["samples"] == sum(confusion[0])


def test_more_samples_keep_what_is_known_of_the_fewer(place: Path) -> None:
    """A part is kept by its content, so that a session that ends goes on where it was; a target may be missed."""
    _asks(place, "same", "data: set.npz, count: 250, target: 0.99")
    ended: list[tuple[str, str]] = []
    project = tinyflow.Project(place, progress=lambda title, state, *_: ended.append((title.split()[0], state)))
    few = project.run([f"bench:{BENCH}+accuracy"])[0]
    assert few.report["accuracy"]["target"] == {"metric": "top1", "value": 0.99, "is_reached": False}
    ended.clear()
    many = project.run([f"bench:{BENCH}+accuracy.1000"])[0]
    assert (few.report["accuracy"]["samples"], many.report["accuracy"]["samples"]) == (250, COUNT)
    assert [state for stage, state in ended if stage == "infer"].count("hit") >= 1
    changes = {change.metric: change.verdict for change in project.compare(few.bench, many.bench).changes}
    assert changes["top1"] == (
        "better" if many["top1"] > few["top1"] else "worse" if many["top1"] < few["top1"] else "same"
    )


def test_what_a_stopped_session_computed_is_kept(place: Path) -> None:
    """Part by part: the next one computes only those that were not ended."""
    samples, labels = _data(secrets.randbits(32))  # which nobody has computed yet
    np.savez(place / "recipes" / "models" / "mine.npz", x=samples, y=labels)
    _asks(place, "same", "data: mine.npz")
    ended: list[tuple[str, str]] = []

    def stop(title: str, state: str, *numbers: int) -> None:
        ended.append((title, state))
        if title.startswith("infer"):
            raise KeyboardInterrupt

    project = tinyflow.Project(place, jobs=1, progress=stop)
    with pytest.raises(KeyboardInterrupt):
        project.accuracy(BENCH)
    (first,) = (told for told in ended if told[0].startswith("infer"))
    assert first[1] == "built"
    ended.clear()
    project.progress = lambda title, state, *numbers: ended.append((title, state))
    found = project.accuracy(BENCH)
    assert (first[0], "built") not in ended and found.samples == COUNT
    assert float(found) == (COUNT - WRONG) / COUNT


def test_anomalies_are_scored_by_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of MLPerf Tiny's csv; the AUC is that of the reference's outputs, pair by pair."""
    monkeypatch.setenv("TINYFLOW_CACHE", str(kept.folder()))
    write_models(tmp_path, {"toy": synthesize({"graph": "toycar", "features": 36, "hidden": 18, "depth": 2})})
    folder, random = tmp_path / "recipes" / "models" / "ad", np.random.default_rng(5)
    folder.mkdir()
    project, lines, recordings, labels = tinyflow.Project(tmp_path), [], [], []
    for number in range(14):
        labels.append(number % 3 == 0)
        recordings.append(random.normal(0, 3 + labels[-1], 36 + 12 * (number % 4)).astype(np.float32))
        (folder / f"{number}.bin").write_bytes(recordings[-1].tobytes())
        lines.append(f"{number}.bin,2,{int(labels[-1])},144,48\n")
    (folder / "y_labels.csv").write_text("".join(lines))
    _asks(tmp_path, "toy", "data: ad, task: anomaly, format: float32, target: 0.2")
    found = project.accuracy("toy-tinyc-stm32f4")
    scores = []
    for recording in recordings:
        windows = np.array([recording[begin : begin + 36] for begin in range(0, len(recording) - 35, 12)])
        outputs = project.infer("toy-tinyc-stm32f4", windows)
        scores.append(float(np.mean([np.mean((a - b) ** 2) for a, b in zip(windows, outputs, strict=True)])))
    pairs = [
        (a > b) + 0.5 * (a == b)
        for a, odd in zip(scores, labels, strict=True)
        if odd
        for b, o in zip(scores, labels, strict=True)
        if not o
    ]
    assert found.auc == pytest.approx(sum(pairs) / len(pairs), abs=1e-6) and found.top1 is None
    assert found.document["inferences"] == sum((len(each) - 36) // 12 + 1 for each in recordings)
    assert found.document["target"]["metric"] == "auc" and "AUC" in str(found) and float(found) == found.auc
    first = np.array([recording[:36] for recording in recordings])
    assert 0 <= float(project.accuracy("toy-tinyc-stm32f4", first, np.array(labels, int), task="anomaly")) <= 1


def test_a_float_network_stands_beside(place: Path) -> None:
    """Of one that is quantised after training: float, reference, firmware."""
    models = place / "recipes" / "models"
    (models / "real.tflite").write_bytes(_same_float())
    (models / "real.yaml").write_text("description: for tests\nfile: real.tflite\n")
    samples, labels = _data()
    np.savez(models / "real.npz", x=samples.astype(np.float32) / 25, y=labels)
    _asks(place, "real", "data: real.npz")
    row = tinyflow.Project(place).bench("real-tinyc-stm32f4+accuracy+quantised")
    assert row.metrics["top1_float"] == 0.9 and abs(row.metrics["top1"] - 0.9) <= 0.02
    assert row.metrics["top1"] == row.metrics["top1_reference"]


def test_an_archive_is_pinned_and_never_unpacked_elsewhere(place: Path) -> None:
    """A copy with another digest is refused, as is one whose files lead out of it; by URL it is fetched."""
    samples, labels = _data()
    content = b"".join(bytes([y]) + x.tobytes() for x, y in zip(samples, labels, strict=True))

    def archive(name: str) -> bytes:
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as tar:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        return gzip.compress(raw.getvalue(), mtime=0)

    good, models = archive("all/test.bin"), place / "recipes" / "models"
    (place / "elsewhere.tar.gz").write_bytes(good)
    text = (
        f"data: set.tar.gz, urls: ['{(place / 'elsewhere.tar.gz').as_uri()}'], member: all/test.bin, format: int8, "
        f"sha256: {hashlib.sha256(good).hexdigest()}"
    )
    _asks(place, "same", text)
    project = tinyflow.Project(place)
    assert float(project.accuracy(BENCH)) == 0.9
    (place / "elsewhere.tar.gz").unlink()
    recipe = models / "same.yaml"
    asked = recipe.read_text()
    recipe.write_text(asked.replace(hashlib.sha256(good).hexdigest(), 64 * "f"))
    with pytest.raises(tinyflow.TinyflowError, match="no source has these labelled samples"):
        project.accuracy(BENCH)
    recipe.write_text(asked)
    (models / "set.tar.gz").write_bytes(good + b"x")
    with pytest.raises(tinyflow.TinyflowError, match="has sha256"):
        project.accuracy(BENCH)
    evil = archive("../../out.bin")
    (models / "set.tar.gz").write_bytes(evil)
    recipe.write_text(asked.replace(hashlib.sha256(good).hexdigest(), hashlib.sha256(evil).hexdigest()))
    with pytest.raises(tinyflow.TinyflowError, match="leads out of it"):
        project.accuracy(BENCH)


def test_what_cannot_be_is_one_line_and_the_rest_is_kept(place: Path) -> None:
    """No recipe's word, no data, a label out of range: the bench beside it goes on, and what ran is not lost."""
    done = doit(place, f"accuracy:{BENCH}")
    assert done.returncode == 2 and "same has no labelled samples" in done.stderr
    _asks(place, "same", "data: nowhere")
    done = doit(place, f"bench:{BENCH}+accuracy", f"bench:{BENCH}")
    assert done.returncode == 1 and 'there is no "nowhere" with labelled samples' in done.stdout, done.stdout
    row = json.loads((place / "build" / BENCH / "report.json").read_bytes())
    assert row["status"] == "ok" and "accuracy" not in row
    models = place / "recipes" / "models"
    samples, labels = _data()
    np.savez(models / "nowhere.npz", x=samples, y=labels + 4)
    (models / "same.yaml").write_text((models / "same.yaml").read_text().replace("nowhere", "nowhere.npz"))
    done = doit(place, f"accuracy:{BENCH}")
    assert done.returncode == 1 and "classes 0 to 5" in done.stdout, done.stdout
    assert "nowhere.npz, sample" in done.stdout and "Traceback" not in done.stdout + done.stderr


def test_a_network_with_state_has_no_answer_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no figure is told that depends on the order of the samples."""
    monkeypatch.setenv("TINYFLOW_CACHE", str(kept.folder()))
    write_models(tmp_path, {"kept": write(ring())})
    np.savez(tmp_path / "recipes" / "models" / "set.npz", x=np.zeros((3, 1, 1, 5), np.int8), y=[0, 1, 0])
    _asks(tmp_path, "kept", "data: set.npz")
    with pytest.raises(tinyflow.TinyflowError, match="remembers samples"):
        tinyflow.Project(tmp_path).accuracy("kept-tinyc-host")
