"""Linker scripts from templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_firmware import ROOT

from tinyflow.core.errors import RecipeError
from tinyflow.toolchains import script

TEMPLATE = ROOT / "templates" / "link" / "firmware.ld.j2"
TARGET: dict[str, Any] = {
    "name": "board",
    "memory": [
        {"name": "code", "kind": "flash", "origin": 0x1000, "length_bytes": 4096},
        {"name": "fast", "kind": "ram", "origin": 0x20000000, "length_bytes": 512},
        {"name": "slow", "kind": "ram", "origin": 0x30000000, "length_bytes": 1024},
    ],
    "stack_bytes": 100,
    "heap_bytes": 0,
}


def test_regions_come_as_finished_numbers() -> None:
    """Every region is declared; code goes to the first flash, data to the first RAM."""
    text = script.render(TEMPLATE, TARGET, "thumb")
    assert "  code (rx) : ORIGIN = 0x00001000, LENGTH = 4096\n" in text
    assert "  fast (rwx) : ORIGIN = 0x20000000, LENGTH = 512\n" in text
    assert "  slow (rwx) : ORIGIN = 0x30000000, LENGTH = 1024\n" in text
    assert "> fast AT> code : data" in text
    assert "ENTRY(Reset_Handler)" in text


@pytest.mark.parametrize(("stack_bytes", "reserved"), [(100, 112), (112, 112), (1, 16)])
def test_stack_keeps_its_alignment(stack_bytes: int, reserved: int) -> None:
    """The stack's top is aligned as calls want it, by rounding up."""
    assert f". += {reserved};" in script.render(TEMPLATE, {**TARGET, "stack_bytes": stack_bytes}, "thumb")


def test_heap_exists_only_where_one_is_asked_for() -> None:
    """Code that needs a heap does not link with a target that has none."""
    assert "tf_heap_start" not in script.render(TEMPLATE, TARGET, "riscv")
    assert ". += 640;" in script.render(TEMPLATE, {**TARGET, "heap_bytes": 640}, "riscv")


def test_target_without_ram_is_refused() -> None:
    """A recipe's mistake is said in the recipe's words."""
    with pytest.raises(RecipeError, match="board has no ram"):
        script.render(TEMPLATE, {**TARGET, "memory": TARGET["memory"][:1]}, "thumb")


@pytest.mark.parametrize("text", ["{{ no_such_number }}", "{% for %}"])
def test_template_that_cannot_be_filled_in_is_refused(tmp_path: Path, text: str) -> None:
    """A user's own template names what is wrong with it."""
    template = tmp_path / "mine.ld.j2"
    template.write_text(text)
    with pytest.raises(RecipeError, match=r"mine\.ld\.j2"):
        script.render(template, TARGET, "thumb")
