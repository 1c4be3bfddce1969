"""A user's kernel that is wrong, writes where it must not, never ends or faults: named, and never in a report."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests_support import CHECKOUT, doit

pytestmark = pytest.mark.slow

KERNEL = CHECKOUT / "recipes" / "runtimes" / "tinynn" / "src" / "c" / "fully_connected.c"
RECIPES = {
    "runtimes/badnn/runtime.yaml": (
        "description: tinynn with a bug\nextends: tinynn\noverrides: {src/c/fully_connected.c: fully_connected.c}\n"
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


def test_bisection_names_layer_element_and_both_values(with_bug: Callable[[str], Path]) -> None:
    """A value that is off by one in one layer; the report says that the bench failed."""
    place = with_bug("output[17] ^= 1;")
    failed = doit(place, f"bench:{BENCH}")
    assert failed.returncode == 1
    report = json.loads((place / "build" / BENCH / "report.json").read_bytes())
    assert report["status"] != "ok" and (report["validation"] or {"result": "wrong"})["result"] == "wrong"

    found = doit(place, "bisect-layer", BENCH)
    assert found.returncode == 1, found.stdout + found.stderr
    last = "\n".join(found.stdout.splitlines()[-2:])
    assert f"layer {CULPRIT} FULLY_CONNECTED ({FUNCTION})" in last
    place_of = re.search(r"output 0\[17\]: expected (-?\d+), got (-?\d+)", last)
    assert place_of is not None and int(place_of[1]) ^ int(place_of[2]) == 1

    right = doit(place, "bisect-layer", BENCH.replace("+badnn", "+kernels.c"))
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
        ("output[p->outputs] ^= 1;", ["model_arena+", "outside its output"]),  # where nothing lies that matters
        ("output[17] = output[p->outputs + 40];", ["output changes with what lay in unused memory"]),
    ],
    ids=["overflow", "flash", "endless", "trap", "astray", "unwritten"],
)
def test_a_fault_names_function_layer_and_address(with_bug: Callable[[str], Path], bug: str, words: list[str]) -> None:
    """And nothing of it is in a report as valid."""
    place = with_bug(bug)
    if "for" in bug:  # two thousand million instructions take a while
        limit(place, "stm32f7")
    told = refused(place, BENCH)
    for word in (FUNCTION, f"layer {CULPRIT} FULLY_CONNECTED", *words):
        assert word in told, told


def test_a_kernel_that_breaks_its_order_is_named(tmp_path: Path) -> None:
    """It reads its input a second time, which its output lies over by then; apart from each other nothing is wrong."""
    (tmp_path / "recipes" / "features").mkdir(parents=True)
    (tmp_path / "recipes" / "runtimes" / "badnn").mkdir(parents=True)
    (tmp_path / "recipes" / "features" / "badnn.yaml").write_text(RECIPES["features/badnn.yaml"])
    (tmp_path / "recipes" / "runtimes" / "badnn" / "runtime.yaml").write_text(
        "description: tinynn, twice\nextends: tinynn\noverrides: {src/c/conv2d.c: conv2d.c}\n"
    )
    text = (KERNEL.parent / "conv2d.c").read_text(encoding="utf-8")
    call = "  tiled_conv2d(p, input, output, scratch);\n"
    assert call in text
    (tmp_path / "recipes" / "runtimes" / "badnn" / "conv2d.c").write_text(text.replace(call, 2 * call))

    told = " ".join(refused(tmp_path, "aww-tinyc-stm32f7+badnn").split())
    assert "the first wrong layer is 0 CONV_2D" in told
    assert re.search(r"got -?\d+ at model_arena\+\d+; it lies over \S+ \(model_arena\+\d+, 490 bytes\)", told), told
    apart = doit(tmp_path, "bench:aww-tinyc-stm32f7+badnn+chase.off")
    assert apart.returncode == 0, apart.stdout + apart.stderr


@pytest.mark.parametrize(
    ("target", "program", "bug", "words"),
    [
        ("corstone300", "qemu-system-arm", "output[1 << 28] = 1;", "accesses 0x3"),
        ("riscv_qemu", "qemu-system-riscv32", "for (volatile int i = 1; i;) { }", "within 5000000 instructions"),
        ("host", "uname", "output[1 << 28] = 1;", "writes 0x1"),
    ],
)
def test_a_fault_elsewhere_names_them_too(
    with_bug: Callable[[str], Path], target: str, program: str, bug: str, words: str
) -> None:
    """In the words of the built-in simulator."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    place = with_bug(bug)
    limit(place, target)
    told = refused(place, f"toycar-tinyc-{target}+badnn")
    for word in (f"in layer {CULPRIT} FULLY_CONNECTED", FUNCTION, "model_invoke", words):
        assert word in told, told


