"""What every number in a report means: name, unit, definition and how people like to read it. No arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tinyflow.core.units import format_count, format_seconds, format_size


@dataclass(frozen=True)
class Metric:
    """One named number. `heading` is its short column title, empty where a console table leaves it out.

    `version` grows with every change of the definition that changes numbers; old and new ones are never compared.
    `kind` is `exact`, `neutral` where neither more nor less is better, `estimate` where a model with an
    error says it, `time` where it comes in repeated samples, and `noise` where it says nothing about the firmware.
    `repeated` names the metric whose samples, or whose `_spread` where there are none, tell how much of it is chance.
    """

    name: str
    unit: str
    definition: str
    heading: str = ""
    version: int = 1
    kind: Literal["exact", "neutral", "estimate", "time", "noise"] = "exact"
    is_ranked: bool = False  # whether the smallest of a model and target is marked
    repeated: str = ""
    is_more_better: bool = False

    @property
    def title(self) -> str:
        """Its column's title with the unit, where cells have none: `invoke [instr]`."""
        name = self.heading or self.name
        unit = "instr" if self.unit == "instructions" else self.unit
        return name if self.unit in _FORMATS or unit in (name, "") else f"{name} [{unit}]"

    def format(self, value: float) -> str:
        """The value for people: `22.6 M`, `56.8 KiB`."""
        return _FORMATS.get(self.unit, format_count)(value)


def _format_duration(seconds: float) -> str:
    """`1.23 ms`; `format_seconds` is for what people wait for."""
    if seconds >= 1:
        return format_seconds(seconds)
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} us"


_FORMATS: dict[str, Callable[[float], str]] = {
    "bytes": lambda value: format_size(round(value)),
    "s": _format_duration,
    "ms": lambda value: _format_duration(value / 1e3),
    "uJ": lambda value: f"{value:.3g} uJ" if value < 1e3 else f"{value / 1e3:.3g} mJ",
    "share": lambda value: f"{100 * value:.4g} %",
    "area": lambda value: f"{value:.4g}",
    "instructions/MAC": lambda value: f"{value:.2f}",
}

# The order here is the order of columns and keys everywhere.
METRICS = (
    Metric(
        "invoke_instructions",
        "instructions",
        "retired in one model_invoke, the largest of all samples",
        "invoke",
        is_ranked=True,
    ),
    Metric("invoke_instructions_min", "instructions", "the same, the smallest of all samples"),
    Metric(
        "cycles_estimate",
        "cycles",
        "of one model_invoke, the first sample, by the model of the core and the flash that the report names",
        "cycles",
        kind="estimate",
        is_ranked=True,
    ),
    Metric("latency_ms", "ms", "cycles_estimate at the target's clock", "latency", kind="estimate", is_ranked=True),
    Metric(
        "energy_uj",
        "uJ",
        "latency_ms at the current and the voltage of the target's recipe",
        "energy",
        kind="estimate",
        is_ranked=True,
    ),
    Metric("setup_instructions", "instructions", "retired in model_setup", "set-up", is_ranked=True),
    Metric("rom_bytes", "bytes", "rom_code + rom_rodata + rom_data", "ROM", is_ranked=True),
    Metric("rom_code", "bytes", "instructions in flash"),
    Metric("rom_rodata", "bytes", "constants in flash, weights among them"),
    Metric("rom_data", "bytes", "initial values of ram_data, kept in flash"),
    Metric(
        "ram_bytes",
        "bytes",
        "ram_data + ram_bss + stack_peak_bytes + heap_peak_bytes; RAM as linked where it doesn't fit",
        "RAM",
        is_ranked=True,
    ),
    Metric("ram_data", "bytes", "initialised variables"),
    Metric("ram_bss", "bytes", "zeroed variables, the arena among them"),
    Metric("stack_peak_bytes", "bytes", "high-water mark of the stack, the worst sample"),
    Metric("heap_peak_bytes", "bytes", "high-water mark of the heap, the worst sample"),
    Metric("arena_bytes", "bytes", "activations and scratch, from the memory plan", "arena", is_ranked=True),
    Metric("weights_bytes", "bytes", "weights and other constants, from the memory plan"),
    Metric("macs", "MACs", "multiply-accumulates of one inference, from the model's graph", kind="neutral"),
    Metric("instructions_per_mac", "instructions/MAC", "invoke_instructions / macs", "instr/MAC"),
    Metric("tuned_kernels", "kernels", "kernels of the backend for which there was a tuning record"),
    Metric(
        "invoke_s",
        "s",
        "wall time of one model_invoke on the host or on the machine that ssh reaches, the fastest of all",
        "time",
        kind="time",
        is_ranked=True,
        repeated="invoke_s",
    ),
    Metric("invoke_s_median", "s", "the same, the median", "median time", kind="time", repeated="invoke_s"),
    Metric("invoke_s_p95", "s", "the same, which one in twenty exceeds", kind="time", repeated="invoke_s"),
    Metric("invoke_s_spread", "s", "most less least, of the sample that varies most", "time spread", kind="noise"),
    Metric(
        "host_memory_bytes",
        "bytes",
        "the most that an engine's process had, less what Python and numpy have: physical memory of this machine",
        "memory",
        kind="noise",
    ),
    Metric("model_bytes", "bytes", "files that an engine loads", kind="neutral"),
    Metric("install_bytes", "bytes", "an engine's packages and all that they require, as installed", kind="neutral"),
    Metric("commands", "commands", "to install an engine and to convert for it", kind="neutral"),
    Metric("written_lines", "lines", "of Python that call an engine, without comments", kind="neutral"),
    Metric(
        "cycles",
        "cycles",
        "of one model_invoke by the chip's own counter, the fewest of all",
        "counted",
        kind="time",
        repeated="cycles",
    ),
    Metric("cycles_median", "cycles", "the same, the median", "median counted", kind="time", repeated="cycles"),
    Metric(
        "cycles_spread", "cycles", "most less fewest, of the sample that varies most", "counted spread", kind="noise"
    ),
    Metric(
        "board_ms",
        "ms",
        "cycles over the clock of the target's recipe",
        "board",
        kind="time",
        is_ranked=True,
        repeated="cycles",
    ),
    Metric(
        "repetitions",
        "times",
        "how often every sample was measured, where that varies",
        "repeated",
        kind="noise",
    ),
    *(
        Metric(f"{name}{ending}", unit, f"{what}{who}", "" if ending else heading, is_more_better=True)
        for ending, who in (
            ("", ", of the firmware"),
            ("_reference", ", of the reference interpreter"),
            ("_float", ", of the float network before it was quantised"),
        )
        for name, unit, heading, what in (
            ("top1", "share", "top-1", "labelled samples whose largest output is that of their class"),
            ("top5", "share", "", "labelled samples whose class is among the five largest outputs"),
            ("auc", "area", "AUC", "area under the ROC curve over labelled samples"),
        )
    ),
    Metric("simulated_mips", "MIPS", "how fast the simulator was: says nothing about the firmware", kind="noise"),
    Metric("wall_s", "s", "how long the run stage took: says nothing about the firmware", kind="noise"),
)

BY_NAME = {metric.name: metric for metric in METRICS}
# What people type for columns of results.
SHORT_NAMES = {
    "instructions": "invoke_instructions",
    "latency": "latency_ms",
    "ram": "ram_bytes",
    "rom": "rom_bytes",
    "flash": "rom_bytes",
    "exact": "validation",
}
