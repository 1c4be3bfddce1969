"""`tinyflow.Project`: what commands do, as calls that give values and raise errors. Prints nothing but warnings.

Each call is a session of its own, as a command is: recipes and sources are read anew, any number of calls may run at
once in threads, and what was made before is up to date.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tinyflow.core import process
from tinyflow.core.action import Action, Output, in_order
from tinyflow.core.digest import of_bytes
from tinyflow.core.errors import TinyflowError, UsageError
from tinyflow.core.execute import Outcome
from tinyflow.core.states import FAILED
from tinyflow.core.units import format_size
from tinyflow.flow.api.answers import Accuracy, Comparison, Profile
from tinyflow.flow.api.later import awaited, is_given_up, raise_if_given_up
from tinyflow.flow.api.rows import Row, Rows, Samples
from tinyflow.flow.loader import Loader
from tinyflow.flow.planning.available import Board, boards
from tinyflow.flow.planning.firmware import Wanted, folder_of
from tinyflow.flow.planning.plan import BenchPlan, run_of
from tinyflow.flow.planning.plots import WantedPlot
from tinyflow.flow.planning.selection import Selection
from tinyflow.flow.publishing.comparison import find_comparison, limits_of, parse_limits
from tinyflow.flow.publishing.plots import write_plot
from tinyflow.flow.publishing.publish import publish
from tinyflow.flow.publishing.query import measured_at, select
from tinyflow.flow.session import parallel_runner
from tinyflow.recipes.sweep import NAME, typed_suite
from tinyflow.report.compare import compare, doubts
from tinyflow.report.frame import Frame

if TYPE_CHECKING:
    from tinyflow.flow.api.arrays import Ports
    from tinyflow.flow.planning.suitability import Suitability

_CHECKED = ("target", "backend", "fits", "arena_bytes", "reasons")
_MOST_SAMPLES = 256  # of one action: how far it is can be told, and what is made is kept if the rest is stopped
Progress = Callable[[str, str, int, int], None]
"""Gets an action's title, its state (`built`, `hit`, `up to date`, `failed`), how many ended, and of how many."""