def test_an_interpreters_layers_are_named(tmp_path: Path) -> None:
    """The interpreter calls the layers' functions, in set-up as well."""
    if shutil.which("qemu-system-riscv32") is None:
        pytest.skip("qemu-system-riscv32 is not installed")
    (tmp_path / "recipes").mkdir()
    for instructions, words in ((12_000, "model_setup didn't"), (1_000_000, "model_invoke didn't")):
        limit(tmp_path, "riscv_qemu", instructions)
        told = refused(tmp_path, "aww-tinyi-riscv_qemu+kernels.c")
        assert re.search(rf"{words} .* in layer \d (CONV_2D, which tinyi_conv2d|DEPTHWISE_CONV_2D, which)", told), told


def test_a_guard_names_the_tensor_that_is_hit(with_bug: Callable[[str], Path]) -> None:
    """A write right behind the output does no harm to any output here; the very write is named where one asks."""
    place = with_bug("output[p->outputs] = 1;")
    told = refused(place, f"{BENCH}+guard.arena")
    for word in (
        FUNCTION,
        f"layer {CULPRIT} FULLY_CONNECTED",
        "writes 1 bytes at 0x",
        "right behind the end of",
        "into ",
    ):
        assert word in told, told


def test_our_own_kernels_write_nothing_else(tmp_path: Path) -> None:
    """Whoever calls them."""
    (tmp_path / "recipes").mkdir()
    benches = [f"bench:toycar-{backend}-stm32f7+guard.ram" for backend in ("tinyc", "tinyi", "tvmrt")]
    done = doit(tmp_path, *benches)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("target", ["host"])
def test_undefined_behaviour_is_told_with_its_line(with_bug: Callable[[str], Path], target: str) -> None:
    """In the user's own file, with clang's reason; without the feature it goes unnoticed."""
    place = with_bug("volatile int32_t large = INT32_MAX; large = large + p->inputs;")
    told = refused(place, f"toycar-tinyc-{target}+badnn+ubsan")
    for word in (
        FUNCTION,
        f"layer {CULPRIT} FULLY_CONNECTED",
        "signed integer addition overflow in 'large + p->inputs'",
    ):
        assert word in told, told
    assert re.search(r"; recipes/runtimes/badnn/fully_connected\.c:\d+:\d+: signed", told), told


def test_a_guard_needs_a_target_that_sees_writes(tmp_path: Path) -> None:
    """Refused before anything runs."""
    (tmp_path / "recipes").mkdir()
    refusal = doit(tmp_path, "bench:toycar-tinyc-host+guard.ram")
    assert refusal.returncode == 2
    assert "nothing sees what is written on host" in refusal.stdout + refusal.stderr


def limit(place: Path, target: str, instructions: int = 5_000_000) -> None:
    """Let a call on this target end soon."""
    text = (CHECKOUT / "recipes" / "targets" / f"{target}.yaml").read_text(encoding="utf-8")
    (place / "recipes" / "targets").mkdir(exist_ok=True)
    (place / "recipes" / "targets" / f"{target}.yaml").write_text(f"{text}limit: {instructions // 1000}kinstr\n")


def refused(place: Path, bench: str) -> str:
    """What a bench says that must fail; its report doesn't take it for good."""
    failed = doit(place, f"bench:{bench}")
    told = failed.stdout + failed.stderr
    assert failed.returncode == 1, told
    assert "Traceback" not in told
    report = json.loads((place / "build" / bench / "report.json").read_bytes())
    assert report["status"] != "ok" and (report["validation"] or {"result": "wrong"})["result"] == "wrong"
    return told
