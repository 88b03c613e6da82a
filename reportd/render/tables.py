"""Tables and cross-tabs: what the options of a `@table` or a `@pivot` make of a query's columns and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from reportd.render import derive
from reportd.render.columns import measure
from reportd.render.derive import PivotAggregate, Underivable
from reportd.render.options import NUMERIC, names, option_columns, wrong
from reportd.report.definition import Block, ColumnLook
from reportd.report.document import Aggregate, Column, Rows, Table
from reportd.report.formats import display, title_of
from reportd.report.locales import locale_of
from reportd.spool import Dataset


def table(
    block: Block, columns: tuple[Column, ...], dataset: Dataset, *, locale: str, looks: Mapping[str, ColumnLook]
) -> Table:
    """The table of `block`, with the running columns that it asks for. Errors: ReportError."""
    groups = option_columns(block, "group", columns)
    subtotal = option_columns(block, "subtotal", columns)
    total = option_columns(block, "total", columns) or subtotal
    running = option_columns(block, "running", columns)
    for column in (*subtotal, *total, *running):
        if column.format.kind not in NUMERIC:
            raise wrong(block, f"{column.name} in “{block.name}” is {column.type}, and only numbers add up")
    if subtotal and not groups:
        raise wrong(block, f"subtotal in “{block.name}” needs group=COLUMN: subtotals close a group")
    if total:
        # Whoever says what adds up within a group has said what adds up at the end.
        summed = {column.index for column in total}
        columns = tuple(c if c.index in summed else replace(c, total=None) for c in columns)
    rows = rows_of(dataset, block.name)
    if not running:
        return Table(block.name, block.title, columns, rows, groups, subtotal)
    path = dataset.path(block.name)
    spooled = derive.running(path, dataset.directory, name=block.name, columns=columns, summed=running, groups=groups)
    measured = measure(spooled, dataset.directory / spooled.file, locale=locale, timezone=dataset.timezone, looks=looks)
    word = locale_of(locale).words["running"]
    places = _places(columns, running)
    made = list(measured)
    for column, place in zip(columns, places, strict=True):
        made[place] = replace(column, index=place)
        if column in running:
            beside, wish = measured[place + 1], looks.get(f"running_{column.name}")
            title = (wish and wish.title) or word.format(measure=column.title)
            width = max(beside.width, column.width, *map(len, title.split()))
            format = beside.format if wish and wish.format else column.format
            made[place + 1] = replace(beside, title=title, format=format, align=column.align, width=width, total=None)
    derived = Rows(str(dataset.directory / spooled.file), spooled.rows, spooled.bytes, spooled.sha256)
    moved = {column.index: place for column, place in zip(columns, places, strict=True)}
    return Table(
        block.name,
        block.title,
        tuple(made),
        derived,
        tuple(made[moved[column.index]] for column in groups),
        tuple(made[moved[column.index]] for column in subtotal),
    )


def pivot(block: Block, columns: tuple[Column, ...], dataset: Dataset, *, locale: str) -> Table:
    """The cross-tab of `block`: rows and columns in the data's order, totals both ways. Errors: ReportError."""
    rows = option_columns(block, "rows", columns)
    across = option_columns(block, "columns", columns)
    aggregate = cast(PivotAggregate, block.options.get("agg", "sum"))
    values = option_columns(block, "values", columns) or _the_rest(block, columns, rows, across)
    for option, found in (("rows", rows), ("columns", across), ("values", values)):
        if not found:
            raise wrong(block, f"@pivot “{block.name}” needs {option}=COLUMN; it has {names(columns)}")
    for column in values:
        if aggregate != "count" and column.format.kind not in NUMERIC:
            raise wrong(block, f"values={column.name} in “{block.name}” is {column.type}; agg=count counts it")
    try:
        made = derive.pivot(
            dataset.path(block.name),
            dataset.directory,
            name=block.name,
            rows=rows,
            across=across,
            values=values,
            how=aggregate,
        )
    except Underivable as error:
        raise wrong(block, f"@pivot “{block.name}”: {error}") from None
    path = dataset.directory / made.spooled.file
    found = measure(made.spooled, path, locale=locale, timezone=dataset.timezone)
    keys = [
        replace(seen, title=key.title, format=key.format, align=key.align, type=key.type, hidden=False, total=None)
        for seen, key in zip(found, rows, strict=False)
    ]
    titles = _titles(made, across, values, how=aggregate, locale=locale)
    cells = []
    for number, (seen, title, total) in enumerate(zip(found[len(keys) :], titles, made.totals, strict=True)):
        value = values[number % len(values)]
        is_total = made.totalled and number >= len(made.totals) - len(values)
        format = value.format if aggregate != "count" else replace(value.format, kind="integer", decimals=0, unit="")
        if aggregate == "avg" and format.kind == "integer":
            format = replace(format, kind="number", decimals=1)
        shown = [display(f"{total:f}", format, locale)] if total is not None else []
        cells.append(
            replace(
                seen,
                title=title,
                format=format,
                align="right",
                total=total,
                aggregate=_foot(aggregate),
                conditions=() if is_total or aggregate == "count" else value.conditions,
                width=max(len(word) for word in (*title.split(), *shown, "0" * min(seen.width, 24))),
            )
        )
    return Table(block.name, block.title, (*keys, *cells), _rows(path, made.spooled.rows, made), keys=tuple(keys))


def rows_of(dataset: Dataset, name: str) -> Rows:
    """The rows of a query as the database gave them."""
    spooled = dataset.blocks[name]
    return Rows(str(dataset.path(name)), spooled.rows, spooled.bytes, spooled.sha256)


def _rows(path: Path, count: int, made: derive.Pivoted) -> Rows:
    return Rows(str(path), count, made.spooled.bytes, made.spooled.sha256)


def _the_rest(
    block: Block, columns: Sequence[Column], rows: Sequence[Column], across: Sequence[Column]
) -> tuple[Column, ...]:
    used = {column.index for column in (*rows, *across)}
    return tuple(c for c in columns if c.index not in used and c.format.kind in NUMERIC)


def _titles(
    made: derive.Pivoted, across: Sequence[Column], values: Sequence[Column], *, how: PivotAggregate, locale: str
) -> list[str]:
    """A heading for each column that is no key: the value across as shown, and the measure where there are more."""
    heads = [
        " · ".join(display(part, column.format, locale) for part, column in zip(head, across, strict=True))
        for head in made.heads
    ]
    if made.totalled:
        word = locale_of(locale).words["total"]
        heads.append({"sum": word, "count": word, "avg": "ø", "min": "min", "max": "max"}[how])
    if len(values) == 1:
        return heads
    return [f"{head} {value.title or title_of(value.name)}" for head in heads for value in values]


def _foot(how: PivotAggregate) -> Aggregate:
    """How a sheet computes the line below from the cells: sums of counts; an average of averages would be wrong."""
    match how:
        case "sum" | "count":
            return "sum"
        case "avg":
            return "given"
        case _:
            return how


def _places(columns: Sequence[Column], running: Sequence[Column]) -> list[int]:
    """Where each column stands once a running one follows each of `running`."""
    wanted = {column.index for column in running}
    places: list[int] = []
    place = 0
    for column in columns:
        places.append(place)
        place += 2 if column.index in wanted else 1
    return places
