"""Which kernels tinyi takes: the processor's own, as tinyc does, and the same refusals."""

from __future__ import annotations

from typing import Any

import pytest

from tinyflow.backends.tinyc import backend as tinyc
from tinyflow.backends.tinyi import variants as tinyi
from tinyflow.core.errors import RecipeError

CPUS = ("cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "rv32imc", "rv32gcv", "rv64gcv", "")
CHOICES: tuple[dict[str, Any], ...] = (
    {},
    {"dsp": True},
    *({"kernels": name} for name in ("best", "ref", "c", "dsp", "rv32", "mve", "rvv", "avx")),
)


def _answer(variant_of: Any, options: dict[str, Any]) -> tuple[str, ...]:
    try:
        return (variant_of(options),)
    except RecipeError as error:
        return (str(error), str(error.hint))


@pytest.mark.parametrize("cpu", CPUS)
def test_both_take_and_refuse_the_same(cpu: str) -> None:
    """Whatever is asked for, with the same words."""
    for choice in CHOICES:
        options = {**choice, "cpu": cpu}
        assert _answer(tinyi.variant_of, options) == _answer(tinyc.variant_of, options), options


@pytest.mark.parametrize(("cpu", "best"), [("cortex-m55", "mve"), ("rv32gcv", "rvv"), ("rv64gcv", "rvv"), ("x", "c")])
def test_vectors_are_the_default(cpu: str, best: str) -> None:
    """Where the processor has them."""
    assert tinyi.variant_of({"cpu": cpu}) == best


def test_another_processors_kernels_are_refused_in_a_line() -> None:
    """With what to type instead."""
    with pytest.raises(RecipeError, match='kernels "mve" don\'t run on cortex-m7') as refused:
        tinyi.variant_of({"kernels": "mve", "cpu": "cortex-m7"})
    assert refused.value.hint == "choose one of ref, c, dsp"
