"""What each operator of the runtime tinyi is called, and how much scratch it asks for: as its C computes it.

Whoever changes a scratch rule here changes it in recipes/runtimes/tinyi/src too; the tests hold both equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tinyflow.backends.tinyi import customs, float32
from tinyflow.backends.tinyi.entry import MAX_RANK, MAX_SIZE, MAX_STRIDE, Ask, Entry, in_place, no_scratch
from tinyflow.backends.tinyi.memory_request import MemoryRequest, Unsupported, exactly, over_first
from tinyflow.backends.tinyi.weighted import (
    INT16_KERNELS,
    conv2d,
    depthwise,
    fully_connected,
    matmul,
    transpose_conv,
    weighted_int16,
)
from tinyflow.backends.tinynn import choice
from tinyflow.backends.tinynn.calls import WORD_BYTES
from tinyflow.backends.tinynn.fields import lstm_fields, pool_fields
from tinyflow.backends.tinynn.kernels import kernels_of
from tinyflow.backends.tinynn.layer import Layer
from tinyflow.backends.tinynn.sound import SOUNDS
from tinyflow.model import recurrent
from tinyflow.model.arithmetic import binary, mean, sums, unary
from tinyflow.model.element_types import NUMBERS, WHOLE_BYTES
from tinyflow.model.fixed_point import log_softmax_scaling, softmax_int16_scaling
from tinyflow.model.graph import CUSTOM, Graph, Operator
from tinyflow.model.operators import VIEWS, describe
from tinyflow.model.operators.forms import form_of, quantisation_of, quantisations, rescaled
from tinyflow.model.summary import operator_macs
from tinyflow.model.weighted import integers

MAX_WORK = 1 << 31  # TINYI_MAX_WORK of include/tinyi/context.h
_LONG = ("TRANSPOSE", *VIEWS)  # of one axis more: TINYIMAX_RANK
_MAX_SUMMED = 1 << 22  # elements
_MOST_SQUARES, _MOST_EXPONENTIALS, _MOST_RESIZED = 1 << 15, 1 << 11, 1 << 14
# of a softmax's scale and beta
_LEAST_FACTOR = 2.0**-96
_SIGMOIDS = ("LOGISTIC", "TANH")
_LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
# what QUANTIZE makes → of what
_CONVERTED = {
    "int8": ("float32", "int16", "int32", "uint8"),
    "uint8": ("int8",),
    "int16": ("float32", "int8", "int16", "int32"),
    "int32": ("int8", "int16"),
}
# whose numbers may be computed: indices, and a shape that is the output's anyway
_CHOOSING = ("GATHER", "GATHER_ND", "EMBEDDING_LOOKUP", "TRANSPOSE_CONV")


def _modest(graph: Graph, operator: Operator) -> None:
    """Sizes whose products fit 32 bits."""
    for index in (*operator.inputs, *operator.outputs):
        shape = graph.tensors[index].shape if index >= 0 else ()
        most = MAX_RANK + (operator.name in _LONG)
        if len(shape) > most or max(shape, default=1) > MAX_SIZE:
            raise Unsupported(f"the shape {shape} is not supported")


def _average_pool(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    return _pool(variant, "average_pool", _pooled(graph, operator))


def _pool(variant: str, operator: str, fields: Mapping[str, int]) -> MemoryRequest:
    call = choice.plain(variant, operator, fields)
    return over_first(exactly(call.scratch_bytes), call.overlaps if fields["batches"] == 1 else {})


def work(graph: Graph, operator: Operator) -> int:
    """Products or comparisons of an operator whose window the file can make as large as it likes; 0 of all others."""
    if operator.name not in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        return operator_macs(graph, operator)
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    window: tuple[int, int] = operator.options["filter"]
    return output.elements * math.prod(map(min, window, source.shape[1:3]))


def _pooled(graph: Graph, operator: Operator) -> Mapping[str, int]:
    fields = pool_fields(graph, operator, form_of(graph, operator))
    if max(operator.options["filter"]) > MAX_SIZE or max(operator.options["stride"]) > MAX_STRIDE:
        raise Unsupported(f"a filter above {MAX_SIZE} or a stride above {MAX_STRIDE} is not supported")
    return fields


def _max_pool(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    return _pool(variant, "max_pool", _pooled(graph, operator))


def _pool_int16(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    return _pool(variant, "max_pool_int16", _pooled(graph, operator))


def _indexed(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    main, made = (
        graph.tensors[index] for index in (operator.inputs[describe(operator.name).main_input], operator.outputs[0])
    )
    if main.dtype != made.dtype:
        raise Unsupported(f"{made.name} is {made.dtype}, not {main.dtype}", "look up elements of one type")


def _concatenation(graph: Graph, operator: Operator, _variant: str) -> None:
    """Of uint8 it would rescale what is quantised otherwise than its output."""
    for source in rescaled(graph, operator):
        raise Unsupported(f"{source.name} is uint8 of another scale than the output")


def _blocks(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    sizes = graph.tensors[operator.inputs[1]]
    if sizes.elements > 2 or max(integers(sizes).reshape(-1)) > MAX_STRIDE:
        raise Unsupported("blocks of more than two dimensions, or very large ones, are not supported")


def _strided_slice(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    steps = integers(graph.tensors[operator.inputs[3]]).reshape(-1).tolist()
    if max(map(abs, steps), default=0) > MAX_SIZE:
        raise Unsupported(f"strides of {steps} are not supported")


def _mean(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    mean.constants_of(graph, operator, form_of(graph, operator))
    count = graph.tensors[operator.inputs[0]].elements // graph.tensors[operator.outputs[0]].elements
    if count > _MAX_SUMMED:
        raise Unsupported(f"a mean of {count} elements is not supported")


def _resize_nearest(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """Which row and column each is taken from."""
    return exactly(4 * sum(graph.tensors[operator.outputs[0]].shape[1:3]))


def _binary(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    tensors = [graph.tensors[index] for index in (*operator.inputs, *operator.outputs)]
    binary.constants_of(graph, operator, form_of(graph, operator))
    if len({tensor.elements for tensor in tensors}) == 1:
        return MemoryRequest(in_place=(0, 1))
    return MemoryRequest(is_general=True)


def _unary(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    form = form_of(graph, operator)
    given = quantisation_of(graph.tensors[operator.inputs[0]], form)
    if form == "int8" and operator.name in _SIGMOIDS and not 2.0**-26 <= given.scale < 8:
        raise Unsupported(f"an input scale of {given.scale:g} is not supported")
    if operator.name in unary.RESULTS:
        unary.constants_of(graph, operator, form)
    else:
        beta = operator.options["beta"]
        if not (given.scale >= _LEAST_FACTOR and _LEAST_FACTOR <= beta < math.inf):
            raise Unsupported(f"an input scale of {given.scale:g} with beta {beta:g} is not supported")
        if form == "int16":
            softmax_int16_scaling(given.scale, beta)
    return MemoryRequest(in_place=(0,))


def _softmax(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    """To int8, or rarely int16, which nothing may lie in place of."""
    if graph.tensors[operator.outputs[0]].dtype == "int16":
        quantisation_of(graph.tensors[operator.inputs[0]])
        return MemoryRequest(is_general=True)
    return _unary(graph, operator, variant)


def _svdf(graph: Graph, operator: Operator, variant: str) -> MemoryRequest | None:
    if form_of(graph, operator) != "int8":
        return None
    recurrent.svdf(graph, operator)
    filters, inputs = graph.tensors[operator.inputs[1]].shape
    kernel = kernels_of("svdf_int8", variant)[0]
    if kernel.scratch is None or inputs % 8:
        return None
    units = filters // operator.options["rank"]
    fields = {"inputs": inputs, "units": units, "rank": operator.options["rank"]}
    return exactly(kernel.scratch_bytes(fields) + WORD_BYTES * units)


def _lstm(graph: Graph, operator: Operator, variant: str) -> MemoryRequest | None:
    form = form_of(graph, operator)
    if form == "float32":
        recurrent.lstm_sizes(graph, operator)
        return None
    fields = lstm_fields(graph, operator, form)
    kernel = kernels_of(f"lstm_{form}", variant)[0]
    why = kernel.why_not(Layer(fields))
    return exactly(kernel.scratch_bytes(fields)) if why is None else MemoryRequest(reference=why)


def _quantise(graph: Graph, operator: Operator, variant: str) -> MemoryRequest | None:
    source, output = (graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))
    if (source.dtype, output.dtype) == ("int8", "int8"):
        return _unary(graph, operator, variant)
    if source.dtype not in _CONVERTED.get(output.dtype, ()):
        raise Unsupported(f"from {source.dtype} to {output.dtype} is not supported")
    quantisation_of(output, output.dtype)
    if source.is_integer:
        unary.constants_of(graph, operator)
    return MemoryRequest(is_general=output.dtype != "int8" or source.is_integer)


def _dequantise(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    source, output = (graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))
    if output.dtype != "float32":
        raise Unsupported(f"{output.name} is {output.dtype}", "dequantise to float32")
    quantisation_of(source, source.dtype)


def _variable(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """READ_VARIABLE, ASSIGN_VARIABLE: the value has one scale or none."""
    value = graph.tensors[(*operator.inputs[1:], *operator.outputs)[0]]
    if value.dtype not in WHOLE_BYTES:
        raise Unsupported(f"{value.name} is {value.dtype}")
    if value.quantisation is not None and value.is_integer:
        quantisation_of(value, value.dtype)
    return MemoryRequest()


def _call_once(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """Only assigns constants, before anything else has to do with variables."""
    before = graph.operators[: operator.index]
    if any(other.name in ("READ_VARIABLE", "ASSIGN_VARIABLE") for other in before):
        raise Unsupported("it is called behind operators that have variables", "initialise variables first of all")
    if operator.calls[0] >= len(graph.graphs):
        raise Unsupported("it is called by a subgraph", "initialise variables in the network itself")
    part = graph.graphs[operator.calls[0]]
    for other in part.operators:
        is_constant = other.name == "ASSIGN_VARIABLE" and part.tensors[other.inputs[1]].is_constant
        if not is_constant and other.name != "VAR_HANDLE":
            raise Unsupported("what it calls does more than assign constants")
    return MemoryRequest()


def _calling(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    return MemoryRequest(calls=operator.calls)


def _reshape(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    has_scale = source.quantisation is not None or output.quantisation is not None
    if form_of(graph, operator) == "int8" and has_scale:
        quantisations(graph, operator)
    is_long = max(len(source.shape), len(output.shape)) > MAX_RANK
    return MemoryRequest(
        is_view=not source.is_constant, is_general=is_long or (source.dtype == "int8" and not has_scale)
    )


def _transpose(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    return MemoryRequest(is_general=len(graph.tensors[operator.inputs[0]].shape) > MAX_RANK)


_INT8: Mapping[str, Entry] = {
    "CONV_2D": Entry("tinyi_conv2d", conv2d, "conv2d", has_ref=True, general="tinyi_conv2d_any", has_int4=True),
    "DEPTHWISE_CONV_2D": Entry(
        "tinyi_depthwise",
        depthwise,
        "depthwise",
        has_general=True,
        general="tinyi_depthwise_any",
        has_int4=True,
    ),
    "FULLY_CONNECTED": Entry(
        "tinyi_fully_connected",
        fully_connected,
        "rows",
        has_ref=True,
        plan="tinyi_plan_fully_connected",
        general="tinyi_fully_connected_any",
        has_int4=True,
    ),
    "AVERAGE_POOL_2D": Entry("tinyi_average_pool", _average_pool, "average_pool"),
    "MAX_POOL_2D": Entry("tinyi_max_pool", _max_pool, "max_pool"),
    "ADD": Entry("tinyi_add", _binary, "add", has_ref=True, has_general=True),
    "SUB": Entry("tinyi_add", _binary, "sub", "tinyi_sub", has_ref=True, has_general=True),
    "MUL": Entry("tinyi_mul", _binary, "mul", has_ref=True),
    "MINIMUM": Entry("tinyi_minimum", _binary),
    "MAXIMUM": Entry("tinyi_maximum", _binary),
    "SOFTMAX": Entry("tinyi_softmax", _softmax, general="tinyi_softmax_any"),
    "LOGISTIC": Entry("tinyi_logistic", _unary),
    "TANH": Entry("tinyi_tanh", _unary),
    "RELU": Entry("tinyi_relu", _unary),
    "RELU6": Entry("tinyi_relu6", _unary),
    "QUANTIZE": Entry("tinyi_quantise", _quantise, general="tinyi_quantise_any"),
    "DEQUANTIZE": Entry("tinyi_dequantise", _dequantise),
    "LEAKY_RELU": Entry("tinyi_leaky_relu", _unary),
    "HARD_SWISH": Entry("tinyi_hard_swish", _unary),
    "MEAN": Entry("tinyi_mean", _mean, "mean"),
}
_INT16: Mapping[str, Entry] = {
    "CONV_2D": Entry("tinyi_conv2d_int16", weighted_int16, INT16_KERNELS["CONV_2D"]),
    "DEPTHWISE_CONV_2D": Entry(
        "tinyi_depthwise_int16",
        weighted_int16,
        INT16_KERNELS["DEPTHWISE_CONV_2D"],
        struct="tinynn_depthwise_int16",
    ),
    "FULLY_CONNECTED": Entry("tinyi_fully_connected_int16", weighted_int16, INT16_KERNELS["FULLY_CONNECTED"]),
    "TRANSPOSE_CONV": Entry("tinyi_transpose_conv_int16", weighted_int16),
    "AVERAGE_POOL_2D": Entry("tinyi_average_pool_int16", _pool_int16),
    "MAX_POOL_2D": Entry("tinyi_max_pool_int16", _pool_int16),
    **{name: Entry(f"tinyi_{name.lower()}_int16", _binary) for name in binary.NAMES},
    **{name: Entry(f"tinyi_{name.lower()}_int16", _mean) for name in ("MEAN", "SUM")},
    **{
        name: Entry(f"tinyi_{name.lower()}_int16", _unary)
        for name in ("SOFTMAX", "RELU", "RELU6", "LEAKY_RELU", *_SIGMOIDS)
    },
    "QUANTIZE": Entry("tinyi_quantise_any", _quantise),
    "DEQUANTIZE": Entry("tinyi_dequantise_int16", _dequantise),
}
# of any type; what tinyi/context.h has of them
_TYPES = ("int8", "int16", "int32", "int64", "uint8", "bool", "float32")
_MOVING: Mapping[str, Entry] = {
    "PAD": Entry("tinyi_pad"),
    "PADV2": Entry("tinyi_pad"),
    "MIRROR_PAD": Entry("tinyi_mirror_pad"),
    "SPACE_TO_BATCH_ND": Entry("tinyi_space_to_batch", _blocks),
    "BATCH_TO_SPACE_ND": Entry("tinyi_batch_to_space", _blocks),
    "FILL": Entry("tinyi_fill_with"),
    "ZEROS_LIKE": Entry("tinyi_zeros_like"),
    "CONCATENATION": Entry("tinyi_concatenation", _concatenation),
    "PACK": Entry("tinyi_pack"),
    "SPLIT": Entry("tinyi_split"),
    "SPLIT_V": Entry("tinyi_split_v"),
    "UNPACK": Entry("tinyi_unpack"),
    "TRANSPOSE": Entry("tinyi_transpose", _transpose, general="tinyi_transpose_long"),
    "SLICE": Entry("tinyi_slice"),
    "STRIDED_SLICE": Entry("tinyi_strided_slice", _strided_slice),
    "REVERSE_V2": Entry("tinyi_reverse"),
    "BROADCAST_TO": Entry("tinyi_broadcast_to"),
    "TILE": Entry("tinyi_tile"),
    "SPACE_TO_DEPTH": Entry("tinyi_space_to_depth"),
    "DEPTH_TO_SPACE": Entry("tinyi_depth_to_space"),
    "GATHER": Entry("tinyi_gather", _indexed),
    "GATHER_ND": Entry("tinyi_gather_nd", _indexed),
    "EMBEDDING_LOOKUP": Entry("tinyi_embedding_lookup", _indexed),
    "SELECT_V2": Entry("tinyi_select"),
    "SHAPE": Entry("tinyi_shape"),
    "RANK": Entry("tinyi_rank"),
    "RESIZE_NEAREST_NEIGHBOR": Entry("tinyi_resize_nearest", _resize_nearest),
    **dict.fromkeys(VIEWS, Entry("tinyi_reshape_any", _reshape, general="tinyi_reshape_long")),
}
# what int8 has of its own: fewer questions are asked
_RESHAPES = dict.fromkeys(VIEWS, Entry("tinyi_reshape", _reshape, general="tinyi_reshape_long"))


def _rarer_pair(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    binary.rarer_constants_of(graph, operator)
    _same_types(graph, operator)


def _same_types(graph: Graph, operator: Operator) -> None:
    left, right, output = (graph.tensors[index] for index in (*operator.inputs, *operator.outputs))
    made = "bool" if operator.name in binary.COMPARISONS else left.dtype
    if (right.dtype, output.dtype) != (left.dtype, made):
        raise Unsupported(f"{left.dtype} and {right.dtype} do not go together", "give both operands one type")


def _plain_pair(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    _same_types(graph, operator)
    if operator.name == "ADD" and operator.options["activation"] != "NONE":
        raise Unsupported(f"activation {operator.options['activation']} is not supported")


def _alike(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    if source.dtype == "int8" and source.quantisation != output.quantisation:
        raise Unsupported("input and output are quantised differently")


def _argument(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    output = graph.tensors[operator.outputs[0]]
    if output.dtype not in ("int32", "int64"):
        raise Unsupported(f"{output.name} is {output.dtype}, not int32", "ask for indices of int32")


def _cumsum(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    sums.constants_of(graph, operator)


def _add_n(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    if form_of(graph, operator) == "int8":
        sums.constants_of(graph, operator)
    return exactly(8 * (len(operator.inputs) + 1))


def _l2_normalization(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    source = graph.tensors[operator.inputs[0]]
    if operator.options["activation"] != "NONE" or source.shape[-1] >= _MOST_SQUARES:
        raise Unsupported(f"an activation, or a row of {source.shape[-1]} elements, is not supported")
    return MemoryRequest(in_place=(0,))


def _log_softmax(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    made, scale = quantisation_of(output), quantisation_of(source).scale
    log_softmax_scaling(scale)
    if (made.scale, made.zero_point) != (1 / 16, 127) or scale >= 8 or source.shape[-1] > _MOST_EXPONENTIALS:
        raise Unsupported("an output that is not 1/16 around 127, or a scale or row as large as this, is not supported")
    return MemoryRequest(in_place=(0,))


def _elu(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    return exactly(256, (0,))


def _cast(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    types = [graph.tensors[index].dtype for index in (operator.inputs[0], operator.outputs[0])]
    if not {*types} <= {*NUMBERS}:
        raise Unsupported(f"from {' to '.join(types)} is not supported")
    return MemoryRequest(is_general="float32" in types)


def _resize_bilinear(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    for index in (operator.inputs[0], operator.outputs[0]):
        if max(graph.tensors[index].shape[1:3]) > _MOST_RESIZED:
            raise Unsupported(f"more than {_MOST_RESIZED} rows or columns are not supported")


def _beside(function: str, ask: Ask, names: Sequence[str], of: str) -> dict[str, Entry]:
    """Operators of one function; beside it stands their own kernel."""
    return {name: Entry(function, ask, symbol=f"tinynn_{name.lower()}{of}_ref") for name in names}


_INT8_RARER: Mapping[str, Entry] = {
    **_beside("tinyi_comparison", _rarer_pair, binary.COMPARISONS, ""),
    **_beside("tinyi_squared_difference", _rarer_pair, ("SQUARED_DIFFERENCE",), ""),
    **_beside("tinyi_div", _rarer_pair, ("DIV",), ""),
    **_beside("tinyi_prelu", _rarer_pair, ("PRELU",), ""),
    **_beside("tinyi_reduce", _alike, ("REDUCE_MAX", "REDUCE_MIN"), ""),
    **_beside("tinyi_argument", _argument, ("ARG_MAX", "ARG_MIN"), ""),
    "SUM": Entry("tinyi_sum", _mean, "mean", "tinyi_mean"),
    "CUMSUM": Entry("tinyi_cumsum", _cumsum),
    "ADD_N": Entry("tinyi_add_n", _add_n),
    "L2_NORMALIZATION": Entry("tinyi_l2_normalization", _l2_normalization),
    "LOG_SOFTMAX": Entry("tinyi_log_softmax", _log_softmax),
    "ABS": Entry("tinyi_abs", _unary),
    "RSQRT": Entry("tinyi_rsqrt", _unary),
    "ELU": Entry("tinyi_elu", _elu),
    "TRANSPOSE_CONV": Entry("tinyi_transpose_conv", transpose_conv),
    "BATCH_MATMUL": Entry("tinyi_batch_matmul", matmul),
    "RESIZE_BILINEAR": Entry("tinyi_resize_bilinear", _resize_bilinear),
}
_ARITHMETIC = ("SUB", "MUL", "DIV")
_INT32_PAIRS = ("FLOOR_DIV", "FLOOR_MOD", "SQUARED_DIFFERENCE", "MINIMUM", "MAXIMUM")
_PLAIN: Mapping[str, Mapping[str, Entry]] = {
    "int32": {
        **_beside("tinyi_plain_comparison", _plain_pair, binary.COMPARISONS, "_int32"),
        **_beside("tinyi_plain_add", _plain_pair, ("ADD",), "_int32"),
        **_beside("tinyi_plain_arithmetic", _plain_pair, _ARITHMETIC, "_int32"),
        **_beside("tinyi_plain_pairs", _plain_pair, _INT32_PAIRS, "_int32"),
    },
    "int64": {
        **_beside("tinyi_plain_comparison", _plain_pair, binary.COMPARISONS, "_int64"),
        **_beside("tinyi_plain_pairs", _plain_pair, ("MINIMUM", "MAXIMUM"), "_int64"),
    },
    "float32": {
        **_beside("tinyi_plain_comparison", _plain_pair, binary.COMPARISONS, "_float32"),
        **_beside("tinyi_argument", _argument, ("ARG_MAX", "ARG_MIN"), "_float32"),
        "CUMSUM": Entry("tinyi_cumsum_float32", no_scratch),
        "ADD_N": Entry("tinyi_add_n_float32", _add_n),
    },
    "bool": {
        **_beside("tinyi_plain_comparison", _plain_pair, binary.COMPARISONS[:2], "_bool"),
        **_beside("tinyi_plain_pairs", _plain_pair, ("LOGICAL_AND", "LOGICAL_OR"), "_bool"),
        **_beside("tinyi_reduce", _alike, ("REDUCE_ALL",), "_bool"),
        "LOGICAL_NOT": Entry("tinyi_logical_not", in_place),
        "IF": Entry("tinyi_if", _calling),
    },
    "int8": _INT8_RARER,
    "int16": {"BATCH_MATMUL": Entry("tinyi_batch_matmul_int16", matmul)},
}
_CAST = {"CAST": Entry("tinyi_cast", _cast, general="tinyi_cast_float32")}
_LOOP = {"WHILE": Entry("tinyi_while", _calling)}
# form → operator → entry
_COMPUTING: Mapping[str, Mapping[str, Entry]] = {
    "int8": {
        **_INT8,
        **_RESHAPES,
        "SVDF": Entry("tinyi_svdf", _svdf, "svdf_int8"),
        _LSTM: Entry("tinyi_lstm", _lstm, "lstm_int8"),
    },
    "int16": {**_INT16, _LSTM: Entry("tinyi_lstm_int16", _lstm)},
    "int32": {"QUANTIZE": _INT16["QUANTIZE"]},
    "float32": {
        **float32.ENTRIES,
        "QUANTIZE": _INT8["QUANTIZE"],
        "SVDF": Entry("tinyi_svdf_float32", _svdf),
        _LSTM: Entry("tinyi_lstm_float32", _lstm),
    },
    "uint8": {
        "QUANTIZE": _INT16["QUANTIZE"],
        "DEQUANTIZE": Entry("tinyi_dequantise_uint8", _dequantise),
        "RESIZE_BILINEAR": Entry("tinyi_resize_bilinear_uint8"),
    },
}
_CUSTOM: Mapping[str, Mapping[str, Entry]] = {
    form: dict.fromkeys(sounds, Entry("tinyi_custom", customs.request)) for form, sounds in SOUNDS.items()
}
ENTRIES: Mapping[str, Mapping[str, Entry]] = {
    **{
        form: {
            **_MOVING,
            **_CAST,
            **_LOOP,
            **_PLAIN.get(form, {}),
            **_COMPUTING.get(form, {}),
            **_CUSTOM.get(form, {}),
        }
        for form in _TYPES
    },
    "uint32": {**_MOVING, **_CAST, **_CUSTOM["uint32"]},
    "uint64": {**_MOVING, **_CUSTOM["uint64"]},
    "resource": {
        "VAR_HANDLE": Entry("tinyi_nothing"),
        "READ_VARIABLE": Entry("tinyi_read_variable", _variable),
        "ASSIGN_VARIABLE": Entry("tinyi_assign_variable", _variable),
    },
    "": {"CALL_ONCE": Entry("tinyi_nothing", _call_once)},
}
# all custom operators; `customs` is their own table
CUSTOM_ROW = "{32, -1, 0, 1, 2, tinyi_custom, customs, NULL}, /* custom */"


def main_type(name: str, form: str) -> int:
    """TFLite's number of the type by which the chip tells an operator's forms apart; -1 where there is only one."""
    import tflite

    is_only = sum(name in names for names in ENTRIES.values()) == 1
    return -1 if is_only else int(getattr(tflite.TensorType, form.upper()))


def rows(linked: Mapping[tuple[str, str], Mapping[str, bool]], variant: str) -> list[str]:
    """The table of the operators of a model, one line for each; `linked`: name and form → what their functions know."""
    names = [name for name, _ in linked]
    lines = [
        row(name, form, variant, **how, is_only=names.count(name) == 1) + f", /* {name} */"
        for (name, form), how in linked.items()
        if not name.startswith(CUSTOM)
    ]
    has_custom = any(name.startswith(CUSTOM) for name in names)
    return [*lines, CUSTOM_ROW] if has_custom else lines


def row(
    name: str, form: str, variant: str, *, is_general: bool = True, is_int4: bool = True, is_only: bool = False
) -> str:
    """The initialiser of a struct tinyi_operator. `is_only`: the model has the operator in no other form."""
    import tflite

    entry, described = ENTRIES[form][name], describe(name)
    code, (_, newest) = getattr(tflite.BuiltinOperator, name), described.versions
    element_type = -1 if is_only else main_type(name, form)
    numbers = f"{code}, {element_type}, {described.main_input}, {newest}, {described.outputs}"
    kernel = entry.kernel_symbol(variant, is_general=is_general) or "NULL"
    plan = entry.planned(is_general=is_general, is_int4=is_int4) or "NULL"
    return f"{{{numbers}, {entry.called(is_general=is_general, is_int4=is_int4)}, {kernel}, {plan}}}"


def request(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    """What an operator asks for. Raises ValueError, mostly Unsupported, for one that the runtime doesn't compute."""
    _modest(graph, operator)
    described = describe(operator.name)
    for position in () if described.is_view else described.parameters:
        tensor = graph.tensors[operator.inputs[position]]
        if tensor.dtype != "int32" or (tensor.data is None and operator.name not in _CHOOSING):
            raise Unsupported(f"{tensor.name} is not a constant of int32", "convert with constant shapes")
    return ENTRIES[form_of(graph, operator)][operator.name].request(graph, operator, variant) or MemoryRequest()
