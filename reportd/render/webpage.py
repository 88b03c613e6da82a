"""HTML: one stand-alone file that reads well in a browser, on a telephone and on paper.

No address of anything outside itself. Its policy lets the one script run that is in it, which sorts tables; where a
server's sandbox forbids that too, the tables stand still and nothing else is missing. Memory holds a line at a time.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from html import escape
from itertools import groupby
from pathlib import Path

from markupsafe import Markup

from reportd.errors import disk_error
from reportd.render import markup
from reportd.render.html import directed, metadata, part_html, style, theme_css
from reportd.render.lines import Line
from reportd.render.page import THEME, page
from reportd.render.svg import draw
from reportd.render.task import RenderedFile, RenderSettings
from reportd.render.view import Figure, Grid, Part, View, view_of
from reportd.report.document import Column, Document
from reportd.spool import read

ROWS_MAX = 20_000
"""Rows of one table. More make a page that browsers take seconds to show; a longer table is cut, and says so."""

_MARK = re.compile(r'<div data-of="(\d+)"></div>')
_FAMILIES = (
    '"Source Sans 3", system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans",'
    ' "Liberation Sans", sans-serif'
)
_CHART_WIDTH, _CHART_HEIGHT = 560.0, 165.0
_STRIPED_FROM = 9
_LANDSCAPE_CHARACTERS = 105
_TIMES = ("date", "datetime", "time")
_NUMBERS = ("integer", "number", "percent")
_WRAPPED_LEAST = 20
"""Characters that a text keeps beside each other, as far as it has them, before its table grows wider than a screen."""


class HTML:
    """Format `html`: one file, all sections in order."""

    format = "html"

    def __init__(self, *, rows_max: int = ROWS_MAX) -> None:
        self._rows_max = rows_max

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        """Write `<report>.html`. Tables longer than ROWS_MAX are cut and say so. Errors: StoreFull."""
        path = out / f"{document.provenance.report}.html"
        # From the first row on a table is read as it is written, so that memory holds a line.
        view = view_of(document, rows_max=self._rows_max, long_from=1)
        try:
            with path.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(_page(view))
        except OSError as error:
            raise disk_error(error, doing=f"writing {path.name}") from error
        return [RenderedFile(self.format, path.name, str(path), "text/html; charset=utf-8", rows=document.rows)]


def _page(view: View) -> Iterator[str]:
    script = _script()
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    words = [view.as_of, view.document.confidentiality, f"reportd {view.document.provenance.version}"]
    look = theme_css(view.document.theme, families=_FAMILIES) + "\n"
    text = page(
        view,
        base="web",
        parts={number: partial(_mark, number) for number in range(len(view.parts))},
        styles=Markup(style("base") + style("web") + look + _paper(view)),  # noqa: S704  the theme's own
        metadata=tuple(metadata(view.document)),
        policy=f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:;"
        f" script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        decimal=view.words.decimal,
        closing=" · ".join(filter(None, words)),
    )
    if view.document.template is not None:
        text = markup.text(markup.read(text, view.document.template))
    before, _, after = text.rpartition("</body>")
    pieces = _MARK.split(before)
    yield pieces[0]
    for number, following in zip(pieces[1::2], pieces[2::2], strict=True):
        if int(number) < len(view.parts):  # else a template made it up
            yield from _part(view.parts[int(number)], view)
        yield following
    yield f"<script>{script}</script>\n</body>{after}"


def _mark(number: int) -> Markup:
    """Where a part comes into the page, once that is there: its lines are never in memory together."""
    return Markup(f'<div data-of="{number}"></div>')  # noqa: S704  a number


def _part(part: Part, view: View) -> Iterator[str]:
    match part:
        case Grid():
            yield from _table(part)
        case Figure():
            locale = view.document.locale
            size = {"width": _CHART_WIDTH, "height": _CHART_HEIGHT}
            drawing = draw(part.chart, title=part.heading, **size, locale=locale, theme=view.document.theme)
            note = f'<p class="note">{escape(drawing.note)}</p>\n' if drawing.note else ""
            caption = f"<figcaption>{escape(part.heading)}</figcaption>"
            yield f'<figure class="chart">\n{caption}\n{drawing.svg}\n{note}</figure>\n'
        case _:
            yield part_html(part)


def _table(grid: Grid) -> Iterator[str]:
    heading = f"<h2>{escape(grid.heading)}</h2>\n" if grid.heading else ""
    yield f'<section class="data">\n{heading}'
    if grid.source is None:
        yield f'<p class="empty">{escape(grid.empty)}</p>\n</section>\n'
        return
    columns = grid.source.columns
    sides = ["r" if head.align == "right" else "a" if head.apart else "" for head in grid.heads]
    yield '<div class="rows"><table>\n<thead><tr>'
    for head, side, column in zip(grid.heads, sides, columns, strict=True):
        number = " data-number" if column.format.kind in _NUMBERS else ""
        room = f' style="min-width:{min(column.width, _WRAPPED_LEAST)}ch"' if head.wraps else ""
        yield f'<th scope="col"{_class(side)}{number}{room}>{escape(head.title)}</th>'
    yield "</tr></thead>\n"
    classes = [" ".join(filter(None, (side, "w" * head.wraps))) for side, head in zip(sides, grid.heads, strict=True)]
    rows = _Rows(grid, columns, classes)
    body = ' class="striped"' if len(columns) >= _STRIPED_FROM else ""
    for section, lines in groupby(grid.source.lines(), _Sections()):
        tag = "tfoot" if section < 0 else "tbody"
        yield f"<{tag}{body if section >= 0 else ''}>\n"
        for line in lines:
            yield rows.html(line)
        yield f"</{tag}>\n"
    yield "</table></div>\n</section>\n"


class _Sections:
    """Tells which part of the table a line stands in: a group's number, or −1 for the foot."""

    def __init__(self) -> None:
        self._number = 0

    def __call__(self, line: Line) -> int:
        if line.kind == "group":
            self._number += 1
        return -1 if line.kind == "total" else self._number


