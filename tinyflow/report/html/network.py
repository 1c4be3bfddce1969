"""A network as a picture: a block of layers below the other, each block a drawing of its own that can be folded.

Blocks end where a single tensor leads on. Within one, layers are drawn from top to bottom (`report.layered`), and lines
that pass others by get places between them. Everything is text of the page: it needs no script, and says the same to
those who hear it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from tinyflow.core.units import format_count, format_number, format_size
from tinyflow.report.html.profile import Line
from tinyflow.report.html.svg import CHARACTER_WIDTH, Drawing, shorten
from tinyflow.report.layered import layers_of

Document = Mapping[str, Any]
_Point = tuple[float, float]

_FEWEST_OF_A_BLOCK = 4
_MOST_OF_A_BLOCK = 24  # layers that follow each other; what forks and joins stays whole
_NARROWEST, _WIDEST, _HEIGHT, _LINE = 120.0, 264.0, 52.0, 14.0
_ROW_GAP, _COLUMN_GAP, _MARGIN, _PASSING = 22.0, 12.0, 8.0, 6.0
_TITLE_WIDTH = 8.4  # of a character, as `svg.CHARACTER_WIDTH`, but bold, and most are capitals
_SHARE = 4.0  # the height of the bar
# lines around others, of one block; beyond, they are drawn straight
_MOST_PASSING = 3000
# of a larger network the blocks are folded at first
_MOST_UNFOLDED = 64
_MOST_TOLD = 5  # kinds of layers of a block
# of a function that is named after the first layer that it computes
_NUMBER = re.compile(r"_\d+$")
_OPTIONS_TOLD = frozenset({"activation", "stride", "dilation", "padding", "axis", "depth_multiplier", "filter"})


@dataclass(frozen=True)
class Node:
    """A layer, an input or an output. `reads`: names of others; `place`: the layer's line in a table, if it has one."""

    name: str
    texts: tuple[str, ...]
    tip: str
    reads: tuple[str, ...] = ()
    kind: str = ""
    place: str = ""
    percent: float = 0.0
    key: Hashable = None  # neighbours of one key belong together
    operator: str = ""
    size: str = ""  # of the image that it computes
    parameters_bytes: int = 0
    cost: tuple[float, ...] = ()


def network(
    document: Document, lines: Mapping[int, Line], chains: Iterable[Document] = (), *, has_places: bool = False
) -> dict[str, Any]:
    """The graph of a document as stages write it (`graph.json`), for the template.

    `lines`: what each layer costs, by its number in the plan. `has_places`: whether the page has a line for each.
    """
    parts = [document, *document.get("subgraphs", ())]
    groups, size_bytes = [], 0
    for number, part in enumerate(parts):
        nodes = list(
            _nodes(part, lines if number == 0 else {}, list(chains) if number == 0 else [], has_places=has_places)
        )
        largest = max((node.percent for node in nodes), default=0.0)
        blocks = [_block(block, largest) for block in _blocks(nodes)]
        size_bytes += sum(len(block["drawing"]) for block in blocks)
        groups.append({"title": f"subgraph {number}" if number else "", "blocks": blocks})
    constants = sum(tensor["bytes"] for tensor in document["tensors"] if tensor["constant"])
    count = sum(len(part["operators"]) for part in parts)
    return {
        "layers": format_number(count, "layer"),
        "is_small": count <= _MOST_UNFOLDED,
        "parameters": format_size(constants),
        "size_bytes": size_bytes,
        "groups": groups,
    }


