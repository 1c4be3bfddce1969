"""What a linker complains of, in few words: which symbols, in which sources, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tinyflow.core.errors import ToolError
from tinyflow.stages.toolchain import first_lines, shorter

_SHOWN = 5  # of a list of names
UNDEFINED = r"undefined symbol: (.+)|undefined reference to `([^']+)'"
_TWICE = r"duplicate symbol: (.+)|multiple definition of `([^']+)'"
# How LLD and GNU ld name an object: alone or in a library, always below the folder of the inputs.
_OBJECTS = (
    r"^>>> +(?P<member>\S+?\.o):\(.*\) in archive in/(?P<library>\S+\.a)$"
    r"|\bin/(?P<archive>\S+?\.a)\((?P<part>\S+?\.o)\)"
    r"|\bin/(?P<object>\S+?\.o)\b"
)
_CPP = re.compile(r"operator (new|delete)|^_Zn|^_Zd|__cxa_|__gxx_|_Unwind_|^std::|^vtable for |_ZSt|_ZTV")
_HEAP = re.compile(r"^(malloc|calloc|realloc|free|_sbrk|sbrk|tf_heap_(start|end))$")
_SANITIZER = re.compile(r"^__(asan|ubsan|tsan|msan|sanitizer)_")


def explain(error: ToolError) -> ToolError:
    """The same error with the symbols that it is about, and in `about` the objects, as inputs of the action."""
    if error.killed_by is not None:
        return error
    undefined, twice = names(UNDEFINED, error.log), names(_TWICE, error.log)
    about = objects_of(error.log)
    if undefined:
        what = f"undefined: {listing(undefined)}{_place(', wanted by', about)}"
        told = shorter(error, what, _advice(undefined))
    elif twice:
        what = f"defined twice: {listing(twice)}{_place(', in', about)}"
        told = shorter(error, what, "leave one of them out, or make it static")
    else:
        told = shorter(error, "the firmware does not link", first_lines(error.log, "error"))
    told.about = tuple(about)
    told.undefined = tuple(undefined)
    return told


def names(pattern: str, log: str) -> list[str]:
    """The symbols that a pattern finds in a linker's words, each once."""
    return list(dict.fromkeys(next(filter(None, match.groups())).strip() for match in re.finditer(pattern, log)))


def listing(found: list[str]) -> str:
    """The first ones, and how many more there are."""
    return ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")


def objects_of(log: str) -> list[str]:
    """The objects that a linker names, sorted: `objects/model.c.o`, `lib/tinynn.a(add.c.o)`."""
    found = []
    for match in re.finditer(_OBJECTS, log, re.MULTILINE):
        library, member = match["library"] or match["archive"], match["member"] or match["part"]
        found.append(f"{library}({member})" if library else match["object"])
    return sorted(set(found))


def source_of(name: str) -> str:
    """An object for people: `add.c of tinynn`, `model.c`."""
    library, _, member = name.rstrip(")").rpartition("(")
    source = (member or name).removeprefix("objects/").removesuffix(".o")
    return f"{source} of {library.rpartition('/')[2].removesuffix('.a')}" if library else source


def _place(word: str, about: Iterable[str]) -> str:
    sources = [source_of(name) for name in about]
    return f"{word} {listing(sources)}" if sources else ""


def _advice(undefined: list[str]) -> str:
    if any(map(_SANITIZER.search, undefined)):
        return "a sanitizer's run-time library does not exist here; leave out the flag, or let it trap"
    if any(map(_CPP.search, undefined)):
        return "C++ must do without new, delete, exceptions and the standard library: docs/kernels.md"
    if any(map(_HEAP.search, undefined)):
        return "there is no heap: place memory with static, or grant one by `heap: 16KiB` in the backend's recipe"
    return "add the source that defines it to `sources` of a runtime, or the runtime to the backend's recipe"
