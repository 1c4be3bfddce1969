"""Winograd's convolutions in the TVM backend: within the network's memory, and to the byte on a chip."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests_support import Later, exact_reports, write_models

from tinyflow.backends.tvm import check
from tinyflow.core.errors import RecipeError
from tinyflow.model.tflite_reader import read
from tinyflow.model.zoo import synthesize

backend = Later("tinyflow.backends.tvm.backend")
NETWORK = {"graph": "resnet", "size": 16, "channels": 16, "stacks": 3, "seed": 5}


def _plan(folder: Path, winograd: str) -> dict[str, Any]:
    folder.mkdir()
    options = {"variant": "aotplus", "dsp": True, "winograd": winograd}
    backend.write_sources(read(synthesize(NETWORK)), "tvmaotplus", options, folder, folder / "plan.json")
    plan: dict[str, Any] = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    return plan


def _taken(plan: dict[str, Any]) -> int:
    return sum(name.startswith("conv2d_winograd") for layer in plan["layers"] for name in layer["functions"])


@pytest.mark.slow
def test_memory_stays_within_bounds(tmp_path: Path) -> None:
    """Layers are taken as far as RAM and constants grow by 1/16 and 1/6 at most, or wherever it is faster."""
    none, bounded, every = (_plan(tmp_path / which, which) for which in ("none", "bounded", "all"))
    assert 0 == _taken(none) < _taken(bounded) <= _taken(every)
    size, limit = bounded["weights_bytes"], none["weights_bytes"] * 7 / 6
    assert size <= limit < every["weights_bytes"]
    assert bounded["arena"]["bytes"] <= none["arena"]["bytes"] * 17 / 16 + 2048  # what was on the stack


def test_it_needs_the_dsp_extension() -> None:
    """Of other kernels it is refused, with what to add."""
    ask = partial(check, read(synthesize(NETWORK)), "tvmaotplus")
    with pytest.raises(RecipeError, match="Winograd's kernel is one of those for the DSP extension"):
        ask({"winograd": "all"})
    ask({"winograd": "none"})


@pytest.mark.slow
def test_all_outputs_are_exact(tmp_path: Path) -> None:
    """On the chip, edges included, each layer held against the reference's; and faster than without."""
    write_models(tmp_path, {"residual": synthesize(NETWORK)})
    benches = [f"residual-tvmaotplus-stm32f7+dsp{more}" for more in ("", "+winograd", "+winograd.all")]
    reports = exact_reports(tmp_path, benches)
    counts = [reports[bench]["metrics"]["invoke_instructions"] for bench in benches]
    assert counts[0] > counts[1] >= counts[2]
