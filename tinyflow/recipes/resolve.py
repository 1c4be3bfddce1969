"""A bench's name to the recipes behind it, with its features applied; what doesn't go together is refused here.

The rest of the program asks this for everything a bench is, and never reads a recipe's text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from tinyflow.core.errors import UsageError
from tinyflow.core.units import format_size, parse_size
from tinyflow.recipes.bench import Bench, spell_feature
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.own_model import name_of
from tinyflow.recipes.runtime_files import missing_for
from tinyflow.recipes.schema import (
    Backend,
    Core,
    Cpu,
    Feature,
    Model,
    Processor,
    Recipe,
    Requirements,
    Runtime,
    Settings,
    Target,
    Toolchain,
)
from tinyflow.recipes.suggest import hint_for

R = TypeVar("R", bound=Recipe)
# of memory that is tried: simulators hold all of it
_MOST_BYTES = 256 << 20
_NUMBER = re.compile("0|[1-9][0-9]{0,5}")  # one spelling for each
_GRID = re.compile("[1-9][0-9]{0,5}(_[1-9][0-9]{0,5})?")


def _is_size(text: str) -> bool:
    with suppress(ValueError):
        return 0 < parse_size(text) <= _MOST_BYTES
    return False


# of a feature's `value`: what it takes, in words, and an example
_KINDS: Mapping[str, tuple[Callable[[str], object], str, str]] = {
    "integer": (_NUMBER.fullmatch, "a whole number", "0"),
    "size": (_is_size, f"a size up to {format_size(_MOST_BYTES)}", "512KiB"),
    "grid": (_GRID.fullmatch, "one or two whole numbers from 1", "2_5"),
}
# those of a processor's features that are vectors of integers; no processor has two
_VECTORS = ("mve", "rvv")


@dataclass(frozen=True)
class ResolvedBench:
    """All that a bench is made of."""

    bench: Bench
    model: Model
    model_folder: Path  # where the model's `file` and samples are looked for first
    backend: Backend
    runtimes: tuple[Runtime, ...]  # in link order
    target: Target
    processor: Processor
    toolchain: Toolchain
    cpu: Cpu  # how the toolchain compiles for the processor
    options: Mapping[str, Any]  # the backend's, with features merged in
    lowering_options: Mapping[str, Any]  # the same of its lowering
    optimise: str
    target_options: Mapping[str, Any]  # those of the options that the target's recipe chose
    layer: int | None  # the only one of the model's layers that is meant
    settings: Settings  # what all features set together: flags, tuning, guard, transforms, and what is above
    features: Mapping[str, str | bool]  # a feature without a value is True

    @property
    def part_name(self) -> str:
        """The model, and which layer of it."""
        return self.model.name if self.layer is None else f"{self.model.name} layer {self.layer}"

    @property
    def kernel_options(self) -> Mapping[str, Any]:
        """The options that decide kernels: of what comes before the backend, where something does."""
        return self.options if self.backend.lowering is None else self.lowering_options

    @property
    def tuning_place(self) -> dict[str, str]:
        """What tuning records of this bench are found by, but for the kernel; a backend may have a compiler itself."""
        toolchain = str(self.options.get("toolchain", self.toolchain.name))
        return {"cpu": self.target.cpu, "toolchain": toolchain, "optimise": self.optimise}

    @property
    def heap_bytes(self) -> int:
        """Heap that the linker sets aside: what the backend needs, or the target grants if that is more."""
        return max(self.backend.heap_bytes, self.target.heap_bytes)


def resolve(bench: Bench, catalogue: Catalogue) -> ResolvedBench:
    """The recipes of a bench. UsageError where names don't exist or don't go together, RecipeError for bad recipes."""
    model, model_folder = _model(bench, catalogue)
    backend = _named(bench, catalogue, Backend, bench.backend, "backend")
    target = _named(bench, catalogue, Target, bench.target, "target")
    if backend.targets and target.name not in backend.targets:
        hint = f"its targets: {', '.join(backend.targets)}"
        bench.refuse(f"{backend.name} doesn't generate for {target.name}", at="target", hint=hint)
    features = {feature: _feature(bench, catalogue, feature, value) for feature, value in bench.features}
    settings = _merge(bench, features)
    toolchain = catalogue.named(Toolchain, settings.toolchain or target.toolchain, target, "toolchain")
    processor = processor_of(catalogue, target)
    cpu = cpu_of(catalogue, target, toolchain, bench)
    _check_requirements(bench, features, target, processor, toolchain)
    target = _with_memory(bench, target, processor, settings)
    runtimes = _runtimes(bench, catalogue, backend, settings)
    facts = {
        "toolchain": toolchain.name,
        "isa": cpu.isa,
        "cpu": target.cpu,
        "vectors": next((feature for feature in _VECTORS if feature in processor.features), "none"),
        "kernels": list(processor.kernel_variants),
        "llvm": dict(processor.tvm_llvm),
        "goal": settings.goal or "cycles",
        "own_kernels": [kernel.given() for runtime in runtimes for kernel in runtime.kernels],
    }
    if "$llvm" in backend.options.values() and not processor.tvm_llvm:
        name = processor.name
        hint = (
            "another backend, such as tvmaotplus, whose C the toolchain compiles; "
            f"or say in the recipe of {name} what LLVM calls it: `tvm_llvm: {{mtriple: …, mcpu: …}}`"
        )
        what = f"{backend.name} can't compile for {target.name}: nothing says what LLVM calls its processor {name}"
        bench.refuse(what, at="backend", hint=hint)
    target_options = _target_options(bench, features, backend, target) if settings.target_options else {}
    options, lowering_options = _options(catalogue, backend, {**target_options, **settings.options}, facts)
    return ResolvedBench(
        bench=bench,
        model=model,
        model_folder=model_folder,
        backend=backend,
        runtimes=runtimes,
        target=target,
        processor=processor,
        toolchain=toolchain,
        cpu=cpu,
        options=options,
        lowering_options=lowering_options,
        optimise=settings.optimise or target.optimise,
        target_options=target_options,
        layer=None if settings.layer is None else int(settings.layer),
        settings=settings,
        features={feature: True if value is None else value for feature, value in bench.features},
    )


def _named(bench: Bench, catalogue: Catalogue, kind: type[R], name: str, noun: str) -> R:
    if not catalogue.has(kind, name):
        at = f"+{name}" if noun == "feature" else noun
        bench.refuse(f'unknown {noun} "{name}"', at=at, hint=hint_for(name, catalogue.names(kind), f"{noun}s"))
    return catalogue.get(kind, name)


def _model(bench: Bench, catalogue: Catalogue) -> tuple[Model, Path]:
    if bench.is_file:
        if not Path(bench.model).expanduser().is_file():
            bench.refuse(f"there is no file {bench.model}", at="model", hint="paths start at the working directory")
        if catalogue.has(Model, bench.model_name):
            what = f"a recipe has the name that tells this file apart, {bench.model_name}"
            bench.refuse(what, at="model", hint="rename the file or the recipe")
        return model_of_file(bench.model)
    own = Path(f"{bench.model}.tflite")
    if not catalogue.has(Model, bench.model) and own.is_file():
        bench.refuse(
            f'no recipe for "{bench.model}"',
            at="model",
            hint=f"its file by path: {own}{str(bench)[len(bench.model) :]}",
        )
    model = _named(bench, catalogue, Model, bench.model, "model")
    return model, catalogue.path(Model, bench.model).parent


def model_of_file(text: str) -> tuple[Model, Path]:
    """The model in a file, as a recipe would describe it, and the file's folder. UsageError where there is no file."""
    path = Path(text).expanduser()
    if not path.is_file():
        raise UsageError(f"there is no file {text}", hint="paths start at the working directory")
    description = f"{path.name}, given by path"
    return Model(name=name_of(text), description=description, file=path.name), path.parent.absolute()


