"""Features of sound, TFLM's operators Signal…: what their flexbuffers and constants say, as fields of kernels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyflow.backends.arrays import Constant
from tinyflow.backends.refusals import Unsupported
from tinyflow.model.arithmetic import signal
from tinyflow.model.custom_options import numbers
from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.graph import CUSTOM, Graph, Operator, Shape, Tensor
from tinyflow.model.operators.shapes import text
from tinyflow.model.weighted import constant_values

# what the table of gains has for each power of two of 32 bits
_GAINS = 125
_LARGEST_TRANSFORM = 1 << 14
# TINYNN_FRAMES_STATE numbers of int32
_FRAMES_HEAD_BYTES = 8

Fields = Mapping[str, Any]


def _nothing(graph: Graph, operator: Operator, fields: Fields) -> int:  # noqa: ARG001
    return 0


@dataclass(frozen=True)
class Sound:
    """An operator in one form: its kernel, the types of activations that it reads and writes, fields, bytes of state.

    What the kernel can't compute raises ValueError, mostly Unsupported, from `fields_of`.
    """

    kernel: str
    read: str
    written: str
    _fields: Callable[[Graph, Operator], Fields]
    _state: Callable[[Graph, Operator, Fields], int] = _nothing

    def fields_of(self, graph: Graph, operator: Operator) -> Fields:
        """Of the kernel's struct."""
        _require(graph, operator, self.read, self.written)
        return self._fields(graph, operator)

    def state_bytes(self, graph: Graph, operator: Operator, fields: Fields) -> int:
        """What it keeps from call to call."""
        return self._state(graph, operator, fields)


def _constant(tensor: Tensor, least: int = 1) -> Constant:
    """The int16 numbers of a tensor that has so many."""
    if not tensor.is_constant or tensor.dtype != "int16":
        raise Unsupported(f"{tensor.name} is {tensor.dtype}, not constant int16", "write its values into the model")
    values = constant_values(tensor).reshape(-1)
    if len(values) < least:
        raise Unsupported(f"{tensor.name} has {len(values)} numbers, it takes {least}")
    return Constant(values)


def _shift(value: int) -> int:
    if not 0 <= value < 32:
        raise Unsupported(f"it shifts by {value}")
    return value


def _require(graph: Graph, operator: Operator, read: str, written: str) -> None:
    """The element types of activations, in order."""
    if len(operator.outputs) != len(written.split()):
        raise Unsupported(f"it writes {len(operator.outputs)} tensors, not {len(written.split())}")
    for indices, wanted in ((operator.inputs, read), (operator.outputs, written)):
        for index, dtype in zip(indices, wanted.split(), strict=False):
            if graph.tensors[index].dtype != dtype:
                raise Unsupported(f"{graph.tensors[index].name} is {graph.tensors[index].dtype}, not {dtype}")


def _window(graph: Graph, operator: Operator) -> Fields:
    source, window = (graph.tensors[index] for index in operator.inputs)
    columns = window.elements
    if source.elements % columns:
        raise Unsupported(f"{source.name} has {source.elements} values for a window of {columns}")
    shift = _shift(numbers(operator, "shift")["shift"])
    rows = source.elements // columns
    return {"window": _constant(window), "rows": rows, "columns": columns, "shift": shift}


def _auto_scale(graph: Graph, operator: Operator) -> Fields:
    return {"elements": graph.tensors[operator.outputs[0]].elements}


def _rfft(graph: Graph, operator: Operator) -> Fields:
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    length, inputs = numbers(operator, "fft_length")["fft_length"], source.shape[-1]
    if not 4 <= length <= _LARGEST_TRANSFORM or length & (length - 1):
        raise Unsupported(f"it transforms {length} values, not a power of two from 4 to {_LARGEST_TRANSFORM}")
    rows = source.elements // inputs
    if inputs > length or output.elements != rows * (length + 2):
        raise Unsupported(f"it transforms {rows} times {inputs} values to {output.elements}, of {length} each")
    turns, half_turns = (Constant(values) for values in signal.turns(length))
    return {"turns": turns, "half_turns": half_turns, "rows": rows, "inputs": inputs, "length": length}


def _energy(graph: Graph, operator: Operator) -> Fields:
    output = graph.tensors[operator.outputs[0]]
    options = numbers(operator, "start_index", "end_index")
    first, end = options["start_index"], options["end_index"]
    if not 0 <= first <= end <= output.elements:
        raise Unsupported(f"it takes places {first} to {end} for {output.elements}")
    return {"elements": output.elements, "first": first, "end": end}


