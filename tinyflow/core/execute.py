"""One session: look an action up, run it if nobody has, verify, store, record. The order in which is another's concern.

Whatever happens to this process, what was recorded stays right: blobs come before results, results before records.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tinyflow.core import digest, inputs, process, safe_text, worker
from tinyflow.core.action import ASIDE_FOLDER, LOCAL_MARK, Action, Workspace, in_order
from tinyflow.core.errors import CacheError, TinyflowError, ToolError, refusal_of
from tinyflow.core.inputs import Digests, Edited, Lost
from tinyflow.core.partial_results import PartialResults
from tinyflow.core.records import Record, Records
from tinyflow.core.result import Result
from tinyflow.core.scratch import Scratch
from tinyflow.core.staleness import Staleness
from tinyflow.core.states import BUILT, HIT, UP_TO_DATE
from tinyflow.core.store import Store

if TYPE_CHECKING:
    from tinyflow.core.remote import Remote

_ATTEMPTS = 3  # an input that is edited again and again while we start, or blobs lost meanwhile


class Outcome(NamedTuple):
    """How an action came to its outputs: one of `states.DONE`, and the seconds that it took now."""

    outcome: str
    seconds: float


class Session(Staleness):
    """The cache, the records and what is known by them, of one process; safe to use from several threads."""

    def __init__(
        self,
        cache_root: Path,
        state_root: Path,
        warn: Callable[[str], None] = lambda line: None,
        remote: Remote | None = None,
    ) -> None:
        """`warn` gets one line for each fault that was put right. `remote` is closed with the session."""
        super().__init__(Store(cache_root, warn, state_root / "cache"), Records(state_root / "state.sqlite3", warn))
        self._scratch = Scratch(state_root / "scratch")
        self._remote = remote
        self._logs = state_root / "logs"
        self._progress = state_root / "progress"
        # How the stage of an action runs; a session with a cluster has it done elsewhere.
        self.perform: Callable[[Action, Digests, Workspace], None] = self.perform_here
        # How isolated actions are run here; a session that runs them again and again may know a quicker way.
        self.call_isolated: Callable[[Action, Workspace], None] = worker.call_isolated
        # Hears of an action's error before it is raised, and may say more about its place.
        self.on_failure: Callable[[Action, TinyflowError], None] = lambda action, error: None

    def close(self) -> None:
        """Finish uploads, remove the scratch folder and close the records."""
        if self._remote is not None:
            self._remote.close()
        self._scratch.close()
        self.records.close()

    def execute(self, action: Action) -> Outcome:
        """Bring an action's outputs about. Its dependencies must have been executed before.

        Raises what the stage raises; an error's log lies in the state folder under `logs/<id>.log`.
        """
        started = time.monotonic()
        for _ in range(_ATTEMPTS):
            try:
                return self._execute(action, started)
            except Edited:
                self.distrust()
            except Lost as lost:
                self._make_again(lost.action)
            except (TinyflowError, OSError) as error:
                refusal = refusal_of(error)
                if refusal is None:
                    raise
                self.on_failure(action, refusal)
                raise refusal from error
        raise CacheError(
            f"the inputs of {action.title} changed or vanished {_ATTEMPTS} times while it was starting",
            hint="stop what writes to them, and run again",
        )

    def bring_about(self, action: Action) -> Outcome:
        """Execute an action after all that it waits for."""
        *before, last = in_order([action]).values()
        for each in before:
            self.execute(each)
        return self.execute(last)

    def _make_again(self, action: Action) -> None:
        """Run an action whose outputs were recorded but are lost."""
        self.drop(action)
        self.execute(action)

    def _execute(self, action: Action, started: float) -> Outcome:
        if self.is_current(action):
            return Outcome(UP_TO_DATE, time.monotonic() - started)
        digests = self.input_digests(action)
        if digests is None:
            raise AssertionError(f"{action.title} was started before its inputs")
        text = self.text_of(action, digests)
        name = digest.of_bytes(text.encode())
        outcome = HIT
        with self.store.lock(name, process.raise_if_cancelled):
            result = self.store.look_up(name, action.outputs) or self._fetch(action, name)
            if result is None:
                result = self._build(action, digests, name, text)
                outcome = BUILT
        self._record(action, digests, text, result, outcome)
        return Outcome(outcome, time.monotonic() - started)

    def adopt(self, action: Action, result: Result) -> None:
        """Record a result of this action's present key, whose blobs are in the store, as if it had been a hit here."""
        digests = self.input_digests(action)
        if digests is None or self.text_of(action, digests) != result.key_text:
            raise AssertionError(f"{action.title}: a result of another key")
        self._record(action, digests, result.key_text, result, HIT)

    def _record(self, action: Action, digests: Digests, text: str, result: Result, outcome: str) -> None:
        """Note how an action came to its outputs."""
        record = Record(
            id=action.id,
            stage=action.stage,
            title=action.title,
            key=result.key,
            seal=self.seal(action, digests),
            outputs=result.outputs,
            outcome=outcome,
            duration_s=result.duration_s,
            log=result.log,
        )
        self.records.put(record, text)
        self.note(action, result.outputs)

    def _fetch(self, action: Action, name: str) -> Result | None:
        """The result as the remote cache has it, kept in the local one."""
        if self._remote is None:
            return None
        result = self._remote.fetch_result(name, action.outputs, self.store)
        if result is not None:
            self.store.keep(result)
        return result

    def perform_here(self, action: Action, digests: Digests, workspace: Workspace) -> None:
        """Copy the inputs into the workspace and run the stage, on this machine."""
        inputs.copy(action, digests, self.store, workspace.folder / "in")
        if action.isolated:
            self.call_isolated(action, workspace)
        else:
            worker.call(action.function, workspace)

    def _build(self, action: Action, digests: Digests, name: str, text: str) -> Result:
        """Run the stage in a scratch folder and store what it made."""
        process.raise_if_cancelled()
        with self._scratch.folder() as folder:
            parts = PartialResults(self.store.root, self.store.own, self.toolset_text(action))
            workspace = worker.lay_out(action, folder, parts, self._progress / action.id)
            started = time.monotonic()
            try:
                self.perform(action, digests, workspace)
                if self.is_code_edited(action):
                    raise ToolError(f"the code of {action.stage} was edited while it ran", hint="run again")
            except TinyflowError as error:
                _make_plain(workspace.log_path)
                self._keep_log(action, workspace, error)
                raise
            _make_plain(workspace.log_path)
            result = Result(
                key=name,
                key_text=text,
                outputs={output: self._add_output(action, workspace, output) for output in action.outputs},
                duration_s=round(time.monotonic() - started, 3),
                log=self.store.add_file(workspace.log_path),
            )
            (self._progress / action.id).unlink(missing_ok=True)
            if not (folder / LOCAL_MARK).exists():
                self.store.keep(result)
                if self._remote is not None:
                    self._remote.send_result(result, self.store)
        return result

    def _add_output(self, action: Action, workspace: Workspace, name: str) -> str:
        path = workspace.outputs[name]
        if name.endswith("/"):
            return self.store.add_tree(path)
        if not path.is_file():
            raise ToolError(f"{action.stage} made no {name}", where=action.title, hint="this is a bug of its stage")
        return self.store.add_file(path)

    def _keep_log(self, action: Action, workspace: Workspace, error: TinyflowError) -> None:
        """Keep a failed action's log and what it set aside, the only things that it leaves."""
        self._logs.mkdir(parents=True, exist_ok=True)
        path = self._logs / f"{action.stage}-{action.id[:12]}.log"
        shutil.copyfile(workspace.log_path, path)
        if (workspace.folder / ASIDE_FOLDER).is_dir():
            shutil.copytree(workspace.folder / ASIDE_FOLDER, self._logs, dirs_exist_ok=True)
        error.log_path = path
        if not error.where:
            error.where = action.title

    # Reading

    def output_path(self, action: Action, name: str) -> Path:
        """The blob of one output file, every byte checked just now, to be read only; what is damaged is made again."""
        for _ in range(_ATTEMPTS):
            path = self.store.sound_path(self.output_digest(action, name))
            if path is not None:
                return path
            self._make_again(action)
        raise self._lost(action, name)

    def read_json(self, action: Action, name: str) -> Any:
        """What a document says that is one output."""
        return json.loads(self.output_path(action, name).read_bytes())

    def copy_output(self, action: Action, name: str, target: Path) -> None:
        """Copy one output, file or tree, to a place of the user's; what is found damaged is made again."""
        copy = self.store.copy_tree if name.endswith("/") else self.store.copy_blob
        for _ in range(_ATTEMPTS):
            if copy(self.output_digest(action, name), target):
                return
            self._make_again(action)
        raise self._lost(action, name)

    def _lost(self, action: Action, name: str) -> CacheError:
        return CacheError(f"{name} of {action.title} was lost {_ATTEMPTS} times", where=str(self.store.root))

    def progress(self, action: Action) -> str:
        """How far a running action is, in its own words; empty where it says nothing."""
        try:
            return (self._progress / action.id).read_text(encoding="utf-8")
        except OSError:
            return ""


def _make_plain(log: Path) -> None:
    """Spell out what a terminal would take for orders, for logs are looked at there."""
    before = log.read_bytes()
    after = safe_text.plain_log(before)
    if after != before:
        log.write_bytes(after)
