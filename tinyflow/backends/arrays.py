"""Constants as C: declarations, definitions, and numbers in lines. Knows nothing of kernels; imports no TVM."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from tinyflow.model.element_types import ELEMENT_TYPES

_NUMBERS_PER_LINE = 24


@dataclass(frozen=True, eq=False)
class Constant:
    """An array that goes to flash: `<dtype>_t` elements, or records of `struct` with one row of `values` for each."""

    values: NDArray[Any]
    alignment: int = 4
    struct: str | None = None
    """Of an [N, fields] int32 array of records; None for plain numbers (`values.dtype` is their type)."""

    @property
    def element_type(self) -> str:
        """In C."""
        return f"struct {self.struct}" if self.struct else ELEMENT_TYPES[self.values.dtype.name].in_c


# C's own names want math.h; both compilers know these
_NOT_FINITE = {"inf": "__builtin_inff()", "-inf": "-__builtin_inff()", "nan": '__builtin_nanf("")'}


def files(constants: Mapping[str, Constant], structs: str = "") -> dict[str, str]:
    """`weights.h` and `weights.c` with all constants by their symbols; `structs` includes what declares structs."""
    declared = {symbol: _declaration(symbol, constant) for symbol, constant in constants.items()}
    externs = "".join(f"extern {declaration};\n" for declaration in declared.values())
    definitions = (
        f"_Alignas({constant.alignment}) {declared[symbol]} = {{\n{_contents(constant)}\n}};\n"
        for symbol, constant in constants.items()
    )
    has_bool = any(constant.element_type == "bool" for constant in constants.values())
    includes = ("#include <stdbool.h>\n" if has_bool else "") + "#include <stdint.h>\n"
    return {
        "weights.h": f"#ifndef WEIGHTS_H\n#define WEIGHTS_H\n\n{includes}{structs}\n{externs}\n#endif\n",
        "weights.c": "\n".join(['#include "weights.h"\n', *definitions]),
    }


def number(value: int | float) -> str:
    """A literal of its own type in C: -2147483648 is an expression whose type is wider than int."""
    if isinstance(value, float):
        return f"{value.hex()}f" if math.isfinite(value) else _NOT_FINITE[str(value)]
    return f"{value + 1} - 1" if value in (-(2**31), -(2**63)) else str(int(value))


def lines(words: Iterable[str]) -> str:
    """The inside of an initialiser."""
    every = list(words)
    rows = (every[i : i + _NUMBERS_PER_LINE] for i in range(0, len(every), _NUMBERS_PER_LINE))
    return ",\n".join("  " + ", ".join(row) for row in rows)


def _declaration(symbol: str, constant: Constant) -> str:
    elements = len(constant.values) if constant.struct else constant.values.size
    return f"const {constant.element_type} {symbol}[{elements}]"


def _contents(constant: Constant) -> str:
    if constant.struct:
        return ",\n".join(f"  {{{', '.join(map(number, record.tolist()))}}}" for record in constant.values)
    return lines(map(number, constant.values.ravel().tolist()))
