from __future__ import annotations

import pytest
from tests_support import Later

codegen = Later("tinyflow.backends.tvm.emit.codegen")
functions = Later("tvm_functions")


def _text(generate: str) -> str:
    """C of a small function, by the name of what makes it."""
    scale = functions.scale.with_attr("global_symbol", "scale_3")
    text: str = getattr(codegen, generate)({"scale_3": scale})["scale_3"]
    return text


def test_unpacked_functions_take_restricted_pointers() -> None:
    """What is only read is const; no two parameters overlap."""
    expected = "void scale_3(const int8_t* restrict data, const int32_t* restrict factor, int8_t* restrict output);"
    assert codegen.prototype(_text("unpacked")) == expected


def test_packed_functions_have_tvms_signature() -> None:
    """One function for all: arguments come as an array of TVMFFIAny."""
    assert codegen.prototype(_text("packed")) == f"int32_t scale_3({codegen.PACKED_ARGUMENTS});"


@pytest.mark.parametrize("generate", ["packed", "unpacked"])
def test_nothing_but_the_function_is_left(generate: str) -> None:
    """TVM's includes, C++ guards and checks of arguments are gone."""
    text = _text(generate)
    for word in ("#include", "extern", "TVM_DLL", "assert", "library_ctx", "__tvm_ffi"):
        assert word not in text
    assert text.count("{") == text.count("}")
