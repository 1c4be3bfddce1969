"""Kernels of the runtime tinynn, called one by one: on this machine through ctypes, or simulated and counted.

A `Call` (see tinyflow.backends.tinynn.calls) becomes bytes in memory: its struct, packed constants, inputs, output and
scratch, with painted gaps between them that must stay as they were.
"""

from __future__ import annotations

import atexit
import ctypes
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import kept
import numpy as np
import on_qemu
import yaml
from firmware import RUNTIMES, functions_in, linked, objects_of, opened, sources_of, target_of, toolchain_of
from numpy.typing import NDArray
from processors import processor

from tinyflow.backends.arrays import Constant
from tinyflow.backends.tinynn.calls import Call
from tinyflow.core.action import Output

RUNTIME = RUNTIMES / "tinynn"
SUPPORT = RUNTIMES / "support"
_PAINT = 0xA5
_GAP_BYTES = 32
_POOL_BYTES = 3 << 20
_LIMIT_INSTRUCTIONS = 1_000_000_000
_ARGUMENTS = 5
_NOT_KERNELS = ("run", "memcpy", "memset", "memmove", "copy_unaligned")
_SUPPORT_FLAGS = ("-O2", "-ffreestanding", "-fno-unroll-loops")


def _needs_float(source: Path, *, has_float: bool) -> bool:
    """Whether it needs more than is linked: soft float, functions of a C library, or tables of another variant."""
    return source.name.startswith(("detections", "float32", "hybrid", "lstm", "recurrent")) or (
        source.name in ("frames.c", "quantise.c", "quantise_int16.c", "svdf.c") and not has_float
    )


@dataclass(frozen=True)
class Outcome:
    """What a kernel wrote, and on a chip what it cost."""

    output: NDArray[Any]
    instructions: int = 0
    stack_bytes: int = 0


@cache
def layouts() -> Mapping[str, list[tuple[str, str, int]]]:
    """Struct → its fields as (name, type, how many), from the public header; a pointer's type is `*`."""
    header = (RUNTIME / "include" / "tinynn.h").read_text(encoding="utf-8")
    header = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    sizes = {name: int(size) for name, size in re.findall(r"#define (TINYNN_\w+) (\d+)\n", header)}
    found: dict[str, list[tuple[str, str, int]]] = {}
    for name, body in re.findall(r"struct (\w+) \{(.*?)\};", header, flags=re.DOTALL):
        fields = found[name] = []
        for declaration in filter(None, map(str.strip, body.split(";"))):
            kind, names = re.match(r"(?:const )?((?:struct )?\w+) (.*)", declaration, flags=re.DOTALL).groups()  # type: ignore[union-attr]
            for field in map(str.strip, names.split(",")):
                count = sizes[field.split("[")[1].rstrip("]")] if "[" in field else 1
                fields.append((field.strip("* ").split("[")[0], "*" if "*" in field else kind, count))
    return found


class _Image:
    """Bytes for one call, from address `base` on."""

    def __init__(self, base: int, pointer: str) -> None:
        self._base = base
        self._pointer = pointer
        self.data = bytearray()

    def place(self, data: bytes, alignment: int, skew: int = 0) -> int:
        """Append behind a painted gap; the address. `skew` bytes behind the alignment, or before it."""
        self.data += bytes([_PAINT]) * _GAP_BYTES
        self.data += bytes([_PAINT]) * ((skew - self._base - len(self.data)) % alignment)
        address = self._base + len(self.data)
        self.data += data
        return address

    def struct(self, name: str, fields: Mapping[str, Any]) -> bytes:
        """A struct's bytes; constants that it points to are placed."""
        assert set(fields) <= {field for field, _, _ in layouts()[name]}, (name, set(fields))
        content = b""
        for field, kind, count in layouts()[name]:
            value = fields.get(field, (0,) * count if count > 1 else 0)
            if kind == "*":
                content += struct.pack("<" + self._pointer, self._constant(value) if value else 0)
            elif kind.startswith("struct"):
                content += self.struct(kind.split()[1], value or {})
            else:
                values = value if count > 1 else (value,)
                content += struct.pack(f"<{count}{'f' if kind == 'float' else 'i'}", *values)
        return content

    def _constant(self, constant: Constant) -> int:
        return self.place(constant.values.tobytes(), constant.alignment)


