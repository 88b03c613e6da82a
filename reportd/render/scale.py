"""Axes: which values get a tick, where they fall, and what is written beside them. Numbers in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from reportd.report.document import Format
from reportd.report.formats import display_number
from reportd.report.locales import Locale

_UNITS = ((1_000_000_000, "billions"), (1_000_000, "millions"), (1_000, "thousands"))
_SHORT_FROM = 100_000  # below this a number is shorter than its abbreviation is clear
_MONTH_STEPS = (1, 2, 3, 6)
_YEAR_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_DAY_STEPS = (1, 2, 7, 14)


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale from `low` to `high` (low < high) with its `ticks`, ascending; `step` is the distance of two."""

    low: float
    high: float
    step: float
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """Where `value` lies: 0 at `low`, 1 at `high`."""
        return (value - self.low) / (self.high - self.low)


def number_axis(values: Sequence[float], *, count: int = 5, zero: bool = True, whole: bool = False) -> Axis:
    """An axis round all of `values` (finite) with about `count` ticks at 1, 2, 2.5 or 5 times a power of ten.

    `zero` keeps 0 on the axis, which bars need; `whole` allows no ticks between integers. No values, or all equal,
    still give an axis of some length.
    """
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        low, high = low - abs(low) / 10, high + (abs(high) / 10 or 1.0)
    step = _nice((high - low) / max(count - 1, 1))
    step = max(step, 1.0) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(index * step for index in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], step, ticks)


def number_labels(axis: Axis, format: Format, locale: Locale) -> list[str]:
    """A label for each tick, all with the same decimals and unit: `0 0.5 1.0`, `0k 50k 100k` (zero stays `0`)."""
    peak = max(abs(axis.low), abs(axis.high))
    if format.kind == "percent":
        return [_label(tick, Format("percent", decimals=_decimals(axis.step * 100)), locale) for tick in axis.ticks]
    size, name = next(((size, name) for size, name in _UNITS if peak >= max(size, _SHORT_FROM)), (1, ""))
    unit = locale.words[name] if name else ""
    shown = Format("number", decimals=_decimals(axis.step / size))
    return [_label(tick / size, shown, locale) + unit if tick else "0" for tick in axis.ticks]


def date_ticks(first: date, last: date, *, count: int) -> tuple[list[date], str]:
    """At most about `count` round dates from `first` to `last`, and their unit: `day`, `month` or `year`."""
    days = (last - first).days
    for step in _DAY_STEPS:
        if days / step < count and days <= 62:
            start = first if step < 7 else first + timedelta(days=-first.weekday() % 7)
            ticks = [start + timedelta(days=offset) for offset in range(0, (last - start).days + 1, step)]
            return ticks or [first], "day"
    months = (last.year - first.year) * 12 + last.month - first.month
    for step in _MONTH_STEPS:
        if months / step < count:
            return _firsts(first, last, step), "month"
    years = last.year - first.year
    step = next((step for step in _YEAR_STEPS if years / step < count), _YEAR_STEPS[-1])
    ticks = [date(year, 1, 1) for year in range(first.year, last.year + 1) if year % step == 0 and year > 0]
    return [tick for tick in ticks if first <= tick <= last] or [first], "year"


def date_label(tick: date, unit: str, locale: Locale, *, with_year: bool) -> str:
    """`2 Oct`, `Oct`, `Oct 2026`, `2026`: as short as the tick's neighbours let it be."""
    year = f"{tick.year}"
    if unit == "year":
        return year
    if unit == "month":
        if not locale.months:
            return f"{tick.month:02d}/{year}"
        return f"{locale.months[tick.month - 1]} {year}" if with_year else locale.months[tick.month - 1]
    month = locale.months[tick.month - 1] if locale.months else ""
    day = locale.day.format(d=tick.day, dd=f"{tick.day:02d}", mm=f"{tick.month:02d}", mon=month)
    return f"{day} {year}" if with_year and month else day


def thinned(count: int, fitting: int) -> int:
    """Every how manieth of `count` labels is written so that no more than `fitting` are: 1, 2, 3, 5, 10 …"""
    if count <= max(fitting, 1):
        return 1
    for step in (2, 3, 4, 5, 6, 10, 12, 20, 25, 50, 100):
        if count / step <= fitting:
            return step
    return math.ceil(count / max(fitting, 1))


def _firsts(first: date, last: date, step: int) -> list[date]:
    start = first.year * 12 + first.month - 1 + (first.day > 1)
    start += -(start % 12) % step if step > 1 else 0
    ticks = [date(index // 12, index % 12 + 1, 1) for index in range(start, last.year * 12 + last.month, step)]
    return ticks or [first]


def _nice(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next((factor * power for factor in (1, 2, 2.5, 5) if raw <= factor * power * (1 + 1e-9)), 10 * power)


def _decimals(step: float) -> int:
    """Decimals that a multiple of `step` needs: 0 for 5, 1 for 0.5, 2 for 0.25."""
    for decimals in range(10):
        if abs(step * 10**decimals - round(step * 10**decimals)) < 1e-6 * 10**decimals * step:
            return decimals
    return 10


def _label(value: float, format: Format, locale: Locale) -> str:
    return display_number(Decimal(repr(value)), format, locale.tag)
