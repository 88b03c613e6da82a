"""From a report and its spool to a Document: which blocks there are, what their columns are called, how values look.

Runs in a render child. Errors in a block's options can only be seen once the query's columns are known, so they are
raised here, as ReportError with the file and line of the block and the nearest name.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from reportd.errors import ReportError
from reportd.render.columns import measure
from reportd.render.kpis import tiles
from reportd.render.task import RenderSettings
from reportd.report.definition import Block, Report
from reportd.report.document import Chart, Column, Data, Document, Kpis, Provenance, Rows, Section, Table
from reportd.report.locales import locale_of
from reportd.report.params import Params, resolve
from reportd.spool import Dataset, head

_NUMERIC = ("integer", "number", "percent")


def build(
    report: Report,
    dataset: Dataset,
    *,
    settings: RenderSettings,
    title: str | None = None,
    job: int | None = None,
) -> Document:
    """The document of one job: every block of `report` over the rows that `dataset` holds.

    `title` overrides the report's (a job's name). Secret parameters are left out. Each spool file is read once.
    Errors: ReportError for options that don't fit the query's columns.
    """
    locale = report.locale or settings.locale
    params = _public_params(report, dataset)
    return Document(
        title=title or report.title,
        subtitle=report.subtitle,
        description=report.description,
        author=report.author,
        confidentiality=report.confidentiality,
        as_of=dataset.as_of,
        timezone=dataset.timezone,
        locale=locale,
        paper=_paper(report, settings, locale),
        filters=params.described(locale),
        sections=tuple(_section(block, dataset, locale=locale) for block in report.blocks),
        provenance=Provenance(
            report=report.name,
            report_sha256=dataset.report_sha256,
            data_sha256=dataset.sha256,
            params=params.as_json(),
            version=_version(),
            job=job,
        ),
    )


def _section(block: Block, dataset: Dataset, *, locale: str) -> Section:
    spooled = dataset.blocks[block.name]
    path = dataset.path(block.name)
    sums = {*_listed(block, "total"), *_listed(block, "subtotal")}
    columns = measure(spooled, path, locale=locale, timezone=dataset.timezone, sums=sums)
    rows = Rows(str(path), spooled.rows, spooled.bytes, spooled.sha256)
    match block.kind:
        case "kpi":
            return _kpis(block, columns, rows, locale=locale)
        case "bar" | "line":
            return _chart(block, columns, rows)
        case "table":
            return _table(block, columns, rows)
        case "data":
            return Data(block.name, block.title, columns, rows)


def _kpis(block: Block, columns: tuple[Column, ...], rows: Rows, *, locale: str) -> Kpis:
    if rows.count > 1:
        raise _wrong(
            block, f"a @kpi query returns one row, a tile per column; “{block.name}” returned {rows.count} rows"
        )
    row = next(iter(head(rows.path, 1)), [None] * len(columns))
    return Kpis(block.name, block.title, tiles(columns, row, locale=locale), columns, rows)


def _chart(block: Block, columns: tuple[Column, ...], rows: Rows) -> Chart:
    x = _named(block, "x", columns)[:1] or columns[:1]
    y = _named(block, "y", columns) or tuple(c for c in columns if c not in x and c.format.kind in _NUMERIC)
    if not x or not y:
        raise _wrong(
            block, f"chart “{block.name}” needs a column for x and a numeric one for y; it has {_names(columns)}"
        )
    for column in y:
        if column.format.kind not in _NUMERIC:
            raise _wrong(block, f"y={column.name} in “{block.name}” is {column.type}, and a chart measures numbers")
    kind: Literal["bar", "line"] = "line" if block.kind == "line" else "bar"
    return Chart(block.name, kind, block.title, x[0], y, rows, columns)


def _table(block: Block, columns: tuple[Column, ...], rows: Rows) -> Table:
    group = _named(block, "group", columns)[:1]
    subtotal = _named(block, "subtotal", columns)
    total = _named(block, "total", columns) or subtotal
    for column in (*subtotal, *total):
        if column.format.kind not in _NUMERIC:
            raise _wrong(block, f"{column.name} in “{block.name}” is {column.type}, and only numbers add up")
    if subtotal and not group:
        raise _wrong(block, f"subtotal in “{block.name}” needs group=COLUMN: subtotals close a group")
    if total:
        # Whoever says what adds up within a group has said what adds up at the end.
        summed = {column.index for column in total}
        columns = tuple(c if c.index in summed else replace(c, total=None) for c in columns)
    return Table(block.name, block.title, columns, rows, group[0] if group else None, subtotal)


def _named(block: Block, option: str, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns that an option such as `y=revenue,cost` names, in its order."""
    names = _listed(block, option)
    by_name = {column.name: column for column in reversed(columns)}
    for name in names:
        if name not in by_name:
            near = get_close_matches(name, by_name, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {_names(columns)}"
            raise _wrong(block, f"{option}={name}: the query of “{block.name}” has no such column; {hint}")
    return tuple(by_name[name] for name in names)


def _listed(block: Block, option: str) -> list[str]:
    return [name.strip() for name in block.options.get(option, "").split(",") if name.strip()]


def _names(columns: tuple[Column, ...]) -> str:
    return ", ".join(column.name for column in columns) or "no columns"


def _wrong(block: Block, message: str) -> ReportError:
    return ReportError(f"{block.file}:{block.line}: {message}", file=block.file, line=block.line, block=block.name)


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
