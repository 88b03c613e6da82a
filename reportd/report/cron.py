"""Cron expressions: which are valid, and at which instants they fire.

Valid is what croniter and cronsim both accept in five fields, beside `@hourly @daily @midnight @weekly @monthly @yearly
@annually`. cronsim says which wall-clock times match; how those become instants across changes of the clock is ours:

- an expression whose minute and hour are both fixed (`30 2 * * *`) runs at a time of day: a time in the spring's gap
  runs once, at the first valid instant after it; one in the autumn's overlap runs once, the first time;
- one whose minute or hour begins with `*` (`0 * * * *`, `*/30 1-3 * * *`) runs by elapsed time: at every instant whose
  wall clock matches, so an hourly job stays hourly; nothing runs for a wall time that does not exist.

This is what Debian's cron does. Half-hour changes (Lord Howe) and skipped days (Samoa 2011) follow the same two rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim, CronSimError

from reportd.errors import CronError
from reportd.report.fault import nearest
from reportd.report.zones import zone_of

_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS = (
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of month", "1-31 or L"),
    ("month", "1-12 or JAN-DEC"),
    ("day of week", "0-7 or SUN-SAT, 0 and 7 are Sunday"),
)
# No schedule waits longer: the rarest valid day, a 29 February on a given weekday across a skipped leap year, takes 40.
_YEARS_MAX = 50


def check(expression: str, timezone: str) -> None:
    """Make sure that `expression` fires, in a zone that exists. Errors: CronError, with the field that is wrong."""
    next_after(expression, timezone, datetime(2026, 1, 1, tzinfo=UTC))


def next_after(expression: str, timezone: str, instant: datetime) -> datetime:
    """The first instant (UTC) after `instant` (aware) at which `expression` fires in `timezone`. Errors: CronError."""
    return next(_instants(expression, timezone, instant))


def between(expression: str, timezone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """The instants (UTC) later than `after`, no later than `until`, at which `expression` fires. Errors: CronError."""
    for slot in _instants(expression, timezone, after):
        if slot > until:
            return
        yield slot


def _instants(expression: str, timezone: str, after: datetime) -> Iterator[datetime]:
    fields = _fields(expression)
    try:
        zone = zone_of(timezone)
    except ValueError as error:
        raise CronError(str(error), timezone=timezone) from None
    start = after.astimezone(UTC)
    find = _by_elapsed_time if fields[0].startswith("*") or fields[1].startswith("*") else _by_time_of_day
    for slot in find(" ".join(fields), zone, start):
        if slot.year > after.year + _YEARS_MAX:
            break
        yield slot
    raise CronError(f'cron "{expression}" never fires: no such day comes in {_YEARS_MAX} years', cron=expression)


def _by_time_of_day(expression: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    last = after
    for wall in CronSim(expression, after.astimezone(zone).replace(tzinfo=None)):
        slot = _first_instant(wall, zone)
        # Not later: the second pass of an overlap, or a second wall time of one gap.
        if slot > last:
            yield slot
            last = slot


def _by_elapsed_time(expression: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Matching wall times at one offset from UTC, up to its change; from there on those at the next offset."""
    low, offset = after, _offset(after, zone)
    start = after
    while True:
        for wall in CronSim(expression, (start + offset).replace(tzinfo=None)):
            slot = wall.replace(tzinfo=UTC) - offset
            change = _next_change(low, slot, zone)
            if change is not None:
                # A second earlier, because the search goes on behind its start, and the change itself may match.
                low, offset, start = change, _offset(change, zone), change - timedelta(seconds=1)
                break
            yield slot
            low = slot
        else:
            return


def _fields(expression: str) -> list[str]:
    text = " ".join(expression.split())
    if text.startswith("@"):
        if text.lower() not in _ALIASES:
            known = ", ".join(_ALIASES)
            raise CronError(f'cron "{text}" is not known{nearest(text, _ALIASES)} (known: {known})', cron=expression)
        text = _ALIASES[text.lower()]
    fields = text.split()
    if len(fields) != len(_FIELDS):
        names = ", ".join(name for name, _ in _FIELDS)
        raise CronError(f'cron "{text}" has {len(fields)} fields; it needs five: {names}', cron=expression)
    if _accepted(text):
        return fields
    for number, (name, allowed) in enumerate(_FIELDS):
        alone = ["*"] * len(_FIELDS)
        alone[number] = fields[number]
        if not _accepted(" ".join(alone)):
            raise CronError(f'cron "{text}": {name} can\'t be "{fields[number]}" (allowed: {allowed})', cron=expression)
    raise CronError(f'cron "{text}" never fires: no month has such a day', cron=expression)


def _accepted(expression: str) -> bool:
    if not re.fullmatch(r"[0-9A-Za-z*/,#\- ]+", expression) or not croniter.is_valid(expression):
        return False
    try:
        CronSim(expression, datetime(2026, 1, 1))
    except CronSimError:
        return False
    return True


def _first_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which clocks in `zone` first show `wall`; for one they skip, the instant at which they skip it."""
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    return _change(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), instant, zone)


def _next_change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime | None:
    """The first instant after `low`, at the latest `high`, at which the offset changes."""
    while low < high:
        # A day at a time: no zone changes twice in one.
        end = min(low + timedelta(days=1), high)
        if _offset(end, zone) != _offset(low, zone):
            return _change(low, end, zone)
        low = end
    return None


def _change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The instant after `low`, at the latest `high`, from which the offset is no more that of `low`; to the second."""
    before = _offset(low, zone)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None, "a zone's times are aware"
    return offset
