"""Chains of TVM's kernels: what is computed row by row is what the whole layers compute, in less memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_tvm_generate import assert_exact
from tests_support import exact_reports, write_models

from tinyflow.model.zoo import synthesize

RESIDUAL = synthesize({"graph": "resnet", "size": 11, "channels": 6, "stacks": 2})
MOBILE = synthesize({"graph": "vww", "size": 27, "width": 0.13, "blocks": 5})


@pytest.mark.slow
@pytest.mark.parametrize("content", [RESIDUAL, MOBILE], ids=["residual", "mobile"])
def test_rows_are_exact(content: bytes, generate: Callable[..., Any]) -> None:
    """Odd sizes, strides, additions: all outputs are TFLM's; chains take less than their tensors would."""
    plain, least = (generate(content, variant="aotplus", stream=stream) for stream in ("", "least"))
    assert_exact(content, least)
    plan, document = plain.plan, least.plan
    assert document["arena"]["bytes"] < plan["arena"]["bytes"]
    assert document["chains"]
    for chain in document["chains"]:
        assert sum(chain["bytes"].values()) < chain["whole_bytes"]
        assert all(document["layers"][layer]["path"] == "row by row" for layer in chain["layers"])


@pytest.mark.slow
def test_rows_are_exact_on_chips(tmp_path: Path) -> None:
    """With SMLAD, beside Winograd, and without."""
    write_models(tmp_path, {"residual": synthesize({"graph": "resnet", "size": 16, "channels": 8, "stacks": 2})})
    features = ("stm32f7+dsp", "stm32f7+dsp+stream.least+winograd", "esp32c3+stream.least")
    benches = [f"residual-tvmaotplus-{one}" for one in features]
    arenas = {bench: report["metrics"]["arena_bytes"] for bench, report in exact_reports(tmp_path, benches).items()}
    assert arenas[benches[1]] < arenas[benches[0]]
