"""Firmware of some runtimes and some C, without a bench: built by tinyflow's stages, each source kept by content."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import kept
import on_qemu
import yaml
from elftools.elf.elffile import ELFFile
from processors import compiler, described, processor

from tinyflow.core.action import Output, Workspace
from tinyflow.stages import build
from tinyflow.targets import unicorn
from tinyflow.targets.qemu.machine import Qemu
from tinyflow.targets.unicorn.machine import Simulator

ROOT = Path(__file__).parents[1]
RUNTIMES = ROOT / "recipes" / "runtimes"
# room for every layer at once, which no chip would have
_REGIONS = {
    "thumb": (("flash", 0x08000000, 16 << 20), ("ram", 0x20000000, 8 << 20)),
    "riscv": (("flash", 0x42000000, 16 << 20), ("ram", 0x3F000000, 8 << 20)),
}


def toolchain_of(name: str, cpu: str) -> dict[str, Any]:
    """What stages are told of a toolchain."""
    recipe = yaml.safe_load((ROOT / "recipes" / "toolchains" / f"{name}.yaml").read_text(encoding="utf-8"))
    return {"name": name, "implementation": recipe["implementation"], "cpu": compiler(cpu, name)}


def sources_of(runtime: Path, cpu: str) -> list[Path]:
    """A runtime's sources for a processor."""
    groups = yaml.safe_load((runtime / "runtime.yaml").read_text(encoding="utf-8"))["sources"]
    kinds = {"all", *processor(cpu).kinds}
    return sorted(path for kind in kinds.intersection(groups) for each in groups[kind] for path in runtime.glob(each))


def target_of(cpu: str, isa: str) -> dict[str, Any]:
    """A chip with room for everything."""
    places = on_qemu.PLACES[cpu] if cpu in on_qemu.PLACES else _REGIONS[isa]
    regions = [{"name": kind, "kind": kind, "origin": begin, "length_bytes": size} for kind, begin, size in places]
    machine = described(cpu, "qemu" if cpu in on_qemu.PLACES else "unicorn")
    return {"name": cpu, **machine, "memory": regions, "stack_bytes": 8192}


def opened(target: Mapping[str, Any]) -> Simulator | Qemu:
    """What runs it; to be closed."""
    if target["cpu"] not in on_qemu.PLACES:
        counter = unicorn.capabilities(target).inputs["block_table.so"]
        return Simulator(target, kept.path(counter))
    return Qemu(target, on_qemu.plugin())


def write_files(files: Mapping[str, str | bytes], folder: Path) -> None:
    """Text and objects, as files."""
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def objects_of(
    toolchain: Mapping[str, Any], sources: Iterable[Path], runtimes: Sequence[Path], flags: Sequence[str]
) -> dict[str, Output]:
    """An object of each source of these runtimes, which find each other's headers, as inputs of `linked`."""
    headers = _headers(runtimes)
    common = {"toolchain": toolchain, "include": [*headers], "flags": [*flags], "defines": []}

    def compiled(some: Sequence[Path]) -> dict[str, Output]:
        runtime = RUNTIMES / some[0].relative_to(RUNTIMES).parts[0]
        files = {source.relative_to(runtime).as_posix(): source for source in some}
        beside = {path.relative_to(runtime).as_posix(): path for path in runtime.glob("src/**/*.h")}
        names = [f"{name}.o" for name in files]
        parameters = {**common, "sources": [*files]}
        function, inputs = f"{__name__}:compile_each", {**files, **headers, **beside}
        first = kept.made(function, names[0], inputs, parameters, kept.STAGE_TOOLS, names[1:])
        return {f"{runtime.name}/{name}": first.action.output(name) for name in names}

    with ThreadPoolExecutor(2) as pool:
        return {name: made for some in pool.map(compiled, kept.some_at_once(sources)) for name, made in some.items()}


def compile_each(workspace: Workspace) -> None:
    """The stage of `objects_of`."""
    for source in workspace.parameters["sources"]:
        parameters = {**workspace.parameters, "source": source}
        outputs = {"object.o": workspace.outputs[f"{source}.o"]}
        build.compile_source(replace(workspace, parameters=parameters, outputs=outputs))


def functions_in(objects: Iterable[Output]) -> list[str]:
    """The functions that objects give to others."""
    found = set()
    for made in objects:
        table = ELFFile(io.BytesIO(kept.path(made).read_bytes())).get_section_by_name(".symtab")
        for symbol in table.iter_symbols():
            if (symbol["st_info"]["type"], symbol["st_info"]["bind"]) == ("STT_FUNC", "STB_GLOBAL"):
                found.add(symbol.name)
    return sorted(found)


def linked(
    toolchain: Mapping[str, Any],
    target: Mapping[str, Any],
    generated: Mapping[str, str | bytes],
    runtimes: Sequence[Path],
    objects: Mapping[str, Output],
    flags: Sequence[str],
    *,
    with_builtins: bool = False,
) -> Output:
    """`firmware.elf` of generated C, compiled with `flags` and the headers of `runtimes`, and of objects.

    `with_builtins`: and of what the compiler has for operations that the processor lacks.
    """
    headers = _headers(runtimes)
    with tempfile.TemporaryDirectory() as folder:
        write_files(generated, Path(folder))
        parameters = {"toolchain": toolchain, "include": [*headers], "defines": [], "flags": [*flags]}
        inputs = {"sources/": Path(folder), **headers}
        compiled = kept.built("build:compile_tree", "objects/", inputs, parameters)
    if with_builtins and toolchain["cpu"].get("builtins"):
        objects = {**objects, "lib/builtins.a": kept.built("build:builtins", "library.a", {}, {"toolchain": toolchain})}
    inputs = {**objects, "objects/": compiled, "link.ld.j2": ROOT / "templates" / "link" / "firmware.ld.j2"}
    parameters = {"toolchain": toolchain, "target": target}
    return kept.built("link:link", "firmware.elf", inputs, parameters, ("firmware.map", "sizes.json"))


def _headers(runtimes: Sequence[Path]) -> dict[str, kept.Source]:
    return {f"include/{runtime.name}/": runtime / "include" for runtime in runtimes}
