"""`doit watch`: a saved kernel becomes a number, a wrong one its layer; Ctrl-C ends it and leaves nothing running."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import kept
import pytest
from tests_support import CHECKOUT, PATIENCE_S, doit, wait_until

from tinyflow.model.zoo import synthesize

pytest.importorskip("watchfiles")
EXAMPLE = CHECKOUT / "tests" / "examples" / "own_kernels"
BENCH = "toycar-tinyc-stm32f7+fastnn"


class Watching:
    """A session, and what it printed so far."""

    def __init__(self, place: Path, *words: str) -> None:
        shutil.copy(CHECKOUT / "pyproject.toml", place)
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "doit", "watch", *words],
            cwd=place,
            env={
                "PYTHONPATH": str(CHECKOUT),
                "HOME": str(place),
                "PATH": "/usr/bin:/bin",
                "TINYFLOW_CACHE": str(kept.folder()),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def until(self, is_wanted: Callable[[str], bool]) -> str:
        """The line that was waited for."""
        return self.lines_until(is_wanted)[-1]

    def lines_until(self, is_wanted: Callable[[str], bool]) -> list[str]:
        """All lines up to the one that was waited for; a session that doesn't come to it is ended."""
        assert self.process.stdout is not None
        seen = []
        patience = threading.Timer(PATIENCE_S, self.process.kill)
        patience.start()
        try:
            for line in self.process.stdout:
                seen.append(line)
                if is_wanted(line):
                    return seen
        finally:
            patience.cancel()
        raise AssertionError("".join(seen))


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Callable[..., Watching]]:
    """Starts a session that is ended in any case."""
    started: list[Watching] = []

    def start(*words: str) -> Watching:
        started.append(Watching(tmp_path, *words))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


@pytest.mark.slow
def test_a_saved_kernel_becomes_a_number_and_a_wrong_one_its_layer(
    tmp_path: Path, watching: Callable[..., Watching]
) -> None:
    """Old → new; then a bug: layer, element, both values; then right again; headers and recipes, too; Ctrl-C."""
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    kernel = tmp_path / "recipes" / "runtimes" / "fastnn" / "fully_connected.c"
    right = kernel.read_text()
    last = right.rindex("}\n")
    (kernel.parent / "more.h").write_text("#define MORE 1\n")
    session = watching(f"bench:{BENCH}")
    first = session.until(lambda line: "invoke " in line)
    assert first.startswith(f"{BENCH}: invoke instructions ") and "exact" in first
    session.until(lambda line: line.startswith("watching"))

    kernel.write_text(right[:last] + '  __asm__ volatile("nop");\n}\n')
    changed = session.until(lambda line: line.startswith(BENCH))
    assert "→" in changed and "%" in changed

    kernel.write_text(right[:last] + "  if (p->inputs == 8) output[-1] ^= 64;\n}\n")
    named = session.until(lambda line: "the first wrong layer" in line)
    assert "is 5 FULLY_CONNECTED: " in named and "[127]: expected" in named

    # A fault names its layer; nobody looks for it once more.
    kernel.write_text(right[:last] + "  if (p->inputs == 8) output[1 << 28] = 1;\n}\n")
    assert "in layer 5 FULLY_CONNECTED" in session.until(lambda line: line.startswith(f"run {BENCH}"))
    kernel.write_text(right)
    after_fault = session.lines_until(lambda line: line.startswith(f"{BENCH}: ") and "exact" in line)
    assert not any(": layer" in line or "saved again" in line for line in after_fault)

    # A header that is included from now on was no input of anything.
    kernel.write_text(f'#include "more.h"\n{right}')
    assert "exact" in session.until(lambda line: line.startswith((f"{BENCH}: ", "compile")))
    kernel.write_text(right)
    session.until(lambda line: line.startswith(f"{BENCH}: ") and "exact" in line)

    recipe = tmp_path / "recipes" / "runtimes" / "fastnn" / "runtime.yaml"
    text = recipe.read_text()
    recipe.write_text(text + "nonsense: 1\n")
    assert "runtime.yaml:" in session.until(lambda line: "nonsense" in line)
    recipe.write_text(text)
    session.until(lambda line: line.startswith(f"{BENCH}: ") and "exact" in line)

    session.process.send_signal(signal.SIGINT)
    assert session.process.wait(20) == 130
    wait_until(lambda: not _children(session.process.pid))
    assert (tmp_path / "build" / BENCH / "report.html").is_file()


@pytest.mark.slow
def test_layers_of_a_command_s_code_are_found_for_a_file_by_the_name_that_was_printed(
    tmp_path: Path, watching: Callable[..., Watching]
) -> None:
    """A command that tells no layers, a model by path, a feature; `bisect-layer` and `watch` name the layer."""
    shutil.copytree(CHECKOUT / "tests" / "examples" / "own_generator", tmp_path, dirs_exist_ok=True)
    program = tmp_path / "recipes" / "backends" / "fcgen" / "generate.py"
    wrong = "    zero_point += index == 2\n    outputs, inputs = weights"
    program.write_text(program.read_text().replace("    outputs, inputs = weights", wrong))
    model = tmp_path / "nets" / "My-Net.tflite"
    model.parent.mkdir()
    shape = {"features": 33, "hidden": 10, "bottleneck": 3, "depth": 2}
    model.write_bytes(synthesize({"graph": "toycar", **shape}))
    for path in (model, shutil.copy(model, tmp_path / "near.tflite")):
        bench = f"{path.relative_to(tmp_path)}-fcgen-stm32f7+opt.O2"
        failed = doit(tmp_path, f"bench:./{bench}")
        assert failed.returncode == 1
        named = re.search(r"failed  run (\S+)", failed.stdout)
        assert named is not None, failed.stdout
        found = doit(tmp_path, "bisect-layer", named[1].rstrip(":"))
        assert (found.returncode, found.stderr) == (1, ""), found.stdout + found.stderr
        assert f"{named[1].rstrip(':')}: layer 2 FULLY_CONNECTED\n" in found.stdout
    session = watching(f"bench:./{bench}", "--no-pages")
    assert session.until(lambda line: ": layer" in line).endswith("layer 2 FULLY_CONNECTED\n")
    model.unlink()
    gone = doit(tmp_path, "bisect-layer", "my_net-fcgen-stm32f7")
    assert gone.returncode == 2 and "Traceback" not in gone.stderr


def test_nothing_to_watch_is_wrong_use(tmp_path: Path) -> None:
    """And so is a bench that doesn't exist."""
    assert doit(tmp_path, "watch").returncode == 2
    assert doit(tmp_path, "watch", "bench:vvw-tinyc-stm32f7").returncode == 2


def _children(session: int) -> list[int]:
    """Processes of a session that are still there."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getsid(int(entry.name)) == session:
                    found.append(int(entry.name))
            except ProcessLookupError:
                continue
    return found
