"""`doit history`: what a bench measured over time. Runs nothing."""

from __future__ import annotations

from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.flow.commands.command import OwnCommand, option
from tinyflow.flow.publishing.comparison import bench_name
from tinyflow.flow.streams import write_data
from tinyflow.recipes.suggest import hint_for
from tinyflow.report.formats import FORMATS
from tinyflow.report.frame import Frame
from tinyflow.report.history import Record, read, series, short, text_sparkline
from tinyflow.report.metrics import BY_NAME

_SHOWN = "invoke_instructions,latency_ms,rom_bytes,ram_bytes"


class History(OwnCommand):
    """Prints a line for each recorded result, and the course of each metric."""

    doc_purpose = "what a bench measured over time, by commit"
    doc_usage = "BENCH..."
    doc_description = (
        "Results are recorded when benches run.\nExample: doit history vww-tvmaot-stm32f7 --metrics rom_bytes"
    )
    cmd_options = (
        option("metrics", "comma-separated [default: %(default)s]", _SHOWN, short="m"),
        option("format", "how to write it [default: text]", "text", choices=("text", "md", "csv", "json")),
    )

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print the records of each bench."""
        self.require(args, "history of what?", "history vww-tvmaot-stm32f7")
        metrics = [name.strip() for name in params["metrics"].split(",")]
        for name in metrics:
            if name not in BY_NAME:
                raise UsageError(f'unknown metric "{name}"', hint=hint_for(name, list(BY_NAME), "metrics"))
        for bench in args:
            self._tell(bench_name(bench), metrics, params["format"])
        return 0

    def _tell(self, bench: str, metrics: list[str], wanted: str) -> None:
        folder = self.loader.project.history
        records = read(folder / f"{bench}.jsonl")
        if not records:
            known = sorted(path.stem for path in folder.glob("*.jsonl"))
            hint = hint_for(bench, known, "on record") if known else "results are recorded when benches run"
            raise UsageError(f"nothing is on record of {bench}", hint=hint)
        if wanted == "text":
            print(bench)
        write_data(FORMATS[wanted](_frame(records, metrics)))
        if wanted == "text":
            for name in metrics:
                if len(values := series(records, name)) > 1:
                    print(f"{name}: {text_sparkline(values)} {min(values):,} to {max(values):,}")


def _frame(records: list[Record], metrics: list[str]) -> Frame:
    """A row for each record; numbers by an older definition are left out."""
    rows = tuple(
        {
            "date": record.date,
            "commit": short(record.place or ""),
            "status": record.status,
            "weights": record.weights,
            **{name: record.metrics[name] for name in metrics if name in record.metrics and record.is_of_now(name)},
        }
        for record in records
    )
    failed = ("status",) if any(record.status != "ok" for record in records) else ()
    return Frame(("date", "commit", *failed, "weights", *metrics), rows)
