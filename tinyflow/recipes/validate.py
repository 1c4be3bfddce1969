"""Text to recipes: every fault of a file at once, each with file, line, column and what to type instead.

The only place that imports pydantic; the catalogue imports this only when a recipe is new or has changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from tinyflow.recipes import yaml
from tinyflow.recipes.fields import show, yaml_key
from tinyflow.recipes.record_types import fields_of, shape_at
from tinyflow.recipes.schema import STRICT, Recipe
from tinyflow.recipes.suggest import did_you_mean

R = TypeVar("R", bound=Recipe)
# Made once for each kind: that takes longer than validating many recipes.
_adapters: dict[type[Recipe], TypeAdapter[Any]] = {}


def validate(kind: type[R], name: str, content: bytes, file: str) -> R:
    """The recipe that the bytes of `file` hold. RecipeError lists all that is wrong with them."""
    document = yaml.parse(content)
    if not isinstance(document.value, dict):
        if not document.problems:
            document.problems.append(yaml.Problem(document.place(()), "a recipe is a mapping: `key: value` lines"))
        yaml.refuse(file, document.problems)
    if "name" in document.value:
        place = document.keys[("name",)]
        document.problems.append(yaml.Problem(place, f'unknown key "name"; the file\'s name is it: "{name}"'))
    # As JSON, since pydantic's strict mode takes a list for a tuple and a mapping for a dataclass only there.
    text = json.dumps({**document.value, "name": name})
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    try:
        recipe: R = _adapters[kind].validate_json(text)
    except ValidationError as error:
        document.problems += [_problem(kind, document, dict(fault)) for fault in error.errors(include_url=False)]
    if document.problems:
        yaml.refuse(file, document.problems)
    return recipe


def json_schema(kind: type[Recipe]) -> dict[str, Any]:
    """The JSON schema of a kind of recipe, for editors."""
    # Only here: for the descriptions pydantic parses the text of our modules, which takes longer than all the rest.
    described = "use_attribute_docstrings"
    STRICT[described] = True
    try:
        schema = TypeAdapter(kind).json_schema()
    finally:
        del STRICT[described]
    schema["properties"].pop("name")
    schema["required"].remove("name")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _problem(kind: type[Recipe], document: yaml.Document, fault: Mapping[str, Any]) -> yaml.Problem:
    """One fault that pydantic found, in our words and at its place."""
    path: tuple[Any, ...] = fault["loc"]
    if path[-1:] == ("[key]",):
        path = path[:-1]
        return yaml.Problem(
            document.keys[path], f"{_spell(path[:-1])}: expected {_wanted(fault)}, not {show(path[-1])}"
        )
    where = f" in {_spell(path[:-1])}" if len(path) > 1 else ""
    if fault["type"] == "unexpected_keyword_argument":
        shape = shape_at(kind, path[:-1])
        if path[-1] in shape.renamed:
            return yaml.Problem(document.keys[path], f'"{path[-1]}" is now called "{shape.renamed[path[-1]]}"{where}')
        known = [yaml_key(field) for field in fields_of(shape) if field != "name" or len(path) > 1]
        hint = did_you_mean(str(path[-1]), known) or f"known: {', '.join(known)}"
        return yaml.Problem(document.keys[path], f'unknown key "{path[-1]}"{where}; {hint}')
    if fault["type"] == "missing":
        return yaml.Problem(document.place(path), f'"{path[-1]}" is missing{where}')
    if fault["type"] == "value_error":
        text = str(fault["ctx"]["error"])
    else:
        text = f"expected {_wanted(fault)}, not {show(fault['input'])}"
        if (word := document.words.get(document.place(path))) and fault["type"] in _OF_TEXTS:
            text += f'; in quotes it is a word: "{word}"'
    return yaml.Problem(document.place(path), f"{_spell(path)}: {text}" if path else text)


# Faults of what had to be a text, or a word of a list.
_OF_TEXTS = ("string_type", "literal_error")
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "dataclass_type": "a mapping",
}


def _wanted(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "literal_error":
        return str(fault["ctx"]["expected"]).replace("'", "")
    return _WANTED.get(fault["type"], str(fault["msg"]).removeprefix("Input should be "))


def _spell(path: tuple[Any, ...]) -> str:
    """`memory[1].length`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.lstrip(".")
