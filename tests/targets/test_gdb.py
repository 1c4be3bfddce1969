"""Boards behind a GDB server: ours on Unicorn, and QEMU's STM32F405."""

from __future__ import annotations

import json
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from debugger import debugged, never
from gdb_server import Server
from small_firmware import MODEL, Bench, workspace

from tinyflow.core.errors import RunError, ToolError
from tinyflow.report.profile import profile_text
from tinyflow.report.rows import metrics_of
from tinyflow.stages.profile import profile
from tinyflow.targets.gdb.board import Board
from tinyflow.targets.protocol import open_machine

LIMIT = 1_000_000
PROGRAM = (Path(__file__).parent / "programs" / "faults.c").read_text()


def target_of(bench: Bench, **words: Any) -> dict[str, Any]:
    """A board with the bench's memory."""
    described = {**bench.machine_target, "implementation": "tinyflow.targets.gdb", "clock_hz": 100_000_000}
    sizes = {"flash": 1 << 20, "ram": 128 << 10}  # of the STM32F405
    described["memory"] = [{**region, "length_bytes": sizes[region["kind"]]} for region in bench.memory]
    return {**described, "machine": {"start_s": 5.0, "call_s": 5.0, "repetitions": 3, **words}}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """For a Cortex-M4."""
    return Bench(tmp_path_factory.mktemp("gdb"), cpu="cortex-m4")


