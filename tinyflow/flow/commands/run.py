"""`doit bench:… suite:…`: the command that builds, runs and reports."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from doit.cmd_run import Run as DoitRun

from tinyflow.core import process
from tinyflow.core.action import JSON
from tinyflow.core.errors import CacheError, TinyflowError, UsageError
from tinyflow.core.states import BUILT, FAILED, HIT, STOPPED, UP_TO_DATE
from tinyflow.core.units import format_seconds, format_size, parse_size
from tinyflow.flow.commands.command import HELP, Refusing, option, parse_timeout, run_options
from tinyflow.flow.commands.help import overview
from tinyflow.flow.early import CANCELLED
from tinyflow.flow.loader import Loader
from tinyflow.flow.messages import error_lines, shown
from tinyflow.flow.planning import build_systems
from tinyflow.flow.planning.available import refuse_what_cant_run
from tinyflow.flow.planning.firmware import Wanted, folder_of
from tinyflow.flow.planning.plots import WantedPlot, check_output
from tinyflow.flow.planning.selection import Selection
from tinyflow.flow.publishing.outcome import excused, expected
from tinyflow.flow.publishing.publish import Row, compare_published, publish
from tinyflow.flow.session.display import Display, LiveDisplay, PlainDisplay, is_terminal, width_of
from tinyflow.flow.session.ledger import exit_status
from tinyflow.flow.session.reporter import Reporter
from tinyflow.flow.session.signals import stoppable, unstoppable
from tinyflow.flow.session.tasks import Ready
from tinyflow.flow.streams import as_it_is, as_plain, writing
from tinyflow.report import github, tables
from tinyflow.report.paper import FORMATS
from tinyflow.report.plots import KINDS

_LAST_WORDS_S = 1.0  # how long a cancelled action may take to say goodbye
_OTHERS_TIMEOUT_S = 3600.0  # what ESP-IDF or Zephyr build the first time are whole systems
_QUIET = 0
_LARGEST_CACHE_BYTES = 64 << 20
_COUNTED = (BUILT, HIT, UP_TO_DATE, FAILED, STOPPED)


class Run(Refusing, DoitRun):  # type: ignore[misc]  # doit has no types
    """doit's run with our options, reporter and exit status."""

    name = "run"
    doc_purpose = "build, run and report benches and suites"
    doc_usage = "[(bench | suite | report | profile | trace | pareto | plot | accuracy | firmware | export):NAME]..."
    doc_description = "Example: doit -n 4 suite:mlperf_tiny"
    cmd_options = (
        *run_options(),
        option("cache", "for trace: a cache to follow: size, ways, bytes of a line: 16KiB,4,32"),
        option("kind", f"what plot: draws: {', '.join(KINDS)} [default: %(default)s]", "pareto"),
        option("format", f"in which format plot: draws: {', '.join(FORMATS)} [default: as -o says, else pdf]"),
        option("metric", "what bars and layers of plot: show, instead of time and instructions: ram_bytes, latency_ms"),
        option("where", "rows that plot: draws: 'target=stm32f7'; -o is where it goes, instead of build/plots/"),
    )
    loader: Loader

    def __init__(self, task_loader: Loader, cmds: Any = None, **options: Any) -> None:
        super().__init__(task_loader=task_loader, cmds=cmds, **options)
        self._commands = cmds

    def parse_words(self, words: list[str]) -> int:
        """Run, unless a command is behind options: doit looks for one in the first place only."""
        words = [part for word in words for part in (word.split(":", 1) if word.startswith("debug:") else (word,))]
        command, others = self._command_in(words)
        if command is not None:
            return int(command.parse_execute(others))
        gc.disable()  # a plan is very many objects that stay: looking through them would find nothing to free
        try:
            return super().parse_words(words)
        finally:
            gc.unfreeze()
            gc.enable()

    def tell_help(self, words: list[str]) -> int:
        """Of the first thing that is named, a group such as `bench`, if there is one."""
        named = [word.partition(":")[0] for word in words if word not in HELP and word[:1] != "-"]
        topic = self._commands.get_plugin("help")(
            task_loader=self.loader, config=self.config, bin_name=self.bin_name, cmds=self._commands
        )
        return int(topic.execute({}, [*named, self.name][:1]))

    def _command_in(self, words: list[str]) -> tuple[Any, list[str]]:
        """The command behind nothing but options, and the words for it: `-n 4 plan vww-tinyc-stm32f7`."""
        for index in (index for index, word in enumerate(words) if word in (self._commands or ())):
            before, behind = words[:index], words[index + 1 :]
            command = self._commands.get_plugin(words[index])(
                task_loader=self.loader,
                config=self.config,
                bin_name=self.bin_name,
                cmds=self._commands,
                opt_vals=self.opt_vals,
            )
            with contextlib.suppress(UsageError):  # in that place they have the meaning that they have for a run
                options, names = self.split(before)
                if not names and command.name != self.name and self.are_shared(options):
                    if isinstance(command, Run):
                        return command, [*before, *behind]
                    self.share(options)
                    return command, behind
            with contextlib.suppress(UsageError):
                if not command.split(before)[1]:
                    return command, [*before, *behind]
        return None, words

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Tell what to type where nothing was selected."""
        if not args:
            _refuse_variables(sys.argv[1:])
            print(overview(self.bin_name), end="")
            return 0
        self._heed(params)
        self.loader.wanted = Wanted(*(params[name] for name in ("for", "prefix", "board", "build", "flash", "example")))
        if self._has_plots(args):
            self.loader.selector.plot = self._wanted_plot(params, args)
        if params.get("cache"):
            self.loader.selector.cache = _parse_cache(params["cache"])
        return int(super().execute(params, args))

    def parse_execute(self, in_args: list[str]) -> int:
        """Take conditions with `=` back, which doit keeps for variables."""
        words = sys.argv[1:]
        is_taken = self._has_plots(words) and "--where" in words
        return super().parse_execute(words[words[0] == self.name :] if is_taken else in_args)

    @staticmethod
    def _has_plots(words: list[str]) -> bool:
        return any(word.startswith("plot:") for word in words)

    @staticmethod
    def _wanted_plot(params: dict[str, Any], words: list[str]) -> WantedPlot:
        """How to draw; `-o` is the drawing's where nothing else is asked for, and doit's own for its output."""
        output = ""
        if isinstance(params["outfile"], str) and all(word.startswith("plot:") for word in words):
            output, params["outfile"] = params["outfile"], sys.stdout
        form = params["format"] or Path(output).suffix.removeprefix(".").lower() or FORMATS[0]
        wanted = WantedPlot(params["kind"], form, params["metric"], params["where"], output)
        check_output(wanted, words)
        return wanted

    def _heed(self, params: dict[str, Any]) -> None:
        """What is said of all actions. UsageError for what can't be."""
        if params["timeout"]:
            self.loader.timeout_s = parse_timeout(params["timeout"])
        self.loader.cluster_address = params["cluster"] or self.loader.cluster_address
        self._is_width_said = "num_process" in getattr(params, "_non_default_keys", ())  # of doit's DefaultUpdate

    def _execute(
        self,
        outfile: TextIO | str,
        verbosity: int,
        quiet: bool,
        plain: bool,
        continue_: bool,
        num_process: int,
        par_type: str,
    ) -> int:
        """Run the selection under doit, then write down what became of it."""
        gc.freeze()
        gc.enable()
        refuse_what_cant_run(self.loader.selection.wholes())
        verbosity = _QUIET if quiet else verbosity
        with _opened(outfile) as stream:
            display = self._display(stream, is_quiet=verbosity == _QUIET, is_plain=plain)
            status = self._run(stream, display, verbosity, continue_, num_process, par_type)
            with unstoppable():
                self.loader.ledger.wait_idle(_LAST_WORDS_S)
                unwritten = self._tell(stream, time.monotonic() - self.loader.started_s, is_quiet=verbosity == _QUIET)
            if status != CANCELLED and self.loader.selection.exports:
                self._export(stream)
            if status != CANCELLED:
                self._plot(stream)
            failed = [] if status else [*self._build_elsewhere(stream)]
        if status == CANCELLED:
            # Uploads would be waited for, and a thread that can't be stopped would crash the interpreter's own end.
            sys.stdout.flush()
            os._exit(CANCELLED)
        self.loader.close()
        ledger, selection = self.loader.ledger, self.loader.selection
        told = ledger.failures(expected(selection, excused(selection, ledger, self.loader.catalogue)))
        if not told and ledger.failures():
            status = 0
        return exit_status([*told, *unwritten, *failed]) or status

    @property
    def control(self) -> Any:
        """What doit makes of the tasks in the midst of its run: our queue is in it by then."""
        return self._control

    @control.setter
    def control(self, made: Any) -> None:
        self._control, make_dispatcher = made, made.task_dispatcher

        def task_dispatcher() -> Any:
            dispatcher = make_dispatcher()
            dispatcher.ready = Ready(dispatcher.ready)
            return dispatcher

        made.task_dispatcher = task_dispatcher

    def _display(self, stream: TextIO, *, is_quiet: bool, is_plain: bool) -> Display:
        """What suits the stream and the user."""
        if is_quiet or is_plain or not is_terminal(stream):
            return PlainDisplay(stream, is_quiet=is_quiet)
        session = self.loader.session
        return LiveDisplay(stream, session.records.durations, self.loader.started_s, session.progress)

    def _run(
        self, stream: TextIO, display: Display, verbosity: int, continue_: bool, num_process: int, par_type: str
    ) -> int:
        """What doit makes of it: 0 where all is well; CANCELLED where the user stopped it."""
        self.loader.warn = lambda line: display.print_lines([line])
        reporter = Reporter(display, self.loader.ledger, is_verbose=verbosity > 1)
        loader = self.loader
        waiting = [action for action in loader.selection.all_actions.values() if not loader.ledger.is_done(action)]
        try:
            with stoppable(), loader.workers(waiting) as slots:
                width = slots if slots is not None and not self._is_width_said else num_process
                status: int = super()._execute(
                    stream, continue_=continue_, reporter=reporter, num_process=width, par_type=par_type
                )
                return status
        except KeyboardInterrupt:
            process.cancel_all()
            return CANCELLED

    def _export(self, stream: TextIO) -> None:
        """Write the archives that were asked for."""
        from tinyflow.flow.archives.export import Exporter

        loader = self.loader
        exporter = Exporter(loader.session, loader.catalogue, loader.mirrors, loader.project)
        for _, line in exporter.write(loader.selection, loader.ledger):
            print(line, file=stream)

    def _plot(self, stream: TextIO) -> None:
        """Draw the plots that were asked for; what isn't in them is told, too."""
        from tinyflow.flow.publishing.plots import write_plot

        loader = self.loader
        for name, plotted in loader.selection.plots.items():
            known = (loader.session, loader.ledger, loader.project, loader.views)
            path, outcome, left_out = write_plot(name, plotted, loader.selector.plot, *known)
            for why in dict.fromkeys(why for _, why in left_out):
                benches = ", ".join(bench for bench, own in left_out if own == why)
                print(f"not plotted: {benches} ({why})", file=stream)
            print(f"plot: {shown(path)} ({outcome})", file=stream)

    def _build_elsewhere(self, stream: TextIO) -> Iterator[Exception]:
        """Build packed firmware by its own build system, and flash it, where the user says so; what went wrong."""
        wanted, project = self.loader.wanted, self.loader.project
        chosen = self.loader.selection.firmware if wanted.is_built or wanted.is_flashed else {}
        for name, action in chosen.items():
            folder, prefix = folder_of(name, action, project), str(action.parameters["prefix"])
            log = folder.with_name(f"{folder.name}.log")
            log.unlink(missing_ok=True)
            for command in build_systems.commands(
                wanted.form, folder, prefix, wanted.board, is_flashed=wanted.is_flashed
            ):
                started = time.monotonic()
                limit = self.loader.timeout_s or _OTHERS_TIMEOUT_S
                try:
                    process.run_tool(command, folder=folder, log_path=log, timeout_s=limit, environment=os.environ)
                except TinyflowError as error:
                    print(*error_lines(error), sep="\n", file=sys.stderr)
                    yield error
                    break
                print(f"{' '.join(command[:2])}  {format_seconds(time.monotonic() - started)}", file=stream)
            print(f"log: {shown(log)}", file=stream)

    def _tell(self, stream: TextIO, seconds: float, *, is_quiet: bool) -> list[CacheError]:
        """Write views and reports; print the counts, the table and where to read on. Returns what was not written."""
        loader = self.loader
        known = (loader.selection, loader.session, loader.ledger, loader.project, loader.catalogue)
        rows, reports, unwritten = publish(*known, loader.checkout, loader.tell)
        counts = loader.ledger.counts()
        words = {HIT: "hit" if counts[HIT] == 1 else "hits"}
        told = [f"{counts[state]} {words.get(state, state)}" for state in _COUNTED if counts[state]]
        if not is_quiet:
            print(f"{', '.join(told) or 'nothing to do'} in {format_seconds(seconds)}", file=stream)
        if rows:
            self._show(rows, stream)
            stream.writelines(f"{name}: {file}\n" for name, file in _told_apart(loader.selection).items())
        texts = [("shrink", name) for name in loader.selection.shrunk]
        texts += [("quantise", name) for name in loader.selection.quantised]
        texts += [("export-onnx", name) for name in loader.selection.onnx]
        texts += [("profile", name) for name in loader.selection.profiles]
        texts += [("trace", name) for name in loader.selection.traces]
        texts += [("accuracy", name) for name in loader.selection.accuracies]
        texts += [("pareto", name) for name in loader.selection.choices]
        for folder, name in texts:
            path = loader.project.build / folder / f"{name}.txt"
            if path in reports:
                stream.write(path.read_text(encoding="utf-8"))
        if compared := compare_published(loader.selection, loader.views, loader.catalogue, width_of(stream)):
            stream.write(f"\n{compared}")
        if github.is_here(os.environ):
            print(*github.annotate(rows), sep="\n", file=as_it_is(stream))
            github.add_summary(os.environ, tables.to_markdown("tinyflow", rows))
        if rows and not reports and not unwritten:
            name = rows[0]["bench"] if len(rows) == 1 else "<bench>"
            reports = [loader.project.build / name / "report.html"]
        for path in reports:
            print(f"report: {shown(path)}", file=stream)
        return unwritten

    def _show(self, rows: list[Row], stream: TextIO) -> None:
        """Print what became of the benches."""
        if not is_terminal(stream):
            stream.write(tables.to_text(rows))
            return
        from rich.console import Console

        console = Console(file=as_it_is(stream))
        console.print(tables.to_rich(rows, console.width))


