"""Read a `.tflite` file into a Graph, trusting nothing in it.

Whatever the bytes are, the answer is a Graph that keeps the promises of `tinyflow.model.graph`, or one ModelError. No
field is used as an index, a length or a size before it was checked, and the work is bounded by the file's size.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tflite

from tinyflow.core.errors import ModelError
from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.graph import Graph, Operator, OptionValue, Quantisation, Tensor, unused_name
from tinyflow.model.graph_check import MICRO_HINT, check_sound, shortened
from tinyflow.model.operators import describe
from tinyflow.model.tflite_options import MAX_RANK, enumeration_name, read_option

# far above any microcontroller's flash; keeps a wrong file from filling the memory
_MAX_FILE_BYTES = 256 << 20
_MAX_TENSOR_BYTES = 64 << 20
_SCHEMA_VERSION = 3
# what the flatbuffers package raises for offsets that lead out of the file
_DAMAGE = (struct.error, ValueError, IndexError, TypeError, OverflowError)
_CONTROL_FLOW = ("IF", "WHILE", "CALL", "CALL_ONCE", "DELEGATE", "STABLEHLO_WHILE")
_DAMAGED_HINT = "get the file again; `doit fetch` does so for the models that tinyflow knows"
_WRONG_HINT = "if the file is whole, it is its converter's doing: convert the original anew, with TFLite's own"
_BUILTIN_HINT = "convert with TFLite's built-in operators only: no custom, no Flex ones"
_FLOW_HINT = "take loops, branches and variables out of the network before converting: one subgraph"
_STATE_HINT = "a network has no state here: unroll the recurrence (Keras: unroll=True), or hand the state in and out"
_TYPE_HINT = "take what needs text, resources or complex numbers out of the network before converting"
_SHAPE_HINT = "convert with fixed sizes, batch 1"


def read(source: Path | str | bytes, name: str = "") -> Graph:
    """The graph in a file or in its bytes; `name` is what an error calls the bytes. Raises ModelError only."""
    if isinstance(source, bytes):
        content, where = source, name or "model"
    else:
        content, where = _load(Path(source)), name or Path(source).name
    try:
        return _Reading(content).graph()
    except ModelError as error:
        usual = _DAMAGED_HINT if error.what.startswith("the file is damaged") else _WRONG_HINT
        raise ModelError(error.what, where=where, hint=error.hint or usual) from None
    except _DAMAGE:
        raise ModelError("the file is damaged: an offset leads out of it", where=where, hint=_DAMAGED_HINT) from None


def _load(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ModelError(f"more than {_MAX_FILE_BYTES >> 20} MiB", where=path.name, hint=MICRO_HINT)
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"can't be read: {error.strerror}", where=path.name, hint="check the path") from None


class _Reading:
    """One pass over one file. Vectors may overlap in a hostile file, so what they hold in sum is bounded too."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._unread_bytes = 4 * len(content) + 1024
        self._buffers: dict[int, bytes] = {}

    def graph(self) -> Graph:
        model = self._model()
        subgraphs = self._length(model, "Subgraphs")
        if subgraphs != 1:
            raise ModelError(f"{subgraphs} subgraphs, not 1: control flow is not supported", hint=_FLOW_HINT)
        subgraph = model.Subgraphs(0)
        codes = [_operator_code(code) for code in self._each(model, "OperatorCodes")]
        tensors = _named_apart([self._tensor(model, *entry) for entry in enumerate(self._each(subgraph, "Tensors"))])
        entries = enumerate(self._each(subgraph, "Operators"))
        operators = [self._operator(codes, len(tensors), *entry) for entry in entries]
        graph = Graph(
            tensors=tuple(tensors),
            operators=tuple(operators),
            inputs=self._indices(subgraph, "Inputs", len(tensors)),
            outputs=self._indices(subgraph, "Outputs", len(tensors)),
            name=self._text(subgraph.Name()),
        )
        check_sound(graph)
        return graph

    def _model(self) -> Any:
        if len(self._content) < 8 or self._content[4:8] != b"TFL3":
            raise ModelError(
                "not a .tflite file: the identifier TFL3 is missing", hint="give a file that a TFLite converter wrote"
            )
        model = tflite.Model.GetRootAs(self._content, 0)
        if model.Version() != _SCHEMA_VERSION:
            raise ModelError(
                f"schema version {model.Version()}, not {_SCHEMA_VERSION}", hint="convert the original anew"
            )
        return model

    def _spend(self, size_bytes: int) -> None:
        self._unread_bytes -= size_bytes
        if self._unread_bytes < 0:
            raise ModelError("the file is damaged: its parts overlap")

    def _length(self, table: Any, field: str, element_bytes: int = 4) -> int:
        length = int(getattr(table, f"{field}Length")())
        self._spend(length * element_bytes)
        return length

    def _each(self, table: Any, field: str) -> list[Any]:
        return [getattr(table, field)(i) for i in range(self._length(table, field))]

    def _text(self, raw: bytes | None) -> str:
        self._spend(len(raw or b""))
        try:
            return (raw or b"").decode()
        except UnicodeDecodeError:
            raise ModelError("the file is damaged: a name is not UTF-8") from None

    def _numbers(self, table: Any, field: str, element_bytes: int = 4) -> list[Any]:
        """All elements of a vector of numbers; empty where the file has no such vector."""
        if not self._length(table, field, element_bytes):
            return []
        numbers: list[Any] = np.asarray(getattr(table, f"{field}AsNumpy")()).tolist()
        return numbers

    def _indices(self, table: Any, field: str, tensors: int, least: int = 0) -> tuple[int, ...]:
        indices = self._numbers(table, field)
        for index in indices:
            if not least <= index < tensors:
                raise ModelError(f"the file is damaged: it names tensor {index} of {tensors}")
        return tuple(indices)

    def _tensor(self, model: Any, index: int, entry: Any) -> Tensor:
        name = self._text(entry.Name())
        place = f"tensor {index} ({shortened(name)})"
        dtype = enumeration_name(tflite.TensorType, entry.Type()).lower()
        if dtype not in ELEMENT_TYPES:
            raise ModelError(f"{place} holds {dtype} values", hint=_TYPE_HINT)
        if entry.IsVariable():
            raise ModelError(f"{place} keeps its value between calls", hint=_STATE_HINT)
        if entry.Sparsity() is not None:
            raise ModelError(f"{place} is sparse", hint="densify the model")
        tensor = Tensor(index, name, self._shape(place, entry), dtype)
        if tensor.size_bytes > _MAX_TENSOR_BYTES:
            raise ModelError(f"{place} takes {tensor.size_bytes} bytes: {list(tensor.shape)} {dtype}", hint=MICRO_HINT)
        data = self._data(model, entry.Buffer())
        if data and len(data) != tensor.size_bytes:
            raise ModelError(f"{place} needs {tensor.size_bytes} bytes, the file has {len(data)}")
        return replace(tensor, quantisation=self._quantisation(place, tensor, entry), data=data or None)

    def _shape(self, place: str, entry: Any) -> tuple[int, ...]:
        shape = self._numbers(entry, "Shape")
        if len(shape) > MAX_RANK:
            raise ModelError(f"{place} has {len(shape)} dimensions", hint=f"use {MAX_RANK} at most")
        if any(size < 1 for size in shape):
            raise ModelError(f"{place} has the shape {shape}, which is not static", hint=_SHAPE_HINT)
        return tuple(shape)

    def _data(self, model: Any, index: int) -> bytes:
        if index not in self._buffers:
            if index >= model.BuffersLength():
                raise ModelError(f"the file is damaged: it names buffer {index} of {model.BuffersLength()}")
            entry = model.Buffers(index)
            if entry.Offset() > 1:  # 0 and 1 stand for: inside the flatbuffer
                raise ModelError(
                    "constants lie outside the flatbuffer", hint="convert to a file that holds them itself"
                )
            self._buffers[index] = entry.DataAsNumpy().tobytes() if self._length(entry, "Data", 1) else b""
        return self._buffers[index]

    def _quantisation(self, place: str, tensor: Tensor, entry: Any) -> Quantisation | None:
        table = entry.Quantization()
        if table is None:
            return None
        if table.DetailsType():
            raise ModelError(f"{place} is quantised in a custom way", hint="quantise with TFLite's converter")
        scales, zero_points = self._numbers(table, "Scale"), self._numbers(table, "ZeroPoint", 8)
        if not scales:
            return None
        axis = int(table.QuantizedDimension())
        if not all(scale > 0 and math.isfinite(scale) for scale in scales):
            raise ModelError(
                f"{place} has a scale that is not a positive number", hint="quantise anew, to scales above 0"
            )
        channels = tensor.shape[axis] if 0 <= axis < len(tensor.shape) else 1
        if len(scales) not in (1, channels) or len(zero_points) != len(scales):
            raise ModelError(
                f"{place} has {len(scales)} scales and {len(zero_points)} zero points for {channels} channels"
            )
        if any(abs(zero_point) > 32768 for zero_point in zero_points):
            raise ModelError(f"{place} has a zero point out of range")
        return Quantisation(tuple(scales), tuple(zero_points), axis)

    def _operator(self, codes: Sequence[tuple[str, int]], tensors: int, index: int, entry: Any) -> Operator:
        code = int(entry.OpcodeIndex())
        if code >= len(codes):
            raise ModelError(f"the file is damaged: operator {index} is of kind {code} of {len(codes)}")
        name, version = codes[code]
        if entry.MutatingVariableInputsLength() or entry.IntermediatesLength():
            raise ModelError(f"operator {index} ({name}) keeps state between calls", hint=_STATE_HINT)
        return Operator(
            index=index,
            name=name,
            version=version,
            inputs=self._indices(entry, "Inputs", tensors, least=-1),
            outputs=self._indices(entry, "Outputs", tensors),
            options=_options(f"operator {index} ({name})", name, entry),
        )


