"""A project of one's own: whole, at once usable, and never at the cost of a file that was there."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from flow_support import Run
from small_networks import Net

from tinyflow.core.units import format_size
from tinyflow.flow import new_project
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize
from tinyflow.recipes.catalogue import KINDS, Catalogue, data_folder
from tinyflow.recipes.check import check_all
from tinyflow.recipes.schema import Model, Suite, Target


@pytest.fixture
def empty(real: Run, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without recipes, and a small network in it."""
    folder = tmp_path_factory.mktemp("empty")
    monkeypatch.chdir(folder)
    network = {"graph": "toycar", "features": 33, "hidden": 10, "bottleneck": 3, "depth": 1}
    (folder / "My-Net.tflite").write_bytes(synthesize(network))
    net = Net(1, 4, 4, 4)
    (folder / "odd.tflite").write_bytes(write(net.graph(net.operator("SIGN", net.input, shape=(1, 4, 4, 4)))))
    return folder


def test_a_project_is_made_around_a_model(real: Run, empty: Path) -> None:
    """Its recipes are right, name the model's digest, and ask editors for schemas that are there."""
    done = real("init", "mine", "--model", "My-Net.tflite")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "  tinyflow bench:my_net-tinyc-stm32f4"
    recipes = empty / "mine" / "recipes"
    catalogue = Catalogue([recipes, data_folder() / "recipes"])
    check_all(catalogue)
    assert catalogue.get(Model, "my_net").sha256 == sha256((empty / "My-Net.tflite").read_bytes()).hexdigest()
    assert catalogue.get(Suite, "first").matrix is not None
    for path in recipes.glob("*/*.yaml"):
        first = path.read_text().splitlines()[0]
        json.loads((path.parent / first.removeprefix("# yaml-language-server: $schema=")).read_text())


def test_letters_keep_what_they_are_without_their_accents() -> None:
    """A bench name has a-z only: what can't be told by these separates words."""
    assert new_project.recipe_name(Path("Über-Größe é1.tflite")) == "uber_grosse_e1"
    assert new_project.recipe_name(Path("a\u732bb.tflite")) == "a_b"


