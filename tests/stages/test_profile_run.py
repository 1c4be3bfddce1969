"""A profile of real firmware, cycles included: the parts add up, and are what the machine counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kept
import pytest
from processors import core, described
from small_firmware import Bench, workspace

from tinyflow.core.action import Workspace
from tinyflow.core.errors import RunError, UsageError
from tinyflow.report.trace import trace_text
from tinyflow.stages import tune
from tinyflow.stages.profile import profile
from tinyflow.stages.trace import trace
from tinyflow.targets import unicorn
from tinyflow.targets.accesses import Wanted
from tinyflow.targets.interpreter import Interpreted
from tinyflow.targets.protocol import open_machine

MODEL = r"""
#include <stdint.h>
int8_t model_arena[64];
__attribute__((noinline)) static void inner(volatile int8_t *x, int n) {
#pragma clang loop unroll(disable)
  for (int i = 0; i < n; ++i) { x[i]++; }
}
__attribute__((noinline)) static void conv(int8_t *x) { inner(x, 5); x[7] = x[40]; }
__attribute__((noinline)) static void add(int8_t *x) { inner(x, 30); x[8] = 2; }
int model_setup(void) { model_arena[1] = 1; return SETUP; }
int model_invoke(void) { conv(model_arena); add(model_arena); return model_arena[40] - 9; }
"""
CYCLES = core("cortex-m4")
FLASH = {"wait_cycles": 5, "line_bytes": 16, "instructions": {"lines": 4, "ways": None}, "prefetch": True}
FLASH |= {"data": {"lines": 2, "ways": None}}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A Cortex-M4."""
    return Bench(tmp_path_factory.mktemp("profile"), cpu="cortex-m4", flags=("-O2",))


@pytest.fixture(scope="module")
def firmware(bench: Bench) -> Path:
    """Of that model."""
    return bench.link({"model.c": MODEL.replace("SETUP", "0")})["firmware.elf"]


@pytest.fixture(scope="module")
def flash_model() -> Path:
    """The model of flash caches, built by its stage."""
    [output] = unicorn.capabilities(described("cortex-m4")).trace.values()  # type: ignore[union-attr]
    return kept.path(output)


def profiled(folder: Path, bench: Bench, files: dict[str, Path], sample: int = 9, **more: Any) -> dict[str, Any]:
    """profile.json of this firmware and a sample of one byte."""
    return looked_at(profile, folder, bench, files, sample, **more)


def looked_at(
    stage: Callable[[Workspace], None], folder: Path, bench: Bench, files: dict[str, Path], sample: int = 9, **more: Any
) -> dict[str, Any]:
    """What a stage that looks on makes of it."""
    plan = {
        **{"backend": "b", "setup": "model_setup", "invoke": "model_invoke", "macs": 5, "arena": None},
        "inputs": [{"symbol": "model_arena+40", "bytes": 1}],
        "outputs": [{"symbol": "model_arena+41", "bytes": 1}],
        "layers": [
            {"index": 0, "operator": "CONV_2D", "functions": ["conv"], "macs": 5, "outputs_bytes": 1},
            {"index": 1, "operator": "ADD", "functions": ["add"], "macs": 0, "outputs_bytes": 1},
        ],
    }
    ports = {"dtype": "int8", "bytes": 1}
    reference = {"reference": "tflm", "samples": 2, "inputs": [ports], "outputs": [ports]}
    texts = {"plan.json": json.dumps(plan).encode(), "reference.json": json.dumps(reference).encode()}
    texts |= {"inputs.bin": bytes([sample, 1]), "reference.bin": bytes(2)}
    folder.mkdir()
    for name, content in texts.items():
        (folder / name).write_bytes(content)
    inputs = {**{name: folder / name for name in texts}, **bench.machine_files, **files}
    target = {**bench.machine_target, "clock_hz": 7}
    name = f"{stage.__name__}.json"
    made = workspace(folder / "w", inputs, [name], {"target": target, "limit_instructions": 9999, **more})
    stage(made)
    found: dict[str, Any] = json.loads(made.outputs[name].read_bytes())
    return found


