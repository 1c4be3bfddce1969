"""Targets on QEMU, where it is installed: counts equal to the built-in simulator's, faults named, no process left."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kept
import pytest
from debugger import debugged, never
from processors import described
from small_firmware import MODEL, Bench
from tests_support import is_running, wait_until

from tinyflow.core.errors import RunError, Timeout, ToolError, UsageError
from tinyflow.targets.protocol import open_machine
from tinyflow.targets.qemu import capabilities, counter
from tinyflow.targets.qemu.boards import board
from tinyflow.targets.qemu.machine import Qemu
from tinyflow.targets.remote import Gone
from tinyflow.targets.unicorn.machine import Simulator

PROGRAMS = Path(__file__).parent / "programs"
LIMIT = 1_000_000
CONTROL_FLOW = ["self_loop", "conditions", "jumps_out", "table", "calls", "recursion", "copies", "straight", "wide"]
# processor → module, flash, RAM: those of the recipes, or what the board has where no recipe is for it
PLACES = {
    "cortex-m3": (0x00000000, 0x20000000),
    "cortex-m4": (0x00000000, 0x20000000),
    "cortex-m7": (0x00000000, 0x20000000),
    "rv32imc": (0x80000000, 0x80200000),
    "cortex-m55": (0x01000000, 0x21000000),
    "rv32gcv": (0x80000000, 0x80200000),
    "rv64gcv": (0x80000000, 0x80200000),
    "xtensa-lx6": (0x00100000, 0x00800000),
    "cortex-a9": (0x00100000, 0x00800000),
    "cortex-a72": (0x40100000, 0x40800000),
}
ARM_CAUSES = {
    "reads_null": r"accesses 0x00000000, where there is no memory",
    "reads_nowhere": r"accesses 0x10000000, where there is no memory",
    "writes_nowhere": r"accesses 0x10000000, where there is no memory",
    "writes_flash": r"writes 0x0100[0-9a-f]{4}, which is flash",
    "overflows_at_once": r"stack overflow: its 4096 bytes are used up",
    "undefined": r"undefined instruction de07",
    "breaks": r"stops at a breakpoint instruction",
    "calls_system": r"calls an operating system",
    "jumps_nowhere": r"jumps to 0x10000000, where there is no code",
    "runs_data": r"jumps to 0x2100[0-9a-f]{4}, where there is no code",
    "returns_nowhere": r"jumps to 0x00000010, where there is no code",
}
RISCV_CAUSES = ARM_CAUSES | {
    "reads_null": r"reads 0x00000000, where there is no memory",
    "reads_nowhere": r"reads 0x10000000, where there is no memory",
    "writes_nowhere": r"writes 0x10000000, where there is no memory",
    "writes_flash": r"writes 0x8000[0-9a-f]{4}, which is flash",
    "undefined": r"undefined instruction (0000|c0001073)",
    "runs_data": r"jumps to 0x8020[0-9a-f]{4}, where there is no code",
}
# Of what lies outside of the memory map the board notices what it hasn't itself.
XTENSA_CAUSES = {
    **{name: ARM_CAUSES[name] for name in ("reads_nowhere", "writes_nowhere", "calls_system")},
    "fills_its_stack": r"stack overflow: its 4096 bytes are used up",
    "undefined": r"undefined instruction [0-9a-f]+",
    "jumps_nowhere": r"jumps to 0x10000001, where there is no code",
    "returns_nowhere": r"jumps to 0xa0000000, where there is no code",
}
FAULTS = [("cortex-m55", *item) for item in ARM_CAUSES.items()] + [("rv32gcv", *item) for item in RISCV_CAUSES.items()]
CORTEX_A_CAUSES = {
    "fills_its_stack": r"stack overflow: its 4096 bytes are used up",
    "undefined": r"undefined instruction [0-9a-f]+",
    "calls_system": r"calls an operating system",
}
FAULTS += [("cortex-a9", *item) for item in CORTEX_A_CAUSES.items()]
FAULTS += [("cortex-a72", "undefined", "takes an exception")]
FAULTS += [("xtensa-lx6", *item) for item in XTENSA_CAUSES.items()]


@dataclass(frozen=True)
class Board(Bench):
    """A bench for one of QEMU's boards."""

    @property
    def memory(self) -> list[dict[str, Any]]:
        """Of its board."""
        flash, ram = PLACES[self.cpu]
        return [
            {"name": "flash", "kind": "flash", "origin": flash, "length_bytes": 2 << 20},
            {"name": "ram", "kind": "ram", "origin": ram, "length_bytes": 2 << 20},
        ]

    @property
    def machine_target(self) -> dict[str, Any]:
        """For `open_machine`."""
        return {**super().machine_target, "implementation": "tinyflow.targets.qemu", **described(self.cpu, "qemu")}


