"""From a microphone to a network on features of sound, by TFLM's Signal operators: no weights, all from formulas.

What the constants mean: tflite-micro, python/tflite_micro/signal/ops.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import CUSTOM, Graph, Shape

_RATE_HZ = 16000
_TRANSFORM = 512
_BAND_HZ = (125, 7500)
_CHANNELS = 40
_WEIGHT_BITS = 12
_INT16 = 7  # TensorType of the schema
_SUBTRACTION = {
    **{"smoothing": 409, "one_minus_smoothing": 15975, "alternate_smoothing": 983},
    **{"alternate_one_minus_smoothing": 15401, "smoothing_bits": 10, "spectral_subtraction_bits": 14},
    **{"min_signal_remaining": 819, "clamping": False},
}
_GAIN_EXPONENT, _GAIN_OFFSET = -0.95, 80
_GAIN_BITS, _NOISE_BITS = 21, 10 - 3
# natural logarithms times 64 become steps of micro_speech's features, 666 / 256 of them
_NUMERATOR, _DENOMINATOR = 256, 666


def sound_frames(seed: int, frame: int = 480, step: int = 320) -> Graph:  # noqa: ARG001 (every graph's; no weights)
    """Windows `[1, 1, frame]` over sound that comes in pieces `[1, step]`, zeros before: 30 ms each 20 ms of 16 kHz."""
    net = GraphBuilder()
    source = net.add_input("sound", (1, step), None, "int16")
    made = net.tensor("frame", (1, 1, frame), None, "int16"), net.tensor("is_valid", (), None, "bool")
    net.custom(f"{CUSTOM}SignalFramer", (source,), *made, frame_size=frame, frame_step=step, prefill=True)
    return net.graph(made[:1], "sound_frames")


def sound_features(seed: int, frame: int = 480) -> Graph:  # noqa: ARG001 (as above)
    """Logarithms of the energy in 40 bands of a frame `[1, frame]`, without noise: TFLM's audio_preprocessor_int8."""
    net = GraphBuilder()

    def signal(name: str, inputs: Sequence[int], dtype: str, shape: Shape = (_CHANNELS,), **numbers: int) -> int:
        return net.custom(f"{CUSTOM}Signal{name}", inputs, net.tensor(name, shape, None, dtype), **numbers)

    def cast(x: int, dtype: str) -> int:
        return net.layer("CAST", (x,), f"{net.tensors[x].name} in {dtype}", None, net.shape(x), dtype)

    places = _TRANSFORM // 2 + 1
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
    x = net.add_input("frame", (1, frame), None, "int16")
    window = net.constant("hann", np.rint(hann * (1 << _WEIGHT_BITS)), "int16")
    x = signal("Window", (x, window), "int16", (1, frame), shift=_WEIGHT_BITS)
    x = net.layer("RESHAPE", (x, net.constant("flat", [frame], "int32")), "windowed", None, (frame,), "int16")
    scaled, bits = net.tensor("scaled", (frame,), None, "int16"), net.tensor("bits", (), None, "int32")
    net.custom(f"{CUSTOM}SignalFftAutoScale", (x,), scaled, bits)
    x = signal("Rfft", (scaled,), "int16", (2 * places,), T=_INT16, fft_length=_TRANSFORM)
    x = signal("Energy", (x,), "uint32", (places,), start_index=0, end_index=places)
    bank = [net.constant(f"bank {number}", values, "int16") for number, values in enumerate(_filters(places))]
    x = signal("FilterBank", (x, *bank), "uint64", num_channels=_CHANNELS)
    x = signal("FilterBankSquareRoot", (x, bits), "uint32")
    cleaned, noise = (net.tensor(name, (_CHANNELS,), None, "uint32") for name in ("cleaned", "noise"))
    name = f"{CUSTOM}SignalFilterBankSpectralSubtraction"
    net.custom(name, (x,), cleaned, noise, num_channels=_CHANNELS, **_SUBTRACTION)
    x = signal("PCAN", (cleaned, noise, net.constant("gains", _gains(), "int16")), "uint32", snr_shift=6)
    x = signal("FilterBankLog", (x,), "int16", input_correction_bits=3, output_scale=64)
    x = cast(x, "int32")
    for name, value in (
        *(("MUL", _NUMERATOR), ("ADD", _DENOMINATOR // 2), ("DIV", _DENOMINATOR), ("ADD", -128)),
        *(("MINIMUM", 127), ("MAXIMUM", -128)),
    ):
        operands = x, net.constant(str(value), value, "int32")
        x = net.layer(name, operands, f"{name} {value}", None, (_CHANNELS,), "int32")
    return net.graph((cast(x, "int8"),), "sound_features")


def latest_features(seed: int, features: int = _CHANNELS, frames: int = 49) -> Graph:  # noqa: ARG001 (as above)
    """The last `frames` of `[features]` in int8 that came; at first, the first ones over and over."""
    net = GraphBuilder()
    source = net.add_input("features", (features,), None)
    wide = net.layer("CAST", (source,), "wide", None, (features,), "int16")
    made = net.tensor("stacked", (frames * features,), None, "int16"), net.tensor("is_valid", (), None, "bool")
    contexts = {"stacker_left_context": frames - 1, "stacker_right_context": 0, "stacker_step": 1}
    net.custom(f"{CUSTOM}SignalStacker", (wide,), *made, num_channels=features, **contexts)
    return net.graph((net.layer("CAST", made[:1], "latest", None, (frames * features,)),), "latest_features")


def _filters(places: int) -> tuple[npt.NDArray[np.int64], ...]:
    """Overlapping triangles, equally wide in mel: weights, unweights, first places, first weights, widths.

    The first one, of 41, has its falling side alone.
    """
    mel = 1127 * np.log1p(np.arange(places) * _RATE_HZ / _TRANSFORM / 700)
    low, high = (1127 * np.log1p(edge / 700) for edge in _BAND_HZ)
    edges = np.linspace(low, high, _CHANNELS + 2)
    inside = [np.flatnonzero((begin <= mel) & (mel < end)) for begin, end in pairwise(edges)]
    shares = np.concatenate([(edges[i + 1] - mel[near]) / (edges[1] - edges[0]) for i, near in enumerate(inside)])
    weights = np.rint(shares * (1 << _WEIGHT_BITS)).astype(np.int64)
    widths = np.array([len(near) for near in inside])
    begins = np.cumsum(widths) - widths
    starts = np.array([np.searchsorted(mel, edge) for edge in edges[:-1]])
    return weights, (1 << _WEIGHT_BITS) - weights, starts, begins, widths


def _gains() -> npt.NDArray[np.int64]:
    """The gain of noise 0, 1 and 2, then a parabola and a gap for each power of two from there on."""

    def gain(x: npt.ArrayLike) -> npt.NDArray[np.float64]:
        real = np.asarray(x, np.float64) / (1 << _NOISE_BITS) + _GAIN_OFFSET
        rounded: npt.NDArray[np.float64] = np.floor(real**_GAIN_EXPONENT * (1 << _GAIN_BITS) + 0.5)
        return np.minimum(rounded, 32767)

    table = [*gain([0, 1])]
    for bits in range(2, 33):
        first, middle, last = gain(np.array([1.0, 1.5, 2.0]) * 2.0 ** (bits - 1))
        bend = 2 * (first + last - 2 * middle)
        table += [first, last - first - bend, bend, 0]
    return np.rint(table[:125]).astype(np.int64)