def _feature(bench: Bench, catalogue: Catalogue, name: str, value: str | None) -> Feature:
    feature = _named(bench, catalogue, Feature, name, "feature")
    value = feature.default if value is None else value
    if feature.value and (value is None or value not in feature.values):
        is_taken, noun, example = _KINDS[feature.value]
        if value is None or not is_taken(value):
            also = f", or {', '.join(feature.values)}" if feature.values else ""
            bench.refuse(f'feature "{name}" needs {noun}{also}', at=f"+{name}", hint=f"for example +{name}.{example}")
        return feature
    choices = ", ".join(f"+{spell_feature(name, choice)}" for choice in feature.values)
    if value is not None and not feature.values:
        bench.refuse(f'feature "{name}" takes no value', at=f"+{name}", hint=f"write +{name}")
    if value is None and feature.values:
        bench.refuse(f'feature "{name}" needs a value', at=f"+{name}", hint=f"choose one of {choices}")
    if value is not None and value not in feature.values:
        bench.refuse(f'feature "{name}" has no value "{value}"', at=f"+{name}", hint=f"choose one of {choices}")
    _check_conflicts(bench, name, name, feature.conflicts, feature.reason)
    if value is not None and value in feature.cases:
        case = feature.cases[value]
        _check_conflicts(bench, name, spell_feature(name, value), case.conflicts, case.reason)
    return feature


