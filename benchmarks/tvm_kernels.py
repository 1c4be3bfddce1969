"""Instructions of each TVM kernel on its own: every distinct layer of the given models, run in the simulator, checked.

    python benchmarks/tvm_kernels.py --style dsp [--cpu cortex-m7] [--toolchain zig] [--only 3] model.tflite…

Prints instructions, instructions per multiply-accumulate, stack and scratch of each layer, and the sums of each model.
Outputs on random inputs must equal those of `tinyflow.backends.tvm.kernels.definitions`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from kernel_firmware import Chip, Outcome, Sample, run
from numpy.typing import NDArray

from tinyflow.backends.tvm.frontend import network
from tinyflow.backends.tvm.frontend.layers import Layer
from tinyflow.backends.tvm.kernels import definitions, styles
from tinyflow.backends.tvm.kernels.kernel import Style, Weights
from tinyflow.model.tflite_reader import read

NO_WEIGHTS = Weights(*(np.zeros(0, dtype) for dtype in (np.int8, np.int32, np.int32, np.int32)))


def main() -> None:
    """Read the command line, bench each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--style", default="dsp", choices=("plain", "aot", "aotplus", "dsp"))
    parser.add_argument("--cpu", default="cortex-m7")
    parser.add_argument("--toolchain", default="zig")
    parser.add_argument("--opt", default="-O3")
    parser.add_argument("--scratch", type=int, default=8192, help="bytes that a kernel may take")
    parser.add_argument("--only", type=int, action="append", help="an operator's index; may be given several times")
    parser.add_argument("--keep", type=Path, help="leave sources and firmware in this folder")
    chosen = parser.parse_args()
    chip = Chip(chosen.cpu, chosen.toolchain, (chosen.opt, "-ffreestanding"))
    for path in chosen.models:
        layers = network.lower(read(path), "double").layers
        if chosen.only:
            layers = tuple(layer for layer in layers if layer.operator in chosen.only)
        bench(path.stem, layers, chosen.style, chip, chosen.scratch, chosen.keep)


def bench(
    name: str, layers: tuple[Layer, ...], style: Style, chip: Chip, scratch_bytes: int, folder: Path | None
) -> None:
    """Run and print all layers of one model."""
    generator = np.random.default_rng(1)
    machine = chip.machine
    inputs = [random_inputs(layer, generator) for layer in layers]
    specs = [styles.specialise(layer.spec, layer.weights, style) for layer in layers]
    built = [styles.build(spec, style, machine, scratch_bytes) for spec in specs]
    samples = [
        Sample(kernel, layer.weights or NO_WEIGHTS, given)
        for kernel, layer, given in zip(built, layers, inputs, strict=True)
    ]
    print(f"{name}, style {style}, {chip.cpu}, {chip.toolchain} {' '.join(chip.flags)}")
    print(" op instructions   /MAC  /output   code   const scratch  stack")
    outcomes = run(samples, chip, folder)
    for layer, sample, outcome in zip(layers, samples, outcomes, strict=True):
        print_row(layer, sample, outcome)
    total = sum(outcome.counters.instructions or 0 for outcome in outcomes)
    print(f"sum {total:>12,}\n")


def print_row(layer: Layer, sample: Sample, outcome: Outcome) -> None:
    """One line of the table, marked where the output is wrong."""
    expected = definitions.evaluate(layer.spec, layer.weights, *sample.inputs).ravel()
    wrong = int((expected != outcome.output).sum())
    instructions = outcome.counters.instructions or 0
    macs = getattr(layer.spec, "macs", 0)
    sizes = {
        role: sum(p.size_bytes for p in sample.kernel.parameters if p.role == role) for role in ("constant", "scratch")
    }
    print(
        f"{layer.operator:>3} {instructions:>12,} {instructions / macs if macs else 0:>6.3f}"
        f" {instructions / outcome.output.size:>8.1f} {outcome.code_bytes:>6} {sizes['constant']:>7}"
        f" {sizes['scratch']:>7} {outcome.counters.stack_bytes:>6}  {describe(layer)}"
        + (f"  WRONG: {wrong} of {expected.size}" if wrong else "")
    )


def describe(layer: Layer) -> str:
    """Operator and shapes in a few letters."""
    spec = layer.spec
    kind = type(spec).__name__.removesuffix("Spec")
    if not hasattr(spec, "kernel"):
        return f"{kind} {getattr(spec, 'inputs', '')} {getattr(spec, 'outputs', '')}"
    return f"{kind} {spec.kernel} /{spec.stride[0]} {spec.input.shape} → {spec.output.shape}"


def random_inputs(layer: Layer, generator: np.random.Generator) -> tuple[NDArray[np.int8], ...]:
    """Full range, but for a half that holds the lowest value, as behind a ReLU."""
    spec = layer.spec
    if hasattr(spec, "left"):
        sizes = [spec.left.elements, spec.right.elements]
    elif hasattr(spec, "input"):
        sizes = [spec.input.elements]
    else:
        sizes = [spec.inputs if hasattr(spec, "inputs") else spec.rows * spec.columns]
    return tuple(_random(size, generator) for size in sizes)


def _random(size: int, generator: np.random.Generator) -> NDArray[np.int8]:
    values = generator.integers(-128, 128, size, np.int8)
    return np.where(generator.random(size) < 0.3, np.int8(-128), values)


if __name__ == "__main__":
    main()