class Told(list[object]):
    """Calls as they are told, with what lies in the arena then."""

    def __init__(self, machine: Qemu) -> None:
        super().__init__()
        self._machine = machine

    def begun(self, function: str) -> None:
        """See `protocol.Calls`."""
        self.append((function, self._machine.read("model_arena", 4)))
        self._machine.write("model_arena+3", bytes([len(self)]))

    def ended(self) -> None:
        """See `protocol.Calls`."""
        self.append(self._machine.read("model_arena", 4))


def _skip_without(cpu: str) -> None:
    program = board(described(cpu, "qemu")).program
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    if cpu.startswith("xtensa") and shutil.which("clang-22") is None:
        pytest.skip("clang-22 is not installed")


@pytest.fixture(scope="session")
def plugin() -> Path:
    """The counter, built by its stage."""
    return kept.path(counter.library())


Start = Callable[[str, str], Qemu]
_built: dict[tuple[str, str], tuple[Board, Path]] = {}


@pytest.fixture
def start(plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """(cpu, program) -> a board at the entry of `main`."""
    opened: list[Qemu] = []

    def start_one(cpu: str, program: str) -> Qemu:
        _skip_without(cpu)
        if (cpu, program) not in _built:
            toolchain = "llvm" if cpu.startswith("xtensa") else "zig"
            bench = Board(tmp_path_factory.mktemp(program), cpu=cpu, toolchain=toolchain)
            sources = {"model.c": MODEL, "program.c": (PROGRAMS / f"{program}.c").read_text()}
            _built[cpu, program] = bench, bench.link(sources)["firmware.elf"]
        bench, firmware = _built[cpu, program]
        machine = open_machine(bench.machine_target, {counter.LIBRARY: plugin})
        assert isinstance(machine, Qemu)
        opened.append(machine)
        machine.load(firmware)
        return machine

    yield start_one
    for machine in opened:
        machine.close()


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["cortex-m55", "rv32gcv", "cortex-a9"])
def test_a_debugger_takes_over(cpu: str, start: Start) -> None:
    """At the call's beginning; it steps, is stopped at the end, or in a loop, and told of a fault."""
    board = start(cpu, "faults")
    board.call("model_setup", limit_instructions=LIMIT)
    with debugged(board, "model_invoke") as (remote, said):
        assert remote.ask("?") == "S05" and remote.get("pc") == board.firmware.address("model_invoke")
        remote.step()
        assert remote.run(never, 30) and said[-1] == "model_invoke has returned 0"
        with pytest.raises(Gone):
            remote.run(never, 5)
    with debugged(board, "loops_for_ever") as (remote, _):
        assert not remote.run(lambda: True, 0.2)
        inside = board.firmware.function_at(remote.get("pc"))
        assert inside is not None and inside.name == "loops_for_ever"
    with debugged(board, "undefined") as (remote, said):
        remote.run(never, 30)
        assert "undefined instruction" in said[-1]
    assert board.call("model_invoke", limit_instructions=LIMIT)[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "cpu", ["cortex-m4", "rv32imc", *(pytest.param(cpu, marks=pytest.mark.slow) for cpu in ("cortex-m3", "cortex-m7"))]
)
def test_counts_equal_the_simulators(cpu: str, start: Start, block_table_library: Path) -> None:
    """The same ELF takes the same instructions, stack and calls, function for function, start-up included."""
    board = start(cpu, "control_flow")
    bench, firmware = _built[cpu, "control_flow"]
    simulator = Simulator({**bench.machine_target, **described(cpu)}, block_table_library)
    costs = [(machine.load(firmware)) for machine in (board, simulator)]
    for function in [*CONTROL_FLOW, "model_setup", "model_invoke"]:
        costs += [machine.call(function, limit_instructions=10 * LIMIT)[1] for machine in (board, simulator)]
    seen = [(cost.instructions, cost.stack_bytes, dict(cost.functions)) for cost in costs]
    assert seen[0::2] == seen[1::2]


