"""A backend's recipe: what generates, with which options and libraries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, Literal

from tinyflow.recipes.fields import Check, Duration, Module, Name, Natural, RelativePath, Size, Text
from tinyflow.recipes.schema.part import Part, Recipe, part
from tinyflow.recipes.schema.words import check_places


@part
class Lowering(Part):
    """What is done before generating, and shared by all backends that want it with the same options."""

    implementation: Module
    """Module with `check` and `lower`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """As the backend's; a feature sets an option where it is listed."""
    tools: tuple[str, ...] = ()
    """Python distributions whose versions decide the result."""


def _check_requirement(requirements: tuple[str, ...]) -> None:
    for text in requirements:
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*(>=\d[\d.]*)?", text):
            raise ValueError(f'"{text}" is no distribution with its least version, such as onnxruntime>=1.18')


@part
class Environment(Part):
    """A Python environment, which `doit fetch engine:BACKEND` makes."""

    python: Annotated[str, Text(r"python[\d.]*", "a Python on PATH such as python3.12")] | None = None
    """The program that it is made with; ours where nothing is said."""
    packages: tuple[str, ...]
    """Requirements of pip, pinned; with `--hash=sha256:…` behind each and all that they require, a lock."""


@part
class Engine(Part):
    """Somebody else's inference engine, which gets the network as ONNX and runs it in a process of its own."""

    adapter: RelativePath
    """A Python file beside the recipe: its `load(folder, inputs, outputs)` gives a function from arrays to arrays;
    where the engine doesn't load ONNX itself, there is also `convert(model, folder)`."""
    takes: Literal["int8", "dequantised", "file"]
    """Whether integers stay integers, between QuantizeLinear and DequantizeLinear, or become the real values; or the
    `.tflite` as it is."""
    requires: Annotated[tuple[str, ...], Check(_check_requirement)]
    """Distributions, with the least version that will do: `onnxruntime>=1.18`."""
    install: tuple[str, ...]
    """The commands that install them."""
    environment: Environment | None = None
    """A Python of the engine's own; without one it is installed beside us."""


_PLACES = ("model", "name", "graph", "options", "files", "out")


def _check_command(command: tuple[str, ...]) -> None:
    check_places(command, _PLACES)
    if command and command[0].startswith("{"):
        raise ValueError("a command starts with a program on PATH, such as python3 {files}/generate.py")
    if command and not any("{out}" in word for word in command):
        raise ValueError("a command needs {out}, the folder that its sources belong in")


@part
class Backend(Recipe):
    """A way from a model to C sources."""

    implementation: Module | None = None
    """Module with `check` and `generate`."""
    command: Annotated[tuple[str, ...], Check(_check_command)] = ()
    """Instead, a program that generates: its words, with `{model}`, `{name}`, `{graph}`, `{options}`, `{files}`,
    `{out}`."""
    files: tuple[RelativePath, ...] = ()
    """Files and folders (`name/`) beside the recipe that the command needs."""
    engine: Engine | None = None
    """Instead, an inference engine of somebody else's, on this machine."""
    machine: Module | None = None
    """Module with `open_machine` that runs the model itself: nothing is compiled or linked (interpreters on host)."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Passed to `generate`. `$toolchain`, `$isa`, `$cpu`, `$vectors` (none, mve, rvv), `$kernels`, `$goal` and
    `$llvm` stand for the bench's own."""
    arena: str | None = None
    """Of a command: its option with the size of the arena; 0 is what the model needs on the target, found by running
    it."""
    lowering: Lowering | None = None
    """Where `generate` takes what this makes of the model."""
    tolerance: Natural = 0
    """Largest difference from the reference, in steps of the quantised output, that still validates."""
    runtimes: tuple[Name, ...] = ("support",)
    """Libraries that the generated code is linked with, in link order."""
    tools: tuple[str, ...] = ()
    """Python distributions whose versions decide the generated code."""
    is_deployed: bool = False
    """Benches on this machine tell what it takes to have its code in a program: what is installed, typed, written."""
    extra: Name | None = None
    """The extra of tinyflow's own distribution that brings these tools, where a plain installation lacks them."""
    tuning: Module | None = None
    """Module with `subjects` and `write_firmware`, of a backend whose kernels can be tuned."""
    heap_bytes: Size = 0
    """What the generated code allocates at run time; most need none."""
    targets: tuple[Name, ...] = ()
    """Targets that it generates for; all where empty."""
    timeout_s: Duration = 600.0
    """For one generation."""

    def __post_init__(self) -> None:
        if (self.implementation is not None) + bool(self.command) + (self.engine is not None) != 1:
            raise ValueError('give one of "implementation", "command" and "engine"')
        if self.files and not self.command:
            raise ValueError('"files" are for a "command"')
        if self.arena is not None and (not self.command or type(self.options.get(self.arena)) is not int):
            raise ValueError('"arena" names an option of a "command" with a number, such as arena_bytes: 0')
