"""PrimFuncs to one object file by TVM's LLVM, for the calling convention of C; no compiler comes after it.

What is left open in the object is memcpy and memset. Its bytes depend on the functions and the processor alone.
"""

from __future__ import annotations

import platform
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import tvm
from tvm import tirx

from tinyflow.backends.tvm import codegen
from tinyflow.backends.tvm.arrays import C_TYPES
from tinyflow.backends.tvm.kernel import WRITTEN_PARAMETERS, Kernel, Parameter

# Words of LLVM for a processor, where the linker must find the same ABI as in the C beside it: without `mfloat-abi`
# TVM's LLVM takes soft float even for an `eabihf` triple.
_SOFT = {"vector-width": 64}  # which it would warn about, and no core but M55 has any; it is the stack's alignment
_HARD = {**_SOFT, "mfloat-abi": "hard"}
_PROCESSORS: Mapping[str, Mapping[str, Any]] = {
    "cortex-m0plus": {"mtriple": "thumbv6m-none-eabi", "mcpu": "cortex-m0plus", **_SOFT},
    "cortex-m3": {"mtriple": "thumbv7m-none-eabi", "mcpu": "cortex-m3", **_SOFT},
    "cortex-m4": {"mtriple": "thumbv7em-none-eabihf", "mcpu": "cortex-m4", **_HARD},
    "cortex-m7": {"mtriple": "thumbv7em-none-eabihf", "mcpu": "cortex-m7", **_HARD},
    "cortex-m33": {"mtriple": "thumbv8m.main-none-eabihf", "mcpu": "cortex-m33", **_HARD},
    "cortex-m55": {"mtriple": "thumbv8.1m.main-none-eabihf", "mcpu": "cortex-m55", **_HARD},
    "rv32imc": {"mtriple": "riscv32-none-elf", "mcpu": "generic-rv32", "mattr": ["+m", "+c"], "mabi": "ilp32"},
    # the baseline of the machine's architecture, as the toolchains build for it
    "host": {"mtriple": f"{platform.machine()}-unknown-linux-gnu", "mcpu": "generic"},
}
PROCESSORS = tuple(_PROCESSORS)
# the code generator names types after the addresses at which it met them
_ADDRESS = re.compile(r'"0x[0-9a-f]+')

# `tf_hidden` of the support runtime's header, which is for compilers of C, as LLVM has it: a number that nobody knows
_IMPORTED = """
define i32 @tf_hidden(i32 %number) alwaysinline {
  %same = call i32 asm "", "=r,0"(i32 %number)
  %is_some = icmp sgt i32 %same, 0
  call void @llvm.assume(i1 %is_some)
  ret i32 %same
}
declare void @llvm.assume(i1)
"""


class Compiled(NamedTuple):
    """An object file, and what LLVM made it of, for people to read."""

    content: bytes
    text: str


def compile_functions(functions: Mapping[str, Any], cpu: str) -> Compiled:
    """All functions in one object, each as `void name(const int8_t* data, …, int8_t* output, …)`."""
    target = tvm.target.Target({"kind": "llvm", "opt-level": 3, **_PROCESSORS[cpu]})
    pointed = {name: _importing(function) for name, function in codegen.with_pointers(functions).items()}
    module = tvm.get_global_func("target.build.llvm")(tvm.IRModule(pointed), target)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernels.o"
        module.write_to_file(str(path))
        content = path.read_bytes()
    return Compiled(content, _numbered(module.inspect_source("ll")))


def prototype(name: str, kernel: Kernel) -> str:
    """The declaration of a kernel in C."""
    words = [f"{_element(parameter)}* restrict {parameter.name}" for parameter in kernel.parameters]
    return f"void {name}({', '.join(words)});"


def _element(parameter: Parameter) -> str:
    """What a parameter points to."""
    return f"{'' if parameter.name in WRITTEN_PARAMETERS else 'const '}{C_TYPES[parameter.dtype]}"


def _importing(function: Any) -> Any:
    """The function with `_IMPORTED` at hand."""
    text = tvm.ir.StringImm(_IMPORTED)
    return function.with_body(tirx.AttrStmt(text, "pragma_import_llvm", text, function.body))


def _numbered(text: str) -> str:
    """The text with names that are addresses replaced by numbers, in the order in which they appear."""
    names: dict[str, str] = {}
    return _ADDRESS.sub(lambda match: names.setdefault(match[0], f'"type {len(names)}'), text)
