"""From C to firmware through the real compilers and linkers."""

from __future__ import annotations

import json
import math
import re
import shutil
import struct
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from small_firmware import MODEL, ROOT, Bench, workspace

from tinyflow.core.errors import DoesNotFit, RecipeError, RunError, ToolError
from tinyflow.stages.build import archive
from tinyflow.stages.link import link
from tinyflow.targets import elf
from tinyflow.targets.protocol import open_machine

CHIPS = ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "rv32imc"]
GCC = {"cortex-m7": "arm-none-eabi-gcc", "rv32imc": "riscv64-unknown-elf-gcc"}
# Needs soft float on most chips, 64-bit division on all, and a copy.
ARITHMETIC = r"""
#include <math.h>
#include <stdint.h>
#include <string.h>

volatile double model_double = 2.0;
volatile int64_t model_wide = -1000000007000;
volatile float model_float = 1.5f;
volatile size_t model_size = 5;
char model_text[8] = "abcdefg";

int model_setup(void) { return 0; }
int model_invoke(void) {
  model_double = model_double / 3.0 + (double)expf(model_float);
  model_wide = model_wide / 13;
  memcpy(model_text + 1, "wxyz12345", model_size);
  return 0;
}
"""


def bench(folder: Path, cpu: str, toolchain: str = "zig", **changes: int) -> Bench:
    """A bench in a folder; skips where its compiler is not installed."""
    if toolchain == "gcc" and shutil.which(GCC[cpu]) is None:
        pytest.skip(f"{GCC[cpu]} is not installed")
    return replace(Bench(folder, cpu=cpu, toolchain=toolchain), **changes)


every_compiler = pytest.mark.parametrize(
    ("cpu", "toolchain"), [*((cpu, "zig") for cpu in [*CHIPS, "host"]), ("cortex-m7", "gcc"), ("rv32imc", "gcc")]
)
each_linker = pytest.mark.parametrize(
    ("cpu", "toolchain"), [("cortex-m7", "zig"), ("rv32imc", "zig"), ("cortex-m7", "gcc"), ("rv32imc", "gcc")]
)


@pytest.mark.slow
@every_compiler
def test_sizes_say_what_the_firmware_takes(tmp_path: Path, cpu: str, toolchain: str) -> None:
    """Flash is code, constants and initial values; RAM is .data and .bss without the stack's reserve."""
    sizes = json.loads(bench(tmp_path, cpu, toolchain).link()["sizes.json"].read_text())
    assert sizes["rom_bytes"] == sizes["rom_code"] + sizes["rom_rodata"] + sizes["rom_data"]
    assert 0 < sizes["rom_bytes"] < 4096
    assert 1024 + 4 <= sizes["ram_bss"] <= 1024 + 16
    assert sizes["symbols"][0] == {"name": "model_arena", "bytes": 1024, "section": ".bss"}
    if cpu != "host":
        assert sizes["ram_data"] == sizes["rom_data"] == 4
        assert sizes["regions"]["rom"] == {"used": sizes["rom_bytes"], "size": 2 * 1024**2}
        assert 4096 + 1024 <= sizes["regions"]["sram"]["used"] <= 4096 + 1024 + 64


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["cortex-m4", "cortex-m7", "rv32imc", "host"])
def test_same_bytes_wherever_it_is_built(tmp_path: Path, cpu: str) -> None:
    """No output tells the folder, even with debugging information and a source that asks for its own name."""
    source = MODEL + "const char *const model_file = __FILE__;\n"
    made = [
        replace(bench(folder, cpu), flags=("-O3", "-g"), is_anew=True).link({"model.c": source})
        for folder in (tmp_path / "a", tmp_path / "elsewhere" / "deep")
    ]
    for name in made[0]:
        assert made[0][name].read_bytes() == made[1][name].read_bytes()
        assert str(tmp_path).encode() not in made[0][name].read_bytes()


