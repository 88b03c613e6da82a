"""XLSX: a summary sheet, a sheet per table, native charts. The story of one workbook, top to bottom."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook

from reportd.errors import disk_error
from reportd.render.task import RenderedFile, RenderSettings
from reportd.render.xlsx.assemble import assemble
from reportd.render.xlsx.grid import SHEET_ROWS_MAX, Grid, GridWriter
from reportd.render.xlsx.names import Names
from reportd.render.xlsx.styles import Styles
from reportd.render.xlsx.summary import SummaryWriter
from reportd.render.xlsx.texts import fitting, printable
from reportd.render.xlsx.words import words
from reportd.report.document import Chart, Document
from reportd.report.formats import display_datetime

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PROPERTY_MAX = 255
_OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


class XLSX:
    """The format `xlsx`: one workbook per document."""

    format = "xlsx"

    def __init__(self, *, sheet_rows_max: int = SHEET_ROWS_MAX) -> None:
        self._sheet_rows_max = sheet_rows_max

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        """Write `REPORT.xlsx`. The same document and spool give the same bytes.

        Raises StoreFull where `out` is full, LimitExceeded for more than a workbook can hold.
        """
        path = out / f"{document.provenance.report}.xlsx"
        try:
            with TemporaryDirectory(dir=out) as scratch:
                _write(document, path, Path(scratch), sheet_rows_max=self._sheet_rows_max)
        except OSError as error:
            raise disk_error(error, doing=f"writing {path.name}") from error
        return [RenderedFile(XLSX.format, path.name, str(path), CONTENT_TYPE, rows=document.rows)]


def _write(document: Document, path: Path, scratch: Path, *, sheet_rows_max: int) -> None:
    shell = BytesIO()
    book = Workbook(shell, _OPTIONS)
    _describe(book, document)
    styles, names = Styles(book, document.locale, document.theme), Names()
    front = book.add_worksheet(names.sheet(words(document.locale)["summary"]))

    writer = GridWriter(book, document, styles, names, scratch=scratch, sheet_rows_max=sheet_rows_max)
    tables = {section.name: writer.write(section, section.title or section.name) for section in document.tables}
    charted = _write_charted(document, writer)
    grids = [*tables.values(), *charted.values()]

    # Last, since it tells how the data sheets turned out.
    charts = [(s, charted[s.name]) for s in document.sections if isinstance(s, Chart)]
    SummaryWriter(book, front, document, styles).write(grids, charts)
    book.close()
    assemble(shell, path, [sheet for grid in grids for sheet in grid.sheets])


def _write_charted(document: Document, writer: GridWriter) -> dict[str, Grid]:
    """A data sheet for each chart, by the chart's name."""
    charts = [section for section in document.sections if isinstance(section, Chart)]
    name = words(document.locale)["chart data"]
    return {
        chart.name: writer.write(chart, name if len(charts) == 1 else f"{name} {number}")
        for number, chart in enumerate(charts, start=1)
    }


def _describe(book: Workbook, document: Document) -> None:
    """The file's own properties, which a file manager shows and which stay when the summary is deleted."""
    origin = document.provenance
    moment = display_datetime(document.as_of.astimezone(ZoneInfo(document.timezone)), document.locale, zone=True)
    filters = "; ".join(f"{label}: {value}" for label, value in document.filters)
    book.set_properties(
        {
            "title": printable(document.title),
            "subject": printable(document.subtitle or ""),
            "author": printable(document.author or ""),
            "company": "",
            "comments": printable("\n".join(filter(None, [fitting(filters), moment, f"reportd {origin.version}"]))),
            # Fixed by the data, so that the same data makes the same bytes.
            "created": document.as_of.astimezone(UTC).replace(tzinfo=None, microsecond=0),
        }
    )
    for name, value in _custom(document):
        book.set_custom_property(name, value)


def _custom(document: Document) -> Sequence[tuple[str, str]]:
    origin = document.provenance
    return [
        ("reportd report", origin.report),
        ("reportd version", origin.version),
        ("reportd report sha256", origin.report_sha256),
        ("reportd data sha256", origin.data_sha256),
        ("reportd as of", document.as_of.isoformat()),
        *([("reportd job", str(origin.job))] if origin.job is not None else []),
        *_parts("reportd origin", json.dumps(document.origin, default=str)),
    ]


def _parts(name: str, text: str) -> Iterator[tuple[str, str]]:
    """`text` in properties called `name 1` and so on: each may have 255 characters."""
    for number, start in enumerate(range(0, len(text), _PROPERTY_MAX), start=1):
        yield f"{name} {number}", text[start : start + _PROPERTY_MAX]
