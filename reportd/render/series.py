"""A chart's rows as numbers to draw: read once from the spool, capped, with gaps where there is no finite number."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Literal

from reportd.report.document import Chart, Column, Format
from reportd.report.formats import Value, canonical, displayer, parse
from reportd.spool import read

BARS_MAX = 400
POINTS_MAX = 2000
ROWS_MAX = 30
"""How many bars, points and horizontal bars one chart draws at most."""

_COARSE_FROM = 1000
_DRAWN_MAX = 1e200  # past this a difference of two values may not be a float any more
_ORDERED = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Line:
    """One measure: its column and a value per position, None for a gap."""

    column: Column
    values: tuple[float | None, ...]

    @property
    def label_format(self) -> Format:
        """How its values stand beside bars and at a line's end: nobody reads cents off a chart of thousands."""
        format = self.column.format
        largest = max((abs(value) for value in self.values if value is not None), default=0.0)
        return replace(format, decimals=0) if format.kind == "number" and largest >= _COARSE_FROM else format


@dataclass(frozen=True, slots=True)
class Series:
    """What a chart draws. `labels` are the x values as shown; `positions` say where they lie for `time` (days) and
    `number`, and are 0, 1, 2 … for `bands`. `ordered` bands follow from one another (months, weeks), others are names.
    `count` is the number of rows that there are, `len(labels)` how many of them are drawn. `days` are those of a time
    axis.
    """

    kind: Literal["time", "number", "bands"]
    labels: tuple[str, ...]
    positions: tuple[float, ...]
    lines: tuple[Line, ...]
    ordered: bool
    count: int
    days: tuple[date, ...] = ()

    @property
    def values(self) -> list[float]:
        """Every value that can be drawn."""
        return [value for line in self.lines for value in line.values if value is not None]


def stacked(data: Series) -> Series:
    """`data` with every measure on top of those before it; a gap counts as nothing."""
    below = [0.0] * len(data.labels)
    lines: list[Line] = []
    for line in data.lines:
        below = [base + (value or 0.0) for base, value in zip(below, line.values, strict=True)]
        lines.append(Line(line.column, tuple(below)))
    return replace(data, lines=tuple(lines))


def series(chart: Chart, *, locale: str) -> Series:
    """The chart's rows, at most as many as can be drawn. Long lines are thinned evenly, keeping the first and last."""
    limit = BARS_MAX if chart.kind == "bar" else POINTS_MAX
    every = math.ceil(chart.rows.count / limit) if chart.kind in ("line", "area") and chart.rows.count > limit else 1
    rows = list(islice(read(chart.rows.path), 0, None if every > 1 else limit, every))
    xs = [parse(row[chart.x.index], chart.x.type) for row in rows]
    kind, positions = _positions(chart, xs)
    order = sorted(range(len(rows)), key=positions.__getitem__)  # stable: bands stay as they came
    show = displayer(chart.x.format, locale)
    labels = tuple(show(rows[index][chart.x.index]) for index in order)
    days = [_day(xs[index]) for index in order] if kind == "time" else []
    return Series(
        kind=kind,
        labels=labels,
        positions=tuple(positions[index] for index in order),
        lines=tuple(Line(y, tuple(_number(rows[index][y.index]) for index in order)) for y in chart.y),
        ordered=kind != "bands" or (bool(labels) and all(_ORDERED.search(label) for label in labels)),
        count=len(rows) if every > 1 else chart.rows.count,
        days=tuple(days),
    )


def _positions(chart: Chart, xs: Sequence[Value]) -> tuple[Literal["time", "number", "bands"], list[float]]:
    kind = canonical(chart.x.type)
    if chart.kind == "pie":
        return "bands", [float(index) for index in range(len(xs))]
    if xs and (kind == "date" or kind.startswith("timestamp")):
        if all(isinstance(x, date) for x in xs):
            return "time", [_ordinal(x) for x in xs if isinstance(x, date)]
    elif chart.kind in ("line", "area") and xs and all(isinstance(x, int | Decimal) for x in xs):
        return "number", [float(x) for x in xs if isinstance(x, int | Decimal)]
    return "bands", [float(index) for index in range(len(xs))]


def _ordinal(value: date) -> float:
    """Days since year 1; a moment's wall clock counts, so that a day has the same length all year."""
    if isinstance(value, datetime):
        return value.toordinal() + (value.hour * 3600 + value.minute * 60 + value.second) / 86400
    return float(value.toordinal())


def _day(value: Value) -> date:
    assert isinstance(value, date)
    return value.date() if isinstance(value, datetime) else value


def _number(raw: str | None) -> float | None:
    if raw is None:
        return None
    try:
        value = float(raw)
    except ValueError:
        return None
    return value if abs(value) < _DRAWN_MAX else None  # False for NaN, too