def _runtimes(bench: Bench, catalogue: Catalogue, backend: Backend, settings: Settings) -> tuple[Runtime, ...]:
    """What is linked, in order: runtimes that features add, the backend's, with those that features replace."""
    for name in settings.runtimes:
        if name not in backend.runtimes:
            what = f'a feature replaces the runtime "{name}", which {backend.name} does not link'
            bench.refuse(what, at="backend", hint=f"its runtimes: {', '.join(backend.runtimes) or 'none'}")
    names = [*(name for name in settings.links if name not in backend.runtimes), *backend.runtimes]
    linked = tuple(catalogue.get(Runtime, settings.runtimes.get(name, name)) for name in names)
    missing = missing_for(catalogue, linked)
    if missing is not None:
        what = f'runtime {missing[0].name} uses "{missing[1].name}", which is not linked'
        hint = f"add {missing[1].name} to `runtimes` of the backend, or to `links` of a feature"
        bench.refuse(what, at="backend", hint=hint)
    return linked


def _check_conflicts(bench: Bench, name: str, spelled: str, conflicts: Iterable[str], reason: str | None) -> None:
    for other, value in bench.features:
        for word in (other, spell_feature(other, value)):
            if word in conflicts:
                what = f'features "{spelled}" and "{word}" exclude each other'
                bench.refuse(what, at=f"+{name}", hint=_why(reason, "leave one out"))


def _why(reason: str | None, hint: str) -> str:
    return hint if reason is None else f"{reason}; {hint}"


def _requirements(bench: Bench, features: Mapping[str, Feature]) -> Iterator[tuple[str, str, Requirements, str | None]]:
    """Feature, how to spell it, what it needs and why: for each feature, then for its value."""
    for name, value in bench.features:
        feature = features[name]
        yield name, name, feature.requires, feature.reason
        if value is not None and value in feature.cases:
            case = feature.cases[value]
            yield name, spell_feature(name, value), case.requires, case.reason


