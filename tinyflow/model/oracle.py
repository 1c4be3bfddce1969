"""Who says which outputs are right: the interpreters in their order, each in a copy of this process.

One that aborts or refuses is an error of the model's that names the operator, with the interpreter's own words.
"""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal, NamedTuple, TypeVar

from tinyflow.core import process
from tinyflow.core.errors import ModelError, ToolError
from tinyflow.core.forked_call import Ended, call_forked
from tinyflow.model import tflite_reader
from tinyflow.model.fixed_point import SOFTMAX_INTEGER_BITS
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.graph_check import shortened
from tinyflow.model.interpreters import (
    REFUSED_HINT,
    Interpreter,
    Sample,
    Tensors,
    is_importable,
    litert,
    litert_ports,
    litert_tensors,
    tflm,
    tflm_ports,
    tflm_tensors,
)
from tinyflow.model.operators import has_state
from tinyflow.model.tflite_writer import write
from tinyflow.model.transforms.convolved import convolved
from tinyflow.model.transforms.tidy import tidy

# of an interpreter's own words, what a message holds; and who else speaks while one is at work
_WORDS = 300
# what memory holds that an interpreter reads before it writes, in one run and in another: TFLM's SPACE_TO_BATCH_ND of
# rank 3 leaves its padding as it was
_M_PERTURB = -6
_FILLS = (0xA5, 0x3C)
_NO_COMPLAINT = ("the interpreter ", "INFO: ", "WARNING: ")


_Answer = TypeVar("_Answer")


class Reference(NamedTuple):
    """Who may say which outputs are right."""

    name: str  # in documents
    words: str  # for people
    package: str
    make: Callable[[bytes, Graph], Interpreter]
    tensors: Callable[[bytes, Graph, Sample], Tensors]  # what each operator computes


def _litert(words: str, kernels: Literal["reference", "optimised", "auto"]) -> Reference:
    made = partial(litert, kernels=kernels), partial(litert_tensors, kernels=kernels)
    return Reference("litert", words, "ai_edge_litert", *made)


TFLM = Reference("tflm", "TFLM", "tflite_micro", tflm, tflm_tensors)
# what TFLM runs once shapes are known and constants folded: the same arithmetic
TFLM_TIDIED = Reference(
    "tflm",
    "TFLM (once tidied)",
    "tflite_micro",
    lambda model, graph: tflm(*_tidied(graph)),
    lambda model, graph, sample: tflm_tensors(*_tidied(graph), sample),
)
LITERT = _litert("LiteRT", "reference")
# FULLY_CONNECTED of LiteRT's reference kernels rounds otherwise than TFLM's (25 of 25,600 values of toycar's first
# layer), their CONV_2D as TFLM's: what stands for TFLM where that has no wheel
LITERT_CONVOLVED = Reference(
    "litert",
    "LiteRT (FULLY_CONNECTED as CONV_2D)",
    "ai_edge_litert",
    lambda model, graph: litert(_convolved(model, graph), graph, kernels="reference"),
    lambda model, graph, sample: litert_tensors(_convolved(model, graph), graph, sample, kernels="reference"),
)
# LiteRT's reference kernels abort where TFLM's do, for the same reason; these then still know
LITERT_OPTIMISED = _litert("LiteRT's optimised kernels", "optimised")

# as people run it
LITERT_AUTO = _litert("LiteRT", "auto")


def _tidied(graph: Graph) -> tuple[bytes, Graph]:
    content = write(tidy(graph).graph)
    return content, tflite_reader.read(content)


def _convolved(model: bytes, graph: Graph) -> bytes:
    changed = convolved(graph)
    return model if changed is graph else write(changed)


def references() -> tuple[Reference, ...]:
    """Those that are installed, the one that counts most first. Raises ToolError where there is none."""
    best = TFLM if is_importable(TFLM.package) else LITERT_CONVOLVED
    found = tuple(one for one in (best, LITERT, LITERT_OPTIMISED) if is_importable(one.package))
    if not found:
        raise ToolError("no reference interpreter is installed", hint="pip install tflite-micro", missing=True)
    return found


