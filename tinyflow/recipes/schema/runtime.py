"""A runtime's recipe: the sources of a library for the chip."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Annotated, Any, Literal

from tinyflow.recipes.fields import Check, Digest, Name, ProcessorName, RelativePath, Root, Scratch, Standard, Text, Url
from tinyflow.recipes.schema.part import Part, Recipe, part
from tinyflow.recipes.schema.words import check_places


@part
class OwnKernel(Part):
    """A function that computes layers in place of one of tinynn's: `void f(struct, input…, output[, scratch])`.

    It gets a pointer to the struct of that function (tinynn.h), and int8 tensors.
    """

    operator: str
    """As in the functions' names: conv2d, depthwise, fully_connected, add, average_pool …"""
    function: Name
    weights: str = "as_is"
    """`as_is`: as the model has them, those of the variant ref; or `packed.conv2d_dsp`: as that function of tinynn."""
    channels: Literal["records", "apart"] = "records"
    """Of weighted layers: one record an output, bias folded; or biases, multipliers and shifts apart, in `…_apart`."""
    scratch: Scratch | None = None
    """Bytes, as an expression over the struct's numbers, `4 * input_channels * kernel_width`; or `{function: NAME}`
    of a function `int32_t f(const struct …*)` that is asked for each layer on the target. Without it there is no such
    parameter."""
    when: str = "True"
    """An expression: `kernel_width == 1 and stride_x == 1`. Other layers are the next entry's, or tinynn's."""
    walk: Literal["elements", "pixels", "rows", "all"] = "all"
    """How it goes over its input: the output may lie over what that leaves behind."""

    def given(self) -> dict[str, Any]:
        """What isn't as it would be anyway."""
        return {name: value for name, value in vars(self).items() if value is not None}


@part
class Git(Part):
    """A state of a git repository, without its submodules; `doit fetch runtime:NAME` gets it."""

    url: Url
    rev: Annotated[str, Text(r"[0-9a-f]{40}", "a commit of 40 hexadecimal digits")]
    sha256: Digest
    """Of all its files and their names, as `doit fetch` tells it."""


def _check_generator(command: tuple[str, ...]) -> None:
    check_places(command, ("files", "out"))
    if not command or command[0].startswith("{") or not any("{out}" in word for word in command):
        raise ValueError("a command starts with a program on PATH and has {out}, the folder for headers")


@part
class Generated(Part):
    """Headers that a program writes, for a library that can't be compiled without."""

    command: Annotated[tuple[str, ...], Check(_check_generator)]
    """Its words, with `{files}` and `{out}`, the folder for headers."""
    files: tuple[RelativePath, ...] = ()
    """Files and folders (`name/`) beside the recipe that the command needs."""


@part
class Runtime(Recipe):
    """A library for the chip: C, C++ and assembly, beside the recipe or elsewhere, built once per flag set."""

    renamed = MappingProxyType({"base": "extends", "uses": "depends"})

    git: Git | None = None
    """Where its files come from, if they are on no disk yet; `root` starts there."""
    root: Root | None = None
    """Folder of all its files, if it isn't the recipe's: a path from there, which may name `${VARIABLES}`."""
    sources: Mapping[ProcessorName, tuple[RelativePath, ...]] = field(default_factory=dict)
    """Files below that folder (C, C++, assembly), for `all` processors, one of them, those of an instruction set, or
    those with one of `features` or `kernel_variants`, such as dsp: see `Processor.kinds`."""
    exclude: tuple[RelativePath, ...] = ()
    """Files that are neither sources nor headers of it, though patterns match them, or the runtime has that it
    extends."""
    prebuilt: Mapping[ProcessorName, Mapping[RelativePath, Digest]] = field(default_factory=dict)
    """Objects and libraries (`.o`, `.a`) that are linked as they are, each with its sha256; for whom as `sources`."""
    extends: Name | None = None
    """Another runtime, whose sources are this one's too, but for those that `overrides` replaces."""
    overrides: Mapping[RelativePath, RelativePath] = field(default_factory=dict)
    """Source of the extended runtime → source below this recipe's folder that takes its place."""
    include: tuple[RelativePath, ...] = ()
    """Folders of headers below its folder, in the order of search."""
    generated: Generated | None = None
    """Headers that have yet to be written, searched behind those of `include`."""
    depends: tuple[Name, ...] = ()
    """Other runtimes whose headers its sources include; a backend that names it names them too."""
    std: tuple[Standard, ...] = ()
    """The languages of its C and C++: `[gnu11, c++20]`. Without, what it extends says so, or else gnu17 and c++17."""
    flags: tuple[str, ...] = ()
    """For the compiler. They, `defines` and `include` hold for sources of `extends` too, without `overrides` and
    `exclude`."""
    defines: Mapping[str, Any] = field(default_factory=dict)
    public_defines: Mapping[str, Any] = field(default_factory=dict)
    """The same for whoever includes its headers, too: those who depend on it, and code that backends generate."""
    kernels: tuple[OwnKernel, ...] = ()
    """Functions of this library that backend tinyc calls in place of tinynn's, the first that computes a layer."""

    def __post_init__(self) -> None:
        if self.git is not None and self.root is not None and (".." in self.root.split("/") or "$" in self.root):
            raise ValueError(f'with "git" the root is a folder of the repository, not "{self.root}"')
        if self.overrides and self.extends is None:
            raise ValueError('"overrides" need "extends", the runtime whose sources they replace')
        if not (self.sources or self.prebuilt or self.extends or self.include):
            raise ValueError('nothing to build; give "sources", "prebuilt", "include" or "extends"')
        for path in (path for group in self.prebuilt.values() for path in group):
            if not path.endswith((".o", ".a")):
                raise ValueError(f"{path} is neither an object (.o) nor a library (.a)")

    def sources_for(self, kinds: Collection[str]) -> tuple[str, ...]:
        """All files that are compiled for a processor of these kinds, in the recipe's order."""
        return tuple(source for key, group in self.sources.items() if key in ("all", *kinds) for source in group)