def _check_requirements(
    bench: Bench, features: Mapping[str, Feature], target: Target, processor: Processor, toolchain: Toolchain
) -> None:
    for name, spelled, needs, reason in _requirements(bench, features):
        for noun, chosen, allowed in (
            ("backend", bench.backend, needs.backends),
            ("target", bench.target, needs.targets),
            ("instruction set", processor.isa, needs.isas),
            ("toolchain", toolchain.name, needs.toolchains),
        ):
            if allowed and chosen not in allowed:
                hint = _why(reason, f"{noun}s that have it: {', '.join(allowed)}")
                bench.refuse(f'feature "{spelled}" doesn\'t go with {noun} {chosen}', at=f"+{name}", hint=hint)
        for cpu_feature in needs.cpu_features:
            if cpu_feature not in processor.features:
                has = ", ".join(processor.features) or "none"
                needed = f'feature "{spelled}" needs a processor with {cpu_feature}'
                what = f"{needed}; {target.name} ({target.cpu}) lacks it"
                bench.refuse(what, at=f"+{name}", hint=_why(reason, f"its features: {has}"))


def _merge(bench: Bench, features: Mapping[str, Feature]) -> Settings:
    """What all features set together: words once, lists one behind the other; two different words are refused."""
    setters: dict[str, str] = {}
    merged: dict[str, Any] = {"options": {}, "runtimes": {}}
    for name, value in bench.features:
        for key, setting in features[name].sets.given():
            if isinstance(setting, tuple):
                merged[key] = merged.get(key, ()) + setting
                continue
            setting = (features[name].default if value is None else value) if setting == "$value" else setting
            group, dot, entry = key.partition(".")
            place, place_key = (merged[group], entry) if dot else (merged, key)
            if place.get(place_key, setting) != setting:
                what = f'features "{setters[key]}" and "{name}" both set {key}'
                bench.refuse(what, at=f"+{name}", hint="leave one out")
            place[place_key], setters[key] = setting, name
    return Settings(**merged)


def _with_memory(bench: Bench, target: Target, processor: Processor, settings: Settings) -> Target:
    """The target with as much memory as features say; refused where addresses don't let it have so much."""
    for kind, size in (("ram", settings.ram), ("flash", settings.flash)):
        if size is None:
            continue
        if not target.memory:
            bench.refuse(f"{target.name} has no limits", at=f"+{kind}", hint=f"leave +{kind} out")
        first = min((region for region in target.memory if region.kind == kind), key=lambda region: region.origin)
        region = replace(first, length_bytes=parse_size(size))
        others = [other for other in target.memory if other.kind != kind]
        above = min([1 << processor.address_bits, *(other.origin for other in others if other.origin > region.origin)])
        if region.end > above:
            hint = f"at most {format_size(above - region.origin)}: what is behind has another use"
            bench.refuse(f"{kind} of {size} ends at {region.end:#x}, above {above:#x}", at=f"+{kind}", hint=hint)
        try:
            kept = [region if other is first else other for other in target.memory if other is first or other in others]
            target = replace(target, memory=tuple(kept))
        except ValueError as error:
            bench.refuse(str(error), at=f"+{kind}", hint="stack and heap lie there, too")
    return target


def processor_of(catalogue: Catalogue, target: Target) -> Processor:
    """A target's processor. RecipeError where it has no recipe, or fewer addresses than the target has memory."""
    processor = catalogue.named(Processor, target.cpu, target, "cpu")
    for index, region in enumerate(target.memory):
        if region.end > 1 << processor.address_bits:
            what = f"{region.name} ends at {region.end:#x}, behind the last address of {processor.address_bits} bits"
            catalogue.refuse(Target, target.name, ("memory", index), what)
    return processor


def whole_core(catalogue: Catalogue, core: Core) -> Core:
    """With what it has of those that it extends: their rules behind its own; without `branches` the rest, too."""
    chain = catalogue.chain(core)
    constant = core.cycles_per_instruction
    for one in chain[1:] if constant is None else ():
        if one.cycles_per_instruction is not None:
            catalogue.refuse(
                Core, core.name, ["extends"], f"{one.name} has no rules", "give its cycles_per_instruction"
            )
    followed = chain if constant is None else chain[:1]  # nothing of theirs counts beside a constant
    last = next((at for at, one in enumerate(followed) if one.branches is not None), 0)

    def first(name: str) -> Any:
        return next((value for one in followed[: last + 1] if (value := getattr(one, name)) not in (None, ())), None)

    width: Any = first("issue_width") or 1
    if core.pairs and width == 1:
        catalogue.refuse(Core, core.name, [], '"pairs" needs "issue_width: 2"')
    return replace(
        core,
        extends=None,
        rules=tuple(rule for one in followed for rule in one.rules),
        branches=first("branches"),
        unaligned_run=first("unaligned_run"),
        issue_width=width,
        pairs=first("pairs") or () if width == 2 else (),
    )


