"""TVM's packed calling convention in C: its types, and calls whose arguments lie in flash. Imports no TVM."""

from __future__ import annotations

from collections.abc import Sequence

from tinyflow.model.element_types import ELEMENT_TYPES

# What packed functions take: layouts of the DLPack and TVM FFI binary interfaces, as far as they are used here.
TYPES = """\
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
# TVMFFITypeIndex of a DLTensor pointer; DLDeviceType of a CPU
_DLTENSOR_POINTER, _CPU = 7, 1

_TYPE_CODES = {"int": 0, "uint": 1, "float": 2, "bool": 6}


def type_code(dtype: str) -> int:
    """DLDataTypeCode."""
    return _TYPE_CODES[dtype.rstrip("0123456789")]


def call(
    index: int,
    function: str,
    arguments: Sequence[tuple[str, str]],
    shapes: Sequence[Sequence[int]] | None = None,
) -> tuple[str, str]:
    """The tensors and arguments of one call, which lie in flash: nothing of them is computed on the chip; the call.

    `arguments` are (dtype, address) in the order of the function's parameters. Without `shapes` a tensor tells none:
    they are compiled into the function, and only its assertions would look.
    """
    extents = tensors = values = ""
    for i, ((dtype, address), shape) in enumerate(zip(arguments, shapes or [()] * len(arguments), strict=True)):
        if shape:
            numbers = ", ".join(map(str, shape))
            extents += f"static const int64_t shape_{index}_{i}[{len(shape)}] = {{{numbers}}};\n"
        element = f"{{{type_code(dtype)}, {ELEMENT_TYPES[dtype].bits}, 1}}"
        told = f"(int64_t*)shape_{index}_{i}" if shape else "0"
        tensors += f"  {{(void*)({address}), {{{_CPU}, 0}}, {len(shape) or 1}, {element}, {told}, 0, 0}},\n"
        values += f"  {{{_DLTENSOR_POINTER}, 0, {{.v_ptr = (void*)&tensors_{index}[{i}]}}}},\n"
    before = (
        f"{extents}static const DLTensor tensors_{index}[{len(arguments)}] = {{\n{tensors}}};\n"
        f"static const TVMFFIAny arguments_{index}[{len(arguments)}] = {{\n{values}}};\n\n"
    )
    words = f"{function}(0, (void*)arguments_{index}, {len(arguments)}, 0)"
    return before, f"  if ({words} != 0) return -1;\n"
