"""The files of a generated model: constants, parameter structs, and the calls of one inference.

No path, date or name of a machine gets into them; equal programs give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tinyflow.backends import arrays
from tinyflow.backends.arrays import Constant
from tinyflow.backends.generated import ARENA, fills, model_header, model_source, write_files
from tinyflow.backends.tinyc.memory import Memory
from tinyflow.backends.tinyc.steps import Chain, Mark, Operand, Part, Program, RowCall, RowFeed, RowMove, Spot, Step
from tinyflow.backends.tinynn.calls import Call, Field
from tinyflow.model.plan_document import Feed
from tinyflow.model.weighted import constant_values

_ARENA_ALIGNMENT = 16
_INCLUDES = '#include "model.h"\n\n#include <stddef.h>\n\n#include "tinynn.h"\n#include "weights.h"\n'


@dataclass
class Constants:
    """Arrays in flash; equal ones are one. Symbols follow the order in which they were asked for."""

    symbols: dict[tuple[str, bytes, int], str] = field(default_factory=dict)
    arrays: dict[str, Constant] = field(default_factory=dict)

    def symbol(self, name: str, constant: Constant) -> str:
        """The symbol of an array: the one that its equal has, else `name`."""
        key = (constant.element_type, constant.values.tobytes(), constant.alignment)
        known = self.symbols.setdefault(key, name)
        self.arrays.setdefault(known, constant)
        return known

    @property
    def size_bytes(self) -> int:
        """Bytes of all arrays."""
        return sum(constant.values.nbytes for constant in self.arrays.values())


def write(program: Program, memory: Memory, backend: str, folder: Path) -> Constants:
    """Write all files; what they hold in constants is returned."""
    constants = Constants()
    files = {
        "model.h": model_header(memory.total_bytes, has_state=bool(program.initial), feed=feed_of(program)),
        "model.c": _model(program, memory, constants),
    }
    files |= arrays.files(constants.arrays, '#include "tinynn.h"\n')
    write_files(folder, backend, files)
    return constants


def _model(program: Program, memory: Memory, constants: Constants) -> str:
    places = _Places(program, memory, constants)
    numbered = [*enumerate(program.steps), *enumerate(program.once, len(program.steps) + 1)]
    structs = [text for number, step in numbered for text in _before(number, step, places)]
    statements = [_statement(number, step, places) for number, step in numbered]
    calls, once = statements[: len(program.steps)], statements[len(program.steps) :]
    begin = " model_fed = 0;" if feed_of(program) is not None else ""
    filled = ((memory.tensors[index], value) for index, value in program.initial.items())
    reset = [*fills(filled), *once, *([f" {begin}\n"] if begin else [])] if program.initial else None
    has_chains = any(isinstance(step, Chain) for step in program.steps) and not program.initial
    includes = _INCLUDES + "#include <string.h>\n" * has_chains
    return model_source(includes, _ARENA_ALIGNMENT, memory.total_bytes, structs, calls, reset, begin)


def feed_of(program: Program) -> Feed | None:
    """How rows of the first input are handed over, if they are."""
    chain = next((step for step in program.steps if isinstance(step, Chain) and step.fed is not None), None)
    if chain is None or chain.fed is None:
        return None
    tensor = program.tensors[chain.fed]
    rows = tensor.shape[1]
    return Feed(function=chain.function, rows=rows, row_bytes=tensor.size_bytes // rows)


def _before(number: int, step: Step | Mark | Chain, places: _Places) -> Iterator[str]:
    """What is defined in front of `model_invoke`."""
    if isinstance(step, Step):
        yield _parameters(number, step.call, places.constants)
    elif isinstance(step, Chain):
        for part in step.parts:
            yield _of_part(number, part, places.constants)
        yield _rows(number, step, places)


def _of_part(number: int, part: Part, constants: Constants) -> str:
    """The structs of all calls, which share weights."""
    name = f"{number}_{part.operator}"
    structs = ("".join(f"    {line},\n" for line in _initialisers(call.fields, name, constants)) for call in part.calls)
    lines = "".join(f"  {{\n{lines}  }},\n" for lines in structs)
    return f"static const struct {part.calls[0].struct} step_{name}[] = {{\n{lines}}};\n\n"


_ROWS = """\
/* {what} */
static const struct {{
  uint8_t part, variant;
  {word} input, other, output; /* {units} of the arena; of a move, what is moved is in other */
}} rows_{number}[] = {{
{entries}}};

