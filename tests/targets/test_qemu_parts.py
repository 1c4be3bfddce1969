"""What is between QEMU and us, on processors that are written down: packets, protection, why one stopped."""

from __future__ import annotations

import os
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from processors import described, processor
from test_elf_sizes import FLASH, MEMORY, RAM
from written_chip import LINKED, TARGET, WrittenChip

from tinyflow.core.errors import RunError, Timeout
from tinyflow.recipes.schema import Target
from tinyflow.recipes.validate import validate
from tinyflow.targets.chip import RISCV, THUMB
from tinyflow.targets.qemu import boards, counter, faults
from tinyflow.targets.qemu.machine import Qemu
from tinyflow.targets.remote import Gone, Remote

MAIN = FLASH + 8
CFSR, MMFAR, BFAR = 0xE000ED28, 0xE000ED34, 0xE000ED38


def board(cpu: str) -> boards.Board:
    """The one with a processor."""
    return boards.board(described(cpu, "qemu"))


class Processor:
    """A stopped processor: its registers and its memory, and what was done to it."""

    def __init__(self, registers: dict[str, int] | None = None, memory: dict[int, bytes] | None = None) -> None:
        self.registers = {"sp": RAM + 32} | (registers or {})
        self.memory = memory or {}
        self.steps: list[tuple[int, int, int]] = []

    def get(self, name: str) -> int:
        """See `Remote`."""
        return self.registers[name]

    def set(self, name: str, value: int) -> None:
        """See `Remote`."""
        self.registers[name] = value

    def size(self, name: str) -> int:
        """RV32 unless told otherwise."""
        return self.registers.get(f"size of {name}", 4)

    def step(self) -> None:
        """Note with what the instruction was run."""
        self.steps.append((self.get("r0"), self.get("r1"), self.get("pc")))

    def write(self, address: int, data: bytes) -> bool:
        """See `Remote`."""
        self.memory[address] = data
        return True

    def read(self, address: int, size_bytes: int) -> bytes | None:
        """See `Remote`."""
        for start, data in self.memory.items():
            if start <= address < start + len(data):
                return data[address - start :][:size_bytes]
        return None


def stopped(cpu: str, remote: Processor, last: tuple[int, int]) -> WrittenChip:
    """The same as a chip."""
    return WrittenChip(board(cpu).instruction_set, remote.registers, remote.memory, last, 100)


def told(cpu: str, remote: Processor, last: tuple[int, int] = (MAIN, 8)) -> tuple[str, str]:
    """Where it stopped, and why."""
    error = faults.explain(stopped(cpu, remote, last), "f")
    assert error.hint
    return str(error.where).partition(" ")[0], error.what.removesuffix(" instructions into f")


def arm(status: int, address: int = 0, code: bytes = bytes(8), **registers: int) -> Processor:
    """An Armv8-M with an exception frame: it is at the third of four short instructions of `main`."""
    memory = {
        CFSR: status.to_bytes(4, "little"),
        **{register: (address if status & bit else 7).to_bytes(4, "little") for register, bit in _HAVE.items()},
        RAM + 32 + 24: (MAIN + 4).to_bytes(4, "little"),
        MAIN: code,
    }
    return Processor({"xpsr": 0x01000003, **registers}, memory)


_HAVE = {MMFAR: 1 << 7, BFAR: 1 << 15}
NO_MEMORY = "where there is no memory"


