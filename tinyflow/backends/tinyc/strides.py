"""Shapes and strides as the kernels that take any shape want them: a fixed number of axes, ones in front."""

from __future__ import annotations

from collections.abc import Sequence

from tinyflow.backends.refusals import Unsupported

# TINYNN_RANK and TINYNN_AXES of tinynn.h
RANK, AXES = 5, 8


def padded_to_rank(shape: Sequence[int]) -> tuple[int, ...]:
    """A shape with ones in front. Raises Unsupported for one of more axes."""
    if len(shape) > RANK:
        raise Unsupported(f"tensors of {len(shape)} dimensions are not supported", f"use {RANK} at most")
    return (1,) * (RANK - len(shape)) + tuple(shape)


def merged(shape: Sequence[int], *strides: Sequence[int], rank: int = RANK) -> tuple[tuple[int, ...], ...]:
    """Shape and strides with neighbouring axes made one wherever all strides allow it: long innermost axes.

    Raises Unsupported for more than `rank` axes that are left.
    """
    axes: list[tuple[int, tuple[int, ...]]] = []
    for size, *steps in zip(shape, *strides, strict=True):
        if size == 1:
            continue
        if axes and axes[-1][1] == tuple(size * step for step in steps):
            axes[-1] = axes[-1][0] * size, tuple(steps)
        else:
            axes.append((size, tuple(steps)))
    if len(axes) > rank:
        raise Unsupported(f"it walks along {len(axes)} axes at once", f"use {rank} at most")
    axes = [(1, (0,) * len(strides))] * (rank - len(axes)) + axes
    return tuple(size for size, _ in axes), *zip(*(steps for _, steps in axes), strict=True)


def merged_pad(source: Sequence[int], output: Sequence[int], before: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Both shapes of a PAD and what is put in front, axes that aren't padded made one with those in front of them.

    Raises Unsupported for more than RANK axes that are left.
    """
    axes: list[tuple[int, int, int]] = []
    for size, padded, front in zip(source, output, before, strict=True):
        if axes and size == padded:
            axes[-1] = axes[-1][0] * size, axes[-1][1] * size, axes[-1][2] * size
        else:
            axes.append((size, padded, front))
    if len(axes) > RANK:
        raise Unsupported(f"{len(axes)} axes are padded", f"pad {RANK} at most")
    axes = [(1, 1, 0)] * (RANK - len(axes)) + axes
    return tuple(zip(*axes, strict=True))


def dense_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Elements from one index of each axis to the next where they lie one behind the other."""
    steps, step = [], 1
    for size in reversed(shape):
        steps.append(step)
        step *= size
    return tuple(reversed(steps))


def broadcast_strides(shape: Sequence[int], rank: int = RANK) -> tuple[int, ...]:
    """The same, 0 where an axis is repeated, of a shape with ones in front. Raises Unsupported for one of more axes."""
    if len(shape) > rank:
        raise Unsupported(f"tensors of {len(shape)} dimensions are not supported", f"use {rank} at most")
    whole = (1,) * (rank - len(shape)) + tuple(shape)
    return tuple(0 if size == 1 else step for size, step in zip(whole, dense_strides(whole), strict=True))
