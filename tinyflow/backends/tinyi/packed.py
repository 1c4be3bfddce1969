"""A model prepared beforehand: what tinyc would compile, as one file that the runtime walks; docs/packed.md.

The calls of kernels in order, each with its struct's fields, its places in the arena, and all constants. The firmware
has the kernels, and where the fields of their structs lie.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import numpy as np

from tinyflow.backends.arrays import Constant
from tinyflow.backends.generated import ARENA, model_header, write_files
from tinyflow.backends.programs.memory import Memory
from tinyflow.backends.programs.steps import Operand, Program, Step
from tinyflow.backends.refusals import Refusal
from tinyflow.backends.tinyc import faster
from tinyflow.backends.tinyc.backend import plan_of
from tinyflow.backends.tinyc.faster import Wanted
from tinyflow.backends.tinyc.program import lower
from tinyflow.backends.tinyi import incbin
from tinyflow.backends.tinynn.calls import Call, Field
from tinyflow.model.graph import Graph
from tinyflow.model.weighted import constant_values

# of include/tinyi/packed.h and src/packed.c
_MAGIC, _VERSION, _HEADER = b"TFPK", 1, struct.Struct("<4s9I")
_IN_ARENA, _NOTHING, _MOST_INPUTS, _MOST_WORDS = 1 << 31, (1 << 32) - 1, 3, 255
_ALIGNMENT = 16
STATUSES = {
    "1": "the model is damaged",
    "2": "the model calls a kernel that was not linked",
    "3": "the model's form is of another version",
    "4": "the arena is too small",
}

_MODEL = """\
#include "model.h"

#include <stddef.h>

#include "tinyi/packed.h"
#include "tinynn.h"

_Alignas({alignment}) int8_t {arena}[{bytes}];

/* model.packed, as it is */
extern const uint8_t model_packed[{model_bytes}];

{fields}
static const struct tinyi_packed_kernel kernels[] = {{
{kernels}}};

static const struct tinyi_packed model = {{model_packed, {model_bytes}, kernels, {count}, (uint8_t*){arena}, {bytes}}};

int model_setup(void) {{ return tinyi_packed_setup(&model); }}

int model_invoke(void) {{ return tinyi_packed_invoke(&model); }}
"""


@dataclass(frozen=True)
class _Kernel:
    """What the firmware has of a kernel: a function with so many inputs, and the fields of its struct."""

    function: str
    struct: str
    inputs: int
    takes_scratch: bool
    pointers: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def id(self) -> int:
        """The same wherever all of it is the same."""
        return crc32(repr(self).encode())

    @property
    def call_words(self) -> int:
        """Of a call: kernel, output, scratch, inputs, fields."""
        return 3 + self.inputs + len(self.pointers) + len(self.words)


@dataclass
class _File:
    """Constants, equal ones once, behind each other."""

    content: bytearray = field(default_factory=bytearray)
    known: dict[tuple[bytes, int], int] = field(default_factory=dict)

    def offset(self, constant: Constant) -> int:
        """Where one lies among them."""
        content, alignment = constant.values.tobytes(), max(constant.alignment, 4)
        if (content, alignment) not in self.known:
            self.content += bytes(-len(self.content) % alignment)
            self.known[content, alignment] = len(self.content)
            self.content += content
        return self.known[content, alignment]


def refusals(graph: Graph, variant: str) -> Iterator[Refusal]:
    """What speaks against a model that tinyc compiles: what isn't a plain call of a kernel."""
    program = lower(graph, variant)
    if program.initial:
        yield Refusal("it keeps what came before, which a packed model doesn't", "leave out +packed")
    for step in program.steps:
        operator = graph.operators[step.operator]
        if not isinstance(step, Step):
            yield Refusal("a packed model has no subgraphs", "leave out +packed", operator)
        elif step.call.takes_array or not _fits(step):
            yield Refusal("a packed model has no call with so many inputs or numbers", "leave out +packed", operator)


def _fits(step: Step) -> bool:
    """Whether the runtime has a call of its form."""
    fields = sum(1 for _ in _flat(step.call.fields))
    has_scratch_behind = len(step.inputs) == _MOST_INPUTS and step.call.takes_scratch
    return len(step.inputs) <= _MOST_INPUTS and not has_scratch_behind and 3 + len(step.inputs) + fields <= _MOST_WORDS


def arena_bytes(graph: Graph, variant: str, wanted: Wanted) -> int:
    """See `tinyi.arena_bytes`."""
    return faster.placed(lower(graph, variant), wanted)[1].total_bytes


def write_sources(
    graph: Graph, backend: str, variant: str, wanted: Wanted, arena_bytes: int, out: Path, plan_path: Path
) -> None:
    """Write `model.packed`, the C around it, and the plan. `arena_bytes`: 0 for what the plan needs."""
    program, placed = faster.placed(lower(graph, variant), wanted)
    content, kernels = _packed(program, placed)
    size = arena_bytes or placed.total_bytes
    model = _MODEL.format(
        alignment=_ALIGNMENT,
        arena=ARENA,
        bytes=size,
        model_bytes=len(content),
        fields="\n".join(_fields(number, kernel) for number, kernel in enumerate(kernels)),
        kernels="".join(f"    {_row(number, kernel)},\n" for number, kernel in enumerate(kernels)),
        count=len(kernels),
    )
    header = model_header(size, "0 or an enum tinyi_status")
    write_files(out, backend, {"model.h": header, "model.c": model, "model_data.S": incbin.source("model.packed")})
    (out / "model.packed").write_bytes(content)
    document = plan_of(
        graph,
        backend,
        program,
        placed,
        wanted,
        arena_bytes=size,
        weights_bytes=len(content),
        statuses=STATUSES,
        dispatcher="tinyi_packed_call",
    )
    document.write(plan_path)


