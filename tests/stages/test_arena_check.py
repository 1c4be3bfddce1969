"""The arena check: layers of real firmware that write or read what the memory plan doesn't give them are named."""

from __future__ import annotations

import itertools
import platform
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import kept
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_firmware import Bench

from tinyflow.core.errors import RunError
from tinyflow.model.plan_document import Layer, PlanDocument, Resident
from tinyflow.stages import arena_check
from tinyflow.stages.comparison import Tolerance
from tinyflow.stages.layer_check import LayerCheck
from tinyflow.stages.run import rows_of
from tinyflow.targets import host
from tinyflow.targets.protocol import Machine, open_machine

# Three layers in 64 bytes; the last call is a jump. `model_bug` is a variable with a value, so that the arena is the
# last one in memory.
MODEL = """
#include <stdint.h>
volatile int8_t model_arena[64] __attribute__((aligned(16)));
volatile int32_t model_bug = 99;
__attribute__((noinline)) int copy(volatile int8_t *in, volatile int8_t *out) {
  const int is_last = out == model_arena;
  for (int i = 0; i < 8 - (model_bug == 4 && is_last); ++i) {
    out[i] = (int8_t)(in[i] + 1);
  }
  if (model_bug == 1 && !is_last) out[8] = 1;
  if (model_bug == 5 && !is_last) out[48] = 1;
  if (model_bug == 7 && !is_last) ++in[2];
  return 0;
}
__attribute__((noinline)) int through_scratch(volatile int8_t *in, volatile int8_t *out, volatile int8_t *scratch) {
  const int stray = model_bug == 3 ? scratch[7] : model_bug == 6 ? scratch[7] & 0 : 0;
  for (int i = 0; i < 7; ++i) scratch[i] = in[i];
  for (int i = 0; i < 7; ++i) out[i] = scratch[i];
  out[7] = (int8_t)(in[7] + stray);
  if (model_bug == 2) ++in[3];
  return 0;
}
int model_setup(void) { return 0; }
int model_feed_row(const int8_t *row) {
  for (int i = 0; i < 4; ++i) model_arena[16 + 4 * (row[0] > 10) + i] = (int8_t)(row[i] + 1);
  if (model_bug == 11) model_arena[24] = 1;
  return 0;
}
int model_invoke(void) {
  if (model_bug < 10) copy(model_arena, model_arena + 16);
  through_scratch(model_arena + 16, model_arena + 24, model_arena + 40);
  return copy(model_arena + 24, model_arena);
}
"""
INPUT = bytes(range(10, 18))
OUTPUT = bytes(range(12, 20))


def _tensor(name: str, offset: int, first: int, last: int) -> dict[str, Any]:
    return {"name": name, "offset": offset, "bytes": 8, "first": first, "last": last}


PLAN: dict[str, Any] = {
    "backend": "by_hand",
    "invoke": "model_invoke",
    "inputs": [{"name": "in", "symbol": "model_arena+0", "bytes": 8}],
    "outputs": [{"symbol": "model_arena+0", "bytes": 8}],
    "arena": {
        "symbol": "model_arena",
        "bytes": 64,
        "tensors": [
            _tensor("in", 0, 0, 0),
            _tensor("first", 16, 0, 1),
            _tensor("second", 24, 1, 2),
            _tensor("scratch", 40, 1, 1),
            _tensor("out", 0, 2, 2),
        ],
    },
    "layers": [
        {"index": 0, "operator": "RELU", "functions": ["copy"], "macs": 0, "outputs_bytes": 8},
        {"index": 1, "operator": "TANH", "functions": ["through_scratch"], "macs": 0, "outputs_bytes": 8},
        {"index": 2, "operator": "RELU", "functions": ["copy"], "macs": 0, "outputs_bytes": 8},
    ],
}


@pytest.fixture(scope="module")
def machine_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Machine]]:
    """cpu → a machine with the model, loaded once."""
    made: dict[str, Machine] = {}

    def load(cpu: str) -> Machine:
        if cpu not in made:
            bench = Bench(tmp_path_factory.mktemp("arena"), cpu=cpu)
            if cpu == "host":
                needed = host.capabilities({}).inputs
                made[cpu] = host.open_machine({}, {name: kept.path(output) for name, output in needed.items()})
            else:
                made[cpu] = open_machine(bench.machine_target, bench.machine_files)
            made[cpu].load(bench.link({"model.c": MODEL})["firmware.elf"])
        return made[cpu]

    yield load
    for machine in made.values():
        machine.close()


