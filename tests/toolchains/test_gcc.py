"""GNU cross compilers: what is asked of them, and what is said where they are missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests_support import NO_MEMO

from tinyflow.core import identity
from tinyflow.core.errors import ToolError
from tinyflow.toolchains import gcc

CORTEX_M7 = {"prefix": "arm-none-eabi-", "package": "gcc-arm-none-eabi"}


def test_missing_compiler_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning goes on without it, so that one bench fails and not a suite; making a key says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    driver = gcc.tools(CORTEX_M7)[0]
    with pytest.raises(ToolError, match="arm-none-eabi-gcc is not on PATH") as error:
        identity.of_tool(driver, NO_MEMO)
    assert error.value.exit_status == 3
    assert "apt-get install gcc-arm-none-eabi" in error.value.hint
