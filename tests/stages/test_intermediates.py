"""Intermediate tensors of the reference: all that layers compute of the first sample, by index; or why not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flatbuffers import flexbuffers
from small_firmware import workspace
from small_networks import Net
from stateful_networks import ring

from tinyflow.model import oracle, tflite_reader
from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import Graph
from tinyflow.model.tflite_writer import write
from tinyflow.stages import intermediates as stage
from tinyflow.stages.intermediates import intermediates

SAMPLE = np.arange(-10, 14, dtype=np.int8)


def relus() -> Graph:
    """Three layers, of which the second is only another shape."""
    net = Net(1, 2, 3, 4)
    flat = net.operator("RESHAPE", net.operator("RELU", net.input), net.constant([6, 4], "int32"), shape=(6, 4))
    return net.graph(net.operator("RELU6", flat))


def made(folder: Path, graph: Graph, sample: bytes = SAMPLE.tobytes()) -> tuple[dict[str, Any], bytes]:
    """Both files; a second sample lies behind the first."""
    folder.mkdir(exist_ok=True)
    (folder / "model.tflite").write_bytes(write(graph))
    (folder / "inputs.bin").write_bytes(sample + bytes(99))
    (folder / "reference.json").write_text(json.dumps({"inputs": [{"bytes": len(sample)}]}))
    inputs = {path.name: path for path in folder.iterdir()}
    outputs = ["intermediates.json", "intermediates.bin"]
    ran = workspace(folder / "out", inputs, outputs, {})
    intermediates(ran)
    return json.loads(ran.outputs[outputs[0]].read_bytes()), ran.outputs[outputs[1]].read_bytes()


def test_all_layers_are_told_in_order(tmp_path: Path) -> None:
    """With what they compute of the first sample."""
    graph = tflite_reader.read(write(relus()))
    document, content = made(tmp_path, graph)
    assert [tensor["index"] for tensor in document["tensors"]] == [op.outputs[0] for op in graph.operators]
    assert [(tensor["bytes"], tensor["channels"]) for tensor in document["tensors"]] == [(24, 4)] * 3
    first = np.frombuffer(content, np.int8)[:24]
    assert first.tolist() == np.maximum(SAMPLE, 3).tolist()  # the zero point is 3
    assert (content[24:48], document["missing"]) == (content[:24], "")


def test_litert_tells_where_tflm_can_not(tmp_path: Path) -> None:
    """TFLM takes paddings of 64 bits for twice as many."""
    net = Net(1, 2, 2, 1)
    paddings = net.constant([[0, 0], [1, 1], [1, 1], [0, 0]], "int64")
    graph = net.graph(net.operator("RELU", net.operator("PAD", net.input, paddings, shape=(1, 4, 4, 1))))
    document, content = made(tmp_path, graph, b"\x04\x05\x06\x07")
    assert [tensor["bytes"] for tensor in document["tensors"]] == [16, 16]
    assert content[:16] == bytes([3] * 5 + [4, 5, 3, 3, 6, 7] + [3] * 5)


def test_resource_variables_are_no_obstacle(tmp_path: Path) -> None:
    """TFLM crashes when it is to keep all tensors of such a network: they are its outputs then, handles excepted."""
    graph = tflite_reader.read(write(ring()))
    document, content = made(tmp_path, graph, bytes([1, 2, 3, 4, 5]))
    told = {tensor["index"] for tensor in document["tensors"]}
    written = {index for operator in graph.operators for index in operator.outputs}
    assert told == {index for index in written if graph.tensors[index].dtype != "resource"} != written
    (joined,) = (operator.outputs[0] for operator in graph.operators if operator.name == "CONCATENATION")
    before = sum(tensor["bytes"] for tensor in document["tensors"] if tensor["index"] < joined)
    assert content[before : before + 20][-5:] == bytes([1, 2, 3, 4, 5])


def test_none_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that nobody runs, or one that is too large: with the reason."""
    graph = relus()
    odd = replace(graph, operators=(replace(graph.operators[0], name="ATAN2"), *graph.operators[1:]))
    document, content = made(tmp_path / "odd", odd)
    assert (document["tensors"], content) == ([], b"") and "can't run it" in document["missing"]
    monkeypatch.setattr(stage, "_MOST_BYTES", 71)
    assert "all tensors together" in made(tmp_path / "large", graph)[0]["missing"]


def test_what_depends_on_memory_is_not_told() -> None:
    """By the one whose outputs do."""
    net = Net(1, 8, 1)
    block, paddings = net.constant([2], "int32"), net.constant([[2, 2]], "int32")
    graph = net.graph(net.operator("SPACE_TO_BATCH_ND", net.input, block, paddings, shape=(2, 6, 1)))
    who, _, _ = oracle.tensors(write(graph), graph, (np.zeros((1, 8, 1), np.int8),))
    assert who.name == "litert"


def test_a_tensor_with_places_that_nothing_writes_is_left_out() -> None:
    """TFLM's energies have some, which the next operator cuts off: outputs don't depend on them."""
    builder = GraphBuilder()
    source = builder.tensor("in", (6,), None, "int16")
    builder.inputs.append(source)
    energies = builder.tensor("energies", (3,), None, "uint32")
    signed, cut = (builder.tensor(name, (size,), None, "int32") for name, size in (("signed", 3), ("cut", 1)))
    builder.operator("custom SignalEnergy", [source], energies)
    options = bytes(flexbuffers.Dumps({"start_index": 1, "end_index": 2}))
    builder.operators[-1] = replace(builder.operators[-1], custom_options=options, options={})
    bounds = [builder.constant(name, [place], "int32") for name, place in (("begin", 1), ("end", 2), ("step", 1))]
    builder.operator("CAST", [energies], signed)
    builder.operator("STRIDED_SLICE", [signed, *bounds], cut)
    graph = tflite_reader.read(write(builder.graph((cut,), "energies")))
    _, found, _ = oracle.tensors(write(graph), graph, (np.arange(6, dtype=np.int16),))
    assert found.keys() == {cut} and found[cut].tolist() == [13]


def test_convolutions_that_were_uint8_have_none(tmp_path: Path) -> None:
    """TFLM would not look at the zero points of their weights."""
    net = Net(1, 2, 3, 4)
    graph = net.graph(net.convolution(net.input, np.ones((1, 1, 1, 4)), [0]))
    (operator,) = graph.operators
    assert made(tmp_path / "int8", graph)[0]["missing"] == ""
    document, content = made(tmp_path / "uint8", replace(graph, operators=(replace(operator, version=1),)))
    assert document["missing"] == "its convolutions were uint8: no interpreter computes their int8 form" and not content