@each_linker
@pytest.mark.every(2)
def test_firmware_holds_only_what_is_called(tmp_path: Path, cpu: str, toolchain: str) -> None:
    """Printing, allocation and unused functions are in no firmware."""
    unused = (
        "#include <string.h>\nvoid *unused(void *a, void *b) { return memmove(a, b, 99); }\nint twice[500] = {1};\n"
    )
    firmware = elf.read(bench(tmp_path, cpu, toolchain).link({"model.c": MODEL, "unused.c": unused})["firmware.elf"])
    names = {symbol.name for symbol in firmware.symbols}
    assert {"model_invoke", "tf_start", "main"} <= names
    assert not [name for name in names if "printf" in name or "malloc" in name or "exit" in name]
    assert not names & {"unused", "twice", "memmove", "abort", "free", "errno"}
    assert firmware.undefined == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cpu", "toolchain"),
    [("cortex-m3", "zig"), ("cortex-m4", "zig"), ("cortex-m7", "zig"), ("rv32imc", "zig"), ("rv32imc", "gcc")],
)
def test_arithmetic_beyond_the_cpu_is_right(tmp_path: Path, cpu: str, toolchain: str) -> None:
    """What a CPU can't do comes from the compiler's library, is right, and brings neither baggage nor memcpy."""
    made = bench(tmp_path, cpu, toolchain)
    if toolchain == "zig":
        needed = made.needed({"model.c": ARITHMETIC})
        assert needed.read_text() == "needed\n"
        made = replace(made, libraries={"builtins": made.builtins(needed)})
    path = made.link({"model.c": ARITHMETIC})["firmware.elf"]
    machine = open_machine(made.machine_target, made.machine_files)
    machine.load(path)
    assert machine.call("model_invoke", limit_instructions=100_000)[0] == 0
    assert struct.unpack("<d", machine.read("model_double", 8))[0] == pytest.approx(2 / 3 + math.exp(1.5), rel=1e-7)
    assert struct.unpack("<q", machine.read("model_wide", 8))[0] == -76923077461
    assert machine.read("model_text", 8) == b"awxyz1g\0"
    machine.close()
    names = {symbol.name for symbol in elf.read(path).symbols}
    assert not [name for name in names if "printf" in name or "malloc" in name]
    # our own memcpy: in assembly from Cortex-M3 on, in C elsewhere
    assert ("__aeabi_memcpy8" if cpu.startswith("cortex") else "copy_unaligned") in names


@pytest.mark.slow
def test_numbers_of_128_bits_have_their_functions(tmp_path: Path) -> None:
    """All of the compiler's library is built where something of it is needed that hardly anything does."""
    made = bench(tmp_path, "rv32imc", "zig")
    source = {"model.c": ARITHMETIC.replace("double model_double", "long double model_double")}
    needed = made.needed(source)
    assert needed.read_text() == "all\n"
    made = replace(made, libraries={"builtins": made.builtins(needed)})
    assert "__addtf3" in {symbol.name for symbol in elf.read(made.link(source)["firmware.elf"]).symbols}


@pytest.mark.parametrize("memory", [{}, {"flash_bytes": 64}, {"ram_bytes": 4100}])
def test_firmware_that_needs_no_builtins_gets_none(tmp_path: Path, memory: dict[str, int]) -> None:
    """Nothing is built for code that leaves no symbol undefined, also where it has too little room."""
    made = replace(bench(tmp_path, "cortex-m7"), **memory)
    needed = made.needed({"model.c": MODEL})
    assert needed.read_bytes() == b""
    library = made.builtins(needed)
    assert library.read_bytes() == b"!<arch>\n"
    if not memory:
        whole = replace(made, folder=tmp_path / "again", libraries={"builtins": library}).link()
        assert whole["firmware.elf"].read_bytes() == made.link()["firmware.elf"].read_bytes()


def test_stack_lies_below_all_data(tmp_path: Path) -> None:
    """A stack that overflows leaves RAM at its lower end instead of spoiling data."""
    firmware = elf.read(bench(tmp_path, "cortex-m7", stack_bytes=1000).link()["firmware.elf"])
    assert firmware.symbol("tf_stack_bottom").address == 0x20000000
    assert firmware.symbol("tf_stack_top").address == 0x20000000 + 1008  # kept a multiple of 16
    assert firmware.symbol("model_first").address >= 0x20000000 + 1008
    assert "tf_heap_start" not in {symbol.name for symbol in firmware.symbols}


