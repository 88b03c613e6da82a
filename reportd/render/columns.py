"""Columns as their values make them: one pass over a spool finds decimals, totals, NULLs and widths.

The wire tells no scale and the types tell no width, so the rows have to be looked at; a column at a time in batches,
which keeps memory constant and most of the work inside C.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from operator import itemgetter
from pathlib import Path
from typing import cast

from reportd.report.definition import ColumnLook
from reportd.report.document import Aggregate, Column, Format
from reportd.report.formats import align_of, display_number, displayer, format_for, named, title_of
from reportd.report.looks import conditions_of
from reportd.spool import SpoolColumn, Spooled, read_columns

SAMPLE_ROWS = 1000
SAMPLE_EVERY = 25
COMPUTED_SCALE = 6  # more decimals than this were never typed in: they come from a division
WIDTH_MAX = 60
WIDTH_QUANTILE = 0.98
_HUGE = 10**18

# Doubles reach 1e±308: sums of them need some 650 digits to be exact. A sum that needs more is no quantity.
_EXACT = Context(prec=1000, traps=[])
_NOT_SUMMED = re.compile(
    r"(.*_)?(avg|average|mean|median|min|max|rank|position|age|score|grade|ratio|percentile|price|balance|stock|level"
    r"|index|lat|lon|latitude|longitude|month|week|day|quarter|hour|p\d\d)"
    r"|(avg|average|mean|median|min|max|p\d\d|unit|first|last|running|cumulative)_.*|.*_per_.*",
    re.IGNORECASE,
)


def summable(name: str, format: Format) -> bool:
    """Whether the sum of a column means something: quantities yes; averages, rates, ranks, prices, identifiers no."""
    return format.kind in ("integer", "number") and not _NOT_SUMMED.fullmatch(name.lower().replace(" ", "_"))


def measure(
    spooled: Spooled,
    path: Path,
    *,
    locale: str,
    timezone: str,
    sums: Collection[str] = (),
    looks: Mapping[str, ColumnLook] | None = None,
) -> tuple[Column, ...]:
    """The columns of a spooled query, from one streaming pass over `path`.

    `total` is set on every column whose values are all finite numbers and that `summable` allows or `sums` names, also
    for a single row; whether it is shown is `Table.totals`'. An empty spool gives columns without totals. `looks` are
    what the author says of columns, by name; their formats fit the columns' types.
    """
    wishes = [(looks or {}).get(column.name, ColumnLook(column.name)) for column in spooled.columns]
    seen = [
        _Look(column, wish=wish, locale=locale, timezone=timezone, summed=column.name in sums)
        for column, wish in zip(spooled.columns, wishes, strict=True)
    ]
    row = 0
    for batch in read_columns(path):
        parts = _sampled(row, row + len(batch[0]))
        for look, values in zip(seen, batch, strict=True):
            look.add(values, sampled=parts)
        row += len(batch[0])
    return tuple(
        _wished(_column(look, index=index, type_name=column.type, locale=locale), look.wish)
        for index, (look, column) in enumerate(zip(seen, spooled.columns, strict=True))
    )


class _Look:
    """What one column's values have shown so far."""

    def __init__(self, column: SpoolColumn, *, wish: ColumnLook, locale: str, timezone: str, summed: bool) -> None:
        self.name = column.name
        self.wish = wish
        usual = format_for(column.name, column.type, timezone=timezone)
        chosen = named(wish.format) if wish.format else None
        self.format = replace(chosen, timezone=usual.timezone) if chosen else usual
        self.fixed = chosen is not None
        self.numeric = self.format.kind in ("integer", "number", "percent")
        wanted = summed or summable(column.name, self.format) if wish.total is None else wish.total != "none"
        self.total: Decimal | None = Decimal(0) if self.numeric and wanted else None
        self.low: Decimal | None = None
        self.high: Decimal | None = None
        self.count = 0
        self.nulls = 0
        self.scale = 0
        self.peak = Decimal(0)
        self.longest = ""
        # How many of the sampled values are so wide; numbers have no need of it.
        self.widths: Counter[int] = Counter()
        self._show = displayer(self.format, locale)

    def add(self, values: Sequence[str | None], *, sampled: Sequence[slice]) -> None:
        # Most columns have no NULL: a list's `in` is far cheaper than a pass over its cells.
        present = [value for value in values if value is not None] if None in values else cast(list[str], values)
        self.count += len(present)
        self.nulls += len(values) - len(present)
        if self.numeric:
            if present:
                self._add_numbers(present)
            return
        looked_at = [value for part in sampled for value in values[part] if value is not None]
        # A column may have nothing but NULL where it is looked at.
        for value in looked_at if looked_at or self.widths else present:
            self.widths[max(map(len, self._show(value).split("\n")))] += 1

    def _add_numbers(self, present: list[str]) -> None:
        scale = len(present[0].partition(".")[2])
        if (whole := _whole(present, scale=scale)) is None:
            self._add_decimals(present)
            return
        # The widest of numbers with as many decimals each is the lowest or the highest.
        self._bound(*(Decimal(bound).scaleb(-scale, _EXACT) for bound in (min(whole), max(whole))))
        self.scale = max(self.scale, scale)
        if self.total is not None:
            self._sum([Decimal(sum(whole)).scaleb(-scale, _EXACT)])

    def _add_decimals(self, present: list[str]) -> None:
        self.longest = max(self.longest, max(present, key=len), key=len)
        try:
            numbers = list(map(Decimal, present))
        except InvalidOperation:
            self.total = None
            return
        finite = numbers
        if not all(map(Decimal.is_finite, numbers)):
            finite = [number for number in numbers if number.is_finite()]
            self.total = None
        if not finite:
            return
        self._bound(min(finite), max(finite))
        fractions = [value.partition(".")[2] for value in present]
        if "e" in "".join(present):
            # A double in exponent form (1.5e-07) has a scale like any other decimal.
            self.scale = max(self.scale, -min(int(number.as_tuple().exponent) for number in finite))
        else:
            self.scale = max(self.scale, *map(len, fractions))
        if self.total is not None:
            self._sum(finite)

    def _bound(self, low: Decimal, high: Decimal) -> None:
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)
        self.peak = max(self.peak, low.copy_abs(), high.copy_abs())

    def _sum(self, numbers: list[Decimal]) -> None:
        assert self.total is not None
        with localcontext(_EXACT) as context:
            total = sum(numbers, start=self.total)
            self.total = None if context.flags[Inexact] else total


