"""Whatever an ONNX file holds, the answer is a graph or one error in words: never a traceback, never a hang."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

if find_spec("onnx") is None:
    pytest.skip("needs onnx: pip install -e '.[onnx]'", allow_module_level=True)

import onnx
from model.onnx_networks import small_cnn
from model.test_onnx_float import _SINGLE, network

from tinyflow.core.errors import ModelError
from tinyflow.model.onnx import read_onnx
from tinyflow.model.onnx.importer import KNOWN

_NUMBERS = [0, -1, 1, 2, 3, 7, 100, 2**31 - 1, -(2**31), 2**40, 2**62]


@cache
def bases() -> list[bytes]:
    """A network, and each operator with a RELU behind it."""
    found = [onnx.shape_inference.infer_shapes(small_cnn()).SerializeToString()]
    for _, kind, constants, attributes, shapes in _SINGLE:
        nodes = [(kind, ["x", *constants], ["t"], attributes), ("Relu", ["t"], ["y"], {})]
        found.append(network(nodes, constants, shapes=shapes))
    return found


def taken(content: bytes) -> None:
    """Read, or refused in words."""
    try:
        read_onnx(content)
    except ModelError as error:
        assert error.what and "\n" not in error.what


@given(st.data())
def test_files_with_other_bytes(data: st.DataObject) -> None:
    """A few of them anywhere, and endings that are missing."""
    content = bytearray(data.draw(st.sampled_from(bases())))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    taken(bytes(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))]))


def _change(data: st.DataObject, model: Any) -> None:
    graph = model.graph
    node = data.draw(st.sampled_from(list(graph.node)))
    named = sorted({name for one in graph.node for name in (*one.input, *one.output)} | {""})
    what = data.draw(st.sampled_from(["input", "kind", "attribute", "lost", "constant", "dimension", "type", "opset"]))
    if what == "input" and node.input:
        node.input[data.draw(st.integers(0, len(node.input) - 1))] = data.draw(st.sampled_from(named))
    elif what == "kind":
        node.op_type = data.draw(st.sampled_from([*KNOWN, "If", "Loop", "Nothing"]))
    elif what == "attribute" and node.attribute:
        attribute = data.draw(st.sampled_from(list(node.attribute)))
        number = data.draw(st.sampled_from(_NUMBERS))
        if attribute.ints:
            attribute.ints[data.draw(st.integers(0, len(attribute.ints) - 1))] = number
        else:
            attribute.i, attribute.f = number, data.draw(st.floats(width=32))
    elif what == "lost":
        part = data.draw(st.sampled_from([node.input, node.attribute, node.output]))
        if part:
            del part[data.draw(st.integers(0, len(part) - 1))]
    elif what == "constant" and graph.initializer:
        tensor = data.draw(st.sampled_from(list(graph.initializer)))
        array = onnx.numpy_helper.to_array(tensor)
        kinds = ["int8", "uint8", "int32", "int64", "float32", "float64", "bool"]
        shaped = data.draw(st.sampled_from([array, array.reshape(-1), array[None], array.reshape(-1)[:0], -array]))
        changed = onnx.numpy_helper.from_array(shaped.astype(data.draw(st.sampled_from(kinds))), tensor.name)
        tensor.CopyFrom(changed)
    elif what == "dimension":
        sizes = graph.input[0].type.tensor_type.shape.dim
        sizes[data.draw(st.integers(0, len(sizes) - 1))].dim_value = data.draw(st.sampled_from(_NUMBERS))
    elif what == "type":
        graph.input[0].type.tensor_type.elem_type = data.draw(st.integers(0, 25))
    else:
        model.opset_import[0].version = data.draw(st.integers(1, 25))


@given(st.data())
def test_files_that_say_something_else(data: st.DataObject) -> None:
    """Operators, operands, attributes, constants, shapes, types and opsets that don't belong together."""
    model = onnx.load_model_from_string(data.draw(st.sampled_from(bases())))
    for _ in range(data.draw(st.integers(1, 3))):
        _change(data, model)
    if data.draw(st.booleans()):
        del model.graph.value_info[:]
    taken(model.SerializeToString())