@dataclass(frozen=True)
class _Placed:
    image: bytearray
    arguments: list[int]
    output: slice
    kept: list[slice]


def _place(
    base: int, pointer: str, call: Call, inputs: Sequence[NDArray[Any]], output_bytes: int, **how: Any
) -> _Placed:
    in_place, behind, skew = how["in_place"], how["behind"], how["skew"]
    image = _Image(base, pointer)
    arguments = [image.place(image.struct(call.struct, call.fields), 8)]
    for position, array in enumerate(inputs):
        is_shared = position == in_place
        before, after = max(-behind, 0), max(behind + output_bytes - array.nbytes, 0)
        content = array.tobytes()
        if is_shared:
            content = bytes([_PAINT]) * before + content + bytes([_PAINT]) * after
        arguments.append(image.place(content, 16, skew - before * is_shared) + before * is_shared)
    written: list[tuple[int, int]] = []
    if in_place is None:
        arguments.append(image.place(bytes([_PAINT]) * output_bytes, 16, skew))
    else:
        arguments.append(arguments[1 + in_place] + behind)
    written.append((arguments[-1], output_bytes))
    if call.takes_scratch:
        scratch = image.place(bytes([_PAINT]) * call.scratch_bytes, 4) if call.scratch_bytes else 0
        arguments.append(scratch)
        written.append((scratch, call.scratch_bytes))
    image.place(b"", 1)
    kept, begin = [], 0
    for address, size in sorted(written):
        if size:
            kept.append(slice(begin, address - base))
            begin = address - base + size
    kept.append(slice(begin, len(image.data)))
    output = slice(written[0][0] - base, written[0][0] - base + output_bytes)
    return _Placed(image.data, arguments, output, kept)


def _check_kept(placed: _Placed, after: bytes, function: str) -> None:
    for part in placed.kept:
        if placed.image[part] != after[part]:
            raise AssertionError(f"{function} wrote outside its output and scratch")


def _flags() -> tuple[str, ...]:
    flags: list[str] = yaml.safe_load((RUNTIME / "runtime.yaml").read_text(encoding="utf-8"))["flags"]
    return tuple(flags)


class HostKernels:
    """All variants in plain C, in this process."""

    def __init__(self) -> None:
        objects = host_objects()
        self._library = ctypes.CDLL(str(kept.path(kept.made_here(objects, ["-shared"]))))
        self.functions = functions_in(objects.values())

    def run(
        self,
        call: Call,
        inputs: Sequence[NDArray[Any]],
        output_bytes: int,
        in_place: int | None = None,
        skew: int = 0,
        behind: int = 0,
    ) -> Outcome:
        """Call a kernel. `skew`: bytes off alignment.

        `in_place`: the input over which the output lies, beginning so many bytes `behind` it.
        """
        memory = ctypes.create_string_buffer(_POOL_BYTES)
        base = (ctypes.addressof(memory) + 63) & -64
        placed = _place(base, "Q", call, inputs, output_bytes, in_place=in_place, behind=behind, skew=skew)
        assert len(placed.image) < _POOL_BYTES - 64
        ctypes.memmove(base, bytes(placed.image), len(placed.image))
        function = getattr(self._library, call.function)
        function.restype = None
        function(*(ctypes.c_void_p(argument) for argument in placed.arguments))
        after = ctypes.string_at(base, len(placed.image))
        _check_kept(placed, after, call.function)
        return Outcome(np.frombuffer(after[placed.output], np.int8))


_CALLS = """
#include <stdint.h>
typedef void kernel(void *, void *, void *, void *, void *);
{declarations}
kernel *const kernels[] = {{ {kernels} }};
uintptr_t request[8];
_Alignas(64) uint8_t pool[{pool}];
int run(void) {{
  void **a = (void **)(request + 1);
  kernels[request[0]](a[0], a[1], a[2], a[3], a[4]);
  return 0;
}}
int (*const volatile keep)(void) = run;
int main(void) {{ return keep() + pool[0]; }}
"""


