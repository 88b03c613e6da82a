"""Periods: words and dates that become half-open ranges of days, and the days and instants that single words mean.

Weeks start on Monday. `last N days` are the N whole days before today, as `last month` is the whole month before this
one; `MTD`, `QTD`, `YTD`, `WTD` run through today. A range `A..B` ends before B, like Postgres' `[A,B)`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from reportd.report.fault import nearest

UNDERSTOOD = (
    "today, yesterday, tomorrow; this|last|next week|month|quarter|year; last|next N days|weeks|months|quarters|years; "
    "WTD, MTD, QTD, YTD; this|last|next fiscal quarter|year, fiscal QTD|YTD; 2026, 2026-Q3, 2026-10, 2026-W40, "
    "2026-10-05; 2026-01-01..2026-02-01 (the end not included); [2026-01-01,2026-02-01)"
)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAYS = {"day": 1, "week": 7}
_SHIFTS = {"last": -1, "previous": -1, "this": 0, "current": 0, "next": 1}
_TO_DATE = {"wtd": "week", "mtd": "month", "qtd": "quarter", "ytd": "year"}
_WORDS = {"today": 0, "yesterday": -1, "tomorrow": 1}
_EXAMPLES = (
    *_WORDS,
    *(name.upper() for name in _TO_DATE),
    *(f"{shift} {unit}" for shift in ("this", "last", "next") for unit in ("week", *_MONTHS)),
    *(f"{shift} fiscal {unit}" for shift in ("this", "last", "next") for unit in ("quarter", "year")),
    *(f"{shift} 7 {unit}s" for shift in ("last", "next") for unit in (*_DAYS, *_MONTHS)),
    *("fiscal QTD", "fiscal YTD"),
)
_ISO = re.compile(r"([0-9]{4})(?:-(?:Q([1-4])|W([0-9]{2})|([0-9]{2})(?:-([0-9]{2}))?))?", re.IGNORECASE)
_COUNTED = re.compile(r"(last|previous|next) ([0-9]{1,4}) (day|week|month|quarter|year)s?")
_SHIFTED = re.compile(r"(last|previous|this|current|next) (fiscal )?(day|week|month|quarter|year)")
_RANGE = re.compile(r"([\[(])\s*([^,\[\]()]*?)\s*,\s*([^,\[\]()]*?)\s*([\])])")

# What the texts look like that may be understood: never less, so that the database can refuse the rest at once. Written
# in what Python's and Postgres' regular expressions read alike; case does not matter.
_GAP = r"[\s_-]+"
_UNIT = r"(day|week|month|quarter|year)"
_ISO_SHAPE = r"[0-9]{4}(-(q[1-4]|w[0-9]{2}|[0-9]{2}(-[0-9]{2})?))?"
PERIOD_SHAPE = (
    r"^[\s_]*(today|yesterday|tomorrow|[wmqy]td"
    rf"|fiscal{_GAP}[qy]td|(this|current|last|previous|next){_GAP}(fiscal{_GAP})?{_UNIT}"
    rf"|(last|previous|next){_GAP}[0-9]{{1,4}}{_GAP}{_UNIT}s?"
    rf"|{_ISO_SHAPE}|({_ISO_SHAPE})?[\s_]*\.\.[\s_]*({_ISO_SHAPE})?|[\[(][^\[\]()]*,[^\[\]()]*[\])])[\s_]*$"
)
DAY_SHAPE = r"^[\s_]*(today|yesterday|tomorrow|[0-9]{4}-[0-9]{2}-[0-9]{2})[\s_]*$"
MOMENT_SHAPE = (
    r"^[\s_]*(now|today|yesterday|tomorrow"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}((t|[\s_]+)[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(z|[+-][0-9:]{2,8})?)?)[\s_]*$"
)


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `start` up to, not including, `end`; None is open. Never empty: `start < end`."""

    start: date | None
    end: date | None

    def __str__(self) -> str:
        """Postgres' own text form of the `daterange`."""
        opening = "[" if self.start else "("
        return f"{opening}{self.start or ''},{self.end or ''})"

    @property
    def last(self) -> date | None:
        """The last day in it."""
        return self.end - timedelta(days=1) if self.end else None


def period(text: str, *, today: date, fiscal_start: int = 1) -> Period:
    """The period that `text` means on the day `today`; a fiscal year begins in the month `fiscal_start` (1 to 12).

    Errors: ValueError with a phrase about the text: why it is none, what was perhaps meant, what is understood.
    """
    word = _normal(text)
    try:
        found = _worded(word, today, fiscal_start) or _dated(word)
    except OverflowError:
        raise ValueError("is past the calendar, which runs from year 1 to 9999") from None
    if found is None:
        raise ValueError(f"is no period{nearest(word, _EXAMPLES)} (understood: {UNDERSTOOD})")
    return found


def day(text: str, *, today: date) -> date:
    """The day that `text` means: `today`, `yesterday`, `tomorrow` or an ISO date. Errors: ValueError."""
    word = _normal(text)
    if word in _WORDS:
        return today + timedelta(days=_WORDS[word])
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", word):
        return _date(word)
    raise ValueError(f"is no date{nearest(word, _WORDS)} (understood: 2026-10-31, {', '.join(_WORDS)})")


