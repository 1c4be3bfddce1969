"""Kinds of values that recipes hold: sizes, rates, names, digests; each reads a plain value and says what it wants.

The kinds are annotations (`length_bytes: Size`) that pydantic asks how to validate. Importing this imports no pydantic.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Union

from tinyflow.core import units

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core.core_schema import CoreSchema

# A field's unit is in its Python name and in its YAML value, so the YAML key needs none: `length: 512KiB`.
_UNIT_SUFFIXES = ("_bytes", "_hz", "_s", "_instructions", "_a", "_v")


_IN_C = r"[A-Za-z_][A-Za-z0-9_]*"
_SECRET = re.compile(r"(?i)token|secret|passw|pwd|signature|credential|api.?key|(^|[&;])(sig|key|auth\w*|jwt|code)=")


def yaml_key(field: str) -> str:
    """The YAML key of a field: `length` of `length_bytes`."""
    for suffix in _UNIT_SUFFIXES:
        if field.endswith(suffix):
            return field[: -len(suffix)]
    return field


class _Read:
    """A kind of value that is read as a whole by `validate`."""

    def validate(self, value: Any) -> Any:
        """What a plain value means; ValueError says what was wanted."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self.validate)


@dataclass(frozen=True)
class Quantity(_Read):
    """A number that is written with its unit; `read` gives it in the field's unit or raises ValueError."""

    read: Callable[[str], float]
    noun: str
    example: str

    def validate(self, value: Any) -> float:
        """The number; ValueError for a bare number, a wrong unit or anything else."""
        if not isinstance(value, str):
            raise ValueError(f"{self.noun} needs a number with a unit such as {self.example}, not {show(value)}")
        return self.read(value)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^\d+(\.\d+)?\s*[A-Za-z]+$", "examples": [self.example]}


@dataclass(frozen=True)
class Text(_Read):
    """Text of a fixed form, given as a regular expression for the whole of it."""

    pattern: str
    noun: str

    def validate(self, value: Any) -> str:
        """The text; ValueError says what was wanted."""
        if not isinstance(value, str) or re.fullmatch(self.pattern, value) is None:
            raise ValueError(f"expected {self.noun}, not {show(value)}")
        return value

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^({self.pattern})$"}


@dataclass(frozen=True)
class Check:
    """A rule for a value of any type; `rule` raises ValueError for one that breaks it."""

    rule: Callable[[Any], None]

    def validate(self, value: Any) -> Any:
        """The value itself."""
        self.rule(value)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self.validate, handler(source))


@dataclass(frozen=True)
class Limit(_Read):
    """How much worse a metric may get: `0`, `64`, `1KiB` or, of what it was, `0.5%`. Kept as text."""

    def validate(self, value: Any) -> str:
        """The text; ValueError for what is not a limit."""
        if isinstance(value, bool) or re.fullmatch(r"\d+(\.\d+)?\s*(%|B|KB|KiB|MiB)?", str(value)) is None:
            raise ValueError(f"expected a limit such as 0, 1KiB or 0.5%, not {show(value)}")
        return str(value)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}], "examples": [0, "0.5%"]}


@dataclass(frozen=True)
class Told(_Read):
    """An expression, or `{function: NAME}`: a function of C that tells the value."""

    def validate(self, value: Any) -> str | dict[str, str]:
        """Either; ValueError says what was wanted."""
        name = value.get("function") if isinstance(value, dict) and len(value) == 1 else None
        if not isinstance(value, str) and (not isinstance(name, str) or re.fullmatch(_IN_C, name) is None):
            raise ValueError(f"expected an expression, or {{function: NAME}} of a function in C, not {show(value)}")
        return value  # type: ignore[no-any-return]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        function = {"type": "string", "pattern": f"^{_IN_C}$"}
        told = {"properties": {"function": function}, "required": ["function"], "additionalProperties": False}
        return {"anyOf": [{"type": "string"}, {"type": "object", **told}]}


def _check_address(value: int) -> None:
    if not 0 <= value < 1 << 64:
        raise ValueError(f"{value} is not an address")


def _check_natural(value: int) -> None:
    if value < 0:
        raise ValueError(f"expected 0 or more, not {value}")


def _check_url(value: str) -> None:
    """Refuse what may be a secret: recipes, and keys made of them, go into caches and archives."""
    from tinyflow.core.address import Address

    if value.startswith("file:"):
        return
    try:
        address = Address.parse(value)
    except ValueError as error:
        raise ValueError(f"no URL: {error}") from None
    if address.headers or _SECRET.search(address.query):
        where = "TINYFLOW_MIRRORS=https://user:password@host/path, which is kept nowhere"
        raise ValueError(f"a URL with a password or a token in a recipe would be kept and sent; give {where}")


def show(value: Any) -> str:
    """A YAML value as an error quotes it, without what may be a secret."""
    from tinyflow.core.address import without_secrets

    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{without_secrets(value)}"' if isinstance(value, str) else str(value)


Size = Annotated[int, Quantity(units.parse_size, "a size", "512KiB")]
Rate = Annotated[int, Quantity(units.parse_rate, "a rate", "216MHz")]
Duration = Annotated[float, Quantity(units.parse_time, "a duration", "30s")]
Current = Annotated[float, Quantity(units.parse_current, "a current", "90mA")]
Voltage = Annotated[float, Quantity(units.parse_voltage, "a voltage", "3.3V")]
Instructions = Annotated[int, Quantity(units.parse_instructions, "a limit", "2000Minstr")]

MaxRegression = Annotated[str, Limit()]

Scratch = Annotated[Union[str, dict[str, str]], Told()]

Address = Annotated[int, Check(_check_address)]
Natural = Annotated[int, Check(_check_natural)]

Name = Annotated[str, Text(r"[a-z0-9_]+", "a recipe name of a-z, 0-9 and _")]
ProcessorName = Annotated[str, Text(r"[a-z0-9_-]+", "a processor's name of a-z, 0-9, - and _")]
FeatureValue = Annotated[str, Text(r"[A-Za-z0-9_]+", "a feature's value of letters, digits and _")]
Digest = Annotated[str, Text(r"[0-9a-f]{64}", "a sha256 digest of 64 hexadecimal digits")]
Url = Annotated[str, Text(r"(https?|file)://\S+", "a URL such as https://example.org/net.tflite"), Check(_check_url)]
Module = Annotated[str, Text(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", "a Python module such as tinyflow.backends.tvm")]
# Paths are relative, so that a recipe means the same on every machine, and stay below the folder that they start in.
RelativePath = Annotated[str, Text(r"(?!([^\n]*/)?\.\.(/|$))[^/\s~][^\n]*", "a relative path without ..")]
# A folder of somebody else's may lie anywhere; what a recipe means is in keys by content.
Root = Annotated[str, Text(r"[^\s~][^\n]*", "a path, which may begin with ${VARIABLE} or ..")]
Standard = Annotated[str, Text(r"(c|gnu)(\+\+)?\d[0-9a-z]", "a language such as gnu11 or c++20")]
