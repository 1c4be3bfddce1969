"""A chain in C: the table of its calls, and the function that walks it; or that takes a row and walks on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tinyflow.backends.generated import ARENA
from tinyflow.backends.programs.memory import Memory
from tinyflow.backends.programs.steps import Chain, Part, Program, RowCall, RowFeed, RowMove, Spot
from tinyflow.model.plan_document import Chain as ChainDocument
from tinyflow.model.plan_document import Feed

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


@dataclass(frozen=True)
class Table:
    """What a call of a part may name: the operands of the entry at hand."""

    number: int
    chain: Chain
    begin: int
    """Of the chain's scratch in the arena."""

    @property
    def unit(self) -> str:
        """As a factor."""
        return f"{self.chain.unit_bytes} * " if self.chain.unit_bytes > 1 else ""

    @property
    def variant(self) -> str:
        """Which of the part's calls it is."""
        return f"rows_{self.number}[i].variant"

    def operands(self, part: Part) -> list[str]:
        """Inputs, and the output."""
        index = self.chain.parts.index(part)
        inputs = next(len(one.inputs) for one in self.chain.walked if isinstance(one, RowCall) and one.part == index)
        other = f"(const void*)({ARENA} + {self.unit}(size_t)rows_{self.number}[i].other)"
        return ["input", *[other] * (inputs == 2), "output"]

    def scratch(self, part: Part) -> str:
        """Where the kernel's begins."""
        return "NULL" if part.scratch is None else f"{ARENA} + {self.begin + part.scratch}"


def feed_of(program: Program) -> Feed | None:
    """How rows of the first input are handed over, if they are."""
    chain = next((step for step in program.steps if isinstance(step, Chain) and step.fed is not None), None)
    if chain is None or chain.fed is None:
        return None
    tensor = program.tensors[chain.fed]
    rows = tensor.shape[1]
    return Feed(function=chain.function, rows=rows, row_bytes=tensor.size_bytes // rows)


def _kernels(part: Part) -> Iterable[str]:
    """The symbols of a part's kernels, where its calls have them."""
    return (call.function for call in part.calls)


def documents(program: Program, functions: Callable[[Part], Iterable[str]] = _kernels) -> list[ChainDocument]:
    """The chains of a program as a plan has them; `functions`: the kernels of a part."""
    return [
        ChainDocument(
            layers=[part.operator for part in one.parts],
            rows=one.rows,
            calls=len(one.walked),
            bytes={program.tensors[tensor].name: size for tensor, size in one.rings.items()},
            whole_bytes=sum(program.tensors[tensor].size_bytes for tensor in one.rings),
            order=" ".join(str(one.parts[row.part].operator) for row in one.walked if isinstance(row, RowCall)),
            functions=list(dict.fromkeys(name for part in one.parts for name in functions(part))),
        )
        for one in program.steps
        if isinstance(one, Chain)
    ]


def text(number: int, chain: Chain, program: Program, memory: Memory, call: Callable[[Part, Table], str]) -> str:
    """The definitions of the chain that is the step with this number; `call`: the statement that calls a part."""
    scratch = memory.scratch[number].offset
    table = Table(number, chain, scratch)
    names = [program.graph.operators[part.operator].name for part in chain.parts]

    def units(spot: Spot) -> int:
        is_inside = spot.tensor in chain.places
        base = scratch + chain.places[spot.tensor] if is_inside else memory.tensors[spot.tensor].offset
        return (base + spot.offset_bytes) // chain.unit_bytes

    fed, feed = len(chain.parts) + 1, feed_of(program) if chain.fed is not None else None
    entries = []
    for one in chain.walked:
        if isinstance(one, RowMove):
            numbers = [len(chain.parts), 0, units(one.source), one.size_bytes // chain.unit_bytes, units(one.target)]
        elif isinstance(one, RowFeed):
            numbers = [fed, 0, 0, 0, units(one.target)]
        else:
            first, *others = map(units, one.inputs)
            numbers = [one.part, one.variant, first, others[0] if others else 0, units(one.output)]
        entries.append(f"  {{{', '.join(map(str, numbers))}}},\n")
    cases = [
        f"      case {index}:\n        {call(part, table)} /* {part.operator} {name} */\n        break;\n"
        for index, (part, name) in enumerate(zip(chain.parts, names, strict=True))
    ]
    known = {"function": chain.function, "number": number, "arena": ARENA, "unit": table.unit, "fed": fed}
    head = _ALL_ROWS.format(**known) if feed is None else _FED_ROWS.format(**known, row_bytes=feed.row_bytes)
    return _ROWS.format(
        what=f"{', '.join(f'{p.operator} {n}' for p, n in zip(chain.parts, names, strict=True))}: row by row",
        word="uint16_t" if memory.total_bytes < chain.unit_bytes << 16 else "uint32_t",
        units="words" if chain.unit_bytes > 1 else "bytes",
        unit=table.unit,
        number=number,
        entries="".join(entries),
        head=head,
        arena=ARENA,
        cases="".join(cases),
        end="" if feed is None else "  model_fed = i;\n  return 0;\n",
    )
