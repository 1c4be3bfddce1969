"""`firmware:<bench>`: what is taken home compiles without warnings in every form, and computes what the bench did."""

from __future__ import annotations

import ctypes
import json
import re
import shlex
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import kept
import numpy as np
import pytest
from packed_firmware import WARNINGS, Compiled, build, chip_of, input_of, pack, plan_of, ran, run_tool, words_of
from stateful_networks import ring
from tests_support import doit, write_models

from tinyflow.core.action import SourceFile
from tinyflow.core.errors import ToolError, UsageError
from tinyflow.flow.loader import Loader
from tinyflow.flow.planning.firmware import FORMS, Wanted, firmware, folder_of
from tinyflow.flow.planning.selection import Selector
from tinyflow.flow.project import Project
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize
from tinyflow.recipes.bench import parse
from tinyflow.targets.elf import global_symbols

MODELS = {
    "speech": synthesize({"graph": "aww", "height": 13, "width": 9, "channels": 11, "blocks": 2}),
    "residual": synthesize({"graph": "resnet", "size": 11, "channels": 6, "stacks": 2}),
    "kept": write(ring()),
}
# Stands for what CMake's platforms bring, which no package here has: their functions make a library of the sources.
PLATFORM = """
cmake_minimum_required(VERSION 3.16)
project(platform C ASM)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
macro(zephyr_include_directories)
  include_directories({dollar}{{ARGV}})
endmacro()
macro(zephyr_library_named name)
  set(library {dollar}{{name}})
  add_library({dollar}{{library}} STATIC)
endmacro()
macro(zephyr_library_sources)
  target_sources({dollar}{{library}} PRIVATE {dollar}{{ARGV}})
endmacro()
macro(idf_component_register)
  cmake_parse_arguments(GIVEN "" "" "SRCS;INCLUDE_DIRS" {dollar}{{ARGN}})
  add_library(component STATIC {dollar}{{GIVEN_SRCS}})
  target_include_directories(component PUBLIC {dollar}{{GIVEN_INCLUDE_DIRS}})
endmacro()
set(CONFIG_SPEECH y)
add_subdirectory({folder} network)
"""


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loader]:
    """A session in a project with these models; what other tests built is a hit."""
    place = tmp_path_factory.mktemp("user")
    write_models(place, MODELS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("TINYFLOW_CACHE", str(kept.folder()))
        loader = Loader()
        yield loader
        loader.session.close()


def by_cmake(folder: Path, work: Path) -> list[Compiled]:
    """What CMake makes of a form's CMakeLists.txt, by its own account."""
    gcc = work / "gcc.cmake"
    gcc.write_text(
        "set(CMAKE_SYSTEM_NAME Generic)\nset(CMAKE_C_COMPILER arm-none-eabi-gcc)\nset(CMAKE_ASM_COMPILER "
        "arm-none-eabi-gcc)\nset(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)\n"
    )
    (work / "platform").mkdir()
    (work / "platform" / "CMakeLists.txt").write_text(PLATFORM.format(folder=folder, dollar="$"))
    run_tool(["cmake", "-S", work / "platform", "-B", work / "made", "--toolchain", gcc])
    entries = json.loads((work / "made" / "compile_commands.json").read_text())
    return [Compiled(Path(entry["file"]), _flags(shlex.split(entry["command"]))) for entry in entries]


def _flags(words: list[str]) -> list[str]:
    """Of a command that compiles, without the compiler, the source and the object."""
    return words[1 : words.index("-o")]


def by_arduino(folder: Path, work: Path) -> list[Compiled]:
    """All sources below src/, with that folder for headers and -Os; flags of its own a library has none."""
    assert "includes=speech.h" in (folder / "library.properties").read_text()
    return [
        Compiled(path, ["-Os", "-DARDUINO=10800", f"-I{folder}/src"]) for path in sorted(folder.glob("src/**/*.[cS]"))
    ]


def by_platformio(folder: Path, work: Path) -> list[Compiled]:
    """What library.json says is compiled, and how."""
    told = json.loads((folder / "library.json").read_text())["build"]
    flags = [*told["flags"], f"-I{folder}/{told['includeDir']}"]
    return [Compiled(path, flags) for path in sorted((folder / told["srcDir"]).rglob("*.[cS]"))]


def by_pack(folder: Path, work: Path) -> list[Compiled]:
    """The files of the pack's component."""
    root = ElementTree.parse(next(folder.glob("*.pdsc"))).getroot()
    files = [(file.get("category"), folder / file.get("name", "")) for file in root.iter("file")]
    assert all(path.exists() for _, path in files)
    include = [f"-I{path}" for category, path in files if category == "include"]
    return [Compiled(path, ["-O3", *include]) for category, path in files if category in ("sourceC", "sourceAsm")]


def by_readme(folder: Path, work: Path) -> list[Compiled]:
    """All below src/ with the flags of the README's command."""
    text = (folder / "README.md").read_text().replace("\\\n", " ")
    command = next(line for line in text.splitlines() if "nostartfiles" in line).split()
    flags = [word for word in command if word.startswith(("-O", "-ff"))]
    return [Compiled(path, flags) for path in sorted((folder / "src").rglob("*.[cS]"))]


READERS = {
    "c": by_readme,
    "cmake": by_cmake,
    "zephyr": by_cmake,
    "esp-idf": by_cmake,
    "arduino": by_arduino,
    "platformio": by_platformio,
    "cmsis-pack": by_pack,
}
BENCH = "speech-tinyc-stm32f4"


def test_no_symbol_is_put_together() -> None:
    """The preprocessor gives a prefix to whole words only, so no macro of the assembler may make a name of parts."""
    runtimes = Path(__file__).parents[2] / "recipes" / "runtimes"
    paths = [path for ending in ("S", "inc") for path in runtimes.rglob(f"*.{ending}")]
    told = [name for path in paths for name in re.findall(r"^\s*(?:function|\.global)\s+(\S+)", path.read_text(), re.M)]
    assert len(told) > 20
    assert [name for name in told if not re.fullmatch(r"\\name|\w+", name)] == []


def test_every_form_has_a_test() -> None:
    """A form that nobody reads back is none."""
    assert tuple(READERS) == FORMS


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize("form", FORMS)
def test_what_a_form_lists_is_the_bench(loader: Loader, form: str, compiler: str, tmp_path: Path) -> None:
    """Sources and flags, read back from the form's files: no warning, exact, and by the same compiler as many steps."""
    if READERS[form] is by_cmake and shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    folder, bare = pack(loader, BENCH, tmp_path / "form", form), pack(loader, BENCH, tmp_path / "bare")
    listed = READERS[form](folder, tmp_path)
    assert {one.source for one in listed} == {*(folder / "src").rglob("*.[cS]")}
    elf = build(loader, BENCH, compiler, [*listed, *chip_of(bare)], bare / "chip" / "link.ld", tmp_path / "built")
    found = ran(loader, BENCH, elf, "speech")
    if compiler == "zig" and form not in ("arduino", "cmsis-pack"):  # which can't tell flags
        run = next(action for action in plan_of(loader, BENCH).actions if action.stage == "run")
        assert found["invoke_instructions"] == loader.session.read_json(run, "run.json")["invoke_instructions"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bench", "compiler"),
    [("speech-tinyc-esp32", "llvm"), ("speech-tinyc-rp2040", "zig"), ("speech-tinyc-rp2040", "gcc")],
)
def test_forms_for_small_chips_are_exact(loader: Loader, bench: str, compiler: str, tmp_path: Path) -> None:
    """An ESP32 on QEMU and an M0+: what forms list, with the start-up code of form c."""
    if compiler == "llvm" and shutil.which("clang-22") is None:
        pytest.skip("this compiler is not installed")
    bare = pack(loader, bench, tmp_path / "bare")
    for form in ("c", "cmake", "esp-idf", "arduino"):
        if READERS[form] is by_cmake and shutil.which("cmake") is None:
            continue
        work = tmp_path / form
        listed = READERS[form](pack(loader, bench, work, form), work)
        built = build(loader, bench, compiler, [*listed, *chip_of(bare)], bare / "chip" / "link.ld", work / "built")
        assert ran(loader, bench, built, "speech")["validation"]["result"] == "exact", form


def both(loader: Loader, folder: Path, benches: dict[str, str]) -> Path:
    """Two networks' sources and a program with one call for either, which runs both."""
    for prefix, bench in benches.items():
        pack(loader, bench, folder, prefix=prefix)
    calls = {name: " | ".join(f"{prefix}_{name}()" for prefix in benches) for name in ("setup", "invoke")}
    (folder / "both.c").write_text(
        "".join(f'#include "{prefix}.h"\n' for prefix in benches)
        + "__attribute__((noinline)) int both_setup(void);\n__attribute__((noinline)) int both_invoke(void);\n"
        + "".join(f"int both_{name}(void) {{ return {call}; }}\n" for name, call in calls.items())
        + "int main(void) { return both_setup() | both_invoke(); }\n"
    )
    return folder / "both.c"


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("speech-tinyc-stm32f4", "residual-tinyc-stm32f4"),
        ("speech-tinyc-stm32f4", "speech-tvmaotplus-stm32f4+dsp"),
        ("speech-tinyi-stm32f4", "residual-tinyi-stm32f4"),
        ("speech-tvmrt-stm32f4", "speech-tvmaot-stm32f4"),
        ("speech-tvmllvm-stm32f4", "residual-tvmllvm-stm32f4"),
        ("speech-tinyc-esp32c3", "residual-tvmaotplus-esp32c3"),
    ],
)
def test_two_networks_are_in_one_firmware(
    loader: Loader, first: str, second: str, compiler: str, tmp_path: Path
) -> None:
    """Their kernels, arenas and weights side by side, every source with the same flags: both are exact in one call."""
    if compiler == "gcc" and shutil.which(words_of(loader, first, "gcc")[1]["prefix"] + "gcc") is None:
        pytest.skip("this compiler is not installed")
    benches = {"one": first, "other": second}
    main = both(loader, tmp_path, benches)
    flags = ["-O3", "-ffreestanding", "-ffp-contract=off", *(f"-I{tmp_path}/{prefix}/src" for prefix in benches)]
    compiled = [Compiled(main, flags)]
    for prefix in benches:
        compiled += [Compiled(path, flags) for path in sorted((tmp_path / prefix / "src").rglob("*.[cSo]"))]
    # one start-up for both
    chips = {one.source.name: one for prefix in benches for one in chip_of(tmp_path / prefix)[1:]}
    script = tmp_path / "one" / "chip" / "link.ld"
    elf = build(loader, first, compiler, [*compiled, *chips.values()], script, tmp_path / "built")
    for prefix, bench in benches.items():
        assert ran(loader, bench, elf, prefix)["validation"]["result"] == "exact"
    ran_both(loader, benches, elf)


