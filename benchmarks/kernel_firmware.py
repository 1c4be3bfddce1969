"""Firmware that holds kernels and nothing else: one entry point for each, called and counted in the simulator.

It goes the way of a bench (toolchain, support runtime, linker script, simulator) without tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import kept
import numpy as np
import on_qemu
from firmware import RUNTIMES, linked, objects_of, opened, sources_of, target_of, toolchain_of, write_files
from numpy.typing import NDArray
from processors import processor

from tinyflow.backends.tvm.kernels.kernel import Kernel, Machine, Parameter, Weights
from tinyflow.targets.protocol import Counters
from tinyflow.targets.qemu.machine import Qemu
from tinyflow.targets.unicorn.machine import Simulator

_LIMIT_INSTRUCTIONS = 1_000_000_000
_ARENA_ALIGNMENT = 16


@dataclass(frozen=True)
class Chip:
    """A CPU, the toolchain that compiles for it (for `llvm`, TVM's own, zig does the rest), and its flags."""

    cpu: str = "cortex-m7"
    toolchain: str = "zig"
    flags: tuple[str, ...] = ("-O3", "-ffreestanding")

    @property
    def isa(self) -> Literal["thumb", "riscv"]:
        """Thumb or riscv."""
        return "riscv" if processor(self.cpu).isa == "riscv" else "thumb"

    @property
    def machine(self) -> Machine:
        """What kernels are made for."""
        features = processor(self.cpu).features
        vectors: Literal["none", "mve", "rvv"] = "mve" if "mve" in features else "rvv" if "rvv" in features else "none"
        return Machine(self.isa, self.toolchain, vectors)

    @property
    def is_on_qemu(self) -> bool:
        """Whether the built-in simulator doesn't know the CPU."""
        return self.cpu in on_qemu.PLACES

    @property
    def linking(self) -> str:
        """The toolchain that compiles the rest and links."""
        return "zig" if self.toolchain == "llvm" else self.toolchain


@dataclass(frozen=True)
class Sample:
    """One kernel with its constants, and inputs to run it on."""

    kernel: Kernel
    weights: Weights
    inputs: tuple[NDArray[np.int8], ...]
    over: str = ""
    """The input that its output lies over, as far as the kernel allows; apart from all where there is none."""


@dataclass(frozen=True)
class Outcome:
    """What a kernel wrote and what it cost."""

    output: NDArray[np.int8]
    counters: Counters
    code_bytes: int


def run(samples: Sequence[Sample], chip: Chip, folder: Path | None = None) -> list[Outcome]:
    """Build all samples into one firmware and call each of them once. Keeps files if a folder is given."""
    simulator = opened(target_of(chip.cpu, chip.isa))
    try:
        simulator.load(_build(samples, chip, folder))
        return [_call(simulator, index, sample) for index, sample in enumerate(samples)]
    finally:
        simulator.close()


def _call(simulator: Simulator | Qemu, index: int, sample: Sample) -> Outcome:
    inputs = [parameter for parameter in sample.kernel.parameters if parameter.role == "input"]
    for parameter, array in zip(inputs, sample.inputs, strict=True):
        simulator.write(f"arena_{index}+{_offsets(sample)[parameter.name]}", array.tobytes())
    (output,) = (parameter for parameter in sample.kernel.parameters if parameter.role == "output")
    status, counters = simulator.call(f"call_{index}", limit_instructions=_LIMIT_INSTRUCTIONS)
    assert status == 0
    written = simulator.read(f"arena_{index}+{_offsets(sample)[output.name]}", output.size_bytes)
    (size,) = (symbol.size_bytes for symbol in simulator.firmware.symbols if symbol.name == f"kernel_{index}")
    return Outcome(np.frombuffer(written, np.int8), counters, size)


def _build(samples: Sequence[Sample], chip: Chip, folder: Path | None) -> Path:
    generated: dict[str, str | bytes] = {"calls.c": _calls(samples)}
    if chip.toolchain == "llvm":
        kernels = {f"kernel_{index}": sample.kernel for index, sample in enumerate(samples)}
        from tinyflow.backends.tvm.emit.objects import compile_kernels

        generated["kernels.o"] = compile_kernels(kernels, processor(chip.cpu).tvm_llvm).content
    else:
        generated["kernels.c"] = _kernels(samples)
    toolchain, runtime = toolchain_of(chip.linking, chip.cpu), RUNTIMES / "support"
    support = [path for path in sources_of(runtime, chip.cpu) if path.stem != "main"]
    objects = objects_of(toolchain, support, [runtime], ("-O2", "-ffreestanding"))
    target = target_of(chip.cpu, chip.isa)
    firmware = linked(toolchain, target, generated, [runtime], objects, (*chip.flags, "-w"))
    if folder is None:
        return kept.path(firmware)
    write_files(generated, folder)
    return kept.copy(firmware, folder / "firmware.elf")


def _kernels(samples: Sequence[Sample]) -> str:
    from tinyflow.backends.tvm.emit import codegen

    texts = codegen.unpacked({f"kernel_{index}": sample.kernel.function for index, sample in enumerate(samples)})
    headers = sorted({header for sample in samples for header in sample.kernel.headers})
    includes = ["<stdint.h>", "<stdbool.h>", "<stddef.h>", "<string.h>", *(f'"{header}"' for header in headers)]
    return "\n".join([*(f"#include {name}" for name in includes), *texts.values()])


def _calls(samples: Sequence[Sample]) -> str:
    lines = ["#include <stdint.h>"]
    for index, sample in enumerate(samples):
        offsets = _offsets(sample)
        lines.append(f"_Alignas({_ARENA_ALIGNMENT}) int8_t arena_{index}[{offsets['']}];")
        packed = sample.kernel.pack(sample.weights)
        arguments = []
        for parameter in sample.kernel.parameters:
            if parameter.role == "constant":
                lines.append(_constant(f"{parameter.name}_{index}", parameter, packed[parameter.name]))
                arguments.append(f"{parameter.name}_{index}")
            else:
                arguments.append(f"(void*)(arena_{index} + {offsets[parameter.name]})")
        pointers = ", ".join("const void*" for _ in arguments)
        lines.append(f"void kernel_{index}({pointers});")
        lines.append(f"int call_{index}(void) {{ kernel_{index}({', '.join(arguments)}); return 0; }}")
    # never run: it keeps the linker from dropping them
    calls = ", ".join(f"call_{index}" for index in range(len(samples)))
    lines.append(f"int (*const volatile calls[])(void) = {{{calls}}};")
    return "\n".join([*lines, "int main(void) { return calls[0](); }", ""])


def _constant(name: str, parameter: Parameter, array: NDArray[Any]) -> str:
    assert (array.dtype.name, array.size) == (parameter.dtype, parameter.elements), (name, array.dtype, array.shape)
    numbers = ",".join(str(number) if number > -(2**31) else "-2147483647-1" for number in array.ravel().tolist())
    return f"_Alignas({parameter.alignment}) const {parameter.dtype}_t {name}[] = {{{numbers}}};"


def _offsets(sample: Sample) -> dict[str, int]:
    """Where inputs, output and scratch lie in the arena; under the empty name, its size."""
    offsets, end = {}, 0
    for parameter in sample.kernel.parameters:
        if parameter.role != "constant":
            lead = 0
            if parameter.name == sample.over:
                lead = sample.kernel.overlaps[sample.over].lead or 0
            begin = end + max(lead, 0)
            if sample.over and parameter.role == "output":
                begin = offsets[sample.over] - (sample.kernel.overlaps[sample.over].lead or 0)
            offsets[parameter.name] = begin
            end = max(end, -(-(begin + parameter.size_bytes) // _ARENA_ALIGNMENT) * _ARENA_ALIGNMENT)
    return {**offsets, "": end}