@each_linker
@pytest.mark.every(4)
def test_heap_lies_above_all_data(tmp_path: Path, cpu: str, toolchain: str) -> None:
    """A heap is set aside where one is asked for, counted as used but not as data."""
    made = bench(tmp_path, cpu, toolchain, heap_bytes=2048).link()
    firmware, sizes = elf.read(made["firmware.elf"]), json.loads(made["sizes.json"].read_text())
    start, end = (firmware.symbol(f"tf_heap_{word}").address for word in ("start", "end"))
    assert end - start == 2048
    assert start >= firmware.symbol("tf_bss_end").address
    assert sizes["ram_bss"] <= 1024 + 16
    assert sizes["regions"]["sram"]["used"] >= 4096 + 1024 + 2048


@each_linker
def test_too_little_ram_says_how_much_and_for_what(tmp_path: Path, cpu: str, toolchain: str) -> None:
    """The refusal names the need, what there is, and the largest things."""
    source = MODEL.replace("model_arena[1024]", "model_arena[400 * 1024]")
    with pytest.raises(DoesNotFit) as refusal:
        bench(tmp_path, cpu, toolchain, ram_bytes=320 * 1024, stack_bytes=8192).link({"model.c": source})
    assert refusal.value.what.startswith("needs 408.0 KiB of RAM as linked, board has 320.0 KiB: model_arena 400.0 KiB")
    assert "stack 8.0 KiB" in refusal.value.what
    assert "more RAM" in refusal.value.hint


@each_linker
def test_too_little_flash_says_how_much_and_for_what(tmp_path: Path, cpu: str, toolchain: str) -> None:
    """Flash and RAM may both be too small; each is said."""
    source = MODEL.replace("weights[8]", "weights[70000]").replace("i < 8", "i < 70000").replace("1024]", "99000]")
    source = source.replace("model_arena[16 + i]", "model_arena[i]")
    with pytest.raises(DoesNotFit) as refusal:
        bench(tmp_path, cpu, toolchain, flash_bytes=65536, ram_bytes=65536).link({"model.c": source})
    assert "of flash, board has 64.0 KiB: weights 68.4 KiB" in refusal.value.what
    assert "; needs 100.7 KiB of RAM as linked, board has 64.0 KiB: model_arena 96.7 KiB" in refusal.value.what


@each_linker
def test_undefined_symbols_are_named(tmp_path: Path, cpu: str, toolchain: str) -> None:
    """The linker's page of text becomes the names."""
    source = "int missing_one(void), missing_two(void);\nint model_setup(void) { return missing_one(); }\n"
    source += "int model_invoke(void) { return missing_two(); }\n"
    with pytest.raises(ToolError) as error:
        bench(tmp_path, cpu, toolchain).link({"model.c": source})
    assert sorted(re.findall("missing_...", error.value.what)) == ["missing_one", "missing_two"]


@pytest.mark.slow
@each_linker
def test_symbols_defined_twice_are_named(tmp_path: Path, cpu: str, toolchain: str) -> None:
    """Two sources with one function are no secret of the linker's."""
    with pytest.raises(ToolError) as error:
        bench(tmp_path, cpu, toolchain).link({"a.c": MODEL, "b.c": "int model_setup(void) { return 1; }\n"})
    assert error.value.what == "defined twice: model_setup, in a.c, b.c"


@each_linker
@pytest.mark.every(4, 1)
def test_a_library_defines_nothing_twice(tmp_path: Path, cpu: str, toolchain: str) -> None:
    """A linker would take the first and say nothing; of a weak and a strong definition it may."""
    made = bench(tmp_path, cpu, toolchain)
    sources = {"a.c": "int twice(void) { return 1; }\n", "b.c": "int twice(void) { return 2; }\n"}
    sources["weak.c"] = "__attribute__((weak)) int twice(void) { return 3; }\n"
    compiled = made.compile(sources)
    for names, is_wrong in ((("a.c", "weak.c"), False), (("a.c", "b.c"), True)):
        objects = {f"objects/{name}.o": compiled / f"{name}.o" for name in names}
        space = workspace(tmp_path / f"archive{len(names)}{is_wrong}", objects, ["library.a"], made.parameters)
        if not is_wrong:
            archive(space)
            continue
        with pytest.raises(ToolError, match=r"defined twice: twice, in a\.c, b\.c") as error:
            archive(space)
        assert set(error.value.about) == {"objects/a.c.o", "objects/b.c.o"}


