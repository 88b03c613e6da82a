"""The form of a report's parameters."""

from __future__ import annotations

from datetime import date

import pytest

from reportd.preview import form
from reportd.report import periods
from reportd.report.definition import Param

PERIOD = Param("period", "daterange", "Period", default="last month", description="By day of order")
REGION = Param("region", "enum", "Region", choices=("north", "south"))
REGIONS = Param("regions", "text", "Regions", many=True, default=["north", "south"])
LEAST = Param("least", "int", "Least", minimum=0, maximum=100, default=5)
VIP = Param("vip", "bool", "Vip", default=False)
KEY = Param("key", "text", "Key", secret=True, default="hush", required=False)


def test_each_parameter_has_a_field_that_fits_it() -> None:
    period, region, regions, least, vip, key = form.fields((PERIOD, REGION, REGIONS, LEAST, VIP, KEY), {})
    assert (period.control, period.default, period.help) == ("text", "last month", "By day of order")
    assert "last quarter" in period.proposals
    assert (region.control, region.choices, region.default) == ("choice", ("north", "south"), "")
    assert (regions.control, regions.default, regions.help) == ("text", "north, south", "commas between")
    assert (least.default, least.help) == ("5", "0 to 100")
    assert (vip.control, vip.default) == ("truth", "false")
    assert (key.control, key.default) == ("secret", ""), "a secret is told to no browser"


def test_choices_come_from_the_database_where_the_report_says_so() -> None:
    asked = Param("region", "enum", "Region")
    assert form.fields((asked,), {"region": ["east"]})[0].choices == ("east",)
    assert form.fields((asked,), {})[0].control == "text", "where it can't be asked anything may be typed"


def test_what_is_typed_becomes_what_a_job_would_give() -> None:
    texts = {"period": "2026-Q3", "region": "", "regions": "north, west", "least": "7", "vip": "true", "gone": "x"}
    given = form.given((PERIOD, REGION, REGIONS, LEAST, VIP), texts)
    assert given == {"period": "2026-Q3", "regions": ["north", "west"], "least": 7, "vip": True}


def test_a_list_with_commas_in_it_is_proposed_as_json() -> None:
    odd = Param("names", "text", "Names", many=True, default=["a, b", "c"])
    text = form.fields((odd,), {})[0].default
    assert form.given((odd,), {"names": text}) == {"names": ["a, b", "c"]}


@pytest.mark.parametrize("words", form.PERIODS)
def test_every_period_that_is_proposed_is_one(words: str) -> None:
    periods.period(words, today=date(2026, 11, 22))


@pytest.mark.parametrize("word", form.DAYS)
def test_every_day_that_is_proposed_is_one(word: str) -> None:
    periods.day(word, today=date(2026, 11, 22))
