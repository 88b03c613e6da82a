"""A document as a reader meets it: every word, figure and line in its final spelling, but no place on a page yet.

Both the web page and the PDF are set from this. Rows of tables are brought into memory here, up to a limit, and what
lies past it is announced at the top and at the cut.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo

from reportd.report.document import Align, Chart, Column, Data, Document, Format, Kpi, Kpis, Mark, Table, Text
from reportd.report.formats import MINUS, display, display_datetime, display_number, displayer, parse
from reportd.report.locales import Locale, locale_of
from reportd.report.looks import SIGNS, marker, total_text
from reportd.spool import read

LineKind = Literal["row", "group", "subtotal", "total", "cut"]

_ZEBRA_FROM = 9
_TILES_MAX = 5
_VALUE_LONG = 11
_EXACT = Context(prec=1000)
_BLANK = re.compile(r"[\x00-\x20\x7f]+")
_TARGET = re.compile(r"(https?://|mailto:)\S+$", re.IGNORECASE)
_SCHEME = re.compile(r"^(https?://(www\.)?|mailto:)|/$", re.IGNORECASE)
_REMEMBERED_MAX = 5000
_KEEP_ROWS = 2
_KEEP_REACH = 6


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure: `delta` is its change with sign and arrow, `against` what it is compared with."""

    label: str
    value: str
    delta: str
    against: str
    direction: Literal["up", "down", "level"]


