"""Periods: half-open, without gaps, the same whenever they are read again, in every zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from reportd.report.params import resolve
from reportd.report.periods import Period, first_instant, period
from tests.cases.params import param

DAYS = st.dates(date(1950, 1, 1), date(2150, 12, 31))
UNITS = st.sampled_from(["day", "week", "month", "quarter", "year"])
ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Vienna",
        "America/New_York",
        "America/St_Johns",
        "America/Sao_Paulo",
        "Asia/Beirut",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Atlantic/Azores",
        "Africa/Casablanca",
    ]
)
WORDS = st.one_of(
    st.sampled_from(["today", "yesterday", "tomorrow", "WTD", "MTD", "QTD", "YTD", "fiscal YTD", "fiscal QTD"]),
    st.builds("{} {}".format, st.sampled_from(["this", "last", "next"]), UNITS),
    st.builds("{} fiscal {}".format, st.sampled_from(["this", "last", "next"]), st.sampled_from(["quarter", "year"])),
    st.builds("{} {} {}s".format, st.sampled_from(["last", "next"]), st.integers(1, 60), UNITS),
    DAYS.map(str),
    st.builds("{:%Y-%m}".format, DAYS),
    st.builds("{0:%G}-W{0:%V}".format, DAYS),
    st.builds("{}-Q{}".format, st.integers(1950, 2150), st.integers(1, 4)),
    st.builds("{}".format, st.integers(1950, 2150)),
    st.builds(lambda a, days: f"{a}..{a + timedelta(days)}", DAYS, st.integers(1, 900)),
)


@given(WORDS, DAYS, st.integers(1, 12))
def test_a_period_is_never_empty(word: str, today: date, fiscal_start: int) -> None:
    found = period(word, today=today, fiscal_start=fiscal_start)
    assert found.start is not None
    assert found.end is not None
    assert found.start < found.end


@given(WORDS, DAYS, DAYS, st.integers(1, 12))
def test_what_a_period_is_written_as_means_the_same_on_every_day(
    word: str, today: date, later: date, fiscal_start: int
) -> None:
    found = period(word, today=today, fiscal_start=fiscal_start)
    assert period(str(found), today=later) == found


@given(UNITS, DAYS, st.sampled_from(["", "fiscal "]), st.integers(1, 12))
def test_last_this_and_next_meet_without_a_gap(unit: str, today: date, kind: str, fiscal_start: int) -> None:
    kind = kind if unit in ("quarter", "year") else ""
    last, this, following = (
        period(f"{word} {kind}{unit}", today=today, fiscal_start=fiscal_start) for word in ("last", "this", "next")
    )
    assert last.end == this.start
    assert this.end == following.start
    assert this.start is not None
    assert this.end is not None
    assert this.start <= today < this.end


@given(UNITS, DAYS, st.integers(1, 40))
def test_last_n_ends_where_this_begins_and_holds_n_of_them(unit: str, today: date, count: int) -> None:
    several = period(f"last {count} {unit}s", today=today)
    assert several.end == period(f"this {unit}", today=today).start
    assert several.start is not None
    earlier = period(f"last {count + 1} {unit}s", today=today)
    assert earlier.start is not None
    assert period(f"this {unit}", today=earlier.start).end == several.start
    assert period(f"next {count} {unit}s", today=today).start == period(f"this {unit}", today=today).end


@given(st.sampled_from(["week", "month", "quarter", "year"]), DAYS)
def test_to_date_is_this_period_through_today(unit: str, today: date) -> None:
    to_date = period(f"{unit[0]}TD", today=today)
    assert to_date == Period(period(f"this {unit}", today=today).start, today + timedelta(days=1))


@given(DAYS, ZONES)
def test_days_follow_each_other_without_a_gap(on: date, zone_name: str) -> None:
    zone = ZoneInfo(zone_name)
    begins, ends = (first_instant(day, zone).astimezone(UTC) for day in (on, on + timedelta(days=1)))
    # A day that a zone skipped (Samoa, 30 December 2011) is empty; none runs backwards or is longer than it can be.
    assert timedelta(0) <= ends - begins <= timedelta(hours=25)
    if ends > begins:
        assert begins.astimezone(zone).date() >= on
        assert (ends - timedelta(microseconds=1)).astimezone(zone).date() <= on


@given(WORDS, st.datetimes(datetime(1950, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC)), ZONES)
def test_a_daterange_resolves_to_itself(word: str, now: datetime, zone: str) -> None:
    declared = (param("daterange"),)
    first = resolve(declared, {"p": word}, now=now, timezone=zone)
    again = resolve(declared, first.as_json(), now=now + timedelta(days=400), timezone=zone)
    assert again == first
