"""Layers row by row: random networks stay exact, goals are kept, and what a plan says of chains is so."""

from __future__ import annotations

import functools
import itertools
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tinyc_host
import tinynn_cases
from hypothesis import given
from hypothesis import strategies as st
from random_networks import ACTIVATIONS, SPATIAL, RandomNetwork
from sample_profile import PROFILE
from tests_support import exact_reports, examples, tflm, write_models
from tinynn_calls import HostKernels

from tinyflow.backends import tinyc
from tinyflow.backends.programs import memory, moments, streaming
from tinyflow.backends.programs.rows import row_steps
from tinyflow.backends.programs.steps import Chain, Program
from tinyflow.backends.tinyc.program import lower
from tinyflow.backends.tinyc.rows import by_rows
from tinyflow.core.errors import ModelError
from tinyflow.model import reference
from tinyflow.model.graph import Graph
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize
from tinyflow.report.profile import profile_text


class _WholeWords(RandomNetwork):
    """Rows of whole words more often than not: channels in fours, images taller than wide."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        channels = self.pick((1, 4, 8, 8))
        shape = (1, self.number(9, 20), self.number(2, 6), channels)
        self.builder.tensors.clear()
        self.last = self.input = self.activation(shape, self.quantisation(0.05))

    def convolution(self) -> None:
        """CONV_2D."""
        shape = (4 * self.number(1, 3), *self.kernel(4), self.shape[3])
        self.weighted("CONV_2D", shape, 0, self.window())

    def depthwise(self) -> None:
        """DEPTHWISE_CONV_2D."""
        shape = (1, *self.kernel(4), self.shape[3])
        self.weighted("DEPTHWISE_CONV_2D", shape, 3, {**self.window(), "depth_multiplier": 1})

    def pad(self) -> None:
        """PAD of channels, as a branch has it that meets a wider one."""
        before = self.number(0, 4)
        paddings = self.constant(np.array([[0, 0], [0, 0], [0, 0], [before, 4 - before]]), "int32", None)
        self.append("PAD", (self.last, paddings), self.tensors[self.last].quantisation, {})

    def whole(self) -> None:
        """The average of the image: a pool, or MEAN to another scale, with or without its axes."""
        if self.number(0, 1):
            options = {"filter": self.shape[1:3], "stride": self.shape[1:3], "padding": "VALID"}
            self.append("AVERAGE_POOL_2D", (self.last,), self.tensors[self.last].quantisation, options)
            return
        axes = self.constant(np.array([1, 2]), "int32", None)
        self.append(
            "MEAN", (self.last, axes), self.quantisation(0.7 * self.scale), {"keep_dims": self.pick((True, False))}
        )


def _network(seed: int) -> Graph:
    net = _WholeWords(seed)
    for _ in range(6):
        if net.number(0, 4) == 0:
            net.branch()
        kind = net.pick((*SPATIAL, "PAD"))
        net.pad() if kind == "PAD" else net.grow(kind)
    if net.number(0, 2):
        net.whole()
    return Graph(tuple(net.tensors), tuple(net.operators), (net.input,), (net.last,), f"rows_{seed}")


@pytest.mark.parametrize("seed", range(4))
def test_no_two_share_bytes_at_a_moment(seed: int) -> None:
    """Buffers lie over each other where their bytes are in use at different moments, and nowhere else."""
    draw = np.random.default_rng(seed)
    changes = {
        name: [(moment, *sorted(draw.integers(0, 40, 2).tolist())) for moment in range(draw.integers(9), 30, 3)]
        for name in range(7)
    }
    places, total = moments.places(changes, 30)
    used = np.zeros((30, total), int)
    for name, of_it in changes.items():
        for moment in range(30):
            low, high = next(((a, b) for at, a, b in reversed(of_it) if at <= moment), (0, 0))
            used[moment, places[name] + low : places[name] + high] += 1
    assert used.max() == 1
    assert moments.most_bytes(changes, 30) == used.sum(axis=1).max() <= total < 7 * 40


@pytest.mark.parametrize("variant", ["ref", "dsp"])
def test_sums_of_rows_are_those_of_the_image(variant: str) -> None:
    """A pool over the image and its mean, in one call of the kernel that adds up rows, are TFLM's."""
    host = HostKernels()
    for seed in range(6):
        draw = np.random.default_rng(seed)
        shape = (1, *draw.integers(1, 9, 2).tolist(), int(draw.integers(1, 7)))
        pool = tinynn_cases.average_pool(draw, shape, shape[1:3], (1, 1), activation=ACTIVATIONS[seed % 4])
        for case in (pool, tinynn_cases.mean(draw, shape, (1, 2))):
            row_step = row_steps(lower(case.graph, variant), by_rows)[0]
            assert row_step.height == shape[1]
            call = row_step.call(0, shape[1])
            assert call is not None and call.function.endswith("_rows_ref")
            got = host.run(call, case.inputs, case.output_bytes).output
            np.testing.assert_array_equal(case.expected(), got, err_msg=case.name)


