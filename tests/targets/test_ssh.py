"""Machines reached by ssh: a server of our own on this machine, where an emulator runs programs for others."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from linux_program import Program
from processors import described
from ssh_server import SshServer

from tinyflow.core.errors import RunError, Timeout, UsageError
from tinyflow.model.plan_document import Feed, PlanDocument
from tinyflow.targets.external.script import CALL, WRITE, Step
from tinyflow.targets.programs import Ended
from tinyflow.targets.protocol import open_machine
from tinyflow.targets.ssh import capabilities
from tinyflow.targets.ssh.connection import look
from tinyflow.targets.ssh.machine import Ssh

LIMIT = 1_000_000
FAULTY = (Path(__file__).parent / "programs" / "faults.c").read_text()
EMULATORS = {"cortex-a9": "qemu-arm", "cortex-a72": "qemu-aarch64", "rv64gc": "qemu-riscv64", "x86-64": ""}
PLAN = PlanDocument(backend="c")
FAULTS = [
    ("cortex-a9", "undefined", r"undefined instruction in a call of undefined"),
    ("cortex-a9", "overflows_at_once", r"stack overflow: its 4096 bytes are used up in"),
    ("cortex-a72", "reads_null", r"accesses 0x00000000, where it may not in"),
    ("cortex-a72", "jumps_nowhere", r"jumps to where there is no code in"),
    ("rv64gc", "writes_nowhere", r"accesses 0x10000000, where it may not in"),
    ("rv64gc", "undefined", r"undefined instruction in a call of undefined"),
    ("x86-64", "undefined", r"undefined instruction in a call of undefined"),
    ("x86-64", "reads_nowhere", r"accesses 0x10000000, where it may not in"),
    ("x86-64", "overflows_at_once", r"stack overflow: its 4096 bytes are used up in"),
]
UNREACHED: list[tuple[str, dict[str, Any], str]] = [
    ("well", {"run": []}, r"is \w+, not armv7\* or armv8l"),
    ("well", {"uname": "sparc"}, r"is \w+, not armv7"),
    ("well", {"port": 1}, "has no ssh server at that port"),
    ("well", {"options": ["-F", "none", "-o", "UserKnownHostsFile=/dev/null"]}, "isn't known"),
    ("missing", {}, "the key's file isn't there"),
    ("nobody", {}, "lets nobody in without a password"),
    ("well", {"host": "user@nowhere.invalid"}, "isn't found"),
    ("well", {"folder": "/nowhere"}, "has no place for the program: .*/nowhere/tinyflow"),
    ("well", {"run": ["no_such_program", "{program}"]}, "doesn't execute the program: .*no_such_program"),
    ("full", {}, "the program can't be copied to"),
    ("hung", {"connect_s": 0.5, "call_s": 0.5}, "doesn't answer"),
    ("garbage", {}, "the shell of .* ended with status 0"),
    ("lost", {}, "the connection to .* was lost while the program ran"),
    ("damaged", {}, "what .* prints is damaged"),
]

Open = Callable[..., Ssh]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """For all tests."""
    made = SshServer(tmp_path_factory.mktemp("sshd"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Program, Path]]:
    """By processor, each made once."""
    made: dict[str, tuple[Program, Path]] = {}

    def of(cpu: str) -> tuple[Program, Path]:
        if cpu not in made:
            bench = Program(tmp_path_factory.mktemp(cpu), cpu=cpu)
            made[cpu] = bench, bench.program({"faults.c": FAULTY})
        return made[cpu]

    return of


@pytest.fixture
def opened(server: SshServer, built: Callable[[str], tuple[Program, Path]], tmp_path: Path) -> Iterator[Open]:
    """(cpu, plan, mood, **words) -> a machine with the program, not yet run."""
    machines: list[Ssh] = []

    def one(cpu: str = "cortex-a9", plan: PlanDocument = PLAN, mood: str = "well", **words: Any) -> Ssh:
        emulator = EMULATORS[cpu]
        if emulator and shutil.which(emulator) is None:
            pytest.skip(f"{emulator} is not installed")
        if not emulator and os.uname().machine != "x86_64":
            pytest.skip("this machine is no x86-64")
        bench, program = built(cpu)
        run = [emulator, "{program}"] if emulator else []
        own = {**server.words(mood), "run": run, "call_s": 20.0, **words}
        target = {**bench.target, **described(cpu, "ssh"), "machine": own}
        capabilities(target)
        plan.write(tmp_path / "plan.json")
        machine = open_machine(target, {"plan.json": tmp_path / "plan.json"})
        assert isinstance(machine, Ssh)
        machines.append(machine)
        machine.load(program)
        return machine

    yield one
    for machine in machines:
        machine.close()


def computed(machine: Ssh, first: int) -> int:
    """What the model makes of eight numbers from `first`; the invokes since set-up."""
    machine.write("model_arena+16", bytes(range(first, first + 8)))
    status, cost = machine.call("model_invoke", limit_instructions=LIMIT)
    assert status == 0 and 0 < cost.wall_s < 20
    expected = sum(w * x for w, x in zip((1, 2, 3, -4, 5, -6, 7, 8), range(first, first + 8), strict=True))
    assert int.from_bytes(machine.read("model_arena+64", 4), "little", signed=True) == expected
    return machine.read("model_arena", 1)[0] - 41


@pytest.mark.slow
@pytest.mark.parametrize("cpu", EMULATORS)
def test_samples_in_outputs_and_times_out(cpu: str, opened: Open, server: SshServer, tmp_path: Path) -> None:
    """All repetitions are one connection, behind one that gets warm; the machine is left as it was."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    machine = opened(cpu, mood="noisy", folder=str(folder))
    assert machine.call("model_setup", limit_instructions=LIMIT)[0] == 0
    assert [computed(machine, first) for first in (1, 50)] == [2, 2], "one to get warm and itself, behind set-up"
    machine.write("model_arena+16", bytes(range(1, 9)))
    before = server.log().count("Accepted")
    costs = [machine.call("model_invoke", limit_instructions=LIMIT)[1] for _ in range(3)]
    assert server.log().count("Accepted") == before + 1 and all(cost.wall_s > 0 for cost in costs)
    assert {(cost.instructions, cost.cycles) for cost in costs} == {(None, None)}
    assert costs[0].stack_bytes is not None and costs[0].stack_bytes < 100
    assert machine.call("sums_row", limit_instructions=LIMIT, given=bytes(range(24)))[0] == sum(range(24))
    assert not list(folder.iterdir())


