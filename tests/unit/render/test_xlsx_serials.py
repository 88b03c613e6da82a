"""Postgres' dates and times as Excel's serial numbers."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.utils.datetime import from_excel

from reportd.render.xlsx.serials import Days, Moments, clock_serial

VIENNA = ZoneInfo("Europe/Vienna")


@given(st.dates(date(1900, 3, 1), date(9999, 12, 31)))
def test_a_day_is_read_back_as_itself(day: date) -> None:
    serial = Days()[day.isoformat()]
    assert serial is not None
    assert from_excel(int(serial)) == datetime(day.year, day.month, day.day)


@pytest.mark.parametrize(
    "day", ["1900-02-28", "0044-03-15 BC", "infinity", "-infinity", "10000-01-01", "0001-01-01", "", "2026-1-1"]
)
def test_a_day_outside_excels_calendar_has_no_serial(day: str) -> None:
    assert Days()[day] is None


@given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)), st.booleans())
def test_the_quick_way_and_the_exact_way_agree(moment: datetime, micros: bool) -> None:
    aware = moment.replace(microsecond=moment.microsecond if micros else 0).astimezone(VIENNA)
    text = _postgres(aware)
    moments = Moments("Europe/Vienna")
    exact = moments.serial(text)
    quick = moments.batch([text])
    assert exact is not None
    assert quick is None or list(quick) == [exact]
    assert abs(from_excel(float(exact)) - aware.replace(tzinfo=None)) < timedelta(milliseconds=1)


def test_a_moment_in_another_zones_offset_is_shown_in_the_columns_zone() -> None:
    moments = Moments("Europe/Vienna")
    assert moments.batch(["2026-07-01 22:30:00+00"]) is None
    assert moments.serial("2026-07-01 22:30:00+00") == moments.serial("2026-07-02 00:30:00+02")


def test_both_sides_of_a_clock_change_keep_their_wall_clock() -> None:
    moments = Moments("Europe/Vienna")
    for wall in ("2026-10-25 02:30:00+02", "2026-10-25 02:30:00+01"):
        serial = moments.serial(wall)
        assert serial is not None
        assert from_excel(float(serial)) == datetime(2026, 10, 25, 2, 30)


def test_a_timestamp_without_zone_stays_as_written() -> None:
    moments = Moments(None)
    (serial,) = moments.batch(["2026-03-29 02:30:00"]) or ["none"]
    assert from_excel(float(serial)) == datetime(2026, 3, 29, 2, 30)


@pytest.mark.parametrize("text", ["infinity", "0044-03-15 12:00:00+01:05:21 BC", "1899-12-31 00:00:00+01", "no"])
def test_a_moment_that_excel_has_not_has_no_serial(text: str) -> None:
    moments = Moments("Europe/Vienna")
    assert moments.batch([text]) is None
    assert moments.serial(text) is None


@pytest.mark.parametrize(("text", "share"), [("00:00:00", 0.0), ("12:00:00", 0.5), ("18:00:00.5", 0.75 + 0.5 / 86400)])
def test_a_time_is_a_share_of_the_day(text: str, share: float) -> None:
    serial = clock_serial(text)
    assert serial is not None
    assert float(serial) == pytest.approx(share, abs=1e-11)


def test_a_time_with_a_zone_is_no_share_of_the_day() -> None:
    assert clock_serial("12:00:00+02") is None
    assert clock_serial("24:00:00") is None


def _postgres(moment: datetime) -> str:
    """As the server writes it: `2026-10-25 02:30:00.5+01`, whole hours without minutes."""
    offset = moment.strftime("%z")
    short = offset[:3] if offset[3:] == "00" else f"{offset[:3]}:{offset[3:]}"
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction}{short}"