class Project:
    """A folder with recipes, or any folder: benches are named as on the command line."""

    def __init__(
        self,
        path: str | os.PathLike[str] = ".",
        *,
        jobs: int | None = None,
        timeout_s: float | None = None,
        progress: Progress | None = None,
        cluster: str | None = None,
    ) -> None:
        """`jobs`: actions at once, all cores by itself; `timeout_s`: of each action, instead of the recipes'.

        `cluster`: where actions run, as `--cluster` has it: `tcp://host:8786`. Then `jobs` is what its workers take.
        """
        self.path = Path(path).expanduser().absolute()
        if not self.path.is_dir():
            raise UsageError(f"no folder {self.path}", hint="a project is a folder; `tinyflow init` makes one")
        self.jobs = jobs
        self.timeout_s = timeout_s
        self.progress = progress
        self.cluster = cluster

    def __repr__(self) -> str:
        return f"Project({str(self.path)!r})"

    # What runs

    def bench(self, name: str, *, jobs: int | None = None) -> Row:
        """Build and run one bench: `vww-tinyc-stm32f7+dsp`. Raises what ended it, TinyflowError."""
        rows = self.run([f"bench:{name.removeprefix('bench:')}"], jobs=jobs)
        if len(rows) != 1:
            raise UsageError(f'"{name}" names {len(rows)} benches', hint="project.run([…]) takes several")
        if rows[0].error is not None:
            raise rows[0].error
        return rows[0]

    def suite(self, name: str, *, jobs: int | None = None) -> Rows:
        """Build, run and report the benches of a suite."""
        return self.run([f"suite:{name.removeprefix('suite:')}"], jobs=jobs)

    def run(self, words: str | Iterable[str], *, jobs: int | None = None, cluster: str | None = None) -> Rows:
        """What a command line of these words runs: benches, `suite:…`, `bench:*-tinyc-stm32f4`.

        A bench that fails leaves a row with its `error`, and the others go on. Raises UsageError, RecipeError.
        """
        words = [words] if isinstance(words, str) else list(words)
        with self._open(cluster) as loader:
            _ = loader.checkout  # before anything is read
            return self._run(loader, loader.selector.select(words, is_bare_fine=True), jobs)

    def sweep(
        self,
        words: str | Iterable[str],
        *,
        features: Iterable[str] = (),
        backends: Iterable[str] = (),
        targets: Iterable[str] = (),
        name: str = NAME,
        jobs: int | None = None,
    ) -> Rows:
        """Every combination of benches or models with these: `features=["opt.O2,O3", "+,dsp"]`, as `doit sweep` has it.

        Those that don't go together are rows of status `unsupported`. Raises UsageError for names that are none.
        """
        words = [words] if isinstance(words, str) else list(words)
        with self._open() as loader:
            _ = loader.checkout
            suite = typed_suite(loader.catalogue, words, features, backends, targets, name)
            loader.catalogue.add(suite)
            return self._run(loader, loader.selector.select([f"suite:{name}"]), jobs)

    def infer(self, name: str, inputs: Any, *, jobs: int | None = None) -> Any:
        """What the firmware of a bench computes of arrays of yours, on its target: an array, or one for each output.

        `inputs` is an array `[n, …]` of n samples, for several inputs a list of them; of the network's own type, or of
        real values, which its scale quantises: then outputs are real values, too. To a network with state the samples
        are one sequence. Raises UsageError for what it doesn't take, and what ended the bench.
        """
        with self._open() as loader:
            plan = loader.planner.plan_bench(loader.selector.bench(name.removeprefix("bench:")))
            run = run_of(plan)
            ins, outs = self._ports(loader, run)
            samples, is_real = ins.to_bytes(inputs)
            has_state = bool(json.loads(self._read(loader, run, "plan.json")).get("reset"))
            at_once = 1 if has_state else jobs or self.jobs or loader.slots or os.cpu_count() or 1
            size = min(-(-len(samples) // at_once), len(samples) if has_state else _MOST_SAMPLES)
            with tempfile.TemporaryDirectory() as folder:
                actions = []
                for begin in range(0, len(samples), size):
                    chunk = samples[begin : begin + size]
                    given = Path(folder) / f"{of_bytes(b''.join(chunk)).partition(':')[2]}.bin"
                    given.write_bytes(b"".join(chunk))
                    actions.append(loader.planner.infer(plan, given, len(chunk)))
                self._make(loader, actions, jobs)
                answers = [loader.session.output_path(action, "outputs.bin").read_bytes() for action in actions]
        arrays = outs.of_bytes(b"".join(answers), is_real=is_real)
        return arrays[0] if len(arrays) == 1 else arrays

    def accuracy(
        self,
        name: str,
        inputs: Any = None,
        labels: Any = None,
        *,
        task: Literal["classification", "anomaly"] = "classification",
        jobs: int | None = None,
    ) -> Accuracy:
        """How right the firmware is, over the labelled samples of the model's recipe: `doit accuracy:<bench>`.

        Or over `inputs` of yours, as `infer` takes them, with the number of each one's class in `labels`, 1 for what is
        odd where the task is `anomaly`. Raises UsageError for labels that don't match, and what ended the bench.
        """
        if inputs is None and labels is None:
            return self._accuracy_of_recipe(name, jobs)
        import numpy as np

        from tinyflow.model.scores import reconstruction_errors
        from tinyflow.stages.accuracy import scored

        wanted = np.asarray(labels)
        if wanted.ndim != 1 or wanted.dtype.kind not in "iu":
            what = f"labels are {wanted.dtype} of {wanted.ndim} dimensions"
            raise UsageError(what, hint="give the number of each sample's class, an array of integers")
        outputs = self.infer(name, inputs, jobs=jobs)
        if isinstance(outputs, tuple):
            raise UsageError(f"{name} has {len(outputs)} outputs", hint="project.infer gives them")
        if len(wanted) != len(outputs):
            raise UsageError(f"{len(wanted)} labels for {len(outputs)} samples", hint="give one for each sample")
        with self._open() as loader:
            run = run_of(loader.planner.plan_bench(loader.selector.bench(name.removeprefix("bench:"))))
            (taken, *_), (given, *_) = (ports.ports for ports in self._ports(loader, run))
        values = outputs if outputs.dtype.kind == "f" else given.real(outputs)
        values = values.reshape(len(values), -1).astype(np.float64)
        if task == "anomaly":
            array = np.asarray(inputs)
            real = array if array.dtype.kind == "f" else taken.real(array)
            real = real.reshape(len(real), -1).astype(np.float64)
            if real.shape != values.shape:
                what = f"{name} gives {values.shape[1]} values of {real.shape[1]}"
                raise UsageError(what, hint="an anomaly is how far a network's output is from its input")
            values = reconstruction_errors(real, values)
        classes = 2 if task == "anomaly" else max(2, values.shape[1])
        if not 0 <= wanted.min() <= wanted.max() < classes:
            what = f"labels go from {wanted.min()} to {wanted.max()}"
            raise UsageError(what, hint=f"the network has classes 0 to {classes - 1}")
        count = len(wanted)
        told = {
            "name": "arrays",
            "of": count,
            "windows": [1] * count,
            "classes": [],
            "names": [*map(str, range(count))],
        }
        return Accuracy(scored(task, {"firmware": values}, {**told, "labels": wanted.tolist()}))

    def _accuracy_of_recipe(self, name: str, jobs: int | None) -> Accuracy:
        with self._open() as loader:
            bench = loader.selector.with_accuracy(name.removeprefix("bench:").removeprefix("accuracy:"))
            actions = loader.planner.plan_bench(bench).actions
            action = next(each for each in actions if each.stage == "accuracy")
            self._make(loader, [action], jobs)
            return Accuracy(loader.session.read_json(action, "accuracy.json"))

    def profile(self, name: str, *, jobs: int | None = None) -> Profile:
        """What the instructions of a bench go into, by layer and function."""
        with self._open() as loader:
            plan = loader.planner.plan_bench(loader.selector.bench(name.removeprefix("bench:")))
            action = loader.planner.profile(plan)
            self._make(loader, [action], jobs)
            return Profile(plan.name, loader.session.read_json(action, "profile.json"))

    def firmware(
        self,
        name: str,
        *,
        form: str = "c",
        example: str = "bare",
        prefix: str = "",
        out: str | os.PathLike[str] | None = None,
        jobs: int | None = None,
    ) -> Path:
        """Pack the C of a bench for a build system, as `firmware:` does: the folder, in `build/firmware/`, or `out`.

        `form` and `example` are those of `--for` and `--example`, `out` is a new folder, or an empty one. Raises what
        ended the bench, and UsageError for what can't be packed.
        """
        place = None if out is None else Path(out).expanduser().absolute()
        if place is not None and (place.is_file() or (place.is_dir() and any(place.iterdir()))):
            raise UsageError(f"{place} is there already", hint="name a new folder, or an empty one")
        with self._open() as loader:
            _ = loader.checkout
            loader.wanted = Wanted(form, prefix, example=example)
            selection = loader.selector.select([f"firmware:{name.removeprefix('firmware:').removeprefix('bench:')}"])
            self._make(loader, selection.firmware.values(), jobs)
            self._run(loader, selection, jobs)
            ((bench, action),) = selection.firmware.items()
            folder = folder_of(bench, action, loader.project)
        if place is None:
            return folder
        try:
            shutil.copytree(folder, place, dirs_exist_ok=True)
        except OSError as error:
            raise UsageError(f"{place} can't be written: {error.strerror}", hint="name another folder") from error
        return place

    # The same, to be awaited

    abench = awaited(bench)
    asuite = awaited(suite)
    arun = awaited(run)
    asweep = awaited(sweep)
    ainfer = awaited(infer)
    aaccuracy = awaited(accuracy)
    aprofile = awaited(profile)
    afirmware = awaited(firmware)

    def plot(
        self,
        name: str,
        *,
        kind: str = "pareto",
        format: str = "pdf",
        metric: str = "",
        where: str = "",
        output: str | Path = "",
        jobs: int | None = None,
    ) -> Path:
        """The file that `doit plot:<suite or bench>` draws: kind pareto, bars or layers, as pdf, pgf, svg or png.

        Raises UsageError where nothing can be drawn, and ToolError without matplotlib.
        """
        with self._open() as loader:
            _ = loader.checkout
            loader.selector.plot = WantedPlot(kind, format, metric, where, str(output))
            return self._run(loader, loader.selector.select([f"plot:{name.removeprefix('plot:')}"]), jobs).files[-1]

    # What is known, or found out without a build

    def results(
        self,
        *,
        suite: str | None = None,
        model: str | None = None,
        where: str | None = None,
        sort: str | Sequence[str] = (),
        columns: str | Sequence[str] = (),
    ) -> Frame:
        """What has run here, as `tinyflow.results` gives it of the working directory's project."""
        with self._open() as loader:
            asked: dict[str, Any] = {"suite": suite, "model": model, "where": where}
            return select(loader.views, lambda: loader.catalogue, **asked, sort=sort, columns=columns)

    def compare(self, old: str, new: str, *, max_regression: str = "") -> Comparison:
        """Two suites, benches, backends, `+features`, report files or git revisions; `ram_bytes:0,rom_bytes:1%`."""
        with self._open() as loader:
            limits = parse_limits(max_regression) or limits_of(loader.catalogue, (new, old))
            sides = find_comparison(old, new, loader.views, loader.catalogue)
            return Comparison(compare(*sides, limits), list(doubts(*sides)))

    def boards(self) -> Frame:
        """Real boards that recipes know: name, through what they are reached, what is missing here."""
        with self._open() as loader:
            found = list(boards(loader.catalogue))
        return Frame(Board._fields, tuple(board._asdict() for board in found))

    def check(self, model: str, *, targets: Sequence[str] = ()) -> Frame:
        """Which backends take a model or file, on which targets it fits; nothing is built.

        `fits` is `yes` or `no`; then `reasons` has what speaks against it, or is short of.
        """
        from tinyflow.flow.planning.suitability import assess, tidied

        with self._open() as loader:
            _, graph, size_bytes = tidied(loader.model_content(model), Path(model).name)
            found = assess(loader.catalogue, model, graph, size_bytes, targets)
        return Frame(_CHECKED, tuple(map(_checked, found)))

    # How it is done

    @contextmanager
    def _open(self, cluster: str | None = None) -> Iterator[Loader]:
        loader = Loader(self.path)
        loader.timeout_s = self.timeout_s
        loader.cluster_address = cluster or self.cluster or loader.cluster_address
        try:
            yield loader
        finally:
            loader.close()

    def _execute(
        self, loader: Loader, actions: Iterable[Action], jobs: int | None = None
    ) -> list[tuple[Action, Exception]]:
        """Run what is stale of these actions, and note in the ledger what became of each; those that failed."""
        stale = loader.session.stale(list(actions))
        failed = []
        ended = 0

        def done(action: Action, how: Outcome | Exception) -> None:
            nonlocal ended
            ended += 1
            loader.ledger.note(action, how)
            if isinstance(how, Exception):
                failed.append((action, how))
            if self.progress is not None:
                state = FAILED if isinstance(how, Exception) else how.outcome
                self.progress(action.title, state, ended, len(stale))

        try:
            with loader.workers(stale) as slots:
                parallel_runner.run(stale, loader.session, done, jobs or self.jobs or slots, is_given_up)
        except BaseException:
            process.forget_cancel()  # all have ended; this program goes on
            raise
        raise_if_given_up()
        return failed

    def _run(self, loader: Loader, selection: Selection, jobs: int | None) -> Rows:
        """Bring about what was selected, and write what a command would write."""
        self._execute(loader, selection.all_actions.values(), jobs)
        known = (loader.session, loader.ledger, loader.project, loader.catalogue)
        reports, files, _ = publish(selection, *known, loader.checkout, loader.tell)
        if selection.exports:
            from tinyflow.flow.archives.export import Exporter

            exporter = Exporter(loader.session, loader.catalogue, loader.mirrors, loader.project)
            files += [path for path, _ in exporter.write(selection, loader.ledger) if path is not None]
        for name, plotted in selection.plots.items():
            drawn = write_plot(name, plotted, loader.selector.plot, *known[:3], loader.views)
            files.append(drawn[0])
        return Rows([self._row(loader, selection, row) for row in reports], files)

    def _row(self, loader: Loader, selection: Selection, report: dict[str, object]) -> Row:
        name = str(report["bench"])
        plan, bench, error = selection.benches.get(name), name, None
        if plan is not None:
            bench, error = str(plan.bench), _error(loader, plan)
        elif name in selection.refused:
            error = selection.refused[name][1]
        commit = measured_at(report, loader.project)
        return Row(report, loader.project.build / name, error, commit, lambda: self._samples(bench))

    def _samples(self, bench: str) -> Samples:
        """The arrays that a bench runs with."""
        with self._open() as loader:
            run = run_of(loader.planner.plan_bench(loader.selector.bench(bench)))
            inputs, outputs = self._ports(loader, run)
            given, expected = (self._read(loader, run, name) for name in ("inputs.bin", "reference.bin"))
        return Samples(inputs.of_bytes(given), outputs.of_bytes(expected))

    def _ports(self, loader: Loader, run: Action) -> tuple[Ports, Ports]:
        """What the network of a bench takes and gives."""
        from tinyflow.flow.api.arrays import Ports

        described = json.loads(self._read(loader, run, "reference.json"))
        return Ports.of(described["inputs"], "input"), Ports.of(described["outputs"], "output")

    def _read(self, loader: Loader, action: Action, name: str) -> bytes:
        """An input of an action, made if need be."""
        made = action.inputs[name]
        assert isinstance(made, Output), "samples and plans are made"
        self._make(loader, [made.action])
        return loader.session.output_path(*made).read_bytes()

    def _make(self, loader: Loader, actions: Iterable[Action], jobs: int | None = None) -> None:
        """Run actions and what they wait for. Raises the first error."""
        for action, error in self._execute(loader, in_order(actions).values(), jobs):
            raise _placed(action, error)


def _error(loader: Loader, plan: BenchPlan) -> Exception | None:
    """What ended a bench."""
    entries = ((action, loader.ledger.get(action)) for action in plan.actions)
    return next((_placed(action, entry.error) for action, entry in entries if entry and entry.error), None)


def _placed(action: Action, error: Exception) -> Exception:
    """The error with the place that a command tells, too: what was being done."""
    if isinstance(error, TinyflowError) and not error.where.startswith(action.title):
        error.where = ": ".join(filter(None, [action.title, error.where]))
    return error


def _checked(found: Suitability) -> dict[str, Any]:
    """One line of what `check` gives."""
    reasons = [refusal.what for refusal in found.refusals]
    reasons += [f"{kind} {format_size(size)} short" for kind, size in found.shortages.items()]
    row: dict[str, Any] = {
        "target": found.target,
        "backend": found.backend,
        "fits": "yes" if found.is_suitable else "no",
    }
    return {**row, "arena_bytes": found.arena_bytes or None, "reasons": "; ".join(dict.fromkeys(reasons))}