def read(model: bytes, name: str) -> Graph:
    """The graph of a file; where our reader takes exception to it, its inputs and outputs, if an interpreter loads it.

    Raises the reader's ModelError.
    """
    try:
        return tflite_reader.read(model, name)
    except ModelError:
        for package, ports in (("ai_edge_litert", litert_ports), ("tflite_micro", tflm_ports)):
            ended = call_forked(partial(ports, model)) if is_importable(package) else None
            if ended is not None and ended.status == 0 and ended.error is None:
                graph: Graph = ended.result
                return graph
        raise


class Answers(NamedTuple):
    """Outputs for samples that were one sequence, from set-up on."""

    outputs: list[Sample]
    keeps_state: bool  # whether outputs depend on the samples before


def run(model: bytes, graph: Graph, samples: Sequence[Sample]) -> tuple[Reference, Answers, str]:
    """The first reference that can run a model, what it answers, and why those before it could not.

    Raises ModelError where none can.
    """
    known = references()
    # of uint8, whose int8 form may be a step beside it, LiteRT knows more
    is_uint8 = any(tensor.dtype == "uint8" for part in graph.graphs for tensor in part.tensors)
    if TFLM in known and not is_uint8 and graph.operators:
        known = (TFLM, TFLM_TIDIED, *known[1:])
    return _first(lambda reference: ask(reference, model, graph, samples), known)


def _first(question: Callable[[Reference], _Answer], known: Sequence[Reference]) -> tuple[Reference, _Answer, str]:
    refusals: list[str] = []
    for reference in known:
        try:
            return reference, question(reference), "; ".join(refusals)
        except ModelError as error:
            if reference is not TFLM_TIDIED:
                refusals.append(error.what)
    raise ModelError("; ".join(refusals), hint=REFUSED_HINT)


def run_apart(reference: Reference, model: bytes, graph: Graph, samples: Sequence[Sample]) -> list[Sample]:
    """Outputs for all samples; see `ask`."""
    return ask(reference, model, graph, samples).outputs


def tensors(model: bytes, graph: Graph, sample: Sample) -> tuple[Reference, Tensors, str]:
    """The first reference that runs a model, what each operator computes of one sample, and why not those before it.

    Raises ModelError where none can.
    """

    def asked(reference: Reference) -> Tensors:
        _run_all(reference, model, graph, [sample])  # which refuses what is no reference
        one = reference.tensors(model, graph, sample)
        _fill_new_memory(_FILLS[0])
        other = reference.tensors(model, graph, sample)
        # some operators leave places of a tensor as they were, for the next one to cut off
        return {index: array for index, array in one.items() if array.tobytes() == other[index].tobytes()}

    def all_tensors(reference: Reference) -> Tensors:
        try:
            return _apart(reference, lambda: asked(reference), lambda: "")
        except ModelError:  # TFLM crashes where it keeps all tensors and resource variables
            return _apart(reference, lambda: _as_outputs(reference, graph, sample), lambda: "")

    return _first(all_tensors, references())


def _as_outputs(reference: Reference, graph: Graph, sample: Sample) -> Tensors:
    """What each operator computes, as outputs of a network that is the same but for them."""
    written = [index for operator in graph.operators for index in operator.outputs]
    told = [index for index in written if graph.tensors[index].dtype != "resource"]
    every = replace(graph, outputs=tuple(dict.fromkeys((*graph.outputs, *told))))
    (outputs,) = _run_all(reference, write(every), every, [sample]).outputs
    return {index: value for index, value in zip(every.outputs, outputs, strict=True) if index in told}


def ask(reference: Reference, model: bytes, graph: Graph, samples: Sequence[Sample]) -> Answers:
    """What one answers. Raises ModelError, with the operator and the interpreter's own words, also if it aborts.

    It runs in a copy of this process, which native code may end. Raises ToolError where the interpreter is missing.
    """
    return _apart(
        reference,
        lambda: _run_all(reference, model, graph, samples),
        lambda: "" if reference is TFLM_TIDIED else _culprit(reference, graph, samples),
    )


