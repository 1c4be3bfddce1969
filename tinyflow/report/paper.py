"""Plots for papers, by matplotlib, which is imported here alone and when one is drawn. Same document, same bytes.

What is drawn follows from the document (`plots.plot_of`) alone: no settings of a user, no font but matplotlib's own, no
date, no LaTeX.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinyflow.report.metrics import BY_NAME
from tinyflow.report.tradeoffs import Axis, axis, label, spell_tick

Document = Mapping[str, Any]

FORMATS = ("pdf", "pgf", "svg", "png")
_COLUMN, _PAGE = 3.5, 7.16  # inches: a column and the width of a page of IEEE's and ACM's two-column styles
_MOST_IN_COLUMN = 12  # bars
_LEGEND_ROW, _LETTER = 0.16, 0.062  # inches
_NAME_WIDTH, _NAME_HEIGHT = 0.35, 0.07  # of a point, in parts of the axes
# Told apart by those who can't tell some colours apart: Okabe and Ito, "Color Universal Design", 2008.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
# Of lines alone: PGF repeats a pattern in each bar, and dots are very many letters there.
_HATCHES = ("", "///", "\\\\\\", "xxx", "---", "|||", "+++")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # matplotlib brings it
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "grid.linewidth": 0.4,
    "grid.color": "#dddddd",
    "hatch.linewidth": 0.4,
    "lines.linewidth": 0.8,
    "legend.fontsize": 6,
    "legend.frameon": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "savefig.dpi": 300,
    "text.usetex": False,
    "text.parse_math": False,
    "pdf.fonttype": 42,  # TrueType as it is, which publishers ask for
    "ps.fonttype": 42,
    "svg.fonttype": "path",  # looks alike where the font is missing
    "svg.hashsalt": "tinyflow",
    "pgf.rcfonts": False,  # the paper's own font
}
_METADATA: dict[str, dict[str, Any]] = {
    "pdf": dict.fromkeys(("CreationDate", "ModDate", "Creator", "Producer")),
    "svg": dict.fromkeys(("Date", "Creator", "Format", "Type")),
    "png": {"Software": None},
}


def draw(document: Document, format: str, scratch: Path) -> bytes:
    """A plot as the content of a file. Matplotlib keeps what it knows of fonts in the folder `scratch`."""
    os.environ["MPLCONFIGDIR"] = str(scratch)
    import matplotlib
    from matplotlib import font_manager
    from matplotlib.figure import Figure

    own = matplotlib.get_data_path()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        # One of this name may be installed, too, in another version.
        known = font_manager.fontManager.ttflist
        font_manager.fontManager.ttflist = [font for font in known if font.fname.startswith(own)]
        figure = Figure(layout="constrained")
        {"bars": _bars, "pareto": _pareto, "layers": _layers}[document["kind"]](figure, document)
        content = io.BytesIO()
        if format == "pgf":
            _do_without_latex()
        more: dict[str, Any] = {"metadata": _METADATA[format]} if format in _METADATA else {}
        figure.savefig(content, format=format, **more)
    return content.getvalue()


def _do_without_latex() -> None:
    """LaTeX places the texts of PGF; how large they are, for the layout, matplotlib would ask an installed one."""
    from matplotlib.backends import backend_pgf
    from matplotlib.textpath import text_to_path

    class Renderer(backend_pgf.RendererPgf):  # type: ignore[misc]  # matplotlib is not looked into
        def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> tuple[float, float, float]:
            """Of DejaVu Sans, in pixels."""
            width, height, descent = text_to_path.get_text_width_height_descent(s, prop, ismath)
            scale = self.dpi / 72
            return width * scale, height * scale, descent * scale

        def draw_text(self, gc: Any, x: float, y: float, s: str, *others: Any, **named: Any) -> None:
            """With `_` for what it is: matplotlib escapes all else."""
            super().draw_text(gc, x, y, s.replace("_", "\\_"), *others, **named)

    backend_pgf.RendererPgf = Renderer


def _bars(figure: Any, document: Document) -> None:
    """A metric: a group for each network, in it a bar for each way of building it."""
    bars, metric = document["bars"], BY_NAME[document["metric"]]
    groups = list(dict.fromkeys(bar["network"] for bar in bars))
    names = list(dict.fromkeys(bar["name"] for bar in bars))
    scale = axis(metric, [bar["value"] for bar in bars])
    values = {(bar["network"], bar["name"]): bar["value"] / scale.divisor for bar in bars}
    _size(figure, _COLUMN if len(bars) <= _MOST_IN_COLUMN else _PAGE, 2.1, names)
    axes = figure.add_subplot()
    width = 0.84 / len(names)
    # bars of a logarithm begin anywhere: at the decade below the least
    bottom = 10.0 ** math.floor(math.log10(scale.low)) if scale.is_log else 0.0
    for index, name in enumerate(names):
        places = [place for place, group in enumerate(groups) if (group, name) in values]
        axes.bar(
            [place + (index - (len(names) - 1) / 2) * width for place in places],
            [values[groups[place], name] - bottom for place in places],
            width * 0.92,
            bottom,
            label=name,
            **_fill(index),
        )
    if scale.is_log:
        axes.set_yscale("log")
        axes.set_ylim(bottom, scale.high)
        _ticks(axes, "y", replace(scale, low=bottom))
    axes.set_xticks(range(len(groups)), groups)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel(label(metric, scale))
    axes.grid(axis="y")
    _plain(axes, "y" if not scale.is_log else "")
    _legend(figure, *axes.get_legend_handles_labels())


def _layers(figure: Any, document: Document) -> None:
    """A bar for each bench, in it a part for each layer, in the order of the network."""
    bars, metric = document["bars"], BY_NAME[document["metric"]]
    operators = list(dict.fromkeys(operator for bar in bars for operator, _ in bar["parts"]))
    scale = axis(metric, [sum(cost for _, cost in bar["parts"]) for bar in bars])
    _size(figure, _PAGE, 0.55 + 0.24 * len(bars), operators)
    axes = figure.add_subplot()
    for place, bar in enumerate(bars):
        begin = 0.0
        for operator, cost in bar["parts"]:
            width = cost / scale.divisor
            axes.barh(place, width, 0.7, begin, label=operator, **_fill(operators.index(operator)))
            begin += width
    axes.set_xlim(0, max(sum(cost for _, cost in bar["parts"]) for bar in bars) / scale.divisor * 1.02)
    axes.set_yticks(range(len(bars)), [bar["name"] for bar in bars])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlabel(label(metric, scale, " by layer"))
    axes.grid(axis="x")
    _plain(axes, "x")
    handles = dict(zip(reversed(axes.get_legend_handles_labels()[1]), reversed(axes.containers), strict=True))
    _legend(figure, [handles[operator] for operator in operators], operators)


def _pareto(figure: Any, document: Document) -> None:
    """A row of plots for each network: RAM and flash against time, its front joined and named."""
    from matplotlib.lines import Line2D

    points = [point for network in document["networks"] for plane in network["planes"] for point in plane["points"]]
    backends, targets = (list(dict.fromkeys(point[name] for point in points)) for name in ("backend", "target"))
    columns = max(len(network["planes"]) for network in document["networks"])
    _size(figure, _COLUMN if columns == 1 else _PAGE, 1.9 * len(document["networks"]), [*backends, *targets])
    for row, network in enumerate(document["networks"]):
        for column, plane in enumerate(network["planes"]):
            axes = figure.add_subplot(len(document["networks"]), columns, row * columns + column + 1)
            _plane(axes, network, plane, backends, targets)
    colours = [Line2D([], [], linestyle="", marker="s", color=_colour(index)) for index in range(len(backends))]
    shapes = [Line2D([], [], linestyle="", marker=_marker(index), color="#555555") for index in range(len(targets))]
    _legend(figure, [*colours, *shapes], [*backends, *targets])


def _plane(axes: Any, network: Document, plane: Document, backends: Sequence[str], targets: Sequence[str]) -> None:
    time, memory, points = BY_NAME[network["time"]], BY_NAME[plane["memory"]], plane["points"]
    across, upward = (
        axis(metric, [point[at] for point in points]) for metric, at in ((time, "time"), (memory, "memory"))
    )
    places = [(point["time"] / across.divisor, point["memory"] / upward.divisor, point) for point in points]
    front = sorted({(x, y): point for x, y, point in reversed(places) if point["is_on_front"]}.items())
    axes.step(
        *zip(*(place for place, _ in front), strict=True), where="post", color="#555555", linestyle="--", zorder=1
    )
    for x, y, point in sorted(places, key=lambda place: place[2]["is_on_front"]):
        axes.plot(
            *(x, y),
            marker=_marker(targets.index(point["target"])),
            color=_colour(backends.index(point["backend"])),
            markeredgecolor="black" if point["is_on_front"] else "white",
            markersize=4.5 if point["is_on_front"] else 4,
            markeredgewidth=0.7 if point["is_on_front"] else 0.4,
        )
    named: list[tuple[float, float]] = []
    for (x, y), point in front:
        right, up = across.place(point["time"]), upward.place(point["memory"])
        if any(abs(right - x0) < _NAME_WIDTH and abs(up - y0) < _NAME_HEIGHT for x0, y0 in named):
            continue  # it would lie over another's
        named.append((right, up))
        # the front comes from above and leaves to the right
        where = {"xytext": (-5, 0), "ha": "right", "va": "center"} if right > 0.5 else {"xytext": (3, 4), "ha": "left"}
        # over the front's line, which may lead there all the same, and under the points
        on_white = {"bbox": {"facecolor": "white", "linewidth": 0, "pad": 0.2}, "zorder": 1.5}
        axes.annotate(point["name"], (x, y), textcoords="offset points", fontsize=5, **where, **on_white)
    axes.set_title(network["network"], loc="left", fontweight="bold")
    axes.set_xlabel(label(time, across))
    axes.set_ylabel(label(memory, upward))
    for name, scale in (("x", across), ("y", upward)):
        axes.set(**{f"{name}scale": "log" if scale.is_log else "linear", f"{name}lim": (scale.low, scale.high)})
        _ticks(axes, name, scale)
    axes.grid()
    _plain(axes, "")


def _ticks(axes: Any, name: str, scale: Axis) -> None:
    """Round numbers, written out."""
    axes.set(**{f"{name}ticks": scale.ticks, f"{name}ticklabels": [spell_tick(tick) for tick in scale.ticks]})
    axes.minorticks_off()


def _size(figure: Any, width: float, height: float, names: Iterable[str]) -> None:
    """In inches, with room for a legend of these names."""
    _, rows = _legend_grid(width, list(names))
    figure.set_size_inches(width, height + rows * _LEGEND_ROW)


def _legend_grid(width: float, names: Sequence[str]) -> tuple[int, int]:
    """Columns and rows."""
    room = 0.45 + _LETTER * max(map(len, names))
    columns = max(1, min(len(names), int(width / room)))
    return columns, -(-len(names) // columns)


def _legend(figure: Any, handles: Sequence[Any], names: Sequence[str]) -> None:
    columns, _ = _legend_grid(figure.get_figwidth(), names)
    figure.legend(
        handles, names, loc="outside lower center", ncols=columns, handlelength=1.4, columnspacing=1, labelspacing=0.3
    )


def _fill(index: int) -> dict[str, Any]:
    """A colour and a hatch: either alone tells one from its neighbours, both one from all."""
    hatch = _HATCHES[(index + index // len(_COLOURS)) % len(_HATCHES)]
    return {"color": _colour(index), "hatch": hatch, "edgecolor": "#222222", "linewidth": 0.3}


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _marker(index: int) -> str:
    return _MARKERS[index % len(_MARKERS)]


def _plain(axes: Any, numbers: str) -> None:
    """Two sides of the frame are enough; `numbers` is the axis whose numbers have no factor beside it."""
    axes.spines[["top", "right"]].set_visible(False)
    if numbers:
        axes.ticklabel_format(axis=numbers, style="plain", useOffset=False)
