"""PrimFuncs to one object file by TVM's LLVM, for the calling convention of C; no compiler comes after it.

What is left open in the object is memcpy and memset. Its bytes depend on the functions and the processor alone.
"""

from __future__ import annotations

import platform
import re
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import tvm
from tvm import tirx

from tinyflow.backends.tvm.emit import codegen
from tinyflow.backends.tvm.kernels.kernel import Kernel
from tinyflow.model.element_types import ELEMENT_TYPES

# the code generator names types after the addresses at which it met them
_ADDRESS = re.compile(r'"0x[0-9a-f]+')

# The headers of the support runtime that kernels may ask for, as LLVM has them; what nobody calls is dropped.
_IMPORTS: Mapping[str, str] = {
    # a number that nobody knows
    "tf_hidden.h": """
define i32 @tf_hidden(i32 %number) alwaysinline {
  %same = call i32 asm "", "=r,0"(i32 %number)
  %is_some = icmp sgt i32 %same, 0
  call void @llvm.assume(i1 %is_some)
  ret i32 %same
}
declare void @llvm.assume(i1)
""",
    # int8 to pairs of int16, and pairs of one number
    "tf_dsp.h": """
define i32 @tf_even(i32 %word) alwaysinline {
  %pair = call i32 @llvm.arm.sxtb16(i32 %word)
  ret i32 %pair
}
define i32 @tf_odd(i32 %word) alwaysinline {
  %turned = call i32 @llvm.fshr.i32(i32 %word, i32 %word, i32 8)
  %pair = call i32 @llvm.arm.sxtb16(i32 %turned)
  ret i32 %pair
}
define void @tf_widen(ptr %pairs, ptr %words, i32 %count) alwaysinline {
entry:
  %is_none = icmp slt i32 %count, 1
  br i1 %is_none, label %end, label %body
body:
  %i = phi i32 [ 0, %entry ], [ %next, %body ]
  %from = getelementptr inbounds i32, ptr %words, i32 %i
  %word = load i32, ptr %from, align 1
  %even = call i32 @llvm.arm.sxtb16(i32 %word)
  %turned = call i32 @llvm.fshr.i32(i32 %word, i32 %word, i32 8)
  %odd = call i32 @llvm.arm.sxtb16(i32 %turned)
  %to = getelementptr inbounds { i32, i32 }, ptr %pairs, i32 %i
  store i32 %even, ptr %to, align 4
  %after = getelementptr inbounds i32, ptr %to, i32 1
  store i32 %odd, ptr %after, align 4
  %next = add nuw nsw i32 %i, 1
  %is_last = icmp eq i32 %next, %count
  br i1 %is_last, label %end, label %body
end:
  ret void
}
define void @tf_fill(ptr %pairs, i32 %number, i32 %count) alwaysinline {
entry:
  %low = and i32 %number, 65535
  %high = shl i32 %number, 16
  %pair = or i32 %low, %high
  %is_none = icmp slt i32 %count, 1
  br i1 %is_none, label %end, label %body
body:
  %i = phi i32 [ 0, %entry ], [ %next, %body ]
  %to = getelementptr inbounds i32, ptr %pairs, i32 %i
  store i32 %pair, ptr %to, align 4
  %next = add nuw nsw i32 %i, 1
  %is_last = icmp eq i32 %next, %count
  br i1 %is_last, label %end, label %body
end:
  ret void
}
declare i32 @llvm.arm.sxtb16(i32)
declare i32 @llvm.fshr.i32(i32, i32, i32)
""",
}


class Compiled(NamedTuple):
    """An object file, and what LLVM made it of, for people to read."""

    content: bytes
    text: str


def _words(llvm: Mapping[str, Any]) -> Mapping[str, object]:
    """What TVM calls a processor, by its recipe."""
    triple = llvm["mtriple"].replace("$machine", platform.machine())
    # else TVM would warn; no core but M55 has vectors, and this is the stack's alignment
    return {**llvm, "mtriple": triple, **({"vector-width": 64} if triple.startswith("thumb") else {})}


def compile_kernels(kernels: Mapping[str, Kernel], llvm: Mapping[str, Any]) -> Compiled:
    """The functions of all kernels in one object, each as `void name(const int8_t* data, …, int8_t* output, …)`."""
    target = tvm.target.Target({"kind": "llvm", "opt-level": 3, **_words(llvm)})
    pointed = codegen.with_pointers({name: kernel.function for name, kernel in kernels.items()})
    complete = {name: _importing(function, kernels[name].headers) for name, function in pointed.items()}
    module = tvm.get_global_func("target.build.llvm")(tvm.IRModule(complete), target)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernels.o"
        module.write_to_file(str(path))
        content = path.read_bytes()
    return Compiled(content, _numbered(module.inspect_source("ll")))


def prototype(name: str, kernel: Kernel) -> str:
    """The declaration of a kernel in C."""
    may_overlap = codegen.overlapping(kernel.function)
    words = [
        codegen.pointer(ELEMENT_TYPES[one.dtype].in_c, one.name, is_apart=one.name not in may_overlap)
        for one in kernel.parameters
    ]
    return f"void {name}({', '.join(words)});"


def _importing(function: Any, headers: Collection[str]) -> Any:
    """The function with what it calls of these headers at hand."""
    wanted = {*headers, "tf_hidden.h"} if "tf_dsp.h" in headers else headers  # which includes it
    text = tvm.ir.StringImm("".join(_IMPORTS[header] for header in _IMPORTS if header in wanted))
    if not text.value:
        return function
    return function.with_body(tirx.AttrStmt(text, "pragma_import_llvm", text, function.body))


def _numbered(text: str) -> str:
    """The text with names that are addresses replaced by numbers, in the order in which they appear."""
    names: dict[str, str] = {}
    return _ADDRESS.sub(lambda match: names.setdefault(match[0], f'"type {len(names)}'), text)
