"""A database for doit that forgets: doit orders and names our tasks, `core.records` knows what happened to them."""

from __future__ import annotations

from typing import Any


class MemoryDB:
    """The interface of doit's backends, `doit.dependency.JsonDB` for one, without a file."""

    desc = "in memory only; tinyflow keeps its own records"

    def __init__(self, name: str, codec: object, *, module_name: str | None = None) -> None:
        del codec, module_name
        self.name = name
        self._facts: dict[str, dict[str, Any]] = {}

    def dump(self) -> None:
        """Write nothing."""

    def set(self, task_id: str, dependency: str, value: Any) -> None:
        """Remember a fact of a task for the rest of this process."""
        self._facts.setdefault(task_id, {})[dependency] = value

    def get(self, task_id: str, dependency: str) -> Any:
        """A fact of a task, or None."""
        return self._facts.get(task_id, {}).get(dependency)

    def in_(self, task_id: str) -> bool:
        """Whether anything is known of a task."""
        return task_id in self._facts

    def remove(self, task_id: str) -> None:
        """Forget a task."""
        self._facts.pop(task_id, None)

    def remove_all(self) -> None:
        """Forget everything."""
        self._facts.clear()