def ran_both(loader: Loader, benches: dict[str, str], elf: Path) -> None:
    """Both in one call, on the samples of both; outputs that differ are refused."""
    runs = [next(one for one in plan_of(loader, bench).actions if one.stage == "run") for bench in benches.values()]
    names = ("inputs.bin", "reference.bin", "reference.json", "plan.json")
    files = {name: [input_of(loader, run, name).read_bytes() for run in runs] for name in names}
    references, plans = ([json.loads(text) for text in files[f"{name}.json"]] for name in ("reference", "plan"))
    count = min(reference["samples"] for reference in references)
    document = {"backend": "both", "setup": "both_setup", "invoke": "both_invoke", "inputs": [], "outputs": []}
    for prefix, plan in zip(benches, plans, strict=True):
        for kind in ("inputs", "outputs"):
            ports = [{**one, "symbol": one["symbol"].replace("model_", f"{prefix}_", 1)} for one in plan[kind]]
            document[kind] += ports  # type: ignore[operator]
    work = elf.parent / "both"
    work.mkdir()
    for name, kind in (("inputs.bin", "inputs"), ("reference.bin", "outputs")):
        sizes = [sum(one["bytes"] for one in reference[kind]) for reference in references]
        rows = [
            [text[at * size :][:size] for text, size in zip(files[name], sizes, strict=True)] for at in range(count)
        ]
        (work / name).write_bytes(b"".join(part for row in rows for part in row))
    merged = {**references[0], "samples": count}
    merged |= {kind: [one for reference in references for one in reference[kind]] for kind in ("inputs", "outputs")}
    (work / "reference.json").write_text(json.dumps(merged))
    (work / "plan.json").write_text(json.dumps(document))
    own = {name: SourceFile(work / name, name) for name in names}
    inputs = {name: put for name, put in runs[0].inputs.items() if not name.startswith("intermediates.")}
    action = replace(runs[0], inputs={**inputs, **own, "firmware.elf": SourceFile(elf, "both.elf")})
    loader.session.execute(action)
    assert loader.session.read_json(action, "run.json")["validation"]["result"] == "exact"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
