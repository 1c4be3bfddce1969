"""What a call reads, writes and fetches: the hook in C against a slow model in Python of the same firmware."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import kept
import pytest
from small_firmware import Bench
from unicorn import UC_HOOK_CODE, UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE, UC_MEM_WRITE

from tinyflow.stages.trace import sum_code, sum_data
from tinyflow.targets.accesses import Cache, Code, Data, Seen, Wanted, places
from tinyflow.targets.unicorn import ACCESSES, capabilities
from tinyflow.targets.unicorn.machine import Simulator

MODEL = r"""
#include <stdint.h>
int8_t model_arena[256];
int32_t sums[40];
static const int16_t weights[64] = {1, 2, 3, 4, 5, 6, 7, 8};
__attribute__((noinline)) static void inner(int8_t *x, const volatile int16_t *w, int n) {
#pragma clang loop unroll(disable)
  for (int i = 0; i < n; ++i) { x[i] = (int8_t)(x[i] + w[i]); }
}
__attribute__((noinline)) static void first(int8_t *x) { inner(x, weights, 5); ((volatile int32_t *)sums)[7] = 1; }
__attribute__((noinline)) static void second(int8_t *x, int n) {
  inner(x, weights + 3, n);
  *(volatile uint32_t *)(void *)(x + 30) += (uint32_t)n;
}
int model_setup(void) { return 0; }
int model_invoke(void) { first(model_arena); second(model_arena, 61); second(model_arena + 2, 30); return 0; }
"""
CALLS = [("first", 0), ("second", 1), ("second", 1)]
WANTED = Wanted("model_invoke", CALLS, 2, "model_arena")
EVERYTHING = Cache(16 << 20, 4, 16)
LIMIT = 100_000
FIRMWARE: dict[str, Path] = {}  # by processor


@pytest.fixture(scope="module", params=["cortex-m7", "rv32imc"])
def machine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, block_table_library: Path
) -> Simulator:
    """A chip with that model."""
    bench = Bench(tmp_path_factory.mktemp("accesses"), cpu=request.param)
    simulator = Simulator(bench.machine_target, block_table_library)
    FIRMWARE[request.param] = bench.link({"model.c": MODEL})["firmware.elf"]
    simulator.load(FIRMWARE[request.param])
    return simulator


def counted(machine: Simulator, wanted: Wanted) -> Seen:
    """By the hook in C; the firmware is loaded anew, so that no other looks on."""
    machine.load(FIRMWARE[machine.target["cpu"]])
    library = kept.path((capabilities(machine.target).accesses or {})[ACCESSES])
    accesses = machine.watch_accesses(library, wanted)
    accesses.begin()
    machine.call("model_invoke", limit_instructions=LIMIT)
    return accesses.seen()


class Lru:
    """A cache, plainly."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.sets: dict[int, OrderedDict[int, bool]] = defaultdict(OrderedDict)

    def touch(self, line: int, is_write: bool) -> tuple[bool, bool]:
        """Whether a line is missed, and whether one is written back for it."""
        held = self.sets[(line + 1) % (self.cache.bytes // self.cache.line_bytes // self.cache.ways)]
        is_missed = line not in held
        is_dirty = held.pop(line, False)
        is_written_back = is_missed and len(held) == self.cache.ways and held.popitem(last=False)[1]
        held[line] = is_dirty or is_write
        return is_missed, is_written_back


class Model:
    """The same counts, an instruction and an access at a time."""

    def __init__(self, machine: Simulator, cache: Cache) -> None:
        self.places = places(machine.firmware, machine.target["memory"], "model_arena")
        self.accesses: list[tuple[int, int, int, bool]] = []  # layer, address, size, writes
        self.steps: list[tuple[int, int, int]] = []  # layer, address, size
        self.cache = cache
        self._calls = iter(CALLS)
        self._entries = {machine.firmware.address(name) for name, _ in CALLS}
        self._invoke = machine.firmware.symbol("model_invoke").addresses
        self._layer = 2
        engine = machine._engine
        engine.ctl_flush_tb()
        engine.hook_add(UC_HOOK_CODE, self._step)
        engine.hook_add(UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, self._access)

    def _step(self, _engine: object, address: int, size: int, _: object) -> None:
        if address in self._invoke:
            self._layer = 2
        elif self._layer == 2 and address in self._entries:
            self._layer = next(self._calls)[1]
        self.steps.append((self._layer, address, size))

    def _access(self, _engine: object, kind: int, address: int, size: int, _value: int, _: object) -> None:
        self.accesses.append((self._layer, address, size, kind == UC_MEM_WRITE))

    def place(self, address: int) -> int:
        """The last that begins there or before."""
        return max(index for index, place in enumerate(self.places) if place.begin <= address)

    def data(self) -> list[dict[int, Data]]:
        """Of layers 0 and 1, of none."""
        found: list[dict[int, Data]] = [{}, {}, {}]
        touched: set[tuple[int, int]] = set()
        held = Lru(self.cache)
        for layer, address, size, is_write in self.accesses:
            place = self.place(address)
            lines = range(address // self.cache.line_bytes, (address + size - 1) // self.cache.line_bytes + 1)
            missed = [held.touch(line, is_write) for line in lines]
            fresh = {(layer, address + i) for i in range(size)} - touched
            touched |= fresh
            is_read = not is_write
            numbers = (is_read, is_write, size * is_read, size * is_write, len(fresh), len(lines))
            one = Data(*map(int, numbers), sum(miss for miss, _ in missed), sum(back for _, back in missed))
            found[layer][place] = sum_data([found[layer].get(place, Data()), one])
        return found

    def code(self) -> list[Code]:
        """Likewise."""
        found = [Code(), Code(), Code()]
        last, held = -1, Lru(self.cache)
        for layer, address, size in self.steps:
            lines = [
                line
                for line in range(address // self.cache.line_bytes, (address + size - 1) // self.cache.line_bytes + 1)
                if line != last and (last := line) >= 0
            ]
            one = Code(1, len(lines), sum(held.touch(line, False)[0] for line in lines))
            found[layer] = sum_code([found[layer], one])
        return found


@pytest.mark.parametrize("cache", [Cache(64, 1, 8), Cache(96, 3, 8), Cache(128, 4, 32), Cache(256, 8, 32), EVERYTHING])
@pytest.mark.every(4)
def test_counts_are_those_of_a_slow_model(machine: Simulator, cache: Cache) -> None:
    """Layers, places, bytes, distinct bytes, lines missed and written back; a cache of all misses each line once."""
    seen = counted(machine, replace(WANTED, cache=cache))
    machine.load(FIRMWARE[machine.target["cpu"]])
    model = Model(machine, cache)
    status, cost = machine.call("model_invoke", limit_instructions=LIMIT)
    assert status == 0 and seen.is_as_expected
    assert [dict(layer) for layer in seen.data_of_layers] == model.data()
    assert list(seen.code_of_layers) == model.code()
    assert sum_code(seen.code.values()) == sum_code(seen.code_of_layers)
    assert sum_code(seen.code.values()).instructions == cost.instructions
    totals = [sum_data(each) for each in (seen.data.values(), seen.data_by_code.values())]
    assert replace(totals[0], distinct_bytes=0) == totals[1]
    everywhere = {address + i for _, address, size, _ in model.accesses for i in range(size)}
    assert totals[0].distinct_bytes == len(everywhere)
    if cache is EVERYTHING:
        assert totals[0].misses == len({address // cache.line_bytes for address in everywhere})
        assert totals[0].written_back == 0


def test_places_are_all_addresses(machine: Simulator) -> None:
    """In order from 0 on; symbols by their kind, the stack, what has no symbol, and what is no memory."""
    cut = places(machine.firmware, machine.target["memory"], "model_arena")
    begins = [place.begin for place in cut]
    assert begins == sorted(set(begins)) and begins[0] == 0
    kinds = {place.name: (place.kind, place.memory) for place in cut}
    assert kinds["model_arena"] == ("arena", "ram") and kinds["sums"] == ("data", "ram")
    assert kinds["weights"] == ("constants", "flash") and kinds["inner"] == ("code", "flash")
    assert kinds["stack"] == ("stack", "ram") and kinds["no memory"] == ("nothing", "nothing")


@pytest.mark.parametrize("calls", [CALLS[:2], [*CALLS, ("first", 0)], [CALLS[1], CALLS[0], CALLS[2]]])
def test_other_calls_than_the_plans_are_no_layers(machine: Simulator, calls: Sequence[tuple[str, int]]) -> None:
    """One too many, one too few, another order: said so; the sums are what they are."""
    seen = counted(machine, replace(WANTED, calls=calls))
    expected = counted(machine, WANTED)
    assert expected.is_as_expected and not seen.is_as_expected
    assert seen.code == expected.code and seen.data == expected.data
