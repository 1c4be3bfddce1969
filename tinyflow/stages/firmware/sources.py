"""Which files a network's firmware is made of, with names that no other network's clash with.

Every `#include "…"` of ours becomes relative to its file, so that no build system has to know a folder of headers;
every symbol gets the network's prefix by a header that each source begins with.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tinyflow.core.action import Workspace
from tinyflow.stages import library
from tinyflow.stages.build import SOURCE_SUFFIXES
from tinyflow.stages.firmware.objects import renamed
from tinyflow.targets import elf
from tinyflow.toolchains import script

_INCLUDE = re.compile(r'^([ \t]*#[ \t]*include[ \t]*)"([^"\n]+)"', re.MULTILINE)
_INCBIN = re.compile(r'^[ \t]*\.incbin[ \t]+"([^"\n]+)"$', re.MULTILINE)
_BYTES_PER_LINE = 24
# What warns, and what makes errors of that, is up to those who build it.
_WARNING = "-W"


@dataclass(frozen=True)
class Group:
    """Sources that are compiled in one way."""

    flags: tuple[str, ...]
    defines: tuple[str, ...]
    sources: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Collected:
    """Texts by their places in the folder; what is compiled of them, for the library and for the bare chip."""

    files: dict[str, str]
    objects: dict[str, bytes]  # that the backend made itself
    library: list[Group]
    chip: list[Group]
    names: Mapping[str, str]  # of the bench's symbols: what they are called here


def collect(workspace: Workspace) -> Collected:
    """All that is compiled, and the linker's script."""
    parameters: Mapping[str, Any] = workspace.parameters
    used, symbols = _used(workspace, parameters["libraries"])
    prefix = parameters["prefix"]
    names = {symbol: f"{prefix}_{symbol.removeprefix('model_')}" for symbol in sorted(symbols)}
    writer = _Writer(workspace, prefix)
    sources = workspace.inputs["sources/"]
    generated, headers = _group([], parameters["generated"]), ["sources/", *parameters["generated"]["include"]]
    objects: dict[str, bytes] = {}
    for path in sorted(path for path in sources.rglob("*") if path.is_file()):
        if path.suffix == ".o":
            objects[f"src/{prefix}/network/{path.relative_to(sources).as_posix()}"] = renamed(path.read_bytes(), names)
        if path.suffix in SOURCE_SUFFIXES:
            name = f"sources/{path.relative_to(sources).as_posix()}"
            generated.sources.append(writer.add(name, headers, is_source=True))
    groups, chip = [generated], list[Group]()
    for member in used:
        is_chip = member.pop("is_chip")
        group = _group(chip if is_chip else groups, member)
        place = writer.add(member["source"], member["include"], is_source=not is_chip, is_chip=is_chip)
        group.sources.append(place)
    files = writer.files
    files[f"src/{prefix}/names.h"] = _names(prefix, names)
    if "link.ld.j2" in workspace.inputs:
        isa = parameters["target"]["isa"]
        text = script.render(workspace.inputs["link.ld.j2"], parameters["target"], isa)
        files["chip/link.ld"] = re.sub(r"\b\w+\b", lambda word: names.get(word[0], word[0]), text)
    return Collected(files, objects, [group for group in groups if group.sources], chip, names)


def _group(groups: list[Group], how: Mapping[str, Any]) -> Group:
    """The group of sources that are compiled so, which is added if there is none yet."""
    flags = tuple(dict.fromkeys(flag for flag in how["flags"] if not flag.startswith(_WARNING)))
    found = next((one for one in groups if (one.flags, one.defines) == (flags, tuple(how["defines"]))), None)
    if found is None:
        found = Group(flags, tuple(how["defines"]))
        groups.append(found)
    return found


