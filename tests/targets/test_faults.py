"""Firmware that goes wrong: each planted fault is named with function, offset, address and cause."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from processors import described
from small_firmware import Bench

from tinyflow.core.errors import RunError, Timeout, ToolError, UsageError
from tinyflow.targets.unicorn.machine import Simulator

Build = Callable[..., tuple[Bench, Path]]
Start = Callable[..., Simulator]

LIMIT = 1_000_000
CPUS = ["cortex-m0plus", "cortex-m3", "cortex-m7", "rv32imc"]
CAUSES = {
    "reads_null": r"reads 4 bytes at 0x00000000, where there is no memory",
    "reads_nowhere": r"reads 1 bytes at 0x10000000, where there is no memory",
    "writes_nowhere": r"writes 2 bytes at 0x10000000, where there is no memory",
    "writes_flash": r"writes 4 bytes at 0x[0-9a-f]{8}, which is flash",
    "overflows_at_once": r"stack overflow: its 4096 bytes are used up",
    "undefined": r"undefined instruction (de07|0000|c0001073)",
    "breaks": r"stops at a breakpoint instruction",
    "calls_system": r"calls an operating system",
    "waits": r"waits for an interrupt \(wfi\), and none will come",
    "jumps_nowhere": r"jumps to 0x1000000[01], where there is no code",
    "runs_data": r"jumps to 0x[0-9a-f]{8}, where there is no code",
    "returns_nowhere": r"returns to 0x00000010, where there is no code",
}


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("function", CAUSES)
@pytest.mark.every(3)
def test_fault_is_named(cpu: str, function: str, start: Start) -> None:
    """The error says in which function, at which offset, what happened, and how far into the call."""
    machine = start(cpu, "faults")
    with pytest.raises(RunError) as caught:
        machine.call(function, limit_instructions=LIMIT)
    error = caught.value
    assert re.fullmatch(rf"{function}\+0x[0-9a-f]+ \(0x[0-9a-f]{{8}}\)", error.where)
    assert re.fullmatch(rf"{CAUSES[function]}, \d+ instructions into {function}", error.what)
    assert error.hint


@pytest.mark.parametrize("cpu", CPUS)
def test_recursion_without_end_is_a_stack_overflow(cpu: str, start: Start) -> None:
    """It is found before the stack tramples data, in the function that recurses."""
    machine = start(cpu, "faults")
    data = machine.read("model_first", 4)
    with pytest.raises(RunError, match="stack overflow: its 4096 bytes are used up") as caught:
        machine.call("overflows_stack", limit_instructions=LIMIT)
    assert caught.value.where.startswith("deeper+0x")
    assert machine.read("model_first", 4) == data


@pytest.mark.parametrize("cpu", CPUS)
def test_loop_without_end_times_out(cpu: str, start: Start) -> None:
    """The limit ends it, and the error names the loop."""
    with pytest.raises(Timeout, match="didn't return within 1000000 instructions") as caught:
        start(cpu, "faults").call("loops_for_ever", limit_instructions=LIMIT)
    assert caught.value.where.startswith("loops_for_ever+0x")


def test_instructions_before_a_fault_are_exact(start: Start) -> None:
    """What was retired before the fault counts, the instruction that faulted and the rest of its block don't."""
    with pytest.raises(RunError, match="undefined instruction de07, 1 instructions into undefined"):
        start("cortex-m3", "faults").call("undefined", limit_instructions=LIMIT)
    with pytest.raises(RunError, match="where there is no code, 4 instructions into returns_nowhere"):
        start("cortex-m3", "faults").call("returns_nowhere", limit_instructions=LIMIT)


def test_jump_to_arm_code_is_named(start: Start) -> None:
    """A function pointer without Thumb's bit, the classic, says so."""
    with pytest.raises(RunError, match="jumped to an even address, where Arm code would be"):
        start("cortex-m7", "faults").call("jumps_to_arm", limit_instructions=LIMIT)


def test_machine_survives_a_fault(start: Start) -> None:
    """After an error the next call is as good as any."""
    machine = start("cortex-m7", "faults")
    for function in ("reads_null", "undefined", "waits", "calls_system"):
        with pytest.raises(RunError):
            machine.call(function, limit_instructions=LIMIT)
        assert machine.call("model_setup", limit_instructions=LIMIT)[0] == 0


@pytest.mark.parametrize(
    ("function", "cause"), [("uses_dsp", "undefined instruction fa20f080"), ("uses_fpu", "uses an FPU")]
)
def test_instructions_that_the_cpu_lacks(
    function: str, cause: str, start: Start, build: Build, block_table_library: Path
) -> None:
    """What a Cortex-M4 runs, a Cortex-M3 refuses (but for SMLAD, SMUAD, SMLALD and SSAT16: Unicorn 2.1.4)."""
    start("cortex-m4", "faults").call(function, limit_instructions=LIMIT)
    bench, firmware = build("cortex-m4", "faults")
    machine = Simulator({**bench.machine_target, **described("cortex-m3")}, block_table_library)
    machine.load(firmware)
    with pytest.raises(RunError, match=cause) as caught:
        machine.call(function, limit_instructions=LIMIT)
    assert caught.value.where.startswith(f"{function}+0x")


def test_unaligned_access_depends_on_the_cpu(start: Start) -> None:
    """A Cortex-M0+ can't read a word from an odd address, and says so; a Cortex-M3 can."""
    start("cortex-m3", "faults").call("is_unaligned", limit_instructions=LIMIT)
    with pytest.raises(RunError, match=r"is_unaligned\+0x[0-9a-f]+ .* accesses memory at an unaligned address"):
        start("cortex-m0plus", "faults").call("is_unaligned", limit_instructions=LIMIT)


def test_firmware_of_another_processor_is_refused(build: Build) -> None:
    """An Arm firmware doesn't run on RISC-V, even where the memory map is the same."""
    bench, firmware = build("cortex-m4", "faults")
    with pytest.raises(RunError, match=r"firmware\.elf: is EM_ARM, not EM_RISCV"):
        Simulator({**bench.machine_target, **described("rv32imc")}, Path()).load(firmware)


def test_wrong_memory_map_is_refused(build: Build) -> None:
    """Firmware that was linked for another chip is told apart before it runs."""
    bench, firmware = build("cortex-m4", "faults")
    moved = [{**region, "origin": region["origin"] + 0x1000000} for region in bench.memory]
    with pytest.raises(RunError, match="of the firmware lie outside flash"):
        Simulator({**bench.machine_target, "memory": moved}, Path()).load(firmware)


def test_not_an_elf_file_is_refused(tmp_path: Path, build: Build) -> None:
    """A damaged firmware is an error, not a crash."""
    bench, firmware = build("cortex-m4", "faults")
    for size in (0, 3, 100, 1000):
        damaged = tmp_path / "damaged.elf"
        damaged.write_bytes(firmware.read_bytes()[:size])
        with pytest.raises(ToolError, match="not a readable ELF file"):
            Simulator(bench.machine_target, Path()).load(damaged)


def test_unknown_cpu_is_refused() -> None:
    """A CPU that the simulator lacks is named, with what to do about it."""
    with pytest.raises(UsageError, match="no cortex-m55"):
        Simulator({"cpu": "cortex-m55"}, Path())
