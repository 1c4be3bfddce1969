"""How the options of an operator lie in its table of a `.tflite` file, for reading and writing alike.

Field names are those of the TFLite schema (tensorflow/lite/schema/schema.fbs) as the `tflite` package spells them;
`tinyflow.model.operators` tells which operator has which. Tables that no operator there has are read as
`{"table": "<name>"}`: the operator has a name but no usable options.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tflite

from tinyflow.model.graph import OptionValue
from tinyflow.model.operators.description import Option

# more dimensions than any TFLite kernel takes
MAX_RANK = 8

_ENUMERATIONS: Mapping[str, Any] = {
    "Padding": tflite.Padding,
    "FusedActivationFunction": tflite.ActivationFunctionType,
    "WeightsFormat": tflite.FullyConnectedOptionsWeightsFormat,
    "InDataType": tflite.TensorType,
    "OutDataType": tflite.TensorType,
    "OutputType": tflite.TensorType,
    "Mode": tflite.MirrorPadMode,
}


def read_option(option: Option, table: Any) -> OptionValue:
    """The value in an option table; ValueError for a number that its enumeration has not."""
    if option.is_vector:
        return _read_vector(option, table)
    values = [getattr(table, name)() for name in option.fields]
    if option.fields[0] in _ENUMERATIONS:
        return enumeration_name(_ENUMERATIONS[option.fields[0]], values[0])
    if len(values) > 1:
        return tuple(int(value) for value in values)
    return type(option.default)(values[0])


def _read_vector(option: Option, table: Any) -> tuple[int, ...]:
    (name,) = option.fields
    length = getattr(table, f"{name}Length")()
    if length > MAX_RANK:
        raise ValueError(f"{option.name} has {length} dimensions")
    return tuple(int(getattr(table, name)(i)) for i in range(length))


def option_numbers(option: Option, value: OptionValue) -> tuple[float, ...]:
    """What each schema field holds for an option's value."""
    if option.fields[0] in _ENUMERATIONS:
        return (getattr(_ENUMERATIONS[option.fields[0]], str(value)),)
    return value if isinstance(value, tuple) else (value,)  # type: ignore[return-value]


def enumeration_name(enumeration: Any, number: int) -> str:
    """The name of a schema number; ValueError where the enumeration has no such number."""
    for name, value in vars(enumeration).items():
        if not name.startswith("_") and value == number:
            return str(name)
    raise ValueError(f"{enumeration.__name__} has no value {number}")
