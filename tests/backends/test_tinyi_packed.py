"""Models that were prepared beforehand, walked on this machine: the bytes of the reference; other files are refused."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from host_model import RUNTIMES, STRICT, HostModel, load
from hypothesis import given
from hypothesis import strategies as st
from random_networks import random_network
from stateful_networks import branching, svdf
from test_tinyc_generate import SMALL
from tests_support import examples, tflm
from tinyc_host import kernels
from tinyi_host import ARENA_TOO_SMALL, DAMAGED, OK, UNKNOWN_OPERATOR, UNSUPPORTED, guarded

from tinyflow.backends import tinyi
from tinyflow.core.errors import ModelError
from tinyflow.model import reference
from tinyflow.model.graph import Graph
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize

VARIANTS = ("ref", "c")
_FOLDERS = {f"{name}/": RUNTIMES / name / "include" for name in ("tinyi", "tinynn")}
_OPEN = "\nextern const struct tinyi_packed *const test_model;\nconst struct tinyi_packed *const test_model = &model;\n"
# header: magic, version, bytes, bytes of the arena, end of calls, begin of constants, two sums of calls, of constants
_HEADER = struct.Struct("<4s9I")
Folders = Callable[[], Path]


class _Packed(ctypes.Structure):
    """`struct tinyi_packed`."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_uint32),
        ("kernels", ctypes.c_void_p),
        ("kernel_count", ctypes.c_uint32),
        ("arena", ctypes.c_void_p),
        ("arena_bytes", ctypes.c_uint32),
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """A fresh folder for each model."""
    root, numbers = tmp_path_factory.mktemp("packed"), count()
    return lambda: root / str(next(numbers))


@pytest.fixture(scope="module")
def vww(folders: Folders) -> HostModel:
    """A small relative of vww, with all that its firmware has."""
    return _build(synthesize(SMALL["vww"]), folders(), "c")


def _build(content: bytes, folder: Path, variant: str) -> HostModel:
    """Generated, compiled and loaded with the file in RAM."""
    sources, plan = folder / "sources", folder / "plan.json"
    _generate(content, folder, variant)
    model = (sources / "model.packed").read_bytes()
    (sources / "model_data.S").unlink()
    numbers = ", ".join(map(str, model))
    (sources / "data.c").write_text(f"_Alignas(16) unsigned char model_packed[] = {{{numbers}}};\n")
    (sources / "model.c").write_text((sources / "model.c").read_text() + _OPEN)
    inputs: Mapping[str, Any] = {**_FOLDERS, "packed.c": RUNTIMES / "tinyi/src/packed.c", "tinynn.a": kernels()}
    return load(sources, plan, inputs, [*_FOLDERS], (*STRICT, "-Wconversion"))


def _generate(content: bytes, folder: Path, variant: str) -> None:
    (folder / "sources").mkdir(parents=True)
    (folder / "model.tflite").write_bytes(content)
    options, graph = {"kernels": variant, "packed": True}, read(content)
    tinyi.check(graph, "tinyi", options)
    tinyi.generate(folder / "model.tflite", graph, "tinyi", options, folder / "sources", folder / "plan.json")


def _assert_exact(content: bytes, folder: Path, variant: str) -> None:
    graph = read(content)
    samples = reference.make_inputs(graph, 4, seed=7)
    built = _build(content, folder, variant)
    expected = tflm(content, graph, samples)
    assert reference.largest_difference(expected, [built.invoke(sample) for sample in samples]) == 0


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.every(4)
def test_small_networks_are_exact(name: str, variant: str, folders: Folders) -> None:
    """Relatives of the four networks, with odd sizes."""
    _assert_exact(synthesize(SMALL[name]), folders(), variant)


@pytest.mark.slow
@examples(12)
@given(seed=st.integers(0, 2**32 - 1), variant=st.sampled_from(VARIANTS))
def test_random_networks_are_exact(folders: Folders, seed: int, variant: str) -> None:
    """Branches, sums, any window and any activation."""
    _assert_exact(write(random_network(seed)), folders(), variant)


def _status(vww: HostModel, content: bytes, function: str = "tinyi_packed_setup", **changes: Any) -> int:
    """What the firmware says of another file in a buffer of its size; `changes` of what it has."""
    given = _Packed.from_buffer_copy(ctypes.cast(ctypes.c_void_p.in_dll(vww.library, "test_model").value, _POINTER)[0])
    buffer = guarded(content)
    for name, value in {"data": buffer.ctypes.data, "size": len(content), **changes}.items():
        setattr(given, name, value)
    return int(vww.library[function](ctypes.byref(given)))


_POINTER = ctypes.POINTER(_Packed)


def _file(vww: HostModel) -> bytes:
    return (vww.sources / "model.packed").read_bytes()


