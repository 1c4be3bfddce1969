"""`doit sweep`: a suite that is typed, every combination of backends, targets and features; a table at the end."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from tinyflow.core.errors import UsageError
from tinyflow.flow.commands.command import option, run_options
from tinyflow.flow.commands.run import Run
from tinyflow.flow.session.display import width_of
from tinyflow.flow.streams import as_it_is, write_data, writing
from tinyflow.recipes.sweep import NAME, typed_suite
from tinyflow.report import sweep, tables
from tinyflow.report.formats import BINARY, FORMATS, to_text
from tinyflow.report.frame import frame_of
from tinyflow.report.metrics import SHORT_NAMES


class Sweep(Run):
    """A run of a suite that has no recipe."""

    name = "sweep"
    doc_purpose = "every combination of features, backends and targets with a bench or model, as one table"
    doc_usage = "BENCH|MODEL... [--feature F.V,W]... [--backend B,C] [--target T,U]"
    doc_description = """\
Each --feature is a list of which every bench has one: opt.O2,O3; dsp,schedule.arm; + stands for none of them: +,dsp. A
bench keeps what of its name isn't varied. Combinations that don't go together are rows with the reason. The pages are
those of a suite, in build/suites/. Exit status 2 where nothing goes together.
Example: doit sweep aww-tvmaotplus-stm32f7 --feature opt.O2,O3 --feature layout.NHWC,NCHW
Example: doit sweep aww vww --backend tinyc,tvmaot --target stm32f4,stm32f7 --feature +,dsp --sort ram"""
    cmd_options = (
        option("feature", "a list of features or values; may be given several times", [], name="features"),
        option("target", "these targets; may be given several times", [], short="t", name="targets"),
        option("backend", "these backends; may be given several times", [], short="b", name="backends"),
        option(
            "sort", "by which column of results: instructions, ram, rom, latency [default: %(default)s]", "instructions"
        ),
        option("name", "what the suite is called in build/suites/ [default: %(default)s]", NAME, name="suite"),
        option("format", "how to write the table [default: text]", "text", choices=FORMATS),
        option("output", "write the table to this file instead of the terminal"),
        *run_options(),
    )

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Run the combinations."""
        self._heed(params)
        if not args:
            hint = f"for example {self.bin_name} sweep aww-tinyc-stm32f7 --feature opt.O2,O3"
            raise UsageError("sweep of what?", hint=hint)
        self._format, self._output = params["format"], params["output"]
        if self._format in BINARY and not self._output:
            raise UsageError(f"{self._format} can't be shown on a terminal", hint=f"add --output {NAME}.{self._format}")
        named = params["sort"].removeprefix("-")
        down = "-" * (named != params["sort"])
        self._key = down + frame_of([]).with_metrics().column(SHORT_NAMES.get(named, named))
        if self._format != "text" and not self._output and not isinstance(params["outfile"], str):
            params["outfile"] = sys.stderr  # all but the table
        catalogue = self.loader.catalogue
        wanted = (params[name] for name in ("features", "backends", "targets", "suite"))
        suite = typed_suite(catalogue, args, *wanted)
        catalogue.add(suite)
        status = super().execute(params, [f"suite:{suite.name}"])
        return status if self.loader.selection.benches else UsageError.exit_status

    def _show(self, rows: list[dict[str, Any]], stream: TextIO) -> None:
        """See `Run`."""
        table = sweep.frame(rows, self._key)
        if self._output:
            with writing(self._output) as path:
                path.write_bytes(FORMATS[self._format](table))
        elif self._format != "text":
            write_data(FORMATS[self._format](table))
            return
        as_it_is(stream).write(to_text(table, width_of(stream)).decode())
        stream.writelines(f"{line}\n" for line in tables.notes(rows))