def boxes(document: Document) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Of inputs, layers and outputs their names, what to write there, and what they read, each behind all of that."""
    for node in _nodes(document, {}, [], has_places=False):
        yield node.name, " ".join(filter(None, node.texts)), node.reads


def described(lines: Iterable[Line], compiled: Document | None) -> list[Line]:
    """Lines of layers with the shapes that they compute, and what they have of parameters, where that is known."""
    operators = {} if compiled is None else {one["index"]: one for one in compiled["operators"]}
    return [
        line
        if compiled is None or (operator := operators.get(line.index)) is None
        else replace(
            line,
            shape=spell_shape(compiled["tensors"][operator["outputs"][0]]) if operator["outputs"] else "",
            parameters=format_size(size) if (size := parameters_bytes(compiled, operator)) else "",
        )
        for line in lines
    ]


def spell_shape(tensor: Document) -> str:
    """`1x48x48x8 int8`."""
    return f"{'x'.join(map(str, tensor['shape'])) or 'scalar'} {tensor['dtype']}"


def parameters_bytes(document: Document, operator: Document) -> int:
    """Of the constants that an operator reads."""
    read = (document["tensors"][index] for index in dict.fromkeys(operator["inputs"]) if index >= 0)
    return sum(tensor["bytes"] for tensor in read if tensor["constant"])


def _nodes(
    document: Document, lines: Mapping[int, Line], chains: list[Document], *, has_places: bool
) -> Iterator[Node]:
    """Inputs, layers and outputs, each behind all that it reads."""
    tensors, made = document["tensors"], dict[int, str]()
    chain_of = {layer: number for number, chain in enumerate(chains) for layer in chain["layers"]}
    for number, index in enumerate(document["inputs"]):
        made[index] = f"input {number}"
        tip = f"input {number}: {tensors[index]['name']}, {spell_shape(tensors[index])}"
        yield Node(made[index], (made[index], spell_shape(tensors[index])), tip, kind="end")
    told: set[int] = set()
    for operator in document["operators"]:
        layer = operator.get("layer", operator["index"])
        line = lines.get(layer)
        if line is not None and layer in told:  # what several calls cost together
            line = replace(
                line, instructions="", percent=0.0, detail=f"{line.detail}; what it costs is told of its first call"
            )
        told.add(layer)
        node = _layer(document, operator, line, made, layer, chain_of.get(layer), has_places)
        for index in operator["outputs"]:
            made[index] = node.name
        yield node
    for number, index in enumerate(document["outputs"]):
        name, tip = f"output {number}", f"output {number}: {tensors[index]['name']}, {spell_shape(tensors[index])}"
        yield Node(name, (name, spell_shape(tensors[index])), tip, _known([index], made), kind="end")


def _layer(
    document: Document,
    operator: Document,
    line: Line | None,
    made: Mapping[int, str],
    layer: int,
    chain: int | None,
    has_places: bool,
) -> Node:
    tensors = document["tensors"]
    outputs = [tensors[index] for index in operator["outputs"]]
    shape = spell_shape(outputs[0]) if outputs else ""
    size = parameters_bytes(document, operator)
    told = [format_size(size)] if size else []
    if line is not None and line.instructions:
        told += [line.time or f"{line.instructions} instr.", f"{line.percent:.1f} %"]
    title = f"{operator['index']} {operator['name']}"
    is_image = outputs and len(outputs[0]["shape"]) == 4
    image = "x".join(map(str, outputs[0]["shape"][1:3])) if is_image else ""
    is_same = has_places and line is not None
    return Node(
        title,
        (title, shape, " · ".join(told)),
        "\n".join(_tip(document, operator, line, title)),
        _known(operator["inputs"], made),
        kind="view" if line is not None and not line.detail else "chain" if chain is not None else "",
        place=f"layer-{layer}" if is_same else "",
        percent=line.percent if line is not None else 0.0,
        key=("chain", chain) if chain is not None else ("image", image),
        operator=_NUMBER.sub("", operator["name"]),
        size=image,
        parameters_bytes=size,
    )


def _known(indices: Iterable[int], made: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(made[index] for index in indices if index in made))


def _tip(document: Document, operator: Document, line: Line | None, title: str) -> Iterator[str]:
    """All that is known of a layer, a line each."""
    tensors = document["tensors"]
    yield title
    reads = [tensors[index] for index in operator["inputs"] if index >= 0]
    for verb, found in (("reads", reads), ("makes", [tensors[index] for index in operator["outputs"]])):
        for tensor in found:
            constant = f", constant of {format_size(tensor['bytes'])}" if tensor["constant"] else ""
            storage = f", in storage {tensor['storage']}" if "storage" in tensor else ""
            yield f"{verb} {spell_shape(tensor)}{constant}{storage}"
    options = {name: value for name, value in (operator.get("options") or {}).items() if name in _OPTIONS_TOLD}
    if options:
        yield ", ".join(f"{name} {value}" for name, value in options.items())
    if operator.get("macs"):
        yield f"{format_count(operator['macs'])} MACs"
    if operator.get("scratch_bytes"):
        yield f"scratch of {format_size(operator['scratch_bytes'])}"
    if line is None:
        return
    if "layer" in operator:
        yield f"layer {line.name}"
    if line.detail:
        yield f"by {line.detail}"
    if line.instructions:
        yield f"{line.instructions} instructions, {line.percent:.1f} %" + (f", {line.time}" if line.time else "")


# Blocks


def _blocks(nodes: Sequence[Node]) -> Iterator[list[Node]]:
    """Runs of nodes between which one tensor leads on, those of one image size or chain together."""
    last = {name: index for index, node in enumerate(nodes) for name in node.reads}
    segments: list[list[Node]] = [[]]
    alive: set[str] = set()
    for index, node in enumerate(nodes):
        segments[-1].append(node)
        alive = {name for name in (*alive, node.name) if last.get(name, -1) > index}
        if len(alive) <= 1 and index + 1 < len(nodes):
            segments.append([])
    block: list[Node] = []
    before: Hashable = None
    for key, segment in _with_ends(segments):
        if block and not _belongs(block, before, segment, key):
            yield block
            block = []
        block, before = [*block, *segment], key
    yield block


def _belongs(block: Sequence[Node], before: Hashable, segment: Sequence[Node], key: Hashable) -> bool:
    """Whether what comes is the same block's: of its key while there is room; very short ones take what follows."""
    if all(node.kind == "end" for node in segment):
        return True
    is_short = len(block) < _FEWEST_OF_A_BLOCK and not any(node.kind == "chain" for node in (*block, *segment))
    return len(block) + len(segment) <= _MOST_OF_A_BLOCK and (key == before or is_short)


