"""What plots for papers show, as JSON: rows chosen, grouped, and those left out with the reason. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.recipes.suggest import hint_for
from tinyflow.report.metrics import BY_NAME
from tinyflow.report.tradeoffs import networks, time_of, variant

Row = Mapping[str, Any]
Document = Mapping[str, Any]
LeftOut = list[tuple[str, str]]  # bench, and why it isn't in the plot

KINDS = ("bars", "pareto", "layers")
# Metrics of layers → the name in a profile
_OF_LAYERS = {"invoke_instructions": "instructions", "cycles_estimate": "cycles_estimate", "latency_ms": "latency_ms"}
_NO_PROFILE = "nothing counts what its layers cost"


def check_metric(kind: str, metric: str) -> None:
    """UsageError for a metric that a kind of plot can't show. Without one the plot takes what its rows have."""
    names = tuple(_OF_LAYERS if kind == "layers" else BY_NAME)
    if metric and kind == "pareto":
        raise UsageError("--metric: pareto shows time, RAM and flash", hint="leave it out, or take --kind bars")
    if metric and metric not in names:
        raise UsageError(f'--metric: {kind} has no "{metric}"', hint=hint_for(metric, sorted(names), "metrics"))


def plot_of(
    kind: str, metric: str, rows: Sequence[Row], profiles: Mapping[str, Document]
) -> tuple[dict[str, Any], LeftOut]:
    """The document that `paper.draw` takes, and what isn't in it. UsageError where nothing is left to be drawn.

    Rows are flat; `profiles` has those of benches whose layers are known.
    """
    if kind == "pareto":
        found, left_out = _pareto(rows)
    elif kind == "layers":
        found, left_out = _layers(metric or "invoke_instructions", rows, profiles)
    else:
        found, left_out = _bars(metric or time_of(rows) or "invoke_instructions", rows)
    if not (found.get("bars") or found.get("networks")):
        reasons = "; ".join(f"{bench}: {why}" for bench, why in left_out[:3]) or "there are no rows"
        what = "two benches of one network" if kind == "pareto" else "a bench"
        more = ", --kind layers one" if kind == "pareto" else ""
        raise UsageError(f"nothing to plot: {reasons}", hint=f"--kind {kind} needs {what} with what it shows{more}")
    return {"kind": kind, **found}, left_out


def _bars(metric: str, rows: Sequence[Row]) -> tuple[dict[str, Any], LeftOut]:
    """A group for each network, in it a bar for each way of building it."""
    shown = [row for row in rows if row["status"] == "ok" and row.get(metric) is not None]
    bars = [{"network": row["model"], "name": variant(row), "value": row[metric]} for row in shown]
    return {"metric": metric, "bars": bars}, _others(rows, shown, metric)


def _layers(metric: str, rows: Sequence[Row], profiles: Mapping[str, Document]) -> tuple[dict[str, Any], LeftOut]:
    """A bar for each bench, in it a part for each layer."""
    bars, shown, unknown = [], [], []
    for row in rows:
        profile = profiles.get(row["bench"])
        if row["status"] != "ok" or profile is None:
            unknown += [(row["bench"], _NO_PROFILE)] if row["status"] == "ok" else []
            continue
        clock_hz = profile.get("cycle_model", {}).get("clock_hz")
        layers = [*profile["layers"], {"operator": "other", **(profile.get("other") or {})}]
        parts = [(layer["operator"], _cost(layer, metric, clock_hz)) for layer in layers]
        if any(cost for _, cost in parts):
            bars.append({"name": row["bench"], "parts": [part for part in parts if part[1]]})
            shown.append(row)
    told = {bench for bench, _ in unknown}
    others = [left for left in _others(rows, shown, f"{metric} of layers") if left[0] not in told]
    return {"metric": metric, "bars": bars}, [*unknown, *others]


def _cost(layer: Document, metric: str, clock_hz: float | None) -> float | None:
    if metric != "latency_ms":
        return layer.get(_OF_LAYERS[metric])
    cycles = layer.get("cycles_estimate")
    return None if cycles is None or not clock_hz else round(cycles / clock_hz * 1e3, 9)


def _pareto(rows: Sequence[Row]) -> tuple[dict[str, Any], LeftOut]:
    """RAM and flash of each network against its time."""
    found = networks(rows)
    planes = [
        {
            "network": network.model,
            "time": network.time.name,
            "planes": [
                {
                    "memory": plane.memory.name,
                    "points": [
                        {
                            **{name: point.row[name] for name in ("backend", "target")},
                            "name": variant(point.row),
                            "time": point.time,
                            "memory": point.memory,
                            "is_on_front": point.is_on_front,
                        }
                        for point in plane.points
                    ],
                }
                for plane in network.planes
            ],
        }
        for network in found
    ]
    left_out = [left for network in found for left in network.left_out]
    drawn = {network.model for network in found}
    alone = [(row["bench"], "nothing to compare it with") for row in rows if row["model"] not in drawn]
    return {"networks": planes}, [*left_out, *alone]


def _others(rows: Iterable[Row], shown: Sequence[Row], wanted: str) -> LeftOut:
    """What is not shown, and why."""
    benches = {row["bench"] for row in shown}
    return [
        (row["bench"], f"no {wanted}" if row["status"] == "ok" else row["status"])
        for row in rows
        if row["bench"] not in benches
    ]