def test_a_profile_adds_up_to_what_is_counted(tmp_path: Path, bench: Bench, firmware: Path, flash_model: Path) -> None:
    """Layers and the rest; the same with cycles, which a cache that holds less makes more of."""
    machine = open_machine(bench.machine_target, bench.machine_files)
    machine.load(firmware)
    machine.call("model_setup", limit_instructions=9999)
    machine.write("model_arena+40", b"\x09")
    status, counters = machine.call("model_invoke", limit_instructions=9999)
    machine.close()
    plain = profiled(tmp_path / "a", bench, {"firmware.elf": firmware}, no_cycles="for a reason")
    assert status == 0 and plain["total"]["instructions"] == counters.instructions
    parts = [*plain["layers"], plain["other"]]
    for column in ("instructions", "loads", "stores"):
        assert sum(part[column] for part in parts) == plain["total"][column] > 0
    assert plain["layers"][1]["loads"] > plain["layers"][0]["loads"] >= 6
    called = {entry["name"]: entry["calls"] for entry in plain["functions"]}
    assert called == {"inner": 2, "add": 1, "conv": 1, "model_invoke": 1}
    assert (
        plain["no_cycles"] == "for a reason" and "cycle_model" not in plain and "cycles_estimate" not in plain["total"]
    )

    files = {"firmware.elf": firmware, "flash_model.so": flash_model}
    cycles = profiled(tmp_path / "b", bench, files, core=CYCLES, flash_timing=FLASH)
    facts = {"name": "cortex-m4", "clock_hz": 7}
    assert cycles["cycle_model"] == {**facts, **{name: CYCLES[name] for name in ("error_percent", "evidence")}}
    estimate = cycles["total"]["cycles_estimate"]
    assert sum(line["cycles_estimate"] for line in cycles["functions"]) == estimate
    assert {line["name"] for line in cycles["functions"] if line["cycles_by_cause"]["flash"]} == {
        "inner",
        "model_invoke",
    }
    assert sum(part["cycles_estimate"] for part in (*cycles["layers"], cycles["other"])) == estimate
    assert estimate > cycles["total"]["instructions"] == plain["total"]["instructions"]
    waits = {
        name: profiled(tmp_path / name, bench, files, core=CYCLES, flash_timing={**FLASH, **change})["total"][
            "cycles_estimate"
        ]
        for name, change in {
            "none": {"wait_cycles": 0},
            "twice": {"wait_cycles": 10},
            "few": {"instructions": {"lines": 1, "ways": 1}},
            "sets": {"instructions": {"lines": 4, "ways": 1}},
            "shared": {"data": None},
            "unforeseen": {"prefetch": False},
            "long": {"line_bytes": 64},
        }.items()
    }
    assert waits["twice"] - estimate == estimate - waits["none"] > 0 and (estimate - waits["none"]) % 5 == 0
    assert waits["long"] < estimate < waits["few"] and estimate < waits["unforeseen"]


