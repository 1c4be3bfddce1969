"""The search for the best choice of a kernel, with counts that a test makes up instead of compilers and chips."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small_firmware import workspace

from tinyflow.core.action import Workspace, canonical
from tinyflow.core.errors import RunError
from tinyflow.core.partial_results import PartialResults
from tinyflow.recipes import tuning
from tinyflow.recipes.objective import OBJECTIVES
from tinyflow.stages import tune
from tinyflow.stages.tune import _best, _distance, _Search
from tinyflow.targets.protocol import Counters, FunctionCount

DOCUMENT = {"kernel": {"shape": [3]}, "style": "plus", "cpu": "cortex-m4", "toolchain": "zig"}
SPACE = [{"kernel": kernel, "x": x, "y": y} for kernel in ("a", "b") for x in range(4) for y in range(3)]


def cost(choice: dict[str, Any] | None) -> int | None:
    """The default takes 1000; kernel b at (3, 2) is best; (0, 0) is wrong."""
    if choice is None:
        return 1000
    if (choice["x"], choice["y"]) == (0, 0):
        return None
    return 1100 - 100 * choice["x"] - 10 * choice["y"] - (5 if choice["kernel"] == "b" else 0)


def metrics(choice: dict[str, Any] | None) -> dict[str, int] | None:
    """Its instructions, and the scratch that it takes for having few of them."""
    count = cost(choice)
    return None if count is None else {"instructions": count, "scratch_bytes": (1100 - count) // 200}


def space(folder: Path, trials: int = 100, seed: int = 1, **more: Any) -> Workspace:
    """What the stage gets."""
    target = {"implementation": __name__, "cpu": "cortex-m4", "isa": "thumb", "memory": []}
    parameters = {"trials": trials, "seed": seed, "optimise": "O2", "limit_instructions": 77, "target": target}
    parameters["objective"] = "instructions"
    parameters |= {"toolchain": {"name": "zig"}, "flags": ["-O2"], "defines": ["A=1"], "options": {"o": 1}, **more}
    folder.mkdir(exist_ok=True)
    return workspace(folder, {}, ["records.jsonl"], {**parameters, "implementation": __name__})


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[Any]]:
    """The batches that were measured."""
    batches: list[Sequence[Any]] = []

    def measure(search: _Search, batch: Sequence[Any]) -> list[dict[str, int] | None]:
        batches.append(list(batch))
        return [metrics(choice) for choice in batch]

    monkeypatch.setattr(_Search, "_measure", measure)
    return batches


def search(made: Workspace, document: dict[str, Any] = DOCUMENT) -> _Search:
    """For one kernel."""
    return _Search(made, None, SimpleNamespace(document=document, space=SPACE), "1/1 dense")


def test_the_best_of_all_is_the_record(tmp_path: Path, measured: list[Sequence[Any]]) -> None:
    """With all candidates tried once, in batches of eight; the record says what it is for and how it was found."""
    made = space(tmp_path)
    record = search(made).record({**DOCUMENT, "optimise": "O2"}, None)
    assert record == {
        **{"schema": tuning.SCHEMA, **DOCUMENT, "optimise": "O2"},
        "choice": {"kernel": "b", "x": 3, "y": 2},
        "instructions": {"before": 1000, "after": 775},
        "scratch_bytes": {"before": 0, "after": 1},
        "search": {"trials": 24, "of": 24, "seed": 1},
    }
    assert [len(batch) for batch in measured] == [9, 8, 8] and measured[0][0] is None
    tried = [canonical(choice) for batch in measured for choice in batch]
    assert sorted(tried) == sorted(map(canonical, [None, *SPACE]))
    log = made.log_path.read_text().splitlines()
    assert log[-1] == "1/1 dense: 24 of 24 trials, 1000 to 775 instructions, -22.5%" and len(log) == 3


def test_an_objective_decides(tmp_path: Path, measured: list[Sequence[Any]]) -> None:
    """Of the candidates with the least of its metric the fastest; the record says of what it has the least."""
    place = {**DOCUMENT, "objective": "ram"}
    record = search(space(tmp_path, objective="ram")).record(place, None)
    assert record["scratch_bytes"] == {"before": 0, "after": 0} and record["objective"] == "ram"
    least = min(cost(one) or 2000 for one in SPACE if (metrics(one) or {"scratch_bytes": 9})["scratch_bytes"] == 0)
    assert record["instructions"] == {"before": 1000, "after": least}


def test_few_trials_are_the_beginning_of_more(tmp_path: Path, measured: list[Sequence[Any]]) -> None:
    """The same candidates in the same order; another seed or kernel has another order; never more than asked for."""

    def order(name: str, trials: int, seed: int = 1, document: dict[str, Any] = DOCUMENT) -> list[str]:
        measured.clear()
        search(space(tmp_path / name, trials, seed), document).record(document, None)
        return [canonical(choice) for batch in measured for choice in batch][1:]

    whole = order("all", 24)
    assert order("some", 10)[:8] == whole[:8] and len(order("some2", 10)) == 10
    assert order("none", 0) == []
    assert order("again", 24) == whole
    assert order("seed", 24, 2) != whole
    assert order("other", 24, 1, {**DOCUMENT, "kernel": {"shape": [4]}}) != whole


def test_what_was_known_is_where_it_goes_on(tmp_path: Path, measured: list[Sequence[Any]]) -> None:
    """It is measured at first, and the result is never worse."""
    known = {"kernel": "a", "x": 2, "y": 1}
    record = search(space(tmp_path, 5)).record(DOCUMENT, known)
    assert measured[0][0] is None and measured[0][-1] == known and len(measured[0]) == 7
    assert record["instructions"]["after"] <= cost(known)  # type: ignore[index,call-overload,operator]
    measured.clear()
    search(space(tmp_path / "more", 16)).record(DOCUMENT, {"kernel": "b", "x": 3, "y": 2})
    near = [choice for choice in SPACE if _distance(choice, measured[0][-1]) == 1 and choice not in measured[0]]
    assert near and all(choice in measured[1] for choice in near)
    nothing = search(space(tmp_path / "b", 0)).record(DOCUMENT, known)
    assert (nothing["choice"], nothing["instructions"]) == (known, {"before": 1000, "after": 890})


def test_a_wrong_default_is_a_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is searched; and where nothing is better, the default stays."""
    monkeypatch.setattr(_Search, "_measure", lambda self, batch: [None for _ in batch])
    with pytest.raises(RunError, match="1/1 dense: the default kernel computes something wrong"):
        search(space(tmp_path)).record(DOCUMENT, None)
    monkeypatch.setattr(_Search, "_measure", lambda self, batch: [{"instructions": 1000} for _ in batch])
    assert search(space(tmp_path / "b", 8)).record(DOCUMENT, None)["choice"] is None


