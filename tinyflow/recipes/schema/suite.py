"""A suite's recipe: its benches, limits, views, and figures that others published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from tinyflow.recipes.fields import MaxRegression, Name, Rate
from tinyflow.recipes.schema.part import Part, Recipe, part
from tinyflow.recipes.schema.view import View


@part
class Matrix(Part):
    """Every combination of these, in this order: models outermost, features innermost."""

    models: tuple[Name, ...]
    backends: tuple[Name, ...]
    targets: tuple[Name, ...]
    features: tuple[tuple[str, ...], ...] = ((),)
    """Each entry is one set of features: `[[], [dsp], [dsp, toolchain.gcc]]`."""

    def __post_init__(self) -> None:
        if not (self.models and self.backends and self.targets and self.features):
            raise ValueError("an empty list makes an empty matrix; for no features leave the key out")


@part
class Published(Part):
    """Numbers that others measured, to be beside ours: in the suite itself, or a recipe of their own."""

    figures: Name | None = None
    """The recipe `published/<name>.yaml` that has all the rest."""
    source: str = ""
    """Who, where and how: what a reader needs to judge them."""
    notes: tuple[str, ...] = ()
    """What may be compared with ours and what not."""
    clocks_hz: Mapping[Name, Rate] = field(default_factory=dict)
    """Target → clock of the board that `board_s`, seconds of one inference, was measured on."""
    numbers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Bench → metric → value, in our units."""

    def __post_init__(self) -> None:
        if bool(self.figures) == bool(self.source and self.numbers):
            raise ValueError('give "source" and "numbers", or the name of a recipe that has them as "figures"')


@part
class Figures(Recipe):
    """A published table, copied number by number."""

    source: str
    notes: tuple[str, ...] = ()
    clocks_hz: Mapping[Name, Rate] = field(default_factory=dict)
    numbers: Mapping[str, Mapping[str, float]]


@part
class Suite(Recipe):
    """A named set of benches."""

    matrix: Matrix | None = None
    include: tuple[str, ...] = ()
    """More benches by name."""
    exclude: tuple[str, ...] = ()
    """Patterns of bench names to leave out (`*-esp32c3*`); one that matches nothing is an error."""
    unsupported: Literal["refused", "rows"] = "refused"
    """What becomes of benches that recipes refuse: an error, or rows with the reason, and the others run."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Pattern of bench names → words of the reason why they may have no result: the row says `refused`, and the
    session doesn't fail for it."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """What a reader will look for in vain → why it has no bench; a table of the suite's report."""
    max_regression: Mapping[str, MaxRegression] = field(default_factory=dict)
    """Metric → how much worse it may get before `doit compare` and `doit baseline check` fail: `0`, `1KiB`, `0.5%`."""
    views: tuple[View, ...] = ()
    """Tables made of the results."""
    published: tuple[Published, ...] = ()

    def __post_init__(self) -> None:
        if self.matrix is None and not self.include:
            raise ValueError('no benches; give "matrix" or "include"')