_SMALL = {"graph": "resnet", "size": 16, "channels": 8, "stacks": 2}
_SHORT = {"graph": "aww", "blocks": 1}


def _read(name: str) -> Graph:
    """Of the zoo, or a small residual network of 4,808 B, or a short one with a pool over the image."""
    return read(synthesize({"small": _SMALL, "short aww": _SHORT}.get(name, {"graph": name})))


@functools.cache
def _program(name: str, variant: str = "dsp") -> Program:
    return lower(_read(name), variant)


@functools.cache
def _least(name: str) -> Program:
    return _streamed(_program(name), streaming.LEAST)


def _chains(program: Program) -> list[Chain]:
    return [step for step in program.steps if isinstance(step, Chain)]


def _streamed(program: Program, goal: str, **manner: Any) -> Program:
    def place(changed: Program) -> memory.Memory:
        return memory.plan(changed, 4)

    return streaming.streamed(program, program, by_rows, goal, place, 4, streaming.Manner(**manner))


def _bytes(program: Program) -> int:
    return memory.plan(program, 4).total_bytes


def _assert_exact(seed: int, variant: str, folder: Path, **options: Any) -> bool:
    """Whether there were chains in it."""
    content = write(_network(seed))
    graph = read(content)
    built = tinyc_host.build(content, folder, kernels=variant, **{"stream": "least", **options})
    samples = reference.make_inputs(graph, 3, seed=seed)
    expected = tflm(content, graph, samples)
    assert reference.largest_difference(expected, [built.invoke(sample) for sample in samples]) == 0
    return "chains" in json.loads((folder / "plan.json").read_text())


@pytest.mark.slow
@examples(12)
@given(seed=st.integers(0, 2**32 - 1), variant=st.sampled_from(("ref", "c")))
def test_random_networks_are_exact(seed: int, variant: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Windows, strides, padding and sums of branches at random: what is computed by rows is what TFLM computes."""
    _assert_exact(seed, variant, tmp_path_factory.mktemp("rows") / "model")


@pytest.mark.slow
def test_many_random_networks_have_chains(tmp_path: Path) -> None:
    """The property above is not about nothing; every value of these is TFLM's, too."""
    assert sum(_assert_exact(seed, "c", tmp_path / str(seed)) for seed in range(8)) > 2


@pytest.mark.slow
def test_random_networks_fed_by_rows_are_exact(tmp_path: Path) -> None:
    """No input lies in the arena, rows come one after the other; only a few networks begin with other layers."""
    count = 0
    for seed in range(16):
        goal = ("balanced", "least", "64KiB")[seed % 3]
        try:
            _assert_exact(seed, ("ref", "c")[seed % 2], tmp_path / str(seed), feed=True, stream=goal)
        except ModelError as error:
            assert "rows of input" in error.what
            continue
        plan = json.loads((tmp_path / str(seed) / "plan.json").read_text())
        assert plan["inputs"][0]["symbol"] == ""
        assert plan["inputs"][0]["name"] not in {tensor["name"] for tensor in plan["arena"]["tensors"]}
        count += 1
    assert count > 8


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        *({"rows": 1}, {"rows": 3, "feed": True}, {"order": "breadth_first"}, {"order": "breadth_first", "rows": 2}),
        *({"input": "kept"}, {"input": "kept", "stream": ""}),
    ],
)
def test_whatever_is_asked_for_is_exact(options: dict[str, Any], tmp_path: Path) -> None:
    """Rows of a call, their order, and inputs that stay as they are, which the host's model looks at."""
    for seed in range(4):
        try:
            _assert_exact(seed, "c", tmp_path / str(seed), **options)
        except ModelError as error:
            assert "rows of input" in error.what


@pytest.mark.slow
def test_rows_and_order_are_as_asked_for() -> None:
    """No call has more rows; layer by layer there are fewer calls; over inputs that stay nothing else lies."""
    whole = _program("resnet")

    def calls(found: Program) -> int:
        return sum(len(one.walked) for one in _chains(found))

    two = _streamed(whole, streaming.LEAST, rows=2)
    assert {chain.rows for chain in _chains(two)} == {2}
    broad = _streamed(whole, streaming.LEAST, order="breadth_first", rows=2)
    assert calls(broad) < calls(two)
    assert _bytes(two) <= _bytes(broad) < _bytes(whole)
    (given,), kept = whole.graph.inputs, dict(memory.plan(whole, 4, keeps_input=True).tensors)
    place = kept.pop(given)
    assert all(one.offset >= place.end or one.end <= place.offset for one in kept.values())


