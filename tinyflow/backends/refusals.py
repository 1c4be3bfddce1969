"""How an operator that a backend doesn't compile is refused: what speaks against it, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.graph_check import shortened
from tinyflow.model.operators import WEIGHTED, describe

# of an operator in a newer version than what is known
_VERSION_HINT = "newer versions have types or options of their own; convert to int8, full integer, without them"
ELSEWHERE = "another backend may have it: `doit check` with the model's name or file tells"
# forms of whole networks, which converters have options for
_CONVERTED = ("float32", "int16", "uint8")
_INT8 = "int8 activations with one scale each, constant int8 weights, int32 biases"


class Unsupported(ValueError):
    """An operator that no kernel computes. Without a hint, the advice that its types call for."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


@dataclass(frozen=True)
class Refusal:
    """What speaks against an operator, or against all of the model where there is none, and what to do about it."""

    what: str
    hint: str
    operator: Operator | None = None
    form: str = ""
    tensor: str | None = None  # the first that it writes
    subgraph: int = 0

    def error(self, backend: str) -> ModelError:
        """As an error of a backend."""
        return ModelError(f"{self.what} (backend {backend})", where=self._where, hint=self.hint)

    @property
    def _where(self) -> str:
        if self.operator is None:
            return ""
        places = [f"operator {self.operator.index} {self.operator.name} version {self.operator.version}"]
        places += [f"subgraph {self.subgraph}"] * (self.subgraph > 0)
        return ", ".join(places if self.tensor is None else [*places, f"tensor {shortened(self.tensor)!r}"])


def check_none(refusals: Iterable[Refusal], backend: str) -> None:
    """Raise ModelError for the first."""
    for refusal in refusals:
        raise refusal.error(backend)


def refused_operators(
    graph: Graph, lowered: Mapping[str, Collection[str]], compiles: Callable[[Graph, Operator], object]
) -> Iterator[Refusal]:
    """A refusal for each operator that a backend doesn't compile.

    `lowered`: form → the operators that it knows in it; `compiles` raises ValueError.
    """
    from tinyflow.model.operators.forms import check_form, form_of

    every = ((number, part, operator) for number, part in enumerate(graph.graphs) for operator in part.operators)
    for number, part, operator in every:
        form = form_of(part, operator)
        try:
            _check_known(operator, form, lowered)
            check_form(part, operator)
            compiles(part, operator)
        except ValueError as error:
            hint = getattr(error, "hint", "") or _advice(part, operator)
            tensor = next((part.tensors[index].name for index in operator.outputs), None)
            yield Refusal(_with_short_names(str(error), part, operator), hint, operator, form, tensor, number)


def _with_short_names(what: str, graph: Graph, operator: Operator) -> str:
    """What is said of an operator, the longest name of a tensor first: it may hold others."""
    for name in sorted({graph.tensors[index].name for index in operator.tensors}, key=len, reverse=True):
        what = what.replace(name, shortened(name)) if name != shortened(name) else what
    return what


def _check_known(operator: Operator, form: str, lowered: Mapping[str, Collection[str]]) -> None:
    known = lowered.get(form, ())
    if operator.name not in known:
        forms = [other for other, names in lowered.items() if operator.name in names]
        if forms:
            # what is advised by its types leads to int8
            hint = "" if "int8" in forms and form in _CONVERTED else "give it one of those types when converting"
            raise Unsupported(f"it is not supported in {form}, but in {', '.join(forms)}", hint)
        raise Unsupported("this operator is not supported", ELSEWHERE)
    _, newest = describe(operator.name).versions
    if operator.version > newest:
        raise Unsupported(f"only versions up to {newest} are supported", _VERSION_HINT)


def _advice(graph: Graph, operator: Operator) -> str:
    """What is true of an operator whose types no int8 kernel takes, and how to convert instead: one sentence.

    It looks at types and shapes only.
    """
    read = [graph.tensors[index] for index in operator.inputs if index >= 0]
    written = [graph.tensors[index] for index in operator.outputs]
    types = {tensor.dtype for tensor in (*read[:1], *written)}
    types |= {tensor.dtype for tensor in read[1:] if not tensor.is_constant}
    weights = read[1] if operator.name in WEIGHTED and len(read) > 1 else None
    if any("float" in dtype for dtype in types):
        if weights is not None and weights.is_constant and weights.is_integer and types == {"float32"}:
            return "only weights are int8 (dynamic range); convert with a representative dataset, full integer"
        return "quantise the model to int8 when converting: full integer, inputs and outputs included"
    if "int16" in types:
        return "convert with int8 activations (TFLITE_BUILTINS_INT8) instead of the 16x8 mode"
    if "uint8" in types or (weights is not None and weights.dtype == "uint8"):
        if any(tensor.dtype == "int8" and not tensor.is_constant for tensor in graph.tensors):
            return "give the network int8 inputs and outputs: inference_input_type and inference_output_type tf.int8"
        return "it is uint8 throughout, as converters made it until 2020: convert the original to int8, full integer"
    if weights is not None and not weights.is_constant:
        return "weights have to be constants of the model, not something that it computes"
    if operator.name == "CONV_2D" and weights is not None and weights.shape[-1] != read[0].shape[-1]:
        return "split it into one CONV_2D for each group, or use DEPTHWISE_CONV_2D"
    if weights is not None and weights.quantisation is not None and any(weights.quantisation.zero_points):
        return "convert with symmetric weights: zero point 0, which TFLite's converter gives"
    return f"what is supported: {_INT8}"
