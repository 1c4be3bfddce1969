"""Disjoint sets of tensors that must be treated alike."""

from __future__ import annotations


class Groups:
    """Each tensor is in a set of its own until it is joined to another."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def _root(self, index: int) -> int:
        self._parent.setdefault(index, index)
        while self._parent[index] != index:
            index = self._parent[index]
        return index

    def join(self, one: int, other: int) -> None:
        """Put two sets together."""
        self._parent[self._root(one)] = self._root(other)

    def members(self) -> list[set[int]]:
        """All sets."""
        found: dict[int, set[int]] = {}
        for index in list(self._parent):
            found.setdefault(self._root(index), set()).add(index)
        return list(found.values())
