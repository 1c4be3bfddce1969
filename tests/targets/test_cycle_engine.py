"""The engine that estimates cycles, on cores that are made up for one rule each."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from processors import core

from tinyflow.recipes.schema import Core
from tinyflow.recipes.schema.core import Branches, CycleRule
from tinyflow.targets.blocks import Edge
from tinyflow.targets.cycles import Cycles, IssueStage, Model
from tinyflow.targets.disassembly import Instruction


def made(*rules: CycleRule, **more: Any) -> dict[str, Any]:
    """A core of these rules."""
    known = {"name": "x", "description": "x", "source": "x", "error_percent": 5, "evidence": "none"}
    return asdict(Core(**{**known, "rules": rules, "branches": Branches(taken=2), **more}))


def code(text: str, size: int = 2) -> list[Instruction]:
    """`mul r0, r1 | add r2, r0` as instructions of so many bytes each."""
    parts = [part.strip().partition(" ") for part in text.split("|")]
    return [Instruction(size * at, size, name, operands, False) for at, (name, _, operands) in enumerate(parts)]


LATE = CycleRule(match="mul", latency=3)
LOAD = CycleRule(match="ldr.*", latency=2, cause="load", unit="load")
STORE = CycleRule(match="str", results=0, unit="store")
LONG = CycleRule(match="umull", latency=4, results=2)
SUM = CycleRule(match="vmla", latency=3, accumulates=True)
FAR = CycleRule(match="ldr.*", cycles=2, behind_access=1, cause="load", unit="load", address_early=1)
FPU = (CycleRule(match="vfma", unit="fpu", busy=3, latency=3), CycleRule(match="v.*", unit="fpu"))
PAIRS = {"issue_width": 2, "pairs": (("alu", "load"), ("alu", "alu"))}


@pytest.mark.parametrize(
    ("core", "text", "expected"),
    [
        # a result is waited for by who needs it, and by no one else
        (made(LATE), "mul r0, r1, r2 | add r3, r0, r4", Cycles(issue=4)),
        (made(LATE), "mul r0, r1, r2 | add r3, r4, r5 | add r3, r0, r4", Cycles(issue=4)),
        (made(LATE), "mul r0, r1, r2 | add r3, r4, r5", Cycles(issue=2)),
        (made(LATE, STORE), "mul r0, r1, r2 | str r0, [r1]", Cycles(issue=4)),
        (made(LOAD), "ldr r0, [r1] | add r2, r0", Cycles(issue=2, load=1)),
        (made(LOAD), "ldr r0, [r1] | ldr r2, [r0, #4]", Cycles(issue=2, load=1)),
        # two results; a destination that is a source
        (made(LONG), "umull r0, r1, r2, r3 | add r4, r1", Cycles(issue=5)),
        (made(LONG), "umull r0, r1, r2, r3 | add r4, r2", Cycles(issue=2)),
        (made(SUM), "vmla s0, s1, s2 | vmla s0, s3, s4", Cycles(issue=4)),
        (made(SUM), "vmla s0, s1, s2 | vmla s5, s3, s4", Cycles(issue=2)),
        # a wide register is its words
        (made(SUM), "vmla d1, d3, d4 | vadd s9, s3, s8", Cycles(issue=4)),
        (made(SUM), "vmla d1, d3, d4 | vadd s9, s4, s8", Cycles(issue=2)),
        # pairs: of the units that are named, independent, never three
        (made(LOAD, **PAIRS), "add r0, r1 | ldr r2, [r3]", Cycles(issue=1)),
        (made(LOAD, **PAIRS), "ldr r2, [r3] | add r0, r1", Cycles(issue=2)),
        (made(LOAD, **PAIRS), "add r0, r1 | ldr r2, [r0]", Cycles(issue=2)),
        (made(LOAD, **PAIRS), "add r0, r1 | add r2, r3 | add r4, r5", Cycles(issue=2)),
        (made(CycleRule(match="div", cycles=7)), "div r0, r1 | add r2, r3", Cycles(issue=8)),
        (made(CycleRule(match="ldm", per_register=1, cause="load")), "ldm.w r0, {r1-r3}", Cycles(issue=1, load=3)),
        (made(CycleRule(match="ld", operands="sp", cycles=9)), "ld r0, [sp]", Cycles(issue=9)),
        (made(CycleRule(match="ld", operands="sp", cycles=9)), "ld r0, [r1]", Cycles(issue=1)),
        # an address that was computed just before, one that was loaded, one that was not just before
        (made(FAR), "add r0, r1 | ldr r2, [r0]", Cycles(issue=3, load=1)),
        (made(FAR), "ldr r0, [r1] | ldr r2, [r0]", Cycles(issue=2, load=2)),
        (made(FAR), "add r0, r1 | add r3, r4 | ldr r2, [r0]", Cycles(issue=3, load=1)),
        # a unit that is busy keeps its own waiting, and no others
        (made(*FPU), "vfma s0, s1, s2 | vadd s3, s4, s5", Cycles(issue=4)),
        (made(*FPU), "vfma s0, s1, s2 | add r0, r1 | add r2, r3 | vadd s3, s4, s5", Cycles(issue=4)),
        # the first that fits
        (made(CycleRule(match="a.*", cycles=3), CycleRule(match="add", cycles=9)), "add r0, r1", Cycles(issue=3)),
    ],
)
def test_a_rule(core: dict[str, Any], text: str, expected: Cycles) -> None:
    """What it costs, and what that is booked as."""
    assert IssueStage(core).cycles(code(text)) == expected


@pytest.mark.parametrize(
    ("cpu", "text", "expected"),
    [
        # two loads, but never two products; a product waits for what is loaded, a load doesn't for the product
        ("cortex-m7", "ldr r0, [r1] | ldr r2, [r3, #4]", 1),
        ("cortex-m7", "smlad r0, r1, r2, r0 | smlad r3, r1, r2, r3", 2),
        ("cortex-m7", "smlad r0, r1, r2, r0 | ldr r3, [r4]", 1),
        ("cortex-m7", "ldr r1, [r4] | smlad r0, r1, r2, r0", 3),
        ("cortex-m7", "add r0, r1, r2 | sxtb16 r3, r4", 2),
        ("cortex-m7", "sxtb16 r3, r4 | add r0, r1, r2", 1),
        ("cortex-m7", "uxtb r0, r1 | add r2, r3, r4, lsl #2", 2),
        ("cortex-m7", "ldm r0, {r1, r2, r3}", 3),
        ("cortex-m7", "strd r0, r1, [r2] | cmp r3, r4", 1),
        # the rules of the core that it extends, and what is its own
        ("cortex-m33", "smlad r0, r1, r2, r0 | ldr r3, [r4] | ldr r5, [r3] | str r5, [r6]", 6),
        ("cortex-m3", "mla r0, r1, r2, r0 | smull r0, r1, r2, r3 | ldr r5, [r3]", 2 + 4 + 2),
        ("cortex-m0plus", "ldr r0, [r1] | str r0, [r2] | mul r0, r1 | push {r0, r1, lr} | bl 0x100", 2 + 2 + 1 + 4 + 2),
    ],
)
def test_real_cores(cpu: str, text: str, expected: int) -> None:
    """By their recipes' rules."""
    assert IssueStage(core(cpu)).cycles(code(text)).total == expected