def test_chips_that_it_fits_are_told(real: Run, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three with different cores, the smallest first, with what it needs of what there is: each a bench to type."""
    (empty / "own" / "targets").mkdir(parents=True)
    twin = data_folder() / "recipes" / "targets" / "stm32f103.yaml"
    (empty / "own" / "targets" / "twin.yaml").write_bytes(twin.read_bytes())
    monkeypatch.setenv("TINYFLOW_RECIPES", str(empty / "own"))
    lines = real("init", "mine", "--model", "My-Net.tflite").stdout.splitlines()
    chips = lines[lines.index("chips that it fits, the smallest first:") + 1 : lines.index("next:")]
    catalogue = Catalogue([empty / "own", data_folder() / "recipes"])
    targets = [catalogue.get(Target, line.split()[1].rpartition("-")[2]) for line in chips]
    assert len({target.cpu for target in targets}) == len(targets) == 3
    sizes = [sum(region.length_bytes for region in target.memory if region.kind == "ram") for target in targets]
    assert sizes == sorted(sizes) and sizes[0] == 64 << 10
    for line, size in zip(chips, sizes, strict=True):
        assert line.startswith("  tinyflow bench:my_net-tinyc-") and f" of {format_size(size)} RAM, " in line


def test_what_tinyc_refuses_begins_with_another_backend(real: Run, empty: Path) -> None:
    """With the instructions that it doesn't use by itself."""
    net = Net(1, 4, 4, 4)
    (empty / "neg.tflite").write_bytes(write(net.graph(net.operator("NEG", net.input, shape=(1, 4, 4, 4)))))
    assert real("init", "--model", "neg.tflite").stdout.endswith("\n  tinyflow bench:neg-tvmaotplus-stm32f4+dsp\n")


def test_an_onnx_file_keeps_its_name(real: Run, empty: Path) -> None:
    """Whether it is one, fetching it will tell."""
    (empty / "Other.onnx").write_bytes(b"any")
    real("init", "--model", "Other.onnx")
    assert "file: other.onnx" in (empty / "recipes" / "models" / "other.yaml").read_text()
    assert (empty / "recipes" / "models" / "other.onnx").read_bytes() == b"any"


@pytest.mark.slow
def test_plain_doit_works_in_it(real: Run, empty: Path) -> None:
    """Its pyproject.toml has all that doit needs: our commands, and the model's bench."""
    real("init", "--model", "My-Net.tflite")
    doit = [sys.executable, "-m", "doit", "plan", "suite:first"]
    done = subprocess.run(doit, cwd=empty, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "generate my_net tinyc" in done.stdout


def test_without_a_model_it_begins_with_a_built_in_one(real: Run, empty: Path) -> None:
    """So that the first command can be tried at once."""
    real("init")
    assert "models: [vww]" in (empty / "recipes" / "suites" / "first.yaml").read_text()
    assert "bench:vww-tinyc-stm32f4" in [line.split()[0] for line in real("list").stdout.splitlines()]


def test_a_model_is_added_to_a_project(real: Run, empty: Path) -> None:
    """And to its first suite, where all backends of that take it and it is as `init` wrote it; nothing else changes."""
    real("init")
    suite = empty / "recipes" / "suites" / "first.yaml"
    before = {path: path.read_bytes() for path in empty.rglob("*") if path.is_file() and path != suite}
    text = suite.read_text()
    done = real("init", "--model", "My-Net.tflite", "--model", "odd.tflite")
    assert done.returncode == 0 and "added to recipes/suites/first.yaml" in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1] == "  tinyflow check my_net odd"
    assert suite.read_text() == text.replace("[vww]", "[vww, my_net]")
    after = {path: path.read_bytes() for path in empty.rglob("*") if path.is_file() and path != suite}
    assert before.items() <= after.items()
    added = {path.name for path in after.keys() - before.keys() if "build" not in path.parts}
    assert added == {f"{name}.{end}" for name in ("my_net", "odd") for end in ("yaml", "tflite")}
    suite.write_text(mine := text.replace("[vww]", "[vww] # mine"))
    (empty / "Another.tflite").write_bytes((empty / "My-Net.tflite").read_bytes())
    assert "first.yaml" not in real("init", "--model", "Another.tflite").stdout
    assert suite.read_text() == mine


@pytest.mark.slow
def test_all_models_that_are_given_are_taken(real: Run, empty: Path) -> None:
    """Of those that a converter makes, too, which says first how its environment is made."""
    (empty / "Small.tflite").write_bytes((empty / "My-Net.tflite").read_bytes())
    done = real("init", "two", "-m", "My-Net.tflite", "--model=Small.tflite")
    assert done.stdout.splitlines()[-2:] == [f"  tinyflow bench:{name}-tinyc-stm32f4" for name in ("my_net", "small")]
    assert "models: [my_net, small]" in (empty / "two" / "recipes" / "suites" / "first.yaml").read_text()
    (empty / "net.keras").write_bytes(b"any")
    done = real("init", "other", "--model", "net.keras")
    assert done.stdout.splitlines()[-2:] == ["  tinyflow fetch frontend:keras", "  tinyflow check net"]
    assert "file: net.keras" in (empty / "other" / "recipes" / "models" / "net.yaml").read_text()
    assert (empty / "other" / "recipes" / "models" / "net.keras").read_bytes() == b"any"


@pytest.mark.parametrize("path", ["README.md", "pyproject.toml", ".gitignore"])
@pytest.mark.every(3)
def test_no_file_is_replaced(real: Run, empty: Path, path: str) -> None:
    """Where one is in the way nothing at all is written."""
    (empty / path).write_text("mine")
    done = real("init")
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"{path} is there already")
    assert sorted(file.name for file in empty.iterdir()) == sorted([path, "My-Net.tflite", "odd.tflite"])
    assert (empty / path).read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        (["init", "a", "b"], 2, 'init takes one folder, not "b" as well'),
        (["init", "--model", "none.tflite"], 2, "none.tflite can't be read: No such file or directory"),
        (["init", "--model", "notes.txt"], 1, "notes.txt: this is no .tflite file"),
        (["init", "--model", "+.tflite"], 2, '"+" gives no name for a recipe'),
        (["init", "--model", "my_net.pb"], 2, "my_net.pb is not all of its model, which has files beside it"),
        (["init", "-m", "My-Net.tflite", "-m", "My-Net.tflite"], 2, "two models are called my_net"),
        (["init", "--model", "saved"], 2, "saved/saved_model.pb is not all of its model, which has files beside it"),
        (["check", "."], 2, '"." is a folder with 3 models'),
        (["plan", "./saved/none-tinyc-stm32f7+dsp"], 2, '"./saved/none" is a folder with 0 models'),
        (["init", "My-Net.tflite"], 2, "My-Net.tflite is not a folder"),
        (["schema", "modle"], 2, 'unknown kind of recipe "modle"'),
        (["schema", "model", "suite"], 2, 'schema takes one kind, not "suite" as well'),
        (["doctor", "vww"], 2, 'doctor takes no "vww"'),
    ],
)
def test_wrong_use_is_told(real: Run, empty: Path, words: list[str], status: int, line: str) -> None:
    """In one line, with what to do instead in the next."""
    (empty / "saved" / "none").mkdir(parents=True)
    for name in ("notes.txt", "my_net.pb", "saved/saved_model.pb"):
        (empty / name).write_text("no network")
    done = real(*words)
    assert (done.returncode, done.stdout, done.stderr.splitlines()[0]) == (status, "", line)
    assert len(done.stderr.splitlines()) == 2


