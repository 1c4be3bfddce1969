"""Calls of tf_dsp.h from TIR: its inline functions, and its routines, which requantise what they compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels import requantise
from tinyflow.backends.tvm.kernels.arithmetic import clamp
from tinyflow.backends.tvm.kernels.specs import Requantisation

Expr = Any
Buffer = Any

HEADER = "tf_dsp.h"
GROUP = 4  # output channels that a routine computes together


def call(name: str, *arguments: Expr) -> None:
    """Emit a call that is made for what it writes."""
    T.evaluate(T.call_extern("void", name, *arguments))


def value(name: str, *arguments: Expr) -> Expr:
    """A call that is made for its int32 result and depends on nothing but its arguments."""
    return T.call_pure_extern("int32", name, *arguments)


def hidden(number: int) -> Expr:
    """A number of iterations that the C compiler can't see, so that it doesn't unroll the loop."""
    return T.call_extern("int32", "tf_hidden", number) if number > 1 else T.int32(number)


@dataclass(frozen=True)
class Routine:
    """A routine for four channels of a run of pixels, in the variant that a requantisation asks for.

    It writes whole groups of channels and saturates to int8. Where there are fewer channels or a narrower clamp, it
    writes to scratch, one word a pixel, and the rest is done from there.
    """

    name: str
    to: Requantisation
    channels: int

    @property
    def constants(self) -> int:
        """Numbers that requantise one channel."""
        return requantise.constants_per_channel(self.to)

    @property
    def is_direct(self) -> bool:
        """Whether it may write to the output itself."""
        return self.channels % GROUP == 0 and (self.to.lowest, self.to.highest) == (-128, 127)

    def spill_words(self, pixels: int) -> int:
        """Scratch that it needs for a run."""
        return 0 if self.is_direct else pixels

    def emit(
        self,
        output: Buffer,
        place: Expr,
        scale: Buffer,
        channel: Expr,
        pixels: Expr,
        spill: Expr,
        x: Expr,
        w: Expr,
        *more: Expr,
    ) -> None:
        """Compute `pixels` pixels, from `place` in the output on; `x`, `w` and `spill` are pointers into scratch."""
        variant = "long" if self.to.up is None else f"up{self.to.up}"
        zero = T.int32(self.to.zero_point << requantise.FRACTION_BITS)
        step = self.channels if self.is_direct else GROUP
        target = T.address_of(output[place]) if self.is_direct else spill
        call(f"{self.name}_{variant}", target, x, w, T.address_of(scale[channel, 0]), zero, pixels * step, step, *more)


@T.inline
def unspill(routine: Any, output: Any, place: Any, channel: Any, pixels: Any, scratch: Any, spill: Any):
    """Clamp what a routine left in scratch and put it where it belongs."""
    if not routine.is_direct:
        for p in range(pixels):
            for c in T.unroll(GROUP):
                if channel + c < routine.channels:
                    byte: T.let = T.shift_right(T.shift_left(scratch[spill + p], 24 - 8 * c), 24)
                    output[place + p * routine.channels + c] = clamp(byte, routine.to.lowest, routine.to.highest)
