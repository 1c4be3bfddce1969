"""Backend tvmllvm: kernels as objects of TVM's LLVM, exact, the same bytes anywhere, with the ABI of the C beside."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from processors import NAMES, processor
from random_networks import random_network
from test_tvm_generate import SMALL, assert_exact
from tests_support import Later

from tinyflow.backends.tvm.kernels.kernel import Kernel
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize

objects = Later("tinyflow.backends.tvm.emit.objects")
functions = Later("tvm_functions")
CPUS = [name for name in NAMES if processor(name).tvm_llvm]


def elf_of(cpu: str) -> ELFFile:
    """The object of one small function."""
    return ELFFile(
        io.BytesIO(
            objects.compile_kernels(
                {"copy_0": Kernel(functions.copy, (), lambda _: {})}, processor(cpu).tvm_llvm
            ).content
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name if name == "aww" else pytest.param(name, marks=pytest.mark.slow) for name in SMALL]
)
def test_small_networks_are_exact(name: str, generate: Callable[..., Any]) -> None:
    """Objects for this machine, linked with the C around them."""
    content = synthesize(SMALL[name])
    model = generate(content, variant="llvm", llvm=processor("host").tvm_llvm)
    assert (model.sources / "kernels.o").is_file()
    assert_exact(content, model)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_random_networks_are_exact(seed: int, generate: Callable[..., Any]) -> None:
    """Any geometry, padding, activation and quantisation that TFLite allows for these operators."""
    content = write(random_network(seed))
    assert_exact(content, generate(content, variant="llvm", llvm=processor("host").tvm_llvm))


@pytest.mark.parametrize("cpu", CPUS)
def test_every_processor_has_its_kind_of_object(cpu: str) -> None:
    """All that the recipe's option takes can be compiled for, and nothing is open but what a runtime has."""
    elf = elf_of(cpu)
    symbols = {symbol.name: symbol for symbol in elf.get_section_by_name(".symtab").iter_symbols()}
    assert symbols["copy_0"]["st_info"]["type"] == "STT_FUNC"
    undefined = {name for name, symbol in symbols.items() if name and symbol["st_shndx"] == "SHN_UNDEF"}
    assert undefined <= {"memcpy", "memset"}
    if cpu != "host":
        machines = {"riscv": "EM_RISCV", "aarch64": "EM_AARCH64", "x86_64": "EM_X86_64"}
        assert elf["e_machine"] == machines.get(processor(cpu).isa, "EM_ARM")


@pytest.mark.parametrize("cpu", ["cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"])
def test_floats_go_in_registers_as_in_the_c_beside(cpu: str) -> None:
    """Tag_ABI_VFP_args is 1; without it a linker would mix the two conventions without a word."""
    (section,) = elf_of(cpu).get_section_by_name(".ARM.attributes").iter_subsections()
    (scope,) = section.iter_subsubsections()
    tags = {attribute.tag: attribute.value for attribute in scope.iter_attributes()}
    assert tags["TAG_ABI_VFP_ARGS"] == 1


_IN_A_PROCESS = """
import json, sys
from pathlib import Path
from tinyflow.backends import tvm
from tinyflow.model.tflite_reader import read
model, out, llvm = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
out.mkdir()
tvm.generate(model, read(model), "tested", {"variant": "llvm", "isa": "thumb", "llvm": llvm}, out, out / "plan.json")
"""


@pytest.mark.slow
def test_same_bytes_in_another_process_and_folder(tmp_path: Path) -> None:
    """Neither addresses, nor the order of hashes, nor a folder's name shows in an object or its text."""
    written, llvm = [], json.dumps(dict(processor("cortex-m7").tvm_llvm))
    for seed in ("1", "2"):
        folder = tmp_path / f"folder_{seed}"
        folder.mkdir()
        (folder / "model.tflite").write_bytes(synthesize(SMALL["resnet"]))
        command = [
            sys.executable,
            "-c",
            _IN_A_PROCESS,
            "model.tflite",
            "out",
            llvm,
        ]
        subprocess.run(command, check=True, cwd=folder, env={**os.environ, "PYTHONHASHSEED": seed})
        written.append({file.name: file.read_bytes() for file in (folder / "out").iterdir()})
    assert written[0] == written[1]
    assert str(tmp_path).encode() not in b"".join(written[0].values())
