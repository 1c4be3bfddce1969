"""What each kind of recipe holds: frozen plain data, cheap to import and to make.

A field is the YAML key; where its name ends in a unit (`length_bytes`), the YAML key has none and the value has it
(`length: 512KiB`). `validate` turns text into these; nothing here reads a file. `name` is the file's stem, never a key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from tinyflow.recipes.fields import (
    Address,
    Check,
    Digest,
    Duration,
    FeatureValue,
    Instructions,
    MaxRegression,
    Module,
    Name,
    Natural,
    Rate,
    RelativePath,
    Size,
    Url,
    yaml_key,
)

Isa = Literal["all", "thumb", "riscv", "host"]
Optimise = Literal["O0", "O1", "O2", "O3", "Os"]

# Read by pydantic, see `validate`: refuse unknown keys, convert nothing, name fields as YAML does.
STRICT: dict[str, Any] = {"extra": "forbid", "strict": True, "alias_generator": yaml_key}


class _Strict:
    __pydantic_config__ = STRICT


@dataclass(frozen=True, kw_only=True)
class Recipe(_Strict):
    """What every kind has."""

    name: Name
    description: str


@dataclass(frozen=True, kw_only=True)
class Samples(_Strict):
    """Inputs that outputs are compared on: real ones from a folder as far as they reach, then seeded random ones."""

    folder: RelativePath | None = None
    """Folder of `0.bin`, `1.bin`, … below a mirror folder (or beside the recipe)."""
    format: Literal["float32", "uint8", "int8"] | None = None
    """What those files hold: real values, pixels (real value = pixel), or the model's own int8 values."""
    count: Natural = 8
    """How many samples in all."""
    seed: int = 1
    """Of the random samples."""

    def __post_init__(self) -> None:
        if self.folder is not None and self.format is None:
            raise ValueError('samples of a folder need a "format": float32, uint8 or int8')


@dataclass(frozen=True, kw_only=True)
class Synthesize(_Strict):
    """The same graph built from code with seeded weights, for machines where no source can be had."""

    graph: Name
    """A graph of the zoo (`tinyflow.model.zoo`)."""
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class Model(Recipe):
    """A network and where its file comes from: a mirror or the recipe's own folder, then URLs, then the zoo."""

    file: RelativePath | None = None
    """Path below the recipe's folder or a mirror folder."""
    urls: tuple[Url, ...] = ()
    """Tried in order; need `sha256`."""
    sha256: Digest | None = None
    """Of the file; what any source but the zoo must give."""
    tolerance: Natural = 8
    """For an ONNX file: the largest difference from ONNX Runtime, in steps of the quantised output."""
    samples: Samples = field(default_factory=Samples)
    synthesize: Synthesize | None = None
    timeout_s: Duration = 600.0
    """For fetching it, and for converting it with its samples."""

    def __post_init__(self) -> None:
        if self.urls and self.sha256 is None:
            raise ValueError('"urls" need "sha256": a download that nothing pins can change')
        if self.file is None and not self.urls and self.synthesize is None:
            raise ValueError('no source; give "file", "urls" or "synthesize"')


@dataclass(frozen=True, kw_only=True)
class Lowering(_Strict):
    """What is done before generating, and shared by all backends that want it with the same options."""

    implementation: Module
    """Module with `check` and `lower`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """As the backend's; a feature sets an option where it is listed."""
    tools: tuple[str, ...] = ()
    """Python distributions whose versions decide the result."""


_PLACES = ("model", "graph", "options", "files", "out")


def _check_command(command: tuple[str, ...]) -> None:
    for word in command:
        for name in re.findall(r"\{(\w+)\}", word):
            if name not in _PLACES:
                known = ", ".join(f"{{{place}}}" for place in _PLACES)
                raise ValueError(f"nothing is called {{{name}}}; a command knows {known}")
    if command and command[0].startswith("{"):
        raise ValueError("a command starts with a program on PATH, such as python3 {files}/generate.py")
    if command and not any("{out}" in word for word in command):
        raise ValueError("a command needs {out}, the folder that its sources belong in")