def test_rows_need_something_that_goes_by_rows() -> None:
    """Alone they would change nothing."""
    graph = read(synthesize({"graph": "aww"}))
    for option in ({"rows": 2}, {"order": "depth_first"}):
        with pytest.raises(ModelError) as refused:
            tinyc.check(graph, "tinyc", {"kernels": "ref", **option})
        assert refused.value.hint == "add +stream or +feed"


@pytest.mark.parametrize(
    ("name", "most"),
    [*(pytest.param(*one, marks=pytest.mark.slow) for one in (("vww", 28_500), ("resnet", 24_000))), ("small", 4_100)],
)
def test_the_least_at_a_few_more_instructions(name: str, most: int) -> None:
    """No tensor inside a chain has a place of its own."""
    found = _streamed(_program(name), streaming.BALANCED)
    placed = memory.plan(found, 4)
    assert placed.total_bytes <= most < _bytes(_program(name))
    assert _chains(found)
    for chain in _chains(found):
        assert chain.rings
        assert not chain.rings.keys() & placed.tensors.keys()


@pytest.mark.parametrize("name", ["short aww", pytest.param("aww", marks=pytest.mark.slow)])
def test_sums_of_a_pool_over_the_image_take_the_last_tensor_s_place(name: str) -> None:
    """Of aww not even the input of its pool is ever whole."""
    whole, least = _program(name), _least(name)
    (chain,) = _chains(least)
    assert whole.graph.operators[chain.operator].name == "AVERAGE_POOL_2D"
    assert _bytes(least) < 0.65 * _bytes(whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sizes"),
    [("small", (4808, 4807, 3600)), ("resnet", (51_200, 30_720, 18_432))],
)
def test_a_size_is_kept_by_the_cheapest(name: str, sizes: tuple[int, ...]) -> None:
    """Where all fits as it is, nothing is chained; below that, no more calls than for the least."""
    whole, least = _program(name), _least(name)
    for size in sizes:
        found = _streamed(whole, f"{size}B")
        assert _bytes(found) <= size
        assert (found is whole) == (size == sizes[0])
        assert sum(len(one.walked) for one in _chains(found)) <= sum(len(one.walked) for one in _chains(least))


@pytest.mark.slow
def test_choices_are_what_goals_lead_to() -> None:
    """The arena of each is the one that it then has, and a smaller size is never cheaper."""
    graph = read(synthesize({"graph": "resnet", "size": 16, "channels": 8, "stacks": 2}))
    options = {"kernels": "dsp", "cpu": "cortex-m7", "processor_kernels": ["dsp", "c"]}
    found = list(tinyc.choices(graph, options))
    assert found[0] == ("", tinyc.arena_bytes(graph, options), found[0][2]) and len(found) > 3
    for goal, arena_bytes, _ in found[1:]:
        assert tinyc.arena_bytes(graph, {**options, "stream": goal}) == arena_bytes
    sizes = found[3:]
    assert [one[0] for one in sizes] == [
        f"{size}KiB" for size in sorted((int(g[:-3]) for g, *_ in sizes), reverse=True)
    ]
    assert all(a[1] > b[1] and a[2] <= b[2] for a, b in itertools.pairwise(sizes))
    assert found[2][1] == min(arena_bytes for _, arena_bytes, _ in found)


@pytest.mark.slow
def test_fewer_rows_at_a_time_cost_more_and_take_less() -> None:
    """Down to one row, or to what may be spent; the first is the way as it was found."""
    program = _program("resnet")
    search = streaming._Search(
        program, program, row_steps(program, by_rows), lambda changed: memory.plan(changed, 4), 4, streaming.Manner()
    )
    way = search._cheapest(25_000)
    assert way is not None
    first, *others = search._lowered(way, math.inf)
    assert first.program == search._found(way).program
    assert min(one.total_bytes for one in others) < first.total_bytes
    costs = [one.more_instructions for one in (first, *others)]
    assert costs[0] == min(costs)  # in between a kernel of pairs of rows is none for three
    assert len(list(search._lowered(way, costs[0]))) == 1 < len(costs)


@pytest.mark.slow
def test_chains_have_faster_kernels_where_there_is_room() -> None:
    """Of those that they may have: Winograd's with weights transformed in flash."""
    program = _program("resnet")
    place = functools.partial(memory.plan, alignment=4)
    refused = functools.partial(by_rows, may_have=lambda call: False)
    found = _streamed(program, "24KiB"), streaming.streamed(program, program, refused, "24KiB", place, 4)
    faster, direct = ([call for chain in _chains(one) for part in chain.parts for call in part.calls] for one in found)
    assert {call.fields["is_transformed"] for call in faster if call.function == "tinynn_conv2d_winograd_dsp"} == {1}
    assert not any("winograd" in call.function for call in direct)