def _packed(program: Program, placed: Memory) -> tuple[bytes, list[_Kernel]]:
    """The file, and the kernels that it calls, the most frequent first."""
    file, kernels, calls = _File(), Counter[_Kernel](), list[tuple[list[int], list[int]]]()
    for number, step in enumerate(program.steps):
        if isinstance(step, Step):
            pointers, words = _values(step.call, file)
            takes_scratch = step.call.takes_scratch
            kernel = _Kernel(
                step.call.function, step.call.struct, len(step.inputs), takes_scratch, tuple(pointers), tuple(words)
            )
            kernels[kernel] += 1
            places = [_operand(one, program, placed, file) for one in (step.output, *step.inputs)]
            scratch = placed.scratch.get(number) if takes_scratch else None
            places.insert(1, _NOTHING if scratch is None else scratch.offset | _IN_ARENA)
            # what lies in the file is moved when it is known where its constants begin
            moved = [*places, *pointers.values()]
            calls.append(([kernel.id, *moved], list(words.values())))
    end = _HEADER.size + 4 * sum(len(moved) + len(words) for moved, words in calls)
    constants = -(-end // _ALIGNMENT) * _ALIGNMENT
    content = b"".join(
        np.array([moved[0], *(_shifted(one, constants) for one in moved[1:]), *words], "<u4").tobytes()
        for moved, words in calls
    )
    behind = bytes(constants - end) + bytes(file.content) + bytes(-len(file.content) % 4)
    first = struct.pack("<4s5I", _MAGIC, _VERSION, end + len(behind), placed.total_bytes, end, constants)
    return first + _sums(first + content) + _sums(behind) + content + behind, [
        kernel for kernel, _ in kernels.most_common()
    ]


def _shifted(place: int, constants: int) -> int:
    return place if place >= _IN_ARENA else place + constants


def _sums(content: bytes) -> bytes:
    """Of its words, and of these sums as they grow: `sum_up` of packed.c."""
    words = np.frombuffer(content, "<u4").astype(np.uint64)
    with np.errstate(over="ignore"):
        grown = np.cumsum(words)
        return struct.pack("<2I", int(grown[-1]) & _NOTHING if len(words) else 0, int(grown.sum()) & _NOTHING)


def _operand(operand: Operand, program: Program, placed: Memory, file: _File) -> int:
    owner = program.owner(operand.tensor)
    if owner in placed.tensors:
        return _IN_ARENA | (placed.tensors[owner].offset + operand.offset_bytes)
    values = constant_values(program.tensors[owner])
    return file.offset(Constant(values, alignment=max(4, values.itemsize))) + operand.offset_bytes


def _values(call: Call, file: _File) -> tuple[dict[str, int], dict[str, int]]:
    """Pointers, as offsets among constants, and other fields of a struct, by what C calls them."""
    pointers, words = dict[str, int](), dict[str, int]()
    for name, value in _flat(call.fields):
        if isinstance(value, Constant):
            pointers[name] = file.offset(value)
        else:
            packed = struct.pack("<f", value) if isinstance(value, float) else struct.pack("<I", int(value) & _NOTHING)
            words[name] = struct.unpack("<I", packed)[0]
    return pointers, words


def _flat(fields: Mapping[str, Field]) -> Iterator[tuple[str, int | float | Constant]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", one) for inner, one in _flat(value))
        elif isinstance(value, tuple):
            yield from ((f"{name}[{number}]", one) for number, one in enumerate(value))
        else:
            yield name, value


def _fields(number: int, kernel: _Kernel) -> str:
    """Where a kernel's fields lie, and that they have the sizes that the runtime counts on."""
    name = f"struct {kernel.struct}"
    places = "".join(f"    offsetof({name}, {one}),\n" for one in (*kernel.pointers, *kernel.words))
    sizes = " && ".join(f"sizeof((({name}*)0)->{one}) == 4" for one in kernel.words) or "1"
    return (
        f"static const uint16_t fields_{number}[] = {{\n{places}}};\n"
        f"_Static_assert(sizeof({name}) / 4 <= UINT8_MAX && sizeof({name}) % 4 == 0, "
        f'"it is filled word by word");\n_Static_assert({sizes}, "all are words");\n'
    )


def _row(number: int, kernel: _Kernel) -> str:
    counts = f"{len(kernel.pointers)}, {len(kernel.words)}, {kernel.inputs}, {int(kernel.takes_scratch)}"
    function = f"(void (*)(void)){kernel.function}"
    sizes = f"sizeof(struct {kernel.struct}) / 4, {kernel.call_words}"
    return f"{{{kernel.id:#010x}, {function}, fields_{number}, {counts}, {sizes}}}"
