"""A data sheet: one table's rows as a pure rectangle from A1, an Excel table, streamed from the spool.

xlsxwriter makes all of the sheet but its cells (widths, table, filter, print set-up); the cells are written here, into
a `Piece` that the package gets in the sheet's place. Past Excel's last row the table goes on in a sheet "… (2)".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook
from xlsxwriter.utility import xl_col_to_name, xl_range

from reportd.render.xlsx import cells
from reportd.render.xlsx.cells import CellWriter, Link
from reportd.render.xlsx.names import Names, structured, unique_headers
from reportd.render.xlsx.package import Piece, PieceWriter
from reportd.render.xlsx.rows import LEVELS_MAX, RowWriter
from reportd.render.xlsx.styles import Styles, index
from reportd.render.xlsx.texts import printable
from reportd.render.xlsx.words import words
from reportd.report.document import Chart, Column, Data, Document, Format, Table
from reportd.report.formats import display_datetime, display_number
from reportd.report.locales import locale_of

SHEET_ROWS_MAX = 1_048_576
WIDTH_MAX = 60.0
PAPERS = {"A4": 9, "Letter": 1}
_WIDTH_MIN = 7.0
_BANDED_FROM = 9
_LINE_POINTS = 15
_PLACEHOLDER = "https://link.invalid/"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a grid. `rows` are data rows, from row 2 on; `last_row` (1-based) includes the totals."""

    name: str
    part: str
    rows: int
    last_row: int
    columns: int
    piece: Piece
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A section's rows in the workbook; `notes` are sentences about what a reader could not see otherwise."""

    title: str
    columns: tuple[Column, ...]
    headers: tuple[str, ...]
    rows: int
    sheets: tuple[Sheet, ...]
    notes: tuple[str, ...]