def _check(machine: Machine, bug: int, plan: Mapping[str, Any] = PLAN, look: Any = lambda *_: None) -> str:
    """Looked at; else the outputs would be right (or be what an earlier run left)."""
    machine.write("model_bug", bug.to_bytes(4, "little"))
    outputs, write = [("model_arena", OUTPUT)], lambda: machine.write("model_arena", INPUT)
    return arena_check.check(machine, PlanDocument.of(plan), arena_check.Give(write), outputs, 100_000, look)


CPUS = [
    *("cortex-m7", "rv32imc"),
    pytest.param("host", marks=pytest.mark.skipif(platform.machine() != "x86_64", reason="no breakpoints")),
]


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.every(3)
def test_what_keeps_to_the_plan_is_not_accused(cpu: str, machine_of: Callable[[str], Machine]) -> None:
    """Not even where it reads bytes that nobody wrote and makes nothing of them."""
    machine = machine_of(cpu)
    assert _check(machine, 0) == ""
    assert machine.read("model_arena", 8) == OUTPUT
    assert _check(machine, 6) == ""


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.every(3)
def test_what_each_layer_computes_is_shown(cpu: str, machine_of: Callable[[str], Machine]) -> None:
    """When it has ended; the input, which may have other shapes, before all; not scratch."""
    tensors = [{**t, "tensors": [i]} if t["name"] != "scratch" else t for i, t in enumerate(PLAN["arena"]["tensors"])]
    seen: list[tuple[int, list[int], bytes]] = []

    def look(layer: Layer, place: Resident, data: bytes) -> None:
        seen.append((layer.index, list(place.tensors), data))

    _check(machine_of(cpu), 0, {**PLAN, "arena": {**PLAN["arena"], "tensors": tensors}}, look)
    first = bytes(value + 1 for value in INPUT)
    assert seen == [(0, [0], INPUT), (0, [1], first), (1, [2], first), (2, [4], OUTPUT)]


def test_a_wrong_layer_is_found_though_outputs_are_right(machine_of: Callable[[str], Machine]) -> None:
    """Of the three only the second differs from its reference: that one is named, with its values."""
    tensors = [{**t, "tensors": [i]} if t["name"] != "scratch" else t for i, t in enumerate(PLAN["arena"]["tensors"])]
    layers = [{**each, "outputs": [tensor]} for each, tensor in zip(PLAN["layers"], (1, 2, 4), strict=True)]
    plan = {**PLAN, "arena": {**PLAN["arena"], "tensors": tensors}, "layers": layers}
    first = bytes(value + 1 for value in INPUT)
    known = {1: first, 2: first[:7] + b"\x63", 4: OUTPUT}
    said = PlanDocument.of(plan)
    described = {index: ({"name": f"t{index}", "dtype": "int8", "channels": 8}, data) for index, data in known.items()}
    check = LayerCheck(said, Tolerance(said, 0), described)
    assert _check(machine_of("cortex-m7"), 0, plan, check.look) == ""
    assert check.words() == "the first wrong layer is 1 TANH: t2[7]: expected 99, got 18"
    assert check.verdict() == {"compared": 3, "of": 3, "unseen": []}


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize(
    ("bug", "function", "layer", "words"),
    [
        (1, "copy", 0, "writes 1 bytes or more at model_arena+24, outside"),
        (2, "through_scratch", 1, "model_arena+19 (byte 3 of first), outside"),
        (3, "through_scratch", 1, "its output changes"),
        (4, "copy", 2, "its output changes"),
        (5, "copy", 0, "behind the last variable, outside"),
    ],
)
def test_a_layer_that_goes_astray_is_named(
    cpu: str, bug: int, function: str, layer: int, words: str, machine_of: Callable[[str], Machine]
) -> None:
    """Function, layer and place, though the outputs are right."""
    if cpu == "host" and bug == 5:
        pytest.skip("nobody knows where its variables end")
    with pytest.raises(RunError) as caught:
        _check(machine_of(cpu), bug)
    assert (caught.value.where, caught.value.layer) == (function, layer)
    assert words in caught.value.what and f"in layer {layer} {PLAN['layers'][layer]['operator']}" in caught.value.what


