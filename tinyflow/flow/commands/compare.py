"""`doit compare`: two sides, bench by bench and metric by metric. Runs nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.flow.commands.command import OwnCommand, flag, option
from tinyflow.flow.publishing.comparison import find_comparison, limits_of, parse_limits
from tinyflow.flow.publishing.revision import resolve_revision
from tinyflow.flow.session.display import width_of
from tinyflow.flow.streams import write_data
from tinyflow.report import github
from tinyflow.report.changes import commits, summary, to_json, to_table
from tinyflow.report.compare import Change, Results, compare, doubts
from tinyflow.report.formats import to_markdown, to_text

REGRESSED = 1

OPTIONS = (
    flag("all", "show every metric, and what is the same", short="a"),
    option("format", "how to write it [default: text]", "text", choices=("text", "md", "json")),
    option("max-regression", "how much worse a metric may get: ram_bytes:0,invoke_instructions:0.5%%", name="limits"),
)


class Compare(OwnCommand):
    """Prints changes; ends with 1 where one is over its limit."""

    doc_purpose = "what differs between two suites, reports, benches, features or revisions"
    doc_usage = "OLD NEW"
    doc_description = """\
Each side is a suite, bench, backend (model, target), +feature (+ alone: without it), report.json, folder or git
revision. A suite's `max_regression` says how much worse is too much. The exit status is 1 where that is crossed, where
a bench failed on the new side, and where the new revision has no result of a bench that the old one has.
Example: doit compare tvmaot tvmaotplus
Example: doit compare --max-regression 'ram_bytes:0,invoke_instructions:0.5%' old/report.json mlperf_tiny"""
    cmd_options = OPTIONS

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Compare and tell."""
        if len(args) != 2:
            hint = f"for example {self.bin_name} compare tvmaot tvmaotplus"
            raise UsageError("compare takes two sides: an old one and a new one", hint=hint)
        old, new = args
        limits = parse_limits(params["limits"]) or limits_of(self.loader.catalogue, (new, old))
        sides = find_comparison(old, new, self.loader.views, self.loader.catalogue)
        head = resolve_revision(self.loader.project.root, "HEAD")
        return tell((old, new), sides, compare(*sides, limits), params, doubts(*sides), head)


def tell(
    names: tuple[str, str],
    sides: tuple[Results, Results],
    changes: Sequence[Change],
    params: dict[str, Any],
    warnings: Sequence[str],
    head: str | None,
) -> int:
    """Print changes in the wanted format, what is to be said of the sides' outputs, and where the sides are from.

    `head` is what is checked out. Returns the exit status.
    """
    if params["format"] == "json":
        write_data(to_json(*names, changes, warnings))
    else:
        table = to_table(changes, is_all=params["all"])
        if table.rows:
            is_text = params["format"] == "text"
            text = to_text(table, width_of(sys.stdout)) if is_text else to_markdown(table)
            write_data(text.decode() + "\n")
        for name, side in zip(names, sides, strict=True):
            if told := commits(side, head):
                print(f"{name}: measured at {told}")
        print(summary(changes, table), *warnings, sep="\n")
    crossed = [change for change in changes if change.is_regression]
    if crossed and github.is_here(os.environ):
        for change in crossed:
            message = (
                f"{change.metric}: {change.old} -> {change.new} ({change.verdict}, limit {change.limit or 'none'})"
            )
            print(github.annotation("error", change.bench, message))
    return REGRESSED if crossed else 0