def test_a_folder_stands_for_the_model_in_it(real: Run, empty: Path) -> None:
    """A SavedModel, to whatever takes a file."""
    (empty / "saved").mkdir()
    (empty / "saved" / "saved_model.pb").write_bytes(b"any")
    by_file = real("plan", "./saved/saved_model.pb-tinyc-stm32f7+dsp")
    assert (real("plan", "./saved-tinyc-stm32f7+dsp").stdout, by_file.returncode) == (by_file.stdout, 0)
    assert "pb saved_model" in by_file.stdout
    assert "fetch frontend:pb" in real("check", "saved").stderr


def test_schemas_are_renewed_and_printed(real: Run, empty: Path) -> None:
    """What is in a project's files is what is printed."""
    real("init")
    path = empty / "recipes" / "schemas" / "target.json"
    made = path.read_text()
    path.write_text("of an older version")
    assert real("schema").stdout == f"{len(KINDS)} schemas in recipes/schemas\n"
    assert path.read_text() == made == real("schema", "target").stdout


@pytest.mark.slow
def test_the_doctor_checks_all_recipes(real: Run, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fault of every file at once, with its place, whether or not a bench needs it."""
    monkeypatch.setenv("PATH", "")  # no program is asked for its version
    real("init")
    assert "recipes" in real("doctor").stdout.splitlines()[-1]
    (empty / "recipes" / "suites" / "first.yaml").write_text("description: x\ninclde: [a]\n")
    (empty / "recipes" / "features").mkdir()
    (empty / "recipes" / "features" / "mine.yaml").write_text("description: x\nsets: {}\nconflicts: [dps]\n")
    done = real("doctor")
    assert done.returncode == 2
    assert 'recipes/suites/first.yaml:2:1: unknown key "inclde"' in done.stderr
    assert 'recipes/features/mine.yaml:3:13: unknown feature "dps"; did you mean "dsp"?' in done.stderr
