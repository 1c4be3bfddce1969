"""Calls behind a GDB port: stopped before the first instruction, then a debugger's; ours, and GDB where it is there."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from debugger import debugged, never
from hypothesis import given
from hypothesis import strategies as st

from tinyflow.targets.gdb_port import Port
from tinyflow.targets.packets import answered, framed, take, with_escapes, without_escapes
from tinyflow.targets.remote import Gone

Build = Start = Callable[..., Any]  # of conftest
LIMIT = 1_000_000
CPUS = ["cortex-m7", "rv32imc"]
# of programs/control_flow.c; `conditions` and `jumps_out` have IT blocks on Arm
FUNCTIONS = ["jumps_out", "calls", "recursion", "copies", pytest.param("conditions", marks=pytest.mark.slow)]


@given(st.binary(), st.binary(max_size=3))
def test_frames_hold_any_bytes(data: bytes, before: bytes) -> None:
    """What is sent arrives, whatever is in it; a frame that isn't whole yet is waited for."""
    frame = framed(with_escapes(data))
    packet, rest = take(before.replace(b"$", b"") + frame + b"+")
    assert packet is not None and rest == b"+"
    assert without_escapes(packet) == data == answered(packet)
    assert take(frame[:-1]) == (None, frame[:-1])


def test_runs_and_wrong_sums() -> None:
    """As GDB's manual has them: `0* ` is `0000`, behind an escape, too; a wrong checksum is refused."""
    assert answered(b"0* ") == b"0000" and answered(b"}\x03* x}]") == b"####x}"
    with pytest.raises(ValueError, match="wrong checksum"):
        take(b"$OK#00")


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.every(3)
def test_steps_are_the_instructions_of_the_call(start: Start, cpu: str, function: str) -> None:
    """One by one to the end: as many as are counted, with the same result; then there is nothing to go on with.

    An IT block is one step.
    """
    chip = start(cpu, "control_flow")
    status, counters = chip.call(function, limit_instructions=LIMIT)
    with debugged(chip, function) as (remote, said):
        assert remote.get("pc") == chip.firmware.address(function)
        steps = 0
        while remote.get("pc") != chip.return_address:
            remote.step()
            steps += 1
        assert steps == counters.instructions or (cpu == "cortex-m7" and steps > counters.instructions // 2)
        assert said[-1] == f"{function} has returned {status}"
        with pytest.raises(Gone):
            remote.run(never, 5)


@pytest.mark.parametrize("cpu", CPUS)
def test_a_debugger_looks_and_changes(start: Start, cpu: str) -> None:
    """Registers, memory, breakpoints, watchpoints on the very bytes; the firmware goes on with what was changed."""
    chip = start(cpu, "faults")
    arena = chip.firmware.address("model_arena")
    chip.call("model_setup", limit_instructions=LIMIT)
    with debugged(chip, "model_invoke") as (remote, _):
        assert remote.read(arena, 4) == chip.peek(arena, 4) and remote.read(0x10, 4) is None
        assert remote.write(arena + 16, bytes(range(1, 9))) and not remote.write(0x10, b"1")
        remote.ask(f"Z2,{arena + 66:x},1")
        assert remote.ask("vCont;c") == f"T05watch:{arena + 66:x};"
        assert remote.read(arena + 64, 4) == chip.peek(arena + 64, 4) != b"\3" * 4
        remote.ask(f"z2,{arena + 66:x},1")
        expected = sum(w * x for w, x in zip((1, 2, 3, -4, 5, -6, 7, 8), range(1, 9), strict=True))
        assert remote.run(never, 5) and remote.get("pc") == chip.return_address
    assert int.from_bytes(chip.read("model_arena+64", 4), "little", signed=True) == expected
    with debugged(chip, "model_invoke") as (remote, _):
        place = chip.firmware.address("model_invoke")
        remote.step()
        at = remote.get("pc")
        assert at != place
        remote.add_breakpoint(at, 2)
        remote.set("pc", place)
        assert remote.run(never, 5) and remote.get("pc") == at
        remote.remove_breakpoint(at, 2)
        assert remote.run(never, 5) and remote.get("pc") == chip.return_address
        assert remote.ask("p999") == "E01" and remote.ask("Zx") == "E01" and remote.ask("vNothing") == ""


@pytest.mark.parametrize("cpu", CPUS)
def test_faults_and_loops_are_stops(start: Start, cpu: str) -> None:
    """A fault is told in the words of a run, and nothing goes on behind it; a loop ends when the debugger wants it."""
    chip = start(cpu, "faults")
    with debugged(chip, "reads_nowhere") as (remote, said):
        assert remote.ask("vCont;c") == "S0b"
        assert "reads 1 bytes at 0x10000000, where there is no memory" in said[-1]
        with pytest.raises(Gone):
            remote.run(never, 5)
    with debugged(chip, "loops_for_ever") as (remote, _):
        assert not remote.run(lambda: True, 0.05)
        inside = chip.firmware.function_at(remote.get("pc"))
        assert inside is not None and inside.name == "loops_for_ever"


@pytest.mark.parametrize("cpu", CPUS)
def test_who_leaves_ends_it(start: Start, cpu: str) -> None:
    """By detaching, by killing, by closing while it runs; a packet whose sum is wrong is asked for again."""
    chip = start(cpu, "faults")
    for packet in ("D", "vKill;1"):
        with debugged(chip, "model_invoke") as (remote, said):
            assert remote.ask(packet) == "OK"
        assert said[-1] == "the debugger has left"
    with debugged(chip, "loops_for_ever") as (remote, _):
        remote.send("vCont;c")
        time.sleep(0.05)
    with closing(Port(0)) as port:
        stub = chip.stopped_at("model_invoke")
        threading.Thread(target=port.serve, args=(stub, lambda _: None), daemon=True).start()
        with socket.create_connection(("127.0.0.1", port.number), timeout=10) as stream:
            stream.sendall(b"$?#00")
            assert stream.recv(1) == b"-"
            stream.sendall(framed(b"?"))
            assert stream.makefile("rb").read(8) == b"+$S05#b8"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gdb-multiarch") is None, reason="gdb-multiarch isn't installed")
@pytest.mark.parametrize("cpu", CPUS)
def test_gdb_itself(start: Start, build: Build, cpu: str, tmp_path: Path) -> None:
    """It understands the description of registers, unwinds, stops, sees the end."""
    chip, path = start(cpu, "control_flow"), build(cpu, "control_flow")[1]
    said: list[str] = []
    with closing(Port(0)) as port:
        serve: Callable[..., None] = port.serve
        threading.Thread(target=serve, args=(chip.stopped_at("calls"), said.append), daemon=True).start()
        words = ("stepi", "info registers", "watch model_arena[0]", "delete", "continue", "continue")
        command = ["gdb-multiarch", "-nx", "-batch", str(path), "-ex", f"target remote :{port.number}"]
        command += [word for line in words for word in ("-ex", line)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path)
    assert "in calls ()" in done.stdout and "exited" in done.stdout, done.stdout + done.stderr
    assert "has returned" in " ".join(said)
