"""`plot:<suite or bench>`: which rows are drawn how, and the action that draws what is known of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tinyflow.core.action import JSON, Action, Tool
from tinyflow.core.distribution import pip_install
from tinyflow.core.errors import ToolError, UsageError
from tinyflow.recipes.suggest import hint_for
from tinyflow.report.paper import FORMATS
from tinyflow.report.plots import KINDS, check_metric

_PACKAGES = ("matplotlib", "fonttools", "kiwisolver", "numpy", "pillow")  # all that decide bytes


@dataclass(frozen=True)
class WantedPlot:
    """What is drawn, in which format, of which metric (empty: what the rows have) and of which rows.

    `output` is a file to write besides, empty for none.
    """

    kind: str = "pareto"
    format: str = "pdf"
    metric: str = ""
    where: str = ""
    output: str = ""

    def __post_init__(self) -> None:
        for option, given, known in (("kind", self.kind, KINDS), ("format", self.format, FORMATS)):
            if given not in known:
                raise UsageError(f'--{option}: there is no "{given}"', hint=hint_for(given, known, f"{option}s"))
        check_metric(self.kind, self.metric)


@dataclass(frozen=True)
class Plotted:
    """The benches of one plot, and what tells their layers, of those of which something does."""

    benches: list[str]
    profiles: Mapping[str, Action] = field(default_factory=dict)


def check_matplotlib() -> None:
    """ToolError where nothing can be drawn: before anything runs for it."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ToolError("matplotlib is not installed", hint=pip_install("plot"), missing=True)


def check_output(wanted: WantedPlot, names: Sequence[str]) -> None:
    """UsageError for one file of several plots."""
    if wanted.output and len(names) > 1:
        what = f"{wanted.output} can hold one plot, not {len(names)}: {', '.join(names)}"
        raise UsageError(what, hint="without -o each goes to build/plots/")


def draw(name: str, wanted: WantedPlot, document: JSON) -> Action:
    """Draw a document of `report.plots`."""
    return Action(
        stage="plot",
        title=f"plot {wanted.kind} of {name} as {wanted.format}",
        function="tinyflow.stages.plot:plot",
        outputs=(f"plot.{wanted.format}",),
        parameters={"format": wanted.format, "plot": document},
        tools=tuple(Tool("package", package, pip_install("plot")) for package in _PACKAGES),
        isolated=True,
    )
