"""Writes of layers outside of what is theirs: found at the instruction, told with tensor and distance."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kept
import pytest
from processors import described
from small_firmware import Bench

from tinyflow.core.errors import ModelError, RunError
from tinyflow.model.plan_document import PlanDocument
from tinyflow.targets.unicorn import capabilities
from tinyflow.targets.unicorn.machine import Simulator
from tinyflow.targets.write_limits import guarded

LIMIT = 100_000
# in at 0, one at 32, scratch at 64, two at 96; `variable` lies somewhere else; model_bug chooses what goes wrong
MODEL = """
#include <stdint.h>
_Alignas(16) int8_t model_arena[128];
int8_t variable[16];
volatile int32_t model_bug;
volatile int32_t model_at;
#define LAYER __attribute__((noinline))
LAYER static void copy(const int8_t *in, int8_t *out) { for (int i = 0; i < 32; i++) out[i] = in[i]; }
LAYER static void helper(int8_t *out) { out[model_at] = 1; }
#ifdef __thumb__
/* A return in an IT block behind a write, to where a condition of its own is. */
__attribute__((naked, noinline)) static int put(int value, int8_t *to) {
  __asm__ volatile("cmp r0, #1\\n itt eq\\n strbeq r0, [r1]\\n bxeq lr\\n movs r0, #9\\n bx lr");
}
__attribute__((naked, noinline)) static int behind(int value, int8_t *to) {
  __asm__ volatile("push {r4, lr}\\n bl %c0\\n cmp r0, #4\\n bne 1f\\n movs r0, #70\\n 1: pop {r4, pc}" ::"i"(put));
}
#else
static int behind(int value, int8_t *to) { *to = (int8_t)value; return value; }
#endif
LAYER static void first(const int8_t *in, int8_t *out) {
  if (behind(1, out) != 1) variable[0] = 1;
  copy(in, out);
  if (model_bug == 1) helper(out);
}
LAYER static void second(const int8_t *in, int8_t *out, int8_t *scratch) {
  copy(in, scratch);
  copy(scratch, out);
  if (model_bug == 2) helper(out);
  if (model_bug == 3) variable[3] = 1;
  if (model_bug == 4) *(int32_t *)(void *)(out - 2) = 1;
}
int model_feed_row(const void *row) {
  copy(row, model_arena + 32);
  variable[0] = 1;
  if (model_bug == 7) helper(model_arena);
  return 0;
}
int model_setup(void) { helper(model_arena); return 0; }
int model_invoke(void) {
  first(model_arena, model_arena + 32);
  if (model_bug != 5) second(model_arena + 32, model_arena + 96, model_arena + 64);
  if (model_bug == 6) first(model_arena, model_arena + 32);
  model_arena[1] = 7; /* generated code may */
  return 0;
}
"""


def plan() -> dict[str, Any]:
    """What the backend would say of it."""
    names = {"in": (0, 0, 0), "one": (32, 0, 1), "scratch 1": (64, 1, 1), "two": (96, 1, 1)}
    return {
        "backend": "by_hand",
        "setup": "model_setup",
        "invoke": "model_invoke",
        "inputs": [{"name": "in", "symbol": "model_arena+0", "bytes": 32}],
        "layers": [
            {"index": index, "operator": "ADD", "functions": [function], "macs": 0, "outputs_bytes": 32}
            for index, function in enumerate(("first", "second"))
        ],
        "arena": {
            "symbol": "model_arena",
            "bytes": 128,
            "tensors": [
                {"name": name, "offset": offset, "bytes": 32, "first": begin, "last": end}
                for name, (offset, begin, end) in names.items()
            ],
        },
    }


def test_scratch_may_have_an_inputs_name() -> None:
    """What is nobody's to write is known by its place, too."""
    said = plan()
    said["inputs"][0]["name"] = said["arena"]["tensors"][0]["name"] = "scratch 1"
    written = [[place.symbol for place in call.writable] for call in guarded(PlanDocument.of(said), "arena").calls]
    assert written == [["model_arena+32"], ["model_arena+64", "model_arena+96"]]


Watched = Callable[..., Simulator]


@pytest.fixture(scope="session")
def guard_library() -> Path:
    """guard.so, built by its stage."""
    return kept.path(capabilities(described("cortex-m7")).guard["guard.so"])


_firmware: dict[str, tuple[Bench, Path]] = {}


@pytest.fixture
def watched(
    tmp_path_factory: pytest.TempPathFactory, block_table_library: Path, guard_library: Path
) -> Iterator[Watched]:
    """(cpu, scope, bug, at) -> the model with its bug, loaded and watched."""
    opened: list[Simulator] = []

    def open_one(cpu: str, scope: str, bug: int = 0, at: int = 0, feed: str = "") -> Simulator:
        if cpu not in _firmware:
            bench = Bench(tmp_path_factory.mktemp("model"), cpu=cpu)
            _firmware[cpu] = bench, bench.link({"model.c": MODEL})["firmware.elf"]
        bench, firmware = _firmware[cpu]
        machine = Simulator(bench.machine_target, block_table_library, guard_library)
        opened.append(machine)
        machine.load(firmware)
        said = plan()
        if feed:
            said |= {"feed": {"function": feed, "rows": 1, "row_bytes": 32}}
            said["layers"][0]["functions"] = [feed]
        machine.watch_writes(guarded(PlanDocument.of(said), scope))
        machine.write("model_bug", bug.to_bytes(4, "little"))
        machine.write("model_at", at.to_bytes(4, "little", signed=True))
        return machine

    yield open_one
    for machine in opened:
        machine.close()