def test_an_interpreters_layers_may_have_scratch_wherever_no_tensor_lies(machine_of: Callable[[str], Machine]) -> None:
    """Where set-up lays the arena out only tensors are known: what changes one that is there is named all the same."""
    machine, tensors = machine_of("cortex-m7"), [one for one in PLAN["arena"]["tensors"] if one["name"] != "scratch"]
    known = {**PLAN, "arena": {**PLAN["arena"], "tensors": tensors}}
    laid_out = {**known, "arena": {**known["arena"], "places": "model_places"}}
    with pytest.raises(RunError, match=r"through_scratch.*writes [67] bytes or more at model_arena\+40"):
        _check(machine, 0, known)
    assert _check(machine, 0, laid_out) == "" and _check(machine, 1, laid_out) == ""
    with pytest.raises(RunError, match="byte 3 of first"):
        _check(machine, 2, laid_out)


@pytest.mark.parametrize("cpu", CPUS)
def test_what_takes_rows_is_the_first_layer(cpu: str, machine_of: Callable[[str], Machine]) -> None:
    """All of its calls together, each with a row: what it computes is shown, and where it goes astray it is named."""
    machine, tensors = machine_of(cpu), [{**t, "tensors": [1]} for t in PLAN["arena"]["tensors"][1:2]]
    fed = {**PLAN["layers"][0], "functions": ["model_feed_row"]}
    plan = PlanDocument.of(
        {
            **PLAN,
            "feed": {"function": "model_feed_row", "rows": 2, "row_bytes": 4},
            "inputs": [{"name": "in", "symbol": "", "bytes": 8}],
            "arena": {**PLAN["arena"], "tensors": [*tensors, *PLAN["arena"]["tensors"][2:]]},
            "layers": [fed, *PLAN["layers"][1:]],
        }
    )

    def feed() -> None:
        for function, row in rows_of(plan, [INPUT]):
            machine.call(function, limit_instructions=100_000, given=row)

    def check(bug: int) -> str:
        machine.write("model_bug", bug.to_bytes(4, "little"))
        give = arena_check.Give(lambda: machine.write("model_arena", bytes(8)), feed)
        return arena_check.check(machine, plan, give, [("model_arena", OUTPUT)], 100_000, look)

    seen: list[tuple[int, bytes]] = []

    def look(layer: Layer, _: Resident, data: bytes) -> None:
        seen.append((layer.index, data))

    assert check(10) == ""
    assert seen == [(0, bytes(value + 1 for value in INPUT))]
    with pytest.raises(RunError, match=r"at model_arena\+24, .* in layer 0 RELU"):
        check(11)


def test_a_first_layer_may_write_where_the_input_was(machine_of: Callable[[str], Machine]) -> None:
    """In place, where the plan says so; the last layer's output lies there here, so that the first one gets it, too."""
    machine = machine_of("cortex-m7")
    tensors = PLAN["arena"]["tensors"]
    in_place = {**PLAN["arena"], "tensors": [*tensors, _tensor("in place", 0, 0, 0)]}
    with pytest.raises(RunError, match="byte 2 of in"):
        _check(machine, 7)
    _check(machine, 7, {**PLAN, "arena": in_place})


def test_nothing_is_said_where_calls_are_not_the_plans(machine_of: Callable[[str], Machine]) -> None:
    """Functions that were inlined or that come in another order, and plans without lifetimes."""
    machine = machine_of("cortex-m7")
    layers = PLAN["layers"]
    assert "not those of" in _check(machine, 1, {**PLAN, "layers": [layers[1], layers[0], layers[2]]})
    inlined = {**PLAN, "layers": [{**layers[0], "functions": ["inlined"]}, *layers[1:]]}
    assert "nothing sees" in _check(machine, 1, inlined)
    assert "no lifetimes" in _check(machine, 1, {**PLAN, "arena": None})
    assert "no lifetimes" in _check(machine, 1, {**PLAN, "inputs": [{"symbol": "model_arena+0", "bytes": 8}]})


SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)).map(lambda at: (at[0], at[0] + at[1])), max_size=6)


@given(SPANS, SPANS)
def test_spans_are_sets_of_bytes(spans: list[tuple[int, int]], taken: list[tuple[int, int]]) -> None:
    """The difference has each byte once, in order, in as few spans as there can be."""
    found = arena_check._without(spans, taken)
    expected = {i for a, b in spans for i in range(a, b)} - {i for a, b in taken for i in range(a, b)}
    assert [i for a, b in found for i in range(a, b)] == sorted(expected)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(found))
