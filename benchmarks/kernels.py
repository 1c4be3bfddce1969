"""Instructions of each tinynn kernel on its own.

    python benchmarks/kernels.py [--variant dsp] [--cpu cortex-m7] [--toolchain zig] [--level O3] [--only aww] [--sums]
    python benchmarks/kernels.py --markdown > docs/kernel-figures.md

Without `--markdown`: each distinct layer of the four MLPerf Tiny models, or with `--only operators` a table of shapes
of all operators, with `--only int4` layers with weights of eight bits and of four: instructions, instructions per
multiply-accumulate and per output, bytes of the kernel's code, scratch, stack; the sums of each model. With it: the
table of operators for every processor, variant and toolchain that is here. Weights and inputs are random; every output
must equal the variant ref's.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from kernel_shapes import INT4, MODELS, OPERATORS, Layer
from kernel_tables import document, figures_of
from tinynn_calls import ChipKernels, HostKernels

_TABLES = {"operators": OPERATORS, "int4": INT4}
_SUITES = {**MODELS, **{name: tuple(map(Layer, makes)) for name, makes in _TABLES.items()}}


def main() -> None:
    """Read the command line, bench each model or print the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--variant",
        action="append",
        help="ref, c, dsp, rv32, mve, rvv, armv6m, neon, mac16; may be given several times",
    )
    parser.add_argument("--cpu", default="cortex-m7")
    parser.add_argument("--toolchain", default="zig")
    parser.add_argument("--level", default="O3")
    parser.add_argument("--only", action="append", choices=sorted(_SUITES))
    parser.add_argument("--match", default="", help="only layers whose name has this in it")
    parser.add_argument("--sums", action="store_true", help="no lines for single layers")
    parser.add_argument("--markdown", action="store_true", help="the document of all operators")
    chosen = parser.parse_args()
    if chosen.markdown:
        sys.stdout.write(document(HostKernels(), OPERATORS, f"-{chosen.level}"))
        return
    host, chip = HostKernels(), ChipKernels(chosen.cpu, chosen.toolchain, f"-{chosen.level}")
    for variant in chosen.variant or ["dsp"]:
        print(f"variant {variant}, {chosen.cpu}, {chosen.toolchain} -{chosen.level}")
        if not chosen.sums:
            print("instructions  instr/MAC instr/out   code scratch stack")
        for suite in chosen.only or MODELS:
            total = sum(bench(layer, variant, host, chip, chosen) for layer in _SUITES[suite])
            print(f"{total:>12,}  {suite}, sum of its layers")


def bench(layer: Layer, variant: str, host: HostKernels, chip: ChipKernels, chosen: argparse.Namespace) -> int:
    """Run one layer, print its line; the instructions that the model spends in it."""
    case = layer.make(np.random.default_rng(1))
    if chosen.match not in case.name:
        return 0
    figures = figures_of(case, variant, host, chip)
    if not chosen.sums or figures.wrong:
        per_mac = f"{figures.instructions / case.macs:7.3f}" if case.macs else "      –"
        print(
            f"{figures.instructions:>12,} {per_mac} {figures.instructions / figures.outputs:8.2f}"
            f" {figures.code_bytes:>6} {figures.scratch_bytes:>7} {figures.stack_bytes:>5}"
            f"  {layer.times} × {case.name}, {figures.function}" + f"  {figures.wrong} WRONG" * (figures.wrong > 0)
        )
    return figures.instructions * layer.times


if __name__ == "__main__":
    main()
