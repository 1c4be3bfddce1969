"""A drawing in the making, written as SVG text. It knows shapes and text, and nothing of what they stand for.

Colours are classes of the page's style sheet. Numbers are written with two decimals at most, so that the bytes do not
depend on how a machine prints floats.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tinyflow.core import safe_text

# The page's font at the size of `.chart text`; measured in DejaVu Sans, which is wider than most.
CHARACTER_WIDTH = 6.4
LINE_HEIGHT = 12.0
_SPELLED = {"class_": "class", "text_anchor": "text-anchor"}  # attributes that Python can't spell


class Drawing:
    """Shapes on a plane whose origin is at the top left; one unit is one CSS pixel at full width."""

    def __init__(self, width: float, height: float, label: str, kind: str, *, role: str = "img") -> None:
        """`label` says to people who can't see it what it shows; `kind` is a class for the style sheet.

        `role` is `group` where they are to be told of each of its parts.
        """
        self._head = (
            f'<svg class="chart {kind}" viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" '
            f'role="{role}" aria-label="{escape(label)}">'
        )
        self._parts: list[str] = []
        self._inside: list[str] = []  # texts within shapes, which lie above all of them

    def rectangle(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        style: str = "",
        tip: str = "",
        text: str = "",
        is_full: bool = False,
    ) -> None:
        """A filled rectangle; `tip` shows on hover, `text` inside where it has room.

        `is_full`: the style sheet knows its height, and it begins at the top: many are shorter so.
        """
        numbers = {"x": x, "y": 0.0 if is_full else y, "width": width, "height": 0.0 if is_full else height}
        shape: dict[str, Any] = {name: value for name, value in numbers.items() if value}
        self._parts.append(_element("rect", tip, **shape, class_=style))
        if text and height >= LINE_HEIGHT and width >= CHARACTER_WIDTH * len(text) + 4:
            self._inside.append(_element("text", content=text, x=x + width / 2, y=y + height / 2 + 4))

    def line(self, x1: float, y1: float, x2: float, y2: float, *, style: str) -> None:
        """A straight line."""
        self._parts.append(_element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=style))

    def path(self, points: Sequence[tuple[float, float]], *, style: str) -> None:
        """Straight lines from point to point."""
        steps = " ".join(f"{'L' if index else 'M'}{number(x)} {number(y)}" for index, (x, y) in enumerate(points))
        self._parts.append(_element("path", d=steps, class_=style))

    def curve(self, start: tuple[float, float], end: tuple[float, float], *, style: str) -> None:
        """A curve that leaves and arrives horizontally."""
        (x1, y1), (x2, y2) = start, end
        middle = number((x1 + x2) / 2)
        steps = f"M{number(x1)} {number(y1)} C{middle} {number(y1)} {middle} {number(y2)} {number(x2)} {number(y2)}"
        self._parts.append(_element("path", d=steps, class_=style))

    def downwards(self, lines: Iterable[tuple[tuple[float, float], tuple[float, float]]], *, style: str) -> None:
        """Curves from above to below, which leave and arrive vertically: one shape for all."""
        steps = []
        for (x1, y1), (x2, y2) in lines:
            middle = number((y1 + y2) / 2)
            bend = f"C{number(x1)} {middle} {number(x2)} {middle} {number(x2)} {number(y2)}"
            steps.append(f"M{number(x1)} {number(y1)}{f'V{number(y2)}' if x1 == x2 else bend}")
        self._parts.append(_element("path", d="".join(steps), class_=style))

    def dot(self, x: float, y: float, radius: float, *, style: str, tip: str) -> None:
        """A filled circle."""
        self._parts.append(_element("circle", tip, cx=x, cy=y, r=radius, class_=style))

    def text(self, x: float, y: float, text: str, *, anchor: str = "", style: str = "") -> None:
        """One line of text; `y` is its base line."""
        self._parts.append(_element("text", content=text, x=x, y=y, text_anchor=anchor, class_=style))

    @contextmanager
    def link(self, address: str, tip: str) -> Iterator[None]:
        """Everything drawn within `with drawing.link("#there", tip):` leads there, and shows `tip` on hover."""
        self._parts.append(f'<a href="{escape(address)}"><title>{escape(tip)}</title>')
        yield
        self._parts.append("</a>")

    @contextmanager
    def at(self, x: float, y: float, tip: str, address: str = "", *, style: str = "") -> Iterator[None]:
        """Everything drawn within has its origin there, shows `tip` on hover, and leads to `address`."""
        tag = "a" if address else "g"
        leads = f' href="{escape(address)}"' if address else ""
        styled = f' class="{style}"' if style else ""
        place = f"translate({number(x)} {number(y)})"
        self._parts.append(f'<{tag}{leads}{styled} transform="{place}"><title>{escape(tip)}</title>')
        yield
        self._parts.append(f"</{tag}>")

    @contextmanager
    def group(self, style: str) -> Iterator[None]:
        """Everything drawn within has this style."""
        self._parts.append(f'<g class="{style}">')
        yield
        self._parts.append("</g>")

    def standalone(self, style: str) -> str:
        """The drawing as a file of its own, with its own style sheet."""
        head = self._head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        return "".join([head, f"<style>{style}</style>", self._shapes(), "</svg>"])

    def __str__(self) -> str:
        return f"{self._head}{self._shapes()}</svg>"

    def _shapes(self) -> str:
        inside = f'<g class="inside">{"".join(self._inside)}</g>' if self._inside else ""
        return "".join(self._parts) + inside


def _element(tag: str, tip: str = "", content: str = "", **attributes: float | str) -> str:
    """One shape or text, without those attributes that are empty texts."""
    opening = tag
    for name, value in attributes.items():
        if value != "":
            opening += f' {_SPELLED.get(name, name)}="{value if isinstance(value, str) else number(value)}"'
    if not tip and not content:
        return f"<{opening}/>"
    title = f"<title>{escape(tip)}</title>" if tip else ""
    return f"<{opening}>{title}{escape(content) if content else ''}</{tag}>"


def number(value: float) -> str:
    """Two decimals at most: `12`, `12.5`, `0.07`."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


def shorten(text: str, width: float) -> str:
    """As much of a text as a width has room for."""
    room = max(1, int(width / CHARACTER_WIDTH))
    return text if len(text) <= room else text[: room - 1] + "…"


def escape(text: str) -> str:
    """Somebody's text for SVG and HTML."""
    return html.escape(safe_text.shown(text))
