"""Cycles estimated from what was executed, by the rules of a core's recipe; never measured, never shown as measured.

One engine over the table of executed blocks: each block's instructions go through an issue stage in order, with a
scoreboard of when registers are ready; edges between blocks tell taken branches; waits for flash are counted while the
firmware runs (`flash_model`). What a block leaves unfinished when it ends is not carried into the next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from tinyflow.targets.blocks import Edge
from tinyflow.targets.disassembly import Instruction

Document = Mapping[str, Any]

CAUSES = ("issue", "load", "branch", "flash")
# Kind, number where there is one, and the last number of a range.
_REGISTERS = re.compile(r"\b([a-z]{1,4})(\d*)(?:-[a-z]{1,2}(\d+))?\b")
_WORDS = {"d": 2, "q": 4}


class Cycles(NamedTuple):
    """Cycles by what took them: instructions as such, loaded values that aren't there yet, jumps, waits for flash."""

    issue: float = 0
    load: float = 0
    branch: float = 0
    flash: float = 0

    @property
    def total(self) -> float:
        """All of them."""
        return sum(self)


NO_CYCLES = Cycles()


class Model:
    """A core's recipe and its chip's timing of flash as plain mappings, at work."""

    def __init__(
        self, core: Document, wait_cycles: int, disassemble: Callable[[int, int], Sequence[Instruction]]
    ) -> None:
        self._constant: float | None = core["cycles_per_instruction"]
        self._issue = IssueStage(core)
        self._branches: Document = core["branches"] or {}
        self._wait_cycles = wait_cycles
        self._disassemble = disassemble
        self._known: dict[tuple[int, int], Cycles] = {}

    def cycles(self, edges: Sequence[Edge], flash_waits: int) -> Cycles:
        """What these executions took together, `flash_waits` lines of flash waited for among it."""
        if self._constant is not None:
            return Cycles(issue=self._constant * sum(edge.instructions * edge.executions for edge in edges))
        issue = load = branch = 0.0
        for edge in edges:
            block = self._block(edge.address, edge.size)
            issue += edge.executions * block.issue
            load += edge.executions * block.load
            branch += edge.executions * block.branch
        return Cycles(issue, load, branch + self._branch_cycles(edges), self._wait_cycles * flash_waits)

    def _block(self, address: int, size: int) -> Cycles:
        if (address, size) not in self._known:
            self._known[address, size] = self._issue.cycles(self._disassemble(address, size))
        return self._known[address, size]

    def _branch_cycles(self, edges: Sequence[Edge]) -> float:
        taken, unaligned = self._branches["taken"], self._branches["unaligned_target"]
        mispredicted = self._branches["mispredicted"]
        cycles = 0.0
        ways: dict[int, list[int]] = {}  # of each block: how often what follows is its rarer and its commoner successor
        for edge in edges:
            if not edge.from_address:
                continue
            if edge.is_taken:
                cycles += edge.executions * (taken + (unaligned if self._is_unaligned(edge) else 0))
            ways.setdefault(edge.from_address, []).append(edge.executions)
        if mispredicted is not None:
            wrong = sum(sum(counts) - max(counts) for counts in ways.values())
            cycles += wrong * (mispredicted - taken)
        return cycles

    def _is_unaligned(self, edge: Edge) -> bool:
        first = next(iter(self._disassemble(edge.address, edge.size)), None)
        return first is not None and first.size == 4 and edge.address % 4 != 0


class _Rule(NamedTuple):
    """A rule of the recipe, see `recipes.schema.core.CycleRule`, with its expressions compiled."""

    match: re.Pattern[str]
    operands: re.Pattern[str]
    cycles: int
    per_register: int
    behind_access: int | None
    behind_short: int | None
    latency: int | None
    results: int
    accumulates: bool
    cause: str
    unit: str
    busy: int
    address_early: int


_PLAIN = _Rule(re.compile(""), re.compile(""), 1, 0, None, None, None, 1, False, "issue", "alu", 0, 0)


class _Issued(NamedTuple):
    """An instruction on its way, and the rule it went by."""

    instruction: Instruction
    rule: _Rule
    start: int
    cycles: int
    results: frozenset[str]
    is_second: bool  # of a pair


