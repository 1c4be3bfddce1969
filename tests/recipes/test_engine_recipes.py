"""Recipes of other people's engines: what they must say, and that the files that they name are there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tinyflow.core.errors import RecipeError, UsageError
from tinyflow.flow.commands.fetch import _requirements
from tinyflow.flow.planning.generation import engine_settings, engine_tools
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.runtime_files import adapter_of
from tinyflow.recipes.schema import Backend

RECIPE = """\
description: d
engine:
  adapter: mine.py
  takes: int8
  requires: [{requires}]
  install: [pip install mine]
  environment: {{packages: [mine==1.2]}}
machine: tinyflow.targets.engine
runtimes: []
targets: [host]
"""


def catalogue(place: Path, text: str) -> Catalogue:
    """With one engine."""
    (place / "backends").mkdir()
    (place / "backends" / "mine.yaml").write_text(text)
    return Catalogue([place, data_folder() / "recipes"])


def test_an_adapter_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With the line that names it."""
    known = catalogue(tmp_path, RECIPE.format(requires="mine>=1.2"))
    with pytest.raises(RecipeError, match=r'mine\.yaml:3:.*there is no "mine\.py" beside the recipe'):
        adapter_of(known, known.get(Backend, "mine"))


@pytest.mark.parametrize("requires", ["mine==1.2", "mine>=x", "'mine>=1.2,<2'"])
def test_requirements_have_one_form(tmp_path: Path, requires: str) -> None:
    """A distribution and its least version: no more is compared."""
    known = catalogue(tmp_path, RECIPE.format(requires=requires))
    with pytest.raises(RecipeError, match="no distribution with its least version"):
        known.get(Backend, "mine")


def test_a_backend_is_one_thing(tmp_path: Path) -> None:
    """An engine generates nothing else."""
    text = RECIPE.format(requires="mine") + "command: [python3, '{files}/x.py', '{out}']\n"
    with pytest.raises(RecipeError, match='give one of "implementation", "command" and "engine"'):
        catalogue(tmp_path, text).get(Backend, "mine")


def test_the_key_has_the_environment_or_the_packages(tmp_path: Path) -> None:
    """And what to type where they are missing; who has no environment is refused one."""
    known = catalogue(tmp_path, RECIPE.format(requires="mine"))
    mine, theirs = known.get(Backend, "mine"), known.get(Backend, "ncnn")
    (tool,) = engine_tools(mine)
    assert (tool.kind, tool.name) == ("environment", engine_settings(mine)["environment"])
    assert tool.hint == "`doit fetch engine:mine` makes it: mine==1.2"
    assert [(each.kind, each.name) for each in engine_tools(theirs)] == [("package", "ncnn"), ("package", "pnnx")]
    assert _requirements(known, "engine:mine") == (("mine==1.2",), "")
    with pytest.raises(UsageError, match="backend ncnn has no Python environment of its own"):
        _requirements(known, "engine:ncnn")


def test_adapters_of_ours_load_what_they_are_given() -> None:
    """Each has `load(folder, inputs, outputs)`, and no more than `convert(model, folder)` besides."""
    known = Catalogue([data_folder() / "recipes"])
    backends = [known.get(Backend, name) for name in known.names(Backend)]
    paths = {adapter_of(known, backend) for backend in backends if backend.engine is not None}
    assert len(paths) == 9
    for path in paths:
        functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        taken = {each.name: [argument.arg for argument in each.args.args] for each in functions if each.name[0] != "_"}
        assert taken.pop("load") == ["folder", "inputs", "outputs"]
        assert taken in ({}, {"convert": ["model", "folder"]})
