"""Recipes by name: which folder wins, what is said of names that no folder has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tinyflow.core.errors import RecipeError, UsageError
from tinyflow.recipes.catalogue import Catalogue, data_folder, recipe_folders
from tinyflow.recipes.schema import Backend, Model, Runtime, Target

Write = Callable[[str, str], Path]
_MODEL = "description: {}\nfile: net.tflite\n"


def test_the_built_in_recipes_are_always_there(tmp_path: Path) -> None:
    """From an empty folder too; data lie beside the package or in it."""
    (folder,) = recipe_folders({}, tmp_path)
    assert folder == data_folder() / "recipes"
    assert {"aww", "vww", "resnet", "toycar"} <= set(Catalogue([folder]).names(Model))


def test_the_environment_comes_before_the_project_and_both_before_the_built_in(tmp_path: Path) -> None:
    """The first folder that has a name wins, and the order is that of the docstring."""
    for name in ("a", "b", "project/recipes"):
        (tmp_path / name / "models").mkdir(parents=True)
        (tmp_path / name / "models" / "vww.yaml").write_text(_MODEL.format(name))
    (tmp_path / "b" / "models" / "only.yaml").write_text(_MODEL.format("only in b"))
    environment = {"TINYFLOW_RECIPES": f"{tmp_path}/a:{tmp_path}/b"}
    folders = recipe_folders(environment, tmp_path / "project")
    assert Catalogue(folders).get(Model, "vww").description == "a"
    assert Catalogue(folders).get(Model, "only").description == "only in b"
    assert Catalogue(folders[2:]).get(Model, "vww").description == "project/recipes"
    assert folders[3:] == (data_folder() / "recipes",)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A mistyped TINYFLOW_RECIPES would otherwise silently mean other recipes."""
    with pytest.raises(UsageError, match="which is not a folder"):
        recipe_folders({"TINYFLOW_RECIPES": str(tmp_path / "gone")}, tmp_path)
    (tmp_path / "project" / "recipes" / "models").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"project, which has none\n  name .*project/recipes$"):
        recipe_folders({"TINYFLOW_RECIPES": str(tmp_path / "project")}, tmp_path)


def test_only_what_is_asked_for_is_read(write: Write, catalogue: Catalogue) -> None:
    """A broken recipe harms nobody who doesn't use it, and is listed all the same."""
    write("models/broken.yaml", "description: [")
    assert "broken" in catalogue.names(Model)
    assert catalogue.get(Model, "vww").name == "vww"
    with pytest.raises(RecipeError, match="not YAML"):
        catalogue.get(Model, "broken")


def test_an_unknown_name_gets_the_nearest_and_all(catalogue: Catalogue) -> None:
    """Whoever mistypes sees what to type instead."""
    with pytest.raises(UsageError) as refusal:
        catalogue.get(Backend, "tvmoat")
    assert refusal.value.what == 'unknown backend "tvmoat"'
    assert refusal.value.hint.startswith('did you mean "tvmaot"? backends: ') and ", tinyc, " in refusal.value.hint


@pytest.mark.parametrize("name", ["../models/vww", "", "VWW", "vww.yaml", "vww\n"])
def test_a_name_is_never_a_path(catalogue: Catalogue, name: str) -> None:
    """Names that no recipe can have are unknown, whatever file they would lead to."""
    assert not catalogue.has(Target, name)
    assert not catalogue.has(Model, name)


def test_a_runtime_is_a_folder(write: Write, catalogue: Catalogue) -> None:
    """Its name is the folder's; its sources are chosen by instruction set."""
    write("runtimes/mine/runtime.yaml", "description: x\nsources: {all: [a.c], riscv: [b.S]}\n")
    assert "mine" in catalogue.names(Runtime)
    assert catalogue.get(Runtime, "mine").sources_for({"riscv"}) == ("a.c", "b.S")
    assert catalogue.get(Runtime, "mine").sources_for("thumb") == ("a.c",)


def test_a_place_is_found_when_an_error_needs_it(write: Write, catalogue: Catalogue) -> None:
    """File, line and column of any value of any recipe."""
    path = write("models/net.yaml", "description: x\nsamples:\n  count: 3\nfile: net.tflite\n")
    assert catalogue.where(Model, "net", "samples", "count") == f"{path}:3:10"


def test_a_recipe_s_files_lie_beside_its_folder_or_are_built_in(folder: Path, catalogue: Catalogue) -> None:
    """An overlay may bring templates of its own; a name that nobody has is refused."""
    template = folder.parent / "templates" / "x.ld"
    template.parent.mkdir()
    template.write_text("")
    assert catalogue.data_file("templates/x.ld") == template
    with pytest.raises(RecipeError, match="there is no file"):
        catalogue.data_file("templates/gone.ld")


def test_a_recipe_that_can_t_be_read_is_an_error_of_its_own(
    write: Write, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the file; no traceback."""
    path = write("models/net.yaml", _MODEL.format("x"))
    read_bytes = Path.read_bytes

    def fail(self: Path) -> bytes:
        if self == path:
            raise PermissionError(13, "Permission denied")
        return read_bytes(self)

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(RecipeError, match=r"net\.yaml: can't be read: Permission denied"):
        catalogue.get(Model, "net")
