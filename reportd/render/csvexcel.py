"""CSV for a double click: what `csv` has, in the form that spreadsheets of the document's locale take for a table.

A byte order mark says that it is UTF-8. Where numbers are written with a comma, cells are parted by semicolons and
decimals have that comma. A text that a spreadsheet would compute (it begins with `= + - @`, a tab or a line break)
gets an apostrophe before it: whoever filled in a form does not get to run formulas on an accountant's machine.
Numbers, dates and times are no texts and stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from reportd import spool
from reportd.render import csv
from reportd.render.tablefiles import CHUNK_BYTES, write_each
from reportd.render.task import RenderedFile, RenderSettings
from reportd.report.document import Column, Document, Rows, Section
from reportd.report.formats import canonical
from reportd.report.locales import locale_of

_MARK = "\ufeff"
_DECIMALS = {"numeric", "real", "double precision"}
# Nobody can have put a formula in one of these; all other types may hold what somebody typed.
_HARMLESS = _DECIMALS | {
    *(
        "smallint",
        "integer",
        "bigint",
        "oid",
        "money",
        "boolean",
        "uuid",
        "inet",
        "cidr",
        "macaddr",
        "macaddr8",
        "bytea",
    ),
    *("date", "interval", "time without time zone", "time with time zone"),
    *("timestamp without time zone", "timestamp with time zone"),
}
# The last four are the wide forms that East Asian keyboards make, and Excel takes.
_LEADS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_WIDE = "＝".encode()[:2]
_LEAD_BYTES = (b"=", b"+", b"@", b"\t", b"\r", _WIDE)
# Separator of values that are looked at together; one that has it is looked at alone.
_UNIT = "\x1f"
_SUSPECT = re.compile(f"{_UNIT}[{''.join(map(re.escape, _LEADS))}]")

# A column's values → its cells, None being NULL.
Cells = Callable[[Sequence[str | None]], Sequence[str]]


class ExcelCSV:
    """The format `csv-excel`."""

    format = "csv-excel"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        """Write one file per table: `REPORT.excel.csv` where there is one, else `REPORT-BLOCK.excel.csv` each."""
        point = locale_of(document.locale).decimal
        return write_each(
            document,
            out=out,
            format=self.format,
            ending=".excel.csv",
            content_type=csv.CONTENT_TYPE,
            write=partial(_write, point=point, delimiter=";" if point == "," else ","),
        )


def _write(section: Section, path: Path, *, point: str, delimiter: str) -> None:
    with path.open("wb") as file:
        header = csv.line((_guarded(column.name) for column in section.columns), delimiter)
        file.write((_MARK + header).encode())
        if section.rows is None:
            return
        if delimiter == "," and _is_harmless(section.rows, section.columns):
            with Path(section.rows.path).open("rb") as rows:
                while chunk := rows.read(CHUNK_BYTES):
                    file.write(chunk)
        else:
            file.writelines(_records(section.rows, section.columns, point=point, delimiter=delimiter))


def _records(rows: Rows, columns: Sequence[Column], *, point: str, delimiter: str) -> Iterator[bytes]:
    """The rows a batch at a time, each cell by its column's type."""
    cells = [_cells(column, point=point, delimiter=delimiter) for column in columns]
    for batch in spool.read_columns(rows.path):
        lanes = [cell(batch[column.index]) for cell, column in zip(cells, columns, strict=True)]
        yield ("\n".join(map(delimiter.join, zip(*lanes, strict=True))) + "\n").encode()


def _cells(column: Column, *, point: str, delimiter: str) -> Cells:
    kind = canonical(column.type)
    if kind not in _HARMLESS:
        return partial(_texts, delimiter=delimiter)
    return partial(_values, delimiter=delimiter, point=point if kind in _DECIMALS else ".")


def _texts(values: Sequence[str | None], *, delimiter: str) -> Sequence[str]:
    joined = _UNIT.join(("", *(value for value in values if value is not None)))
    if _SUSPECT.search(joined) or joined.count(_UNIT) > len(values):
        values = [None if value is None else _guarded(value) for value in values]
    return _joinable(values, delimiter=delimiter)


def _values(values: Sequence[str | None], *, delimiter: str, point: str) -> Sequence[str]:
    if point != ".":
        values = [None if value is None else value.replace(".", point) for value in values]
    return _joinable(values, delimiter=delimiter)


def _joinable(values: Sequence[str | None], *, delimiter: str) -> Sequence[str]:
    """The values as they stand in a record: quoted where they must be, nothing for NULL."""
    if None not in values and all(values):
        joined = "".join(values)  # type: ignore[arg-type]
        if not any(sign in joined for sign in (delimiter, '"', "\r", "\n")):
            return values  # type: ignore[return-value]
    return ["" if value is None else csv.quoted(value, delimiter) for value in values]


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(_LEADS) else text


def _is_harmless(rows: Rows, columns: Sequence[Column]) -> bool:
    """Whether no cell of the file begins as a formula does: then the spool is the file, at the pace of a copy.

    The bytes are searched for the places where one could begin, and a number's minus is let through. That a cell found
    is of another type is not known here, and costs no more than the slower way.
    """
    kinds = [canonical(column.type) for column in columns]
    if _HARMLESS.issuperset(kinds):
        return True
    starts = [b","] if kinds[0] in _HARMLESS else [b",", b"\n"]
    quoted = [re.compile(start + rb'"(?:[=+@\t\r\n-]|' + _WIDE + b")") for start in starts]
    minuses = [(start + b"-", re.compile(start + rb"-(?![0-9.]+[,\n])")) for start in starts]
    with Path(rows.path).open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            chunk = b"".join((b"\n", chunk, file.readline()))
            leads = [lead for lead in _LEAD_BYTES if lead in chunk]
            found = (
                any(start + lead in chunk for start in starts for lead in leads)
                or any(minus in chunk and pattern.search(chunk) for minus, pattern in minuses)
                or (b'"' in chunk and any(pattern.search(chunk) for pattern in quoted))
            )
            if found:
                return False
    return True
