"""The zig toolchain's command lines and its compiler_rt."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from processors import NAMES, compiler, processor
from small_firmware import Bench

from tinyflow.core.errors import ToolError
from tinyflow.stages.library import objects
from tinyflow.toolchains import compiler_rt, zig

CPUS = {name: compiler(name) for name in NAMES if "zig" in processor(name).toolchains or name == "host"}
HARD_FLOAT = [name for name, cpu in CPUS.items() if (cpu["builtins"]["target"] or "").endswith("hf")]


def attributes(content: bytes) -> dict[str, object]:
    """What an Arm object says of the CPU and the calling convention it was made for."""
    section = ELFFile(io.BytesIO(content)).get_section_by_name(".ARM.attributes")
    return {
        attribute.tag: attribute.value
        for subsection in section.iter_subsections()
        for part in subsection.iter_subsubsections()
        for attribute in part.iter_attributes()
    }


def test_flags_of_a_source_win_over_our_own() -> None:
    """The runtime's and the bench's flags are behind the CPU's, the source and the object last."""
    words = zig.compile_command(
        CPUS["cortex-m4"], Path("x.c"), Path("x.o"), [Path("include")], ["A=1"], ["-O2", "-fcommon"]
    )
    assert words[-6:] == ["-DA=1", "-O2", "-fcommon", Path("x.c"), "-o", Path("x.o")]
    assert words.index("-fno-common") < words.index("-fcommon")
    assert words[words.index(Path("include")) - 1] == "-I"
    assert Path(str(words[0])).name == "zig"


def test_assembly_is_no_c11() -> None:
    """`-std` is for C only."""
    assert "-std=c11" in zig.compile_command(CPUS["rv32imc"], Path("x.c"), Path("x.o"))
    assert "-std=c11" not in zig.compile_command(CPUS["rv32imc"], Path("x.S"), Path("x.o"))


def test_host_is_refused_where_programs_are_no_elf_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on Linux the simulated targets remain."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert zig.tools(CPUS["cortex-m7"])
    with pytest.raises(ToolError, match="needs Linux, not darwin") as error:
        zig.tools(CPUS["host"])
    assert error.value.exit_status == 3


@pytest.mark.slow
@pytest.mark.parametrize("cpu", HARD_FLOAT)
def test_compiler_rt_passes_floats_as_our_code_does(tmp_path: Path, cpu: str) -> None:
    """Objects of another floating-point calling convention would link, and compute nonsense."""
    bench = Bench(tmp_path, cpu=cpu)
    needed = tmp_path / "needed.txt"
    needed.write_text(compiler_rt.NEEDED)
    (runtime,) = objects(bench.builtins(needed).read_bytes())
    made = bench.compile({"x.c": "float f(float x) { return x * x; }\n"})
    ours, theirs = attributes((made / "x.c.o").read_bytes()), attributes(runtime)
    for tag in ("TAG_ABI_VFP_ARGS", "TAG_FP_ARCH", "TAG_CPU_ARCH", "TAG_CPU_ARCH_PROFILE"):
        assert theirs.get(tag) == ours.get(tag), tag


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["cortex-m0plus", "rv32imc", "cortex-a72"])
def test_compiler_rt_leaves_out_what_is_rare_alone(tmp_path: Path, cpu: str) -> None:
    """Where no name of a rare function is needed; and what is left calls none."""
    needed = tmp_path / "needed.txt"
    needed.write_text(compiler_rt.NEEDED)
    bench = Bench(tmp_path, cpu=cpu)
    (whole,), (part,) = (objects(bench.builtins(asked).read_bytes()) for asked in (None, needed))
    everything, some = map(_symbols, (whole, part))
    assert some[False] == set() == everything[False]
    assert some[True] == {name for name in everything[True] if not compiler_rt.is_rare(name)}
    assert {"fmaxf", "ceil", "__udivmoddi4"} <= some[True] and len(some[True]) < len(everything[True])


def _symbols(content: bytes) -> dict[bool, set[str]]:
    """Those of others, and its own that others see."""
    found: dict[bool, set[str]] = {False: set(), True: set()}
    for symbol in ELFFile(io.BytesIO(content)).get_section_by_name(".symtab").iter_symbols():
        if symbol["st_info"]["bind"] != "STB_LOCAL":
            found[symbol["st_shndx"] != "SHN_UNDEF"].add(symbol.name)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["cortex-m4", "host"])
def test_compiler_rt_is_the_same_wherever_it_is_built(tmp_path: Path, cpu: str) -> None:
    """Two folders, one library, and nothing of the folders in it."""
    needed = tmp_path / "needed.txt"
    needed.write_text(compiler_rt.NEEDED)
    libraries = [
        Bench(folder, cpu=cpu, is_anew=True).builtins(needed) for folder in (tmp_path / "a", tmp_path / "b" / "deeper")
    ]
    assert libraries[0].read_bytes() == libraries[1].read_bytes()
    assert str(tmp_path).encode() not in libraries[0].read_bytes()
