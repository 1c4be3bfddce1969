"""What the simulator counts, against one instruction after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import random_thumb
from small_firmware import MODEL, Bench

from tinyflow.core.errors import RunError, Timeout
from tinyflow.targets import protocol
from tinyflow.targets.unicorn import block_table
from tinyflow.targets.unicorn import machine as machine_module
from tinyflow.targets.unicorn.machine import Simulator

Build = Callable[..., tuple[Bench, Path]]
Start = Callable[..., Simulator]

LIMIT = 10_000_000
CPUS = ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "rv32imc"]
FUNCTIONS = [
    *("self_loop", "conditions", "jumps_out", "table", "calls", "recursion", "copies", "straight", "wide", "nothing"),
    *("model_setup", "model_invoke"),
]


class StepTable:
    """Counts by a hook at every instruction; what an IT block skips, which has no hook, is added by disassembling."""

    last = (0, 0)
    is_over_limit = False

    def __init__(self, engine: Any, _library: Path, is_riscv: bool) -> None:
        import capstone
        from unicorn import UC_HOOK_CODE

        self._is_thumb = not is_riscv
        self._disassembler = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
        self.instructions = 0
        self._conditional: set[int] = set()
        engine.hook_add(UC_HOOK_CODE, self._step)

    def reset(self, limit_instructions: int) -> None:
        """Before a call."""
        self.instructions = 0

    def edges(self) -> list[Any]:
        """None: steps have no blocks."""
        return []

    def _step(self, engine: Any, address: int, size: int, _: object) -> None:
        if address in self._conditional:
            return
        self.instructions += 1
        code = bytes(engine.mem_read(address, 2 + 4 * 4))
        if self._is_thumb and code[1] == 0xBF and code[0] & 15:
            mask = code[0] & 15
            length = 4 - ((mask & -mask).bit_length() - 1)
            block = list(self._disassembler.disasm(code[2:], address + 2, length))
            assert len(block) == length
            self.instructions += length
            self._conditional.update(instruction.address for instruction in block)


@pytest.mark.parametrize(("cpu", "flags"), [*((cpu, ("-O3",)) for cpu in CPUS), ("cortex-m4", ("-Os",))])
@pytest.mark.every(4, 3)
def test_counts_equal_single_steps(
    cpu: str, flags: tuple[str, ...], build: Build, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call, and the start-up, takes as many instructions by blocks as by single steps, and gives the same."""
    bench, firmware = build(cpu, "control_flow", flags=flags)
    machine = start(cpu, "control_flow", flags=flags)
    startup = machine.load(firmware)
    monkeypatch.setattr(machine_module, "BlockTable", StepTable)
    stepped = Simulator(bench.machine_target, Path())
    assert stepped.load(firmware).instructions == startup.instructions
    for function in FUNCTIONS:
        status, counters = machine.call(function, limit_instructions=LIMIT)
        expected_status, expected = stepped.call(function, limit_instructions=LIMIT)
        assert (function, status, counters.instructions) == (function, expected_status, expected.instructions)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.every(2)
