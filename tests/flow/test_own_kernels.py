"""Kernels and generators of a user, by recipes alone: the two examples of docs/kernels.md, and what goes wrong."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from tests_support import CHECKOUT, doit

EXAMPLES = CHECKOUT / "tests" / "examples"


def project(tmp_path: Path, example: str) -> Path:
    """A user's folder with the example's recipes."""
    return Path(shutil.copytree(EXAMPLES / example, tmp_path / example))


def metrics(place: Path, bench: str) -> dict[str, float]:
    """Of a bench that was run and is exact."""
    report = json.loads((place / "build" / bench / "report.json").read_bytes())
    assert report["validation"]["result"] == "exact"
    found: dict[str, float] = report["metrics"]
    return found


def test_the_documentation_shows_these_files() -> None:
    """Every recipe that docs/kernels.md prints under its path is the one that is tried here."""
    text = (CHECKOUT / "docs" / "kernels.md").read_text(encoding="utf-8")
    shown = re.findall(r"`(recipes/\S+\.yaml)`:\n\n((?:    .*\n|\n)+)", text)
    assert len(shown) == 6
    for path, block in shown:
        (file,) = EXAMPLES.glob(f"*/{path}")
        assert "".join(line[4:] + "\n" for line in block.rstrip().split("\n")) == file.read_text(encoding="utf-8")


@pytest.mark.slow
def test_an_override_replaces_one_kernel_and_shares_the_rest(tmp_path: Path) -> None:
    """The bench with it is exact and costs something else; of the library only the new kernel is compiled."""
    place = project(tmp_path, "own_kernels")
    first = doit(place, "bench:toycar-tinyc-stm32f7+kernels.c", TINYFLOW_CACHE="cache")
    assert first.returncode == 0, first.stdout + first.stderr
    done = doit(place, "bench:toycar-tinyc-stm32f7+fastnn", TINYFLOW_CACHE="cache")
    assert done.returncode == 0, done.stdout + done.stderr
    compiled = re.findall(r"built   compile (\S+)", done.stdout)
    assert compiled == ["fastnn/fully_connected.c"]
    theirs, ours = (metrics(place, f"toycar-tinyc-stm32f7+{name}") for name in ("kernels.c", "fastnn"))
    assert ours["invoke_instructions"] > theirs["invoke_instructions"]

    recipe = place / "recipes" / "runtimes" / "fastnn" / "runtime.yaml"
    recipe.write_text(recipe.read_text().replace("-fno-unroll-loops", "-mno-such-thing"))
    refused = doit(place, "bench:toycar-tinyc-stm32f7+fastnn", TINYFLOW_CACHE="cache")
    assert refused.returncode == 1
    assert "recipes/runtimes/fastnn/runtime.yaml:6:9" in refused.stdout + refused.stderr
    assert "-mno-such-thing" in refused.stdout + refused.stderr


@pytest.mark.slow
def test_layers_of_ones_own_stand_beside_tinynns(tmp_path: Path) -> None:
    """Exact with every operator's own kernel and with one operator's; the plan names them; the scratch is planned."""
    place = project(tmp_path, "own_kernels")
    benches = ["toycar-tinyc-riscv_qemu+plain", "aww-tinyc-stm32f7+plain", "aww-tinyc-stm32f7+plain.fully_connected"]
    done = doit(place, *(f"bench:{bench}" for bench in benches), TINYFLOW_CACHE="cache")
    assert done.returncode == 0, done.stdout + done.stderr
    every, one = (metrics(place, bench) for bench in benches[1:])
    assert every["invoke_instructions"] > 2 * one["invoke_instructions"]
    plan = json.loads((place / "build" / benches[1] / "plan.json").read_bytes())
    called = {layer["operator"]: layer["functions"] for layer in plan["layers"]}
    assert (called["FULLY_CONNECTED"], called["CONV_2D"]) == (["plain_fully_connected"], ["plain_pixel"])
    assert plan["layers"][0]["notes"][0].startswith("not plain_pixel: kernel_height == 1")
    assert 128 in {tensor["bytes"] for tensor in plan["arena"]["tensors"] if "scratch" in tensor["name"]}

    kernel = place / "recipes" / "runtimes" / "plainnn" / "plain.c"
    kernel.write_text(kernel.read_text().replace("wide[i] = ", "wide[i + 1] = "))
    wrong = doit(place, f"bench:{benches[1]}", TINYFLOW_CACHE="cache")
    assert wrong.returncode == 1 and "plain_pixel" in wrong.stdout

    recipe = place / "recipes" / "runtimes" / "plainnn" / "runtime.yaml"
    for old, new, said in (
        ("operator: conv2d", "operator: conv3d", 'runtime.yaml:6:15: no operator "conv3d"'),
        ("    channels: apart", "    weights: packed.conv2d_fast", "packs weights of conv2d"),
        ("2 * input_channels", "2 * inputs", 'runtime.yaml:10:14: 2 * inputs: unknown column "inputs"'),
    ):
        text = recipe.read_text()
        recipe.write_text(text.replace(old, new))
        refused = doit(place, f"bench:{benches[1]}", TINYFLOW_CACHE="cache")
        assert refused.returncode in (1, 2) and said in refused.stdout + refused.stderr, refused.stdout + refused.stderr
        recipe.write_text(text)
    refused = doit(place, "bench:vww-tinyc-stm32f7+plain.conv2d", "plan", TINYFLOW_CACHE="cache")
    assert "Traceback" not in refused.stdout + refused.stderr


TOLD = """
int32_t plain_told(const struct tinynn_conv2d_apart *p) {
  return BYTES;
}
"""


@pytest.mark.slow
def test_a_function_of_the_library_tells_its_scratch(tmp_path: Path) -> None:
    """By shape and the library's own defines, for memory to be planned with; kept; what can't be is told in a line."""
    place, bench = project(tmp_path, "own_kernels"), "aww-tinyc-stm32f7+plain"
    recipe, kernel = (place / "recipes" / "runtimes" / "plainnn" / name for name in ("runtime.yaml", "plain.c"))
    text, code = recipe.read_text(), kernel.read_text() + TOLD

    def run(returned: str, factor: int = 2, *, name: str = "plain_told", bench: str = bench) -> tuple[int, str]:
        asked = text.replace("scratch: 2 * input_channels", f"scratch: {{function: {name}}}")
        recipe.write_text(f"{asked}defines: {{FACTOR: {factor}}}\n")
        kernel.write_text(code.replace("BYTES", returned))
        done = doit(place, f"bench:{bench}", TINYFLOW_CACHE="cache")
        return done.returncode, done.stdout + done.stderr

    def scratch(bench: str = bench) -> set[int]:
        assert metrics(place, bench)
        plan = json.loads((place / "build" / bench / "plan.json").read_bytes())
        return {tensor["bytes"] for tensor in plan["arena"]["tensors"] if "scratch" in tensor["name"]}

    by_shape = "FACTOR * p->conv2d.input_channels"
    status, said = run(by_shape)
    assert status == 0, said
    assert 128 in scratch() and 8192 not in scratch()
    arena = metrics(place, bench)["arena_bytes"]
    status, again = run(by_shape)
    assert status == 0 and "built" not in again, again
    status, said = run(by_shape, 128)
    assert status == 0 and "scratch aww tinyc" in said, said
    assert 8192 in scratch() and metrics(place, bench)["arena_bytes"] >= arena + 7000
    for other in ("aww-tinyc-host+plain", "aww-tinyc-riscv_qemu+plain"):
        status, said = run(by_shape, bench=other)
        assert status == 0 and 128 in scratch(other), said

    for returned, name, told in (
        ("p->conv2d.input_channels", "plain_told", r"plain_pixel: writes \d+ bytes or more at model_arena"),
        ("-4", "plain_told", "plain_told says that layer 2 CONV_2D needs -4 bytes of scratch"),
        ("1 << 30", "plain_told", "plain_told says that layer 2 CONV_2D needs 1073741824 bytes of scratch"),
        ("*(volatile int32_t *)0xfffffff0", "plain_told", r"scratch of own kernels: .*\n.*asked: plain_told"),
        ("0", "plain_other", "undefined: plain_other"),
    ):
        status, said = run(returned, name=name)
        assert status == 1 and re.search(told, said) and "Traceback" not in said, said


@pytest.mark.slow
def test_a_trial_finds_what_a_network_does_not(tmp_path: Path) -> None:
    """A kernel that clamps at one end only is exact on a network of ReLUs."""
    place = project(tmp_path, "own_kernels")
    kernel = place / "recipes" / "runtimes" / "fastnn" / "fully_connected.c"
    text = kernel.read_text()
    kernel.write_text(text.replace("p->lowest, p->highest)", "p->lowest, 127)"))
    assert kernel.read_text() != text
    done = doit(place, "bench:toycar-tinyc-stm32f7+fastnn")
    assert done.returncode == 0, done.stdout + done.stderr
    tried = doit(place, "bench:trial_fully_connected-tinyc-stm32f7+fastnn")
    assert tried.returncode == 1
    assert "samples differ from" in tried.stdout + tried.stderr


@pytest.mark.slow
def test_a_generator_of_the_users_is_a_backend(tmp_path: Path) -> None:
    """Chip and host are exact; an edit of the generator generates anew; what it refuses is told in its words."""
    place = project(tmp_path, "own_generator")
    done = doit(place, "bench:toycar-fcgen-esp32c3", "bench:toycar-fcgen-host", TINYFLOW_CACHE="cache")
    assert done.returncode == 0, done.stdout + done.stderr
    assert metrics(place, "toycar-fcgen-esp32c3")["arena_bytes"] == 1280
    again = doit(place, "bench:toycar-fcgen-esp32c3", TINYFLOW_CACHE="cache")
    assert "built" not in again.stdout

    program = place / "recipes" / "backends" / "fcgen" / "generate.py"
    program.write_text(program.read_text() + "# a comment\n")
    edited = doit(place, "bench:toycar-fcgen-esp32c3", TINYFLOW_CACHE="cache")
    assert re.findall(r"built   (\w+) ", edited.stdout) == ["generate"]

    refused = doit(place, "bench:vww-fcgen-host", TINYFLOW_CACHE="cache")
    assert refused.returncode == 1
    assert "only fully connected layers, not AVERAGE_POOL_2D, CONV_2D" in refused.stdout


INTERPRETED = "toycar-fcrun-stm32f7"


@pytest.mark.slow
def test_an_interpreter_of_the_users_gets_the_arena_that_it_needs(tmp_path: Path) -> None:
    """Found by running it; its layers are compared, profiled and held against where set-up has put tensors."""
    place = project(tmp_path, "own_generator")
    done = doit(place, f"bench:{INTERPRETED}", "bench:toycar-fcrun-esp32c3", TINYFLOW_CACHE="cache")
    assert done.returncode == 0, done.stdout + done.stderr
    # the input or output of 640 bytes, one of 128, and scratch of 640
    assert {metrics(place, f"toycar-fcrun-{chip}")["arena_bytes"] for chip in ("stm32f7", "esp32c3")} == {1408}
    report = json.loads((place / "build" / INTERPRETED / "report.json").read_bytes())
    assert report["validation"]["layers"] == {"compared": 10, "of": 10, "unseen": []}
    profiled = doit(place, f"profile:{INTERPRETED}", TINYFLOW_CACHE="cache")
    rows = re.findall(r"^\d+ +FULLY_CONNECTED +([\d,]+) .* fcrun_dense$", profiled.stdout, re.MULTILINE)
    assert len(rows) == 10 and rows[1] == rows[2], profiled.stdout

    again = doit(place, f"bench:{INTERPRETED}", TINYFLOW_CACHE="cache")
    assert "built" not in again.stdout
    guarded = doit(place, f"bench:{INTERPRETED}+guard.ram", TINYFLOW_CACHE="cache")
    packed = doit(place, f"firmware:{INTERPRETED}", TINYFLOW_CACHE="cache")
    assert packed.returncode == 0, packed.stdout + packed.stderr
    assert guarded.returncode == 1 and "has scratch in its arena of which nobody knows where" in guarded.stdout

    feature = place / "recipes" / "features" / "size.yaml"
    feature.parent.mkdir()
    feature.write_text('description: x\nvalues: ["1392", "4096"]\nsets: {options: {arena_bytes: $value}}\n')
    small, large = (f"bench:{INTERPRETED}+size.{size}" for size in (1392, 4096))
    refused = doit(place, small, TINYFLOW_CACHE="cache")
    assert refused.returncode == 1
    said = "an arena of 1392 bytes is too small: it needs 1408\n  arena_bytes: 0 takes that"
    assert said in refused.stdout, refused.stdout + refused.stderr
    assert doit(place, large, TINYFLOW_CACHE="cache").returncode == 0
    assert metrics(place, large.removeprefix("bench:"))["arena_bytes"] == 4096

    kernel = place / "recipes" / "runtimes" / "fcrun" / "fcrun.c"
    kernel.write_text(kernel.read_text().replace("scratch[i] = in[i];", "scratch[i] = in[i], ((int8_t *)in)[i] = 0;"))
    wrong = doit(place, f"bench:{INTERPRETED}", TINYFLOW_CACHE="cache")
    assert wrong.returncode == 1
    assert re.search(r"fcrun_dense: writes \d+ bytes or more at model_arena\+\d+ .*in layer \d FULLY", wrong.stdout)
