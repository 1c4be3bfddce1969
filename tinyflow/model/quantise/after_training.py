"""From a float network and samples to an int8 one, and how far its layers and its outputs are from the float ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinyflow.core.errors import ModelError
from tinyflow.model import oracle, tflite_reader, tflite_writer
from tinyflow.model.graph import Graph
from tinyflow.model.interpreters import Array, Sample
from tinyflow.model.made_samples import KINDS, made_sample
from tinyflow.model.quantise.correction import channel_means, corrected
from tinyflow.model.quantise.equalise import equalised
from tinyflow.model.quantise.rewrite import Rewriting
from tinyflow.model.quantise.rounding import Reals, moments
from tinyflow.model.quantise.schemes import Range, is_integral, schemes
from tinyflow.model.quantise.tensors import reals
from tinyflow.model.reference import quantise

SCHEMA = 1
# made-up samples: enough for ranges and means, and others to be judged by
CALIBRATION, EVALUATION = 50, 200
_EVALUATION_SEED = 1000
# of these layers are looked at, too: a pass of all tensors for each
_LAYERS_SEEN_ON = 10
# operators whose inputs' moments decide how weights are rounded; others round to the nearest
_ROUNDED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
# the last kinds are one sample each, whatever the seed
_VARIED = len(KINDS) - 2


def made_samples(graph: Graph, count: int, seed: int) -> list[Sample]:
    """Structured samples that differ: uniform, smooth, extreme, Gaussian, sparse, between -1 and 1."""
    return [made_sample(graph, seed + number // _VARIED, number % _VARIED) for number in range(count)]


def quantised(graph: Graph, real: Sequence[Sample], seed: int) -> tuple[Graph, dict[str, Any]]:
    """The int8 graph and the record of what it costs; `real` samples, where there are some, are all that counts.

    Raises ModelError for a network in which there is nothing to quantise, and where no interpreter runs it.
    """
    if not any(is_integral(graph, operator) for operator in graph.operators):
        hint = "it is quantised already, or has no operators with an int8 form"
        raise ModelError("no operator computes in float32", hint=hint)
    if graph.subgraphs:
        raise ModelError("it has loops, branches or set-up code", hint="quantise networks of one subgraph")
    calibration = list(real) or made_samples(graph, CALIBRATION, seed)
    evaluation = list(real) or made_samples(graph, EVALUATION, seed + _EVALUATION_SEED)
    largest: dict[int, Reals] = {}
    for values in _all_values(graph, calibration):
        for index, array in values.items():
            reach = np.abs(array.reshape(-1, array.shape[-1] if array.ndim else 1)).max(axis=0)
            largest[index] = np.maximum(largest.get(index, 0), reach)
    even = equalised(graph, largest)
    seen = _Observed.of(even, calibration)
    made = Rewriting(even, schemes(even, seen.ranges), seen.moments).rewritten()
    made = corrected(made, seen.means, [_as_integers(made, sample) for sample in calibration])
    final = tflite_reader.read(tflite_writer.write(made))
    return final, _record(graph, even, final, evaluation, len(calibration), is_real=bool(real))


@dataclass
class _Observed:
    """What float values are in the samples: ranges of all; means of channels; moments of inputs, by operator."""

    ranges: dict[int, Range] = field(default_factory=dict)
    means: dict[str, Reals] = field(default_factory=dict)
    moments: dict[int, Reals] = field(default_factory=dict)

    @staticmethod
    def of(graph: Graph, samples: Sequence[Sample]) -> _Observed:
        seen = _Observed()
        for tensor in graph.tensors:
            if tensor.is_constant and tensor.dtype == "float32":
                values = reals(tensor)
                seen.ranges[tensor.index] = (float(values.min()), float(values.max()))
        for found in _all_values(graph, samples):
            for index, array in found.items():
                low, high = seen.ranges.get(index, (np.inf, -np.inf))
                seen.ranges[index] = (min(low, float(array.min())), max(high, float(array.max())))
            for operator in graph.operators:
                if operator.name in _ROUNDED and is_integral(graph, operator):
                    second = moments(graph, operator, found[operator.inputs[0]])
                    seen.moments[operator.index] = seen.moments.get(operator.index, 0) + second
                    name = graph.tensors[operator.outputs[0]].name
                    share = channel_means(found[operator.outputs[0]]) / len(samples)
                    seen.means[name] = seen.means.get(name, 0) + share
        return seen


def _all_values(graph: Graph, samples: Sequence[Sample]) -> Iterator[Mapping[int, Array]]:
    """Of each sample all float32 and int8 activations, as LiteRT computes them."""
    written = [index for operator in graph.operators for index in operator.outputs]
    every = dict.fromkeys(index for index in (*graph.inputs, *written))
    kept = tuple(index for index in every if graph.tensors[index].dtype in ("float32", "int8"))
    whole = replace(graph, outputs=kept)
    content = tflite_writer.write(whole)
    for start in range(0, len(samples), _LAYERS_SEEN_ON):  # so that not all values of all samples are kept at once
        part = samples[start : start + _LAYERS_SEEN_ON]
        for outputs in oracle.run_apart(oracle.LITERT_OPTIMISED, content, whole, part):
            yield dict(zip(kept, outputs, strict=True))


def _as_integers(graph: Graph, sample: Sample) -> Sample:
    return tuple(quantise(values, graph.tensors[index]) for index, values in zip(graph.inputs, sample, strict=True))


def _reals(graph: Graph, index: int, values: Array) -> Reals:
    """What an activation stands for."""
    scheme = graph.tensors[index].quantisation
    if scheme is None:
        return values.astype(np.float64)
    return (values.astype(np.float64) - scheme.zero_point) * scheme.scale


def _record(
    graph: Graph, even: Graph, made: Graph, samples: Sequence[Sample], calibrated_on: int, *, is_real: bool
) -> dict[str, Any]:
    """`even` is the same network with the channels that `made` has."""
    ours = [_as_integers(made, sample) for sample in samples]
    _, theirs, _ = oracle.run(tflite_writer.write(graph), graph, samples)
    _, answers, _ = oracle.run(tflite_writer.write(made), made, ours)
    outputs = []
    for place, (before, after) in enumerate(zip(graph.outputs, made.outputs, strict=True)):
        pairs = [
            (_reals(graph, before, one[place]), _reals(made, after, other[place]))
            for one, other in zip(theirs.outputs, answers.outputs, strict=True)
        ]
        outputs.append({"tensor": graph.tensors[before].name, **_apart(pairs), "top1_agreement": _agreement(pairs)})
    return {
        "schema": SCHEMA,
        "samples": "recipe" if is_real else "made up",
        "calibration_samples": calibrated_on,
        "evaluation_samples": len(samples),
        "weights_bytes": {"before": graph.weights_bytes, "after": made.weights_bytes},
        "float_operators": [
            {"operator": operator.index, "name": operator.name}
            for operator in graph.operators
            if not is_integral(graph, operator)
        ],
        "layers": _layers(even, made, samples[:_LAYERS_SEEN_ON], ours[:_LAYERS_SEEN_ON]),
        "outputs": outputs,
    }


def _layers(graph: Graph, made: Graph, samples: Sequence[Sample], ours: Sequence[Sample]) -> list[dict[str, Any]]:
    """Each int8 operator's output beside the float one's of the same name."""
    names = {tensor.name: tensor.index for tensor in graph.tensors}
    shown = [operator for operator in made.operators if made.tensors[operator.outputs[0]].name in names]
    pairs: dict[int, list[tuple[Reals, Reals]]] = {operator.index: [] for operator in shown}
    for float_values, int8_values in zip(_all_values(graph, samples), _all_values(made, ours), strict=True):
        for operator in shown:
            index = operator.outputs[0]
            before = names[made.tensors[index].name]
            if before in float_values and index in int8_values:
                pairs[operator.index].append(
                    (float_values[before].astype(float), _reals(made, index, int8_values[index]))
                )
    return [
        {
            "operator": operator.index,
            "name": operator.name,
            "tensor": made.tensors[operator.outputs[0]].name,
            **_apart(pairs[operator.index]),
        }
        for operator in shown
        if pairs[operator.index]
    ]


def _apart(pairs: Sequence[tuple[Reals, Reals]]) -> dict[str, Any]:
    """Signal to quantisation noise in dB, None where there is no noise; the largest error; the largest value."""
    signal = sum(float((one**2).sum()) for one, _ in pairs)
    noise = sum(float(((one - other) ** 2).sum()) for one, other in pairs)
    return {
        "sqnr_db": round(10 * float(np.log10(signal / noise)), 2) if noise and signal else None,
        "max_abs_error": max(float(np.abs(one - other).max()) for one, other in pairs),
        "max_abs_value": max(float(np.abs(one).max()) for one, _ in pairs),
    }


def _agreement(pairs: Sequence[tuple[Reals, Reals]]) -> float | None:
    """The share of rows that have the same largest element; None where rows have one element."""
    if not pairs[0][0].ndim or pairs[0][0].shape[-1] < 2:
        return None
    best: Callable[[Reals], Any] = lambda values: values.reshape(-1, values.shape[-1]).argmax(axis=1)  # noqa: E731
    return round(float(np.mean([best(one) == best(other) for one, other in pairs])), 4)
