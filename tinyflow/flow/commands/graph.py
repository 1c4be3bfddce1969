"""`doit graph`: actions and what each waits for, or the layers of a network, as DOT, Mermaid or SVG. Runs nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from os.path import commonpath
from typing import Any

from tinyflow.core.action import Action
from tinyflow.core.errors import UsageError
from tinyflow.flow.commands.command import OwnCommand, flag, option
from tinyflow.flow.publishing.comparison import bench_name
from tinyflow.flow.streams import write_data, writing
from tinyflow.report.diagram import DRAWINGS, Box
from tinyflow.report.html.network import boxes

# what is drawn → the bench's document
_NETWORKS = {"given": "graph", "compiled": "network", "relax": "relax"}


class Graph(OwnCommand):
    """Draws the graph; what would run stands out."""

    doc_purpose = "draw the actions of benches, and what each waits for"
    doc_usage = "BENCH|SUITE..."
    doc_description = """\
With --network, the layers of a bench that has run, as its page has them.
Example: doit graph bench:vww-tvmaot-stm32f7 --format svg --output graph.svg
Example: doit graph vww-tvmaot-stm32f7 --network relax --format svg --output network.svg"""
    cmd_options = (
        option("format", "how to write it [default: dot]", "dot", choices=DRAWINGS),
        flag("all", "a box for each action; else actions of one kind that lead to the same share a box", short="a"),
        option("network", "instead the network: given, compiled, or relax: as TVM has it", "", choices=_NETWORKS),
        option("output", "write to this file instead of the terminal"),
    )

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print or write the graph."""
        self.require(args, "graph of what?", "graph bench:vww-tvmaot-stm32f7")
        drawn = self._layers(args, params["network"]) if params["network"] else self._actions(args, params["all"])
        text = DRAWINGS[params["format"]](" ".join(args), drawn)
        if params["output"]:
            with writing(params["output"]) as path:
                path.write_text(text, encoding="utf-8")
        else:
            write_data(text)
        return 0

    def _actions(self, args: list[str], is_each: bool) -> list[Box]:
        actions = self.loader.selector.select(args, is_bare_fine=True).all_actions
        stale = {action.id for action in self.loader.session.stale(list(actions.values()))}
        return _each(actions, stale) if is_each else _grouped(actions, stale)

    def _layers(self, args: list[str], which: str) -> list[Box]:
        if len(args) > 1:
            raise UsageError("one network at a time", hint=f"for example graph {args[0]} --network {which}")
        bench, attribute = bench_name(args[0]), _NETWORKS[which]
        documents = self.loader.views.documents(bench)
        document = getattr(documents, attribute, None)
        if document is None:
            why = f"{bench} has no {attribute}.json"
            hint = (
                "TVM's backends have it"
                if documents is not None and which == "relax"
                else f"doit bench:{bench} makes it"
            )
            raise UsageError(why, hint=hint)
        return [Box(*box) for box in boxes(document)]


def _each(actions: Mapping[str, Action], stale: Collection[str]) -> list[Box]:
    """A box for each action."""
    return [
        Box(action.id, action.title, tuple(before.id for before in action.dependencies), action.id in stale)
        for action in actions.values()
    ]


def _grouped(actions: Mapping[str, Action], stale: Collection[str]) -> list[Box]:
    """A box for all actions of one stage that wait for the same and are waited for by the same: a runtime's sources."""
    users: dict[str, list[str]] = {identity: [] for identity in actions}
    for action in actions.values():
        for before in action.dependencies:
            users[before.id].append(action.id)
    groups: dict[tuple[Any, ...], list[Action]] = {}
    for action in actions.values():
        needs = tuple(other.id for other in action.dependencies)
        is_alone = len(users[action.id]) != 1  # shared by several, or the end of a bench
        key = (action.id,) if is_alone else (action.stage, needs, *users[action.id])
        groups.setdefault(key, []).append(action)
    named = {action.id: members[0].id for members in groups.values() for action in members}
    return [
        Box(
            members[0].id,
            _title([action.title for action in members]),
            tuple(dict.fromkeys(named[before.id] for before in members[0].dependencies)),
            any(action.id in stale for action in members),
        )
        for members in groups.values()
    ]


def _title(titles: list[str]) -> str:
    """`compile support (4)` for all of its sources."""
    return titles[0] if len(titles) == 1 else f"{commonpath(titles)} ({len(titles)})"
