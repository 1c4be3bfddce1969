"""The last action of a bench: what its stages wrote becomes one row. It reads files and measures nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tinyflow.core.action import Workspace
from tinyflow.report import rows


def report(workspace: Workspace) -> None:
    """Write `row.json`, the part of `report.json` that follows from the inputs alone.

    Inputs: graph.json, origin.json, plan.json, run.json, timing.json; sizes.json where there is firmware,
    deployment.json where its backend tells what that takes, tidy.json, shrink.json, patch.json and quantise.json
    where the model was tidied, shrunk, cut into patches or quantised: what was changed in it; profile.json where
    cycles are estimated; accuracy.json where labelled samples were computed. Parameters: bench (canonical name),
    model, backend, target, features ({name: value, or True}); target_options where the target's recipe chose some,
    power where it has that, no_cycles where none are estimated for it: why.
    """
    files: dict[str, Any] = {name: json.loads(path.read_bytes()) for name, path in workspace.inputs.items()}
    profile = _profile_of(files["run.json"], files.get("profile.json", {}))
    accuracy = files.get("accuracy.json", {})
    metrics = rows.metrics_of(
        files["graph.json"],
        files["plan.json"],
        {**files.get("sizes.json", {}), **files.get("deployment.json", {})},
        files["run.json"],
        files["timing.json"],
        profile,
        workspace.parameters.get("power"),
        accuracy,
    )
    row = rows.bench_row(
        workspace.parameters,
        weights=files["origin.json"]["weights"],
        metrics=metrics,
        validation=rows.with_quantising(
            rows.with_import(files["run.json"]["validation"], files["origin.json"]), files.get("quantise.json")
        ),
    )
    if "target_options" in workspace.parameters:
        row["target_options"] = workspace.parameters["target_options"]
    if profile:
        model = profile["cycle_model"]
        row["cycle_model"] = {name: value for name, value in model.items() if name != "clock_hz"}
    if "no_cycles" in workspace.parameters:
        row["no_cycles"] = workspace.parameters["no_cycles"]
    paths = rows.paths_of(files["plan.json"])
    if paths:
        row["paths"] = paths
    reference_layers = rows.reference_layers(files["plan.json"])
    if reference_layers:
        row["reference_layers"] = reference_layers
    if "engine" in files["plan.json"]:
        row["engine"] = files["plan.json"]["engine"]
    if "tuning" in files["plan.json"]:
        row["tuning"] = files["plan.json"]["tuning"]
    tidied = files.get("tidy.json", {})
    if tidied.get("operators") or tidied.get("changed"):
        row["tidied"] = tidied
    if "shrink.json" in files:
        row["removed"] = files["shrink.json"]
    if accuracy:
        row["accuracy"] = {name: accuracy[name] for name in rows.OF_ACCURACY if name in accuracy}
    if "patch.json" in files:
        row["patched"] = files["patch.json"]
    workspace.write_json("row.json", row, indent=2, allow_nan=False)


def _profile_of(run: Mapping[str, Any], profile: Mapping[str, Any]) -> Mapping[str, Any]:
    """The profile, if what it followed is what was run: looking on has misled Unicorn (2.1.4) in code of others."""
    first = next(iter(run.get("invoke_instructions") or ()), None)
    is_same = first is None or not profile or profile["total"]["instructions"] == first
    return profile if is_same else {}
