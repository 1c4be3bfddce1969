"""Keyword spotting: the tables of MLPerf Tiny's features in integers, and sound made by numbers.

Names behind constants are those of github.com/mlcommons/tiny, benchmark/training/keyword_spotting.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_RATE_HZ = 16000  # --sample_rate
_FRAME_SAMPLES = 480  # --window_size_ms 30
_STRIDE_SAMPLES = 320  # --window_stride_ms 20
_POINTS = 512  # fft_length: the power of two that a frame fits into
_FILTERS = 40  # num_mel_bins
_LOWER_HZ, _UPPER_HZ = 20.0, 4000.0  # lower_edge_hertz, upper_edge_hertz
_FLOOR = 1e-6  # log(mel_spectrograms + 1e-6)
_FEATURE_ONE = 128  # features are less than 256
# Ours: five decisions a second of an average over three, as sure as its label needs to be for a word.
_EVERY, _SMOOTHED, _THRESHOLD, _PAUSE = 10, 3, 0.6, 4
_RECORDED_SAMPLES = 22400  # the network runs three times


def why_not(description: Mapping[str, Any]) -> str:
    """What of a network doesn't look at the features of some frames."""
    for kind, dtypes in (("input", ("int8",)), ("output", ("int8", "uint8"))):
        ports = [port for port in description["ports"] if port["kind"] == kind]
        if len(ports) != 1:
            return f"it has {len(ports)} {kind}s"
        if ports[0]["dtype"] not in dtypes or not ports[0]["scale"]:
            return f"its {kind} is {ports[0]['dtype']}{'' if ports[0]['scale'] else ' without a scale'}"
    first, _ = description["ports"]
    shape = _frames(first["shape"])
    if len(shape) != 2 or not 1 <= shape[1] <= _FILTERS:
        return f"its input is {first['shape']}, no frames of at most {_FILTERS} features"
    if description["feed"] and description["feed"]["rows"] != shape[0]:
        return "a row of it isn't a frame"
    return f"its input's scale is {first['scale']}" if _multiplier(first) >= 1 << 31 else ""


def values(description: Mapping[str, Any]) -> Mapping[str, Any]:
    """What its templates read."""
    first, last = description["ports"]
    frames, coefficients = _frames(first["shape"])
    scale = float(last["scale"].rstrip("f"))
    filter_of, rise_of = _filters()
    return {
        "rate_hz": _RATE_HZ,
        "frame_samples": _FRAME_SAMPLES,
        "stride_samples": _STRIDE_SAMPLES,
        "frames": frames,
        "coefficients": coefficients,
        "filters": _FILTERS,
        "feature_one": _FEATURE_ONE,
        # one that remembers must see each frame once
        "every": frames if description["has_reset"] else _EVERY,
        "smoothed": _SMOOTHED,
        "pause": _PAUSE,
        "threshold_real": f"{_THRESHOLD:g}",
        "threshold": min(math.floor(_THRESHOLD / scale + 0.5) + last["zero_point"], int(last["highest"])),
        "multiplier": _multiplier(first),
        "window": [
            _fixed(0.5 - 0.5 * math.cos(2 * math.pi * n / _FRAME_SAMPLES), 30) for n in range(_FRAME_SAMPLES // 2 + 1)
        ],
        "quarter": [_fixed(math.cos(2 * math.pi * k / _POINTS), 30) for k in range(_POINTS // 4 + 1)],
        "filter_of": filter_of,
        "rise_of": rise_of,
        "logarithm": [_fixed(math.log2(1 + i / 64), 16) for i in range(65)],
        "cosines": [[_cosine(j, k) for k in range(_FILTERS)] for j in range(coefficients)],
        "floor": _fixed(_FLOOR, 38),
        "louder": _fixed(math.sqrt(2 * _FILTERS) * math.log(2), 12),
        "samples": _sound(),
    }


def _frames(shape: list[int]) -> list[int]:
    """Without the batch before, and what is 1 between and behind."""
    rest = shape[1:] if shape and shape[0] == 1 else [*shape]
    while len(rest) > 2 and 1 in rest:
        del rest[len(rest) - 1 - rest[::-1].index(1)]
    return rest


def _multiplier(port: Mapping[str, Any]) -> int:
    return _fixed(1 / (_FEATURE_ONE * float(port["scale"].rstrip("f"))), 24)


def _fixed(real: float, bits: int) -> int:
    return math.floor(real * (1 << bits) + 0.5)


def _cosine(j: int, k: int) -> int:
    """mfccs_from_log_mel_spectrograms: DCT-II, nearly orthonormal; times ln 2, since logarithms are of base 2."""
    return _fixed(math.log(2) * math.sqrt(2 / _FILTERS) * math.cos(math.pi * j * (k + 0.5) / _FILTERS), 17)


def _filters() -> tuple[list[int], list[int]]:
    """linear_to_mel_weight_matrix: of each bin which filter rises there, and how far it has risen."""
    lower, upper = _mel(_LOWER_HZ), _mel(_UPPER_HZ)
    spacing = (upper - lower) / (_FILTERS + 1)
    bins = [_mel(k * _RATE_HZ / _POINTS) for k in range(1, _POINTS // 2)]
    places = [(mel - lower) / spacing for mel in bins if mel < upper]
    return [int(place) for place in places], [min(_fixed(place % 1, 16), 65535) for place in places]


def _mel(hertz: float) -> float:
    """HTK's."""
    return 1127.0 * math.log(1 + hertz / 700.0)


def _sound() -> list[int]:
    """Two syllables, pulses through three resonances, with a hiss between them; whole numbers, so the same anywhere."""
    syllables = {(3000, 8500): (700, 1200, 2500), (12500, 19000): (350, 2100, 2900)}
    samples, noise = [0] * _RECORDED_SAMPLES, 1
    for at in range(_RECORDED_SAMPLES):
        noise = (noise * 1103515245 + 12345) & 0x7FFFFFFF
        samples[at] = (noise >> 16) % 2400 - 1200 if 9000 <= at < 11500 else (noise >> 16) % 17 - 8
    for (begin, end), formants in syllables.items():
        for hertz in formants:
            decay = math.exp(-math.pi * 90 / _RATE_HZ)
            turn, fade = _fixed(2 * decay * math.cos(2 * math.pi * hertz / _RATE_HZ), 14), _fixed(decay * decay, 14)
            before, last, phase = 0, 0, 0
            for at in range(begin, end):
                phase += 110 + (end - at) // 256  # Hz
                pulse, phase = (1600, phase - _RATE_HZ) if phase >= _RATE_HZ else (0, phase)
                before, last = last, (turn * last - fade * before >> 14) + pulse
                samples[at] += last
    return [min(max(sample, -32768), 32767) for sample in samples]
