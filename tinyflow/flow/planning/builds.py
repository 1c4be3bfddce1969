"""What a bench's toolchain makes: the tree that a backend generated, runtimes' libraries, and the firmware.

Like `plan`, it names actions and runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import PurePath
from posixpath import normpath
from types import MappingProxyType
from typing import Any, NamedTuple

from tinyflow.core.action import JSON, Action, Input, Output, SourceFile, Tool
from tinyflow.flow.planning.includes import Includes
from tinyflow.flow.planning.models import Known
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import ResolvedBench
from tinyflow.recipes.runtime_files import (
    RuntimeFile,
    files_of,
    folder_of,
    headers_of,
    left_out,
    prebuilt_of,
    settings_of,
    sources_of,
    used_by,
)
from tinyflow.recipes.schema import Runtime, Target
from tinyflow.stages import oversize
from tinyflow.stages.prebuilt import PREBUILT
from tinyflow.targets.protocol import capabilities

# The linker's script is rendered by the first.
LINK_TOOLS = (Tool("package", "jinja2"), Tool("package", "pyelftools"))
# The library with this name is searched last: it has weak, slow versions of what a runtime may define.
BUILTINS = "lib/builtins.a"
# What firmware begins with where no probe calls its functions: for simulators with a command, serial lines, on Linux.
SELF_RUNNING, MONITOR, ON_LINUX = "selfrun", "monitor", "linuxrun"
# Before the names of runtimes' files among the inputs of what compiles them: `runtime/<runtime>/<path>`.
RUNTIMES = "runtime/"
_GENERATED = "_generated"  # the folder of headers that a program writes
# Of sources whose recipes say nothing, as most compilers have it: vendors' C is full of `asm`.
_STANDARDS = ("gnu17", "c++17")
# A search of the same seed tries the same candidates in the same order.
_TUNING_SEED = 1
_SEARCH_TIMEOUT_S = 24 * 3600.0  # tuning can be interrupted and goes on where it was


class _Seen(NamedTuple):
    """What a compiler sees of runtimes: files as inputs, which of their folders are searched, in order; defines."""

    files: Mapping[str, Input]
    include: Sequence[str]
    defines: Mapping[str, Any]

    @property
    def parameters(self) -> dict[str, JSON]:
        include = {"include": list(self.include)} if self.include else {}
        return {**include, "defines": [f"{key}={value}" for key, value in sorted(self.defines.items())]}


class Builds:
    """The actions of toolchains for benches of one catalogue."""

    def __init__(self, catalogue: Catalogue, known: Known) -> None:
        self._catalogue = catalogue
        self._known = known
        self.includes = Includes(
            lambda name: folder_of(catalogue, catalogue.get(Runtime, name)),
            lambda name: left_out(catalogue, catalogue.get(Runtime, name)),
        )
        self._headers: dict[tuple[str, ...], _Seen] = {}
        self._libraries: dict[tuple[object, ...], Action | None] = {}

    def compile_tree(self, resolved: ResolvedBench, sources: Output) -> Action:
        """Compile what a backend generated; the headers of all runtimes are at hand."""
        seen = self._public(resolved)
        return self._build(
            resolved,
            "compile",
            f"compile {resolved.part_name} {resolved.backend.name} for {_flag_set(resolved)}",
            "build:compile_tree",
            ("objects/",),
            {"sources/": sources, **seen.files},
            {
                **seen.parameters,
                "flags": [f"-{resolved.optimise}", *resolved.settings.flags, *resolved.settings.all_flags],
            },
        )

    def tune(
        self, resolved: ResolvedBench, wanted: Mapping[str, JSON], inputs: Mapping[str, Input], tools: tuple[Tool, ...]
    ) -> Action:
        """Search kernels for a model, on firmware with nothing else; `inputs` has the model and what runs it.

        `wanted`: how many trials, by which objective, and the model of cycles where these are measured.
        """
        backend = resolved.backend
        return self._inner(
            resolved,
            "tune:tune",
            f"{wanted['trials']} trials",
            "records.jsonl",
            inputs,
            {
                "flags": [f"-{resolved.optimise}"],
                "optimise": resolved.optimise,
                "options": dict(resolved.kernel_options),
                "implementation": backend.tuning,
                **wanted,
                "seed": _TUNING_SEED,
            },
            tools,
            str(backend.tuning),
        )

    def measured(
        self, resolved: ResolvedBench, stage: str, generate: Action, given: Mapping[str, Input], tools: tuple[Tool, ...]
    ) -> Action:
        """What `generate` must know from the target: stage arena or scratch; `given` has what runs it, and on what.

        Memory has room for any where it is simulated.
        """
        facts: dict[str, Any] = target_facts(resolved)
        if capabilities(resolved.target.seen(resolved.processor)).trace is not None:
            facts["memory"] = oversize.enlarged(facts["memory"])
        return self._inner(
            resolved,
            f"{stage}:{stage}",
            f"the {stage}",
            f"{stage}.json",
            {**generate.inputs, **given},
            {
                **generate.parameters,
                "flags": [f"-{resolved.optimise}", *resolved.settings.flags, *resolved.settings.all_flags],
                "target": {**facts, **resolved.target.seen(resolved.processor)},
            },
            (*generate.tools, *tools),
            *generate.implementation,
        )

    def _inner(
        self,
        resolved: ResolvedBench,
        function: str,
        what: str,
        output: str,
        inputs: Mapping[str, Input],
        parameters: Mapping[str, JSON],
        tools: tuple[Tool, ...],
        *implementation: str,
    ) -> Action:
        """An action that builds and runs firmware within itself, as often as it needs to."""
        target, stage = resolved.target, function.partition(":")[0]
        seen = self._public(resolved)
        linked, pinned = self._link_inputs(resolved)
        made = self._build(
            resolved,
            stage,
            f"{stage} {resolved.part_name} {resolved.backend.name} for {_flag_set(resolved)}, {what}",
            function,
            (output,),
            {**seen.files, **linked, **self._builtins(resolved, {}), **inputs},
            {
                **seen.parameters,
                "target": {**target_facts(resolved), **target.seen(resolved.processor)},
                "limit_instructions": target.limit_instructions,
                **({"pinned": pinned} if pinned else {}),
                **parameters,
            },
            tools=(*LINK_TOOLS, *tools),
        )
        whole = (*made.implementation, *implementation, target.implementation)
        inner = replace(made, implementation=whole, timeout_s=_SEARCH_TIMEOUT_S, isolated=True, place=place_of(target))
        return self._known.add(inner)

    def link(self, resolved: ResolvedBench, objects: Action) -> Action:
        """Link compiled objects with the runtimes' libraries to a firmware."""
        libraries, pinned = self._link_inputs(resolved)
        inputs: dict[str, Input] = {"objects/": objects.output("objects/"), **libraries}
        parameters = {"target": target_facts(resolved), **({"pinned": pinned} if pinned else {})}
        if resolved.cpu.builtins:
            # Building them takes longer than all the rest, and most firmware needs none.
            needed = self._build(
                resolved,
                "resolve",
                f"resolve symbols of {resolved.bench.name}",
                "link:resolve",
                ("needed.txt",),
                inputs,
                parameters,
                tools=LINK_TOOLS,
            )
            inputs = {**inputs, **self._builtins(resolved, {"needed.txt": needed.output("needed.txt")})}
        return self._build(
            resolved,
            "link",
            f"link {resolved.bench.name}",
            "link:link",
            ("firmware.elf", "firmware.map", "sizes.json"),
            inputs,
            parameters,
            tools=LINK_TOOLS,
        )

    def _builtins(self, resolved: ResolvedBench, inputs: Mapping[str, Input]) -> dict[str, Input]:
        """What the compiler calls for operations that the CPU lacks, as an input of linking, if it needs any."""
        if not resolved.cpu.builtins:
            return {}
        title = f"archive builtins for {_cpu_name(resolved)}" + (f" in {resolved.bench.name}" if inputs else "")
        made = self._build(resolved, "archive", title, "build:builtins", ("library.a",), inputs, {})
        return {BUILTINS: made.output("library.a")}

    def _link_inputs(self, resolved: ResolvedBench) -> tuple[dict[str, Input], dict[str, str]]:
        """What firmware is linked with besides objects and builtins, and the digests that some of it must have."""
        target = resolved.target
        libraries = {f"lib/{runtime.name}.a": self._library(resolved, runtime) for runtime in resolved.runtimes}
        inputs: dict[str, Input] = {name: made.output("library.a") for name, made in libraries.items() if made}
        pinned: dict[str, str] = {}
        for runtime in resolved.runtimes:
            for file in prebuilt_of(self._catalogue, runtime, resolved.processor.kinds):
                name = f"{PREBUILT}{file.owner.name}/{file.name}"
                inputs[name] = SourceFile(file.path, f"{file.owner.name}/{file.name}")
                pinned[name] = str(file.sha256)
        main = _own_main(target)
        if main:  # so no library
            runtime = self._catalogue.get(Runtime, main)
            defines = {} if target.monitor is None else target.monitor.defines()
            for file in sources_of(self._catalogue, runtime, () if target.is_linux else resolved.processor.kinds):
                own = defines if file.owner is runtime else {}
                inputs[f"main/{file.name}.o"] = self._object(resolved, runtime, file, own)
        if target.linker_script is not None:
            script = self._catalogue.data_file(target.linker_script)
            inputs["link.ld.j2"] = SourceFile(script, target.linker_script)
        return inputs, pinned

    # Runtimes

    def _chains(self, runtimes: Iterable[Runtime]) -> list[Runtime]:
        """Runtimes, each before its bases."""
        return [one for runtime in runtimes for one in self._catalogue.chain(runtime)]

    def _public(self, resolved: ResolvedBench) -> _Seen:
        """All headers of what a bench links."""
        runtimes = self._chains(resolved.runtimes)
        names = tuple(one.name for one in runtimes)
        if names not in self._headers:  # once, not for each bench
            search = self._search(runtimes)
            self._headers[names] = self._seen(self.includes.headers(search), search, _defines(runtimes))
        return self._headers[names]

    def _search(self, runtimes: Iterable[Runtime]) -> list[str]:
        """Folders of headers as `<runtime>/<folder>/`."""
        folders = [
            f"{one.name}/{name}"
            for one in runtimes
            for name in (*headers_of(self._catalogue, one), *([_GENERATED] if one.generated is not None else ()))
        ]
        return list(dict.fromkeys(f"{normpath(folder)}/" for folder in folders))

    def _generated(self, search: Iterable[str]) -> dict[str, Input]:
        """Headers among these folders that a program has to write first."""
        found: dict[str, Input] = {}
        for folder in search:
            name, _, rest = folder.partition("/")
            runtime = self._catalogue.get(Runtime, name)
            if runtime.generated is None or rest != f"{_GENERATED}/":
                continue
            command = runtime.generated.command
            files = files_of(self._catalogue, runtime).items()
            action = Action(
                stage="headers",
                title=f"headers of {name}",
                function="tinyflow.stages.headers:headers",
                outputs=("headers/",),
                parameters={"command": list(command)},
                inputs={f"files/{file}": SourceFile(path, f"{name}/{file}") for file, path in files},
                tools=(Tool("binary", command[0], f"it is the command of runtime {name}"),),
                isolated=True,
            )
            found[f"{RUNTIMES}{folder}"] = self._known.add(action).output("headers/")
        return found

    def _seen(
        self, names: Iterable[str], search: Sequence[str], defines: Mapping[str, Any], flags: Sequence[str] = ()
    ) -> _Seen:
        """These files with all that they include, and any header where what is yet to be written may include it."""
        made = self._generated(search)
        found = self.includes.reached(
            [*names, *(self.includes.headers(search) if made else ())], search, flags, defines
        )
        files: dict[str, Input] = {f"{RUNTIMES}{name}": SourceFile(path, name) for name, path in found.items()}
        files |= made
        return _Seen(files, [f"{RUNTIMES}{folder}" for folder in search], defines)

    def _library(self, resolved: ResolvedBench, runtime: Runtime) -> Action | None:
        """A runtime's library for one flag set, if it isn't all prebuilt: the archive of an object for each source."""
        flag_set = (runtime.name, _flag_set(resolved), resolved.settings.all_flags)
        if flag_set not in self._libraries:  # once, not for each bench
            objects: dict[str, Input] = {}
            for file in sources_of(self._catalogue, runtime, resolved.processor.kinds):
                owner = "" if file.owner is runtime else f"{file.owner.name}/"
                objects[f"objects/{owner}{file.name}.o"] = self._object(resolved, runtime, file)
            words = (resolved, "archive", f"archive {runtime.name} for {_flag_set(resolved)}", "build:archive")
            self._libraries[flag_set] = self._build(*words, ("library.a",), objects, {}) if objects else None
        return self._libraries[flag_set]

    def _object(
        self,
        resolved: ResolvedBench,
        runtime: Runtime,
        file: RuntimeFile,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> Output:
        """One source of a runtime, with flags and defines of its own behind those of what it stands for.

        `more` defines are the target's.
        """
        settings = settings_of(self._catalogue, runtime, file.owner)
        used = self._chains(used_by(self._catalogue, settings))
        flags = [flag for one in reversed(settings) for flag in one.flags]
        own = {key: value for one in reversed(settings) for key, value in one.defines.items()}
        defines = {**_defines([*settings, *used]), **own, **more}
        name = f"{file.owner.name}/{file.name}"
        seen = self._seen([name], self._search([*settings, *used]), defines, flags)
        return self._build(
            resolved,
            "compile",
            f"compile {name} for {_flag_set(resolved)}",
            "build:compile_source",
            ("object.o",),
            seen.files,
            {
                "source": f"{RUNTIMES}{name}",
                **seen.parameters,
                "flags": [
                    f"-{resolved.optimise}",
                    *_standard(file.name, settings),
                    *flags,
                    *resolved.settings.all_flags,
                ],
            },
        ).output("object.o")

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
        cpu = plain(resolved.cpu)
        return self._known.add(
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


def _own_main(target: Target) -> str:
    """The runtime with a main for this target, if the usual one doesn't do."""
    if target.is_linux:
        return ON_LINUX
    if target.monitor is not None:
        return MONITOR
    return SELF_RUNNING if target.external is not None else ""


def _defines(runtimes: Sequence[Runtime]) -> dict[str, Any]:
    """What these tell whoever includes their headers, the first one's above all."""
    return {key: value for one in reversed(runtimes) for key, value in one.public_defines.items()}


def _standard(name: str, settings: Iterable[Runtime]) -> list[str]:
    """The flag for a source's language; none for assembly."""
    suffix = PurePath(name).suffix
    if suffix in (".S", ".s"):
        return []
    words = (*(word for one in settings for word in one.std), *_STANDARDS)
    return [next(f"-std={word}" for word in words if ("++" in word) == (suffix != ".c"))]


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
            for region in target.simulated_memory
        ],
        "stack_bytes": target.reserved_stack_bytes,
        "heap_bytes": resolved.heap_bytes,
    }


def place_of(target: Target) -> str:
    """What a machine must offer that runs firmware on a target."""
    return f"board:{target.name}" if target.is_board else ""


def plain(recipe: Any) -> dict[str, JSON]:
    """A part of a recipe as JSON, without what it leaves open."""
    return {key: value for key, value in asdict(recipe).items() if value is not None}


def _cpu_name(resolved: ResolvedBench) -> str:
    return f"{resolved.target.cpu} {resolved.toolchain.name}"


def _flag_set(resolved: ResolvedBench) -> str:
    return f"{_cpu_name(resolved)} {resolved.optimise}"
