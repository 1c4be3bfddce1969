"""Generated C as a library of this machine, run in-process."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kept
import numpy as np

from tinyflow.model.reference import Sample

RUNTIMES = Path(__file__).parents[2] / "recipes" / "runtimes"
# what compilers say is an error: of kernels as of what is generated
STRICT = ("-std=c11", "-O1", "-fPIC", "-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True)
class HostModel:
    """A generated model, set up."""

    sources: Path
    plan: Mapping[str, Any]
    library: ctypes.CDLL

    @staticmethod
    def of(plan: Path, other: HostModel) -> HostModel:
        """A model that another's firmware has now."""
        return HostModel(other.sources, json.loads(plan.read_text(encoding="utf-8")), other.library)

    def reset(self) -> None:
        """Begin a sequence anew; what is there of another model has no state."""
        if self.plan.get("reset"):
            assert self.library.model_reset() == 0

    def invoke(self, sample: Sample) -> Sample:
        """One inference on an arena full of garbage, but for state."""
        size = self.plan["arena"]["bytes"]
        arena = np.ctypeslib.as_array((ctypes.c_int8 * size).in_dll(self.library, self.plan["arena"]["symbol"]))
        is_state = np.zeros(size, bool)
        for tensor in self.plan["arena"]["tensors"]:
            if tensor.get("is_state"):
                is_state[tensor["offset"] : tensor["offset"] + tensor["bytes"]] = True
        arena[~is_state] = np.random.default_rng(size).integers(-128, 128, size)[~is_state]
        feed = self.plan.get("feed")
        for number, (port, array) in enumerate(zip(self.plan["inputs"], sample, strict=True)):
            if number or not feed:
                arena[_place(port)] = np.frombuffer(array.tobytes(), np.int8)
        for row in sample[0].reshape(feed["rows"], -1) if feed else ():
            assert self.library.model_invoke() == 1
            assert self.library.model_feed_row(row.tobytes()) == 0
        if feed:
            assert self.library.model_feed_row(sample[0].tobytes()) == 1
        assert self.library.model_invoke() == 0
        if self.plan.get("keeps_inputs"):
            for port, array in zip(self.plan["inputs"], sample, strict=True):
                assert arena[_place(port)].tobytes() == array.tobytes()
        return tuple(
            np.frombuffer(arena[_place(port)].tobytes(), port["dtype"]).reshape(port["shape"])
            for port in self.plan["outputs"]
        )


def _place(port: Mapping[str, Any]) -> slice:
    offset = int(port["symbol"].partition("+")[2])
    return slice(offset, offset + port["bytes"])


def load(
    sources: Path, plan: Path, inputs: Mapping[str, kept.Source], include: Sequence[str], flags: Sequence[str]
) -> HostModel:
    """Compile and link a folder of generated sources with these inputs, and set the model up."""
    made = kept.made_here({"sources/": sources, **inputs}, ["-shared", *flags], include)
    # a file of its own is a library of its own, though another model may have the same bytes
    library = ctypes.CDLL(str(kept.copy(made, sources.parent / "model.so")))
    assert library.model_setup() == 0
    return HostModel(sources, json.loads(plan.read_text(encoding="utf-8")), library)
