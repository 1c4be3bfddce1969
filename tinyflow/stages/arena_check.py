"""Arena check: whether layers write only their outputs and scratch, and use only what was written.

One more inference, after those that count. Before a layer's first function begins, all memory of the arena that holds
nothing at that time is filled with a pattern; when its last one is back, whatever is neither output nor scratch of the
layer must be as it was, unused RAM behind the variables included. Outputs that change with the pattern were made from
bytes that nobody wrote. What belongs to whom is the memory plan's word (`arena.tensors`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tinyflow.core.errors import RunError
from tinyflow.model.plan_document import Arena, Layer, PlanDocument, Port, Resident
from tinyflow.targets.protocol import Machine


class Give(NamedTuple):
    """How one sample gets in: what is written to its place, and the calls that take rows."""

    write: Callable[[], object]
    feed: Callable[[], object] = lambda: None


# what a layer has computed, whose first place in memory that is, and its bytes
Look = Callable[[Layer, Resident, bytes], None]
Span = tuple[int, int]  # offset of the first byte in the arena, and behind the last one
# bytes, the first layer that writes them (-1: an input or state of the model), the last that reads them
_Lifetime = tuple[Span, int, int]
_ALWAYS = 1 << 31

_PERIOD = 251  # a prime, so that no kernel's step meets the same value again and again
_PATTERN = bytes((167 * i + 91) % 256 for i in range(_PERIOD))
# behind the last variable: a kernel that leaves the arena by more is likely to leave the memory, too
_MARGINS_BYTES = (4096, 256, 16)
_ENDS_OF_VARIABLES = ("tf_heap_end", "tf_bss_end")


def _lifetimes(plan: PlanDocument, arena: Arena) -> list[_Lifetime] | None:
    """As the plan says; None where it says nothing of lifetimes."""
    # by name, for the first layer may write its output where the input was
    inputs = [tensor for tensor in arena.tensors if plan.is_input(arena, tensor)]
    if {port.name for port in plan.inputs if arena.owns(port)} != {tensor.name for tensor in inputs}:
        return None
    return [
        ((t.offset, t.end), -1, _ALWAYS) if t.is_state else ((t.offset, t.end), -1 if t in inputs else t.first, t.last)
        for t in arena.tensors
    ]


def check(
    machine: Machine,
    plan: PlanDocument,
    give: Give,
    outputs: Sequence[tuple[str, bytes]],
    limit: int,
    look: Look = lambda *_: None,
) -> str:
    """Run one inference and look between its layers; RunError names the first one that goes astray.

    `outputs` are symbols and the bytes of the reference. What a layer has computed
    is shown to `look`, with the layer that did. Returns why nothing could be said, if that is so.
    """
    arena, steps = plan.arena, plan.calls
    tensors = None if arena is None else _lifetimes(plan, arena)
    if arena is None or not tensors or not steps:
        return "the plan tells no lifetimes, or no calls"
    watch = _Watch(machine, plan, arena, tensors, steps, look)
    if not watch.run(give, limit):
        return watch.why_not
    if watch.fault is not None:
        raise watch.fault
    if all(machine.read(symbol, len(expected)) == expected for symbol, expected in outputs):
        return ""  # and so they are where bytes that nobody wrote have no effect
    other = _Watch(machine, plan, arena, tensors, steps, lambda *_: None, inverted=0xFF)
    other.run(give, limit)
    for number, (layer, name) in enumerate(steps):
        if watch.results.get(number) != other.results.get(number):
            what = "its output changes with what lay in unused memory before"
            hint = "it leaves a part of its output as it was, or reads scratch that it didn't write"
            raise _fault(layer, name, what, hint)
    return ""


@dataclass
class _Watch:
    """What happens between the calls of one inference."""

    machine: Machine
    plan: PlanDocument
    arena: Arena
    tensors: Sequence[_Lifetime]
    steps: Sequence[tuple[Layer, str]]
    look: Look
    inverted: int = 0  # bits of the pattern that are
    fault: RunError | None = None
    results: dict[int, list[bytes]] = field(default_factory=dict)
    why_not: str = ""  # nothing can be said
    _begun: int = 0
    _is_lost: bool = False  # the calls are not those of the plan: nothing can be said
    _before: bytes = b""
    _behind: bytes = b""

    def run(self, give: Give, limit: int) -> bool:
        """Whether all calls were seen, as the plan has them. All that is fed is one call of the first of them."""
        give.write()
        names = [name for _, name in self.steps]
        if self.plan.feed is not None:
            names = [name for name in names if name != self.plan.feed.function]
            self.begun(self.plan.feed.function)
            give.feed()
            self.ended()
        status = self.machine.follow(self.plan.invoke, self.plan.caller, names, self, limit_instructions=limit)
        if status is None:
            self.why_not = "nothing sees the calls of its layers"
        elif self._is_lost or self._begun < len(self.steps):
            self.why_not = "the calls of its layers are not those of the plan"
        return not self.why_not

    def begun(self, function: str) -> None:
        """See `protocol.Calls`."""
        self._is_lost |= self._begun >= len(self.steps) or self.steps[self._begun][1] != function
        self._begun += 1
        if self._is_lost or not self._is_first():
            return
        if self._begun == 1:  # what is only another shape of an input has no layer
            self._show(tensor for tensor in self.arena.tensors if self.plan.is_input(self.arena, tensor))
        if self.machine.is_remote:
            return
        live = [span for span, first, last in self.tensors if first < self._layer.index <= last]
        # bytes of no tensor are left alone: they may be an interpreter's own
        for begin, end in _without([span for span, _, _ in self.tensors], live):
            self.machine.write(self.arena.place(begin), _pattern(begin, end, self.inverted))
        self._before = self.machine.read(self.arena.place(0), self.arena.bytes)
        self._behind = self._read_behind()

    def ended(self) -> None:
        """See `protocol.Calls`."""
        if self._is_lost or not self._is_last():
            return
        index = self._layer.index
        made = [tensor for tensor in self.arena.tensors if tensor.first == index]
        self._show(tensor for tensor in made if not self.plan.is_input(self.arena, tensor))
        if self.machine.is_remote:
            return
        after = self.machine.read(self.arena.place(0), self.arena.bytes)
        outputs = [self._span(place) for place in self.plan.outputs]
        written = [(span, last) for span, first, last in self.tensors if first == index]
        written += [((t.offset, t.end), _ALWAYS) for t in self.arena.tensors if index in t.changed_by]
        # scratch is no result
        results = [span for span, last in written if last > index or span in outputs]
        self.results[self._begun - 1] = [after[begin:end] for begin, end in results]
        if self.fault is not None:
            return
        kept = [(0, self.arena.bytes)]
        if self.arena.places:  # scratch may be anywhere else
            kept = [span for span, first, last in self.tensors if first < index <= last]
        for begin, end in _without(kept, [span for span, _ in written]):
            if after[begin:end] != self._before[begin:end]:
                self._blame(begin, self._before[begin:end], after[begin:end])
                return
        behind = self._read_behind()
        if behind != self._behind:
            self._blame(self.arena.bytes, self._behind, behind, "behind the last variable")

    def _show(self, tensors: Iterable[Resident]) -> None:
        """What holds something of the model, that is."""
        for tensor in tensors:
            if tensor.tensors:
                self.look(self._layer, tensor, self.machine.read(self.arena.place(tensor.offset), tensor.bytes))

    @property
    def _layer(self) -> Layer:
        return self.steps[self._begun - 1][0]

    def _is_first(self) -> bool:
        """Whether this is the first call of a layer."""
        return self._begun == 1 or self.steps[self._begun - 2][0] is not self._layer

    def _is_last(self) -> bool:
        return self._begun == len(self.steps) or self.steps[self._begun][0] is not self._layer

    def _blame(self, offset: int, before: bytes, after: bytes, place: str = "") -> None:
        changed = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        layer, name = self.steps[self._begun - 1]
        where = place or f"at {self.arena.place(offset + changed[0])}{self._owner(offset + changed[0], layer.index)}"
        what = f"writes {len(changed)} bytes or more {where}, outside its output and its scratch"
        hint = "the same bench with +guard.ram names the instruction; plan.json has the memory plan"
        self.fault = _fault(layer, name, what, hint)

    def _owner(self, offset: int, layer: int) -> str:
        """Whose byte that is."""
        for tensor in self.arena.alive_at(layer):
            if tensor.offset <= offset < tensor.end:
                return f" (byte {offset - tensor.offset} of {tensor.name})"
        return ""

    def _span(self, port: Port) -> Span:
        """Of an output; empty where it lies elsewhere."""
        begin = int(port.symbol.partition("+")[2] or "0", 0)
        return (begin, begin + port.bytes) if self.arena.owns(port) else (0, 0)

    def _read_behind(self) -> bytes:
        """RAM that nothing uses, behind variables and heap, as far as there is some."""
        for symbol in _ENDS_OF_VARIABLES:
            for size in _MARGINS_BYTES:
                try:
                    return self.machine.read(symbol, size)
                except RunError:
                    continue
        return b""


def _fault(layer: Layer, function: str, what: str, hint: str) -> RunError:
    error = RunError(f"{what}; in layer {layer.index} {layer.operator}", where=function, hint=hint)
    error.layer = layer.index
    return error


def _pattern(begin: int, end: int, inverted: int) -> bytes:
    """Of these bytes of the arena."""
    repeated = bytes(value ^ inverted for value in _PATTERN) * ((end - begin) // _PERIOD + 2)
    return repeated[begin % _PERIOD :][: end - begin]


def _without(spans: Sequence[Span], taken: Sequence[Span]) -> list[Span]:
    """The union of spans without others, in order."""
    edges = sorted({edge for span in (*spans, *taken) for edge in span})
    found: list[Span] = []
    for begin, end in itertools.pairwise(edges):
        is_in = any(a <= begin and end <= b for a, b in spans)
        if is_in and not any(a <= begin and end <= b for a, b in taken):
            if found and found[-1][1] == begin:
                found[-1] = (found[-1][0], end)
            else:
                found.append((begin, end))
    return found
