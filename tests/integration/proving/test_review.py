"""`reportd check`: everything that is wrong with a report before it runs, with its place and the nearest right name."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportd import press
from reportd.db.queries import Connection
from reportd.proving.review import Remark, review
from reportd.render.vega import remote
from tests.integration.cli.commands import reportd


@pytest.fixture
async def shop(connection: Connection) -> Connection:
    """Three tables; the server knows how large they are."""
    await connection.execute(
        """
        create table orders as select n as order_no, 'north' as region, n % 90 as day, n * 1.5 as amount
          from generate_series(1, 3000) as n;
        create table customers as select n as customer_id, 'C' || n as name from generate_series(1, 2000) as n;
        create index on customers (customer_id);
        create schema sales; create table sales.invoices (invoice_no int);
        analyze;
        """
    )
    return connection


async def remarks(connection: Connection, folder: Path, text: str, *, rows_large: int = 2500) -> list[str]:
    """What is said about the report with this text, without its folder."""
    (folder / "sales.sql").write_text(text)
    found = await review(connection, press.find("sales", [folder]), rows_large=rows_large)
    return [str(remark).removeprefix(f"{folder}/") for remark in found]


READ = "orders has about"
CASES: list[tuple[str, list[str]]] = [
    (
        '-- @bar "By day" x=dy y=revenue\nselect day, sum(amount) as revenue from orders group by 1',
        ['sales.sql:1:20: x=dy: the query has no column "dy"; did you mean "day"?'],
    ),
    (
        "-- @table group=regio,day subtotal=amnt\nselect region, day, amount from orders",
        [
            'sales.sql:1:17: group=regio: the query has no column "regio"; did you mean "region"?',
            'sales.sql:1:36: subtotal=amnt: the query has no column "amnt"; did you mean "amount"?',
        ],
    ),
    (
        "-- @pivot rows=region columns=zz\nselect region, day, amount from orders",
        ['sales.sql:1:31: columns=zz: the query has no column "zz" (it has region, day, amount)'],
    ),
    (
        "-- @line x=day y=region\nselect day, region from orders",
        ["sales.sql:2: y=region in “line1” is text, and a chart measures numbers"],
    ),
    (
        '-- /// report\n-- [columns.amont]\n-- format = "eur0"\n-- ///\n-- @table\nselect amount from orders',
        ['sales.sql:2: columns.amont: no query has a column "amont"; did you mean "amount"?'],
    ),
    (
        "select amount_net from orders",
        ['sales.sql:1:8: column "amount_net" does not exist; did you mean "amount"?'],
    ),
    (
        "select o.zebra from orders o",
        ["sales.sql:1:8: column o.zebra does not exist (orders has order_no, region, day, amount)"],
    ),
    ("select 1 as n from ordrs", ['sales.sql:1:20: relation "ordrs" does not exist; did you mean "orders"?']),
    (
        "select 1 as n from invoices",
        ['sales.sql:1:20: relation "invoices" does not exist; did you mean "sales.invoices"?'],
    ),
    (
        '-- /// report\n-- params.region = { type = "text" }\n-- ///\nselect day from orders where region = :regoin',
        [
            "sales.sql:2: warning: params.region is used by no query",
            "sales.sql:4:39: warning: :regoin is not declared: every job must give it, and Postgres decides its"
            ' type; did you mean "region"?',
        ],
    ),
    (
        "select count(*) as n from orders o, customers c",
        [
            "sales.sql:1:1: warning: every row of o is joined with every row of c, about 6,000,000 pairs:"
            " a condition is missing",
            "sales.sql:1:1: warning: public.orders has about 3,000 rows and is read as a whole",
        ],
    ),
    ("select name from customers where customer_id = :n::int", ["sales.sql:1:48: warning: :n is not declared"]),
    (
        "select sum(amount) as n from orders o join customers c on c.customer_id = o.order_no where c.customer_id = 7",
        [],
    ),
]


async def test_what_is_wrong_is_said_with_its_place(shop: Connection, tmp_path: Path) -> None:
    for text, said in CASES:
        found = [line for line in await remarks(shop, tmp_path, text) if READ not in line or READ in "".join(said)]
        assert len(found) == len(said), found
        assert all(any(each.startswith(line) for each in found) for line in said), found


async def test_a_burst_takes_the_columns_that_it_splits_by(shop: Connection, tmp_path: Path) -> None:
    text = """
