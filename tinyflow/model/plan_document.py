"""plan.json: what generated sources offer and what lies where in their memory. Backends write it, stages read it.

Fields are named and ordered as the document's keys. The report knows documents alone and reads the same keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from tinyflow.core.errors import ModelError

# what is left out where it is empty
_OPTIONAL = frozenset(
    {
        *("interpreter", "reset", "statuses", "dispatcher", "forks", "notes", "scale", "tolerance"),
        *("relative_tolerance", "path", "reference", "is_state", "changed_by", "layout", "chains", "feed"),
        *("keeps_inputs", "used", "places"),
    }
)
_Part = TypeVar("_Part")


@dataclass(frozen=True, kw_only=True)
class Port:
    """An input or output of the model; `symbol` is a variable, or a place in one: `model_arena+64`.

    `scale` is one step of the integers that a float output was dequantised from, 0 where it never was integers.
    """

    name: str = ""
    symbol: str
    bytes: int
    dtype: str = ""
    shape: Sequence[int] = ()
    scale: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Resident:
    """A tensor or scratch in the arena, and the layers from which to which it is there, both included.

    State stays from call to call; layers may change it. `tensors` are those of the model's file whose values its bytes
    are, under one shape or another, once the first layer has ended; none for scratch and state. `layout`: `NCHW` where
    an image's channels are outermost, unlike in the file.
    """

    name: str
    offset: int
    bytes: int
    first: int
    last: int
    is_state: bool = False
    changed_by: Sequence[int] = ()
    tensors: Sequence[int] = ()
    layout: str = ""

    @property
    def end(self) -> int:
        """The offset behind its last byte."""
        return self.offset + self.bytes


@dataclass(frozen=True, kw_only=True)
class Arena:
    """The memory of activations; `symbol` None where an interpreter allocates it, no `tensors`: nobody knows.

    Where it is laid out in set-up: `used` is a variable with the bytes that were needed, uint32_t; `places` an array of
    where each tensor of the model lies in it, uint32_t, the highest for elsewhere. Layers may have scratch anywhere
    where no tensor lies then.
    """

    symbol: str | None = None
    bytes: int = 0
    alignment: int = 1
    tensors: Sequence[Resident] = ()
    used: str = ""
    places: str = ""

    def place(self, offset: int) -> str:
        """The symbol of a byte."""
        return f"{self.symbol}+{offset}"

    def owns(self, port: Port) -> bool:
        """Whether an input or output of the model lies in it."""
        return port.symbol.partition("+")[0] == self.symbol

    def alive_at(self, layer: int) -> list[Resident]:
        """What is there while a layer runs."""
        return [tensor for tensor in self.tensors if tensor.first <= layer <= tensor.last]

    def dies_under(self, made: Resident) -> list[Resident]:
        """What a result shares bytes with of what is there until its layer has ended: inputs that its kernel reads."""
        dying = (tensor for tensor in self.tensors if tensor.last == made.first and tensor.name != made.name)
        return [one for one in dying if one.offset < made.end and made.offset < one.end]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """An operator of the model, and the functions that compute it, in the order in which they are called.

    `outputs` are tensors of the model's file. `path`: how its code came to be, where a backend has several ways.
    `reference`: why a reference kernel computes it, where the processor has a better one.
    """

    index: int
    operator: str
    functions: Sequence[str]
    macs: int
    outputs_bytes: int = 0  # generators of users may not tell, nor this:
    outputs: Sequence[int] = ()
    notes: Sequence[str] = ()
    path: str = ""
    reference: str = ""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Layers that run row by row, at most so many `rows` a call, as one function of the last one.

    `bytes`: what holds a few rows of a tensor that is never whole, by its name; `whole_bytes`: of all these tensors;
    `calls`: of kernels, and moves of rows; `order`: the layers of the kernels' calls; `functions`: of these kernels.
    """

    layers: Sequence[int]
    rows: int
    calls: int
    bytes: Mapping[str, int]
    whole_bytes: int
    order: str = ""
    functions: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Feed:
    """How the first input gets in: `function` takes each of its rows, before `invoke`. It has no symbol then."""

    function: str
    rows: int
    row_bytes: int


