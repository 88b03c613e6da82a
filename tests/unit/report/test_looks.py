"""`[columns.NAME]`: what an author may say, and what each mistake is answered."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from reportd.errors import ReportError
from reportd.report.definition import ColumnLook, ReportSource
from reportd.report.document import Column, Condition, Format
from reportd.report.formats import FORMAT_NAMES, display, excel_number_format, named
from reportd.report.looks import conditions_of, marker, total_text
from reportd.report.sqlfile import parse

MARGIN = Column("margin", "Margin", 0, "numeric", Format("percent", decimals=1), "right", 5)


def read(look: str) -> ColumnLook:
    text = f"-- /// report\n-- [columns.margin]\n-- {look}\n-- ///\nselect 1 as margin\n"
    return parse(ReportSource("sales", {"sales.sql": text}, "sales.sql")).columns["margin"]


def test_a_look_is_read() -> None:
    assert read("title = 'Gross margin'") == ColumnLook("margin", title="Gross margin", line=2)
    assert read("format = 'eur0'").format == "eur0"
    assert read("total = 'avg'").total == "avg"


@pytest.mark.parametrize(
    ("look", "said"),
    [
        ("titel = 'x'", 'unknown key "titel" in columns.margin; did you mean "title"?'),
        ("format = 'euro0'", 'unknown format "euro0"; did you mean "eur0"?'),
        ("align = 'middle'", '"middle" is not left, right or center'),
        ("width = 0", "is not a whole number from 1 to 200"),
        ("total = 'mean'", '"mean" is not sum, avg, min, max, count or none'),
        ("warn = '0.10'", "“0.10” is no condition"),
        ("good = '=> 1'", "“=> 1” is no condition"),
    ],
)
def test_a_mistake_is_told_with_its_line(look: str, said: str) -> None:
    with pytest.raises(ReportError) as caught:
        read(look)
    assert str(caught.value).startswith("sales.sql:3: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "locale", "shown"),
    [
        ("eur0", "en", "€1,235"),
        ("eur2", "de", "1.234,50\u00a0€"),
        ("chf2", "en", "CHF\u00a01,234.50"),
        ("usd2", "en-US", "$1,234.50"),
        ("pct1", "en", "123,450.0%"),
        ("num1", "de", "1.234,5"),
        ("int", "en", "1,235"),
    ],
)
def test_a_named_format_shows_a_number(name: str, locale: str, shown: str) -> None:
    format = named(name)
    assert format is not None
    assert display("1234.5", format, locale) == shown
    assert display("-1234.5", format, locale) == f"\u2212{shown}"


def test_every_name_is_a_format_that_a_sheet_has_too() -> None:
    for name in FORMAT_NAMES:
        format = named(name)
        assert (format is None) == (name == "hidden")
        assert format is None or excel_number_format(format, "de-AT")
    assert excel_number_format(named("eur0") or Format("text"), "de").startswith('#,##0\u00a0"€";')


def test_a_timestamp_can_be_shown_as_a_day() -> None:
    shown = display("2026-10-31 23:30:00+00", replace(Format("date"), timezone="Europe/Vienna"), "de")
    assert shown == "01.11.2026"


@pytest.mark.parametrize(
    ("value", "mark"), [("0.05", "warn"), ("0.10", None), ("0.95", "good"), (None, None), ("NaN", None)]
)
def test_a_condition_marks_values(value: str | None, mark: str | None) -> None:
    look = ColumnLook("margin", warn="< 0.10", good="> 0.9")
    mark_of = marker(replace(MARGIN, conditions=conditions_of(look)))
    assert mark_of is not None
    assert mark_of(value) == mark


def test_a_condition_may_compare_texts() -> None:
    conditions = conditions_of(ColumnLook("state", warn="= 'late'", good='!= "late"'))
    assert conditions == (Condition("warn", "=", "late"), Condition("good", "!=", "late"))
    mark_of = marker(replace(MARGIN, type="text", conditions=conditions))
    assert mark_of is not None
    assert (mark_of("late"), mark_of("paid")) == ("warn", "good")


def test_a_total_says_what_it_is_where_it_is_no_sum() -> None:
    assert total_text(MARGIN, Decimal("0.5"), "en") == "50.0%"
    assert total_text(replace(MARGIN, aggregate="avg"), Decimal("0.5"), "en") == "ø 50.0%"
    assert total_text(MARGIN, None, "en") == ""
