"""A feature's recipe: what it changes in a bench, and what it needs of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Any, Literal, get_args

from tinyflow.recipes.fields import FeatureValue, Name
from tinyflow.recipes.schema.part import Part, Recipe, part
from tinyflow.recipes.schema.target import Optimise
from tinyflow.recipes.schema.toolchain import InstructionSet


@part
class Requirements(Part):
    """What a feature needs of the rest of its bench; what is empty is not asked."""

    backends: tuple[Name, ...] = ()
    isas: tuple[InstructionSet, ...] = ()
    """Instruction sets."""
    targets: tuple[Name, ...] = ()
    toolchains: tuple[Name, ...] = ()
    cpu_features: tuple[str, ...] = ()


@part
class Case(Part):
    """What one value of a feature needs besides."""

    requires: Requirements = field(default_factory=Requirements)
    conflicts: tuple[str, ...] = ()
    reason: str | None = None


@part
class Settings(Part):
    """What a feature changes. `$value` stands for the feature's value."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the backend's options."""
    toolchain: str | None = None
    optimise: str | None = None
    runtimes: Mapping[Name, Name] = field(default_factory=dict)
    """Runtime of the backend → the one that is linked instead."""
    links: tuple[Name, ...] = ()
    """Runtimes that are linked besides, if the backend doesn't anyway, before what they use."""
    quantised: bool = False
    """Whether the model, which is float, is quantised to int8 before anything else happens to it."""
    layer: Literal["$value"] | None = None  # the number itself, once merged
    """Only this layer of the model, counted from 0."""
    target_options: bool = False
    """Whether the backend gets the options that the target's recipe has for it, unless other features set them."""
    flags: tuple[str, ...] = ()
    """For the compiler, behind all others; for what a backend generated only."""
    all_flags: tuple[str, ...] = ()
    """The same for runtimes as well."""
    tuning: str | None = None
    """Kernels as tuning records say: `records` for those that there are, `$value` for a search with so many trials."""
    goal: Literal["cycles", "instructions", "ram", "flash", "$value"] | None = None
    """What the choice among kernels minimises; without it cycles where they are estimated, else instructions."""
    guard: Literal["arena", "ram", "$value"] | None = None
    """Where layers may write nothing but what is theirs: within the arena, or anywhere in RAM."""
    ram: Literal["$value"] | None = None  # the size itself, once merged
    """How much the target has of it, for a try: in its first region of that kind, in place of all of them."""
    flash: Literal["$value"] | None = None
    """The same."""
    tidy: Literal["off", "$value"] | None = None
    """`off`: the backend gets the model as it came, without stage tidy in front of all transforms."""
    patch: Literal["$value"] | None = None
    """Stage patch behind all transforms: `2` for 2x2 patches of the image, `2_5` for those of the first 5 layers."""
    accuracy: Literal["$value"] | None = None  # `recipe` or the number itself, once merged
    """How right the firmware is, over labelled samples: as many as the model's recipe says, or as the value does."""
    transforms: tuple[Name, ...] = ()
    """Stages between fetch and generate, each `model.tflite` to `model.tflite`: `tinyflow.stages.<name>`."""

    def given(self) -> Iterator[tuple[str, Any]]:
        """What is set, one by one: `options.dsp`, `toolchain`, `flags`."""
        for key, setting in vars(self).items():
            if isinstance(setting, Mapping):
                yield from ((f"{key}.{name}", one) for name, one in setting.items())
            elif setting not in (None, False, ()):
                yield key, setting


@part
class Feature(Recipe):
    """A switch or choice that a bench name adds with `+name` or `+name.value`."""

    renamed = MappingProxyType({"takes_number": "value: integer"})

    sets: Settings
    values: tuple[FeatureValue, ...] = ()
    """The choices; a feature without takes no value."""
    value: Literal["integer", "size", "grid"] | None = None
    """In place of `values`, or besides: any whole number from 0, any size, such as 512KiB, one or two from 1: `2_5`."""
    default: FeatureValue | None = None
    """Which of `values` it is where a bench names none."""
    requires: Requirements = field(default_factory=Requirements)
    conflicts: tuple[str, ...] = ()
    """Features that can't be beside it, or single values of them: `layout.NCHW`."""
    cases: Mapping[FeatureValue, Case] = field(default_factory=dict)
    """Value → what it needs beyond what all values do."""
    reason: str | None = None
    """Why it needs what it requires: told to whoever asks for what doesn't go together."""

    def __post_init__(self) -> None:
        for value in self.cases:
            if value not in self.values:
                raise ValueError(f'a case for "{value}", which is none of the values {", ".join(self.values)}')
        if self.default is not None and self.default not in self.values:
            raise ValueError(f'a default "{self.default}", which is none of the values {", ".join(self.values)}')
        if not (self.values or self.value) and "$value" in (setting for _, setting in self.sets.given()):
            raise ValueError('"$value" needs "values" to choose from')
        levels = self.values if self.sets.optimise == "$value" else (self.sets.optimise,)
        for level in levels:
            if level is not None and level not in get_args(Optimise):
                raise ValueError(f'"{level}" is not a level to optimise at; levels: {", ".join(get_args(Optimise))}')
