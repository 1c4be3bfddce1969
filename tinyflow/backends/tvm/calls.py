"""The calls of one inference in C, with either calling convention; every address is known when C is written."""

from __future__ import annotations

from tinyflow.backends.tvm.kernel import Parameter
from tinyflow.backends.tvm.memory import Memory, operands
from tinyflow.backends.tvm.program import Operand, Step

ARENA = "model_arena"
C_TYPES = {"int8": "int8_t", "int16": "int16_t", "int32": "int32_t", "uint8": "uint8_t", "uint32": "uint32_t"}

# What TVM's packed functions take: layouts of the DLPack and TVM FFI binary interfaces, as far as they are used here.
PACKED_TYPES = """\
typedef struct {
  int32_t device_type;
  int32_t device_id;
} DLDevice;

typedef struct {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
} DLDataType;

typedef struct {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
} DLTensor;

typedef struct {
  int32_t type_index;
  uint32_t zero_padding;
  union {
    int64_t v_int64;
    void* v_ptr;
  };
} TVMFFIAny;

"""
# TVMFFITypeIndex of a DLTensor pointer; DLDeviceType of a CPU; DLDataTypeCode of signed integers
_DLTENSOR_POINTER, _CPU, _SIGNED = 7, 1, 0


# a name that stands for scratch on the stack
_STACK = "scratch"


def _arguments(index: int, step: Step, memory: Memory) -> list[tuple[Parameter, str]]:
    """Each parameter of the kernel with its address."""
    places: dict[str, Operand] = {parameter.name: operand for operand, parameter in operands(index, step)}
    arguments = []
    for parameter in step.kernel.parameters:
        if parameter.role == "constant":
            address = step.constants[parameter.name]
        else:
            offset = memory.offsets.get(places[parameter.name])
            address = _STACK if offset is None else f"{ARENA} + {offset}"
        arguments.append((parameter, address))
    return arguments


def unpacked(index: int, step: Step, memory: Memory) -> tuple[str, str]:
    """Nothing before the function that calls; one call of data pointers, in a block with scratch on the stack."""
    arguments = _arguments(index, step, memory)
    words = [
        f"({C_TYPES[parameter.dtype]}*)(void*)({address})"
        if parameter.dtype != "int8" and ARENA in address
        else address
        for parameter, address in arguments
    ]
    call = f"{step.function}({', '.join(words)});"
    for parameter, address in arguments:
        if address == _STACK:
            alignment = f"_Alignas({parameter.alignment})"
            return (
                "",
                f"  {{\n    {alignment} {C_TYPES[parameter.dtype]} {_STACK}[{parameter.elements}];\n    {call}\n  }}\n",
            )
    return "", f"  {call}\n"


def packed(index: int, step: Step, memory: Memory) -> tuple[str, str]:
    """The tensors and arguments of one call, which lie in flash: nothing of them is computed on the chip; the call."""
    arguments = _arguments(index, step, memory)
    tensors = "".join(f"  {_tensor(parameter, address)},\n" for parameter, address in arguments)
    values = "".join(
        f"  {{{_DLTENSOR_POINTER}, 0, {{.v_ptr = (void*)&tensors_{index}[{i}]}}}},\n" for i in range(len(arguments))
    )
    before = (
        f"static const DLTensor tensors_{index}[{len(arguments)}] = {{\n{tensors}}};\n"
        f"static const TVMFFIAny arguments_{index}[{len(arguments)}] = {{\n{values}}};\n\n"
    )
    call = f"{step.function}(0, (void*)arguments_{index}, {len(arguments)}, 0)"
    return before, f"  if ({call} != 0) return -1;\n"


def _tensor(parameter: Parameter, address: str) -> str:
    """A DLTensor; its shape is compiled into the function, which doesn't read it."""
    dtype = f"{{{_SIGNED}, {parameter.dtype.removeprefix('int')}, 1}}"
    return f"{{(void*)({address}), {{{_CPU}, 0}}, 1, {dtype}, 0, 0, 0}}"