def test_measured_batches_are_kept(tmp_path: Path, measured: list[Sequence[Any]]) -> None:
    """An equal kernel finds them; another compiler, flag, machine or kernel does not."""
    parts = PartialResults(tmp_path / "cache", None, "maker")
    from dataclasses import replace

    def counts(name: str, maker: PartialResults = parts, document: dict[str, Any] = DOCUMENT, **more: Any) -> int:
        measured.clear()
        made = search(replace(space(tmp_path / name, **more), parts=maker), document)
        assert made._measured([None, SPACE[5]]) == [metrics(None), metrics(SPACE[5])]
        return len(measured)

    assert (counts("a"), counts("b")) == (1, 0)
    target = {"implementation": __name__, "cpu": "cortex-m7", "isa": "thumb", "memory": []}
    others: list[dict[str, Any]] = [
        {"flags": ["-O3"]},
        {"defines": []},
        {"toolchain": {"name": "gcc"}},
        {"target": target},
        {"core": {"name": "m4"}},
        {"core": {"name": "m4"}, "flash_timing": {"wait_cycles": 3}},
    ]
    assert [counts(f"o{index}", **more) for index, more in enumerate(others)] == [1] * len(others)
    assert counts("k", document={**DOCUMENT, "kernel": {"shape": [9]}}) == 1
    assert counts("m", PartialResults(tmp_path / "cache", None, "another maker")) == 1
    assert counts("trials", trials=3, seed=9, optimise="O0", objective="ram") == 0


@dataclass
class Chip:
    """A machine that notes what is written and called."""

    calls: list[Any] = field(default_factory=list)

    def load(self, path: Path) -> None:
        """Note it."""
        self.calls.append(path.name)

    def write(self, place: str, data: bytes) -> None:
        """Note it."""
        self.calls.append((place, data))

    def call(self, function: str, limit_instructions: int) -> tuple[int, Counters]:
        """Counted by its name's length; `bad` fails."""
        self.calls.append((function, limit_instructions))
        functions = {function: FunctionCount(1), "kernel": FunctionCount(3)}
        return int(function == "bad"), Counters(0.0, len(function), 0, 0, functions)

    def read(self, place: str, size: int) -> bytes:
        """Zeros."""
        return bytes(size)

    def close(self) -> None:
        """Note it."""
        self.calls.append("closed")


_chips: list[Chip] = []


