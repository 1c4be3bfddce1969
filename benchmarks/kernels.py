"""Instructions of each tinynn kernel on its own: operators over the shapes of the four MLPerf Tiny models.

    python benchmarks/kernels.py [--variant dsp] [--cpu cortex-m7] [--toolchain zig] [--level O3] [--only aww] [--sums]

For each distinct layer: instructions, instructions per multiply-accumulate and per output, bytes of the kernel's code,
scratch, stack; the sums of each model. Weights and inputs are random; every output must equal the variant ref's.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tinynn_cases as cases
from tinynn_calls import ChipKernels, HostKernels, Outcome
from tinynn_cases import Case, Generator

Make = Callable[[Generator], Case]


@dataclass(frozen=True)
class Layer:
    """A layer of a model and how often it occurs there."""

    make: Make
    times: int = 1


# Where a RELU follows, the models' zero points are -128: the clamp is int8's own.
_RELU: dict[str, Any] = {"activation": "RELU", "output_zero_point": -128}
_NONE: dict[str, Any] = {"activation": "NONE"}


def _conv(
    height: int,
    width: int,
    inputs: int,
    outputs: int,
    kernel: int = 1,
    stride: int = 1,
    more: Mapping[str, Any] = _RELU,
) -> Make:
    shape = (1, height, width, inputs)
    return lambda generator: cases.conv2d(generator, shape, outputs, (kernel, kernel), (stride, stride), **more)


def _depthwise(height: int, width: int, channels: int, stride: int = 1) -> Make:
    shape = (1, height, width, channels)
    return lambda generator: cases.depthwise(generator, shape, (3, 3), (stride, stride), **_RELU)


def _dense(inputs: int, outputs: int) -> Make:
    return lambda generator: cases.fully_connected(generator, 1, inputs, outputs, **_RELU)


def _pool(height: int, width: int, channels: int) -> Make:
    shape = (1, height, width, channels)
    return lambda generator: cases.average_pool(generator, shape, (height, width), (height, width))


def _add(*shape: int) -> Make:
    return lambda generator: cases.add(generator, (1, *shape), **_RELU)


def _softmax(columns: int) -> Make:
    return lambda generator: cases.softmax(generator, 1, columns)


MODELS: dict[str, Sequence[Layer]] = {
    "aww": (
        Layer(lambda generator: cases.conv2d(generator, (1, 49, 10, 1), 64, (10, 4), (2, 2), **_RELU)),
        Layer(_depthwise(25, 5, 64), 4),
        Layer(_conv(25, 5, 64, 64), 4),
        Layer(_pool(25, 5, 64)),
        Layer(_dense(64, 12)),
        Layer(_softmax(12)),
    ),
    "vww": (
        Layer(_conv(96, 96, 3, 8, 3, 2)),
        Layer(_depthwise(48, 48, 8)),
        Layer(_conv(48, 48, 8, 16)),
        Layer(_depthwise(48, 48, 16, 2)),
        Layer(_conv(24, 24, 16, 32)),
        Layer(_depthwise(24, 24, 32)),
        Layer(_conv(24, 24, 32, 32)),
        Layer(_depthwise(24, 24, 32, 2)),
        Layer(_conv(12, 12, 32, 64)),
        Layer(_depthwise(12, 12, 64)),
        Layer(_conv(12, 12, 64, 64)),
        Layer(_depthwise(12, 12, 64, 2)),
        Layer(_conv(6, 6, 64, 128)),
        Layer(_depthwise(6, 6, 128), 5),
        Layer(_conv(6, 6, 128, 128), 5),
        Layer(_depthwise(6, 6, 128, 2)),
        Layer(_conv(3, 3, 128, 256)),
        Layer(_depthwise(3, 3, 256)),
        Layer(_conv(3, 3, 256, 256)),
        Layer(_pool(3, 3, 256)),
        Layer(_dense(256, 2)),
        Layer(_softmax(2)),
    ),
    "resnet": (
        Layer(_conv(32, 32, 3, 16, 3)),
        Layer(_conv(32, 32, 16, 16, 3)),
        Layer(_conv(32, 32, 16, 16, 3, more=_NONE)),
        Layer(_add(32, 32, 16)),
        Layer(_conv(32, 32, 16, 32, 3, 2)),
        Layer(_conv(16, 16, 32, 32, 3, more=_NONE)),
        Layer(_conv(32, 32, 16, 32, 1, 2, more=_NONE)),
        Layer(_add(16, 16, 32)),
        Layer(_conv(16, 16, 32, 64, 3, 2)),
        Layer(_conv(8, 8, 64, 64, 3, more=_NONE)),
        Layer(_conv(16, 16, 32, 64, 1, 2, more=_NONE)),
        Layer(_add(8, 8, 64)),
        Layer(_pool(8, 8, 64)),
        Layer(_dense(64, 10)),
        Layer(_softmax(10)),
    ),
    "toycar": (
        Layer(_dense(640, 128)),
        Layer(_dense(128, 128), 6),
        Layer(_dense(128, 8)),
        Layer(_dense(8, 128)),
        Layer(_dense(128, 640)),
    ),
}


def main() -> None:
    """Read the command line, bench each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", action="append", help="ref, c, dsp, rv32, mve, rvv; may be given several times")
    parser.add_argument("--cpu", default="cortex-m7")
    parser.add_argument("--toolchain", default="zig")
    parser.add_argument("--level", default="O3")
    parser.add_argument("--only", action="append", choices=sorted(MODELS))
    parser.add_argument("--sums", action="store_true", help="no lines for single layers")
    chosen = parser.parse_args()
    host, chip = HostKernels(), ChipKernels(chosen.cpu, chosen.toolchain, f"-{chosen.level}")
    for variant in chosen.variant or ["dsp"]:
        print(f"variant {variant}, {chosen.cpu}, {chosen.toolchain} -{chosen.level}")
        if not chosen.sums:
            print("instructions  instr/MAC instr/out   code scratch stack")
        for model in chosen.only or MODELS:
            total = sum(bench(layer, variant, host, chip, not chosen.sums) for layer in MODELS[model])
            print(f"{total:>12,}  {model}, sum of its layers")


def bench(layer: Layer, variant: str, host: HostKernels, chip: ChipKernels, is_shown: bool) -> int:
    """Run one layer, print its line; the instructions that the model spends in it."""
    case = layer.make(np.random.default_rng(1))
    call = case.call(variant)
    outcome = chip.run(call, case.inputs, case.output_bytes)
    expected = host.run(case.call("ref"), case.inputs, case.output_bytes).output
    wrong = int((expected != outcome.output).sum())
    if is_shown or wrong:
        sizes = f"{chip.code_bytes():>6} {call.scratch_bytes:>7} {outcome.stack_bytes:>5}"
        print(
            f"{figures(case, outcome)} {sizes}  {layer.times} × {case.name}, {call.function}"
            + f"  {wrong} WRONG" * (wrong > 0)
        )
    return outcome.instructions * layer.times


def figures(case: Case, outcome: Outcome) -> str:
    """Instructions, per multiply-accumulate, per output."""
    per_mac = f"{outcome.instructions / case.macs:7.3f}" if case.macs else "      –"
    return f"{outcome.instructions:>12,} {per_mac} {outcome.instructions / case.output_bytes:8.2f}"


if __name__ == "__main__":
    main()
