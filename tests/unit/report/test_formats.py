from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from reportd.report.document import Format
from reportd.report.formats import (
    align_of,
    canonical,
    display,
    display_date,
    display_datetime,
    display_number,
    excel_number_format,
    format_for,
    parse,
    title_of,
)

NNBSP, NBSP = "\u202f", "\u00a0"


@pytest.mark.parametrize(
    ("name", "type_name", "kind"),
    [
        ("id", "bigint", "identifier"),
        ("customer_id", "int8", "identifier"),
        ("invoice_no", "text", "identifier"),
        ("year", "integer", "identifier"),
        ("zip", "text", "identifier"),
        ("phone", "text", "identifier"),
        ("pass_rate", "numeric", "percent"),
        ("margin_pct", "double precision", "percent"),
        ("share", "real", "percent"),
        ("share", "text", "text"),
        ("amount", "numeric(12,2)", "number"),
        ("qty", "int4", "integer"),
        ("paid", "bool", "boolean"),
        ("created_at", "timestamptz", "datetime"),
        ("ordered_on", "date", "date"),
        ("starts", "time without time zone", "time"),
        ("invoice_url", "text", "link"),
        ("volcano", "text", "text"),
        ("casino", "bigint", "integer"),
    ],
)
def test_format_follows_name_and_type(name: str, type_name: str, kind: str) -> None:
    assert format_for(name, type_name, timezone="Europe/Vienna").kind == kind


def test_only_timestamptz_carries_the_zone() -> None:
    assert format_for("created_at", "timestamp with time zone", timezone="Europe/Vienna").timezone == "Europe/Vienna"
    assert format_for("created_at", "timestamp without time zone", timezone="Europe/Vienna").timezone is None


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("avg_order", "Avg order"),
        ("pass_pct", "Pass %"),
        ("cost_eur", "Cost (EUR)"),
        ("eur", "Eur"),
        ("customer_id", "Customer ID"),
        ("overdue-invoices", "Overdue invoices"),
        ("Net Revenue", "Net Revenue"),
        ("?column?", "?column?"),
        ("_", "_"),
    ],
)
def test_title_of_a_name(name: str, title: str) -> None:
    assert title_of(name) == title


@pytest.mark.parametrize(
    ("raw", "decimals", "locale", "shown"),
    [
        ("1234567.895", 2, "en", "1,234,567.90"),
        ("1234567.895", 2, "de-AT", "1.234.567,90"),
        ("1234567.895", 2, "fr_FR", f"1{NNBSP}234{NNBSP}567,90"),
        ("-12.5", 1, "en", "−12.5"),
        ("-0.001", 2, "en", "0.00"),
        ("0", 2, "en", "0.00"),
        ("2.5", 0, "en", "3"),
        ("1e3", 0, "en", "1,000"),
        ("1e300", 0, "de", "1,000E+300"),
        (None, 2, "en", "–"),
        ("NaN", 2, "en", "NaN"),
        ("Infinity", 2, "en", "∞"),
        ("-Infinity", 2, "en", "−∞"),
        ("12.5", 2, "xx", "12.50"),
    ],
)
def test_numbers_are_shown_as_the_locale_writes_them(raw: str | None, decimals: int, locale: str, shown: str) -> None:
    assert display(raw, Format("number", decimals=decimals), locale) == shown


@pytest.mark.parametrize(("locale", "shown"), [("en", "12.3%"), ("de", f"12,3{NBSP}%"), ("it", "12,3%")])
def test_percent_is_a_fraction(locale: str, shown: str) -> None:
    assert display("0.1234", Format("percent", decimals=1), locale) == shown


def test_identifiers_are_left_as_they_are() -> None:
    assert display("0043660", Format("identifier"), "de") == "0043660"
    assert display("1234567", Format("identifier"), "en") == "1234567"


@pytest.mark.parametrize(
    ("raw", "locale", "shown"),
    [
        ("2026-10-02", "en", "02 Oct 2026"),
        ("2026-10-02", "en-US", "Oct 02, 2026"),
        ("2026-10-02", "de", "02.10.2026"),
        ("2026-10-02", "fr", "02/10/2026"),
        ("infinity", "en", "∞"),
        ("0044-03-15 BC", "en", "0044-03-15 BC"),
        ("10000-01-01", "de", "10000-01-01"),
    ],
)
def test_dates_are_shown_in_the_locale_order(raw: str, locale: str, shown: str) -> None:
    assert display(raw, Format("date"), locale) == shown


