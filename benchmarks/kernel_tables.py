"""What one kernel costs for one layer, and the document that has it for all operators, processors and toolchains."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tinynn_calls import ChipKernels, HostKernels
from tinynn_cases import Case, Generator
from tinynn_moves import moved_bytes

# processor, its variants, what must be on PATH to run it, toolchain → what must be on PATH to compile for it
_MACHINES: Sequence[tuple[str, tuple[str, ...], str | None, dict[str, str | None]]] = (
    ("cortex-m7", ("ref", "c", "dsp"), None, {"zig": None, "gcc": "arm-none-eabi-gcc"}),
    ("rv32imc", ("ref", "c", "rv32"), None, {"zig": None, "gcc": "riscv64-unknown-elf-gcc"}),
    ("cortex-m55", ("ref", "c", "mve"), "qemu-system-arm", {"zig": None}),
    ("rv32gcv", ("ref", "c", "rvv"), "qemu-system-riscv32", {"zig": None}),
)

_HEADER = """\
# What each kernel costs

Instructions of each operator of tinynn on its own, made by

    python benchmarks/kernels.py --markdown > docs/kernel-figures.md

Counted by the simulator, on cortex-m55 and rv32gcv (vectors of 128 bits) by QEMU; random weights and inputs, all at
{level}, every output equal to the variant ref's. In a cell: instructions; per multiply-accumulate (×) or per output
byte; bytes of code of all functions that ran, `memcpy` and the like apart. Where a variant has no kernel of its own for
a layer, the cell names the one that replaces it. `c` on processors with vectors is what clang's vectoriser makes of it.
"""


@dataclass(frozen=True)
class Figures:
    """One call of a kernel."""

    function: str
    instructions: int
    outputs: int
    """Bytes that it writes."""
    macs: int
    code_bytes: int
    scratch_bytes: int
    stack_bytes: int
    wrong: int
    """Outputs that are not the variant ref's."""


def figures_of(case: Case, variant: str, host: HostKernels, chip: ChipKernels) -> Figures:
    """Run a layer on the chip and compare it with ref on this machine."""
    call = case.call(variant)
    outcome = chip.run(call, case.inputs_of(variant), case.output_bytes)
    expected = host.run(case.call("ref"), case.inputs_of("ref"), case.output_bytes).output
    return Figures(
        function=call.function,
        instructions=outcome.instructions,
        outputs=moved_bytes(case),
        macs=case.macs,
        code_bytes=chip.code_bytes(),
        scratch_bytes=call.scratch_bytes,
        stack_bytes=outcome.stack_bytes,
        wrong=int((expected != outcome.output).sum()),
    )


def document(host: HostKernels, layers: Sequence[Callable[[Generator], Case]], level: str) -> str:
    """The document as Markdown. Raises RuntimeError for a kernel that computes something else than ref."""
    return "\n".join([_HEADER.format(level=level), *_sections(host, layers, level)])


def _sections(host: HostKernels, layers: Sequence[Callable[[Generator], Case]], level: str) -> Iterator[str]:
    for cpu, variants, runner, toolchains in _MACHINES:
        for toolchain, compiler in toolchains.items():
            missing = [program for program in (runner, compiler) if program and shutil.which(program) is None]
            yield f"## {cpu}, {toolchain}\n"
            if missing:
                yield f"Not measured: no {' and no '.join(missing)}.\n"
                continue
            chip = ChipKernels(cpu, toolchain, level)
            yield f"| layer | {' | '.join(variants)} |\n| --- |{' ---: |' * len(variants)}"
            for make in layers:
                yield _row(make(np.random.default_rng(1)), variants, host, chip)
            yield ""


def _row(case: Case, variants: Sequence[str], host: HostKernels, chip: ChipKernels) -> str:
    cells, known = [], {}
    for variant in variants:
        figures = figures_of(case, variant, host, chip)
        if figures.wrong:
            raise RuntimeError(f"{case.name}, {figures.function}: {figures.wrong} outputs differ from ref's")
        cells.append(f"as {known[figures.function]}" if figures.function in known else _cell(figures))
        known.setdefault(figures.function, variant)
    return f"| {case.name} | {' | '.join(cells)} |"


def _cell(figures: Figures) -> str:
    each = figures.macs or figures.outputs
    sign = "×" if figures.macs else ""
    return f"{figures.instructions:,}; {figures.instructions / each:.2f}{sign}; {figures.code_bytes}"