class IssueStage:
    """A core's issue stage: instructions of straight-line code one by one, or in pairs."""

    def __init__(self, core: Document) -> None:
        self._rules = tuple(
            _Rule(**{**rule, "match": re.compile(rule["match"]), "operands": re.compile(rule["operands"])})
            for rule in core["rules"]
        )
        self._pairs = frozenset(map(tuple, core["pairs"]))
        self._unaligned_run: int | None = core["unaligned_run"]
        self._rule = lru_cache(maxsize=None)(self._find_rule)

    def _find_rule(self, name: str, operands: str) -> _Rule:
        fitting = (rule for rule in self._rules if rule.match.fullmatch(name) and rule.operands.search(operands))
        return next(fitting, _PLAIN)

    def cycles(self, instructions: Sequence[Instruction]) -> Cycles:
        """Of these, without waits for memory and what a jump behind them costs."""
        booked = dict.fromkeys(CAUSES, 0)
        ready: dict[str, tuple[int, str]] = {}  # register or unit → from when on, and what is being waited for
        now = 0
        before: _Issued | None = None
        for instruction in instructions:
            rule = self._rule(_plain_name(instruction.mnemonic), instruction.operands)
            results, sources = _results_and_sources(instruction.operands, rule)
            cycles = _occupied(instruction, rule, before)
            waited = [ready[each] for each in (*sources, f"unit {rule.unit}") if each in ready]
            if rule.address_early:
                early = (ready[each] for each in _address(instruction.operands) if each in ready)
                waited += [(at + rule.address_early, why) for at, why in early if why != "load"]
            there, cause = max(waited, default=(0, "issue"))
            if before is not None and there <= before.start and self._is_pair(before, rule, sources):
                start, is_second = before.start, True
                booked[rule.cause] += max(0, cycles - before.cycles)
            else:
                start, is_second = max(now, there), False
                booked[cause] += start - now
                booked["issue"] += min(cycles, 1)
                booked[rule.cause] += max(0, cycles - 1)
            now = max(now, start + cycles)
            for each in results:
                ready[each] = (start + (cycles if rule.latency is None else rule.latency), rule.cause)
            if rule.busy:
                ready[f"unit {rule.unit}"] = (start + rule.busy, rule.cause)
            before = _Issued(instruction, rule, start, cycles, results, is_second)
        if self._unaligned_run is not None:
            booked["issue"] += _unaligned_runs(instructions, self._unaligned_run)
        return Cycles(**booked)

    def _is_pair(self, before: _Issued, rule: _Rule, sources: frozenset[str]) -> bool:
        return (
            not before.is_second and (before.rule.unit, rule.unit) in self._pairs and before.results.isdisjoint(sources)
        )


def _plain_name(mnemonic: str) -> str:
    return mnemonic.removesuffix(".w").removesuffix(".n")


def _occupied(instruction: Instruction, rule: _Rule, before: _Issued | None) -> int:
    """For how many cycles nothing else is issued."""
    if before is not None:
        if rule.behind_short is not None and before.instruction.size == 2:
            return rule.behind_short
        is_access = rule.behind_access is not None and before.rule.behind_access is not None
        if is_access and not (before.instruction.reads and before.results & _address(instruction.operands)):
            assert rule.behind_access is not None
            return rule.behind_access
    return rule.cycles + (rule.per_register * len(_in_braces(instruction.operands)) if rule.per_register else 0)


def _unaligned_runs(instructions: Sequence[Instruction], shortest: int) -> int:
    """How many runs there are of so many instructions or more that lie across two words each."""
    across = groupby(instruction.size == 4 and instruction.address % 4 != 0 for instruction in instructions)
    return sum(is_across and len(list(run)) >= shortest for is_across, run in across)


def _results_and_sources(operands: str, rule: _Rule) -> tuple[frozenset[str], frozenset[str]]:
    parts = operands.split(",", rule.results)
    results = frozenset[str]().union(*map(_registers, parts[: rule.results]))
    sources = _registers(parts[-1]) if len(parts) > rule.results else frozenset[str]()
    return results, sources | results if rule.accumulates else sources


def _address(operands: str) -> frozenset[str]:
    """Registers of `[r1, r2, lsl #2]` or `8(a1)`."""
    return _registers(" ".join(re.findall(r"[\[(]([^\])]*)", operands)))


def _in_braces(operands: str) -> frozenset[str]:
    """Registers of a list: `{r4-r6, pc}`, `{d8, d9}` (each d is two words)."""
    return _registers(operands[operands.find("{") + 1 : operands.find("}")])


def _registers(text: str) -> frozenset[str]:
    """Every register that is named, wide ones of floating point as their words."""
    found: set[str] = set()
    for kind, first, last in _REGISTERS.findall(text):
        if not first:
            found.add(kind)
            continue
        words = _WORDS.get(kind, 1)
        name = "s" if words > 1 else kind
        for number in range(int(first) * words, (int(last or first) + 1) * words):
            found.add(f"{name}{number}")
    return frozenset(found)
