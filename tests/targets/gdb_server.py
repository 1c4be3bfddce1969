"""A GDB server of our own, with a Cortex-M4 of Unicorn's behind it: flash to be erased, a counter of cycles, moods."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable

from unicorn import UC_ARCH_ARM, UC_HOOK_CODE, UC_MODE_THUMB, Uc, UcError
from unicorn.arm_const import UC_ARM_REG_R0, UC_CPU_ARM_CORTEX_M4

from tinyflow.targets.packets import ACKNOWLEDGED, framed, take, without_escapes

_FLASH, _RAM, _BLOCK = (0x08000000, 1 << 20), (0x20000000, 1 << 17), 16 << 10
_ID, _ID_ADDRESS = 0x10006463, 0xE0042000
_CYCCNT = 0xE0001004
_NAMES = [*(f"r{number}" for number in range(13)), "sp", "lr", "pc", "xPSR"]
_TARGET = "<target>" + "".join(f'<reg name="{name}" bitsize="32"/>' for name in _NAMES) + "</target>"
_MAP = (
    f'<memory-map><memory type="flash" start="{_FLASH[0]:#x}" length="{_FLASH[1]:#x}">'
    f'<property name="blocksize">{_BLOCK:#x}</property></memory>'
    f'<memory type="ram" start="{_RAM[0]:#x}" length="{_RAM[1]:#x}"></memory></memory-map>'
)


class Server:
    """It serves one client after another on `port`. `mood`: protected, silent, garbage, gone, eager, or none.

    `cycles`: instructions of a run → what its counter shows of them; `breakpoints`: how many it has.
    """

    def __init__(
        self, mood: str = "", cycles: Callable[[int], int] = lambda count: 2 * count, breakpoints: int = 6
    ) -> None:
        self.mood = mood
        self.most_breakpoints = breakpoints
        self.packet_bytes = 0  # where it says so
        self.longest = 0
        self.erased: list[tuple[int, int]] = []
        self.resets = 0
        self._cycles = cycles
        self._breakpoints: set[int] = set()
        self._engine = Uc(UC_ARCH_ARM, UC_MODE_THUMB)
        self._engine.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M4)
        for begin, size in (_FLASH, _RAM, (0xE0000000, 1 << 20)):
            self._engine.mem_map(begin, size)
        self._engine.mem_write(_FLASH[0], b"\x55" * _FLASH[1])
        self._engine.mem_write(_ID_ADDRESS, _ID.to_bytes(4, "little"))
        self._engine.hook_add(UC_HOOK_CODE, self._step)
        self._count = 0
        self._answers: dict[str, Callable[[str], str]] = {
            **{"vFlashErase:": self._erase, "vFlashDone": lambda _: "OK", "vCont;c": lambda _: self._run()},
            "vCont;s": lambda _: self._run(1),
            **{"q": self._query, "m": self._read, "M": self._write, "p": self._get, "P": self._set},
            **{"Z": self._break, "z": self._unbreak, "?": lambda _: "T05thread:01;", "D": lambda _: "OK"},
        }
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            with client:
                self._talk(client)

    def _talk(self, client: socket.socket) -> None:
        buffer = b""
        if self.mood == "eager":  # as QEMU is
            client.sendall(framed(b"T02thread:01;"))
        while True:
            packet, buffer = take(buffer)
            if packet is None:
                more = client.recv(1 << 16)
                if not more:
                    return
                buffer += more
                continue
            self.longest = max(self.longest, len(packet))
            if self.mood != "silent":
                if self.mood == "gone" and packet.startswith(b"vCont;c"):
                    return
                answer = b"\xc3\x28?" if self.mood == "garbage" else self._answer(without_escapes(packet))
                wrong = b"+$%b#%02x" % (answer, (sum(answer) + 1) % 256)
                client.sendall(wrong if self.mood == "garbage" else ACKNOWLEDGED + framed(answer))

    def _answer(self, packet: bytes) -> bytes:
        if packet.startswith(b"vFlashWrite:"):
            place, data = packet[12:].split(b":", 1)
            begin = int(place, 16)
            old = self._engine.mem_read(begin, len(data))
            self._engine.mem_write(begin, bytes(x & y for x, y in zip(old, data, strict=True)))
            return b"OK"
        text = packet.decode("latin-1")
        for start, answer in self._answers.items():
            if text.startswith(start):
                return answer(text[len(start) :]).encode()
        return b""

    def _erase(self, rest: str) -> str:
        begin, size = (int(number, 16) for number in rest.split(","))
        if self.mood == "protected" or begin % _BLOCK or size % _BLOCK:
            return "E01"
        self.erased.append((begin, size))
        self._engine.mem_write(begin, b"\xff" * size)
        return "OK"

    def _query(self, rest: str) -> str:
        if rest.startswith("Supported"):
            return f"PacketSize={self.packet_bytes:x};qXfer:features:read+" if self.packet_bytes else ""
        if rest.startswith("Rcmd,"):
            self.resets += bytes.fromhex(rest[5:]) == b"reset halt"
            return "OK"
        found = re.fullmatch(r"Xfer:(features|memory-map):read:[^:]*:(\w+),(\w+)", rest)
        if found is None:
            return ""
        document = {"features": _TARGET, "memory-map": _MAP}[found[1]][int(found[2], 16) :]
        return ("m" if len(document) > 100 else "l") + document[:100]

    def _read(self, rest: str) -> str:
        begin, size = (int(number, 16) for number in rest.split(","))
        try:
            return bytes(self._engine.mem_read(begin, size)).hex()
        except UcError:
            return "E14"

    def _register(self, number: int) -> int:
        from unicorn import arm_const

        name = _NAMES[number].upper()
        return int(getattr(arm_const, f"UC_ARM_REG_{name}")) if number > 12 else UC_ARM_REG_R0 + number

    def _get(self, rest: str) -> str:
        return int(self._engine.reg_read(self._register(int(rest, 16)))).to_bytes(4, "little").hex()

    def _set(self, rest: str) -> str:
        number, _, value = rest.partition("=")
        self._engine.reg_write(self._register(int(number, 16)), int.from_bytes(bytes.fromhex(value), "little"))
        return "OK"

    def _break(self, rest: str) -> str:
        wanted = self._breakpoints | {int(rest.split(",")[1], 16)}
        if len(wanted) > self.most_breakpoints:
            return "E0E"
        self._breakpoints = wanted
        return "OK"

    def _unbreak(self, rest: str) -> str:
        self._breakpoints.discard(int(rest.split(",")[1], 16))
        return "OK"

    def _write(self, rest: str) -> str:
        place, data = rest.split(":")
        begin = int(place.split(",")[0], 16)
        if _FLASH[0] <= begin < sum(_FLASH):
            return "E14"
        try:
            self._engine.mem_write(begin, bytes.fromhex(data))
        except UcError:
            return "E14"
        return "OK"

    def _step(self, engine: Uc, address: int, _size: int, _data: object) -> None:
        if address in self._breakpoints:
            engine.emu_stop()
            return
        self._count += 1

    def _run(self, most: int = 50_000_000) -> str:
        """Until a breakpoint, and be it that at the first instruction; the counter shows what it cost."""
        self._count = 0
        before = int.from_bytes(self._engine.mem_read(_CYCCNT, 4), "little")
        self._engine.emu_start(int(self._engine.reg_read(self._register(15))) | 1, 0xFFFFFFFE, count=most)
        after = (before + self._cycles(self._count)) % (1 << 32)
        self._engine.mem_write(_CYCCNT, after.to_bytes(4, "little"))
        return "T05thread:01;"
