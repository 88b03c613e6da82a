"""Which days a period means, which day or instant a word, and how a mistake is told."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from reportd.report.periods import Period, day, first_instant, moment, period

TODAY = date(2026, 11, 4)  # a Wednesday
VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", "[2026-11-04,2026-11-05)"),
        ("yesterday", "[2026-11-03,2026-11-04)"),
        ("tomorrow", "[2026-11-05,2026-11-06)"),
        ("this week", "[2026-11-02,2026-11-09)"),
        ("last week", "[2026-10-26,2026-11-02)"),
        ("next week", "[2026-11-09,2026-11-16)"),
        ("this month", "[2026-11-01,2026-12-01)"),
        ("last month", "[2026-10-01,2026-11-01)"),
        ("next month", "[2026-12-01,2027-01-01)"),
        ("this quarter", "[2026-10-01,2027-01-01)"),
        ("last quarter", "[2026-07-01,2026-10-01)"),
        ("next quarter", "[2027-01-01,2027-04-01)"),
        ("this year", "[2026-01-01,2027-01-01)"),
        ("last year", "[2025-01-01,2026-01-01)"),
        ("next year", "[2027-01-01,2028-01-01)"),
        ("previous month", "[2026-10-01,2026-11-01)"),
        ("current month", "[2026-11-01,2026-12-01)"),
        ("last day", "[2026-11-03,2026-11-04)"),
        ("last 7 days", "[2026-10-28,2026-11-04)"),
        ("last 1 day", "[2026-11-03,2026-11-04)"),
        ("last 2 weeks", "[2026-10-19,2026-11-02)"),
        ("last 3 months", "[2026-08-01,2026-11-01)"),
        ("last 2 quarters", "[2026-04-01,2026-10-01)"),
        ("last 5 years", "[2021-01-01,2026-01-01)"),
        ("next 7 days", "[2026-11-05,2026-11-12)"),
        ("next 2 months", "[2026-12-01,2027-02-01)"),
        ("WTD", "[2026-11-02,2026-11-05)"),
        ("MTD", "[2026-11-01,2026-11-05)"),
        ("qtd", "[2026-10-01,2026-11-05)"),
        ("Ytd", "[2026-01-01,2026-11-05)"),
        ("2026", "[2026-01-01,2027-01-01)"),
        ("2026-Q3", "[2026-07-01,2026-10-01)"),
        ("2026-q4", "[2026-10-01,2027-01-01)"),
        ("2026-10", "[2026-10-01,2026-11-01)"),
        ("2026-12", "[2026-12-01,2027-01-01)"),
        ("2026-W01", "[2025-12-29,2026-01-05)"),
        ("2026-W53", "[2026-12-28,2027-01-04)"),
        ("2026-10-05", "[2026-10-05,2026-10-06)"),
        ("2024-02-29", "[2024-02-29,2024-03-01)"),
        ("2026-01-01..2026-02-01", "[2026-01-01,2026-02-01)"),
        ("2026-01 .. 2026-Q3", "[2026-01-01,2026-07-01)"),
        ("2026-01-01..", "[2026-01-01,)"),
        ("..2026-01-01", "(,2026-01-01)"),
        ("[2026-01-01,2026-02-01)", "[2026-01-01,2026-02-01)"),
        ("[2026-01-01,2026-01-31]", "[2026-01-01,2026-02-01)"),
        ("(2026-01-01,2026-01-31]", "[2026-01-02,2026-02-01)"),
        ("( 2026-01-01 , 2026-01-31 )", "[2026-01-02,2026-01-31)"),
        ("[2026-01-01,)", "[2026-01-01,)"),
        ("[2026-01-01,infinity)", "[2026-01-01,)"),
        ("(-infinity,2026-01-01)", "(,2026-01-01)"),
        ("(,)", "(,)"),
        ("  Last   MONTH ", "[2026-10-01,2026-11-01)"),
        ("last_month", "[2026-10-01,2026-11-01)"),
        ("last-month", "[2026-10-01,2026-11-01)"),
        ("last-7-days", "[2026-10-28,2026-11-04)"),
    ],
)
def test_a_period_means_these_days(text: str, expected: str) -> None:
    assert str(period(text, today=TODAY)) == expected


@pytest.mark.parametrize(
    ("text", "starts_in", "expected"),
    [
        ("this fiscal year", 4, "[2026-04-01,2027-04-01)"),
        ("last fiscal year", 4, "[2025-04-01,2026-04-01)"),
        ("next fiscal year", 12, "[2026-12-01,2027-12-01)"),
        ("this fiscal year", 12, "[2025-12-01,2026-12-01)"),
        ("this fiscal year", 11, "[2026-11-01,2027-11-01)"),
        ("this fiscal quarter", 2, "[2026-11-01,2027-02-01)"),
        ("last fiscal quarter", 2, "[2026-08-01,2026-11-01)"),
        ("fiscal YTD", 4, "[2026-04-01,2026-11-05)"),
        ("fiscal QTD", 2, "[2026-11-01,2026-11-05)"),
        ("this year", 4, "[2026-01-01,2027-01-01)"),
    ],
)
def test_a_fiscal_period_counts_from_its_first_month(text: str, starts_in: int, expected: str) -> None:
    assert str(period(text, today=TODAY, fiscal_start=starts_in)) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lst month", 'is no period; did you mean "last month"?'),
        ("last mont", 'did you mean "last month"?'),
        ("TODAY!", 'did you mean "today"?'),
        ("this fiscal month", "is no period"),
        ("fiscal MTD", "is no period"),
        ("last 0 days", "holds no day; the least is 1"),
        ("", "is no period"),
        ("..", "is no period"),
        ("2026-13", "is not on the calendar"),
        ("2026-02-30", "is not on the calendar"),
        ("2026-W54", "is not on the calendar"),
        ("0000", "is not on the calendar"),
        ("2026-1-5", "is no period"),
        ("9999", "is past the calendar"),
        ("last 9999 years", "is past the calendar"),
        ("2026-02-01..2026-01-01", "holds no day: it ends where it begins or earlier"),
        ("2026-01-01..2026-01-01", "the end is not included"),
        ("[2026-01-01,2026-01-01)", "holds no day"),
        ("[2026-01-01,tomorrow)", "holds 'tomorrow', which is no date"),
        ("empty", "is no period"),
        ("２０２６", "is no period"),
    ],
)
def test_a_mistaken_period_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        period(text, today=TODAY)
    assert words in str(caught.value)


def test_a_refusal_lists_what_is_understood() -> None:
    with pytest.raises(ValueError, match=r"understood: today, yesterday, tomorrow; this\|last\|next week"):
        period("soon", today=TODAY)


def test_the_last_day_is_inside() -> None:
    assert Period(date(2026, 1, 1), date(2026, 2, 1)).last == date(2026, 1, 31)
    assert Period(date(2026, 1, 1), None).last is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("today", "2026-11-04"), ("Yesterday", "2026-11-03"), ("tomorrow", "2026-11-05"), ("2026-01-31", "2026-01-31")],
)
def test_a_day_is_a_word_or_a_date(text: str, expected: str) -> None:
    assert str(day(text, today=TODAY)) == expected


NOW = datetime(2026, 11, 3, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-04 00:30:00+01:00"),
        ("today", "2026-11-04 00:00:00+01:00"),
        ("2026-07-01", "2026-07-01 00:00:00+02:00"),
        ("2026-07-01 08:15", "2026-07-01 08:15:00+02:00"),
        ("2026-07-01t08:15:30.5z", "2026-07-01 10:15:30.500000+02:00"),
        ("2026-07-01 08:15:30-0530", "2026-07-01 15:45:30+02:00"),
        ("2026-07-01 08:15+09", "2026-07-01 01:15:00+02:00"),
        ("2026-03-29 02:30", "2026-03-29 03:30:00+02:00"),  # in the gap: moved on by its length
        ("2026-10-25 02:30", "2026-10-25 02:30:00+02:00"),  # in the overlap: the first
    ],
)
def test_a_time_without_an_offset_is_the_zones(text: str, expected: str) -> None:
    assert str(moment(text, now=NOW, zone=VIENNA)) == expected


@pytest.mark.parametrize(
    "text", ["noon", "2026-07-01 24:01", "2026-07-01T", "20260701", "2026-W27-3", "2026-07-01 8:15"]
)
def test_a_mistaken_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        moment(text, now=NOW, zone=VIENNA)


@pytest.mark.parametrize(
    ("zone", "on", "expected"),
    [
        ("Europe/Vienna", date(2026, 3, 29), "2026-03-29 00:00:00+01:00"),
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04 01:00:00-02:00"),  # clocks skipped midnight
        ("Asia/Beirut", date(2022, 3, 27), "2022-03-27 01:00:00+03:00"),
        ("Atlantic/Azores", date(2026, 10, 25), "2026-10-25 00:00:00+00:00"),  # midnight came twice
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-31 00:00:00+14:00"),  # the 30th did not exist
        ("Australia/Lord_Howe", date(2026, 4, 5), "2026-04-05 00:00:00+11:00"),
    ],
)
def test_a_day_begins_at_its_first_instant(zone: str, on: date, expected: str) -> None:
    assert str(first_instant(on, ZoneInfo(zone))) == expected