both = pytest.mark.parametrize("cpu", ["cortex-m7", "rv32imc"])


@both
@pytest.mark.parametrize("scope", ["arena", "ram"])
def test_what_is_right_passes(cpu: str, scope: str, watched: Watched, block_table_library: Path) -> None:
    """Outputs, scratch, the stack, what set-up and generated code write; instructions are the same as unwatched."""
    machine = watched(cpu, scope)
    assert machine.call("model_setup", limit_instructions=LIMIT)[0] == 0
    counts = [machine.call("model_invoke", limit_instructions=LIMIT)[1].instructions for _ in range(2)]
    bench, firmware = _firmware[cpu]
    plain = Simulator(bench.machine_target, block_table_library)
    plain.load(firmware)
    plain.call("model_setup", limit_instructions=LIMIT)
    assert counts == [plain.call("model_invoke", limit_instructions=LIMIT)[1].instructions] * 2
    plain.close()


@both
@pytest.mark.parametrize(
    ("scope", "bug", "at", "function", "told"),
    [
        ("arena", 2, 64, "helper", None),  # far behind the arena
        ("arena", 1, 32, "helper", r"writes 1 bytes at 0x\w+, right behind the end of one, in model_arena\+64"),
        ("arena", 1, -1, "helper", r"writes 1 bytes at 0x\w+, 1 bytes before one, into in"),
        ("arena", 2, -60, "helper", r"writes 1 bytes at 0x\w+, 28 bytes before scratch 1, into one"),
        ("ram", 2, 40, "helper", r"writes 1 bytes at 0x\w+, 8 bytes behind the end of two.*"),
        ("ram", 1, -33, "helper", r"writes 1 bytes at 0x\w+, 33 bytes before one.*"),
        ("ram", 3, 0, "second", r"writes 1 bytes at 0x\w+, \d+ bytes (before|behind the end of) .*, in variable\+3"),
        ("arena", 4, 0, "second", r"writes [124] bytes at 0x\w+, (over the end of scratch 1|2 bytes before two).*"),
    ],
)
def test_what_is_wrong_is_told(
    cpu: str, scope: str, bug: int, at: int, function: str, told: str | None, watched: Watched
) -> None:
    """The instruction, whose bytes they are, how far off, and what may be written; the next call is as good as any."""
    machine = watched(cpu, scope, bug, at)
    if told is None:
        assert machine.call("model_invoke", limit_instructions=LIMIT)[0] == 0
        return
    with pytest.raises(RunError) as caught:
        machine.call("model_invoke", limit_instructions=LIMIT)
    assert re.fullmatch(rf"{function}\+0x[0-9a-f]+ \(0x[0-9a-f]{{8}}\)", caught.value.where)
    assert re.fullmatch(rf"{told}, \d+ instructions into model_invoke", caught.value.what)
    assert "may write " in caught.value.hint and caught.value.hint.endswith(" and the stack")
    assert machine.calls_begun("model_invoke", {"first", "second"}) == (1 if bug == 1 else 2)
    machine.write("model_bug", bytes(4))
    assert machine.call("model_invoke", limit_instructions=LIMIT)[0] == 0


@pytest.mark.parametrize(("bug", "told"), [(5, "1 of the layers' functions were not called"), (6, "calls first where")])
def test_calls_that_the_plan_does_not_have_are_refused(bug: int, told: str, watched: Watched) -> None:
    """What may be written then is unknown; nothing is guessed."""
    with pytest.raises(RunError, match=told):
        watched("cortex-m7", "arena", bug).call("model_invoke", limit_instructions=LIMIT)


@both
def test_what_takes_rows_keeps_to_its_part_of_the_arena(cpu: str, watched: Watched) -> None:
    """Elsewhere it may write, as what it does between rows must be kept somewhere; a row lies where nothing is."""
    feed, row = "model_feed_row", bytes(range(32))
    machine = watched(cpu, "ram", feed=feed)
    assert machine.call(feed, limit_instructions=LIMIT, given=row)[0] == 0
    assert machine.read("model_arena+32", 32) == row
    machine = watched(cpu, "ram", 7, 70, feed=feed)
    with pytest.raises(RunError, match=r"writes 1 bytes at 0x\w+, 6 bytes behind the end of one") as caught:
        machine.call(feed, limit_instructions=LIMIT, given=row)
    assert caught.value.where.startswith("helper+")


def test_a_plan_without_tensors_is_refused() -> None:
    """It says which parts of plan.json are missing."""
    with pytest.raises(ModelError, match="by_hand doesn't say what lies where") as caught:
        guarded(PlanDocument.of({**plan(), "arena": None}), "arena")
    assert "plan.json" in caught.value.hint
