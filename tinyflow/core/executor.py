"""Runs actions for sessions on other machines: a cache of its own, copies of processes, and proofs of what it has.

Nothing is shared with who asks: inputs are named by digests, and what is lacking is asked for; outputs go back as
bytes. Keys, locks and records are the asking session's. It runs nothing unless its machine, tools and code are those
in the action's key, and none of it in its own process, which may have been started before the code was changed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinyflow.core import cache_maintenance, digest, key, worker
from tinyflow.core.action import ASIDE_FOLDER, LOCAL_MARK, Action, Tool, Workspace
from tinyflow.core.errors import CacheError, TinyflowError, ToolError, refusal_of
from tinyflow.core.forkserver import ForkServer, kind_of
from tinyflow.core.partial_results import PartialResults
from tinyflow.core.records import Records
from tinyflow.core.remote import Remote
from tinyflow.core.runner import Runner
from tinyflow.core.scratch import Scratch
from tinyflow.core.store import Store
from tinyflow.core.toolset import Toolset

PROTOCOL = 1  # of requests and answers: another number where one of these has another meaning
_IDLE_S = 600.0  # after which the processes of a session are ended that never said it was at its end
_SWEEP_S = 30.0
_NO_SPACE = os.strerror(errno.ENOSPC)
_PROVING = ("tinyflow.core.key", "tinyflow.core.records", "tinyflow.core.executor", "importlib.metadata")
_PROOF = "proof.pickle"

Message = dict[str, Any]  # of what pickles anywhere: texts, bytes, numbers, lists and mappings of these


def request_of(
    session: str, action: Action, digests: Mapping[str, Sequence[Any]], toolset: str, modules: Sequence[str]
) -> Message:
    """What an executor needs to know of an action. `digests`: of each input, and whether it is a tree.

    `modules` are worth keeping in memory for actions of its kind. Who asks may add `blobs` that it will lack.
    """
    return {
        "protocol": PROTOCOL,
        "session": session,
        "toolset": toolset,
        "modules": list(modules),
        "inputs": {name: tuple(found) for name, found in digests.items()},
        "blobs": {},
        "action": {
            **{
                name: getattr(action, name)
                for name in ("stage", "title", "function", "outputs", "timeout_s", "isolated")
            },
            "parameters": dict(action.parameters),
            "tools": [(tool.kind, tool.name, tool.hint) for tool in action.tools],
            "implementation": action.implementation,
        },
    }


def take(answer: Message, workspace: Workspace) -> None:
    """Put what an executor made into a workspace, checked. Raises the stage's refusal, and ValueError for damage."""
    workspace.log_path.write_bytes(answer["log"])
    for name, content in answer["aside"].items():
        workspace.keep_on_failure(name, content)
    if answer["is_local"]:
        workspace.keep_local()
    if answer["error"] is not None:
        raise pickle.loads(answer["error"])
    blobs = answer["blobs"]
    for name, content in blobs.items():
        if digest.of_bytes(content) != name:
            raise ValueError(f"{name} came damaged")
    for name, found in answer["outputs"].items():
        path = workspace.outputs[name]
        entries = [("", found)] if not name.endswith("/") else digest.parse_listing(blobs[found])
        for file, blob in entries:
            target = path / file if file else path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(blobs[blob])


class Unwanted(TinyflowError):
    """Nobody waits for an action any more."""


