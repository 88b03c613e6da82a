"""Delivery by real daemons: what arrives, what a crash between copy and receipt costs, what is not worth sending."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from reportd import failpoints
from tests.daemons import Daemon, check, daemon, until

REPORT = """\
-- /// report
-- title = "Stock"
-- formats = ["csv"]
-- params.rows = { type = "int", default = 3 }
-- [deliver]
-- to = ["file:stock/{rows}/"]
-- when = "rows(stock) > 0 and changed()"
-- ///
select n as no, 'item ' || n as item from generate_series(1, :rows) as n
"""


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    directory = tmp_path / "reports"
    directory.mkdir()
    (directory / "stock.sql").write_text(REPORT)
    return directory


async def ordered(connection: asyncpg.Connection[Any], **params: int) -> int:
    return int(await connection.fetchval("select reportd.enqueue('stock', $1)", json.dumps(params)))


async def idle(connection: asyncpg.Connection[Any], running: Daemon) -> None:
    async def done() -> bool:
        return not await connection.fetchval("select exists (select from reportd.jobs where outcome is null)")

    await until(done, running, limit_s=30)


async def test_a_daemon_killed_between_copy_and_receipt_delivers_once_more_with_the_same_key(
    dsn: str, connection: asyncpg.Connection[Any], reports: Path, tmp_path: Path
) -> None:
    state, once = tmp_path / "state", tmp_path / "once"
    once.touch()
    environment = {failpoints.ENVIRONMENT: f"delivered=kill:{once}"}
    async with daemon(dsn, state, reports, environment=environment) as running:
        job = await ordered(connection)
        assert await running.ended(30) == -9
    (before,) = await connection.fetch("select * from reportd.deliveries")
    assert (before["status"], before["tries"], before["job_id"]) == ("pending", 1, job)
    assert (state / "delivered/stock/3/stock.csv").is_file()

    async with daemon(dsn, state, reports, environment=environment) as running:
        await idle(connection, running)
        (after,) = await connection.fetch("select * from reportd.deliveries")
        assert (after["status"], after["tries"]) == ("delivered", 2)
        assert after["idempotency_key"] == before["idempotency_key"] == json.loads(after["receipt"])["key"]
        assert (state / "delivered/stock/3/stock.csv").read_text().count("item") == 4

        # The same data are not sent again, no rows are not sent at all, a target in the order is.
        await ordered(connection)
        await ordered(connection, rows=0)
        other = await ordered(connection, rows=4)
        await idle(connection, running)
        jobs = await connection.fetch("select job_id, target, status from reportd.deliveries order by id")
        assert [tuple(row) for row in jobs] == [(job, "stock/3/", "delivered"), (other, "stock/4/", "delivered")]
        assert len(list((state / "delivered").rglob("*.csv"))) == 2
        await check(connection, state, jobs=[job, other])
