"""Chips whose memory is not made of the simulator's pages: all of it is there, and not a byte more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from small_firmware import Bench

from tinyflow.core.errors import RunError, UsageError
from tinyflow.targets.unicorn.machine import Simulator

Start = Callable[..., Simulator]
Build = Callable[..., tuple[Bench, Path]]
LIMIT = 100_000
SHAPES = {
    "2 KiB": {"ram_bytes": 2048, "stack_bytes": 512},
    "6 KiB": {"ram_bytes": 6144, "stack_bytes": 512},
    "odd": {"ram_bytes": 5001, "flash_bytes": 14321, "stack_bytes": 512, "shift_bytes": (0x204, 0x3B2)},
    "pages": {"ram_bytes": 8192, "flash_bytes": 16384, "stack_bytes": 512, "shift_bytes": (0x1000, 0x1000)},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cpu", ["cortex-m0plus", "cortex-m7", "rv32imc"])
@pytest.mark.parametrize("is_native", [True, False])
@pytest.mark.every(5)
def test_every_byte_beside_memory_faults(cpu: str, shape: str, is_native: bool, start: Start, build: Build) -> None:
    """The firmware runs; reads, writes and jumps work to the last byte, and no further, on both sides."""
    bench, _ = build(cpu, "faults", **SHAPES[shape])
    machine = start(cpu, "faults", is_native, **SHAPES[shape])
    assert machine.call("model_setup", limit_instructions=LIMIT)[0] == 0
    (_, counters), before = machine.call("model_invoke", limit_instructions=LIMIT), machine.read("model_arena", 1)
    large = start(cpu, "faults", is_native)
    large.call("model_setup", limit_instructions=LIMIT)
    assert counters.instructions == large.call("model_invoke", limit_instructions=LIMIT)[1].instructions
    for region in bench.memory:
        first, end = region["origin"], region["origin"] + region["length_bytes"]
        attempts = [("reads", first - 1, False), ("reads", end - 1, True), ("reads", end, False)]
        if region["kind"] == "ram":
            attempts += [("writes", first - 2, False), ("writes", end - 2 & ~1, True), ("writes", end + 3 & ~1, False)]
            attempts += [("jumps", end + 2, False)]
        else:
            attempts += [("reads", first, True), ("jumps", end + 3 & ~1, False), ("jumps", first - 4 & ~1, False)]
        for verb, address, is_fine in attempts:
            machine.write("elsewhere", address.to_bytes(4, "little"))
            if is_fine:
                assert machine.call(f"{verb}_nowhere", limit_instructions=LIMIT)[1].instructions
                continue
            shown = address & ~1 if verb == "jumps" else address
            told = rf"0x{shown:08x}, where there is no (memory|code)"
            if address < first and region["kind"] == "ram":
                told = "stack overflow"  # the stack is at the bottom of RAM
            with pytest.raises(RunError, match=told) as caught:
                machine.call(f"{verb}_nowhere", limit_instructions=LIMIT)
            machine.write("elsewhere", (0x10000000).to_bytes(4, "little"))  # far from any memory
            with pytest.raises(RunError) as far:
                machine.call(f"{verb}_nowhere", limit_instructions=LIMIT)
            assert caught.value.what.rpartition(", ")[2] == far.value.what.rpartition(", ")[2]  # as many instructions
    with pytest.raises(RunError, match="stack overflow: its 512 bytes are used up"):
        machine.call("overflows_stack", limit_instructions=LIMIT)
    assert machine.read("model_arena", 1) == before


def test_an_access_that_begins_in_memory_may_not_end_outside(start: Start) -> None:
    """Two bytes from the last one on."""
    machine = start("cortex-m7", "faults", **SHAPES["odd"])
    ram = next(region for region in machine.target["memory"] if region["kind"] == "ram")
    last = ram["origin"] + ram["length_bytes"] - 1
    machine.write("elsewhere", last.to_bytes(4, "little"))
    with pytest.raises(
        RunError, match=f"writes 2 bytes at 0x{last:08x}, where there is no memory, . instructions into"
    ):
        machine.call("writes_nowhere", limit_instructions=LIMIT)


def test_flash_and_ram_in_one_page_are_refused(build: Build) -> None:
    """The simulator could not tell code from data."""
    bench, firmware = build("cortex-m7", "faults")
    flash, ram = bench.memory
    near = [flash, {**ram, "origin": flash["origin"] + flash["length_bytes"] + 4}]
    near[0] = {**flash, "length_bytes": flash["length_bytes"] - 4096 + 8}
    near[1]["origin"] = near[0]["origin"] + near[0]["length_bytes"] + 8
    with pytest.raises(UsageError, match="flash and RAM share the 4096 bytes from 0x081ff000 on"):
        Simulator({**bench.machine_target, "memory": near}, Path()).load(firmware)


def test_memory_where_the_simulator_has_pages_of_its_own_is_refused(build: Build) -> None:
    """Where calls return to, and the registers of Arm's cores: an error of the recipe, not of Unicorn."""
    bench, firmware = build("cortex-m7", "faults")
    for origin in (0x9FFF0000, 0xE0000000):
        memory = [*bench.memory, {"name": "more", "kind": "ram", "origin": origin, "length_bytes": 0x10000}]
        with pytest.raises(UsageError, match="or where Arm has the core's registers"):
            Simulator({**bench.machine_target, "memory": memory}, Path()).load(firmware)
