"""Which files a source can include, found before anything is compiled, so that no others are in the key of its object.

All that an `#include` may mean counts, whatever the `#if` around it says: a compiler gets these files, laid out as they
lie, and no others. So what is missed here is an error of the compiler, never an old object.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from posixpath import dirname, normpath
from types import MappingProxyType
from typing import Any, NamedTuple

_INCLUDE = re.compile(
    rb"^[ \t]*#[ \t]*(?:include(?:_next)?|import|embed)\b[ \t]*"
    rb'(?:"(?P<a>[^"\n]+)"|<(?P<b>[^>\n]+)>|(?P<macro>[A-Za-z_]\w*))'
    rb'|\b__has_(?:include(?:_next)?|embed)[ \t]*\([ \t]*(?:"(?P<c>[^"\n]+)"|<(?P<d>[^>\n]+)>)'
    rb'|^[ \t]*\.(?:incbin|include)[ \t]+"(?P<e>[^"\n]+)"',
    re.MULTILINE,
)
_LITERAL = re.compile(r'(?:"|<)([^">]+)[">].*')
# Flags before the name of a file.
_FORCED = ("-include", "-imacros")
# What generated code may include, and an include that a macro spells.
HEADERS = frozenset({".def", ".h", ".hh", ".hpp", ".hxx", ".inc", ".inl", ".ipp", ".tpp"})


class _Spelled(NamedTuple):
    """What a file includes, in its own words."""

    quoted: tuple[str, ...]  # looked for beside the file first
    searched: tuple[str, ...]
    macros: tuple[str, ...]  # which spell one


class Includes:
    """Files by names `<first>/<path>`: where `first` lies is what `folder` tells. Each is read once.

    Below `first`, `left_out` are no headers.
    """

    def __init__(self, folder: Callable[[str], Path], left_out: Callable[[str], Collection[Path]]) -> None:
        self._folder = cache(folder)
        self._left_out = cache(left_out)
        self._spelled: dict[Path, _Spelled] = {}
        self._defined: dict[tuple[Path, str], tuple[str, ...]] = {}
        self._path = cache(self._find)
        self._next = cache(self._lead)
        self._below = cache(self._list)

    def reached(
        self,
        names: Iterable[str],
        search: Sequence[str],
        flags: Sequence[str] = (),
        defines: Mapping[str, Any] = MappingProxyType({}),
    ) -> Mapping[str, Path]:
        """These files and all that they lead to. `search`: names of folders, which end in `/`, in order."""
        order = tuple(search)
        forced = (word for flag, word in pairwise(flags) if flag in _FORCED)
        waiting = [*names, *(name for word in forced for name in self._candidates(word, order))]
        given = [f"{name}={value}" for name, value in defines.items()]
        given += [flag.removeprefix("-D") for flag in flags if flag.startswith("-D")]
        found: dict[str, Path] = {}
        known: set[tuple[str, str]] = set()  # macros that spell includes, and what they are
        while True:
            while waiting:
                name = waiting.pop()
                path = self._path(name)
                if path is not None and name not in found:
                    found[name] = path
                    waiting += self._next(name, order)
            macros = {macro for path in found.values() for macro in self._spelled[path].macros}
            values = {(macro, value) for macro in macros for value in self._values(macro, given, found.values())}
            if values <= known:
                return dict(sorted(found.items()))
            for macro, value in values - known:
                spelled = _LITERAL.fullmatch(value.strip())
                # Beside the file that includes it, too: whichever that is.
                folders = (*{f"{dirname(name)}/" for name in found if macro in self._macros(name)}, *order)
                waiting += self._candidates(spelled[1], folders) if spelled else self.headers(order)
            known |= values

    def _macros(self, name: str) -> tuple[str, ...]:
        path = self._path(name)
        return () if path is None else self._spelled[path].macros

    def _values(self, macro: str, given: Iterable[str], paths: Iterable[Path]) -> Iterator[str]:
        """What a macro may be, by defines on the command line and in these files; where it has no value, nothing is."""
        yield from (value for name, _, value in (one.partition("=") for one in given) if name == macro)
        for path in paths:
            if (path, macro) not in self._defined:
                pattern = rf"^[ \t]*#[ \t]*define[ \t]+{macro}\b(.*)$".encode()
                found = re.findall(pattern, path.read_bytes().replace(b"\\\n", b""), re.MULTILINE)
                self._defined[path, macro] = tuple(os.fsdecode(one) for one in found)
            yield from self._defined[path, macro]

    def are_others(self, paths: Iterable[Path]) -> bool:
        """Whether one of these files includes others than when it was read."""
        return any(path.is_file() and _read(path) != self._spelled[path] for path in paths if path in self._spelled)

    def headers(self, search: Iterable[str]) -> list[str]:
        """All headers below these folders."""
        return [name for folder in search for name in self._below(folder)]

    def _lead(self, name: str, search: tuple[str, ...]) -> tuple[str, ...]:
        """What one file leads to directly, be it there or not."""
        path = self._path(name)
        assert path is not None, name
        if path not in self._spelled:
            self._spelled[path] = _read(path)
        spelled = self._spelled[path]
        beside = (f"{dirname(name)}/", *search)
        found = [one for word in spelled.quoted for one in self._candidates(word, beside)]
        found += [one for word in spelled.searched for one in self._candidates(word, search)]
        return tuple(dict.fromkeys(found))

    def _candidates(self, word: str, search: Iterable[str]) -> Iterator[str]:
        """All that one include may mean: the first of them is taken, unless it asks for the next."""
        for folder in search:
            name = normpath(f"{folder}{word}")
            if name.partition("/")[0] == folder.partition("/")[0] and self._path(name) is not None:
                yield name

    def _find(self, name: str) -> Path | None:
        first, _, rest = name.partition("/")
        path = f"{self._folder(first)}/{rest}"
        return Path(path) if os.path.isfile(path) else None  # noqa: PTH113 (thousands)

    def _list(self, folder: str) -> tuple[str, ...]:
        first, _, rest = folder.partition("/")
        root, left_out = self._folder(first), self._left_out(first)
        paths = (path for path in sorted((root / rest).rglob("*")) if path.suffix in ("", *HEADERS) and path.is_file())
        return tuple(f"{first}/{path.relative_to(root).as_posix()}" for path in paths if path not in left_out)


def _read(path: Path) -> _Spelled:
    found = [match.groupdict() for match in _INCLUDE.finditer(path.read_bytes().replace(b"\\\n", b""))]

    def words(*groups: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(os.fsdecode(one[name]) for one in found for name in groups if one[name]))

    return _Spelled(words("a", "c", "e"), words("b", "d"), words("macro"))
