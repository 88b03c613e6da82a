"""How a view fits on paper: orientation, size of type, widths of columns, by arithmetic on the font's own widths.

A table is set as wide as it needs: upright if that suffices, else across, then smaller down to 7 points, then with
wrapped text, then in several parts that repeat the first column. Nothing is ever clipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from math import ceil
from typing import Literal

from reportd.render.fonts import width_em
from reportd.render.lines import Line
from reportd.render.typeface import can_set
from reportd.render.view import Grid, Head, Part, View
from reportd.render.wrapping import LINES_MAX, clamp, wrap

PAPER = {"A4": (595.28, 841.89), "Letter": (612.0, 792.0)}
MARGIN = 42.0
SIZES = (8.5, 8.0, 7.5, 7.0)
PAD = 4.5
"""Space at either side of a cell, in points."""
APART = 10.5
"""More of it where a text follows a figure."""
LEADING, LEADING_HEAD = 1.35, 1.2
HEAD_SCALE = 0.94
PAD_ABOVE, PAD_ABOVE_TOTAL, PAD_BELOW_HEAD = 2.1, 3.6, 3.0
RULE_HEAD = 0.8

_TEXT_NATURAL = 21.0  # em: longer texts wrap rather than push a table across the page
_TEXT_LEAST = 6.0
_QUANTILE = 0.98
_KEYS_MOST = 0.5  # of the width, so that parts of a table with many keys have room for its figures
_PIXEL = 0.75
_SLACK = 1.02  # kerning and rounding must never break a line that was measured to fit


@dataclass(frozen=True, slots=True)
class Page:
    """A sheet of paper, in points."""

    paper: Literal["A4", "Letter"]
    landscape: bool

    @property
    def width(self) -> float:
        return PAPER[self.paper][1 if self.landscape else 0]

    @property
    def height(self) -> float:
        return PAPER[self.paper][0 if self.landscape else 1]

    @property
    def inner(self) -> float:
        """The width between the margins."""
        return self.width - 2 * MARGIN


@dataclass(frozen=True, slots=True)
class _Need:
    """What one column needs: `natural` em to stand unwrapped, `least` em to stand at all, `pad` points of white."""

    natural: float
    least: float
    wraps: bool
    pad: float


def arrange(view: View, *, paper: Literal["A4", "Letter"]) -> tuple[Page, View]:
    """The page that `view` is set on, and `view` with its tables fitted to it: widths, size, parts, long texts cut."""
    needs = [_needs(part) if isinstance(part, Grid) else [] for part in view.parts]
    page = Page(paper, landscape=False)
    if any(_natural(need, SIZES[0]) > page.inner for need in needs):
        page = Page(paper, landscape=True)
    parts: list[Part] = []
    for part, need in zip(view.parts, needs, strict=True):
        if isinstance(part, Grid):
            parts += _fitted(part, need, page.inner, view)
        else:
            parts.append(part)
    return page, replace(view, parts=tuple(parts))


def slotted(view: View) -> View:
    """`view`, arranged, its tables numbered, with the heights of their lines where we can draw the cells ourselves.

    In a report's own template they may have rules of its own, which only WeasyPrint knows to obey.
    """
    numbered = [replace(p, number=n) if isinstance(p, Grid) else p for n, p in enumerate(view.parts)]
    if view.document.template is None:
        numbered = [_slotted(part) for part in numbered]
    return replace(view, parts=tuple(numbered))


def apart(head: Head) -> float:
    """The room that a text keeps from the figure before it, in points."""
    return APART if head.apart else 0.0


def _slotted(part: Part) -> Part:
    if not isinstance(part, Grid) or part.source or not part.lines or not _can_be_drawn(part):
        return part
    size = part.size
    rooms = [width - 2 * PAD - apart(head) for head, width in zip(part.heads, part.widths, strict=True)]
    heads = [wrap(h.title, room / (size * HEAD_SCALE), bold=True) for h, room in zip(part.heads, rooms, strict=True)]
    head = PAD_ABOVE + max(map(len, heads)) * size * HEAD_SCALE * LEADING_HEAD + PAD_BELOW_HEAD + RULE_HEAD
    wrapping = [
        (number, room / size) for number, (h, room) in enumerate(zip(part.heads, rooms, strict=True)) if h.wraps
    ]
    heights = []
    for line in part.lines:
        count = max((len(wrap(line.cells[n], room)) for n, room in wrapping), default=1) if line.kind == "row" else 1
        above = PAD_ABOVE_TOTAL if line.kind == "total" else PAD_ABOVE
        heights.append(_whole(count * size * LEADING + PAD_ABOVE + above))
    return replace(part, head_height=_whole(head), heights=tuple(heights))


def _can_be_drawn(grid: Grid) -> bool:
    if any(line.links for line in grid.lines):
        return False
    drawn = (line.cells for line in grid.lines if line.kind in ("row", "subtotal", "total"))
    return can_set(head.title for head in grid.heads) and can_set(chain.from_iterable(drawn))


def _whole(height: float) -> float:
    return ceil(height / _PIXEL - 1e-6) * _PIXEL


def _needs(grid: Grid) -> list[_Need]:
    columns: list[list[float]] = [[] for _ in grid.heads]
    for line in grid.lines:
        if line.kind in ("row", "total", "subtotal"):
            bold = line.kind != "row"
            for index in range(0 if line.kind == "row" else line.span, len(line.cells)):
                columns[index].append(width_em(line.cells[index], bold=bold))
    return [
        _need(
            sorted(widths),
            head,
            texts=[line.cells[i] for line in grid.lines if line.kind == "row"],
        )
        for i, (head, widths) in enumerate(zip(grid.heads, columns, strict=True))
    ]


def _need(widths: list[float], column: Head, *, texts: list[str]) -> _Need:
    words = [width_em(word, bold=True) * HEAD_SCALE for word in column.title.split()] or [0.0]
    head = _halved(column.title) * HEAD_SCALE
    pad = 2 * PAD + apart(column)
    widest = widths[-1] if widths else 0.0
    if not column.wraps:
        return _Need(max(head, widest), max(*words, widest), wraps=False, pad=pad)
    usual = min(widths[min(len(widths) - 1, int(len(widths) * _QUANTILE))] if widths else 0.0, _TEXT_NATURAL)
    longest_word = max((width_em(word) for text in texts for word in text.split(" ")), default=0.0)
    least = max(*words, min(longest_word, _TEXT_LEAST * 1.5), min(usual, _TEXT_LEAST))
    return _Need(max(head, usual, least), least, wraps=True, pad=pad)


def _halved(title: str) -> float:
    """The width of a heading set in two lines as even as its words allow."""
    words = title.split()
    cuts = range(1, len(words) + 1)
    joined = [
        max(width_em(" ".join(words[:cut]), bold=True), width_em(" ".join(words[cut:]), bold=True)) for cut in cuts
    ]
    return min(joined, default=0.0)


def _natural(needs: Sequence[_Need], size: float) -> float:
    return sum(need.natural * size * _SLACK + need.pad for need in needs)


def _least(needs: Sequence[_Need], size: float) -> float:
    return sum(need.least * size * _SLACK + need.pad for need in needs)


def _fitted(grid: Grid, needs: list[_Need], inner: float, view: View) -> list[Grid]:
    for size in SIZES:
        if _natural(needs, size) <= inner:
            even = _even(needs, grid.keys)
            return [_set(grid, even if grid.keys and _natural(even, size) <= inner else needs, inner, size)]
    for size in SIZES[2:]:
        if _least(needs, size) <= inner:
            return [_set(grid, needs, inner, size)]
    return [_set(*part, inner, SIZES[-1]) for part in _divided(grid, needs, inner, view)]


def _even(needs: list[_Need], keys: int) -> list[_Need]:
    """`needs`, the same for all columns past the `keys`: figures across a cross-tab are compared."""
    widest = max((need.natural for need in needs[keys:]), default=0.0)
    return [*needs[:keys], *(replace(need, natural=widest) for need in needs[keys:])]


def _set(grid: Grid, needs: Sequence[_Need], inner: float, size: float) -> Grid:
    """`grid` with widths that fill the page, and with texts cut that would take more than three lines."""
    natural = [need.natural * size * _SLACK + need.pad for need in needs]
    spare = inner - sum(natural)
    if spare >= 0:
        widths = [width + spare * width / sum(natural) for width in natural]
    else:
        least = [need.least * size * _SLACK + need.pad for need in needs]
        wish = [a - b for a, b in zip(natural, least, strict=True)]
        widths = [b + (inner - sum(least)) * w / (sum(wish) or 1) for b, w in zip(least, wish, strict=True)]
    widths = _snapped(widths)
    room = [(width - need.pad) / size for width, need in zip(widths, needs, strict=True)]
    lines = tuple(_clamped(line, room, needs) if line.kind == "row" else line for line in grid.lines)
    return replace(grid, widths=tuple(widths), size=size, lines=lines)


def _snapped(widths: list[float]) -> list[float]:
    """`widths`, their sum the same, with edges on a screen's pixels: rules meet there without a seam."""
    edges = [0.0]
    for width in widths:
        edges.append(edges[-1] + width)
    inner = [round(edge / _PIXEL) * _PIXEL for edge in edges[1:-1]]
    return [b - a for a, b in pairwise([0.0, *inner, edges[-1]])]


