"""What a linker is given, in which order, and how its words are told: with a toolchain that links nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from small_firmware import ROOT, workspace

from tinyflow.core.errors import DoesNotFit, ToolError
from tinyflow.stages import build, link_errors, oversize, toolchain
from tinyflow.stages import link as link_stage

MEMORY = [
    {"name": "rom", "kind": "flash", "origin": 0x1000, "length_bytes": 4096},
    {"name": "sram", "kind": "ram", "origin": 0x9000, "length_bytes": 512},
    {"name": "more", "kind": "ram", "origin": 0x20000000, "length_bytes": 512},
]
TARGET = {"name": "board", "memory": MEMORY, "stack_bytes": 64, "heap_bytes": 32}
_given: list[tuple[str, list[str], list[str], str, str, str]] = []


def link_command(
    cpu: Any, objects: Sequence[Path], libraries: Sequence[Path], script: Path, firmware: Path, map_path: Path
) -> list[str]:
    """What `link` asks its toolchain, which is this module; the command only makes the files."""
    inside = [path.as_posix().partition("/in/")[2] for path in (*objects, *libraries)]
    text = script.read_text()
    _given.append((cpu["isa"], inside[: len(objects)], inside[len(objects) :], text, firmware.name, map_path.name))
    return ["true"]


def test_libraries_are_searched_in_a_fixed_order(tmp_path: Path) -> None:
    """Objects by name, what is prebuilt, what is compiled, and the compiler's own library last of all."""
    _given.clear()
    names = ["lib/zz.a", "lib/builtins.a", "prebuilt/x/a.a", "lib/aa.a", "prebuilt/x/b.a", "prebuilt/x/o.o"]
    (tmp_path / "objects" / "deep").mkdir(parents=True)
    for name in ("b.c.o", "deep/a.c.o", "a.c.o", "notes.txt"):
        (tmp_path / "objects" / name).touch()
    (tmp_path / "any").touch()
    inputs = dict.fromkeys(names, tmp_path / "any")
    inputs |= {"objects/": tmp_path / "objects", "link.ld.j2": ROOT / "templates/link/firmware.ld.j2"}
    parameters = {"toolchain": {"implementation": __name__, "cpu": {"isa": "riscv"}}, "target": TARGET}
    made = workspace(tmp_path / "work", inputs, ["firmware.elf", "firmware.map", "sizes.json"], parameters)
    link_stage._link(made, MEMORY, made.outputs["firmware.elf"], made.outputs["firmware.map"])
    [(isa, objects, libraries, text, firmware, map_name)] = _given
    assert objects == ["objects/a.c.o", "objects/b.c.o", "objects/deep/a.c.o", "prebuilt/x/o.o"]
    assert libraries == ["prebuilt/x/a.a", "prebuilt/x/b.a", "lib/aa.a", "lib/zz.a", "lib/builtins.a"]
    assert (isa, firmware, map_name) == ("riscv", "firmware.elf", "firmware.map")
    assert "sram (rwx) : ORIGIN = 0x00009000, LENGTH = 512" in text and ". += 64;" in text and ". += 32;" in text


def builtins(made: Any) -> None:
    """What `build.builtins` asks its toolchain, which is this module."""
    made.outputs["library.a"].write_bytes(b"made by the toolchain")


def test_the_toolchain_makes_its_own_library(tmp_path: Path) -> None:
    """Whatever that takes."""
    toolchain = {"implementation": __name__, "cpu": {"isa": "riscv"}}
    made = workspace(tmp_path, {}, ["library.a"], {"toolchain": toolchain})
    build.builtins(made)
    assert made.outputs["library.a"].read_bytes() == b"made by the toolchain"


LLD = """\
ld.lld: error: undefined symbol: conv_fast(int)
>>> referenced by model.c
>>>               in/objects/model.c.o:(model_invoke)
>>> referenced by add.c
>>>               add.c.o:(add) in archive in/lib/tinynn.a
ld.lld: error: undefined symbol: second
"""
GNU = """\
ld: in/objects/model.c.o: in function `model_invoke':
model.c:(.text+0x4): undefined reference to `conv_fast'
ld: in/lib/tinynn.a(add.c.o): in function `add': undefined reference to `conv_fast'
"""
TWICE = """\
ld.lld: error: duplicate symbol: tables
>>> defined at b.c
>>>            in/objects/b.c.o:(tables)
>>> defined at a.c
>>>            in/objects/a.c.o:(.rodata.tables+0x0)
"""


