"""A tiny model in C, and the way through the real build stages to its firmware, for tests of what is built."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import kept
import yaml
from processors import compiler, described

from tinyflow.core import worker
from tinyflow.core.action import Workspace
from tinyflow.targets.protocol import capabilities

ROOT = Path(__file__).parent.parent
SUPPORT = ROOT / "recipes" / "runtimes" / "support"
_HEADERS = "include/support/include/"

# `model_arena[0]` counts invokes from `first`, which lies in .data; the rest is .bss and stays 3 or what a test writes.
MODEL = r"""
#include <stdint.h>
#include <string.h>

int8_t model_arena[1024] __attribute__((aligned(16)));
static const int8_t weights[8] = {1, 2, 3, -4, 5, -6, 7, 8};
volatile int32_t model_first = 41;
volatile int32_t model_zero;

int model_setup(void) {
  memset(model_arena, 3, sizeof model_arena);
  model_arena[0] = (int8_t)(model_first + model_zero);
  return 0;
}

int model_invoke(void) {
  int32_t sum = 0;
  for (int i = 0; i < 8; ++i) {
    sum += weights[i] * model_arena[16 + i];
  }
  memcpy(model_arena + 64, &sum, sizeof sum);
  ++model_arena[0];
  return 0;
}
"""

_FLASH_BYTES, _RAM_BYTES = 2 * 1024**2, 384 * 1024
_ORIGINS = {"thumb": (0x08000000, 0x20000000), "riscv": (0x42000000, 0x3FC80000)}


def workspace(
    folder: Path, inputs: Mapping[str, Path], outputs: Sequence[str], parameters: Mapping[str, Any]
) -> Workspace:
    """A workspace as a session lays it out: inputs copied to `in/`, outputs to be made in `out/`."""
    for name, path in inputs.items():
        target = folder / "in" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if name.endswith("/") else shutil.copyfile)(path, target)
    made = {name: folder / "out" / name for name in outputs}
    for name, path in made.items():
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
    (folder / "log").touch()
    return Workspace(folder, parameters, {name: folder / "in" / name for name in inputs}, made, folder / "log", 120)


@cache
def _recipe(path: Path) -> Any:
    """A recipe as it is written; not to be changed."""
    return yaml.safe_load(path.read_text())


@dataclass(frozen=True)
class Bench:
    """One CPU with one toolchain, and a folder to build in."""

    folder: Path
    cpu: str = "cortex-m7"
    toolchain: str = "zig"
    flags: tuple[str, ...] = ("-O3",)
    stack_bytes: int = 4096
    heap_bytes: int = 0
    ram_bytes: int = _RAM_BYTES
    flash_bytes: int = _FLASH_BYTES
    shift_bytes: tuple[int, int] = (0, 0)  # of flash and RAM
    script: str = "firmware.ld.j2"
    libraries: Mapping[str, Path] = field(default_factory=dict)
    is_anew: bool = False  # else what was built before, by the same sources and tools, is taken

    @property
    def parameters(self) -> dict[str, Any]:
        """What every build stage is told of the toolchain."""
        recipe = _recipe(ROOT / "recipes" / "toolchains" / f"{self.toolchain}.yaml")
        cpu = compiler(self.cpu, self.toolchain)
        chosen = {"name": self.toolchain, "implementation": recipe["implementation"], "cpu": cpu}
        return {"toolchain": chosen}

    @property
    def isa(self) -> str:
        """thumb, riscv or host."""
        return str(self.parameters["toolchain"]["cpu"]["isa"])

    @property
    def memory(self) -> list[dict[str, Any]]:
        """The memory map; none for the host."""
        if self.isa == "host":
            return []
        flash, ram = (origin + shift for origin, shift in zip(_ORIGINS[self.isa], self.shift_bytes, strict=True))
        return [
            {"name": "rom", "kind": "flash", "origin": flash, "length_bytes": self.flash_bytes},
            {"name": "sram", "kind": "ram", "origin": ram, "length_bytes": self.ram_bytes},
        ]

    @property
    def target(self) -> dict[str, Any]:
        """The target's recipe, as linking sees it."""
        return {"name": "board", "memory": self.memory, "stack_bytes": self.stack_bytes, "heap_bytes": self.heap_bytes}

    @property
    def machine_target(self) -> dict[str, Any]:
        """The same, as the simulator sees it."""
        return {**self.target, "implementation": "tinyflow.targets.unicorn", **described(self.cpu)}

    @property
    def machine_files(self) -> dict[str, Path]:
        """What the simulator needs besides."""
        needed = capabilities(described(self.cpu)).inputs
        return {name: kept.path(output) for name, output in needed.items()}

    def compile(self, sources: Mapping[str, str]) -> Path:
        """Compile generated sources; the folder of their objects."""
        root = self.folder / "sources"
        for name, text in sources.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        parameters = {**self.parameters, "include": [_HEADERS], "flags": list(self.flags), "defines": []}
        inputs = {"sources/": root, _HEADERS: SUPPORT / "include"}
        return self._make("build:compile_tree", "compile", inputs, ["objects/"], parameters)["objects/"]

    def support(self) -> Path:
        """The support runtime's library."""
        runtime = _recipe(SUPPORT / "runtime.yaml")
        objects = {}
        for name in [*runtime["sources"]["all"], *runtime["sources"].get(self.isa, [])]:
            flags = [*self.flags, *runtime["flags"]]
            parameters = {**self.parameters, "source": name, "include": [_HEADERS], "flags": flags, "defines": []}
            inputs = {name: SUPPORT / name, _HEADERS: SUPPORT / "include"}
            made = self._make("build:compile_source", name, inputs, ["object.o"], parameters)
            objects[f"objects/{name}.o"] = made["object.o"]
        return self._make("build:archive", "archive", objects, ["library.a"], self.parameters)["library.a"]

    def builtins(self, needed: Path | None = None) -> Path:
        """The compiler's own library; takes some seconds, unless `needed` is an empty file."""
        inputs = {} if needed is None else {"needed.txt": needed}
        return self._make("build:builtins", "builtins", inputs, ["library.a"], self.parameters)["library.a"]

    def needed(self, sources: Mapping[str, str]) -> Path:
        """`needed.txt`: whether this C needs the compiler's own library."""
        return replace(self, folder=self.folder / "needed")._linked("resolve", sources, ["needed.txt"])["needed.txt"]

    def link(self, sources: Mapping[str, str] | None = None) -> Mapping[str, Path]:
        """Everything, from C to `firmware.elf`, `firmware.map` and `sizes.json`."""
        return self._linked("link", sources, ["firmware.elf", "firmware.map", "sizes.json"])

    def _linked(self, function: str, sources: Mapping[str, str] | None, outputs: list[str]) -> Mapping[str, Path]:
        objects = self.compile({"model.c": MODEL} if sources is None else sources)
        library = self.support() if self.is_anew else support(self.cpu, self.toolchain, self.flags)
        template = "host.ld.j2" if self.isa == "host" else self.script
        inputs = {
            "objects/": objects,
            "lib/support.a": library,
            "link.ld.j2": ROOT / "templates/link" / template,
        }
        inputs |= {f"lib/{name}.a": path for name, path in self.libraries.items()}
        parameters = {**self.parameters, "target": self.target}
        return self._make(f"link:{function}", "link", inputs, outputs, parameters)

    def _make(
        self,
        stage: str,
        folder: str,
        inputs: Mapping[str, Path],
        outputs: Sequence[str],
        parameters: Mapping[str, Any],
    ) -> Mapping[str, Path]:
        if self.is_anew:
            made = workspace(self.folder / folder, inputs, outputs, parameters)
            worker.call(f"tinyflow.stages.{stage}", made)
            return made.outputs
        made = kept.built(stage, outputs[0], inputs, parameters, outputs[1:]).action
        return {name: kept.copy(made.output(name), self.folder / folder / "out" / name) for name in outputs}


@cache
def support(cpu: str, toolchain: str, flags: tuple[str, ...]) -> Path:
    """The support runtime's library, one for all tests of a process."""
    return Bench(Path(tempfile.mkdtemp(dir=kept.scratch())), cpu, toolchain, flags).support()
