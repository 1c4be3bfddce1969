"""Boards without a debug probe: QEMU's serial lines of five kinds, good and bad cables, and all that goes wrong."""

from __future__ import annotations

import errno
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
import yaml
from serial_relay import Relay, Spoil, by_frames, noise, untouched
from small_firmware import MODEL, ROOT, Bench

from tinyflow.core.errors import RunError, Timeout, ToolError, UsageError
from tinyflow.recipes.schema import Target
from tinyflow.recipes.validate import validate
from tinyflow.targets.monitor import capabilities
from tinyflow.targets.monitor.frames import Frame
from tinyflow.targets.monitor.machine import Monitor
from tinyflow.targets.monitor.port import Port
from tinyflow.targets.programs import Server, free_port
from tinyflow.targets.protocol import open_machine

pytest.importorskip("serial")

LIMIT = 1_000_000
Benches = Callable[[str], "tuple[Bench, Path]"]
Cable = Callable[..., Relay]
RUNTIMES = ROOT / "recipes" / "runtimes"
FAULTS = (Path(__file__).parent / "programs" / "faults.c").read_text()
GIVEN = """
#include <stdint.h>
__attribute__((used, retain)) int sums_row(const int8_t *row) {
  int sum = 0;
  for (int i = 0; i < 300; ++i) sum += row[i];
  return sum;
}
"""


class Kind(NamedTuple):
    """A board of QEMU's, and its serial line as a recipe has it; without one, our simulator with semihosting."""

    cpu: str
    shift_bytes: tuple[int, int]
    ram_bytes: int
    machine: str
    uart: str = ""

    @property
    def command(self) -> list[str]:
        """What runs `{elf}`."""
        program = "qemu-system-riscv32 -bios none" if self.cpu.startswith("rv") else "qemu-system-arm"
        line = "-serial tcp:127.0.0.1:{port},server=on,wait=off,nodelay=on"
        if not self.uart:
            return [sys.executable, str(Path(__file__).with_name("semihosting_simulator.py")), "{elf}", "{port}"]
        return f"{program} -M {self.machine} -display none -monitor none {line} -kernel {{elf}}".split()


STM32 = """
receive: 0x40011004
received: {at: 0x40011000, any: 0x20}
send: 0x40011004
sent: {at: 0x40011000, any: 0x80}
setup: [{at: 0x40023844, set: 0x10}, {at: 0x40011008, write: 0x8B}, {at: 0x4001100C, clear: 0xFFFF, set: 0x200C}]
"""
PL011 = """
receive: 0x4000C000
received: {at: 0x4000C018, none: 0x10}
send: 0x4000C000
sent: {at: 0x4000C018, none: 0x20}
setup: [{at: 0x4000C02C, write: 0x70}, {at: 0x4000C030, write: 0x301}, {at: 0x4000C018, any: 0x90}]
"""
NRF = """
receive: 0x40002518
received: {at: 0x40002108, any: 1, acknowledge: true}
send: 0x4000251C
sent: {at: 0x4000211C, any: 1, acknowledge: true}
setup: [{at: 0x40002500, write: 4}, {at: 0x40002000, write: 1}, {at: 0x40002008, write: 1}]
"""
NS16550 = """
bits: 8
receive: 0x10000000
received: {at: 0x10000005, any: 0x01}
send: 0x10000000
sent: {at: 0x10000005, any: 0x20}
setup: [{csr: 0x320, write: 0}, {at: 0x10000003, write: 3, bits: 8}]
"""
KINDS = {
    "stm32": Kind("cortex-m4", (0, 0), 128 << 10, "netduinoplus2", STM32),
    "pl011": Kind("cortex-m3", (-0x08000000, 0), 64 << 10, "lm3s6965evb", PL011),
    "nrf": Kind("cortex-m0plus", (-0x08000000, 0), 16 << 10, "microbit", NRF),
    "16550": Kind("rv32imac", (0x3E000000, 0x40780000), 384 << 10, "virt", NS16550),
    "semihosting": Kind("cortex-m4", (-0x08000000, 0), 384 << 10, ""),
}