@each_linker
@pytest.mark.every(4, 3)
def test_a_missing_symbol_names_who_wants_it(tmp_path: Path, cpu: str, toolchain: str) -> None:
    """The source of a library, and what a C++ program needs that no chip has."""
    made = bench(tmp_path, cpu, toolchain)
    wanting = 'extern "C" int *own(unsigned n) { return new int[n]; }\n'
    compiled = replace(made, folder=tmp_path / "f").compile({"fast.cpp": wanting})
    objects = {"objects/fast.cpp.o": compiled / "fast.cpp.o"}
    space = workspace(tmp_path / "archive", objects, ["library.a"], made.parameters)
    archive(space)
    source = MODEL.replace("int model_setup(void) {", "int *own(unsigned); int model_setup(void) { own(9);")
    with pytest.raises(ToolError, match=r"undefined: .*operator new.* wanted by fast\.cpp of mine") as error:
        replace(made, libraries={"mine": space.outputs["library.a"]}).link({"model.c": source})
    assert "C++ must do without" in error.value.hint
    assert error.value.about == ("lib/mine.a(fast.cpp.o)",)


@each_linker
def test_a_constructor_that_nothing_would_run_is_refused(tmp_path: Path, cpu: str, toolchain: str) -> None:
    """A chip's start-up calls none: the object would be zeros, and the outputs wrong."""
    source = "volatile int seven = 7; struct S { int x; S() { x = seven; } }; S made;\n"
    source += 'extern "C" { int model_setup() { return made.x; } int model_invoke() { return 0; } }\n'
    with pytest.raises(ToolError, match=r"a static constructor in model\.cpp, which nothing would run"):
        bench(tmp_path, cpu, toolchain).link({"model.cpp": source})


@each_linker
def test_compile_error_is_the_compilers_own(tmp_path: Path, cpu: str, toolchain: str) -> None:
    """File, line and reason come from the compiler, of the one source that is wrong."""
    sources = {"good.c": MODEL, "parts/wrong.c": "int fine;\nint f(void) { return nothing_of_that_name; }\n"}
    with pytest.raises(ToolError) as error:
        bench(tmp_path, cpu, toolchain).compile(sources)
    assert error.value.what == "wrong.c does not compile"
    assert "wrong.c:2:" in error.value.hint
    assert "nothing_of_that_name" in error.value.hint
    assert error.value.exit_status == 1


def test_sources_of_one_name_have_their_own_objects(tmp_path: Path) -> None:
    """Objects are named by their source's whole path, and only sources have one."""
    text = {"a/x.c": "int one;\n", "b/x.c": "int two;\n", "b/x.h": "#error\n"}
    text |= {f"b/x{end}": f".globl f{end}\nf{end}:\n" for end in (".S", ".s")}
    text |= {f"b/x{end}": "template <class T> T zero = 0;\n" for end in (".cpp", ".cc", ".cxx")}
    objects = bench(tmp_path, "cortex-m4", flags=("-Wall", "-Werror")).compile(text)
    found = sorted(path.relative_to(objects).as_posix() for path in objects.rglob("*") if path.is_file())
    assert found == sorted(f"{name}.o" for name in text if name != "b/x.h")


def test_objects_of_a_backend_go_to_the_link(tmp_path: Path) -> None:
    """A generated tree may hold objects beside its C, in folders too; they are handed on as they are."""
    bench_ = bench(tmp_path, "cortex-m7")
    made = replace(bench_, folder=tmp_path / "first").compile({"twice.c": "int twice(int x) { return 2 * x; }\n"})
    sources = bench_.folder / "sources" / "kernels"
    sources.mkdir(parents=True)
    shutil.copyfile(made / "twice.c.o", sources / "twice.o")
    objects = bench_.compile(
        {
            "model.c": MODEL.replace("++model_arena[0];", "model_arena[0] = twice(4);\n  (void)0;").replace(
                "int model_setup", "int twice(int x);\nint model_setup"
            )
        }
    )
    assert (objects / "kernels" / "twice.o").read_bytes() == (made / "twice.c.o").read_bytes()


def test_a_prebuilt_library_must_be_the_one_its_recipe_names(tmp_path: Path) -> None:
    """Another file in its place is refused before the linker sees it, and the right digest is told."""
    library = tmp_path / "libfast.a"
    library.write_bytes(b"!<arch>\n")
    digest = sha256(library.read_bytes()).hexdigest()
    made = workspace(
        tmp_path / "link",
        {"prebuilt/mine/libfast.a": library},
        ["firmware.elf"],
        {"target": {}, "pinned": {"prebuilt/mine/libfast.a": "0" * 64}},
    )
    with pytest.raises(RecipeError, match=r"mine/libfast\.a has another digest") as refusal:
        link(made)
    assert digest in refusal.value.hint


