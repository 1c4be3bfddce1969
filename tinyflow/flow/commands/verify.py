"""`doit verify`: build benches once more from nothing, in a scratch folder, and compare every output with the recorded
one. Touches neither the cache nor the records.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinyflow.core.action import Action, Input, Output, SourceFile
from tinyflow.core.errors import UsageError
from tinyflow.core.execute import Session
from tinyflow.core.store import Store
from tinyflow.flow.commands.refusing import OwnCommand
from tinyflow.flow.tasks import task_name

# What is never the same twice; whoever reads it gets the recorded one.
_VOLATILE = "timing.json"
_DIFFERENT = 1


class Verify(OwnCommand):
    """Rebuilds one action after the other, each with inputs that were rebuilt, too."""

    name = "verify"
    doc_purpose = "rebuild benches from nothing and compare every artifact"
    doc_usage = "BENCH|SUITE..."
    doc_description = "Ends with status 1 where something differs.\nExample: doit verify bench:vww-tvmaot-stm32f7"

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print what differs, then the counts."""
        del params
        if not args:
            raise UsageError("verify what?", hint=f"for example {self.bin_name} verify bench:vww-tvmaot-stm32f7")
        session = self.loader.session
        actions = self.loader.selector.select(args, is_bare_fine=True).all_actions
        if stale := session.stale(actions.values()):
            what = f"{len(stale)} of {len(actions)} actions are not up to date, {stale[0].title} for one"
            raise UsageError(what, hint=f"there is nothing to compare with; first {self.bin_name} {' '.join(args)}")
        with tempfile.TemporaryDirectory(dir=self.loader.project.state, prefix="verify-") as folder:
            rebuilt = _Rebuild(session, Path(folder))
            differing = [found for action in actions.values() for found in rebuilt.compare(action)]
            rebuilt.close()
        for found in differing:
            print(f"{task_name(found.action)}  {found.action.title}: {found.output}{found.detail}")
        print(f"{len(actions)} actions rebuilt: {rebuilt.equal} outputs equal, {len(differing)} different")
        session.close()
        return _DIFFERENT if differing else 0


@dataclass(frozen=True)
class Difference:
    """One output that came out otherwise."""

    action: Action
    output: str
    detail: str


class _Rebuild:
    """A second session, with an empty cache and no past, that makes recorded actions again."""

    def __init__(self, recorded: Session, folder: Path) -> None:
        self._recorded = recorded
        self._session = Session(folder / "cache", folder / "state")
        self._again: dict[str, Action] = {}
        self._changed: set[str] = set()  # ids of actions with an output that differs
        self.equal = 0

    def close(self) -> None:
        """Close the second session."""
        self._session.close()

    def compare(self, action: Action) -> Iterator[Difference]:
        """Make an action again, behind those that it waits for; which of its outputs differ. Raises what it raises."""
        again = replace(action, inputs={name: self._input(source) for name, source in action.inputs.items()})
        self._again[action.id] = again
        self._session.execute(again)
        is_follow_up = any(before.id in self._changed for before in action.dependencies)
        for output in action.outputs:
            before, after = self._recorded.output_digest(action, output), self._session.output_digest(again, output)
            if before == after:
                self.equal += 1
            elif output != _VOLATILE:
                self._changed.add(action.id)
                detail = " (follows from the above)" if is_follow_up else self._detail(output, before, after)
                yield Difference(action, output, detail)

    def _input(self, source: Input) -> Input:
        if isinstance(source, SourceFile):
            return source
        if source.name == _VOLATILE:
            return SourceFile(self._recorded.output_path(source.action, source.name), source.name)
        return Output(self._again[source.action.id], source.name)

    def _detail(self, output: str, before: str, after: str) -> str:
        if not output.endswith("/"):
            return ": " + self._first_difference(before, after)
        old, new = (_entries(store, name) for store, name in zip(self._stores, (before, after), strict=True))
        lines = []
        for name in sorted(old.keys() | new.keys()):
            if name not in old or name not in new:
                lines.append(f"{name} {'is gone' if name in old else 'is new'}")
            elif old[name] != new[name]:
                lines.append(f"{name}: {self._first_difference(old[name], new[name])}")
        return "".join(f"\n  {line}" for line in lines)

    def _first_difference(self, before: str, after: str) -> str:
        """Where two blobs part."""
        old, new = (store.read(name) or b"" for store, name in zip(self._stores, (before, after), strict=True))
        pairs = enumerate(zip(old, new, strict=False))
        place = next((index for index, (one, other) in pairs if one != other), min(len(old), len(new)))
        return f"differs from byte {place} on ({len(old)} bytes recorded, {len(new)} now)"

    @property
    def _stores(self) -> tuple[Store, Store]:
        return self._recorded.store, self._session.store


def _entries(store: Store, name: str) -> Mapping[str, str]:
    return dict(store.tree_entries(name) or ())
