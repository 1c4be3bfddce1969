"""Tables of TFLM's features of sound: turns of a Fourier transform, corrections of a logarithm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_SEGMENTS, _BITS = 128, 16


def turns(length: int) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Of a transform of `length` real values, by kissfft; real and imaginary parts of 15 bits.

    Those of half as many complex values, [length / 2, 2]; those that take even and odd ones apart, [length / 4, 2].
    """
    places = length // 2
    whole = -2 * np.pi * np.arange(places) / places
    half = -np.pi * ((np.arange(places // 2) + 1) / places + 0.5)
    first, second = (
        np.floor(0.5 + 32767 * np.stack([np.cos(phase), np.sin(phase)], axis=-1)).astype(np.int16)
        for phase in (whole, half)
    )
    return first, second


def logarithm_corrections() -> npt.NDArray[np.uint16]:
    """log2(1 + x) - x in 129 places x from 0 to 1, 16 bits behind the point; log.cc of tflite-micro's signal/src."""
    x = np.arange(_SEGMENTS + 1) / _SEGMENTS
    found: npt.NDArray[np.uint16] = np.rint((np.log2(1 + x) - x) * 2**_BITS).astype(np.uint16)
    return found
