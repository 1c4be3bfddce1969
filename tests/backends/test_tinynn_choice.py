"""Which variant of the kernels is taken: the processor's own, and which ones are refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processors import processor
from small_networks import Net
from tinynn_calls import RUNTIME

from tinyflow.backends import tinyc, tinyi
from tinyflow.backends.tinyc.strides import AXES, RANK
from tinyflow.backends.tinynn.layouts import LARGEST_RIGHT_SHIFT
from tinyflow.backends.tinynn.needs import NARROW_WINDOW
from tinyflow.backends.tinynn.variants import variant_of
from tinyflow.core.errors import RecipeError
from tinyflow.model.graph import Quantisation
from tinyflow.model.tflite_writer import write


def _of(cpu: str) -> dict[str, Any]:
    """A processor as options have it."""
    return {"cpu": cpu, "processor_kernels": list(processor(cpu).kernel_variants)}


@pytest.mark.parametrize(
    ("cpu", "best"),
    [
        ("cortex-m55", "mve"),
        ("rv32gcv", "rvv"),
        ("rv64gcv", "rvv"),
        ("cortex-m3", "armv6m"),
        ("cortex-a9", "neon"),
        ("xtensa-lx6", "mac16"),
    ],
)
def test_vectors_are_the_default(cpu: str, best: str) -> None:
    """Where the processor has them."""
    assert variant_of(_of(cpu)) == best


@pytest.mark.parametrize("asked", ["ref", "c", "dsp"])
def test_what_a_processor_runs_can_be_asked_for(asked: str) -> None:
    """By name; the feature dsp is another word for its kernels."""
    assert variant_of({"kernels": asked, **_of("cortex-m55")}) == asked
    assert variant_of({"dsp": True, **_of("cortex-m55")}) == "dsp"


@pytest.mark.parametrize("asked", ["rv32", "mve", "rvv", "avx"])
def test_another_processors_kernels_are_refused_in_a_line(asked: str) -> None:
    """With what to type instead."""
    with pytest.raises(RecipeError, match=f'kernels "{asked}" don\'t run on cortex-m7') as refused:
        variant_of({"kernels": asked, **_of("cortex-m7")})
    assert refused.value.hint == "choose one of ref, c, dsp"


def test_what_kernels_take_is_what_their_header_says() -> None:
    """Bounds that the C of tinyi asks for on the chip, and Python before."""
    header = (RUNTIME / "include" / "tinynn.h").read_text(encoding="utf-8")
    said = {name: int(value) for name, value in re.findall(r"^#define TINYNN_(\w+) (\d+)$", header, re.M)}
    sizes = {"RANK": RANK, "AXES": AXES, "PAIR": 2}
    assert said == {**sizes, "LARGEST_RIGHT_SHIFT": LARGEST_RIGHT_SHIFT, "NARROW_WINDOW": NARROW_WINDOW}


@pytest.mark.parametrize(("variant", "told"), [("dsp", "a scale of 1/2 or more"), ("ref", None)])
@pytest.mark.parametrize("backend", [tinyc, tinyi])
def test_a_layer_on_a_reference_kernel_says_why(backend: Any, variant: str, told: str | None, tmp_path: Path) -> None:
    """In the plan, unless there is nothing better; the layer before, whose channel is scaled to nothing, has none."""
    net = Net(1, 4, 4, 4)
    made = net.input
    for scales in ((0.01, 1e-30), (0.01, 0.75)):
        q = Quantisation(tuple(float(np.float32(scale)) for scale in scales), (0, 0), 0)
        weights = net.constant(np.arange(8 if made == net.input else 4).reshape(2, 1, 1, -1), "int8", q)
        made = net.operator("CONV_2D", made, weights, net.constant([3, 2**31 - 1], "int32"))
    graph = net.graph(made)
    options = {"kernels": variant, **_of("cortex-m7")}
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "model.tflite").write_bytes(write(graph))
    backend.generate(tmp_path / "model.tflite", graph, "any", options, out, tmp_path / "plan.json")
    layers = json.loads((tmp_path / "plan.json").read_text())["layers"]
    assert [layer.get("reference") for layer in layers] == [None, told]