{head}
    const void *const input = {arena} + {unit}(size_t)rows_{number}[i].input;
    void *const output = {arena} + {unit}(size_t)rows_{number}[i].output;
    switch (rows_{number}[i].part) {{
{cases}      default:
        memmove(output, input, {unit}(size_t)rows_{number}[i].other);
    }}
  }}
{end}}}

"""
_ALL_ROWS = """\
__attribute__((noinline)) void {function}(void);
__attribute__((noinline)) void {function}(void) {{
  for (size_t i = 0; i < sizeof rows_{number} / sizeof *rows_{number}; ++i) {{"""
_FED_ROWS = """\
enum {{ FED = {fed}, ALL = sizeof rows_{number} / sizeof *rows_{number} }};
/* Behind the last entry whose row is there: of that one, what has become possible is done. */
static size_t model_fed;

__attribute__((noinline)) int {function}(const void *row) {{
  size_t i = model_fed;
  if (i == ALL) {{
    return 1;
  }}
  memcpy({arena} + {unit}(size_t)rows_{number}[i].output, row, {row_bytes});
  for (++i; i < ALL && rows_{number}[i].part != FED; ++i) {{"""


def _rows(number: int, chain: Chain, places: _Places) -> str:
    """The table of a chain, and the function that walks it."""
    scratch = places.memory.scratch[number].offset
    names = [places.program.graph.operators[part.operator].name for part in chain.parts]
    unit_bytes = chain.unit_bytes
    unit = f"{unit_bytes} * " if unit_bytes > 1 else ""

    def units(spot: Spot) -> int:
        is_inside = spot.tensor in chain.places
        base = scratch + chain.places[spot.tensor] if is_inside else places.memory.tensors[spot.tensor].offset
        return (base + spot.offset_bytes) // unit_bytes

    fed, feed = len(chain.parts) + 1, feed_of(places.program) if chain.fed is not None else None
    entries = []
    for one in chain.walked:
        if isinstance(one, RowMove):
            numbers = [len(chain.parts), 0, units(one.source), one.size_bytes // unit_bytes, units(one.target)]
        elif isinstance(one, RowFeed):
            numbers = [fed, 0, 0, 0, units(one.target)]
        else:
            first, *others = map(units, one.inputs)
            numbers = [one.part, one.variant, first, others[0] if others else 0, units(one.output)]
        entries.append(f"  {{{', '.join(map(str, numbers))}}},\n")
    cases = []
    for index, (part, name) in enumerate(zip(chain.parts, names, strict=True)):
        call = part.calls[0]
        inputs = next(len(one.inputs) for one in chain.walked if isinstance(one, RowCall) and one.part == index)
        arguments = [f"&step_{number}_{part.operator}[rows_{number}[i].variant]", "input"]
        arguments += [f"(const void*)({ARENA} + {unit}(size_t)rows_{number}[i].other)"] * (inputs == 2)
        arguments += ["output"]
        if call.takes_scratch:
            arguments.append("NULL" if part.scratch is None else f"{ARENA} + {scratch + part.scratch}")
        lines = f"        {call.function}({', '.join(arguments)}); /* {part.operator} {name} */\n        break;\n"
        cases.append(f"      case {index}:\n{lines}")
    known = {"function": chain.function, "number": number, "arena": ARENA, "unit": unit, "fed": fed}
    head = _ALL_ROWS.format(**known) if feed is None else _FED_ROWS.format(**known, row_bytes=feed.row_bytes)
    return _ROWS.format(
        what=f"{', '.join(f'{p.operator} {n}' for p, n in zip(chain.parts, names, strict=True))}: row by row",
        word="uint16_t" if places.memory.total_bytes < unit_bytes << 16 else "uint32_t",
        units="words" if unit_bytes > 1 else "bytes",
        unit=unit,
        number=number,
        entries="".join(entries),
        head=head,
        arena=ARENA,
        cases="".join(cases),
        end="" if feed is None else "  model_fed = i;\n  return 0;\n",
    )


def _parameters(number: int, call: Call, constants: Constants) -> str:
    lines = "".join(f"  {line},\n" for line in _initialisers(call.fields, number, constants))
    return f"static const struct {call.struct} step_{number} = {{\n{lines}}};\n\n"


def _initialisers(fields: Mapping[str, Field], number: int | str, constants: Constants) -> Iterator[str]:
    for name, value in fields.items():
        if isinstance(value, Constant):
            yield f".{name} = {_pointer(constants.symbol(f'{name}_{number}', value), value)}"
        elif isinstance(value, Mapping):
            yield f".{name} = {{{', '.join(_initialisers(value, number, constants))}}}"
        elif isinstance(value, tuple) and isinstance(value[0], Constant):
            parts = (_pointer(constants.symbol(f"{name}{i}_{number}", part), part) for i, part in enumerate(value))
            yield f".{name} = {{{', '.join(parts)}}}"
        elif isinstance(value, tuple):
            yield f".{name} = {{{', '.join(arrays.number(part) for part in value)}}}"
        else:
            yield f".{name} = {arrays.number(value)}"


def _pointer(symbol: str, constant: Constant) -> str:
    """A kernel may want packed weights of another type than its struct's pointer has."""
    return symbol if constant.struct or constant.values.dtype == "int8" else f"(const void*){symbol}"


@dataclass(frozen=True)
class _Places:
    """Where operands lie, as C says it."""

    program: Program
    memory: Memory
    constants: Constants

    def address(self, operand: Operand) -> str:
        """Where an operand begins, as a pointer to int8, or to what the kernel takes."""
        owner = self.program.owner(operand.tensor)
        tensor = self.program.tensors[owner]
        if owner in self.memory.tensors:
            place = f"{ARENA} + {self.memory.tensors[owner].offset + operand.offset_bytes}"
            return place if tensor.dtype == "int8" else f"(void*)({place})"
        values = constant_values(tensor)
        values = values.view(np.int8) if values.dtype == bool else values
        symbol = self.constants.symbol(f"tensor_{owner}", Constant(values, alignment=max(4, values.itemsize)))
        place = f"{symbol} + {operand.offset_bytes // values.itemsize}" if operand.offset_bytes else symbol
        return place if tensor.dtype == "int8" else f"(const void*)({place})"


_MARKS = {
    "if": "  if (*(const uint8_t*)({0})) {{",
    "else": "  }} else {{",
    "loop": "  for (;;) {{",
    "leave": "    if (!*(const uint8_t*)({0})) {{\n      break;\n    }}",
    "end": "  }}",
}


def _statement(number: int, step: Step | Mark | Chain, places: _Places) -> str:
    name = places.program.graph.operators[step.operator].name
    if isinstance(step, Chain) and step.fed is not None:
        return "  if (model_fed != ALL) {\n    return 1;\n  }\n  model_fed = 0;\n"
    if isinstance(step, Chain):
        return f"  {step.function}(); /* {step.parts[0].operator} to {step.operator} {name} */\n"
    if isinstance(step, Mark):
        reads = map(places.address, step.reads if step.kind != "end" else ())
        return f"{_MARKS[step.kind].format(*reads)} /* {step.operator} {name} */\n"
    inputs = [*map(places.address, step.inputs)]
    inputs = [f"(const int8_t *const[]){{{', '.join(inputs)}}}"] if step.call.takes_array else inputs
    arguments = [f"&step_{number}", *inputs, places.address(step.output)]
    if step.call.takes_scratch:
        place = places.memory.scratch.get(number)
        arguments.append("NULL" if place is None else f"{ARENA} + {place.offset}")
    return f"  {step.call.function}({', '.join(arguments)}); /* {step.operator} {name} */\n"