@dataclass(frozen=True, kw_only=True)
class Backend(Recipe):
    """A way from a model to C sources."""

    implementation: Module | None = None
    """Module with `check` and `generate`."""
    command: Annotated[tuple[str, ...], Check(_check_command)] = ()
    """Instead, a program that generates: its words, with `{model}`, `{graph}`, `{options}`, `{files}`, `{out}`."""
    files: tuple[RelativePath, ...] = ()
    """Files and folders (`name/`) beside the recipe that the command needs."""
    machine: Module | None = None
    """Module with `open_machine` that runs the model itself: nothing is compiled or linked (interpreters on host)."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Passed to `generate`. `$toolchain`, `$isa`, `$cpu` and `$vectors` (none, mve, rvv) stand for the bench's own."""
    lowering: Lowering | None = None
    """Where `generate` takes what this makes of the model."""
    tolerance: Natural = 0
    """Largest difference from the reference, in steps of the quantised output, that still validates."""
    runtimes: tuple[Name, ...] = ("support",)
    """Libraries that the generated code is linked with, in link order."""
    tools: tuple[str, ...] = ()
    """Python distributions whose versions decide the generated code."""
    tuning: Module | None = None
    """Module with `subjects` and `write_firmware`, of a backend whose kernels can be tuned."""
    heap_bytes: Size = 0
    """What the generated code allocates at run time; most need none."""
    targets: tuple[Name, ...] = ()
    """Targets that it generates for; all where empty."""
    timeout_s: Duration = 600.0
    """For one generation."""

    def __post_init__(self) -> None:
        if (self.implementation is None) == (not self.command):
            raise ValueError('give "implementation" or "command"')
        if self.files and not self.command:
            raise ValueError('"files" are for a "command"')


@dataclass(frozen=True, kw_only=True)
class Memory(_Strict):
    """One region of a chip's address space."""

    name: Name
    kind: Literal["flash", "ram"]
    origin: Address
    """First address, best written in hexadecimal."""
    length_bytes: Size

    @property
    def end(self) -> int:
        """The first address behind the region."""
        return self.origin + self.length_bytes


@dataclass(frozen=True, kw_only=True)
class CycleModel(_Strict):
    """How cycles are estimated from what was executed (`doit profile:`)."""

    core: Literal["cortex-m4"]
    wait_states: Natural
    """Cycles for a line of flash that no cache holds."""
    instruction_lines: Natural
    data_lines: Natural
    line_bytes: Size
    error: str
    """How far off it may be, and how that is known."""

    def __post_init__(self) -> None:
        if not (1 <= self.instruction_lines <= 128 and 1 <= self.data_lines <= 128 and self.line_bytes):
            raise ValueError("a flash cache has 1 to 128 lines of each kind")


def _check_map(memory: tuple[Memory, ...]) -> None:
    regions = sorted(memory, key=lambda region: region.origin)
    for lower, upper in pairwise(regions):
        if lower.end > upper.origin:
            raise ValueError(f"{lower.name} ends at {lower.end:#x}, behind the start of {upper.name}")
    if len({region.name for region in regions}) < len(regions):
        raise ValueError("two regions have one name")
    if regions and {region.kind for region in regions} != {"flash", "ram"}:
        raise ValueError("a chip needs a region of kind flash and one of kind ram")


