"""Debug: what it adds finds planted faults and names them, and changes no output."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests_support import tflm

from tinyflow.model import reference
from tinyflow.model.tflite_reader import read
from tinyflow.model.zoo import synthesize

SMALL = {"graph": "toycar", "features": 12, "hidden": 6, "bottleneck": 3, "depth": 1}


Build = Callable[[Path], ctypes.CDLL]


def complaint(build: Build, sources: Path, pattern: str, change: Callable[[re.Match[str]], str]) -> tuple[int, str]:
    """Change model.c in one place, build it and invoke: the status and what the model says of it."""
    text = (sources / "model.c").read_text()
    changed = re.sub(pattern, change, text, count=1)
    assert changed != text
    (sources / "model.c").write_text(changed)
    model = build(sources)
    status = model.model_invoke()
    return status, (ctypes.c_char * 160).in_dll(model, "model_error").value.decode()


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["aot", "aotplus"])
def test_outputs_stay_the_same(variant: str, generate: Callable[..., Any]) -> None:
    """With guards and assertions every output is still the reference's."""
    content = synthesize(SMALL)
    graph, model = read(content), generate(content, variant=variant, debug=True)
    inputs = reference.make_inputs(graph, 2, seed=7)
    outputs = [model.invoke(sample) for sample in inputs]
    assert reference.largest_difference(tflm(content, graph, inputs), outputs) == 0


@pytest.mark.slow
def test_a_kernel_that_writes_behind_its_tensor_is_named(generate: Callable[..., Any], build_library: Build) -> None:
    """Here the guard of the first output is moved into it, as if the kernel wrote a byte too many."""
    sources = generate(synthesize(SMALL), variant="aotplus", debug=True).sources

    def earlier(found: re.Match[str]) -> str:
        return f"{found[1]}{int(found[2]) - 1}"

    status, text = complaint(build_library, sources, r"(ends\[TENSORS\] = \{\d+, )(\d+)", earlier)
    assert status == -1
    assert re.fullmatch(r"dense_0 wrote behind the end of dense_0", text)


@pytest.mark.slow
def test_tvm_s_assertions_name_the_argument(generate: Callable[..., Any], build_library: Build) -> None:
    """A packed function is handed a tensor of another shape."""
    sources = generate(synthesize(SMALL), variant="aot", debug=True).sources
    status, text = complaint(build_library, sources, r"(shape_0_0\[\d+\] = \{\d+, )\d+", lambda found: f"{found[1]}5")
    assert status == -1
    assert "data.shape[1]" in text, text


@pytest.mark.slow
def test_nothing_of_it_is_there_without_the_feature(generate: Callable[..., Any]) -> None:
    """Neither assertions nor guards nor the text."""
    sources = generate(synthesize(SMALL), variant="aot").sources
    text = "".join(file.read_text() for file in sorted(sources.glob("*.c")))
    assert "assert" not in text and "guard" not in text and "model_error" not in text
