"""What the commands share that list recipes: a table of all, everything of a single one, and the same as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import Any, ClassVar, NamedTuple

from tinyflow.flow.commands.command import OwnCommand, option
from tinyflow.flow.session.display import width_of
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Recipe
from tinyflow.report.tables import fitted

_WIDTH = 110
_FEW = 3  # names that a cell shows


class Fact(NamedTuple):
    """Something that is known of a recipe. `text` is what a cell shows of a value that is no short text."""

    key: str
    title: str
    value: Any
    text: str | None = None

    @property
    def cell(self) -> str:
        """For a table."""
        return self.text if self.text is not None else _words(self.value)


class Listing(OwnCommand):
    """A line for each recipe of a kind; all facts of one that is named alone."""

    kind: ClassVar[type[Recipe]]
    cmd_options = (option("format", "how to write it [default: text]", "text", choices=("text", "json")),)

    def facts(self, catalogue: Catalogue, name: str) -> Iterable[Fact]:
        """What is known of one, its name first."""
        raise NotImplementedError

    def more(self, catalogue: Catalogue, name: str) -> Iterable[Fact]:  # noqa: ARG002 (kinds have some)
        """What is too long for a table."""
        return ()

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print those that are named, or all."""
        catalogue = self.loader.catalogue
        for name in args:
            catalogue.path(self.kind, name)  # refuses one that isn't there before anything is printed
        is_json = params["format"] == "json"
        is_whole = is_json or len(args) == 1
        names = args or catalogue.names(self.kind)
        found = [[*self.facts(catalogue, one), *(self.more(catalogue, one) if is_whole else ())] for one in names]
        if is_json:
            rows = [{fact.key: fact.value for fact in facts} for facts in found]
            print(json.dumps(rows, indent=1, ensure_ascii=False))
            return 0
        lines = _block(found[0]) if len(args) == 1 else _table(found)
        sys.stdout.writelines(f"{line}\n" for line in lines)
        return 0


def some_of(names: Sequence[str], every: Sequence[str]) -> str:
    """`all 35`, `all but esp32`, `16 of 35`, or the names where they are few."""
    left = [name for name in every if name not in names]
    if not left:
        return f"all {len(every)}"
    if len(names) > len(left) <= _FEW:
        return f"all but {', '.join(left)}"
    return _words(names) if len(names) <= _FEW else f"{len(names)} of {len(every)}"


def _table(found: Sequence[Sequence[Fact]]) -> list[str]:
    """One line for each; records where a terminal has no room for these."""
    if not found:
        return []
    headings, lines = [fact.title for fact in found[0]], [[fact.cell for fact in facts] for facts in found]
    return fitted(headings, lines, [False] * len(headings), width_of(sys.stdout))


def _block(facts: Sequence[Fact]) -> Iterator[str]:
    """One below the other, with long lists in full."""
    width = max(len(fact.title) for fact in facts) + 2
    for fact in facts:
        texts = (_words(fact.value) if isinstance(fact.value, (list, tuple)) else fact.cell).split("\n")
        lines = [line for text in texts for line in wrap(text, _WIDTH - width, break_on_hyphens=False)]
        yield f"{fact.title:<{width}}{lines[0] if lines else '–'}"
        yield from (f"{'':<{width}}{line}" for line in lines[1:])


def _words(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "–"
    return "–" if value is None or value == "" else str(value)