def test_cmake_builds_the_example(loader: Loader, tmp_path: Path) -> None:
    """By its own files alone, with the compiler that they name: the bench's outputs; C++ takes the header."""
    folder = pack(loader, BENCH, tmp_path, "cmake")
    run_tool(["cmake", "-B", "made", "--toolchain", "chip/gcc.cmake", "-DSPEECH_EXAMPLE=ON", "-Wno-dev"], folder)
    run_tool(["cmake", "--build", "made"], folder)
    assert ran(loader, BENCH, folder / "made" / "speech_example", "speech")["validation"]["result"] == "exact"
    (tmp_path / "use.cpp").write_text('#include "speech.h"\nint use() { return speech_setup() + speech_invoke(); }\n')
    flags = ["-ffreestanding", f"-I{folder}/src", *WARNINGS]
    run_tool(["arm-none-eabi-g++", "-c", *flags, tmp_path / "use.cpp", "-o", tmp_path / "use.o"])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
def test_an_example_names_the_component_as_esp_idf_does(loader: Loader, tmp_path: Path) -> None:
    """By the folder that it is in, which only the archive's is called as the network."""
    folder = pack(loader, BENCH, tmp_path, "esp-idf").rename(tmp_path / "some-net")
    main = folder / "examples" / "speech" / "main" / "CMakeLists.txt"
    asked = tmp_path / "asked.cmake"
    asked.write_text(f"macro(idf_component_register)\n  message(${{ARGV}})\nendmacro()\ninclude({main})\n")
    done = subprocess.run(["cmake", "-P", asked], capture_output=True, text=True, timeout=60)
    assert done.stderr.split() == ["SRCSmain.cREQUIRESsome-net"]


