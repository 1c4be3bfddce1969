"""Write a Graph as a `.tflite` file: equal graphs give equal bytes, and reading them gives the graph again.

What Graph doesn't hold (descriptions, signatures, metadata) is not written. Layout: schema version 3 of TFLite's
schema.fbs, constants aligned to 16 bytes as its `force_align` asks.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import count

import flatbuffers
import tflite

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import CUSTOM, Graph, Operator, Quantisation, Tensor
from tinyflow.model.operators import describe
from tinyflow.model.operators.description import Description
from tinyflow.model.tflite_options import option_numbers

_SCHEMA_VERSION = 3
# the narrow, older field of an operator code holds this for all codes above it (schema.fbs, OperatorCode)
_PLACEHOLDER_CODE = 127
_DATA_ALIGNMENT = 16

# what the flatbuffers package raises for numbers out of their range, and for names that the schema has not
_NUMBERS = (TypeError, struct.error, AttributeError, OverflowError)

_Code = tuple[str, int]


def write(graph: Graph) -> bytes:
    """The bytes of a `.tflite` file. Raises ModelError for options and numbers that its tables don't hold."""
    try:
        return _written(graph)
    except _NUMBERS as error:
        raise ModelError(f"a number doesn't fit its field of a .tflite file: {error}", hint="see its options") from None


def _written(graph: Graph) -> bytes:
    tensors = [tensor for part in graph.graphs for tensor in part.tensors]
    builder = flatbuffers.Builder(sum(len(tensor.data or b"") for tensor in tensors) + 1024)
    operators = (operator for part in graph.graphs for operator in part.operators)
    codes = list(dict.fromkeys((operator.name, operator.version) for operator in operators))
    constants = [tensor.data for tensor in tensors if tensor.data is not None]
    buffers = _tables(builder, [_buffer(builder, data) for data in [b"", *constants]])
    # buffer 0 is the empty one, which all activations share
    numbers = count(1)
    subgraphs = _tables(builder, [_subgraph(builder, part, codes, numbers) for part in graph.graphs])
    fields = {"Version": _SCHEMA_VERSION, "OperatorCodes": _tables(builder, [_code(builder, *code) for code in codes])}
    name = builder.CreateString("tinyflow")
    model = _table(builder, "Model", **fields, Subgraphs=subgraphs, Description=name, Buffers=buffers)
    builder.Finish(model, file_identifier=b"TFL3")
    return bytes(builder.Output())


def _table(builder: flatbuffers.Builder, kind: str, **fields: float | None) -> int:
    """A table of the schema with these fields, added in this order but for those of None; its offset."""
    getattr(tflite, f"{kind}Start")(builder)
    for name, value in fields.items():
        if value is not None:
            getattr(tflite, f"{kind}Add{name}")(builder, value)
    return int(getattr(tflite, f"{kind}End")(builder))


def _tables(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    return _vector(builder, 4, offsets, builder.PrependUOffsetTRelative)


def _vector(
    builder: flatbuffers.Builder, element_bytes: int, values: Sequence[float], prepend: Callable[..., None]
) -> int:
    """A vector of the values in their order; flatbuffers are built from the end."""
    builder.StartVector(element_bytes, len(values), element_bytes)
    for value in reversed(values):
        prepend(value)
    return int(builder.EndVector())


def _buffer(builder: flatbuffers.Builder, data: bytes) -> int:
    if data:
        builder.Prep(_DATA_ALIGNMENT, len(data))
    return _table(builder, "Buffer", Data=builder.CreateByteVector(data) if data else None)


def _code(builder: flatbuffers.Builder, name: str, version: int) -> int:
    custom = builder.CreateString(name.removeprefix(CUSTOM)) if name.startswith(CUSTOM) else None
    number = getattr(tflite.BuiltinOperator, name if custom is None else "CUSTOM")
    older = min(number, _PLACEHOLDER_CODE)
    fields = {"DeprecatedBuiltinCode": older, "CustomCode": custom, "Version": version, "BuiltinCode": number}
    return _table(builder, "OperatorCode", **fields)


def _subgraph(builder: flatbuffers.Builder, graph: Graph, codes: Sequence[_Code], numbers: Iterator[int]) -> int:
    """One graph; `numbers` are those of the buffers of its constants, in their order."""
    offsets = [_tensor(builder, tensor, next(numbers) if tensor.is_constant else 0) for tensor in graph.tensors]
    tensors = _tables(builder, offsets)
    operators = _tables(builder, [_operator(builder, operator, codes) for operator in graph.operators])
    inputs, outputs = _indices(builder, graph.inputs), _indices(builder, graph.outputs)
    name = builder.CreateString(graph.name)
    return _table(builder, "SubGraph", Tensors=tensors, Inputs=inputs, Outputs=outputs, Operators=operators, Name=name)


def _indices(builder: flatbuffers.Builder, indices: Sequence[int]) -> int:
    return _vector(builder, 4, indices, builder.PrependInt32)


def _tensor(builder: flatbuffers.Builder, tensor: Tensor, buffer: int) -> int:
    shape, name = _indices(builder, tensor.shape), builder.CreateString(tensor.name)
    scheme = None if tensor.quantisation is None else _quantisation(builder, tensor.quantisation)
    kind = getattr(tflite.TensorType, tensor.dtype.upper())
    fields = {"Shape": shape, "Type": kind, "Buffer": buffer, "Name": name, "Quantization": scheme}
    return _table(builder, "Tensor", **fields, IsVariable=tensor.is_variable or None)


def _quantisation(builder: flatbuffers.Builder, quantisation: Quantisation) -> int:
    scales = _vector(builder, 4, quantisation.scales, builder.PrependFloat32)
    zeros = _vector(builder, 8, quantisation.zero_points, builder.PrependInt64)
    return _table(
        builder, "QuantizationParameters", Scale=scales, ZeroPoint=zeros, QuantizedDimension=quantisation.axis
    )


def _operator(builder: flatbuffers.Builder, operator: Operator, codes: Sequence[_Code]) -> int:
    number, described = codes.index((operator.name, operator.version)), describe(operator.name)
    inputs, outputs = _indices(builder, operator.inputs), _indices(builder, operator.outputs)
    fields = {}
    if operator.intermediates:
        fields["Intermediates"] = _indices(builder, operator.intermediates)
    if operator.custom_options:
        fields["CustomOptions"] = builder.CreateByteVector(operator.custom_options)
    if _has_table(described, operator) and described.table is not None:
        fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, described.table)
        fields["BuiltinOptions"] = _options(builder, described, operator)
    return _table(builder, "Operator", OpcodeIndex=number, Inputs=inputs, Outputs=outputs, **fields)


def _has_table(described: Description, operator: Operator) -> bool:
    """Whether the operator's options go to a table; it may need none."""
    if set(operator.options) == {option.name for option in described.options}:
        return True
    if operator.options:
        raise ModelError(f"operator {operator.index} ({operator.name}) has options that can't be written")
    return False


def _options(builder: flatbuffers.Builder, described: Description, operator: Operator) -> int:
    numbers: dict[str, float] = {}
    for option in described.options:
        if option.is_text:  # it lies outside the table, so it is written first
            numbers[option.fields[0]] = builder.CreateString(str(operator.options[option.name]))
            continue
        values = option_numbers(option, operator.options[option.name])
        if option.is_vector:  # so does this
            numbers[option.fields[0]] = _indices(builder, [int(value) for value in values])
        else:
            numbers.update(zip(option.fields, values, strict=True))
    return _table(builder, str(described.table), **numbers)