@pytest.fixture(scope="module")
def firmware(bench: Bench) -> Path:
    """With a function for each fault."""
    return bench.link({"model.c": MODEL, "program.c": PROGRAM})["firmware.elf"]


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Ours, in the mood that the test asks for."""
    made = Server(getattr(request, "param", ""))
    yield made
    made.close()


def opened(bench: Bench, server: Server, **words: Any) -> Board:
    """A board at our server."""
    machine = open_machine(target_of(bench, connect=f"127.0.0.1:{server.port}", **words), {})
    assert isinstance(machine, Board)
    return machine


def test_a_board_is_left_to_a_debugger(bench: Bench, firmware: Path, server: Server) -> None:
    """At the beginning of the call, through our connection: the server neither hears `?` nor that somebody left."""
    with closing(opened(bench, server)) as board:
        board.load(firmware)
        board.call("model_setup", limit_instructions=LIMIT)
        board.write("model_arena+16", bytes(range(1, 9)))
        with debugged(board, "model_invoke") as (remote, said):
            assert remote.ask("?") == "S05" and remote.get("pc") == board.firmware.address("model_invoke")
            remote.write(board.firmware.address("model_arena+16"), b"}$#*")
            assert remote.run(never, 5) and said[-1] == "model_invoke has returned 0"
            output = remote.read(board.firmware.address("model_arena+64"), 4)
        expected = sum(w * x for w, x in zip((1, 2, 3, -4, 5, -6, 7, 8), (*b"}$#*", 5, 6, 7, 8), strict=True))
        assert output == expected.to_bytes(4, "little")


@pytest.mark.parametrize("server", ["", "eager"], indirect=True)
def test_a_board_is_flashed_and_called(bench: Bench, firmware: Path, server: Server) -> None:
    """Blocks are erased before they are written, once; cycles are the chip's; the stack is what isn't paint."""
    board = opened(bench, server)
    board.load(firmware)
    erased = list(server.erased)
    assert erased and all(begin % (16 << 10) == 0 for begin, _ in erased) and server.resets == 1
    status, cost = board.call("model_setup", limit_instructions=LIMIT)
    assert (status, cost.instructions) == (0, None)
    board.write("model_arena+16", bytes(range(1, 9)))
    status, cost = board.call("model_invoke", limit_instructions=LIMIT)
    expected = sum(w * x for w, x in zip((1, 2, 3, -4, 5, -6, 7, 8), range(1, 9), strict=True))
    assert (status, int.from_bytes(board.read("model_arena+64", 4), "little", signed=True)) == (0, expected)
    assert cost.cycles is not None and cost.cycles % 2 == 0 and cost.stack_bytes in range(4096)
    assert board.call("model_invoke", limit_instructions=LIMIT)[1].cycles == cost.cycles
    board.close()
    again = opened(bench, server)
    again.load(firmware)
    again.close()
    assert server.erased == erased, "what is there isn't flashed again"


@pytest.mark.parametrize("packet_bytes", [0x100, 0x1800])
def test_packets_are_as_long_as_the_server_can_take(
    bench: Bench, firmware: Path, server: Server, packet_bytes: int
) -> None:
    """Short ones for a small probe; long ones, fewer, where it says so; flash and memory are what was sent."""
    server.packet_bytes = packet_bytes
    with closing(opened(bench, server)) as board:
        board.load(firmware)
        data = bytes(range(256)) * 12
        board.write("tf_stack_bottom", data)
        assert board.read("tf_stack_bottom", len(data)) == data
    assert packet_bytes // 2 < server.longest <= packet_bytes


class Told(list[object]):
    """Calls as they are told: their functions, what the arena holds then, and cycles so far."""

    def __init__(self, board: Board) -> None:
        super().__init__()
        self._board = board

    def begun(self, function: str) -> None:
        """See `protocol.Calls`."""
        self.append((function, self._board.read("model_arena", 4), self._board.so_far().cycles))
        self._board.write("model_arena", bytes([len(self), 2, 3, 4]))

    def ended(self) -> None:
        """See `protocol.Calls`."""
        self.append((self._board.read("model_arena", 4), self._board.so_far().cycles))


@pytest.mark.parametrize(("breakpoints", "is_seen"), [(2, True), (1, False)])
def test_calls_are_followed_by_one_breakpoint(tmp_path: Path, breakpoints: int, is_seen: bool) -> None:
    """Besides that of the trap; not calls of others, whatever is called twice in a row; memory stays its."""
    source = (Path(__file__).parent / "programs" / "control_flow.c").read_text()
    bench = Bench(tmp_path, cpu="cortex-m4")
    linked = bench.link({"model.c": MODEL, "program.c": source})["firmware.elf"]
    server = Server(breakpoints=breakpoints)
    with closing(opened(bench, server)) as board:
        board.load(linked)
        alone, told = board.call("calls", limit_instructions=LIMIT), Told(board)
        names = ["twice", "thrice"] * 10
        status = board.follow("calls", "calls", names, told, limit_instructions=LIMIT)
        assert status == (alone[0] if is_seen else None)
        assert [call[0] for call in told[::2]] == (names if is_seen else [])  # type: ignore[index]
        assert all(memory == bytes([2 * at + 1, 2, 3, 4]) for at, (memory, _) in enumerate(told[1::2]))  # type: ignore[misc]
        cycles = [call[-1] for call in told]  # type: ignore[index]
        assert cycles == sorted(cycles) and len(set(cycles[::2])) == len(names) * is_seen
        assert cycles[1:-1:2] == cycles[2::2], "an end is told when the next begins"
        deep = board.call("recursion", limit_instructions=LIMIT)[1].stack_bytes
        again = board.call("calls", limit_instructions=LIMIT)
        assert again[1].cycles == alone[1].cycles and (again[1].stack_bytes or 0) < (deep or 0), "it is painted anew"
        board.write("tf_stack_bottom+2048", b"x")
        assert board.call("recursion", limit_instructions=LIMIT)[1].stack_bytes == deep
        if is_seen:
            assert cycles[-1] == pytest.approx(alone[1].cycles, rel=0.2)
            assert board.follow("calls", "calls", ["nobody"], told, limit_instructions=LIMIT) is None
            others = Told(board)
            assert board.follow("calls", "calls", ["thrice", "thrice"], others, limit_instructions=LIMIT) == alone[0]
            assert [call[0] for call in others[::2]] == ["thrice"] * 2, "in the order that was given"  # type: ignore[index]
    server.close()


@pytest.mark.parametrize(
    ("server", "what", "hint"),
    [
        ("protected", "the GDB server doesn't erase flash", "'E01' to vFlashErase"),
        ("garbage", "the GDB server's answer isn't understood", "is it a GDB server"),
        ("gone", "the GDB server has closed the connection", "unplugged"),
    ],
    indirect=["server"],
)
def test_a_server_in_a_bad_mood_is_named(bench: Bench, firmware: Path, server: Server, what: str, hint: str) -> None:
    """In a line, and in another what to do."""
    with pytest.raises(RunError) as caught:
        opened(bench, server).load(firmware)
    assert what in str(caught.value) and hint in caught.value.hint


def test_another_chip_is_not_flashed(bench: Bench, firmware: Path, server: Server) -> None:
    """Its identification is read before anything is written."""
    board = opened(bench, server, identification={"0xE0042000": 0x10006449}, identification_mask=0xFFF)
    with pytest.raises(RunError, match="another chip: 0x10006463 at 0xE0042000, not 0x10006449"):
        board.load(firmware)
    board.close()
    assert not server.erased


def test_a_silent_server_is_named(bench: Bench, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a time."""
    monkeypatch.setattr("tinyflow.targets.remote._ANSWER_LIMIT_S", 0.2)
    server.mood = "silent"
    with pytest.raises(RunError, match="the GDB server doesn't answer"):
        opened(bench, server)


