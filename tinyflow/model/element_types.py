"""Types of tensors' elements: names as in the TFLite schema, in lower case; what they are called elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class ElementType(NamedTuple):
    """One type. INT4 packs two elements into a byte; `code` is what `struct` and, behind "<", numpy call an element."""

    bits: int
    code: str = ""
    in_c: str = ""


ELEMENT_TYPES: Mapping[str, ElementType] = {
    "bool": ElementType(8, "?", "bool"),
    "int4": ElementType(4),
    "int8": ElementType(8, "b", "int8_t"),
    "uint8": ElementType(8, "B", "uint8_t"),
    "int16": ElementType(16, "h", "int16_t"),
    "uint16": ElementType(16, "H", "uint16_t"),
    "float16": ElementType(16, "e"),
    "bfloat16": ElementType(16),
    "int32": ElementType(32, "i", "int32_t"),
    "uint32": ElementType(32, "I", "uint32_t"),
    "float32": ElementType(32, "f", "float"),
    "int64": ElementType(64, "q", "int64_t"),
    "uint64": ElementType(64, "Q", "uint64_t"),
    "float64": ElementType(64, "d", "double"),
    # a handle of a resource variable; nobody but the operators that take it sees its bytes
    "resource": ElementType(32),
}
# those whose elements can be moved one by one
WHOLE_BYTES = tuple(name for name, kind in ELEMENT_TYPES.items() if kind.bits >= 8 and name != "resource")
# those of CAST, and their numbers in the schema's TensorType
NUMBERS = {"float32": 0, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9, "uint32": 15}
