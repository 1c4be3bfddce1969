"""The plan that tinyi makes on the chip, made here too: how large the arena must be, and where inputs and outputs lie.

Step by step what recipes/runtimes/tinyi/include/tinyi/setup.h does, in the same order; the tests hold both equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tinyflow.backends.tinyi.memory_request import MemoryRequest
from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph
from tinyflow.model.memory import arena
from tinyflow.model.memory.arena import Buffer, Overlap, Placed
from tinyflow.model.memory.lifetimes import lifetimes

# places are stored in 16 bits, of which three values have a meaning of their own
_MAX_UNITS = 2**16 - 3
_INFINITE = 1 << 30
_UNITS = (4, 16, 64, 256, 1024)
# sizes of struct tinyi_lifetime, struct tinyi_memory_request and struct tinyi_part
_LIFE_BYTES, _WISH_BYTES, _PART_BYTES = 20, 24, 20
# what `lead` of struct tinyi_lifetime holds
_LEADS = range(-(2**15), 2**15)
# of TINYI_IN_PLACE: no distance within an arena
_IN_PLACE = Overlap(step=1 << 29)


@dataclass(frozen=True)
class Plan:
    """The bytes of the arena, the place of each activation, and scratch; lifetimes count operators."""

    unit: int
    total_bytes: int
    tensors: Mapping[int, Placed]
    scratch: Sequence[Placed]
    states: Mapping[int, str]
    """Variables, and tensors that name a resource variable first, by their numbers → what they are called."""
    kept: Mapping[int, Placed]
    """By operators, what they keep for themselves."""


def plan(graph: Graph, requests: Mapping[int, Sequence[MemoryRequest]], *, has_chase: bool = True) -> Plan:
    """The plan for one request of each operator of each graph, in the smallest unit that it fits.

    `requests`: by graphs' numbers, in the order of set-up, the network itself last. Without chase outputs lie over
    inputs only where they take their place. Raises ModelError for gigabytes.
    """
    if not has_chase:
        requests = {number: [_in_place(one) for one in asked] for number, asked in requests.items()}
    is_wide = any(tensor.dtype == "uint64" for tensor in graph.tensors)  # kernels read words of 64 bits
    for unit in _UNITS[is_wide:]:
        made = _plan_all(graph, requests, unit)
        if made is not None:
            return made
    raise ModelError("its activations need more than 64 MiB", hint="is this a model for a microcontroller?")


def _in_place(request: MemoryRequest) -> MemoryRequest:
    if request.overlap is None:
        return request
    return replace(request, overlap=None, in_place=request.in_place if request.overlap.step else ())


def _plan_all(graph: Graph, requests: Mapping[int, Sequence[MemoryRequest]], unit: int) -> Plan | None:
    """The network's plan; the arena ends with the tables of all graphs, and holds those of each set-up meanwhile."""
    kept, least = _PART_BYTES * len(graph.graphs) if len(requests) > 1 else 0, 0
    arenas: dict[int, int] = {}
    made: Plan | None = None
    for number, asked in requests.items():
        part = graph.graphs[number]
        given = [_with_arena(one, arenas) for one in asked]
        made = _plan(part, given, unit)
        if made is None:
            return None
        arenas[number] = made.total_bytes
        kept += -(-(2 * len(part.tensors) + 5 * len(part.operators)) // 4) * 4
        born = len(part.inputs) + sum(index not in part.handles for one in part.operators for index in one.outputs)
        born += len(made.states) + len(made.kept)
        work = _LIFE_BYTES * max(born, 1) + _WISH_BYTES * len(part.operators)
        least = max(least, work + kept)
    return made and replace(made, total_bytes=max(made.total_bytes + kept, least))


def _with_arena(request: MemoryRequest, arenas: Mapping[int, int]) -> MemoryRequest:
    """The same with the largest arena of a subgraph that the operator calls."""
    size = max((arenas[number] for number in request.calls), default=0)
    return replace(request, least=size, most=size) if request.calls else request


def _units(size_bytes: int, unit: int) -> int:
    return -(-size_bytes // unit)


def _stretched(size: int) -> int:
    """What so much may grow so that operators have more scratch than they need."""
    return size + size // 16 * 3


def _plan(graph: Graph, requests: Sequence[MemoryRequest], unit: int) -> Plan | None:
    views: dict[int, int] = {}
    for operator, request in zip(graph.operators, requests, strict=True):
        if request.is_view:
            views.update(dict.fromkeys(operator.outputs, views.get(operator.inputs[0], operator.inputs[0])))

    states = _states(graph)
    named = {key: index for index, key in graph.handles.items() if index in states}
    views.update({index: named[key] for index, key in graph.handles.items() if index not in states})

    def seen(tensors: Sequence[int]) -> list[int]:
        return [views.get(tensor, tensor) for tensor in tensors]

    steps = [(seen(operator.inputs), seen(operator.outputs)) for operator in graph.operators]
    # by numbers that no tensor has
    kept = {-1 - node: request.kept for node, request in enumerate(requests) if request.kept}
    begun, ended = [*states, *kept, *graph.inputs], [*states, *kept, *seen(graph.outputs)]
    lives = lifetimes(begun, steps, ended, len(steps))
    sizes = {tensor: kept[tensor] if tensor in kept else graph.tensors[tensor].size_bytes for tensor in lives}
    sizes |= {index: graph.resources[key].size_bytes if key in graph.resources else 1 for key, index in named.items()}
    buffers = {key: Buffer(f"tensor {key}", _units(sizes[key], unit), *lives[key]) for key in lives}
    overlaps = {}
    for node, ((read, written), request) in enumerate(zip(steps, requests, strict=True)):
        for source in (read[position] for position in request.in_place):
            overlap = _overlap(request, sizes[source], sizes[written[0]], unit) if source in lives else None
            if overlap is not None and lives[source][1] == node:
                overlaps[buffers[source].name, buffers[written[0]].name] = overlap
                break
    # of equal ones the last
    ordered = sorted(buffers.values(), key=lambda buffer: buffer.size_bytes)[::-1]
    offsets = arena.place_over(ordered, overlaps, _floors(buffers.values(), overlaps))
    places = {key: buffer.at(offsets[buffer.name]) for key, buffer in buffers.items()}
    requests = [
        replace(request, least=request.most) if _is_over(request, read, written, places) else request
        for (read, written), request in zip(steps, requests, strict=True)
    ]
    scratch, total = _place_scratch(list(places.values()), requests, unit)
    if total > _MAX_UNITS:
        return None
    born = [(tensor, 0) for tensor in (*states, *graph.inputs)]
    made = ((tensor, node) for node, operator in enumerate(graph.operators) for tensor in operator.outputs)
    born += [(tensor, node) for tensor, node in made if tensor not in graph.handles]
    tensors = {}
    for index, node in born:
        tensor, owner = graph.tensors[index], views.get(index, index)
        # what only looks at another's bytes keeps nothing there
        life = lives.get(index, (node, node))
        name, size = states.get(index, tensor.name), sizes.get(index, tensor.size_bytes)
        tensors[index] = Placed(name, size, *life, places[owner].offset * unit)
    held = {
        -1 - key: Placed(f"kept {-1 - key}", size, 0, len(steps), places[key].offset * unit)
        for key, size in kept.items()
    }
    return Plan(unit, total * unit, tensors, scratch, states, held)


def _overlap(request: MemoryRequest, source: int, output: int, unit: int) -> Overlap | None:
    """How an output may lie over an input that nobody reads later, in units; None where it doesn't fit or pay."""
    overlap = request.overlap or _IN_PLACE
    if overlap.step:
        return Overlap(step=math.lcm(overlap.step, unit) // unit) if source >= output else None
    lead_bytes = overlap.lead or 0
    lead = _units(lead_bytes, unit)
    both = max(source + max(lead_bytes, 0), output + max(-lead_bytes, 0)) + request.most
    return Overlap(lead=lead) if lead in _LEADS and both <= _stretched(source + output + request.least) else None


def _floors(buffers: Iterable[Buffer], overlaps: Mapping[tuple[str, str], Overlap]) -> dict[str, int]:
    """What an output needs below an input that is placed before it."""
    known = {buffer.name: buffer for buffer in buffers}
    over = {born: (dying, overlap) for (dying, born), overlap in overlaps.items()}
    floors = dict.fromkeys(known, 0)
    for born in reversed(known):
        if born in over:
            dying, overlap = over[born]
            if overlap.step or known[born].size_bytes <= known[dying].size_bytes:
                floors[dying] = max(floors[dying], floors[born] + (overlap.lead or 0))
    return floors


def _is_over(request: MemoryRequest, read: Sequence[int], written: Sequence[int], places: Mapping[int, Placed]) -> bool:
    """Whether an output lies over an input that its kernel then may go through only once."""
    if request.overlap is None or request.overlap.step or read[0] not in places:
        return False
    source, output = places[read[0]], places[written[0]]
    return source.last == output.first and source.offset < output.end and output.offset < source.end


def _states(graph: Graph) -> dict[int, str]:
    """All state in the order in which operators have it; of several names of one variable the first."""
    found: dict[int, str] = {}
    known = set()
    for operator in graph.operators:
        if operator.name == "VAR_HANDLE":
            key = graph.handles[operator.outputs[0]]
            if key not in known:
                known.add(key)
                found[operator.outputs[0]] = key[1]
        for index in operator.inputs:
            if index >= 0 and graph.tensors[index].is_variable:
                found[index] = graph.tensors[index].name
    return found


def _place_scratch(places: Sequence[Placed], requests: Sequence[MemoryRequest], unit: int) -> tuple[list[Placed], int]:
    """The scratch of all operators that have some, and the arena's end in units."""
    alive = [
        sorted((place.offset, place.end) for place in places if place.first <= node <= place.last)
        for node in range(len(requests))
    ]
    total = max((place.end for place in places), default=0)
    for node, request in enumerate(requests):
        least = _units(request.least, unit)
        if least and _find_gap(alive[node], least, total)[1] < least:
            total = max(total, _find_gap(alive[node], _INFINITE, _INFINITE)[0] + least)
    if total > _MAX_UNITS:
        return [], total
    limit = min(_stretched(total) + 112 // unit, _MAX_UNITS)
    scratch = []
    for node, request in enumerate(requests):
        if request.most:
            begin, room = _find_gap(alive[node], _units(request.most, unit), limit)
            units = _units(request.fill(room * unit), unit)
            scratch.append(Placed(f"scratch {node}", units * unit, node, node, begin * unit))
            total = max(total, begin + units)
    return scratch, total


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
