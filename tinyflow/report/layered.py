"""Layers of a graph for drawing it, as Sugiyama, Tagawa and Toda describe it (1981). It knows names, and no shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

_SWEEPS = 4


def layers_of(waits_for: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Names by the longest way to them, each layer ordered so that few lines cross.

    `waits_for`: what comes right before each; a name is behind all that it waits for.
    """
    depth: dict[str, int] = {}
    neighbours: dict[str, list[str]] = {name: list(before) for name, before in waits_for.items()}
    users: dict[str, list[str]] = {name: [] for name in waits_for}
    for name, before in waits_for.items():
        depth[name] = max((depth[one] + 1 for one in before), default=0)
        for one in before:
            neighbours[one].append(name)
            users[one].append(name)
    # What waits for nothing is right before the first that waits for it, not at the far end.
    for name, before in waits_for.items():
        if not before and users[name]:
            depth[name] = min(depth[user] for user in users[name]) - 1
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in waits_for:
        layers[depth[name]].append(name)
    places = {name: index - len(layer) / 2 for layer in layers for index, name in enumerate(layer)}
    for _ in range(_SWEEPS):
        for layer in (*layers, *reversed(layers)):
            layer.sort(key=lambda name: _middle(neighbours[name], places, places[name]))
            places.update((name, index - len(layer) / 2) for index, name in enumerate(layer))
    return layers


def _middle(names: Sequence[str], places: Mapping[str, float], default: float) -> float:
    return fmean(places[name] for name in names) if names else default
