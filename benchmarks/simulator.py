"""Simulated instructions per second, counted and not counted, on two kernels like those of a network.

    python benchmarks/simulator.py [--cpu cortex-m7]… [--seconds 2]

Prints for each CPU and kernel the instructions of a call, the length of its blocks, and MIPS of CPU time: with the
native table and without counting. Counts are exact; MIPS are the best of all calls.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import kept
import processors
import yaml

from tinyflow.targets.blocks import Edge
from tinyflow.targets.unicorn import capabilities
from tinyflow.targets.unicorn import machine as simulator
from tinyflow.toolchains import script, zig

ROOT = Path(__file__).parents[1]
SUPPORT = ROOT / "recipes" / "runtimes" / "support"
CPUS = ("cortex-m3", "cortex-m4", "cortex-m7", "rv32imc")
MEMORY = {"thumb": (0x08000000, 0x20000000), "riscv": (0x42000000, 0x3FC80000)}
LIMIT_INSTRUCTIONS = 1_000_000_000
PROGRAM = """
#include <stdint.h>
int8_t input[48 * 48 * 8], weights[16 * 8], output[48 * 48 * 16];
int32_t bias[16], multiplier[16];

static int8_t requantise(int32_t sum, int32_t channel) {
  int32_t value = (int32_t)(((int64_t)sum * multiplier[channel] + (1 << 30)) >> 31);
  return (int8_t)(value > 127 ? 127 : value < -128 ? -128 : value);
}
int pointwise(void) {
  for (int pixel = 0; pixel < 48 * 48; ++pixel) {
    for (int channel = 0; channel < 16; ++channel) {
      int32_t sum = bias[channel];
      for (int i = 0; i < 8; ++i) {
        sum += input[pixel * 8 + i] * weights[channel * 8 + i];
      }
      output[pixel * 16 + channel] = requantise(sum, channel);
    }
  }
  return 0;
}
int depthwise(void) {
  for (int y = 1; y < 47; ++y) {
    for (int x = 1; x < 47; ++x) {
      for (int channel = 0; channel < 8; ++channel) {
        int32_t sum = bias[channel];
        for (int i = 0; i < 9; ++i) {
          sum += input[((y + i / 3 - 1) * 48 + x + i % 3 - 1) * 8 + channel] * weights[i * 8 + channel];
        }
        output[(y * 48 + x) * 8 + channel] = requantise(sum, channel);
      }
    }
  }
  return 0;
}
int model_setup(void) { return pointwise(); }
int model_invoke(void) { return depthwise(); }
"""


class NoTable:
    """Counts nothing, to show what counting costs."""

    last = (0, 0)
    instructions = 0
    is_over_limit = False

    def __init__(self, *_: object) -> None:
        """Attach to nothing."""

    def reset(self, limit_instructions: int) -> None:
        """Nothing to forget."""

    def edges(self) -> list[Edge]:
        """None."""
        return []


def main() -> None:
    """Read the command line, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", action="append", choices=CPUS)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure")
    chosen = parser.parse_args()
    print(f"{'cpu':<10} {'kernel':<10} {'instructions':>12} {'/block':>6} {'counted':>8} {'uncounted':>9}")
    with tempfile.TemporaryDirectory() as folder:
        library = kept.path(capabilities(processors.described("cortex-m7")).inputs["block_table.so"])
        for cpu in chosen.cpu or CPUS:
            target = target_of(cpu)
            firmware = build_firmware(Path(folder), target)
            for kernel in ("pointwise", "depthwise"):
                print(f"{cpu:<10} {kernel:<10} {measure(target, firmware, library, kernel, chosen.seconds)}")


def measure(target: dict[str, Any], firmware: Path, library: Path, kernel: str, seconds: float) -> str:
    """One line of figures."""
    machine = simulator.Simulator(target, library)
    machine.load(firmware)
    _, counters = machine.call(kernel, limit_instructions=LIMIT_INSTRUCTIONS)
    count = counters.instructions or 0
    blocks = sum(edge.executions for edge in machine.edges)
    counted = count / best_s(machine, kernel, seconds)
    with patch.object(simulator, "BlockTable", NoTable):
        machine = simulator.Simulator(target, library)
        machine.load(firmware)
        uncounted = count / best_s(machine, kernel, seconds)
    return f"{count:>12,} {count / blocks:>6.1f} {counted / 1e6:>8.0f} {uncounted / 1e6:>9.0f}"


def best_s(machine: simulator.Simulator, kernel: str, seconds: float) -> float:
    """CPU seconds of the fastest call, painting and profile included, since every call of a bench has them."""
    best, end = float("inf"), time.monotonic() + seconds
    while time.monotonic() < end:
        started = time.process_time()
        machine.call(kernel, limit_instructions=LIMIT_INSTRUCTIONS)
        best = min(best, time.process_time() - started)
    return best


def target_of(cpu: str) -> dict[str, Any]:
    """A target with room for the kernels."""
    flash, ram = MEMORY[processors.processor(cpu).isa]
    memory = [
        {"name": "flash", "kind": "flash", "origin": flash, "length_bytes": 1 << 20},
        {"name": "ram", "kind": "ram", "origin": ram, "length_bytes": 384 << 10},
    ]
    return {"name": "bench", **processors.described(cpu), "memory": memory, "stack_bytes": 4096}


def build_firmware(folder: Path, target: dict[str, Any]) -> Path:
    """Compile and link the kernels with the support runtime."""
    cpu = processors.compiler(target["cpu"])
    (folder / "program.c").write_text(PROGRAM)
    runtime = yaml.safe_load((SUPPORT / "runtime.yaml").read_text(encoding="utf-8"))["sources"]
    sources = [folder / "program.c", *(SUPPORT / name for name in (*runtime["all"], *runtime[cpu["isa"]]))]
    objects = [folder / f"{source.name}.o" for source in sources]
    for source, made in zip(sources, objects, strict=True):
        command = zig.compile_command(cpu, source, made, [SUPPORT / "include"], (), ("-O3", "-ffreestanding"))
        subprocess.run(command, check=True)
    script_path = folder / "firmware.ld"
    script_path.write_text(script.render(ROOT / "templates" / "link" / "firmware.ld.j2", target, cpu["isa"]))
    firmware = folder / f"{target['cpu']}.elf"
    subprocess.run(zig.link_command(cpu, objects, (), script_path, firmware, folder / "firmware.map"), check=True)
    return firmware


if __name__ == "__main__":
    main()
