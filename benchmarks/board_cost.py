"""What a bench on a board costs beyond what the board itself runs, with QEMU's STM32F405 as a GDB server for one.

    python benchmarks/board_cost.py [--model aww]

Prints how long stage `run` took, how much of that calls took on the board, and the rest: flashing, painting and reading
stacks, inputs, outputs, what layers compute. The target is 3 s; the status is 1 where it is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

MOST_S = 3.0
RECIPE = """\
description: QEMU's STM32F405 behind its GDB server
implementation: tinyflow.targets.gdb
cpu: cortex-m4
clock: 16MHz
memory:
  - {name: flash, kind: flash, origin: 0x08000000, length: 1MiB}
  - {name: ram, kind: ram, origin: 0x20000000, length: 128KiB}
gdb:
  server: [qemu-system-arm, -M, netduinoplus2, -S, -gdb, "tcp::{port}", -nographic, -monitor, none, -serial, none]
  reset: system_reset
"""


def main() -> int:
    """One bench, in a project of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="aww")
    bench = f"{parser.parse_args().model}-tinyc-qemu_board"
    with tempfile.TemporaryDirectory() as name:
        recipe = Path(name, "recipes", "targets", "qemu_board.yaml")
        recipe.parent.mkdir(parents=True)
        recipe.write_text(RECIPE)
        command = [Path(sys.executable).with_name("tinyflow"), "-n", "1", f"bench:{bench}"]
        done = subprocess.run(command, cwd=name, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
            return done.returncode
        timing = json.loads(Path(name, "build", bench, "timing.json").read_bytes())
    run_s, board_s = timing["wall_s"], timing["running_s"]
    print(f"{bench}: run {run_s:.2f} s, on the board {board_s:.2f} s, beyond {run_s - board_s:.2f} s")
    return int(run_s - board_s > MOST_S)


if __name__ == "__main__":
    sys.exit(main())
