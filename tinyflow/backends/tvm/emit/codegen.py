"""PrimFuncs to C by TVM's own passes and C code generator, with either calling convention.

`packed` is what TVM's runtime calls: one array of TVMFFIAny, tensors as DLTensor. `unpacked` takes data pointers. What
the code generator writes around the functions (headers of TVM's runtime, C++ guards) is cut away.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import tvm
from tvm import tirx
from tvm.ir import PointerType, PrimType
from tvm.s_tir import transform as s_tir
from tvm.tirx import transform

from tinyflow.backends.tvm.kernels.kernel import OVERLAPPING, WRITTEN_PARAMETERS, is_activation

_TARGET = tvm.target.Target("c", host="c")

# TVM's default pipeline without the passes for GPUs, up to the calling convention
_LOWER = tvm.ir.transform.Sequential(
    [
        transform.BindTarget(_TARGET),
        s_tir.CanonicalizeLoop(),
        s_tir.LowerInitBlock(),
        s_tir.PlanAndUpdateBufferAllocationLocation(),
        s_tir.ConvertBlocksToOpaque(),
        s_tir.CompactBufferAllocation(),
        s_tir.LowerMatchBuffer(),
        transform.StmtSimplify(),
        s_tir.LowerOpaqueBlock(),
        transform.FlattenBuffer(),
        transform.NarrowDataType(32),
        s_tir.LoopPartition(),
        transform.VectorizeLoop(True),
        transform.StorageRewrite(),
        s_tir.HoistIfThenElse(),
        transform.UnrollLoop(),
        s_tir.RenormalizeSplitPattern(),
        transform.StmtSimplify(),
        transform.RemoveNoOp(),
        s_tir.RewriteUnsafeSelect(),
        transform.CommonSubexprElim(),
        transform.VerifyMemory(),
    ]
)
# `tirx.disable_assert` has no effect in 0.27, the pass has
_CALLING = [transform.MakePackedAPI()]
_BUILTINS = [transform.RemoveNoOp(), transform.LowerTVMBuiltin(), transform.LowerIntrin()]
_PACK = tvm.ir.transform.Sequential([*_CALLING, transform.SkipAssert(), *_BUILTINS])
_PACK_ASSERTING = tvm.ir.transform.Sequential([*_CALLING, *_BUILTINS])
# up to here the generated file is headers of TVM's runtime
_PREAMBLE_END = "void* __tvm_ffi__library_ctx = NULL;\n"
_GUARD = '#ifdef __cplusplus\nextern "C"\n#endif\n'
_POINTER = re.compile(r"\b(u?int\d+_t|float|bool)\* (\w+)")

PACKED_ARGUMENTS = "void* self_handle, void* args, int32_t num_args, void* result"


def packed(functions: Mapping[str, Any], has_asserts: bool = False) -> dict[str, str]:
    """C text of each PrimFunc as `int32_t name(PACKED_ARGUMENTS)`; `has_asserts`: TVM's on its arguments."""
    lowered = (_PACK_ASSERTING if has_asserts else _PACK)(_lower(functions))
    return {name: _c_text(lowered[name], name) for name in functions}


def unpacked(functions: Mapping[str, Any]) -> dict[str, str]:
    """C text of each PrimFunc as `void name(const int8_t* restrict data, …, int8_t* restrict output, …)`.

    Only the parameters in WRITTEN_PARAMETERS are not const. Inputs and output that may overlap are not restrict.
    """
    lowered = with_pointers(functions)
    return {name: _restrict(_c_text(lowered[name], name), functions[name]) for name in functions}


def with_pointers(functions: Mapping[str, Any]) -> dict[str, Any]:
    """Each PrimFunc lowered, with its buffers on pointer parameters: what a code generator takes."""
    lowered = _lower(functions)
    return {name: _with_pointers(lowered[name]).with_attr("global_symbol", name) for name in functions}


def prototype(text: str) -> str:
    """The declaration that belongs to the definition of one function."""
    return text[: text.index(" {\n")] + ";"


def _lower(functions: Mapping[str, Any]) -> Any:
    named = {name: function.with_attr("global_symbol", name) for name, function in functions.items()}
    return _LOWER(tvm.IRModule(named))


def _with_pointers(function: Any) -> Any:
    """The function with its buffers declared on pointer parameters.

    LowerIntrin only: LowerTVMBuiltin would fail with "Unknown device id", which the packed convention brings.
    """
    pointers = [tirx.Var(buffer.name, PointerType(PrimType(buffer.dtype))) for buffer in function.params]
    declared = [tirx.DeclBuffer(buffer, data=p) for buffer, p in zip(function.params, pointers, strict=True)]
    changed = tirx.PrimFunc(pointers, tirx.SeqStmt([*declared, function.body]), attrs=function.attrs)
    (lowered,) = transform.LowerIntrin()(tvm.IRModule({"function": changed})).functions.values()
    return lowered


def _c_text(function: Any, name: str) -> str:
    """One definition, without what surrounds it in the code generator's file."""
    module = tvm.IRModule({name: function.with_attr("global_symbol", name)})
    source: str = tvm.get_global_func("target.build.c")(module, _TARGET).inspect_source()
    text = source[source.index(_PREAMBLE_END) + len(_PREAMBLE_END) :].replace(_GUARD, "").replace("TVM_DLL ", "")
    # what it declares of external functions lacks const: the headers of the support runtime have the truth
    definition = re.search(rf"^\w+ {name}\([^;\n]*\) \{{$", text, re.MULTILINE)
    assert definition is not None
    return text[definition.start() :].strip() + "\n"


def _restrict(text: str, function: Any) -> str:
    """The signature with restrict pointers, const but for what a kernel writes."""
    end, may_overlap = text.index(") {\n"), overlapping(function)
    signature = _POINTER.sub(
        lambda match: pointer(match[1], match[2], is_apart=match[2] not in may_overlap), text[:end]
    )
    return signature + text[end:]


def overlapping(function: Any) -> Collection[str]:
    """Parameters that may lie over each other: no compiler is to think otherwise."""
    may_overlap = OVERLAPPING in (function.attrs or {})
    return [name for name in (one.name for one in function.params) if is_activation(name)] if may_overlap else ()


def pointer(element: str, name: str, *, is_apart: bool = True) -> str:
    """A parameter in C; what a kernel doesn't write is const."""
    return f"{'' if name in WRITTEN_PARAMETERS else 'const '}{element}*{' restrict' * is_apart} {name}"