@pytest.mark.slow
@pytest.mark.parametrize(("cpu", "function", "cause"), FAULTS)
def test_fault_is_named(cpu: str, function: str, cause: str, start: Start) -> None:
    """The error says in which function, at which offset, what happened."""
    with pytest.raises(RunError) as caught:
        start(cpu, "faults").call(function, limit_instructions=LIMIT)
    assert re.fullmatch(rf"{function}\+0x[0-9a-f]+ \(0x[0-9a-f]{{8}}\)", caught.value.where)
    assert re.fullmatch(rf"{cause}, \d+ instructions into {function}", caught.value.what)
    assert caught.value.hint


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["cortex-m55", "rv32gcv"])
def test_endless_programs_end(cpu: str, start: Start) -> None:
    """A loop at the limit, with the same place each time; a wait for an interrupt; recursion without end."""
    machine = start(cpu, "faults")
    for _ in range(2):
        with pytest.raises(Timeout, match="didn't return within 1000000 instructions") as caught:
            machine.call("loops_for_ever", limit_instructions=LIMIT)
        assert caught.value.where.startswith("loops_for_ever+0x")
    with pytest.raises(RunError, match="waits for an interrupt"):
        machine.call("waits", limit_instructions=LIMIT)
    with pytest.raises(RunError, match="stack overflow: its 4096 bytes are used up") as overflow:
        machine.call("overflows_stack", limit_instructions=LIMIT)
    assert overflow.value.where.startswith("deeper+0x")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cpu", "place"), [("cortex-m55", 0x50000000), ("rv32gcv", 0xF0000000), ("cortex-a9", 0xF0000000)]
)
@pytest.mark.parametrize("kind", ["flash", "ram"])
def test_memory_that_the_board_has_not_is_named(plugin: Path, tmp_path: Path, cpu: str, place: int, kind: str) -> None:
    """Where a recipe names another machine's: before anything runs."""
    _skip_without(cpu)
    bench = Board(tmp_path, cpu=cpu)
    target = {**bench.machine_target}
    target["memory"] = [{**one, "origin": place} if one["kind"] == kind else one for one in bench.memory]
    machine = Qemu(target, plugin)
    machine._programmed = lambda: iter(())  # type: ignore[method-assign]
    with closing(machine), pytest.raises(RunError, match=f"there is no memory at 0x{place:08x}, which is {kind}"):
        machine.load(bench.link({"model.c": MODEL})["firmware.elf"])


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["cortex-m55", "rv32gcv", "rv64gcv", "xtensa-lx6"])
def test_calls_are_followed(cpu: str, start: Start) -> None:
    """Each one that the function makes, not its callees'; memory is read and written meanwhile."""
    machine = start(cpu, "control_flow")
    told = Told(machine)
    alone = machine.call("calls", limit_instructions=LIMIT)
    machine.write("model_arena", bytes(4))
    status = machine.follow("calls", "calls", ["twice", "thrice"], told, limit_instructions=LIMIT)
    assert status == alone[0] and machine.so_far().instructions == alone[1].instructions
    assert [call[0] for call in told[::2]] == ["twice", "thrice"] * 10  # type: ignore[index]
    assert told[1::2] == [bytes([0, 0, 0, number]) for number in range(1, 40, 2)]
    assert machine.call("calls", limit_instructions=LIMIT)[1].instructions == alone[1].instructions
    assert machine.follow("calls", "calls", ["nobody"], told, limit_instructions=LIMIT) is None


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["cortex-m55", "rv32gcv", "rv64gcv", "xtensa-lx6", "cortex-a9", "cortex-a72"])
def test_memory_and_status(cpu: str, start: Start) -> None:
    """What is written is read, by the firmware too; after an error it begins anew; counts repeat."""
    machine = start(cpu, "faults")
    assert machine.call("model_setup", limit_instructions=LIMIT)[0] == 0
    assert machine.read("model_arena", 2) == bytes([41, 3])
    machine.write("model_arena+16", bytes(range(1, 9)))
    status, first = machine.call("model_invoke", limit_instructions=LIMIT)
    expected = sum(w * x for w, x in zip((1, 2, 3, -4, 5, -6, 7, 8), range(1, 9), strict=True))
    assert (status, int.from_bytes(machine.read("model_arena+64", 4), "little", signed=True)) == (0, expected)
    with pytest.raises(RunError):
        machine.call("undefined", limit_instructions=LIMIT)
    assert machine.call("model_invoke", limit_instructions=LIMIT)[1].instructions == first.instructions
    large = os.urandom(1 << 14)
    machine.write("tf_stack_top+4096", large)
    assert machine.read("tf_stack_top+4096", len(large)) == large
    with pytest.raises(RunError, match="lie outside"):
        machine.read("tf_stack_bottom+0x10000000", 4)


