"""Simulators that run programs to their end: ours with HTIF, QEMU with semihosting or a console at an address."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_firmware import MODEL, ROOT, Bench

from tinyflow.core.errors import RunError, Timeout, ToolError, UsageError
from tinyflow.model.plan_document import PlanDocument
from tinyflow.targets.external import capabilities
from tinyflow.targets.external.machine import External
from tinyflow.targets.programs import run
from tinyflow.targets.protocol import Machine, open_machine

LIMIT = 1_000_000
SOURCES = ROOT / "recipes" / "runtimes" / "selfrun"
FAULTS = (Path(__file__).parent / "programs" / "faults.c").read_text()
HTIF = [sys.executable, str(Path(__file__).with_name("htif_simulator.py")), "{elf}"]
ARM = ["qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "none"]
ARM += ["-semihosting", "-kernel", "{elf}"]
RISCV = ["qemu-system-riscv32", "-M", "virt", "-bios", "none", "-display", "none", "-monitor", "none"]
SEMIHOSTING = [*RISCV, "-serial", "none", "-semihosting", "-icount", "shift=0", "-kernel", "{elf}"]
UART = [*RISCV, "-serial", "stdio", "-kernel", "{elf}"]
COUNTED = {"instructions": r"^([\d,]+) instructions$"}

GIVEN = """
#include <stdint.h>
__attribute__((used, retain)) int sums_row(const int8_t *row) {
  int sum = 0;
  for (int i = 0; i < 24; ++i) sum += row[i];
  return sum;
}
"""

Open = Callable[..., External]


def bench(folder: Path, cpu: str) -> tuple[Bench, Path]:
    """Firmware with a main of its own, where QEMU's boards have memory, or, for the simulator of ours, as usual."""
    shift = {"cortex-m4": (-0x08000000, 0), "rv32imc": (0, 0), "rv32imac": (0x3E000000, 0x40780000)}[cpu]
    made = Bench(folder, cpu=cpu, shift_bytes=shift)
    sources = {"model.c": MODEL, "program.c": FAULTS, "given.c": GIVEN, **own_main(made.isa)}
    return made, made.link(sources)["firmware.elf"]


def own_main(isa: str) -> dict[str, str]:
    """The sources of firmware that runs by itself."""
    names = ("src/main.c", "src/call.c", "src/crc32.c", f"src/host_{isa}.S", "include/tf_self.h")
    return {Path(name).name: (SOURCES / name).read_text() for name in names}


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Bench, Path]]:
    """By processor, each made once."""
    made: dict[str, tuple[Bench, Path]] = {}

    def of(cpu: str) -> tuple[Bench, Path]:
        if cpu not in made:
            made[cpu] = bench(tmp_path_factory.mktemp(cpu), cpu)
        return made[cpu]

    return of


@pytest.fixture
def opened(benches: Callable[[str], tuple[Bench, Path]], tmp_path: Path) -> Iterator[Open]:
    """(command, cpu, plan, **words) -> a machine with the firmware."""
    machines: list[Machine] = []

    def one(command: list[str], cpu: str = "rv32imc", plan: PlanDocument | None = None, **words: Any) -> External:
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed")
        made, firmware = benches(cpu)
        words = {"command": command, "exit": "tohost", "call_s": 10.0, **words}
        target = {**made.machine_target, "implementation": "tinyflow.targets.external", "machine": words}
        capabilities(target)
        files = {}
        if plan is not None:
            files["plan.json"] = tmp_path / "plan.json"
            plan.write(files["plan.json"])
        machine = open_machine(target, files)
        assert isinstance(machine, External)
        machines.append(machine)
        machine.load(firmware)
        return machine

    yield one
    for machine in machines:
        machine.close()


def computed(machine: External, first: int) -> int:
    """What the model makes of eight numbers from `first`; the invokes since set-up."""
    machine.write("model_arena+16", bytes(range(first, first + 8)))
    assert machine.call("model_invoke", limit_instructions=LIMIT)[0] == 0
    expected = sum(w * x for w, x in zip((1, 2, 3, -4, 5, -6, 7, 8), range(first, first + 8), strict=True))
    assert int.from_bytes(machine.read("model_arena+64", 4), "little", signed=True) == expected
    return machine.read("model_arena", 1)[0] - 41


