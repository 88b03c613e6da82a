"""What WeasyPrint's own layout says about a table: one small specimen is laid out with the real rules, and read off.

Lengths are CSS pixels from the page's top left corner, as WeasyPrint has them. It reads boxes that WeasyPrint does not
promise to keep as they are: its version is pinned, and a test compares pages pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from reportd.errors import ReportError
from reportd.render.lines import Line, LineKind
from reportd.render.view import Grid
from reportd.report.document import Mark

BREAK = " [data-part] > tbody > tr:nth-child(3) { break-before: page }"
"""The rule that puts the specimen's lines on a page of their own, below a repeated heading."""

MARKS: tuple[Mark, ...] = get_args(Mark)

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Type:
    """How a text is set."""

    style: Any
    size: float
    bold: bool
    colour: Colour


@dataclass(frozen=True, slots=True)
class Text:
    """A text in its place: `x` its left edge, `y` its baseline, `right` the right edge of the box that it stands in."""

    text: str
    x: float
    y: float
    right: float
    type: Type


@dataclass(frozen=True, slots=True)
class Rule:
    """A filled rectangle: a background, or a `border`, which WeasyPrint clips as well as fills."""

    x: float
    y: float
    width: float
    height: float
    colour: Colour
    border: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """A cell's place in a line: `x` and `width` of its content, `left` and `right` its outer edges."""

    x: float
    width: float
    left: float
    right: float
    align_right: bool
    type: Type