def test_counts_of_random_code_equal_single_steps(
    seed: int, tmp_path: Path, block_table_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random mixtures of both instruction lengths, IT blocks, branches, loops and calls count the same both ways."""
    bench = Bench(tmp_path, cpu="cortex-m4")
    firmware = bench.link({"model.c": MODEL, "random.S": random_thumb.functions(60, seed)})["firmware.elf"]
    machine = Simulator(bench.machine_target, block_table_library)
    machine.load(firmware)
    monkeypatch.setattr(machine_module, "BlockTable", StepTable)
    stepped = Simulator(bench.machine_target, Path())
    stepped.load(firmware)
    for number in range(60):
        status, counters = machine.call(f"random_{number}", limit_instructions=LIMIT)
        expected_status, expected = stepped.call(f"random_{number}", limit_instructions=LIMIT)
        assert (number, status, counters.instructions) == (number, expected_status, expected.instructions)


@pytest.mark.parametrize("cpu", ["cortex-m4", "rv32imc"])
def test_python_and_native_tables_are_equal(cpu: str, start: Start) -> None:
    """Edge for edge, a callback in Python counts what the C hook counts."""
    native, python = start(cpu, "control_flow"), start(cpu, "control_flow", is_native=False)
    for function in FUNCTIONS:
        native.call(function, limit_instructions=LIMIT)
        python.call(function, limit_instructions=LIMIT)
        assert native.edges == python.edges


def test_known_count(start: Start) -> None:
    """A loop written in assembly takes the instructions that one can count by hand."""
    machine = start("cortex-m4", "control_flow")
    _, nothing = machine.call("nothing", limit_instructions=LIMIT)
    assert nothing.instructions == 2  # movs r0, #0; bx lr
    _, loop = machine.call("self_loop", limit_instructions=LIMIT)
    loop_edges = [edge for edge in machine.edges if edge.from_address == edge.address]
    assert [(edge.instructions, edge.executions) for edge in loop_edges] == [(2, 998)]
    assert loop.instructions == 2000 + 2  # mov.w r0, #1000; subs, bne; bx lr


def test_profile_adds_up_and_knows_calls(start: Start) -> None:
    """Functions' instructions add up to the call's; calls are counted, directly and through pointers."""
    machine = start("cortex-m4", "control_flow")
    _, counters = machine.call("calls", limit_instructions=LIMIT)
    assert sum(function.instructions for function in counters.functions.values()) == counters.instructions
    assert {name: function.calls for name, function in counters.functions.items()} == {
        "calls": 1,
        "twice": 20,
        "thrice": 10,
    }
    counts = [function.instructions for function in counters.functions.values()]
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("cpu", ["cortex-m7", "rv32imc"])
def test_calls_repeat_exactly(cpu: str, start: Start) -> None:
    """The same call costs the same, whatever ran before, in this machine and in a fresh one."""
    first, second = start(cpu, "control_flow"), start(cpu, "control_flow")
    status, counters = first.call("conditions", limit_instructions=LIMIT)
    for machine in (first, second):
        machine.call("recursion", limit_instructions=LIMIT)
        again_status, again = machine.call("conditions", limit_instructions=LIMIT)
        assert (again_status, again.instructions, again.stack_bytes, again.functions) == (
            status,
            counters.instructions,
            counters.stack_bytes,
            counters.functions,
        )


@pytest.mark.parametrize("is_native", [True, False])
def test_limit_stops_at_one_place(is_native: bool, start: Start) -> None:
    """A call that needs exactly the limit returns; with one less it stops, each time in the same function."""
    machine = start("cortex-m4", "control_flow", is_native)
    _, counters = machine.call("conditions", limit_instructions=LIMIT)
    assert counters.instructions is not None
    machine.call("conditions", limit_instructions=counters.instructions)
    errors = set()
    for _ in range(3):
        with pytest.raises(Timeout, match="didn't return within") as caught:
            machine.call("conditions", limit_instructions=counters.instructions - 1)
        errors.add(str(caught.value))
    assert len(errors) == 1
    assert caught.value.where.startswith("conditions+0x")


def test_stack_peak_is_what_was_pushed(start: Start) -> None:
    """Each level of a recursion adds the same to the peak, and leaf functions use none."""
    machine = start("cortex-m4", "control_flow")
    assert machine.call("nothing", limit_instructions=LIMIT)[1].stack_bytes == 0
    peak = machine.call("recursion", limit_instructions=LIMIT)[1].stack_bytes
    lowest = StackWatch(machine)
    machine.call("recursion", limit_instructions=LIMIT)
    assert peak == lowest.peak > 10 * 16


class StackWatch:
    """The deepest write into the stack, by a hook on every write."""

    def __init__(self, machine: Simulator) -> None:
        from unicorn import UC_HOOK_MEM_WRITE

        self._top = machine.firmware.address("tf_stack_top")
        self.peak = 0
        bottom = machine.firmware.address("tf_stack_bottom")
        machine._engine.hook_add(UC_HOOK_MEM_WRITE, self._write, None, bottom, self._top - 1)

    def _write(self, _engine: Any, _kind: int, address: int, _size: int, _value: int, _: object) -> None:
        self.peak = max(self.peak, self._top - address)


def test_heap_peak(start: Start) -> None:
    """The heap's peak is the highest byte that was written since load; 0 without a heap."""
    assert start("cortex-m4", "control_flow").call("nothing", limit_instructions=LIMIT)[1].heap_bytes == 0
    machine = start("cortex-m4", "control_flow", heap_bytes=1024)
    assert machine.call("nothing", limit_instructions=LIMIT)[1].heap_bytes == 0
    machine.write("tf_heap_start+96", b"\1\2\3\4")
    assert machine.call("nothing", limit_instructions=LIMIT)[1].heap_bytes == 100


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.every(3)
def test_startup_fills_memory(cpu: str, start: Start) -> None:
    """At the entry of main .data has its values and .bss is zero, though RAM began as neither."""
    machine = start(cpu, "control_flow")
    assert machine.read("model_first", 4) == (41).to_bytes(4, "little")
    assert machine.read("model_arena", 1024) == bytes(1024)


def test_reads_and_writes_by_symbol(start: Start) -> None:
    """What is written at symbol+offset is what the firmware sees and what is read back; strangers are refused."""
    machine = start("cortex-m7", "control_flow")
    machine.call("model_setup", limit_instructions=LIMIT)
    machine.write("model_arena+16", bytes([1, 0, 0, 0, 2, 0, 0, 0]))
    assert machine.call("model_invoke", limit_instructions=LIMIT)[0] == 0
    assert machine.read("model_arena+64", 4) == (1 * 1 + 5 * 2).to_bytes(4, "little")
    with pytest.raises(RunError, match="no symbol nobody"):
        machine.read("nobody", 1)
    with pytest.raises(RunError, match="outside the target's memory"):
        machine.read("model_arena", 1 << 20)


@pytest.mark.parametrize(
    ("cpu", "part"), [("cortex-m0plus", 0xC60), ("cortex-m3", 0xC23), ("cortex-m7", 0xC27), ("cortex-m33", 0xD21)]
)
@pytest.mark.every(2)
def test_system_registers(cpu: str, part: int, start: Start) -> None:
    """Registers keep what start-up code writes, CPUID names the core, and waiting for the cycle counter ends."""
    status, counters = start(cpu, "control_flow").call("system_registers", limit_instructions=LIMIT)
    assert status == part
    assert counters.instructions is not None
    assert 1000 < counters.instructions < 1100


def test_negative_status(start: Start) -> None:
    """A function's value is a signed word."""
    assert start("rv32imc", "control_flow").call("minus_one", limit_instructions=LIMIT)[0] == -1


def test_more_edges_than_the_first_table(start: Start) -> None:
    """The table grows, at half full, without losing a count: thousands of blocks equal the fallback's."""
    native, python = start("cortex-m4", "many_blocks"), start("cortex-m4", "many_blocks", is_native=False)
    native.call("many_blocks", limit_instructions=LIMIT)
    python.call("many_blocks", limit_instructions=LIMIT)
    assert len(native.edges) > block_table._FIRST_CAPACITY // 2
    assert native.edges == python.edges


def test_functions_of_one_name_in_several_files_are_all_followed(tmp_path: Path) -> None:
    """As an interpreter's kernels are, each file's own `Eval`."""
    file = """__attribute__((noinline)) static int eval(int x) {{ return x * {0} + 1; }}
    int (*get{0}(void))(int) {{ return eval; }}"""
    main = """int (*get3(void))(int), (*get5(void))(int);
    typedef int (*volatile kernel)(int);
    __attribute__((noinline)) int dispatch(kernel one, kernel other) { return one(other(1)) + 1; }
    int model_setup(void) { return 0; }
    int model_invoke(void) { return dispatch(get3(), get5()); }"""
    bench = Bench(tmp_path)
    made = bench.link({"three.c": file.format(3), "five.c": file.format(5), "main.c": main})["firmware.elf"]
    seen = []

    class Seen:
        def begun(self, function: str) -> None:
            seen.append(function)

        def ended(self) -> None:
            pass

    machine = protocol.open_machine(bench.machine_target, bench.machine_files)
    machine.load(made)
    status = machine.follow("model_invoke", "dispatch", ["eval", "eval"], Seen(), limit_instructions=10_000)
    machine.close()
    assert (status, seen) == (20, ["eval", "eval"])