def sources(isa: str) -> dict[str, str]:
    """Of the firmware's own main."""
    names = [f"selfrun/{name}" for name in ("src/call.c", "src/crc32.c", f"src/host_{isa}.S", "include/tf_self.h")]
    names += [f"monitor/src/{name}" for name in ("main.c", "frame.c", "frame.h", "serial.c")]
    return {Path(name).name: (RUNTIMES / name).read_text() for name in names}


RECIPE = """description: a board
implementation: tinyflow.targets.monitor
cpu: {cpu}
monitor:
  port: /dev/ttyUSB0
"""


def defines(kind: Kind) -> list[str]:
    """With which the main is compiled, as a recipe's words have it."""
    text = RECIPE.format(cpu=kind.cpu)
    text += textwrap.indent(f"uart:{textwrap.indent(kind.uart, '  ')}", "  ") if kind.uart else ""
    monitor = validate(Target, "board", text.encode(), "board.yaml").monitor
    assert monitor is not None
    return [f"-D{name}={value}" for name, value in monitor.defines().items()]


def bench(folder: Path, kind: Kind, more: str = "") -> tuple[Bench, Path]:
    """Firmware that answers at such a board's serial line."""
    made = Bench(folder, kind.cpu, "zig", ("-O3", *defines(kind)), 2048, 0, kind.ram_bytes, 256 << 10, kind.shift_bytes)
    programs = {"model.c": MODEL, "program.c": FAULTS, "given.c": GIVEN + more}
    return made, made.link({**programs, **sources(made.isa)})["firmware.elf"]


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Bench, Path]]:
    """By kind, each made once."""

    @cache
    def of(name: str) -> tuple[Bench, Path]:
        program = KINDS[name].command[0]
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
        return bench(tmp_path_factory.mktemp(name), KINDS[name])

    return of


def target_of(made: Bench, **words: Any) -> dict[str, Any]:
    """A board with the bench's memory."""
    target = {**made.machine_target, "implementation": "tinyflow.targets.monitor", "clock_hz": 16_000_000}
    return {**target, "machine": {"start_s": 10.0, "call_s": 5.0, "baud": 9600, **words}}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """QEMU may have to wait for a processor."""
    monkeypatch.setattr("tinyflow.targets.monitor.line._ANSWER_S", 3.0)


@pytest.fixture
def ending() -> Iterator[ExitStack]:
    """Who closes what a test opens."""
    with ExitStack() as stack:
        yield stack


def opened(ending: ExitStack, made: Bench, **words: Any) -> Monitor:
    """A board, not yet loaded."""
    target = target_of(made, **words)
    capabilities(target)
    machine = open_machine(target, {})
    assert isinstance(machine, Monitor)
    ending.callback(machine.close)
    return machine


def in_qemu(name: str) -> dict[str, Any]:
    """Words of a recipe for a board that runs meanwhile."""
    return {"port": "socket://127.0.0.1:{port}", "server": KINDS[name].command}


def computed(machine: Monitor, first: int) -> int:
    """What the model makes of eight numbers from `first`; the invokes since set-up."""
    machine.write("model_arena+16", bytes(range(first, first + 8)))
    assert machine.call("model_invoke", limit_instructions=LIMIT)[0] == 0
    expected = sum(w * x for w, x in zip((1, 2, 3, -4, 5, -6, 7, 8), range(first, first + 8), strict=True))
    assert int.from_bytes(machine.read("model_arena+64", 4), "little", signed=True) == expected
    return machine.read("model_arena", 1)[0] - 41


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_samples_in_outputs_and_costs_out(benches: Benches, ending: ExitStack, start: Any, name: str) -> None:
    """By each kind of line; the stack is as on the built-in simulator, cycles where the chip counts them."""
    made, firmware = benches(name)
    board = opened(ending, made, **in_qemu(name))
    board.load(firmware)
    setup = board.call("model_setup", limit_instructions=LIMIT)[1]
    assert [computed(board, first) for first in (1, 50)] == [1, 2], "it keeps what it has"
    whole = bytes(range(1, 9)) + bytes(range(200)) * 2  # of which most is END or ESCAPE to somebody
    board.write("model_arena+16", whole)
    assert board.read("model_arena+16", len(whole)) == whole
    invoke = board.call("model_invoke", limit_instructions=LIMIT)[1]
    assert board.call("sums_row", limit_instructions=LIMIT, given=bytes([1] * 300))[0] == 300
    other = start(made.cpu, "faults", stack_bytes=2048)
    costs = [other.call(symbol, limit_instructions=LIMIT)[1] for symbol in ("model_setup", "model_invoke")]
    assert [cost.stack_bytes for cost in (setup, invoke)] == [cost.stack_bytes for cost in costs]
    if name == "semihosting":
        assert invoke.cycles == 2 * (costs[1].instructions - 2), "a call of nothing is taken off"
    else:
        assert (invoke.cycles is not None) == (made.isa == "riscv"), "QEMU's DWT stands still"
    board.load(firmware)
    board.call("model_setup", limit_instructions=LIMIT)
    assert computed(board, 1) == 1, "variables are as after reset"


