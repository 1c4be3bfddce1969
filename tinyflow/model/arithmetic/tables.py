"""The tables by which TFLite computes functions of int16: recipes/runtimes/tinynn/src/ref/tables_int16.c has them.

`python -m tinyflow.model.arithmetic.tables` writes that file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.int64]

# between two entries of which TFLite interpolates 128 values
_STEPS = 512
_LEAST, _LARGEST = -(2**15), 2**15 - 1
# of exponents in SOFTMAX: what is further below the largest doesn't count
_EXPONENTS = 10.0


def sigmoids() -> Table:
    """1 / (1 + exp(-i / 24)) in 16 bits, each less half of what interpolation errs by in the middle behind it.

    `sigmoid_table_uint16` of TFLite's kernels/internal/common.h.
    """

    def share(i: float) -> float:
        return 2**16 / (1 + math.exp(-i / 24))

    def corrected(i: int) -> int:
        return round(share(i) - ((share(i) + share(i + 1)) / 2 - share(i + 0.5)) / 2)

    return np.array([*map(corrected, range(255)), 2**16 - 1], np.int64)


def exponentials() -> Table:
    """exp(x), x from -10 to 0, Q0.15: the first table of softmax_common.cc."""
    return _interpolated(_EXPONENTS, _LARGEST, np.exp)


def reciprocals() -> Table:
    """1 / (1 + x), x from 0 to 1, Q0.15: the second one."""
    return _interpolated(1.0, _LEAST, lambda x: 1 / (1 + x))


def _interpolated(width: float, zero_point: int, function: Callable[[npt.NDArray[np.float64]], object]) -> Table:
    """LUTPopulateInt16 of TFLite's common.h in float32, outputs of ±1; `width`: of the inputs' range."""
    single = np.float32
    scale = single(width) / single(2**16 - 1)
    first, last = (scale * single(value - zero_point) for value in (_LEAST, _LARGEST))
    to_steps = single(2**16) / (single(2.0) / single(2**16 - 1) * single(_LARGEST - _LEAST))
    step = (last - first) / single(_STEPS)

    def value(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        steps: npt.NDArray[np.float32] = np.asarray(function(x.astype(np.float64)), np.float32) * to_steps
        return steps

    begins = first + np.arange(_STEPS, dtype=single) * step
    ends = first + np.arange(1, _STEPS + 1, dtype=single) * step
    samples = _rounded(value(begins))
    middle = _rounded((value(ends) + samples) / single(2)) - _rounded(value(begins + step / single(2)))
    entries = [*(samples - _rounded(middle / single(2))), _rounded(value(np.array([last], single)))[0]]
    clipped: Table = np.clip(np.array(entries), _LEAST, _LARGEST).astype(np.int64)
    return clipped


def _rounded(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Halves away from zero."""
    rounded: npt.NDArray[np.float32] = (np.sign(values) * np.floor(np.abs(values) + np.float32(0.5))).astype(np.float32)
    return rounded


TABLES: Mapping[str, tuple[str, Callable[[], Table]]] = {
    "tinynn_sigmoids": ("uint16_t", sigmoids),
    "tinynn_exponentials": ("int16_t", exponentials),
    "tinynn_reciprocals": ("int16_t", reciprocals),
}


def source() -> str:
    """tables_int16.c."""
    head = "/* Written by `python -m tinyflow.model.arithmetic.tables`, which says what they are. */\n"
    return head + '#include "tinynn/tables.h"\n' + "".join(map(_array, TABLES))


def _array(name: str) -> str:
    kind, make = TABLES[name]
    numbers = make().tolist()
    return f"\nconst {kind} {name}[{len(numbers)}] = {{\n{_lines(numbers)}}};\n"


def _lines(numbers: Sequence[int]) -> str:
    rows = (numbers[i : i + 16] for i in range(0, len(numbers), 16))
    return "".join(f"    {', '.join(map(str, row))},\n" for row in rows)


if __name__ == "__main__":
    print(source(), end="")