class _Rows:
    """Writes a table's lines. Times carry what they sort by: in words, `02 Oct 2026` comes before `30 Sep 2026`."""

    def __init__(self, grid: Grid, columns: Sequence[Column], classes: list[str]) -> None:
        self._classes = classes
        self._width = len(columns)
        self._keys = {place: column.index for place, column in enumerate(columns) if column.format.kind in _TIMES}
        self._raw = read(grid.source.table.rows.path) if grid.source and self._keys else None

    def html(self, line: Line) -> str:
        if line.kind == "row":
            return f"<tr>{''.join(self._cells(line))}</tr>\n"
        if line.kind in ("group", "cut"):
            return (
                f'<tr class="{line.kind}"><th scope="row" colspan="{self._width}">{escape(line.cells[0])}</th></tr>\n'
            )
        span = f' colspan="{line.span}"' if line.span > 1 else ""
        rest = zip(line.cells[line.span :], self._classes[line.span :], strict=True)
        cells = "".join(f"<td{_class(names)}>{escape(cell)}</td>" for cell, names in rest)
        return f'<tr class="{line.kind}"><th scope="row"{span}>{escape(line.cells[0])}</th>{cells}</tr>\n'

    def _cells(self, line: Line) -> Iterator[str]:
        raw = next(self._raw) if self._raw else ()
        for place, (cell, names) in enumerate(zip(line.cells, self._classes, strict=True)):
            text = directed(cell)
            if line.links and line.links[place]:
                link = '<a href="{}" rel="noopener noreferrer">{}</a>'
                text = Markup(link).format(line.links[place], text)  # noqa: S704  a constant
            if line.marks and (mark := line.marks[place]):
                names = f"{names} {mark}".strip()
            if place < line.repeats:  # there for whoever sorts, copies or listens
                names = f"{names} same".strip()
            key = f' data-s="{escape(raw[self._keys[place]] or "")}"' if place in self._keys else ""
            yield f"<td{_class(names)}{key}>{text}</td>"


def _class(names: str) -> str:
    return f' class="{names}"' if names else ""


def _paper(view: View) -> str:
    """The page that a reader prints on: landscape where a table is wide."""
    sources = [part.source for part in view.parts if isinstance(part, Grid) and part.source]
    widest = max((sum(column.width + 2 for column in source.columns) for source in sources), default=0)
    turned = " landscape" if widest > _LANDSCAPE_CHARACTERS else ""
    return f"@page {{ size: {view.document.paper}{turned}; margin: 15mm }}\n"


@lru_cache(maxsize=1)
def _script() -> str:
    return (THEME / "web.js").read_text(encoding="utf-8")
