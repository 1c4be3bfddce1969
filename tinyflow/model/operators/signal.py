"""TFLM's operators for features of sound: custom ones, whose numbers lie in a flexbuffer (tflite-micro, signal/)."""

from __future__ import annotations

from tinyflow.model.graph import CUSTOM, Graph, Operator
from tinyflow.model.operators.description import BINARY, TERNARY, UNARY, Description
from tinyflow.model.operators.shapes import require, text, unchanged

# those of SignalFilterBank that have a number for each channel and one before them
_BY_CHANNEL = (3, 4, 5)


def _check_rfft(graph: Graph, operator: Operator) -> None:
    """[…, values] becomes pairs, […, 2 * places]."""
    source, written = (graph.tensors[index].shape for index in (operator.inputs[0], operator.outputs[0]))
    fits = len(source) == len(written) > 0 and source[:-1] == written[:-1] and written[-1] % 2 == 0
    require(fits, f"transforms {text(source)} to {text(written)}")


def _check_energy(graph: Graph, operator: Operator) -> None:
    """Of pairs."""
    source, output = (graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))
    require(source.elements >= 2 * output.elements, f"takes {output.elements} pairs of {source.elements} numbers")


def _check_filter_bank(graph: Graph, operator: Operator) -> None:
    output = graph.tensors[operator.outputs[0]]
    for tensor in (graph.tensors[operator.inputs[position]] for position in _BY_CHANNEL):
        wanted = output.elements + 1
        require(tensor.elements >= wanted, f"has {tensor.elements} numbers in {tensor.name}, not {wanted}")


def _check_rows(graph: Graph, operator: Operator) -> None:
    source = graph.tensors[operator.inputs[0]]
    require(len(source.shape) > 0, f"reads {text(source.shape)}")


OPERATORS = (
    Description(f"{CUSTOM}SignalWindow", BINARY, weights=(1,), shape=unchanged),
    Description(f"{CUSTOM}SignalFftAutoScale", UNARY, outputs=2, shape=unchanged),
    Description(f"{CUSTOM}SignalRfft", UNARY, check=_check_rfft),
    Description(f"{CUSTOM}SignalEnergy", UNARY, check=_check_energy),
    Description(f"{CUSTOM}SignalFilterBank", (6, 6), weights=(1, 2, 3, 4, 5), check=_check_filter_bank),
    Description(f"{CUSTOM}SignalFilterBankSquareRoot", BINARY, shape=unchanged),
    Description(f"{CUSTOM}SignalFilterBankSpectralSubtraction", UNARY, outputs=2, shape=unchanged, remembers=True),
    Description(f"{CUSTOM}SignalPCAN", TERNARY, weights=(2,), shape=unchanged),
    Description(f"{CUSTOM}SignalFilterBankLog", UNARY, shape=unchanged),
    *(
        Description(f"{CUSTOM}{name}", UNARY, outputs=outputs, check=_check_rows, remembers=True)
        for name, outputs in {"SignalFramer": 2, "SignalStacker": 2, "SignalOverlapAdd": 1}.items()
    ),
    Description(f"{CUSTOM}SignalDelay", UNARY, shape=unchanged, check=_check_rows, remembers=True),
)