@pytest.mark.parametrize(
    ("status", "address", "what"),
    [
        (1 << 0, 0, "jumps to 0x0800000c, where there is no code, 100"),
        (1 << 8, 0, "jumps to 0x0800000c, where there is no code, 100"),
        (1 << 1 | 1 << 7, 0x10, f"accesses 0x00000010, {NO_MEMORY}, 98"),
        (1 << 9 | 1 << 15, 0x30000000, f"accesses 0x30000000, {NO_MEMORY}, 98"),
        (1 << 9 | 1 << 15, FLASH + 4095, "writes 0x08000fff, which is flash, 98"),
        (1 << 9 | 1 << 15, FLASH + 4096, f"accesses 0x08001000, {NO_MEMORY}, 98"),
        (1 << 9 | 1 << 15, FLASH, "writes 0x08000000, which is flash, 98"),
        (1 << 9 | 1 << 15, RAM - 1, "stack overflow: its 64 bytes are used up, 98"),
        (1 << 9 | 1 << 15, RAM - 4096, "stack overflow: its 64 bytes are used up, 98"),
        (1 << 9 | 1 << 15, RAM - 4097, f"accesses 0x1fffefff, {NO_MEMORY}, 98"),
        (1 << 9 | 1 << 15, RAM, f"accesses 0x20000000, {NO_MEMORY}, 98"),
        (1 << 10, 0, "accesses memory that is not there, 98"),
        (1 << 4, 0, "stack overflow: its 64 bytes are used up, 99"),
        (1 << 12, 0, "stack overflow: its 64 bytes are used up, 99"),
        (1 << 16, 0, "undefined instruction 0000, 98"),
        (1 << 17, 0, "jumped to an even address, where Arm code would be, 98"),
        (1 << 19, 0, "uses an FPU or a coprocessor that is off or missing, 98"),
        (1 << 24, 0, "accesses memory at an unaligned address, 98"),
        (1 << 25, 0, "divides by zero, 98"),
        (0, 0, "takes exception 3, 98"),
    ],
)
def test_each_status_of_an_arm_has_its_words(status: int, address: int, what: str) -> None:
    """Registers of addresses count where a bit says that they do; instructions up to the one that faulted."""
    place = {1 << 4: "main+0xe", 1 << 12: "main+0xe", 1 << 0: "main+0xe", 1 << 8: "main+0xe"}.get(status, "main+0xc")
    assert told("cortex-m55", arm(status, address)) == (place, what)


def test_what_an_arm_without_a_status_stopped_at() -> None:
    """A breakpoint is known by its code, a supervisor call by its number, and it lies in front of the counter."""
    bkpt = arm(0, code=bytes(4) + b"\x05\xbe" + bytes(2))
    assert told("cortex-m55", bkpt)[1] == "stops at a breakpoint instruction, 98"
    call = arm(0, xpsr=0x0100000B)
    assert told("cortex-m55", call) == ("main+0xa", "calls an operating system, 97")
    wide = arm(1 << 16, code=bytes(4) + b"\xf0\xf7\x00\xa0")
    assert told("cortex-m55", wide)[1] == "undefined instruction f7f0a000, 99"
    deep = arm(1 << 9 | 1 << 15, 0x30000000, sp=RAM - 8)
    deep.memory[RAM - 8 + 24] = (MAIN + 4).to_bytes(4, "little")
    assert told("cortex-m55", deep)[1].startswith("stack overflow")


@pytest.mark.parametrize(
    ("number", "value", "what"),
    [
        *((number, 0, "jumps to 0x0800000c, where there is no code, 100") for number in (0, 1, 12)),
        (2, 0, "undefined instruction 0000, 98"),
        (3, 0, "stops at a breakpoint instruction, 98"),
        (4, 0, "accesses memory at an unaligned address, 98"),
        (5, 0x10, f"reads 0x00000010, {NO_MEMORY}, 98"),
        (6, 0, "accesses memory at an unaligned address, 98"),
        (7, 0x10, f"writes 0x00000010, {NO_MEMORY}, 98"),
        *((number, 0, "calls an operating system, 98") for number in (8, 11)),
        (9, 0, "takes exception 9, 98"),
    ],
)
def test_each_cause_of_a_riscv_has_its_words(number: int, value: int, what: str) -> None:
    """By mcause, with mtval where it is an address of memory."""
    remote = Processor({"mcause": number, "mepc": MAIN + 4, "mtval": value}, {MAIN: bytes(8)})
    assert told("rv32imc", remote) == ("main+0xe" if number in (0, 1, 12) else "main+0xc", what)


