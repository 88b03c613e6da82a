"""A first report of a table: tiles, a chart over time or by kind, and the rows, in SQL that its author goes on with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from reportd.report.formats import canonical, format_for, title_of
from reportd.report.periods import period

ROWS = 200
"""Rows of the draft's table; its title says so."""

_COLUMNS_MAX = 8
_MEASURES_MAX = 3
_KINDS_MAX = 12
_DAYS = ("date", "timestamp without time zone", "timestamp with time zone")
_KINDS = ("text", "character varying", "character", "boolean")
# Types of which a page shows nothing worth its room.
_BULKY = re.compile(r"json|bytea|xml|vector|\[\]$|geometry|geography")
_AMOUNT = re.compile(r".*(amount|total|revenue|cost|sum|value|minutes|hours|quantity)", re.IGNORECASE)
# Numbers of which a sum says nothing.
_LEVEL = re.compile(r".*(price|score|grade|rank|level|age|balance|position|latitude|longitude|version|ratio|progress)$")
# The first that has rows is the parameter's default.
_PERIODS = ("last 12 months", "this month", "this year")


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column; `name` as SQL writes it. `distinct_values`: how many, 0 where that grows with the table, None where
    nobody has looked; `earliest` and `latest` are of days and instants, as the last ANALYZE saw them.
    """

    name: str
    type: str
    is_key: bool = False
    distinct_values: int | None = None
    earliest: date | None = None
    latest: date | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or a view: `relation` as SQL writes it, `name` bare."""

    relation: str
    name: str
    columns: Sequence[SourceColumn]


def draft(source: Relation, *, today: date) -> str:
    """The text of a report on `source`, which runs as it is. It looks at a column's name and type, and at no row."""
    return "\n".join(_lines(source, today))


def _lines(source: Relation, today: date) -> Iterator[str]:
    day, kind, measures = _day(source), _kind(source), _measures(source)
    where = f"\nwhere {_within(day)}" if day else ""
    title = title_of(source.name)
    counted = _counted(source, measures)
    sums = [f"sum({measure.name}) as {measure.name}" for measure in measures]
    first = sums[0] if sums else f"count(*) as {counted}"
    measure = measures[0].name if measures else counted

    yield "-- /// report"
    yield f'-- title = "{title.translate(_QUOTED)}"'
    if day:
        yield f'-- params.period = {{ type = "daterange", default = "{_default(day, today)}" }}'
    yield "-- ///"
    yield "-- The first sketch of a report: keep what says something, and put your own words on it."
    yield ""
    yield "-- @kpi"
    yield f"select count(*) as {counted}{''.join(f', {each}' for each in sums)}"
    yield f"from {source.relation}{where};"
    if day:
        yield ""
        yield f'-- @bar "{_words(measure)} by month" x=month y={_bare(measure)}'
        yield f"select date_trunc('month', {day.name})::date as month, {first}"
        yield f"from {source.relation}{where}"
        yield "group by 1 order by 1;"
    if kind:
        yield ""
        yield f'-- @bar "{_words(measure)} by {_words(kind.name).lower()}" x={_bare(kind.name)} y={_bare(measure)}'
        yield f"select {kind.name}, {first}"
        yield f"from {source.relation}{where}"
        yield "group by 1 order by 2 desc nulls last;"
    yield ""
    yield f'-- @table "{"The latest" if day else "The first"} {ROWS} {title.lower().translate(_QUOTED)}"'
    yield f"select {', '.join(column.name for column in _shown(source, day, kind, measures))}"
    yield f"from {source.relation}{where}"
    yield f"order by {f'{day.name} desc' if day else '1'} limit {ROWS};"
    yield ""


def _counted(source: Relation, measures: Sequence[SourceColumn]) -> str:
    """What the number of rows is called: as the table, unless a sum is."""
    taken = {measure.name for measure in measures}
    free = (name for name in (source.name, "rows", "number_of_rows") if name not in taken)
    return next(name for name in free if re.fullmatch(r"[a-z_][a-z0-9_]*", name))


# In a title, quotes would end it.
_QUOTED = str.maketrans({'"': "”", "\\": "/", "\n": " "})


def _day(source: Relation) -> SourceColumn | None:
    """The column that a period is about: the first day, else the first instant; one that is filled rather than not."""
    days = [column for column in source.columns if canonical(column.type) in _DAYS]
    known = [column for column in days if column.latest] or days
    return next((column for kind in _DAYS for column in known if canonical(column.type) == kind), None)


def _kind(source: Relation) -> SourceColumn | None:
    """A column with few different values: what a chart can stand the measure beside."""
    return next(
        (
            column
            for column in source.columns
            if not column.is_key
            and canonical(column.type) in _KINDS
            and 2 <= (column.distinct_values or 0) <= _KINDS_MAX
            and _plain(column)
        ),
        None,
    )


def _measures(source: Relation) -> list[SourceColumn]:
    """Numbers worth a sum, amounts first."""
    found = [
        column
        for column in source.columns
        if not column.is_key
        and canonical(column.type) != "oid"
        and format_for(_bare(column.name), column.type).kind in ("integer", "number")
        and not _LEVEL.match(column.name)
        and _plain(column)
    ]
    amounts = sorted(found, key=lambda column: (not _AMOUNT.match(column.name), column.type in ("smallint", "integer")))
    return amounts[:_MEASURES_MAX]


def _shown(
    source: Relation, day: SourceColumn | None, kind: SourceColumn | None, measures: Sequence[SourceColumn]
) -> list[SourceColumn]:
    """The columns of the table, in the source's order: those of the other blocks, then the first of the rest."""
    wanted = [column for column in (day, kind, *measures) if column is not None]
    rest = [column for column in source.columns if column not in wanted and not _BULKY.search(column.type)]
    chosen = (wanted + rest)[:_COLUMNS_MAX] or list(source.columns[:1])
    return [column for column in source.columns if column in chosen]


def _within(day: SourceColumn) -> str:
    if canonical(day.type) == "timestamp with time zone":
        return f"{day.name} >= :period_start and {day.name} < :period_end"
    if canonical(day.type) == "date":
        return f"{day.name} <@ :period"
    return f"{day.name}::date <@ :period"


def _default(day: SourceColumn, today: date) -> str:
    """A period that has rows, as far as anybody knows."""
    if day.latest is None:
        return _PERIODS[0]
    for words in _PERIODS:
        found = period(words, today=today)
        if found.start and found.end and day.latest >= found.start and (day.earliest or day.latest) < found.end:
            return words
    return str(day.latest.year)


def _plain(column: SourceColumn) -> bool:
    """Whether the column's name stands without quotes, as an option of a block needs it."""
    return not column.name.startswith('"')


def _bare(name: str) -> str:
    return name.removeprefix('"').removesuffix('"')


def _words(name: str) -> str:
    return title_of(_bare(name)).translate(_QUOTED)
