"""Deciding what an action needs: its record against its inputs, tools and code as they are now. Nothing runs here.

The id names everything but contents, tools and code, so a digest of these (the seal) stands for the whole key: no key
text is made where nothing changed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from tinyflow.core import digest, key
from tinyflow.core.action import Action, Output
from tinyflow.core.errors import CacheError, RecipeError, TinyflowError
from tinyflow.core.records import Record, Records, Sealed
from tinyflow.core.states import HIT, RUN, UP_TO_DATE, WAITING
from tinyflow.core.store import Store
from tinyflow.core.toolset import Toolsets

MANY = 500  # from here on one look at all records is cheaper than one at each
_SEPARATOR = " "  # between digests


class Verdict(NamedTuple):
    """What an action needs, and why: UP_TO_DATE, HIT, RUN or WAITING of `states`."""

    state: str
    reasons: tuple[str, ...] = ()


class Staleness:
    """What is known of actions in one session; safe to use from several threads. Closes neither of its two."""

    def __init__(self, store: Store, records: Records) -> None:
        self.store = store
        self.records = records
        self.recheck()

    def recheck(self) -> None:
        """Forget what was seen: files may have changed since."""
        self._memo = digest.Memo(self.records)
        self._makers = Toolsets(self._memo)
        # Of the actions known to be up to date, by id: the digests of their outputs, in order, as one text, for there
        # may be very many. Threads only get, set and pop single items, which is atomic.
        self._current: dict[str, str] = {}

    # Many at once

    def stale(self, actions: Collection[Action]) -> list[Action]:
        """Those of these actions that can't be seen to be up to date; each must be after those that it waits for.

        Nothing is said of why, so that an empty run over very many actions is quick. One that found nothing to do
        leaves a note, so that the next over the same actions compares that note and looks no further.
        """
        if len(actions) < MANY:
            return [action for action in actions if not self.is_current(action)]
        facts = self._facts(actions)
        with self.store.listed(len(actions)):
            if facts is not None and self._is_settled(facts, actions):
                return []
            sealed = self.records.seals().get
            stale = [action for action in actions if not self._is_current(action, sealed)]
        if not stale and facts is not None:
            self._settle(facts, actions)
        return stale

    def _facts(self, actions: Iterable[Action]) -> str | None:
        """A digest of all that decides whether these actions are up to date, but for records and blobs.

        That is what goes into their seals: ids, toolsets, and the content of the source files of each.
        """
        parts: list[str] = []
        toolsets = set()
        try:
            for action in actions:
                parts.append(action.id)
                toolset = (action.function, action.implementation, action.tools)
                if toolset not in toolsets:
                    toolsets.add(toolset)
                    parts.append(self._makers.of(action).seal.hexdigest())
                parts += [
                    self._memo.digest(source.path)
                    for source in action.inputs.values()
                    if not isinstance(source, Output)
                ]
        except (OSError, TinyflowError):
            return None  # looking at that action alone will say the same
        return digest.check_of("\n".join(parts))

    def _is_settled(self, facts: str, actions: Collection[Action]) -> bool:
        """Whether all of these actions were up to date when these were the facts, and all blobs are still there."""
        note = self.records.note(facts)
        if note is None:
            return False
        checked, _, text = note.partition("\n")
        made, _, inside = text.partition("\n\n")
        lines = made.split("\n")
        if checked != digest.check_of(text) or len(lines) != len(actions):
            return False
        if not self.store.are_there(made.split()) or not self.store.are_there(inside.split()):
            return False
        self._current.update(zip([action.id for action in actions], lines, strict=True))
        return True

    def _settle(self, facts: str, actions: Iterable[Action]) -> None:
        """Note that nothing was to be done: a line for each action, then what the trees among its outputs hold."""
        lines = [self._current[action.id] for action in actions]
        if not all(lines):
            return  # what makes nothing has no line
        trees = {
            name
            for action, line in zip(actions, lines, strict=True)
            for output, name in zip(action.outputs, line.split(_SEPARATOR), strict=True)
            if output.endswith("/")
        }
        inside = {blob for tree in trees for _, blob in self.store.tree_entries(tree) or ()}
        text = "\n".join(lines) + "\n\n" + "\n".join(sorted(inside))
        with contextlib.suppress(CacheError):  # records that can't be written cost time, nothing else
            self.records.put_note(facts, f"{digest.check_of(text)}\n{text}")

    # One

    def is_current(self, action: Action) -> bool:
        """Whether this action can be seen to be up to date, those before it being so; `check` says why not."""
        return self._is_current(action, self.records.sealed)

    def _is_current(self, action: Action, sealed: Callable[[str], Sealed | None]) -> bool:
        """The same, with the records as `sealed` tells them."""
        try:
            inputs = self.input_digests(action)
            return inputs is not None and self._recorded(action, inputs, sealed(action.id))
        except TinyflowError:
            return False  # executing it will say the same

    def check(self, action: Action) -> Verdict:
        """What this action needs; reads only. Its dependencies must have been checked or executed before."""
        inputs = self.input_digests(action)
        if inputs is None:
            waiting = [before.title for before in action.dependencies if before.id not in self._current]
            return Verdict(WAITING, tuple(f"waits for {title}" for title in waiting))
        record = self.records.get(action.id)
        if self._recorded(action, inputs, (record.seal, record.outputs) if record is not None else None):
            return Verdict(UP_TO_DATE)
        text = self.text_of(action, inputs)
        name = digest.of_bytes(text.encode())
        reasons = tuple(self._reasons(action, record, name, text))
        return Verdict(HIT if self.store.look_up(name, action.outputs) else RUN, reasons)

    def _recorded(self, action: Action, inputs: Mapping[str, str], sealed: Sealed | None) -> bool:
        """Whether an action's record speaks of these inputs, tools and code, and its outputs are still there."""
        if sealed is None or sealed[0] != self.seal(action, inputs):
            return False
        outputs = sealed[1]
        if outputs.keys() != set(action.outputs) or not self.store.is_complete(outputs):
            return False
        self.note(action, outputs)
        return True

    def seal(self, action: Action, inputs: Mapping[str, str]) -> str:
        """A short stand-in for the key, given the id."""
        seal = self._makers.of(action).seal.copy()
        seal.update("\n".join([inputs[name] for name in sorted(inputs)]).encode())
        return str(seal.hexdigest())

    def key_text(self, action: Action) -> str | None:
        """The text of an action's key, or None while an input has yet to be made. Raises as executing it does."""
        inputs = self.input_digests(action)
        return None if inputs is None else self.text_of(action, inputs)

    def text_of(self, action: Action, inputs: Mapping[str, str]) -> str:
        """The same, with the digests of its inputs."""
        return key.key_text(action, inputs, self._makers.of(action).facts)

    def toolset_text(self, action: Action) -> str:
        """What an action would be made with, as in its key: machine, tools, our code. Raises ToolError (missing)."""
        return self._makers.of(action).text

    def input_digests(self, action: Action) -> dict[str, str] | None:
        """Input name → digest, or None while an input has yet to be made. Raises RecipeError for a missing file."""
        found = {}
        for name, source in action.inputs.items():
            if isinstance(source, Output):
                outputs = self._current.get(source.action.id)
                if outputs is None:
                    return None
                found[name] = _pick(outputs, source.action, source.name)
            else:
                try:
                    found[name] = self._memo.digest(source.path)
                except OSError as error:
                    raise RecipeError(error.strerror or str(error), where=str(source.path)) from error
        return found

    def _reasons(self, action: Action, record: Record | None, name: str, text: str) -> Iterator[str]:
        """Why the record does not do, against the nearest earlier one."""
        if record is not None and record.key == name:
            yield "its outputs are no longer in the cache"
            return
        before = record or self.records.latest_like(action.stage, action.title, action.id)
        before_text = self.records.key_text(before.key) if before is not None else None
        if before_text is None:
            yield "never made here"
        else:
            yield from key.differences(before_text, text)

    def explain(self, action: Action) -> list[str]:
        """Why this action would run, or how it last came to its outputs and which facts had changed then."""
        verdict = self.check(action)
        if verdict.state != UP_TO_DATE:
            return [f"{verdict.state}:", *verdict.reasons]
        record = self.records.get(action.id)
        assert record is not None
        lines = [f"{UP_TO_DATE}; last {record.outcome} ({record.duration_s:.2f} s), key {record.key}"]
        before = self.records.key_text(record.before_key) if record.before_key else None
        text = self.records.key_text(record.key)
        if before is not None and text is not None:
            lines += ["then, against the key before it:", *key.differences(before, text)]
        return lines

    # What is known

    def note(self, action: Action, outputs: Mapping[str, str]) -> None:
        """An action has these outputs now."""
        self._current[action.id] = _SEPARATOR.join([outputs[name] for name in action.outputs])

    def drop(self, action: Action) -> None:
        """An action's outputs are not to be relied on."""
        self._current.pop(action.id, None)

    def is_code_edited(self, action: Action) -> bool:
        """Whether the code behind an action may be another than what its key says."""
        return self._makers.of(action).is_edited()

    def distrust(self) -> None:
        """Read every source file again: something remembered of one was wrong."""
        self._memo.distrust()
        self._makers.forget()

    def output_digest(self, action: Action, name: str) -> str:
        """Digest of one output of an action that is up to date or was executed; KeyError for another."""
        return _pick(self._current[action.id], action, name)


def _pick(outputs: str, action: Action, name: str) -> str:
    """One output's digest out of the text of all."""
    return outputs if len(action.outputs) == 1 else outputs.split(_SEPARATOR)[action.outputs.index(name)]