@dataclass(frozen=True, kw_only=True)
class Target(Recipe):
    """A chip (or this machine) and the way firmware is run on it."""

    implementation: Module = ""
    """Module with `open_machine`."""
    board_only: str | None = None
    """Why nothing can be built or run for it here: such a target only has what others published about it."""
    cpu: str
    """Key in the toolchains' `cpus`."""
    clock_hz: Rate | None = None
    cycle_model: CycleModel | None = None
    """For `cycles_estimate`; none where no model is good enough to be shown."""
    cpu_features: tuple[str, ...] = ()
    """What features may require: dsp, fpu, …"""
    memory: Annotated[tuple[Memory, ...], Check(_check_map)] = ()
    """Empty where the machine has no memory map of its own (host)."""
    stack_bytes: Size = 0
    heap_bytes: Size = 0
    toolchain: Name = "zig"
    """The default; `+toolchain.gcc` chooses another."""
    linker_script: RelativePath = "templates/link/firmware.ld.j2"
    """Template beside a recipe folder or among the built-in ones."""
    optimise: Optimise = "O3"
    limit_instructions: Instructions = 2_000_000_000
    """A call that takes more never ends, as far as we care."""
    timeout_s: Duration = 600.0
    """For all samples of one bench."""
    backend_options: Mapping[Name, Mapping[str, Any]] = field(default_factory=dict)
    """Backend → options that suit this target; taken where a feature says so (`+target_optimized`)."""

    def __post_init__(self) -> None:
        if bool(self.implementation) == (self.board_only is not None):
            raise ValueError('give "implementation", or say in "board_only" why there is none')
        ram_bytes = sum(region.length_bytes for region in self.memory if region.kind == "ram")
        if self.memory and self.stack_bytes + self.heap_bytes >= ram_bytes:
            raise ValueError(f"stack and heap leave nothing of {ram_bytes} bytes of RAM")


@dataclass(frozen=True, kw_only=True)
class Builtins(_Strict):
    """How a compiler's own support library is built for one processor, in the words of the compiler."""

    target: str | None = None
    cpu: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cpu(_Strict):
    """How a toolchain compiles for one processor."""

    isa: Literal["thumb", "riscv", "host"]
    prefix: str | None = None
    """Of the names of its programs: `arm-none-eabi-`."""
    package: str | None = None
    """Where a missing compiler comes from."""
    flags: tuple[str, ...] = ()
    """For compiling; they choose processor and ABI."""
    link_flags: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    """The toolchain's own ones, in link order."""
    headers: str | None = None
    """The toolchain's folder of C headers for it."""
    builtins: Builtins | None = None
    """Absent where the toolchain brings its support library ready."""


@dataclass(frozen=True, kw_only=True)
class Toolchain(Recipe):
    """A compiler, linker and archiver."""

    implementation: Module
    cpus: Mapping[str, Cpu]
    timeout_s: Duration = 600.0
    """For one call of a tool."""


@dataclass(frozen=True, kw_only=True)
class Runtime(Recipe):
    """A library for the chip: C sources beside the recipe, built once per flag set."""

    sources: Mapping[Isa, tuple[RelativePath, ...]] = field(default_factory=dict)
    """Files below the recipe's folder (C, C++, assembly), for `all` processors or for one instruction set."""
    prebuilt: Mapping[Isa, Mapping[RelativePath, Digest]] = field(default_factory=dict)
    """Objects and libraries (`.o`, `.a`) that are linked as they are, each with its sha256."""
    base: Name | None = None
    """Another runtime that this one stands for, with some of its sources replaced."""
    overrides: Mapping[RelativePath, RelativePath] = field(default_factory=dict)
    """Source of the base → source below this recipe's folder that takes its place."""
    include: tuple[RelativePath, ...] = ()
    """Folders of headers below the recipe's folder."""
    uses: tuple[Name, ...] = ()
    """Other runtimes whose headers its sources include; a backend that names it names them too."""
    flags: tuple[str, ...] = ()
    defines: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.overrides and self.base is None:
            raise ValueError('"overrides" need "base", the runtime whose sources they replace')
        if not (self.sources or self.prebuilt or self.base):
            raise ValueError('nothing to build; give "sources", "prebuilt" or "base"')
        for path in (path for group in self.prebuilt.values() for path in group):
            if not path.endswith((".o", ".a")):
                raise ValueError(f"{path} is neither an object (.o) nor a library (.a)")

    def sources_for(self, isa: str) -> tuple[str, ...]:
        """All files that are compiled for one instruction set, in the recipe's order."""
        return tuple(source for key, group in self.sources.items() if key in ("all", isa) for source in group)


