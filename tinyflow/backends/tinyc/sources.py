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
from tinyflow.backends.programs import tables
from tinyflow.backends.programs.memory import Memory
from tinyflow.backends.programs.steps import Chain, Mark, Operand, Part, Program, Step
from tinyflow.backends.programs.tables import Table
from tinyflow.backends.tinynn.calls import Call, Field
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


def write(program: Program, memory: Memory, backend: str, folder: Path, *, keeps_inputs: bool = False) -> Constants:
    """Write all files; what they hold in constants is returned."""
    constants = Constants()
    files = {
        "model.h": model_header(
            memory.total_bytes,
            has_state=bool(program.initial),
            feed=tables.feed_of(program),
            keeps_inputs=keeps_inputs,
        ),
        "model.c": _model(program, memory, constants),
    }
    files |= arrays.files(constants.arrays, '#include "tinynn.h"\n')
    write_files(folder, backend, files)
    return constants


def write_scratch(steps: Mapping[str, Step], backend: str, folder: Path) -> None:
    """Write a program in place of a model: `model_setup` leaves in the arena what functions say of these steps."""
    constants = Constants()
    functions = {step.call.sized_by: step.call.struct for step in steps.values()}
    text = [f"int32_t {name}(const struct {struct} *);\n\n" for name, struct in sorted(functions.items())]
    text += [_parameters(int(number), step.call, constants) for number, step in steps.items()]
    calls = [
        f"  {ARENA}[{place}] = {step.call.sized_by}(&step_{number});\n"
        for place, (number, step) in enumerate(steps.items())
    ]
    body = "".join(calls)
    text += [f"int32_t {ARENA}[{max(1, len(steps))}];\n\nint model_setup(void) {{\n{body}  return 0;\n}}\n\n"]
    includes = '#include <stdint.h>\n\n#include "tinynn.h"\n#include "weights.h"\n\nint model_setup(void);\n'
    files = {"model.c": f"{includes}int model_invoke(void);\n\n{''.join(text)}int model_invoke(void) {{ return 0; }}\n"}
    write_files(folder, backend, files | arrays.files(constants.arrays, '#include "tinynn.h"\n'))


def _model(program: Program, memory: Memory, constants: Constants) -> str:
    places = _Places(program, memory, constants)
    numbered = [*enumerate(program.steps), *enumerate(program.once, len(program.steps) + 1)]
    structs = [*_own_functions(program)]
    structs += [text for number, step in numbered for text in _before(number, step, places)]
    statements = [_statement(number, step, places) for number, step in numbered]
    calls, once = statements[: len(program.steps)], statements[len(program.steps) :]
    begin = " model_fed = 0;" if tables.feed_of(program) is not None else ""
    filled = ((memory.tensors[index], value) for index, value in program.initial.items())
    reset = [*fills(filled), *once, *([f" {begin}\n"] if begin else [])] if program.initial else None
    has_chains = any(isinstance(step, Chain) for step in program.steps) and not program.initial
    includes = _INCLUDES + "#include <string.h>\n" * has_chains
    return model_source(includes, _ARENA_ALIGNMENT, memory.total_bytes, structs, calls, reset, begin)


def _own_functions(program: Program) -> Iterator[str]:
    """Declarations of kernels that no header declares."""
    steps = [step for step in (*program.steps, *program.once) if isinstance(step, Step) and step.call.is_own]
    calls = {step.call.function: step for step in steps}
    for function, step in sorted(calls.items()):
        inputs = "const int8_t *input, " * len(step.inputs)
        scratch = ", void *scratch" * step.call.takes_scratch
        yield f"void {function}(const struct {step.call.struct} *, {inputs}int8_t *output{scratch});\n\n"


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


def _rows(number: int, chain: Chain, places: _Places) -> str:
    """The table of a chain, and the function that walks it."""

    def call(part: Part, table: Table) -> str:
        one = part.calls[0]
        arguments = [f"&step_{number}_{part.operator}[{table.variant}]", *table.operands(part)]
        if one.takes_scratch:
            arguments.append(table.scratch(part))
        return f"{one.function}({', '.join(arguments)});"

    return tables.text(number, chain, places.program, places.memory, call)


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