def test_a_trace_has_the_profiles_counts(tmp_path: Path) -> None:
    """Layer by layer, where an instruction is one access (RISC-V); flash and RAM are all; a cache only adds to it."""
    bench = Bench(tmp_path, cpu="rv32imc", flags=("-O2",))
    firmware = bench.link({"model.c": MODEL.replace("SETUP", "0")})["firmware.elf"]
    profiled_ = profiled(tmp_path / "a", bench, {"firmware.elf": firmware})
    files = {"firmware.elf": firmware}
    more = unicorn.capabilities(described("rv32imc")).accesses or {}
    files |= {name: kept.path(output) for name, output in more.items()}
    traced = looked_at(trace, tmp_path / "b", bench, files)
    ones = [(document["total"], document["other"], *document["layers"]) for document in (profiled_, traced)]
    for its, ours in zip(*ones, strict=True):
        assert {name: ours[name] for name in ("instructions", "loads", "stores")} == {
            name: its[name] for name in ("instructions", "loads", "stores")
        }
    for one in ones[1]:
        for name in ("loads", "stores", "load_bytes", "store_bytes", "distinct_bytes"):
            assert one[name] == one["flash"][name] + one["ram"][name]
            assert one is traced["total"] or one[name] == sum(place[name] for place in one["places"])
    assert traced["total"]["distinct_bytes"] == sum(place["distinct_bytes"] for place in traced["places"])
    cache = {"bytes": 64, "ways": 2, "line_bytes": 8}
    cached = looked_at(trace, tmp_path / "c", bench, files, cache=cache)
    total = cached["total"]
    assert {name: total[name] for name in ("instructions", "load_bytes")} == {
        name: traced["total"][name] for name in ("instructions", "load_bytes")
    }
    assert total["data_hits"] + total["data_misses"] == total["loads"] + total["stores"]
    assert cached["cache"] == cache and total["code_misses"] > 0
    text = trace_text("x", cached)
    assert "64 B" in text and "model_arena" in text and "CONV_2D" in text and "data_misses" in text


def test_what_goes_wrong_is_told(tmp_path: Path, bench: Bench, firmware: Path) -> None:
    """A status of the call, of set-up, and a machine that sees no instructions."""
    with pytest.raises(RunError, match="model_invoke: returned -5, not 0"):
        profiled(tmp_path / "a", bench, {"firmware.elf": firmware}, sample=4)
    bad = Bench(tmp_path / "bad", cpu="cortex-m4", flags=("-O2",))
    (tmp_path / "bad").mkdir()
    broken = bad.link({"model.c": MODEL.replace("SETUP", "3")})["firmware.elf"]
    with pytest.raises(RunError, match="model_setup: returned 3, not 0"):
        profiled(tmp_path / "b", bench, {"firmware.elf": broken})
    with pytest.raises(RunError, match="only the built-in simulator"):
        Interpreted("tflm").trace("invoke", "invoke", limit_instructions=1)
    with pytest.raises(UsageError, match="only the built-in simulator"):
        Interpreted("tflm").watch_accesses(tmp_path, Wanted("invoke", [], 0))
    with pytest.raises(UsageError, match="behind a GDB port"):
        Interpreted("tflm").stopped_at("invoke")


# A search's batch, measured with real compilers: this module is the backend's implementation.


class Call:
    """How one candidate is called."""

    def __init__(self, number: int) -> None:
        self.function, self.output, self.expected = f"candidate_{number}", "model_out", bytes([5])
        self.before = {"model_in": b"\x05", "model_out": b"\0"}
        self.scratch_bytes, self.constant_bytes = number, 100


def write_firmware(subject: Any, batch: list[Any], sources: Path) -> list[Call | None]:
    """A function for each candidate that loops as often as it says; one that is None doesn't fit."""
    text = "#include <stdint.h>\nvolatile int8_t model_in, model_out;\n"
    for number, choice in enumerate(batch):
        text += f"__attribute__((noinline)) int candidate_{number}(void) {{\n"
        text += f"  for (volatile int i = 0; i < {choice or 1}; ++i) {{}}\n"
        text += f"  model_out = model_in{' + 1' if choice == 13 else ''}; return 0; }}\n"
    text += "int model_setup(void) { return 0; }\nint model_invoke(void) { return 0"
    text += "".join(f" + candidate_{number}()" for number in range(len(batch))) + "; }\n"
    (sources / "model.c").write_text(text)
    return [None if choice == 99 else Call(number) for number, choice in enumerate(batch)]


