"""`firmware:<bench>`: the action that packs what a bench's firmware is made of, for another build system."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import tinyflow
from tinyflow.core.action import JSON, Action, Input, Output, SourceFile, Tool
from tinyflow.core.errors import UsageError
from tinyflow.flow.planning import build_systems
from tinyflow.flow.planning.builds import BUILTINS, RUNTIMES, plain
from tinyflow.flow.planning.generation import TEMPLATES, program
from tinyflow.flow.planning.plan import BenchPlan
from tinyflow.flow.project import Project
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.resolve import resolve
from tinyflow.recipes.schema import Cpu, Toolchain
from tinyflow.recipes.suggest import hint_for

FORMS = ("c", "cmake", "zephyr", "esp-idf", "arduino", "platformio", "cmsis-pack")
EXAMPLES = ("bare", "keywords", "camera", "sine")
_IDENTIFIER = re.compile("[a-z][a-z0-9_]*")
# whose flags users of the firmware most likely want
_GCC = "gcc"


@dataclass(frozen=True)
class Wanted:
    """For what a firmware is packed, and what its symbols begin with: empty for the model's name.

    It is built, or built and flashed, by the form's own program where the user says so, for `board`.
    """

    form: str = "c"
    prefix: str = ""
    board: str = ""
    is_built: bool = False
    is_flashed: bool = False
    example: str = "bare"

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise UsageError(f'--for: there is no "{self.form}"', hint=hint_for(self.form, FORMS, "forms"))
        if self.example not in EXAMPLES:
            hint = hint_for(self.example, EXAMPLES, "examples")
            raise UsageError(f'--example: there is no "{self.example}"', hint=hint)
        if self.prefix and not _IDENTIFIER.fullmatch(self.prefix):
            hint = "small letters, digits and _, the first a letter: --prefix door_camera"
            raise UsageError(f'--prefix: "{self.prefix}" can\'t begin names in C', hint=hint)
        if self.is_built or self.is_flashed:
            build_systems.check(self.form, self.board, is_flashed=self.is_flashed)


def firmware(plan: BenchPlan, catalogue: Catalogue, wanted: Wanted) -> Action:
    """Pack a planned bench. UsageError where there is no firmware for a chip, or not all of it is source."""
    made = {action.stage: action for action in plan.actions}
    link = made.get("link")
    if link is None or not link.parameters["target"]["memory"]:
        plan.bench.refuse("there is no firmware to take home", at="target", hint="take a chip, such as stm32f4")
    resolved = resolve(plan.bench, catalogue)
    if resolved.target.is_linux:
        hint = "take a chip, such as pynq_z2; for Linux compile what build/<bench>/generate holds"
        plan.bench.refuse("there is no firmware to take home of a program for Linux", at="target", hint=hint)
    example = program(plan.name, made["generate"], wanted.example, data_folder() / TEMPLATES)
    whole = _with_example(plan, link, example)
    inputs: dict[str, Input] = {
        "templates/": SourceFile(data_folder() / "templates" / "firmware", "templates/firmware/"),
        "LICENSE": SourceFile(data_folder() / "LICENSE", "LICENSE"),
        "network.json": example.output("network.json"),
        "objects/": link.inputs["objects/"],
        **{name: made["generate"].output(name) for name in ("sources/", "plan.json")},
        "sizes.json": link.output("sizes.json"),
        "run.json": made["run"].output("run.json"),
        "example.json": whole.output("sizes.json"),
        "firmware.elf": whole.output("firmware.elf"),
        **{name: link.inputs[name] for name in ("link.ld.j2",) if name in link.inputs},
    }
    libraries: dict[str, JSON] = {}
    for runtime in resolved.runtimes:
        name = f"lib/{runtime.name}.a"
        if name in link.inputs:
            inputs[name] = link.inputs[name]
            libraries[runtime.name] = _members(link.inputs[name], inputs)
    if any(name.startswith("prebuilt/") for name in link.inputs):
        what = "a runtime of it comes compiled, so that its symbols can't get a prefix"
        plan.bench.refuse(what, at="backend", hint="link what build/<bench>/generate holds by hand")
    compiled = next(one.action for one in (link.inputs["objects/"],) if isinstance(one, Output))
    inputs |= {name: one for name, one in compiled.inputs.items() if name.startswith(RUNTIMES)}
    return Action(
        stage="firmware",
        title=f"firmware {plan.name} for {wanted.form}",
        function="tinyflow.stages.firmware:firmware",
        outputs=("firmware.zip",),
        inputs=inputs,
        parameters={
            "bench": plan.name,
            "form": wanted.form,
            "board": wanted.board,
            "example": wanted.example,
            "prefix": wanted.prefix or _prefix(plan.bench.model_name),
            "version": tinyflow.__version__,
            "target": link.parameters["target"],
            "description": resolved.target.description,
            "generated": _how(compiled),
            "libraries": libraries,
            "gcc": _gcc(resolved.processor.compiled_by(catalogue.get(Toolchain, _GCC))),
        },
        tools=(Tool("package", "jinja2"), Tool("package", "pyelftools")),
    )


def _with_example(plan: BenchPlan, link: Action, program: Action) -> Action:
    """Link a bench's firmware with an example's `main` in place of the bench's own."""
    example, objects = program.parameters["example"], link.inputs["objects/"]
    assert isinstance(objects, Output), "objects are compiled by an action"
    title = f"compile example {example} for {plan.name}"
    inputs = {**objects.action.inputs, "sources/": program.output("sources/")}
    compiled = replace(objects.action, title=title, inputs=inputs).output("objects/")

    def with_it(action: Action, more: Mapping[str, Input]) -> Action:
        """The same with the example, which is a program by itself."""
        own = {name: one for name, one in action.inputs.items() if not name.startswith("main/")}
        return replace(
            action, title=f"{action.title} with example {example}", inputs={**own, "example/": compiled, **more}
        )

    builtins = link.inputs.get(BUILTINS)
    if not isinstance(builtins, Output):
        return with_it(link, {})
    needed = builtins.action.inputs["needed.txt"]
    assert isinstance(needed, Output), "whether they are needed is found by an action"
    asked = {"needed.txt": with_it(needed.action, {}).output(needed.name)}
    return with_it(link, {BUILTINS: replace(builtins.action, inputs=asked).output(builtins.name)})


