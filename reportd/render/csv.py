"""CSV: the spool itself under a header line. One file per table or `@data` block, for programs and for spreadsheets.

RFC 4180 in UTF-8 with `\\n` line ends: the names as the SQL gave them, then the bytes as Postgres wrote them: ISO
dates, the report's zone, plain numbers, NULL empty, the empty string `""`. Nothing is cut, rounded or translated. A
report that has no table gives the rows behind its tiles and charts instead.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from reportd.errors import disk_error
from reportd.render.task import RenderedFile, RenderSettings
from reportd.report.document import Document, Section

_CHUNK_BYTES = 1 << 20


class CSV:
    """The format `csv`."""

    format = "csv"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        """Write one file per table: `REPORT.csv` where there is one, else `REPORT-BLOCK.csv` each."""
        sections: tuple[Section, ...] = document.tables or document.sections
        report = document.provenance.report
        if len(sections) == 1:
            return [_write(sections[0], out / f"{report}.csv")]
        return [_write(section, out / f"{report}-{section.name}.csv") for section in sections]


def _write(section: Section, path: Path) -> RenderedFile:
    try:
        with path.open("wb") as file:
            file.write(_line(column.name for column in section.columns).encode())
            if section.rows is not None:
                with Path(section.rows.path).open("rb") as spool:
                    shutil.copyfileobj(spool, file, _CHUNK_BYTES)
    except OSError as error:
        raise disk_error(error, doing=f"writing {path.name}") from error
    return RenderedFile(
        format=CSV.format,
        name=path.name,
        path=str(path),
        content_type="text/csv; charset=utf-8; header=present",
        rows=section.rows.count if section.rows is not None else 0,
    )


def _line(cells: Iterable[str]) -> str:
    return ",".join(_quoted(cell) if any(sign in cell for sign in '",\r\n') else cell for cell in cells) + "\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'
