"""The run stage on a machine that does what a test says: what is compared, added up, closed, and told of a fault."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from small_firmware import workspace

from tinyflow.core.errors import ModelError, RunError, Timeout, TinyflowError, ToolError, ValidationError
from tinyflow.stages import run as stage
from tinyflow.stages.run import run
from tinyflow.targets.protocol import Calls, Counters, FunctionCount, Machine

SAMPLES = [(1, 2.5), (-3, 0.0), (7, -1.0)]  # an int16 and a float32
LAYERS = [
    {"index": 0, "operator": "CONV_2D", "functions": ["conv"], "macs": 0, "outputs_bytes": 1},
    {"index": 1, "operator": "RESHAPE", "functions": [], "macs": 0, "outputs_bytes": 1},
    {"index": 2, "operator": "ADD", "functions": ["add", "clip"], "macs": 0, "outputs_bytes": 1},
]


@dataclass
class Scripted(Machine):
    """A machine: `out0` is the integer doubled, `out1` the float and the integer, which goes away; costs grow."""

    is_native: bool = False
    repetitions: int = 1
    add: Mapping[tuple[int, str], tuple[float, ...]] = field(default_factory=dict)  # (sample, output) → wrong by that
    statuses: Mapping[str, int] = field(default_factory=dict)
    raises: TinyflowError | None = None  # in the first invoke
    begun: int = 0
    twin: Scripted | None = None
    says: bytes | None = None
    memory: dict[str, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    is_closed: bool = False

    def load(self, firmware: Path) -> Counters:
        """Start-up costs 11."""
        self.calls.append(f"load {firmware.name}")
        return Counters(1.0, 11)

    def call(self, symbol: str, *, limit_instructions: int, given: bytes = b"") -> tuple[int, Counters]:
        """Set-up costs 22; an invoke computes, and costs a hundred more than the one before."""
        self.calls.append(symbol)
        assert limit_instructions == 5000
        if symbol == "setup":
            return self.statuses.get(symbol, 0), Counters(1.0, 22, 96, 8)
        if self.raises is not None:
            raise self.raises
        (whole,), (real,) = struct.unpack("<h", self.memory.pop("in0")), struct.unpack("<f", self.memory.pop("in1"))
        sample = SAMPLES.index((whole, real))
        first, second = self.add.get((sample, "out0"), (0,)), self.add.get((sample, "out1"), (0, 0))
        self.memory["out0"] = struct.pack("<h", 2 * whole + int(first[0]))
        self.memory["out1"] = struct.pack("<2f", real + second[0], whole + second[1])
        number = self.calls.count("invoke")
        functions = {"conv": FunctionCount(60 * number, 2), "invoke": FunctionCount(40 * number, 1)}
        counted = None if self.is_native else 100 * number
        return self.statuses.get(symbol, 0), Counters(0.25 * number, counted, 64 + number, 4, functions)

    def read(self, symbol: str, size_bytes: int) -> bytes:
        """What lies there; `model_error` where it has something to say."""
        if symbol == "model_error":
            if self.says is None:
                raise RunError("no symbol")
            return self.says
        assert len(self.memory[symbol]) == size_bytes
        return self.memory[symbol]

    def write(self, symbol: str, data: bytes) -> None:
        """Keep it."""
        self.memory[symbol] = data

    def calls_begun(self, dispatcher: str, functions: Collection[str]) -> int:
        """As the test says."""
        assert (dispatcher, set(functions)) == ("loop", {"conv", "add", "clip"})
        return self.begun

    def counting_twin(self, symbol: str) -> Machine | None:
        """As the test says."""
        assert symbol == "invoke"
        return self.twin

    def close(self) -> None:
        """Once."""
        assert not self.is_closed
        self.is_closed = True


class Remote(Scripted):
    """A board: nobody counts calls; `follow` tells of `begun` calls, and then fails again, but behind the last."""

    is_remote = True

    def calls_begun(self, dispatcher: str, functions: Collection[str]) -> int:
        """Nobody counts."""
        return 0

    def follow(
        self, symbol: str, dispatcher: str, functions: Sequence[str], calls: Calls, *, limit_instructions: int
    ) -> int | None:
        """See `protocol.Machine`."""
        assert self.calls == ["load firmware.elf", "setup", "invoke", "load firmware.elf", "setup"]
        assert self.memory["in0"] == struct.pack("<h", SAMPLES[0][0])
        for name in functions[: self.begun]:
            calls.begun(name)
        if self.begun == len(functions):
            return 0
        assert self.raises is not None
        raise self.raises


@pytest.mark.parametrize(
    ("begun", "where", "layer"), [(1, "conv+0x2", 0), (2, "add", 2), (3, "clip", None), (2, "", None)]
)
def test_a_board_s_fault_is_looked_for_again(tmp_path: Path, begun: int, where: str, layer: int | None) -> None:
    """Loaded, set up, and followed this time; no layer is named where it doesn't fail again, or no place was known."""
    with pytest.raises(RunError) as caught:
        execute(tmp_path, Remote(raises=RunError("bad", where=where), begun=begun), layers=LAYERS, dispatcher="loop")
    assert caught.value.layer == layer
    assert ("in layer" in caught.value.what) == (layer is not None)