_ORPHAN = """
import sys, time
from pathlib import Path
from tinyflow.targets.qemu import open_machine
machine = open_machine(%r, {"counter.so": Path(%r)})
machine.load(Path(%r))
print(machine._process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.slow
def test_no_process_survives(plugin: Path, start: Start) -> None:
    """QEMU ends with `close`, and with a session that is killed."""
    machine = start("cortex-m55", "faults")
    process = machine._process
    assert process is not None
    machine.close()
    assert process.poll() is not None
    bench, firmware = _built["cortex-m55", "faults"]
    program = _ORPHAN % (bench.machine_target, str(plugin), str(firmware))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not is_running(pid))


def test_missing_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without QEMU the error says what to install; the key asks for it before anything runs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [capabilities(described(cpu, "qemu")).tools[0].hint for cpu in ("cortex-m55", "rv32gcv")] == [
        "apt install qemu-system-arm (Debian and Ubuntu; versions 6 to 8)",
        "apt install qemu-system-misc (Debian and Ubuntu; versions 6 to 8)",
    ]


def test_unknown_cpu_is_refused(tmp_path: Path) -> None:
    """A CPU that no board has is named, with what to do about it."""
    with pytest.raises(UsageError, match="no board of QEMU for cortex-m0"):
        Qemu({"cpu": "cortex-m0"}, tmp_path)


@pytest.mark.slow
def test_a_program_that_does_not_start_is_told(tmp_path: Path, start: Start) -> None:
    """What QEMU says is handed on: here that the plugin is none."""
    start("cortex-m55", "faults")
    bench, firmware = _built["cortex-m55", "faults"]
    (tmp_path / "not a plugin").write_text("text")
    machine = Qemu(bench.machine_target, tmp_path / "not a plugin")
    with pytest.raises(ToolError, match="doesn't start") as caught:
        machine.load(firmware)
    assert "plugin" in (caught.value.hint or "")
    machine.close()


def test_wrong_firmware_is_refused(tmp_path: Path, start: Start, plugin: Path) -> None:
    """Another processor's firmware, and one of another memory map, are told apart before they run."""
    start("cortex-m55", "faults")
    bench, firmware = _built["cortex-m55", "faults"]
    for change, message in (
        (described("rv32gcv", "qemu"), r"firmware\.elf: is EM_ARM, not EM_RISCV"),
        ({"memory": [dict(region, origin=0x60000000) for region in bench.memory]}, "lie outside flash"),
    ):
        machine = Qemu({**bench.machine_target, **change}, plugin)
        with pytest.raises(RunError, match=message):
            machine.load(firmware)
        machine.close()
