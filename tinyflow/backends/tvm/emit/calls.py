"""The calls of one inference in C, with either calling convention; every address is known when C is written."""

from __future__ import annotations

from tinyflow.backends.generated import ARENA
from tinyflow.backends.tvm.emit import packed_calls as packed_convention
from tinyflow.backends.tvm.kernels.kernel import Parameter
from tinyflow.backends.tvm.program.memory import Memory
from tinyflow.backends.tvm.program.operations import Operand, Step
from tinyflow.model.element_types import ELEMENT_TYPES

# a name that stands for scratch on the stack
_STACK = "scratch"


def _arguments(index: int, step: Step, memory: Memory) -> list[tuple[Parameter, str]]:
    """Each parameter of the kernel with its address."""
    found: dict[str, Operand] = {parameter.name: operand for operand, parameter in step.operands(index)}
    arguments = []
    for parameter in step.kernel.parameters:
        if parameter.role == "constant":
            address = step.constants[parameter.name]
        else:
            place = memory.places.get(found[parameter.name])
            address = _STACK if place is None else f"{ARENA} + {place.offset}"
        arguments.append((parameter, address))
    return arguments


def unpacked(index: int, step: Step, memory: Memory) -> tuple[str, str]:
    """Nothing before the function that calls; one call of data pointers, in a block with scratch on the stack."""
    arguments = _arguments(index, step, memory)
    words = [
        f"({ELEMENT_TYPES[parameter.dtype].in_c}*)(void*)({address})"
        if parameter.dtype != "int8" and ARENA in address
        else address
        for parameter, address in arguments
    ]
    call = f"{step.function}({', '.join(words)});"
    for parameter, address in arguments:
        if address == _STACK:
            alignment = f"_Alignas({parameter.alignment})"
            array = f"{alignment} {ELEMENT_TYPES[parameter.dtype].in_c} {_STACK}[{parameter.elements}];"
            return "", f"  {{\n    {array}\n    {call}\n  }}\n"
    return "", f"  {call}\n"


def packed(index: int, step: Step, memory: Memory, has_shapes: bool = False) -> tuple[str, str]:
    """The tensors and arguments of one call, which lie in flash: nothing of them is computed on the chip; the call.

    `has_shapes`: tensors with their extents, which assertions look at.
    """
    arguments = [(parameter.dtype, address) for parameter, address in _arguments(index, step, memory)]
    shapes = [parameter.shape for parameter in step.kernel.parameters] if has_shapes else None
    return packed_convention.call(index, step.function, arguments, shapes)