@pytest.mark.parametrize(
    ("log", "what", "about", "undefined", "hint"),
    [
        (
            LLD,
            "undefined: conv_fast(int), second, wanted by add.c of tinynn, model.c",
            ("lib/tinynn.a(add.c.o)", "objects/model.c.o"),
            ("conv_fast(int)", "second"),
            "add the source that defines it to `sources`",
        ),
        (
            GNU,
            "undefined: conv_fast, wanted by add.c of tinynn, model.c",
            ("lib/tinynn.a(add.c.o)", "objects/model.c.o"),
            ("conv_fast",),
            "add the source",
        ),
        (
            TWICE,
            "defined twice: tables, in a.c, b.c",
            ("objects/a.c.o", "objects/b.c.o"),
            (),
            "leave one of them out",
        ),
        (
            "multiple definition of `x'; in/lib/a.a(x.o)",
            "defined twice: x, in x of a",
            ("lib/a.a(x.o)",),
            (),
            "leave one",
        ),
        ("warning: w\nld: error: odd\nmore\n", "the firmware does not link", (), (), "ld: error: odd\nmore"),
        ("undefined symbol: malloc\n", "undefined: malloc", (), ("malloc",), "there is no heap"),
        ("undefined symbol: mallocate\n", "undefined: mallocate", (), ("mallocate",), "add the source"),
        ("undefined symbol: operator new(int)\n", "undefined: operator new(int)", (), None, "C++ must do without"),
        ("undefined symbol: __ubsan_x\n", "undefined: __ubsan_x", (), None, "a sanitizer's run-time library"),
    ],
)
def test_a_linker_s_complaint_in_few_words(
    log: str, what: str, about: tuple[str, ...], undefined: tuple[str, ...] | None, hint: str
) -> None:
    """Symbols, who wants or has them, and advice that fits; the log and the command stay with the error."""
    found = link_errors.explain(ToolError("x", command=("ld", "-o"), status=1, log=log))
    assert (found.what, found.about) == (what, about)
    assert undefined is None or found.undefined == undefined
    assert found.hint.startswith(hint)
    assert (found.command, found.status, found.log) == (("ld", "-o"), 1, log)


def test_long_lists_are_cut() -> None:
    """Five names, and how many more."""
    assert link_errors.listing(list("abcde")) == "a, b, c, d, e"
    assert link_errors.listing(list("abcdefg")) == "a, b, c, d, e and 2 more"
    assert link_errors.source_of("lib/tinynn.a(add.c.o)") == "add.c of tinynn"
    assert link_errors.source_of("objects/deep/model.c.o") == "deep/model.c"


@pytest.mark.parametrize("name", ["init_array", "preinit_array", "ctors"])
@pytest.mark.parametrize("form", [" .{name}.00100    0x0000000008000100        0x4 in/lib/a.a(b.cpp.o)", "{lld}"])
def test_a_constructor_in_a_map_is_refused(tmp_path: Path, name: str, form: str) -> None:
    """As GNU ld and as LLD spell it; one of no size is none."""
    text = form.format(name=name, lld=f" 8000100 8000100 4 4 in/lib/a.a(b.cpp.o):(.{name})")
    (tmp_path / "map").write_text(f"head\n{text}\ntail\n")
    with pytest.raises(ToolError, match=r"a static constructor in b\.cpp of a, which nothing would run") as caught:
        link_stage._check_constructors(tmp_path / "map")
    assert caught.value.about == ("lib/a.a(b.cpp.o)",)
    (tmp_path / "map").write_text(text.replace("0x4 in", "0x0 in").replace(f"(.{name})", "(.text)"))
    link_stage._check_constructors(tmp_path / "map")


def _sizes(flash: int, ram: int, **symbols: tuple[int, str]) -> dict[str, Any]:
    listed = [{"name": name, "bytes": size, "section": section} for name, (size, section) in symbols.items()]
    return {"regions": {"rom": {"used": flash}, "sram": {"used": ram}, "more": {"used": 0}}, "symbols": listed}


