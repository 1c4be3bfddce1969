"""Build recorded actions once more from nothing, in a scratch folder, and compare every output with the recorded one.

Touches neither the cache nor the records. What was recorded is a session's past or an archive's content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tinyflow.core import digest
from tinyflow.core.action import Action, Input, Output, SourceFile
from tinyflow.core.execute import Session
from tinyflow.core.key import differences

# What is never the same twice; whoever reads it gets the recorded one.
VOLATILE = "timing.json"


class Recorded(NamedTuple):
    """What was made the time before, as these tell it."""

    outputs_of: Callable[[Action], Mapping[str, str]]  # output → digest
    volatile: Callable[[Action], Path]  # the file to give on as `VOLATILE` of an action
    read: Callable[[str], bytes | None]  # the blob of a digest
    key_text: Callable[[Action], str | None]  # of the rebuilt action, too; None where that is not to be looked at


def recorded_in(session: Session) -> Recorded:
    """The past of a session, whose actions are up to date: it has compared their keys."""
    return Recorded(
        lambda action: {name: session.output_digest(action, name) for name in action.outputs},
        lambda action: session.output_path(action, VOLATILE),
        session.store.read,
        lambda action: None,
    )


class Difference(NamedTuple):
    """One output that came out otherwise."""

    action: Action
    output: str
    detail: str


class Rebuild:
    """A second session, with an empty cache and no past, that makes recorded actions again."""

    def __init__(
        self, recorded: Recorded, folder: Path, adapt: Callable[[Action], Action] = lambda action: action
    ) -> None:
        """`adapt` may change how an action is made, but not what it makes. Who makes this closes its session."""
        self._recorded = recorded
        self._adapt = adapt
        self.session = Session(folder / "cache", folder / "state")
        self._again: dict[str, Action] = {}
        self._changed: set[str] = set()  # ids of actions with an output that differs
        self.equal = 0

    def compare(self, action: Action) -> Iterator[Difference]:
        """Make an action again, after those that it waits for; which of its outputs differ. Raises what it raises."""
        again = replace(action, inputs={name: self._input(source) for name, source in action.inputs.items()})
        is_follow_up = any(before.id in self._changed for before in action.dependencies)
        expected_key = self._recorded.key_text(action)
        text = self.session.key_text(again) or ""
        self._again[action.id] = self._adapt(again)
        self.session.execute(self._again[action.id])
        if expected_key not in (None, text) and not is_follow_up:
            self._changed.add(action.id)
            yield Difference(action, "key", "".join(f"\n  {line}" for line in differences(expected_key or "", text)))
        for output, before in self._recorded.outputs_of(action).items():
            if output == VOLATILE:
                continue
            after = self.session.output_digest(self._again[action.id], output)
            if before == after:
                self.equal += 1
            else:
                self._changed.add(action.id)
                yield Difference(
                    action, output, " (follows from the above)" if is_follow_up else self._detail(output, before, after)
                )

    def _input(self, source: Input) -> Input:
        if isinstance(source, SourceFile):
            return source
        if source.name == VOLATILE:
            return SourceFile(self._recorded.volatile(source.action), source.name)
        return Output(self._again[source.action.id], source.name)

    def _detail(self, output: str, before: str, after: str) -> str:
        if not output.endswith("/"):
            return ": " + self._first_difference(before, after)
        old, new = _entries(self._recorded.read(before)), _entries(self.session.store.read(after))
        lines = []
        for name in sorted(old.keys() | new.keys()):
            if name not in old or name not in new:
                lines.append(f"{name} {'is gone' if name in old else 'is new'}")
            elif old[name] != new[name]:
                lines.append(f"{name}: {self._first_difference(old[name], new[name])}")
        return "".join(f"\n  {line}" for line in lines)

    def _first_difference(self, before: str, after: str) -> str:
        """Where two blobs part."""
        old, new = self._recorded.read(before) or b"", self.session.store.read(after) or b""
        pairs = enumerate(zip(old, new, strict=False))
        place = next((index for index, (one, other) in pairs if one != other), min(len(old), len(new)))
        return f"differs from byte {place} on ({len(old)} bytes recorded, {len(new)} now)"


def _entries(listing: bytes | None) -> Mapping[str, str]:
    return dict(digest.parse_listing(listing or b""))
