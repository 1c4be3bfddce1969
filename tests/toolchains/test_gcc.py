"""GNU cross compilers: what is asked of them, and what is said where they are missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from processors import compiler
from tests_support import NO_MEMO

from tinyflow.core import identity
from tinyflow.core.errors import ToolError
from tinyflow.toolchains import gcc


@pytest.mark.parametrize(
    ("cpu", "program", "hint"),
    [
        ("cortex-m7", "arm-none-eabi-gcc", "apt-get install gcc-arm-none-eabi"),
        ("xtensa-lx6", "xtensa-esp32-elf-gcc", "put the folder of xtensa-esp32-elf-gcc on PATH"),
        ("xtensa-lx7", "xtensa-esp32s3-elf-gcc", "put the folder of xtensa-esp32s3-elf-gcc on PATH"),
    ],
)
def test_missing_compiler_names_its_package(
    cpu: str, program: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planning goes on without it, so that one bench fails and not a suite; making a key says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    driver = gcc.tools(compiler(cpu, "gcc"))[0]
    with pytest.raises(ToolError, match=f"{program} is not on PATH") as error:
        identity.of_tool(driver, NO_MEMO)
    assert error.value.exit_status == 3
    assert error.value.hint == f"{hint}, or leave out +toolchain.gcc"
