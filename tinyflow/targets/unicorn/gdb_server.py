"""What answers a debugger about the built-in simulator: registers, memory, breakpoints, watchpoints, steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tinyflow.targets.chip import Chip
from tinyflow.targets.gdb_port import STOPPED, End, Tell
from tinyflow.targets.unicorn.processor import Processor

_PACKET_BYTES = 16384
_INTERRUPTED, _FAULT = b"S02", b"S0b"  # SIGINT, SIGSEGV
_REFUSED = b"E01"
_WIDEST_ACCESS_BYTES = 16
_IT_BITS = 0x0600FC00  # Armv7-A/R ARM, B1.3.3: ITSTATE in CPSR
# In the order of gdb's own descriptions (gdb/features/arm/arm-m-profile.xml, riscv/32bit-cpu.xml).
_THUMB = ("arm", "org.gnu.gdb.arm.m-profile", (*(f"r{n}" for n in range(13)), "sp", "lr", "pc", "xpsr"))
_ARGUMENTS, _SAVED = (f"a{n}" for n in range(8)), (f"s{n}" for n in range(2, 12))
_X = ("zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "fp", "s1", *_ARGUMENTS, *_SAVED, "t3", "t4", "t5", "t6")
_RISCV = ("riscv:rv32", "org.gnu.gdb.riscv.cpu", (*_X, "pc"))
_TYPES = {"sp": "data_ptr", "pc": "code_ptr"}
_READS, _WRITES = (3, 4), (2, 4)  # kinds of `Z`: watchpoints for reads, writes, both


class Answers:
    """See `gdb_port.Stub`. The call is about to begin, and goes on when asked to."""

    def __init__(
        self,
        engine: Any,
        chip: Chip,
        processor: Processor,
        begin: Callable[[], None],
        end: Callable[[bool], End | None],
    ) -> None:
        """`begin` is called before each run, and `end` tells what has become of the call, from whether that failed."""
        self._engine, self._chip, self._processor = engine, chip, processor
        self._begin, self._end = begin, end
        architecture, feature, self._registers = _RISCV if chip.instruction_set.is_riscv else _THUMB
        lines = "".join(
            f'<reg name="{name}" bitsize="32" type="{_TYPES.get(name, "int")}"/>' for name in self._registers
        )
        head = '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">'
        self._description = (
            f"{head}<target><architecture>{architecture}</architecture>"
            f'<feature name="{feature}">{lines}</feature></target>'
        )
        self._breakpoints: set[int] = set()
        self._looked_at: set[int] = set()  # addresses that have a hook, with a breakpoint or not
        self._watched: dict[tuple[int, int, int], int] = {}  # kind, address, size → the hook
        self._start = 0  # where a run begins, whatever breakpoint is there
        self._is_wanted = self._has_failed = self._is_watching = False  # `wanted`: to stop
        self._is_stepping: bool | None = None  # in the last run
        self._seen = b""  # the watchpoint that stopped it
        self._answers: dict[str, Callable[[str], str]] = {
            "qSupported": lambda _: f"PacketSize={_PACKET_BYTES:x};qXfer:features:read+;hwbreak-;swbreak-",
            "qXfer:features:read:target.xml:": self._describe,
            **{"qAttached": lambda _: "1", "qC": lambda _: "QC1"},
            **{"qfThreadInfo": lambda _: "m1", "qsThreadInfo": lambda _: "l"},
            **{"vCont?": lambda _: "vCont;c;C;s;S", "H": lambda _: "OK", "T": lambda _: "OK", "!": lambda _: "OK"},
            **{"g": self._get_all, "G": self._set_all, "p": self._get, "P": self._set},
            **{"m": self._read, "M": self._write, "Z": self._add, "z": self._remove},
        }

    def answer(self, packet: bytes, tell: Tell) -> bytes:  # noqa: ARG002 (nothing is printed)
        """See `Stub`."""
        text = packet.decode("latin-1")
        for start, answer in self._answers.items():
            if text.startswith(start):
                try:
                    return answer(text[len(start) :]).encode()
                except (ValueError, IndexError):  # numbers that are none, a register that there isn't
                    return _REFUSED
        return b""

    def go(self, packet: bytes, tell: Tell, *, is_step: bool) -> bytes:  # noqa: ARG002 (likewise)
        """See `Stub`."""
        self._is_wanted, self._seen = False, b""
        self._run(is_step)
        if self._seen:
            told, self._seen = self._seen, b""
            self._run(is_step=True)  # a debugger looks at what was written
            return told
        end = self._end(self._has_failed)
        if end is not None and end.packet[:1] == b"X":
            return _FAULT
        return _INTERRUPTED if self._is_wanted else STOPPED

    def interrupt(self) -> None:
        """See `Stub`."""
        self._is_wanted = True
        self._engine.emu_stop()

    def end(self) -> End | None:
        """See `Stub`."""
        return self._end(self._has_failed)

    def _run(self, is_step: bool) -> None:
        from unicorn import UcError

        self._begin()
        self._has_failed = False
        self._start, self._is_watching = self._chip.get("pc"), not self._seen and not is_step
        if is_step != self._is_stepping:
            self._engine.ctl_flush_tb()  # code that was translated to run doesn't count its instructions
            self._is_stepping = is_step
        begin = self._start | self._chip.instruction_set.code_bit
        try:
            self._engine.emu_start(begin, self._chip.return_address, count=1 if is_step else 0)
        except UcError:
            self._has_failed = True

    # Registers

    def _describe(self, rest: str) -> str:
        begin, size = (int(number, 16) for number in rest.split(","))
        piece = self._description[begin : begin + size]
        return ("m" if begin + size < len(self._description) else "l") + piece

    def _get(self, rest: str) -> str:
        return self._value(self._registers[int(rest, 16)])

    def _value(self, name: str) -> str:
        return (self._chip.get(name) & 0xFFFFFFFF).to_bytes(4, "little").hex()

    def _get_all(self, _: str) -> str:
        return "".join(map(self._value, self._registers))

    def _set(self, rest: str) -> str:
        number, value = rest.split("=")
        return self._put(self._registers[int(number, 16)], value)

    def _set_all(self, rest: str) -> str:
        for index, name in enumerate(self._registers):
            self._put(name, rest[8 * index : 8 * index + 8])
        return "OK"

    def _put(self, name: str, value: str) -> str:
        number = int.from_bytes(bytes.fromhex(value), "little")
        self._chip.set(name, number | (self._chip.instruction_set.code_bit if name == "pc" else 0))
        return "OK"

    # Memory

    def _read(self, rest: str) -> str:
        begin, size = (int(number, 16) for number in rest.split(","))
        data = self._chip.peek(begin, min(size, _PACKET_BYTES // 2))
        return data.hex() or _REFUSED.decode()

    def _write(self, rest: str) -> str:
        place, data = rest.split(":")
        return "OK" if self._chip.poke(int(place.split(",")[0], 16), bytes.fromhex(data)) else _REFUSED.decode()

    # Stops

    def _add(self, rest: str) -> str:
        from unicorn import UC_HOOK_CODE, UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE

        kind, address, size = _place(rest)
        if kind < min(*_READS, *_WRITES):
            self._breakpoints.add(address)
            if address not in self._looked_at:
                self._looked_at.add(address)
                self._engine.hook_add(UC_HOOK_CODE, self._at, begin=address, end=address)
        elif (kind, address, size) not in self._watched:
            kinds = UC_HOOK_MEM_READ * (kind in _READS) | UC_HOOK_MEM_WRITE * (kind in _WRITES)
            words = ("watch", "rwatch", "awatch")[kind - 2]
            told = f"T05{words}:{address:x};".encode()

            def look(_engine: Any, _kind: int, first: int, length: int, _value: int, _: object) -> None:
                self._accessed(first < address + size and address < first + length, told)

            first = max(address - _WIDEST_ACCESS_BYTES + 1, 0)
            hook = self._engine.hook_add(kinds, look, begin=first, end=address + size - 1)
            self._watched[kind, address, size] = hook
        self._engine.ctl_flush_tb()  # code that was translated before would not call the new hook
        return "OK"

    def _remove(self, rest: str) -> str:
        kind, address, size = _place(rest)
        self._breakpoints.discard(address) if kind < min(*_READS, *_WRITES) else None
        hook = self._watched.pop((kind, address, size), None)
        if hook is not None:
            self._engine.hook_del(hook)
            self._engine.ctl_flush_tb()
        return "OK"

    def _at(self, engine: Any, address: int, _size: int, _: object) -> None:
        is_first, self._start = address == self._start, 0
        if address in self._breakpoints and not is_first:
            engine.emu_stop()

    def _accessed(self, is_watched: bool, told: bytes) -> None:
        if is_watched and self._is_watching:
            self._seen = told
            self._engine.emu_stop()
        elif not self._chip.instruction_set.is_riscv:  # see it_block.h
            flags = self._chip.get("cpsr")
            if flags & _IT_BITS:
                self._chip.set("cpsr", flags & ~_IT_BITS)


def _place(rest: str) -> tuple[int, int, int]:
    """Kind, address and size of `Z` or `z`. Raises ValueError for none."""
    found = re.fullmatch(r"([0-4]),(\w+),(\w+)", rest.partition(";")[0])
    if found is None:
        raise ValueError(rest)
    return int(found[1]), int(found[2], 16), int(found[3], 16)
