"""The charts that a report describes itself: bound to the rows of a job, with what they draw as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from reportd.errors import LimitExceeded
from reportd.render.tables import rows_of
from reportd.report import vega
from reportd.report.definition import ColumnLook, Specification
from reportd.report.document import Picture, PictureSource
from reportd.report.fault import fault, nearest
from reportd.report.formats import canonical, parse, title_of
from reportd.spool import Dataset, read

ROWS_MAX = 5_000
"""Rows of one block that a chart draws. Past some thousand marks nobody can tell them apart."""

_MEASURED = frozenset(
    ("numeric", "real", "double precision", "date", "timestamp without time zone", "timestamp with time zone")
)

Datum = dict[str, str | float | int | bool | None]


def picture(
    specification: Specification, dataset: Dataset, *, title: str = "", looks: Mapping[str, ColumnLook]
) -> Picture:
    """What `specification` draws of `dataset`, under `title`, or else under its own; `looks` may name the columns.

    Errors: ReportError for blocks and fields that are not there.
    """
    sources = []
    for name in specification.names:
        if name not in dataset.blocks:
            there = ", ".join(dataset.blocks)
            message = f'there are no rows of "{name}"{nearest(name, dataset.blocks)} (there is: {there})'
            raise fault(specification.file, message)
        block = dataset.blocks[name]
        columns = tuple(column.name for column in block.columns)
        types = tuple(column.type for column in block.columns)
        titles = tuple((look.title if (look := looks.get(column)) else None) or title_of(column) for column in columns)
        sources.append(PictureSource(name, columns, types, titles, rows_of(dataset, name)))
    for error in vega.misfits(specification, {source.name: source.columns for source in sources}):
        raise error
    if not title and (own := _title(specification.spec.get("title"))):
        title = own
        spec = {key: value for key, value in specification.spec.items() if key != "title"}
        specification = replace(specification, spec=spec)
    return Picture(specification, tuple(sources), title)


def data(source: PictureSource) -> Iterator[Datum]:
    """The rows of `source`, numbers as numbers and times in ISO 8601, in the report's own time zone and without it.

    Errors: LimitExceeded past ROWS_MAX; formats that draw nothing have them all.
    """
    if source.rows.count > ROWS_MAX:
        raise LimitExceeded(
            f"“{source.name}” has {source.rows.count:,} rows, and a chart draws {ROWS_MAX:,} at most:"
            " group them in the query, or draw a block of its own that does",
            limit_rows=ROWS_MAX,
        )
    for row in read(source.rows.path):
        cells = zip(source.columns, source.types, row, strict=True)
        yield {name: _value(raw, kind) for name, kind, raw in cells}


def _title(written: object) -> str | None:
    """A title that is words alone."""
    match written:
        case str(words) | {"text": str(words)} if not isinstance(written, dict) or len(written) == 1:
            return words
        case _:
            return None


def _value(raw: str | None, kind: str) -> str | float | int | bool | None:
    match parse(raw, kind):
        case None | bool() | int() as value:
            return value
        case Decimal() as number:
            return float(number) if math.isfinite(number) else None
        case datetime() as moment:
            # A chart's axis has the wall clock of the report: the spool is written in its zone.
            return moment.replace(tzinfo=None).isoformat()
        case date() as day:
            return day.isoformat()
        case _:
            # NaN, infinity and days before Christ are points that no axis has.
            return None if canonical(kind) in _MEASURED else raw
