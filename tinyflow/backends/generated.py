"""What every backend leaves: model.h, the plan's facts that follow from the graph, and the first line of its files."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tinyflow.model.graph import Graph, Operator
from tinyflow.model.memory.arena import Placed
from tinyflow.model.operators import VIEWS
from tinyflow.model.operators.forms import form_of
from tinyflow.model.plan_document import Arena, Feed, Layer, PlanDocument, Port, Resident
from tinyflow.model.summary import macs, operator_macs

ARENA = "model_arena"
# How far float32 may be from the reference's, as a share of a tensor's largest value: sums are taken in another order,
# and exp and its like come from another library.
FLOAT_TOLERANCE = 1e-5
_HEADER = """\
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

/* Activations, inputs and outputs included; plan.json says what lies where. */
extern int8_t {arena}[{bytes}];

{contract}
int model_setup(void);
{feed}int model_invoke(void);
{reset}
#endif
"""
_RESET = """\
/* Forget all earlier invokes, as model_setup does: before the inputs of a sequence that begins anew are written. */
int model_reset(void);
"""
_FEED = """\
Hand over all {rows} rows of the first input, {row_bytes} bytes each, from its first on; then call model_invoke, read
the outputs before the next row. A call of model_feed_row copies its row and computes what becomes possible by it;
model_invoke computes the rest, and the next row begins the next image. model_feed_row returns 1 where all rows are
there, model_invoke 1 where some are missing, and neither does anything then. model_setup forgets the rows of an image
that shall not be finished. Write other inputs before the first row. model_setup and all that goes well return 0."""
_CONTRACT = "Write the inputs, call model_invoke, read the outputs; an invoke"
_COLUMNS = 120


def model_header(
    arena_bytes: int,
    returned: str = "0",
    *,
    has_state: bool = False,
    feed: Feed | None = None,
    keeps_inputs: bool = False,
) -> str:
    """model.h, which programs that use a model include; `returned` is what its functions may return."""
    fate = "leaves the inputs as they are" if keeps_inputs else "may overwrite the inputs"
    contract, declared = f"Both return {returned}. {_CONTRACT} {fate}.", ""
    if feed is not None:
        contract, declared = _FEED.format(**vars(feed)), f"int {feed.function}(const void *row);\n"
    contract = textwrap.fill(f"/* {contract} */", _COLUMNS, subsequent_indent=" * ")
    reset = _RESET if has_state else ""
    return _HEADER.format(arena=ARENA, bytes=arena_bytes, contract=contract, feed=declared, reset=reset)


def model_source(
    includes: str,
    alignment: int,
    arena_bytes: int,
    before: Iterable[str],
    statements: Iterable[str],
    reset: Iterable[str] | None = None,
    setup: str = "",
) -> str:
    """model.c where little is left to do at set-up: the arena, what is before `model_invoke`, its statements.

    `reset` are the statements of `model_reset`, of a model that has state; `setup` those of `model_setup` without.
    """
    setup = f"int model_setup(void) {{{setup} return 0; }}\n\n"
    if reset is not None:
        includes += "#include <string.h>\n"
        setup = f"{reset_source(reset)}int model_setup(void) {{ return model_reset(); }}\n\n"
    return (
        f"{includes}\n"
        f"_Alignas({alignment}) int8_t {ARENA}[{arena_bytes}];\n\n"
        f"{''.join(before)}"
        f"{setup}"
        f"int model_invoke(void) {{\n{''.join(statements)}  return 0;\n}}\n"
    )


def reset_source(statements: Iterable[str] | None) -> str:
    """`model_reset` with its statements; nothing for a model without state."""
    if statements is None:
        return ""
    # a symbol of its own, also where nobody else calls it
    return f"__attribute__((noinline)) int model_reset(void) {{\n{''.join(statements)}  return 0;\n}}\n\n"


def fills(filled: Iterable[tuple[Placed, int]]) -> Iterator[str]:
    """Statements of `model_reset` that set all bytes of places to one value each, neighbours together."""
    spans: list[tuple[int, int, int]] = []
    for place, size, value in sorted((one.offset, one.size_bytes, value) for one, value in filled):
        if spans and spans[-1][0] + spans[-1][1] == place and spans[-1][2] == value:
            spans[-1] = (spans[-1][0], spans[-1][1] + size, value)
        else:
            spans.append((place, size, value))
    for begin, size, value in spans:
        yield f"  memset({ARENA} + {begin}, {value}, {size});\n"


def initialised(state: Iterable[tuple[Placed, bytes]]) -> tuple[list[str], dict[str, bytes]]:
    """Statements of `model_reset` that give places their first bytes, and the arrays that they copy, by symbols."""
    uniform, statements, copied = list[tuple[Placed, int]](), list[str](), dict[str, bytes]()
    for number, (place, content) in enumerate(state):
        if len({*content}) == 1:
            uniform.append((place, content[0]))
        else:
            copied[f"initial_{number}"] = content
            statements.append(f"  memcpy({ARENA} + {place.offset}, initial_{number}, {len(content)});\n")
    return [*fills(uniform), *statements], copied


def write_files(folder: Path, backend: str, files: Mapping[str, str]) -> None:
    """Write texts by name, the backend's in their first line."""
    for name, text in files.items():
        (folder / name).write_text(f"/* Generated by tinyflow, backend {backend}. */\n{text}", encoding="utf-8")


