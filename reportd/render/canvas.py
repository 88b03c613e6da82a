"""A drawing surface that becomes one `<svg>`: lines, bars, curves, dots and words, in points from the top left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from reportd.render.fonts import FAMILY, SEMIBOLD, width_em
from reportd.report.theme import Theme

DASHES = ("", "5 2", "1.5 1.5", "7 2 1.5 2", "3 3", "9 3")
SIZE = 7.5
"""Size of every word, in points."""


def dash_of(number: int) -> str:
    """The dashes of the `number`th measure's line, so that it can be told without colour."""
    return DASHES[number % len(DASHES)]


def width_of(text: str, *, bold: bool = False) -> float:
    """How wide `text` stands in a drawing, in points."""
    return width_em(text, bold=bold) * SIZE


def shortened(text: str, width: float) -> str:
    """`text`, cut with an ellipsis where it is wider than `width` points."""
    if width_of(text) <= width:
        return text
    while text and width_of(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


@dataclass(slots=True)
class Canvas:
    """The elements of one drawing, in order; `title` is what a screen reader says, `theme` has the colours."""

    width: float
    height: float
    title: str
    theme: Theme
    parts: list[str] = field(default_factory=list)

    def line(
        self, x1: float, y1: float, x2: float, y2: float, *, color: str | None = None, weight: float = 0.5
    ) -> None:
        where = f'x1="{_short(x1)}" y1="{_short(y1)}" x2="{_short(x2)}" y2="{_short(y2)}"'
        self.parts.append(f'<line {where} stroke="{color or self.theme.hairline}" stroke-width="{_short(weight)}"/>')

    def bar(self, x: float, y: float, width: float, height: float, color: str) -> None:
        where = f'x="{_short(x)}" y="{_short(y)}" width="{_short(width)}" height="{_short(height)}"'
        self.parts.append(f'<rect class="bar" {where} fill="{color}"/>')

    def key(self, x: float, y: float, size: float, color: str) -> None:
        self.parts.append(
            f'<rect x="{_short(x)}" y="{_short(y)}" width="{_short(size)}" height="{_short(size)}" fill="{color}"/>'
        )

    def curve(self, points: Sequence[tuple[float, float]], color: str, dash: str) -> None:
        path = "L".join(f"{_short(x)} {_short(y)}" for x, y in points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        style = f'fill="none" stroke="{color}" stroke-width="1.4" stroke-linejoin="round" stroke-linecap="round"'
        self.parts.append(f'<path class="line" d="M{path}" {style}{dashed}/>')

    def area(self, points: Sequence[tuple[float, float]], color: str, *, opacity: float) -> None:
        """The inside of an outline."""
        path = "L".join(f"{_short(x)} {_short(y)}" for x, y in points)
        self.parts.append(f'<path class="area" d="M{path}Z" fill="{color}" fill-opacity="{_short(opacity)}"/>')

    def slice(self, x: float, y: float, radius: float, start: float, end: float, color: str) -> None:
        """A sector round (`x`, `y`) between two shares of a full turn, clockwise from twelve; white between two."""
        if end - start > 1 - 1e-9:
            self.parts.append(
                f'<circle class="slice" cx="{_short(x)}" cy="{_short(y)}" r="{_short(radius)}" fill="{color}"/>'
            )
            return
        edges = [
            (x + radius * math.sin(2 * math.pi * turn), y - radius * math.cos(2 * math.pi * turn))
            for turn in (start, end)
        ]
        (x1, y1), (x2, y2) = edges
        arc = f"A{_short(radius)} {_short(radius)} 0 {int(end - start > 0.5)} 1 {_short(x2)} {_short(y2)}"
        path = f"M{_short(x)} {_short(y)}L{_short(x1)} {_short(y1)}{arc}Z"
        self.parts.append(f'<path class="slice" d="{path}" fill="{color}" stroke="#fff" stroke-width="0.8"/>')

    def dot(self, x: float, y: float, color: str, radius: float) -> None:
        self.parts.append(
            f'<circle class="dot" cx="{_short(x)}" cy="{_short(y)}" r="{_short(radius)}" fill="{color}"/>'
        )

    def text(
        self, x: float, y: float, text: str, *, anchor: str = "start", color: str | None = None, bold: bool = False
    ) -> None:
        weight = f' font-weight="{SEMIBOLD}"' if bold else ""
        where = f'x="{_short(x)}" y="{_short(y)}" text-anchor="{anchor}"'
        self.parts.append(f'<text {where} fill="{color or self.theme.muted}"{weight}>{escape(text)}</text>')

    def svg(self) -> str:
        """The finished element; text that a reader can select, and a title for one who listens."""
        width, height = _short(self.width), _short(self.height)
        size = f'width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}"'
        family = f'font-family="{FAMILY}, sans-serif" font-size="{_short(SIZE)}"'
        title = f"<title>{escape(self.title)}</title>"
        return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} {family}>{title}{"".join(self.parts)}</svg>'


def _short(value: float) -> str:
    """Two decimals are finer than any printer; `-0` would only make files differ."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