def _apart(reference: Reference, function: Callable[[], _Answer], place: Callable[[], str]) -> _Answer:
    """What a function gives in a copy of this process; `place` is asked where in the network it ended badly."""
    if not is_importable(reference.package):  # loaded here, so that each copy has it
        package = reference.package.replace("_", "-")
        raise ToolError(f"{reference.words} is not installed", hint=f"pip install {package}", missing=True)
    ended = call_forked(function)
    if ended.error is not None and not isinstance(ended.error, ModelError):
        raise ended.error
    if ended.status == 0 and ended.error is None:
        answer: _Answer = ended.result
        return answer
    raise ModelError(f"{reference.words} can't run it: {place()}{_complaint(ended)}", hint=REFUSED_HINT)


def _run_all(reference: Reference, model: bytes, graph: Graph, samples: Sequence[Sample]) -> Answers:
    # native code that aborts leaves no other word in the action's log
    print(f"the interpreter {reference.words} runs the model", file=sys.stderr, flush=True)
    _fill_new_memory(_FILLS[0])
    interpreter = reference.make(model, graph)
    first, *_ = outputs = [interpreter(sample) for sample in samples]
    later = interpreter(samples[0])
    _fill_new_memory(_FILLS[1])
    if not _is_same(reference.make(model, graph)(samples[0]), first):
        raise ModelError(f"{reference.words}: its outputs depend on memory that nothing wrote")
    # a saturated answer says nothing of the state behind it
    return Answers(outputs, has_state(graph) or not _is_same(later, first))


def _is_same(one: Sample, other: Sample) -> bool:
    return [array.tobytes() for array in one] == [array.tobytes() for array in other]


def _fill_new_memory(fill: int) -> None:
    """Let malloc give out memory full of one byte (M_PERTURB of mallopt(3)), where the C library is glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_PERTURB, fill)


def _complaint(ended: Ended) -> str:
    """What an interpreter said at its end, in one line."""
    lines = [line.strip() for line in ended.said.splitlines() if not line.startswith(_NO_COMPLAINT)]
    words = "; ".join(filter(None, lines))[-_WORDS:]
    if ended.error is not None:
        return words or str(ended.error.what).partition(": ")[2]  # type: ignore[attr-defined]
    end = "aborted" if ended.status == -signal.SIGABRT else process.end_of(ended.status)
    return f"it {end}: {words}" if words else f"it {end} without a word"


def _culprit(reference: Reference, graph: Graph, samples: Sequence[Sample]) -> str:
    """The first operator with which what comes before can't be run; empty where that isn't found."""
    values = [{graph.tensors[i].name: v for i, v in zip(graph.inputs, sample, strict=True)} for sample in samples]

    def is_well(last: int) -> bool:
        try:
            part = graph.between(0, last)
            given = [tuple(sample[part.tensors[index].name] for index in part.inputs) for sample in values]
            content = write(part)
        except ModelError:  # no network yet, or one that we can't write
            return True
        ended = call_forked(lambda: _run_all(reference, content, part, given))
        return ended.status == 0 and ended.error is None

    good, bad = -1, len(graph.operators) - 1
    if is_well(bad):  # it is the file that it stumbles over
        return ""
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if is_well(middle) else (good, middle)
    operator = graph.operators[bad]
    names = [shortened(graph.tensors[index].name) for index in operator.outputs[:1]]
    return f"operator {bad} ({', '.join([operator.name, *names])}): {_known(graph, operator)}"


def _known(graph: Graph, operator: Operator) -> str:
    """Why reference kernels abort at an operator of this kind, where that is known; for they don't tell.

    QuantizeMultiplierGreaterThanOne (tensorflow/lite/kernels/internal/quantization_util.cc) checks that what becomes
    softmax's multiplier is more than 1.
    """
    scheme = graph.tensors[operator.inputs[0]].quantisation if operator.name == "SOFTMAX" else None
    if scheme is None or scheme.is_per_channel:
        return ""
    beta, least = operator.options["beta"], 2.0 ** (SOFTMAX_INTEGER_BITS - 31)
    if beta * scheme.scale > least:
        return ""
    return f"beta {beta:g} times the input's scale {scheme.scale:g} has to be more than {least:.3g}; "