def test_instructions_before_a_stop() -> None:
    """A stop elsewhere than in the last block leaves all of them; a RISC-V's wide instruction is one number."""
    elsewhere = Processor({"mcause": 8, "mepc": MAIN + 8, "mtval": 0}, {MAIN: bytes(8)})
    assert told("rv32imc", elsewhere)[1].endswith(", 100")
    first = Processor({"mcause": 8, "mepc": MAIN, "mtval": 0}, {MAIN: bytes(8)})
    assert told("rv32imc", first)[1].endswith(", 96")
    wide = Processor({"mcause": 2, "mepc": MAIN + 4, "mtval": 0}, {MAIN: bytes(4) + b"\x73\x10\x00\xc0"})
    assert told("rv32imc", wide)[1] == "undefined instruction c0001073, 99"
    chip = stopped("cortex-m55", first, (MAIN, 8))
    assert faults.lockup(chip, RAM - 4)[0] == "stack overflow: its 64 bytes are used up"
    assert faults.lockup(chip, RAM)[0] == "an exception within an exception (lockup)"


@pytest.mark.parametrize(
    ("back", "code"), [(0, b"\x30\xbf"), (2, b"\x30\xbf"), (2, b"\x20\xbf"), (4, b"\x73\x00\x50\x10")]
)
def test_a_processor_that_waits_is_refused(back: int, code: bytes) -> None:
    """At the instruction, or behind it; any other goes on."""
    remote = Processor({"pc": MAIN + 2 + back}, {MAIN: b"\x01\x01" + code + bytes(8)})
    cpu = "rv32imc" if len(code) == 4 else "cortex-m55"
    stop = stopped(cpu, remote, (MAIN, 2 + len(code)))
    with pytest.raises(
        RunError, match=r"waits for an interrupt \(wfi\), and none will come, 99 instructions"
    ) as caught:
        faults.refuse_waiting(stop, "f")
    assert str(caught.value.where).startswith("main+0xa ")
    remote.memory[MAIN] = bytes(16)
    faults.refuse_waiting(stop, "f")


def test_every_board_says_what_its_processor_is() -> None:
    """Word for word; calls begin with all general registers 0 but those of the start-up code."""
    m3, m55, rv64 = map(board, ("cortex-m3", "cortex-m55", "rv64gcv"))
    assert [(b.instruction_set, b.has_probe_ram, b.program) for b in (m3, m55, rv64)] == [
        *((THUMB, probed, "qemu-system-arm") for probed in (False, True)),
        (RISCV, False, "qemu-system-riscv64"),
    ]
    others = " ".join(RISCV.others)
    assert others == "fp a0 a1 a2 a3 a4 a5 a6 a7 t0 t1 t2 t3 t4 t5 t6 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11"
    options = {cpu: " ".join(board(cpu).options) for cpu in ("cortex-m4", "cortex-m7", "cortex-m55", "rv32imc")}
    assert options == {
        **{"cortex-m4": "-M mps2-an386", "cortex-m7": "-M mps2-an500", "cortex-m55": "-M mps3-an547"},
        "rv32imc": "-M virt -m 128M -bios none -cpu rv32",
    }
    vector = "v=true,vext_spec=v1.0,vlen=128"
    assert [board(f"rv{bits}gcv").options[-1] for bits in (32, 64)] == [f"rv32,{vector}", f"rv64,{vector}"]


def test_a_chip_may_name_its_own_machine_of_qemu() -> None:
    """What its recipe says comes before its processor's words; its firmware is linked for that board's memory."""
    text = """\
description: A chip
implementation: tinyflow.targets.qemu
cpu: cortex-m7
memory:
  - {name: flash, kind: flash, origin: 0x08000000, length: 1MiB}
  - {name: ram, kind: ram, origin: 0x20000000, length: 512KiB}
qemu: {machine: netduinoplus2, program: qemu-of-mine, options: [-icount, "3"], memory: {ram: 0x20010000}}
"""
    target = validate(Target, "x", text.encode(), "x.yaml")
    made = boards.board(target.seen(processor("cortex-m7")))
    assert (made.program, made.options) == ("qemu-of-mine", ("-M", "netduinoplus2", "-icount", "3"))
    assert made.has_probe_ram is False
    assert [region.origin for region in target.simulated_memory] == [0x08000000, 0x20010000]


