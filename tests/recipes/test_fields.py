"""Kinds of values: what each takes, and what it says of the rest."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from tinyflow.recipes import fields


def _read(kind: Any, value: object) -> object:
    return get_args(kind)[1].validate(value)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (fields.Size, "1.5MiB", 1_572_864),
        (fields.Rate, "216MHz", 216_000_000),
        (fields.Duration, "5min", 300.0),
        (fields.Instructions, "2000Minstr", 2_000_000_000),
        (fields.Name, "tvmaot_2", "tvmaot_2"),
        (fields.Url, "https://example.org/net.tflite", "https://example.org/net.tflite"),
        (fields.Module, "tinyflow.backends.tvm", "tinyflow.backends.tvm"),
        (fields.RelativePath, "nets/..net.tflite", "nets/..net.tflite"),
        (fields.Address, 0x42000000, 0x42000000),
        (fields.Scratch, "2 * inputs", "2 * inputs"),
        (fields.Scratch, {"function": "my_Scratch"}, {"function": "my_Scratch"}),
    ],
)
def test_a_good_value_is_taken(kind: Any, text: object, value: object) -> None:
    """Quantities come out in the unit of their field, text as it is."""
    assert value == _read(kind, text)


@pytest.mark.parametrize(
    ("kind", "value", "complaint"),
    [
        (fields.Size, 512, "a size needs a number with a unit such as 512KiB, not 512"),
        (fields.Size, "512", "a size needs a number with a unit"),
        (fields.Size, "512kib", "a size needs a number with a unit"),
        (fields.Size, "0.3B", "not a whole number of bytes"),
        (fields.Size, "-1KiB", "a size needs a number with a unit"),
        (fields.Rate, "216M", "a rate needs a number with a unit"),
        (fields.Duration, True, "a duration needs a number with a unit such as 30s, not true"),
        (fields.Instructions, "2000M", "a number of instructions needs"),
        (fields.Name, "my-net", 'expected a recipe name of a-z, 0-9 and _, not "my-net"'),
        (fields.Name, "", "expected a recipe name"),
        (fields.Name, 7, "expected a recipe name of a-z, 0-9 and _, not 7"),
        (fields.Digest, "597A", "expected a sha256 digest of 64 hexadecimal digits"),
        (fields.Url, "ftp://example.org/x", "expected a URL"),
        (fields.Module, "os; rm", "expected a Python module"),
        (fields.RelativePath, "/etc/passwd", "expected a relative path"),
        (fields.RelativePath, "~/net.tflite", "expected a relative path"),
        (fields.RelativePath, None, "expected a relative path without .., not nothing"),
        (fields.Address, -1, "-1 is not an address"),
        (fields.Natural, -1, "expected 0 or more, not -1"),
        (fields.Scratch, {"functon": "f"}, "expected an expression, or {function: NAME} of a function in C"),
        (fields.Scratch, {"function": "f", "x": "y"}, "expected an expression, or {function: NAME}"),
        (fields.Scratch, {"function": "f(x)"}, "expected an expression, or {function: NAME}"),
        (fields.Scratch, 8, "not 8"),
    ],
)
def test_a_bad_value_is_refused_in_words(kind: Any, value: object, complaint: str) -> None:
    """The complaint says what was wanted and what was found."""
    with pytest.raises(ValueError, match=re.escape(complaint)):
        _read(kind, value)


def test_the_unit_of_a_field_is_not_in_its_yaml_key() -> None:
    """YAML has the unit in the value: `length: 2MiB`."""
    names = ["length_bytes", "clock_hz", "timeout_s", "limit_instructions", "cpu_features", "description"]
    assert [fields.yaml_key(name) for name in names] == [
        "length",
        "clock",
        "timeout",
        "limit",
        "cpu_features",
        "description",
    ]