def plan_document(
    graph: Graph,
    backend: str,
    *,
    inputs: Iterable[str],
    outputs: Iterable[str],
    calls: Iterable[tuple[int, str]] = (),
    notes: Iterable[tuple[int, str]] = (),
    paths: Mapping[int, str] = MappingProxyType({}),
    references: Mapping[int, str] = MappingProxyType({}),
    **said: Any,
) -> PlanDocument:
    """The plan of a whole graph, with what `said` says of its fields.

    `inputs` and `outputs` are symbols; `calls` are the functions of an inference in order, each with its operator's
    index, and `notes` likewise; `paths` and `references` by operator.
    """
    known, remarks = list(calls), list(notes)
    ports = _ports(graph, graph.inputs, inputs)
    if said.get("arena") is not None:
        said["arena"] = _with_views(said["arena"], graph, ports)
    return PlanDocument(
        backend=backend,
        inputs=ports,
        outputs=_ports(graph, graph.outputs, outputs),
        macs=macs(graph),
        layers=[
            Layer(
                index=operator.index,
                operator=operator.name,
                functions=[function for index, function in known if index == operator.index],
                macs=operator_macs(graph, operator),
                outputs_bytes=sum(graph.tensors[index].size_bytes for index in operator.outputs),
                outputs=operator.outputs,
                notes=[note for index, note in remarks if index == operator.index],
                path=paths.get(operator.index, ""),
                reference=references.get(operator.index, ""),
            )
            for operator in graph.operators
        ],
        **said,
    )


# of float32, by functions of the C library, which differ in their last bits; all else is rounded as the reference does
_TRANSCENDENTAL = frozenset(
    "LOGISTIC TANH SOFTMAX LOG_SOFTMAX EXP LOG SIN COS ELU POW UNIDIRECTIONAL_SEQUENCE_LSTM SVDF".split()  # noqa: SIM905
)


def real_tolerances(graph: Graph, *, is_reordered: bool = False) -> dict[str, Any]:
    """What a plan says of outputs computed with float32 kernels, of which some are not the reference's bit for bit.

    `is_reordered`: none is where a compiler may fuse products and sums, or take these in another order.
    """
    every = [(part, one) for part in graph.graphs for one in part.operators]
    reals = [one.name for part, one in every if form_of(part, one) == "float32" and one.name != "QUANTIZE"]
    is_near = any(is_reordered or name in _TRANSCENDENTAL for name in reals)
    return {"tolerance": 1, "relative_tolerance": FLOAT_TOLERANCE} if is_near else {}


def arena(
    total_bytes: int,
    alignment: int,
    places: Iterable[Placed],
    operators: Sequence[int],
    variables: Mapping[str, Sequence[int]] = MappingProxyType({}),
    *,
    holding: Mapping[int, Placed] = MappingProxyType({}),
    channels_first: Collection[int] = (),
) -> Arena:
    """The arena, with what lies in it; `operators` are those of the steps that lifetimes count.

    `variables`: what stays from call to call, by name, with the operators that change it. `holding`: which place has
    the value of a tensor of the graph when the step is done that is the place's first; `channels_first` are the
    tensors that lie in layout NCHW there.
    """
    held: dict[Placed, list[int]] = {}
    for tensor, place in holding.items():
        held.setdefault(place, []).append(tensor)
    tensors = [
        Resident(
            name=place.name,
            offset=place.offset,
            bytes=place.size_bytes,
            first=operators[place.first],
            last=operators[min(place.last, len(operators) - 1)],
            is_state=place.name in variables,
            changed_by=variables.get(place.name, ()),
            tensors=() if place.name in variables else held.get(place, ()),
            layout="" if set(channels_first).isdisjoint(held.get(place, ())) else "NCHW",
        )
        for place in places
    ]
    return Arena(symbol=ARENA, bytes=total_bytes, alignment=alignment, tensors=tensors)


def held(graph: Graph, outputs: Iterable[tuple[int, int, str, Placed]]) -> dict[str, Any]:
    """What `arena` takes of places with an output each: its operator, which it is, the layout there, and the place."""
    known = [(graph.operators[operator].outputs[which], layout, place) for operator, which, layout, place in outputs]
    return {
        "holding": {tensor: place for tensor, _, place in known},
        "channels_first": [tensor for tensor, layout, _ in known if layout == "NCHW"],
    }


def _with_views(known: Arena, graph: Graph, inputs: Sequence[Port]) -> Arena:
    """The same with inputs, and all tensors that are another shape of what lies somewhere."""
    given = {(port.symbol, port.name): index for port, index in zip(inputs, graph.inputs, strict=True)}
    views = [(operator.inputs[0], operator.outputs[0]) for operator in graph.operators if operator.name in VIEWS]

    def widened(tensor: Resident) -> Resident:
        place = given.get((known.place(tensor.offset), tensor.name))
        held = dict.fromkeys(tensor.tensors if place is None else (place,))
        for source, view in views:  # in the order in which they are computed
            held |= {view: None} if source in held else {}
        return replace(tensor, tensors=list(held))

    return replace(known, tensors=[widened(tensor) for tensor in known.tensors])


def _ports(graph: Graph, indices: Iterable[int], symbols: Iterable[str]) -> list[Port]:
    tensors = (graph.tensors[index] for index in indices)
    steps = {operator.outputs[0]: graph.tensors[operator.inputs[0]].quantisation for operator in _dequantised(graph)}
    return [
        Port(
            name=tensor.name,
            symbol=symbol,
            bytes=tensor.size_bytes,
            dtype=tensor.dtype,
            shape=tensor.shape,
            scale=max(scheme.scales) if (scheme := steps.get(tensor.index)) is not None else 0.0,
        )
        for tensor, symbol in zip(tensors, symbols, strict=True)
    ]


def _dequantised(graph: Graph) -> Iterator[Operator]:
    return (operator for operator in graph.operators if operator.name == "DEQUANTIZE")
