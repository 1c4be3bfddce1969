"""What several benches of a page have in common is in it once, so that a hundred have room with all their maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class Shared:
    """Texts that come more than once, numbered from 1 in the order in which they first come."""

    def __init__(self, texts: Iterable[str]) -> None:
        repeated = [text for text, count in Counter(texts).items() if count > 1 and text]
        self._numbers = {text: index for index, text in enumerate(repeated, start=1)}

    def number(self, text: str) -> int | None:
        """The number of a text; None where it comes once only."""
        return self._numbers.get(text)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts, by number."""
        return tuple(self._numbers)


class SharedDrawings:
    """Drawings of which equal ones are drawn once, in a hidden part of the page, and used where they belong."""

    def __init__(self, drawings: Iterable[str]) -> None:
        """`drawings` are whole `<svg class="…" …>…</svg>`."""
        self._shapes = Shared(_shapes(drawing) for drawing in drawings)

    def place(self, drawing: str) -> str:
        """What to write for a drawing."""
        number = self._shapes.number(_shapes(drawing))
        return drawing if number is None else f'{_opening(drawing)}<use href="#shapes-{number}"/></svg>'

    def definitions(self) -> list[str]:
        """The shapes that are used, for the page."""
        return [f'<g id="shapes-{number}"{shapes}</g>' for number, shapes in enumerate(self._shapes.texts, start=1)]


def _opening(drawing: str) -> str:
    """The opening tag; texts in tags are escaped, so the first `>` ends it."""
    return drawing[: drawing.index(">") + 1]


def _shapes(drawing: str) -> str:
    """What is drawn, behind the class that the style sheet knows it by: ` class="chart arena"><rect …`."""
    _, name, _ = drawing.split('"', 2)
    return f' class="{name}">{drawing[len(_opening(drawing)) :].removesuffix("</svg>")}'