@dataclass(frozen=True, slots=True)
class Shape:
    """A line of one kind: its height with one line of text, the baseline below its top, a slot per column.

    `leading` is the height of a line of text, `ascent` the part of it above the baseline.
    """

    height: float
    baseline: float
    leading: float
    ascent: float
    slots: tuple[Slot, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Geometry:
    """A page of the table: where its lines begin and must end, what stands on every page, and the lines' shapes.

    `label` is the first slot of sums, which may reach over several columns. `odd` are the rules below every second row.
    """

    width: float
    height: float
    top: float
    bottom: float
    furniture: tuple[Text | Rule, ...]
    number: Text | None
    running: Text | None
    shapes: Mapping[LineKind, Shape]
    odd: tuple[Rule, ...]
    link: Type
    marks: Mapping[Mark, Type]


def specimen(grid: Grid) -> Grid:
    """The table whose layout `geometry` reads: a line of each kind, on a page that begins within a group."""
    columns = len(grid.heads)
    row = Line("row", ("0",) * columns)
    sums = ("0",) * columns
    lines = [
        Line("group", ("0",)),
        row,
        replace(row, links=("http://0",) * columns),
        *(replace(row, marks=(mark,) * columns) for mark in MARKS),
        replace(row, odd=True),
        row,
        Line("subtotal", sums),
        Line("total", sums),
        Line("group", ("0",)),
        Line("cut", ("0",)),
    ]
    return replace(grid, heading="", lines=tuple(lines), source=None)


def geometry(rendering: Any, grid: Grid) -> Geometry:
    """The geometry of the laid out `specimen` of `grid`.

    Errors: ReportError where it stands in something that no page can end within.
    """
    page, table = _second_page(rendering, grid)
    groups = {box.element_tag: box for box in table.children if type(box).__name__ == "TableRowGroupBox"}
    link, *marked, odd, even, subtotal, total, group, cut = groups["tbody"].children
    header = groups["thead"].children[0]
    margins = {box.at_keyword: box for box in page.children if type(box).__name__ == "MarginBox"}
    furniture: list[Text | Rule] = [*_rules(header), *_texts(header)]
    for name, box in margins.items():
        if name not in ("@bottom-right", "@top-left"):
            furniture += _texts(box)
    running = next(iter(_texts(margins["@top-left"])), None) if "@top-left" in margins else None
    shapes = {"row": even, "subtotal": subtotal, "total": total, "group": group, "cut": cut}
    return Geometry(
        width=page.width + page.content_box_x() + page.margin_right,
        height=page.margin_height(),
        top=link.position_y,
        bottom=page.content_box_y() + page.height,
        furniture=tuple(furniture),
        number=next(iter(_texts(margins["@bottom-right"])), None) if "@bottom-right" in margins else None,
        running=running,
        shapes={kind: _shape(row) for kind, row in shapes.items()},  # type: ignore[misc]
        odd=tuple(_below(rule, odd) for rule in _rules(odd)),
        link=_first_type(link),
        marks={mark: _first_type(row) for mark, row in zip(MARKS, marked, strict=True)},
    )


def table_number(box: Any) -> int | None:
    """Which of our tables `box` is, by the number of its grid."""
    if type(box).__name__ != "TableBox" or box.element_tag != "table":
        return None
    number = box.element.get("data-part", "")
    return int(number) if number.isdecimal() else None


def _second_page(rendering: Any, grid: Grid) -> tuple[Any, Any]:
    """The page that the specimen's lines stand on, below a repeated heading, and the table there."""
    found = [
        (page._page_box, box)
        for page in rendering.pages
        for box in page._page_box.descendants()
        if table_number(box) == grid.number
    ]
    if len(found) < 2:
        message = f"“{grid.name}” is a long table: it can't stand in a box that pages don't break, or twice in a page"
        raise ReportError(message)
    return found[1]


def _shape(row: Any) -> Shape:
    slots = []
    for cell in row.children:
        text = next(box for box in _walk(cell) if type(box).__name__ == "TextBox")
        edge = cell.border_box_x()
        slots.append(
            Slot(
                x=cell.content_box_x(),
                width=cell.width,
                left=edge,
                right=edge + cell.border_width(),
                align_right=text.style["text_align_all"] in ("right", "end"),
                type=_type(text.style),
            )
        )
    first = next(box for box in _walk(row) if type(box).__name__ == "TextBox")
    line = next(box for box in _walk(row) if type(box).__name__ == "LineBox")
    ascent = first.position_y + first.baseline - line.position_y
    baseline = first.position_y + first.baseline - row.position_y
    rules = tuple(_below(rule, row) for rule in _rules(row))
    return Shape(row.height, baseline, line.height, ascent, tuple(slots), rules)


def _first_type(row: Any) -> Type:
    return _type(next(box for box in _walk(row) if type(box).__name__ == "TextBox").style)


def _below(rule: Rule, row: Any) -> Rule:
    return replace(rule, y=rule.y - row.position_y)


def _walk(box: Any) -> Iterator[Any]:
    yield box
    for child in getattr(box, "children", ()):
        yield from _walk(child)


def _texts(box: Any) -> Iterator[Text]:
    for found in _walk(box):
        if type(found).__name__ == "TextBox" and found.text.strip():
            right = box.content_box_x() + box.width if hasattr(box, "width") else found.position_x + found.width
            yield Text(found.text, found.position_x, found.position_y + found.baseline, right, _type(found.style))


def _rules(row: Any) -> Iterator[Rule]:
    """Backgrounds, then borders, cell by cell as WeasyPrint paints them."""
    ground = row.style["background_color"]
    for cell in row.children:
        x, y, width, height = cell.border_box_x(), cell.border_box_y(), cell.border_width(), cell.border_height()
        for colour in (ground, cell.style["background_color"]):
            if colour != "currentcolor" and colour.alpha:
                yield Rule(x, y, width, height, _colour(colour))
    for cell in row.children:
        x, y, width, height = cell.border_box_x(), cell.border_box_y(), cell.border_width(), cell.border_height()
        top, bottom, left = cell.border_top_width, cell.border_bottom_width, cell.border_left_width
        if top:
            yield Rule(x, y, width, top, _border(cell, "top"), border=True)
        if bottom:
            yield Rule(x, y + height - bottom, width, bottom, _border(cell, "bottom"), border=True)
        if left:
            yield Rule(x, y, left, height, _border(cell, "left"), border=True)


def _border(cell: Any, side: str) -> Colour:
    colour = cell.style[f"border_{side}_color"]
    return _colour(cell.style["color"] if colour == "currentcolor" else colour)


def _type(style: Any) -> Type:
    # Pango counts in 1024ths.
    size = int(style["font_size"] * 1024) / 1024
    return Type(style, size, style["font_weight"] >= 600, _colour(style["color"]))


def _colour(colour: Any) -> Colour:
    red, green, blue = colour.to("srgb").coordinates
    return red, green, blue
