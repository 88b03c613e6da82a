"""The report that says what a report is: one SQL file with tiles, bars, groups, a period, a schedule that delivers."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import openpyxl
import pytest
from pypdf import PdfReader

from tests.daemons import daemon, until

REPORT = """\
-- /// report
-- title    = "Sales by region"
-- params.period = { type = "daterange", default = "last month" }
-- schedule = { cron = "0 7 1 * *", timezone = "Europe/Vienna", deliver = ["file:sales/"], formats = ["pdf", "xlsx"] }
-- ///
-- @kpi
select sum(amount) as revenue, count(*) as orders, avg(amount) as avg_order from orders where ordered_on <@ :period;
-- @bar "Revenue by day" x=day y=revenue
select ordered_on as day, sum(amount) as revenue from orders where ordered_on <@ :period group by 1 order by 1;
-- @table "Orders" group=region subtotal=amount,qty
select region, ordered_on, customer, qty, amount from orders where ordered_on <@ :period order by region, ordered_on;
"""
# Three months to this day, so that the last one is always whole.
TABLE = """
create table orders as
select n as id, current_date - n % 100 as ordered_on, (array['north', 'south', 'west'])[1 + n % 3] as region,
  'Customer ' || n % 40 as customer, 1 + n % 9 as qty, round(n * 7919 % 100000 / 100.0, 2) as amount
from generate_series(1, 700) n
"""
VIENNA = ZoneInfo("Europe/Vienna")


async def test_the_schedule_makes_and_delivers_what_the_file_says(
    dsn: str, connection: asyncpg.Connection[asyncpg.Record], tmp_path: Path
) -> None:
    reports, state = tmp_path / "reports", tmp_path / "state"
    reports.mkdir()
    (reports / "sales.sql").write_text(REPORT)
    await connection.execute(TABLE)
    async with daemon(dsn, state, reports) as running:
        planned = (
            "select cron, timezone, next_run_at from reportd.schedules where name = 'sales' and next_run_at > now()"
        )
        row = await until(lambda: connection.fetchrow(planned), running)
        assert (row["cron"], row["timezone"]) == ("0 7 1 * *", "Europe/Vienna")
        due: datetime = row["next_run_at"].astimezone(VIENNA)
        assert (due.day, due.hour, due.minute) == (1, 7, 0)
        await connection.execute("select reportd.run_now('sales')")
        over = (
            "select exists (select from reportd.jobs) and not exists (select from reportd.jobs where outcome is null)"
        )
        await until(lambda: connection.fetchval(over), running, limit_s=60)
    job = await connection.fetchrow("select * from reportd.jobs where kind = 'sales'")
    assert job is not None
    assert job["status"] == "completed", job["error"]
    this_month = datetime.now(VIENNA).date().replace(day=1)
    first = (this_month - timedelta(days=1)).replace(day=1)
    assert json.loads(job["params_resolved"]) == {"period": f"[{first},{this_month})"}
    figures = await connection.fetchrow(
        "select count(*), sum(amount), sum(qty), round(avg(amount), 2) from orders"
        " where ordered_on >= $1 and ordered_on < $2",
        first,
        this_month,
    )
    assert figures is not None
    count, revenue, quantity, average = figures
    delivered = state / "delivered/sales"
    assert sorted(path.name for path in delivered.iterdir()) == ["sales.pdf", "sales.xlsx"]
    pages = PdfReader(delivered / "sales.pdf").pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    for said in (
        "Sales by region",
        "Revenue by day",
        f"{revenue:,}",
        f"{average:,}",
        f"{first:%B %Y}",
        "Subtotal north",
    ):
        assert said in text, said
    assert text.count(f"{revenue:,}") == 2, "in its tile and in the total"
    book = openpyxl.load_workbook(delivered / "sales.xlsx", data_only=True)
    header, *rows = book["Orders"].iter_rows(values_only=True)
    assert header == ("Region", "Ordered on", "Customer", "Qty", "Amount")
    assert len([row for row in rows if isinstance(row[1], date)]) == count
    [total] = [row for row in rows if row[0] == "Total"]
    assert (total[3], total[4]) == (quantity, float(revenue))


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed: apt-get install postgresql-client")
async def test_the_same_file_runs_in_psql(
    dsn: str, connection: asyncpg.Connection[asyncpg.Record], tmp_path: Path
) -> None:
    (tmp_path / "sales.sql").write_text(REPORT)
    await connection.execute(TABLE)
    # The cast is psql's part: reportd takes the type from the declaration, and <@ alone does not say it.
    today = await connection.fetchval("select current_date")
    period = f"'[{today - timedelta(days=20)},{today})'::daterange"
    process = await asyncio.create_subprocess_exec(
        *("psql", dsn, "-XAt", "-v", "ON_ERROR_STOP=1", "-v", f"period={period}", "-f", str(tmp_path / "sales.sql")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    count = await connection.fetchval(f"select count(*) from orders where ordered_on <@ {period}")
    assert len(out.splitlines()) == 1 + 20 + count