@pytest.mark.slow
def test_a_batch_is_compiled_linked_and_counted(
    tmp_path: Path, bench: Bench, firmware: Path, flash_model: Path
) -> None:
    """Each candidate by itself; what doesn't fit or is wrong has no count; of a batch before nothing is left."""
    import sys

    from small_firmware import ROOT, support

    inputs = {
        "lib/support.a": support(bench.cpu, bench.toolchain, bench.flags),
        "link.ld.j2": ROOT / "templates/link/firmware.ld.j2",
        **bench.machine_files,
    }
    parameters = {**bench.parameters, "target": bench.machine_target, "flags": ["-O2"], "defines": []}
    parameters |= {"limit_instructions": 99_999, "options": {}}
    made = workspace(tmp_path / "w", inputs, ["records.jsonl"], parameters)
    search = tune._Search(made, sys.modules[__name__], None, "1/1 k")
    few, none, wrong, many = search._measure([10, 99, 13, 100])
    assert (none, wrong) == (None, None) and few is not None and many is not None
    more = many["instructions"] - few["instructions"]
    assert more % 90 == 0 and more > 0 and (few["scratch_bytes"], many["scratch_bytes"]) == (0, 3)
    assert few["flash_bytes"] == many["flash_bytes"] == 100  # they call nothing, and are themselves no kernels
    assert search._measure([100]) == [{**many, "scratch_bytes": 0}]
    assert "candidate_2 computes something wrong" in made.log_path.read_text()
    files = {**inputs, "flash_model.so": flash_model}
    timed = workspace(tmp_path / "c", files, ["records.jsonl"], {**parameters, "core": CYCLES, "flash_timing": FLASH})
    search = tune._Search(timed, sys.modules[__name__], None, "1/1 k")
    first, again = search._measure([10, 10])
    assert first is not None and again is not None
    assert first["instructions"] == few["instructions"] < first["cycles_estimate"]
    # each from a reset, whatever ran before it
    assert search._measure([99, 10]) == [None, again]
    slow = {**parameters, "core": CYCLES, "flash_timing": {**FLASH, "wait_cycles": 50}}
    search = tune._Search(workspace(tmp_path / "d", files, ["records.jsonl"], slow), sys.modules[__name__], None, "k")
    [waiting] = search._measure([10])
    assert waiting is not None and waiting["cycles_estimate"] > first["cycles_estimate"]


RETURNS_IN_IT = r"""
#include <stdint.h>
static const int8_t table[2] = {3, 4};
int8_t model_arena[64];
__attribute__((naked, noinline)) static int pick(int which, const int8_t *from) {
  __asm__ volatile("cmp r0, #1\n itt eq\n ldrsbeq.w r0, [r1]\n bxeq lr\n movs r0, #9\n bx lr");
}
__attribute__((naked, noinline)) static int after_pick(int which, const int8_t *from) {
  __asm__ volatile("push {r4, lr}\n bl %c0\n cmp r0, #4\n bne 1f\n movs r0, #70\n 1: pop {r4, pc}" ::"i"(pick));
}
__attribute__((noinline)) static void conv(int8_t *x) { x[0] = (int8_t)after_pick(1, table); }
__attribute__((noinline)) static void add(int8_t *x) { x[0] = 1; }
int model_setup(void) { return 0; }
int model_invoke(void) { conv(model_arena); add(model_arena + 8); return model_arena[0] - 3 + model_arena[8] - 1; }
"""


def test_a_return_in_an_it_block_behind_what_is_watched(tmp_path: Path, bench: Bench, flash_model: Path) -> None:
    """Reads of flash are seen without an effect on what runs: Unicorn's hooks leave the block's state behind."""
    firmware = bench.link({"model.c": RETURNS_IN_IT})["firmware.elf"]
    plain = profiled(tmp_path / "a", bench, {"firmware.elf": firmware})
    files = {"firmware.elf": firmware, "flash_model.so": flash_model}
    watched = profiled(tmp_path / "b", bench, files, core=CYCLES, flash_timing=FLASH)
    assert watched["total"]["instructions"] == plain["total"]["instructions"] > 0
