"""A call cut into pieces: the pieces are in order, and add up to what the call cost."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from small_firmware import Bench

from tinyflow.model.plan_document import Layer
from tinyflow.stages.profile import match_layers
from tinyflow.targets.blocks import Piece, edges_between
from tinyflow.targets.disassembly import count, disassembler
from tinyflow.targets.unicorn.machine import Simulator

MODEL = r"""
#include <stdint.h>
int8_t model_arena[64];
__attribute__((noinline)) static void inner(volatile int8_t *x, int n) {
#pragma clang loop unroll(disable)
  for (int i = 0; i < n; ++i) { x[i]++; }
}
__attribute__((noinline)) static void first(int8_t *x) { inner(x, 5); x[7] = 1; }
__attribute__((noinline)) static void second(int8_t *x, int n) { inner(x, n); x[8] = 2; }
int model_setup(void) { return 0; }
int model_invoke(void) { first(model_arena); second(model_arena, 3); second(model_arena, 30); return 0; }
"""


@pytest.fixture(scope="module", params=["cortex-m7", "rv32imc"])
def machine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, block_table_library: Path
) -> Simulator:
    """A chip with that model."""
    bench = Bench(tmp_path_factory.mktemp("trace"), cpu=request.param)
    simulator = Simulator(bench.machine_target, block_table_library)
    simulator.load(bench.link({"model.c": MODEL})["firmware.elf"])
    return simulator


def test_pieces_are_the_calls_in_order(machine: Simulator) -> None:
    """Each call with all that it calls itself; together with the dispatcher's own instructions they are the whole."""
    status, counters, pieces = machine.trace("model_invoke", "model_invoke", limit_instructions=10_000)
    calls = [piece for piece in pieces if piece.callee]
    assert (status, [piece.callee for piece in calls]) == (0, ["first", "second", "second"])
    assert sum(piece.instructions for piece in pieces) == counters.instructions
    _, short, long = (piece.instructions for piece in calls)
    assert (long - short) % 27 == 0 and long > short  # 27 more times round the loop
    again = machine.trace("model_invoke", "model_invoke", limit_instructions=10_000)
    assert [piece.instructions for piece in again[2]] == [piece.instructions for piece in pieces]
    assert machine.call("model_invoke", limit_instructions=10_000)[1].instructions == counters.instructions


def test_calls_within_calls_are_pieces_as_well(machine: Simulator) -> None:
    """Of functions that are named: their own part, and each call by them; sums stay."""
    _, _, plain = machine.trace("model_invoke", "model_invoke", limit_instructions=10_000)
    _, _, pieces = machine.trace(
        "model_invoke", "model_invoke", limit_instructions=10_000, within=["second", "model_invoke", "nobody"]
    )

    def instructions(callees: set[str], found: list[Piece]) -> int:
        return sum(piece.instructions for piece in found if piece.callee in callees)

    assert [piece.callee for piece in pieces if piece.callee not in ("", "second")] == ["first", "inner", "inner"]
    assert (
        instructions({"second", "inner"}, pieces) == instructions({"second"}, plain) > instructions({"inner"}, pieces)
    )
    assert instructions({""}, pieces) == instructions({""}, plain)


def test_loads_and_stores_are_those_of_the_code(machine: Simulator) -> None:
    """The loop of `inner` reads and writes one byte each time round."""
    _, _, pieces = machine.trace("model_invoke", "model_invoke", limit_instructions=10_000)
    disassemble = disassembler(machine.firmware)

    def accesses(piece: Piece) -> tuple[int, int]:
        counted = [(count(disassemble(edge.address, edge.size)), edge.executions) for edge in piece.edges]
        return sum(reads * times for (reads, _), times in counted), sum(w * times for (_, w), times in counted)

    second, third = [accesses(piece) for piece in pieces if piece.callee == "second"]
    assert (third[0] - second[0], third[1] - second[1]) == (27, 27)


def test_an_unknown_dispatcher_is_what_is_called(machine: Simulator) -> None:
    """Cycles are to be had of firmware whose plan names a function that isn't there."""
    _, _, known = machine.trace("model_invoke", "model_invoke", limit_instructions=10_000)
    _, _, unknown = machine.trace("model_invoke", "nothing", limit_instructions=10_000)
    assert [piece.callee for piece in unknown] == [piece.callee for piece in known] != []


def test_calls_are_matched_with_layers_only_where_they_agree() -> None:
    """Helpers belong to no layer; a call too few or in another order makes every layer unknown."""
    layers = [
        Layer(index=0, operator="x", functions=names, macs=0, outputs_bytes=0)
        for names in (["conv"], [], ["pad", "conv"])
    ]
    pieces = [Piece(name, ()) for name in ("conv", "", "memcpy", "pad", "conv", "")]
    found, rest = match_layers(layers, pieces)
    assert [[piece.callee for piece in own or []] for own in found] == [["conv"], [], ["pad", "conv"]]
    assert [piece.callee for piece in rest] == ["", "memcpy", ""]
    for wrong in (["conv", "conv", "pad"], ["conv", "pad"], ["conv", "pad", "conv", "conv"]):
        unknown, everything = match_layers(layers, [Piece(name, ()) for name in wrong])
        assert unknown == [None, None, None] and len(everything) == len(wrong)


@pytest.mark.parametrize("has_grown", [False, True])
def test_what_ran_between_two_moments(has_grown: bool) -> None:
    """Differences of equal edges, wherever a table that has grown puts them; what didn't run again isn't there."""

    def table(*edges: tuple[int, int], size: int = 4) -> bytes:
        places = [struct.pack("=QQQIIII", 8, address, count, 4, 4, 2, 1) for address, count in edges]
        return b"".join(places) + bytes(len(places[0]) * (size - len(places)))

    before = table((0x100, 5), (0x200, 7), (0x300, 1))
    after = table((0x400, 2), (0x300, 1), (0x100, 9), (0x200, 7), size=8)
    if not has_grown:
        after = table((0x100, 9), (0x200, 7), (0x300, 1), (0x400, 2))
    found = edges_between(before, after)
    assert [(edge.address, edge.executions) for edge in found] == [(0x100, 4), (0x400, 2)]