def _named_apart(tensors: list[Tensor]) -> list[Tensor]:
    """The tensors with names of their own: files may leave them out, or give one to several; plans go by them."""
    taken = {tensor.name for tensor in tensors}
    seen: set[str] = {""}
    for i, tensor in enumerate(tensors):
        if tensor.name in seen:
            tensors[i] = replace(tensor, name=unused_name(f"{tensor.name or 'tensor'}_{i}", taken))
            taken.add(tensors[i].name)
        seen.add(tensor.name)
    return tensors


def _operator_code(entry: Any) -> tuple[str, int]:
    """Name and version; the older, narrower field counts where it says more (schema.fbs, OperatorCode)."""
    name = enumeration_name(tflite.BuiltinOperator, max(entry.DeprecatedBuiltinCode(), entry.BuiltinCode()))
    if name == "CUSTOM":
        custom = shortened((entry.CustomCode() or b"").decode(errors="replace"))
        raise ModelError(f"custom operator {custom}", hint=_BUILTIN_HINT)
    if name in _CONTROL_FLOW:
        raise ModelError(f"operator {name}: control flow is not supported", hint=_FLOW_HINT)
    return name, int(entry.Version())


def _options(place: str, name: str, entry: Any) -> dict[str, OptionValue]:
    described = describe(name)
    expected = described.table
    number = entry.BuiltinOptionsType()
    if number == tflite.BuiltinOptions.NONE:
        if expected is not None and any(not option.is_vector for option in described.options):
            raise ModelError(f"{place} has no options")
        return {}
    found = enumeration_name(tflite.BuiltinOptions, number)
    if expected is None:
        return {"table": found}
    if found != expected:
        raise ModelError(f"{place} has {found}, not {expected}")
    union = entry.BuiltinOptions()
    if union is None:
        raise ModelError(f"{place} has no options")
    table = getattr(tflite, found)()
    table.Init(union.Bytes, union.Pos)
    return {option.name: read_option(option, table) for option in described.options}
