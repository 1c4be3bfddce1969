"""Frames of a serial line: Python's end and C's read what the other wrote, and neither takes a damaged one."""

from __future__ import annotations

import ctypes
import itertools
from functools import cache
from pathlib import Path

import kept
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_firmware import ROOT

from tinyflow.core.errors import RunError
from tinyflow.targets.monitor.frames import Damaged, Frame, Reader

RUNTIMES = ROOT / "recipes" / "runtimes"
MOST = 264
LOOP = """
#include "frame.h"
static struct tf_reader reader;
static uint8_t *to;
static void put(uint8_t byte) { *to++ = byte; }
int written(uint8_t *bytes, char kind, uint8_t sequence, const uint8_t *payload, int size) {
  to = bytes;
  tf_write(put, kind, sequence, payload, (uint32_t)size);
  return (int)(to - bytes);
}
/* Whole frames, one behind the other without checksum, to `found`; how many bytes; damaged ones are counted. */
int taken(uint8_t *found, int *damaged, const uint8_t *bytes, int size) {
  uint8_t *end = found;
  for (int i = 0; i < size; ++i) {
    enum tf_taken one = tf_take(&reader, bytes[i]);
    *damaged += one == TF_DAMAGED;
    if (one == TF_WHOLE)
      for (int j = 0; j < TF_HEAD + reader.bytes[2] + 256 * reader.bytes[3]; ++j) *end++ = reader.bytes[j];
  }
  return (int)(end - found);
}
"""

frames = st.builds(
    Frame,
    st.sampled_from("HWRKC"),
    st.integers(0, 255),
    # END and ESCAPE, and what stands for them, are likelier than by chance
    st.lists(st.one_of(st.integers(0, 255), st.sampled_from([0xC0, 0xDB, 0xDC, 0xDD])), max_size=MOST).map(bytes),
)


@cache
def library() -> ctypes.CDLL:
    """The firmware's source, for this machine."""
    loop = kept.scratch() / "loop.c"
    loop.write_text(LOOP)
    sources: dict[str, kept.Source] = {
        "frame.c": RUNTIMES / "monitor" / "src" / "frame.c",
        "crc32.c": RUNTIMES / "selfrun" / "src" / "crc32.c",
        "loop.c": loop,
    }
    folders: dict[str, kept.Source] = {"own/": RUNTIMES / "monitor" / "src", "self/": RUNTIMES / "selfrun" / "include"}
    made = kept.made_here({**sources, **folders}, ("-shared", "-fPIC", "-O2", "-Wall", "-Werror"), [*folders])
    return ctypes.CDLL(str(kept.copy(made, kept.scratch() / Path("frame.so"))))


def by_python(line: bytes) -> tuple[list[Frame], int]:
    """Frames that are whole, and how many aren't, of those that END ends."""
    found = [*Reader().take(line)]
    return [one for one in found if isinstance(one, Frame)], sum(isinstance(one, Damaged) for one in found)


def by_c(line: bytes) -> tuple[list[Frame], int]:
    """The same; nothing is left in the reader."""
    found, damaged, rest = ctypes.create_string_buffer(len(line) + 8), ctypes.c_int(0), ctypes.c_int(0)
    size = library().taken(found, ctypes.byref(damaged), line, len(line))
    whole = found.raw[:size]
    library().taken(found, ctypes.byref(rest), b"\xc0", 1)
    frames = []
    while whole:
        size = int.from_bytes(whole[2:4], "little")
        frames.append(Frame(chr(whole[0]), whole[1], whole[4 : 4 + size]))
        whole = whole[4 + size :]
    return frames, damaged.value


READERS = [pytest.param(by_python, id="python"), pytest.param(by_c, id="c")]


@given(frame=frames)
def test_both_ends_write_the_same(frame: Frame) -> None:
    """Byte for byte."""
    to = ctypes.create_string_buffer(2 * MOST + 32)
    size = library().written(to, ctypes.c_char(ord(frame.kind)), frame.sequence, frame.payload, len(frame.payload))
    assert to.raw[:size] == bytes(frame)


@pytest.mark.parametrize("read", READERS)
@given(sent=st.lists(frames, max_size=4), cuts=st.lists(st.integers(0, 600), max_size=3))
def test_what_was_written_is_read(read, sent, cuts) -> None:
    """All of it, in order, with noise of single ENDs between, and however it is cut."""
    line = b"\xc0".join(map(bytes, sent))
    assert read(line) == (sent, 0)
    reader, edges = Reader(), [0, *sorted(cuts), len(line)]
    pieces = [line[begin:end] for begin, end in itertools.pairwise(edges)]
    assert [one for piece in pieces for one in reader.take(piece)] == sent and not reader.has_part


@pytest.mark.parametrize("read", READERS)
@given(frame=frames, data=st.data())
def test_a_damaged_frame_is_none_or_itself(read, frame, data) -> None:
    """Bits flipped, bytes lost or put in: it is refused, unless all that counts is as it was; the next is read."""
    line = bytearray(bytes(frame))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(line) - 1))
        how = data.draw(st.sampled_from(["flip", "drop", "insert"]))
        if how == "flip":
            line[place] ^= 1 << data.draw(st.integers(0, 7))
        elif how == "insert":
            line.insert(place, data.draw(st.integers(0, 255)))
        elif len(line) > 1:
            del line[place]
    following = Frame("R", 7, b"next")
    whole, damaged = read(bytes(line) + bytes(following))
    assert whole in ([following], [frame, following])
    assert frame in whole or damaged or not by_python(bytes(line) + b"\xc0")[1]


@given(line=st.binary(max_size=700))
def test_both_ends_refuse_the_same(line) -> None:
    """Of any bytes: the same frames; the chip's reader also those that are too long for it."""
    line = b"\xc0" + line + b"\xc0"
    whole, damaged = by_python(line)
    assert by_c(line) == ([one for one in whole if len(one.payload) <= MOST], damaged)


def test_what_is_too_long_for_the_chip_is_damaged() -> None:
    """And changes nothing behind the reader's bytes: the next frame is read."""
    small, large = Frame("W", 1, bytes(MOST)), Frame("W", 2, bytes(MOST + 1))
    assert by_c(bytes(small) + bytes(large) + bytes(small)) == ([small, small], 1)


def test_a_line_that_never_ends_a_frame_takes_no_memory() -> None:
    """Of what never ends only the last part is kept."""
    reader = Reader()
    for _ in range(5):
        assert not [*reader.take(bytes(1 << 16))]
    assert reader.has_part and len(reader._rest) <= 1 << 17
    reader.forget()
    assert [*reader.take(bytes(Frame("H", 0)))] == [Frame("H", 0)]


def test_an_echo_is_no_firmware() -> None:
    """What sends everything back, a wire or a terminal server, would be taken for firmware of version 0."""
    pytest.importorskip("serial")
    from tinyflow.targets.monitor.line import Line
    from tinyflow.targets.monitor.port import Port

    with pytest.raises(RunError, match="what is sent to loop:// comes back as it is"):
        Line(Port("loop://", 115200)).hello(2)
