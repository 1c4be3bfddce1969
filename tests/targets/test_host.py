"""Firmware on this machine: its crashes are its own, its counts are those of its code."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import kept
import pytest
from small_firmware import Bench

from tinyflow.core.errors import RunError, Timeout
from tinyflow.targets.host import Host, capabilities
from tinyflow.targets.protocol import open_machine

LIMIT = 10_000_000
MODEL = """
#include <stdint.h>
int8_t model_arena[64];
int model_setup(void) { return -7; }
int model_invoke(void) { model_arena[1] = (int8_t)(model_arena[0] + 1); return 0; }
int model_null(void) { return *(volatile int *)0; }
int model_trap(void) { __builtin_trap(); }
int model_loop(void) { for (;;) { __asm volatile(""); } }
static const volatile int constant = 1;
volatile uintptr_t model_nowhere = 16;
volatile int model_zero;
int model_writes(void) { *(volatile int *)model_nowhere = 1; return 0; }
int model_constant(void) { *(volatile int *)(uintptr_t)&constant = 2; return 0; }
int model_jumps(void) { ((void (*)(void))model_nowhere)(); return model_zero; }
int model_divides(void) { return 7 / model_zero; }
int model_wild(void) { return *(volatile int *)(uintptr_t)0x8000000000000000; }
__attribute__((noinline)) int model_deeper(volatile int *at) {
  volatile int here[64];
  here[0] = at ? at[0] : 0;
  return model_deeper(here) + here[0];
}
int model_recursion(void) { return model_deeper(0); }
/* Layers: `work` is called by `model_dispatch` and by itself, and as the last thing by a jump. */
__attribute__((noinline)) int model_work(int number) {
  if (number == model_arena[2]) {
    if (model_arena[3]) for (;;) { __asm volatile(""); }
    __builtin_trap();
  }
  return number < 100 ? model_arena[4 + number] : model_zero;
}
__attribute__((noinline)) int model_other(int number) { return model_work(number + 100) + model_zero; }
__attribute__((noinline)) int model_dispatch(void) {
  int sum = model_zero;
  for (int i = 1; i <= 3; i++) sum += model_work(i);
  sum += model_other(1);
  model_arena[60] = (int8_t)sum;
  return model_work(4);
}
int model_layers(void) { return model_dispatch() + model_zero; }
__asm(".globl model_counted\\n.type model_counted, %function\\nmodel_counted:\\n"
#if defined(__x86_64__)
      "mov $1000, %ecx\\n1: dec %ecx\\njnz 1b\\nxor %eax, %eax\\nret\\n"
#else
      "mov w1, #1000\\n1: subs w1, w1, #1\\nb.ne 1b\\nmov w0, #0\\nret\\n"
#endif
      ".size model_counted, . - model_counted\\n");
int model_counted(void);
int model_keeps_counted(void) { return model_counted(); }
"""


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shared object with one function for every ending."""
    return Bench(tmp_path_factory.mktemp("host"), cpu="host").link({"model.c": MODEL})["firmware.elf"]


@pytest.fixture
def host(firmware: Path) -> Iterator[Host]:
    """The firmware, loaded, as the run stage opens it."""
    machine = open_machine({"name": "host", "implementation": "tinyflow.targets.host"}, {})
    assert isinstance(machine, Host)
    machine.load(firmware)
    yield machine
    machine.close()


def test_memory_and_calls(host: Host) -> None:
    """Writes are seen by the firmware, its writes are read back, and its status is signed."""
    host.write("model_arena", b"\x29")
    status, counters = host.call("model_invoke", limit_instructions=LIMIT)
    assert (status, host.read("model_arena+0", 2)) == (0, b"\x29\x2a")
    assert counters.wall_s > 0
    assert counters.instructions is None
    assert host.call("model_setup", limit_instructions=LIMIT)[0] == -7


def test_unknown_symbol_is_refused(host: Host) -> None:
    """A name that the firmware hasn't is an error, and the firmware goes on."""
    for ask in (lambda: host.read("nobody", 1), lambda: host.call("nobody", limit_instructions=LIMIT)):
        with pytest.raises(RunError, match="the firmware has no symbol nobody"):
            ask()
    assert host.call("model_invoke", limit_instructions=LIMIT)[0] == 0


@pytest.fixture(scope="module")
def faults() -> Path:
    """host_faults.so, built by its stage."""
    return kept.path(capabilities({"cpu": "host"}).inputs["host_faults.so"])


