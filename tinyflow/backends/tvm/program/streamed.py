"""A network's kernels as a program of which chains run row by row: `programs` looks for them, here is what it looks at.

Steps that stay as they are have the scratch that is usual, or the least where memory asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from numpy.typing import NDArray

from tinyflow.backends.programs import memory as places
from tinyflow.backends.programs import streaming
from tinyflow.backends.programs.steps import Chain, Mark, Operand, Part
from tinyflow.backends.programs.steps import Program as Shared
from tinyflow.backends.programs.steps import Step as SharedStep
from tinyflow.backends.tvm.frontend import layouts
from tinyflow.backends.tvm.frontend.layers import Layer, Network, Value
from tinyflow.backends.tvm.kernels.kernel import Kernel, Machine, Style
from tinyflow.backends.tvm.kernels.specs import FeatureMap
from tinyflow.backends.tvm.program import memory, operations, rows
from tinyflow.backends.tvm.program.operations import Program, Step
from tinyflow.backends.tvm.program.rows import KernelCall, LayerRows
from tinyflow.model.graph import Graph, Tensor
from tinyflow.model.memory.arena import Placed


class RowKernel(NamedTuple):
    """A kernel for rows of a layer: its function, and the symbols of constants by its parameters."""

    function: str
    kernel: Kernel
    constants: Mapping[str, str]


@dataclass(frozen=True)
class Chains:
    """A program as chains see it, and where all of it lies; operator → kernels of its rows, by their variants."""

    program: Shared
    placed: places.Memory
    kernels: Mapping[int, Sequence[RowKernel]] = field(default_factory=dict)


def streamed(
    graph: Graph,
    network: Network,
    fast: Program,
    goal: str,
    made_for: tuple[Style, Machine],
    planned: tuple[int, bool],
) -> tuple[Program, memory.Memory, Chains]:
    """The program with chains as steps without operands, see `streaming`; where all lies; what chains are made of.

    `fast` has the usual kernels; `planned`: alignment, and whether outputs chase inputs.
    """
    alignment, has_chase = planned
    scratch = {spec: min(size, rows.least_scratch(spec)) for spec, size in operations.usual_scratch(network).items()}
    small = _renamed(operations.select(network, *made_for, scratch=scratch), "small")
    values = _Values(graph, network, fast)
    quick, frugal = (tuple(map(values.step, program.steps)) for program in (fast, small))
    # the same where it doesn't take less
    pairs = zip(quick, frugal, strict=True)
    frugal = tuple(q if q.call.scratch_bytes <= f.call.scratch_bytes else f for q, f in pairs)

    def by_rows(program: Shared, step: SharedStep | Mark | Chain) -> LayerRows | str:
        assert isinstance(step, SharedStep)
        return rows.by_rows(network.layers[program.steps.index(step)], step, program, *made_for)

    def place(program: Shared) -> places.Memory:
        return places.plan(program, alignment, has_chase=has_chase)

    found = streaming.streamed(values.program(frugal), values.program(quick), by_rows, goal, place, alignment)
    placed = place(found)
    functions, constants = {**fast.functions, **small.functions}, {**fast.constants, **small.constants}
    program, kernels = _Taken(network, functions, constants).taken(fast, found, values)
    lies: dict[operations.Operand, Placed] = dict(placed.scratch)  # type: ignore[arg-type]
    lies |= {values.every[number]: one for number, one in placed.tensors.items()}
    return program, memory.Memory(placed.total_bytes, alignment, lies), Chains(found, placed, kernels)


def _renamed(program: Program, ending: str) -> Program:
    """The program with other names of functions and constants."""
    functions = {f"{name}_{ending}": _named(kernel, f"{name}_{ending}") for name, kernel in program.functions.items()}

    def step(one: Step) -> Step:
        name = f"{one.function}_{ending}"
        constants = {parameter: f"{symbol}_{ending}" for parameter, symbol in one.constants.items()}
        return replace(one, function=name, kernel=functions[name], constants=constants)

    constants = {f"{symbol}_{ending}": array for symbol, array in program.constants.items()}
    return replace(program, steps=tuple(map(step, program.steps)), functions=functions, constants=constants)


def _named(kernel: Kernel, name: str) -> Kernel:
    return replace(kernel, function=kernel.function.with_attr("global_symbol", name))


class _Values:
    """Values by numbers, as tensors with the extents that they have in memory."""

    def __init__(self, graph: Graph, network: Network, program: Program) -> None:
        names = {one: buffer.name for one, buffer in memory.buffers(program).items() if isinstance(one, Value)}
        self.every = list(names)
        self._numbers = {value: number for number, value in enumerate(self.every)}
        shapes: dict[Value, tuple[int, ...]] = {}
        for layer in network.layers:
            for value, of in [*zip(layer.inputs, layouts.input_maps(layer), strict=True), (layer.output, _made(layer))]:
                if of is not None:
                    shapes.setdefault(value, rows.shape_of(of))
        tensors = (
            Tensor(number, names[value], shapes.get(value, (value.elements,)), value.dtype)
            for number, value in enumerate(self.every)
        )
        inputs, outputs = (tuple(self._numbers[value] for value in of) for of in (network.inputs, network.outputs))
        self._graph = replace(graph, tensors=tuple(tensors), inputs=inputs, outputs=outputs)
        self._initial = {self._numbers[value]: 0 for value in network.initial}

    def program(self, steps: tuple[SharedStep, ...]) -> Shared:
        """As chains see it."""
        return Shared(self._graph, steps, {}, self._graph.tensors, initial=self._initial)

    def step(self, step: Step) -> SharedStep:
        """The same."""
        inputs = tuple(Operand(self._numbers[value]) for value in step.inputs)
        return SharedStep(step.operator, KernelCall.of(step.kernel, step), inputs, Operand(self._numbers[step.output]))


def _made(layer: Layer) -> FeatureMap | None:
    output = getattr(layer.spec, "output", None)
    return output if isinstance(output, FeatureMap) else None


@dataclass
class _Taken:
    """What is called, with functions and constants of all that might have been."""

    network: Network
    functions: dict[str, Kernel]
    constants: dict[str, NDArray[Any]]

    def taken(self, fast: Program, found: Shared, values: _Values) -> tuple[Program, dict[int, list[RowKernel]]]:
        """The program, and kernels of the rows of chains."""
        steps, kernels = list[Step](), dict[int, list[RowKernel]]()
        for one in found.steps:
            if isinstance(one, Chain):
                kernels |= {part.operator: self._of_rows(part) for part in one.parts}
                steps.append(Step(one.operator, one.function, Kernel(None, ()), (), values.every[one.writes[-1]], {}))
            elif isinstance(one, SharedStep) and isinstance(one.call, KernelCall) and one.call.whole is not None:
                steps.append(one.call.whole)
        each: list[Step | RowKernel] = [*steps, *(one for of_part in kernels.values() for one in of_part)]
        functions, symbols = {one.function for one in each}, {s for one in each for s in one.constants.values()}
        program = replace(
            fast,
            steps=tuple(steps),
            functions={name: kernel for name, kernel in self.functions.items() if name in functions},
            constants={symbol: array for symbol, array in self.constants.items() if symbol in symbols},
        )
        return program, kernels

    def _of_rows(self, part: Part) -> list[RowKernel]:
        """Variants, most of which share constants."""
        layer = next(layer for layer in self.network.layers if layer.operator == part.operator)
        found, shared = list[RowKernel](), dict[tuple[str, bytes], str]()
        for variant, call in enumerate(part.calls):
            assert isinstance(call, KernelCall) and call.kernel is not None
            name = f"{layer.spec.kind}_{part.operator}_rows_{variant}"
            self.functions[name] = _named(call.kernel, name)
            symbols = {}
            for parameter, array in (call.kernel.pack(layer.weights) if layer.weights is not None else {}).items():
                key = parameter, array.tobytes()
                symbols[parameter] = shared.setdefault(key, f"{parameter}_{part.operator}_rows_{variant}")
                self.constants[symbols[parameter]] = array
            found.append(RowKernel(name, self.functions[name], symbols))
        return found
