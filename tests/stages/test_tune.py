"""Tuning of small networks with real compilers and the simulator: searched once, found again, exact all the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_firmware import ROOT, SUPPORT, Bench, support, workspace

from tinyflow.core.action import Workspace
from tinyflow.core.partial_results import PartialResults
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo.builder import NetworkBuilder
from tinyflow.stages import tune
from tinyflow.targets import unicorn

pytestmark = pytest.mark.slow

OPTIONS = {"variant": "aotplus", "isa": "thumb", "toolchain": "zig"}


def network(*widths: int) -> bytes:
    """Fully connected layers of so many outputs each."""
    net = NetworkBuilder(2, (12,), input_scale=0.05, input_zero_point=3)
    last = net.input
    for width in widths:
        last = net.fully_connected(last, width)
    return write(net.graph((last,), "dense"))


def searching(folder: Path, cache: Path, *widths: int, trials: int = 4) -> Workspace:
    """What the stage gets, in a folder of its own; parts are kept in `cache`."""
    bench = Bench(folder)
    folder.mkdir()
    (folder / "model.tflite").write_bytes(network(*widths or (10,)))
    inputs = {
        "model.tflite": folder / "model.tflite",
        "lib/support.a": support(bench.cpu, bench.toolchain, bench.flags),
        "include/support/include/": SUPPORT / "include",
        "link.ld.j2": ROOT / "templates" / "link" / "firmware.ld.j2",
        **bench.machine_files,
    }
    parameters = {
        **bench.parameters,
        "target": bench.machine_target,
        "include": ["include/support/include/"],
        **{"flags": ["-O3"], "defines": [], "optimise": "O3", "options": OPTIONS, "trials": trials, "seed": 1},
        "objective": "instructions",
        **{"implementation": "tinyflow.backends.tvm.tuning.search", "limit_instructions": 10_000_000},
    }
    made = workspace(folder / "work", inputs, ["records.jsonl"], parameters)
    return replace(made, parts=PartialResults(cache, None, "test"))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the batches that were really compiled and run."""
    sizes: list[int] = []
    measure = tune._Search._measure

    def counting(self: Any, batch: Sequence[Any]) -> Any:
        sizes.append(len(batch))
        return measure(self, batch)

    monkeypatch.setattr(tune._Search, "_measure", counting)
    return sizes


def records(made: Workspace) -> bytes:
    """What the search wrote."""
    tune.tune(made)
    return made.outputs["records.jsonl"].read_bytes()


def test_a_search_is_repeatable_and_never_worse(tmp_path: Path, measured: list[int]) -> None:
    """The same seed gives the same bytes without any cache; what is chosen takes no more than the default."""
    first = records(searching(tmp_path / "a", tmp_path / "cache_a"))
    again = records(searching(tmp_path / "b", tmp_path / "cache_b"))
    assert first == again
    assert measured == [5, 5]
    found = [json.loads(line) for line in first.splitlines()]
    assert all(one["instructions"]["after"] <= one["instructions"]["before"] for one in found)
    assert any(one["choice"] is not None for one in found)
    assert {(one["cpu"], one["toolchain"], one["optimise"], one["style"]) for one in found} == {
        ("cortex-m7", "zig", "O3", "aotplus")
    }


def test_what_was_searched_is_not_searched_again(tmp_path: Path, measured: list[int]) -> None:
    """The same cache: a second search measures nothing, one for another network only the kernels that it has alone."""
    first = records(searching(tmp_path / "a", tmp_path / "cache", trials=2))
    assert measured == [3]  # the default, and two others
    assert records(searching(tmp_path / "b", tmp_path / "cache", trials=2)) == first
    records(searching(tmp_path / "c", tmp_path / "cache", 10, 6, trials=2))  # begins with the kernel of the first
    assert measured == [3, 3]


def test_an_interrupted_search_goes_on(tmp_path: Path, measured: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured before the interruption is not measured again, and the records are those of a whole run."""
    whole = records(searching(tmp_path / "whole", tmp_path / "other", 10, 6))
    assert measured == [5, 5]
    call = tune._Search._call

    def interrupted(self: Any, *arguments: Any) -> Any:
        if len(measured) == 4:
            raise KeyboardInterrupt
        return call(self, *arguments)

    monkeypatch.setattr(tune._Search, "_call", interrupted)
    with pytest.raises(KeyboardInterrupt):
        records(searching(tmp_path / "a", tmp_path / "cache", 10, 6))
    monkeypatch.setattr(tune._Search, "_call", call)
    measured.clear()
    assert records(searching(tmp_path / "b", tmp_path / "cache", 10, 6)) == whole
    assert measured == [5]


def test_a_wrong_candidate_is_never_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An output that isn't the definition's counts for nothing, however few instructions it took."""
    from tinyflow.backends.tvm.tuning import search

    write = search.write_firmware

    def lying(subject: Any, candidates: Sequence[Any], folder: Path) -> Any:
        calls = write(subject, candidates, folder)
        wrong = [None if call is None else call._replace(expected=bytes(len(call.expected))) for call in calls]
        return [call if choice is None else bad for choice, call, bad in zip(candidates, calls, wrong, strict=True)]

    monkeypatch.setattr(search, "write_firmware", lying)
    found = [json.loads(line) for line in records(searching(tmp_path / "a", tmp_path / "cache")).splitlines()]
    assert found and all(one["choice"] is None for one in found)


def test_the_simulator_is_the_one_of_benches() -> None:
    """Counts of a search are those that a bench shows: the same implementation."""
    assert Bench(Path()).machine_target["implementation"] == unicorn.__name__
