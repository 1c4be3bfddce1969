"""What the calls of one inference may write, and how a write outside of it is told."""

from __future__ import annotations

from dataclasses import dataclass

from tinyflow.core.errors import ModelError
from tinyflow.model.plan_document import Arena, PlanDocument, Resident
from tinyflow.targets.elf import Firmware


@dataclass(frozen=True)
class Place:
    """Bytes with a name: a tensor, scratch, the arena. `symbol` may carry an offset."""

    name: str
    symbol: str
    size_bytes: int

    def addresses(self, firmware: Firmware) -> range:
        """Where it lies. Raises RunError for a symbol that the firmware has not."""
        begin = firmware.address(self.symbol)
        return range(begin, begin + self.size_bytes)


@dataclass(frozen=True)
class GuardedCall:
    """One call of a layer's function; `alive` are the other tensors that are needed then."""

    function: str
    writable: tuple[Place, ...]
    alive: tuple[Place, ...]


@dataclass(frozen=True)
class Guarded:
    """All calls that `dispatcher` makes within `symbol`, in order; `arena` is what they share."""

    symbol: str
    dispatcher: str
    calls: tuple[GuardedCall, ...]
    arena: Place
    is_arena_only: bool  # whether writes elsewhere in RAM are nobody's business
    fed: GuardedCall | None = None  # what takes rows, within the arena: it may write elsewhere


def guarded(plan: PlanDocument, scope: str) -> Guarded:
    """All calls of one inference, which may write the tensors that begin with their layer; `scope` is `arena` or `ram`.

    Raises ModelError for a plan that doesn't say enough.
    """
    arena = plan.arena
    if arena is None or not arena.symbol or not arena.tensors or not plan.calls:
        raise ModelError(
            f"{plan.backend} doesn't say what lies where in memory",
            hint="+guard needs `arena` with `symbol` and `tensors`, and `layers` with `functions`, in plan.json",
        )
    if arena.places:
        what = f"{plan.backend} has scratch in its arena of which nobody knows where"
        raise ModelError(what, hint="leave +guard out: what layers do to live tensors is checked without it")
    calls, fed = [], None
    for layer, function in plan.calls:
        alive = arena.alive_at(layer.index)
        begun = [tensor for tensor in alive if tensor.first == layer.index and not plan.is_input(arena, tensor)]
        own = [tensor for tensor in begun if not tensor.is_state]
        own += [tensor for tensor in alive if layer.index in tensor.changed_by]
        writable = tuple(_place(arena, tensor) for tensor in own)
        others = tuple(_place(arena, tensor) for tensor in alive if tensor not in own)
        if plan.feed is not None and function == plan.feed.function:
            fed = GuardedCall(function, writable, others)
        else:
            calls.append(GuardedCall(function, writable, others))
    return Guarded(
        symbol=plan.invoke,
        dispatcher=plan.caller,
        calls=tuple(calls),
        arena=Place("the arena", arena.place(0), arena.bytes),
        is_arena_only=scope == "arena",
        fed=fed,
    )


def _place(arena: Arena, tensor: Resident) -> Place:
    return Place(tensor.name, arena.place(tensor.offset), tensor.bytes)


def describe(firmware: Firmware, call: GuardedCall, address: int, size_bytes: int) -> tuple[str, str]:
    """What a write did, and what the call may write."""
    words = [f"writes {size_bytes} bytes at 0x{address:08x}"]
    ranges = {place: place.addresses(firmware) for place in (*call.writable, *call.alive)}
    nearest = min(call.writable, key=lambda place: _distance(ranges[place], address), default=None)
    if nearest is not None:
        words.append(_relation(nearest.name, ranges[nearest], address))
    hit = [
        place.name
        for place in call.alive
        if address < ranges[place].stop and ranges[place].start < address + size_bytes
    ]
    if hit:
        words.append(f"into {' and '.join(hit)}")
    elif found := _object_at(firmware, address):
        words.append(f"in {found}")
    mine = ", ".join(
        f"{place.name} ({place.size_bytes} bytes at 0x{ranges[place].start:08x})" for place in call.writable
    )
    return ", ".join(words), f"{call.function} may write {mine or 'nothing'} and the stack"


def _distance(place: range, address: int) -> int:
    return max(place.start - address, address - place.stop + 1, 0)


def _relation(name: str, place: range, address: int) -> str:
    if address < place.start:
        return f"{place.start - address} bytes before {name}"
    if address >= place.stop:
        distance = address - place.stop
        return f"{f'{distance} bytes' if distance else 'right'} behind the end of {name}"
    return f"over the end of {name}"


def _object_at(firmware: Firmware, address: int) -> str:
    for symbol in firmware.symbols:
        if symbol.kind == "object" and symbol.address <= address < symbol.address + symbol.size_bytes:
            return f"{symbol.name}+{address - symbol.address}"
    return ""