def _filter_bank(graph: Graph, operator: Operator) -> Fields:
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    channels = numbers(operator, "num_channels")["num_channels"]
    if not 0 < channels == output.elements:
        raise Unsupported(f"it has {channels} channels for {output.elements} outputs")
    tensors = [graph.tensors[index] for index in operator.inputs[1:]]
    weights, unweights, starts, weight_starts, widths = map(_constant, tensors)
    for begins, values in ((starts, source.elements), (weight_starts, min(weights.values.size, unweights.values.size))):
        first, count = (part.values[: channels + 1].astype(np.int64) for part in (begins, widths))
        if (first < 0).any() or (first + count > values).any():
            raise Unsupported("its channels reach beyond what they weigh")
    names = ("weights", "unweights", "starts", "weight_starts", "widths")
    arrays = dict(zip(names, (weights, unweights, starts, weight_starts, widths), strict=True))
    return {**arrays, "channels": channels}


def _square_root(graph: Graph, operator: Operator) -> Fields:
    return {"channels": graph.tensors[operator.outputs[0]].elements}


def _spectral_subtraction(graph: Graph, operator: Operator) -> Fields:
    source, noise = operator.inputs[0], operator.outputs[1]
    options = numbers(operator, *_SUBTRACTION)
    channels = graph.tensors[noise].elements
    if options["num_channels"] != channels or graph.tensors[source].elements != channels:
        raise Unsupported(f"it has {options['num_channels']} channels for {channels} outputs")
    return {
        "channels": channels,
        "smoothing": (options["smoothing"], options["alternate_smoothing"]),
        "keeping": (options["one_minus_smoothing"], options["alternate_one_minus_smoothing"]),
        "smoothing_bits": _shift(options["smoothing_bits"]),
        "subtraction_bits": _shift(options["spectral_subtraction_bits"]),
        "least": options["min_signal_remaining"],
        "is_clamped": options["clamping"],
    }


_SUBTRACTION = (
    "num_channels",
    "smoothing",
    "one_minus_smoothing",
    "alternate_smoothing",
    "alternate_one_minus_smoothing",
    "smoothing_bits",
    "spectral_subtraction_bits",
    "min_signal_remaining",
    "clamping",
)


def _gain(graph: Graph, operator: Operator) -> Fields:
    gains = _constant(graph.tensors[operator.inputs[2]], _GAINS)
    shift = numbers(operator, "snr_shift")["snr_shift"]
    if not 0 <= shift < 64:
        raise Unsupported(f"it shifts by {shift}")
    channels = graph.tensors[operator.outputs[0]].elements
    return {"gains": gains, "channels": channels, "shift": shift}


def _logarithm(graph: Graph, operator: Operator) -> Fields:
    options = numbers(operator, "input_correction_bits", "output_scale")
    channels = graph.tensors[operator.outputs[0]].elements
    return {
        "corrections": Constant(signal.logarithm_corrections()),
        "channels": channels,
        "places": _shift(options["input_correction_bits"]),
        "scale": options["output_scale"],
    }


def _shape(tensor: Tensor, wanted: Shape) -> None:
    if tensor.shape != wanted:
        raise Unsupported(f"{tensor.name} is {text(tensor.shape)}, not {text(wanted)}")


