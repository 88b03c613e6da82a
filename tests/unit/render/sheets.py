"""Documents for the workbook's tests: columns and rows written as a spool, and the workbook opened again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl

from reportd.render.task import RenderSettings
from reportd.render.xlsx import XLSX
from reportd.report.document import Column, Data, Document, Provenance, Rows, Section, Table
from reportd.report.formats import align_of, format_for, title_of

ORIGIN = Provenance("sales", "aa" * 32, "bb" * 32, {"period": ["2026-10-01", "2026-11-01"]}, "1.2.3", job=42)
Row = Sequence[str | None]


def column(name: str, type: str = "text", *, index: int = 0, total: str | None = None, decimals: int = 0) -> Column:
    format = format_for(name, type, timezone="Europe/Vienna")
    if format.kind in ("number", "percent"):
        format = replace(format, decimals=decimals or 2)
    sum_of = Decimal(total) if total is not None else None
    return Column(name, title_of(name), index, type, format, align_of(format, type), 12, total=sum_of)


def spooled(path: Path, rows: Sequence[Row]) -> Rows:
    text = "".join(",".join(map(_cell, row)) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8", newline="\n")
    return Rows(str(path), len(rows), path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())


def table(directory: Path, columns: Sequence[Column], rows: Sequence[Row], *, title: str = "Orders") -> Table:
    numbered = tuple(replace(column, index=index) for index, column in enumerate(columns))
    name = title.lower().replace(" ", "-")
    return Table(name, title, numbered, spooled(directory / f"{name}.csv", rows))


def data(directory: Path, columns: Sequence[Column], rows: Sequence[Row], *, title: str = "Orders") -> Data:
    made = table(directory, columns, rows, title=title)
    return Data(made.name, made.title, made.columns, made.rows)


def document(*sections: Section, **properties: Any) -> Document:
    as_of = datetime(2026, 11, 2, 6, 0, 0, 123456, tzinfo=UTC)
    values: dict[str, Any] = {"title": "Sales", "timezone": "Europe/Vienna", "locale": "en", **properties}
    return Document(as_of=as_of, sections=sections, provenance=ORIGIN, **values)


def rendered(document: Document, out: Path, *, renderer: XLSX | None = None) -> Path:
    files = (renderer or XLSX()).render(document, out=out, settings=RenderSettings())
    return Path(files[0].path)


def opened(document: Document, out: Path, *, values: bool = False, renderer: XLSX | None = None) -> Any:
    """The workbook as openpyxl reads it, with formulas, or with their cached `values`."""
    return openpyxl.load_workbook(rendered(document, out, renderer=renderer), data_only=values)


def column_of(sheet: Any, letter: str = "A") -> list[Any]:
    """The values of a column below its heading."""
    return [cell.value for cell in sheet[letter][1:]]


def _cell(value: str | None) -> str:
    if value is None:
        return ""
    quoted = not value or any(sign in value for sign in ',"\n\r') or value == "\\."
    return '"' + value.replace('"', '""') + '"' if quoted else value