def _summed(words: np.ndarray[Any, np.dtype[np.uint32]]) -> bytes:
    """A file with the sums that its header and calls should have."""
    end = min(int(words[4]) // 4, len(words))
    summed = np.concatenate([words[:6], words[10:end]]).astype(object)
    words[6], words[7] = int(summed.sum()) % 2**32, int(np.cumsum(summed).sum()) % 2**32
    return words.tobytes()


def _words(content: bytes) -> np.ndarray[Any, np.dtype[np.uint32]]:
    return np.frombuffer(content, "<u4").copy()


def test_another_model_of_the_same_kernels_runs_in_the_same_firmware(vww: HostModel, folders: Folders) -> None:
    """Its file comes in place of the first one's, into the same arena."""
    content = synthesize({**SMALL["vww"], "size": 15})
    folder = folders()
    _generate(content, folder, "c")
    other = (folder / "sources" / "model.packed").read_bytes()
    assert other != _file(vww)
    assert _status(vww, other) == _status(vww, other, "tinyi_packed_check") == OK
    place = (ctypes.c_uint8 * len(_file(vww))).in_dll(vww.library, "model_packed")
    first = bytes(place)
    assert len(other) <= len(first)
    place[: len(other)] = other
    graph = read(content)
    samples = reference.make_inputs(graph, 2, seed=3)
    assert vww.library.model_setup() == OK
    there = HostModel.of(folder / "plan.json", vww)
    assert reference.largest_difference(tflm(content, graph, samples), [there.invoke(one) for one in samples]) == 0
    place[:] = first


@examples(40)
@given(data=st.data())
def test_damaged_files_are_refused(vww: HostModel, data: st.DataObject) -> None:
    """A word of the header or the calls that differs is noticed by set-up, one of the constants by the check."""
    words = _words(_file(vww))
    at, change = data.draw(st.integers(0, len(words) - 1)), data.draw(st.integers(1, 2**32 - 1))
    calls_end = int(words[4]) // 4
    words[at] ^= np.uint32(change)
    is_of_constants = at >= calls_end or at in (8, 9)
    assert (_status(vww, words.tobytes()) == OK) == is_of_constants
    assert _status(vww, words.tobytes(), "tinyi_packed_check") != OK


@examples(40)
@given(data=st.data())
def test_hostile_files_do_no_harm_to_set_up(vww: HostModel, data: st.DataObject) -> None:
    """Whatever the calls and the header say, with sums to match; what is behind them isn't readable."""
    words = _words(_file(vww))
    calls_end = int(words[4]) // 4
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(1, calls_end - 1))
        words[at] = data.draw(st.sampled_from([0, 1, 3, 40, 2**31 - 4, 2**31, 2**32 - 1]) | st.integers(0, 2**32 - 1))
    assert _status(vww, _summed(words)) in (OK, DAMAGED, UNKNOWN_OPERATOR, UNSUPPORTED, ARENA_TOO_SMALL)


def test_what_a_file_asks_for_is_checked(vww: HostModel) -> None:
    """Length, version, kernels and the arena; and every place in it or in the file."""
    content = _file(vww)
    arena_bytes = int(_words(content)[3])
    assert _status(vww, content) == _status(vww, content, arena_bytes=arena_bytes) == OK
    assert _status(vww, content, arena_bytes=arena_bytes - 1) == ARENA_TOO_SMALL
    assert _status(vww, content, size=len(content) - 1) == DAMAGED
    assert _status(vww, content[:12]) == DAMAGED

    def changed(at: int, value: int) -> int:
        words = _words(content)
        words[at] = value
        return _status(vww, _summed(words))

    assert changed(1, 2) == UNSUPPORTED
    assert changed(10, 12345) == UNKNOWN_OPERATOR
    beyond_arena, beyond_file = 2**31 + arena_bytes, len(content)
    # of the first call, of a convolution: output, scratch, input, two pointers
    for at, is_optional in ((11, False), (12, True), (13, False), (14, False), (15, False)):
        assert changed(at, int(_words(content)[at])) == OK
        assert changed(at, beyond_arena) == DAMAGED, at
        assert changed(at, beyond_file) == DAMAGED, at
        assert changed(at, 2**32 - 1) == (OK if is_optional else DAMAGED), at
        assert changed(at, 8) == DAMAGED, at  # in the header


@pytest.mark.parametrize("graph", [svdf(0), branching()], ids=["SVDF", "IF"])
def test_state_and_subgraphs_are_refused(graph: Graph) -> None:
    """With what to do instead."""
    with pytest.raises(ModelError) as raised:
        tinyi.check(read(write(graph)), "tinyi", {"kernels": "ref", "packed": True})
    assert raised.value.hint == "leave out +packed"
