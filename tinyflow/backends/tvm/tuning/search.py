"""What can be tuned of a model, and firmware in which candidates of one kernel can be called one after the other.

Counts depend on a kernel alone, never on the model that it was found in: weights and inputs are made up, from a seed
that is the kernel's own, so that whoever tunes an equal kernel gets equal counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyflow.backends.tvm import backend
from tinyflow.backends.tvm.emit import codegen, objects
from tinyflow.backends.tvm.kernels import choices, definitions, requantise, styles
from tinyflow.backends.tvm.kernels.choices import Choice
from tinyflow.backends.tvm.kernels.kernel import Array, Kernel, Machine, Weights
from tinyflow.backends.tvm.kernels.packing import by_channel
from tinyflow.backends.tvm.kernels.portable.wide import MOST_NARROW
from tinyflow.backends.tvm.kernels.specs import AddSpec, ConvSpec, DenseSpec, DepthwiseSpec, Spec, WeightedSpec
from tinyflow.backends.tvm.program.operations import Question
from tinyflow.backends.tvm.tuning.records import question_document
from tinyflow.core.action import canonical
from tinyflow.model.graph import Graph

ARENA, CONSTANTS = "tuning_arena", "tuning_constants"
_ALIGNMENT = 16
# channels that are made up for each that is needed: some have no constants in the short form
_SPARE = 6


@dataclass(frozen=True)
class Subject:
    """One kernel to tune."""

    question: Question
    machine: Machine
    cpu: str
    llvm: Mapping[str, Any]
    space: tuple[Choice, ...]

    @property
    def document(self) -> dict[str, Any]:
        """What its record is found by, but for the toolchain's level."""
        return {**question_document(self.question), "cpu": self.cpu, "toolchain": self.machine.toolchain}

    @property
    def title(self) -> str:
        """For people: `conv2d 12x12x64 to 12x12x128, 1x1`."""
        spec, operator = self.question.spec, self.question.spec.kind
        if isinstance(spec, DenseSpec):
            return f"{operator} {spec.inputs} to {spec.outputs}"
        shapes = [spec.left if isinstance(spec, AddSpec) else spec.input, spec.output]  # type: ignore[union-attr]
        text = " to ".join(f"{shape.height}x{shape.width}x{shape.channels}" for shape in shapes)
        kernel = getattr(spec, "kernel", None)
        return f"{operator} {text}" + (f", {kernel[0]}x{kernel[1]}" if kernel else "")


_Layout = tuple[Mapping[str, str], Mapping[str, int]]


class Call(NamedTuple):
    """How to call one candidate, and what has to be in memory before and after; places are `symbol+offset`."""

    function: str
    before: Mapping[str, bytes]
    output: str
    expected: bytes
    scratch_bytes: int
    constant_bytes: int


def subjects(model: Path, graph: Graph, options: Mapping[str, Any], cpu: str) -> list[Subject]:  # noqa: ARG001 (the protocol's)
    """The kernels of a model that there is something to choose of, each once, in the order of the layers."""
    chosen = backend.with_defaults(options)
    machine = backend.machine_of(chosen)
    asked: dict[Question, None] = {}
    backend.select(graph, chosen, asked.setdefault)
    found = [
        Subject(question, machine, cpu, chosen["llvm"], choices.space(*question[:2], machine)) for question in asked
    ]
    return [subject for subject in found if subject.space]


def write_firmware(subject: Subject, candidates: Sequence[Choice | None], folder: Path) -> list[Call | None]:
    """Write sources with a function for each candidate (None: the default), and how to call it; None where it is none.

    The sources have `main`, and need the support runtime's headers and library.
    """
    seed = int(sha256(canonical(subject.document).encode()).hexdigest(), 16)
    weights, inputs, expected = _sample(subject.question.spec, seed)
    functions: dict[str, Kernel] = {}
    packed: dict[str, Mapping[str, Array]] = {}
    for index, choice in enumerate(candidates):
        kernel = _kernel(subject, choice)
        with suppress(ValueError):  # it can't be exact with these weights
            if kernel is not None:
                packed[f"kernel_{index}"] = kernel.pack(weights) if weights is not None else {}
                functions[f"kernel_{index}"] = kernel
    if subject.machine.toolchain == "llvm":
        (folder / "kernels.o").write_bytes(objects.compile_kernels(functions, subject.llvm).content)
    else:
        (folder / "kernels.c").write_text(_kernels_text(functions), encoding="utf-8")
    layouts = {name: _layout(kernel) for name, kernel in functions.items()}
    (folder / "calls.c").write_text(_calls_text(functions, layouts), encoding="utf-8")
    return [
        None
        if name not in functions
        else _call(name, functions[name], layouts[name][0], packed[name], inputs, expected)
        for name in (f"kernel_{index}" for index in range(len(candidates)))
    ]


def _kernel(subject: Subject, choice: Choice | None) -> Kernel | None:
    spec, style, scratch_bytes = subject.question
    if choice is None:
        return styles.build(spec, style, subject.machine, scratch_bytes)
    return styles.build_choice(choice, spec, subject.machine, scratch_bytes)


def _call(
    name: str,
    kernel: Kernel,
    layout: Mapping[str, str],
    packed: Mapping[str, Array],
    inputs: Sequence[NDArray[np.int8]],
    expected: bytes,
) -> Call:
    before: dict[str, bytes] = {}
    data = iter(inputs)
    output = ""
    for parameter in kernel.parameters:
        place = layout[parameter.name].replace(" ", "")
        if parameter.role == "input":
            before[place] = next(data).tobytes()
        elif parameter.role == "constant":
            before[place] = packed[parameter.name].tobytes()
        elif parameter.role == "output":
            output = place
            before[place] = bytes(len(expected))  # what another candidate left must not pass for its own
    taken = {
        role: sum(parameter.size_bytes for parameter in kernel.parameters if parameter.role == role)
        for role in ("scratch", "constant")
    }
    return Call(f"call_{name}", before, output, expected, taken["scratch"], taken["constant"])


