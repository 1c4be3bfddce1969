"""Build recorded actions once more from nothing, in a scratch folder, and compare every output with the recorded one.

Touches neither the cache nor the records. What was recorded is a session's past or an archive's content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from tinyflow.core import digest
from tinyflow.core.action import Action, Input, Output, SourceFile
from tinyflow.core.execute import Session

# What is never the same twice; whoever reads it gets the recorded one.
VOLATILE = "timing.json"


class Recorded(Protocol):
    """What was made the time before."""

    def outputs_of(self, action: Action) -> Mapping[str, str]:
        """Output → digest."""

    def volatile(self, action: Action) -> Path:
        """The file to give on as `VOLATILE` of an action."""

    def read(self, name: str) -> bytes | None:
        """The blob of a digest."""

    def key_text(self, action: Action) -> str | None:
        """The key that the rebuilt action must have; None where that is not to be looked at."""


class RecordedSession:
    """The past of a session, whose actions are up to date."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def outputs_of(self, action: Action) -> Mapping[str, str]:
        """See `Recorded`."""
        return {name: self._session.output_digest(action, name) for name in action.outputs}

    def volatile(self, action: Action) -> Path:
        """See `Recorded`."""
        return self._session.output_path(action, VOLATILE)

    def read(self, name: str) -> bytes | None:
        """See `Recorded`."""
        return self._session.store.read(name)

    def key_text(self, action: Action) -> str | None:
        """See `Recorded`. The session has compared it."""


@dataclass(frozen=True)
class Difference:
    """One output that came out otherwise."""

    action: Action
    output: str
    detail: str


class Rebuild:
    """A second session, with an empty cache and no past, that makes recorded actions again."""

    def __init__(
        self, recorded: Recorded, folder: Path, adapt: Callable[[Action], Action] = lambda action: action
    ) -> None:
        """`adapt` may change how an action is made, but not what it makes."""
        self._recorded = recorded
        self._adapt = adapt
        self._session = Session(folder / "cache", folder / "state")
        self._again: dict[str, Action] = {}
        self._changed: set[str] = set()  # ids of actions with an output that differs
        self.equal = 0

    def close(self) -> None:
        """Close the second session."""
        self._session.close()

    def toolset_text(self, action: Action) -> str:
        """The tools and code that an action would be made with. Raises ToolError (missing)."""
        return self._session.toolset_text(action)

    def compare(self, action: Action) -> Iterator[Difference]:
        """Make an action again, after those that it waits for; which of its outputs differ. Raises what it raises."""
        again = replace(action, inputs={name: self._input(source) for name, source in action.inputs.items()})
        is_follow_up = any(before.id in self._changed for before in action.dependencies)
        expected_key = self._recorded.key_text(action)
        text = self._session.key_text(again) or ""
        self._again[action.id] = self._adapt(again)
        self._session.execute(self._again[action.id])
        if expected_key not in (None, text) and not is_follow_up:
            from tinyflow.core.key import differences

            self._changed.add(action.id)
            yield Difference(action, "key", "".join(f"\n  {line}" for line in differences(expected_key or "", text)))
        for output, before in self._recorded.outputs_of(action).items():
            if output == VOLATILE:
                continue
            after = self._session.output_digest(self._again[action.id], output)
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
        old, new = _entries(self._recorded.read(before)), _entries(self._session.store.read(after))
        lines = []
        for name in sorted(old.keys() | new.keys()):
            if name not in old or name not in new:
                lines.append(f"{name} {'is gone' if name in old else 'is new'}")
            elif old[name] != new[name]:
                lines.append(f"{name}: {self._first_difference(old[name], new[name])}")
        return "".join(f"\n  {line}" for line in lines)

    def _first_difference(self, before: str, after: str) -> str:
        """Where two blobs part."""
        old, new = self._recorded.read(before) or b"", self._session.store.read(after) or b""
        pairs = enumerate(zip(old, new, strict=False))
        place = next((index for index, (one, other) in pairs if one != other), min(len(old), len(new)))
        return f"differs from byte {place} on ({len(old)} bytes recorded, {len(new)} now)"


def _entries(listing: bytes | None) -> Mapping[str, str]:
    return dict(digest.parse_listing(listing or b""))
