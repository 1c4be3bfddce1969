"""The interpreters that people trust, TFLM and LiteRT, as their Python wheels have them.

Both packages are imported inside the functions that need them. An interpreter runs native code on the model: call it
only from an action.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tinyflow.core.errors import ModelError, ToolError
from tinyflow.core.forked_call import call_forked
from tinyflow.model.detections import tflm_bytes, without_leftovers
from tinyflow.model.graph import Graph, Quantisation, Tensor

Array = npt.NDArray[Any]
Sample = tuple[Array, ...]  # one array for each graph input or output, in the graph's order
Interpreter = Callable[[Sample], Sample]  # one model, ready to run; raises ModelError
Tensors = dict[int, Array]  # by their indices

# TFLM keeps its tables of tensors and operators in the arena too
_TFLM_TABLES_BYTES = 1 << 20
_TFLM_ALIGNMENT = 16
REFUSED_HINT = "change the operator that is named, or leave it out: nobody else can say which outputs are right"
_PACKAGES = {"tflite-micro": "tflite_micro", "ai-edge-litert": "ai_edge_litert"}


def is_importable(package: str) -> bool:
    """Whether a package is installed and loads."""
    try:
        __import__(package)
    except ImportError:
        return False
    return True


def interpreter_versions() -> dict[str, str]:
    """Package → version, of the interpreters that are there."""
    return {name: version(name) for name, package in _PACKAGES.items() if is_importable(package)}


@contextmanager
def _refusing(name: str, *errors: type[Exception]) -> Iterator[None]:
    """What an interpreter raises is a ModelError."""
    try:
        yield
    except errors as error:
        raise ModelError(f"{name} can't run it: {' '.join(str(error).split())}", hint=REFUSED_HINT) from None


def tflm(model: bytes, graph: Graph, arena_bytes: int | None = None) -> Interpreter:
    """TFLM with its reference kernels and an arena of a given size, or of more than it can need.

    Raises ModelError for a model that it refuses, ToolError where the wheel is missing.
    """
    if not is_importable("tflite_micro"):
        raise ToolError("TFLM's wheel is not installed", hint="pip install tflite-micro", missing=True)
    from tflite_micro import runtime

    size = _most_arena_bytes(model, graph) if arena_bytes is None else arena_bytes
    with _refusing("TFLM", Exception):  # its wheel parses parts that our reader skips; it has no error of its own
        interpreter = runtime.Interpreter.from_bytes(model, arena_size=size)

    @_refusing("TFLM", Exception)
    def invoke(sample: Sample) -> Sample:
        for i, array in enumerate(sample):
            interpreter.set_input(array, i)
        interpreter.invoke()
        return _written(graph, [np.array(interpreter.get_output(i)) for i in range(len(graph.outputs))])

    return invoke


def tflm_tensors(model: bytes, graph: Graph, sample: Sample) -> Tensors:
    """What the operators of the main graph compute of one sample, as far as TFLM tells. Raises ModelError."""
    from tflite_micro import runtime

    every = sum(tensor.size_bytes for one in graph.graphs for tensor in one.tensors)
    with _refusing("TFLM", Exception):
        interpreter = runtime.Interpreter.from_bytes(
            model,
            arena_size=_most_arena_bytes(model, graph) + 2 * every,
            intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors,
        )
        for i, array in enumerate(sample):
            interpreter.set_input(array, i)
        interpreter.invoke()
        return _told(graph, lambda index: interpreter.GetTensor(index, 0)["tensor_data"])


def _told(graph: Graph, tensor: Callable[[int], Any]) -> Tensors:
    """The outputs of all operators, but for those of which an interpreter has nothing."""
    found: Tensors = {}
    for index in (index for operator in graph.operators for index in operator.outputs):
        with suppress(Exception):
            value = np.array(tensor(index))
            if value.nbytes == graph.tensors[index].size_bytes:
                found[index] = value
    return without_leftovers(graph, found)


def _most_arena_bytes(model: bytes, graph: Graph) -> int:
    # of a graph that is ports alone, nothing else is known
    tensors_bytes = 4 * (graph.peak_live_bytes + max(graph.weights_bytes, len(model)))
    return _TFLM_TABLES_BYTES + tensors_bytes + tflm_bytes(graph)


def tflm_arena_bytes(model: bytes, graph: Graph) -> int:
    """The smallest arena, in steps of 16 bytes, with which TFLM sets the model up on this machine.

    Found by bisection: its pointers have 8 bytes here and 4 on a chip, where its tables are smaller.
    """
    too_small, enough = 0, -(-_most_arena_bytes(model, graph) // _TFLM_ALIGNMENT)
    tflm(model, graph, enough * _TFLM_ALIGNMENT)
    while enough - too_small > 1:
        middle = (too_small + enough) // 2
        # some networks crash it in an arena that is too small
        ended = call_forked(lambda units=middle: bool(tflm(model, graph, units * _TFLM_ALIGNMENT)))  # type: ignore[misc]
        if ended.status == 0 and ended.error is None:
            enough = middle
        elif ended.error is None or isinstance(ended.error, ModelError):
            too_small = middle
        else:
            raise ended.error
    return enough * _TFLM_ALIGNMENT


_Kernels = Literal["reference", "optimised", "auto"]


def tflm_ports(model: bytes) -> Graph:
    """Inputs and outputs alone, as TFLM tells them. Raises whatever its wheel does."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model, arena_size=_TFLM_TABLES_BYTES + 16 * len(model))
    (main, *_) = runtime.convert_bytearray_to_object(model).subgraphs
    inputs = [interpreter.get_input_details(number) for number in range(len(main.inputs))]
    return _ports(inputs, [interpreter.get_output_details(number) for number in range(len(main.outputs))])


