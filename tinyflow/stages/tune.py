"""Stage tune: searches, kernel by kernel, for what is best on the target by an objective; keeps records of it.

Every batch of candidates is compiled with the bench's toolchain, run on its target, held against the definition, and
kept at once as a part of its own: an equal kernel of another model finds it, and an interrupted search goes on there.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Union

from tinyflow.core.action import JSON, Workspace, canonical
from tinyflow.core.errors import RunError
from tinyflow.model import tflite_reader
from tinyflow.recipes import tuning
from tinyflow.recipes.objective import OBJECTIVES, Objective
from tinyflow.stages import oversize
from tinyflow.stages.inner_firmware import build_inner, emptied
from tinyflow.targets import elf
from tinyflow.targets.cycles import Model
from tinyflow.targets.disassembly import disassembler
from tinyflow.targets.protocol import Counters, Machine, open_machine

_BATCH = 8
Choice = Union[Mapping[str, Any], None]  # None is what the backend takes by default
# by the metrics of objectives; None for a choice that doesn't fit, or whose output is wrong
Measured = Union[Mapping[str, int], None]


def tune(workspace: Workspace) -> None:
    """Make `records.jsonl` for the kernels of `model.tflite`.

    Parameters: `implementation` (a backend's module with `subjects` and `write_firmware`), `options` (the backend's),
    `objective`, `trials` (candidates for each kernel), `seed`, `optimise`, what the build stages and the target need,
    and `core` and `flash_timing` as for stage profile where cycles are estimated. Inputs
    `tuning/…` are records to begin with: a search is never worse than what was known. Raises RunError where the
    default kernel computes something wrong.
    """
    implementation = import_module(workspace.parameters["implementation"])
    model = workspace.inputs["model.tflite"]
    cpu = workspace.parameters["target"]["cpu"]
    found = implementation.subjects(model, tflite_reader.read(model), workspace.parameters["options"], cpu)
    known = _known(workspace)
    records = []
    for number, subject in enumerate(found, 1):
        place = {**subject.document, **{name: workspace.parameters[name] for name in ("optimise", "objective")}}
        search = _Search(workspace, implementation, subject, f"{number}/{len(found)} {subject.title}")
        records.append(search.record(place, known.get(tuning.key_of(place))))
    tuning.write(workspace.outputs["records.jsonl"], records)


def _known(workspace: Workspace) -> dict[str, Choice]:
    """The choices of the records that there are, by what they are found by."""
    files = [path for name, path in sorted(workspace.inputs.items()) if name.startswith("tuning/")]
    records = [record for path in files for record in tuning.read(path)]
    return {tuning.key_of(record): record["choice"] for record in reversed(records)}


@dataclass
class _Search:
    """The search for one kernel."""

    workspace: Workspace
    implementation: Any
    subject: Any
    title: str

    @property
    def _objective(self) -> Objective:
        return OBJECTIVES[self.workspace.parameters["objective"]]

    def record(self, place: Mapping[str, JSON], known: Choice) -> dict[str, JSON]:
        """Measure the default, what was known, and `trials` others; the best of all is the record."""
        counts: dict[str, Measured] = {}
        for batch in self._batches(counts, known):
            counts |= dict(zip(map(canonical, batch), self._measured(batch), strict=True))
            default = counts[canonical(None)]
            if default is None:
                raise RunError("the default kernel computes something wrong", where=self.title, hint="report this")
            before = default
            choice, after = _best(counts, self._objective)
            metric = self._objective.metric
            gain = after[metric] / before[metric] - 1 if before[metric] else 0.0
            what = f"{before[metric]} to {after[metric]} {metric}, {gain:+.1%}"
            self._tell(f"{len(counts) - 1} of {self._most} trials, {what}")
        return {
            "schema": tuning.SCHEMA,
            **place,
            "choice": choice,
            **{metric: {"before": before[metric], "after": after[metric]} for metric in before},
            "search": {
                "trials": len(counts) - 1,
                "of": len(self.subject.space),
                "seed": self.workspace.parameters["seed"],
            },
        }

    @property
    def _most(self) -> int:
        return min(int(self.workspace.parameters["trials"]), len(self.subject.space))

    def _batches(self, counts: Mapping[str, Measured], known: Choice) -> Iterator[list[Choice]]:
        """Candidates in batches: the default, what was known and some at random, then neighbours of the best so far.

        The order depends on seed and kernel; fewer trials are the beginning of more.
        """
        place = canonical(self.subject.document)
        left, most = list(self.subject.space), self._most
        random.Random(f"{self.workspace.parameters['seed']} {place}").shuffle(left)
        batch: list[Choice] = [None, *left[: min(_BATCH, most)]]
        batch += [] if known in batch else [known]
        while batch:
            yield batch
            left = [choice for choice in left if choice not in batch]
            most -= len(batch) - (None in batch)
            best, _ = _best(counts, self._objective)
            near = [choice for choice in left if best is not None and _distance(choice, best) == 1]
            batch = [*near, *(choice for choice in left if choice not in near)][: max(0, min(_BATCH, most))]

    def _measured(self, batch: Sequence[Choice]) -> list[Measured]:
        """The metrics of some candidates, as somebody measured them or as they are measured now."""
        text = canonical({"what": self._facts(), "candidates": list(batch)})
        parts = self.workspace.parts
        if parts is None:
            return self._measure(batch)
        with parts.hold(text):
            content = parts.get(text)
            if content is None:
                started = time.monotonic()
                content = canonical(self._measure(batch)).encode()
                parts.put(text, content, time.monotonic() - started)
        counts: list[Measured] = json.loads(content)
        return counts

    def _facts(self) -> JSON:
        """What the counts of a kernel depend on, but for tools and code."""
        parameters = self.workspace.parameters
        target = parameters["target"]
        machine = {name: target[name] for name in ("implementation", "cpu", "isa", "machine") if name in target}
        built = {name: parameters[name] for name in ("toolchain", "flags", "defines")}
        cycles = {name: parameters[name] for name in ("core", "flash_timing") if name in parameters}
        return {"kernel": self.subject.document, "machine": machine, **built, **cycles}

    def _measure(self, batch: Sequence[Choice]) -> list[Measured]:
        """Build one firmware of all candidates, and call each."""
        folder = self.workspace.folder / "batch"
        sources = emptied(folder / "sources")
        calls = self.implementation.write_firmware(self.subject, batch, sources)
        target = self.workspace.parameters["target"]
        target = {**target, "memory": oversize.enlarged(target["memory"])}
        work = replace(self.workspace, parameters={**self.workspace.parameters, "target": target})
        firmware = build_inner(work, sources, folder)
        return self._call(calls, target, firmware)

    def _call(self, calls: Sequence[Any], target: Mapping[str, Any], file: Path) -> list[Measured]:
        """Where cycles are estimated each after a reset of its own: no cache of the chip has anything of another's."""
        firmware = elf.read(file)
        machine = open_machine(target, self.workspace.inputs)
        found: list[Measured] = []
        try:
            machine.load(file)
            for call in calls:
                if "core" in self.workspace.parameters:
                    machine.load(file)
                found.append(None if call is None else self._count(machine, firmware, call))
        finally:
            machine.close()
        return found

    def _count(self, machine: Machine, firmware: elf.Firmware, call: Any) -> Measured:
        for place, content in call.before.items():
            machine.write(place, content)
        status, counters, cycles = self._run(machine, firmware, call.function)
        if status != 0 or machine.read(call.output, len(call.expected)) != call.expected:
            self._tell(f"{call.function} computes something wrong")
            return None
        assert counters.instructions is not None
        called = counters.functions.keys() - {call.function}
        code_bytes = sum(symbol.size_bytes for symbol in firmware.functions if symbol.name in called)
        return {
            "instructions": counters.instructions,
            **cycles,
            "scratch_bytes": call.scratch_bytes,
            "flash_bytes": call.constant_bytes + code_bytes,
        }

    def _run(self, machine: Machine, firmware: elf.Firmware, function: str) -> tuple[int, Counters, Mapping[str, int]]:
        """Status, counters, and estimated cycles where there is a model of them."""
        parameters, limit = self.workspace.parameters, self.workspace.parameters["limit_instructions"]
        if "core" not in parameters:
            return *machine.call(function, limit_instructions=limit), {}
        timing, flash_model = parameters.get("flash_timing"), self.workspace.inputs.get("flash_model.so")
        flash = None if flash_model is None or timing is None else (flash_model, timing)
        status, counters, pieces = machine.trace(function, function, limit_instructions=limit, flash=flash)
        model = Model(parameters["core"], 0 if timing is None else timing["wait_cycles"], disassembler(firmware))
        cycles = sum(model.cycles(piece.edges, sum(piece.flash_waits.values())).total for piece in pieces)
        return status, counters, {"cycles_estimate": round(cycles)}

    def _tell(self, text: str) -> None:
        self.workspace.progress(f"{self.title}: {text}")


def _best(counts: Mapping[str, Measured], objective: Objective) -> tuple[Choice, Mapping[str, int]]:
    """The best candidate, and what was measured of it; of equals the one that was measured first."""
    right = {choice: metrics for choice, metrics in counts.items() if metrics is not None}
    best = min(right, key=lambda choice: objective.of(right[choice]))
    found: Choice = json.loads(best)
    return found, right[best]


def _distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    """In how many numbers two choices differ; a different kernel is far away."""
    if one.keys() != other.keys() or one["kernel"] != other["kernel"]:
        return len(one) + 1
    return sum(one[name] != other[name] for name in one)
