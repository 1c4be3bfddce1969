"""`python benchmarks/cycles.py > docs/cycles.md` writes how far estimated cycles are off what boards measured."""

from __future__ import annotations

from pathlib import Path

from tinyflow.flow.planning.cycle_models import error_percent, no_cycles
from tinyflow.recipes import cycle_evidence
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Core, Target
from tinyflow.report import cycle_errors
from tinyflow.report.tables import markdown_table

_HEAD = """\
# Cycles and milliseconds

Written by `python benchmarks/cycles.py > docs/cycles.md` from `recipes/cores/` and `recipes/evidence/`.

A simulator counts instructions exactly. `cycles_estimate` and `latency_ms` are made of them by a table of rules for
each core, `recipes/cores/<core>.yaml`, and by the chip's `flash_timing` in `recipes/targets/`. They are estimates:
each carries the model's name and by how much it may be off, and is never shown as measured. What the rules were held
against is below: programs of others, run as they are in the simulator, beside the latencies that their makers
published for boards. `fitted` are those that had a say in the choice of rules; what has none was predicted.

## What a core's estimate is made of

- Each instruction takes the cycles of the first rule that fits its mnemonic and operands; a register that isn't
  ready, a unit that is busy, and an address that was computed just before keep it waiting. Two go together where
  `pairs` says so.
- A taken branch costs `branches.taken`; where a core predicts, the rarer way of each branch costs `mispredicted`.
- Lines of flash that no cache holds cost `wait_cycles` each; the caches are followed while the program runs.
- Left out: waits for RAM and its caches, bus conflicts, interrupts, what a block of code leaves unfinished for the
  next.

## What made the Cortex-M4 right

Arm's table alone (DDI 0439, 3.3) and a flash that is always fetched ahead were 6 % too low on average and up to 12
%. What was missing, none of it a factor, and by how much it changes the eight programs of OctoML:

- +0 … +3 %: flash is not fetched ahead. The chip leaves reset without prefetch, and their Zephyr doesn't switch it
  on.
- +0 … +1.4 %: a branch to a long instruction that lies across two words takes a cycle more (DDI 0439: 1 to 3 for
  refilling the pipeline, by "the alignment and width of the target instruction").
- +0 … +3.6 %: three or more such instructions in a row take a cycle more, as others measured.
- −4 % of the float program: integer instructions go on beside VMLA and VFMA, and VLDR is pipelined like LDR.
- 0: an address that was computed just before costs a cycle (DDI 0439, 3.3.3), which gcc's scheduling avoids.
- 0: unaligned loads, of which there are none.
"""
_CHIPS = """\
## Chips

The error is the core's, but where waits for flash were made up of a datasheet's figures and no board was measured.
"""
# What would be needed, and isn't published, as far as we know.
_MORE = {
    "nrf52840": ". Nordic publishes how many waits there are at most, but not how wide a line is, how many its cache "
    "holds; of the RP2350 the divider is unknown at which its boot ROM reads the flash",
    "esp32c6": ". Espressif publishes neither the timing of its instructions nor, in figures that we know, its cache",
}
_FINDINGS = {
    "rv32imc": """\
### What it says of the ESP32-C3

The published experiment B (`recipes/published/experiment_b.yaml`) has vww and resnet in NHWC at 16.0 and 24.7 s, where
NCHW takes 0.35 and 0.40 s. That is 343 and 317 cycles for each product. A line that the cache of 16 KiB doesn't hold
costs about 304 by the datasheet and ESP-IDF's default way to read flash (two lines at 80 MHz), so one missed line for
each product, and the instructions beside it, make 14.7 and 24.3 s: −8 % and −2 %. aww's layers fit the cache; it takes
0.21 s. So the cliff is the cache: weights that are read with a stride as large as a row of output channels.

Our own programs (`tvmaotplus` with `schedule.default`) read weights in the order in which they lie and don't fall off
it; by the same model, in seconds, beside what was published for TVM's:

| | NCHW, estimated | published | | NHWC, estimated | published | |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
| aww | 0.171 | 0.113 | × 1.51 | 0.213 | 0.210 | × 1.02 |
| vww | 0.459 | 0.349 | × 1.31 | 0.719 | 16.037 | × 0.045 |
| resnet | 0.540 | 0.397 | × 1.36 | 0.881 | 24.729 | × 0.036 |

They are other programs, so this confirms nothing. person_detect by TFLM (3,355 ms) and ESP-NN (426 ms) was published
without flags and version. With as many instructions for each of its 7.2 M products as vww has by TFLM's kernels at -O3
it would take about 1.2 s by this model, a third of what was published; at -Os these kernels take three to five times
as many.
""",
}
_ADDING = """\
## Measurements of your own

A board's figures are a file of comma-separated values:

    program,chip,core,clock,cycles,source
    aww-tinyc-stm32f4,STM32F413ZH,cortex-m4,100MHz,5012345,my board: DWT->CYCCNT around model_invoke

`program` is a bench of your project, whose instructions and estimate are taken from its results, or any other
program, with both in the file (`instructions`, `estimate`). `latency_ms` may stand in place of `cycles`; `compiler`,
`note` and `fitted` can be added. Refused are impossible values, benches that there aren't, that are of another core
or never ran, and what another file of the project has, each with its line. `doit cycles add FILE.csv` takes the lines
into your project's `recipes/evidence/` and shows their errors, `doit cycles` those of each core; its last lines tell
what the core's recipe should say. A core of your own is a file `recipes/cores/<core>.yaml` in your project: `extends:
cortex-m4` and a rule that comes before the others' is enough; without `branches` of its own it has all that it leaves
out (`branches`, `pairs`, ...) from there. A better one of ours is a whole file under the same name.
"""