@pytest.mark.parametrize(
    ("place", "kind"), [(0x08200000, "flash"), (0x20040000, "ram"), (0x1FFFFF00, "ram"), (0x08000000 - 4, "flash")]
)
def test_memory_that_the_chip_has_not_is_named(
    bench: Bench, firmware: Path, server: Server, place: int, kind: str
) -> None:
    """Before anything is flashed: the recipe's map is another chip's."""
    target = target_of(bench, connect=f"127.0.0.1:{server.port}")
    target["memory"] = [
        {**region, "origin": place} if region["kind"] == kind else region for region in target["memory"]
    ]
    with (
        closing(open_machine(target, {})) as board,
        pytest.raises(RunError, match="there is no memory at 0x") as caught,
    ):
        board._programmed = lambda: iter(())  # type: ignore[attr-defined]
        board.load(firmware)
    assert f"which is {'rom' if kind == 'flash' else 'sram'} as the recipe has it" in caught.value.what
    assert not server.erased


def test_what_is_no_gdb_server_is_told(bench: Bench) -> None:
    """With what it says, after the time that a server has to begin."""
    with socket.create_server(("127.0.0.1", 0)) as other:

        def say() -> None:
            client = other.accept()[0]
            client.sendall(b"220 mail.example.org")
            client.recv(1 << 10)
            client.recv(1 << 10)

        threading.Thread(target=say, daemon=True).start()
        with pytest.raises(RunError, match="the GDB server doesn't answer") as caught:
            open_machine(target_of(bench, connect=f"127.0.0.1:{other.getsockname()[1]}", start_s=0.2), {})
    assert "220 mail.example.org" in caught.value.hint


