"""The types of parameters: how each is read from JSON, and written as Postgres text, as JSON and in words.

A rule's `read` raises ValueError with a phrase that goes on after the value: `is no whole number`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from reportd.report import periods, wording
from reportd.report.definition import Param, ParamType
from reportd.report.locales import locale_of
from reportd.report.periods import Period

_T = TypeVar("_T")

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
# As many digits as anybody's amounts have, and few enough that a hostile exponent costs nothing.
_DIGITS_MAX = 1000
NUMERIC = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?"
_UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a text of this type looks like, for a check that has no clock and no calendar: `pattern` ignores case."""

    noun: str
    pattern: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clock:
    """What words such as `today` count from: the job's time, the report's zone, the fiscal year's first month."""

    now: datetime
    zone: ZoneInfo
    fiscal_start: int = 1

    @property
    def today(self) -> date:
        """The day in the zone."""
        return self.now.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class TypeRule:
    """One type. `sql` is its Postgres type as `format_type` spells it, None where PREPARE decides."""

    sql: str | None
    json_types: tuple[str, ...]
    read: Callable[[Any, Param, Clock], Any]
    write: Callable[[Any], str] = str
    json: Callable[[Any], Any] = str
    words: Callable[[Any, str], str] = lambda value, locale: str(value)
    shape: Shape | None = None


def rule_of(param: Param) -> TypeRule:
    """The rule of the parameter's type."""
    return _RULES[param.type]


def _text(raw: Any, param: Param, clock: Clock) -> str:
    text = _string(raw, "is no text")
    if param.pattern is not None and not re.fullmatch(param.pattern, text):
        raise ValueError(f"does not match the pattern {param.pattern}")
    return text


def _int(raw: Any, param: Param, clock: Clock) -> int:
    fault = "is no whole number"
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        raise ValueError(f"{fault} (write it as a JSON number, without quotes)" if isinstance(raw, str) else fault)
    if raw != raw:  # NaN
        raise ValueError(fault)
    # In range first: to make an int of 1e1000000 costs what a hostile sender wants.
    if not INT_MIN <= raw <= INT_MAX:
        raise ValueError(f"is out of range (allowed: {INT_MIN} to {INT_MAX})")
    if raw != int(raw):
        raise ValueError(fault)
    return _bounded(int(raw), param.minimum, param.maximum)


def _numeric(raw: Any, param: Param, clock: Clock) -> Decimal:
    fault = "is no number"
    match raw:
        case bool():
            raise ValueError(fault)
        case str() if re.fullmatch(NUMERIC, raw):
            value = Decimal(raw)
        case int() | Decimal():
            value = Decimal(raw)
        case float():
            value = Decimal(repr(raw))
        case _:
            raise ValueError(fault)
    if not value.is_finite():
        raise ValueError(fault)
    if max(abs(value.adjusted()), len(value.as_tuple().digits)) > _DIGITS_MAX:
        raise ValueError(f"is out of range (at most {_DIGITS_MAX} digits)")
    _bounded(value, _decimal(param.minimum), _decimal(param.maximum))
    return value


def _bool(raw: Any, param: Param, clock: Clock) -> bool:
    if not isinstance(raw, bool):
        raise ValueError("is not true or false")
    return raw


def _date(raw: Any, param: Param, clock: Clock) -> date:
    value = _calendar(lambda: periods.day(_string(raw, "is no date"), today=clock.today))
    return _bounded(value, _iso_date(param.minimum), _iso_date(param.maximum))


def _timestamp(raw: Any, param: Param, clock: Clock) -> datetime:
    def moment(text: Any) -> datetime:
        return _calendar(lambda: periods.moment(_string(text, "is no time"), now=clock.now, zone=clock.zone))

    low, high = (None if bound is None else moment(bound) for bound in (param.minimum, param.maximum))
    return _bounded(moment(raw), low, high)


def _daterange(raw: Any, param: Param, clock: Clock) -> Period:
    text = _string(raw, "is no period")
    value = _calendar(lambda: periods.period(text, today=clock.today, fiscal_start=clock.fiscal_start))
    _calendar(lambda: [periods.first_instant(edge, clock.zone) for edge in (value.start, value.end) if edge])
    low, high = _iso_date(param.minimum), _iso_date(param.maximum)
    if low is not None and (value.start is None or value.start < low):
        raise ValueError(f"begins before {low}")
    if high is not None and (value.last is None or value.last > high):
        raise ValueError(f"ends after {high}")
    return value