WAYS = [
    pytest.param(HTIF, "rv32imc", {"counts": COUNTED}, id="htif"),
    pytest.param(ARM, "cortex-m4", {"exit": "semihosting"}, id="semihosting-arm"),
    pytest.param(SEMIHOSTING, "rv32imac", {"exit": "semihosting", "counts": {"instructions": "minstret"}}, id="icount"),
    pytest.param(
        *(UART, "rv32imac"),
        {"exit": "address", "console": 0x10000000, "done": 0x100000, "success": 0x5555, "failure": 0x13333},
        id="address",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("command", "cpu", "words"), WAYS)
def test_samples_in_outputs_and_costs_out(
    opened: Open, start: Callable[..., Any], command: list[str], cpu: str, words: dict[str, Any]
) -> None:
    """By each way to print and to end; instructions and stack are those of the built-in simulator."""
    machine = opened(command, cpu, PlanDocument(backend="c"), **words)
    setup = machine.call("model_setup", limit_instructions=LIMIT)[1]
    assert [computed(machine, first) for first in (1, 50)] == [1, 1], "each sample begins behind set-up"
    machine.write("model_arena+16", bytes(range(1, 9)))
    invoke = machine.call("model_invoke", limit_instructions=LIMIT)[1]
    other = start(cpu, "faults")
    costs = [other.call(name, limit_instructions=LIMIT)[1] for name in ("model_setup", "model_invoke")]
    assert [cost.stack_bytes for cost in (setup, invoke)] == [cost.stack_bytes for cost in costs]
    counts = [cost.instructions for cost in (setup, invoke)]
    assert counts == ([cost.instructions for cost in costs] if "counts" in words else [None, None])


@pytest.mark.slow
def test_a_model_with_state_has_all_its_invokes(opened: Open) -> None:
    """Since it was reset; without a plan, since it was set up."""
    for plan in (PlanDocument(backend="c", reset="model_setup"), None):
        machine = opened(HTIF, plan=plan)
        machine.call("model_setup", limit_instructions=LIMIT)
        assert [computed(machine, first) for first in (1, 50)] == [1, 2]
    machine = opened(HTIF, plan=PlanDocument(backend="c", setup="returns_given", reset="model_setup"))
    machine.call("model_setup", limit_instructions=LIMIT)
    assert computed(machine, 1) == 1
    machine.call("model_setup", limit_instructions=LIMIT)
    assert computed(machine, 1) == 1


@pytest.mark.slow
def test_a_function_is_given_a_row(opened: Open) -> None:
    """By a pointer to it; its value is the status."""
    machine = opened(ARM, "cortex-m4", PlanDocument(backend="c"), exit="semihosting")
    assert machine.call("sums_row", limit_instructions=LIMIT, given=bytes(range(24)))[0] == sum(range(24))


BAD = [
    ("silent", "printed nothing", "print by `exit: tohost`"),
    ("garbage", "printed nothing of the firmware", "its last words: lorem ipsum"),
    ("flood", "prints without end", "Switch it off"),
    ("hangs", "didn't end within 1 s", "told nothing"),
    ("crashes", "was killed by SIGSEGV", "told nothing: does it begin at reset"),
    ("wrong", "ended with status 7, not 0", "is `status` in the recipe"),
    ("uncounted", "printed no number of instructions", "nothing matches"),
    ("constant", "counts no more instructions than one without", "a whole run"),
    ("damages", "wrong checksum", "into the firmware's lines"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("mood", "what", "hint"), BAD)
def test_a_simulator_in_a_bad_mood_is_named(opened: Open, mood: str, what: str, hint: str) -> None:
    """In a line, and in another what to do."""
    machine = opened([*HTIF, mood], counts=COUNTED, call_s=1.0 if mood == "hangs" else 20.0)
    with pytest.raises((RunError, Timeout)) as caught:
        machine.call("model_setup", limit_instructions=LIMIT)
        machine.read("model_arena", 4)
    assert what in caught.value.what and hint in caught.value.hint and caught.value.where.startswith("model_")


FAULTS_TOLD = [
    ("undefined", "undefined instruction"),
    ("loops_for_ever", "didn't end within 1 s"),
    ("fills_its_stack", "stack overflow"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "what"), FAULTS_TOLD)
@pytest.mark.parametrize(("command", "cpu"), [(ARM, "cortex-m4"), (SEMIHOSTING, "rv32imac")])
def test_a_fault_of_the_firmware_is_named(opened: Open, command: list[str], cpu: str, name: str, what: str) -> None:
    """With function and address."""
    machine = opened(command, cpu, exit="semihosting", call_s=1.0)
    with pytest.raises((RunError, Timeout)) as caught:
        machine.call(name, limit_instructions=LIMIT)
    assert what in caught.value.what
    assert name in caught.value.where


@pytest.mark.slow
@pytest.mark.parametrize("toolchain", ["zig", "gcc"])
@pytest.mark.parametrize("cpu", ["cortex-m0plus", "cortex-m4", "rv32imc"])
def test_its_main_compiles_without_a_warning(tmp_path: Path, cpu: str, toolchain: str) -> None:
    """By the flags of its recipe, of which one makes errors of warnings."""
    flags = yaml.safe_load((SOURCES / "runtime.yaml").read_text())["flags"]
    made = Bench(tmp_path, cpu, toolchain, ("-O3", *flags))
    assert len(list(made.compile(own_main(made.isa)).rglob("*.o"))) == 4


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    """A simulator that isn't there; a processor without such a main, or without the counter."""
    target = {"isa": "thumb", "cpu": "cortex-m4", "machine": {"command": ["spike-of-nobody", "{elf}"]}}
    for changed, what in (
        ({"isa": "xtensa"}, "no firmware of cortex-m4 runs by itself"),
        ({"machine": {}}, "nothing says which simulator"),
        ({"machine": {**target["machine"], "counts": {"instructions": "minstret"}}}, "no counter minstret"),
    ):
        with pytest.raises(UsageError, match=what):
            capabilities({**target, **changed})
    with pytest.raises(ToolError, match="spike-of-nobody: No such file"):
        run(["spike-of-nobody"], {}, tmp_path, 1.0)
