"""What a kernel is: a TIR function, the meaning of its parameters, and how a layer's constants are laid out for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinyflow.model.memory.arena import Overlap

Style = Literal["plain", "aot", "aotplus", "dsp", "smlad"]
Role = Literal["input", "state", "constant", "output", "scratch"]
Array = NDArray[Any]

_ROLES: Mapping[str, Role] = {
    **dict.fromkeys(("data", "left", "right"), "input"),
    **dict.fromkeys(("state", "memory"), "state"),
    "output": "output",
    "scratch": "scratch",
}
# how kernels name what they write: everything else is const
WRITTEN_PARAMETERS = ("state", "memory", "output", "scratch")
# what is written anew; state is read and changed
WRITTEN_ROLES: tuple[Role, ...] = ("output", "scratch")
_SCRATCH_ALIGNMENT = 4
# an attribute of functions whose output may lie over an input
OVERLAPPING = "tf_overlapping"


@dataclass(frozen=True)
class Machine:
    """What code is generated for: an instruction set, and the compiler that will read the C."""

    isa: Literal["thumb", "riscv", "xtensa", "arm", "aarch64", "x86_64", "host"] = "thumb"
    toolchain: str = "zig"
    vectors: Literal["none", "mve", "rvv"] = "none"

    @property
    def is_llvm(self) -> bool:
        """Whether LLVM plans the registers: as clang behind C, or as TVM's own code generator."""
        return self.toolchain in ("zig", "llvm")

    @property
    def has_vectors(self) -> bool:
        """Whether compilers make vectors of plain loops."""
        return self.vectors != "none" or self.isa == "host"


@dataclass(frozen=True)
class Parameter:
    """One pointer parameter of a kernel. Inputs and outputs are whole feature maps."""

    name: str
    role: Role
    dtype: str
    shape: tuple[int, ...]
    alignment: int  # bytes

    @property
    def elements(self) -> int:
        """Of the buffer."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes behind the pointer."""
        return self.elements * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, eq=False)
class Weights:
    """The constants of one layer as TFLite has them; `bias` is zeros where the model has none. Equal to itself only."""

    values: NDArray[np.int8]
    bias: NDArray[np.int32]  # [output channels]
    multiplier: NDArray[np.int32]  # [output channels]
    shift: NDArray[np.int32]  # [output channels]; positive is to the left


Pack = Callable[[Weights], Mapping[str, Array]]


@dataclass(frozen=True)
class Kernel:
    """A TIR function whose parameters, all of them pointers to buffers, come in the order of `parameters`.

    Inputs first, then state, constants, the output, at most one scratch. No two may overlap but where `overlaps` says
    how the output may, by the name of the input. `pack` makes the constants
    of one layer, by parameter name; it raises ValueError where a kernel can't be exact with these: take style plain.
    """

    function: Any  # tvm.tirx.PrimFunc
    parameters: tuple[Parameter, ...]
    pack: Pack = lambda weights: {}
    headers: tuple[str, ...] = ()  # what the C source has to include
    overlaps: Mapping[str, Overlap] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        function: Any,
        pack: Pack = lambda weights: {},
        headers: tuple[str, ...] = (),
        overlaps: Mapping[str, Overlap] = MappingProxyType({}),
    ) -> Kernel:
        """The kernel of a function whose buffers have the names of `_ROLES`; all others are constants.

        A scratch without elements, the last parameter, is left out of the function.
        """
        parameters = tuple(map(_parameter, function.params))
        if parameters[-1].elements == 0:
            from tvm import tirx

            function = tirx.PrimFunc(function.params[:-1], function.body, attrs=function.attrs)
            parameters = parameters[:-1]
        if overlaps:  # then the compiler mustn't think that they don't
            function = function.without_attr("tirx.noalias").with_attr(OVERLAPPING, 1)
        return cls(function, parameters, pack, headers, overlaps)

    @property
    def constants(self) -> tuple[Parameter, ...]:
        """The parameters that `pack` fills."""
        return tuple(parameter for parameter in self.parameters if parameter.role == "constant")


def is_activation(name: str) -> bool:
    """Whether a parameter is an input or the output."""
    return _ROLES.get(name) in ("input", "output")


def _parameter(buffer: Any) -> Parameter:
    """A parameter as the buffer of a TIR function declares it."""
    role, dtype = _ROLES.get(buffer.name, "constant"), str(buffer.dtype)
    alignment = _SCRATCH_ALIGNMENT if role == "scratch" else np.dtype(dtype).itemsize
    return Parameter(buffer.name, role, dtype, tuple(map(int, buffer.ty.shape)), alignment)
