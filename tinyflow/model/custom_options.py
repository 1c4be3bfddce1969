"""The options of custom operators: numbers by name in a flexbuffer, which says itself how it is to be read."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from flatbuffers import flexbuffers

from tinyflow.model.graph import Operator

# more than any operator that is known has
_MOST = 64


def numbers(operator: Operator, *names: str) -> Mapping[str, int]:
    """These options, truth values as 0 and 1. ValueError where one isn't there, or is no integer."""
    found: dict[str, int] = {}
    try:
        options = flexbuffers.GetRoot(operator.custom_options).AsMap
        keys, values = options.Keys, options.Values
        for position in range(min(len(keys), _MOST)):
            value = values[position]
            if value.IsInt or value.IsBool:
                found[keys[position].AsKey] = int(value.AsInt if value.IsInt else value.AsBool)
    except (TypeError, ValueError, LookupError, ArithmeticError, struct.error, AttributeError) as error:
        raise ValueError(f"its options are damaged: {error}") from None
    for name in names:
        if not -(2**31) <= found.get(name, 2**31) < 2**31:
            raise ValueError(
                f"it lacks the option {name}" if name not in found else f"{name} {found[name]} is too large"
            )
    return found


def flexbuffer(options: Mapping[str, int | float]) -> bytes:
    """Options as a custom operator has them."""
    return bytes(flexbuffers.Dumps(dict(options)))