def _members(library: Input, inputs: dict[str, Input]) -> list[JSON]:
    """How each object of a library is compiled, in their order in it; sources and headers become inputs."""
    assert isinstance(library, Output), "libraries are archived by an action"
    members: list[JSON] = []
    for _, made in sorted(library.action.inputs.items()):
        assert isinstance(made, Output), "objects are compiled by an action"
        inputs |= made.action.inputs
        members.append({"source": made.action.parameters["source"], **_how(made.action)})
    return members


def _how(compiled: Action) -> dict[str, JSON]:
    return {key: compiled.parameters.get(key, []) for key in ("flags", "defines", "include")}


def _gcc(cpu: Cpu | None) -> JSON:
    """What GCC's programs begin with, its flags for the processor and its libraries, where it has it."""
    if cpu is None:
        return {}
    return {name: plain(cpu)[name] for name in ("prefix", "flags", "libraries")}


def folder_of(name: str, action: Action, project: Project) -> Path:
    """Where the firmware of a bench is unpacked: an example, and a prefix that isn't the model's, have their own."""
    form, example, prefix = (str(action.parameters[key]) for key in ("form", "example", "prefix"))
    others = [example] * (example != "bare") + [prefix] * (prefix != _prefix(parse(name).model_name))
    return project.firmware(name, form, *others)


def _prefix(model: str) -> str:
    name = re.sub("[^a-z0-9_]+", "_", model.lower()).strip("_")
    return name if _IDENTIFIER.fullmatch(name) else f"net_{name}"