class GridWriter:
    """Writes the data sheets of one workbook, in the order asked."""

    def __init__(
        self, book: Workbook, document: Document, styles: Styles, names: Names, *, scratch: Path, sheet_rows_max: int
    ) -> None:
        self._book = book
        self._document = document
        self._styles = styles
        self._names = names
        self._scratch = scratch
        self._sheet_rows_max = sheet_rows_max

    def write(self, section: Table | Data | Chart, title: str) -> Grid:
        """Add the sheets that hold `section`'s rows, the first called `title` as far as Excel allows."""
        columns = (section.columns or (section.x, *section.y)) if isinstance(section, Chart) else section.columns
        columns = tuple(column for column in columns if not column.hidden)
        headers = unique_headers(map(_heading, columns))
        totals = isinstance(section, Table) and section.totals
        room = self._sheet_rows_max - 1 - totals
        parts = max(1, ceil(section.rows.count / room))
        label = locale_of(self._document.locale).words["total"]
        writers = [_writer(column, position, self._styles) for position, column in enumerate(columns)]
        groups = section.groups if isinstance(section, Table) else ()
        rows = RowWriter(section.rows.path, columns, writers, groups=groups)
        sheets: list[Sheet] = []
        tables: list[str] = []
        for part in range(1, parts + 1):
            name = self._names.sheet(title, part=part)
            table = self._names.table(name)
            worksheet = self._book.add_worksheet(name)
            piece = PieceWriter(self._scratch / f"{len(self._book.worksheets())}.rows")
            piece.write(_header(columns, headers, self._styles))
            written = rows.write(piece, room=room)
            tables.append(table)
            foot = _Foot(columns, headers, writers, tuple(tables), label) if totals and part == parts else None
            if foot:
                piece.write(foot.row(written + 2, self._styles))
            links = tuple(chain.from_iterable(writer.take_links() for writer in writers))
            self._furnish(worksheet, columns, headers, table=table, rows=written, foot=foot, linked=bool(links))
            if groups and written:
                worksheet.outline_settings(symbols_below=False)
                worksheet.set_row(1, None, None, {"level": min(len(groups), LEVELS_MAX)})
            sheets.append(
                Sheet(
                    name=name,
                    part=f"xl/worksheets/sheet{len(self._book.worksheets())}.xml",
                    rows=written,
                    last_row=written + 1 + (foot is not None),
                    columns=len(columns),
                    piece=piece.close(),
                    links=links,
                )
            )
        count = sum(sheet.rows for sheet in sheets)
        title = printable(title)
        notes = tuple(_notes(headers, writers, sheets, locale=self._document.locale))
        return Grid(title, columns, tuple(headers), count, tuple(sheets), notes)

    def _furnish(
        self,
        sheet: Any,
        columns: Sequence[Column],
        headers: Sequence[str],
        *,
        table: str,
        rows: int,
        foot: _Foot | None,
        linked: bool,
    ) -> None:
        """Everything about a sheet that is not a cell. Ranges stand for the real ones; `assemble` widens them."""
        for position, column in enumerate(columns):
            sheet.set_column(position, position, width_of(column), self._styles.cell(column))
        sheet.freeze_panes(1, 0)
        last = len(columns) - 1
        if columns and rows:
            described = [foot.described(position) if foot else {} for position in range(len(columns))]
            sheet.add_table(
                *(0, 0, 2 if foot else 1, last),
                {
                    "name": table,
                    "style": "Table Style Light 1" if len(columns) >= _BANDED_FROM else None,
                    "total_row": foot is not None,
                    "columns": [{"header": h, **total} for h, total in zip(headers, described, strict=True)],
                },
            )
        elif columns:
            sheet.autofilter(0, 0, 0, last)
        texts = " ".join(
            xl_range(1, position, max(rows, 1), position)
            for position, column in enumerate(columns)
            if column.format.kind in ("text", "identifier", "link", "integer", "number")
        )
        if texts:
            sheet.ignore_errors({"number_stored_as_text": texts})
        for position, column in enumerate(columns):
            for rule in self._styles.rules(column):
                sheet.conditional_format(1, position, max(rows, 1), position, rule)
        if linked:
            sheet.write_url(1, 0, _PLACEHOLDER)
        self._set_up_print(sheet)

    def _set_up_print(self, sheet: Any) -> None:
        document = self._document
        sheet.set_landscape()
        sheet.set_paper(PAPERS[document.paper])
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        sheet.set_footer(footer_of(document))


def _header(columns: Sequence[Column], headers: Sequence[str], styles: Styles) -> str:
    lines = max((ceil((len(h) + 3) / width_of(c)) for c, h in zip(columns, headers, strict=True)), default=1)
    written = "".join(
        cells.TextWriter(xl_col_to_name(position), index(styles.header(column))).text_cell(header, "1")
        for position, (column, header) in enumerate(zip(columns, headers, strict=True))
    )
    return f'<row r="1" ht="{min(lines, 4) * _LINE_POINTS + 3}" customHeight="1">{written}</row>'


