"""Targets: what may stand in a report's file, and what becomes of placeholders."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reportd.errors import ReportError
from reportd.job import Delivery, Job
from reportd.report import targets
from reportd.report.definition import Param, ReportSource
from reportd.report.sqlfile import parse

NOON = datetime(2026, 11, 2, 23, 30, tzinfo=UTC)
JOB = Job(7, "sales", "default", 0, NOON, NOON, 1, 0, 0, 4, 300, params={}, name="Sales / North")
PARAMS = (
    Param("period", "daterange", "Period"),
    Param("region", "text", "Region"),
    Param("ids", "int", "Ids", many=True),
    Param("pin", "text", "Pin", secret=True),
)


def filled(target: str, **resolved: object) -> str:
    values = targets.values(JOB, PARAMS, resolved=resolved, timezone="Europe/Vienna")
    (delivery,) = targets.deliveries([target], channels=["file"], values=values, path="sales.sql")
    assert delivery.channel == "file"
    return delivery.target


@pytest.mark.parametrize(
    ("period", "shown"),
    [
        ("[2026-10-01,2026-11-01)", "2026-10"),
        ("[2026-12-01,2027-01-01)", "2026-12"),
        ("[2026-07-01,2026-10-01)", "2026-Q3"),
        ("[2026-01-01,2027-01-01)", "2026"),
        ("[2026-10-05,2026-10-06)", "2026-10-05"),
        ("[2026-10-05,2026-10-12)", "2026-10-05_2026-10-11"),
        ("[2026-07-01,2027-07-01)", "2026-07-01_2027-06-30"),
    ],
)
def test_a_period_is_short_and_sorts(period: str, shown: str) -> None:
    assert filled("file:{period}/", period=period) == f"{shown}/"


def test_placeholders_of_the_job_are_filled_in_its_own_zone() -> None:
    assert filled("file:{report}/{date}/{job}-{name}") == "sales/2026-11-03/7-Sales - North"


def test_a_value_never_leads_out_of_its_folder() -> None:
    assert filled("file:a/{region}/", region="../../etc") == "a/..-..-etc/"
    assert filled("file:a/{region}/", region="..") == "a/-/"
    assert filled("file:a/{region}/", region="\n") == "a/-/"
    assert filled("file:a/{region}/", region=None) == "a/none/"


def test_lists_are_joined() -> None:
    assert filled("file:{ids}", ids=[1, 2]) == "1-2"


def test_the_same_target_twice_is_one_delivery() -> None:
    found = targets.deliveries(["file:{report}", "file:sales"], channels=["file"], values={"report": "sales"}, path="x")
    assert found == (Delivery("file", "sales"),)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("sales/", "is no target; write CHANNEL:PLACE"),
        ("file:", "is no target"),
        ("fil:sales/", 'there is no channel "fil"; did you mean "file"? (channels: file)'),
        ("email:a@b.org", 'there is no channel "email" (channels: file)'),
        ("file:{perod}/", 'unknown placeholder {perod}; did you mean "period"?'),
        ("file:{pin}/", "unknown placeholder {pin}"),
    ],
)
@pytest.mark.parametrize("where", ["own", "schedule"])
def test_a_wrong_target_in_a_report_is_told_with_its_line(target: str, said: str, where: str) -> None:
    own = f'-- deliver = ["{target}"]\n'
    schedule = f'-- schedule = {{ cron = "0 7 1 * *", deliver = ["{target}"] }}\n'
    text = (
        "-- /// report\n-- title = 'Sales'\n-- params.period = { type = 'daterange' }\n"
        "-- params.pin = { type = 'text', secret = true }\n"
        + (own if where == "own" else schedule)
        + "-- ///\nselect 1 as one where :period is not null or :pin is not null\n"
    )
    report = parse(ReportSource("sales", {"sales.sql": text}, "reports/sales.sql"))
    with pytest.raises(ReportError) as caught:
        targets.check(report, ["file"])
    assert str(caught.value).startswith("reports/sales.sql:5: deliver: ")
    assert said in str(caught.value)


def test_a_condition_in_a_report_is_checked_with_its_line() -> None:
    text = '-- /// report\n-- [deliver]\n-- to = ["file:x/"]\n-- when = "rows(sale) > 0"\n-- ///\nselect 1 as one\n'
    with pytest.raises(ReportError) as caught:
        parse(ReportSource("sales", {"sales.sql": text}, "sales.sql"))
    assert str(caught.value) == (
        'sales.sql:4: deliver.when: there is no block "sale"; did you mean "sales"? (blocks: sales)'
    )