@pytest.fixture
def cable(benches: Benches, ending: ExitStack) -> Callable[..., Relay]:
    """A board that runs, at a tty, by a cable that the test may spoil."""

    def of(name: str = "stm32", firmware: Path | None = None, console: str = "none") -> Relay:
        port, elf = free_port(), firmware or benches(name)[1]
        command = " ".join(KINDS[name].command).replace("-monitor none", f"-monitor {console}").split()
        server = Server(command, {"port": port, "elf": str(elf)})
        ending.callback(server.close)
        end = time.monotonic() + 10
        while True:
            try:
                relay = Relay(int(port))
                break
            except OSError:
                assert time.monotonic() < end, server.last_words()
                time.sleep(0.1)
        ending.callback(relay.close)
        return relay

    return of


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_bad_cable_changes_nothing(benches: Benches, ending: ExitStack, cable: Cable, seed: int) -> None:
    """Bytes changed, lost and put in, both ways: the same outputs, and each call is made once."""
    made, firmware = benches("stm32")
    relay = cable()
    spoiled = []
    for number, direction in enumerate(("to_chip", "from_chip")):
        spoil = noise(2 * seed + number, 1 / 300)

        def counted(data: bytes, spoil: Spoil = spoil) -> bytes:
            made = spoil(data)
            spoiled.append(made != data)
            return made

        setattr(relay, direction, counted)
    board = opened(ending, made, port=relay.name)
    board.load(firmware)
    board.call("model_setup", limit_instructions=LIMIT)
    for first in range(100):
        assert computed(board, first) == first + 1
        if sum(spoiled) > 3:
            break
    whole = bytes(range(100, 228))
    board.write("model_arena+100", whole)
    assert board.read("model_arena+99", len(whole) + 1)[1:] == whole
    assert sum(spoiled) > 3


@pytest.mark.slow
def test_a_call_whose_answers_are_lost_is_made_once(benches: Benches, ending: ExitStack, cable: Cable) -> None:
    """Neither that it began nor its result arrive at first: the result is asked for again."""
    made, firmware = benches("stm32")
    relay = cable()
    board = opened(ending, made, port=relay.name, call_s=2.0)
    board.load(firmware)
    board.call("model_setup", limit_instructions=LIMIT)
    for kinds, expected in (("A", "A"), ("D", "DD"), ("AD", "ADD")):
        lost: list[str] = []

        def lose(frame: bytes, kinds: str = kinds, lost: list[str] = lost) -> bytes:
            kind = chr(frame[1])
            is_lost = kind in kinds and lost.count(kind) < 2
            lost += [kind] * is_lost
            return b"" if is_lost else frame

        relay.from_chip = by_frames(lose)
        before = board.read("model_arena", 1)[0]
        board.write("model_arena+16", bytes(8))
        assert board.call("model_invoke", limit_instructions=LIMIT)[0] == 0
        assert board.read("model_arena", 1)[0] == before + 1
        assert sorted(lost) == [*expected]