@pytest.mark.slow
def test_a_model_with_state_has_all_its_invokes(opened: Open) -> None:
    """Since it was reset, whatever was repeated before."""
    machine = opened(plan=PlanDocument(backend="c", setup="starts", reset="model_setup"))
    machine.call("starts", limit_instructions=LIMIT)
    for _ in range(3):
        machine.call("model_setup", limit_instructions=LIMIT)
        assert [computed(machine, first) for first in (1, 50)] == [1, 2]


@pytest.mark.slow
def test_rows_go_with_the_invoke_behind_them(opened: Open, server: SshServer) -> None:
    """In one connection, whatever they return is told then."""
    for function, status in (("starts", 0), ("sums_row", 24)):
        plan = PlanDocument(backend="c", feed=Feed(function=function, rows=2, row_bytes=24))
        machine = opened(plan=plan)
        machine.call("model_setup", limit_instructions=LIMIT)
        before = server.log().count("Accepted")
        for _ in range(2):
            assert machine.call(function, limit_instructions=LIMIT, given=bytes([1] * 24))[0] == 0
        with contextlib.nullcontext() if not status else pytest.raises(RunError, match=f"returned {status}.* row 0"):
            machine.call("model_invoke", limit_instructions=LIMIT)
        assert server.log().count("Accepted") == before + 1
        machine.close()


@pytest.mark.slow
@pytest.mark.parametrize(("cpu", "function", "cause"), FAULTS)
def test_a_fault_is_named(cpu: str, function: str, cause: str, opened: Open) -> None:
    """By the signal that the program got; in which function."""
    machine = opened(cpu)
    with pytest.raises(RunError, match=cause) as caught:
        machine.call(function, limit_instructions=LIMIT)
    if function != "jumps_nowhere":
        assert caught.value.where.startswith(f"{function}+0x")
    assert machine.call("model_setup", limit_instructions=LIMIT)[0] == 0


