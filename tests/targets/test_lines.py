"""Lines of sources from addresses of firmware that was compiled with -g."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_firmware import MODEL, Bench

from tinyflow.targets import elf
from tinyflow.targets.lines import source_line

TRAPS = ("-O2", "-g", "-fsanitize=undefined", "-fsanitize-trap=undefined", "-fno-sanitize-merge")
SOURCE = """
volatile int index, large = 2147483647;
const int table[4] = {1, 2, 3, 4};
int model_add(void) {
  int here = large;
  return here + index;
}
int model_look(void) { return table[index]; }
int model_setup(void) { return model_add() + model_look(); }
"""


@pytest.mark.parametrize("cpu", ["cortex-m7", "rv32imc", "host"])
@pytest.mark.every(3)
def test_instructions_have_lines_of_their_function(tmp_path: Path, cpu: str) -> None:
    """The path is that below the folder of the inputs; without -g there is nothing to tell, and no error."""
    bench = Bench(tmp_path / "with", cpu=cpu, flags=("-O2", "-g"))
    path = bench.link({"parts/model.c": MODEL})["firmware.elf"]
    function = elf.read(path).symbol("model_invoke")
    first = next(number for number, text in enumerate(MODEL.splitlines(), 1) if text.startswith("int model_invoke"))
    told = {source_line(path, function.address + offset) for offset in range(0, function.size_bytes, 2)}
    assert {line.split(":")[0] for line in told} == {"in/sources/parts/model.c"}
    lines = {int(line.split(":")[1]) for line in told}
    assert {first + 3, first + 6} <= lines <= {0, *range(first, first + 8)}
    assert source_line(path, 0x10) == ""
    plain = replace(bench, folder=tmp_path / "without", flags=("-O2",)).link({"model.c": MODEL})["firmware.elf"]
    assert source_line(plain, elf.read(plain).symbol("model_invoke").address) == ""


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["cortex-m7", "rv32imc", "host"])
def test_a_trap_tells_its_reason(tmp_path: Path, cpu: str) -> None:
    """Each check has a trap of its own, with the line and column of what it checks."""
    model = MODEL.replace("int model_setup(void) {", "int model_begin(void) {")
    path = Bench(tmp_path, cpu=cpu, flags=TRAPS).link({"model.c": model, "wrong.c": SOURCE})["firmware.elf"]
    firmware = elf.read(path)
    function = firmware.symbol("model_setup")  # the others are inlined
    found = {source_line(path, function.address + offset) for offset in range(0, function.size_bytes, 2)}
    reasons = {line.removeprefix("in/sources/") for line in found if ": " in line}
    assert "wrong.c:6:15: signed integer addition overflow in 'here + index'" in reasons
    assert any(line.startswith("wrong.c:8:") and "out of bounds" in line for line in reasons)


def test_what_is_no_program_tells_nothing(tmp_path: Path) -> None:
    """A model that an interpreter runs has no lines."""
    (tmp_path / "model.tflite").write_bytes(b"TFL3" * 100)
    assert source_line(tmp_path / "model.tflite", 0x100) == ""
