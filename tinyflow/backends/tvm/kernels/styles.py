"""From a spec to a kernel.

The styles:
    plain    one loop nest straight from the definition; every spec, every machine
    aot, aotplus
             portable C in tiles that fit the registers of one instruction set and compiler; aotplus also by the vector
             instructions of tf_vector.h
    dsp      Armv7E-M's 16-bit multiply-accumulate, through the inline functions of tf_dsp.h
    smlad    the same through LLVM's intrinsics, for objects that no C compiler sees
A style that has nothing better for a spec gives the next simpler one's kernel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from tinyflow.backends.tvm.kernels import choices, parsing, requantise
from tinyflow.backends.tvm.kernels.choices import Choice
from tinyflow.backends.tvm.kernels.kernel import Kernel, Machine, Style, Weights
from tinyflow.backends.tvm.kernels.portable import plain, wide
from tinyflow.backends.tvm.kernels.specs import ConvSpec, DenseSpec, DepthwiseSpec, Spec
from tinyflow.backends.tvm.kernels.vector import convolution

parsing.hasten()

# what each style has, best first; "plain" has a kernel of each spec, which takes over where these have none
_FAMILIES: Mapping[Style, tuple[str, ...]] = {
    "plain": (),
    "aot": ("tiled",),
    "aotplus": ("wide", "tiled"),
    "dsp": ("dsp", "wide", "tiled"),
    "smlad": ("smlad", "wide", "tiled"),
}
# what a stack of 8 KiB has left for the scratch of one kernel, where the arena has no room
_STACK_BYTES = 6656


def specialise(spec: Spec, weights: Weights | None, style: Style) -> Spec:
    """The spec with what a style wants to know of the weights: the form of requantisation, the size of sums."""
    if style == "plain" or weights is None or not isinstance(spec, (ConvSpec, DenseSpec, DepthwiseSpec)):
        return spec
    if style in ("aotplus", "smlad") and isinstance(spec, ConvSpec):
        spec = replace(spec, is_narrow=wide.is_narrow(spec, weights))
    return replace(spec, requantisation=replace(spec.requantisation, up=requantise.find_up(spec, weights)))


def build(
    spec: Spec, style: Style, machine: Machine, scratch_bytes: int = 4096, choice: Choice | None = None
) -> Kernel:
    """The kernel of a spec. Its function has no name yet: give it one with `with_attr("global_symbol", …)`.

    Scratch is about `scratch_bytes` where a kernel can do with less or more, and never much above what a small stack
    has room for. `choice` takes precedence over what the style has, where it is one of the spec's and fits.
    """
    if choice is not None and choice in choices.space(spec, style, machine):
        chosen = build_choice(choice, spec, machine, scratch_bytes)
        if chosen is not None:
            return chosen
    for kernel in _candidates(spec, style, machine, scratch_bytes):
        if kernel is not None and _fits(kernel, scratch_bytes):
            return kernel
    return plain.conv(spec, machine) if isinstance(spec, ConvSpec) else plain.build(spec)


def build_choice(choice: Choice, spec: Spec, machine: Machine, scratch_bytes: int) -> Kernel | None:
    """The kernel of a choice, or None where it doesn't fit the spec or the stack."""
    kernel = choices.build(choice, spec, machine, scratch_bytes)
    return kernel if kernel is not None and _fits(kernel, scratch_bytes) else None


def _fits(kernel: Kernel, scratch_bytes: int) -> bool:
    taken = sum(parameter.size_bytes for parameter in kernel.parameters if parameter.role == "scratch")
    return taken <= max(scratch_bytes, _STACK_BYTES)


def _candidates(spec: Spec, style: Style, machine: Machine, scratch_bytes: int) -> Iterator[Kernel | None]:
    """What a style has for a spec, best first."""
    if style == "aotplus":
        yield convolution.build(spec, machine, scratch_bytes)
    for family in _FAMILIES[style]:
        yield choices.build_family(family, spec, machine, scratch_bytes)
