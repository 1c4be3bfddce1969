"""The plan that tinyi makes on the chip, made here too: how large the arena must be, and where inputs and outputs lie.

Step by step what recipes/runtimes/tinyi/src/setup.c does, in the same order; the tests hold both equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinyflow.backends.tinyi.memory_request import MemoryRequest
from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph

# places are stored in 16 bits, of which three values have a meaning of their own
_MAX_UNITS = 2**16 - 3
_INFINITE = 1 << 30
_UNITS = (4, 16, 64, 256, 1024)
# sizes of struct tinyi_life and struct tinyi_wish
_LIFE_BYTES, _WISH_BYTES = 16, 16


@dataclass
class _Life:
    size_bytes: int
    units: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """Bytes of the arena; tensor → offset and operators from which to which its bytes must stay; scratch likewise."""

    unit: int
    total_bytes: int
    offsets: Mapping[int, int]
    lives: Mapping[int, tuple[int, int]]
    scratch: Mapping[int, tuple[int, int]]
    """Operator → (offset, bytes); those that have some."""


def plan(graph: Graph, requests: Sequence[MemoryRequest]) -> Plan:
    """The plan for one request of each operator, in the smallest unit that it fits. Raises ModelError for gigabytes."""
    for unit in _UNITS:
        made = _plan(graph, requests, unit)
        if made is not None:
            return made
    raise ModelError("its activations need more than 64 MiB", hint="is this a model for a microcontroller?")


def _units(size_bytes: int, unit: int) -> int:
    return -(-size_bytes // unit)


def _plan(graph: Graph, requests: Sequence[MemoryRequest], unit: int) -> Plan | None:
    lives, owners = _lifetimes(graph, requests, unit)
    spans = {tensor: (life.first, life.last) for tensor, life in lives.items()}
    _merge(graph, requests, lives, owners)
    # equal ones as they are written
    order = sorted((t for t in lives if owners[t] == t), key=lambda t: -lives[t].units)
    places: dict[int, int] = {}
    for tensor in order:
        places[tensor] = _lowest(lives, places, tensor)
    total = max(places[tensor] + lives[tensor].units for tensor in order)
    scratch, total = _place_scratch(lives, places, requests, unit, total)
    if total > _MAX_UNITS:
        return None
    tables = -(-(2 * len(graph.tensors) + 5 * len(graph.operators)) // 4) * 4
    work = _LIFE_BYTES * len(lives) + _WISH_BYTES * len(graph.operators)
    return Plan(
        unit=unit,
        total_bytes=max(total * unit, work) + tables,
        offsets={tensor: places[_root(owners, tensor)] * unit for tensor in lives},
        lives=spans,
        scratch={node: (top * unit, size * unit) for node, (top, size) in scratch.items()},
    )


def _place_scratch(
    lives: Mapping[int, _Life], places: Mapping[int, int], requests: Sequence[MemoryRequest], unit: int, total: int
) -> tuple[dict[int, tuple[int, int]], int]:
    """Operator → (place, units), and the arena's end."""
    alive = [
        sorted((places[t], places[t] + lives[t].units) for t in places if lives[t].first <= node <= lives[t].last)
        for node in range(len(requests))
    ]
    for node, request in enumerate(requests):
        least = _units(request.least, unit)
        if least and _find_gap(alive[node], least, total)[1] < least:
            total = max(total, _find_gap(alive[node], _INFINITE, _INFINITE)[0] + least)
    limit = min(total + total // 64 * 17 + 52 // unit, _MAX_UNITS)
    scratch = {}
    for node, request in enumerate(requests):
        if request.most:
            begin, room = _find_gap(alive[node], _units(request.most, unit), limit)
            scratch[node] = (begin, _units(request.fill(room * unit), unit))
    return scratch, max([total, *(begin + units for begin, units in scratch.values())])


def _find_gap(alive: Sequence[tuple[int, int]], units: int, limit: int) -> tuple[int, int]:
    """(begin, units) of the first gap that is large enough, or of the largest one."""
    best = (0, 0)
    for begin in (0, *(end for _, end in alive)):
        room = min([limit, *(start for start, end in alive if begin < end)]) - begin
        if room > best[1]:
            best = (begin, room)
        if best[1] >= units:
            break
    return best


def _root(owners: Mapping[int, int], tensor: int) -> int:
    while owners[tensor] != tensor:
        tensor = owners[tensor]
    return tensor


def _lifetimes(graph: Graph, requests: Sequence[MemoryRequest], unit: int) -> tuple[dict[int, _Life], dict[int, int]]:
    def life(tensor: int, node: int) -> _Life:
        size_bytes = graph.tensors[tensor].size_bytes
        return _Life(size_bytes, _units(size_bytes, unit), node, node)

    lives = {t: life(t, 0) for t in graph.inputs}
    owners = {t: t for t in lives}
    for node, (operator, request) in enumerate(zip(graph.operators, requests, strict=True)):
        for index in operator.inputs:
            if index in lives:
                lives[owners[index]].last = node
        for output in operator.outputs:
            lives[output] = life(output, node)
            owners[output] = owners[operator.inputs[0]] if request.is_view else output
    for index in graph.outputs:
        lives[owners[index]].last = len(graph.operators)
    return lives, owners


def _merge(graph: Graph, requests: Sequence[MemoryRequest], lives: dict[int, _Life], owners: dict[int, int]) -> None:
    for node, (operator, request) in enumerate(zip(graph.operators, requests, strict=True)):
        output = operator.outputs[0]
        for position in request.in_place:
            index = operator.inputs[position]
            if index not in lives:
                continue
            root = _root(owners, index)
            if lives[root].last == node and lives[root].size_bytes >= lives[output].size_bytes:
                lives[root].last = lives[output].last
                owners[output] = root
                break


def _lowest(lives: Mapping[int, _Life], places: Mapping[int, int], tensor: int) -> int:
    life, place = lives[tensor], 0
    neighbours = (t for t in places if lives[t].first <= life.last and life.first <= lives[t].last)
    for other in sorted(neighbours, key=lambda t: places[t]):
        if place + life.units <= places[other]:
            break
        place = max(place, places[other] + lives[other].units)
    return place
