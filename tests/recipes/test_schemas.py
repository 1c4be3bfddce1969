"""What editors are told of recipes is what validation says of them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from tinyflow.core.errors import RecipeError
from tinyflow.flow.new_project import schema_files
from tinyflow.recipes import yaml
from tinyflow.recipes.catalogue import KINDS, Catalogue, data_folder
from tinyflow.recipes.schema import Model, Recipe, Target
from tinyflow.recipes.validate import json_schema, validate

jsonschema = pytest.importorskip("jsonschema")
_BUILT_IN = Catalogue([data_folder() / "recipes"])
_ALL = [(kind, name) for kind in KINDS for name in _BUILT_IN.names(kind)]


@cache
def validator(kind: type[Recipe]) -> Any:
    """Of the schema that editors get."""
    return jsonschema.Draft202012Validator(json_schema(kind))


def complaints(kind: type[Recipe], text: bytes) -> list[str]:
    """What a JSON schema validator says of a recipe's text."""
    value: Any = yaml.parse(text).value
    return [error.message for error in validator(kind).iter_errors(value)]


def test_there_is_a_file_for_each_kind() -> None:
    """Every one is a schema by the rules of schemas."""
    files = schema_files()
    assert set(files) == {f"{kind.noun}.json" for kind in KINDS.values()}
    for text in files.values():
        jsonschema.Draft202012Validator.check_schema(json.loads(text))


def test_editors_are_told_what_a_field_means() -> None:
    """As its class describes it; the name of a recipe is that of its file."""
    schema = json_schema(Target)
    assert schema["properties"]["implementation"]["description"] == "Module with `open_machine`."
    assert "name" not in schema["properties"] and "name" not in schema["required"]
    assert "description" in schema["required"]


@pytest.mark.parametrize(("kind", "name"), _ALL)
def test_the_built_in_recipes_are_right_for_editors_too(kind: type[Recipe], name: str) -> None:
    """No line of them is underlined."""
    assert complaints(kind, _BUILT_IN.path(kind, name).read_bytes()) == []


@pytest.mark.parametrize(
    ("kind", "text", "complaint"),
    [
        (Model, b"description: x\nfile: x.tflite\nsampels: {}", "'sampels' was unexpected"),
        (Model, b"file: x.tflite", "'description' is a required property"),
        (Model, b"description: x\nfile: ../x.tflite", "is not valid under any"),
        (Target, b"description: x\nimplementation: a.b\ncpu: c\nheap: 8192", "8192 is not of type 'string'"),
        (Target, b"description: x\nimplementation: a.b\ncpu: c\noptimise: O9", "'O9' is not one of"),
    ],
)
def test_what_is_wrong_is_underlined(kind: type[Recipe], text: bytes, complaint: str) -> None:
    """The faults that a schema can tell are told, and are refused by validation as well."""
    (message,) = complaints(kind, text)
    assert complaint in message
    with pytest.raises(RecipeError):
        validate(kind, "x", text, "x.yaml")
