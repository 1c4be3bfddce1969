"""What there is to choose of a kernel: which family of kernels, and its tile. Every choice computes the same bytes.

A choice is plain data: `{"kernel": "tiled", "pixels": 2, "group": 4, "hidden": 0}`. No choice is the default one, which
`kernels.build` makes of a style; the families and ranges here are those whose best depends on shape and compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Union

from tinyflow.backends.tvm.kernels.dsp import depthwise, routines, smlad
from tinyflow.backends.tvm.kernels.dsp.widening import PART_PIXELS
from tinyflow.backends.tvm.kernels.kernel import Kernel, Machine, Style
from tinyflow.backends.tvm.kernels.portable import add, plain, planes, tiled, wide
from tinyflow.backends.tvm.kernels.specs import AddSpec, ConvSpec, DenseSpec, DepthwiseSpec, Spec

Choice = Mapping[str, Union[int, str]]

_PIXELS = (1, 2, 3, 4)
_GROUPS = (1, 2, 3, 4, 5, 6, 8)
_PARTS = (16, 32, 48, 96, 192)  # pixels whose input is widened at once


def space(spec: Spec, style: Style, machine: Machine) -> tuple[Choice, ...]:
    """All choices for a kernel, in a fixed order; `build` may refuse some. Empty: nothing to choose."""
    if style == "plain":
        return tuple(_loops(spec))
    return tuple(_space(spec, style, machine))


def _loops(spec: Spec) -> Iterator[Choice]:
    """What there is to choose of a plain loop nest."""
    extents: tuple[int, ...]
    if isinstance(spec, ConvSpec):
        extents = spec.input.place(*spec.kernel, spec.input.channels)
        outputs = spec.output.shape[-1]
    elif isinstance(spec, DepthwiseSpec):
        extents, outputs = spec.kernel, spec.output.shape[-1]
    elif isinstance(spec, DenseSpec):
        extents, outputs = (spec.inputs,), spec.outputs
    else:
        return
    groups = [group for group in (1, 2, 4, 8) if outputs % group == 0]
    for inner, extent in enumerate(extents):
        if extent > 1 or max(extents) == 1:
            for group, unrolled in product(groups, (1, 2, 3, 4)):
                if extent % unrolled == 0 and group * unrolled <= 16:
                    yield {"kernel": "plain", "group": group, "inner": inner, "unrolled": unrolled}


def _space(spec: Spec, style: Style, machine: Machine) -> Iterator[Choice]:
    if isinstance(spec, AddSpec):
        for unrolled, dsp in product((1, 2, 4, 8, 16), (0, 1) if style == "dsp" else (0,)):
            yield {"kernel": "add", "unrolled": unrolled, "dsp": dsp}
    elif isinstance(spec, DepthwiseSpec):
        for pixels in (1, 2, 3, 4, 5, 6):
            yield {"kernel": "tiled", "pixels": pixels}
        if style == "dsp" and not planes.is_planar(spec):
            yield {"kernel": "dsp"}
    elif isinstance(spec, DenseSpec):
        yield from _tiles(spec.outputs, (1,))
        if style == "smlad":
            for group, unrolled in product((1, 2, 3, 4, 5, 8), (1, 2, 3, 4, 8)):
                if spec.outputs % group == 0 and spec.inputs // 4 % unrolled == 0:
                    yield {"kernel": "smlad", "group": group, "unrolled": unrolled}
    elif isinstance(spec, ConvSpec):
        is_planar = planes.is_planar(spec)
        yield from _tiles(spec.output.channels, _PIXELS) if is_planar else _convolutions(spec, style, machine)


def _tiles(channels: int, pixels: tuple[int, ...]) -> Iterator[Choice]:
    groups = [group for group in _GROUPS if channels % group == 0]
    for p, group, hidden in product(pixels, groups, (0, 1)):
        if p * group <= 16:
            yield {"kernel": "tiled", "pixels": p, "group": group, "hidden": hidden}


def _convolutions(spec: ConvSpec, style: Style, machine: Machine) -> Iterator[Choice]:
    channels = spec.output.channels
    if style == "dsp":
        for part in _PARTS:
            yield {"kernel": "dsp", "part": part}
        for part, grouped in product(_PARTS, (0, 1)):
            yield {"kernel": "dsp", "part": part, "grouped": grouped}
        return
    if style == "smlad":
        for p, group, part in product(_PIXELS, (1, 2, 4), (48, 96)):
            if p * group <= 8 and channels % group == 0:
                yield {"kernel": "smlad", "pixels": p, "group": group, "part": part}
    is_wide = machine.isa == "thumb" and machine.vectors == "none" and spec.is_narrow
    if is_wide:
        run = spec.kernel[1] * spec.input.channels
        for pairs, group, unrolled in product((1, 2, 3), (1, 2, 4), (1, 2, 4, 8)):
            if pairs * group <= 4 and channels % group == 0 and run % unrolled == 0:
                yield {"kernel": "wide", "pairs": pairs, "group": group, "unrolled": unrolled}
    if not is_wide:
        yield from _tiles(channels, _PIXELS)


def unmeasured(spec: Spec, style: Style, objective: str, cpu: str) -> Choice | None:
    """What is better than the default by an objective on every layer that was tried; None where that isn't known.

    Of convolutions by SMLAD two pixels at once, of which a core that issues two instructions wants loads spread.
    """
    if objective == "cycles" and style == "dsp" and isinstance(spec, ConvSpec):
        return {"kernel": "dsp", "part": PART_PIXELS, "grouped": int(cpu != "cortex-m7")}
    return None


def build(choice: Choice, spec: Spec, machine: Machine, scratch_bytes: int) -> Kernel | None:
    """The kernel of a choice; None where it doesn't fit. TypeError for what is not a choice for this spec."""
    numbers = {name: int(number) for name, number in choice.items() if name != "kernel"}
    return build_family(str(choice["kernel"]), spec, machine, scratch_bytes, **numbers)


