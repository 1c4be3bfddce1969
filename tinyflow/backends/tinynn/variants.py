"""The variants of kernels: what each falls back to, and which a processor runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow.core.errors import RecipeError

# The best variant first; each falls back to those behind it.
VARIANTS: Mapping[str, tuple[str, ...]] = {
    "ref": ("ref",),
    "c": ("c", "ref"),
    **{name: (name, "c", "ref") for name in ("dsp", "rv32", "mve", "rvv", "armv6m", "neon", "mac16")},
}
# for which a chip packs nothing
_PACKED_AHEAD = ("armv6m", "neon", "mac16")
_PORTABLE = ("ref", "c")
# the values of a backend's option `kernels`, the default first
KERNELS = ("best", *VARIANTS)
# and of `winograd`: where memory stays within bounds; nowhere; wherever it is faster
WINOGRAD = ("bounded", "none", "all")


def variant_of(options: Mapping[str, Any]) -> str:
    """The kernels that the options ask for: `kernels` by name, or the best of the processor's `processor_kernels`.

    Raises RecipeError for kernels that don't exist, or not for this processor.
    """
    cpu = str(options.get("cpu", ""))
    special = tuple(options.get("processor_kernels", ()))
    chosen = "dsp" if options.get("dsp") else str(options.get("kernels", "best"))
    if chosen not in ("best", *special, *_PORTABLE):
        choices = ", ".join((*_PORTABLE, *special))
        raise RecipeError(
            f'kernels "{chosen}" don\'t run on {cpu or "this processor"}', hint=f"choose one of {choices}"
        )
    return (*special, "c")[0] if chosen == "best" else chosen


def variant_on_chip(options: Mapping[str, Any]) -> str:
    """The same for a backend that packs weights on the chip."""
    chosen = variant_of(options)
    return VARIANTS[chosen][1] if chosen in _PACKED_AHEAD else chosen
