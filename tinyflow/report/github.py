"""What GitHub Actions understands: annotations on standard output, and Markdown for the summary of a step.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyflow.core import safe_text
from tinyflow.report.rows import NOT_RUN, warnings_of

Row = Mapping[str, Any]


def is_here(environment: Mapping[str, str]) -> bool:
    """Whether this runs as a step of a workflow."""
    return environment.get("GITHUB_ACTIONS") == "true"


def annotate(rows: Sequence[Row]) -> list[str]:
    """An error for each bench without a result; a warning for each that was not run, and for what a verdict lacks."""
    doubts = [annotation("warning", row["bench"], warning) for row in rows for warning in warnings_of(row)]
    return doubts + [
        annotation(
            "warning" if row["status"] in NOT_RUN else "error", row["bench"], f"{row['status']}: {row['reason']}"
        )
        for row in rows
        if row["status"] != "ok"
    ]


def annotation(level: str, title: str, message: str) -> str:
    """One workflow command: `::error title=…::…`, with the characters escaped that would end it."""
    escaped, name = (text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A") for text in (message, title))
    name = name.replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={safe_text.shown(name)}::{safe_text.shown(escaped)}"


def add_summary(environment: Mapping[str, str], markdown: str) -> None:
    """Append to the step's summary, where there is one."""
    if path := environment.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown + "\n")
