"""Firmware on this machine: its crashes are its own, its counts are those of its code."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_firmware import Bench

from tinyflow.core.errors import RunError, Timeout
from tinyflow.targets.host import Host
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
