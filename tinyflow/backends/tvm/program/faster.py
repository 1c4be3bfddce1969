"""Convolutions by Winograd in place of the kernels that were chosen: where memory has room, or wherever it pays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tinyflow.backends.tinynn import room
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tvm.frontend.layers import Network
from tinyflow.backends.tvm.kernels.dsp import winograd
from tinyflow.backends.tvm.kernels.specs import ConvSpec
from tinyflow.backends.tvm.program.memory import Memory
from tinyflow.backends.tvm.program.operations import Program, Step


def with_winograd(network: Network, program: Program, which: str, place: Callable[[Program], Memory]) -> Program:
    """The program of a network in style dsp, with the calls that option `winograd` asks for; `place` plans an arena."""
    offers = {
        number: found
        for number, layer in enumerate(network.layers)
        if isinstance(layer.spec, ConvSpec) and layer.weights and (found := winograd.offers(layer.spec, layer.weights))
    }
    if which == "all":
        return _with(network, program, {number: calls[0] for number, calls in offers.items()})
    plain = place(program)
    taken = room.within_bounds(
        offers,
        {number: _constant_bytes(program, program.steps[number]) for number in offers},
        sum(array.nbytes for array in program.constants.values()),
        (plain.ram_bytes, [one for value, one in plain.places.items() if not isinstance(value, int)]),
        lambda calls: place(_with(network, program, calls)).ram_bytes,
    )
    return _with(network, program, taken)


def _constant_bytes(program: Program, step: Step) -> int:
    return sum(program.constants[symbol].nbytes for symbol in step.constants.values())


def _with(network: Network, program: Program, calls: Mapping[int, Call]) -> Program:
    """The program with other calls of some of its steps; each has a function of its own."""
    steps, functions, constants = [*program.steps], dict(program.functions), dict(program.constants)
    for number, call in calls.items():
        step = steps[number]
        kernel, name = winograd.conv(call), f"conv2d_winograd_{step.operator}"
        functions[name] = replace(kernel, function=kernel.function.with_attr("global_symbol", name))
        steps[number] = replace(step, function=name, kernel=functions[name])
        packed = kernel.pack(network.layers[number].weights)  # type: ignore[arg-type]
        constants |= {step.constants[parameter]: packed[parameter] for parameter in packed}
    called = {step.function for step in steps}
    return replace(
        program,
        steps=tuple(steps),
        functions={name: one for name, one in functions.items() if name in called},
        constants=constants,
    )
