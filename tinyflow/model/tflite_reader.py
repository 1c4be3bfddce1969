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
from tinyflow.model.detections import with_shapes
from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.graph import CUSTOM, Graph, Operator, OptionValue, Quantisation, Tensor, unused_name
from tinyflow.model.graph_check import MICRO_HINT, check_sound, shortened
from tinyflow.model.operators import describe
from tinyflow.model.tflite_options import MAX_RANK, enumeration_name, read_options

# far above any microcontroller's flash; keeps a wrong file from filling the memory
_MAX_FILE_BYTES = 256 << 20
_MAX_TENSOR_BYTES = 64 << 20
_SCHEMA_VERSION = 3
# what the flatbuffers package raises for offsets that lead out of the file
_DAMAGE = (struct.error, ValueError, IndexError, TypeError, OverflowError)
_DAMAGED_HINT = "get the file again; `doit fetch` does so for the models that tinyflow knows"
_WRONG_HINT = "if the file is whole, it is its converter's doing: convert the original anew, with TFLite's own"
_STATE_HINT = "variables are 0 at first; assign it when the network begins, by a resource variable"
_TYPE_HINT = "take what needs text or complex numbers out of the network before converting"
_SHAPE_HINT = "convert with fixed sizes, batch 1"


def read(source: Path | str | bytes, name: str = "") -> Graph:
    """The graph in a file or in its bytes; `name` is what an error calls the bytes. Raises ModelError only."""
    if isinstance(source, bytes):
        content, where = source, name or "model"
    else:
        content, where = _load(Path(source)), name or Path(source).name
    try:
        try:
            graph = _Reading(content).graph()
        except _DAMAGE:
            raise ModelError("the file is damaged: an offset leads out of it") from None
        check_sound(graph)
        return graph
    except ModelError as error:
        usual = _DAMAGED_HINT if error.what.startswith("the file is damaged") else _WRONG_HINT
        raise ModelError(error.what, where=where, hint=error.hint or usual) from None


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
        codes = [self._operator_code(code) for code in self._each(model, "OperatorCodes")]
        graphs = [self._subgraph(model, codes, entry) for entry in self._each(model, "Subgraphs")]
        if not graphs:
            raise ModelError("the file is damaged: it has no subgraph")
        return replace(graphs[0], subgraphs=tuple(graphs[1:]))

    def _subgraph(self, model: Any, codes: Sequence[tuple[str, int]], entry: Any) -> Graph:
        tensors = _named_apart([self._tensor(model, *each) for each in enumerate(self._each(entry, "Tensors"))])
        operators = enumerate(self._each(entry, "Operators"))
        graph = Graph(
            tensors=tuple(tensors),
            operators=tuple(self._operator(codes, len(tensors), *each) for each in operators),
            inputs=self._indices(entry, "Inputs", len(tensors)),
            outputs=self._indices(entry, "Outputs", len(tensors)),
            name=self._text(entry.Name()),
        )
        return with_shapes(graph)

    def _model(self) -> Any:
        if len(self._content) < 8 or self._content[4:8] != b"TFL3":
            why = "the identifier TFL3 is missing" if self._content else "it is empty"
            raise ModelError(f"not a .tflite file: {why}", hint="give a file that a TFLite converter wrote")
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

    def _bytes(self, table: Any, field: str) -> bytes:
        return getattr(table, f"{field}AsNumpy")().tobytes() if self._length(table, field, 1) else b""

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
        if entry.Sparsity() is not None:
            raise ModelError(f"{place} is sparse", hint="densify the model")
        tensor = Tensor(index, name, self._shape(place, entry), dtype)
        if tensor.size_bytes > _MAX_TENSOR_BYTES:
            raise ModelError(f"{place} takes {tensor.size_bytes} bytes: {list(tensor.shape)} {dtype}", hint=MICRO_HINT)
        data = self._data(model, entry.Buffer())
        if data and len(data) != tensor.size_bytes:
            raise ModelError(f"{place} needs {tensor.size_bytes} bytes, the file has {len(data)}")
        if data and entry.IsVariable():
            raise ModelError(f"{place} is a variable that has a value in the file", hint=_STATE_HINT)
        return replace(
            tensor,
            quantisation=self._quantisation(place, tensor, entry),
            data=data if data or not tensor.elements else None,
            is_variable=bool(entry.IsVariable()) and tensor.elements > 0,
        )

    def _shape(self, place: str, entry: Any) -> tuple[int, ...]:
        shape = self._numbers(entry, "Shape")
        if len(shape) > MAX_RANK:
            raise ModelError(f"{place} has {len(shape)} dimensions", hint=f"use {MAX_RANK} at most")
        if any(size < 0 for size in shape):
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
            self._buffers[index] = self._bytes(entry, "Data")
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
        if not all(map(math.isfinite, scales)):
            raise ModelError(f"{place} has a scale that is not a finite number", hint="quantise anew")
        if len(tensor.shape) == 1:
            axis = 0  # whatever a bias says; old converters name the axis that its weights have
        channels = tensor.shape[axis] if 0 <= axis < len(tensor.shape) else 1
        zero_points = zero_points or [0]
        if len(zero_points) == 1:
            zero_points *= len(scales)
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
        is_custom = name.startswith(CUSTOM)
        return Operator(
            index=index,
            name=name,
            version=version,
            inputs=self._indices(entry, "Inputs", tensors, least=-1),
            outputs=self._indices(entry, "Outputs", tensors),
            options=self._options(f"operator {index} ({name})", name, entry),
            intermediates=self._indices(entry, "Intermediates", tensors, least=-1),
            custom_options=self._bytes(entry, "CustomOptions") if is_custom else b"",
        )

    def _operator_code(self, entry: Any) -> tuple[str, int]:
        """Name and version; the older, narrower field counts where it says more (schema.fbs, OperatorCode)."""
        name = enumeration_name(tflite.BuiltinOperator, max(entry.DeprecatedBuiltinCode(), entry.BuiltinCode()))
        return CUSTOM + self._text(entry.CustomCode()) if name == "CUSTOM" else name, int(entry.Version())

    def _options(self, place: str, name: str, entry: Any) -> dict[str, OptionValue]:
        options = read_options(place, name, entry)
        self._spend(sum(len(str(options[option.name])) for option in describe(name).options if option.is_text))
        return options


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
