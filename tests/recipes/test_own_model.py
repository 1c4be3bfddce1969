"""Names of models that are given by path: readable, of one file only, and the same on every machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyflow.core.errors import UsageError
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import recipe_folders
from tinyflow.recipes.own_model import name_of

# whatever folds to "a_b" or to the name of a built-in model, in several folders and formats
FILES = (
    *("a b.tflite", "a_b.tflite", "A.B.tflite", "a-b.tflite", "aäb.tflite", "d1/a_b.tflite", "d2/a_b.tflite"),
    *("a_b.onnx", "d1/a_b.onnx", "vww.tflite", "VWW.tflite", "d1/vww.tflite", "d1/vww.onnx", "d1/d2/vww.tflite"),
    *("long" * 60 + ".tflite", "long" * 60 + "er.tflite", "net_0a1b2c.tflite", ".tflite", "d1/.tflite"),
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with all these files and a recipe."""
    (tmp_path / "recipes" / "models").mkdir(parents=True)
    (tmp_path / "recipes" / "models" / "mine.yaml").write_text("description: d\nfile: a_b.tflite\n")
    for name in (*FILES, "mine.tflite", "net.tflite"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_no_two_files_and_no_recipe_have_one_name(project: Path) -> None:
    """Stems that fold to the same letters, one stem in several folders or formats, names of recipes, lengths."""
    recipes = {path.stem for folder in recipe_folders({}, project) for path in (folder / "models").glob("*.yaml")}
    names = [name_of(f"./{name}") for name in (*FILES, "mine.tflite", "net.tflite")]
    assert len({*names, *recipes}) == len(names) + len(recipes)
    assert all(parse(f"{name}-tinyc-host").model == name and len(name) < 70 for name in names)


def test_a_file_without_a_rival_is_called_by_its_stem(project: Path) -> None:
    """A rival that comes later takes the name from both, so that it never changes hands."""
    assert parse("./net.tflite-tinyc-host+dsp").name == "net-tinyc-host+dsp"
    (project / "Net.onnx").write_bytes(b"")
    names = {name_of("net.tflite"), name_of("Net.onnx")}
    assert len(names) == 2 and "net" not in names


def test_a_name_hangs_on_the_place_in_the_project_alone(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the path is spelled, wherever one stands, wherever the project lies; what is in the file is no matter."""
    spelled = ["d1/vww.tflite", "./d1/vww.tflite", "d1/../d1//vww.tflite", str(project / "d1" / "vww.tflite")]
    names = {name_of(text) for text in spelled}
    (project / "link").symlink_to(project / "d1")
    names.add(name_of("link/vww.tflite"))
    monkeypatch.chdir(project / "d1")
    names.add(name_of("vww.tflite"))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "recipes" / "suites").mkdir(parents=True)
    (elsewhere / "d1").mkdir()
    (elsewhere / "d1" / "vww.tflite").write_bytes(b"another")
    monkeypatch.chdir(elsewhere)
    names.add(name_of("d1/vww.tflite"))
    assert names == {"vww_abbbc4"}


def test_files_end_as_frontends_are_called(project: Path) -> None:
    """A recipe of that name is all that it takes; a file of another framework without one is no model."""
    (project / "recipes" / "frontends").mkdir()
    (project / "recipes" / "frontends" / "text.yaml").write_text("")  # nothing of it is read for that
    assert parse("./nets/my-net.v1.text-tinyc-host+dsp").model == "./nets/my-net.v1.text"
    assert parse("saved/saved_model.pb-tinyc-host").is_file
    with pytest.raises(UsageError, match="not the name of a bench"):
        parse("./nets/my-net.other-tinyc-host")
