"""The profile of a call that is written down: instructions, memory accesses and cycles, layer by layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from processors import core

from tinyflow.model.plan_document import PlanDocument
from tinyflow.stages import profile
from tinyflow.stages.profile import _document, _Summer, match_layers
from tinyflow.targets.blocks import Edge, Piece
from tinyflow.targets.elf import Firmware, Segment, Symbol

# adds r0, r0, r1 | ldr r0, [r1] | str r0, [r1] | ldr r2, [r3] ; each two bytes
CODE = bytes.fromhex("4018 0868 0860 1a68")
SYMBOLS = tuple(Symbol(name, 0x100 + 4 * at, 4, "function", ".text") for at, name in enumerate(("conv", "add")))
FIRMWARE = Firmware("EM_ARM", 0, (Segment(0x100, 0x100, CODE, 8),), (), SYMBOLS, ())
CORE = core("cortex-m4")
FLASH = {"wait_cycles": 5}


def edge(address: int, size: int, executions: int, from_address: int = 0x500, from_size: int = 2) -> Edge:
    """From `from_address` to a block of so many bytes, two for each instruction; taken unless it falls through."""
    return Edge(from_address, from_size, address, size, size // 2, executions)


def summer(model: dict[str, Any] | None = CORE) -> _Summer:
    """Over that code."""
    return _Summer(FIRMWARE, model, FLASH)


def test_an_edge_has_the_place_of_its_fields() -> None:
    """The test's own helper: it says whether a branch was taken."""
    assert edge(0x100, 4, 3).is_taken and not edge(0x100, 4, 3, 0xFC, 4).is_taken
    assert (edge(0x100, 4, 3).instructions, edge(0x100, 4, 3).executions) == (2, 3)


def test_costs_are_those_of_blocks_times_executions() -> None:
    """adds and ldr: 1 + 2 cycles, and 2 for a branch that was taken; falling through and the first block pay none."""
    for one, cycles in (
        (edge(0x100, 4, 10), 10 * (3 + 2)),
        (edge(0x100, 4, 10, 0xFC, 4), 10 * 3),
        (edge(0x100, 4, 10, 0, 0), 10 * 3),
    ):
        piece = Piece("conv", (one,), flash_waits={"conv": 4})
        costs = summer().costs([piece])
        assert (costs.instructions, costs.loads, costs.stores) == (20, 10, 0)
        assert costs.cycles.total == cycles + 5 * 4
        assert {name: own.cycles.total for name, own in summer().by_function(piece).items()} == {"conv": cycles + 20}
    piece = Piece("conv", (edge(0x104, 4, 7), edge(0x104, 2, 1), edge(0x100, 2, 2), edge(0x300, 2, 1)))
    costs = summer().costs([piece])
    assert (costs.instructions, costs.loads, costs.stores) == (14 + 1 + 2 + 1, 7, 8)
    found = {name: own.instructions for name, own in summer().by_function(piece).items()}
    assert found == {"add": 15, "conv": 2, "?": 1}


LAYERS = [
    {"index": 0, "operator": "CONV_2D", "functions": ["conv"], "macs": 8, "outputs_bytes": 1},
    {"index": 1, "operator": "RESHAPE", "functions": [], "macs": 0, "outputs_bytes": 1},
    {"index": 2, "operator": "ADD", "functions": ["add", "conv"], "macs": 0, "outputs_bytes": 1},
]
TENSORS = [
    {"name": "x", "offset": 0, "bytes": 100, "first": 0, "last": 0},
    {"name": "y", "offset": 90, "bytes": 20, "first": 0, "last": 2},
    {"name": "z", "offset": 0, "bytes": 3, "first": 2, "last": 2},
]
PLAN = PlanDocument.of({"backend": "b", "layers": LAYERS, "macs": 8, "arena": {"tensors": TENSORS}})
PIECES = [
    Piece("", (edge(0x300, 2, 1),)),
    Piece("conv", (edge(0x100, 4, 4),)),
    Piece("memcpy", (edge(0x300, 2, 5),)),
    Piece("add", (edge(0x104, 4, 6),)),
    Piece("conv", (edge(0x100, 2, 3),)),
    Piece("", (edge(0x300, 2, 1),)),
]


