"""The interpreter tinyi as firmware in a simulator: any model and any bytes, without compiling anything again."""

from __future__ import annotations

import atexit
import struct
from collections.abc import Sequence
from functools import cache
from typing import Any

import kept
import numpy as np
from firmware import RUNTIMES, linked, objects_of, opened, sources_of, target_of, toolchain_of
from tinyi_host import OK, customs_source

from tinyflow.backends.tinyi.calls import CALLING
from tinyflow.backends.tinyi.operators import CUSTOM_ROW, ENTRIES, row
from tinyflow.model.graph import CUSTOM
from tinyflow.model.reference import Sample

_FILE_BYTES, _ARENA_BYTES, _GUARD_BYTES = 1 << 18, 1 << 18, 64
_LIMIT_INSTRUCTIONS = 1_000_000_000
_MODEL = """
#include "tinyi.h"
#include "tinyi/operators.h"
_Alignas(16) uint8_t file[{file}], arena[{arena}];
uint32_t request[8]; /* bytes of the file, of the arena, unit, variant; needed bytes; whether it has state, calls, or
                        operators that keep something */
{customs}
static const struct tinyi_operator operators[][{count}] = {{ {operators} }};
static struct tinyi_config config;
static struct tinyi model;
int setup(void) {{
  const uint32_t *r = request;
  const struct tinyi_config made = {{file, r[0], operators[r[3]], r[6] ? {count} : {plain}, arena, r[1], r[2], 0}};
  config = made;
  model.config = &config;
  const int status =
      r[6]   ? tinyi_setup_with_calls(&model)
      : r[7] ? tinyi_setup_with_custom(&model)
      : r[5] ? tinyi_setup_with_state(&model) : tinyi_setup(&model);
  request[4] = model.needed_bytes;
  return status;
}}
int invoke(void) {{ return request[6] ? tinyi_invoke_with_calls(&model) : tinyi_invoke(&model); }}
int reset(void) {{ return request[7] ? tinyi_reset_with_custom(&model) : tinyi_reset(&model); }}
int (*volatile keep[])(void) = {{setup, invoke, reset}};
int main(void) {{ return keep[0]() + keep[1]() + keep[2](); }}
"""


class ChipInterpreter:
    """The interpreter, with all operators and the kernels of some variants, one of which is chosen."""

    def __init__(self, cpu: str, variants: Sequence[str], toolchain: str) -> None:
        chosen = toolchain_of(toolchain, cpu)
        isa = chosen["cpu"]["isa"]
        target = target_of(cpu, isa)
        tables = ", ".join(f"{{ {_table(variant)} }}" for variant in variants)
        names = [name for entries in ENTRIES.values() for name in entries if not name.startswith(CUSTOM)]
        words = {
            "operators": tables,
            "count": len(names) + 1,
            "plain": sum(name not in CALLING for name in names) + 1,
            "customs": customs_source(),
            "file": _FILE_BYTES,
            "arena": _ARENA_BYTES,
        }
        level = "-O1" if toolchain == "zig" else "-O3"  # at which gcc has the fewest registers to give
        flags = (level, "-ffreestanding")
        runtimes = [RUNTIMES / name for name in ("tinyi", "tinynn", "support")]
        sources = [path for one in runtimes for path in sources_of(one, cpu) if path.stem != "main"]
        objects = objects_of(chosen, sources, runtimes, flags)
        firmware = linked(
            chosen, target, {"model.c": _MODEL.format(**words)}, runtimes, objects, flags, with_builtins=True
        )
        self.simulator = opened(target)
        atexit.register(self.simulator.close)
        self.simulator.load(kept.path(firmware))
        self.variant = 0
        self.last: ChipSession | None = None

    def model(
        self,
        content: bytes,
        arena_bytes: int,
        unit: int = 4,
        *,
        has_state: bool = False,
        has_calls: bool = False,
        has_kept: bool = False,
    ) -> ChipSession:
        """Set a file up; `status` tells how that went."""
        return ChipSession(self, content, arena_bytes, unit, (has_state, has_calls, has_kept))


def _table(variant: str) -> str:
    known = [(name, form) for form, entries in ENTRIES.items() for name in entries if not name.startswith(CUSTOM)]
    rows = [row(*one, variant) for one in sorted(known, key=lambda one: one[0] in CALLING)]
    return ", ".join([CUSTOM_ROW.partition(", /*")[0], *rows])


class ChipSession:
    """See `tinyi_host.Session`."""

    def __init__(
        self,
        interpreter: ChipInterpreter,
        content: bytes,
        arena_bytes: int,
        unit: int,
        kinds: tuple[bool, bool, bool],
    ) -> None:
        assert len(content) <= _FILE_BYTES
        assert arena_bytes <= _ARENA_BYTES - _GUARD_BYTES
        self._interpreter, self._simulator = interpreter, interpreter.simulator
        self._content, self._bytes, self._unit = content, arena_bytes, unit
        self._variant, self._kinds = interpreter.variant, kinds
        self._set_up()
        self.needed_bytes = int(struct.unpack("<5I", self._simulator.read("request", 20))[4])

    def _set_up(self) -> None:
        """There is one memory for all sessions."""
        garbage = np.random.default_rng(self._bytes).integers(0, 256, self._bytes + _GUARD_BYTES).astype(np.uint8)
        self._guard = garbage[self._bytes :].tobytes()
        self._simulator.write("file", self._content)
        self._simulator.write("arena", garbage.tobytes())
        request = struct.pack("<8I", len(self._content), self._bytes, self._unit, self._variant, 0, *self._kinds)
        self._simulator.write("request", request)
        self._interpreter.last = self
        self.status = self._call("setup") or (self.reset() if self._kinds[0] else OK)

    def reset(self) -> int:
        """Forget state."""
        return self._call("reset")

    def run(self, inputs: Sequence[tuple[int, Any]], outputs: Sequence[tuple[int, int, Any]]) -> Sample:
        """Write (offset, array), invoke, read (offset, bytes, like)."""
        if self._interpreter.last is not self:
            self._set_up()
        for offset, array in inputs:
            self._simulator.write(f"arena+{offset}", array.tobytes())
        assert self._call("invoke") == OK
        return tuple(
            np.frombuffer(self._simulator.read(f"arena+{offset}", size), like.dtype).reshape(like.shape)
            for offset, size, like in outputs
        )

    def _call(self, function: str) -> int:
        status, _ = self._simulator.call(function, limit_instructions=_LIMIT_INSTRUCTIONS)
        assert self._simulator.read(f"arena+{self._bytes}", _GUARD_BYTES) == self._guard, "wrote behind the arena"
        return int(status)


@cache
def _chip(cpu: str, variants: tuple[str, ...], toolchain: str) -> ChipInterpreter:
    return ChipInterpreter(cpu, variants, toolchain)


def chip(cpu: str, variants: tuple[str, ...], variant: str, toolchain: str = "zig") -> ChipInterpreter:
    """One firmware for each processor and toolchain."""
    interpreter = _chip(cpu, variants, toolchain)
    interpreter.variant = variants.index(variant)
    return interpreter
