"""The interpreter tinyi as a library of this machine: any model and any bytes, without compiling anything again."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import kept
import numpy as np
import tflite
from host_model import RUNTIMES, STRICT
from tests_support import litert, tflm
from tinynn_calls import host_objects

from tinyflow.backends.tinyi import customs
from tinyflow.backends.tinyi.calls import CALLING, has_calls, requests
from tinyflow.backends.tinyi.operators import ENTRIES, main_type
from tinyflow.backends.tinyi.planner import plan
from tinyflow.model import reference
from tinyflow.model.custom_options import flexbuffer
from tinyflow.model.graph import CUSTOM, Graph, Operator
from tinyflow.model.operators import describe
from tinyflow.model.reference import Sample
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write

INTERPRETER, RUNTIME = RUNTIMES / "tinyi", RUNTIMES / "tinynn"
OK, DAMAGED, UNKNOWN_OPERATOR, UNSUPPORTED, ARENA_TOO_SMALL = range(5)
_GUARD_BYTES = 64
# the quick way is inline
_FACTOR = """\
#include "tinyi/multiplier.h"
void test_factor(uint32_t, uint32_t, uint32_t, struct tinyi_quotient *, struct tinyi_factor *);
void test_factor(uint32_t n, uint32_t d, uint32_t s, struct tinyi_quotient *quotient, struct tinyi_factor *factor) {
  *quotient = tinyi_quotient(n, d);
  *factor = tinyi_factor(quotient, s);
}
"""
_CUSTOMS = """\
extern const void *const test_customs;
const void *const test_customs = customs;
"""
_LIBC = ctypes.CDLL(None)


def customs_source() -> str:
    """All custom operators, and the tables of transforms of any length."""
    operators = [Operator(0, name, 1, (), ()) for name in customs.CUSTOMS]
    lengths = [flexbuffer({"fft_length": 1 << bits}) for bits in range(2, 10)]
    transforms = [Operator(0, f"{CUSTOM}SignalRfft", 1, (), (), {}, (), length) for length in lengths]
    return customs.source([one for one in operators if one.name != transforms[0].name] + transforms)


@cache
def interpreter_library() -> Path:
    """Everything that any machine can run."""
    flags = (*STRICT, "-Wconversion", *kept.TRAPS)
    sources = [path for path in sorted(INTERPRETER.glob("src/**/*.c")) if path.parent.name in ("src", "c", "ref")]
    factor = kept.scratch() / "factor.c"
    factor.write_text(_FACTOR)
    named = kept.scratch() / "customs.c"
    named.write_text(customs_source() + _CUSTOMS)
    objects = kept.objects_here([*sources, factor, named], [root / "include" for root in (INTERPRETER, RUNTIME)], flags)
    kernels = {f"kernels/{name}": made for name, made in host_objects().items()}
    return kept.path(kept.made_here({**objects, **kernels}, ["-shared"]))


class _Vector(ctypes.Structure):
    _fields_ = (("at", ctypes.c_uint32), ("count", ctypes.c_uint32))


class _Operator(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_int16),
        ("type", ctypes.c_int8),
        ("main_input", ctypes.c_uint8),
        ("newest", ctypes.c_int16),
        ("most_outputs", ctypes.c_uint16),
        ("run", ctypes.c_void_p),
        ("kernel", ctypes.c_void_p),
        ("plan", ctypes.c_void_p),
    )


class _Config(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_uint32),
        ("operators", ctypes.c_void_p),
        ("operator_count", ctypes.c_int32),
        ("arena", ctypes.c_void_p),
        ("arena_bytes", ctypes.c_uint32),
        ("unit", ctypes.c_uint32),
        ("is_apart", ctypes.c_uint32),
    )


class _Model(ctypes.Structure):
    _fields_ = (
        ("config", ctypes.POINTER(_Config)),
        ("needed_bytes", ctypes.c_uint32),
        ("tensors", _Vector),
        ("nodes", _Vector),
        ("codes", _Vector),
        ("buffers", _Vector),
        ("places", ctypes.c_void_p),
    )


def _aligned(size: int, alignment: int = 16) -> np.ndarray[Any, np.dtype[np.uint8]]:
    raw = np.zeros(size + alignment, np.uint8)
    start = -raw.ctypes.data % alignment
    return raw[start : start + size]


def guarded(content: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A copy that ends within 16 bytes of a page that can't be read: what reads behind it dies."""
    page = mmap.PAGESIZE
    pages = -(-len(content) // page) + 1
    memory = mmap.mmap(-1, pages * page)
    whole = np.frombuffer(memory, np.uint8)
    guard = whole.ctypes.data + (pages - 1) * page
    assert _LIBC.mprotect(ctypes.c_void_p(guard), page, 0) == 0
    start = (pages - 1) * page - _round_up(len(content), 16)
    whole[start : start + len(content)] = np.frombuffer(content, np.uint8)
    return whole[start : start + len(content)]


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


@dataclass
class Interpreter:
    """The library, and the table of all operators with the kernels of one variant."""

    library: ctypes.CDLL
    operators: Any
    without_calls: int
    """Of the operators, the first, which any set-up knows."""

    @staticmethod
    def load(variant: str, *, is_general: bool = True, is_int4: bool = True) -> Interpreter:
        """`variant`: ref or c. `is_general`: functions of rare operators stand for all, as where a model has some.

        `is_int4`: so do those of weights of int4.
        """
        loaded = ctypes.CDLL(str(interpreter_library()))

        def address(symbol: str | None) -> int | None:
            return None if symbol is None else ctypes.addressof(ctypes.c_byte.in_dll(loaded, symbol.removeprefix("&")))

        every = [(name, form, entry) for form, entries in ENTRIES.items() for name, entry in entries.items()]
        known = [one for one in every if not one[0].startswith(CUSTOM)]
        known.sort(key=lambda one: one[0] in CALLING)
        table = ctypes.c_void_p.in_dll(loaded, "test_customs").value
        rows = [
            _Operator(
                getattr(tflite.BuiltinOperator, name),
                main_type(name, form),
                describe(name).main_input,
                describe(name).versions[1],
                describe(name).outputs,
                address(entry.called(is_general=is_general, is_int4=is_int4)),
                address(entry.kernel_symbol(variant, is_general=is_general)),
                address(entry.planned(is_general=is_general, is_int4=is_int4)),
            )
            for name, form, entry in known
        ]
        rows.insert(0, _Operator(tflite.BuiltinOperator.CUSTOM, -1, 0, 1, 2, address("tinyi_custom"), table, None))
        return Interpreter(loaded, (_Operator * len(rows))(*rows), 1 + sum(one[0] not in CALLING for one in known))

    def factor(self, numerator: int, denominator: int, scale: int) -> tuple[int, int]:
        """tinyi_factor of scale * numerator / denominator, given as bits."""
        quotient, factor = (ctypes.c_uint32 * 7)(), (ctypes.c_int32 * 2)()
        self.library.test_factor(numerator, denominator, scale, quotient, factor)
        return factor[0], factor[1]

    def model(
        self,
        content: bytes,
        arena_bytes: int,
        unit: int = 4,
        *,
        has_state: bool = False,
        has_calls: bool = False,
        has_kept: bool = False,
        is_apart: bool = False,
    ) -> Session:
        """Set a file up; `status` tells how that went. What has calls or keeps something may have state, too."""
        kind = "_with_calls" if has_calls else "_with_custom" if has_kept else "_with_state" if has_state else ""
        return Session(self, content, arena_bytes, unit, kind, has_state=has_state, is_apart=is_apart)


class Session:
    """A file, an arena full of garbage with guards behind it, and what set-up returned."""

    def __init__(
        self,
        interpreter: Interpreter,
        content: bytes,
        arena_bytes: int,
        unit: int,
        kind: str,
        *,
        has_state: bool,
        is_apart: bool,
    ) -> None:
        self._interpreter = interpreter
        self._file = guarded(content)
        self._arena = _aligned(arena_bytes + _GUARD_BYTES)
        self._arena[:] = np.random.default_rng(arena_bytes).integers(0, 256, len(self._arena))
        self._guard = self._arena[arena_bytes:].copy()
        self._bytes = arena_bytes
        self._config = _Config(
            data=self._file.ctypes.data,
            size=len(content),
            operators=ctypes.addressof(interpreter.operators),
            operator_count=len(interpreter.operators) if kind == "_with_calls" else interpreter.without_calls,
            arena=self._arena.ctypes.data,
            arena_bytes=arena_bytes,
            unit=unit,
            is_apart=is_apart,
        )
        self._model = _Model(config=ctypes.pointer(self._config))
        library = interpreter.library
        set_up = library[f"tinyi_setup{kind}"]
        self._invoke = library.tinyi_invoke_with_calls if kind == "_with_calls" else library.tinyi_invoke
        self._reset = library.tinyi_reset_with_custom if kind == "_with_custom" else library.tinyi_reset
        self.status = set_up(ctypes.byref(self._model)) or (self.reset() if has_state else OK)
        self._check()

    @property
    def needed_bytes(self) -> int:
        """Of the arena, as set-up found."""
        return int(self._model.needed_bytes)

    def places(self, tensors: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Of all tensors, in units; only those that are read or written have one."""
        found = ctypes.cast(self._model.places, ctypes.POINTER(ctypes.c_uint16))
        return np.array(found[:tensors], np.int64)

    def reset(self) -> int:
        """Forget state."""
        return int(self._reset(ctypes.byref(self._model)))

    def invoke(self) -> int:
        """One inference on whatever lies there."""
        status = self._invoke(ctypes.byref(self._model))
        self._check()
        return int(status)

    def run(self, inputs: Sequence[tuple[int, Any]], outputs: Sequence[tuple[int, int, Any]]) -> Sample:
        """Write (offset, array), invoke, read (offset, bytes, like)."""
        for offset, array in inputs:
            data = np.frombuffer(array.tobytes(), np.uint8)
            self._arena[offset : offset + len(data)] = data
        assert self.invoke() == OK
        found = (self._arena[offset : offset + size].tobytes() for offset, size, _ in outputs)
        return tuple(
            np.frombuffer(data, like.dtype).reshape(like.shape)
            for data, (_, _, like) in zip(found, outputs, strict=True)
        )

    def _check(self) -> None:
        assert (self._arena[self._bytes :] == self._guard).all(), "wrote behind the arena"


def assert_exact(graph: Graph, interpreter: Interpreter, variant: str, by: str = "tflm") -> None:
    """The outputs are TFLM's, or LiteRT's."""
    content = write(graph)
    samples = reference.make_inputs(read(content), 3, seed=7)
    expected = {"tflm": tflm, "litert": litert}[by](content, read(content), samples)
    got = outputs_of(content, interpreter, variant, samples, expected)
    assert reference.largest_difference(expected, got) == 0


def outputs_of(
    content: bytes, interpreter: Interpreter, variant: str, samples: Sequence[Sample], expected: Sequence[Sample]
) -> list[Sample]:
    """Outputs for all samples, shaped as `expected`. The plan is the tool's, its arena is enough, one word less not."""
    graph = read(content)
    made = plan(graph, requests(graph, variant))
    kind = {
        "has_state": bool(graph.state_bytes or graph.subgraphs or made.kept),
        "has_calls": has_calls(graph),
        "has_kept": bool(made.kept),
    }
    session = interpreter.model(content, made.total_bytes, made.unit, **kind)
    assert (session.status, session.needed_bytes) == (OK, made.total_bytes)
    less = interpreter.model(content, made.total_bytes - 4, made.unit, **kind)
    assert (less.status, less.needed_bytes) == (ARENA_TOO_SMALL, made.total_bytes)

    def every() -> list[Sample]:
        return [
            session.run(
                [(made.tensors[index].offset, array) for index, array in zip(graph.inputs, sample, strict=True)],
                [
                    (made.tensors[index].offset, graph.tensors[index].size_bytes, array)
                    for index, array in zip(graph.outputs, outputs, strict=True)
                ],
            )
            for sample, outputs in zip(samples, expected, strict=True)
        ]

    found = every()
    if kind["has_state"]:
        assert session.reset() == OK
        assert reference.largest_difference(found, every()) == 0
    return found
