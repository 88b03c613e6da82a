"""Schedules become jobs: each slot once, with any number of schedulers, late or on time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import asyncpg
import pytest

from reportd.db import kinds
from reportd.db.kinds import KindRow
from reportd.db.pool import Pool, create_pool
from reportd.maintenance.scheduler import Scheduler

Connection: TypeAlias = "asyncpg.Connection[Any]"


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    pool = await create_pool(dsn, min_size=0, max_size=8, application_name="test")
    async with pool.acquire() as conn:
        schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
        await kinds.upsert(
            conn,
            [
                KindRow(
                    name="small", type="report", title="Small", content_hash="1", params_schema=schema, formats=("csv",)
                )
            ],
            worker=1,
        )
    yield pool
    await pool.close()


@pytest.fixture
def scheduler(pool: Pool) -> Scheduler:
    return Scheduler(pool=pool, interval_s=15)


async def plan(connection: Connection, **values: Any) -> int:
    row: dict[str, Any] = {"name": "plan", "kind": "small", "cron": "* * * * *"} | values
    columns = ", ".join(row)
    places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
    statement = f"insert into reportd.schedules ({columns}) values ({places}) returning id"
    return int(await connection.fetchval(statement, *row.values()))


async def set_next(connection: Connection, schedule: int, ago: timedelta) -> datetime:
    """Pretend that the plan has waited since the whole minute `ago`."""
    slot = (datetime.now(UTC) - ago).replace(second=0, microsecond=0)
    await connection.execute(
        "update reportd.schedules set next_run_at = $2, planned_at = now() where id = $1", schedule, slot
    )
    return slot


async def jobs(connection: Connection) -> list[asyncpg.Record]:
    return list(await connection.fetch("select * from reportd.jobs order by id"))


async def test_a_new_plan_is_given_its_next_slot_and_orders_nothing_yet(
    connection: Connection, scheduler: Scheduler
) -> None:
    await plan(connection, cron="30 6 * * *", timezone="Europe/Vienna")
    wait_s = await scheduler.step()
    row = await connection.fetchrow("select * from reportd.schedules")
    assert row is not None
    assert row["next_run_at"] > datetime.now(UTC)
    assert row["error"] is None
    assert 0 < wait_s <= 86_400
    assert await jobs(connection) == []


async def test_a_due_slot_orders_one_job_and_moves_the_plan_on(connection: Connection, scheduler: Scheduler) -> None:
    schedule = await plan(connection, params='{"n": 7}')
    await scheduler.step()
    slot = await set_next(connection, schedule, timedelta(0))
    await scheduler.step()
    [job] = await jobs(connection)
    assert (job["kind"], job["params"], job["schedule_id"], job["slot"]) == ("small", '{"n": 7}', schedule, slot)
    row = await connection.fetchrow("select * from reportd.schedules")
    assert row is not None
    assert (row["run_count"], row["last_job_id"]) == (1, job["id"])
    assert row["last_run_at"] is not None
    assert row["next_run_at"] > slot


async def test_four_schedulers_at_once_make_one_job_per_slot(connection: Connection, pool: Pool) -> None:
    for number in range(10):
        schedule = await plan(connection, name=f"plan-{number}")
        await set_next(connection, schedule, timedelta(0))
    crew = [Scheduler(pool=pool, interval_s=15) for _ in range(4)]
    await asyncio.gather(*(scheduler.step() for scheduler in crew for _ in range(2)))
    made = await connection.fetch("select schedule_id, slot, count(*) as jobs from reportd.jobs group by 1, 2")
    assert len(made) == 10
    assert {row["jobs"] for row in made} == {1}


@pytest.mark.parametrize(
    ("misfire", "outcomes"), [("last", ["ran", "merged", "merged"]), ("skip", ["missed", "missed", "missed"])]
)
async def test_missed_slots_follow_the_misfire_policy_and_are_all_in_the_ledger(
    connection: Connection, scheduler: Scheduler, misfire: str, outcomes: list[str]
) -> None:
    half_past = datetime.now(UTC) - timedelta(minutes=30)
    schedule = await plan(connection, cron=f"{half_past.minute} * * * *", misfire=misfire)
    await set_next(connection, schedule, timedelta(minutes=150))
    await scheduler.step()
    ledger = await connection.fetch("select slot, outcome from reportd.occurrences order by slot desc")
    assert [row["outcome"] for row in ledger] == outcomes
    assert [job["slot"] for job in await jobs(connection)] == [row["slot"] for row in ledger if row["outcome"] == "ran"]
    assert await connection.fetchval("select next_run_at > now() from reportd.schedules")


async def test_a_year_of_missed_minutes_is_settled_at_once(connection: Connection, scheduler: Scheduler) -> None:
    schedule = await plan(connection)
    await set_next(connection, schedule, timedelta(days=365))
    await scheduler.step()
    assert len(await jobs(connection)) == 1
    assert await connection.fetchval("select count(*) from reportd.occurrences") == 1000
    assert await connection.fetchval("select next_run_at > now() from reportd.schedules")


async def test_a_plan_with_refused_params_shows_the_error_and_goes_on(
    connection: Connection, scheduler: Scheduler
) -> None:
    schedule = await plan(connection, params='{"n": "many"}')
    good = await plan(connection, name="good")
    slot = await set_next(connection, schedule, timedelta(0))
    await set_next(connection, good, timedelta(0))
    await scheduler.step()
    row = await connection.fetchrow("select * from reportd.schedules where id = $1", schedule)
    assert row is not None
    assert "params.n" in row["error"]
    assert row["error_count"] == 1
    assert row["next_run_at"] > slot
    ledger = await connection.fetchrow("select * from reportd.occurrences where schedule_id = $1", schedule)
    assert ledger is not None
    assert ledger["outcome"] == "missed"
    assert "params.n" in ledger["reason"]
    assert [job["schedule_id"] for job in await jobs(connection)] == [good]


async def test_a_cron_line_that_never_fires_is_shown_on_its_row(connection: Connection, scheduler: Scheduler) -> None:
    await plan(connection, cron="0 0 31 2 *")
    await scheduler.step()
    row = await connection.fetchrow("select * from reportd.schedules")
    assert row is not None
    assert row["next_run_at"] is None
    assert row["error_count"] == 1
    assert "0 0 31 2 *" in row["error"]
    await scheduler.step()
    assert await connection.fetchval("select error_count from reportd.schedules") == 1


async def test_paused_and_inactive_plans_do_not_fire(connection: Connection, scheduler: Scheduler) -> None:
    for name, column in (("held", "is_paused"), ("off", "is_active")):
        schedule = await plan(connection, name=name, **{column: column == "is_paused"})
        await set_next(connection, schedule, timedelta(minutes=5))
    await scheduler.step()
    assert await jobs(connection) == []


async def test_a_plan_ends_at_its_end(connection: Connection, scheduler: Scheduler) -> None:
    await plan(connection, cron="0 0 1 1 *", ends_at=datetime.now(UTC) + timedelta(minutes=1))
    await scheduler.step()
    row = await connection.fetchrow("select * from reportd.schedules")
    assert row is not None
    assert row["next_run_at"] is None
    assert row["error"] is None
