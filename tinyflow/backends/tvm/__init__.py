"""Backends tvmaot, tvmaotplus, tvmllvm: TVM's importer, passes and code generators; integer kernels exact as TFLite's.

This module says what they can compile without importing TVM; `generate` imports it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyflow.backends.options import alignments
from tinyflow.backends.refusals import Unsupported, check_operators
from tinyflow.backends.tvm.program.planner import USMP
from tinyflow.core.errors import RecipeError
from tinyflow.model.advice import VERSION_HINT, advice_on
from tinyflow.model.graph import Graph, Operator, Tensor

# the newest version of each operator whose int8 arithmetic is the one that is built here
_NEWEST_VERSION: Mapping[str, int] = {
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "CONV_2D": 5,
    "DEPTHWISE_CONV_2D": 6,
    "FULLY_CONNECTED": 7,
    "MAX_POOL_2D": 2,
    "RESHAPE": 1,
    "SOFTMAX": 2,
}
OPTIONS: Mapping[str, tuple[Any, ...]] = {
    "variant": ("aot", "aotplus", "llvm"),
    "dsp": (False, True),
    "schedule": ("arm", "default", "cortexm"),
    "layout": ("NHWC", "NCHW"),
    "toolchain": ("zig", "gcc", "llvm"),
    "debug": (False, True),
    "api": ("default", "unpacked"),
    "usmp": USMP,
    "isa": ("thumb", "riscv", "host"),
    "vectors": ("none", "mve", "rvv"),
    "cpu": (
        "host",
        "cortex-m0plus",
        "cortex-m3",
        "cortex-m4",
        "cortex-m7",
        "cortex-m33",
        "cortex-m55",
        "rv32imc",
        "rv32gcv",
    ),
    "rounding": ("double", "single"),
    "alignment": alignments(16),
}
# what computes one picture; other operators take a batch as more rows
_SPATIAL = ("AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D")
_ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")


def check(graph: Graph, backend: str, options: Mapping[str, Any]) -> None:
    """Raise ModelError for the first operator that can't be compiled: its name, version, a tensor, `backend`.

    Raises RecipeError for options that don't go together.
    """
    _check_options(backend, options)

    def compiles(operator: Operator) -> None:
        complaint = _complaint(graph, operator)
        if complaint is not None:
            raise Unsupported(*complaint)

    check_operators(graph, backend, compiles)


def generate(
    model: Path,
    graph: Graph,
    backend: str,
    options: Mapping[str, Any],
    out: Path,
    plan: Path,
    tuning: Mapping[str, Any] | None = None,
    records: Sequence[Path] = (),
) -> None:
    """Write C sources of `model` into the folder `out` and its memory plan to the file `plan`.

    `graph` is the same model, read and checked. Options: variant aot|aotplus|llvm; toolchain, isa, vectors (those that
    the processor has: none|mve|rvv), cpu (which only llvm asks for), alignment; schedule default|arm|cortexm (dsp is
    another word for cortexm); layout NHWC|NCHW;
    debug (assertions, guards behind what lies in the arena);
    api and usmp (calling convention and planner of memory) own, which is what the variant has, or another;
    rounding of fully connected layers: double as TFLM does, single as LiteRT does.

    With `tuning` (cpu, toolchain, optimise), kernels that have a record for these in one of the files `records` are
    made as it says; of two records, the first file's counts.
    """
    from tinyflow.backends.tvm.backend import write_sources
    from tinyflow.backends.tvm.tuning.records import Known

    known = None if tuning is None else Known.read(records, tuning)
    write_sources(model, graph, backend, options, out, plan, known)


def _check_options(backend: str, options: Mapping[str, Any]) -> None:
    if options.get("layout") == "NCHW" and (options.get("dsp") or options.get("schedule") == "cortexm"):
        what = f"backend {backend}: the Cortex-M kernels multiply neighbouring channels, which layout NCHW keeps apart"
        raise RecipeError(what, hint="layout NHWC, or schedule arm")


def _complaint(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    """What speaks against one operator and what to do about it."""
    tensors = [graph.tensors[index] for index in (*operator.outputs, *operator.inputs) if index >= 0]
    if operator.name not in _NEWEST_VERSION:
        return "this operator is not supported", f"supported: {', '.join(_NEWEST_VERSION)}"
    if operator.version > _NEWEST_VERSION[operator.name]:
        return f"only versions up to {_NEWEST_VERSION[operator.name]} are supported", VERSION_HINT
    what = _data_complaint(graph, operator, tensors)
    if what is not None:
        return what, advice_on(graph, operator)
    return _option_complaint(graph, operator) or _scale_complaint(graph, operator)


def _data_complaint(graph: Graph, operator: Operator, tensors: list[Tensor]) -> str | None:
    """Activations and weights must be int8 with one zero point; weights symmetric and part of the model."""
    for tensor in tensors:
        if "float" in tensor.dtype:
            return f"{tensor.name!r} is {tensor.dtype}"
    data = [graph.tensors[index] for index in (*operator.inputs[:1], *operator.outputs)]
    if operator.name == "ADD":
        data.append(graph.tensors[operator.inputs[1]])
    for tensor in data:
        if tensor.dtype != "int8" or tensor.quantisation is None or tensor.quantisation.is_per_channel:
            return f"{tensor.name!r} is {tensor.dtype}, not int8 with one scale"
    if operator.name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        return None
    weights = graph.tensors[operator.inputs[1]]
    if not weights.is_constant or weights.dtype != "int8" or weights.quantisation is None:
        return f"weights {weights.name!r} are not constant int8"
    if any(weights.quantisation.zero_points):
        return f"weights {weights.name!r} are not symmetric"
    return _bias_complaint(graph, operator)


def _bias_complaint(graph: Graph, operator: Operator) -> str | None:
    if len(operator.inputs) < 3 or operator.inputs[2] < 0:
        return None
    bias = graph.tensors[operator.inputs[2]]
    return None if bias.is_constant and bias.dtype == "int32" else f"bias {bias.name!r} is not constant int32"


def _option_complaint(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    """What the importer or the kernels don't take in shapes and options."""
    options = operator.options
    for index in operator.inputs[: 2 if operator.name == "ADD" else 1]:
        if graph.tensors[index].is_constant:
            return f"{graph.tensors[index].name!r} is constant data", "take backend tinyc, which reads constants"
    if options.get("activation", "NONE") not in _ACTIVATIONS:
        return f"activation {options['activation']} is not supported", f"supported: {', '.join(_ACTIVATIONS)}"
    if options.get("dilation", (1, 1)) != (1, 1):
        return "dilation is not supported", "use stride or a larger filter"
    shape = graph.tensors[operator.inputs[0]].shape
    if operator.name in _SPATIAL and shape[0] != 1:
        return f"batch size {shape[0]} is not supported", "convert with batch size 1"
    if operator.name == "SOFTMAX":
        return _softmax_complaint(graph, operator)
    if operator.name == "ADD" and shape != graph.tensors[operator.inputs[1]].shape:
        return "broadcasting is not supported", "add tensors of equal shape"
    if operator.name == "DEPTHWISE_CONV_2D" and options["depth_multiplier"] != 1 and shape[-1] != 1:
        return f"depth multiplier {options['depth_multiplier']} is not supported", "use 1, or one input channel"
    if operator.name == "CONV_2D" and graph.tensors[operator.inputs[1]].shape[-1] != shape[-1]:
        return "grouped convolution is not supported", advice_on(graph, operator)
    return None