def test_runs_of_long_instructions_across_words() -> None:
    """A cycle for each run that is long enough; a short or an aligned instruction ends a run."""
    stage = IssueStage(made(unaligned_run=3))

    def cycles(sizes: str, first: int) -> int:
        at, instructions = first, []
        for size in map(int, sizes):
            instructions.append(Instruction(at, size, "add", "r0, r1", False))
            at += size
        return int(stage.cycles(instructions).total)

    assert cycles("444", 2) == 4
    assert cycles("444", 0) == cycles("442", 2) == 3
    assert cycles("44444", 2) == 6
    assert cycles("4442444", 2) == 7 + 1
    assert cycles("44422444", 2) == 8 + 2


def edge(source: int, address: int, executions: int, size: int = 4) -> Edge:
    """From a block of four bytes to one."""
    return Edge(source, 4, address, size, 2, executions)


def test_jumps_are_paid_where_they_are_taken() -> None:
    """Not at the call's begin, not falling through; more into the middle of a word, where a predictor is wrong."""

    def cycles(branches: Branches, *edges: Edge, sizes: int = 2) -> float:
        model = Model(made(branches=branches), 0, lambda address, size: code("add r0, r1", sizes) if size else [])
        return model.cycles(edges, 0).branch

    plain = Branches(taken=2)
    assert cycles(plain, edge(0, 0x100, 9), edge(0x100, 0x104, 5), edge(0x100, 0x200, 3)) == 6
    unaligned = Branches(taken=2, unaligned_target=1)
    assert cycles(unaligned, edge(0x100, 0x202, 3), sizes=4) == 9
    assert cycles(unaligned, edge(0x100, 0x202, 3), sizes=2) == cycles(unaligned, edge(0x100, 0x200, 3), sizes=4) == 6
    foreseen = Branches(taken=1, mispredicted=9)
    assert cycles(foreseen, edge(0x100, 0x104, 5), edge(0x100, 0x200, 30)) == 30 + 5 * 8
    assert cycles(foreseen, edge(0x100, 0x200, 30)) == 30


def test_a_constant_stands_for_all_rules() -> None:
    """Waits for flash are in it."""
    core = made(branches=None, cycles_per_instruction=0.5)
    found = Model(core, 7, lambda *_: code("add r0, r1")).cycles([edge(1, 0x100, 10)], 3)
    assert found == Cycles(issue=10.0) and found.total == 10


def test_a_core_that_contradicts_itself_is_refused() -> None:
    """Both or neither of a constant and rules; pairs of a core that issues one at a time."""
    for more in ({"cycles_per_instruction": 0.8}, {"branches": None}, {"pairs": (("alu", "alu"),)}):
        with pytest.raises(ValueError, match=r"cycles_per_instruction|issue_width"):
            made(**more)
