"""What all kernels with vectors share, whatever the operator: sizes of their blocks, weights and records in them."""

from __future__ import annotations

import numpy as np

from tinyflow.backends.tinynn import layouts
from tinyflow.backends.tinynn.layouts import Array
from tinyflow.backends.tinynn.packing.layer import Layer

MVE_STEP, MVE_CHANNELS, MVE_PIXELS = 16, 4, 2
RVV_LANES = 32


def rvv_constants(layer: Layer) -> tuple[Array, Array]:
    """Weights and records in blocks of lanes, the last one smaller (rvv/conv2d.c, rvv/rescale.h)."""
    starts = range(0, len(layer.rows), RVV_LANES)
    weights = np.concatenate([layer.rows[start : start + RVV_LANES].T.ravel() for start in starts])
    return weights, layouts.vector_records(layer.channels, RVV_LANES, sign=-1)


def mve_weights(layer: Layer) -> Array:
    """Weights in blocks of channels and steps (mve/conv2d.c, mve/fully_connected.c)."""
    return layouts.dot_blocks(layer.rows, MVE_CHANNELS, MVE_STEP)
