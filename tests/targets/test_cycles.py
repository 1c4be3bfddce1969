"""The estimate of cycles, rule by rule, on code that was assembled for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from processors import core
from small_firmware import Bench

from tinyflow.targets import elf
from tinyflow.targets.cycles import IssueStage
from tinyflow.targets.disassembly import disassembler

# name → Thumb code and its cycles by Arm's table (DDI 0439, 3.3), taken branches left out
RULES = {
    "arithmetic": ("add.w r0, r0, r1\n smlad r0, r1, r2, r0\n smull r0, r1, r2, r3\n mul r0, r1, r2", 4),
    "one_load": ("ldr r0, [r1]", 2),
    "two_loads": ("ldr r0, [r1]\n ldr r2, [r3]", 3),
    "a_load_of_what_was_loaded": ("ldr r0, [r1]\n ldr r2, [r0]", 4),
    "a_load_behind_arithmetic": ("ldr r0, [r1]\n adds r0, r1\n ldrsb r2, [r3, r4]", 5),
    "stores": ("str r0, [r1]\n strb r0, [r1, #4]\n strh r0, [r1, r2]", 4),
    "doubles": ("ldrd r0, r1, [r2]\n strd r0, r1, [r2]", 6),
    "lists": ("ldm r0, {r1, r2, r3}\n push {r4-r7, lr}", 10),
    "division": ("sdiv r0, r1, r2", 7),
    "it_behind_a_short_instruction": ("cmp r0, r1\n it eq\n moveq r0, r1", 2),
    "it_behind_a_long_instruction": ("smlad r0, r1, r2, r0\n it eq\n moveq r0, r1", 3),
    "an_address_computed_just_before": ("adds r0, r1\n ldr r2, [r0]\n adds r3, r2\n str r4, [r3]", 1 + 3 + 1 + 2),
    "a_run_of_long_instructions_across_words": ("nop\n smlad r0, r1, r2, r0\n mul r0, r1, r2\n mul r0, r1, r2", 5),
    "integers_beside_a_multiplication_of_floats": ("vmla.f32 s0, s1, s2\n add.w r0, r0, r1\n mul r0, r1, r2", 3),
    "floats_behind_it": ("vmla.f32 s0, s1, s2\n vldr s5, [r0]\n vadd.f32 s3, s1, s2", 4),
    "floats_that_need_it": ("vmla.f32 s0, s1, s2\n vmla.f32 s0, s1, s2\n vadd.f32 s3, s0, s2", 7),
}
SOURCE = ".syntax unified\n.thumb\n" + "".join(
    f".section .text.{name}\n.p2align 2\n.globl {name}\n.type {name}, %function\n"
    f"{name}:\n {code}\n.size {name}, . - {name}\n"
    for name, (code, _) in RULES.items()
)


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> elf.Firmware:
    """All rules' code, linked."""
    called = "".join(f"extern char {name}[];" for name in RULES)
    kept = ", ".join(RULES)
    model = f"{called} char *model_kept[] = {{{kept}}};\nint model_setup(void) {{ return model_kept[0] == 0; }}\n"
    sources = {"model.c": model + "int model_invoke(void) { return 0; }\n", "rules.S": SOURCE}
    made: Path = Bench(tmp_path_factory.mktemp("cycles"), cpu="cortex-m4").link(sources)["firmware.elf"]
    return elf.read(made)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_of_the_table(firmware: elf.Firmware, name: str) -> None:
    """As Arm counts them."""
    symbol = firmware.symbol(name)
    instructions = disassembler(firmware)(symbol.address & ~1, symbol.size_bytes)
    assert sum(instruction.size for instruction in instructions) == symbol.size_bytes
    assert IssueStage(core("cortex-m4")).cycles(instructions).total == RULES[name][1], instructions