@pytest.mark.parametrize(("name", "size"), [("small", "1KiB"), pytest.param("resnet", "8KiB", marks=pytest.mark.slow)])
def test_a_size_below_the_least_is_refused_with_the_least(name: str, size: str) -> None:
    """It says what could be asked for, and that can be had."""
    whole = _program(name)
    least = _bytes(_least(name))
    with pytest.raises(ModelError, match=f"{least} B is the least") as refused:
        _streamed(whole, size)
    enough = -(-least // 1024)
    assert f"{enough}KiB" in refused.value.hint
    assert _bytes(_streamed(whole, f"{enough}KiB")) <= enough * 1024


@pytest.mark.parametrize("name", ["small", pytest.param("aww", marks=pytest.mark.slow)])
def test_what_would_fit_if_rows_were_fed_is_told(name: str) -> None:
    """With the bytes that it then takes."""
    graph = _read(name)
    with pytest.raises(ModelError) as refused:
        tinyc.arena_bytes(graph, {"kernels": "ref", "stream": "1KiB"})
    fed = re.search(r"with \+feed (\d+) B are the least", refused.value.hint)
    assert fed is not None
    assert int(fed[1]) == tinyc.arena_bytes(graph, {"kernels": "ref", "stream": "least", "feed": True})


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("toycar", "operator 0 FULLY_CONNECTED .* reads or writes other than images"),
        ("micro_speech", "operator 1 DEPTHWISE_CONV_2D .* another shape of a tensor"),
    ],
)
def test_what_can_not_be_fed_is_refused(name: str, what: str) -> None:
    """With the layer that can't go by rows, and what can be asked for instead."""
    with pytest.raises(ModelError) as refused:
        tinyc.check(read(synthesize({"graph": name})), "tinyc", {"kernels": "ref", "feed": True})
    assert re.search(what, f"{refused.value.where} {refused.value.what}")
    assert "+stream" in refused.value.hint


def test_a_profile_tells_chains() -> None:
    """Which layers, and what lies between them instead of whole tensors; nothing where there are none."""
    chain = {"layers": [2, 3, 5], "rows": 3, "calls": 31, "bytes": {"a": 4608, "b": 2304}, "whole_bytes": 36864}
    text = profile_text("a-b-c", {**PROFILE, "chains": [chain]})
    told = (
        "layers 2, 3 and 5 run row by row, 3 at most at once, in 31 calls: 6,912 bytes lie between them, not 36,864; "
        "the cost of all is in 5\n"
    )
    assert told in text
    assert text.replace(told, "") == profile_text("a-b-c", PROFILE)


@pytest.mark.slow
def test_benches_are_exact_on_chips(tmp_path: Path) -> None:
    """With the kernels of each chip, checked between their layers; the report counts the layers that go by rows."""
    write_models(tmp_path, {"mobile": synthesize({"graph": "vww"}), "residual": synthesize({"graph": "resnet"})})
    fed = "mobile-tinyc-stm32f7+feed+guard.ram"
    benches = [
        *("mobile-tinyc-stm32f7+stream", "residual-tinyc-stm32f7+stream.20KiB", "residual-tinyc-esp32c3+stream.least"),
        *("mobile-tinyc-stm32f7", fed, "residual-tinyc-esp32c3+feed+stream.least", "mobile-tinyc-host+feed"),
    ]
    reports = exact_reports(tmp_path, benches)
    plain, streamed = (reports[bench]["metrics"] for bench in (benches[3], benches[0]))
    assert streamed["arena_bytes"] < 0.8 * plain["arena_bytes"]
    assert plain["invoke_instructions"] < streamed["invoke_instructions"] < 1.05 * plain["invoke_instructions"]
    # nothing of the picture is there
    assert reports[fed]["metrics"]["arena_bytes"] < 0.75 * streamed["arena_bytes"]
    assert reports[fed]["metrics"]["invoke_instructions"] < 1.05 * plain["invoke_instructions"]
    plan = json.loads((tmp_path / "build" / benches[0] / "plan.json").read_text())
    held = {tensor["name"] for tensor in plan["arena"]["tensors"]}
    for chain in plan["chains"]:
        assert sum(chain["bytes"].values()) < chain["whole_bytes"]
        assert held.isdisjoint(chain["bytes"])
    for bench in benches[:3]:
        assert reports[bench]["paths"]["row by row"]["layers"] > 1
        assert "arena" not in " ".join(reports[bench]["validation"].get("warnings", ()))
