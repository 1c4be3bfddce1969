"""Which options a backend takes, and the one check of them all; the planner calls it before anything runs.

A backend's module says it in `OPTIONS`. Where there is none (a command's, somebody's own module), the recipe does: an
option is what it gives a default to, and has its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Union

# What an option may be: one of some values, the default first; a number of a range; of a type; None: anything.
Allowed = Union[tuple[Any, ...], range, type, None]
Options = Mapping[str, Allowed]

_POWERS_OF_TWO = tuple(1 << bit for bit in range(13))
NATURAL = range(2**32)
# whether an output may lie over an input, where its kernel has read that by then
CHASE = ("on", "off")
# A call makes its rows as soon as those under its window are there; or a step makes rows of what leaves a chain, and
# of each tensor before, layer by layer, all that it needs of it in one call.
ORDERS = DEPTH_FIRST, _BREADTH_FIRST = ("depth_first", "breadth_first")
# whether an invoke may overwrite the inputs
INPUT = ("consumed", "kept")
_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
}


def alignments(default: int) -> tuple[int, ...]:
    """Bytes that memory may be aligned to."""
    return (default, *(power for power in _POWERS_OF_TWO if power != default))


def has_chase(options: Mapping[str, Any]) -> bool:
    """What option `chase` says."""
    return bool(options.get("chase", "on") != "off")


def options_of(implementation: str | None, declared: Mapping[str, Any]) -> Options:
    """What an implementation takes; `declared` are the defaults of its recipe. Raises what importing it raises."""
    known = None if implementation is None else getattr(import_module(implementation), "OPTIONS", None)
    if known is not None:
        return dict(known)
    return {name: None if value is None else type(value) for name, value in declared.items()}


def typed(value: Any, allowed: Allowed) -> Any:
    """The value, or what text of a feature's name (`+unroll.4`) stands for. ValueError says what may be there."""
    if allowed is None:
        return value
    if isinstance(allowed, tuple):
        for one in allowed:
            if (type(one) is type(value) and one == value) or (isinstance(value, str) and _spelled(one) == value):
                return one
        raise ValueError(f"one of {', '.join(map(_spelled, _in_order(allowed)))}")
    kind = int if isinstance(allowed, range) else allowed
    if isinstance(value, str) and kind in (int, float, bool):
        value = _read(value, kind)
    if kind is float and type(value) is int:
        return value
    if type(value) is not kind:
        raise ValueError(_WORDS.get(kind, kind.__name__))
    if isinstance(allowed, range) and value not in allowed:
        raise ValueError(f"a whole number from {allowed.start} to {allowed.stop - 1}")
    return value


def _in_order(allowed: tuple[Any, ...]) -> list[Any]:
    return sorted(allowed) if all(type(one) is int for one in allowed) else list(allowed)


def _spelled(value: Any) -> str:
    """As a recipe has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(text: str, kind: type) -> Any:
    """Text as a number or truth value; the text itself where it is none."""
    try:
        return {"true": True, "false": False}[text] if kind is bool else kind(text)
    except (KeyError, ValueError):
        return text