@pytest.mark.parametrize(
    ("raw", "locale", "shown"),
    [
        ("2026-10-02 12:05:06.123+00", "en", "02 Oct 2026 14:05"),
        ("2026-10-02 12:05:06+00", "en-US", "Oct 02, 2026 2:05 pm"),
        ("0001-01-01 00:00:00-14", "en", "01 Jan 0001 15:05"),
        ("infinity", "en", "∞"),
        ("0044-03-15 00:00:00+00 BC", "en", "0044-03-15 00:00:00+00 BC"),
        ("9999-12-31 23:59:59+00", "en", "9999-12-31 23:59:59+00"),
    ],
)
def test_moments_are_shown_in_the_report_zone(raw: str, locale: str, shown: str) -> None:
    assert display(raw, Format("datetime", timezone="Europe/Vienna"), locale) == shown


def test_a_plain_timestamp_is_not_moved() -> None:
    assert display("2026-10-02 12:05:06", Format("datetime"), "de") == "02.10.2026 12:05"


def test_booleans_are_words() -> None:
    assert [display(raw, Format("boolean"), "de") for raw in ("t", "f", None)] == ["ja", "nein", "–"]


@pytest.mark.parametrize(
    ("raw", "type_name", "value"),
    [
        ("12", "int8", 12),
        ("12.50", "numeric(10,2)", Decimal("12.50")),
        ("NaN", "numeric", "NaN"),
        ("Infinity", "float8", "Infinity"),
        ("t", "boolean", True),
        ("2026-10-02", "date", date(2026, 10, 2)),
        ("infinity", "date", "infinity"),
        ("2026-10-02 12:05:06+00", "timestamptz", datetime(2026, 10, 2, 12, 5, 6, tzinfo=UTC)),
        ("24:00:00", "time", "24:00:00"),
        ("12:05:00", "time", time(12, 5)),
        ("{1,2}", "int4[]", "{1,2}"),
        (None, "numeric", None),
    ],
)
def test_parse_gives_the_python_value_of_the_type(raw: str | None, type_name: str, value: object) -> None:
    assert parse(raw, type_name) == value


@pytest.mark.parametrize(
    ("format", "locale", "code"),
    [
        (Format("integer"), "de", '#,##0;"−"#,##0'),
        (Format("number", decimals=2), "en", '#,##0.00;"−"#,##0.00'),
        (Format("percent", decimals=1), "en", '0.0%;"−"0.0%'),
        (Format("date"), "de", "dd.mm.yyyy"),
        (Format("datetime"), "sv", "yyyy-mm-dd hh:mm"),
        (Format("identifier"), "en", "0"),
        (Format("text"), "en", "@"),
    ],
)
def test_a_sheet_gets_the_same_look(format: Format, locale: str, code: str) -> None:
    assert excel_number_format(format, locale) == code


def test_computed_values_look_like_their_column() -> None:
    assert display_number(Decimal("1E+3"), Format("number", decimals=2), "en") == "1,000.00"
    assert display_number(-3, Format("integer"), "en") == "−3"


def test_a_moment_in_a_sentence_names_its_zone() -> None:
    assert display_datetime(datetime(2026, 10, 2, 9, 5, tzinfo=UTC), "en", zone=True) == "2 Oct 2026 09:05 UTC"
    assert display_date(date(2026, 10, 2), "de", padded=False) == "02.10.2026"


def test_numbers_stand_right_and_text_left() -> None:
    assert align_of(Format("number"), "numeric") == "right"
    assert align_of(Format("identifier"), "bigint") == "right"
    assert align_of(Format("identifier"), "text") == "left"
    assert align_of(Format("text"), "money") == "right"
    assert align_of(Format("date"), "date") == "left"


def test_type_names_are_canonical() -> None:
    assert [
        canonical(n) for n in ("int8", "numeric(12,2)", "varchar(20)", "int4[]", "timestamp(3) with time zone")
    ] == [
        "bigint",
        "numeric",
        "character varying",
        "integer[]",
        "timestamp with time zone",
    ]
