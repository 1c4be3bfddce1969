"""Write a Graph as a `.tflite` file: equal graphs give equal bytes, and reading them gives the graph again.

What Graph doesn't hold (descriptions, signatures, metadata) is not written. Layout: schema version 3 of TFLite's
schema.fbs, constants aligned to 16 bytes as its `force_align` asks.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import flatbuffers
import tflite

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
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
    builder = flatbuffers.Builder(sum(len(tensor.data or b"") for tensor in graph.tensors) + 1024)
    codes = list(dict.fromkeys((operator.name, operator.version) for operator in graph.operators))
    constants = [tensor.data for tensor in graph.tensors if tensor.data is not None]
    buffers = _tables(builder, [_buffer(builder, data) for data in [b"", *constants]])
    subgraph = _tables(builder, [_subgraph(builder, graph, codes)])
    operator_codes = _tables(builder, [_operator_code(builder, code) for code in codes])
    description = builder.CreateString("tinyflow")
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, _SCHEMA_VERSION)
    tflite.ModelAddOperatorCodes(builder, operator_codes)
    tflite.ModelAddSubgraphs(builder, subgraph)
    tflite.ModelAddDescription(builder, description)
    tflite.ModelAddBuffers(builder, buffers)
    builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


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
    vector = None
    if data:
        builder.Prep(_DATA_ALIGNMENT, len(data))
        vector = builder.CreateByteVector(data)
    tflite.BufferStart(builder)
    if vector is not None:
        tflite.BufferAddData(builder, vector)
    return int(tflite.BufferEnd(builder))


def _operator_code(builder: flatbuffers.Builder, code: _Code) -> int:
    name, version = code
    number = getattr(tflite.BuiltinOperator, name)
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(number, _PLACEHOLDER_CODE))
    tflite.OperatorCodeAddVersion(builder, version)
    tflite.OperatorCodeAddBuiltinCode(builder, number)
    return int(tflite.OperatorCodeEnd(builder))


def _subgraph(builder: flatbuffers.Builder, graph: Graph, codes: Sequence[_Code]) -> int:
    offsets, buffer = [], 0
    for tensor in graph.tensors:
        buffer += tensor.is_constant
        offsets.append(_tensor(builder, tensor, buffer if tensor.is_constant else 0))
    tensors = _tables(builder, offsets)
    operators = _tables(builder, [_operator(builder, operator, codes) for operator in graph.operators])
    inputs, outputs = _indices(builder, graph.inputs), _indices(builder, graph.outputs)
    name = builder.CreateString(graph.name)
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensors)
    tflite.SubGraphAddInputs(builder, inputs)
    tflite.SubGraphAddOutputs(builder, outputs)
    tflite.SubGraphAddOperators(builder, operators)
    tflite.SubGraphAddName(builder, name)
    return int(tflite.SubGraphEnd(builder))


def _indices(builder: flatbuffers.Builder, indices: Sequence[int]) -> int:
    return _vector(builder, 4, indices, builder.PrependInt32)


def _tensor(builder: flatbuffers.Builder, tensor: Tensor, buffer: int) -> int:
    """One tensor; buffer 0 is the empty one, which all activations share."""
    shape = _indices(builder, tensor.shape)
    name = builder.CreateString(tensor.name)
    quantisation = None if tensor.quantisation is None else _quantisation(builder, tensor.quantisation)
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, shape)
    tflite.TensorAddType(builder, getattr(tflite.TensorType, tensor.dtype.upper()))
    tflite.TensorAddBuffer(builder, buffer)
    tflite.TensorAddName(builder, name)
    if quantisation is not None:
        tflite.TensorAddQuantization(builder, quantisation)
    return int(tflite.TensorEnd(builder))


def _quantisation(builder: flatbuffers.Builder, quantisation: Quantisation) -> int:
    scales = _vector(builder, 4, quantisation.scales, builder.PrependFloat32)
    zero_points = _vector(builder, 8, quantisation.zero_points, builder.PrependInt64)
    tflite.QuantizationParametersStart(builder)
    tflite.QuantizationParametersAddScale(builder, scales)
    tflite.QuantizationParametersAddZeroPoint(builder, zero_points)
    tflite.QuantizationParametersAddQuantizedDimension(builder, quantisation.axis)
    return int(tflite.QuantizationParametersEnd(builder))


def _operator(builder: flatbuffers.Builder, operator: Operator, codes: Sequence[_Code]) -> int:
    inputs, outputs = _indices(builder, operator.inputs), _indices(builder, operator.outputs)
    described = describe(operator.name)
    table = described.table if _has_table(described, operator) else None
    options = 0 if table is None else _options(builder, described, operator)
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, codes.index((operator.name, operator.version)))
    tflite.OperatorAddInputs(builder, inputs)
    tflite.OperatorAddOutputs(builder, outputs)
    if table is not None:
        tflite.OperatorAddBuiltinOptionsType(builder, getattr(tflite.BuiltinOptions, table))
        tflite.OperatorAddBuiltinOptions(builder, options)
    return int(tflite.OperatorEnd(builder))


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
        values = option_numbers(option, operator.options[option.name])
        if option.is_vector:  # it lies outside the table, so it is written first
            numbers[option.fields[0]] = _indices(builder, [int(value) for value in values])
        else:
            numbers.update(zip(option.fields, values, strict=True))
    getattr(tflite, f"{described.table}Start")(builder)
    for name, number in numbers.items():
        getattr(tflite, f"{described.table}Add{name}")(builder, number)
    return int(getattr(tflite, f"{described.table}End")(builder))
