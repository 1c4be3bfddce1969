"""Which kernels a processor runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow.core.errors import RecipeError

# The best variant first; each falls back to those behind it.
VARIANTS: Mapping[str, tuple[str, ...]] = {
    "ref": ("ref",),
    "c": ("c", "ref"),
    "dsp": ("dsp", "c", "ref"),
    "rv32": ("rv32", "c", "ref"),
}
# processor → the fastest variant that it can run; all others run portable C
_BEST: Mapping[str, str] = {"cortex-m4": "dsp", "cortex-m7": "dsp", "cortex-m33": "dsp", "rv32imc": "rv32"}
_PORTABLE = ("ref", "c")


def variant_of(options: Mapping[str, Any]) -> str:
    """The kernels that the options ask for: `kernels` by name, or the best that `cpu` has.

    Raises RecipeError for kernels that don't exist, or not for this processor.
    """
    cpu = str(options.get("cpu", ""))
    best = _BEST.get(cpu, "c")
    chosen = "dsp" if options.get("dsp") else str(options.get("kernels", "best"))
    if chosen not in ("best", best, *_PORTABLE):
        choices = ", ".join(dict.fromkeys((*_PORTABLE, best)))
        raise RecipeError(
            f'kernels "{chosen}" don\'t run on {cpu or "this processor"}', hint=f"choose one of {choices}"
        )
    return best if chosen == "best" else chosen
