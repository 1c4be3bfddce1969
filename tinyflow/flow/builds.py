"""What a bench's toolchain makes: the tree that a backend generated, runtimes' libraries, and the firmware.

Like `plan`, it names actions and runs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from tinyflow.core.action import JSON, Action, Input, Output, SourceFile, Tool
from tinyflow.core.errors import RecipeError
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import ResolvedBench
from tinyflow.recipes.schema import Runtime


class Builds:
    """The actions of toolchains for benches of one catalogue."""

    def __init__(self, catalogue: Catalogue, add: Callable[[Action], Action]) -> None:
        """`add` gives the action that stands for all equal ones."""
        self._catalogue = catalogue
        self._add = add

    def compile_tree(self, resolved: ResolvedBench, sources: Output) -> Action:
        """Compile what a backend generated; the headers of all runtimes are at hand."""
        return self._build(
            resolved,
            "compile",
            f"compile {resolved.bench.model_name} {resolved.backend.name} for {_flag_set(resolved)}",
            "build:compile_tree",
            ("objects/",),
            {"sources/": sources, **self._headers(resolved.runtimes)},
            {"flags": [f"-{resolved.optimise}"], "defines": []},
        )

    def link(self, resolved: ResolvedBench, objects: Action) -> Action:
        """Link compiled objects with the runtimes' libraries to a firmware."""
        target = resolved.target
        libraries = {f"lib/{runtime.name}.a": self._library(resolved, runtime) for runtime in resolved.runtimes}
        if resolved.cpu.builtins:
            libraries["lib/builtins.a"] = self._build(
                resolved,
                "archive",
                f"archive builtins for {_cpu_name(resolved)}",
                "build:builtins",
                ("library.a",),
                {},
                {},
            )
        inputs: dict[str, Input] = {"objects/": objects.output("objects/")}
        inputs |= {name: library.output("library.a") for name, library in libraries.items()}
        if target.linker_script is not None:
            script = self._catalogue.data_file(target.linker_script)
            inputs["link.ld.j2"] = SourceFile(script, target.linker_script)
        return self._build(
            resolved,
            "link",
            f"link {resolved.bench.name}",
            "link:link",
            ("firmware.elf", "firmware.map", "sizes.json"),
            inputs,
            {"target": target_facts(resolved)},
            # The script is rendered by it.
            tools=(Tool("package", "jinja2"), Tool("package", "pyelftools")),
        )

    # Runtimes

    def _headers(self, runtimes: Iterable[Runtime]) -> dict[str, Input]:
        """Header folders of runtimes as input trees `include/<runtime>/<folder>/`."""
        found: dict[str, Input] = {}
        for runtime in runtimes:
            folder = self._catalogue.path(Runtime, runtime.name).parent
            for name in runtime.include:
                found[f"include/{runtime.name}/{name}/"] = SourceFile(folder / name, f"{runtime.name}/{name}/")
        return found

    def _private_headers(self, runtime: Runtime) -> dict[str, Input]:
        """Headers beside a runtime's sources, for these alone: found by `#include "…"` relative to the source."""
        folder = self._catalogue.path(Runtime, runtime.name).parent
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.h"))
        public = tuple(f"{name}/" for name in runtime.include)
        return {
            name: SourceFile(folder / name, f"{runtime.name}/{name}") for name in names if not name.startswith(public)
        }

    def _library(self, resolved: ResolvedBench, runtime: Runtime) -> Action:
        """A runtime's library for one flag set: an object for each source, and the archive of them."""
        headers = self._headers((runtime,)) | self._private_headers(runtime)
        objects = {
            f"objects/{name}.o": self._build(
                resolved,
                "compile",
                f"compile {runtime.name}/{name} for {_flag_set(resolved)}",
                "build:compile_source",
                ("object.o",),
                {name: SourceFile(path, f"{runtime.name}/{name}"), **headers},
                {
                    "source": name,
                    "flags": [f"-{resolved.optimise}", *runtime.flags],
                    "defines": [f"{key}={value}" for key, value in sorted(runtime.defines.items())],
                },
            ).output("object.o")
            for name, path in self._sources(resolved, runtime)
        }
        title = f"archive {runtime.name} for {_flag_set(resolved)}"
        return self._build(resolved, "archive", title, "build:archive", ("library.a",), objects, {})

    def _sources(self, resolved: ResolvedBench, runtime: Runtime) -> list[tuple[str, Path]]:
        """A runtime's sources for an instruction set, as (name below the recipe's folder, path), sorted."""
        recipe = self._catalogue.path(Runtime, runtime.name)
        found: dict[str, Path] = {}
        for pattern in runtime.sources_for(resolved.cpu.isa):
            matches = [path for path in sorted(recipe.parent.glob(pattern)) if path.is_file()]
            if not matches:
                raise RecipeError(
                    f'no file matches "{pattern}"', where=self._catalogue.where(Runtime, runtime.name, "sources")
                )
            found |= {path.relative_to(recipe.parent).as_posix(): path for path in matches}
        return sorted(found.items())

    def _build(
        self,
        resolved: ResolvedBench,
        stage: str,
        title: str,
        function: str,
        outputs: tuple[str, ...],
        inputs: Mapping[str, Input],
        parameters: Mapping[str, JSON],
        tools: tuple[Tool, ...] = (),
    ) -> Action:
        """One action of the toolchain; `function` is `module:name` among the stages."""
        toolchain = resolved.toolchain
        cpu = _plain(resolved.cpu)
        return self._add(
            Action(
                stage=stage,
                title=title,
                function=f"tinyflow.stages.{function}",
                outputs=outputs,
                parameters={
                    "toolchain": {"name": toolchain.name, "implementation": toolchain.implementation, "cpu": cpu},
                    **parameters,
                },
                inputs=inputs,
                tools=(*import_module(toolchain.implementation).tools(cpu), *tools),
                implementation=(toolchain.implementation,),
                timeout_s=toolchain.timeout_s,
            )
        )


def target_facts(resolved: ResolvedBench) -> dict[str, JSON]:
    """What linking and running need to know of a target; its description and defaults are not in any key."""
    target = resolved.target
    return {
        "name": target.name,
        "cpu": target.cpu,
        "isa": resolved.cpu.isa,
        "clock_hz": target.clock_hz,
        "memory": [
            {"name": region.name, "kind": region.kind, "origin": region.origin, "length_bytes": region.length_bytes}
            for region in target.memory
        ],
        "stack_bytes": target.stack_bytes,
        "heap_bytes": resolved.heap_bytes,
    }


def _plain(recipe: Any) -> dict[str, JSON]:
    """A part of a recipe as JSON, without what it leaves open."""
    return {key: value for key, value in asdict(recipe).items() if value is not None}


def _cpu_name(resolved: ResolvedBench) -> str:
    return f"{resolved.target.cpu} {resolved.toolchain.name}"


def _flag_set(resolved: ResolvedBench) -> str:
    return f"{_cpu_name(resolved)} {resolved.optimise}"
