"""The simulator's counts against QEMU's, where QEMU is installed: two translators, one number."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from processors import described
from small_firmware import MODEL, ROOT, SUPPORT, Bench

from tinyflow.targets.unicorn.machine import Simulator
from tinyflow.toolchains import script, zig

PROGRAMS = Path(__file__).parent / "programs"
FUNCTIONS = ["self_loop", "conditions", "jumps_out", "table", "calls", "recursion", "copies", "straight", "wide"]
ARM = [("flash", 0x00000000, 4 << 20), ("ram", 0x20000000, 4 << 20)]
VIRT = [("flash", 0x80000000, 1 << 20), ("ram", 0x80100000, 1 << 20)]
MPS2 = ["-icount", "shift=10", "-semihosting-config", "enable=on,target=native"]
MACHINES = {
    "cortex-m3": ("qemu-system-arm", ["-M", "mps2-an385", *MPS2], ARM),
    "cortex-m4": ("qemu-system-arm", ["-M", "mps2-an386", *MPS2], ARM),
    "cortex-m7": ("qemu-system-arm", ["-M", "mps2-an500", *MPS2], ARM),
    "rv32imc": ("qemu-system-riscv32", ["-M", "virt", "-bios", "none", "-icount", "shift=0", "-serial", "stdio"], VIRT),
}
# 1024 ns an instruction, 40 ns a tick; RISC-V counts instructions itself.
TICKS_PER_INSTRUCTION = {"qemu-system-arm": 25.6, "qemu-system-riscv32": 1}


@pytest.mark.slow
@pytest.mark.parametrize("cpu", MACHINES)
def test_counts_equal_qemu(cpu: str, tmp_path: Path, block_table_library: Path) -> None:
    """The same ELF takes as many instructions here as on QEMU, function for function."""
    program, options, regions = MACHINES[cpu]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    memory = [{"name": name, "kind": name, "origin": origin, "length_bytes": size} for name, origin, size in regions]
    target = {"name": "qemu", **described(cpu), "memory": memory, "stack_bytes": 4096}
    firmware = _build(tmp_path, Bench(tmp_path, cpu=cpu), target)
    command = [program, *options, "-display", "none", "-monitor", "none", "-kernel", str(firmware)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    ticks = [int(line, 16) for line in (done.stdout + done.stderr).split()]
    nothing, *counted = (round(tick / TICKS_PER_INSTRUCTION[program]) for tick in ticks)
    machine = Simulator(target, block_table_library)
    machine.load(firmware)
    costs = {name: machine.call(name, limit_instructions=10_000_000)[1].instructions for name in FUNCTIONS}
    least = machine.call("nothing", limit_instructions=10_000_000)[1].instructions
    assert {name: count - least for name, count in costs.items()} == {
        name: count - nothing for name, count in zip(FUNCTIONS, counted, strict=True)
    }


def _build(folder: Path, bench: Bench, target: dict[str, Any]) -> Path:
    """The program with a `main` of its own, linked for QEMU's board."""
    cpu = bench.parameters["toolchain"]["cpu"]
    (folder / "model.c").write_text(MODEL)
    starts = ["start_arm.c", "memcpy_thumb.S"] if bench.isa == "thumb" else ["start_riscv.S"]
    sources = [
        *(folder / "model.c", PROGRAMS / "control_flow.c", PROGRAMS / "counts_itself.c"),
        *(SUPPORT / "src" / name for name in ("start.c", "memory.c", *starts)),
    ]
    objects = [folder / f"{source.name}.o" for source in sources]
    for source, made in zip(sources, objects, strict=True):
        _run(zig.compile_command(cpu, source, made, [SUPPORT / "include"], (), ("-O2", "-ffreestanding")))
    script_path = folder / "firmware.ld"
    script_path.write_text(script.render(ROOT / "templates" / "link" / "firmware.ld.j2", target, bench.isa))
    firmware = folder / "firmware.elf"
    _run(zig.link_command(cpu, objects, (), script_path, firmware, folder / "firmware.map"))
    return firmware


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