def document(catalogue: Catalogue) -> str:
    """docs/cycles.md."""
    known = cycle_evidence.read_all(catalogue)
    parts = [_HEAD]
    for name in catalogue.names(Core):
        parts.append(_section(catalogue, name, [one for one in known if one.core == name]))
    return "\n".join([*parts, _chips(catalogue), _ADDING])


def _chips(catalogue: Catalogue) -> str:
    """Which chips have cycles, by what; and which haven't, why."""
    lines = [["chip", "core", "error", "waits for flash"]]
    without: dict[str, list[str]] = {}
    for target in (catalogue.get(Target, name) for name in catalogue.names(Target)):
        if not target.memory or target.gdb is not None or target.monitor is not None or target.ssh is not None:
            continue
        if why := no_cycles(catalogue, target):
            without.setdefault(why.replace(target.name, "it"), []).append(target.name)
            continue
        error = f"±{error_percent(catalogue, target):g} %"
        timing = target.flash_timing
        assert timing is not None
        unmeasured = "; no board was measured" if timing.error_percent is not None else ""
        lines.append([target.name, target.cpu, error, f"{timing.wait_cycles}: {timing.source}{unmeasured}"])
    reasons = (f"- {', '.join(names)}: {why}{_MORE.get(names[0], '')}." for why, names in without.items())
    return "\n".join([_CHIPS, *markdown_table(lines, [False] * 4), "", "Without cycles:", "", *reasons, ""])


def _section(catalogue: Catalogue, name: str, measurements: list[cycle_evidence.Measurement]) -> str:
    core = catalogue.get(Core, name)
    lines = [f"## {name}", "", f"{core.description}. Rules: {core.source.rstrip('.')}.", ""]
    if not measurements:
        lines += [f"No board has confirmed it; the error of {core.error_percent} % is a guess.", ""]
        return "\n".join([*lines, *filter(None, [_FINDINGS.get(name)])])
    notes = cycle_errors.notes(measurements, cycle_evidence.rules_digest(catalogue, core))
    lines += cycle_errors.told(name, measurements, core.error_percent)
    lines += ["", *markdown_table([cycle_errors.HEADINGS, *cycle_errors.rows(measurements)], cycle_errors.ARE_NUMBERS)]
    return "\n".join([*lines, "", *(f"- {note}." for note in notes), ""])


if __name__ == "__main__":
    print(document(Catalogue([Path(__file__).parents[1] / "recipes"])), end="")