@pytest.mark.slow
def test_what_never_ends_does(opened: Open) -> None:
    """There, too: by its time of the processor."""
    machine, begun = opened(call_s=1.0), time.monotonic()
    with pytest.raises(Timeout, match="didn't end within 1 s") as caught:
        machine.call("loops_for_ever", limit_instructions=LIMIT)
    assert time.monotonic() - begun < 15, "else it was only left alone"
    assert caught.value.where == "loops_for_ever"


@pytest.mark.slow
@pytest.mark.parametrize(("mood", "words", "message"), UNREACHED)
def test_what_goes_wrong_is_told(mood: str, words: dict[str, Any], message: str, opened: Open) -> None:
    """One line what, one line what to do."""
    with pytest.raises(RunError, match=message) as caught:
        opened(mood=mood, **words).call("model_setup", limit_instructions=LIMIT)
    assert caught.value.hint


@pytest.mark.slow
def test_a_machine_says_what_it_is(server: SshServer) -> None:
    """Its system, and how many processors."""
    words = {**server.words(), "run": ["qemu-arm", "{program}"]}
    assert f"{os.uname().release} {os.uname().machine}, {os.cpu_count()} processors" in look(words, "arm")
    with pytest.raises(RunError, match="not armv7"):
        look(server.words(), "arm")


@pytest.mark.slow
def test_one_at_a_time(opened: Open) -> None:
    """Who comes second waits until the first has closed."""
    first, second = opened(), []
    thread = threading.Thread(target=lambda: second.append(opened()))
    thread.start()
    thread.join(0.3)
    assert thread.is_alive() and not second
    first._ending.close()
    thread.join(20)
    assert second


def test_what_counters_tell() -> None:
    """Instructions of all rows and the invoke behind them, with those that nothing takes; times likewise."""
    machine = Ssh.__new__(Ssh)
    machine._has_said = False
    machine._fed = "model_feed_row"
    calls = [bytes(16) + struct.pack("<I3Q", 0, 1000 * number, 100 * number, 200 * number) for number in (1, 2, 3)]
    rows = [Step(CALL, 0), Step(WRITE, 0), *[Step(CALL, 0, b"row")] * 2]
    cost = machine._counted("model_invoke", rows, b"", [*calls[:1], *calls], Ended(0, b"", 1.0))
    assert (cost.wall_s, cost.instructions, cost.cycles) == (6e-6, 606, 1200)
    calls[1] = struct.pack("<i", -1) + calls[1][4:]
    with pytest.raises(RunError, match="returned -1, not 0, to row 1"):
        machine._counted("model_invoke", rows, b"", [*calls[:1], *calls], Ended(0, b"", 1.0))


def test_what_has_no_linux_is_refused() -> None:
    """A Cortex-M, and a recipe that names no machine."""
    with pytest.raises(UsageError, match="no program for Linux runs on cortex-m4"):
        capabilities(described("cortex-m4", "ssh"))
    with pytest.raises(UsageError, match="nothing says which machine that is"):
        capabilities(described("cortex-a9", "ssh"))


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ({}, "^Linux .* processors"),
        ({"folder": "/nowhere"}, "has no place for the program: .*/nowhere can't be written"),
        ({"run": ["no_such_program", "{program}"]}, "can't run programs: .*no no_such_program"),
        ({"run": ["env", "{program}"]}, "^Linux .* processors"),
    ],
)
def test_a_look_finds_what_a_run_would_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: dict[str, Any], what: str
) -> None:
    """By a program in the place of ssh that is its machine at once; what the shell prints before is left out."""
    (tmp_path / "ssh").write_text('#!/bin/sh\necho welcome\nfor last; do :; done\nexec sh -c "$last"\n')
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    try:
        told = look({"host": "somebody@there", "uname": "*", **words}, "aarch64")
    except RunError as error:
        told = error.what
    assert re.search(what, told)