BAD = [
    ("flips", "too bad: of 8 answers .*damaged", "`baud` near enough"),
    ("cuts", "too bad: of 8 answers .*cut off", "connected with ground"),
    ("nothing", "doesn't answer any more", "does it hang?"),
    ("text", "too bad: of 8 answers .*damaged", "does something else print there"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("mood", "what", "hint"), BAD)
def test_a_cable_that_is_too_bad_is_named(
    benches: Benches, ending: ExitStack, cable: Cable, monkeypatch: pytest.MonkeyPatch, mood: str, what: str, hint: str
) -> None:
    """With what came of the answers, after a bounded number of requests."""
    made, firmware = benches("stm32")
    relay = cable()
    board = opened(ending, made, port=relay.name)
    board.load(firmware)
    time.sleep(0.5)  # answers to what was said twice
    monkeypatch.setattr("tinyflow.targets.monitor.line._ANSWER_S", 0.5)
    asked: list[bytes] = []

    def count(frame: bytes) -> bytes:
        asked.append(frame)
        return frame

    answer: Spoil = {
        "flips": lambda frame: frame[:9] + bytes([frame[9] ^ 4]) + frame[10:],
        "cuts": lambda frame: frame[:9],
        "nothing": lambda frame: b"",
        "text": lambda frame: b"\xc0lorem ipsum\xc0",
    }[mood]
    relay.to_chip, relay.from_chip = by_frames(count), by_frames(answer)
    with pytest.raises(RunError) as caught:
        board.read("model_arena", 100)
    assert re.search(what, caught.value.what) and relay.name in caught.value.what and hint in caught.value.hint
    assert len(asked) == 8


@pytest.mark.slow
@pytest.mark.parametrize("when", ["between", "within"])
def test_a_board_that_is_reset_meanwhile_is_named(
    benches: Benches, ending: ExitStack, cable: Cable, tmp_path: Path, when: str
) -> None:
    """Between two calls, and within one, which isn't waited for."""
    made, firmware = benches("stm32")
    console = tmp_path / "console"
    relay = cable(console=f"unix:{console},server=on,wait=off")
    board = opened(ending, made, port=relay.name, call_s=60.0)
    board.load(firmware)

    def reset() -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(console))
            client.sendall(b"system_reset\n")
            client.settimeout(5)
            while b"system_reset" not in client.recv(4096):
                pass
            time.sleep(0.5)

    started = time.monotonic()
    if when == "between":
        reset()
    else:
        threading.Timer(0.5, reset).start()
    with pytest.raises(RunError, match="was reset meanwhile"):
        board.call("model_setup" if when == "between" else "loops_for_ever", limit_instructions=LIMIT)
    assert time.monotonic() - started < 30
    board.load(firmware)
    assert board.call("model_setup", limit_instructions=LIMIT)[0] == 0


