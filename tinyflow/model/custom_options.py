"""The options of custom operators: numbers by name in a flexbuffer, which says itself how it is to be read."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from flatbuffers import flexbuffers

from tinyflow.model.graph import Operator

# more than any operator that is known has
_MOST = 64


def values(operator: Operator) -> Mapping[str, int | float]:
    """All options that are numbers, truth values as 0 and 1. ValueError where they are damaged."""
    found: dict[str, int | float] = {}
    try:
        options = flexbuffers.GetRoot(operator.custom_options).AsMap
        keys, given = options.Keys, options.Values
        for position in range(min(len(keys), _MOST)):
            value = given[position]
            if value.IsInt or value.IsBool:
                found[keys[position].AsKey] = int(value.AsInt if value.IsInt else value.AsBool)
            elif value.IsFloat:
                found[keys[position].AsKey] = float(value.AsFloat)
    except (TypeError, ValueError, LookupError, ArithmeticError, struct.error, AttributeError) as error:
        raise ValueError(f"its options are damaged: {error}") from None
    return found


def numbers(operator: Operator, *names: str) -> Mapping[str, int]:
    """These options. ValueError where one isn't there, or is no integer."""
    found = values(operator)
    for name in names:
        value = found.get(name)
        if not isinstance(value, int):
            raise ValueError(f"it lacks the option {name}")
        if not -(2**31) <= value < 2**31:
            raise ValueError(f"{name} {value} is too large")
    return {name: value for name, value in found.items() if isinstance(value, int)}


def flexbuffer(options: Mapping[str, int | float]) -> bytes:
    """Options as a custom operator has them."""
    return bytes(flexbuffers.Dumps(dict(options)))