def _uuid(raw: Any, param: Param, clock: Clock) -> UUID:
    text = _string(raw, "is no UUID")
    if not _UUID.fullmatch(text):
        raise ValueError("is no UUID such as 0a1b2c3d-0000-4000-8000-000000000000")
    return UUID(text)


def _enum(raw: Any, param: Param, clock: Clock) -> str:
    if param.choices_block is not None:
        return _string(raw, "is no text")  # the choices are the database's to say, when the job runs
    if not isinstance(raw, str) or raw not in param.choices:
        raise ValueError(f"is not one of: {', '.join(param.choices)}")
    return raw


def _any(raw: Any, param: Param, clock: Clock) -> str:
    match raw:
        case bool():
            return _boolean(raw)
        case str():
            return _string(raw, "")
        case int() | float() | Decimal() if Decimal(raw).is_finite():
            return format(Decimal(repr(raw) if isinstance(raw, float) else raw), "f")
    raise ValueError(f"is no text, number, true or false (for more, declare params.{param.name}.type)")


def _string(raw: Any, fault: str) -> str:
    if not isinstance(raw, str):
        raise ValueError(fault)
    if "\0" in raw:
        raise ValueError("holds a NUL character, which Postgres can't store")
    try:
        raw.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair, which is no character") from None
    return raw


def _calendar(read: Callable[[], _T]) -> _T:
    try:
        return read()
    except OverflowError:
        raise ValueError("is past the calendar, which runs from year 1 to 9999") from None


def _bounded(value: _T, low: Any, high: Any) -> _T:
    if low is not None and value < low:
        raise ValueError(f"is below the minimum {low}")
    if high is not None and value > high:
        raise ValueError(f"is above the maximum {high}")
    return value


def _decimal(bound: Any) -> Decimal | None:
    return None if bound is None else Decimal(repr(bound) if isinstance(bound, float) else bound)


def _iso_date(bound: Any) -> date | None:
    return None if bound is None else date.fromisoformat(bound)


def _plain(value: Decimal) -> str:
    return format(value, "f")


def _amount(value: Decimal, locale: str) -> str:
    return _plain(value).replace(".", locale_of(locale).decimal)


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _truth(value: bool, locale: str) -> str:
    return locale_of(locale).words["yes" if value else "no"]


def _same(value: Any) -> Any:
    return value


_DECIMAL_SHAPE = Shape("number", f"^{NUMERIC}$", ("12.50",))
_DAY_SHAPE = Shape("date", periods.DAY_SHAPE, ("2026-10-31", "yesterday"))
_MOMENT_SHAPE = Shape("time", periods.MOMENT_SHAPE, ("2026-10-31 14:30", "now"))
_PERIOD_SHAPE = Shape("period", periods.PERIOD_SHAPE, ("last month", "2026-Q3", "2026-01-01..2026-02-01"))
_UUID_SHAPE = Shape("UUID", f"^{_UUID.pattern}$", ("0a1b2c3d-0000-4000-8000-000000000000",))

_RULES: Mapping[ParamType, TypeRule] = {
    "text": TypeRule("text", ("string",), _text),
    "int": TypeRule("bigint", ("integer",), _int, json=_same),
    "numeric": TypeRule("numeric", ("number", "string"), _numeric, _plain, _plain, _amount, _DECIMAL_SHAPE),
    "bool": TypeRule("boolean", ("boolean",), _bool, write=_boolean, json=_same, words=_truth),
    "date": TypeRule("date", ("string",), _date, words=wording.day, shape=_DAY_SHAPE),
    "timestamp": TypeRule(
        "timestamp with time zone", ("string",), _timestamp, words=wording.moment, shape=_MOMENT_SHAPE
    ),
    "daterange": TypeRule("daterange", ("string",), _daterange, words=wording.period, shape=_PERIOD_SHAPE),
    "uuid": TypeRule("uuid", ("string",), _uuid, shape=_UUID_SHAPE),
    "enum": TypeRule("text", ("string",), _enum),
    "any": TypeRule(None, ("string", "number", "boolean"), _any),
}