@pytest.fixture
def watched(firmware: Path, faults: Path) -> Iterator[Host]:
    """The firmware, with what tells where it faults, as the run stage opens it."""
    machine = open_machine({"name": "host", "implementation": "tinyflow.targets.host"}, {"host_faults.so": faults})
    assert isinstance(machine, Host)
    machine.load(firmware)
    yield machine
    machine.close()


on_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="breakpoints and kinds of access are for x86-64")


@on_x86
@pytest.mark.parametrize(
    ("function", "place", "told"),
    [
        ("model_null", "", "reads 0x00000000, where there is no memory"),
        ("model_writes", "", "writes 0x00000010, where there is no memory"),
        ("model_constant", "", r"writes 0x[0-9a-f]{8}, which is flash"),
        ("model_jumps", "", "jumps to 0x00000010, where there is no code"),
        ("model_trap", "", "undefined instruction 0f0b.*"),
        ("model_divides", "", "divides by zero, or the quotient doesn't fit"),
        ("model_wild", "", "accesses an address that no memory can have"),
        ("model_recursion", "model_deeper", "stack overflow: its 8388608 bytes are used up"),
    ],
)
@pytest.mark.every(2)
def test_a_fault_is_named_as_on_the_simulators(function: str, place: str, told: str, watched: Host) -> None:
    """Function, address and cause; the same words in every run, wherever the firmware was loaded."""
    with pytest.raises(RunError) as caught:
        watched.call(function, limit_instructions=LIMIT)
    assert re.fullmatch(rf"{place or function}\+0x[0-9a-f]+ \(0x[0-9a-f]{{8}}\)", caught.value.where)
    assert re.fullmatch(f"{told}, in a call of {function}", caught.value.what)
    assert caught.value.hint


@on_x86
@pytest.mark.parametrize(("number", "begun"), [(1, 1), (3, 3), (101, 4), (4, 5)])
@pytest.mark.every(2)
def test_the_calls_of_a_dispatcher_are_counted(number: int, begun: int, watched: Host) -> None:
    """By another process with breakpoints: those of others aren't, a jump as the last thing is."""
    watched.call("model_setup", limit_instructions=LIMIT)
    watched.write("model_arena+2", bytes([number, 0]))
    with pytest.raises(RunError, match="undefined instruction"):
        watched.call("model_layers", limit_instructions=LIMIT)
    assert watched.calls_begun("model_dispatch", {"model_work", "model_other"}) == begun


@on_x86
@pytest.mark.slow
def test_a_loop_without_end_is_named(watched: Host) -> None:
    """With the function that doesn't end, and the call that it is in."""
    watched.write("model_arena+2", bytes([2, 1]))
    with pytest.raises(Timeout, match=r"model_layers didn't return within 2\.5 s") as caught:
        watched.call("model_layers", limit_instructions=LIMIT)
    assert caught.value.where.startswith("model_work+0x")
    assert watched.calls_begun("model_dispatch", {"model_work", "model_other"}) == 2


@pytest.mark.parametrize(("function", "name"), [("model_null", "SIGSEGV"), ("model_trap", "SIG(ILL|TRAP)")])
def test_crash_names_the_signal(function: str, name: str, host: Host) -> None:
    """A crash ends the firmware's process, not ours, and the error names function and signal."""
    with pytest.raises(RunError, match=f"{function}: the firmware's process was killed by {name} in call"):
        host.call(function, limit_instructions=LIMIT)


@pytest.mark.slow
def test_loop_without_end_times_out(host: Host) -> None:
    """The limit of instructions becomes one of time."""
    with pytest.raises(Timeout, match=r"model_loop: call took more than 2\.5 s"):
        host.call("model_loop", limit_instructions=LIMIT)


def test_firmware_of_a_chip_is_refused(tmp_path: Path) -> None:
    """A file that this machine can't load is named as such."""
    path = tmp_path / "firmware.elf"
    path.write_bytes(b"\x7fELF nonsense")
    machine = Host()
    with pytest.raises(RunError, match="firmware: can't be loaded"):
        machine.load(path)
    machine.close()


@pytest.mark.slow
def test_counts_by_hand(host: Host, firmware: Path) -> None:
    """Valgrind's count of a loop in assembly is what one can count by hand, call for call."""
    twin = host.counting_twin("model_counted")
    if twin is None:
        assert shutil.which("valgrind") is None
        pytest.skip("valgrind is not installed")
    twin.load(firmware)
    twin.call("model_setup", limit_instructions=LIMIT)
    counts = [twin.call("model_counted", limit_instructions=LIMIT)[1].instructions for _ in range(2)]
    twin.close()
    assert counts == [2003, 2003]
