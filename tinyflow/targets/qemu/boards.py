"""The boards of QEMU that have the processors of our targets: how to start them, what a probe sets up before reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.targets.chip import AARCH64, ARM, RISCV, THUMB, XTENSA, InstructionSet
from tinyflow.targets.remote import Remote

# Where no board has memory, as at RETURN_ADDRESS. A breakpoint stops before a fetch.
TRAP_ADDRESS = 0x9FFFE000

# mps3-an547: the first bytes of DTCM, which the target leaves to the probe: an instruction, a vector table.
_PROBE_RAM = 0x20000000
_STORE = bytes.fromhex("0160")  # str r1, [r0]
_PROBE_VECTORS = _PROBE_RAM + 0x400
_VECTORS = 16
# Armv8-M Architecture Reference Manual (DDI 0553), D1.2: addresses of system registers.
_VTOR = 0xE000ED08
_MPU_CTRL, _MPU_RNR, _MPU_RBAR, _MPU_RLAR, _MPU_MAIR0 = 0xE000ED94, 0xE000ED98, 0xE000ED9C, 0xE000EDA0, 0xE000EDC0
_EXECUTE_NEVER, _READ_WRITE, _READ_ONLY = 1, 1 << 1, 3 << 1  # of MPU_RBAR
_NORMAL_MEMORY = 0x44  # an attribute of MPU_MAIR0: not cached

# RISC-V Privileged ISA, 3.7: physical memory protection.
_TOP_OF_RANGE, _LOCKED, _PMP_READ, _PMP_WRITE, _PMP_EXECUTE = 1 << 3, 1 << 7, 1, 2, 4
_NATURAL_POWER_OF_TWO = 3 << 3


# Where QEMU's core de233_fpu has registers in the answer to `g`. The Call0 ABI never leaves the window of a0 to a15.
_XTENSA_SPECIAL = {"pc": 0, "ps": 164, "epc1": 404, "exccause": 512, "excvaddr": 536}
_XTENSA_REGISTERS = {**_XTENSA_SPECIAL, "sp": 564, **{f"a{number}": 560 + 4 * number for number in range(16)}}
# Its vectors after reset: exceptions of the kernel and of users, and those within one.
_XTENSA_TRAPS = (0x2300, 0x2340, 0x23C0)


# DDI 0406, B1.8.1: undefined, supervisor call, prefetch abort, data abort; DDI 0487, D1.10.2: synchronous, SP_ELx.
_ARM_TRAPS, _AARCH64_TRAPS = (0x04, 0x08, 0x0C, 0x10), (0x200,)


@dataclass(frozen=True)
class Board:
    """One board."""

    program: str  # QEMU's, and the Debian package that it is in
    package: str
    options: tuple[str, ...]
    instruction_set: InstructionSet
    has_probe_ram: bool = False  # Arm: whether the probe may set up vectors and MPU
    registers: Mapping[str, int] = field(default_factory=dict)  # where QEMU describes none: their places, see `Remote`
    traps: tuple[int, ...] = (TRAP_ADDRESS,)  # where exceptions lead
    is_protected: bool = True  # whether every access outside of the memory map is an exception
    is_user: bool = False  # not a board but Linux: QEMU loads the program itself

    @property
    def package_hint(self) -> str:
        """What to type where the program is missing."""
        return f"apt install {self.package} (Debian and Ubuntu; versions 6 to 8)"


# by instruction set, QEMU's program for programs of Linux
_USERS = {"arm": "qemu-arm", "aarch64": "qemu-aarch64", "riscv": "qemu-riscv64"}
_USER_PACKAGE = "qemu-user"
# by instruction set, as far as no recipe says otherwise
_BOARDS = {
    "thumb": Board("qemu-system-arm", "qemu-system-arm", (), THUMB),
    "arm": Board("qemu-system-arm", "qemu-system-arm", (), ARM, traps=_ARM_TRAPS, is_protected=False),
    "aarch64": Board("qemu-system-aarch64", "qemu-system-arm", (), AARCH64, traps=_AARCH64_TRAPS, is_protected=False),
    "riscv": Board("qemu-system-riscv32", "qemu-system-misc", (), RISCV),
    "xtensa": Board(
        "qemu-system-xtensa", "qemu-system-misc", (), XTENSA, False, _XTENSA_REGISTERS, _XTENSA_TRAPS, False
    ),
}


def board(target: Mapping[str, Any]) -> Board:
    """The board by the words that the recipes of target and processor have for QEMU: see `Qemu` of the schema.

    Raises UsageError where they name none: no machine for Arm, no CPU for RISC-V.
    """
    words = target.get("machine", {})
    if words.get("user"):
        return _user(target, words)
    machine, cpu = words.get("machine"), words.get("cpu")
    if not (machine or cpu):
        hint = "its recipe says `simulators: {qemu: {machine: …}}` where there is one"
        raise UsageError(f"no board of QEMU for {target['cpu']}", hint=hint)
    options = [word for name, word in (("-M", machine), ("-cpu", cpu)) if word for word in (name, word)]
    made = _BOARDS[target["isa"]]
    if made.instruction_set is RISCV:
        # twice what memory is enlarged to, for what doesn't fit or is tuned
        options = [*(() if machine else ("-M", "virt", "-m", "128M")), "-bios", "none", *options]
        made = replace(made, program=f"qemu-system-riscv{(cpu or 'rv32')[2:4]}")
    own = {name: words[name] for name in ("program", "package", "has_probe_ram") if name in words}
    return replace(made, options=(*options, *words.get("options", ())), **own)


def _user(target: Mapping[str, Any], words: Mapping[str, Any]) -> Board:
    """Linux with one program. Raises UsageError for a processor that has none."""
    cpu = words.get("cpu")
    if target["isa"] not in _USERS:
        raise UsageError(f"no program for Linux runs on {target['cpu']}", hint=f"one on {', '.join(_USERS)} does")
    return replace(
        _BOARDS[target["isa"]],
        program=words.get("program") or _USERS[target["isa"]],
        package=words.get("package") or _USER_PACKAGE,
        options=(*(("-cpu", cpu) if cpu else ()), *words.get("options", ())),
        traps=(),
        is_protected=False,
        is_user=True,
    )


def catch_traps(remote: Remote, made: Board, memory: list[dict[str, Any]]) -> None:
    """Let every exception lead to TRAP_ADDRESS, and make every access outside the memory map one.

    It needs the start-up code to be done, which sets a vector of its own. Linux does all that itself.
    """
    if made.is_user:
        return
    if made.instruction_set.is_riscv:
        _protect_riscv(remote, memory)
        remote.set("mtvec", TRAP_ADDRESS)
    elif made.has_probe_ram:
        vectors = [0, *[TRAP_ADDRESS | 1] * (_VECTORS - 1)]
        remote.write(_PROBE_VECTORS, b"".join(vector.to_bytes(4, "little") for vector in vectors))
        remote.write(_PROBE_RAM, _STORE)
        for address, value in ((_VTOR, _PROBE_VECTORS), *_protection_arm(memory)):
            _store(remote, address, value)


def _protection_arm(memory: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """What to write to the MPU's registers: regions for flash and RAM, nothing for all the rest."""
    writes = [(_MPU_MAIR0, _NORMAL_MEMORY)]
    for number, region in enumerate(memory):
        access = _READ_ONLY if region["kind"] == "flash" else _READ_WRITE | _EXECUTE_NEVER
        last = (region["origin"] + region["length_bytes"] - 1) & ~31
        writes += [(_MPU_RNR, number), (_MPU_RBAR, region["origin"] | access), (_MPU_RLAR, last | 1)]
    return [*writes, (_MPU_CTRL, 1)]


