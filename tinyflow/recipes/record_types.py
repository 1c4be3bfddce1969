"""The types of recipes looked at from outside: which fields a part has, and plain data back to recipes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from tinyflow.recipes.fields import yaml_key


@cache
def fields_of(shape: Hashable) -> dict[str, Any]:
    """Field name → type of a recipe class or part of one; empty for anything else."""
    if not is_dataclass(shape):
        return {}
    hints = get_type_hints(shape)
    return {field.name: _without_none(hints[field.name]) for field in fields(shape)}


def shape_at(shape: Any, path: tuple[Any, ...]) -> Any:
    """The type of the value at `path` (YAML keys and indices) within a recipe of type `shape`."""
    for step in path:
        arguments = get_args(shape)
        if hints := fields_of(shape):
            shape = next(hint for field, hint in hints.items() if yaml_key(field) == step)
        elif get_origin(shape) is tuple:
            shape = _without_none(arguments[0])
        else:
            shape = _without_none(arguments[1])
    return shape


def revive(shape: Any, data: Any) -> Any:
    """A recipe or a part of one from its own `dataclasses.asdict` after a way through JSON.

    Raises TypeError, KeyError or ValueError for data of another shape.
    """
    if data is None:
        return None
    if hints := fields_of(shape):
        return shape(**{name: revive(hints[name], value) for name, value in data.items()})
    origin, arguments = get_origin(shape), get_args(shape)
    if origin is tuple:
        return tuple(revive(_without_none(arguments[0]), item) for item in data)
    if origin is Mapping:
        return {key: revive(_without_none(arguments[1]), value) for key, value in data.items()}
    return data


def _without_none(hint: Any) -> Any:
    """`X` of `X | None` and of `Annotated[X, …]`."""
    if get_origin(hint) is Annotated:
        return _without_none(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        (only,) = (argument for argument in get_args(hint) if argument is not NoneType)
        return _without_none(only)
    return hint
