"""Patches: the first layers for one piece of the image after the other, so that none of their outputs is ever whole.

What MCUNetV2 does (https://arxiv.org/abs/2110.15352), by operators that every tool knows: SLICE of what a piece needs,
PAD where the image ends, convolutions without padding, CONCATENATION. Where windows overlap, neighbours compute the
same again. A patch is finished before the next one begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from tinyflow.core.errors import ModelError
from tinyflow.core.units import format_size
from tinyflow.model.arithmetic.unary import RESULTS
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators import describe
from tinyflow.model.operators.shapes import axis_of
from tinyflow.model.summary import macs
from tinyflow.model.transforms.record import Change
from tinyflow.model.transforms.tidy.editing import Editing
from tinyflow.model.transforms.tidy.padding import LEAST, fold_any_padding, fold_padding, zero_of
from tinyflow.model.transforms.whole_operators import compact
from tinyflow.model.weighted import Window, integers, window

# so many times the least bytes are as good, for less work
_NEARLY = 1.02
# of a patched network: seconds
_MOST_OPERATORS = 20_000
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
_PADDING = ("PAD", "PADV2")
# each pixel of the output by the pixels at its place
_PIXELWISE = (
    *RESULTS,
    *("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "DEQUANTIZE", "PRELU", "CONCATENATION"),
)
_PATCHABLE = (*_CONVOLUTIONS, *_POOLS, *_PADDING, *_PIXELWISE)

Span = tuple[int, int]
"""The first row or column, and the one behind the last."""
Box = tuple[Span, Span]
"""Rows and columns of a part of `[N, H, W, C]`."""


def patch(graph: Graph, grid: str) -> Change:
    """The graph with its first layers in patches. `grid` is `3` for 3x3 of them, `3_5` for those of 5 layers.

    Without a number of layers it is the one that leaves the fewest bytes alive, of these the fewest in patches; nearly
    the fewest where that is less work.
    Raises ModelError where nothing can be patched, or nothing is gained.
    """
    size, _, number = grid.partition("_")
    return _patched(graph, int(size), int(number or 0))


def _patched(graph: Graph, size: int, layers: int) -> Change:
    """`layers` is 0 for the number that leaves the fewest bytes."""
    if size < 2:
        raise ModelError(f"{size}x{size} patches are none", hint="+patch.2 makes 2x2 of them")
    if layers > len(graph.operators):
        raise ModelError(f"there are no {layers} layers", hint=f"the model has {len(graph.operators)}")
    begin = next((i for i, operator in enumerate(graph.operators) if _window(graph, operator) is not None), None)
    if begin is None:
        raise ModelError("nothing can be patched: no layer computes an image piece by piece", hint="leave +patch out")
    stages = list(_stages(graph, begin))
    if layers and layers not in (stage.end for stage in stages):
        ends = ", ".join(str(stage.end) for stage in stages) or "none"
        raise ModelError(f"the first {layers} layers can't be patched", hint=f"numbers of layers that can: {ends}")
    stages = [stage for stage in stages if not layers or stage.end == layers]
    fitting = [stage for stage in stages if stage.has_patches(size)]
    if not fitting:
        height, width = max(((stage.height, stage.width) for stage in stages), default=(0, 0))
        what = f"no {size}x{size} patches: the largest image that a first layer writes is {height}x{width}"
        raise ModelError(what, hint="+patch.2 makes 2x2 of them")
    found = [(stage, stage.patched(size)) for stage in fitting if stage.operators(size) <= _MOST_OPERATORS]
    if not found:
        raise ModelError(f"{size}x{size} patches are more than {_MOST_OPERATORS:,} operators", hint="ask for fewer")
    near = _nearly(_nearly(found, lambda one: _peak_bytes(one[1])), lambda one: _peak_bytes(*one[::-1]))
    best, changed = min(near, key=lambda one: macs(one[1]))
    before, after = _peak_bytes(graph), _peak_bytes(changed)
    if not layers and after >= before:
        what = f"{size}x{size} patches save nothing: {format_size(after)} are alive then, {format_size(before)} now"
        raise ModelError(what, hint=f"+patch.{size}_{best.end} patches the first {best.end} layers all the same")
    change = Change(graph)
    why = f"in {size}x{size} patches"
    change.operators_changed(compact(changed), {operator.outputs[0]: why for operator in best.inner})
    return change


def _nearly(found: list[_Found], size: Callable[[_Found], int]) -> list[_Found]:
    """Those that are as small as the smallest, or nearly so."""
    sizes = [size(one) for one in found]
    return [one for one, its in zip(found, sizes, strict=True) if its <= min(sizes) * _NEARLY]


def _peak_bytes(graph: Graph, stage: _Stage | None = None) -> int:
    """Bytes that are alive at once where kernels pad by themselves, as those of most backends do; until a stage ends.

    Those of the rest count again where outputs chase inputs.
    """
    folded = fold_any_padding(graph)
    if stage is None:
        return folded.peak_live_bytes
    last = next(i for i, operator in enumerate(folded.operators) if stage.output in operator.outputs)
    return folded.between(0, last).peak_live_bytes


def _stages(graph: Graph, begin: int) -> Iterator[_Stage]:
    """All that may be patched: operators from one on, of which the others read one image."""
    for end in range(begin + 1, len(graph.operators) + 1):
        if _window(graph, graph.operators[end - 1]) is None:
            return
        inner = graph.operators[begin:end]
        read_later = {index for operator in graph.operators[end:] for index in operator.inputs}.union(graph.outputs)
        outputs = [index for operator in inner for index in operator.outputs if index in read_later]
        if len(outputs) == 1 and outputs[0] == inner[-1].outputs[0]:
            yield _Stage(graph, begin, end, outputs[0])


def _window(graph: Graph, operator: Operator) -> Window | None:
    """Under which pixels an operator computes one of its output; None for one that isn't computed so."""
    if operator.name not in _PATCHABLE:
        return None
    source, *others = read = [graph.tensors[index] for index in operator.inputs if index >= 0]
    output = graph.tensors[operator.outputs[0]]
    if len(output.shape) != 4 or source.is_constant or source.is_variable:
        return None
    if operator.name in _PIXELWISE:
        is_along_channels = operator.name != "CONCATENATION" or (
            axis_of(operator.options["axis"], 4) == 3 and not any(tensor.is_constant for tensor in read)
        )
        return Window() if is_along_channels and all(_is_at_its_place(tensor, output) for tensor in read) else None
    if len(source.shape) != 4 or not all(tensor.is_constant for tensor in others):
        return None
    if operator.name in _PADDING:
        images, rows, columns, channels = integers(others[0]).tolist()
        around = Window(before=(rows[0], columns[0]), after=(rows[1], columns[1]))
        return around if images == channels == [0, 0] else None
    seen = window(graph, operator)
    return None if any((*seen.before, *seen.after)) and _unseen(operator, source) is None else seen


