"""Periods, days and times as people write them."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from reportd.report import wording
from reportd.report.periods import period

TODAY = date(2026, 11, 4)


@pytest.mark.parametrize(
    ("text", "locale", "expected"),
    [
        ("2026-10", "en", "October 2026"),
        ("2026-02", "en", "February 2026"),
        ("2026-Q3", "en", "July–September 2026"),
        ("2026", "en", "2026"),
        ("2025..2027", "en", "2025–2026"),
        ("2025-12..2026-02", "en", "December 2025 – January 2026"),
        ("2026-10-01..2026-10-16", "en", "1–15 Oct 2026"),
        ("2026-10-05..2026-11-16", "en", "5 Oct – 15 Nov 2026"),
        ("2025-12-05..2026-01-11", "en", "5 Dec 2025 – 10 Jan 2026"),
        ("2026-10-05", "en", "5 Oct 2026"),
        ("2026-10-01..", "en", "from 1 Oct 2026"),
        ("..2026-10-01", "en", "until 30 Sep 2026"),
        ("(,)", "en", "all time"),
        ("2026-10-01..2026-10-16", "en-US", "Oct 1–15, 2026"),
        ("2026-10-05..2026-11-16", "en-US", "Oct 5 – Nov 15, 2026"),
        ("2026-10-05", "en_US", "Oct 5, 2026"),
        ("2026-10-05..2026-10-16", "en-CA", "2026-10-05 – 2026-10-15"),
        ("2026-10", "de-AT", "Oktober 2026"),
        ("2026-Q3", "de", "Juli–September 2026"),
        ("2026-10-01..2026-10-16", "de", "01.10.2026 – 15.10.2026"),
        ("2026-10-01..", "de", "ab 01.10.2026"),
        ("2026-10", "fr", "octobre 2026"),
        ("2026-10", "sv", "10/2026"),
        ("2025-12..2026-02", "sv", "12/2025 – 01/2026"),
        ("2026-Q3", "sv", "07/2026 – 09/2026"),
        ("2026-10-05", "sv", "2026-10-05"),
    ],
)
def test_a_period_in_words(text: str, locale: str, expected: str) -> None:
    assert wording.period(period(text, today=TODAY), locale) == expected


@pytest.mark.parametrize(
    ("at", "locale", "expected"),
    [
        ("2026-10-05 14:30", "en", "5 Oct 2026 14:30"),
        ("2026-10-05 14:30", "en-US", "Oct 5, 2026 2:30 pm"),
        ("2026-10-05 00:05", "en-US", "Oct 5, 2026 12:05 am"),
        ("2026-10-05 14:30", "de", "05.10.2026 14:30"),
        ("2026-10-05", "en", "5 Oct 2026"),
    ],
)
def test_a_time_in_words(at: str, locale: str, expected: str) -> None:
    assert wording.moment(datetime.fromisoformat(at).replace(tzinfo=ZoneInfo("Europe/Vienna")), locale) == expected