def litert_ports(model: bytes) -> Graph:
    """Inputs and outputs alone, as LiteRT tells them. Raises whatever its wheel does."""
    _, native = _litert(model, "auto", keeps_all=False)
    return _ports(native.get_input_details(), native.get_output_details())


def _ports(inputs: Sequence[Mapping[str, Any]], outputs: Sequence[Mapping[str, Any]]) -> Graph:
    """A graph without operators, of what both wheels say of a tensor."""
    tensors = []
    for number, told in enumerate((*inputs, *outputs)):
        scheme = told["quantization_parameters"]
        scales, zero_points = (tuple(np.array(scheme[name]).tolist()) for name in ("scales", "zero_points"))
        quantisation = Quantisation(scales, zero_points, int(scheme["quantized_dimension"])) if scales else None
        shape = tuple(int(extent) for extent in told["shape"])
        tensors.append(Tensor(number, told.get("name", ""), shape, np.dtype(told["dtype"]).name, quantisation))
    numbers = range(len(tensors))
    return Graph(tuple(tensors), (), tuple(numbers[: len(inputs)]), tuple(numbers[len(inputs) :]))


def litert(model: bytes, graph: Graph, *, kernels: _Kernels) -> Interpreter:
    """LiteRT on one thread: its reference kernels, its optimised ones, or those that it takes by itself (XNNPACK).

    Raises ModelError for a model that it refuses.
    """
    invoke, _ = _litert(model, kernels, keeps_all=False)
    return lambda sample: _written(graph, invoke(sample))


def _written(graph: Graph, outputs: Sequence[Array]) -> Sample:
    """Outputs without what no operator wrote."""
    written = without_leftovers(graph, dict(zip(graph.outputs, outputs, strict=True)))
    return tuple(written[index] for index in graph.outputs)


def litert_tensors(model: bytes, graph: Graph, sample: Sample, *, kernels: _Kernels) -> Tensors:
    """What the operators of the main graph compute of one sample, as far as LiteRT tells. Raises ModelError."""
    invoke, native = _litert(model, kernels, keeps_all=True)
    invoke(sample)
    return _told(graph, native.get_tensor)


def _litert(model: bytes, kernels: _Kernels, *, keeps_all: bool) -> tuple[Interpreter, Any]:
    from ai_edge_litert.interpreter import Interpreter as Native
    from ai_edge_litert.interpreter import OpResolverType

    resolver = {
        "reference": OpResolverType.BUILTIN_REF,
        "optimised": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "auto": OpResolverType.AUTO,
    }[kernels]
    refusing = partial(_refusing, "LiteRT", RuntimeError, ValueError)
    with refusing():
        interpreter = Native(
            model_content=model,
            experimental_op_resolver_type=resolver,
            num_threads=1,
            experimental_preserve_all_tensors=keeps_all,
        )
        interpreter.allocate_tensors()

    inputs, outputs = (
        [port["index"] for port in told] for told in (interpreter.get_input_details(), interpreter.get_output_details())
    )

    @refusing()
    def invoke(sample: Sample) -> Sample:
        for index, array in zip(inputs, sample, strict=True):
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        return tuple(np.array(interpreter.get_tensor(index)) for index in outputs)

    return invoke, interpreter