def _store(remote: Remote, address: int, value: int) -> None:
    """Write a system register by an instruction: what the GDB stub writes reaches memory only."""
    for name, content in (("r0", address), ("r1", value), ("pc", _PROBE_RAM)):
        remote.set(name, content)
    remote.step()


def _protect_riscv(remote: Remote, memory: list[dict[str, Any]]) -> None:
    """Two entries for a region, of which the first only marks its beginning; the last entry locks all the rest."""
    settings, entry = 0, 0
    for region in memory:
        access = _PMP_READ | (_PMP_EXECUTE if region["kind"] == "flash" else _PMP_WRITE)
        remote.set(f"pmpaddr{entry}", region["origin"] >> 2)
        remote.set(f"pmpaddr{entry + 1}", region["origin"] + region["length_bytes"] >> 2)
        settings |= (_LOCKED | _TOP_OF_RANGE | access) << 8 * (entry + 1)
        entry += 2
    remote.set(f"pmpaddr{entry}", (1 << 32) - 1)
    settings |= (_LOCKED | _NATURAL_POWER_OF_TWO) << 8 * entry
    per_register = remote.size("pmpcfg0")
    for number in reversed(range(-(-(entry + 1) // per_register))):
        part = settings >> 8 * per_register * number & (1 << 8 * per_register) - 1
        remote.set(f"pmpcfg{number * per_register // 4}", part)  # RV64 has those with even numbers
