"""Ten years of five cron lines in six zones, against dateutil: a library that shares nothing with the one in use.

dateutil knows no clock changes in its rules, so it says which wall times match, and the two rules that `report.cron`
states make instants of them: a time of day runs once, the first time, or right after the gap that it falls into; a line
by elapsed time runs whenever the clock shows a match. cronsim's own reading of zones agrees in every one of these
cases; croniter runs `30 2 * * *` twice in the autumn, which the last test holds fast as the stated difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from dateutil import rrule

from reportd.report import cron

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
RULES: dict[str, dict[str, Any]] = {
    "30 2 * * *": {"freq": rrule.DAILY, "byhour": 2, "byminute": 30},
    "0 * * * *": {"freq": rrule.HOURLY, "byminute": 0},
    "*/30 1-3 * * *": {"freq": rrule.DAILY, "byhour": (1, 2, 3), "byminute": (0, 30)},
    "0 0 29 2 *": {"freq": rrule.YEARLY, "bymonth": 2, "bymonthday": 29, "byhour": 0, "byminute": 0},
    "0 9 * * 1-5": {"freq": rrule.DAILY, "byweekday": (0, 1, 2, 3, 4), "byhour": 9, "byminute": 0},
}
ZONES = (
    *("Europe/Vienna", "America/New_York", "America/Santiago"),
    *("Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tokyo"),
)


@lru_cache
def walls(expression: str) -> tuple[datetime, ...]:
    """Every wall time that matches, from a day before the ten years to a day after them."""
    start, end = (BEGIN - DAY).replace(tzinfo=None), (END + DAY).replace(tzinfo=None)
    return tuple(rrule.rrule(dtstart=start, until=end, bysecond=0, **RULES[expression]))


def shown(wall: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The instants at which clocks in `zone` show `wall`: one, two in the autumn, none in the spring."""
    for fold in (0, 1):
        instant = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) == wall:
            yield instant


def by_time_of_day(wall: datetime, zone: ZoneInfo) -> datetime:
    if (instant := next(shown(wall, zone), None)) is not None:
        return instant
    # In the gap: look minute by minute for the first later wall time that there is.
    while (after := next(shown(wall, zone), None)) is None:
        wall += MINUTE
    return after


def oracle(expression: str, zone: ZoneInfo) -> list[datetime]:
    minute, hour, *_ = expression.split()
    if minute.startswith("*") or hour.startswith("*"):
        instants = {instant for wall in walls(expression) for instant in shown(wall, zone)}
    else:
        instants = {by_time_of_day(wall, zone) for wall in walls(expression)}
    return sorted(instant for instant in instants if BEGIN < instant <= END)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", RULES)
def test_ten_years_agree_with_an_independent_library(expression: str, zone: str) -> None:
    assert list(cron.between(expression, zone, BEGIN, END)) == oracle(expression, ZoneInfo(zone))


def test_the_stated_difference_to_croniter_is_the_second_run_in_the_autumn() -> None:
    zone = ZoneInfo("Europe/Vienna")
    start = datetime(2026, 10, 24, 12, tzinfo=zone)
    theirs = [croniter("30 2 * * *", start).get_next(datetime).astimezone(UTC)]
    second = croniter("30 2 * * *", theirs[0].astimezone(zone)).get_next(datetime).astimezone(UTC)
    ours = list(cron.between("30 2 * * *", "Europe/Vienna", start, start + 3 * DAY))
    assert theirs[0] == ours[0] == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert second == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert ours[1] == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