@dataclass(frozen=True, slots=True)
class _Foot:
    """The line of totals; `tables` are the names of the parts that it sums over, its own last."""

    columns: Sequence[Column]
    headers: Sequence[str]
    writers: Sequence[CellWriter]
    tables: tuple[str, ...]
    label: str

    def row(self, number: int, styles: Styles) -> str:
        """The row's XML."""
        written = []
        for position, column in enumerate(self.columns):
            letter, style = xl_col_to_name(position), index(styles.total(column))
            text = self._text(position)
            if self._summed(position):
                formula = cells.escape(self._formula(position))
                value = _plain(column.total)
                written.append(f'<c r="{letter}{number}" s="{style}"><f>{formula}</f><v>{value}</v></c>')
            elif text:
                written.append(cells.TextWriter(letter, style).text_cell(text, str(number)))
            else:
                written.append(f'<c r="{letter}{number}" s="{style}"/>')
        return f'<row r="{number}">{"".join(written)}</row>'

    def described(self, position: int) -> dict[str, Any]:
        """The same for the table's own description, in xlsxwriter's words."""
        if self._summed(position):
            function = _FUNCTIONS[self.columns[position].aggregate][1]
            return {"total_function": function if len(self.tables) == 1 else self._formula(position)}
        text = self._text(position)
        return {"total_string": text} if text else {}

    def _summed(self, position: int) -> bool:
        # A sum over cells of which some are text would change as soon as Excel computes it: then it is a text, exact.
        column = self.columns[position]
        if column.total is None or self.writers[position].as_text or not self._fits(position):
            return False
        # Sums of parts add up, and so do counts; an average of averages is something else.
        return column.aggregate in _FUNCTIONS and (len(self.tables) == 1 or column.aggregate in ("sum", "count"))

    def _fits(self, position: int) -> bool:
        column = self.columns[position]
        return column.total is not None and cells.fits(column.total, decimals=cells.decimals_of(column))

    def _text(self, position: int) -> str | None:
        total = self.columns[position].total
        if total is not None:
            return _plain(total)
        return self.label if position == 0 else None

    def _formula(self, position: int) -> str:
        header = self.headers[position]
        number, _ = _FUNCTIONS[self.columns[position].aggregate]
        return "+".join(f"SUBTOTAL({number},{structured(table, header)})" for table in self.tables)


# What SUBTOTAL calls an aggregate, and what a table does.
_FUNCTIONS = {
    "sum": (109, "sum"),
    "avg": (101, "average"),
    "min": (105, "min"),
    "max": (104, "max"),
    "count": (102, "count_nums"),
}


def _plain(total: Decimal | None) -> str:
    return f"{total:f}" if total is not None else ""


def _writer(column: Column, position: int, styles: Styles) -> CellWriter:
    plain = styles.plain(column)
    return cells.writer_for(column, xl_col_to_name(position), index(styles.cell(column)), plain=index(plain))


def _heading(column: Column) -> str:
    zone = column.format.timezone
    return f"{column.title} ({zone})" if zone and column.format.kind == "datetime" else column.title


def width_of(column: Column) -> float:
    """A column's width in Excel's characters: its values, or half its title, and the filter's button beside that."""
    return min(WIDTH_MAX, max(_WIDTH_MIN, column.width + 3, ceil(len(_heading(column)) / 2) + 4))


def footer_of(document: Document) -> str:
    """The print footer: title and confidentiality, as-of, page n of N."""
    words = [document.title, document.confidentiality or ""]
    left = printable(" · ".join(word for word in words if word))
    # "&" begins a code, so it stands there twice; Excel takes 255 characters in all.
    doubled = left.replace("&", "&&")
    if len(doubled) > 120:
        doubled = re.sub(r"(?<!&)((?:&&)*)&$", r"\1", doubled[:119]) + "…"
    moment = display_datetime(document.as_of.astimezone(ZoneInfo(document.timezone)), document.locale, zone=True)
    said = locale_of(document.locale).words
    pages = said["page"].format(page="&P", pages="&N")
    # A digit after a font's size would be part of it.
    gap = " " if doubled[:1].isdigit() else ""
    return f"&L&8{gap}{doubled}&C&8{said['as of'].format(time=moment)}&R&8{pages}"


def _notes(
    headers: Sequence[str], writers: Sequence[CellWriter], sheets: Sequence[Sheet], *, locale: str
) -> Iterator[str]:
    said = words(locale)
    if len(sheets) > 1:
        yield said["goes on"].format(sheets=", ".join(f"“{sheet.name}”" for sheet in sheets[1:]))
    for header, writer in zip(headers, writers, strict=True):
        facts = {"as text": writer.as_text, "cut": writer.cut, "unlinked": writer.unlinked}
        for fact, count in facts.items():
            if count:
                yield said[fact].format(column=header, count=display_number(count, Format("integer"), locale))
