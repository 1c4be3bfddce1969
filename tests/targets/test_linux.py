"""Programs for Linux on QEMU's user mode, where it is installed: the counts of a chip, faults named, debuggers."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import kept
import pytest
from debugger import debugged, never
from linux_program import GIVEN, Program
from processors import described

from tinyflow.core.errors import RunError, Timeout, UsageError
from tinyflow.targets.protocol import Machine, capabilities, open_machine
from tinyflow.targets.qemu import counter
from tinyflow.targets.qemu.machine import Qemu

FAULTY = (Path(__file__).parent / "programs" / "faults.c").read_text()
LIMIT = 1_000_000
CPUS = {"cortex-a9": "cortex-a9", "cortex-a72": "cortex-a72", "rv64gc": "rv64"}
FUNCTIONS = {"model_setup": b"", "model_invoke": b"", "sums_row": bytes(range(24))}
BOARDS = {
    "cortex-a9": (0x00100000, 0x00900000),
    "cortex-a72": (0x40100000, 0x40900000),
    "rv64gc": (0x80000000, 0x80200000),
}
FAULTS = [
    ("cortex-a9", "reads_nowhere", "accesses memory that is not there"),
    ("cortex-a9", "writes_flash", "accesses memory that is not there"),
    ("cortex-a9", "overflows_at_once", "stack overflow: its 4096 bytes are used up"),
    ("cortex-a9", "undefined", "undefined instruction [0-9a-f]+"),
    ("cortex-a9", "jumps_nowhere", "jumps to 0x10000000, where there is no code"),
    ("cortex-a72", "undefined", "undefined instruction [0-9a-f]+"),
    ("rv64gc", "reads_null", "accesses memory that is not there"),
    ("rv64gc", "undefined", "undefined instruction [0-9a-f]+"),
    ("rv64gc", "returns_nowhere", "jumps to 0x00000010, where there is no code"),
]

Start = Callable[..., Qemu]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Program], Path]:
    """Programs, each made once."""
    made: dict[str, Path] = {}

    def of(bench: Program) -> Path:
        if bench.cpu not in made:
            made[bench.cpu] = bench.program({"faults.c": FAULTY})
        return made[bench.cpu]

    return of


@pytest.fixture
def start(built: Callable[[Program], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """(cpu, board) -> the program at its main, in user mode, or what it is bare, on QEMU's board."""
    opened: list[Machine] = []
    library = kept.path(counter.library())

    def one(cpu: str, **changes: object) -> Qemu:
        bench = Program(tmp_path_factory.mktemp(cpu), cpu=cpu)
        target = {**bench.target, **described(cpu, "qemu"), "machine": {"user": True, "cpu": CPUS[cpu]}, **changes}
        program = capabilities(target).tools[0]
        if shutil.which(program.name) is None:
            pytest.skip(f"{program.name} is not installed")
        machine = open_machine(target, {counter.LIBRARY: library})
        assert isinstance(machine, Qemu)
        opened.append(machine)
        machine.load(built(bench))
        return machine

    yield one
    for machine in opened:
        machine.close()


@pytest.mark.slow
def test_its_folder_may_lie_deep(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deeper than what a socket's address holds."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    assert start("cortex-a9").read("model_arena", 1)


@pytest.mark.slow
@pytest.mark.parametrize("cpu", CPUS)
def test_counts_are_those_of_the_board(cpu: str, start: Start, tmp_path: Path) -> None:
    """The same C takes the same instructions, stack and calls, function for function, bare and on Linux."""
    linux = start(cpu)
    bare = _bare(cpu, tmp_path, linux)
    try:
        for function, given in FUNCTIONS.items():
            seen = [machine.call(function, limit_instructions=LIMIT, given=given) for machine in (linux, bare)]
            costs = [(status, cost.instructions, cost.stack_bytes, dict(cost.functions)) for status, cost in seen]
            assert costs[0] == costs[1] and costs[0][1]
    finally:
        bare.close()


def _bare(cpu: str, folder: Path, like: Qemu) -> Qemu:
    from small_firmware import MODEL, Bench

    class Board(Bench):
        """Where QEMU's board has memory."""

        @property
        def memory(self) -> list[dict[str, object]]:
            kinds = zip(("flash", "ram"), BOARDS[cpu], strict=True)
            return [{"name": k, "kind": k, "origin": origin, "length_bytes": 2 << 20} for k, origin in kinds]

    bench = Board(folder, cpu=cpu)
    machine = Qemu({**bench.target, **described(cpu, "qemu")}, like._plugin)
    machine.load(bench.link({"model.c": MODEL, "given.c": GIVEN})["firmware.elf"])
    return machine


@pytest.mark.slow
@pytest.mark.parametrize(("cpu", "function", "cause"), FAULTS)
def test_a_fault_is_named(cpu: str, function: str, cause: str, start: Start) -> None:
    """In which function, at which offset; the next call begins anew."""
    machine = start(cpu)
    with pytest.raises(RunError) as caught:
        machine.call(function, limit_instructions=LIMIT)
    assert re.fullmatch(rf"{function}\+0x[0-9a-f]+ \(0x[0-9a-f]{{8}}\)", caught.value.where)
    assert re.fullmatch(rf"{cause}, \d+ instructions into {function}", caught.value.what)
    assert machine.call("model_setup", limit_instructions=LIMIT)[0] == 0
    assert machine.read("model_arena", 2) == bytes([41, 3])


@pytest.mark.slow
def test_memory_rows_and_limits(start: Start) -> None:
    """What is written is read, a row is handed over, what never ends does."""
    machine = start("cortex-a72")
    machine.write("model_arena+16", bytes(range(1, 9)))
    assert machine.call("model_invoke", limit_instructions=LIMIT)[0] == 0
    assert int.from_bytes(machine.read("model_arena+64", 4), "little", signed=True) == 100
    assert machine.call("sums_row", limit_instructions=LIMIT, given=bytes(range(24)))[0] == sum(range(24))
    for _ in range(2):
        with pytest.raises(Timeout, match="didn't return within 1000000 instructions") as caught:
            machine.call("loops_for_ever", limit_instructions=LIMIT)
        assert caught.value.where.startswith("loops_for_ever+0x")
    with pytest.raises(RunError, match="stack overflow"):
        machine.call("overflows_stack", limit_instructions=LIMIT)


@pytest.mark.slow
def test_a_debugger_takes_over(start: Start) -> None:
    """At the call's beginning; it steps, is stopped at the end, and told of a fault."""
    machine = start("cortex-a9")
    with debugged(machine, "model_invoke") as (remote, said):
        assert remote.get("pc") == machine.firmware.address("model_invoke")
        remote.step()
        assert remote.run(never, 30) and said[-1] == "model_invoke has returned 0"
    with debugged(machine, "undefined") as (remote, said):
        remote.run(never, 30)
        assert "undefined instruction" in said[-1]


def test_what_has_no_linux_is_refused() -> None:
    """A Cortex-M; and by the words of a recipe, chips' linker script."""
    with pytest.raises(UsageError, match="no program for Linux runs on cortex-m4"):
        capabilities({**described("cortex-m4", "qemu"), "machine": {"user": True}})
