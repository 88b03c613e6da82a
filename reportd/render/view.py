"""A document as a reader meets it: every word, figure and line in its final spelling, but no place on a page yet.

Both the web page and the PDF are set from this. Rows of tables are brought into memory here, up to a limit, and what
lies past it is announced at the top and at the cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from reportd.render.lines import Line, Source, all_lines, columns_of, count_text, kept, one_line, wraps
from reportd.report.document import Align, Chart, Data, Document, Kpi, Kpis, Picture, Section, Table, Text
from reportd.report.formats import MINUS, display, display_datetime, display_number
from reportd.report.locales import Locale, locale_of

_ZEBRA_FROM = 9
_TILES_MAX = 5
# The most characters of a figure in large type, by the number of tiles in a row of a page.
_VALUE_LONG = {1: 30, 2: 22, 3: 15, 4: 11, 5: 9}


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
    name: str = ""

    @property
    def long(self) -> bool:
        """Whether a figure is too long for large type; then all are set smaller, so that none looks less important."""
        room = _VALUE_LONG[max((len(row) for row in self.rows), default=1)]
        return any(len(tile.value) > room for tile in self.tiles)

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
    chart: Chart | Picture
    svg: str = ""
    note: str = ""
    kind: Literal["figure"] = "figure"
    name: str = ""


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
class Grid:
    """A table. `widths` (points, one per column) and `size` (points) are set by whoever knows how wide the page is.

    A long table's `lines` are only some of its `source`'s: enough to measure, or to begin with. Where the cells are
    drawn apart, `head_height` and `heights` (points) say what room the lines need, and `number` is the table's. The
    first `keys` columns say whose row of a cross-tab it is; in other tables there are none.
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
    keys: int = 0
    kind: Literal["grid"] = "grid"
    name: str = ""


@dataclass(frozen=True, slots=True)
class Prose:
    """Paragraphs."""

    heading: str
    paragraphs: tuple[str, ...]
    kind: Literal["prose"] = "prose"
    name: str = ""


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
    """`document` in words, with at most `rows_max` rows of each table. `@data` blocks have no place on a page, but
    for the pictures of them.

    Tables of `long_from` rows or more are not brought into memory: their grids have a source, and no lines yet.
    """
    locale = locale_of(document.locale)
    moment = display_datetime(document.as_of.astimezone(ZoneInfo(document.timezone)), document.locale, zone=True)
    as_of = locale.words["as of"].format(time=moment)
    shown = [
        section.shown if isinstance(section, Table) and section.shown else section for section in document.sections
    ]
    only = sum(isinstance(section, Table) for section in shown) == 1
    parts: list[Part] = []
    for whole, section in zip(document.sections, shown, strict=True):
        picture = whole.picture if isinstance(whole, Chart | Table | Data) else None
        if picture is not None:
            parts.append(Figure(picture.title or _title_of_block(whole), picture, name=section.name))
        match section:
            case Kpis():
                tiles = tuple(_tile(kpi, document.locale, locale) for kpi in section.items)
                parts.append(Tiles(section.title, tiles, name=section.name))
            case Chart() if picture is None:
                parts.append(Figure(section.title or _chart_title(section, locale), section, name=section.name))
            case Text():
                parts.append(Prose(section.title, tuple(map(one_line, section.paragraphs)), name=section.name))
            case Table():
                heading = "" if picture else section.title or ("" if only else _title_of_block(section))
                grid = _grid(section, heading, document, locale, rows_max=rows_max, long_from=long_from)
                parts.append(replace(grid, name=section.name))
            case _:
                pass
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


def _title_of_block(section: Section) -> str:
    return section.name.replace("_", " ").replace("-", " ").capitalize()


def _banner(table: Table, document: Document, locale: Locale, rows_max: int) -> str:
    count, shown = (count_text(number, document) for number in (table.rows.count, rows_max))
    first = locale.words["cut"].format(shown=shown, count=count, table=table.title or document.title)
    return f"{first} {locale.words['cut totals'].format(count=count)}"


# -- tables


def _grid(
    table: Table, heading: str, document: Document, locale: Locale, *, rows_max: int, long_from: int | None
) -> Grid:
    columns = columns_of(table)
    heads = tuple(
        Head(column.title, column.align, wraps(column), apart=before == "right" and column.align == "left", place=place)
        for place, (before, column) in enumerate(
            zip(("left", *(column.align for column in columns)), columns, strict=False)
        )
    )
    if not table.rows.count:
        empty = _empty(document.filters, locale)
        return Grid(heading, heads, (), empty=empty)
    striped = len(columns) >= _ZEBRA_FROM
    grid = Grid(heading, heads, (), grouped=table.group is not None, striped=striped, keys=len(table.keys))
    if long_from is not None and table.rows.count >= long_from:
        return replace(grid, source=Source(table, document, rows_max))
    return replace(grid, lines=tuple(kept(all_lines(table, columns, document, locale, rows_max=rows_max))))


def _empty(filters: Sequence[tuple[str, str]], locale: Locale) -> str:
    """`No rows for 1–31 Oct 2026 · Region: North`: the first parameter, most often the period, needs no label."""
    if not filters:
        return locale.words["no rows"]
    values = [filters[0][1], *(_filter(label, value) for label, value in filters[1:])]
    return locale.words["no rows for"].format(filters=" · ".join(values))