@pytest.mark.parametrize(
    ("sizes", "what", "hints"),
    [
        (
            _sizes(4097, 512, code=(3000, ".text"), table=(90, ".rodata"), tiny=(4, ".text"), arena=(400, ".bss")),
            "needs 4.0 KiB of flash, board has 4.0 KiB: code 2.9 KiB, table 90 B, the rest 1007 B",
            ["choose a target with more flash"],
        ),
        (
            _sizes(0, 600, arena=(400, ".bss"), first=(5, ".data"), code=(90, ".text")),
            "needs 600 B of RAM as linked, board has 512 B: arena 400 B, stack 64 B, heap 32 B, the rest 104 B",
            ["choose a target with more RAM"],
        ),
        (
            _sizes(5000, 1000, a=(300, ".bss"), b=(200, ".bss"), c=(100, ".bss"), d=(99, ".bss"), e=(5000, ".text")),
            "needs 4.9 KiB of flash, board has 4.0 KiB: e 4.9 KiB; needs 1000 B of RAM as linked, board has 512 B: "
            "a 300 B, b 200 B, c 100 B, stack 64 B, heap 32 B, the rest 304 B",
            ["more flash", "more RAM"],
        ),
    ],
)
def test_what_does_not_fit_says_what_takes_it(sizes: dict[str, Any], what: str, hints: list[str]) -> None:
    """Only regions that are too small; the largest things of each, from a hundredth of the need on."""
    found = oversize.explain(sizes, TARGET)
    assert isinstance(found, DoesNotFit)
    assert found.what == what
    assert all(hint in found.hint for hint in hints) and len(found.hint.split("; ")) == len(hints)
    assert ("a backend that needs no heap" in found.hint) == ("RAM" in found.hint)
    assert "heap" not in oversize.explain(sizes, {**TARGET, "heap_bytes": 0}).hint


def test_room_ends_where_the_next_region_begins() -> None:
    """Else it would be taken for too little of another one."""
    assert [region["length_bytes"] for region in oversize.enlarged(MEMORY)] == [0x8000, 64 << 20, 64 << 20]
    near = [MEMORY[1], {**MEMORY[0], "origin": 0x9400}]
    assert [region["length_bytes"] for region in oversize.enlarged(near)] == [0x400, 64 << 20]


@pytest.mark.parametrize(
    ("log", "is_overflow"),
    [
        ("section '.text' will not fit in region 'rom': overflowed by 5 bytes", True),
        ("region `sram' overflowed by 5 bytes", True),
        ("undefined symbol: x", False),
    ],
)
def test_too_little_memory_is_told_from_other_faults(
    log: str, is_overflow: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In the words of both linkers; only then it is linked again with room."""
    assert oversize.is_overflow(log) == is_overflow
    calls: list[str] = []

    def fail(workspace: Any, memory: Any, firmware: Path, map_path: Path) -> None:
        calls.append(firmware.name)
        raise ToolError("x", log=log if len(calls) == 1 else "undefined symbol: y")

    monkeypatch.setattr(link_stage, "_link", fail)
    made = workspace(tmp_path, {}, ["firmware.elf", "firmware.map", "sizes.json"], {"target": TARGET})
    with pytest.raises(ToolError, match="undefined: y" if is_overflow else "undefined: x"):
        link_stage.link(made)
    assert calls == ["firmware.elf", *(["too_big.elf"] if is_overflow else [])]


def test_the_words_of_a_complaint_about_an_option_are_told_from_others() -> None:
    """Of lines with an error that have no place in a source; each once, without quotes and commas."""
    log = """\
clang: error: unsupported argument 'foo' to option '-mcpu='
in/a.c:3:4: error: unknown type name 'bar'
warning: unknown warning option '-Wodd'
gcc: error: unrecognized command-line option ‘-mno’; did you mean ‘foo’?
"""
    words = toolchain.refused_words(log)
    assert {"foo", "-mcpu=", "-mno"} <= set(words) and len(words) == len(set(words)) and "" not in words
    assert not {"bar", "-Wodd", "in/a.c"} & set(words)
    lines = [f"line {number}" for number in range(20)]
    assert toolchain.first_lines("\n".join(lines), "line 5").splitlines() == lines[5:17]
    assert toolchain.first_lines("\n".join(lines), "nothing") == "\n".join(lines[:12])
    error = toolchain.shorter(ToolError("long", command=("cc",), status=3, log="l", where="w"), "short", "do")
    assert (error.what, error.hint, error.command, error.status, error.log) == ("short", "do", ("cc",), 3, "l")
