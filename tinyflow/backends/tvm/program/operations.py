"""What is emitted: functions, constants, and calls in order. Which memory the operands take is decided elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Union

import numpy as np
from numpy.typing import NDArray

from tinyflow.backends.tvm.frontend.layers import Layer, Network, Value
from tinyflow.backends.tvm.kernels import styles
from tinyflow.backends.tvm.kernels.choices import Choice
from tinyflow.backends.tvm.kernels.kernel import Array, Kernel, Machine, Parameter, Style, Weights
from tinyflow.backends.tvm.kernels.specs import FeatureMap, Layout, PoolSpec, Spec
from tinyflow.backends.tvm.legalised import building
from tinyflow.backends.tvm.legalised.rules import LegalisedSpec
from tinyflow.model.memory.lifetimes import lifetimes

# where the arena has no room, scratch lies on the stack; no kernel gets much faster by more than the most
_LEAST_SCRATCH_BYTES, _MOST_SCRATCH_BYTES = 2048, 16384
_NO_NUMBERS = np.zeros(0, np.int32)
_NO_WEIGHTS = Weights(np.zeros(0, np.int8), _NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS)


# what a step has in the arena: an activation, or the scratch of the step with this index
Operand = Union[Value, int]


@dataclass(frozen=True)
class Step:
    """One call: a function, its kernel, and the operands by the names of the kernel's parameters."""

    operator: int
    function: str
    kernel: Kernel
    inputs: tuple[Value, ...]
    output: Value
    constants: Mapping[str, str]  # parameter → symbol
    layout: Layout = "NHWC"  # of the output
    which: int = 0  # of the operator's outputs it is

    @property
    def written(self) -> list[Value]:
        """Its output, and state that it changes."""
        operands = self.operands(0)
        return [o for o, parameter in operands if parameter.role in ("output", "state") and isinstance(o, Value)]

    @property
    def name(self) -> str:
        """What its function is, and the operator of the model."""
        return f"{self.function.rpartition('_')[0]}_{self.operator}"

    def operands(self, index: int) -> list[tuple[Operand, Parameter]]:
        """What it reads and writes in the arena as the step with this index, with the parameters that they are for."""
        read: Iterator[Operand] = iter(self.inputs)
        given: dict[str, Iterator[Operand]] = {
            "input": read,
            "state": read,
            "output": iter((self.output,)),
            "scratch": iter((index,)),
        }
        return [
            (next(given[parameter.role]), parameter) for parameter in self.kernel.parameters if parameter.role in given
        ]


@dataclass(frozen=True)
class Program:
    """Functions by name, constants by symbol, and the calls of one inference.

    `initial`: what stays from call to call → its bytes at first.
    """

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    steps: tuple[Step, ...]
    functions: Mapping[str, Kernel]
    constants: Mapping[str, NDArray[Any]]
    initial: Mapping[Value, bytes] = field(default_factory=dict)

    @property
    def headers(self) -> tuple[str, ...]:
        """What the functions' C source includes."""
        return tuple(sorted({header for kernel in self.functions.values() for header in kernel.headers}))

    def writers(self, state: Value) -> list[int]:
        """The operators that change it."""
        return sorted({step.operator for step in self.steps if state in step.written})


class Question(NamedTuple):
    """What decides a kernel, but for its choice."""

    spec: Spec
    style: Style
    scratch_bytes: int


Chooser = Callable[[Question], Union[Choice, None]]
# about so many bytes for the kernel of a spec
Scratch = Mapping[Union[Spec, LegalisedSpec], int]


def select(
    network: Network,
    style: Style,
    machine: Machine,
    choose: Chooser = lambda question: None,
    scratch: Scratch | None = None,
) -> Program:
    """Choose a kernel for each layer; equal specs share one function, named after the first operator that uses it.

    `choose` is asked once for each kernel, in the order of the layers; `scratch` is the usual one if none is given.
    """
    selection = _Selection(style, machine, usual_scratch(network) if scratch is None else scratch, choose)
    steps = tuple(selection.step(layer) for layer in network.layers)
    functions, constants = selection.functions, selection.constants
    return Program(network.inputs, network.outputs, steps, functions, constants, network.initial)


