"""Biases that make the mean of each output channel what it was in float, layer by layer on the quantised network.

M. Nagel et al., "Data-free quantization through weight equalization and bias correction", ICCV 2019, section 4.2, with
means of samples: rounded activations shift them, and what was shifted adds up from layer to layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tinyflow.model import tflite_writer
from tinyflow.model.graph import Graph
from tinyflow.model.interpreters import Sample, litert
from tinyflow.model.operators import describe
from tinyflow.model.quantise.rounding import Reals

_INT32 = np.iinfo(np.int32)


def corrected(graph: Graph, means: Mapping[str, Reals], samples: Sequence[Sample]) -> Graph:
    """The graph with other biases; `means`: of each output channel in float, by the tensor's name."""
    for operator in graph.operators:
        weights = describe(operator.name).weights
        index = operator.inputs[weights[1]] if len(weights) > 1 and len(operator.inputs) > weights[1] else -1
        made = graph.tensors[operator.outputs[0]]
        if index < 0 or graph.tensors[index].dtype != "int32" or made.name not in means or made.quantisation is None:
            continue
        bias, scheme = graph.tensors[index], graph.tensors[index].quantisation
        assert scheme is not None and bias.data is not None
        found = _mean(graph, operator.index, samples) - made.quantisation.zero_point
        lacking = means[made.name] - found * made.quantisation.scale
        values = np.frombuffer(bias.data, "<i4") + np.rint(lacking / np.array(scheme.scales))
        data = np.clip(values, _INT32.min, _INT32.max).astype("<i4").tobytes()
        tensors = list(graph.tensors)
        tensors[index] = replace(bias, data=data)
        graph = replace(graph, tensors=tuple(tensors))
    return graph


def _mean(graph: Graph, last: int, samples: Sequence[Sample]) -> Reals:
    """Of what an operator writes, over all but the last axis, in steps."""
    operators = graph.operators[: last + 1]
    part = graph.part(operators, graph.inputs, operators[-1].outputs[:1])
    run = litert(tflite_writer.write(part), part, kernels="optimised")
    return np.mean([channel_means(run(sample)[0]) for sample in samples], axis=0)  # type: ignore[no-any-return]


def channel_means(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Reals:
    """Means over all axes but the last."""
    found: Reals = values.reshape(-1, values.shape[-1]).astype(np.float64).mean(axis=0)
    return found
