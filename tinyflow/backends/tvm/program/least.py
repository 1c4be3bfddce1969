"""How much scratch each kernel is to have where the network's memory is to be the least.

The larger the scratch, the faster a kernel, and the further its output stays behind its input. With the least of it
everywhere memory is at its least; then each layer, those with the most work first, gets as much as that allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tinyflow.backends.tvm.frontend.layers import Network
from tinyflow.backends.tvm.kernels import styles
from tinyflow.backends.tvm.kernels.kernel import Kernel, Machine, Style
from tinyflow.backends.tvm.kernels.specs import ConvSpec, Spec, work
from tinyflow.backends.tvm.legalised.rules import LegalisedSpec
from tinyflow.backends.tvm.program import operations
from tinyflow.backends.tvm.program.memory import Memory
from tinyflow.backends.tvm.program.operations import Program, Scratch

_SIZES = (512, 1024, 2048, 4096, 8192)
# bytes for each product of a channel: of four channels in two bytes each, and of eight pixels
_WORTH_WIDENING = 24


def least_scratch(network: Network, style: Style, machine: Machine, place: Callable[[Program], Memory]) -> Scratch:
    """For each spec so many bytes, the usual ones at most; `place` plans an arena."""
    usual = operations.usual_scratch(network)
    given = {spec: min(size, max(_SIZES[0], _least(spec, style))) for spec, size in usual.items()}
    program = operations.select(network, style, machine, scratch=given)
    least = place(program).ram_bytes
    specs = {spec for spec in usual if not isinstance(spec, LegalisedSpec)}
    for spec in sorted(specs, key=work, reverse=True):
        layers = [number for number, layer in enumerate(network.layers) if layer.spec == spec]
        exact = styles.specialise(spec, network.layers[layers[0]].weights, style)
        for size in reversed([*(size for size in _SIZES if given[spec] < size < usual[spec]), usual[spec]]):
            kernel = styles.build(exact, style, machine, size)
            larger = _with(program, dict.fromkeys(layers, kernel))
            if place(larger).ram_bytes <= least:
                program, given[spec] = larger, size
                break
    return given


def _least(spec: Spec | LegalisedSpec, style: Style) -> int:
    """What the widened weights of a group of channels take, and so many pixels that widening them pays."""
    return _WORTH_WIDENING * spec.reduction if style in ("dsp", "smlad") and isinstance(spec, ConvSpec) else 0


def _with(program: Program, kernels: Mapping[int, Kernel]) -> Program:
    """The program as far as memory is concerned, with other kernels of some steps."""
    steps = [replace(step, kernel=kernels.get(number, step.kernel)) for number, step in enumerate(program.steps)]
    return replace(program, steps=tuple(steps))