@pytest.mark.slow
def test_a_board_that_hangs_is_reset_by_a_line(
    benches: Benches, ending: ExitStack, cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the port, where the recipe names one; else one is asked to press its button."""
    made, firmware = benches("stm32")
    relay, lines = cable(), []
    relay.from_chip = lambda data: b""

    def pulse(port: Port, line: str) -> None:
        lines.append(line)
        relay.from_chip = untouched

    monkeypatch.setattr(Port, "pulse", pulse)
    board = opened(ending, made, port=relay.name, start_s=0.5)
    with pytest.raises(RunError, match="nothing answers") as caught:
        board.load(firmware)
    assert "press its reset button" in caught.value.hint and not lines
    board.close()
    board = opened(ending, made, port=relay.name, reset="rts")
    board.load(firmware)
    assert lines == ["rts"] and board.call("model_setup", limit_instructions=LIMIT)[0] == 0


def test_a_pulse_leaves_both_lines_off(talker: Any) -> None:
    """One is on for a moment."""
    port, seen = Port(talker(b""), 115200), []
    ending = port._serial

    class Lines:
        def __setattr__(self, name: str, value: bool) -> None:
            seen.append((name, value))

    port._serial = Lines()
    port.pulse("rts")
    ending.close()
    assert seen == [("dtr", False), ("rts", True), ("rts", False)]


FAULTS_TOLD = [("undefined", "undefined instruction"), ("reads_nowhere", "no memory"), ("jumps_nowhere", "no code")]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stm32", "16550"])
def test_a_fault_of_the_firmware_is_named(benches: Benches, ending: ExitStack, name: str) -> None:
    """With function and address; the board can be used after that, but for one that never returns."""
    made, firmware = benches(name)
    board = opened(ending, made, **in_qemu(name))
    board.load(firmware)
    # the Cortex-M on QEMU locks up where its stack leaves memory
    for symbol, what in [*FAULTS_TOLD, *([("fills_its_stack", "stack overflow")] if name == "16550" else [])]:
        board.write("elsewhere", (0x18000000).to_bytes(4, "little"))
        with pytest.raises(RunError) as caught:
            board.call(symbol, limit_instructions=LIMIT)
        assert what in caught.value.what and (symbol in caught.value.where or "nowhere" in symbol)
        board.call("model_setup", limit_instructions=LIMIT)
        assert computed(board, 3) == 1
    board._call_s = 1.0
    with pytest.raises(Timeout, match="loops_for_ever didn't return within 1 s"):
        board.call("loops_for_ever", limit_instructions=LIMIT)


@pytest.mark.slow
def test_other_firmware_is_noticed_and_replaced(benches: Benches, ending: ExitStack, tmp_path: Path) -> None:
    """By checksums of flash; a loader of the recipe gets the firmware, as ELF and as bytes, while the port is free."""
    made, firmware = benches("stm32")
    (tmp_path / "other").mkdir()
    other = bench(tmp_path / "other", KINDS["stm32"], "__attribute__((used, retain)) const int more = 1;")[1]
    port, pid = free_port(), tmp_path / "pid"
    runs = [word.replace("{port}", port) for word in KINDS["stm32"].command[:-2]]
    runs += ["-daemonize", "-pidfile", str(pid), "-device", "loader,addr=0x08000000,file="]
    script = f'cp "$1" {tmp_path}/bin; kill $(cat {pid}); sleep 0.5; {shlex.join(runs)}{tmp_path}/bin'
    loader = ["sh", "-c", script, "loader", "{bin}"]
    first = [word.replace("{elf}", str(other)) for word in KINDS["stm32"].command]
    subprocess.run([*(word.replace("{port}", port) for word in first), "-daemonize", "-pidfile", str(pid)], check=True)
    ending.callback(lambda: os.kill(int(pid.read_text()), signal.SIGTERM))
    words = {"port": f"socket://127.0.0.1:{port}"}
    for image in (firmware, other, firmware):
        board, before = opened(ending, made, **words, loader=loader), pid.read_text()
        board.load(image)
        running = pid.read_text()
        assert running != before
        board.close()
        board.load(image)
        assert pid.read_text() == running, "what is there isn't loaded again"
        board.close()
    board = opened(ending, made, **words)
    with pytest.raises(RunError, match="other firmware answers") as caught:
        board.load(other)
    assert "say `loader: [command]`" in caught.value.hint
    board.close()
    board = opened(ending, made, **words, loader=["true"])
    with pytest.raises(RunError, match="true has ended well, and other firmware answers"):
        board.load(other)
    board.close()
    board = opened(ending, made, **words, loader=["sh", "-c", "echo no board; exit 3"])
    with pytest.raises(RunError, match="the loader sh ended with status 3") as caught:
        board.load(other)
    assert "no board" in caught.value.hint


@pytest.fixture
def talker(ending: ExitStack) -> Callable[[bytes], str]:
    """A port at which something else answers, always the same."""

    def of(text: bytes) -> str:
        listening = ending.enter_context(socket.create_server(("127.0.0.1", 0)))

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client = listening.accept()[0]
                    ending.callback(client.close)
                    while client.recv(4096):
                        client.sendall(text)

        threading.Thread(target=serve, daemon=True).start()
        return f"socket://127.0.0.1:{listening.getsockname()[1]}"

    return of


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        (b"", "nothing answers at socket://", "are RX and TX crossed"),
        (b"login: \r\n", "what comes from socket://", "has the chip `baud: 9600`"),
        (
            bytes(Frame("H", 1, bytes([2, *bytes(7)]))),
            "speaks version 2 of the frames, not 1",
            "firmware.elf",
        ),
    ],
)
def test_who_else_answers_is_named(talker: Any, tmp_path: Path, text: bytes, what: str, hint: str) -> None:
    """Nobody, a console, firmware of another version."""
    monitor = Monitor({"name": "board", "machine": {"port": talker(text), "baud": 9600, "start_s": 0.3}})
    with closing(monitor), pytest.raises(RunError) as caught:
        monitor.greet()
    assert what in caught.value.what and hint in caught.value.hint


def test_a_port_that_cannot_be_opened_is_named(tmp_path: Path, ending: ExitStack, monkeypatch: Any) -> None:
    """None there, no rights, another program's, nobody at an address, a URL of no kind; with what to do."""
    master, slave = os.openpty()
    ending.callback(os.close, master)
    ending.callback(os.close, slave)
    taken = Port(os.ttyname(slave), 115200)
    ending.callback(taken.close)
    nobody = f"socket://127.0.0.1:{free_port()}"
    for name, what, hint in (
        (str(tmp_path / "ttyUSB7"), "No such file", "is the board plugged in?"),
        (taken.name, "Resource temporarily unavailable", "another program has it"),
        (nobody, "Connection refused", "does something listen there?"),
        ("sucket://x:1", "protocol 'sucket' not known", "`port` of the recipe"),
    ):
        with pytest.raises(ToolError, match=f"can't open the port {name}: .*{what}") as caught:
            Port(name, 115200)
        assert hint in caught.value.hint
    monkeypatch.setattr(os, "open", raises(PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(ToolError, match="Permission denied") as caught:
        Port("/dev/ttyUSB0", 115200)
    assert "group dialout" in caught.value.hint


def raises(error: Exception) -> Callable[..., Any]:
    """A function that does."""

    def do(*_: Any, **__: Any) -> Any:
        raise error

    return do


def test_a_port_that_goes_is_named(talker: Any) -> None:
    """Unplugged, or closed at its other end."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = Port(f"socket://127.0.0.1:{listening.getsockname()[1]}", 115200)
    listening.accept()[0].close()
    with (
        closing(listening),
        closing(port),
        pytest.raises(RunError, match="is gone: read failed: socket disconnected") as caught,
    ):
        port.read(5)
    assert "unplugged" in caught.value.hint


def test_one_port_is_used_by_one(talker: Any) -> None:
    """Who comes second waits until the first has closed."""
    target, order = {"machine": {"port": talker(b"")}}, []
    first = Monitor(target)

    def second() -> None:
        board = Monitor(target)
        order.append("second")
        board.close()

    waiting = threading.Thread(target=second)
    waiting.start()
    waiting.join(0.3)
    order.append("first")
    first.close()
    waiting.join(10)
    assert order == ["first", "second"]


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    """A recipe without a port; a processor without such a main; a server that ends; without pyserial."""
    target = {"isa": "thumb", "cpu": "cortex-m4", "machine": {"port": "socket://127.0.0.1:{port}"}}
    with pytest.raises(UsageError, match="at which port"):
        capabilities({**target, "machine": {}})
    with pytest.raises(UsageError, match="no firmware of cortex-m4 runs by itself"):
        capabilities({**target, "isa": "xtensa"})
    server = [sys.executable, "-c", "import sys; sys.exit('no such machine')", "{port}"]
    board = Monitor({**target, "machine": {**target["machine"], "server": server}})
    with closing(board), pytest.raises(ToolError, match="ended with status 1") as caught:
        board._start(tmp_path / "firmware.elf")
    assert "no such machine" in caught.value.hint
    with (
        patch.dict(sys.modules, {"serial": None}),
        pytest.raises(ToolError, match="is not installed") as caught,
    ):
        Port("/dev/ttyUSB0", 115200)
    assert "[boards]" in caught.value.hint


def test_what_stands_for_a_board_runs_once(tmp_path: Path) -> None:
    """Begun anew, the one before has ended."""
    script = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1])))\nwhile True: s.accept()"
    words = {"port": "socket://127.0.0.1:{port}", "server": [sys.executable, "-c", script, "{port}"]}
    board = Monitor({"machine": {**words, "start_s": 60.0}})
    with closing(board):
        processes = []
        for _ in range(2):
            board._start(tmp_path / "firmware.elf")
            assert board._server is not None
            processes.append(board._server._process)
        assert [one.poll() is None for one in processes] == [False, True]


@pytest.mark.slow
@pytest.mark.parametrize("toolchain", ["zig", "gcc"])
@pytest.mark.parametrize("name", ["stm32", "nrf", "16550", "semihosting"])
def test_its_main_compiles_without_a_warning(tmp_path: Path, name: str, toolchain: str) -> None:
    """By the flags of its recipe, of which one makes errors of warnings."""
    flags = yaml.safe_load((RUNTIMES / "monitor" / "runtime.yaml").read_text())["flags"]
    made = Bench(tmp_path, KINDS[name].cpu, toolchain, ("-O3", *flags, *defines(KINDS[name])))
    assert len(list(made.compile(sources(made.isa)).rglob("*.o"))) == 6