def build_family(family: str, spec: Spec, machine: Machine, scratch_bytes: int, **numbers: int) -> Kernel | None:
    """A family's kernel with the numbers of a choice, or with its own; None where it has none for the spec."""
    builder = _BUILDERS.get((family, type(spec)))
    return None if builder is None else builder(spec, machine, scratch_bytes, **numbers)


def _tile(numbers: Mapping[str, int]) -> tiled.Tile | None:
    return tiled.Tile(numbers["pixels"], numbers["group"], numbers["hidden"] == 1) if numbers else None


# channels outermost are tiled too, in planes
_BUILDERS: Mapping[tuple[str, type], Callable[..., Kernel | None]] = {
    ("add", AddSpec): lambda spec, machine, _, **numbers: add.add(spec, **numbers, may_overlap=not machine.has_vectors),
    ("dsp", AddSpec): lambda spec, machine, _: add.add(spec, dsp=1, may_overlap=not machine.has_vectors),
    ("dsp", ConvSpec): lambda spec, _, scratch, **numbers: routines.conv(spec, scratch, **numbers),
    ("dsp", DenseSpec): lambda spec, _, __: routines.dense(spec),
    ("dsp", DepthwiseSpec): lambda spec, _, scratch: depthwise.depthwise(spec, scratch),
    ("plain", ConvSpec): lambda spec, _, __, **numbers: plain.conv(spec, loops=plain.Loops(**numbers)),
    ("plain", DenseSpec): lambda spec, _, __, **numbers: plain.dense(spec, plain.Loops(**numbers)),
    ("plain", DepthwiseSpec): lambda spec, _, __, **numbers: plain.depthwise(spec, plain.Loops(**numbers)),
    ("smlad", ConvSpec): lambda spec, _, scratch, **numbers: smlad.conv(spec, scratch, **numbers),
    ("smlad", DenseSpec): lambda spec, _, __, **numbers: smlad.dense(spec, **numbers),
    ("tiled", AddSpec): lambda spec, machine, _: add.add(spec, may_overlap=not machine.has_vectors),
    ("tiled", ConvSpec): lambda spec, machine, scratch, **numbers: (
        planes.conv(spec, machine, scratch, _tile(numbers))
        if planes.is_planar(spec)
        else tiled.conv(spec, machine, scratch, _tile(numbers))
    ),
    ("tiled", DenseSpec): lambda spec, machine, _, **numbers: tiled.dense(spec, machine, _tile(numbers)),
    ("tiled", DepthwiseSpec): lambda spec, _, scratch, **numbers: (
        planes if planes.is_planar(spec) else tiled
    ).depthwise(spec, scratch, **numbers),
    ("wide", ConvSpec): lambda spec, machine, scratch, **numbers: wide.conv(
        spec, machine, scratch, wide.Tile(**numbers) if numbers else None
    ),
}
