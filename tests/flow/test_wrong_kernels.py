"""A user's kernel that is wrong, writes where it must not, never ends or faults: named, and never in a report."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests_support import CHECKOUT, doit

pytestmark = pytest.mark.slow

KERNEL = CHECKOUT / "recipes" / "runtimes" / "tinynn" / "src" / "c" / "fully_connected.c"
RECIPES = {
    "runtimes/badnn/runtime.yaml": (
        "description: tinynn with a bug\nbase: tinynn\noverrides: {src/c/fully_connected.c: fully_connected.c}\n"
    ),
    "features/badnn.yaml": (
        "description: Link the kernel with the bug\n"
        "sets: {runtimes: {tinynn: badnn}, options: {kernels: c}}\nrequires: {backends: [tinyc]}\n"
    ),
}
BENCH = "toycar-tinyc-stm32f7+badnn"
# only layer 5 of toycar has 8 inputs
CULPRIT = 5
FUNCTION = "tinynn_fully_connected_c"


@pytest.fixture
def with_bug(tmp_path: Path) -> Callable[[str], Path]:
    """A project whose kernel does this before it returns, in layer 5 only."""

    def make(bug: str) -> Path:
        for name, text in RECIPES.items():
            path = tmp_path / "recipes" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        text = KERNEL.read_text(encoding="utf-8")
        last = text.rindex("}\n")
        planted = f"{text[:last]}  if (p->inputs == 8) {{ output -= p->outputs; {bug} }}\n}}\n"
        (tmp_path / "recipes" / "runtimes" / "badnn" / "fully_connected.c").write_text(planted)
        return tmp_path

    return make


def test_bisection_names_layer_element_and_both_values(with_bug: Callable[[str], Path], kernel_cache: str) -> None:
    """A value that is off by one in one layer; the report says that the bench failed and has no numbers."""
    place = with_bug("output[17] ^= 1;")
    failed = doit(place, f"bench:{BENCH}", TINYFLOW_CACHE=kernel_cache)
    assert failed.returncode == 1
    report = json.loads((place / "build" / BENCH / "report.json").read_bytes())
    assert report["status"] != "ok" and not report.get("metrics")

    found = doit(place, "bisect-layer", BENCH, TINYFLOW_CACHE=kernel_cache)
    assert found.returncode == 1, found.stdout + found.stderr
    last = "\n".join(found.stdout.splitlines()[-2:])
    assert f"layer {CULPRIT} FULLY_CONNECTED ({FUNCTION})" in last
    place_of = re.search(r"output 0\[17\]: expected (-?\d+), got (-?\d+)", last)
    assert place_of is not None and int(place_of[1]) ^ int(place_of[2]) == 1

    right = doit(place, "bisect-layer", BENCH.replace("+badnn", "+kernels.c"), TINYFLOW_CACHE=kernel_cache)
    assert (right.returncode, right.stdout.splitlines()[-1]) == (
        0,
        f"{BENCH.replace('+badnn', '+kernels.c')}: every layer is right",
    )


@pytest.mark.parametrize(
    ("bug", "words"),
    [
        ("output[1 << 28] = 1;", ["write", "0x"]),  # far behind its buffer
        ("*(volatile int8_t *)(uintptr_t)p->weights = 1;", ["0x"]),  # into flash
        ("for (volatile int i = 1; i;) { }", ["instructions"]),
        ("__builtin_trap();", ["0x"]),
    ],
    ids=["overflow", "flash", "endless", "trap"],
)
def test_a_fault_names_function_layer_and_address(
    with_bug: Callable[[str], Path], kernel_cache: str, bug: str, words: list[str]
) -> None:
    """And nothing of it is in a report as valid."""
    place = with_bug(bug)
    if "for" in bug:  # two thousand million instructions take a while
        target = (CHECKOUT / "recipes" / "targets" / "stm32f7.yaml").read_text(encoding="utf-8")
        (place / "recipes" / "targets").mkdir()
        (place / "recipes" / "targets" / "stm32f7.yaml").write_text(target + "limit: 5Minstr\n")
    failed = doit(place, f"bench:{BENCH}", TINYFLOW_CACHE=kernel_cache)
    told = failed.stdout + failed.stderr
    assert failed.returncode == 1, told
    for word in (FUNCTION, f"layer {CULPRIT} FULLY_CONNECTED", *words):
        assert word in told, told
    report = json.loads((place / "build" / BENCH / "report.json").read_bytes())
    assert report["status"] != "ok" and not report.get("metrics")