@dataclass(frozen=True, kw_only=True)
class PlanDocument:
    """The whole document. `statuses` explain what `setup` may return; `dispatcher`, where it isn't `invoke`, calls the
    layers' functions, which need not be all or the same in every inference where it `forks`; `reset` makes a model with
    state forget it, as `setup` does; `interpreter` runs the model where nothing is generated.

    With `keeps_inputs` no invoke changes what was written to their places.

    Where the arithmetic isn't the reference's: `tolerance` is by how many steps quantised outputs may differ,
    `relative_tolerance` by which share of the largest value float outputs may.
    """

    schema: int = 1
    backend: str
    interpreter: str = ""
    setup: str = "model_setup"
    invoke: str = "model_invoke"
    reset: str = ""
    statuses: Mapping[str, str] = field(default_factory=dict)
    dispatcher: str = ""
    forks: bool = False
    inputs: Sequence[Port] = ()
    outputs: Sequence[Port] = ()
    arena: Arena | None = None
    weights_bytes: int | None = None
    macs: int = 0
    layers: Sequence[Layer] = ()
    chains: Sequence[Chain] = ()
    feed: Feed | None = None
    keeps_inputs: bool = False
    removed: Sequence[Any] = ()
    tolerance: int = 0
    relative_tolerance: float = 0.0

    @staticmethod
    def read(path: Path) -> PlanDocument:
        """The document of a file that a backend wrote."""
        return PlanDocument.of(json.loads(path.read_bytes()))

    @staticmethod
    def of(document: Mapping[str, Any]) -> PlanDocument:
        """What a document says, as far as it is known here; an arena that leaves out a lifetime tells none.

        Raises ModelError for one that lacks what nothing can do without.
        """
        parts: dict[str, Any] = {
            **{name: [_part(Port, port) for port in document.get(name, ())] for name in ("inputs", "outputs")},
            # a user's own backend may not tell what outputs take
            "chains": [_part(Chain, chain) for chain in document.get("chains", ())],
            "layers": [_part(Layer, {"outputs_bytes": 0, **layer}) for layer in document.get("layers", ())],
        }
        if document.get("feed"):
            parts["feed"] = _part(Feed, document["feed"])
        arena = document.get("arena")
        if arena is not None:
            tensors = arena.get("tensors") or []
            is_whole = all(name in tensor for tensor in tensors for name in required(Resident))
            arena = _part(Arena, {**arena, "tensors": [_part(Resident, t) for t in tensors] if is_whole else []})
        return _part(PlanDocument, {**document, **parts, "arena": arena})

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self, dict_factory=lambda pairs: {k: v for k, v in pairs if v or k not in _OPTIONAL})

    def write(self, path: Path, **more: Any) -> None:
        """Write the file; `more` are further keys, which come last."""
        document = {**self.document(), **more}
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @property
    def caller(self) -> str:
        """The function that calls those of the layers."""
        return self.dispatcher or self.invoke

    @property
    def calls(self) -> list[tuple[Layer, str]]:
        """The functions of one inference in order, each with its layer; none where nobody knows."""
        return [] if self.forks else [(layer, function) for layer in self.layers for function in layer.functions]

    def is_input(self, arena: Arena, tensor: Resident) -> bool:
        """Whether an input of the model lies there; by name too, for others may lie there before and after it."""
        return any((port.symbol, port.name) == (arena.place(tensor.offset), tensor.name) for port in self.inputs)


def required(kind: type[Any]) -> list[str]:
    """The keys that no part of this kind may leave out."""
    return [one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING]


def _part(kind: type[_Part], document: Mapping[str, Any]) -> _Part:
    missing = [name for name in required(kind) if name not in document]
    if missing:
        what = f'plan.json lacks "{missing[0]}" in {document}'
        raise ModelError(what, hint="docs/kernels.md tells what must be there")
    return kind(**{one.name: document[one.name] for one in fields(kind) if one.name in document})  # type: ignore[arg-type]
