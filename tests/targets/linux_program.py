"""Static programs for Linux of a small model, for tests of what runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from small_firmware import MODEL, ROOT, Bench

RUNTIMES = ROOT / "recipes" / "runtimes"
GIVEN = """
#include <stdint.h>
__attribute__((used, retain)) int starts(void) { return 0; }
__attribute__((used, retain)) int sums_row(const int8_t *row) {
  int sum = 0;
  for (int i = 0; i < 24; ++i) sum += row[i];
  return sum;
}
"""


@dataclass(frozen=True)
class Program(Bench):
    """A bench whose firmware is a program for Linux."""

    cpu: str = "cortex-a9"
    flags: tuple[str, ...] = ("-O3", "-DTF_LINUX=1")
    script: str = "linux.ld.j2"

    @property
    def memory(self) -> list[dict[str, Any]]:
        """Of the program's own address space."""
        return [
            {"name": "flash", "kind": "flash", "origin": 0x00100000, "length_bytes": 2 << 20},
            {"name": "ram", "kind": "ram", "origin": 0x00900000, "length_bytes": 2 << 20},
        ]

    def program(self, sources: Mapping[str, str]) -> Path:
        """The ELF file, with the main that obeys a script."""
        names = [f"selfrun/{name}" for name in ("src/main.c", "src/call.c", "src/crc32.c", "include/tf_self.h")]
        names += ["linuxrun/src/linux.c", "linuxrun/include/tf_linux.h"]
        own = {Path(name).name: (RUNTIMES / name).read_text() for name in names}
        return self.link({"model.c": MODEL, "given.c": GIVEN, **sources, **own})["firmware.elf"]
