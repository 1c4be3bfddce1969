"""A core's recipe: how cycles are estimated from the instructions that were executed, a table of declared rules."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from tinyflow.recipes.fields import Check, Natural, ProcessorName
from tinyflow.recipes.schema.part import Part, Recipe, part


def _check_pattern(value: str) -> None:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None


def _check_positive(value: float) -> None:
    if not value > 0:
        raise ValueError(f"expected more than 0, not {value}")


Pattern = Annotated[str, Check(_check_pattern)]


@part
class CycleRule(Part):
    """What instructions of one kind cost; of several rules that fit an instruction the first counts."""

    match: Pattern
    """Regular expression for the whole mnemonic as capstone spells it, without `.w` and `.n`."""
    operands: Pattern = ""
    """Regular expression that is found in the operands, too."""
    cycles: Natural = 1
    """During which nothing else is issued."""
    per_register: Natural = 0
    """More of them for each register in braces."""
    behind_access: Natural | None = None
    """Cycles behind another access with such a rule, where the address doesn't need what that one loads."""
    behind_short: Natural | None = None
    """Cycles behind an instruction of two bytes."""
    latency: Natural | None = None
    """Cycles after which the result can be used; by default, as soon as it is out of the way."""
    results: Natural = 1
    """How many of the operands, from the first on, are written."""
    accumulates: bool = False
    """Whether what is written is read, too."""
    cause: Literal["issue", "load", "branch"] = "issue"
    """What its cycles but for the first, and waits for its result, are booked as."""
    unit: str = "alu"
    """For `pairs` and `busy`."""
    busy: Natural = 0
    """Cycles from its start during which its unit takes nothing else, where that is longer than `cycles`."""
    address_early: Natural = 0
    """Cycles before it starts by which its address must be computed, unless that was loaded."""


@part
class Branches(Part):
    """What a jump costs beyond the branch itself."""

    taken: Natural
    """Cycles until the target is executed, where it was foreseen or nothing foresees."""
    unaligned_target: Natural = 0
    """More of them where the target is an instruction of four bytes across two words."""
    mispredicted: Natural | None = None
    """In place of `taken` where a predictor is wrong: a branch that goes both ways is, the rarer way, each time."""


@part
class Core(Recipe):
    """How cycles of a processor are estimated. It has the processor's name."""

    name: ProcessorName
    source: str
    """Where the rules come from."""
    error_percent: Natural
    """By how much an estimate may be off either way: what was seen on boards, see docs/cycles.md, or assumed."""
    evidence: Literal["boards", "none"]
    """Whether boards have confirmed it."""
    cycles_per_instruction: Annotated[float, Check(_check_positive)] | None = None
    """In place of rules, where none were seen to do better."""
    extends: ProcessorName | None = None
    """A core whose rules hold where none of these does; without `branches` what is left out is as it is there."""
    rules: tuple[CycleRule, ...] = ()
    branches: Branches | None = None
    unaligned_run: Natural | None = None
    """So many instructions of four bytes across two words, one behind the other, or more cost a cycle of fetching."""
    issue_width: Literal[1, 2] | None = None
    """1 by default."""
    pairs: tuple[tuple[str, str], ...] = ()
    """Units whose instructions can be issued together, the first with the second that doesn't need its result."""

    def __post_init__(self) -> None:
        if self.cycles_per_instruction is None:
            is_complete = self.branches is not None or self.extends is not None
        else:
            is_complete = self.branches is None and not self.rules
        if not is_complete:
            raise ValueError('give either "cycles_per_instruction" or "rules" with "branches"')
        if self.pairs and self.extends is None and self.issue_width != 2:
            raise ValueError('"pairs" needs "issue_width: 2"')
