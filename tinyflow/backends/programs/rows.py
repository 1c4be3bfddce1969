"""Steps whose output can be computed a few rows at a time, as chains see them; their kernels are the backend's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Union

from tinyflow.backends.programs.steps import Chain, Mark, Program, Step
from tinyflow.backends.tinynn.calls import WORD_BYTES, Call
from tinyflow.model.graph import Tensor

# of copying a word, and of taking a row that is handed over
PER_WORD, _TAKEN = 1.5, 80


@dataclass(frozen=True, eq=False)
class RowStep(ABC):
    """A step with the rows of its tensors: `[1, height, width, channels]`, all of one output."""

    step: Step
    sources: tuple[int, ...]
    output: int
    given: Tensor
    made: Tensor
    summed: Call | None = None
    """Of what goes by rows of its input, all at once: what it adds up stays in its scratch until the last rows."""
    faster: tuple[RowStep, ...] = ()
    """The same step by kernels that want more memory, the fastest first."""

    @property
    def height(self) -> int:
        """Rows of the output, or of the input that are summed."""
        return (self.given if self.summed else self.made).shape[1]

    @property
    @abstractmethod
    def window(self) -> tuple[int, int, int]:
        """Stride, rows of padding above, rows under the window; 1, 0, 1 where a row needs that of its number."""

    @abstractmethod
    def call_of(self, rows: int, given: int, above: int) -> Call | None:
        """The call for a shape; None where the layer's kernel can't compute so few."""

    @property
    @abstractmethod
    def instructions(self) -> float:
        """About what the whole layer takes."""

    @property
    @abstractmethod
    def copies_again(self) -> bool:
        """Whether a call copies or widens again what one before had: less, the more rows it computes."""

    @property
    def gains_by_rows(self) -> bool:
        """Whether a call takes less for each row, the more rows it has."""
        return self.copies_again

    @property
    @abstractmethod
    def saved_by_faster(self) -> float:
        """About what its faster call takes less, as the whole layer."""

    @abstractmethod
    def more_instructions(self, first: int, rows: int) -> float:
        """About what a call for rows takes beyond their share of the layer."""

    def needs(self, first: int, rows: int) -> tuple[int, int]:
        """The first row of the input that output rows need, and the one behind the last; may be above or below it."""
        stride, above, reach = self.window
        begin = first * stride - above
        return begin, begin + (rows - 1) * stride + reach

    @cached_property
    def least_rows(self) -> int:
        """Of its input that must be there at some time, whatever the order."""
        begin, end = self.span(self.height // 2, 1)
        return end - begin

    @cached_property
    def _given_rows(self) -> int:
        return self.given.shape[1]

    def span(self, first: int, rows: int) -> tuple[int, int]:
        """The same of rows that there are."""
        low, high = self.needs(first, rows)
        return max(0, low), min(self._given_rows, high)

    def call(self, first: int, rows: int) -> Call | None:
        """The call for some output rows; None where the layer's kernel can't compute so few."""
        return self.call_of(*self.shape(first, rows))

    def shape(self, first: int, rows: int) -> tuple[int, int, int]:
        """By which calls of a step differ: rows, rows of its input, rows of padding above or sums that are there."""
        if self.summed:
            return rows, rows if first + rows < self.height else 0, min(first, 1)
        begin, end = self.span(first, rows)
        return rows, end - begin, begin - self.needs(first, rows)[0]


@dataclass(frozen=True, eq=False)
class FedRows:
    """An input of the network whose rows the application hands over, one at a time: in a chain it is like a step."""

    made: Tensor
    sources: tuple[int, ...] = ()

    @property
    def output(self) -> int:
        """What its rows are of."""
        return self.made.index

    @property
    def height(self) -> int:
        """Its rows."""
        return self.made.shape[1]

    def span(self, first: int, rows: int) -> tuple[int, int]:  # noqa: ARG002 (as of a step)
        """It needs no other rows."""
        return 0, 0

    def more_instructions(self, first: int, rows: int) -> float:  # noqa: ARG002 (as of a step)
        """About what it takes to copy a row."""
        return _TAKEN + PER_WORD * self.made.size_bytes / self.height / WORD_BYTES


# how a step goes by rows, or why it doesn't
ByRows = Callable[[Program, Union[Step, Mark, Chain]], Union[RowStep, str]]


def row_steps(program: Program, by_rows: ByRows) -> dict[int, RowStep]:
    """Number of a step → how it goes by rows, for those that do."""
    steps = ((number, by_rows(program, step)) for number, step in enumerate(program.steps))
    return {number: step for number, step in steps if isinstance(step, RowStep)}