def _scale_complaint(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    """Scales that no integer kernel computes with; `generate` would meet them where the operator isn't known."""
    from tinyflow.model import fixed_point

    def scales(index: int) -> tuple[float, ...]:
        quantisation = graph.tensors[index].quantisation
        return quantisation.scales if quantisation is not None else ()

    given, made = scales(operator.inputs[0])[0], graph.tensors[operator.outputs[0]].quantisation
    assert made is not None, "_data_complaint looks for it"
    try:
        fixed_point.activation_range(str(operator.options.get("activation", "NONE")), made.scale, made.zero_point)
        if operator.name == "ADD":
            fixed_point.Rescaling.of(fixed_point.add_factors(given, scales(operator.inputs[1])[0], made.scale))
        elif operator.name == "FULLY_CONNECTED":
            weights = scales(operator.inputs[1])
            fixed_point.Rescaling.of([fixed_point.dense_factor(given, scale, made.scale) for scale in weights])
        elif operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            fixed_point.Rescaling.of(fixed_point.convolution_factors(given, scales(operator.inputs[1]), made.scale))
    except fixed_point.OutOfRange as error:
        return str(error), error.hint
    return None


def _softmax_complaint(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    output = graph.tensors[operator.outputs[0]]
    quantisation = output.quantisation
    if operator.options.get("beta", 1.0) != 1.0:
        return f"beta {operator.options['beta']} is not supported", "use softmax with beta 1"
    if quantisation is None or (quantisation.scale, quantisation.zero_point) != (1 / 256, -128):
        return "the output is not quantised as 1/256 and -128", "quantise with TFLite's converter"
    return None