def _is_at_its_place(tensor: Tensor, output: Tensor) -> bool:
    """Whether an operand has as many pixels as the output, or is a constant that is the same for all."""
    if tensor.is_constant:
        return len(tensor.shape) <= 4 and (1, 1, 1, *tensor.shape)[-4:][1:3] == (1, 1)
    return len(tensor.shape) == 4 and tensor.shape[1:3] == output.shape[1:3]


def _unseen(operator: Operator, source: Tensor) -> int | None:
    """What counts for nothing where it is put around the input; None where there is no such number."""
    if operator.name in _CONVOLUTIONS:
        zero = zero_of(source)
        return None if zero is None else int(zero)
    return LEAST.get(source.dtype) if operator.name == "MAX_POOL_2D" else None


def _spans(length: int, parts: int) -> list[Span]:
    """As many parts of nearly one size, or one where there is nothing to part."""
    parts = parts if length > 1 else 1
    return [(i * length // parts, (i + 1) * length // parts) for i in range(parts)]


@dataclass(frozen=True)
class _Stage:
    """Operators `begin` to before `end`, of which only `output` is read by others."""

    graph: Graph
    begin: int
    end: int
    output: int

    @property
    def inner(self) -> tuple[Operator, ...]:
        """Its operators."""
        return self.graph.operators[self.begin : self.end]

    @property
    def height(self) -> int:
        """Of its output."""
        return self.graph.tensors[self.output].shape[1]

    @property
    def width(self) -> int:
        """Of its output."""
        return self.graph.tensors[self.output].shape[2]

    @cached_property
    def windows(self) -> Mapping[int, Window]:
        """By the tensor that is written."""
        found = {operator.outputs[0]: _window(self.graph, operator) for operator in self.inner}
        return {index: seen for index, seen in found.items() if seen is not None}

    def has_patches(self, size: int) -> bool:
        """Whether there are pixels for as many each way, and none lies in padding alone."""
        if any(1 < length < size for length in (self.height, self.width)) or self.height == self.width == 1:
            return False
        spans = (_spans(self.height, size), _spans(self.width, size))
        # rows and columns don't depend on each other
        diagonal = zip(spans[0] * len(spans[1]), spans[1] * len(spans[0]), strict=True)
        return all(begin < end for box in diagonal for part in self.boxes(box).values() for begin, end in part)

    def boxes(self, wanted: Box) -> dict[int, Box]:
        """Which part of each tensor one of the output needs."""
        boxes: dict[int, Box] = {self.output: wanted}
        for operator in reversed(self.inner):
            written = boxes.get(operator.outputs[0])
            if written is None:
                continue
            for index in operator.inputs:
                if index >= 0 and not self.graph.tensors[index].is_constant:
                    box, _ = _needed(self.windows[operator.outputs[0]], written, self.graph.tensors[index].shape)
                    boxes[index] = _hull(boxes.get(index, box), box)
        return boxes

    def operators(self, size: int) -> int:
        """How many at most take its operators' place."""
        return 3 * len(self.inner) * size**2

    def patched(self, size: int) -> Graph:
        """The graph with so many patches each way, unused tensors still in it."""
        patches = _Patches(self, Editing(self.graph))
        rows = []
        for vertical in _spans(self.height, size):
            pieces = [patches.piece((vertical, horizontal)) for horizontal in _spans(self.width, size)]
            rows.append(patches.joined(pieces, axis=2))
        patches.joined(rows, axis=1, output=self.output)
        operators = (*self.graph.operators[: self.begin], *patches.operators, *self.graph.operators[self.end :])
        return fold_padding(replace(self.graph, tensors=tuple(patches.editing.tensors), operators=operators))[0]


# how many layers, and the graph with them in patches
_Found = tuple[_Stage, Graph]


@dataclass
class _Patches:
    """The operators of all patches, one after the other."""

    stage: _Stage
    editing: Editing
    operators: list[Operator] = field(default_factory=list)

    def piece(self, wanted: Box) -> int:
        """Compute one piece of the output; its tensor."""
        boxes = self.stage.boxes(wanted)
        # tensor → where that part of it is which this patch has
        made: dict[int, int] = {}
        cut: dict[tuple[int, Box], int] = {}
        for operator in self.stage.inner:
            output = operator.outputs[0]
            if output not in boxes:
                continue
            seen = self.stage.windows[output]
            inputs = list(operator.inputs)
            for position, index in enumerate(inputs):
                if index < 0 or self.editing.tensors[index].is_constant:
                    continue
                box, around = _needed(seen, boxes[output], self._shape(index))
                whole = boxes[index] if index in made else _whole(self._shape(index))
                if (index, box) not in cut:
                    cut[index, box] = self._cut(made.get(index, index), whole, box)
                inputs[position] = cut[index, box]
                if any(sum(around, ())) and operator.name not in _PADDING:
                    inputs[position] = self._padded(operator, inputs[position], around)
            made[output] = self._computed(operator, inputs, boxes[output], seen)
        return made[self.stage.output]

    def joined(self, pieces: Sequence[int], axis: int, output: int | None = None) -> int:
        """Pieces side by side."""
        tensors = self.editing.tensors
        if len(pieces) == 1 and output is None:
            return pieces[0]
        if output is None:
            shape = list(tensors[pieces[0]].shape)
            shape[axis] = sum(tensors[piece].shape[axis] for piece in pieces)
            output = self._like(self.stage.output, tuple(shape))
        self._put("CONCATENATION", pieces, output, axis=axis)
        return output

    def _shape(self, index: int) -> tuple[int, ...]:
        return self.stage.graph.tensors[index].shape

    def _like(self, index: int, shape: tuple[int, ...]) -> int:
        tensor = self.editing.tensors[index]
        return self.editing.add(tensor, name=f"{tensor.name}/{len(self.editing.tensors)}", shape=shape)

    def _put(self, name: str, inputs: Sequence[int], output: int, **options: int) -> None:
        description = describe(name)
        version = description.versions[0]
        every = {**description.default_options, **options}
        self.operators.append(Operator(0, name, version, tuple(inputs), (output,), every))

    def _numbers(self, name: str, values: Sequence[object]) -> int:
        array = np.array(values, np.int32)
        like = Tensor(0, name, array.shape, "int32")
        return self.editing.constant(like, array, name=f"{name}/{len(self.editing.tensors)}")

    def _cut(self, index: int, whole: Box, box: Box) -> int:
        if box == whole:
            return index
        shape = self.editing.tensors[index].shape
        first = [0, *(part[0] - all_of_it[0] for part, all_of_it in zip(box, whole, strict=True)), 0]
        lengths = (shape[0], *(end - begin for begin, end in box), shape[3])
        output = self._like(index, lengths)
        self._put("SLICE", (index, self._numbers("begin", first), self._numbers("size", lengths)), output)
        return output

    def _padded(self, operator: Operator, index: int, around: Box) -> int:
        tensor = self.editing.tensors[index]
        shape = (
            tensor.shape[0],
            *(n + sum(p) for n, p in zip(tensor.shape[1:3], around, strict=True)),
            tensor.shape[3],
        )
        output = self._like(index, shape)
        inputs = [index, self._numbers("around", [(0, 0), *around, (0, 0)])]
        if operator.name in _CONVOLUTIONS:
            self._put("PAD", inputs, output)
        else:
            value = np.array(_unseen(operator, tensor))
            inputs.append(self.editing.constant(tensor, value, name=f"unseen/{len(self.editing.tensors)}"))
            self._put("PADV2", inputs, output)
        return output

    def _computed(self, operator: Operator, inputs: Sequence[int], box: Box, seen: Window) -> int:
        """The operator for a part of its output."""
        index = operator.outputs[0]
        before = self._shape(index)
        output = self._like(index, (before[0], *(end - begin for begin, end in box), before[3]))
        options = operator.options
        if operator.name in _PADDING:
            around = _needed(seen, box, self._shape(operator.inputs[0]))[1]
            inputs = [inputs[0], self._numbers("around", [(0, 0), *around, (0, 0)]), *inputs[2:]]
        elif "padding" in options:
            options = {**options, "padding": "VALID"}
        self.operators.append(replace(operator, inputs=tuple(inputs), outputs=(output,), options=options))
        return output


def _needed(seen: Window, box: Box, shape: Sequence[int]) -> tuple[Box, Box]:
    """Which part of an input of this shape is read for one of the output, and how much around it is padding."""
    parts, around = [], []
    for axis, (first, last) in enumerate(box):
        begin = first * seen.stride[axis] - seen.before[axis]
        end = (last - 1) * seen.stride[axis] - seen.before[axis] + seen.reach[axis]
        inside = max(begin, 0), min(end, shape[axis + 1])
        parts.append(inside)
        around.append((inside[0] - begin, end - inside[1]))
    return (parts[0], parts[1]), (around[0], around[1])


def _whole(shape: Sequence[int]) -> Box:
    return (0, shape[1]), (0, shape[2])


def _hull(one: Box, other: Box) -> Box:
    spans = [(min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(one, other, strict=True)]
    return spans[0], spans[1]