@dataclass(frozen=True, kw_only=True)
class Requirements(_Strict):
    """What a feature needs of the rest of its bench; what is empty is not asked."""

    backends: tuple[Name, ...] = ()
    isas: tuple[Literal["thumb", "riscv", "host"], ...] = ()
    """Instruction sets."""
    targets: tuple[Name, ...] = ()
    toolchains: tuple[Name, ...] = ()
    cpu_features: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Case(_Strict):
    """What one value of a feature needs besides."""

    requires: Requirements = field(default_factory=Requirements)
    conflicts: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Settings(_Strict):
    """What a feature changes. `$value` stands for the feature's value."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the backend's options."""
    toolchain: str | None = None
    optimise: str | None = None
    runtimes: Mapping[Name, Name] = field(default_factory=dict)
    """Runtime of the backend → the one that is linked instead."""
    layer: Literal["$value"] | None = None
    """Only this layer of the model, counted from 0."""
    target_options: bool = False
    """Whether the backend gets the options that the target's recipe has for it; other features go before them."""
    flags: tuple[str, ...] = ()
    """For the compiler, behind all others; for what a backend generated only."""
    tuning: str | None = None
    """Kernels as tuning records say: `records` for those that there are, `$value` for a search with so many trials."""
    guard: Literal["arena", "ram", "$value"] | None = None
    """Where layers may write nothing but what is theirs: within the arena, or anywhere in RAM."""
    transforms: tuple[Name, ...] = ()
    """Stages between fetch and generate, each `model.tflite` to `model.tflite`: `tinyflow.stages.<name>`."""


@dataclass(frozen=True, kw_only=True)
class Feature(Recipe):
    """A switch or choice that a bench name adds with `+name` or `+name.value`."""

    sets: Settings
    values: tuple[FeatureValue, ...] = ()
    """The choices; a feature without takes no value."""
    takes_number: bool = False
    """Its value is any whole number."""
    requires: Requirements = field(default_factory=Requirements)
    conflicts: tuple[str, ...] = ()
    """Features that can't stand beside it, or single values of them: `layout.NCHW`."""
    cases: Mapping[FeatureValue, Case] = field(default_factory=dict)
    """Value → what it needs beyond what all values do."""
    reason: str | None = None
    """Why it needs what it requires: told to whoever asks for what doesn't go together."""

    def __post_init__(self) -> None:
        for value in self.cases:
            if value not in self.values:
                raise ValueError(f'a case for "{value}", which is none of the values {", ".join(self.values)}')
        settings = [*self.sets.options.values(), self.sets.toolchain, self.sets.optimise]
        if self.takes_number and self.values:
            raise ValueError('give "values" or "takes_number"')
        settings += [self.sets.layer, self.sets.tuning, self.sets.guard]
        if not (self.values or self.takes_number) and "$value" in settings:
            raise ValueError('"$value" needs "values" to choose from')
        levels = self.values if self.sets.optimise == "$value" else (self.sets.optimise,)
        for level in levels:
            if level is not None and level not in get_args(Optimise):
                raise ValueError(f'"{level}" is no level to optimise at; levels: {", ".join(get_args(Optimise))}')


@dataclass(frozen=True, kw_only=True)
class Matrix(_Strict):
    """Every combination of these, in this order: models outermost, features innermost."""

    models: tuple[Name, ...]
    backends: tuple[Name, ...]
    targets: tuple[Name, ...]
    features: tuple[tuple[str, ...], ...] = ((),)
    """Each entry is one set of features: `[[], [dsp], [dsp, toolchain.gcc]]`."""

    def __post_init__(self) -> None:
        if not (self.models and self.backends and self.targets and self.features):
            raise ValueError("an empty list makes an empty matrix; for no features leave the key out")


@dataclass(frozen=True, kw_only=True)
class Group(_Strict):
    """One row for all rows that agree in `by`."""

    by: tuple[str, ...]
    take: Mapping[str, Literal["mean", "geomean", "median", "sum", "min", "max", "count"]]
    """Column → what becomes of its values."""


