"""From a saved kernel to a validated number: `doit watch` on one bench and on four, in one session each.

`python benchmarks/edit.py [--saves 5]` copies the runtime tinynn into a project of its own, adds an instruction to one
kernel that most models use (matrix3.S), and takes the time from the save to the last bench's line. The load of the
machine is beside it: the figures mean something on an idle one only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[1]
_MODELS = ("vww", "aww", "resnet", "toycar")
_FUNCTION = "tinynn_matrix3_dsp:\n"


def seconds_of_saves(benches: Sequence[str], place: Path, saves: int) -> list[float]:
    """Seconds from each save to the line of the last bench."""
    kernel = place / "recipes" / "runtimes" / "tinynn" / "src" / "dsp" / "matrix3.S"
    text = kernel.read_text(encoding="utf-8")
    command = [sys.executable, "-u", "-m", "doit", "watch", *(f"bench:{name}" for name in benches)]
    with subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True) as session:
        try:
            _read_until(session, "watching", 1)
            found = []
            for number in range(1, saves + 1):
                time.sleep(1.5)  # pages are written behind the numbers
                started = time.monotonic()
                edit = f"{_FUNCTION}  movw r12, #{(os.getpid() + number) % 65536}\n"  # free there, and new to the cache
                kernel.write_text(text.replace(_FUNCTION, edit), encoding="utf-8")
                _read_until(session, "; exact", len(benches))
                found.append(time.monotonic() - started)
            return found
        finally:
            session.send_signal(signal.SIGINT)
            kernel.write_text(text, encoding="utf-8")


def _read_until(session: subprocess.Popen[str], word: str, count: int) -> None:
    assert session.stdout is not None
    for line in session.stdout:
        count -= word in line
        if count == 0:
            return
    raise SystemExit("doit watch ended")


def main() -> None:
    """Print seconds for one bench and for four."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--saves", type=int, default=5)
    saves = parser.parse_args().saves
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        shutil.copy(_CHECKOUT / "pyproject.toml", place)
        shutil.copytree(_CHECKOUT / "recipes" / "runtimes" / "tinynn", place / "recipes" / "runtimes" / "tinynn")
        for models in (_MODELS[:1], _MODELS):
            seconds = seconds_of_saves([f"{model}-tinyc-stm32f7" for model in models], place, saves)
            words = " ".join(f"{one:.2f}" for one in seconds)
            print(
                f"{', '.join(models)}: median {statistics.median(seconds):.2f} s of {words}; load {os.getloadavg()[0]}"
            )


if __name__ == "__main__":
    main()
