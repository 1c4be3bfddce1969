"""Expressions: what people type means what they think, and nothing but columns can be reached."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tinyflow.core.errors import UsageError
from tinyflow.report.expressions import parse

ROW = {"bench": "a-b-c", "target": "stm32f7", "ram_bytes": 65536, "macs": 1000, "invoke_s": 0.002, "rom_bytes": None}
ROW |= {"latency_ms": 50.5, "energy_uj": 3000.0}
COLUMNS, TEXTS = tuple(ROW), ("bench", "target")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ram_bytes<100KiB", True),
        ("ram_bytes < 64KiB", False),
        ("ram_bytes <= 64KiB and target=stm32f7", True),
        ("target == stm32f4 or not ram_bytes > 1MB", True),
        ("target in (stm32f4, stm32f7)", True),
        ("target != 'stm32f7'", False),
        ("60KB < ram_bytes < 70KB", True),
        ("invoke_s < 5ms", True),
        ("latency_ms < 60ms", True),
        ("latency_ms < 0.04s", False),
        ("energy_uj > 2mJ", True),
        ("ram_bytes / 1024 + 2 ** 3", 72.0),
        ("-max(macs, 5) // 3 % 7", -334 % 7),
        ("round(ram_bytes / 3)", 21845),
        ("rom_bytes < 5", False),
        ("rom_bytes > 5", False),
        ("rom_bytes == None", True),
        ("rom_bytes + 1", None),
        ("max(rom_bytes, 1)", None),
        ("bench == 'a = b'", False),
    ],
)
def test_an_expression_means_what_it_says(text: str, value: Any) -> None:
    """Units, bare texts, a lone `=`, chains, and what was not measured."""
    assert parse(text, COLUMNS, TEXTS).value(ROW) == value


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("ram_byte < 3", 'unknown column "ram_byte"'),
        ("ram_bytes < 3KuB", 'unknown unit "KuB"'),
        ("ram_bytes <", "is not an expression"),
        ("__import__('os').system('true')", "call can't be used here"),
        ("open('x')", 'unknown function "open"'),
        ("ram_bytes.real", "attribute can't be used here"),
        ("[x for x in bench]", "listcomp can't be used here"),
        ("(lambda: 1)()", "call can't be used here"),
        ("bench[0]", "subscript can't be used here"),
        ("f'{ram_bytes}'", "joinedstr can't be used here"),
        ("max(*bench)", "starred can't be used here"),
        ("ram_bytes & 1", "binop can't be used here"),
        ("(" * 60 + "1" + "+1)" * 60, "nested too deeply"),
        ("1 + " * 500 + "1", "characters"),
    ],
)
def test_what_is_no_expression_is_refused(text: str, what: str) -> None:
    """Before any row is looked at, with what is wrong."""
    with pytest.raises(UsageError) as refusal:
        parse(text, COLUMNS, TEXTS)
    assert what in refusal.value.what


@pytest.mark.parametrize(
    "text",
    [
        "macs / 0",
        "9 ** 9 ** 9",
        "((((9 ** 64) ** 64) ** 64) ** 64) ** 64 > 1",
        "bench * 100000000",
        "(1, 2) * 300000000 == (1,)",
        "300000000 * [macs] == (1,)",
        "(1, 2) + (3,) == 1",
        "round(5, -300000000)",
        "round(macs, 10 ** 40)",
        "(-8) ** 0.5",
        "-(1, 2)",
        "bench < 3",
        "sqrt(-macs)",
        "log2(0)",
    ],
)
def test_what_cannot_be_computed_is_refused(text: str) -> None:
    """A number that takes all memory, too."""
    with pytest.raises(UsageError):
        parse(text, COLUMNS, TEXTS).value(ROW)


@given(st.text(max_size=60))
def test_any_text_gives_an_expression_or_a_refusal(text: str) -> None:
    """Never another error."""
    with contextlib.suppress(UsageError):
        parse(text, COLUMNS, TEXTS).value(ROW)


_NUMBERS = st.sampled_from(["9", "64", "0.5", "macs", "9" * 300, "1e308", "(1, 2)", "'ab'"])
_SUMS = st.recursive(
    _NUMBERS,
    lambda parts: st.one_of(
        st.tuples(parts, st.sampled_from(["**", "*", "+", "-", "/", "//", "%"]), parts).map(
            lambda p: f"({' '.join(p)})"
        ),
        st.tuples(st.sampled_from(["round", "max", "min"]), parts, parts).map(lambda p: f"{p[0]}({p[1]}, {p[2]})"),
    ),
    max_leaves=30,
)


@given(text=_SUMS)
def test_no_expression_takes_time_or_memory(text: str) -> None:
    """Whatever is raised to which power, or repeated: a small value or a refusal, at once."""
    assume(len(text) <= 1000)
    try:
        value = parse(text, COLUMNS, TEXTS).value(ROW)
    except UsageError:
        return
    assert not isinstance(value, complex) and len(str(value)) < 2000