class Unplugged(Remote):
    """A board that isn't there any more when it is loaded again."""

    def load(self, firmware: Path) -> Counters:
        """Once."""
        if self.calls:
            raise ToolError("can't open the port")
        return super().load(firmware)


def test_a_board_that_goes_after_a_fault_hides_it_not(tmp_path: Path) -> None:
    """The fault is told, without a layer."""
    board = Unplugged(raises=RunError("bad", where="conv+0x2"), begun=1)
    with pytest.raises(RunError, match="bad") as caught:
        execute(tmp_path, board, layers=LAYERS, dispatcher="loop")
    assert caught.value.layer is None


class Keeping(Scripted):
    """The same, and its inputs are there when it is back, but for the first one of a sample with this number."""

    def call(self, symbol: str, *, limit_instructions: int, given: bytes = b"") -> tuple[int, Counters]:
        """As it is told."""
        before = dict(self.memory)
        answer = super().call(symbol, limit_instructions=limit_instructions, given=given)
        self.memory.update({name: data for name, data in before.items() if name.startswith("in")})
        if symbol == "invoke" and self.calls.count("invoke") == self.begun:
            self.memory["in0"] = b"??"
        return answer


_machine: list[Scripted] = []


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Scripted:
    """What `run` finds by the target's recipe: this module is its implementation."""
    return _machine[-1]


def execute(
    folder: Path, machine: Scripted, of_recipe: float = 0, scale: float = 1, **plan: Any
) -> tuple[dict[str, Any], Any]:
    """run.json and timing.json; the machine is closed whatever happens, and a failed run leaves neither.

    `scale` is a step of the integers behind the float output; 0 where there are none.
    """
    _machine[:] = [machine]
    ports = [{"symbol": "in0", "bytes": 2}, {"symbol": "in1", "bytes": 4}]
    results = [{"symbol": "out0", "bytes": 2}, {"symbol": "out1", "bytes": 8, "scale": scale}]
    whole = {"backend": "by_hand", "setup": "setup", "invoke": "invoke", "inputs": ports, "outputs": results, **plan}
    reference = {
        "reference": "tflm",
        "samples": len(SAMPLES),
        "inputs": [{"dtype": "int16", "bytes": 2}, {"dtype": "float32", "bytes": 4}],
        "outputs": [{"dtype": "int16", "bytes": 2}, {"dtype": "float32", "bytes": 8}],
    }
    files = {
        "plan.json": json.dumps(whole).encode(),
        "reference.json": json.dumps(reference).encode(),
        "inputs.bin": b"".join(struct.pack("<hf", *sample) for sample in SAMPLES),
        "reference.bin": b"".join(struct.pack("<h2f", 2 * a, b, a) for a, b in SAMPLES),
        "firmware.elf": b"",
    }
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    parameters = {"target": {"implementation": __name__}, "tolerance": of_recipe, "limit_instructions": 5000}
    names = ["run.json", "timing.json"]
    made = workspace(folder / "work", {name: folder / name for name in files}, names, parameters)
    try:
        run(made)
    finally:
        assert machine.is_closed
        is_whole = [path.exists() for path in made.outputs.values()]
        assert is_whole in ([True, True], [False, False])
    return json.loads(made.outputs["run.json"].read_bytes()), json.loads(made.outputs["timing.json"].read_bytes())