@pytest.mark.slow
def test_packed_twice_it_is_the_same(loader: Loader, tmp_path: Path) -> None:
    """Bytes of the archive, with names in order and one date; nothing of this machine is in it."""
    action = firmware(plan_of(loader, BENCH), loader.catalogue, Wanted("zephyr"))
    found = []
    for _ in range(2):
        loader.session.drop(action)
        loader.session.bring_about(action)
        found.append(loader.session.output_path(action, "firmware.zip").read_bytes())
    assert found[0] == found[1]
    assert str(tmp_path.parent).encode() not in found[0] and str(Path.home()).encode() not in found[0]
    with zipfile.ZipFile(loader.session.output_path(action, "firmware.zip")) as archive:
        assert archive.namelist() == sorted(archive.namelist())
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.slow
def test_real_numbers_become_those_that_tflm_makes(loader: Loader, tmp_path: Path) -> None:
    """Rounded to the nearest, halves away from zero, cut at the ends of the range; what is no number is the lowest."""
    folder = pack(loader, BENCH, tmp_path)
    (tmp_path / "port.c").write_text(
        '#include "speech.h"\nint8_t speech_arena[1];\n'
        "int quantise(float real) { return speech_quantise_input(real); }\n"
        "float dequantise(int value) { return speech_dequantise_output((int8_t)value); }\n"
        "float scale(void) { return SPEECH_INPUT_SCALE; }\nint zero(void) { return SPEECH_INPUT_ZERO_POINT; }\n"
        "float out(void) { return SPEECH_OUTPUT_SCALE; }\nint base(void) { return SPEECH_OUTPUT_ZERO_POINT; }\n"
    )
    module, cpu = words_of(loader, "speech-tinyc-host", "zig")
    flags = ["-O2", "-fPIC", f"-I{folder}/src", *WARNINGS]
    run_tool(module.compile_command(cpu, tmp_path / "port.c", tmp_path / "port.o", (), (), flags))
    (tmp_path / "exports").write_text("{ global: *; };\n")
    run_tool(
        module.link_command(cpu, [tmp_path / "port.o"], [], tmp_path / "exports", tmp_path / "port.so", tmp_path / "m")
    )
    port = ctypes.CDLL(str(tmp_path / "port.so"))
    port.quantise.argtypes, port.dequantise.argtypes = [ctypes.c_float], [ctypes.c_int]
    for name in ("dequantise", "scale", "out"):
        getattr(port, name).restype = ctypes.c_float
    scale, zero = np.float32(port.scale()), port.zero()
    steps = np.concatenate([np.arange(-300, 300, 0.25), [0.49999997, -0.49999997]]).astype(np.float32)
    for real in steps * scale:
        near = np.float32(real) / scale
        rounded = np.trunc(near) + np.sign(near) * (abs(near - np.trunc(near)) >= 0.5)
        assert port.quantise(real) == np.clip(rounded + zero, -128, 127), real
    ends = [port.quantise(real) for real in (float("inf"), float("-inf"), 3e38, -3e38, float("nan"))]
    assert ends == [127, -128, 127, -128, -128]
    for value in range(-128, 128):
        assert port.dequantise(value) == np.float32(value - port.base()) * np.float32(port.out())