class ChipKernels:
    """All variants for one CPU, in the simulator."""

    def __init__(
        self, cpu: str = "cortex-m7", toolchain: str = "zig", level: str = "-O3", variants: Sequence[str] = ()
    ) -> None:
        """`variants`: their sources only, or one as `ref/conv2d`; all where empty."""
        self._toolchain = toolchain_of(toolchain, cpu)
        self._cpu: Mapping[str, Any] = self._toolchain["cpu"]
        isa = self._cpu["isa"]
        self._target = target_of(cpu, isa)
        has_float = cpu in on_qemu.PLACES or any("-mfpu" in flag for flag in self._cpu["flags"])
        self._pointer = "Q" if processor(cpu).address_bits == 64 else "I"
        sources = [
            path
            for path in sources_of(RUNTIME, cpu)
            if not _needs_float(path, has_float=has_float)
            and (not variants or not {path.parent.name, f"{path.parent.name}/{path.stem}"}.isdisjoint(variants))
        ]
        objects = objects_of(self._toolchain, sources, [RUNTIME, SUPPORT], (level, *_flags()))
        self.functions = functions_in(objects.values())
        self.firmware = kept.path(self._build(objects))
        self._simulator = opened(self._target)
        atexit.register(self._simulator.close)
        self._simulator.load(self.firmware)
        self._symbols = {symbol.name: symbol for symbol in self._simulator.firmware.symbols}

    def code_bytes(self) -> int:
        """Of all functions that the last call ran, but for the C library's."""
        firmware = self._simulator.firmware
        ran = {firmware.function_at(edge.address) for edge in self._simulator.edges}
        return sum(symbol.size_bytes for symbol in ran if symbol and symbol.name not in _NOT_KERNELS)

    def run(
        self,
        call: Call,
        inputs: Sequence[NDArray[Any]],
        output_bytes: int,
        in_place: int | None = None,
        skew: int = 0,
        behind: int = 0,
    ) -> Outcome:
        """See `HostKernels.run`."""
        base = self._symbols["pool"].address
        placed = _place(base, self._pointer, call, inputs, output_bytes, in_place=in_place, behind=behind, skew=skew)
        assert len(placed.image) <= _POOL_BYTES
        self._simulator.write("pool", bytes(placed.image))
        arguments = [*placed.arguments, *[0] * (_ARGUMENTS - len(placed.arguments))]
        request = struct.pack(f"<{1 + _ARGUMENTS}{self._pointer}", self.functions.index(call.function), *arguments)
        self._simulator.write("request", request)
        self.arguments = placed.arguments
        status, counters = self._simulator.call("run", limit_instructions=_LIMIT_INSTRUCTIONS)
        assert status == 0
        after = self._simulator.read("pool", len(placed.image))
        _check_kept(placed, after, call.function)
        output = np.frombuffer(after[placed.output], np.int8)
        return Outcome(output, counters.instructions or 0, counters.stack_bytes or 0)

    def _build(self, kernels: Mapping[str, Output]) -> Output:
        calls = _CALLS.format(
            declarations="\n".join(f"kernel {name};" for name in self.functions),
            kernels=", ".join(self.functions),
            pool=_POOL_BYTES,
        )
        support = [path for path in sources_of(SUPPORT, self._target["cpu"]) if path.stem != "main"]
        objects = {**kernels, **objects_of(self._toolchain, support, [SUPPORT], _SUPPORT_FLAGS)}
        # which have no division
        is_small = self._target["cpu"] in ("cortex-m0plus", "cortex-a9", "xtensa-lx6")
        generated = {"calls.c": calls}
        return linked(self._toolchain, self._target, generated, [], objects, _SUPPORT_FLAGS, with_builtins=is_small)


def host_objects() -> dict[str, Output]:
    """The kernels in plain C, compiled for this machine; they end the process where they do what C does not define."""
    flags = ("-std=c11", "-fPIC", *kept.TRAPS, *_flags())
    return kept.objects_here(sources_of(RUNTIME, "host"), [RUNTIME / "include"], flags)
