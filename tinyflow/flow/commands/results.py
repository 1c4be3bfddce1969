"""`doit results`: a query over what is known already. Runs nothing."""

from __future__ import annotations

import sys
from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.flow.commands.command import OwnCommand, option
from tinyflow.flow.publishing.query import select
from tinyflow.flow.session.display import width_of
from tinyflow.flow.streams import write_data, writing
from tinyflow.report.formats import BINARY, FORMATS, to_text
from tinyflow.report.tables import cycle_models, doubts

# Without `--columns` a terminal gets these, files get all.
_SHOWN = (
    *(
        "bench",
        "status",
        "invoke_instructions",
        "latency_ms",
        "invoke_s",
        "board_ms",
        "rom_bytes",
        "ram_bytes",
        "arena_bytes",
        "validation",
        "weights",
    ),
    "commit",
)


class Results(OwnCommand):
    """Prints rows, or writes them to a file."""

    doc_purpose = "query what was measured, in many formats"
    doc_description = """\
Columns are those of report.csv, with fronts and tools; conditions take sizes and bare texts.
Example: doit results --suite mlperf_tiny --where 'ram_bytes<100KiB and target=stm32f7' --sort invoke_instructions
Example: doit results --model vww --columns 'bench,rom_*' --format xlsx --output vww.xlsx"""
    cmd_options = (
        option("suite", "only the benches of this suite"),
        option("model", "only the benches of this model"),
        option("where", "only rows for which this holds: 'ram_bytes<100KiB'"),
        option("sort", "columns to sort by, comma-separated; -name sorts downwards"),
        option("columns", "columns to show, comma-separated; rom_* shows all that match"),
        option("format", "how to write them [default: text]", "text", choices=FORMATS),
        option("output", "write to this file instead of the terminal"),
    )

    def parse_execute(self, in_args: list[str]) -> int:
        """Take conditions with `=` back, which doit keeps for variables."""
        words = sys.argv[1:]
        is_taken = self.name in words and any("=" in word and not word.startswith("-") for word in words)
        return super().parse_execute(words[words.index(self.name) + 1 :] if is_taken else in_args)

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print or write the rows that were asked for."""
        if args:
            raise UsageError(
                f'results takes no "{args[0]}"', hint=f"for example {self.bin_name} results --model {args[0]}"
            )
        wanted, output = params["format"], params["output"]
        if wanted in BINARY and not output:
            raise UsageError(f"{wanted} can't be shown on a terminal", hint=f"add --output results.{wanted}")
        asked = {name: params[name] or None for name in ("suite", "model", "where")}
        frame = select(
            self.loader.views,
            lambda: self.loader.catalogue,
            **asked,
            sort=params["sort"],
            columns=params["columns"],
        )
        told: list[str] = []
        if wanted == "text" and not params["columns"]:
            told = [f"{doubt}\n" for doubt in doubts((r["bench"], r["warnings"]) for r in frame if "warnings" in r)]
            told += [f"{line}\n" for line in cycle_models((r["target"], r.get("cycle_model")) for r in frame)]
            frame = frame.marked().choose([name for name in _SHOWN if name in frame.columns])
        is_shown = wanted == "text" and not output
        content = to_text(frame, width_of(sys.stdout)) if is_shown else FORMATS[wanted](frame)
        content += "".join(told).encode()
        if output:
            with writing(output) as path:
                path.write_bytes(content)
        else:
            write_data(content)
        return 0
