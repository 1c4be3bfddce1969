"""Constants as C: declarations, definitions, and numbers in lines. Knows nothing of kernels; imports no TVM."""

from __future__ import annotations

from collections.abc import Mapping
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
        # -2147483648 is an expression in C whose type is wider than int
        words = [str(number) if number != -(2**31) else "-2147483647 - 1" for number in array.ravel().tolist()]
        parts.append(f"{declaration} = {{\n{lines(words)}\n}};\n")
    return "\n".join(parts)


def lines(words: list[str]) -> str:
    """The inside of an initialiser."""
    rows = (words[i : i + _NUMBERS_PER_LINE] for i in range(0, len(words), _NUMBERS_PER_LINE))
    return ",\n".join("  " + ", ".join(row) for row in rows)


def _declaration(symbol: str, array: NDArray[Any]) -> str:
    return f"const {ELEMENT_TYPES[array.dtype.name].in_c} {symbol}[{array.size}]"
