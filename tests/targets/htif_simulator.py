"""A simulator that runs an ELF file to its end, as Spike does: RV32 on Unicorn, HTIF, a count at the end.

`python htif_simulator.py ELF [MOOD]`; a mood is a fault of its own.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import unicorn as uc
from unicorn import riscv_const as rv

from tinyflow.targets import elf

_PAGE = 4096
_WRITE = 64


def main(path: str, mood: str = "") -> None:
    """Run it."""
    if mood == "silent":
        return
    if mood == "garbage":
        print("lorem ipsum")
        return
    if mood == "flood":
        while True:
            print("x" * 65536)
    if mood == "hangs":
        time.sleep(60)
    if mood == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    firmware = elf.read(Path(path))
    machine = uc.Uc(uc.UC_ARCH_RISCV, uc.UC_MODE_RISCV32)
    machine.ctl_set_cpu_model(rv.UC_CPU_RISCV32_SIFIVE_E31)
    for origin, size in ((0x42000000, 2 << 20), (0x3FC80000, 384 << 10)):
        machine.mem_map(origin, size)
    for segment in firmware.segments:
        machine.mem_write(segment.load_address, segment.data)
    tohost, fromhost = firmware.address("tohost"), firmware.address("fromhost")
    count, ended = 0, []

    def step(machine: uc.Uc, address: int, size: int, data: object) -> None:
        nonlocal count
        count += 1

    def word(address: int) -> int:
        return int.from_bytes(machine.mem_read(address, 4), "little")

    def written(machine: uc.Uc, access: int, address: int, size: int, value: int, data: object) -> None:
        if value & 1:
            ended.append(value >> 1)
            machine.emu_stop()
            return
        if value == 0:  # start-up clears it
            return
        kind, _, text, length = (word(value + 8 * number) for number in range(4))
        if kind == _WRITE:
            told = bytes(machine.mem_read(text, length))
            if mood == "damages":
                told = told.replace(b"@tfR00000004", b"@tfR00000004f")
            sys.stdout.buffer.write(told)
            machine.mem_write(fromhost, b"\1")

    machine.hook_add(uc.UC_HOOK_CODE, step)
    machine.hook_add(uc.UC_HOOK_MEM_WRITE, written, begin=tohost, end=tohost)
    machine.emu_start(firmware.entry, 0)
    if mood != "uncounted":
        print(f"{1 if mood == 'constant' else count:,} instructions")
    sys.stdout.flush()
    sys.exit(7 if mood == "wrong" else ended[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
