"""A burst in one snapshot: what its parent has read serves every document, whatever happens to the daemon between."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.daemons import daemon, until

REPORT = """\
-- /// report
-- title = "Statement"
-- formats = ["csv"]
-- params.low = { type = "int", default_sql = "select min(order_no) - 1 from orders" }
-- burst = { split = "customer", name = "Statement {customer}", deliver = ["file:{customer}/"] }
-- ///
-- @table orders
select customer, order_no, amount from orders where amount > :low order by customer, order_no;
-- @kpi
select customer, sum(amount) as total from orders where amount > :low group by customer;
"""
TABLE = """
create table orders as
select n as order_no, 'C' || lpad((n % 12)::text, 2, '0') || ', "Ltd"' as customer, n * 1.5 as amount
from generate_series(1, 240) n
"""
ONE_AT_A_TIME = {"REPORTD_WORKER__CONCURRENCY": "1"}


def children(parent: int) -> str:
    return f"from reportd.jobs where parent_id = {parent} and kind = 'statement'"


@pytest.mark.parametrize("lost", [False, True], ids=["the spool is there", "the spool is lost"])
async def test_a_burst_survives_the_death_of_its_daemon(
    dsn: str, connection: asyncpg.Connection[Any], tmp_path: Path, lost: bool
) -> None:
    reports, state = tmp_path / "reports", tmp_path / "state"
    reports.mkdir()
    (reports / "statement.sql").write_text(REPORT)
    await connection.execute(TABLE)
    sums = "select customer, sum(amount), count(*) from orders group by customer order by customer"
    before = {row[0]: (row[1], row[2]) for row in await connection.fetch(sums)}
    async with daemon(dsn, state, reports, environment=ONE_AT_A_TIME) as first:
        parent = await connection.fetchval("insert into reportd.jobs (kind) values ('statement') returning id")

        async def some_are_done() -> bool:
            done = await connection.fetchval(f"select count(*) {children(parent)} and outcome = 'completed'")
            return bool(done >= 3)

        await until(some_are_done, first, limit_s=60)
        first.kill()
        await first.ended()
    assert (state / f"spool/{parent}/manifest.json").exists()
    left = await connection.fetchval(f"select count(*) {children(parent)} and outcome is null")
    assert left > 0, "killed in the middle"
    # What changes now is in no document of the snapshot that the parent has read.
    await connection.execute("update orders set amount = amount + 1000")
    after = {row[0]: (row[1], row[2]) for row in await connection.fetch(sums)}
    if lost:
        shutil.rmtree(state / f"spool/{parent}")
    async with daemon(dsn, state, reports, environment=ONE_AT_A_TIME) as second:

        async def ended() -> bool:
            return not await connection.fetchval("select exists (select from reportd.jobs where outcome is null)")

        await until(ended, second, limit_s=60)
        # Those that had been made by the first daemon, and those that were left: each from one snapshot, read once.
        assert len(second.said("burst.read_again")) == (1 if lost else 0)
        snapshots = await connection.fetch(f"select distinct result->>'as_of' {children(parent)}")
        assert len(snapshots) == (2 if lost else 1)

        def swept() -> bool:
            return not list((state / "spool").glob("*"))

        await until(swept, second, limit_s=20)
    row = await connection.fetchrow("select status, result from reportd.jobs where id = $1", parent)
    assert row is not None
    assert (row["status"], json.loads(row["result"])["completed"]) == ("completed", 12)
    made = {}
    for folder in (state / "delivered").iterdir():
        with (folder / "statement.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert "customer" not in rows[0], "the key is not part of the documents"
        made[folder.name] = (sum(float(line["amount"]) for line in rows), len(rows))
    names = dict(zip(sorted(made), sorted(before), strict=True))
    kept = [folder for folder, found in made.items() if found == tuple(map(float, before[names[folder]]))]
    renewed = [folder for folder, found in made.items() if found == tuple(map(float, after[names[folder]]))]
    assert len(kept) + len(renewed) == 12
    # The one that was being made when its daemon died may have had its rows already.
    assert len(kept) in ((12 - left, 13 - left) if lost else (12,))


async def test_a_cancelled_parent_takes_its_children_and_its_spool_along(
    dsn: str, connection: asyncpg.Connection[Any], tmp_path: Path
) -> None:
    reports, state = tmp_path / "reports", tmp_path / "state"
    reports.mkdir()
    (reports / "statement.sql").write_text(REPORT)
    await connection.execute(TABLE.replace("% 12", "% 99"))
    async with daemon(dsn, state, reports, environment=ONE_AT_A_TIME) as running:
        parent = await connection.fetchval("insert into reportd.jobs (kind) values ('statement') returning id")

        async def divided() -> bool:
            return bool(await connection.fetchval(f"select exists (select {children(parent)})"))

        await until(divided, running, limit_s=30)
        await connection.execute("select reportd.cancel($1)", parent)

        async def ended() -> bool:
            left = await connection.fetchval("select exists (select from reportd.jobs where outcome is null)")
            return not left and not list((state / "spool").glob("*"))

        await until(ended, running, limit_s=30)
        statuses = await connection.fetch(f"select distinct status {children(parent)}")
        assert "cancelled" in {row["status"] for row in statuses}
        # One that is asked for again when all is over reads for itself.
        child = await connection.fetchval(f"select id {children(parent)} and outcome = 'cancelled' limit 1")
        await connection.execute("select reportd.retry($1)", child)
        await until(ended, running, limit_s=30)
        assert await connection.fetchval("select status from reportd.jobs where id = $1", child) == "completed"
    # Nobody gets everybody's rows because the report was edited meanwhile.
    (reports / "statement.sql").write_text(REPORT.replace("burst = {", "# burst = {"))
    async with daemon(dsn, state, reports) as edited:
        other = await connection.fetchval(f"select id {children(parent)} and outcome = 'cancelled' limit 1")
        await connection.execute("select reportd.retry($1)", other)
        await until(ended, edited, limit_s=30)
    row = await connection.fetchrow("select status, error->>'message' as said from reportd.jobs where id = $1", other)
    assert row is not None
    assert row["status"] == "failed"
    assert "does not split so any more: order it again" in row["said"]
