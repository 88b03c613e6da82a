"""A first report of a table, by its columns' names and types."""

from __future__ import annotations

from datetime import date

import pytest

from reportd.report import sqlfile
from reportd.report.definition import Report, ReportSource
from reportd.report.draft import Relation, SourceColumn, draft

TODAY = date(2026, 11, 22)
ORDERS = (
    SourceColumn("id", "bigint", is_key=True),
    SourceColumn("customer_id", "bigint"),
    SourceColumn("ordered_on", "date", earliest=date(2024, 1, 1), latest=date(2026, 11, 1)),
    SourceColumn("region", "text", distinct_values=3),
    SourceColumn("payload", "jsonb"),
    SourceColumn("quantity", "integer"),
    SourceColumn("unit_price", "numeric"),
    SourceColumn("amount", "numeric"),
)


def drafted(*columns: SourceColumn, relation: str = "orders", name: str = "orders") -> Report:
    text = draft(Relation(relation, name, columns), today=TODAY)
    return sqlfile.parse(ReportSource("drafted", {"drafted.sql": text}, "drafted.sql"))


def test_a_table_with_days_kinds_and_amounts_has_it_all() -> None:
    report = drafted(*ORDERS)
    assert report.title == "Orders"
    assert [param.name for param in report.params] == ["period"]
    assert [block.kind for block in report.blocks] == ["kpi", "bar", "bar", "table"]
    tiles, months, regions, rows = report.blocks
    assert "count(*) as orders, sum(quantity) as quantity, sum(amount) as amount" in tiles.sql or (
        "count(*) as orders, sum(amount) as amount, sum(quantity) as quantity" in tiles.sql
    )
    assert months.options == {"x": "month", "y": "amount"}
    assert regions.options == {"x": "region", "y": "amount"}
    assert "payload" not in rows.sql
    assert all("ordered_on <@ :period" in block.sql for block in report.blocks)


def test_ids_and_prices_are_not_summed() -> None:
    tiles = drafted(*ORDERS).blocks[0]
    assert "sum(customer_id)" not in tiles.sql
    assert "price" not in tiles.sql


def test_without_days_and_numbers_rows_are_counted() -> None:
    report = drafted(SourceColumn("name", "text"), SourceColumn("status", "text", distinct_values=4))
    assert report.params == ()
    assert [block.kind for block in report.blocks] == ["kpi", "bar", "table"]
    assert report.blocks[1].options == {"x": "status", "y": "orders"}


def test_a_column_with_many_values_makes_no_bars() -> None:
    kinds = [block.kind for block in drafted(SourceColumn("email", "text", distinct_values=4000)).blocks]
    assert kinds == ["kpi", "table"]


@pytest.mark.parametrize(
    ("type", "condition"),
    [
        ("date", "at <@ :period"),
        ("timestamp with time zone", "at >= :period_start and at < :period_end"),
        ("timestamp without time zone", "at::date <@ :period"),
    ],
)
def test_the_period_is_held_against_days_and_instants(type: str, condition: str) -> None:
    assert condition in drafted(SourceColumn("at", type)).blocks[0].sql


@pytest.mark.parametrize(
    ("earliest", "latest", "default"),
    [
        (None, None, "last 12 months"),
        (date(2020, 1, 1), date(2026, 11, 22), "last 12 months"),
        (date(2026, 11, 3), date(2026, 11, 22), "this month"),
        (date(2019, 1, 1), date(2021, 5, 5), "2021"),
    ],
)
def test_the_default_period_is_one_that_has_rows(earliest: date | None, latest: date | None, default: str) -> None:
    [period] = drafted(SourceColumn("day", "date", earliest=earliest, latest=latest)).params
    assert period.default == default


def test_names_that_need_quotes_keep_them_and_are_no_options() -> None:
    report = drafted(
        SourceColumn('"Net Amount"', "numeric"), SourceColumn("day", "date"), relation='"My Table"', name="My Table"
    )
    assert 'from "My Table"' in report.blocks[0].sql
    assert '"Net Amount"' in report.blocks[-1].sql
    assert "count(*) as rows" in report.blocks[0].sql


def test_a_measure_that_is_called_as_the_table_is_told_from_the_number_of_rows() -> None:
    report = drafted(SourceColumn("amount", "numeric"), relation="amount", name="amount")
    assert "count(*) as rows, sum(amount) as amount" in report.blocks[0].sql
