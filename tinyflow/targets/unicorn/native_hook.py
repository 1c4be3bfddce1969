"""The C sources of the simulator, and how they are built."""

from __future__ import annotations

from pathlib import Path

from tinyflow.targets.native import build_hook as build_hook
from tinyflow.targets.native import host_triple as host_triple
from tinyflow.targets.native import zig_binary as zig_binary

SOURCE = Path(__file__).with_name("block_table.c")
FLASH_SOURCE = Path(__file__).with_name("flash_model.c")
GUARD_SOURCE = Path(__file__).with_name("guard.c")