def test_what_a_run_costs_is_what_its_calls_cost(tmp_path: Path) -> None:
    """Each sample's count; the stack and heap of the worst call, set-up among them; the first sample's functions."""
    machine = Scripted()
    result, timing = execute(tmp_path, machine)
    wall_s = timing.pop("wall_s")
    assert machine.calls == ["load firmware.elf", "setup", "invoke", "invoke", "invoke"]
    assert 0 < wall_s < 60
    assert timing == {"simulated_mips": (100 + 200 + 300) / (0.25 + 0.5 + 0.75) / 1e6}
    assert result == {
        "status": "ok",
        "startup_instructions": 11,
        "setup_instructions": 22,
        "invoke_instructions": [100, 200, 300],
        "stack_peak_bytes": 96,
        "heap_peak_bytes": 8,
        "functions": [
            {"name": "conv", "instructions": 60, "calls": 2},
            {"name": "invoke", "instructions": 40, "calls": 1},
        ],
        "validation": {
            "reference": "tflm",
            "samples": 3,
            "result": "exact",
            "max_abs_error": 0,
            "tolerance": 0,
        },
    }


def test_a_native_machine_repeats_and_its_twin_counts_the_first_sample(tmp_path: Path) -> None:
    """Five times for each sample, every time kept; the twin does no more than one inference, and is closed."""
    twin = Scripted()
    result, timing = execute(tmp_path, Scripted(is_native=True, repetitions=5, twin=twin))
    assert timing["invoke_s"] == [0.25 * number for number in range(1, 16)]
    assert result["invoke_instructions"] == [100, None, None]
    assert twin.calls == ["load firmware.elf", "setup", "invoke"] and twin.is_closed
    assert execute(tmp_path / "b", Scripted(is_native=True, repetitions=5))[0]["invoke_instructions"] == [
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("sample", "output", "wrong", "place", "told"),
    [
        (1, "out0", (3,), "sample 1, output 0[0]: expected -6, got -3", "3"),
        (2, "out1", (0, 4.5), "sample 2, output 1[1]: expected 7, got 11.5", "4.5"),
        (0, "out1", (-4, 2), "sample 0, output 1[0]: expected 2.5, got -1.5", "4"),
        (0, "out1", (math.nan, 0), "sample 0, output 1[0]: expected 2.5, got nan", "inf"),
        (0, "out1", (0, math.inf), "sample 0, output 1[1]: expected 1, got inf", "inf"),
    ],
)
def test_every_element_of_every_output_is_compared(
    tmp_path: Path, sample: int, output: str, wrong: tuple[float, ...], place: str, told: str
) -> None:
    """One value that differs anywhere fails the run at its place, and is within a tolerance that is as large."""
    with pytest.raises(ValidationError) as caught:
        execute(tmp_path, Scripted(add={(sample, output): wrong}), of_recipe=2.75 if told != "3" else 2.99)
    assert caught.value.where == place
    assert caught.value.what == f"1 of 3 samples differ from tflm by up to {told}"
    assert f"samples [{sample}] are wrong" in caught.value.hint
    if told != "inf":
        machine = Scripted(add={(sample, output): wrong})
        validation = execute(tmp_path / "b", machine, of_recipe=float(told))[0]["validation"]
        assert validation["result"] == f"within {told} steps"
        assert (validation["max_abs_error"], validation["tolerance"]) == (float(told), float(told))


@pytest.mark.parametrize(
    ("wrong", "scale", "plan", "result"),
    [
        ({(1, "out0"): (1,)}, 0, {"tolerance": 1}, "within 1 step"),
        ({}, 1, {"tolerance": 3}, "within 3 steps"),  # as equal as these samples are, nobody promised more
        ({(0, "out1"): (0.75, 0)}, 0.25, {"tolerance": 3}, "within 3 steps"),
        ({(0, "out1"): (1, 0)}, 0.25, {"tolerance": 3}, ""),
        ({(0, "out1"): (0.5, 0)}, 0, {"relative_tolerance": 0.1}, "within 0.1"),  # of 7, the largest of all samples
        ({(0, "out1"): (0.75, 0)}, 0, {"relative_tolerance": 0.1}, ""),
        ({(0, "out1"): (0.25, 0)}, 0, {"tolerance": 1, "relative_tolerance": 0.1}, "within 1 step and 0.1"),
        ({(0, "out0"): (1,), (1, "out1"): (0, 0.25)}, 0, {"relative_tolerance": 0.1}, ""),
    ],
)
def test_a_plan_says_how_far_outputs_may_be(
    tmp_path: Path, wrong: Mapping[tuple[int, str], tuple[float, ...]], scale: float, plan: Any, result: str
) -> None:
    """Steps for integers and what was dequantised from them, a share of the largest value for floats, never both."""
    machine = Scripted(add=wrong)
    if result:
        assert execute(tmp_path, machine, scale=scale, **plan)[0]["validation"]["result"] == result
    else:
        with pytest.raises(ValidationError, match=r"[12] of 3 samples"):
            execute(tmp_path, machine, scale=scale, **plan)


