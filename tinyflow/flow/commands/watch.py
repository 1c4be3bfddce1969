"""`doit watch`: benches are made again whenever a source is saved; a line for each says what became of its numbers."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tinyflow
from tinyflow.core.action import Action
from tinyflow.core.distribution import pip_install
from tinyflow.core.errors import TinyflowError, ToolError
from tinyflow.core.execute import Outcome
from tinyflow.core.forkserver import ForkServer
from tinyflow.flow.commands.bisect_layer import find_wrong_layer
from tinyflow.flow.commands.command import OwnCommand, flag
from tinyflow.flow.early import CANCELLED
from tinyflow.flow.messages import error_lines, shown
from tinyflow.flow.planning.plan import BenchPlan
from tinyflow.flow.planning.selection import Selection
from tinyflow.flow.publishing.publish import publish
from tinyflow.flow.publishing.revision import Checkout
from tinyflow.flow.session import parallel_runner
from tinyflow.flow.session.layer_bisection import WRONG
from tinyflow.flow.session.ledger import Ledger
from tinyflow.flow.session.preimports import modules_of
from tinyflow.flow.session.signals import stoppable, unstoppable
from tinyflow.flow.session.watched_files import Row, Watched, tell

_PACKAGE = Path(tinyflow.__file__).parent
# Editors write a file in several steps, milliseconds apart; a moment of quiet ends them. Without a change there is an
# empty set now and then: the first one tells that saves are heard from now on.
_WAITING: dict[str, Any] = {
    "step": 20,
    "debounce": 200,
    "rust_timeout": 500,
    "yield_on_timeout": True,
    "raise_interrupt": True,
    "recursive": True,
}


class _SavedAgain(Exception):
    """What is being looked for belongs to sources that are gone."""


class Watch(OwnCommand):
    """Keeps plan, session and workers from one save to the next; everything else goes the way of `doit bench:…`."""

    doc_purpose = "run benches again whenever a kernel, recipe or model is saved"
    doc_usage = "BENCH|SUITE..."
    doc_description = "Ctrl-C ends it.\nExample: doit watch bench:vww-tinyc-stm32f7 bench:aww-tinyc-stm32f7"
    cmd_options = (
        flag("no-pages", "leave build/ as it is: print numbers, write no reports"),
        flag("verbose", "a line for each action too, with the seconds that it took", short="v"),
    )

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Run what was selected, then again after each save, until told to stop."""
        self.require(args, "watch what?", "watch bench:vww-tinyc-stm32f7")
        try:
            import watchfiles  # noqa: F401
        except ImportError:
            hint = pip_install("watch")
            raise ToolError("the package watchfiles is not installed", hint=hint, missing=True) from None
        self._words, self._writes_pages = args, not params["no_pages"]
        self._is_verbose = params["verbose"]
        self._rows: dict[str, Row] = {}  # what benches measured the time before
        selection = self._select()
        runs = [action for action in selection.all_actions.values() if action.stage == "run" and action.isolated]
        modules = dict.fromkeys(name for action in runs for name in modules_of(action))
        fork_server = ForkServer(modules, self.loader.project.state)
        self.loader.session.call_isolated = fork_server.call
        try:
            with stoppable():
                self._make(selection)
                while True:
                    selection = self._watch(selection, fork_server)
        except KeyboardInterrupt:
            return CANCELLED
        finally:
            with unstoppable():
                fork_server.close()
                self.loader.close()

    def _select(self) -> Selection:
        return self.loader.selector.select(self._words, is_bare_fine=True)

    def _watch(self, selection: Selection, fork_server: ForkServer) -> Selection:
        """Wait for saves and run what they make stale. Returns a selection for which other folders must be watched."""
        from watchfiles import watch

        watched = Watched.of(selection.benches.values(), self.loader.catalogue.folders)
        print(f"watching {_count(len(watched.files), 'file')} in {_count(len(watched.roots), 'folder')}", flush=True)
        is_first = True
        roots = [*watched.roots, _PACKAGE]
        for changes in watch(*roots, **_WAITING):
            started = time.monotonic()
            paths = sorted({Path(path) for _, path in changes})
            if any(_PACKAGE in path.parents and path.suffix == ".py" for path in paths):
                self._start_again(fork_server)
            is_concerned = any(map(watched.concerns, paths))
            if not (is_concerned or is_first):
                continue
            self.loader.session.recheck()
            if is_first and not is_concerned:  # what was saved before anybody listened
                is_first = False
                if not self.loader.session.stale(selection.all_actions.values()):
                    continue
            if paths:
                print(f"saved: {', '.join(map(shown, paths))}", flush=True)
            are_as_planned = all(path in watched.files and path.exists() for path in paths)
            if not are_as_planned or self.loader.planner.is_outdated_by(paths):
                planned = self._plan_again()
                if planned is None:
                    continue
                selection = planned
                again = Watched.of(selection.benches.values(), self.loader.catalogue.folders)
                if again.roots != watched.roots:
                    self._make(selection, started)
                    return selection
                watched = again
            self._make(selection, started)
        return selection

    def _plan_again(self) -> Selection | None:
        """The selection anew, since recipes changed or files came or went; None where that can't be planned."""
        self.loader.forget_recipes()
        try:
            return self._select()
        except TinyflowError as error:  # a recipe half written is told, and the next save is waited for
            print(*error_lines(error), sep="\n", flush=True)
            return None

    def _start_again(self, fork_server: ForkServer) -> None:
        """Our own code changed: what is in memory is old."""
        print("tinyflow's own code changed: starting again", flush=True)
        fork_server.close()
        self.loader.session.close()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

    def _make(self, selection: Selection, started: float | None = None) -> None:
        """Run what is stale; a line for each bench as soon as its numbers are there; pages after that."""
        started = time.monotonic() if started is None else started
        checkout = Checkout(self.loader.project.root)
        finals = {plan.final.id: plan for plan in selection.benches.values()}
        state = Watched.of(finals.values(), ()).state()
        ledger, errors = Ledger(), {}

        def done(action: Action, ended: Outcome | Exception) -> None:
            ledger.note(action, ended)
            if isinstance(ended, Exception):
                errors[action.id] = ended
                print(*error_lines(ended, action.title), sep="\n", flush=True)
                return
            if self._is_verbose:
                print(f"  {ended.outcome}  {action.title}  {ended.seconds:.2f} s", flush=True)
            if action.id in finals:
                self._tell(finals.pop(action.id), time.monotonic() - started)

        parallel_runner.run(selection.all_actions.values(), self.loader.session, done, self.loader.slots)
        for plan in finals.values():
            if self.loader.session.is_current(plan.final):
                self._tell(plan, time.monotonic() - started)
            else:
                self._look_closer(plan, [errors[a.id] for a in plan.actions if a.id in errors], state)
        if self._writes_pages:
            loader = self.loader
            publish(selection, loader.session, ledger, loader.project, loader.catalogue, checkout, loader.tell)

    def _tell(self, plan: Any, seconds: float) -> None:
        row = self.loader.session.read_json(plan.final, "row.json")
        line = tell(self._rows.get(plan.name), row)
        self._rows[plan.name] = row
        print(f"{plan.name}: {line}; exact, {seconds:.2f} s", flush=True)

    def _look_closer(self, plan: BenchPlan, errors: list[Exception], state: Mapping[Path, object]) -> None:
        """Name the layer of a bench that is wrong, unless an error did, or sources were saved since `state`.

        A fault ends a bench's run and its profile, of which the run names the layer.
        """
        layers = [error.layer for error in errors if isinstance(error, WRONG)]
        if layers and all(layer is None for layer in layers):
            for line in _wrong_layer(self, plan, state):
                print(f"{plan.name}: {line}", flush=True)


def _wrong_layer(command: Watch, plan: BenchPlan, state: Mapping[Path, object]) -> Iterator[str]:
    watched = Watched.of([plan], ())

    def give_up_where_saved(*_: str) -> None:
        if any(state.get(path) != mark for path, mark in watched.state().items()):
            raise _SavedAgain

    try:
        give_up_where_saved()
        yield from find_wrong_layer(command.loader, str(plan.bench), give_up_where_saved)
    except _SavedAgain:
        yield "saved again before the layer was found"
    except Exception as error:
        yield from error_lines(error)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
