"""Stage arena: how large the arena of an interpreter of the user's must be, found by running it on the target.

What it says that it used is tried; where that doesn't do, or it says nothing, the least arena with which it runs is
looked for.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tinyflow.core.action import Workspace
from tinyflow.core.errors import DoesNotFit, RunError
from tinyflow.model import tflite_reader
from tinyflow.model.plan_document import Arena, PlanDocument
from tinyflow.stages import external, run
from tinyflow.stages.inner_firmware import build_inner, emptied
from tinyflow.targets.protocol import Machine, open_machine

_FIRST_BYTES = 64 * 1024
_GROWTH = 4
_MOST_BYTES = 16 * 1024**2
_STEP_BYTES = 16
_ELSEWHERE = 0xFFFFFFFF
# without its help the least is found up to this part of it
_EXACT_TO = 256


def arena(workspace: Workspace) -> None:
    """Make `arena.json`: `bytes` of the arena, and `places` in it by the indices of the model's tensors, if told.

    Parameters and inputs: those of stage generate for a command, of compiling, linking and running. `arena` is the
    option that has the size, 0 to find it. Raises RunError where it is too small, or no size will do.
    """
    option = workspace.parameters["arena"]
    wanted = workspace.parameters["options"][option]
    search = Search(workspace)
    if wanted:
        search.trial(wanted)
    if search.found is None:
        search.search()
    assert search.found is not None
    size = search.found.size
    if wanted and size != wanted:
        raise RunError(f"an arena of {wanted} bytes is too small: it needs {size}", hint=f"{option}: 0 takes that")
    workspace.write_json("arena.json", {"bytes": size, "places": dict(search.found.places)})


class Found(NamedTuple):
    """A size with which it runs, how much of that it says that it used, and where tensors lie."""

    size: int
    used: int | None
    places: Mapping[str, int]


@dataclass
class Search:
    """What is known of sizes: the largest with which it fails, the least with which it runs, one that isn't there."""

    workspace: Workspace
    low: int = 0
    found: Found | None = None
    limit: int | None = None
    failure: RunError | DoesNotFit | None = None
    _step: int = field(default=_STEP_BYTES, init=False)

    def search(self) -> None:
        """Try sizes until the least is known. Raises what was wrong with the largest where none will do."""
        while (size := self._larger() if self.found is None else self._smaller(self.found)) is not None:
            self.trial(size)
        if self.found is None:
            assert self.failure is not None
            if self.low:
                self.failure.what += f"; with an arena of {self.low} bytes, the largest that was tried"
            raise self.failure

    def _larger(self) -> int | None:
        """The next size where none is known to do; None where there are no more."""
        size = max(_FIRST_BYTES, self.low * _GROWTH)
        if self.limit is not None and size >= self.limit:
            size = self.low + (self.limit - self.low) // 2 // _STEP_BYTES * _STEP_BYTES
        return None if size <= self.low or size > _MOST_BYTES else size

    def _smaller(self, found: Found) -> int | None:
        """What it used, then a bit more and more, or the middle; None where there is nothing to gain."""
        gap = found.size - self.low
        if found.used is None:
            return None if gap <= max(_STEP_BYTES, found.size // _EXACT_TO) else self.low + _rounded(gap // 2)
        if gap <= _STEP_BYTES or _rounded(found.used) >= found.size:
            return None
        if _rounded(found.used) > self.low:
            return _rounded(found.used)
        step, self._step = self._step, 2 * self._step
        return self.low + min(step, _rounded(gap // 2))

    def trial(self, size: int) -> None:
        """Generate, build and run with an arena of this size, and keep what that says."""
        try:
            self.found = self.run(size)
            told = "runs" if self.found.used is None else f"runs, {self.found.used} used"
        except DoesNotFit as error:
            self.limit, self.failure, told = size, self.failure or error, "is more than there is"
        except RunError as error:
            self.low, self.failure, told = max(self.low, size), error, f"doesn't do: {error.what}"
        self.workspace.progress(f"an arena of {size} bytes {told}")

    def run(self, size: int) -> Found:
        """One turn. Raises RunError where it refuses or faults, and DoesNotFit."""
        parameters, inputs = self.workspace.parameters, self.workspace.inputs
        folder = self.workspace.folder / "trial"
        sources = emptied(folder / "sources")
        options = {**parameters["options"], parameters["arena"]: size}
        outputs = {"sources/": sources, "plan.json": folder / "plan.json"}
        external.generate(replace(self.workspace, parameters={**parameters, "options": options}, outputs=outputs))
        document = json.loads((folder / "plan.json").read_bytes())
        plan = PlanDocument.of(document)
        firmware = build_inner(self.workspace, sources, folder)
        graph = tflite_reader.read(inputs["model.tflite"])
        sample = run.read_samples(inputs, plan).inputs[0]
        limit = parameters["limit_instructions"]
        machine = open_machine(parameters["target"], inputs)
        try:
            machine.load(firmware)
            run.set_up(machine, plan, limit)
            places = _places(machine, plan.arena, len(graph.tensors))
            run.give(machine, PlanDocument.of(external.placed(document, graph, places)), sample, limit)
            run.call(machine, plan.invoke, limit)
            used = plan.arena.used if plan.arena is not None else ""
            return Found(size, int.from_bytes(machine.read(used, 4), "little") if used else None, places)
        finally:
            machine.close()


def _places(machine: Machine, arena: Arena | None, tensors: int) -> dict[str, int]:
    """Where set-up has put tensors, by their indices."""
    if arena is None or not arena.places:
        return {}
    offsets = struct.unpack(f"<{tensors}I", machine.read(arena.places, 4 * tensors))
    return {str(index): offset for index, offset in enumerate(offsets) if offset != _ELSEWHERE}


def _rounded(size: int) -> int:
    return -(-size // _STEP_BYTES) * _STEP_BYTES
