"""What a description of an operator is made of: its options, its operands, and what follows from these alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tinyflow.model.graph import Graph, Operator, OptionValue, Quantisation, Shape, Tensor

ANY = (1 << 16) - 1  # of inputs or outputs; more than any file of a sane size has
UNARY, BINARY, TERNARY = (1, 1), (2, 2), (3, 3)


@dataclass(frozen=True)
class Option:
    """One option: its name here, the fields of the TFLite schema that hold it, two for (height, width); its default.

    A default of `()` stands for a vector of dimensions.
    """

    name: str
    fields: tuple[str, ...]
    default: OptionValue

    @property
    def is_vector(self) -> bool:
        """Whether the value is a vector of its own in the file, not a part of the table."""
        return self.default == ()


PADDING = Option("padding", ("Padding",), "SAME")
STRIDE = Option("stride", ("StrideH", "StrideW"), (1, 1))
DILATION = Option("dilation", ("DilationHFactor", "DilationWFactor"), (1, 1))
ACTIVATION = Option("activation", ("FusedActivationFunction",), "NONE")
AXIS = Option("axis", ("Axis",), 0)

Options = Mapping[str, OptionValue]
# tensors that are read → shape of the first output; None where only a run tells it. ModelError for what doesn't fit
ShapeRule = Callable[[Sequence[Tensor], Options], "Shape | None"]


def is_same(expected: Shape, written: Shape) -> bool:
    """Every dimension counts."""
    return expected == written


@dataclass(frozen=True)
class Description:
    """One operator of the TFLite schema: what is true of it, whoever reads, checks, builds, shrinks or lowers it."""

    name: str
    inputs: tuple[int, int] = (1, ANY)
    """How many must be there, and how many there are at most, of which some may be absent: as TFLM's kernels count."""
    outputs: int = 1
    """At most."""
    parameters: tuple[int, ...] = ()
    """Which inputs are lists of numbers that say how: axes, sizes, paddings."""
    table: str | None = None
    """Its option table in the schema; None where it has none, or it is not read."""
    options: tuple[Option, ...] = ()
    version: int = 1
    """Of its int8 form, as TFLite's converter writes it."""
    newest: int = 1
    """The newest version whose int8 form is this one."""
    shape: ShapeRule | None = None
    fits: Callable[[Shape, Shape], bool] = is_same
    """Whether the shape written will do for the one that `shape` gives."""
    check: Callable[[Graph, Operator], None] | None = None
    """What else must hold; raises ModelError."""
    macs: Callable[[Options, Sequence[Shape], Shape], int] | None = None
    """Multiply-accumulates by the shapes read and written, padding counted; None without products of two tensors."""
    keeps_elements: bool = False
    """Whether its output has all elements of its first input, wherever it puts them."""
    is_view: bool = False
    """Whether all bytes even stay where they are, under another shape."""
    weights_axis: int | None = None
    """The axis of output channels in the weights, which are its second input, biases the third; None without them."""
    output: Quantisation | None = None
    """The quantisation that its int8 output must have, by TFLite's quantisation specification."""
    keeps_quantisation: bool = False
    """Whether all its int8 operands must have one quantisation, by the same."""

    @property
    def default_options(self) -> dict[str, OptionValue]:
        """All options of the table at their defaults."""
        return {option.name: option.default for option in self.options if not option.is_vector}


def plain(names: str, inputs: tuple[int, int], outputs: int = 1) -> tuple[Description, ...]:
    """Operators of which no more is known than how many tensors they read and write."""
    return tuple(Description(name, inputs, outputs) for name in names.split())