def test_no_server_is_told(bench: Bench) -> None:
    """Where nobody listens; a command that ends, with what it said; one that isn't there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ToolError, match=f"no GDB server at 127.0.0.1:{port}"):
        open_machine(target_of(bench, connect=f"127.0.0.1:{port}", start_s=0.2), {})
    ends = [sys.executable, "-c", "import sys; sys.exit('no probe found')"]
    with pytest.raises(ToolError, match="ended with status 1") as caught:
        open_machine(target_of(bench, server=ends), {})
    assert "no probe found" in caught.value.hint
    for name, hint in (("openocd-of-nobody", "apt install openocd, or pip install"), ("nobody", "or name another")):
        with pytest.raises(ToolError, match=f"{name}: No such file") as caught:
            open_machine(target_of(bench, server=[name]), {})
        assert hint in caught.value.hint


def test_one_probe_is_used_by_one(bench: Bench, server: Server) -> None:
    """Who comes second waits until the first has closed."""
    first, order = opened(bench, server), []

    def second() -> None:
        board = opened(bench, server)
        order.append("second")
        board.close()

    waiting = threading.Thread(target=second)
    waiting.start()
    waiting.join(0.5)
    order.append("first")
    first.close()
    waiting.join(10)
    assert order == ["first", "second"]


LAYERED = r"""
#include <stdint.h>
int8_t model_arena[64];
__attribute__((noinline)) static void inner(volatile int8_t *x, int n) {
#pragma clang loop unroll(disable)
  for (int i = 0; i < n; ++i) { x[i]++; }
}
__attribute__((noinline)) static void conv(int8_t *x) { inner(x, 5); x[7] = x[40]; }
__attribute__((noinline)) static void add(int8_t *x) { inner(x, 30); x[8] = 2; }
int model_setup(void) { model_arena[1] = 1; return 0; }
int model_invoke(void) { conv(model_arena); add(model_arena); add(model_arena); return 0; }
"""


def _profile(folder: Path, bench: Bench, server: Server, operators: list[str]) -> dict[str, Any]:
    """Of a board with firmware that has a conv and two adds; `operators` are what its plan says."""
    folder.mkdir()
    layers = [
        {"index": at, "operator": operator, "functions": [operator.lower()], "macs": 5, "outputs_bytes": 1}
        for at, operator in enumerate(operators)
    ]
    port = {"dtype": "int8", "bytes": 1}
    plan = {"backend": "b", "inputs": [{"symbol": "model_arena+40", "bytes": 1}], "layers": layers, "macs": 15}
    plan |= {"outputs": [{"symbol": "model_arena+41", "bytes": 1}], "arena": None}
    reference = {"reference": "tflm", "samples": 1, "inputs": [port], "outputs": [port]}
    texts = {
        "plan.json": json.dumps(plan),
        "reference.json": json.dumps(reference),
        "inputs.bin": "x",
        "reference.bin": "y",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    files = {name: folder / name for name in texts} | {"firmware.elf": bench.link({"model.c": LAYERED})["firmware.elf"]}
    target = target_of(bench, connect=f"127.0.0.1:{server.port}")
    made = workspace(folder / "w", files, ["profile.json"], {"target": target, "limit_instructions": LIMIT})
    profile(made)
    found: dict[str, Any] = json.loads(made.outputs["profile.json"].read_bytes())
    return found


def test_layers_of_a_board_cost_cycles(tmp_path: Path, server: Server) -> None:
    """By its counter, in order; with the rest they add up; where the plan has other calls no layer has any."""
    bench = Bench(tmp_path, cpu="cortex-m4", flags=("-O2",))
    found = _profile(tmp_path / "a", bench, server, ["CONV", "ADD", "ADD"])
    conv, first, second = (layer["cycles"] for layer in found["layers"])
    assert 2 * conv < first == pytest.approx(second, abs=12)
    assert conv + first + second + found["other"]["cycles"] == found["total"]["cycles"]
    text = profile_text("x", found)
    assert "cycles/MAC" in text and "instructions" not in text and f"{first:,}" in text
    odd = _profile(tmp_path / "b", bench, server, ["ADD", "CONV", "ADD"])
    assert not any("cycles" in layer for layer in odd["layers"]) and odd["other"] == {"cycles": odd["total"]["cycles"]}


def test_layers_of_a_board_that_counts_nothing_are_told(tmp_path: Path) -> None:
    """In a line."""
    server = Server(cycles=lambda _: 0)
    with pytest.raises(RunError, match="counted neither instructions nor cycles"):
        _profile(tmp_path / "a", Bench(tmp_path, cpu="cortex-m4"), server, ["CONV", "ADD", "ADD"])
    server.close()


QEMU = [
    *("qemu-system-arm", "-M", "netduinoplus2", "-S", "-gdb", "tcp:127.0.0.1:{port}", "-display", "none"),
    *("-monitor", "none", "-serial", "none"),
]


@pytest.mark.slow
def test_calls_are_followed_on_qemu(tmp_path: Path) -> None:
    """Which stops again at a breakpoint from which it is to go on."""
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed")
    bench = Bench(tmp_path, cpu="cortex-m4")
    source = (Path(__file__).parent / "programs" / "control_flow.c").read_text()
    linked = bench.link({"model.c": MODEL, "program.c": source})["firmware.elf"]
    with closing(open_machine(target_of(bench, server=QEMU, reset="system_reset"), {})) as board:
        assert isinstance(board, Board)
        board.load(linked)
        status = board.call("calls", limit_instructions=LIMIT)[0]
        for names in (["twice", "thrice"] * 10, ["thrice"] * 10):
            told = Told(board)
            assert board.follow("calls", "calls", names, told, limit_instructions=LIMIT) == status
            assert [call[0] for call in told[::2]] == names  # type: ignore[index]
        assert board.call("calls", limit_instructions=LIMIT)[0] == status


@pytest.mark.slow
@pytest.mark.parametrize("name", ["reads_nowhere", "undefined", "jumps_nowhere", "loops_for_ever", "model_invoke"])
def test_qemu_is_a_board(bench: Bench, firmware: Path, name: str) -> None:
    """Faults lead to the firmware's trap and are named; a loop ends by time; a call after that works."""
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed")
    with closing(open_machine(target_of(bench, server=QEMU, reset="system_reset", call_s=1.0), {})) as board:
        board.load(firmware)
        if name != "model_invoke":
            with pytest.raises(RunError) as caught:
                board.call(name, limit_instructions=LIMIT)
            told = "didn't return within 1 s" if name == "loops_for_ever" else f"in a call of {name}"
            assert told in caught.value.what
        status, cost = board.call("model_setup", limit_instructions=LIMIT)
        assert status == 0 and cost.cycles is None, "QEMU's counter stands still"


def test_what_varies_is_in_the_row() -> None:
    """The fewest of all samples, the median, the spread of that which varies most, and the time that the clock makes.

    One whose counter may have wrapped has no count.
    """
    timing = {"wall_s": 1.0, "cycles": [[1200, 1000, 1100], [1050, None, 1050]], "clock_hz": 1_000_000}
    graph, plan = {"macs": 1}, {"arena": None, "weights_bytes": 0}
    found = metrics_of(graph, plan, {}, {}, {**timing, "repetitions": 3})
    assert [found[name] for name in ("cycles", "cycles_median", "cycles_spread", "board_ms", "repetitions")] == [
        *(1000, 1050, 200, 1.0, 3)
    ]
    times = {"invoke_s": [0.5, 0.25, 0.75, 1.0, 1.5, 1.25], "repetitions": 3}
    found = metrics_of(graph, plan, {}, {}, times)
    assert [found[name] for name in ("invoke_s", "invoke_s_median", "invoke_s_spread")] == [0.25, 1.0, 0.5]
    assert {"cycles", "repetitions"}.isdisjoint(metrics_of(graph, plan, {}, {}, {"wall_s": 1.0}))