def test_a_status_is_explained_by_whoever_knows(tmp_path: Path) -> None:
    """The plan's own words for set-up's status, then what the firmware left, then advice; also a twin's status."""
    for number, (machine, hint) in enumerate(
        {
            "plan": (Scripted(statuses={"setup": 7}, says=b"late\0rest"), "the weights are gone"),
            "firmware": (Scripted(statuses={"invoke": 7}, says=b"late\0rest"), "late"),
            "nobody": (Scripted(statuses={"setup": 8}), "the generated code refuses its inputs"),
            "twin": (Scripted(is_native=True, twin=Scripted(statuses={"setup": 7})), "the generated code refuses"),
        }.values()
    ):
        with pytest.raises(RunError, match=r"(setup|invoke): returned [78], not 0") as caught:
            execute(tmp_path / str(number), machine, statuses={"7": "the weights are gone"})
        assert caught.value.hint.startswith(hint)
        assert machine.twin is None or machine.twin.is_closed


@pytest.mark.parametrize(
    ("begun", "layer", "what"),
    [
        (0, None, "stopped"),
        (1, 0, "stopped; in layer 0 CONV_2D, which conv computes"),
        (2, 2, "stopped; in layer 2 ADD, which add computes"),
        (3, 2, "stopped; in layer 2 ADD, which clip computes"),
        (4, None, "stopped"),
    ],
)
@pytest.mark.parametrize("kind", [RunError, Timeout])
def test_a_fault_names_the_layer_whose_function_was_begun_last(
    tmp_path: Path, begun: int, layer: int | None, what: str, kind: type[TinyflowError]
) -> None:
    """By counting calls in the plan's order; nothing is guessed where the count can't be, or the error knows better."""
    for known in (None, 9):
        error = kind("stopped", where="conv")
        error.layer = known
        folder = tmp_path / f"{known}"
        with pytest.raises(kind) as caught:
            execute(folder, Scripted(raises=error, begun=begun), layers=LAYERS, dispatcher="loop")
        assert (caught.value.layer, caught.value.what) == ((layer, what) if known is None else (9, "stopped"))


def test_tensors_of_other_sizes_are_refused_before_anything_runs(tmp_path: Path) -> None:
    """Inputs and outputs, each by its size; and files that are not a whole number of samples."""
    few = [{"symbol": "out0", "bytes": 2}, {"symbol": "out1", "bytes": 4}]
    for number, (kind, ports) in enumerate((("inputs", few[:1]), ("outputs", few))):
        machine = Scripted(is_closed=True)
        with pytest.raises(ModelError, match=f"by_hand made {kind} of .* bytes; the model's have"):
            execute(tmp_path / str(number), machine, **{kind: ports})
        assert machine.calls == []


def test_inputs_that_are_kept_are_looked_at(tmp_path: Path) -> None:
    """After each invoke, where the plan promises it."""
    execute(tmp_path / "kept", Keeping(), keeps_inputs=True)
    execute(tmp_path / "unpromised", Keeping(begun=2))
    with pytest.raises(RunError, match="input in0 is another one when invoke is back") as caught:
        execute(tmp_path / "changed", Keeping(begun=2), keeps_inputs=True)
    assert caught.value.where == "in0"


def test_memory_is_held_against_the_plan_whatever_outputs_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After outputs that are right, and after wrong ones, of which it may know more: the first sample, once."""
    asked: list[Any] = []
    known: list[RunError] = []

    def check(machine: Any, plan: Any, give: Any, outputs: Any, limit: int) -> None:
        machine.memory.clear()
        give.write()
        asked.append((plan.invoke, dict(machine.memory), outputs, limit))
        if known:
            raise known[0]

    monkeypatch.setattr(stage.arena_check, "check", check)
    whole, real = SAMPLES[0]
    inputs = {"in0": struct.pack("<h", whole), "in1": struct.pack("<f", real)}
    outputs = [("out0", struct.pack("<h", 2 * whole)), ("out1", struct.pack("<2f", real, whole))]
    execute(tmp_path / "right", Scripted())
    assert asked == [("invoke", inputs, outputs, 5000)]
    with pytest.raises(ValidationError):
        execute(tmp_path / "wrong", Scripted(add={(0, "out0"): (1,)}))
    assert len(asked) == 2
    known.append(RunError("writes where it must not", where="conv"))
    for name, add in (("harmless", {}), ("harmful", {(0, "out0"): (1,)})):
        with pytest.raises(RunError, match="conv: writes where it must not"):
            execute(tmp_path / name, Scripted(add=add))
