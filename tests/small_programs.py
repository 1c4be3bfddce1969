"""Small programs for the simulator: C or assembly in, a firmware with the real start-up code and linker script out."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tinyflow.core.action import Workspace
from tinyflow.toolchains import script, zig

ROOT = Path(__file__).parent.parent
SUPPORT = ROOT / "recipes" / "runtimes" / "support"
CPUS: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "recipes" / "toolchains" / "zig.yaml").read_text())["cpus"]

# The two functions that every firmware has; a test adds those that it calls, as roots of the linker's search.
NETWORK = "int model_setup(void) { return 0; }\nint model_invoke(void) { return 0; }\n"
_ORIGINS = {"thumb": (0x08000000, 0x20000000), "riscv": (0x42000000, 0x3FC80000)}


def small_target(cpu: str, stack_bytes: int = 2048, heap_bytes: int = 0) -> dict[str, Any]:
    """A target's recipe as stages see it: 256 KiB of flash, 64 KiB of RAM."""
    flash, ram = _ORIGINS[CPUS[cpu]["isa"]]
    return {
        "name": f"small_{cpu.replace('-', '_')}",
        "implementation": "tinyflow.targets.unicorn",
        "cpu": cpu,
        "memory": [
            {"name": "flash", "kind": "flash", "origin": flash, "length_bytes": 256 * 1024},
            {"name": "ram", "kind": "ram", "origin": ram, "length_bytes": 64 * 1024},
        ],
        "stack_bytes": stack_bytes,
        "heap_bytes": heap_bytes,
    }


def build(
    folder: Path, target: Mapping[str, Any], sources: Mapping[str, str], roots: tuple[str, ...] = (), level: str = "-O2"
) -> Path:
    """Compile, and link for a target: sources by file name (`.c`, `.S`), and the support runtime; the ELF's path."""
    cpu = CPUS[target["cpu"]]
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in sources.items():
        (folder / name).write_text(text)
    chosen = yaml.safe_load((SUPPORT / "runtime.yaml").read_text())["sources"]
    runtime = [SUPPORT / name for name in (*chosen["all"], *chosen[cpu["isa"]])]
    objects = []
    for source in (*(folder / name for name in sources), *runtime):
        objects.append(folder / f"{source.name}.o")
        _run(zig.compile_command(cpu, source, objects[-1], [SUPPORT / "include"], (), ("-ffreestanding", level)))
    script_path = folder / "firmware.ld"
    script_path.write_text(script.render(ROOT / "templates" / "link" / "firmware.ld.j2", target, cpu["isa"]))
    firmware = folder / "firmware.elf"
    link = zig.link_command(cpu, objects, (), script_path, firmware, folder / "firmware.map")
    _run([*link, *(f"--undefined={root}" for root in roots)])
    return firmware


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def workspace(folder: Path, inputs: Mapping[str, Path], outputs: tuple[str, ...], parameters: Any) -> Workspace:
    """What a stage function gets, in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    return Workspace(
        folder=folder,
        parameters=parameters,
        inputs=inputs,
        outputs={name: folder / name for name in outputs},
        log_path=folder / "log",
        timeout_s=60.0,
    )