@contextlib.contextmanager
def _opened(outfile: TextIO | str) -> Iterator[TextIO]:
    """The stream to print to; a file of that name where it is one."""
    if not isinstance(outfile, str):
        yield as_plain(outfile)
        return
    with writing(outfile) as path:
        file = path.open("w", encoding="utf-8")
    with file as stream:
        yield as_plain(stream)


def _told_apart(selection: Selection) -> dict[str, str]:
    """Models whose names in tables are not their files' own → the file, as it was typed."""
    files = [plan.bench for plan in selection.benches.values() if plan.bench.is_file]
    return {bench.model_name: bench.model for bench in files if bench.model_name != Path(bench.model).stem}


def _parse_cache(text: str) -> dict[str, JSON]:
    """What `--cache` says. UsageError for what is no cache."""
    size, ways, line = ([*text.split(","), "", ""])[:3]
    try:
        found = {"bytes": parse_size(size), "ways": int(ways), "line_bytes": int(line)}
    except ValueError:
        raise UsageError(f'--cache: "{text}" is no cache', hint="for example --cache 16KiB,4,32") from None
    set_bytes = found["ways"] * found["line_bytes"]
    if min(found.values()) < 1 or found["bytes"] % set_bytes or found["bytes"] > _LARGEST_CACHE_BYTES:
        hint = f"its size is a multiple of ways times a line's bytes, up to {format_size(_LARGEST_CACHE_BYTES)}"
        raise UsageError(f'--cache: "{text}" is no cache', hint=hint)
    return dict(found)


def _refuse_variables(words: list[str]) -> None:
    """UsageError for `bench:x+feature=value`, which doit takes for a variable and drops."""
    for word in words:
        if "=" in word and word.startswith("bench:"):
            hint = f"doit takes every word with = in it for a variable; type {word.replace('=', '.')}"
            raise UsageError(f'"{word}" is not a task', hint=hint)
