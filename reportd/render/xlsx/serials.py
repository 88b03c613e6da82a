"""Postgres' date and time texts to Excel's serial numbers: days since 1899-12-30, the time as a share of the day.

Excel takes 1900 for a leap year, so sheets agree about days from 1 March 1900 on only; what is earlier, past 9999, BC
or infinite has no serial. Serials are texts here, because they go into XML: `46326.524293981481`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from operator import add, getitem, itemgetter
from zoneinfo import ZoneInfo

EPOCH = date(1899, 12, 30).toordinal()
FIRST = date(1900, 3, 1)
_CACHED_MAX = 100_000
_FRACTION_DIGITS = 11  # 10⁻¹¹ days are less than 1 µs, and all that a double keeps beside five digits of days
_DAY_S = 86_400
_SECONDS = tuple(f"{second:02d}" for second in range(60))
_CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d)(\.\d{1,6})?")
_ZONE_OFFSET = re.compile(r"[+-]\d\d(:\d\d){0,2}$")
_DAY, _MINUTE, _SECOND, _OFFSET = map(itemgetter, (slice(10), slice(11, 16), slice(17, 19), slice(19, None)))


class Days(dict[str, str | None]):
    """`2026-10-31` → `46326`, None where Excel has no such day. Computed once per day."""

    def __missing__(self, day: str) -> str | None:
        if len(self) >= _CACHED_MAX:
            self.clear()
        self[day] = serial = day_serial(day)
        return serial


class Moments:
    """Timestamps of one column. `timezone` is where values with an offset are shown; those without stay as they are."""

    def __init__(self, timezone: str | None) -> None:
        self._zone = ZoneInfo(timezone) if timezone else None
        self._days = _ZonedDays(self._zone)
        self._minutes = _Minutes()

    def batch(self, values: Sequence[str]) -> Iterable[str] | None:
        """The serials of `values`, or None if one needs a look of its own."""
        try:
            if "." in "".join(values):
                return list(map(self._to_the_microsecond, values))
            # Through map and no comprehension: no Python code runs per value.
            days = map(self._days.__getitem__, map(add, map(_DAY, values), map(_OFFSET, values)))
            minutes = map(self._minutes.__getitem__, map(_MINUTE, values))
            return list(map(add, days, map(getitem, minutes, map(_SECOND, values))))
        except (_IrregularError, KeyError):
            return None

    def _to_the_microsecond(self, value: str) -> str:
        """The serial of `2026-10-31 12:34:56.789+01`."""
        end = max(value.find("+", 19), value.find("-", 19))
        offset, fraction = (value[end:], value[19:end]) if end > 0 else ("", value[19:])
        day = self._days[value[:10] + offset]
        try:
            return day + _fraction(_seconds(value[11:19]) + float(fraction or 0))
        except ValueError:
            raise _IrregularError from None

    def serial(self, value: str) -> str | None:
        """The serial of any timestamp; None where Excel has no such moment."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        if moment.tzinfo is not None and self._zone is not None:
            try:
                moment = moment.astimezone(self._zone)
            except OverflowError:
                return None
        if moment.date() < FIRST:
            return None
        midnight = datetime(moment.year, moment.month, moment.day, tzinfo=moment.tzinfo)
        # On the wall clock, not elapsed: the same tzinfo on both sides makes Python subtract just that.
        return f"{moment.toordinal() - EPOCH}{_fraction((moment - midnight).total_seconds())}"


def clock_serial(value: str) -> str | None:
    """A time of day without zone as a share of the day; None for anything else, and for `24:00:00`, shown as 0:00."""
    match = _CLOCK.fullmatch(value)
    if match is None or match[1] == "24":
        return None
    seconds = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3]) + float(match[4] or 0)
    return f"{seconds / _DAY_S:.{_FRACTION_DIGITS}f}"


class _IrregularError(Exception):
    """A value that the quick way has no answer for."""


class _ZonedDays(dict[str, str]):
    """`2026-10-31+01` → `46326`, where that offset holds in the zone from midnight to midnight; else irregular.

    Postgres writes timestamps in the session's zone, which is the report's: the text is the wall clock already. Days on
    which a clock is changed, and values that came in another zone's offset, take the exact way.
    """

    def __init__(self, zone: ZoneInfo | None) -> None:
        super().__init__()
        self._zone = zone

    def __missing__(self, key: str) -> str:
        day, offset = key[:10], key[10:]
        serial = day_serial(day)
        if serial is None or not self._holds(day, offset):
            raise _IrregularError
        if len(self) >= _CACHED_MAX:
            self.clear()
        self[key] = serial
        return serial

    def _holds(self, day: str, offset: str) -> bool:
        if not offset or self._zone is None:
            return not offset or _ZONE_OFFSET.match(offset) is not None
        if not _ZONE_OFFSET.match(offset):
            return False
        for clock in ("00:00:00", "23:59:59"):
            moment = datetime.fromisoformat(f"{day} {clock}{offset}")
            if moment.astimezone(self._zone).utcoffset() != moment.utcoffset():
                return False
        return True


class _Minutes(dict[str, dict[str, str]]):
    """`12:34` → `56` → `.52425925926`: a minute at a time, so that ten rows cost little, a million nothing."""

    def __missing__(self, minute: str) -> dict[str, str]:
        try:
            start = _seconds(f"{minute}:00")
        except ValueError:
            raise _IrregularError from None
        self[minute] = {second: _fraction(start + int(second)) for second in _SECONDS}
        return self[minute]


def _seconds(clock: str) -> int:
    """Seconds since midnight of `12:34:56`. ValueError for what is no such time."""
    return int(clock[:2]) * 3600 + int(clock[3:5]) * 60 + int(clock[6:8])


def _fraction(seconds: float) -> str:
    return f"{seconds / _DAY_S:.{_FRACTION_DIGITS}f}"[1:] if seconds else ""


def day_serial(day: str) -> str | None:
    """One ISO day's serial; None where Excel has no such day."""
    if len(day) != 10:
        return None
    try:
        parsed = date.fromisoformat(day)
    except ValueError:
        return None
    return str(parsed.toordinal() - EPOCH) if parsed >= FIRST else None
