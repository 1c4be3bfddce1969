"""What is known of one kernel: when it computes a layer, what it wants packed, its scratch, and how it walks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tinyflow.backends.tinynn.calls import Call, Field
from tinyflow.backends.tinynn.layer import Fields, Layer
from tinyflow.backends.tinynn.needs import Need
from tinyflow.backends.tinynn.scratch import Scratch
from tinyflow.backends.tinynn.windows import lead_bytes, tiles_lead_bytes
from tinyflow.model.memory.arena import Overlap

Walk = Literal["elements", "pixels", "tiles", "planes", "rows", "all"]
WALKS: Mapping[Walk, str] = {
    "elements": "one element after the other: what is written at a place was read there",
    "pixels": "one pixel after the other, all its channels; reads what lies under the window",
    "tiles": "some tiles of 2x2 pixels after the others, along two rows; reads what lies under all their windows first",
    "planes": "one channel after the other, each read as a whole before any of it is written",
    "rows": "one row of the last axis after the other, each read as a whole before any of it is written",
    "all": "any part of the input may be read until the end",
}


@dataclass(frozen=True)
class Kernel:
    """One function of tinynn for one variant; exact, bit for bit, wherever `needs` are met."""

    operator: str
    """As in the variant ref's function."""
    variant: str
    struct: str
    walk: Walk
    needs: tuple[Need, ...] = ()
    pack: Callable[[Layer], Mapping[str, Field]] = lambda layer: layer.fields
    """The struct's fields, packed arrays among them."""
    scratch: Scratch | None = None
    """None for a function without that parameter."""
    in_place: tuple[int, ...] = ()
    """Inputs at whose address the output may begin; of a depthwise kernel, where each channel fits on what it was."""
    at_once: int = 1
    """Pixels written together."""
    name: str = ""
    """Of the function, where that isn't operator and variant."""
    takes_array: bool = False
    """Whether it takes any number of inputs, as an array of pointers."""

    @property
    def function(self) -> str:
        """Its symbol."""
        return f"tinynn_{self.name or f'{self.operator}_{self.variant}'}"

    def why_not(self, layer: Layer) -> str | None:
        """The first reason against it."""
        return self.unmet(layer)[1]

    def unmet(self, layer: Layer) -> tuple[Need | None, str | None]:
        """The first need that a layer doesn't meet, and why."""
        every = ((need, need.why_not(layer)) for need in self.needs)
        return next(((need, reason) for need, reason in every if reason is not None), (None, None))

    def why_not_fields(self, fields: Fields) -> str | None:
        """The first reason against it that weights and scales have no say in."""
        return replace(self, needs=tuple(need for need in self.needs if need.is_on_fields)).why_not(Layer(fields))

    def overwrites(self, fields: Fields) -> tuple[int, ...]:
        """Inputs at whose address the output may begin."""
        if "depth_multiplier" not in fields:
            return self.in_place
        given, made = (fields[f"{side}_height"] * fields[f"{side}_width"] for side in ("input", "output"))
        return self.in_place if fields["batches"] == fields["depth_multiplier"] == 1 and made <= given else ()

    def overlaps(self, fields: Fields) -> dict[int, Overlap]:
        """Inputs that the output may overlap, and how: by the order in which this kernel reads and writes.

        Where it walks on, what may begin at an input's address may begin anywhere before it.
        """
        fields = next((part for part in fields.values() if isinstance(part, Mapping)), fields)  # of a struct in it
        if self.walk == "tiles":
            return {0: Overlap(lead=tiles_lead_bytes(fields))}
        if self.walk == "planes":
            is_apart = fields["batches"] == fields["depth_multiplier"] == 1
            return {0: Overlap(step=fields["input_channels"])} if is_apart else {}
        if in_place := self.overwrites(fields):
            return dict.fromkeys(in_place, Overlap(lead=0)) if self.walk != "all" else {}
        if self.walk == "pixels":
            return {0: Overlap(lead=lead_bytes(fields, self.at_once, self.element_bytes))}
        return {}

    @property
    def element_bytes(self) -> int:
        """Of what it reads and writes, where it walks along pixels."""
        return {"int16": 2, "float32": 4}.get(self.operator.rpartition("_")[2], 1)

    def scratch_bytes(self, fields: Fields) -> int:
        """What it keeps in scratch."""
        return self.scratch.size_bytes(fields) if self.scratch else 0

    def call(self, layer: Layer, notes: tuple[str, ...] = (), reference: str = "") -> Call:
        """Its call for a layer that it computes."""
        return Call(
            self.function,
            f"tinynn_{self.struct}",
            self.pack(layer),
            takes_scratch=self.scratch is not None,
            scratch_bytes=self.scratch_bytes(layer.fields),
            in_place=self.overwrites(layer.fields),
            overlaps=self.overlaps(layer.fields),
            notes=notes,
            reference=reference,
            takes_array=self.takes_array,
        )
