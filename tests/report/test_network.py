"""Networks as pictures: what is drawn of a graph, where it is cut into blocks, and that nothing lies over another."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from sample_documents import good

from tinyflow.report.html import detail
from tinyflow.report.html.network import network
from tinyflow.report.html.page import bench_page
from tinyflow.report.html.profile import Line

_BOX = re.compile(r'transform="translate\((\S+) (\S+)\)"><title>(.*?)</title><rect width="(\S+)" height="(\S+)"', re.S)


def graph(*reads: tuple[int, ...], sizes: dict[int, int] | None = None, name: str = "CONV_2D") -> dict[str, Any]:
    """A layer for each tuple: of the layers that it reads, -1 for the input; each has 10 bytes of weights."""
    tensors: list[dict[str, Any]] = []

    def tensor(shape: list[int], *, constant: bool = False) -> int:
        index, size = len(tensors), 10 if constant else 64
        tensors.append(
            {"index": index, "name": f"t{index}", "shape": shape, "dtype": "int8", "bytes": size, "constant": constant}
        )
        return index

    made = {-1: tensor([1, 8, 8, 3])}
    operators = []
    for index, read in enumerate(reads):
        weights, side = tensor([10], constant=True), (sizes or {}).get(index, 8)
        made[index] = tensor([1, side, side, 4])
        inputs, outputs = [*(made[one] for one in read), weights], [made[index]]
        operators.append({"index": index, "name": name, "inputs": inputs, "outputs": outputs, "macs": 1, "options": {}})
    return {"inputs": [0], "outputs": [made[len(reads) - 1]], "operators": operators, "tensors": tensors}


def blocks(document: dict[str, Any], *known: Any, **more: Any) -> list[dict[str, Any]]:
    """Of its first graph."""
    return list(network(document, *(known or ({},)), **more)["groups"][0]["blocks"])


def straight(count: int) -> list[tuple[int, ...]]:
    """Layers each of which reads the one before."""
    return [(index - 1,) for index in range(count)]


def test_blocks_end_where_one_tensor_leads_on() -> None:
    """By sizes of images, by chains, or for being long; what forks is together until it has joined; few make none."""
    by_size = graph(*straight(10), sizes=dict.fromkeys(range(4, 10), 4))
    assert [block["title"] for block in blocks(by_size)] == ["0–3", "4–9"]
    assert [block["size"] for block in blocks(by_size)] == ["8x8", "4x4"]
    chained = blocks(by_size, {}, [{"layers": [0, 1, 2]}])
    assert [(block["title"], block["is_chain"]) for block in chained] == [("0–2", True), ("3–9", False)]
    assert [block["title"] for block in blocks(graph(*straight(60)))] == ["0–22", "23–46", "47–59"]
    forked = [*straight(9), (8, 3), (9,), (10,)]
    sizes = {4: 4, 5: 4, 6: 4, 7: 4, 8: 2, 9: 4, 10: 2, 11: 2}
    assert [block["title"] for block in blocks(graph(*forked, sizes=sizes))] == ["0–3", "4–9", "10–11"]
    changing = {index: 8 >> index % 2 for index in range(12)}
    assert [block["title"] for block in blocks(graph(*straight(12), sizes=changing))] == ["0–2", "3–6", "7–10", "11"]


def test_nothing_lies_over_another_and_each_is_below_what_it_reads() -> None:
    """Boxes of a network with many ways, skips among them; lines are as many as values that are read within a block."""
    reads = [(-1,), (0,), (0,), (1, 2), (3,), (4,), (4, 0), (3, 5), (6, 7), (8, 0)]
    (block,) = blocks(graph(*reads))
    found = _BOX.findall(block["drawing"])
    places = {tip.split("\n")[0].split(":")[0]: [float(one) for one in (x, y, w, h)] for x, y, tip, w, h in found}
    assert len(places) == 12
    for name, (x, y, width, height) in places.items():
        assert x >= 0 and y >= 0
        for other, (left, top, wide, high) in places.items():
            assert name == other or x + width < left or left + wide < x or y + height < top or top + high < y
    for index, read in enumerate(reads):
        for one in read:
            above = places["input 0" if one < 0 else f"{one} CONV_2D"]
            assert above[1] + above[3] < places[f"{index} CONV_2D"][1]


def test_a_layer_tells_what_it_costs_and_leads_to_its_line() -> None:
    """Shape, type, size and time in its box, the rest on hover; a bar as long as its share of the largest."""
    lines = {
        0: Line("0 CONV_2D", "conv<a>", "1,000", 20.0, time="1.5 ms", index=0),
        1: Line("1 CONV_2D", "", "", 0.0, index=1),
        2: Line("2 CONV_2D", "conv<b>", "4,000", 80.0, time="6 ms", index=2),
    }
    (block,) = blocks(graph(*straight(3)), lines, has_places=True)
    drawing = block["drawing"]
    assert drawing.count('href="#layer-') == 3 and 'href="#layer-2"' in drawing
    assert "1x8x8x4 int8" in drawing and "10 B · 1.5 ms · 20.0 %" in drawing
    assert "by conv&lt;a&gt;\n1,000 instructions, 20.0 %, 1.5 ms" in drawing
    assert "reads 10 int8, constant of 10 B" in drawing
    bars = [float(width) for width in re.findall(r'width="(\S+)" height="4"', drawing)]
    assert bars[0] * 4 == bars[1] == 120  # of boxes however wide
    assert 'class="view"' in drawing  # nothing computes layer 1
    assert 'href="#' not in blocks(graph(*straight(3)), lines)[0]["drawing"]


def test_a_large_network_takes_little_of_a_page() -> None:
    """Less than 900 bytes a layer, in a straight line and where many also read others, some far above."""
    wide = [tuple(index - back for back in (1, 2, 90) if back == 1 or index >= back) for index in range(250)]
    for reads in (straight(250), wide):
        lines = {index: Line("", f"conv_{index}", "1,000,000", 0.4, time="1.5 ms", index=index) for index in range(250)}
        drawn = blocks(graph(*reads, name="DEPTHWISE_CONV_2D"), lines, has_places=True)
        assert sum(len(block["drawing"].encode()) for block in drawn) < 900 * 250


def test_calls_of_a_layer_tell_its_cost_once() -> None:
    """As TVM has it: functions by the order of their calls, storages and scratch, and which layer they compute."""
    document = graph(*straight(3), name="conv2d_7")
    for index, operator in enumerate(document["operators"]):
        operator |= {"layer": index // 2, "scratch_bytes": 64}
    document["tensors"][2] |= {"storage": 1}
    lines = {0: Line("0 CONV_2D", "conv2d_7", "1,000", 60.0, index=0), 1: Line("1 ADD", "add", "5", 40.0, index=1)}
    (block,) = blocks(document, lines)
    assert [block["percent"], block["operators"]] == [100.0, "3 conv2d"]
    assert block["drawing"].count("60.0 %, ") == 0 and block["drawing"].count("1,000 instructions") == 1
    assert "scratch of 64 B\nlayer 0 CONV_2D\nby conv2d_7; what it costs is told of its first call" in block["drawing"]
    assert "makes 1x8x8x4 int8, in storage 1" in block["drawing"]


def test_subgraphs_are_drawn_behind_the_network() -> None:
    """Each with its title; a scalar has a shape as well."""
    inner = graph((-1,))
    inner["tensors"][0]["shape"] = []
    whole = network({**graph((-1,)), "subgraphs": [inner]}, {})
    assert [group["title"] for group in whole["groups"]] == ["", "subgraph 1"]
    assert whole["layers"] == "2 layers"
    assert "scalar int8" in whole["groups"][1]["blocks"][0]["drawing"]


def test_what_is_too_large_for_a_page_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two pictures that have no room together the one of what runs is shown, and the other's file told."""
    monkeypatch.setattr(detail, "_MOST_BYTES", 15_000)
    given, compiled = (graph(*straight(30), name=name) for name in ("ADD", "MUL"))
    bench = replace(good("a", "b", "c"), graph=given, network=compiled)
    text = bench_page(bench, fingerprint="sha256:0")
    assert "Network as given: 30 layers have no room here; they are in <code>graph.json</code>" in text
    assert "29 MUL" in text and "29 ADD" not in text