def test_an_arm_is_protected_by_its_mpu() -> None:
    """Vectors lead to the trap; flash is not written, RAM not run; the MPU is on last, each by an instruction."""
    remote = Processor()
    boards.catch_traps(cast(Any, remote), board("cortex-m55"), MEMORY[:2])
    vectors = remote.memory[0x20000400]
    assert vectors == bytes(4) + (boards.TRAP_ADDRESS | 1).to_bytes(4, "little") * 15
    assert remote.memory[0x20000000] == bytes.fromhex("0160")
    assert remote.steps == [
        (address, value, 0x20000000)
        for address, value in [
            (0xE000ED08, 0x20000400),
            (0xE000EDC0, 0x44),
            *((0xE000ED98, 0), (0xE000ED9C, FLASH | 6), (0xE000EDA0, FLASH + 0xFE0 | 1)),
            *((0xE000ED98, 1), (0xE000ED9C, RAM | 3), (0xE000EDA0, RAM + 0x7E0 | 1)),
            (0xE000ED94, 1),
        ]
    ]
    untouched = Processor()
    boards.catch_traps(cast(Any, untouched), board("cortex-m3"), MEMORY)
    assert (untouched.steps, untouched.memory, list(untouched.registers)) == ([], {}, ["sp"])


@pytest.mark.parametrize("size", [4, 8])
def test_a_riscv_is_protected_by_its_pmp(size: int) -> None:
    """Each region to its end, what may be done in it, and nothing elsewhere; RV64 has the even registers."""
    remote = Processor({"size of pmpcfg0": size})
    boards.catch_traps(cast(Any, remote), board("rv32imc"), MEMORY[:2])
    flash, ram, rest = 0x80 | 8 | 1 | 4, 0x80 | 8 | 1 | 2, 0x80 | 0x18
    entries = flash << 8 | ram << 24 | rest << 32
    found = {name: value for name, value in remote.registers.items() if name.startswith(("pmp", "mtvec"))}
    low = {"pmpcfg0": entries & 0xFFFFFFFF, "pmpcfg1": entries >> 32} if size == 4 else {"pmpcfg0": entries}
    assert found == low | {
        "mtvec": boards.TRAP_ADDRESS,
        **{"pmpaddr0": FLASH >> 2, "pmpaddr1": FLASH + 0x1000 >> 2},
        **{"pmpaddr2": RAM >> 2, "pmpaddr3": RAM + 0x800 >> 2, "pmpaddr4": 0xFFFFFFFF},
    }