def _with_ends(segments: Sequence[list[Node]]) -> list[tuple[Hashable, list[Node]]]:
    """Segments with their keys: inputs are with what follows them, outputs with what they follow."""
    keys: list[Hashable] = [
        next((node.key for node in reversed(segment) if node.kind != "end"), None) for segment in segments
    ]
    for index in reversed(range(len(keys) - 1)):
        keys[index] = keys[index + 1] if keys[index] is None else keys[index]
    for index in range(1, len(keys)):
        keys[index] = keys[index - 1] if keys[index] is None else keys[index]
    return list(zip(keys, segments, strict=True))


def _block(nodes: Sequence[Node], largest: float) -> dict[str, Any]:
    """Its words and its drawing."""
    layers = [node for node in nodes if node.kind != "end"]
    percent, size = sum(node.percent for node in layers), sum(node.parameters_bytes for node in layers)
    counts = Counter(node.operator for node in layers).most_common()
    told = ", ".join(f"{count} {name}" if count > 1 else name for name, count in counts[:_MOST_TOLD])
    told += f" and {rest} others" if (rest := sum(count for _, count in counts[_MOST_TOLD:])) else ""
    sizes = list(dict.fromkeys(node.size for node in layers if node.size))
    return {
        "title": _numbers([node.name.partition(" ")[0] for node in layers]) or "ends",
        "operators": told,
        "is_chain": any(node.kind == "chain" for node in layers),
        "size": " → ".join([sizes[0], sizes[-1]] if len(sizes) > 1 else sizes),
        "parameters": format_size(size) if size else "",
        "percent": percent,
        "drawing": _draw(nodes, largest),
    }


def _numbers(names: Sequence[str]) -> str:
    return f"{names[0]}–{names[-1]}" if len(names) > 1 else "".join(names)


# Drawing


@dataclass
class _Place:
    """Where something of a layer lies; what passes by has no node."""

    width: float
    x: float = 0.0  # its middle
    y: float = 0.0
    node: Node | None = None

    @property
    def bottom(self) -> float:
        return self.y + _HEIGHT


def _draw(nodes: Sequence[Node], largest: float) -> str:
    inside = {node.name for node in nodes}
    edges = [(name, node.name) for node in nodes for name in node.reads if name in inside]
    places, layers, ways = _placed(nodes, edges)
    for row, layer in enumerate(layers):
        for name in layer:
            places[name].y = _MARGIN + _ROW_GAP / 2 + row * (_HEIGHT + _ROW_GAP)
    left = min(place.x - place.width / 2 for place in places.values()) - _MARGIN
    for place in places.values():
        place.x = round(place.x - left)
    width = max(place.x + place.width / 2 for place in places.values()) + _MARGIN
    height = 2 * _MARGIN + len(layers) * (_HEIGHT + _ROW_GAP)
    drawing = Drawing(width, height, f"{len(nodes)} boxes, each below what it reads", "net", role="group")
    middle = float(round(width / 2))
    read = {name for name, _ in edges}
    before = [places[node.name] for node in nodes if any(name not in inside for name in node.reads)]
    behind = [places[node.name] for node in nodes if node.name not in read and node.kind != "end"]
    lines: list[tuple[_Point, _Point]] = [((middle, 0.0), (place.x, place.y)) for place in before]
    lines += [((place.x, place.bottom), (middle, height)) for place in behind]
    for way in ways:
        for above, below in pairwise([places[name] for name in way]):
            lines.append(((above.x, above.bottom), (below.x, below.y)))
            if below.node is None:
                lines.append(((below.x, below.y), (below.x, below.bottom)))
    drawing.downwards(lines, style="arrow")
    for node in nodes:
        _box(drawing, places[node.name], node, largest)
    return str(drawing)


