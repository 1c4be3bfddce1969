"""Constants as C: declarations, definitions, and numbers in lines. Knows nothing of kernels; imports no TVM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from tinyflow.model.element_types import ELEMENT_TYPES

_NUMBERS_PER_LINE = 24


def header(constants: Mapping[str, NDArray[Any]]) -> str:
    """`weights.h`: all constants, declared."""
    lines = "\n".join(f"extern {_declaration(symbol, array)};" for symbol, array in constants.items())
    return f"#ifndef WEIGHTS_H\n#define WEIGHTS_H\n\n#include <stdint.h>\n\n{lines}\n\n#endif\n"


def definitions(constants: Mapping[str, NDArray[Any]], alignments: Mapping[str, int]) -> str:
    """`weights.c`: all constants, at addresses that are multiples of so many bytes."""
    parts = ['#include "weights.h"\n']
    for symbol, array in constants.items():
        declaration = f"_Alignas({alignments[symbol]}) {_declaration(symbol, array)}"
        parts.append(f"{declaration} = {{\n{lines(map(number, array.ravel().tolist()))}\n}};\n")
    return "\n".join(parts)


def number(value: int | float) -> str:
    """A literal of its own type in C: -2147483648 is an expression whose type is wider than int."""
    if isinstance(value, float):
        return f"{value.hex()}f"
    return str(value) if value != -(2**31) else "-2147483647 - 1"


def lines(words: Iterable[str]) -> str:
    """The inside of an initialiser."""
    every = list(words)
    rows = (every[i : i + _NUMBERS_PER_LINE] for i in range(0, len(every), _NUMBERS_PER_LINE))
    return ",\n".join("  " + ", ".join(row) for row in rows)


def _declaration(symbol: str, array: NDArray[Any]) -> str:
    return f"const {ELEMENT_TYPES[array.dtype.name].in_c} {symbol}[{array.size}]"
