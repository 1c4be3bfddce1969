"""What a description of an operator is made of: its options, its operands, and what follows from these alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import eq
from typing import Any

from tinyflow.model.graph import Graph, Operator, OptionValue, Quantisation, Shape, Tensor

ANY = (1 << 16) - 1  # of inputs or outputs; more than any file of a sane size has
UNARY, BINARY, TERNARY = (1, 1), (2, 2), (3, 3)


def _camel_case(name: str) -> str:
    return "".join(word if word[0].isdigit() else word.capitalize() for word in name.split("_"))


@dataclass(frozen=True)
class Option:
    """One option: its name here, its default, and the fields of the TFLite schema that hold it.

    They are called like the option unless said otherwise; (height, width) has two. A default of `()` stands for a
    vector of dimensions, an empty one for text.
    """

    name: str
    default: OptionValue
    fields: tuple[str, ...] = ()
    is_fixed: bool = False
    """Whether no backend knows another value than the default."""

    def __post_init__(self) -> None:
        if not self.fields:
            object.__setattr__(self, "fields", (_camel_case(self.name),))

    @property
    def is_vector(self) -> bool:
        """Whether the value is a vector of its own in the file, not a part of the table."""
        return self.default == ()

    @property
    def is_text(self) -> bool:
        """Whether the value is text, which has its own place in the file, too."""
        return self.default == ""


PADDING = Option("padding", "SAME")
STRIDE = Option("stride", (1, 1), ("StrideH", "StrideW"))
DILATION = Option("dilation", (1, 1), ("DilationHFactor", "DilationWFactor"))
ACTIVATION = Option("activation", "NONE", ("FusedActivationFunction",))
AXIS = Option("axis", 0)

Options = Mapping[str, Any]
# tensors that are read → shape of the first output, None for one that is never asked; ModelError for what doesn't fit
ShapeRule = Callable[[Sequence[Tensor], Options], "Shape | None"]


@dataclass(frozen=True)
class Description:
    """One operator of the TFLite schema: what is true of it, whoever reads, checks, builds, shrinks or lowers it."""

    name: str
    inputs: tuple[int, int] = (1, ANY)
    """How many must be there, and how many there are at most, of which some may be absent: as TFLM's kernels count."""
    outputs: int = 1
    """At most; one at least, but for one that is active."""
    is_active: bool = False
    """Whether it does more than write its outputs, so that it isn't done without where nobody reads them."""
    parameters: tuple[int, ...] = ()
    """Which inputs are lists of numbers that say how: axes, sizes, paddings."""
    main_input: int = 0
    """Whose element type says in which form the operator is."""
    options: tuple[Option, ...] = ()
    table: str | None = None
    """Its option table in the schema, called like the operator by default; None where it has none or it isn't read."""
    versions: tuple[int, int] = (1, 1)
    """What TFLite's converter writes for its int8 form, and the newest, whose types and options are all known here.

    By register.cc of TFLite; newer versions differ in types alone, which each form asks for itself.
    """
    shape: ShapeRule | None = None
    fits: Callable[[Shape, Shape], bool] = eq
    """Whether the shape written will do for the one that `shape` gives; every dimension counts by default."""
    check: Callable[[Graph, Operator], None] | None = None
    """What else must hold; raises ModelError."""
    macs: Callable[[Options, Sequence[Shape], Shape], int] | None = None
    """Multiply-accumulates by the shapes read and written, padding counted; None without products of two tensors."""
    keeps_elements: bool = False
    """Whether its output has all elements of its first input, wherever it puts them."""
    is_view: bool = False
    """Whether all bytes even stay where they are, under another shape."""
    weights: tuple[int, ...] = ()
    """Which inputs are weights and biases."""
    weights_axis: int | None = None
    """The axis of output channels in int8 weights, which are its second input, biases the third; None without them."""
    state: tuple[int, ...] = ()
    """Which inputs are variables, read and written."""
    remembers: bool = False
    """Whether it keeps something for itself from call to call, zeros at first, as TFLM's kernel does."""
    output: Quantisation | None = None
    """The quantisation that its int8 output must have, by TFLite's quantisation specification."""
    keeps_quantisation: bool = False
    """Whether all its int8 operands must have one quantisation, by the same."""

    def __post_init__(self) -> None:
        if self.options and self.table is None:
            object.__setattr__(self, "table", f"{_camel_case(self.name)}Options")

    @property
    def default_options(self) -> dict[str, OptionValue]:
        """All options of the table at their defaults."""
        return {option.name: option.default for option in self.options if not option.is_vector}


def each(names: str, **facts: Any) -> tuple[Description, ...]:
    """Operators that differ in their names alone. `*` behind one: it has a table of options, without any in it."""
    return tuple(
        Description(
            name.rstrip("*"),
            **{"table": f"{_camel_case(name.rstrip('*'))}Options" if name[-1] == "*" else None, **facts},
        )
        for name in names.split()
    )
