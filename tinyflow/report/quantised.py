"""What a network lost when it was quantised after training (`quantise.json`), for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow.core import safe_text
from tinyflow.core.units import format_size
from tinyflow.report.formats import to_text
from tinyflow.report.frame import Frame
from tinyflow.report.rows import MADE_UP

Document = Mapping[str, Any]

_COLUMNS = ("layer", "operator", "tensor", "SQNR dB", "max error", "max value")


def quantised_text(model: str, document: Document) -> str:
    """Sizes, what stayed float, the layers with their noise, and how often the largest output is the same."""
    weights = document["weights_bytes"]
    lines = [
        f"{model}: weights {format_size(weights['before'])} → {format_size(weights['after'])}; calibrated on"
        f" {document['calibration_samples']} samples, judged by {document['evaluation_samples']}"
    ]
    if document["samples"] != "recipe":
        lines.append(MADE_UP)
    if document["float_operators"]:
        named = sorted({entry["name"] for entry in document["float_operators"]})
        lines.append(f"{len(document['float_operators'])} operators stay float32: {', '.join(named)}")
    lines += ["", to_text(_layers(document)).decode(), ""]
    lines += [_output(entry) for entry in document["outputs"]]
    return safe_text.plain("\n".join(lines) + "\n")


def _layers(document: Document) -> Frame:
    rows = [
        {
            "layer": entry["operator"],
            "operator": entry["name"],
            "tensor": entry["tensor"][-32:],
            "SQNR dB": entry["sqnr_db"],
            "max error": float(f"{entry['max_abs_error']:.3g}"),
            "max value": float(f"{entry['max_abs_value']:.3g}"),
        }
        for entry in document["layers"]
    ]
    return Frame(_COLUMNS, tuple(rows))


def _output(entry: Mapping[str, Any]) -> str:
    noise = "no noise" if entry["sqnr_db"] is None else f"SQNR {entry['sqnr_db']:g} dB"
    agreement = entry["top1_agreement"]
    same = "" if agreement is None else f", the same largest value in {agreement:.1%} of rows"
    return f"output {entry['tensor']}: {noise}, off by {entry['max_abs_error']:.3g} at most{same}"
