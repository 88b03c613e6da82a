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
    return Scheduler(pool=pool, interval_s=15, catch_up_max=2)


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
    crew = [Scheduler(pool=pool, interval_s=15, catch_up_max=2) for _ in range(4)]
    await asyncio.gather(*(scheduler.step() for scheduler in crew for _ in range(2)))
    made = await connection.fetch("select schedule_id, slot, count(*) as jobs from reportd.jobs group by 1, 2")
    assert len(made) == 10
    assert {row["jobs"] for row in made} == {1}


@pytest.mark.parametrize(
    ("misfire", "outcomes"),
    [
        ("last", ["ran", "merged", "merged"]),
        ("skip", ["missed", "missed", "missed"]),
        ("all", ["ran", "ran", "missed"]),
    ],
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
    ran = sorted(row["slot"] for row in ledger if row["outcome"] == "ran")
    assert [job["slot"] for job in await jobs(connection)] == ran, "oldest first"
    assert await connection.fetchval("select next_run_at > now() from reportd.schedules")


async def end(connection: Connection, job: int) -> None:
    await connection.execute("select reportd.cancel($1)", job)


async def tick(connection: Connection, scheduler: Scheduler, schedule: int, number: int) -> datetime:
    """One slot of a yearly plan, come due now; `number` keeps slots apart."""
    slot = datetime.now(UTC).replace(microsecond=number)
    await connection.execute(
        "update reportd.schedules set next_run_at = $2, planned_at = now() where id = $1", schedule, slot
    )
    await scheduler.step()
    return slot


async def ledger(connection: Connection) -> list[tuple[datetime, str, str | None]]:
    rows = await connection.fetch("select slot, outcome, reason from reportd.occurrences order by slot")
    return [(row["slot"], row["outcome"], row["reason"]) for row in rows]


async def test_overlap_skip_leaves_out_a_slot_while_the_former_job_is_unfinished(
    connection: Connection, scheduler: Scheduler
) -> None:
    schedule = await plan(connection, cron="@yearly", overlap="skip")
    first = await tick(connection, scheduler, schedule, 1)
    second = await tick(connection, scheduler, schedule, 2)
    [job] = await jobs(connection)
    await end(connection, job["id"])
    third = await tick(connection, scheduler, schedule, 3)
    assert await ledger(connection) == [
        (first, "ran", None),
        (second, "skipped", f"job {job['id']} had not ended"),
        (third, "ran", None),
    ]
    assert [job["slot"] for job in await jobs(connection)] == [first, third]


async def test_overlap_queue_holds_one_slot_until_the_former_job_has_ended(
    connection: Connection, scheduler: Scheduler
) -> None:
    schedule = await plan(connection, cron="@yearly", overlap="queue")
    first = await tick(connection, scheduler, schedule, 1)
    second = await tick(connection, scheduler, schedule, 2)
    third = await tick(connection, scheduler, schedule, 3)
    [job] = await jobs(connection)
    assert await connection.fetchval("select waiting_slot from reportd.schedules") == second
    assert await scheduler.step() <= 2
    await end(connection, job["id"])
    await scheduler.step()
    assert [job["slot"] for job in await jobs(connection)] == [first, second]
    reason = f"job {job['id']} had not ended, and {second.isoformat()} waited"
    assert await ledger(connection) == [(first, "ran", None), (second, "ran", None), (third, "skipped", reason)]
    assert await connection.fetchval("select waiting_slot from reportd.schedules") is None
    assert await connection.fetchval("select run_count from reportd.schedules") == 2


async def test_overlap_allow_does_not_wait(connection: Connection, scheduler: Scheduler) -> None:
    schedule = await plan(connection, cron="@yearly", overlap="allow")
    slots = [await tick(connection, scheduler, schedule, number) for number in (1, 2)]
    assert [job["slot"] for job in await jobs(connection)] == slots


@pytest.mark.parametrize(("overlap", "expected"), [("skip", ["skipped", "ran"]), ("queue", ["ran"])])
async def test_slots_caught_up_together_follow_the_overlap_rule(
    connection: Connection, scheduler: Scheduler, overlap: str, expected: list[str]
) -> None:
    half_past = datetime.now(UTC) - timedelta(minutes=30)
    schedule = await plan(connection, cron=f"{half_past.minute} * * * *", misfire="all", overlap=overlap)
    await set_next(connection, schedule, timedelta(minutes=90))
    await scheduler.step()
    rows = await connection.fetch("select outcome from reportd.occurrences order by slot desc")
    assert [row["outcome"] for row in rows] == expected
    assert (await connection.fetchval("select waiting_slot is not null from reportd.schedules")) == (overlap == "queue")


async def test_a_waiting_slot_whose_job_is_refused_is_in_the_ledger_and_on_the_row(
    connection: Connection, scheduler: Scheduler
) -> None:
    schedule = await plan(connection, cron="@yearly", overlap="queue")
    await tick(connection, scheduler, schedule, 1)
    waiting = await tick(connection, scheduler, schedule, 2)
    await connection.execute('update reportd.schedules set params = \'{"n": "many"}\'')
    [job] = await jobs(connection)
    await end(connection, job["id"])
    await scheduler.step()
    slot, outcome, reason = (await ledger(connection))[-1]
    assert (slot, outcome) == (waiting, "missed")
    assert reason is not None
    assert "params.n" in reason
    row = await connection.fetchrow("select error_count, waiting_slot, next_run_at from reportd.schedules")
    assert row is not None
    assert (row["error_count"], row["waiting_slot"]) == (1, None)
    assert row["next_run_at"] > datetime.now(UTC)


async def test_no_slot_runs_before_the_start(connection: Connection, scheduler: Scheduler) -> None:
    start = (datetime.now(UTC) + timedelta(days=2)).replace(minute=0, second=0, microsecond=0)
    await plan(connection, cron="0 * * * *", starts_at=start)
    await scheduler.step()
    assert await connection.fetchval("select next_run_at from reportd.schedules") == start


async def test_slots_at_or_after_the_end_do_not_run_when_they_come_late(
    connection: Connection, scheduler: Scheduler
) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    end = now - timedelta(minutes=5)
    schedule = await plan(connection, misfire="all", ends_at=end)
    await set_next(connection, schedule, timedelta(minutes=7))
    await scheduler.step()
    assert [job["slot"] for job in await jobs(connection)] == [end - timedelta(minutes=2), end - timedelta(minutes=1)]
    assert await connection.fetchval("select next_run_at from reportd.schedules") is None


async def test_a_schedule_orders_from_its_template(connection: Connection, scheduler: Scheduler) -> None:
    await connection.execute(
        "insert into reportd.templates (name, kind, params, formats) values ('preset', 'small', '{\"n\": 1}', '{csv}')"
    )
    schedule = await plan(connection, cron="@yearly", kind=None, template="preset")
    await tick(connection, scheduler, schedule, 1)
    [job] = await jobs(connection)
    assert (job["kind"], job["params"], job["formats"]) == ("small", '{"n": 1}', ["csv"])


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