def test_every_layer_gets_its_calls_and_the_rest_is_other() -> None:
    """The sums add up; shares are of all; memory is what is alive, once; what a layer can't have isn't there."""
    document = _document(PLAN, summer(None), PIECES, {"conv": 2, "add": 1})
    plain = {"loads": 0, "stores": 0}
    assert document["total"] == {"instructions": 30, "loads": 10, "stores": 6, "macs": 8}
    assert document["other"] == {"instructions": 7, **plain}
    assert document["layers"] == [
        {
            **{"index": 0, "operator": "CONV_2D", "functions": ["conv"], "macs": 8, "arena_bytes": 110},
            **{"share": round(8 / 30, 6), "instructions_per_mac": 1.0, "instructions": 8, "loads": 4, "stores": 0},
        },
        {
            **{"index": 1, "operator": "RESHAPE", "functions": [], "macs": 0, "arena_bytes": 20},
            **{"share": 0.0, "instructions": 0, **plain},
        },
        {
            **{"index": 2, "operator": "ADD", "functions": ["add", "conv"], "macs": 0, "arena_bytes": 23},
            **{"share": 0.5, "instructions": 15, "loads": 6, "stores": 6},
        },
    ]
    assert document["functions"] == [
        {"name": "add", "instructions": 12, "calls": 1, "share": 0.4},
        {"name": "conv", "instructions": 11, "calls": 2, "share": round(11 / 30, 6)},
        {"name": "?", "instructions": 7, "calls": 0, "share": round(7 / 30, 6)},
    ]
    # adds and ldr 3 cycles, str and the ldr behind it 2, unknown code none; each block is jumped to
    estimated = _document(PLAN, summer(), PIECES, {})
    parts = [*estimated["layers"], estimated["other"]]
    assert estimated["total"]["cycles_estimate"] == sum(part["cycles_estimate"] for part in parts) == 67
    assert estimated["total"]["cycles_by_cause"] == {"issue": 23, "load": 4, "branch": 40, "flash": 0}
    assert sum(line["cycles_estimate"] for line in estimated["functions"]) == 67
    assert _document(replace(PLAN, arena=None), summer(), PIECES, {})["layers"][0]["arena_bytes"] is None


@pytest.mark.parametrize("order", [(1, 4, 3), (1, 3), (1, 3, 4, 1), ()])
def test_nothing_is_guessed_where_calls_and_layers_don_t_agree(order: tuple[int, ...]) -> None:
    """Another order, too few, too many: no layer has costs, and all is other."""
    pieces = [PIECES[0], *(PIECES[at] for at in order)]
    assert match_layers(PLAN.layers, pieces) == ([None, None, None], pieces)
    document = _document(PLAN, summer(), pieces, {})
    assert document["other"]["instructions"] == document["total"]["instructions"]
    assert all("instructions" not in layer and "share" not in layer for layer in document["layers"])


def test_calls_are_matched_in_order() -> None:
    """Equal functions by their turn."""
    found, rest = match_layers(PLAN.layers, PIECES)
    assert found == [[PIECES[1]], [], [PIECES[3], PIECES[4]]]
    assert rest == [PIECES[0], PIECES[2], PIECES[5]]
    assert profile._share(1, 0) == 0


CHAINED = [
    {"index": 0, "operator": "CONV_2D", "functions": [], "macs": 8},
    {"index": 1, "operator": "CONV_2D", "functions": ["rows_0_1"], "macs": 8},
    {"index": 2, "operator": "ADD", "functions": [], "macs": 0},
    {"index": 3, "operator": "ADD", "functions": ["rows_2_3"], "macs": 0},
    {"index": 4, "operator": "ADD", "functions": ["add"], "macs": 0},
]
CHAINS = [
    {"layers": [0, 1], "rows": 1, "calls": 4, "bytes": {}, "whole_bytes": 0, "order": "0 0 1", "functions": ["conv"]},
    {"layers": [2, 3], "rows": 1, "calls": 2, "bytes": {}, "whole_bytes": 0, "order": "2 3", "functions": ["add"]},
]


def _chained(*callees: str) -> tuple[list[int | None], list[str]]:
    """Instructions of each layer where each of these ran one more than the one before; and what is of no layer."""
    plan = PlanDocument.of({"backend": "b", "layers": CHAINED, "chains": CHAINS})
    pieces = [Piece(callee, (edge(0x300, 2, 1 << at),)) for at, callee in enumerate(callees)]
    document = _document(plan, summer(None), pieces, {})
    layers = [layer.get("instructions") for layer in document["layers"]]  # type: ignore[union-attr]
    assert document["total"]["instructions"] == (1 << len(callees)) - 1  # type: ignore[index, call-overload]
    return layers, document["other"]["instructions"]  # type: ignore[return-value, index, call-overload]


def test_kernels_that_a_chain_calls_are_their_layers() -> None:
    """In the chain's order; what walks its table and moves rows is the last one's, and so is all where calls differ."""
    first = ["rows_0_1", "conv", "", "rows_0_1", "memmove", "conv", "rows_0_1", "conv"]
    # within one moment one chain ends, another begins, and it calls its first kernel
    second = ["rows_2_3", "rows_0_1", "add", "rows_2_3", "add", "rows_2_3", "add", ""]
    layers, other = _chained(*first, *second)
    bits = [sum(1 << at for at in places) for places in ((1, 5), (0, 3, 4, 6, 7, 9), (10,), (8, 11, 12, 13), (14,))]
    assert layers == bits and other == (1 << 2) + (1 << 15)
    layers, _ = _chained(*first[:-1], *second)
    assert layers == [None, (1 << 9) - 1 - 4 - (1 << 7), *(value >> 1 for value in bits[2:])]