class Executor:
    """On one machine; safe to use from several threads."""

    def __init__(self, place: Path, scratch: Path, keep_bytes: int, remote: Remote | None = None) -> None:
        """`place` is its cache, kept below `keep_bytes`, which others on its machine may use too."""
        self.store = Store(place, is_synced=False)
        self._place = place
        self._scratch = Scratch(scratch)
        self._remote = remote
        self._keep_bytes = keep_bytes
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()
        # A fork server ends with the thread that made it.
        self._keeper = ThreadPoolExecutor(1, "fork-servers")
        self.counts: Counter[str] = Counter()  # blobs that were there, that were asked for; actions
        self.running: dict[int, str] = {}  # titles

    def state(self) -> Message:
        """For people."""
        return {"running": list(self.running.values()), **self.counts}

    def run(self, request: Message, check: Callable[[], None], tell: Callable[[str], None]) -> Message:
        """Run an action and answer what became of it.

        `check` is called now and then and raises Unwanted; `tell` gets how far it is. The answer has one of: `outputs`
        or `error`, `asks` (digests that it lacks), `differs` (from the toolset in the key), `failed` (why not this
        action), `unfit` (why none on this machine).
        """
        if request["protocol"] != PROTOCOL:
            return {"unfit": f"it speaks protocol {PROTOCOL}, not {request['protocol']}: start it anew"}
        action = _action(request)
        number = id(request)
        self.running[number] = action.title
        try:
            return self._run(request, action, check, tell)
        except Unwanted:
            return {"unwanted": True}
        except (TinyflowError, OSError) as error:
            refusal = refusal_of(error)
            if refusal is None:
                raise
            return {"unfit": ": ".join(filter(None, (refusal.where, refusal.what)))}
        finally:
            del self.running[number]

    def _run(self, request: Message, action: Action, check: Callable[[], None], tell: Callable[[str], None]) -> Message:
        with self._session(request["session"]) as session:
            differs = session.differences(action, request["toolset"])
            if differs:
                return {"differs": differs}
            fresh = {name: content for name, content in request["blobs"].items() if not self.store.has(name)}
            for content in fresh.values():
                self.store.add_bytes(content)
            asks = self.lacking(request["inputs"])
            self.counts["asked"] += len(asks) + len(fresh)
            if asks:
                return {"asks": asks}
            with self._scratch.folder() as folder:
                if not self._lay_in(request["inputs"], folder / "in"):
                    return {"asks": self.lacking(request["inputs"])}
                parts = PartialResults(self._place, None, request["toolset"])
                progress = folder / "progress"
                workspace = worker.lay_out(action, folder, parts, progress)
                workspace = replace(workspace, inputs={name: folder / "in" / name for name in request["inputs"]})
                self.counts["actions"] += 1

                def look() -> None:
                    check()
                    with contextlib.suppress(OSError):
                        tell(progress.read_text(encoding="utf-8"))

                error = session.call(action, workspace, request["modules"], look)
                if session.is_edited(request["toolset"]):
                    return {"failed": "its code was edited meanwhile"}
                return self._unfit(error, workspace) or self._answer(action, workspace, error)

    def _unfit(self, error: TinyflowError | None, workspace: Workspace) -> Message | None:
        """An answer where it is more likely this machine that failed than the action."""
        if error is None:
            return None
        if isinstance(error, ToolError) and error.killed_by == signal.SIGKILL:
            return {"failed": f"{error.what} (out of memory, most likely)"}
        log = workspace.log_path.read_bytes()[-10_000:].decode(errors="replace")
        if isinstance(error, CacheError) or any(_NO_SPACE in text for text in (error.what, error.hint, log)):
            return {"unfit": _NO_SPACE if _NO_SPACE in f"{error.what}{error.hint}{log}" else str(error.what)}
        return None

    def _answer(self, action: Action, workspace: Workspace, error: TinyflowError | None) -> Message:
        """What became of an action; its outputs stay in the cache, for what they are inputs of."""
        aside = workspace.folder / ASIDE_FOLDER
        answer: Message = {
            "log": workspace.log_path.read_bytes(),
            "aside": {name: path.read_bytes() for name, path in digest.tree_files(aside)} if aside.is_dir() else {},
            "is_local": (workspace.folder / LOCAL_MARK).exists(),
            "error": None if error is None else pickle.dumps(error),
            "outputs": {},
            "blobs": {},
        }
        if error is not None:
            return answer
        blobs = answer["blobs"]
        for name in action.outputs:
            path = workspace.outputs[name]
            if name.endswith("/"):
                files = [(file, self.store.add_file(one), one) for file, one in digest.tree_files(path)]
                blobs.update((blob, one.read_bytes()) for _, blob, one in files)
                listing = digest.tree_listing((file, blob) for file, blob, _ in files)
                answer["outputs"][name] = self.store.add_bytes(listing)
                blobs[answer["outputs"][name]] = listing
            elif path.is_file():
                answer["outputs"][name] = self.store.add_file(path)
                blobs[answer["outputs"][name]] = path.read_bytes()
        return answer

    # Inputs

    def lacking(self, inputs: Mapping[str, tuple[str, bool]]) -> list[str]:
        """Digests of what neither the cache nor the remote one has; files of a tree when its listing is there."""
        lacking = set()
        for name, is_tree in inputs.values():
            names = {name}
            if is_tree and (entries := self._entries(name)) is not None:
                names.update(blob for _, blob in entries)
            found = {one for one in names if self.store.has(one)}
            lacking |= names - found
            self.counts["hit"] += len(found)
        if lacking and self._remote is not None:
            self._remote.fetch_blobs(lacking, self.store)
            lacking = {name for name in lacking if not self.store.has(name)}
        return sorted(lacking)

    def _entries(self, tree: str) -> list[tuple[str, str]] | None:
        return self.store.tree_entries(tree) if self.store.has(tree) else None

    def accept(self, inputs: Mapping[str, tuple[str, bool]], blobs: Mapping[str, bytes]) -> Message:
        """Keep blobs that were asked for; `asks` is what these inputs lack now."""
        try:
            for content in blobs.values():
                self.store.add_bytes(content)
            asks = self.lacking(inputs)
        except (TinyflowError, OSError) as error:
            refusal = refusal_of(error)
            if refusal is None:
                raise
            return {"unfit": refusal.what}
        self.counts["asked"] += len(asks)
        return {"asks": asks}

    def _lay_in(self, inputs: Mapping[str, tuple[str, bool]], folder: Path) -> bool:
        """Copy the inputs into a folder; False where one was lost meanwhile."""
        return all(
            (self.store.copy_tree if is_tree else self.store.copy_blob)(name, folder / input_name)
            for input_name, (name, is_tree) in inputs.items()
        )

    # Sessions

    @contextlib.contextmanager
    def _session(self, name: str) -> Iterator[_Session]:
        """What is kept for one asking session, made anew for one that wasn't heard of."""
        with self._lock:
            session = self._sessions.get(name)
            if session is None:
                if not self._sessions:
                    threading.Thread(target=self._sweep, daemon=True).start()
                session = self._sessions[name] = _Session(self._place, self._scratch, self._keeper)
            session.users += 1
        try:
            yield session
        finally:
            session.users -= 1
            session.used_s = time.monotonic()

    def end(self, name: str) -> None:
        """A session is at its end."""
        with self._lock:
            session = self._sessions.pop(name, None)
        if session is not None:
            session.close()

    def _sweep(self) -> None:
        """End sessions that were killed, as long as there are any; first make room in the cache."""
        cache_maintenance.trim(self.store, self._keep_bytes)
        while True:
            time.sleep(_SWEEP_S)
            with self._lock:
                old_s = time.monotonic() - _IDLE_S
                idle = [name for name, one in self._sessions.items() if not one.users and one.used_s < old_s]
                closing = [self._sessions.pop(name) for name in idle]
                is_last = not self._sessions
            for session in closing:
                session.close()
            if is_last:
                return