@dataclass(frozen=True, slots=True)
class Tiles:
    """A band of figures."""

    heading: str
    tiles: tuple[Tile, ...]
    kind: Literal["tiles"] = "tiles"

    @property
    def long(self) -> bool:
        """Whether a figure is too long for large type; then all are set smaller, so that none looks less important."""
        return any(len(tile.value) > _VALUE_LONG for tile in self.tiles)

    @property
    def rows(self) -> list[tuple[Tile, ...]]:
        """The tiles in rows of at most five, as even as can be: six are three and three."""
        count = -(-len(self.tiles) // _TILES_MAX) or 1
        length = -(-len(self.tiles) // count)
        return [self.tiles[start : start + length] for start in range(0, len(self.tiles), max(length, 1))]


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its heading; `svg` is filled in by whoever knows how wide the page is."""

    heading: str
    chart: Chart
    svg: str = ""
    note: str = ""
    kind: Literal["figure"] = "figure"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table. `row` and sums have a text per column; `group` and `cut` one text across all of them.

    `keep`: the next line must stand on the same page. `odd`: every second row, for stripes.
    `span`: how many columns the first text of a sum reaches over. `links`: where each text leads, empty without any.
    `marks`: which texts a condition holds for, empty without any; their sign stands in the text already.
    """

    kind: LineKind
    cells: tuple[str, ...]
    keep: bool = False
    odd: bool = False
    span: int = 1
    links: tuple[str, ...] = ()
    marks: tuple[Mark | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """A column's heading. `apart`: a text right after a figure, which needs more room between them.

    `place` is the column's number in its table, which may be set in several parts.
    """

    title: str
    align: Align
    wraps: bool
    apart: bool = False
    place: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """Where the lines of a long table come from, as often as they are asked for."""

    table: Table
    document: Document
    rows_max: int

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that the lines have a text for."""
        return _columns(self.table)

    def row(self, values: Sequence[str | None]) -> Line:
        """The line of one spooled row."""
        return _Cells(self.columns, self.document.locale).line(values, odd=False)

    def lines(self) -> Iterator[Line]:
        """Every line of the table, all its columns; memory holds a few at a time."""
        locale = locale_of(self.document.locale)
        return _kept(_all_lines(self.table, _columns(self.table), self.document, locale, rows_max=self.rows_max))


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. `widths` (points, one per column) and `size` (points) are set by whoever knows how wide the page is.

    A long table's `lines` are only some of its `source`'s: enough to measure, or to begin with. Where the cells are
    drawn apart, `head_height` and `heights` (points) say what room the lines need, and `number` is the table's.
    """

    heading: str
    heads: tuple[Head, ...]
    lines: tuple[Line, ...]
    empty: str = ""
    grouped: bool = False
    striped: bool = False
    widths: tuple[float, ...] = ()
    size: float = 0.0
    source: Source | None = None
    head_height: float = 0.0
    heights: tuple[float, ...] = ()
    number: int = 0
    kind: Literal["grid"] = "grid"


@dataclass(frozen=True, slots=True)
class Prose:
    """Paragraphs."""

    heading: str
    paragraphs: tuple[str, ...]
    kind: Literal["prose"] = "prose"


Part = Tiles | Figure | Grid | Prose


@dataclass(frozen=True, slots=True)
class View:
    """The whole document in words. `about` is the line below the title; `banners` say what was left out."""

    document: Document
    title: str
    subtitle: str
    about: tuple[str, ...]
    as_of: str
    banners: tuple[str, ...]
    parts: tuple[Part, ...]
    words: Locale


def view_of(document: Document, *, rows_max: int, long_from: int | None = None) -> View:
    """`document` in words, with at most `rows_max` rows of each table. `@data` blocks have no place on a page.

    Tables of `long_from` rows or more are not brought into memory: their grids have a source, and no lines yet.
    """
    locale = locale_of(document.locale)
    moment = display_datetime(document.as_of.astimezone(ZoneInfo(document.timezone)), document.locale, zone=True)
    as_of = locale.words["as of"].format(time=moment)
    shown = [section for section in document.sections if not isinstance(section, Data)]
    only = sum(isinstance(section, Table) for section in shown) == 1
    parts: list[Part] = []
    for section in shown:
        match section:
            case Kpis():
                parts.append(Tiles(section.title, tuple(_tile(kpi, document.locale, locale) for kpi in section.items)))
            case Chart():
                parts.append(Figure(section.title or _chart_title(section, locale), section))
            case Text():
                parts.append(Prose(section.title, tuple(map(_one_line, section.paragraphs))))
            case Table():
                heading = section.title or ("" if only else _title_of_block(section))
                parts.append(_grid(section, heading, document, locale, rows_max=rows_max, long_from=long_from))
    return View(
        document=document,
        title=document.title,
        subtitle=document.subtitle or "",
        about=(*(_filter(label, value) for label, value in document.filters), as_of),
        as_of=as_of,
        banners=tuple(
            _banner(s, document, locale, rows_max) for s in shown if isinstance(s, Table) and s.rows.count > rows_max
        ),
        parts=tuple(parts),
        words=locale,
    )


def _filter(label: str, value: str) -> str:
    return f"{label}: {value}" if label else value


def _tile(kpi: Kpi, tag: str, locale: Locale) -> Tile:
    value = kpi.value
    shown = (
        display_number(value, kpi.format, tag)
        if isinstance(value, int | Decimal)
        else display(_text(value), kpi.format, tag)
    )
    if kpi.delta is None:
        return Tile(kpi.label, shown, "", kpi.delta_label or "", "level")
    change = display_number(kpi.delta, kpi.delta_format or kpi.format, tag)
    # What rounds to nothing is no change: "−0.0 %" and an arrow would be a lie.
    level = not any(digit in change for digit in "123456789")
    if level:
        return Tile(kpi.label, shown, f"± {change.removeprefix(MINUS)}", kpi.delta_label or "", "level")
    up = kpi.delta > 0
    return Tile(
        kpi.label,
        shown,
        f"{'▲' if up else '▼'} {'+' if up else ''}{change}",
        kpi.delta_label or "",
        "up" if up else "down",
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _chart_title(chart: Chart, locale: Locale) -> str:
    first, *others = (column.title for column in chart.y)
    others = [_inside(title, locale) for title in others]
    measures = ", ".join([first, *others[:-1]]) + f" {locale.words['and']} {others[-1]}" if others else first
    return locale.words["by"].format(measure=measures, dimension=_inside(chart.x.title, locale))


def _inside(title: str, locale: Locale) -> str:
    """A heading within a sentence: without its capital, unless it is an acronym or German, where nouns keep theirs."""
    return title[:1].lower() + title[1:] if title[1:2].islower() and locale.language != "de" else title


def _title_of_block(table: Table) -> str:
    return table.name.replace("_", " ").replace("-", " ").capitalize()


def _banner(table: Table, document: Document, locale: Locale, rows_max: int) -> str:
    count, shown = (_count(number, document) for number in (table.rows.count, rows_max))
    first = locale.words["cut"].format(shown=shown, count=count, table=table.title or document.title)
    return f"{first} {locale.words['cut totals'].format(count=count)}"


def _count(number: int, document: Document) -> str:
    return display_number(number, Format("integer"), document.locale)


# -- tables


def _grid(
    table: Table, heading: str, document: Document, locale: Locale, *, rows_max: int, long_from: int | None
) -> Grid:
    columns = _columns(table)
    heads = tuple(
        Head(
            column.title, column.align, _wraps(column), apart=before == "right" and column.align == "left", place=place
        )
        for place, (before, column) in enumerate(
            zip(("left", *(column.align for column in columns)), columns, strict=False)
        )
    )
    if not table.rows.count:
        empty = _empty(document.filters, locale)
        return Grid(heading, heads, (), empty=empty)
    grid = Grid(heading, heads, (), grouped=table.group is not None, striped=len(columns) >= _ZEBRA_FROM)
    if long_from is not None and table.rows.count >= long_from:
        return replace(grid, source=Source(table, document, rows_max))
    return replace(grid, lines=tuple(_kept(_all_lines(table, columns, document, locale, rows_max=rows_max))))


def _columns(table: Table) -> tuple[Column, ...]:
    """The columns that stand in every line: all but those that make the groups, and the hidden ones."""
    apart = {group.index for group in table.groups}
    return tuple(column for column in table.columns if column.index not in apart and not column.hidden)


def _empty(filters: Sequence[tuple[str, str]], locale: Locale) -> str:
    """`No rows for 1–31 Oct 2026 · Region: North`: the first parameter, most often the period, needs no label."""
    if not filters:
        return locale.words["no rows"]
    values = [filters[0][1], *(_filter(label, value) for label, value in filters[1:])]
    return locale.words["no rows for"].format(filters=" · ".join(values))


def _wraps(column: Column) -> bool:
    return column.align == "left" and column.format.kind in ("text", "link", "identifier")


def _all_lines(
    table: Table, columns: tuple[Column, ...], document: Document, locale: Locale, *, rows_max: int
) -> Iterator[Line]:
    yield from _lines(table, columns, document, locale, rows_max=rows_max)
    if table.totals:
        yield _sum_line("total", locale.words["total"], columns, [c.total for c in columns], document.locale)


def _lines(
    table: Table, columns: tuple[Column, ...], document: Document, locale: Locale, *, rows_max: int
) -> Iterator[Line]:
    cells = _Cells(columns, document.locale)
    groups = Groups(table, columns, document.locale, locale)
    rows = islice(read(table.rows.path), rows_max)
    for number, row in enumerate(rows):
        yield from groups.before(row)
        yield cells.line(row, odd=number % 2 == 1)
    if table.rows.count > rows_max:
        left = _count(table.rows.count - rows_max, document)
        yield Line("cut", (locale.words["cut here"].format(left=left, table=table.title or document.title),))
    else:
        yield from groups.end()


class _Cells:
    """Turns spooled rows into the texts of a table's columns."""

    def __init__(self, columns: Sequence[Column], tag: str) -> None:
        self._columns = [
            (column.index, _Remembered(displayer(column.format, tag), wraps=_wraps(column))) for column in columns
        ]
        self._links = {number for number, column in enumerate(columns) if column.format.kind == "link"}
        markers = [marker(column) for column in columns]
        self._markers = markers if any(markers) else []

    def line(self, row: Sequence[str | None], *, odd: bool) -> Line:
        texts = [shown[row[index]] for index, shown in self._columns]
        marks: tuple[Mark | None, ...] = ()
        if self._markers:
            marks = tuple(
                mark and mark(row[column[0]]) for column, mark in zip(self._columns, self._markers, strict=True)
            )
            texts = [SIGNS[mark] + text if mark else text for mark, text in zip(marks, texts, strict=True)]
        if not self._links:
            return Line("row", tuple(texts), odd=odd, marks=marks)
        targets = tuple(
            text if number in self._links and _TARGET.match(text) else "" for number, text in enumerate(texts)
        )
        shown = (_SCHEME.sub("", text) if target else text for text, target in zip(texts, targets, strict=True))
        return Line("row", tuple(shown), odd=odd, links=targets, marks=marks)


class _Remembered(dict[str | None, str]):
    """The texts of a column's values; most columns hold few, and looking one up costs a tenth of making it."""

    def __init__(self, show: Callable[[str | None], str], *, wraps: bool) -> None:
        super().__init__()
        self._show = (lambda raw: _one_line(show(raw))) if wraps else show

    def __missing__(self, raw: str | None) -> str:
        if len(self) >= _REMEMBERED_MAX:
            self.clear()
        text = self[raw] = self._show(raw)
        return text


class Groups:
    """What the rows of a table change as they go by: a header where a group begins, subtotals where one has ended.

    A header names the whole path (`North › Vienna`), so that a page that begins in the middle says where it is.
    """

    def __init__(self, table: Table, columns: Sequence[Column], tag: str, locale: Locale) -> None:
        self._groups = table.groups
        self._columns = columns
        self._tag = tag
        self._word = locale.words["subtotal"]
        self._summed = [table.columns[place] for place in _places(table.columns, table.subtotal)]
        self._sums = [_Sums(self._summed) for _ in table.groups]
        self._open: list[str | None] | None = None

    def before(self, row: Sequence[str | None]) -> Iterator[Line]:
        """The lines that come before `row`, whose values are added to the sums of its groups."""
        if not self._groups:
            return
        path = [row[group.index] for group in self._groups]
        if path != self._open:
            if self._open is not None:
                same = next(n for n, (old, new) in enumerate(zip(self._open, path, strict=True)) if old != new)
                yield from self._close(same)
            self._open = path
            yield Line("group", (self._text(len(path)),))
        for sums in self._sums:
            sums.add(row)

    def end(self) -> Iterator[Line]:
        """The lines after the last row."""
        if self._open is not None:
            yield from self._close(0)

    def _close(self, level: int) -> Iterator[Line]:
        """The subtotals of the groups from the innermost out to `level`."""
        for depth in range(len(self._groups) - 1, level - 1, -1):
            if self._summed:
                sums = self._sums[depth].values()
                label = f"{self._word} {self._text(depth + 1)}"
                shown = [sums.get(column.index) for column in self._columns]
                yield _sum_line("subtotal", label, self._columns, shown, self._tag)
            self._sums[depth] = _Sums(self._summed)

    def _text(self, depth: int) -> str:
        assert self._open is not None
        path = zip(self._groups[:depth], self._open, strict=False)
        return " › ".join(_group_text(group, raw, self._tag) for group, raw in path)


def _places(columns: Sequence[Column], wanted: Sequence[Column]) -> list[int]:
    indexes = {column.index for column in wanted}
    return [place for place, column in enumerate(columns) if column.index in indexes]


class _Sums:
    """What the summed columns of one group come to, each by its own aggregate."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._found: dict[int, list[Decimal]] = {}

    def add(self, row: Sequence[str | None]) -> None:
        for column in self._columns:
            value = parse(row[column.index], column.type)
            if not isinstance(value, int | Decimal):
                continue
            number = Decimal(value)
            known = self._found.get(column.index)
            if known is None:
                self._found[column.index] = [number, Decimal(1), number, number]
            else:
                known[0] = _EXACT.add(known[0], number)
                known[1] += 1
                known[2] = min(known[2], number)
                known[3] = max(known[3], number)

    def values(self) -> dict[int, Decimal]:
        """The value of each column, by its place in the spool."""
        found: dict[int, Decimal] = {}
        for column in self._columns:
            total, count, low, high = self._found.get(column.index, (Decimal(0), Decimal(0), None, None))
            match column.aggregate:
                case "avg" if count:
                    found[column.index] = _EXACT.divide(total, count)
                case "count":
                    found[column.index] = count
                case "min" if low is not None:
                    found[column.index] = low
                case "max" if high is not None:
                    found[column.index] = high
                case "sum" | "given":
                    found[column.index] = total
        return found


def _sum_line(
    kind: Literal["subtotal", "total"], label: str, columns: Sequence[Column], sums: Sequence[Decimal | None], tag: str
) -> Line:
    cells = [total_text(column, value, tag) for column, value in zip(columns, sums, strict=True)]
    span = next((number for number, cell in enumerate(cells) if cell), len(cells))
    if span:
        cells[0] = label
    return Line(kind, tuple(cells), span=max(span, 1))


def _group_text(column: Column, raw: str | None, tag: str) -> str:
    shown = _one_line(display(raw, column.format, tag))
    return shown if column.format.kind in ("text", "date") else f"{column.title}: {shown}"


def _kept(lines: Iterable[Line]) -> Iterator[Line]:
    """`lines`, those marked that must not end a page: group headers, the row before a sum, two rows before the last."""
    waiting: deque[Line] = deque()
    for line in lines:
        waiting.append(line)
        # Only a few lines before a sum are held by it, so a few lines decide.
        if len(waiting) > _KEEP_REACH:
            yield _marked(waiting)
    while waiting:
        yield _marked(waiting)


def _marked(waiting: deque[Line]) -> Line:
    line = waiting.popleft()
    return replace(line, keep=True) if line.kind == "group" or _held(waiting) else line


def _held(following: Iterable[Line]) -> bool:
    """Whether a sum or a cut among the `following` lines wants the line before them on its page."""
    rows = 0
    for line in following:
        match line.kind:
            case "total":
                return rows < _KEEP_ROWS
            case "subtotal" | "cut":
                if rows < 1:
                    return True
            case "group":
                return False
            case "row":
                rows += 1
                if rows >= _KEEP_ROWS:
                    return False
    return False


def _one_line(text: str) -> str:
    return _BLANK.sub(" ", text).strip()
