"""From a report and its spool to a Document: which blocks there are, what their columns are called, how values look.

Runs in a render child. Errors in a block's options can only be seen once the query's columns are known, so they are
raised here, as ReportError with the file and line of the block and the nearest name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from reportd.render.columns import measure
from reportd.render.joined import sub
from reportd.render.kpis import tiles
from reportd.render.options import NUMERIC, names, option_columns, option_names, wrong
from reportd.render.tables import pivot, rows_of, table
from reportd.render.task import RenderSettings
from reportd.render.vega.picture import picture
from reportd.report.definition import Block, ColumnLook, Report, Specification
from reportd.report.document import (
    PIE_SLICES_MAX,
    Chart,
    ChartKind,
    Column,
    Data,
    Document,
    Kpis,
    Provenance,
    Rows,
    Section,
    Table,
    Text,
)
from reportd.report.fault import fault, nearest
from reportd.report.formats import fits, format_for, named, parse
from reportd.report.locales import Locale, locale_of
from reportd.report.params import Params, resolve
from reportd.spool import Dataset, SpoolColumn, head

_TEXT_ROWS_MAX = 500
_BLANK_LINE = re.compile(r"\r?\n[ \t]*\r?\n")


@dataclass(frozen=True, slots=True)
class Frame:
    """What every document of one job has, whatever stands in it."""

    report: Report
    settings: RenderSettings
    title: str
    subtitle: str | None
    description: str | None
    job: int | None

    @property
    def locale(self) -> str:
        """The report's locale, else the operator's."""
        return self.report.locale or self.settings.locale

    def document(self, sections: tuple[Section, ...], dataset: Dataset) -> Document:
        """The document of `sections` over `dataset`. Secret parameters are left out."""
        report = self.report
        params = _public_params(report, dataset)
        return Document(
            title=self.title,
            subtitle=self.subtitle,
            description=self.description,
            author=report.author,
            confidentiality=report.confidentiality,
            as_of=dataset.as_of,
            timezone=dataset.timezone,
            locale=self.locale,
            paper=_paper(report, self.settings, self.locale),
            filters=params.described(self.locale),
            attach=report.attach,
            theme=report.theme,
            template=report.template,
            sections=sections,
            provenance=Provenance(
                report=report.name,
                report_sha256=dataset.report_sha256,
                data_sha256=dataset.sha256,
                sql_sha256=report.sql_sha256,
                params=params.as_json(),
                version=_version(),
                job=self.job,
            ),
        )


def frame_of(report: Report, *, settings: RenderSettings, title: str | None = None, job: int | None = None) -> Frame:
    """The frame of one job's documents; `title` overrides the report's (a job's name)."""
    return Frame(report, settings, title or report.title, report.subtitle, report.description, job)


def build(
    report: Report,
    dataset: Dataset,
    *,
    settings: RenderSettings,
    title: str | None = None,
    job: int | None = None,
) -> Document:
    """The document of one job: every block of `report` over the rows that `dataset` holds.

    `title` overrides the report's (a job's name). Each spool file is read once.
    Errors: ReportError for options that don't fit the query's columns.
    """
    frame = frame_of(report, settings=settings, title=title, job=job)
    return frame.document(sections(frame, dataset), dataset)


def sections(frame: Frame, dataset: Dataset) -> tuple[Section, ...]:
    """A part for every block of the report, as declared."""
    report = frame.report
    _check_names(report, dataset)
    return tuple(
        section(block, dataset, locale=frame.locale, looks=report.columns, charts=report.charts)
        for block in report.blocks
    )


def section(
    block: Block,
    dataset: Dataset,
    *,
    locale: str,
    looks: Mapping[str, ColumnLook] | None = None,
    charts: Mapping[str, Specification] | None = None,
) -> Section:
    """The part of a document that `block` makes of its rows; `looks` is what the author says of columns, by name, and
    `charts` are the pictures of his own, by block.

    Errors: ReportError for options, looks and charts that don't fit the rows.
    """
    made = _section(block, dataset, locale=locale, looks=looks)
    if charts and block.name in charts and isinstance(made, Chart | Table | Data):
        return replace(made, picture=picture(charts[block.name], dataset, title=made.title, looks=looks or {}))
    return made


def _section(block: Block, dataset: Dataset, *, locale: str, looks: Mapping[str, ColumnLook] | None) -> Section:
    spooled = dataset.blocks[block.name]
    for column in spooled.columns:
        if looks and (wish := looks.get(column.name)):
            _check_look(block, column, wish)
    path = dataset.path(block.name)
    sums = {*option_names(block, "total"), *option_names(block, "subtotal")}
    columns = measure(spooled, path, locale=locale, timezone=dataset.timezone, sums=sums, looks=looks)
    rows = rows_of(dataset, block.name)
    match block.kind:
        case "kpi":
            return _kpis(block, columns, rows, locale=locale)
        case "bar" | "line" | "area":
            return _chart(block, columns, rows, block.kind)
        case "pie":
            return _pie(block, columns, rows, locale_of(locale))
        case "table":
            return table(block, columns, dataset, locale=locale, looks=looks or {})
        case "pivot":
            return pivot(block, columns, dataset, locale=locale)
        case "sub":
            return sub(block, columns, dataset, locale=locale, looks=looks or {})
        case "text":
            return _text(block, columns, rows)
        case "data":
            return Data(block.name, block.title, columns, rows)


def _check_names(report: Report, dataset: Dataset) -> None:
    """Errors: ReportError for a look whose column no query has."""
    names = {column.name for spooled in dataset.blocks.values() for column in spooled.columns}
    names |= {f"running_{summed}" for block in report.blocks for summed in option_names(block, "running")}
    for name, wish in report.columns.items():
        if name not in names:
            message = f'columns.{name}: no query has a column "{name}"{nearest(name, names)}'
            raise fault(report.source.front, message, line=wish.line)


def _check_look(block: Block, column: SpoolColumn, wish: ColumnLook) -> None:
    format = named(wish.format) if wish.format else None
    usual = format_for(column.name, column.type)
    if format and not fits(format, column.type):
        raise fault(block.file, f"columns.{column.name}: {wish.format} can't show {column.type}", line=wish.line)
    if wish.total not in (None, "none") and (format or usual).kind not in NUMERIC:
        message = f'columns.{column.name}: total = "{wish.total}" is for numbers, and this is {column.type}'
        raise fault(block.file, message, line=wish.line)


def _kpis(block: Block, columns: tuple[Column, ...], rows: Rows, *, locale: str) -> Kpis:
    if rows.count > 1:
        raise wrong(
            block, f"a @kpi query returns one row, a tile per column; “{block.name}” returned {rows.count} rows"
        )
    row = next(iter(head(rows.path, 1)), [None] * len(columns))
    return Kpis(block.name, block.title, tiles(columns, row, locale=locale), columns, rows)


def _chart(block: Block, columns: tuple[Column, ...], rows: Rows, kind: ChartKind) -> Chart:
    x = option_columns(block, "x", columns)[:1] or columns[:1]
    y = option_columns(block, "y", columns) or tuple(c for c in columns if c not in x and c.format.kind in NUMERIC)
    if not x or not y:
        raise wrong(
            block, f"chart “{block.name}” needs a column for x and a numeric one for y; it has {names(columns)}"
        )
    for column in y:
        if column.format.kind not in NUMERIC:
            raise wrong(block, f"y={column.name} in “{block.name}” is {column.type}, and a chart measures numbers")
    return Chart(block.name, kind, block.title, x[0], y, rows, columns)


def _pie(block: Block, columns: tuple[Column, ...], rows: Rows, locale: Locale) -> Chart:
    """A pie where it can be read, else bars, and why."""
    chart = _chart(block, columns, rows, "pie")
    if len(chart.y) > 1:
        measures = ", ".join(column.name for column in chart.y)
        raise wrong(block, f"a @pie shares out one measure; name it with y=…: “{block.name}” has {measures}")
    if rows.count > PIE_SLICES_MAX:
        return replace(chart, kind="bar", note=locale.words["pie parts"].format(count=rows.count))
    values = [parse(row[chart.y[0].index], chart.y[0].type) for row in head(rows.path, rows.count)]
    if any(not isinstance(value, int | Decimal | None) or (value is not None and value < 0) for value in values):
        return replace(chart, kind="bar", note=locale.words["pie negative"])
    return chart


def _text(block: Block, columns: tuple[Column, ...], rows: Rows) -> Text:
    if len(columns) != 1:
        raise wrong(block, f"a @text query has one column, of paragraphs; “{block.name}” has {names(columns)}")
    if rows.count > _TEXT_ROWS_MAX:
        raise wrong(block, f"“{block.name}” has {rows.count} rows; a @text takes {_TEXT_ROWS_MAX} at most")
    cells = [row[0] for row in head(rows.path, rows.count)]
    paragraphs = (part.strip() for cell in cells if cell is not None for part in _BLANK_LINE.split(cell))
    return Text(block.name, block.title, tuple(filter(None, paragraphs)), columns, rows)


def _paper(report: Report, settings: RenderSettings, locale: str) -> Literal["A4", "Letter"]:
    if report.paper:
        return report.paper
    if settings.paper in ("A4", "Letter"):
        return "Letter" if settings.paper == "Letter" else "A4"
    return "Letter" if locale_of(locale).letter else "A4"


def _public_params(report: Report, dataset: Dataset) -> Params:
    """The values that the queries got, without the secret ones: a document must not even say that they were given."""
    public = [param for param in report.params if not param.secret]
    raw = {param.name: dataset.params.get(param.name) for param in public}
    return resolve(public, raw, now=dataset.as_of, timezone=dataset.timezone)


@lru_cache(maxsize=1)
def _version() -> str:
    try:
        return version("reportd")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0"
