"""Small functions in TVM's terms. It imports TVM, which takes a second: for tests to import when they run."""

from __future__ import annotations

from tvm.script import tirx as T  # noqa: N812


@T.prim_func(s_tir=True)
def copy(data: T.Buffer((64,), "int8"), output: T.Buffer((64,), "int8")):
    """The data in the other order, and one more."""
    T.func_attr({"tirx.noalias": True})
    for i in range(64):
        output[i] = data[63 - i] + T.int8(1)


@T.prim_func(s_tir=True)
def scale(data: T.Buffer((8,), "int8"), factor: T.Buffer((1,), "int32"), output: T.Buffer((8,), "int8")):
    """Products."""
    T.func_attr({"tirx.noalias": True})
    for i in range(8):
        output[i] = T.Cast("int8", T.Cast("int32", data[i]) * factor[0])
