"""What the words on a command line select: benches, suites, reports and single actions. Only those are planned."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from tinyflow.core.action import JSON, Action, in_order
from tinyflow.core.errors import TinyflowError, UsageError
from tinyflow.flow.command_list import COMMANDS, GROUPS, MODEL_GROUPS
from tinyflow.flow.planning.firmware import Wanted, firmware
from tinyflow.flow.planning.memory_choices import memory_choices
from tinyflow.flow.planning.plan import BenchPlan, Planner, task_name
from tinyflow.flow.planning.plots import Plotted, WantedPlot, check_matplotlib
from tinyflow.recipes import suite as suites
from tinyflow.recipes.bench import Bench, parse
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.own_model import is_path, name_of
from tinyflow.recipes.resolve import model_of_file
from tinyflow.recipes.schema import Feature, Model, Suite
from tinyflow.recipes.suggest import did_you_mean, hint_for
from tinyflow.report.pareto import Choice

_ACTION = re.compile("[a-z_]+:[0-9a-f]+")  # a stage, and the first digits of an id
_PATTERN = frozenset("*?")


@dataclass
class Selection:
    """What was asked for. `tasks` are the words in the canonical spelling, as typed, with what each waits for."""

    tasks: dict[str, Sequence[Action]] = field(default_factory=dict)
    benches: dict[str, BenchPlan] = field(default_factory=dict)
    refused: dict[str, tuple[Bench, UsageError]] = field(default_factory=dict)  # of suites that want that as rows
    suites: dict[str, list[str]] = field(default_factory=dict)  # names of benches, planned or refused
    reports: dict[str, list[str]] = field(default_factory=dict)  # names of benches, not planned
    shrunk: dict[str, Action] = field(default_factory=dict)  # model → what shrinks it
    quantised: dict[str, Action] = field(default_factory=dict)  # model → what quantises it
    onnx: dict[str, Action] = field(default_factory=dict)  # model → what exports it to ONNX
    layers: dict[str, list[str]] = field(default_factory=dict)  # bench → names of a bench for each of its layers
    choices: dict[str, list[Choice]] = field(default_factory=dict)  # bench → its variants in memory, by estimate
    profiles: dict[str, Action] = field(default_factory=dict)  # bench → what profiles it
    accuracies: dict[str, Action] = field(default_factory=dict)  # bench, planned → what tells how right it is
    firmware: dict[str, Action] = field(default_factory=dict)  # bench → what packs its firmware
    traces: dict[str, Action] = field(default_factory=dict)  # bench → what traces it
    exports: dict[str, list[str]] = field(default_factory=dict)  # bench or suite → names of benches, planned
    plots: dict[str, Plotted] = field(default_factory=dict)  # bench or suite → what of it is drawn
    actions: list[Action] = field(default_factory=list)  # chosen one by one

    def wholes(self) -> Iterator[Collection[Action]]:
        """What was asked for, one by one: all actions of each."""
        yield from (plan.actions for plan in self.benches.values())
        for final in (*self._models, *self._of_benches, *self.actions):
            yield in_order([final]).values()

    @property
    def all_actions(self) -> Mapping[str, Action]:
        """Every action that is needed, by id, each after those that it waits for."""
        finals = (plan.final for plan in self.benches.values())
        return in_order([*finals, *self._models, *self._of_benches, *self.actions])

    @property
    def _models(self) -> Iterator[Action]:
        yield from (*self.shrunk.values(), *self.quantised.values(), *self.onnx.values())

    @property
    def _of_benches(self) -> Iterator[Action]:
        yield from (*self.profiles.values(), *self.traces.values(), *self.firmware.values())
        yield from (action for plotted in self.plots.values() for action in plotted.profiles.values())


class Selector:
    """Words to a selection. UsageError for a word that names nothing and a pattern that matches nothing."""

    def __init__(
        self,
        catalogue: Catalogue,
        make_planner: Callable[[], Planner],
        read: Callable[[Action, str], Any],
        remembered: Callable[[], Iterable[str]] = tuple,
        wanted: Wanted = Wanted(),  # noqa: B008 (frozen)
    ) -> None:
        """The planner is only made when something is planned; `read` gives a JSON that an action makes.

        `remembered` gives words for which actions were listed: those can be selected, whether of a suite or not.
        `wanted` is how firmware is packed.
        """
        self._catalogue = catalogue
        self._make_planner = make_planner
        self._read = read
        self._remembered = remembered
        self._wanted = wanted
        self.cache: Mapping[str, JSON] | None = None  # that traces follow: of `Planner.trace`
        self.plot = WantedPlot()
        self._found: dict[str, Action] = {}  # by what they were asked for

    @cached_property
    def _planner(self) -> Planner:
        return self._make_planner()

    @cached_property
    def suites(self) -> Mapping[str, tuple[str, ...]]:
        """Every suite with the names of its benches; nothing is planned."""
        names = self._catalogue.names(Suite)
        return {name: tuple(str(bench) for bench in suites.expand(self._catalogue, name)) for name in names}

    @cached_property
    def benches(self) -> tuple[str, ...]:
        """The known benches, members of suites. Any other valid name can be selected as well."""
        return tuple(dict.fromkeys(bench for members in self.suites.values() for bench in members))

    def select(self, words: Iterable[str], *, is_bare_fine: bool = False) -> Selection:
        """Plan what these words name; `is_bare_fine`: also names of suites and benches without `suite:`, `bench:`."""
        selection = Selection()
        for word in words:
            for group, name in self._resolve(word, is_bare_fine):
                self._add(selection, group, name)
        return selection

    def _resolve(self, word: str, is_bare_fine: bool) -> list[tuple[str, str]]:
        """The (group, name) pairs that a word stands for."""
        group, colon, name = word.partition(":")
        if self.is_action(word):
            return [("action", word)]
        if group in GROUPS:
            if group in ("export", "plot") and not name:
                raise UsageError(f"{group} what?", hint=f"a bench or a suite: {group}:vww-tvmaot-stm32f7")
            if not colon:
                return [(group, member) for member in self._known(group)]
            if _PATTERN & set(name):
                return [(group, member) for member in _matching(group, name, self._known(group))]
            return [(group, name)]
        if is_bare_fine and self._catalogue.has(Suite, word):
            return [("suite", word)]
        if is_bare_fine and "-" in word:
            return [("bench", word)]
        raise self._unknown(word)

    def _known(self, group: str) -> Sequence[str]:
        """The members of a group that patterns match."""
        if group in ("bench", "profile", "trace", "layers", "pareto", "firmware", "accuracy"):
            return self.benches
        if group in ("export", "plot"):
            return (*self.suites, *self.benches)
        return self._catalogue.names(Model) if group in MODEL_GROUPS else tuple(self.suites)

    def _add(self, selection: Selection, group: str, name: str) -> None:
        """Add one thing, and its task."""
        finals: Sequence[Action] = ()
        if group == "action":
            action = self._find_action(name)
            selection.actions.append(action)
            selection.tasks.setdefault(task_name(action), [action])
            return
        if group == "report":
            selection.reports[name] = [bench.name for bench in suites.expand(self._catalogue, name)]
        elif group in MODEL_GROUPS:
            name, action = self._changing(group, name)
            changed = {"shrink": selection.shrunk, "quantise": selection.quantised, "export-onnx": selection.onnx}
            changed[group][name] = action
            finals = [action]
        else:
            if group == "plot":
                check_matplotlib()
            is_either = group in (
                "export",
                "plot",
            )  # a bench's name has a -, that of a misspelled suite most likely none
            is_suite = group == "suite" or (is_either and ("-" not in name or self._catalogue.has(Suite, name)))
            refused: dict[str, tuple[Bench, UsageError]] = {}
            if is_suite:
                plans, refused = self._plan_suite(name)
                selection.refused |= refused
            else:
                bench = self.with_accuracy(name) if group == "accuracy" else self.bench(name)
                plans = (self._planner.plan_bench(bench),)
            name = name if is_suite else plans[0].name
            if group == "profile":
                finals = [self._planner.profile(plans[0])]
                selection.profiles[name] = finals[0]
            elif group == "firmware":
                finals = [firmware(plans[0], self._catalogue, self._wanted)]
                selection.firmware[name] = finals[0]
                models = {parse(one).model_name for one in selection.firmware}
                if self._wanted.prefix and len(models) > 1:
                    what = (
                        f"--prefix {self._wanted.prefix} would be that of several networks: {', '.join(sorted(models))}"
                    )
                    raise UsageError(what, hint="a prefix tells networks in one program apart: a command for each")
            elif group == "trace":
                finals = [self._planner.trace(plans[0], self.cache)]
                selection.traces[name] = finals[0]
            else:
                if group == "layers":
                    plans = tuple(self._plan_layers(plans[0]))
                elif group == "accuracy":
                    selection.accuracies[name] = next(one for one in plans[0].actions if one.stage == group)
                elif group == "pareto":
                    selection.choices[name], plans = memory_choices(plans[0].bench, self._planner, self._read)
                names = _add_plans(selection, plans)
                finals = [selection.benches[bench].final for bench in names]
                if group == "plot":
                    profiles = self._profiles(plans) if self.plot.kind == "layers" else {}
                    selection.plots[name] = Plotted(names, profiles)
                    finals = [*finals, *profiles.values()]
                elif group not in ("bench", "pareto", "accuracy"):
                    groups = {"suite": selection.suites, "layers": selection.layers, "export": selection.exports}
                    groups[group][name] = [*names, *refused] if group == "suite" else names
        selection.tasks.setdefault(f"{group}:{name}", finals)

    def _profiles(self, plans: Iterable[BenchPlan]) -> dict[str, Action]:
        """What tells the layers of benches, of those of which something does."""
        found = {}
        for plan in plans:
            with contextlib.suppress(UsageError):
                found[plan.name] = self._planner.profile(plan)
        return found

    def _plan_suite(self, name: str) -> tuple[tuple[BenchPlan, ...], dict[str, tuple[Bench, UsageError]]]:
        """The benches of a suite, and those that recipes refuse, where it wants these as rows."""
        if self._catalogue.get(Suite, name).unsupported == "refused":
            return self._planner.plan_suite(name), {}
        plans, refused = [], {}
        for bench in suites.expand(self._catalogue, name):
            try:
                plans.append(self._planner.plan_bench(bench))
            except UsageError as error:
                refused[bench.name] = (bench, error)
        return tuple(plans), refused

    def with_accuracy(self, name: str) -> Bench:
        """A bench that computes labelled samples, too, as its own feature says."""
        bench = self.bench(name)
        if "accuracy" in dict(bench.features):
            return bench
        return replace(bench, features=tuple(sorted((*bench.features, ("accuracy", None)))))

    def _plan_layers(self, plan: BenchPlan) -> Iterator[BenchPlan]:
        """A bench for each layer that computes something. Reading the model is all that runs for it."""
        if not self._catalogue.has(Feature, "layer"):
            raise UsageError("there is no feature layer", hint="is it hidden by a recipe folder of yours?")
        from tinyflow.model.operators import VIEWS

        (converted,) = (action for action in plan.actions if action.stage == "convert")
        for operator in self._read(converted, "graph.json")["operators"]:
            if operator["name"] not in VIEWS:  # no byte moves there, so there is nothing to measure
                yield self._planner.plan_bench(parse(f"{plan.bench}+layer.{operator['index']}"))

    def _changing(self, group: str, name: str) -> tuple[str, Action]:
        """A model's name, and the action that changes or exports it, whatever bench it is for."""
        if is_path(name):
            model, folder = model_of_file(name)
        else:
            if not self._catalogue.has(Model, name):
                hint = hint_for(name, self._catalogue.names(Model), "models")
                raise UsageError(f'unknown model "{name}"', hint=hint)
            model, folder = self._catalogue.get(Model, name), self._catalogue.path(Model, name).parent
        fetched = self._planner.models.fetch(model, folder)
        if group == "quantise":
            return model.name, self._planner.models.quantise(model, folder, fetched.output("model.tflite"))
        if group == "export-onnx":
            return model.name, self._planner.models.export_onnx(model, fetched.output("model.tflite"))
        return model.name, self._planner.models.transform("shrink", model.name, fetched.output("model.tflite"))

    def bench(self, text: str) -> Bench:
        """The bench that a text names; a file's model may be called as in reports, too. Raises UsageError."""
        bench = parse(text)
        if bench.is_file or self._catalogue.has(Model, bench.model):
            return bench
        for model in self._known_files():
            if Path(model).is_file() and name_of(model) == bench.model:
                return replace(bench, model=model)
        return bench

    def _known_files(self) -> Iterator[str]:
        """Models by path: those of benches that were selected so, and those that lie in the working directory."""
        for word in self._remembered():
            with contextlib.suppress(UsageError):
                model = parse(word.removeprefix("bench:")).model
                if is_path(model):
                    yield model
        yield from (str(path) for path in sorted(Path().iterdir()) if is_path(path.name))

    def is_action(self, word: str) -> bool:
        """Whether a word is `<stage>:<first digits of an id>`; some stages are groups, too."""
        group, _, name = word.partition(":")
        if not _ACTION.fullmatch(word) or self._catalogue.has(Model if group in MODEL_GROUPS else Suite, name):
            return False
        if group in GROUPS:
            try:
                self._find_action(word)
            except UsageError:
                return False
        return True

    def _find_action(self, word: str) -> Action:
        """The action `<stage>:<first digits of its id>` of a known bench."""
        if word in self._found:
            return self._found[word]
        stage, _, digits = word.partition(":")
        stages: set[str] = set()
        found: dict[str, Action] = {}
        for known in (*self._remembered(), *(f"suite:{name}" for name in self.suites)):
            for action in self._actions_of(known):
                stages.add(action.stage)
                if action.stage == stage and action.id.startswith(digits):
                    found[action.id] = action
            if found and len(word) == len(task_name(next(iter(found.values())))):
                break  # as it was listed
        if len(found) != 1:
            what = f"{len(found)} actions begin so" if found else "no action of a known bench is called so"
            near = "" if stage in stages else did_you_mean(stage, {*stages, *GROUPS})
            raise UsageError(
                f'"{word}": {what}', hint=f"{near} `doit plan <bench>` lists actions with their ids".lstrip()
            )
        self._found[word] = next(iter(found.values()))
        return self._found[word]

    def _actions_of(self, word: str) -> Iterable[Action]:
        """What a word selects; nothing where it no longer selects anything."""
        try:
            return self.select([word], is_bare_fine=True).all_actions.values()
        except TinyflowError:
            if word.removeprefix("suite:") in self.suites:
                raise
            return ()

    def _unknown(self, word: str) -> UsageError:
        what = f'"{word}" is neither a command nor a task'
        group, colon, name = word.partition(":")
        if colon:
            near = did_you_mean(group, GROUPS) or f"tasks begin with {', '.join(GROUPS)}"
            return UsageError(what, hint=f"{near} (followed by :{name})")
        if word in self.suites:
            return UsageError(what, hint=f"type suite:{word}")
        if word.count("-") >= 2:
            return UsageError(what, hint=f"type bench:{word}")
        choices = [*COMMANDS, *(f"suite:{name}" for name in self.suites), *(f"bench:{name}" for name in self.benches)]
        return UsageError(what, hint=did_you_mean(word, choices) or "`doit list` lists tasks, `doit help` commands")


def _is_same_model(one: Bench, other: Bench) -> bool:
    """Whether benches of one name are of one model, however its path is spelled."""
    return one.model == other.model or Path(one.model).expanduser().samefile(Path(other.model).expanduser())


def _matching(group: str, pattern: str, known: Iterable[str]) -> list[str]:
    found = [name for name in known if fnmatchcase(name, pattern)]
    if not found:
        raise UsageError(f'no {group} matches "{pattern}"', hint="`doit list` lists what patterns can match")
    return found


def _add_plans(selection: Selection, plans: Iterable[BenchPlan]) -> list[str]:
    names = {}
    for plan in plans:
        known = selection.benches.setdefault(plan.name, plan)
        if not _is_same_model(known.bench, plan.bench):
            what = f"{known.bench.model} and {plan.bench.model} would both be called {plan.bench.model_name}"
            raise UsageError(what, hint="rename one of the files")
        names[plan.name] = known
    return list(names)