def _whole(texts: list[str], *, scale: int) -> list[int] | None:
    """The numbers without their points where all have just `scale` decimals and none is huge; None otherwise.

    That is what a column of numeric(10, 2) has, and it costs half of what reading decimals does.
    """
    if scale:
        try:
            points = "".join(map(itemgetter(-scale - 1), texts))
        except IndexError:
            return None
        if points != "." * len(texts):
            return None
        texts = ",".join(texts).replace(".", "").split(",")
    try:
        whole = list(map(int, texts))
    except ValueError:
        return None
    return whole if min(whole) > -_HUGE and max(whole) < _HUGE else None


def _column(look: _Look, *, index: int, type_name: str, locale: str) -> Column:
    format = look.format if look.fixed else replace(look.format, decimals=_decimals(look))
    total = _aggregated(look)
    title = title_of(look.name)
    if format.kind == "percent":
        title = title.removesuffix(" %")  # the values say it
    return Column(
        name=look.name,
        title=title,
        index=index,
        type=type_name,
        format=format,
        align=align_of(format, type_name),
        width=max(_width(look, format, total=total, locale=locale), *(len(word) for word in title.split() or [""]), 1),
        total=total,
        nulls=look.nulls,
    )


def _aggregated(look: _Look) -> Decimal | None:
    """What stands at the column's foot: its sum, or what the author asked for instead."""
    if not look.count or look.total is None:
        return None
    match look.wish.total:
        case "avg":
            return _EXACT.divide(look.total, Decimal(look.count)).quantize(Decimal(1).scaleb(-12), context=_EXACT)
        case "min":
            return look.low
        case "max":
            return look.high
        case "count":
            return Decimal(look.count)
        case _:
            return look.total


def _wished(column: Column, wish: ColumnLook) -> Column:
    """`column` as its author wants it."""
    title = wish.title or column.title
    least = max((len(word) for word in title.split()), default=1)
    return replace(
        column,
        title=title,
        align=wish.align or column.align,
        width=wish.width or (max(column.width, least) if wish.title else column.width),
        aggregate="sum" if wish.total in (None, "none") else cast(Aggregate, wish.total),
        conditions=conditions_of(wish),
        hidden=wish.format == "hidden",
    )


def _decimals(look: _Look) -> int:
    match look.format.kind:
        case "number":
            if look.scale <= COMPUTED_SCALE:
                return max(look.scale, 0)
            return 2 if look.peak >= 1 or not look.peak else min(COMPUTED_SCALE, 1 - look.peak.adjusted())
        case "percent":
            if look.peak and look.peak < Decimal("0.01"):
                return 2
            return 0 if look.scale <= 2 else 1
        case _:
            return 0


def _width(look: _Look, format: Format, *, total: Decimal | None, locale: str) -> int:
    """Characters that the values need: the widest for numbers, the 98th percentile of the sample for text."""
    if not look.count:
        return 1
    if look.numeric:
        numbers = [number for number in (look.low, look.high, total) if number is not None]
        shown = [display_number(number, format, locale) for number in numbers]
        return max(map(len, [*shown, displayer(format, locale)(look.longest)]))
    left = min(look.widths.total() - 1, int(look.widths.total() * WIDTH_QUANTILE))
    for width in sorted(look.widths):
        left -= look.widths[width]
        if left < 0:
            return min(WIDTH_MAX, width)
    raise AssertionError("a column with values has widths")


def _sampled(begin: int, end: int) -> list[slice]:
    """Which of the rows from `begin` up to `end` are looked at for their width, as parts of these rows."""
    step = SAMPLE_ROWS * SAMPLE_EVERY
    starts = range(begin // step * step, end, step)
    return [slice(max(start - begin, 0), max(start + SAMPLE_ROWS - begin, 0)) for start in starts]
