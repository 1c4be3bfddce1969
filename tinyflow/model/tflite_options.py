"""How the options of an operator lie in its table of a `.tflite` file, for reading and writing alike.

Field names are those of the TFLite schema (tensorflow/lite/schema/schema.fbs) as the `tflite` package spells them;
`tinyflow.model.operators` tells which operator has which. Tables that no operator there has are read as
`{"table": "<name>"}`: the operator has a name but no usable options.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tflite

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import OptionValue
from tinyflow.model.operators import describe
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
    "OutType": tflite.TensorType,
    "Mode": tflite.MirrorPadMode,
}


# a flatbuffer's table without fields, and where it begins in these bytes: every option has the schema's default
_EMPTY_TABLE = bytes((4, 0, 4, 0, 4, 0, 0, 0)), 4


def read_options(place: str, name: str, entry: Any) -> dict[str, OptionValue]:
    """The options of an operator, the entry of a file; those of a table that isn't there have their defaults.

    ModelError for another operator's table and for what the schema hasn't.
    """
    described, number = describe(name), entry.BuiltinOptionsType()
    found = None if number == tflite.BuiltinOptions.NONE else enumeration_name(tflite.BuiltinOptions, number)
    if described.table is None:
        return {} if found is None else {"table": found}
    if found not in (None, described.table):
        raise ModelError(f"{place} has {found}, not {described.table}")
    table, union = getattr(tflite, described.table)(), entry.BuiltinOptions() if found is not None else None
    table.Init(*(_EMPTY_TABLE if union is None else (union.Bytes, union.Pos)))
    return {option.name: _read_option(option, table) for option in described.options}


def _read_option(option: Option, table: Any) -> OptionValue:
    if option.is_vector:
        return _read_vector(option, table)
    if option.is_text:
        return (getattr(table, option.fields[0])() or b"").decode()
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
        raise ModelError(f"the file is damaged: {option.name} has {length} dimensions")
    return tuple(int(getattr(table, name)(i)) for i in range(length))


def option_numbers(option: Option, value: OptionValue) -> tuple[float, ...]:
    """What each schema field holds for an option's value."""
    if option.fields[0] in _ENUMERATIONS:
        return (getattr(_ENUMERATIONS[option.fields[0]], str(value)),)
    return value if isinstance(value, tuple) else (value,)  # type: ignore[return-value]


def enumeration_name(enumeration: Any, number: int) -> str:
    """The name of a schema number; ModelError where the enumeration has no such number."""
    for name, value in vars(enumeration).items():
        if not name.startswith("_") and value == number:
            return str(name)
    what = f"the file is damaged, or newer than this schema: its {enumeration.__name__} has no {number}"
    raise ModelError(what, hint="convert with an older converter; `pip install -U tflite` brings a newer schema")
