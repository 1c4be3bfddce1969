"""What a call of a tinynn kernel is: function, struct of constants, scratch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Union

from tinyflow.backends.arrays import Constant
from tinyflow.model.memory.arena import Overlap

WORD_BYTES = 4

Field = Union[int, float, tuple[Any, ...], Constant, Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a kernel: `function(&<struct of fields>, inputs…, output[, scratch])`."""

    function: str
    struct: str
    fields: Mapping[str, Field]
    """Initialisers by the struct's names: numbers, tuples for arrays, mappings for structs, Constants for pointers."""
    takes_scratch: bool = False
    """Whether the function has a last parameter `scratch`."""
    scratch_bytes: int = 0
    """What that points to, aligned to 4 bytes; NULL where it is 0."""
    in_place: tuple[int, ...] = ()
    """Inputs (0, 1) at whose address the output may begin."""
    overlaps: Mapping[int, Overlap] = field(default_factory=dict)
    """And those that it may overlap, and how."""
    notes: tuple[str, ...] = ()
    """Why the variant's own kernel was passed over, for the report."""
    reference: str = ""
    """Why the kernel is ref's, where the variant has a better one for others."""
    takes_array: bool = False
    """Whether its inputs are one array of pointers."""
    faster: tuple[Call, ...] = ()
    """The same by kernels that want more scratch or flash, the fastest first."""
    is_own: bool = False
    """Whether the function is a user's, which tinynn.h doesn't declare; its tensors are int8."""
    sized_by: str = ""
    """The user's function that says how many bytes of scratch it needs: `int32_t f(const struct …*)`."""

    @property
    def flash_bytes(self) -> int:
        """Of its constants."""
        return _bytes_of(self.fields)


def _bytes_of(fields: Mapping[str, Field]) -> int:
    nested = (_bytes_of(field) for field in fields.values() if isinstance(field, Mapping))
    return sum(nested) + sum(field.values.nbytes for field in fields.values() if isinstance(field, Constant))