def usual_scratch(network: Network) -> Scratch:
    """What the arena has left for each spec's scratch when its layers run, within reason."""
    steps = [(layer.inputs, [layer.output]) for layer in network.layers]
    lives = lifetimes(network.inputs, steps, network.outputs, len(steps) - 1)
    lives |= dict.fromkeys(network.initial, (0, len(steps) - 1))
    live_bytes = [0] * max(len(steps), 1)  # of views alone, too
    for value, (first, last) in lives.items():
        for step in range(first, last + 1):
            live_bytes[step] += value.size_bytes
    room: dict[Spec | LegalisedSpec, int] = {}
    for layer, live in zip(network.layers, live_bytes, strict=False):
        left = min(max(max(live_bytes) - live, _LEAST_SCRATCH_BYTES), _MOST_SCRATCH_BYTES)
        room[layer.spec] = min(left, room.get(layer.spec, left))
    return room


@dataclass
class _Selection:
    """What has been chosen so far."""

    style: Style
    machine: Machine
    scratch_bytes: Scratch
    choose: Chooser
    names: dict[tuple[Spec, Style], str] = field(default_factory=dict)
    made: dict[tuple[str, str], str] = field(default_factory=dict)  # by TVM: kind and text of a function → its name
    functions: dict[str, Kernel] = field(default_factory=dict)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)

    def step(self, layer: Layer) -> Step:
        is_legalised = isinstance(layer.spec, LegalisedSpec)
        name, packed = self._legalised(layer) if is_legalised else self._chosen(layer)
        which = layer.spec.output if isinstance(layer.spec, LegalisedSpec) else 0
        ending = f"{layer.operator}_{which}" if which else str(layer.operator)
        symbols = {parameter: f"{parameter}_{ending}" for parameter in packed}
        self.constants.update({symbols[parameter]: array for parameter, array in packed.items()})
        written = getattr(layer.spec, "output", None)
        layout = written.layout if isinstance(written, FeatureMap) else "NHWC"
        return Step(layer.operator, name, self.functions[name], layer.inputs, layer.output, symbols, layout, which)

    def _legalised(self, layer: Layer) -> tuple[str, Mapping[str, Array]]:
        """The function that TVM makes of an operator, and its constants: equal functions are one."""
        assert isinstance(layer.spec, LegalisedSpec)
        kernel = building.build(layer.spec)
        text = layer.spec.kind, kernel.function.script()
        name = self.made.setdefault(text, f"{layer.spec.kind}_{layer.operator}")
        if name not in self.functions:
            self.functions[name] = replace(kernel, function=kernel.function.with_attr("global_symbol", name))
        return name, kernel.pack(_NO_WEIGHTS)

    def _chosen(self, layer: Layer) -> tuple[str, Mapping[str, Array]]:
        """The kernel of ours for a layer, and its constants."""
        assert not isinstance(layer.spec, LegalisedSpec)
        weights = layer.weights or _NO_WEIGHTS
        name = self._function(layer, styles.specialise(layer.spec, layer.weights, self.style), self.style)
        try:
            return name, self.functions[name].pack(weights)
        except ValueError:  # these weights are outside of what the fast kernel is exact for
            name = self._function(layer, layer.spec, "plain")
            return name, self.functions[name].pack(weights)

    def _function(self, layer: Layer, spec: Spec, style: Style) -> str:
        """The name of the kernel for a spec, built where it is new."""
        if (spec, style) not in self.names:
            kind = f"{spec.operator}_{spec.kind}" if isinstance(spec, PoolSpec) else spec.kind
            self.names[spec, style] = name = f"{kind}_{layer.operator}"
            question = Question(spec, style, self.scratch_bytes[layer.spec])
            choice = self.choose(question)
            kernel = styles.build(spec, style, self.machine, question.scratch_bytes, choice)
            self.functions[name] = replace(kernel, function=kernel.function.with_attr("global_symbol", name))
        return self.names[spec, style]