def conversation(answers: list[str | bytes]) -> tuple[Remote, list[bytes]]:
    """A client whose server gives these answers, and what it is asked; b"" closes the connection."""
    (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
    asked: list[bytes] = []

    def serve() -> None:
        with os.fdopen(theirs_in, "rb", buffering=0) as requests, os.fdopen(theirs_out, "wb", buffering=0) as to:
            for answer in answers:
                packet = b""
                while packet[-3:-2] != b"#" and packet != b"\x03":
                    packet = (packet + requests.read(1)).lstrip(b"+")
                asked.append(packet)
                if isinstance(answer, str):
                    answer = b"+$%b#%02x" % (answer.encode("latin-1"), sum(answer.encode("latin-1")) % 256)
                to.write(answer)

    threading.Thread(target=serve, daemon=True).start()
    return Remote(os.fdopen(ours_out, "wb"), os.fdopen(ours_in, "rb"), ":p1.1"), asked


def test_memory_is_read_and_written_in_pieces() -> None:
    """As many as needed; where there is none, that is told; escapes in an answer are undone."""
    remote, asked = conversation(["00" * 1920, "0102", "E01", "OK", "OK", "E01", "a}\x03b"])
    assert remote.read(0x10, 1922) == bytes(1920) + b"\1\2"
    assert remote.read(0x20, 4) is None
    assert remote.write(0x30, bytes(1921))
    assert not remote.write(0x40, b"\xff")
    assert remote.ask("x") == "a#b"
    assert [packet[1:-3] for packet in asked] == [
        *(b"m10,780", b"m790,2", b"m20,4", b"M30,780:" + b"00" * 1920, b"M7b0,1:00", b"M40,1:ff", b"x")
    ]
    assert asked[0][-2:] == b"%02x" % (sum(b"m10,780") % 256)


def test_a_server_that_reads_no_memory_has_none() -> None:
    """An empty answer is to what a server doesn't know."""
    assert conversation([""])[0].read(0x10, 4) is None


def test_what_does_not_stop_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted, and nothing comes; or the server goes when it is to be interrupted."""
    monkeypatch.setattr("tinyflow.targets.remote._ANSWER_LIMIT_S", 0.05)
    deaf, asked = conversation([b"+", b"+", ""])
    with pytest.raises(TimeoutError):
        deaf.run(lambda: True, 0.01)
    assert asked[1] == b"\x03"
    (theirs, requests), (answers, _) = os.pipe(), os.pipe()
    goes = Remote(os.fdopen(requests, "wb", buffering=0), os.fdopen(answers, "rb"))
    with pytest.raises(Gone):
        goes.run(lambda: os.close(theirs) is None, 0.01)


def test_registers_have_names_and_sizes() -> None:
    """Over several documents and packets; a number that is left out is the next."""
    remote, asked = conversation(
        [
            'm<target><reg name="r0" bitsize="32"/><reg name="p',
            'lc" bitsize="32" regnum="15"/><xi:include href="more.xml"/><reg name="last" bitsize="8"/></target>',
            'l<feature><reg name="d0" bitsize="64"/><reg name="r0" bitsize="8"/></feature>',
            *("78560000", "OK", "0100000000000000", "07"),
        ]
    )
    remote.learn_registers({})
    assert [remote.size(name) for name in ("r0", "pc", "d0", "last")] == [4, 4, 8, 1]
    assert remote.get("pc") == 0x5678
    remote.set("d0", 0x1234)
    assert (remote.get("d0"), remote.get("last")) == (1, 7)
    first, second, third, *rest = (packet[1:-3].decode() for packet in asked)
    assert (first, third) == ("qXfer:features:read:target.xml:0,780", "qXfer:features:read:more.xml:0,780")
    assert second == "qXfer:features:read:target.xml:31,780"
    assert rest == ["pf", "P10=3412000000000000", "p10", "p12"]


def test_a_run_ends_by_itself_or_is_interrupted() -> None:
    """What ends it is told; a process that ends, or a connection that does, is gone."""
    stopped, asked = conversation(["T05", "OK", "OK", "T05"])
    assert stopped.run(lambda: False, 5)
    stopped.add_breakpoint(0x20, 2)
    stopped.remove_breakpoint(0x20, 4)
    stopped.step()
    assert [packet[1:-3] for packet in asked] == [b"vCont;c:p1.1", b"Z0,20,2", b"z0,20,4", b"vCont;s:p1.1"]
    interrupted, asked = conversation([b"+", "T02"])
    assert not interrupted.run(lambda: True, 0.01)
    assert asked[1] == b"\x03"
    for end in ("W00", "X0f", b""):
        with pytest.raises(Gone):
            conversation([end])[0].ask("?")


def test_a_table_is_what_the_plugin_wrote(tmp_path: Path) -> None:
    """Head and edges, in a fixed order; a reset keeps the limit alone."""
    table = counter.Table(tmp_path / "table")
    table.reset(500)
    with (tmp_path / "table").open("rb+") as file:
        assert struct.unpack("=QQQIIII", file.read(40)) == (0, 500, 0, 0, 0, 0, 0)
        file.seek(0)
        file.write(struct.pack("=QQQIIII", 12, 500, MAIN, 6, 1, 2, 0))
        for edge in ((9, 8, 3, 4, 2, 1, 1), (1, 9, 2, 4, 6, 3, 1)):
            file.write(struct.pack("=QQQIIII", *edge))
    assert (table.instructions, table.last, table.is_over_limit, table.is_full) == (12, (MAIN, 6), True, False)
    assert [tuple(edge) for edge in table.edges()] == [(1, 4, 9, 6, 3, 2), (9, 4, 8, 2, 1, 3)]
    table.reset(7)
    assert (table.instructions, table.edges(), table.is_over_limit) == (0, [], False)
    table.close()


class Counted:
    """A table as it is when QEMU has ended, or while it runs."""

    def __init__(self, *instructions: int, is_over_limit: bool = False, is_full: bool = False) -> None:
        self.last, self.is_over_limit, self.is_full = (MAIN, 8), is_over_limit, is_full
        self._instructions = list(instructions)

    @property
    def instructions(self) -> int:
        """The next number, the last one for ever."""
        return self._instructions.pop(0) if len(self._instructions) > 1 else self._instructions[0]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Qemu]:
    """A board of which only what is beside the process is real."""
    made = Qemu({**TARGET, **described("cortex-m55", "qemu")}, tmp_path / "plugin.so")
    made.firmware = LINKED
    (made._folder / "errors").write_text("")
    yield made
    made.close()
    assert not made._folder.exists()


LOCKUP = "qemu: fatal: Lockup: can't escalate\n\nR12=00000000 R13=1fffff00 R14=00000000 R15=08000008\nXPSR=1"


@pytest.mark.parametrize(
    ("table", "errors", "kind", "what", "hint"),
    [
        (
            Counted(5, is_over_limit=True),
            "",
            Timeout,
            "f didn't return within 100 instructions",
            "is it a loop without",
        ),
        (Counted(5, is_full=True), "", RunError, "the program has more blocks than can be counted", ""),
        (
            Counted(5),
            LOCKUP,
            RunError,
            "stack overflow: its 64 bytes are used up, 5 instructions into f",
            "raise `stack`",
        ),
        (Counted(5), " odd\n", RunError, "QEMU ended with status 3 in a call of f", "odd"),
    ],
)
def test_an_end_of_the_board_has_its_words(
    machine: Qemu, table: Counted, errors: str, kind: type[Exception], what: str, hint: str
) -> None:
    """By what it counted and what it said last; where it was last."""
    cast(Any, machine).table = table
    (machine._folder / "errors").write_text(errors)
    machine._process = subprocess.Popen(["sh", "-c", "exit 3"])
    try:
        error = machine._death("f", 100)
        assert (type(error), error.what, error.where) == (kind, what, "main+0x8 (0x08000008)")
        assert error.hint.startswith(hint)
        machine._process.wait()
    finally:
        cast(Any, machine).table = SimpleNamespace(close=lambda: None)


def test_a_board_that_makes_no_headway_is_given_up(machine: Qemu) -> None:
    """Three looks without an instruction are a silence; one that is not a wait counts, and twenty-one are too many."""
    asked: list[str] = []

    class Silent(Processor):
        rounds = 0

        def run(self, is_silent: Callable[[], bool], every_s: float) -> bool:
            assert every_s > 0
            self.rounds += 1
            looks = 1
            while not is_silent():
                looks += 1
            asked.append(f"{looks}")
            return self.rounds == 30

    remote = Silent({"pc": MAIN}, {MAIN: bytes(16)})
    cast(Any, machine)._remote, cast(Any, machine).table = remote, Counted(1, 2, 3, 4, 5, 6, 7)
    with pytest.raises(RunError, match="QEMU makes no headway in a call of f") as caught:
        machine._go("f")
    assert str(caught.value.where).startswith("main+0x8 ")
    assert asked == ["10", *["4"] * 20]
    remote.rounds = 9
    machine._go("f")  # the twenty-first time it ended by itself
    remote.rounds, remote.memory = 0, {MAIN: b"\x30\xbf" + bytes(14)}
    with pytest.raises(RunError, match="waits for an interrupt"):
        machine._go("f")
    cast(Any, machine).table = SimpleNamespace(close=lambda: None)