def moment(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """The instant that `text` means, aware and in `zone`: `now`, the first instant of a day, or an ISO time.

    A time without an offset is a wall-clock time in `zone`. Errors: ValueError.
    """
    word = _normal(text)
    if word == "now":
        return now.astimezone(zone)
    if word in _WORDS:
        return first_instant(now.astimezone(zone).date() + timedelta(days=_WORDS[word]), zone)
    if not re.fullmatch(_MOMENT, word, re.IGNORECASE):
        understood = f"understood: 2026-10-31, 2026-10-31 14:30, 2026-10-31T14:30:00+01:00, now, {', '.join(_WORDS)}"
        raise ValueError(f"is no time{nearest(word, ['now', *_WORDS])} ({understood})")
    try:
        parsed = datetime.fromisoformat(word.upper())
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC).astimezone(zone)
    except ValueError as error:
        raise ValueError(f"is no time: {error}") from None


def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """When `day` begins in `zone`, aware; where clocks skip midnight, the instant at which they skip it."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC).astimezone(zone)


_MOMENT = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?)?)?"
)


def _normal(text: str) -> str:
    words = re.sub(r"[ \t\r\n\f\v_]+", " ", text).strip(" ")
    if re.fullmatch(r"[A-Za-z0-9 -]+", words) and not _ISO.fullmatch(words):
        words = words.replace("-", " ")
    # Letters past ASCII are kept as they are: some of them become ASCII in lower case.
    return words.lower() if words.isascii() else words


def _worded(word: str, today: date, fiscal_start: int) -> Period | None:
    if word in _WORDS:
        return _days(today + timedelta(days=_WORDS[word]), 1)
    fiscal = word.startswith("fiscal ")
    if (unit := _TO_DATE.get(word.removeprefix("fiscal "))) and not (fiscal and unit in ("week", "month")):
        return Period(_begin(today, unit, fiscal_start if fiscal else 1), today + timedelta(days=1))
    if match := _COUNTED.fullmatch(word):
        shift, count, unit = match[1], int(match[2]), match[3]
        if count == 0:
            raise ValueError("holds no day; the least is 1")
        begin = _begin(today, unit, 1)
        if shift == "next":
            return Period(_move(begin, unit, 1), _move(begin, unit, count + 1))
        return Period(_move(begin, unit, -count), begin)
    if (match := _SHIFTED.fullmatch(word)) and not (match[2] and match[3] not in ("quarter", "year")):
        begin = _begin(today, match[3], fiscal_start if match[2] else 1)
        start = _move(begin, match[3], _SHIFTS[match[1]])
        return Period(start, _move(start, match[3], 1))
    return None


def _dated(word: str) -> Period | None:
    if found := _iso(word):
        return found
    if match := _RANGE.fullmatch(word):
        start, end = _bound(match[2]), _bound(match[3])
        if match[1] == "(" and start:
            start += timedelta(days=1)
        if match[4] == "]" and end:
            end += timedelta(days=1)
        return _ordered(start, end)
    first, dots, last = (part.strip() for part in word.partition(".."))
    if not dots or not (first or last):
        return None
    opening, closing = _iso(first), _iso(last)
    if (first and opening is None) or (last and closing is None):
        return None
    return _ordered(opening.start if opening else None, closing.start if closing else None)


def _ordered(start: date | None, end: date | None) -> Period:
    if start and end and start >= end:
        raise ValueError("holds no day: it ends where it begins or earlier (the end is not included)")
    return Period(start, end)


def _bound(text: str) -> date | None:
    return None if text in ("", "infinity", "-infinity") else _date(text.strip('"'))


def _iso(word: str) -> Period | None:
    match = _ISO.fullmatch(word)
    if match is None:
        return None
    year, quarter, week, month, dom = match.groups()
    if dom:
        return _days(_date(word), 1)
    try:
        if week:
            return _days(date.fromisocalendar(int(year), int(week), 1), 7)
        first = date(int(year), int(month or (int(quarter) * 3 - 2 if quarter else 1)), 1)
    except ValueError:
        raise ValueError("is not on the calendar") from None
    return Period(first, _months_later(first, 1 if month else 3 if quarter else 12))


def _date(text: str) -> date:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is not on the calendar: {text}") from None
    raise ValueError(f"holds {text!r}, which is no date such as 2026-10-31")


def _days(first: date, count: int) -> Period:
    return Period(first, first + timedelta(days=count))


def _begin(today: date, unit: str, first_month: int) -> date:
    """The first day of the day, week, month, quarter or year that holds `today`; years begin in `first_month`."""
    match unit:
        case "day":
            return today
        case "week":
            return today - timedelta(days=today.weekday())
        case _:
            past = (today.month - first_month) % _MONTHS[unit]
            return _months_later(today.replace(day=1), -past)


def _move(first: date, unit: str, count: int) -> date:
    if unit in _DAYS:
        return first + timedelta(days=_DAYS[unit] * count)
    return _months_later(first, _MONTHS[unit] * count)


def _months_later(first: date, months: int) -> date:
    """The first of the month that many months after the month of `first`. Errors: OverflowError past the calendar."""
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError(year)
    return date(year, month + 1, 1)