def _used(workspace: Workspace, libraries: Mapping[str, Any]) -> tuple[list[dict[str, Any]], set[str]]:
    """The members of libraries that firmware has something of, and the symbols that need a prefix.

    The library with `main` has what is a chip's: start-up, and functions of the C library, which keep their names.
    """
    linked = {symbol.name for symbol in elf.read(workspace.inputs["firmware.elf"]).symbols}
    prefixed = {name for path in workspace.inputs["objects/"].rglob("*.o") for name in elf.global_symbols(path)}
    taken, used = set(prefixed), list[dict[str, Any]]()
    for runtime, members in sorted(libraries.items()):
        defined = library.symbols(workspace.inputs[f"lib/{runtime}.a"].read_bytes())
        is_chip = any("main" in symbols for symbols in defined)
        for member, symbols in zip(members, defined, strict=True):
            if not linked & symbols - taken or "main" in symbols:
                continue
            taken |= symbols
            prefixed |= set() if is_chip else symbols
            used.append({**member, "is_chip": is_chip})
    return used, prefixed


def _names(prefix: str, names: Mapping[str, str]) -> str:
    guard = f"{prefix.upper()}_NAMES_H"
    lines = [
        "/* Generated by tinyflow: symbols that others may have as well, under names of this network. */",
        *(f"#ifndef {guard}", f"#define {guard}", ""),
        *(f"#define {old} {new}" for old, new in names.items()),
        # Arduino has no flags for a library; -Os is what it compiles with.
        *("", "#if defined(ARDUINO) && defined(__GNUC__) && !defined(__clang__) && !defined(__ASSEMBLER__)"),
        *('#pragma GCC optimize("O3", "fp-contract=off")', "#endif", "", "#endif", ""),
    ]
    return "\n".join(lines)


class _Writer:
    """Files with what they include, each once, under its new place."""

    def __init__(self, workspace: Workspace, prefix: str) -> None:
        self._inputs = workspace.inputs
        self._prefix = prefix
        self.files: dict[str, str] = {}

    def add(self, name: str, headers: Sequence[str], *, is_source: bool = False, is_chip: bool = False) -> str:
        """Add a file by its name among the inputs, or below one that is a tree; its place."""
        folder = "chip" if is_chip else f"src/{self._prefix}"
        place = f"{folder}/{'/'.join(self._place(name))}"
        if place in self.files:
            return place
        self.files[place] = ""  # headers may include each other
        path = self._path(name)
        assert path is not None, name
        text = path.read_text(encoding="utf-8")
        text = _INCBIN.sub(lambda found: _as_bytes(path.with_name(found[1])), text)
        beside = partial(self._included, name, headers, place, is_chip)
        text = _INCLUDE.sub(beside, text)
        if is_source:
            names = posixpath.relpath(f"src/{self._prefix}/names.h", posixpath.dirname(place))
            text = f'#include "{names}"\n{text}'
        self.files[place] = text
        return place

    def _included(self, name: str, headers: Sequence[str], place: str, is_chip: bool, found: re.Match[str]) -> str:
        """An include line: of what is ours, by the way from the file that has it."""
        wanted = [posixpath.normpath(posixpath.join(posixpath.dirname(name), found[2]))]
        wanted += [f"{folder}{found[2]}" for folder in headers]
        header = next((one for one in wanted if self._path(one) is not None), None)
        if header is None:
            return found[0]
        there = self.add(header, headers, is_chip=is_chip)
        return f'{found[1]}"{posixpath.relpath(there, posixpath.dirname(place))}"'

    def _path(self, name: str) -> Path | None:
        """Where a file is that is an input, or within one."""
        if name in self._inputs:
            return self._inputs[name]
        for tree in _trees(name):
            if tree in self._inputs and (path := self._inputs[tree] / name.removeprefix(tree)).is_file():
                return path
        return None

    @staticmethod
    def _place(name: str) -> Iterator[str]:
        """The parts of its new place: the network's own files together, a runtime's below its name."""
        kind, *rest = name.split("/")
        yield from ["network", *rest] if kind == "sources" else rest


def _trees(name: str) -> Iterator[str]:
    folder = posixpath.dirname(name)
    while folder:
        yield f"{folder}/"
        folder = posixpath.dirname(folder)


def _as_bytes(path: Path) -> str:
    content = path.read_bytes()
    rows = (content[at : at + _BYTES_PER_LINE] for at in range(0, len(content), _BYTES_PER_LINE))
    return "\n".join(f"  .byte {','.join(map(str, row))}" for row in rows)
