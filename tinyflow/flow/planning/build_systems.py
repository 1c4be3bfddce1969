"""How the build systems that firmware is packed for build and flash it: words for their programs; none is ours."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyflow.core.errors import ToolError, UsageError

Commands = Sequence[str]


@dataclass(frozen=True)
class BuildSystem:
    """Commands within the packed folder: `{prefix}`, `{board}`, and `{built}` for what is made."""

    program: str
    build: Commands
    flash: Commands = ()
    board: str = ""  # what a board is called there, for example; empty where it needs no name


SYSTEMS: Mapping[str, BuildSystem] = {
    "cmake": BuildSystem(
        "cmake",
        ("cmake -B {built} --toolchain chip/gcc.cmake -D{upper}_EXAMPLE=ON", "cmake --build {built}"),
    ),
    "zephyr": BuildSystem(
        "west",
        ("west build -p auto -b {board} -d {built} samples/{prefix} -- -DZEPHYR_EXTRA_MODULES={folder}",),
        ("west flash -d {built}",),
        "nucleo_f413zh",
    ),
    "esp-idf": BuildSystem(
        "idf.py",
        ("idf.py -C examples/{prefix} -B {built} -DIDF_TARGET={board} build",),
        ("idf.py -C examples/{prefix} -B {built} flash",),
        "esp32c3",
    ),
    "arduino": BuildSystem(
        "arduino-cli",
        ("arduino-cli compile --fqbn {board} --library . --build-path {built} examples/{prefix}",),
        ("arduino-cli upload --fqbn {board} --input-dir {built} examples/{prefix}",),
        "STMicroelectronics:stm32:Nucleo_144",
    ),
    "platformio": BuildSystem(
        "pio",
        ("pio run -d examples/{prefix}",),
        ("pio run -d examples/{prefix} -t upload",),
        "ststm32:nucleo_f413zh",
    ),
}


def check(form: str, board: str, *, is_flashed: bool) -> None:
    """UsageError for what can't be built or flashed so; ToolError where its program is missing."""
    system = SYSTEMS.get(form)
    if system is None or (is_flashed and not system.flash):
        what, named = ("--flash", "flashes") if is_flashed else ("--build", "builds")
        known = [name for name, one in SYSTEMS.items() if one.flash or not is_flashed]
        raise UsageError(f"{what}: no program {named} form {form} as it is", hint=f"--for {', '.join(known)}")
    if system.board and not board:
        raise UsageError(f"--build: {form} wants to know the board", hint=f"for example --board {system.board}")
    if shutil.which(system.program) is None:
        hint = f"without --build and --flash the folder is made all the same; its README.md tells what {form} needs"
        raise ToolError(f"{system.program} is not on PATH", hint=hint, missing=True)


def commands(form: str, folder: Path, prefix: str, board: str, *, is_flashed: bool) -> list[list[str]]:
    """What builds a packed folder, and flashes it."""
    system, built = SYSTEMS[form], folder.with_name(f"{folder.name}.built")
    known = {"prefix": prefix, "upper": prefix.upper(), "board": board, "built": str(built), "folder": str(folder)}
    lines = [*system.build, *(system.flash if is_flashed else ())]
    return [[word.format(**known) for word in line.split()] for line in lines]