@dataclass(frozen=True, kw_only=True)
class Pivot(_Strict):
    """One row for each value of `rows`, one column for each value of `columns`."""

    rows: tuple[str, ...]
    columns: str
    values: str
    """The column whose values fill the cells."""


@dataclass(frozen=True, kw_only=True)
class Against(_Strict):
    """Each row beside the one that differs from it in these columns only: `to: {backend: tvmaot}`."""

    to: Mapping[str, str]
    columns: tuple[str, ...]
    """New columns `<column>_ratio`, `<column>_difference` or `<column>_percent` tell how they compare."""
    how: Literal["ratio", "difference", "percent"] = "ratio"


@dataclass(frozen=True, kw_only=True)
class Step(_Strict):
    """One operation on a table; exactly one of these keys."""

    where: str | None = None
    """Keep the rows for which an expression holds: `ram_bytes < 100KiB and target == stm32f7`."""
    choose: tuple[str, ...] = ()
    """Keep these columns in this order; `rom_*` stands for all that match."""
    rename: Mapping[str, str] = field(default_factory=dict)
    compute: Mapping[str, str] = field(default_factory=dict)
    """New column → expression over the others."""
    scale: Mapping[str, str] = field(default_factory=dict)
    """Column → unit (KiB, MiB, k, M, ms, us); its name gets the unit: ram_bytes in KiB is ram_KiB."""
    sort: tuple[str, ...] = ()
    """Columns, the first matters most; `-name` downwards."""
    group: Group | None = None
    pivot: Pivot | None = None
    compare: Against | None = None

    def __post_init__(self) -> None:
        given = [name for name, value in vars(self).items() if value]
        if len(given) != 1:
            raise ValueError(f"a step is exactly one operation, not {' and '.join(given) or 'none'}")


@dataclass(frozen=True, kw_only=True)
class View(_Strict):
    """A table made of a suite's results, step by step: `build/suites/<suite>/<name>.csv` and a part of its page."""

    name: Name
    description: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Published(_Strict):
    """Numbers that others measured, to stand beside ours: in the suite itself, or a recipe of their own."""

    figures: Name | None = None
    """The recipe `published/<name>.yaml` that has all the rest."""
    source: str = ""
    """Who, where and how: what a reader needs to judge them."""
    notes: tuple[str, ...] = ()
    """What may be compared with ours and what not."""
    clocks_hz: Mapping[Name, Rate] = field(default_factory=dict)
    """Target → clock of the board that `board_s`, seconds of one inference, was measured on."""
    numbers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Bench → metric → value, in our units."""
    board_only: Mapping[Name, str] = field(default_factory=dict)
    """Target → why there is nothing of ours beside its numbers; the target's recipe says it."""

    def __post_init__(self) -> None:
        if bool(self.figures) == bool(self.source and self.numbers):
            raise ValueError('give "source" and "numbers", or the name of a recipe that has them as "figures"')


@dataclass(frozen=True, kw_only=True)
class Figures(Recipe):
    """A published table, copied number by number."""

    source: str
    notes: tuple[str, ...] = ()
    clocks_hz: Mapping[Name, Rate] = field(default_factory=dict)
    numbers: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class Suite(Recipe):
    """A named set of benches."""

    matrix: Matrix | None = None
    include: tuple[str, ...] = ()
    """More benches by name."""
    exclude: tuple[str, ...] = ()
    """Patterns of bench names to leave out (`*-esp32c3*`); one that matches nothing is an error."""
    max_regression: Mapping[str, MaxRegression] = field(default_factory=dict)
    """Metric → how much worse it may get before `doit compare` and `doit baseline check` fail: `0`, `1KiB`, `0.5%`."""
    views: tuple[View, ...] = ()
    """Tables made of the results."""
    published: tuple[Published, ...] = ()

    def __post_init__(self) -> None:
        if self.matrix is None and not self.include:
            raise ValueError('no benches; give "matrix" or "include"')
