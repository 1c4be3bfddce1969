"""Sizes, rates and times: what is written is what is meant, and what is printed is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyflow.core import units


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (units.parse_size, "7B", 7),
        (units.parse_size, "2KB", 2000),
        (units.parse_size, "3MB", 3_000_000),
        (units.parse_size, "1GB", 1_000_000_000),
        (units.parse_size, "1KiB", 1024),
        (units.parse_size, "1.5 KiB", 1536),
        (units.parse_size, " 1MiB ", 1_048_576),
        (units.parse_size, "2GiB", 2_147_483_648),
        (units.parse_rate, "5Hz", 5),
        (units.parse_rate, "32.768kHz", 32_768),
        (units.parse_rate, "216MHz", 216_000_000),
        (units.parse_rate, "1.2GHz", 1_200_000_000),
        (units.parse_time, "250ms", 0.25),
        (units.parse_time, "30s", 30),
        (units.parse_time, "2min", 120),
        (units.parse_time, "1.5h", 5400),
        (units.parse_instructions, "9instr", 9),
        (units.parse_instructions, "2kinstr", 2000),
        (units.parse_instructions, "2000Minstr", 2_000_000_000),
        (units.parse_instructions, "1Ginstr", 1_000_000_000),
    ],
)
def test_every_unit_has_its_value(parse: object, text: str, value: float) -> None:
    """Decimal units are decimal, binary ones binary; whole numbers are whole."""
    assert callable(parse)
    found = parse(text)
    assert found == value
    assert isinstance(found, float if parse is units.parse_time else int)


@pytest.mark.parametrize(
    ("parse", "text", "told"),
    [
        (units.parse_size, "12", 'a size needs a number with a unit (B, KB, MB, GB, KiB, MiB, GiB), not "12"'),
        (units.parse_size, "1kib", "a size needs"),
        (units.parse_size, "1KiBx2", "a size needs"),
        (units.parse_size, "-1KiB", "a size needs"),
        (units.parse_size, "0.3B", '"0.3B" is not a whole number of bytes'),
        (units.parse_rate, "1KiB", "a rate needs a number with a unit (Hz, kHz, MHz, GHz)"),
        (units.parse_time, "1d", "a duration needs a number with a unit (us, ms, s, min, h)"),
        (units.parse_instructions, "1s", "a number of instructions needs"),
    ],
)
def test_what_is_no_quantity_is_refused_with_the_units(parse: object, text: str, told: str) -> None:
    """Each kind knows its own units alone."""
    assert callable(parse)
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (58163, "56.8 KiB"),
        (1024**2 - 1024, "1023.0 KiB"),
        (1024**2, "1.0 MiB"),
        (1024**3, "1.0 GiB"),
        (5000 * 1024**3, "5000.0 GiB"),
    ],
)
def test_sizes_for_people(size: int, text: str) -> None:
    """The largest unit of which there is one."""
    assert units.format_size(size) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1 k"),
        (22_600_000, "22.6 M"),
        (-22_600_000, "-22.6 M"),
        (1_000_000, "1 M"),
        (1_234_567_890, "1.235 G"),
        (0.12345, "0.1235"),
    ],
)
def test_counts_for_people(count: float, text: str) -> None:
    """Four digits and the letter of a thousand, a million or a thousand millions."""
    assert units.format_count(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.314, "0.31 s"), (9.99, "9.99 s"), (10, "10.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (125.4, "2 min 05 s")],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    """Hundredths below ten seconds, whole seconds from a minute on."""
    assert units.format_seconds(seconds) == text


@given(st.integers(0, 2**45))
def test_a_printed_size_is_close_when_it_is_read(size: int) -> None:
    """One digit behind the point loses a twentieth of a unit at most."""
    printed = units.format_size(size)
    number, unit = printed.split()
    scale = units.parse_size(f"1{unit}")
    assert abs(float(number) * scale - size) <= 0.05 * scale + 1
