"""The block counter in C: built the same everywhere, and instruction lengths as the architectures define them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_firmware import workspace

from tinyflow.targets import unicorn
from tinyflow.targets.blocks import instruction_lengths
from tinyflow.targets.native import build_hook, host_triple

SOURCE = Path(unicorn.__file__).with_name("block_table.c")
OTHERS = ["aarch64-linux-gnu.2.17", "x86_64-macos", "aarch64-macos"]


def _build(folder: Path, triple: str) -> bytes:
    made = workspace(folder, {"block_table.c": SOURCE}, ["block_table.so"], {"triple": triple})
    build_hook(made)
    left = {path.name for path in folder.iterdir()}
    assert left <= {"in", "out", "log", "zig-cache"}
    return made.outputs["block_table.so"].read_bytes()


def test_same_bytes_in_two_folders(tmp_path: Path) -> None:
    """Where it is built leaves no trace in the library."""
    triple = host_triple()
    assert _build(tmp_path / "one", triple) == _build(tmp_path / "another place", triple)


@pytest.mark.parametrize("triple", OTHERS)
def test_builds_for_other_machines(triple: str, tmp_path: Path) -> None:
    """The wheel's compiler makes it for every machine that we name, with nothing else installed."""
    assert b"tf_count_block" in _build(tmp_path, triple)


def test_lengths_of_thumb() -> None:
    """nop; add.w; it eq; moveq; b.w: 2 and 4 bytes by the first five bits (Armv7-M ARM, A5.1)."""
    code = bytes.fromhex("00bf 00f10100 08bf 0120 00f000b8")
    assert instruction_lengths(code, "EM_ARM") == [2, 4, 2, 2, 4]


def test_lengths_of_riscv() -> None:
    """c.nop; addi; c.jr ra; lw: 2 and 4 bytes by the lowest two bits (RISC-V ISA, 1.5)."""
    code = bytes.fromhex("0100 13051500 8280 03250500")
    assert instruction_lengths(code, "EM_RISCV") == [2, 4, 2, 4]


def test_lengths_of_xtensa() -> None:
    """addi; mov.n; l32i.n; ret: 2 bytes from op0 8 on, else 3 (Xtensa ISA manual, 7.2)."""
    code = bytes.fromhex("12c1f0 3d02 a802 800000")
    assert instruction_lengths(code, "EM_XTENSA") == [3, 2, 2, 3]


@given(st.binary(max_size=64), st.sampled_from(["EM_ARM", "EM_RISCV", "EM_XTENSA"]))
def test_lengths_cover_any_bytes(code: bytes, machine: str) -> None:
    """Whatever the bytes, the instructions that begin in them cover them, and each begins inside."""
    lengths = instruction_lengths(code, machine)
    assert sum(lengths) >= len(code) - 1
    assert sum(lengths[:-1]) < max(len(code), 1)