def cpus_of(catalogue: Catalogue, toolchain: Toolchain) -> dict[str, Cpu]:
    """The processors that a toolchain compiles for, and how."""
    found = {name: catalogue.get(Processor, name).compiled_by(toolchain) for name in catalogue.names(Processor)}
    return {name: cpu for name, cpu in found.items() if cpu is not None}


def parts_of(catalogue: Catalogue, model: Model) -> tuple[Model, ...]:
    """The models of a chain. RecipeError where one isn't there, or is a chain itself."""
    parts = tuple(catalogue.named(Model, name, model, "chain", index) for index, name in enumerate(model.chain))
    for index, one in enumerate(parts):
        if one.chain:
            hint = f"write its parts here: {', '.join(one.chain)}"
            catalogue.refuse(Model, model.name, ("chain", index), f"{one.name} is a chain itself", hint)
    return parts


def cpu_of(catalogue: Catalogue, target: Target, toolchain: Toolchain | None = None, bench: Bench | None = None) -> Cpu:
    """How its own or a bench's toolchain compiles for a target. RecipeError where that doesn't know the processor."""
    toolchain = toolchain or catalogue.named(Toolchain, target.toolchain, target, "toolchain")
    cpu = processor_of(catalogue, target).compiled_by(toolchain)
    if cpu is None:
        what = f'toolchain {toolchain.name} doesn\'t know the processor "{target.cpu}"'
        hint = hint_for(target.cpu, cpus_of(catalogue, toolchain), "processors it knows")
        if bench is not None and toolchain.name != target.toolchain:  # the bench chose it
            bench.refuse(what, at="target", hint=hint)
        catalogue.refuse(Target, target.name, ["cpu"], what, hint)
    return cpu


def _options(
    catalogue: Catalogue, backend: Backend, wanted: Mapping[str, Any], facts: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of the backend and of its lowering, with what target and features set; these ask the lowering first."""
    options = _filled(catalogue, backend, backend.options, facts, "options")
    lowering = {}
    if backend.lowering is not None:
        lowering = _filled(catalogue, backend, backend.lowering.options, facts, "lowering", "options")
    for key, setting in wanted.items():
        (lowering if key in lowering else options)[key] = setting
    return options, lowering


def _target_options(
    bench: Bench, features: Mapping[str, Feature], backend: Backend, target: Target
) -> Mapping[str, Any]:
    """What the target's recipe has for the backend; refused where that is nothing."""
    if not target.backend_options.get(backend.name):
        name = next(name for name, feature in features.items() if feature.sets.target_options)
        known = ", ".join(target.backend_options) or "none"
        what = f"{target.name}'s recipe has no options for {backend.name}"
        bench.refuse(what, at=f"+{name}", hint=f"backends that it has some for: {known}")
    return target.backend_options[backend.name]


def _filled(
    catalogue: Catalogue, backend: Backend, declared: Mapping[str, Any], facts: Mapping[str, Any], *path: str
) -> dict[str, Any]:
    """Options with `$toolchain`, `$isa` and the like filled in."""
    options = {}
    for key, option in declared.items():
        if isinstance(option, str) and option.startswith("$"):
            if option[1:] not in facts:
                hint = hint_for(option[1:], facts, "known")
                catalogue.refuse(Backend, backend.name, (*path, key), f'nothing is called "{option}"', hint)
            option = facts[option[1:]]
        options[key] = option
    return options
