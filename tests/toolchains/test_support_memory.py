"""The support runtime's memory functions, against the plainest loops that do the same, on chips and here."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_firmware import Bench

from tinyflow.targets.protocol import open_machine

# Every size up to 40 and some to 94 at every alignment; each byte outside the destination must stay. Byte loops through
# volatile pointers, so that no compiler turns them into the functions under test.
CHECK = r"""
#include <stdint.h>
#include <string.h>

enum { SIZES = 95, AROUND = 8, ROOM = 128 };
int32_t model_failure[4];
static uint8_t region[ROOM] __attribute__((aligned(16))), wanted[ROOM], source[ROOM] __attribute__((aligned(16)));
static void *(*volatile copy)(void *restrict, const void *restrict, size_t) = memcpy;
static void *(*volatile move)(void *, const void *, size_t) = memmove;
static void *(*volatile set)(void *, int, size_t) = memset;

static void begin(void) {
  for (volatile int32_t i = 0; i < ROOM; ++i) {
    region[i] = wanted[i] = (uint8_t)(i * 7 + 1);
    source[i] = (uint8_t)(i * 5 + 128);
  }
}

static int fails(const void *result, const void *destination, int which, int32_t to, int32_t from, int32_t size) {
  int is_wrong = result != destination;
  for (volatile int32_t i = 0; i < ROOM; ++i) is_wrong |= region[i] != wanted[i];
  if (is_wrong) model_failure[0] = which, model_failure[1] = to, model_failure[2] = from, model_failure[3] = size;
  return is_wrong;
}

int model_setup(void) { return 0; }

int model_invoke(void) {
  for (int32_t size = 0; size < SIZES; size += size < 40 ? 1 : 6) {
    for (int32_t to = AROUND; to < AROUND + 4; ++to) {
      begin();
      for (volatile int32_t i = 0; i < size; ++i) wanted[to + i] = 0xA5;
      if (fails(set(region + to, 0x1A5, (size_t)size), region + to, 1, to, 0, size)) return 1;
      for (int32_t from = 0; from < 4; ++from) {
        begin();
        for (volatile int32_t i = 0; i < size; ++i) wanted[to + i] = source[from + i];
        if (fails(copy(region + to, source + from, (size_t)size), region + to, 2, to, from, size)) return 1;
      }
      for (int32_t from = 0; from < 2 * AROUND; ++from) {
        begin();
        for (volatile int32_t i = 0; i < size; ++i) wanted[to + i] = (uint8_t)((from + i) * 7 + 1);
        if (fails(move(region + to, region + from, (size_t)size), region + to, 3, to, from, size)) return 1;
      }
    }
  }
  return 0;
}
"""

LIBRARY = r"""
#include <string.h>
int model_setup(void) { return 0; }
int model_invoke(void) { return 0; }
void model_copy(void *to, const void *from, size_t size) { memcpy(to, from, size); }
void model_move(void *to, const void *from, size_t size) { memmove(to, from, size); }
void model_set(void *to, int value, size_t size) { memset(to, value, size); }
"""

COPY = r"""
#include <stdint.h>
#include <string.h>
int8_t model_from[4096] __attribute__((aligned(16))), model_to[4096] __attribute__((aligned(16)));
volatile size_t model_size = 4096, model_shift;
int model_setup(void) { return 0; }
int model_invoke(void) { memcpy(model_to, model_from + model_shift, model_size - model_shift); return 0; }
"""


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["cortex-m0plus", "cortex-m3", "cortex-m7", "rv32imc"])
def test_every_small_size_and_alignment_on_the_chip(tmp_path: Path, cpu: str) -> None:
    """Copies, overlapping moves and fills write what byte loops write, nothing beside it, on cores of all kinds."""
    bench = Bench(tmp_path, cpu=cpu)
    machine = open_machine(bench.machine_target, bench.machine_files)
    machine.load(bench.link({"model.c": CHECK})["firmware.elf"])
    result, _ = machine.call("model_invoke", limit_instructions=50_000_000)
    failure = machine.read("model_failure", 16)
    machine.close()
    which, to, start, size = (int.from_bytes(failure[4 * i : 4 * i + 4], "little") for i in range(4))
    assert (result, which, to, start, size) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("cpu", ["cortex-m7", "rv32imc"])
@pytest.mark.parametrize(("shift", "instructions_per_byte"), [(0, 0.75), (1, 2.75)])
def test_long_copies_move_words(tmp_path: Path, cpu: str, shift: int, instructions_per_byte: float) -> None:
    """A byte loop takes four or five instructions a byte; copies must do with far less, however they are aligned."""
    bench = Bench(tmp_path, cpu=cpu)
    machine = open_machine(bench.machine_target, bench.machine_files)
    machine.load(bench.link({"model.c": COPY})["firmware.elf"])
    machine.write("model_shift", shift.to_bytes(4, "little"))
    _, counters = machine.call("model_invoke", limit_instructions=1_000_000)
    machine.close()
    assert counters.instructions is not None
    assert counters.instructions < 4096 * instructions_per_byte


# Of newlib 3.3's memcpy for Armv7-M, with the call as below, from an aligned address and from another one.
NEWLIB = {0: (33, 31), 1: (38, 36), 3: (40, 38), 4: (37, 39), 7: (44, 51), 8: (41, 47), 12: (45, 51), 16: (43, 49)}
NEWLIB |= {24: (53, 59), 27: (58, 64), 32: (53, 59), 48: (67, 73)}


def test_short_copies_are_as_quick_as_newlib_s(tmp_path: Path) -> None:
    """Kernels of others copy a few bytes at a time: with support they take no more than with the C library."""
    bench = Bench(tmp_path, cpu="cortex-m7")
    machine = open_machine(bench.machine_target, bench.machine_files)
    machine.load(bench.link({"model.c": COPY})["firmware.elf"])
    found = {}
    for size in NEWLIB:
        for shift in (0, 1):
            machine.write("model_size", (size + shift).to_bytes(4, "little"))
            machine.write("model_shift", bytes([shift, 0, 0, 0]))
            found[size, shift] = machine.call("model_invoke", limit_instructions=1000)[1].instructions
    machine.close()
    slower = {place: count for place, count in found.items() if count > NEWLIB[place[0]][place[1]] + 1}
    assert not slower


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The same C, compiled for this machine."""
    bench = Bench(tmp_path_factory.mktemp("memory"), cpu="host")
    return ctypes.CDLL(str(bench.link({"model.c": LIBRARY})["firmware.elf"]))


@given(st.binary(max_size=600), st.data())
def test_any_region_is_moved_as_bytes(library: ctypes.CDLL, content: bytes, data: st.DataObject) -> None:
    """Moves, copies and fills of any part of a buffer agree with Python's slices."""
    size = data.draw(st.integers(0, len(content)))
    start, to = (data.draw(st.integers(0, len(content) - size)) for _ in range(2))
    value = data.draw(st.integers(0, 255))
    buffer = ctypes.create_string_buffer(content, len(content) + 1)
    library.model_move(ctypes.byref(buffer, to), ctypes.byref(buffer, start), ctypes.c_size_t(size))
    assert buffer.raw[:-1] == content[:to] + content[start : start + size] + content[to + size :]
    source = ctypes.create_string_buffer(content, len(content) + 1)
    library.model_copy(ctypes.byref(buffer, to), ctypes.byref(source, start), ctypes.c_size_t(size))
    assert buffer.raw[to : to + size] == content[start : start + size]
    library.model_set(ctypes.byref(source, to), value, ctypes.c_size_t(size))
    assert source.raw[:-1] == content[:to] + bytes([value]) * size + content[to + size :]