def _box(drawing: Drawing, place: _Place, node: Node, largest: float) -> None:
    left = place.x - place.width / 2
    with drawing.at(left, place.y, node.tip, f"#{node.place}" if node.place else "", style=node.kind):
        drawing.rectangle(0, 0, place.width, _HEIGHT)
        if node.percent and largest:
            length = max(1, round(_NARROWEST * node.percent / largest))  # of boxes however wide
            drawing.rectangle(0, _HEIGHT - _SHARE, length, _SHARE, style="s0")
        title, *others = filter(None, node.texts)
        room = (place.width - 12) * CHARACTER_WIDTH / _TITLE_WIDTH
        drawing.text(8, _LINE + 1, shorten(title, room), style="title")
        for row, text in enumerate(others, start=2):
            drawing.text(8, _LINE * row + 1, shorten(text, place.width - 12))


def _placed(
    nodes: Sequence[Node], edges: Sequence[tuple[str, str]]
) -> tuple[dict[str, _Place], list[list[str]], list[list[str]]]:
    """Places with their `x`, the layers, and of each edge the names that it leads by."""
    waits: dict[str, list[str]] = {node.name: [] for node in nodes}
    for above, below in edges:
        waits[below].append(above)
    places = {node.name: _Place(_width(node), node=node) for node in nodes}
    depth = {name: row for row, layer in enumerate(layers_of(waits)) for name in layer}
    passing = sum(max(depth[below] - depth[above] - 1, 0) for above, below in edges)
    ways = []
    for number, (above, below) in enumerate(edges):
        way = [above]
        if passing <= _MOST_PASSING:
            way += [f"{number}/{row}" for row in range(depth[above] + 1, depth[below])]
        ways.append([*way, below])
        for one in ways[-1][1:-1]:
            places[one] = _Place(_PASSING)
    if any(len(way) > 2 for way in ways):
        waits = {name: [] for name in places}
        for way in ways:
            for one, other in pairwise(way):
                waits[other].append(one)
        waits = {name: waits[name] for name in _in_order(waits)}
    layers = layers_of(waits)
    _align(places, layers, waits)
    return places, layers, ways


def _in_order(waits: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Names, each behind all that it waits for."""
    done: set[str] = set()
    for name in waits:
        stack = [name]
        while stack:
            missing = [one for one in waits[stack[-1]] if one not in done]
            if missing:
                stack += missing
            elif (ready := stack.pop()) not in done:
                done.add(ready)
                yield ready


def _width(node: Node) -> float:
    title, *others = node.texts
    widest = max(len(title) * _TITLE_WIDTH, *(len(text) * CHARACTER_WIDTH for text in others))
    return min(max(widest + 16, _NARROWEST), _WIDEST) // 2 * 2


def _align(places: Mapping[str, _Place], layers: Sequence[Sequence[str]], waits: Mapping[str, Sequence[str]]) -> None:
    """Give everything an `x`: above and below what it is bound to, as far as its neighbours leave room."""
    users: dict[str, list[str]] = {name: [] for name in waits}
    for name, before in waits.items():
        for one in before:
            users[one].append(name)
    for layer in layers:
        _spread([places[name] for name in layer], [0.0 for _ in layer])
    for bound, order in ((waits, layers), (users, layers[::-1]), (waits, layers)):
        for layer in order:
            wished = [
                sum(places[one].x for one in bound[name]) / len(bound[name]) if bound[name] else places[name].x
                for name in layer
            ]
            _spread([places[name] for name in layer], wished)


def _spread(row: Sequence[_Place], wished: Sequence[float]) -> None:
    """Places side by side near where they wish to be: half way between what pushing right and pushing left gives."""
    gaps = [0.0, *((one.width + other.width) / 2 + _COLUMN_GAP for one, other in pairwise(row))]
    rights, lefts = list(wished), list(wished)
    for index in range(1, len(row)):
        rights[index] = max(wished[index], rights[index - 1] + gaps[index])
    for index in reversed(range(len(row) - 1)):
        lefts[index] = min(wished[index], lefts[index + 1] - gaps[index + 1])
    for place, right, left in zip(row, rights, lefts, strict=True):
        place.x = (left + right) / 2