def test_what_is_prebuilt_must_be_for_this_processor(tmp_path: Path) -> None:
    """An object or library of another processor, or what is none at all, is refused by name, before the linker."""
    source = {"fast.c": "int fast(void) { return 1; }\n"}
    thumb, riscv = (bench(tmp_path / cpu, cpu) for cpu in ("cortex-m7", "rv32imc"))
    objects = {made.cpu: made.compile(source) for made in (thumb, riscv)}
    space = workspace(
        tmp_path / "a", {"objects/fast.c.o": objects["rv32imc"] / "fast.c.o"}, ["library.a"], riscv.parameters
    )
    archive(space)
    (tmp_path / "text").write_text("GROUP ( -lc )\n")
    for name, path, told in (
        ("fast.o", objects["rv32imc"] / "fast.c.o", "fast.o is for another processor"),
        ("libfast.a", space.outputs["library.a"], "libfast.a is for another processor"),
        ("libfast.a", tmp_path / "text", "libfast.a is not a static library"),
        ("fast.o", tmp_path / "text", "fast.o holds what is not an ELF object"),
    ):
        pinned = {f"prebuilt/mine/{name}": sha256(path.read_bytes()).hexdigest()}
        folder = tmp_path / f"link {told}"
        inputs = {f"prebuilt/mine/{name}": path, "objects/": objects["cortex-m7"]}
        made = workspace(folder, inputs, ["firmware.elf"], {"target": {}, "pinned": pinned})
        with pytest.raises(RecipeError, match=told) as refusal:
            link(made)
        assert refusal.value.about == (f"prebuilt/mine/{name}",)


def test_what_is_prebuilt_goes_before_what_is_compiled(tmp_path: Path) -> None:
    """Of two libraries with one function, the one that somebody brought is linked."""
    made = bench(tmp_path / "x", "cortex-m7")
    found = {}
    for number in (7, 8):
        compiled = replace(made, folder=tmp_path / str(number)).compile(
            {"f.c": f"int f(void) {{ return {number}; }}\n"}
        )
        space = workspace(
            tmp_path / f"a{number}", {"objects/f.c.o": compiled / "f.c.o"}, ["library.a"], made.parameters
        )
        archive(space)
        found[number] = space.outputs["library.a"]
    source = MODEL.replace("int model_setup(void) {", "int f(void); int model_setup(void) { return f();")
    objects = made.compile({"model.c": source})
    inputs = {
        "objects/": objects,
        "lib/a.a": found[7],
        "lib/support.a": made.support(),
        "prebuilt/mine/z.a": found[8],
        "link.ld.j2": ROOT / "templates/link/firmware.ld.j2",
    }
    parameters = {
        **made.parameters,
        "target": made.target,
        "pinned": {"prebuilt/mine/z.a": sha256(found[8].read_bytes()).hexdigest()},
    }
    space = workspace(tmp_path / "link", inputs, ["firmware.elf", "firmware.map", "sizes.json"], parameters)
    link(space)
    machine = open_machine(made.machine_target, made.machine_files)
    machine.load(space.outputs["firmware.elf"])
    assert machine.call("model_setup", limit_instructions=1000)[0] == 8
    machine.close()


def test_a_class_in_cpp_is_compiled_and_called(tmp_path: Path) -> None:
    """C++ needs no run-time library: no exceptions, no type information, no guards of statics."""
    source = """
    namespace { struct Counter { int value = 40; int next() { return ++value; } }; }
    template <class T> static T twice(T x) { return x + x; }
    extern "C" int model_setup(void) { static Counter counter; return twice(counter.next() - 41); }
    extern "C" int model_invoke(void) { return 7; }
    """
    made = bench(tmp_path, "cortex-m7").link({"model.cpp": source})
    assert made["firmware.elf"].stat().st_size > 0


