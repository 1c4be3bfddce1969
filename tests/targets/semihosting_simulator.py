"""A simulator with a console by semihosting at a TCP port, as OpenOCD's: a Cortex-M4 on Unicorn, whose DWT counts.

`python semihosting_simulator.py ELF PORT`. It counts two cycles for each instruction. QEMU before 8.0 doesn't do here:
it answers SYS_READC with the byte before.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import unicorn as uc
from unicorn import arm_const as arm

from tinyflow.targets import elf

_WRITEC, _READC = 3, 7
_SYSTEM, _CYCCNT = 0xE0000000, 0xE0001004


def main(path: str, port: str) -> None:
    """Run it for one client, until that leaves."""
    firmware = elf.read(Path(path))
    machine = uc.Uc(uc.UC_ARCH_ARM, uc.UC_MODE_THUMB)
    machine.ctl_set_cpu_model(arm.UC_CPU_ARM_CORTEX_M4)
    for origin, size in ((0, 1 << 20), (0x20000000, 1 << 20), (_SYSTEM, 1 << 20)):
        machine.mem_map(origin, size)
    for segment in firmware.segments:
        machine.mem_write(segment.load_address, segment.data)
    with socket.create_server(("127.0.0.1", int(port))) as listening:
        client = listening.accept()[0]
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream, count = client.makefile("rwb"), 0

    def step(machine: uc.Uc, address: int, size: int, data: object) -> None:
        nonlocal count
        count += 1

    def look(machine: uc.Uc, access: int, address: int, size: int, value: int, data: object) -> None:
        machine.mem_write(_CYCCNT, (2 * count % (1 << 32)).to_bytes(4, "little"))

    def serve(machine: uc.Uc, number: int, data: object) -> None:
        operation, place = (machine.reg_read(name) for name in (arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1))
        if operation == _WRITEC:
            stream.write(bytes(machine.mem_read(place, 1)))
        elif operation == _READC:
            stream.flush()
            byte = stream.read(1)
            if not byte:
                machine.emu_stop()
                return
            machine.reg_write(arm.UC_ARM_REG_R0, byte[0])
        machine.reg_write(arm.UC_ARM_REG_PC, machine.reg_read(arm.UC_ARM_REG_PC) + 2 | 1)

    machine.hook_add(uc.UC_HOOK_CODE, step)
    machine.hook_add(uc.UC_HOOK_MEM_READ, look, begin=_CYCCNT, end=_CYCCNT)
    machine.hook_add(uc.UC_HOOK_INTR, serve)
    machine.reg_write(arm.UC_ARM_REG_SP, firmware.address("tf_stack_top"))
    machine.emu_start(firmware.entry, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
