"""Layer check: whether each layer computes what the reference's does, for the first sample.

What lies where when a layer has ended is the memory plan's word; who looks then is the arena check.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinyflow.core.action import JSON
from tinyflow.core.errors import ValidationError
from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.plan_document import Layer, PlanDocument, Resident
from tinyflow.stages.comparison import Difference, Tolerance

_NOT_TOLD = "the plan doesn't tell its tensors"
_NOTHING = "it computes no tensor, but may change state"
_SHARED = "no place in memory holds what it computes: it is a part of another layer"
_UNKNOWN = "the reference doesn't tell what it computes"


@dataclass
class LayerCheck:
    """What is known of the layers of one inference; `tensors` are by their indices in the model's file."""

    plan: PlanDocument
    tolerance: Tolerance
    tensors: Mapping[int, tuple[Mapping[str, Any], bytes]]
    missing: str = ""  # why there are none
    unseen: str = ""  # why nothing was looked at
    compared: set[int] = field(default_factory=set)
    wrong: tuple[Layer, str, Difference] | None = None  # the first one

    @staticmethod
    def of(inputs: Mapping[str, Path], plan: PlanDocument, tolerance: Tolerance) -> LayerCheck | None:
        """By what stage intermediates made; None where it made nothing."""
        if "intermediates.json" not in inputs:
            return None
        document = json.loads(inputs["intermediates.json"].read_bytes())
        with inputs["intermediates.bin"].open("rb") as file:
            tensors = {tensor["index"]: (tensor, file.read(tensor["bytes"])) for tensor in document["tensors"]}
        return LayerCheck(plan, tolerance, tensors, document["missing"])

    def look(self, layer: Layer, place: Resident, data: bytes) -> None:
        """Compare what lies in a place, whose first layer has just ended, with what the reference has there."""
        for index in place.tensors:
            tensor, expected = self.tensors.get(index, ({}, b""))
            if not tensor or index in self.compared:
                continue
            got = data[: len(expected)]
            if place.layout == "NCHW":
                first = self.tensors[place.tensors[0]][0]  # another shape of the same has other channels
                got = _channels_last(got, first["channels"], ELEMENT_TYPES[tensor["dtype"]].bits // 8)
            difference = self.tolerance.largest_difference(expected, got, tensor["dtype"])
            self.compared.add(index)
            if difference.is_wrong and self.wrong is None:
                words = self._where(place, difference.element * ELEMENT_TYPES[tensor["dtype"]].bits // 8)
                self.wrong = layer, f"{tensor['name']}{difference}{words}", difference

    def _where(self, place: Resident, byte: int) -> str:
        """Where a wrong byte of a place lies, if the place is over an input of its layer; empty where it lies apart."""
        arena = self.plan.arena
        under = [] if arena is None else arena.dies_under(place)
        if arena is None or not under:
            return ""
        names = " and ".join(f"{one.name} ({arena.place(one.offset)}, {one.bytes} bytes)" for one in under)
        return (
            f" at {arena.place(place.offset + byte)}; it lies over {names}: a kernel that reads that in another order "
            "than tinynn's reads what it has overwritten, +chase.off keeps them apart"
        )

    def verdict(self) -> dict[str, JSON]:
        """For run.json: of how many layers all tensors were compared, and which were not, why."""
        unseen = [
            {"layer": layer.index, "operator": layer.operator, "why": why}
            for layer, why in ((layer, self._why_not(layer)) for layer in self.plan.layers)
            if why
        ]
        return {"compared": len(self.plan.layers) - len(unseen), "of": len(self.plan.layers), "unseen": unseen}

    def refuse(self) -> None:
        """Raise ValidationError for a layer that computes something else."""
        if self.wrong is not None:
            layer, place, difference = self.wrong
            what = f"layer {layer.index} {layer.operator} differs from the reference by up to {difference.error:g}"
            hint = f"the outputs of the network hide it; the backend's tolerance is {difference.allowed:g}"
            error = ValidationError(what, where=f"sample 0, {place}", hint=hint)
            error.layer = layer.index
            raise error

    def words(self) -> str:
        """The first wrong layer, for a message about wrong outputs; empty where none is known."""
        if self.wrong is None:
            return ""
        layer, place, _ = self.wrong
        return f"the first wrong layer is {layer.index} {layer.operator}: {place}"

    def _why_not(self, layer: Layer) -> str:
        """Why not all of a layer's outputs were compared."""
        if not layer.outputs:
            return _NOTHING if any(other.outputs for other in self.plan.layers) else _NOT_TOLD
        return next(filter(None, map(self._why_not_tensor, layer.outputs)), "")

    def _why_not_tensor(self, index: int) -> str:
        if index in self.compared:
            return ""
        if self.missing or self.unseen:
            return self.missing or self.unseen
        return _UNKNOWN if index not in self.tensors else _SHARED


def _channels_last(data: bytes, channels: int, element_bytes: int) -> bytes:
    """Bytes of an image [channels, places] as [places, channels]."""
    made = bytearray(len(data))
    plane = len(data) // channels
    for channel in range(channels):
        for byte in range(element_bytes):
            values = data[channel * plane + byte : (channel + 1) * plane : element_bytes]
            made[channel * element_bytes + byte :: channels * element_bytes] = values
    return bytes(made)