HEADERS_OF_CPP = """
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <sstream>
#include <type_traits>
#include <utility>
namespace {
struct Base { virtual ~Base() = default; virtual int get() const = 0; };
struct Own final : Base { int value; explicit Own(int v) : value(v) {} int get() const override { return value; } };
static_assert(std::is_base_of<Base, Own>::value && std::numeric_limits<int>::max() == 2147483647, "");
alignas(Own) unsigned char place[sizeof(Own)];
Base *made;
volatile int seven = 7;
}
extern "C" int model_setup() { made = new (place) Own(std::min(int(seven), 41)); return 0; }
extern "C" int model_invoke() {
  std::array<char, 4> text{};
  std::memcpy(text.data(), "abc", 4);
  std::unique_ptr<Base, void (*)(Base *)> owner(made, [](Base *) {});
  return std::strcmp(text.data(), "abc") == 0 ? std::exchange(owner, {nullptr, nullptr})->get() : -1;
}
"""


@pytest.mark.parametrize(
    "cpu", ["cortex-m7", *(pytest.param(cpu, marks=pytest.mark.slow) for cpu in [*CHIPS, "host"] if cpu != "cortex-m7")]
)
def test_headers_of_cpp_are_there_on_every_chip(tmp_path: Path, cpu: str) -> None:
    """Those that libraries of headers use; what is in an object is code of its own, and nothing of libc++'s."""
    made = bench(tmp_path, cpu)
    path = made.link({"model.cpp": HEADERS_OF_CPP})["firmware.elf"]
    if cpu in ("cortex-m55", "host"):  # not run by the built-in simulator
        return
    machine = open_machine(made.machine_target, made.machine_files)
    machine.load(path)
    assert machine.call("model_setup", limit_instructions=1000)[0] == 0
    assert machine.call("model_invoke", limit_instructions=1000)[0] == 7
    machine.close()


@pytest.mark.parametrize("cpu", ["cortex-m7", "rv32imc"])
def test_a_compiler_without_headers_of_cpp_says_so(tmp_path: Path, cpu: str) -> None:
    """GCC's come in a package of their own, if at all."""
    source = "#include <type_traits>\n"
    made = bench(tmp_path, cpu, "gcc")
    try:
        made.compile({"model.cpp": source})
    except ToolError as error:
        assert "has no headers of C++" in error.hint and "toolchain zig" in error.hint
    else:
        pytest.skip("this one has")


@each_linker
@pytest.mark.every(4, 2)
def test_what_libraries_expect_of_a_system_is_there(tmp_path: Path, cpu: str, toolchain: str) -> None:
    """Whoever gives up faults in a function that says why; without a heap a link that needs one fails and says so."""
    source = """
    #include <assert.h>
    #include <stdlib.h>
    #include <string.h>
    volatile int model_choice;
    int _getpid(void), _kill(int, int);
    int model_setup(void) { return (int)strlen("12345") + _getpid() + _kill(1, 2); }
    int model_invoke(void) {
      assert(model_choice != 1);
      if (model_choice == 2) abort();
      if (model_choice == 3) exit(1);
      return 4;
    }
    """
    made = bench(tmp_path, cpu, toolchain)
    path = made.link({"model.c": source})["firmware.elf"]
    machine = open_machine(made.machine_target, made.machine_files)
    machine.load(path)
    assert machine.call("model_setup", limit_instructions=1000)[0] == 5
    for choice, function in enumerate(["", "__assert_f", "abort", "exit"]):
        machine.write("model_choice", bytes([choice, 0, 0, 0]))
        if choice == 0:
            assert machine.call("model_invoke", limit_instructions=1000)[0] == 4
            continue
        with pytest.raises(RunError) as error:
            machine.call("model_invoke", limit_instructions=1000)
        assert function in str(error.value)
    machine.close()
    heap = "#include <stddef.h>\nvoid *_sbrk(ptrdiff_t);\nint model_setup(void) { return _sbrk(256) == (void *)-1; }\n"
    heap += "int model_invoke(void) { return model_setup(); }\n"
    with pytest.raises(ToolError, match=r"undefined: tf_heap_(start|end)") as error:
        made.link({"model.c": heap})
    assert "heap: 16KiB" in error.value.hint
    granted = replace(made, heap_bytes=512)
    machine = open_machine(granted.machine_target, granted.machine_files)
    machine.load(granted.link({"model.c": heap})["firmware.elf"])
    assert [machine.call("model_invoke", limit_instructions=1000)[0] for _ in range(3)] == [0, 0, 1]
    machine.close()