def _layout(kernel: Kernel) -> _Layout:
    """Where the parameters of one candidate lie, constants in flash as a bench's do; and how far each array reaches.

    All candidates share both arrays.
    """
    places, ends = {}, {ARENA: _ALIGNMENT, CONSTANTS: _ALIGNMENT}
    for parameter in kernel.parameters:
        array = CONSTANTS if parameter.role == "constant" else ARENA
        places[parameter.name] = f"{array} + {ends[array]}"
        ends[array] += -(-parameter.size_bytes // _ALIGNMENT) * _ALIGNMENT
    return places, ends


def _kernels_text(functions: Mapping[str, Kernel]) -> str:
    texts = codegen.unpacked({name: kernel.function for name, kernel in functions.items()})
    headers = sorted({header for kernel in functions.values() for header in kernel.headers})
    includes = ["<stdbool.h>", "<stddef.h>", "<stdint.h>", *(f'"{header}"' for header in headers)]
    return "\n".join([*(f"#include {name}" for name in includes), *texts.values()])


def _calls_text(functions: Mapping[str, Kernel], layouts: Mapping[str, _Layout]) -> str:
    lines = ["#include <stdint.h>"]
    for array, kind, first in ((ARENA, "int8_t", ""), (CONSTANTS, "const int8_t", " = {1}")):
        size = max((ends[array] for _, ends in layouts.values()), default=_ALIGNMENT)
        lines.append(f"_Alignas({_ALIGNMENT}) {kind} {array}[{size}]{first};")
    for name in functions:
        places = layouts[name][0].values()
        lines.append(f"void {name}({', '.join('const void*' for _ in places)});")
        lines.append(f"int call_{name}(void) {{ {name}({', '.join(places)}); return 0; }}")
    # never run: it keeps the linker from dropping them
    lines.append(f"int (*const volatile calls[])(void) = {{{', '.join(f'call_{name}' for name in functions) or 0}}};")
    return "\n".join([*lines, "int main(void) { return calls[0](); }", ""])


@lru_cache(maxsize=1)
def _sample(spec: Spec, seed: int) -> tuple[Weights | None, list[NDArray[np.int8]], bytes]:
    """Weights as the spec says that they are, inputs, and the output that they must give."""
    generator = np.random.default_rng(seed)
    weights = _weights(spec, generator) if isinstance(spec, (ConvSpec, DepthwiseSpec, DenseSpec)) else None
    if isinstance(spec, AddSpec):
        sizes = [spec.left.elements, spec.right.elements]
    else:
        sizes = [spec.inputs if isinstance(spec, DenseSpec) else spec.input.elements]  # type: ignore[union-attr]
    inputs = [generator.integers(-128, 128, size).astype(np.int8) for size in sizes]
    return weights, inputs, definitions.evaluate(spec, weights, *inputs).tobytes()


def _weights(spec: WeightedSpec, generator: np.random.Generator) -> Weights:
    """Channels whose outputs are spread over the range, all of which have the form of requantisation of the spec."""
    largest = 127
    if isinstance(spec, ConvSpec) and spec.is_narrow:
        largest = min(largest, (MOST_NARROW - 1) // spec.reduction)
    while True:
        made, is_fitting = _channels(spec, generator, largest)
        if is_fitting.any() or largest == 1:
            break
        largest = max(1, largest // 2)  # so that sums need fewer bits
    channels = spec.outputs if isinstance(spec, DenseSpec) else spec.output.channels
    kept = np.resize(np.flatnonzero(is_fitting) if is_fitting.any() else np.arange(len(is_fitting)), channels)
    values = by_channel(_spread_out(spec, len(is_fitting)), made)[kept]
    return Weights(_shaped(spec, values), made.bias[kept], made.multiplier[kept], made.shift[kept])


def _channels(spec: WeightedSpec, generator: np.random.Generator, largest: int) -> tuple[Weights, NDArray[np.bool_]]:
    """More channels than the spec has, with weights up to the largest; and which of them have its short form."""
    count = (spec.outputs if isinstance(spec, DenseSpec) else spec.output.channels) * _SPARE
    spread = largest * 74 * max(1.0, spec.reduction**0.5)
    values = generator.integers(-largest, largest + 1, (count, spec.reduction)).astype(np.int8)
    bias = generator.normal(0, spread, count).astype(np.int32)
    shift = np.floor(np.log2(100 / spread * generator.uniform(0.5, 2, count))).astype(np.int32)
    multiplier = generator.integers(1 << 30, 1 << 31, count).astype(np.int32)
    made = Weights(_shaped(spec, values), bias, multiplier, shift)
    if spec.requantisation.up is None:
        return made, np.ones(count, np.bool_)
    return made, requantise.fitting_channels(_spread_out(spec, count), made, spec.requantisation.up)


def _spread_out(spec: WeightedSpec, channels: int) -> WeightedSpec:
    """The spec with another number of output channels."""
    if isinstance(spec, DenseSpec):
        return replace(spec, outputs=channels)
    return replace(spec, output=replace(spec.output, channels=channels))


def _shaped(spec: WeightedSpec, values: NDArray[np.int8]) -> NDArray[np.int8]:
    """[channel, product] in the layout of TFLite."""
    if isinstance(spec, DenseSpec):
        return values
    if isinstance(spec, DepthwiseSpec):
        return np.ascontiguousarray(values.T).reshape(1, *spec.kernel, -1)
    return values.reshape(-1, *spec.kernel, spec.input.channels)