def open_machine(target: Any, files: Any) -> Chip:
    """Found by the target, whose implementation is this module."""
    _chips.append(Chip())
    return _chips[-1]


def test_a_candidate_counts_if_it_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that doesn't fit, fails or computes something else has no count, and the log says so."""
    made = space(tmp_path)
    functions = [SimpleNamespace(name=name, size_bytes=50) for name in ("good", "kernel", "other")]
    monkeypatch.setattr(tune.elf, "read", lambda path: SimpleNamespace(functions=functions))
    taken = {"scratch_bytes": 6, "constant_bytes": 8}
    call = {
        name: SimpleNamespace(function=name, before={"in": b"1", "w": b"2"}, output="out", expected=expected, **taken)
        for name, expected in {"good": b"\0\0", "bad": b"\0\0", "wrong": b"\0\1"}.items()
    }
    calls = [call["good"], None, call["bad"], call["wrong"]]
    found = search(made)._call(calls, {"implementation": __name__}, Path("f.elf"))
    assert found == [{"instructions": 4, "scratch_bytes": 6, "flash_bytes": 58}, None, None, None]
    assert _chips[-1].calls[:4] == ["f.elf", ("in", b"1"), ("w", b"2"), ("good", 77)]
    assert _chips[-1].calls[-1] == "closed" and _chips[-1].calls.count("closed") == 1
    assert made.log_path.read_text().splitlines() == [
        f"1/1 dense: {name} computes something wrong" for name in ("bad", "wrong")
    ]


def test_of_equals_the_first_is_best() -> None:
    """And nothing is better than what has no count."""
    by = OBJECTIVES["instructions"]
    counts: dict[str, Any] = {
        canonical(None): {"instructions": 9},
        canonical({"a": 1}): None,
        canonical({"a": 2}): {"instructions": 8, "flash_bytes": 7},
        '{"a":3}': {"instructions": 8},
    }
    assert _best(counts, by) == ({"a": 2}, {"instructions": 8, "flash_bytes": 7})
    assert _best({canonical(None): {"instructions": 9}, canonical({"a": 1}): {"instructions": 9}}, by)[0] is None


def test_neighbours_differ_in_one_number() -> None:
    """Another kernel is far away, however near its numbers."""
    one = {"kernel": "a", "x": 1, "y": 2}
    assert [_distance(one, {**one, **change}) for change in ({}, {"x": 5}, {"x": 0, "y": 0}, {"kernel": "b"})] == [
        *(0, 1, 2, 4)
    ]
    assert _distance(one, {"kernel": "a", "x": 1}) == 4


# The stage as a whole: this module is the backend's implementation.


def subjects(model: Path, graph: Any, options: Any, cpu: str) -> Iterator[Any]:
    """Two kernels."""
    assert (model.name, graph, options, cpu) == ("model.tflite", "graph", {"o": 1}, "cortex-m4")
    documents = [{**DOCUMENT, "kernel": {"shape": [size]}} for size in (7, 3)]
    return [SimpleNamespace(document=document, space=SPACE, title=f"k{at}") for at, document in enumerate(documents)]  # type: ignore[return-value]


def test_the_stage_makes_a_record_for_each_kernel(
    tmp_path: Path, measured: list[Sequence[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sorted; the first file's records are what is known."""
    monkeypatch.setattr(tune.tflite_reader, "read", lambda path: "graph")
    (tmp_path / "model.tflite").write_bytes(b"")
    place = {**DOCUMENT, "optimise": "O2", "objective": "instructions"}
    files = {}
    for number, x in ((0, 1), (1, 2)):
        record = {
            **place,
            "schema": 1,
            "choice": {"kernel": "a", "x": x, "y": 0},
            "instructions": {"before": 9, "after": 8},
        }
        files[f"tuning/{number}.jsonl"] = tmp_path / f"{number}.jsonl"
        tuning.write(files[f"tuning/{number}.jsonl"], [record])
    made = space(tmp_path / "one", trials=2)
    made = workspace(
        tmp_path / "work", {"model.tflite": tmp_path / "model.tflite", **files}, ["records.jsonl"], made.parameters
    )
    tune.tune(made)
    lines = [json.loads(line) for line in made.outputs["records.jsonl"].read_text().splitlines()]
    assert [line["kernel"]["shape"] for line in lines] == [[3], [7]] and lines[0]["optimise"] == "O2"
    first = [batch for batch in measured if batch[0] is None]
    assert sorted(batch[-1] == {"kernel": "a", "x": 1, "y": 0} for batch in first) == [False, True]
    assert made.log_path.read_text().startswith("1/2 k0: ")
