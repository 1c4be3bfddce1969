"""The files of one bench's view (`build/<bench>/`) as parsed JSON. Reads; a file that is missing or damaged is None."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyflow.core.errors import CacheError
from tinyflow.core.regular_files import Regular, Unreadable
from tinyflow.report.rows import SCHEMA

Document = Mapping[str, Any]


@dataclass(frozen=True)
class BenchDocuments:
    """What is known of one bench. A failed bench has its report and whatever the stages before the failure wrote."""

    report: Document  # report.json
    plan: Document | None = None  # plan.json: arena, layers
    sizes: Document | None = None  # sizes.json: regions, symbols
    run: Document | None = None  # run.json: instructions per sample and per function
    timing: Document | None = None  # timing.json: times of every sample, where the machine's own clock is meant
    profile: Document | None = None  # profile.json: layers and functions of one invoke, where cycles are estimated
    provenance: Document | None = None  # provenance.json: the key of every action
    graph: Document | None = None  # graph.json: the model as it came
    network: Document | None = None  # network.json: what the backend compiled, after all transforms
    relax: Document | None = None  # relax.json: what TVM made of that
    accuracy: Document | None = None  # accuracy.json: confusion and classes, where labelled samples were computed


def read_report(folder: Path) -> dict[str, Any] | None:
    """A bench's `report.json`, or None where there is none that can be read."""
    report = _read(folder / "report.json")
    return report if report is not None and report.get("schema") == SCHEMA else None


def read_documents(folder: Path) -> BenchDocuments | None:
    """All documents of a view, or None where it has no report."""
    report = read_report(folder)
    if report is None:
        return None
    names = ("plan", "sizes", "run", "timing", "profile", "graph", "network", "relax", "accuracy", "provenance")
    return BenchDocuments(report, **{name: _read(folder / f"{name}.json") for name in names})


def _read(path: Path) -> dict[str, Any] | None:
    try:
        with Regular(path) as file:
            document = json.loads(file.read())
    except (FileNotFoundError, Unreadable, CacheError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
