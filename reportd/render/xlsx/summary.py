"""The first sheet: what the workbook says, before anybody looks at a row. Title, filters, tiles, charts, contents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from io import BytesIO
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook

from reportd.render.xlsx.cells import DIGITS_MAX
from reportd.render.xlsx.charts import HEIGHT, draw
from reportd.render.xlsx.grid import PAPERS, Grid, footer_of
from reportd.render.xlsx.logo import picture
from reportd.render.xlsx.styles import MUTED, RULE, TILE, Styles
from reportd.render.xlsx.texts import fitting, printable
from reportd.render.xlsx.words import words
from reportd.report.document import Chart, Document, Kpi, Kpis, Text
from reportd.report.formats import display, display_datetime
from reportd.report.locales import locale_of

_TILES = 5
_TILE_WIDTH = 19.0
_GAP_WIDTH = 1.5
_FIRST, _LAST = 1, 2 * _TILES - 1
_PIXELS = 5 * 138 + 4 * 16
_LINE_PIXELS = 20
_NOTE_CHARACTERS = 105
_LOGO_ROOM = 8


class SummaryWriter:
    """Fills the summary from the top down; each method writes one piece and leaves `row` below it."""

    def __init__(self, book: Workbook, sheet: Any, document: Document, styles: Styles) -> None:
        self._book = book
        self._sheet = sheet
        self._document = document
        self._styles = styles
        self._words = words(document.locale)
        self._row = 0
        ruled = {"bold": True, "font_color": styles.theme.accent, "valign": "vcenter"}
        self._ruled: dict[str, Any] = {**ruled, "bottom": 1, "bottom_color": RULE}

    def write(self, grids: Sequence[Grid], charts: Sequence[tuple[Chart, Grid]]) -> None:
        """The whole sheet. `grids` are all data sheets; `charts` come with the one that holds their rows."""
        self._set_up()
        self._write_title()
        self._write_filters()
        for section in self._document.sections:
            if isinstance(section, Kpis):
                self._write_tiles(section)
            elif isinstance(section, Text):
                self._write_text(section)
        for chart, grid in charts:
            self._place(chart, grid)
        if grids:
            self._write_contents(grids)
        self._write_origin()

    def _set_up(self) -> None:
        sheet = self._sheet
        sheet.hide_gridlines(2)
        sheet.set_column(0, 0, 2)
        for column in range(_FIRST, _LAST + 1):
            sheet.set_column(column, column, _TILE_WIDTH if column % 2 else _GAP_WIDTH)
        sheet.set_paper(PAPERS[self._document.paper])
        sheet.set_portrait()
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.6)
        sheet.set_footer(footer_of(self._document))

    def _write_title(self) -> None:
        document = self._document
        self._write_logo()
        self._sheet.set_row(self._row, 30)
        self._line(document.title, font_size=20, bold=True, font_color=self._styles.theme.accent, valign="vcenter")
        if document.subtitle:
            self._sheet.set_row(self._row, 19)
            self._line(document.subtitle, font_size=12, font_color=MUTED)
        if document.description:
            self._paragraph(document.description, font_color=MUTED)
        self._sheet.set_row(self._row, 6)
        self._next()

    def _write_logo(self) -> None:
        """The theme's logo in a row of its own; without one a little room."""
        logo = self._document.theme.logo
        shown = logo and picture(logo, as_of_s=int(self._document.as_of.timestamp()))
        if not shown:
            self._sheet.set_row(self._row, 12)
            self._next()
            return
        self._sheet.set_row_pixels(self._row, shown.height + 2 * _LOGO_ROOM)
        self._sheet.insert_image(
            self._row,
            _FIRST,
            "logo",
            {
                "image_data": BytesIO(shown.content),
                "x_scale": shown.width / shown.pixels[0],
                "y_scale": shown.height / shown.pixels[1],
                "y_offset": _LOGO_ROOM,
                "object_position": 2,
                "decorative": True,
            },
        )
        self._next()

    def _write_filters(self) -> None:
        document, styles = self._document, self._styles
        for label, value in document.filters:
            self._say(self._row, _FIRST, label, styles.of(font_color=MUTED))
            self._say(self._row, _FIRST + 2, value, styles.of())
            self._next()
        moment = display_datetime(document.as_of.astimezone(ZoneInfo(document.timezone)), document.locale, zone=True)
        said = locale_of(document.locale).words["as of"].format(time=moment)
        self._line(f"{said} ({document.timezone})", font_color=MUTED)
        if document.confidentiality:
            self._line(document.confidentiality, font_color=MUTED, bold=True)
        self._next()

    def _write_tiles(self, section: Kpis) -> None:
        if section.title and len([s for s in self._document.sections if isinstance(s, Kpis)]) > 1:
            self._heading(section.title)
        for start in range(0, len(section.items), _TILES):
            for row, height in enumerate((20, 30, 20)):
                self._sheet.set_row(self._row + row, height)
            for place, tile in enumerate(section.items[start : start + _TILES]):
                self._write_tile(tile, _FIRST + 2 * place)
            self._next(3)
            self._sheet.set_row(self._row, 12)
            self._next()

    def _write_tile(self, tile: Kpi, column: int) -> None:
        sheet, styles, ground = self._sheet, self._styles, {"bg_color": TILE, "indent": 1}
        label = styles.of(
            font_size=9,
            font_color=MUTED,
            valign="vcenter",
            top=2,
            top_color=self._styles.theme.accent,
            shrink=True,
            **ground,
        )
        self._say(self._row, column, tile.label, label)
        number = styles.number(tile.format)
        value = styles.of(
            font_size=18, bold=True, align="left", valign="vcenter", shrink=True, num_format=number, **ground
        )
        if isinstance(tile.value, int | Decimal) and _holds(Decimal(tile.value)):
            sheet.write_number(self._row + 1, column, tile.value, value)
        else:
            raw = None if tile.value is None else str(tile.value)
            self._say(self._row + 1, column, display(raw, tile.format, self._document.locale), value)
        small = {"font_size": 9, "font_color": MUTED, "align": "left", "valign": "vcenter", "shrink": True, **ground}
        if tile.delta is not None:
            change = styles.delta(tile.delta_format or tile.format, tile.delta_label or "")
            sheet.write_number(self._row + 2, column, tile.delta, styles.of(num_format=change, **small))
        else:
            # Without a label an empty cell, which has the tile's ground all the same.
            self._say(self._row + 2, column, tile.delta_label or "", styles.of(**small))

    def _write_text(self, section: Text) -> None:
        if section.title:
            self._heading(section.title)
        for paragraph in section.paragraphs:
            self._paragraph(paragraph)
        self._next()

    def _place(self, chart: Chart, grid: Grid) -> None:
        if not grid.rows:
            self._line(f"{chart.title}: {locale_of(self._document.locale).words['no rows']}", font_color=MUTED)
            self._next()
            return
        drawn = draw(self._book, chart, grid, self._styles, width=_PIXELS)
        self._sheet.insert_chart(
            self._row, _FIRST, drawn, {"object_position": 2, "description": printable(chart.title)}
        )
        self._next(ceil(HEIGHT / _LINE_PIXELS))
        if chart.note:
            self._paragraph(chart.note, italic=True, font_color=MUTED)
        self._next()

    def _write_contents(self, grids: Sequence[Grid]) -> None:
        styles, empty = self._styles, locale_of(self._document.locale).words["no rows"]
        self._heading(self._words["sheets"])
        self._sheet.write_string(self._row - 1, _LAST, self._words["rows"], styles.of(**self._ruled, align="right"))
        link = styles.of(font_color=styles.theme.accent, underline=1)
        for grid in grids:
            for sheet in grid.sheets:
                # A tab's name may be cut short; its title has room here.
                name = grid.title if sheet is grid.sheets[0] else sheet.name
                place = f"internal:'{sheet.name.replace(chr(39), chr(39) * 2)}'!A1"
                self._sheet.write_url(self._row, _FIRST, place, link, name)
                if sheet.rows:
                    self._sheet.write_number(self._row, _LAST, sheet.rows, styles.of(num_format="#,##0"))
                else:
                    self._sheet.write_string(self._row, _LAST, empty, styles.of(align="right", font_color=MUTED))
                self._next()
            for note in grid.notes:
                self._paragraph(note, italic=True, font_color=MUTED)
        self._next()

    def _write_origin(self) -> None:
        origin = self._document.provenance
        self._heading(self._words["origin"])
        params = json.dumps(dict(origin.params), ensure_ascii=False, sort_keys=True, default=str)
        facts = {
            "report": origin.report,
            "job": str(origin.job) if origin.job else "",  # a preview has none
            "params": params if origin.params else "",
            "report text": origin.report_sha256,
            "data": origin.data_sha256,
            "made by": f"reportd {origin.version}",
        }
        for name, fact in facts.items():
            if fact:
                self._sheet.write_string(self._row, _FIRST, self._words[name], self._styles.of(**_SMALL))
                self._say(self._row, _FIRST + 2, fact[:1000], self._styles.of(**_SMALL))
                self._next()

    def _heading(self, text: str) -> None:
        self._sheet.set_row(self._row, 20)
        for column in range(_FIRST, _LAST + 1):
            self._sheet.write_blank(self._row, column, None, self._styles.of(**self._ruled))
        self._say(self._row, _FIRST, text, self._styles.of(**self._ruled))
        self._next()

    def _line(self, text: str, **properties: Any) -> None:
        self._say(self._row, _FIRST, text, self._styles.of(**properties))
        self._next()

    def _paragraph(self, text: str, **properties: Any) -> None:
        lines = sum(ceil(max(len(line), 1) / _NOTE_CHARACTERS) for line in text.splitlines())
        self._sheet.set_row(self._row, 15 * lines)
        style = self._styles.of(text_wrap=True, align="left", **properties)
        self._sheet.merge_range(self._row, _FIRST, self._row, _LAST, "", style)
        self._say(self._row, _FIRST, text, style)
        self._next()

    def _say(self, row: int, column: int, text: str, style: Any) -> None:
        """A text in one cell: never a formula or a link, and marked where it is cut."""
        self._sheet.write_string(row, column, fitting(printable(text)), style)

    def _next(self, lines: int = 1) -> None:
        self._row += lines


_SMALL = {"font_size": 8, "font_color": MUTED}


def _holds(value: Decimal) -> bool:
    return value.is_finite() and (len(value.normalize().as_tuple().digits) <= DIGITS_MAX or abs(value) < 10**9)
