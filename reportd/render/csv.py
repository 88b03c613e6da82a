"""CSV: the spool itself under a header line. One file per table or `@data` block, for programs and for spreadsheets.

RFC 4180 in UTF-8 with `\\n` line ends: the names as the SQL gave them, then the bytes as Postgres wrote them: ISO
dates, the report's zone, plain numbers, NULL empty, the empty string `""`. Nothing is cut, rounded or translated. A
report that has no table gives the rows behind its tiles and charts instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from reportd.render.tablefiles import CHUNK_BYTES, write_each
from reportd.render.task import RenderedFile, RenderSettings
from reportd.report.document import Document, Section

CONTENT_TYPE = "text/csv; charset=utf-8; header=present"
ENDING = ".csv"


class CSV:
    """The format `csv`."""

    format = "csv"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        """Write one file per table: `REPORT.csv` where there is one, else `REPORT-BLOCK.csv` each."""
        return write_each(document, out=out, format=self.format, ending=ENDING, content_type=CONTENT_TYPE, write=_write)


def content(section: Section) -> Iterator[bytes]:
    """The bytes of a section's file, a piece at a time."""
    yield line(column.name for column in section.columns).encode()
    if section.rows is not None:
        with Path(section.rows.path).open("rb") as spool:
            while chunk := spool.read(CHUNK_BYTES):
                yield chunk


def line(cells: Iterable[str], delimiter: str = ",") -> str:
    """One record, quoted where it must be."""
    return delimiter.join(quoted(cell, delimiter) for cell in cells) + "\n"


def quoted(cell: str, delimiter: str) -> str:
    """`cell` as it stands in a record; quoted if it is empty, too, as that would be NULL."""
    if cell and not any(sign in cell for sign in (delimiter, '"', "\r", "\n")):
        return cell
    return '"' + cell.replace('"', '""') + '"'


def _write(section: Section, path: Path) -> None:
    with path.open("wb") as file:
        file.writelines(content(section))
