"""`[burst]`: what the front matter may say, and what each mistake is answered."""

from __future__ import annotations

import pytest

from reportd.errors import ReportError
from reportd.report.definition import ReportSource
from reportd.report.params import schema_of
from reportd.report.sqlfile import parse

HEAD = """\
-- /// report
-- params.period = { type = "daterange", default = "last month" }
-- params.customer = { type = "int", required = true }
"""
SQL = "select 1 as n where :customer = 1 and :period is not null\n"


def read(burst: str) -> ReportSource:
    return ReportSource("letters", {"letters.sql": f"{HEAD}{burst}-- ///\n{SQL}"}, "reports/letters.sql")


def test_a_burst_is_read_and_its_params_may_be_left_out_of_an_order() -> None:
    report = parse(
        read(
            "-- schedule = { cron = '@daily' }\n"
            "-- [burst]\n-- sql = 'select id as customer from c where d <@ :period;'\n-- params = ['customer']\n"
            "-- name = 'Letter to {name}'\n-- deliver = ['file:{name}/']\n"
        )
    )
    assert report.burst is not None
    assert report.burst.block is not None
    assert (report.burst.params, report.burst.name, report.burst.deliver) == (
        ("customer",),
        "Letter to {name}",
        ("file:{name}/",),
    )
    assert (report.burst.block.sql, report.burst.block.line) == ("select id as customer from c where d <@ :period", 6)
    assert schema_of(report.orderable)["required"] == []
    assert [block.name for block in report.queries] == ["letters", "burst"]


@pytest.mark.parametrize(("written", "split"), [("'id'", ("id",)), ("['region', 'id']", ("region", "id"))])
def test_a_burst_that_splits_needs_no_query_of_its_own(written: str, split: tuple[str, ...]) -> None:
    report = parse(read(f"-- [burst]\n-- split = {written}\n"))
    assert report.burst is not None
    assert (report.burst.split, report.burst.params, report.burst.block) == (split, (), None)
    assert [block.name for block in report.queries] == ["letters"]


@pytest.mark.parametrize(
    ("burst", "said"),
    [
        ("-- burst.params = ['customer']", "burst: sql is missing"),
        ("-- burst.sql = 'select 1 as customer'", "burst: params is missing"),
        (
            "-- burst = { sql = 'select 1', params = ['custmer'] }",
            'no parameter "custmer"; did you mean "customer"?',
        ),
        (
            "-- burst = { sql = 'select :perod', params = ['customer'] }",
            ':perod is no declared parameter; did you mean "period"?',
        ),
        ("-- burst = { sql = 'select :customer', params = ['customer'] }", ":customer is what the rows give"),
        ("-- burst = { sq = 'select 1' }", 'unknown key "sq" in burst; did you mean "sql"?'),
        ("-- burst = { split = 'id', params = ['customer'] }", "split shares out the rows of one run"),
        ("-- burst = { split = 5 }", "burst.split: '5' is not the column that says whose a row is"),
        ("-- burst = { splt = 'id' }", 'unknown key "splt" in burst; did you mean "split"?'),
    ],
)
def test_a_mistake_is_told_with_its_line(burst: str, said: str) -> None:
    with pytest.raises(ReportError) as caught:
        parse(read(f"{burst}\n"))
    assert str(caught.value).startswith("reports/letters.sql:4: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("param", "said"),
    [
        ("{ type = 'enum' }", 'an enum needs choices = ["…", "…"], or choices_sql = "select …"'),
        ("{ type = 'enum', choices = ['a'], choices_sql = 'select 1' }", "choices stand there already"),
        ("{ type = 'text', choices_sql = 'select 1' }", "only an enum has choices"),
        ("{ type = 'enum', choices_sql = 'select :region' }", ":region is no other declared parameter"),
        ("{ type = 'enum', choices_sql = 'select :nobody' }", ":nobody is no other declared parameter"),
        ("{ type = 'enum', choices_sql = \"select 'x\" }", "params.region.choices_sql: the string that starts here"),
        ("{ type = 'text', default_sql = 'select :nobody' }", ":nobody is no other declared parameter"),
        ("{ type = 'text', default_sql = 'select :region' }", ":region is no other declared parameter"),
        ("{ type = 'text', default_sql = 'select :later' }", ":later has a default_sql too and comes later"),
        ("{ type = 'text', default = 'a', default_sql = 'select 1' }", "default stands there already; drop one"),
        ("{ type = 'text', required = true, default_sql = 'select 1' }", "a parameter with a default is never missing"),
    ],
)
def test_queries_of_params_are_checked_when_the_file_is_read(param: str, said: str) -> None:
    later = "{ type = 'text', default_sql = 'select 1' }"
    text = f"-- /// report\n-- params.region = {param}\n-- params.later = {later}\n-- ///\nselect :region as r\n"
    with pytest.raises(ReportError) as caught:
        parse(ReportSource("x", {"x.sql": text}, "x.sql"))
    assert str(caught.value).startswith("x.sql:2: ")
    assert said in str(caught.value)


def test_choices_from_a_query_may_depend_on_other_params_and_are_no_enum_of_the_schema() -> None:
    text = (
        "-- /// report\n-- params.country = { type = 'text' }\n"
        "-- params.city = { type = 'enum', choices_sql = 'select c from cities where land = :country' }\n-- ///\n"
        "select :city as c\n"
    )
    report = parse(ReportSource("x", {"x.sql": text}, "x.sql"))
    assert [block.name for block in report.queries] == ["x", "choices-city"]
    assert "enum" not in schema_of(report.params)["properties"]["city"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("12 hours", 43_200), ("1 day", 86_400), ("90 days", 7_776_000), ("7 years", 220_752_000)]
)
def test_how_long_files_are_kept_is_read(text: str, seconds: int) -> None:
    source = f"-- /// report\n-- retain = '{text}'\n-- ///\nselect 1 as n\n"
    assert parse(ReportSource("x", {"x.sql": source}, "x.sql")).retain_s == seconds


@pytest.mark.parametrize("text", ["90", "0 days", "forever", "-1 day"])
def test_a_time_that_is_none_is_told(text: str) -> None:
    source = f"-- /// report\n-- retain = '{text}'\n-- ///\nselect 1 as n\n"
    with pytest.raises(ReportError, match=r'x\.sql:2: retain: .* is not a length of time, such as "90 days"'):
        parse(ReportSource("x", {"x.sql": source}, "x.sql"))