def _clamped(line: Line, room: Sequence[float], needs: Sequence[_Need]) -> Line:
    if all(width_em(cell) <= width * LINES_MAX * 0.7 for cell, width in zip(line.cells, room, strict=True)):
        return line
    cells = (
        clamp(cell, width) if need.wraps else cell for cell, width, need in zip(line.cells, room, needs, strict=True)
    )
    return replace(line, cells=tuple(cells))


def _divided(grid: Grid, needs: list[_Need], inner: float, view: View) -> list[tuple[Grid, list[_Need]]]:
    """`grid` in parts of as many columns as fit, each beginning with the columns that say whose row it is."""
    size = SIZES[-1]
    keys = grid.keys if grid.keys and _least(needs[: grid.keys], size) <= inner * _KEYS_MOST else 1
    room = inner - _least(needs[:keys], size)
    groups = [list(range(keys))]
    used = 0.0
    for index in range(keys, len(needs)):
        width = _least(needs[index : index + 1], size)
        if len(groups[-1]) > keys and used + width > room:
            groups.append(list(range(keys)))
            used = 0.0
        groups[-1].append(index)
        used += width
    words, count = view.words.words["columns"], len(needs)
    parts = []
    for group in groups:
        first = group[keys] + 1 if group[keys] > keys else 1
        name = words.format(first=first, last=group[-1] + 1, count=count)
        parts.append(
            (
                replace(
                    grid,
                    heading=f"{grid.heading} ({name})" if grid.heading else name[:1].upper() + name[1:],
                    heads=tuple(grid.heads[index] for index in group),
                    lines=tuple(picked(line, group) for line in grid.lines),
                ),
                [needs[index] for index in group],
            )
        )
    return parts


def picked(line: Line, group: Sequence[int]) -> Line:
    """`line` with the cells of the columns `group` alone."""
    if line.kind in ("group", "cut"):
        return line
    cells = tuple(line.cells[index] for index in group)
    if line.kind == "row":
        links = tuple(line.links[index] for index in group) if line.links else ()
        marks = tuple(line.marks[index] for index in group) if line.marks else ()
        repeats = line.repeats if list(group[: line.repeats + 1]) == list(range(line.repeats + 1)) else 0
        return replace(line, cells=cells, links=links, marks=marks, repeats=repeats)
    span = next((number for number, cell in enumerate(cells) if number and cell), len(cells))
    labelled = line.labelled and group[0] == 0
    return replace(line, cells=cells, span=span if labelled else 1, labelled=labelled)