def test_what_can_not_be_packed_is_refused(loader: Loader) -> None:
    """Forms and prefixes that there aren't, and what has no chip."""
    for words, told in (
        (("meson", ""), 'there is no "meson"'),
        (("c", "Aww"), "can't begin names"),
        (("c", "2nd"), "can't begin names"),
    ):
        with pytest.raises(UsageError, match=told):
            Wanted(*words)
    for bench in ("speech-tinyc-host", "speech-tflm-host", "speech-tinyc-pynq_z2_linux"):
        with pytest.raises(UsageError, match="no firmware to take home"):
            firmware(loader.planner.plan_bench(parse(bench)), loader.catalogue, Wanted())


def test_a_prefix_tells_folders_and_networks_apart(loader: Loader, tmp_path: Path) -> None:
    """One of the user's is in the folder's name, so that no other is overwritten; two networks can't share it."""
    plan, project = loader.planner.plan_bench(parse(BENCH)), Project(tmp_path, tmp_path)
    folders = [
        folder_of(BENCH, firmware(plan, loader.catalogue, wanted), project).name
        for wanted in (Wanted(), Wanted(prefix="speech"), Wanted(prefix="door"), Wanted("cmake", example="bare"))
    ]
    assert folders == [f"{BENCH}-c", f"{BENCH}-c", f"{BENCH}-c-door", f"{BENCH}-cmake"]
    read = loader.session.read_json
    selector = Selector(loader.catalogue, lambda: loader.planner, read, wanted=Wanted(prefix="door"))
    with pytest.raises(UsageError, match="that of several networks: sine, speech"):
        selector.select([f"firmware:{BENCH}", "firmware:sine-tinyc-stm32f7"])


@pytest.mark.slow
def test_others_programs_build_and_flash(loader: Loader, tmp_path: Path) -> None:
    """West, here one that only notes what it is told: in the packed folder, logged; that it failed is an error."""
    tools, told = tmp_path / "tools", tmp_path / "told"
    tools.mkdir()
    west = tools / "west"
    west.write_text(f'#!/bin/sh\necho "$PWD: $*" >> {told}\necho it spoke\ntest "$1" != "$FAILING"\n')
    west.chmod(0o755)
    place = tmp_path / "place"
    write_models(place, MODELS)
    words = (f"firmware:{BENCH}", "--for", "zephyr", "--board", "a_board", "--flash")
    path = f"{tools}:/usr/bin:/bin"
    done = doit(place, *words, PATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = place / "build" / "firmware" / f"{BENCH}-zephyr"
    build, flash = told.read_text().splitlines()
    assert build == (
        f"{folder}: build -p auto -b a_board -d {folder}.built samples/speech -- -DZEPHYR_EXTRA_MODULES={folder}"
    )
    assert flash == f"{folder}: flash -d {folder}.built"
    assert folder.with_name(f"{folder.name}.log").read_text().count("it spoke") == 2
    failed = doit(place, *words, PATH=path, FAILING="build")
    assert failed.returncode != 0 and "west" in failed.stderr and "it spoke" in failed.stderr
    assert len(told.read_text().splitlines()) == 3


def test_what_no_program_builds_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before anything is made: forms without a program, a board without a name, a program that isn't there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for wanted, told in (
        ({"form": "c", "is_built": True}, "builds form c"),
        ({"form": "cmake", "is_flashed": True}, "flashes form cmake"),
        ({"form": "zephyr", "is_built": True}, "wants to know the board"),
    ):
        with pytest.raises(UsageError, match=told):
            Wanted(**wanted)
    with pytest.raises(ToolError, match="west is not on PATH"):
        Wanted("zephyr", board="b", is_flashed=True)


@pytest.mark.slow
@pytest.mark.parametrize("bench", ["residual-tinyc-stm32f4+feed", "kept-tinyc-stm32f4", "kept-tinyi-stm32f4"])
def test_what_is_fed_or_keeps_state_is_exact(loader: Loader, bench: str, tmp_path: Path) -> None:
    """With the functions for it, under their new names: rows of an image, and a sequence that begins anew."""
    folder = pack(loader, bench, tmp_path)
    prefix = folder.name
    wanted = "feed_row(const void *row)" if "feed" in bench else "reset(void)"
    assert f"int {prefix}_{wanted};" in (folder / "src" / f"{prefix}.h").read_text()
    own = by_readme(folder, tmp_path)
    elf = build(loader, bench, "zig", [*own, *chip_of(folder)], folder / "chip" / "link.ld", tmp_path / "built")
    names = [name for number in range(len(own)) for name in global_symbols(tmp_path / "built" / f"{number}.o")]
    assert len(names) > 10 and [name for name in names if not name.startswith(f"{prefix}_")] == []
    assert ran(loader, bench, elf, prefix)["validation"]["result"] == "exact"