def _framer(graph: Graph, operator: Operator) -> Fields:
    """Windows [rows…, frames, size] of [rows…, frames * step]; without `prefill` none before enough has come."""
    source, windows = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    options = numbers(operator, "frame_size", "frame_step", "prefill")
    size, step, is_filled = options["frame_size"], options["frame_step"], options["prefill"]
    values = source.shape[-1]
    if size < (step if is_filled else 1) or step < 1 or values % step:
        raise Unsupported(f"its frames of {size} every {step} don't fit {values} values")
    _shape(windows, (*source.shape[:-1], values // step, size))
    before = -(-size // step) - 1
    kept = size - step if is_filled else before * step
    return {
        **{"rows": source.elements // values, "frames": values // step, "size": size, "step": step, "kept": kept},
        **{"waits": 0 if is_filled else before, "period": 1, "repeats": 0},
    }


def _stacker(graph: Graph, operator: Operator) -> Fields:
    """Windows of frames that come one by one, the first of them as often as if it had come before, too."""
    source, windows = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    options = numbers(operator, "num_channels", "stacker_left_context", "stacker_right_context", "stacker_step")
    channels, left, right, period = options.values()
    count = left + 1 + right
    if min(left, right) < 0 or not 1 <= period <= count:
        raise Unsupported(f"its windows from {left} before to {right} behind every {period} frames don't fit")
    _shape(source, (channels,))
    _shape(windows, (count * channels,))
    return {
        **{"rows": 1, "frames": 1, "size": count * channels, "step": channels, "kept": (count - 1) * channels},
        **{"waits": right, "period": period, "repeats": 1},
    }


def _delay(graph: Graph, operator: Operator) -> Fields:
    source = graph.tensors[operator.inputs[0]]
    length, values = numbers(operator, "delay_length")["delay_length"], source.shape[-1]
    if length < 0:
        raise Unsupported(f"it delays by {length}")
    sizes = {"rows": source.elements // values, "frames": 1, "size": values, "step": values, "kept": length}
    return {**sizes, "waits": 0, "period": 1, "repeats": 0}


def _frames_state(graph: Graph, operator: Operator, fields: Fields) -> int:  # noqa: ARG001
    return int(_FRAMES_HEAD_BYTES + 2 * fields["rows"] * fields["kept"])


def _noise_state(graph: Graph, operator: Operator, fields: Fields) -> int:  # noqa: ARG001
    return graph.tensors[operator.outputs[1]].size_bytes


def _overlap_add(graph: Graph, operator: Operator) -> Fields:
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    if len(source.shape) < 2:
        raise Unsupported(f"{source.name} is {text(source.shape)}, without frames")
    step, (*rows, frames, size) = numbers(operator, "frame_step")["frame_step"], source.shape
    if not 1 <= step <= size:
        raise Unsupported(f"its frames of {size} don't fit every {step}")
    _shape(output, (*rows, frames * step))
    return {"rows": math.prod(rows), "frames": frames, "size": size, "step": step}


def _overlap_state(graph: Graph, operator: Operator, fields: Fields) -> int:
    bits = ELEMENT_TYPES[graph.tensors[operator.inputs[0]].dtype].bits
    return int(fields["rows"] * fields["size"] * bits // 8)


def _overlaps(dtype: str) -> Sound:
    return Sound(f"signal_overlap_{dtype}", dtype, dtype, _overlap_add, _overlap_state)


# form → operator
SOUNDS: Mapping[str, Mapping[str, Sound]] = {
    "int16": {
        f"{CUSTOM}SignalWindow": Sound("signal_window", "int16", "int16", _window),
        f"{CUSTOM}SignalFftAutoScale": Sound("signal_scale", "int16", "int16 int32", _auto_scale),
        f"{CUSTOM}SignalRfft": Sound("rfft", "int16", "int16", _rfft),
        f"{CUSTOM}SignalEnergy": Sound("signal_energy", "int16", "uint32", _energy),
        f"{CUSTOM}SignalFramer": Sound("signal_frames", "int16", "int16 bool", _framer, _frames_state),
        f"{CUSTOM}SignalStacker": Sound("signal_frames", "int16", "int16 bool", _stacker, _frames_state),
        f"{CUSTOM}SignalDelay": Sound("signal_frames", "int16", "int16", _delay, _frames_state),
        f"{CUSTOM}SignalOverlapAdd": _overlaps("int16"),
    },
    "float32": {f"{CUSTOM}SignalOverlapAdd": _overlaps("float32")},
    "uint32": {
        f"{CUSTOM}SignalFilterBank": Sound("signal_filter_bank", "uint32", "uint64", _filter_bank),
        f"{CUSTOM}SignalFilterBankSpectralSubtraction": Sound(
            "signal_subtract", "uint32", "uint32 uint32", _spectral_subtraction, _noise_state
        ),
        f"{CUSTOM}SignalPCAN": Sound("signal_gain", "uint32 uint32", "uint32", _gain),
        f"{CUSTOM}SignalFilterBankLog": Sound("signal_logarithm", "uint32", "int16", _logarithm),
    },
    "uint64": {
        f"{CUSTOM}SignalFilterBankSquareRoot": Sound("signal_square_root", "uint64 int32", "uint32", _square_root)
    },
}
