"""Stage tune: searches, kernel by kernel, for what takes the fewest instructions on the target; keeps records of it.

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
from tinyflow.stages import build, link, oversize
from tinyflow.targets.protocol import Machine, open_machine

_BATCH = 8
Choice = Union[Mapping[str, Any], None]  # None is what the backend takes by default
Count = Union[int, None]  # instructions; None for a choice that doesn't fit, or whose output is wrong


def tune(workspace: Workspace) -> None:
    """Make `records.jsonl` for the kernels of `model.tflite`.

    Parameters: `implementation` (a backend's module with `subjects` and `write_firmware`), `options` (the backend's),
    `trials` (candidates for each kernel), `seed`, `optimise`, and what the build stages and the target need. Inputs
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
        place = {**subject.document, "optimise": workspace.parameters["optimise"]}
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

    def record(self, place: Mapping[str, JSON], known: Choice) -> dict[str, JSON]:
        """Measure the default, what was known, and `trials` others; the best of all is the record."""
        parameters = self.workspace.parameters
        first: list[Choice] = [None] if known is None else [None, known]
        counts = dict(zip(map(canonical, first), self._measured(first), strict=True))
        before = counts[canonical(None)]
        if before is None:
            raise RunError("the default kernel computes something wrong", where=self.title, hint="report this")
        tried = 0
        for batch in self._batches(counts, before):
            counts |= dict(zip(map(canonical, batch), self._measured(batch), strict=True))
            tried += len(batch)
            after = min(count for count in counts.values() if count is not None)
            self._tell(f"{tried} of {self._most} trials, {before} to {after} ({after / before - 1:+.1%})")
        choice, after = _best(counts, before)
        return {
            "schema": tuning.SCHEMA,
            **place,
            "choice": choice,
            "instructions": {"before": before, "after": after},
            "search": {"trials": tried, "of": len(self.subject.space), "seed": parameters["seed"]},
        }

    @property
    def _most(self) -> int:
        return min(int(self.workspace.parameters["trials"]), len(self.subject.space))

    def _batches(self, counts: Mapping[str, Count], before: int) -> Iterator[list[Choice]]:
        """Candidates in batches: at random at first, then the neighbours of the best one so far.

        The order depends on seed and kernel; fewer trials are the beginning of more.
        """
        place = canonical(self.subject.document)
        shuffled = list(self.subject.space)
        random.Random(f"{self.workspace.parameters['seed']} {place}").shuffle(shuffled)
        left, most = shuffled, self._most
        while left and most:
            best, _ = _best(counts, before)
            near = [choice for choice in left if best is not None and _distance(choice, best) == 1]
            batch = (near + [choice for choice in left if choice not in near])[: min(_BATCH, most)]
            left = [choice for choice in left if choice not in batch]
            most -= len(batch)
            yield batch

    def _measured(self, batch: Sequence[Choice]) -> list[Count]:
        """The instructions of some candidates, as somebody measured them or as they are measured now."""
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
        counts: list[Count] = json.loads(content)
        return counts

    def _facts(self) -> JSON:
        """What the counts of a kernel depend on, but for tools and code."""
        parameters = self.workspace.parameters
        target = parameters["target"]
        machine = {name: target[name] for name in ("implementation", "cpu", "isa", "machine") if name in target}
        built = {name: parameters[name] for name in ("toolchain", "flags", "defines")}
        return {"kernel": self.subject.document, "machine": machine, **built}

    def _measure(self, batch: Sequence[Choice]) -> list[Count]:
        """Build one firmware of all candidates, and call each."""
        folder = self.workspace.folder / "batch"
        sources, objects, firmware = folder / "sources", folder / "objects", folder / "firmware.elf"
        for path in (sources, objects):
            path.mkdir(parents=True, exist_ok=True)
            for file in path.iterdir():
                file.unlink()
        calls = self.implementation.write_firmware(self.subject, batch, sources)
        target = self.workspace.parameters["target"]
        target = {**target, "memory": oversize.enlarged(target["memory"])}
        work = replace(self.workspace, parameters={**self.workspace.parameters, "target": target})
        trees = {name: path for name, path in work.inputs.items() if name.startswith("include/")}
        build.compile_tree(replace(work, inputs={**trees, "sources/": sources}, outputs={"objects/": objects}))
        files = {name: path for name, path in work.inputs.items() if name.startswith("lib/") or name == "link.ld.j2"}
        outputs = {name: folder / name for name in ("firmware.elf", "firmware.map", "sizes.json")}
        link.link(replace(work, inputs={**files, "objects/": objects}, outputs=outputs))
        return self._call(calls, target, firmware)

    def _call(self, calls: Sequence[Any], target: Mapping[str, Any], firmware: Path) -> list[Count]:
        machine = open_machine(target, self.workspace.inputs)
        try:
            machine.load(firmware)
            return [None if call is None else self._count(machine, call) for call in calls]
        finally:
            machine.close()

    def _count(self, machine: Machine, call: Any) -> Count:
        for place, content in call.before.items():
            machine.write(place, content)
        limit = self.workspace.parameters["limit_instructions"]
        status, counters = machine.call(call.function, limit_instructions=limit)
        if status != 0 or machine.read(call.output, len(call.expected)) != call.expected:
            self._tell(f"{call.function} computes something wrong")
            return None
        return counters.instructions

    def _tell(self, text: str) -> None:
        self.workspace.progress(f"{self.title}: {text}")


def _best(counts: Mapping[str, Count], before: int) -> tuple[Choice, int]:
    """The candidate with the fewest instructions; of equals the one that was measured first."""
    best, least = canonical(None), before
    for choice, count in counts.items():
        if count is not None and count < least:
            best, least = choice, count
    found: Choice = json.loads(best)
    return found, least


def _distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    """In how many numbers two choices differ; a different kernel is far away."""
    if one.keys() != other.keys() or one["kernel"] != other["kernel"]:
        return len(one) + 1
    return sum(one[name] != other[name] for name in one)