-- /// report
-- burst = { split = ["region"] }
-- ///
-- @text
select region, 'Dear region' as paragraph from orders order by region;
-- @table group=region
select region, amount from orders order by region
"""
    (said,) = await remarks(shop, tmp_path, text, rows_large=5000)
    assert said == 'sales.sql:7:17: group=region: the query has no column "region" (it has amount)'


async def test_params_do_not_hide_that_a_table_is_read_as_a_whole(shop: Connection, tmp_path: Path) -> None:
    """With NULL for a parameter the plan would be one that finds nothing."""
    text = '-- /// report\n-- params.days = { type = "int" }\n-- ///\nselect amount from orders where day = :days'
    assert any(line.endswith("as a whole: no index fits the condition") for line in await remarks(shop, tmp_path, text))
    assert await remarks(shop, tmp_path, text, rows_large=5000) == []


async def test_sql_in_the_reports_own_code_is_proved_where_it_stands(shop: Connection, tmp_path: Path) -> None:
    folder = tmp_path / "sales"
    folder.mkdir()
    (folder / "report.py").write_text(
        '''from reportd import Context


def fetch(ctx: Context):
    good = ctx.query("select region from orders where region = any(:regions)", regions=["north"])
    sql = "select amont from orders"
    if good:
        wrong = ctx.query(sql)
    made = ctx.query("select " + "1")
    long = ctx.query(
        """
        select region
        from orders where dai = 1
        """
    )
    maybe = ctx.query("select day from orders where :given is null", given=None)
    return {"good": good, "wrong": wrong, "made": made, "long": long, "maybe": maybe}
'''
    )
    found = await review(shop, press.find("sales", [tmp_path]), rows_large=10**6)
    assert [(remark.line, remark.column, remark.message) for remark in found] == [
        (6, 19, 'column "amont" does not exist (Perhaps you meant to reference the column "orders.amount".)'),
        (13, 27, 'column "dai" does not exist (Perhaps you meant to reference the column "orders.day".)'),
    ]
    assert {remark.file for remark in found} == {f"{folder}/report.py"}


async def test_a_remark_says_where_and_how_bad() -> None:
    assert str(Remark("a.sql", 3, None, "warning", "plan", "slow")) == "a.sql:3: warning: slow"


async def test_warnings_fail_only_where_that_is_asked(dsn: str, shop: Connection, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "sales.sql").write_text("select sum(amount) as revenue from orders")
    command = ("check", "--rows-large", "2500")
    said = await reportd(*command, "--json", home=tmp_path, dsn=dsn)
    assert (said.status, said.json["faults"]) == (0, [])
    [warning] = said.json["warnings"]
    assert (warning["line"], warning["code"]) == (1, "plan")
    strict = await reportd(*command, "--strict", home=tmp_path, dsn=dsn)
    assert strict.status == 1
    assert "1 report in" in strict.err
    assert strict.err.rstrip().endswith("no faults, 1 warning")


async def test_modules_of_tasks_that_are_broken_are_shown_by_check_and_doctor(dsn: str, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "jobs.py").write_text("import nothing_like_it\n")
    (tmp_path / "config.toml").write_text('[tasks]\nmodules = ["jobs", "gone"]\n')
    environment = {"PYTHONPATH": str(tmp_path)}
    checked = await reportd("check", home=tmp_path, dsn=dsn, environment=environment)
    assert checked.status == 1
    assert (
        "jobs: module jobs can't be imported: ModuleNotFoundError: No module named 'nothing_like_it' (jobs.py, line 1)"
        in (checked.out)
    )
    examined = await reportd("doctor", "--json", home=tmp_path, dsn=dsn, environment=environment)
    found = {each["subject"]: each for each in examined.json}
    assert found["tasks of jobs"]["state"] == "fault"
    assert "put its folder on PYTHONPATH" in found["tasks of gone"]["found"]


async def test_a_charts_fields_are_columns_of_its_block_and_its_extra_is_there(
    shop: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "charted"
    folder.mkdir()
    (folder / "report.toml").write_text("")
    (folder / "rows.sql").write_text("-- @data days\nselect day, sum(amount) as revenue from orders group by 1")
    (folder / "days.vl.json").write_text(
        '{\n "mark": "bar",\n "encoding": {"x": {"field": "day"}, "y": {"field": "revnue"}}\n}'
    )

    async def said() -> list[str]:
        found = await review(shop, press.find("charted", [tmp_path]), rows_large=10_000)
        return [str(remark).removeprefix(f"{folder}/") for remark in found]

    field = 'days.vl.json:3:53: field "revnue": the query of "days" has no such column; did you mean "revenue"?'
    assert await said() == [field]
    monkeypatch.setattr(remote, "find_spec", lambda name: None)
    lacking = "days.vl.json: charts of Vega-Lite need vl-convert, which is an extra: pip install 'reportd[vega]'"
    assert sorted(await said()) == sorted([lacking, field])
