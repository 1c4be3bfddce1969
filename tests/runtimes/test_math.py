"""The functions of math.h in the runtime support: as near to the real ones as their file says."""

from __future__ import annotations

import ctypes
import math
from functools import cache
from pathlib import Path
from typing import Any

import kept
import numpy as np
import pytest
from numpy.typing import NDArray
from tinynn_calls import SUPPORT

Floats = NDArray[np.float32]

# over arrays: a call for each of a million floats would take seconds
_LOOPS = "".join(
    f"""
float {name}(float{", float" * binary});
void {name}_of(const float *x, const float *y, float *to, int count) {{
  for (int i = 0; i < count; i++) to[i] = {name}(x[i]{", y[i]" * binary});
}}
"""
    for name, binary in (("expm1f", 0), ("tanhf", 0), ("nearbyintf", 0), ("rintf", 0), ("powf", 1))
)
_FLAGS = ("-shared", "-fPIC", "-O2", "-fno-builtin", "-Wl,-Bsymbolic", "-lm")
_SPECIAL = [
    0,
    -0.0,
    1,
    -1,
    np.inf,
    -np.inf,
    np.nan,
    2,
    3,
    -2,
    -3,
    0.5,
    -0.5,
    2**24,
    2**24 + 2,
    1 - 2**24,
    1e-45,
    -1e-45,
]


@cache
def _library() -> ctypes.CDLL:
    loops = kept.scratch() / "loops.c"
    loops.write_text(_LOOPS, encoding="utf-8")
    sources: dict[str, kept.Source] = {"math.c": SUPPORT / "src" / "math.c", "loops.c": loops}
    return ctypes.CDLL(str(kept.copy(kept.made_here(sources, _FLAGS), kept.scratch() / Path("math.so"))))


def _computed(name: str, x: Floats, y: Floats | None = None) -> Floats:
    made = np.empty_like(x)
    words = [ctypes.c_void_p(array.ctypes.data) for array in (x, x if y is None else y, made)]
    _library()[f"{name}_of"](*words, len(x))
    return made


def _distance(made: Floats, real: NDArray[Any]) -> NDArray[Any]:
    """In ulp of the real value; where one of both is no finite float, they must be the same."""
    with np.errstate(over="ignore"):
        rounded = real.astype(np.float32)
    is_finite = np.isfinite(rounded)
    assert np.array_equal(made[~is_finite], rounded[~is_finite], equal_nan=True)
    ulp = np.spacing(np.abs(rounded[is_finite])).astype(np.float64)
    return np.abs(made[is_finite] - real[is_finite]) / ulp


def _floats(step: int) -> Floats:
    """Every so many-th float, of either sign, and special ones."""
    bits = np.arange(0, 2**32, step, dtype=np.uint64).astype(np.uint32)
    return np.concatenate([bits.view(np.float32), np.array(_SPECIAL, np.float32)])


@pytest.mark.parametrize(("name", "real", "ulp"), [("expm1f", np.expm1, 2), ("tanhf", np.tanh, 4)])
def test_functions_are_near_the_real_ones(name: str, real: Any, ulp: float) -> None:
    """Within the bound that math.c states, whatever the float."""
    x = _floats(4099)
    with np.errstate(all="ignore"):
        assert _distance(_computed(name, x), real(x.astype(np.float64))).max() < ulp


@pytest.mark.parametrize("name", ["nearbyintf", "rintf"])
def test_rounding_is_to_nearest_even(name: str) -> None:
    """All bits, the sign of zero included."""
    x = _floats(4099)
    x = np.concatenate([x[~np.isnan(x)], np.arange(-100, 100, dtype=np.float32) / 4])
    assert np.array_equal(_computed(name, x).view(np.uint32), np.rint(x).view(np.uint32))


def test_powers_are_near_the_real_ones() -> None:
    """Within an ulp; signs, infinities and what isn't a number as numpy has them."""
    draw = np.random.default_rng(0)
    x, y = draw.choice(_floats(4099)[:-1], (2, 300_000))
    y[::2] = draw.uniform(-30, 30, len(y[::2]))
    x[::3] = draw.uniform(-9, 9, len(x[::3]))
    with np.errstate(invalid="ignore"):
        y[::5] = np.rint(y[::5].clip(-50, 50))
    special = np.array(np.meshgrid(_SPECIAL, _SPECIAL), np.float32).reshape(2, -1)
    x, y = np.ascontiguousarray(np.concatenate([x, special[0]])), np.ascontiguousarray(np.concatenate([y, special[1]]))
    made = _computed("powf", x, y)
    with np.errstate(all="ignore"):
        real = np.power(x.astype(np.float64), y.astype(np.float64))
    assert _distance(made, real).max() < 1
    assert np.array_equal(np.signbit(made)[~np.isnan(real)], np.signbit(real)[~np.isnan(real)])


def test_a_number_is_taken_apart_exactly(tmp_path: Path) -> None:
    """`frexp`, as the machine's own has it, for numbers of every size and for those that aren't any."""
    library = kept.copy(kept.made_here({"parts.c": SUPPORT / "src" / "parts.c"}, _FLAGS[:4]), tmp_path / "parts.so")
    function = ctypes.CDLL(str(library)).frexp
    function.argtypes, function.restype = [ctypes.c_double, ctypes.POINTER(ctypes.c_int)], ctypes.c_double
    bits = np.random.default_rng(1).integers(0, 1 << 64, 2000, dtype=np.uint64)
    for value in (*_SPECIAL, 5e-324, -5e-324, 2.0**-1022, 1.7976931348623157e308, *bits.view(np.float64).tolist()):
        exponent = ctypes.c_int(7)
        fraction = function(float(value), ctypes.byref(exponent))
        expected = math.frexp(value)
        assert (np.isnan(fraction) and np.isnan(value)) or (fraction, exponent.value) == expected, value
