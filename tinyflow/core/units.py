"""Sizes and rates with their units: `512KiB`, `216MHz`, `30s`; parsing and printing, nothing else."""

from __future__ import annotations

import re

_SIZES = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_RATES = {"Hz": 1, "kHz": 1000, "MHz": 1000**2, "GHz": 1000**3}
_TIMES = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600}
_INSTRUCTIONS = {"instr": 1, "kinstr": 1000, "Minstr": 1000**2, "Ginstr": 1000**3}
_CURRENTS = {"A": 1, "mA": 1e-3, "uA": 1e-6}
_ENERGIES = {"uJ": 1e-6, "mJ": 1e-3, "J": 1}
_VOLTAGES = {"V": 1, "mV": 1e-3}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")


def _parse(text: str, units: dict[str, int] | dict[str, float], noun: str) -> float:
    match = _NUMBER.fullmatch(text.strip())
    if match is None or match.group(2) not in units:
        raise ValueError(f'{noun} needs a number with a unit ({", ".join(units)}), not "{text}"')
    return float(match.group(1)) * units[match.group(2)]


def parse_size(text: str) -> int:
    """Bytes of a size such as `512KiB`; ValueError names the units that are understood."""
    value = _parse(text, _SIZES, "a size")
    if value != int(value):
        raise ValueError(f'"{text}" is not a whole number of bytes')
    return int(value)


def parse_rate(text: str) -> int:
    """Hertz of a rate such as `216MHz`."""
    return round(_parse(text, _RATES, "a rate"))


def parse_time(text: str) -> float:
    """Seconds of a duration such as `30s`."""
    return float(_parse(text, _TIMES, "a duration"))


def parse_current(text: str) -> float:
    """Ampere of a current such as `90mA`."""
    return _parse(text, _CURRENTS, "a current")


def parse_voltage(text: str) -> float:
    """Volt of a voltage such as `3.3V`."""
    return _parse(text, _VOLTAGES, "a voltage")


def parse_energy(text: str) -> float:
    """Joule of an energy such as `500uJ`."""
    return _parse(text, _ENERGIES, "an energy")


def parse_instructions(text: str) -> int:
    """A number of instructions such as `2000Minstr`."""
    return round(_parse(text, _INSTRUCTIONS, "a number of instructions"))


def format_size(size_bytes: int) -> str:
    """A size for people: `56.8 KiB`."""
    for scale, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size_bytes >= scale:
            return f"{size_bytes / scale:.1f} {unit}"
    return f"{size_bytes} B"


def format_count(count: float) -> str:
    """A count for people: `22.6 M`."""
    for scale, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(count) >= scale:
            return f"{count / scale:.4g}{letter}"
    return f"{count:.4g}"


def format_number(count: int, noun: str) -> str:
    """`1 operator`, `2 operators`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def format_seconds(seconds: float) -> str:
    """A duration for people: `0.31 s`, `2 min 05 s`."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
