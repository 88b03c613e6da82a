"""Cron against an oracle that looks at every minute of three days in which some zone changes its clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from reportd.report import cron

MINUTE = timedelta(minutes=1)
SPAN = 3 * 24 * 60
CHANGES = st.sampled_from(
    [
        ("Europe/Vienna", "2026-03-29"),
        ("Europe/Vienna", "2026-10-25"),
        ("America/New_York", "2026-03-08"),
        ("America/New_York", "2026-11-01"),
        ("Australia/Lord_Howe", "2026-04-05"),
        ("Australia/Lord_Howe", "2026-10-04"),
        ("Asia/Beirut", "2022-03-27"),
        ("Atlantic/Azores", "2026-10-25"),
        ("America/Santiago", "2026-04-05"),
        ("America/Santiago", "2026-09-06"),
        ("Africa/Casablanca", "2026-03-22"),
        ("Pacific/Apia", "2011-12-30"),
        ("Asia/Kathmandu", "2026-05-05"),
    ]
)
MINUTES = st.sampled_from(["*", "*/20", "0", "30", "15,45", "0-40/20"])
HOURS = st.sampled_from(["*", "*/2", "0", "1", "2", "3", "1-3", "23", "0,2"])
DAYS = st.sampled_from(["* * *", "* * 0", "* * 1-5", "*/2 * *"])


def matches(wall: datetime, expression: str) -> bool:
    minute, hour, day, _, weekday = expression.split()
    return (
        _field(wall.minute, minute, 0)
        and _field(wall.hour, hour, 0)
        and _field(wall.day, day, 1)
        and _field(wall.isoweekday() % 7, weekday, 0)
    )


def _field(value: int, field: str, least: int) -> bool:
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        first = least if span == "*" else int(low)
        last = 59 if span == "*" else int(high or low)
        if first <= value <= last and (value - first) % int(step or 1) == 0:
            return True
    return False


def oracle(expression: str, zone: ZoneInfo, start: datetime) -> list[datetime]:
    """The slots of the three days after `start`, minute by minute of the clock on the wall and of the clock in UTC."""
    instants = [start + MINUTE * n for n in range(1, SPAN + 1)]
    walls = [instant.astimezone(zone).replace(tzinfo=None) for instant in instants]
    if expression.startswith("*") or expression.split()[1].startswith("*"):
        return [instant for instant, wall in zip(instants, walls, strict=True) if matches(wall, expression)]
    slots: set[datetime] = set()
    seen = start.astimezone(zone).replace(tzinfo=None)
    for instant, wall in zip(instants, walls, strict=True):
        # Every wall time that the clock reaches or jumps over for the first time fires now.
        while seen < wall:
            seen += MINUTE
            if matches(seen, expression):
                slots.add(instant)
    return sorted(slots)


@settings(max_examples=25)
@given(CHANGES, MINUTES, HOURS, DAYS)
def test_three_days_fire_as_the_clock_on_the_wall_says(
    change: tuple[str, str], minutes: str, hours: str, days: str
) -> None:
    zone = ZoneInfo(change[0])
    start = datetime.fromisoformat(change[1]).replace(tzinfo=UTC) - timedelta(days=1)
    expression = f"{minutes} {hours} {days}"
    found = list(cron.between(expression, change[0], start, start + MINUTE * SPAN))
    assert found == oracle(expression, zone, start)
