from __future__ import annotations

import pytest
from tvm.script import tirx as T  # noqa: N812

from tinyflow.backends.tvm.emit import codegen


@T.prim_func(s_tir=True)
def _scale(data: T.Buffer((8,), "int8"), factor: T.Buffer((1,), "int32"), output: T.Buffer((8,), "int8")):
    T.func_attr({"tirx.noalias": True})
    for i in range(8):
        output[i] = T.Cast("int8", T.Cast("int32", data[i]) * factor[0])


SCALE = _scale.with_attr("global_symbol", "scale_3")


def test_unpacked_functions_take_restricted_pointers() -> None:
    """What is only read is const; no two parameters overlap."""
    text = codegen.unpacked({"scale_3": SCALE})["scale_3"]
    expected = "void scale_3(const int8_t* restrict data, const int32_t* restrict factor, int8_t* restrict output);"
    assert codegen.prototype(text) == expected


def test_packed_functions_have_tvms_signature() -> None:
    """One function for all: arguments come as an array of TVMFFIAny."""
    text = codegen.packed({"scale_3": SCALE})["scale_3"]
    assert codegen.prototype(text) == f"int32_t scale_3({codegen.PACKED_ARGUMENTS});"


@pytest.mark.parametrize("generate", [codegen.packed, codegen.unpacked])
def test_nothing_but_the_function_is_left(generate: object) -> None:
    """TVM's includes, C++ guards and checks of arguments are gone."""
    text = generate({"scale_3": SCALE})["scale_3"]  # type: ignore[operator]
    for word in ("#include", "extern", "TVM_DLL", "assert", "library_ctx", "__tvm_ffi"):
        assert word not in text
    assert text.count("{") == text.count("}")
