"""Firmware that `firmware:` packs, unpacked, compiled and run in place of its bench's own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from tinyflow.core.action import Action, Output, SourceFile
from tinyflow.flow.loader import Loader
from tinyflow.flow.planning.builds import plain
from tinyflow.flow.planning.firmware import Wanted, firmware
from tinyflow.flow.planning.plan import BenchPlan
from tinyflow.recipes.bench import parse
from tinyflow.recipes.resolve import resolve
from tinyflow.recipes.schema import Toolchain

WARNINGS = ("-Wall", "-Wextra", "-Werror")


class Compiled(NamedTuple):
    """A source with what it is compiled with."""

    source: Path
    flags: list[str]


def plan_of(loader: Loader, bench: str) -> BenchPlan:
    """Planned, and run."""
    plan = loader.planner.plan_bench(parse(bench))
    loader.session.bring_about(plan.final)
    return plan


def pack(loader: Loader, bench: str, folder: Path, form: str = "c", prefix: str = "", example: str = "bare") -> Path:
    """The unpacked folder of a bench's firmware."""
    action = firmware(plan_of(loader, bench), loader.catalogue, Wanted(form, prefix, example=example))
    loader.session.bring_about(action)
    with zipfile.ZipFile(loader.session.output_path(action, "firmware.zip")) as archive:
        archive.extractall(folder)
    return folder / action.parameters["prefix"]


def words_of(loader: Loader, bench: str, name: str) -> tuple[Any, Any]:
    """A toolchain's module, and its entry for a bench's processor."""
    toolchain = loader.catalogue.get(Toolchain, name)
    cpu = resolve(parse(bench), loader.catalogue).processor.compiled_by(toolchain)
    assert cpu is not None
    return import_module(toolchain.implementation), plain(cpu)


def build(
    loader: Loader,
    bench: str,
    compiler: str,
    compiled: Iterable[Compiled],
    script: Path,
    folder: Path,
    link: Action | None = None,
) -> Path:
    """Firmware of these sources, without a warning; the compiler's own library is that of `link`, or the bench's."""
    module, cpu = words_of(loader, bench, compiler)
    folder.mkdir(exist_ok=True)
    objects = []
    for number, one in enumerate(compiled):
        if one.source.suffix == ".o":  # the backend made it
            objects.append(one.source)
            continue
        objects.append(folder / f"{number}.o")
        run_tool(module.compile_command(cpu, one.source, objects[-1], (), (), [*one.flags, *WARNINGS]))
    link = link or next(action for action in loader.planner.plan_bench(parse(bench)).actions if action.stage == "link")
    builtins = link.inputs.get("lib/builtins.a")
    libraries = []
    if compiler != "gcc" and isinstance(builtins, Output):  # GCC brings its own
        loader.session.bring_about(builtins.action)
        libraries.append(folder / "builtins.a")
        shutil.copyfile(loader.session.output_path(builtins.action, builtins.name), libraries[-1])
    elf = folder / "firmware.elf"
    run_tool(module.link_command(cpu, objects, libraries, script, elf, folder / "firmware.map"))
    return elf


def run_tool(command: list[Any], cwd: Path | None = None) -> None:
    """A compiler or linker, which is to say nothing."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, cwd=cwd)
    # GNU ld minds that LLVM's objects ask for no stack that can be executed, and GCC's for a chip say nothing of it
    told = [line for line in done.stderr.splitlines() if "GNU-stack" not in line and "NOTE: This behaviour" not in line]
    assert (done.returncode, told) == (0, []), (command, done.stdout, done.stderr)


def ran(loader: Loader, bench: str, elf: Path, prefix: str) -> Any:
    """run.json of firmware in place of the bench's own; outputs that differ are refused."""
    run = next(action for action in plan_of(loader, bench).actions if action.stage == "run")
    document = input_of(loader, run, "plan.json").read_text(encoding="utf-8")
    names = elf.with_name("plan.json")
    functions = {name for layer in json.loads(document)["layers"] for name in layer["functions"]}
    document = re.sub(r"\bmodel_(?=\w)", f"{prefix}_", document)
    names.write_text(
        re.sub(r'"(\w+)"', lambda one: f'"{prefix}_{one[1]}"' if one[1] in functions else one[0], document)
    )
    inputs = {**run.inputs, "firmware.elf": SourceFile(elf, "f.elf"), "plan.json": SourceFile(names, "plan.json")}
    action = replace(run, inputs=inputs)
    loader.session.execute(action)
    return loader.session.read_json(action, "run.json")


def chip_of(folder: Path) -> list[Compiled]:
    """The example and what is the chip's, of forms that have it."""
    flags = ["-O3", "-ffreestanding", "-O2", "-fno-unroll-loops"]  # those of recipes/runtimes/support
    own = [Compiled(path, flags) for path in sorted((folder / "chip").rglob("*.[cS]"))]
    example = [Compiled(path, ["-O3", f"-I{folder}/src"]) for path in sorted((folder / "example").glob("*.c"))]
    return [*example, *own]


def input_of(loader: Loader, action: Action, name: str) -> Path:
    """The file that an action gets under this name."""
    made = action.inputs[name]
    assert isinstance(made, Output)
    return loader.session.output_path(made.action, made.name)
