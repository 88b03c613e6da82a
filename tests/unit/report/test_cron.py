"""When cron expressions fire, across every change of the clock, and which are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest

from reportd.errors import CronError
from reportd.report import cron


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def slots(expression: str, zone: str, after: str, until: str) -> list[str]:
    """The slots as wall clocks in `zone` show them, with their offset."""
    found = cron.between(expression, zone, instant(after), instant(until))
    return [f"{slot.astimezone(ZoneInfo(zone)):%m-%d %H:%M%z}" for slot in found]


def test_a_slot_is_an_instant_in_utc() -> None:
    found = cron.next_after("0 7 1 * *", "Europe/Vienna", instant("2026-06-15T00:00Z"))
    assert found == datetime(2026, 7, 1, 5, tzinfo=UTC)
    assert found.tzinfo is UTC


def test_the_next_slot_is_later_than_the_instant() -> None:
    at = instant("2026-07-01T05:00Z")
    assert cron.next_after("0 5 * * *", "UTC", at) == at + timedelta(days=1)
    assert cron.next_after("0 5 * * *", "UTC", at - timedelta(microseconds=1)) == at


def test_between_leaves_out_its_start_and_takes_its_end() -> None:
    assert slots("0 * * * *", "UTC", "2026-01-01T00:00Z", "2026-01-01T03:00Z") == [
        "01-01 01:00+0000",
        "01-01 02:00+0000",
        "01-01 03:00+0000",
    ]
    assert slots("0 5 * * *", "UTC", "2026-01-01T05:00Z", "2026-01-01T06:00Z") == []


@pytest.mark.parametrize(
    ("alias", "same"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@Monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
    ],
)
def test_an_alias_is_its_expression(alias: str, same: str) -> None:
    after = instant("2026-05-05T05:05Z")
    assert cron.next_after(alias, "UTC", after) == cron.next_after(same, "UTC", after)


@pytest.mark.parametrize(
    ("expression", "zone", "night", "expected"),
    [
        # A time of day in the gap runs once, at the first valid instant.
        ("30 2 * * *", "Europe/Vienna", "2026-03-29", ["03-29 03:00+0200"]),
        ("0 2 * * *", "Europe/Vienna", "2026-03-29", ["03-29 03:00+0200"]),
        ("15,45 2 * * *", "Europe/Vienna", "2026-03-29", ["03-29 03:00+0200"]),
        ("0 2,3 * * *", "Europe/Vienna", "2026-03-29", ["03-29 03:00+0200"]),
        ("30 2,3 * * *", "Europe/Vienna", "2026-03-29", ["03-29 03:00+0200", "03-29 03:30+0200"]),
        ("30 2 * * *", "America/New_York", "2026-03-08", ["03-08 03:00-0400"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04", ["10-04 02:30+1100"]),
        ("0 0 * * *", "Asia/Beirut", "2022-03-27", ["03-27 01:00+0300"]),
        ("0 9 * * *", "Europe/Vienna", "2026-03-29", ["03-29 09:00+0200"]),
        # One in the overlap runs once, the first time.
        ("30 2 * * *", "Europe/Vienna", "2026-10-25", ["10-25 02:30+0200"]),
        ("15,45 2 * * *", "Europe/Vienna", "2026-10-25", ["10-25 02:15+0200", "10-25 02:45+0200"]),
        ("30 1 * * *", "America/New_York", "2026-11-01", ["11-01 01:30-0400"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-05", ["04-05 01:45+1100"]),
        ("30 0 * * *", "Atlantic/Azores", "2026-10-25", ["10-25 00:30+0000"]),
        # By elapsed time nothing is left out and nothing stretched.
        ("0 1-4 * * *", "Europe/Vienna", "2026-03-29", ["03-29 01:00+0100", "03-29 03:00+0200", "03-29 04:00+0200"]),
        (
            "*/30 1-3 * * *",
            "Europe/Vienna",
            "2026-03-29",
            ["03-29 01:00+0100", "03-29 01:30+0100", "03-29 03:00+0200", "03-29 03:30+0200"],
        ),
        (
            "*/30 1-3 * * *",
            "Europe/Vienna",
            "2026-10-25",
            [
                "10-25 01:00+0200",
                "10-25 01:30+0200",
                "10-25 02:00+0200",
                "10-25 02:30+0200",
                "10-25 02:00+0100",
                "10-25 02:30+0100",
                "10-25 03:00+0100",
                "10-25 03:30+0100",
            ],
        ),
        ("*/20 5 * * *", "Australia/Lord_Howe", "2026-10-04", [f"10-04 05:{m}+1100" for m in ("00", "20", "40")]),
        (
            "*/15 1 * * *",
            "Australia/Lord_Howe",
            "2026-04-05",
            [f"04-05 01:{m}+1100" for m in ("00", "15", "30", "45")] + [f"04-05 01:{m}+1030" for m in ("30", "45")],
        ),
        ("*/15 2 * * *", "Australia/Lord_Howe", "2026-10-04", ["10-04 02:30+1100", "10-04 02:45+1100"]),
    ],
)
def test_the_night_of_a_change(expression: str, zone: str, night: str, expected: list[str]) -> None:
    after = datetime.fromisoformat(night).replace(tzinfo=ZoneInfo(zone)) - timedelta(seconds=1)
    found = slots(expression, zone, after.isoformat(), (after + timedelta(hours=23)).isoformat())
    assert found == expected


def test_an_hourly_job_stays_hourly_all_year() -> None:
    for zone in ("Europe/Vienna", "America/New_York", "UTC"):
        found = list(cron.between("0 * * * *", zone, instant("2025-12-31T23:00Z"), instant("2026-12-31T23:00Z")))
        assert len(found) == 365 * 24
        assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(hours=1)}


@pytest.mark.parametrize("zone", ["Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "UTC"])
@pytest.mark.parametrize("expression", ["0 0 * * *", "30 1 * * *", "30 2 * * *", "15 2 * * *", "59 23 * * *"])
def test_a_daily_job_runs_once_a_day(zone: str, expression: str) -> None:
    found = cron.between(expression, zone, instant("2026-01-01T00:00Z"), instant("2027-01-01T00:00Z"))
    assert len({slot.astimezone(ZoneInfo(zone)).date() for slot in found}) == 365


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("*/7 * * * *", "Europe/Vienna"),
        ("30 2 * * *", "Europe/Vienna"),
        ("*/10 1-2 * * *", "Australia/Lord_Howe"),
        ("15,45 1 * * *", "America/New_York"),
        ("0 */2 * * *", "Atlantic/Azores"),
    ],
)
@pytest.mark.parametrize("night", ["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01"])
def test_where_one_starts_changes_nothing(expression: str, zone: str, night: str) -> None:
    """The next slot after any instant is the one that the whole run has there: no slot is lost or repeated."""
    start = datetime.fromisoformat(night).replace(tzinfo=UTC) - timedelta(hours=24)
    end = start + timedelta(hours=60)
    whole = list(cron.between(expression, zone, start, end))
    for minutes in range(0, 48 * 60, 41):
        at = start + timedelta(minutes=minutes)
        expected = next((slot for slot in whole if slot > at), None)
        if expected is not None:
            assert cron.next_after(expression, zone, at) == expected


def test_a_day_that_was_skipped_runs_at_its_end() -> None:
    assert slots("0 9 30 12 *", "Pacific/Apia", "2011-12-01T00:00Z", "2012-01-05T00:00Z") == ["12-31 00:00+1400"]


def test_rare_days_are_found() -> None:
    found = cron.next_after("0 0 29 2 *", "UTC", instant("2026-01-01T00:00Z"))
    assert found == datetime(2028, 2, 29, tzinfo=UTC)
    assert cron.next_after("*/5 0 29 2 *", "Europe/Vienna", instant("2026-01-01T00:00Z")) == instant(
        "2028-02-29T00:00+01:00"
    )


def test_the_last_day_of_the_month_is_known() -> None:
    found = islice(cron.between("0 0 L * *", "UTC", instant("2026-01-15T00:00Z"), instant("2026-12-31T00:00Z")), 3)
    assert [f"{slot:%m-%d}" for slot in found] == ["01-31", "02-28", "03-31"]


@pytest.mark.parametrize(
    "expression",
    ["* * * * *", "*/5 9-17 * * MON-FRI", "0 0 1,15 * *", "0 9 * * 1-5", "5 4 * JAN,jul *", "0 0 * * 7", "0 0 * * 5#2"],
)
def test_common_expressions_are_valid(expression: str) -> None:
    cron.check(expression, "Europe/Vienna")


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("60 * * * *", 'minute can\'t be "60" (allowed: 0-59)'),
        ("* 24 * * *", 'hour can\'t be "24" (allowed: 0-23)'),
        ("* * 0 * *", 'day of month can\'t be "0"'),
        ("* * 32 * *", 'day of month can\'t be "32"'),
        ("* * * 13 *", 'month can\'t be "13"'),
        ("* * * FEBR *", 'month can\'t be "FEBR" (allowed: 1-12 or JAN-DEC)'),
        ("* * * * 8", 'day of week can\'t be "8"'),
        ("* * * * L5", 'day of week can\'t be "L5"'),
        ("*/0 * * * *", 'minute can\'t be "*/0"'),
        ("5-1 * * * *", 'minute can\'t be "5-1"'),
        ("1,, * * * *", 'minute can\'t be "1,,"'),
        ("H * * * *", 'minute can\'t be "H"'),
        ("é * * * *", 'minute can\'t be "é"'),
        ("0 0 31 2 *", "never fires: no month has such a day"),
        ("0 0 30 2 *", "never fires"),
        ("0 0 31 4,6,9,11 *", "never fires"),
        ("* * * *", "has 4 fields; it needs five: minute, hour, day of month, month, day of week"),
        ("0 * * * * *", "has 6 fields"),
        ("", "has 0 fields"),
        ("@dialy", 'is not known; did you mean "@daily"?'),
        ("@reboot", "(known: @hourly, @daily, "),
    ],
)
def test_a_mistaken_expression_is_refused_by_its_field(expression: str, words: str) -> None:
    with pytest.raises(CronError) as caught:
        cron.check(expression, "UTC")
    assert words in caught.value.message
    assert not caught.value.retryable


def test_a_mistaken_zone_is_refused() -> None:
    with pytest.raises(CronError, match='no time zone "Europe/Wien"'):
        cron.check("@daily", "Europe/Wien")
