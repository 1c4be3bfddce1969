"""Shapes and strides as the kernels that take any shape want them: TINYNN_RANK axes, ones in front."""

from __future__ import annotations

from collections.abc import Sequence

from tinyflow.backends.tinyc.steps import Unsupported

# TINYNN_RANK of tinynn.h
RANK = 5


def five(shape: Sequence[int]) -> tuple[int, ...]:
    """A shape with ones in front. Raises Unsupported for one of more axes."""
    if len(shape) > RANK:
        raise Unsupported(f"tensors of {len(shape)} dimensions are not supported", f"use {RANK} at most")
    return (1,) * (RANK - len(shape)) + tuple(shape)


def broadcast_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Elements from one index of each axis to the next, 0 where an axis is repeated."""
    steps, step = [], 1
    for size in reversed(five(shape)):
        steps.append(0 if size == 1 else step)
        step *= size
    return tuple(reversed(steps))