class _Session:
    """Processes and proofs for one asking session, all begun after it was: what is edited later is noticed."""

    def __init__(self, place: Path, scratch: Scratch, keeper: ThreadPoolExecutor) -> None:
        self._place = place
        self._scratch = scratch
        self._keeper = keeper
        self._servers: dict[object, ForkServer] = {}
        self._runners: list[Runner] = []  # that are idle
        self._generation = 0  # of these: one from before the code was edited is not used again
        self._proofs: dict[str, Mapping[Path, digest.Stamp]] = {}  # toolset → stamps of our modules
        self._lock = threading.RLock()
        self._held = contextlib.ExitStack()
        self._folder: Path | None = None
        self.users = 0
        self.used_s = time.monotonic()

    def close(self) -> None:
        """End its processes."""
        with self._lock:
            processes: list[ForkServer | Runner] = [*self._servers.values(), *self._runners]
            for each in processes:
                each.close()
            self._servers.clear()
            self._runners.clear()
            self._generation += 1
            self._proofs.clear()
            self._held.close()
            self._folder = None

    def is_edited(self, toolset: str) -> bool:
        """Whether the code may be another than when it was proved."""
        stamps = self._proofs.get(toolset)
        try:
            return stamps is None or any(digest.stamp_of(path) != stamp for path, stamp in stamps.items())
        except OSError:
            return True

    def differences(self, action: Action, toolset: str) -> list[str]:
        """What of machine, tools and code is not as in the key. Looked at once, unless code is edited."""
        with self._lock:
            if toolset in self._proofs and not self.is_edited(toolset):
                return []
            if any(map(self.is_edited, self._proofs)):
                self.close()  # what is in memory is old
            try:
                text, stamps = self._prove(action)
            except ToolError as error:
                return [error.what]
            if text != toolset:
                return key.differences(toolset + "\n", text + "\n")
            self._proofs[toolset] = stamps
            return []

    def _prove(self, action: Action) -> tuple[str, Mapping[Path, digest.Stamp]]:
        """The toolset as a process sees it that begins now, and stamps of the modules in it."""
        with self._scratch.folder() as folder:
            asking = Action("prove", "prove", f"{__name__}:prove", (_PROOF,))
            described = {
                "records": str(self._place / "state.sqlite3"),
                **{name: getattr(action, name) for name in ("function", "implementation", "tools")},
            }
            workspace = Workspace(folder, described, {}, {_PROOF: folder / _PROOF}, folder / "log", 60.0)
            workspace.log_path.touch()
            self._server("").call(asking, workspace, _PROVING)
            text, stamps = pickle.loads((folder / _PROOF).read_bytes())
            return text, stamps

    def _begin(self) -> Path:
        """The folder that its processes begin in."""
        if self._folder is None:
            self._folder = self._held.enter_context(self._scratch.folder())
        return self._folder

    def _server(self, kind: object) -> ForkServer:
        with self._lock:
            folder = self._begin()
            if kind not in self._servers:
                self._servers[kind] = self._keeper.submit(ForkServer, (), folder).result()
            return self._servers[kind]

    def call(
        self, action: Action, workspace: Workspace, modules: Sequence[str], check: Callable[[], None]
    ) -> TinyflowError | None:
        """Run the stage in a copy of a process; its refusal."""
        try:
            if action.isolated:
                self._copied(action, workspace, modules, check)
            else:
                with self._runner() as runner:
                    runner.call(action, workspace, modules, check)
        except Unwanted:
            raise
        except TinyflowError as error:
            return error
        return None

    def _copied(self, action: Action, workspace: Workspace, modules: Sequence[str], check: Callable[[], None]) -> None:
        kind = kind_of(action) if modules else ""
        server = self._server(kind)
        try:
            server.call(action, workspace, modules, check)
        except ToolError as error:
            if error.status is not None or not modules or not server.has_ended():
                raise
            with self._lock:  # what it imports ended it; a worker that imports it itself will say why
                if self._servers.get(kind) is server:
                    self._servers.pop(kind).close()
            self._copied(action, workspace, (), check)

    @contextlib.contextmanager
    def _runner(self) -> Iterator[Runner]:
        """A process that nobody else uses meanwhile."""
        with self._lock:
            generation, folder = self._generation, self._begin()
            runner = self._runners.pop() if self._runners else None
        if runner is None:
            runner = self._keeper.submit(Runner, folder).result()
        try:
            yield runner
        finally:
            with self._lock:
                if self._generation == generation and not runner.has_ended:
                    self._runners.append(runner)
                else:
                    runner.close()


def prove(workspace: Workspace) -> None:
    """A stage function of ours: what this very process has for an action, as it would be in its key."""
    described = workspace.parameters
    action = Action(
        "", "", described["function"], (), tools=described["tools"], implementation=described["implementation"]
    )
    records = Records(Path(described["records"]))
    try:
        found = Toolset(*key.toolset_facts(action, digest.Memo(records)))
    finally:
        records.close()
    workspace.outputs[_PROOF].write_bytes(pickle.dumps((found.text, found.stamps)))


def _action(request: Message) -> Action:
    told = dict(request["action"])
    tools = tuple(Tool(*words) for words in told.pop("tools"))
    return Action(
        **{**told, "outputs": tuple(told["outputs"]), "implementation": tuple(told["implementation"]), "tools": tools}
    )
