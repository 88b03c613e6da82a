"""Plans and the ledger of their ticks."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from reportd.db import jobs, schedules
from reportd.db.queries import Connection
from reportd.db.schedules import ScheduleRow
from reportd.errors import Refused, UnknownSchedule
from reportd.report.definition import DeclaredSchedule
from tests.integration.db.desk import count, order, register

NIGHTLY = DeclaredSchedule("nightly", "0 2 * * *", None, params={"period": "yesterday"}, formats=("pdf",))
SLOT = datetime(2026, 11, 1, 2, tzinfo=UTC)
NEXT = SLOT + timedelta(days=1)


async def plan(conn: Connection, name: str = "nightly") -> ScheduleRow:
    """The plan of this name."""
    (found,) = [row for row in await schedules.list_(conn) if row.name == name]
    return found


@pytest.fixture
async def due(conn: Connection, worker: int) -> ScheduleRow:
    """The nightly plan, planned for a slot that has passed."""
    await schedules.declare(conn, {"sales": [NIGHTLY]}, worker=worker, timezone="UTC")
    await schedules.plan(conn, id=(await plan(conn)).id, next_run_at=SLOT)
    return await plan(conn)


async def test_a_declared_plan_is_due_for_planning(conn: Connection, worker: int) -> None:
    told = await schedules.declare(conn, {"sales": [NIGHTLY]}, worker=worker, timezone="Europe/Vienna")
    assert (told.changed, told.retired, told.taken) == (["nightly"], [], [])
    row = await schedules.due(conn)
    assert row is not None
    assert (row.name, row.kind, row.cron, row.timezone) == ("nightly", "sales", "0 2 * * *", "Europe/Vienna")
    assert (row.params, row.formats, row.deliver, row.misfire) == ({"period": "yesterday"}, ["pdf"], [], "last")
    assert (row.planned_at, row.next_run_at, row.source, row.busy) == (None, None, "file", False)


async def test_an_unchanged_declaration_changes_nothing(conn: Connection, due: ScheduleRow, worker: int) -> None:
    told = await schedules.declare(conn, {"sales": [NIGHTLY]}, worker=worker, timezone="UTC")
    assert told.changed == []
    assert await plan(conn) == due


async def test_a_changed_cron_line_is_planned_anew(conn: Connection, due: ScheduleRow, worker: int) -> None:
    changed = dataclasses.replace(NIGHTLY, cron="0 3 * * *")
    assert (await schedules.declare(conn, {"sales": [changed]}, worker=worker, timezone="UTC")).changed == ["nightly"]
    row = await plan(conn)
    assert (row.id, row.cron, row.planned_at, row.next_run_at) == (due.id, "0 3 * * *", None, None)


async def test_changed_params_leave_the_next_tick_alone(conn: Connection, due: ScheduleRow, worker: int) -> None:
    changed = dataclasses.replace(NIGHTLY, params={"period": "today"})
    await schedules.declare(conn, {"sales": [changed]}, worker=worker, timezone="UTC")
    row = await plan(conn)
    assert (row.params, row.next_run_at) == ({"period": "today"}, due.next_run_at)


async def test_a_plan_removed_from_its_report_is_retired(conn: Connection, due: ScheduleRow, worker: int) -> None:
    other = {"costs": [dataclasses.replace(NIGHTLY, name="costs")]}
    assert (await schedules.declare(conn, other, worker=worker, timezone="UTC")).retired == []
    assert (await schedules.declare(conn, {"sales": []}, worker=worker, timezone="UTC")).retired == ["nightly"]
    assert (await plan(conn)).retired_at is not None
    assert [row.name for row in await schedules.list_(conn) if row.retired_at is None] == ["costs"]
    assert due.retired_at is None


async def test_a_plan_that_comes_back_is_planned_anew(conn: Connection, due: ScheduleRow, worker: int) -> None:
    await schedules.declare(conn, {"sales": []}, worker=worker, timezone="UTC")
    await schedules.declare(conn, {"sales": [NIGHTLY]}, worker=worker, timezone="UTC")
    row = await plan(conn)
    assert (row.id, row.retired_at, row.next_run_at) == (due.id, None, None)


async def test_an_older_daemon_does_not_overwrite_a_newer_ones_plan(
    conn: Connection, due: ScheduleRow, worker: int
) -> None:
    newer = await register(conn)
    changed = dataclasses.replace(NIGHTLY, cron="0 3 * * *")
    await schedules.declare(conn, {"sales": [changed]}, worker=newer, timezone="UTC")
    for declared in ([NIGHTLY], []):
        told = await schedules.declare(conn, {"sales": declared}, worker=worker, timezone="UTC")
        assert (told.changed, told.retired) == ([], [])
    assert ((await plan(conn)).cron, due.cron) == ("0 3 * * *", "0 2 * * *")


async def test_two_versions_side_by_side_do_not_flap(conn: Connection, worker: int) -> None:
    """The older daemon has `nightly`, the newer one `weekly` in its place; each declares again and again."""
    newer = await register(conn)
    weekly = dataclasses.replace(NIGHTLY, name="weekly", cron="0 2 * * 1")
    await schedules.declare(conn, {"sales": [NIGHTLY]}, worker=worker, timezone="UTC")
    told = await schedules.declare(conn, {"sales": [weekly]}, worker=newer, timezone="UTC")
    assert (told.changed, told.retired) == (["weekly"], ["nightly"])
    for id, declared in ((worker, NIGHTLY), (newer, weekly), (worker, NIGHTLY)):
        told = await schedules.declare(conn, {"sales": [declared]}, worker=id, timezone="UTC")
        assert (told.changed, told.retired) == ([], [])
    assert {row.name: row.retired_at is None for row in await schedules.list_(conn)} == {
        "nightly": False,
        "weekly": True,
    }


async def test_the_first_of_two_reports_with_one_schedule_name_has_it(conn: Connection, worker: int) -> None:
    told = await schedules.declare(conn, {"sales": [NIGHTLY], "costs": [NIGHTLY]}, worker=worker, timezone="UTC")
    assert (told.changed, told.taken) == (["nightly"], ["nightly"])
    assert (await plan(conn)).kind == "sales"


async def test_every_rule_of_a_declaration_reaches_its_row(conn: Connection, worker: int) -> None:
    rules = dataclasses.replace(
        NIGHTLY,
        misfire="all",
        overlap="queue",
        starts_at=SLOT,
        ends_at=NEXT,
        template="board",
        deliver=("file:x/",),
    )
    await schedules.declare(conn, {"sales": [rules]}, worker=worker, timezone="UTC")
    row = await plan(conn)
    assert (row.misfire, row.overlap, row.starts_at, row.ends_at) == ("all", "queue", SLOT, NEXT)
    assert (row.template, row.deliver) == ("board", ["file:x/"])


async def test_a_tick_that_waits_is_due_when_the_former_job_has_ended(conn: Connection, due: ScheduleRow) -> None:
    id = await schedules.fire(conn, id=due.id, slot=SLOT)
    assert id is not None
    await schedules.wait(conn, id=due.id, slot=NEXT)
    await schedules.plan(conn, id=due.id, next_run_at=datetime(2099, 1, 1, tzinfo=UTC))
    assert await schedules.due(conn) is None
    assert await schedules.wait_s(conn) == 2
    await jobs.cancel(conn, id)
    assert await schedules.wait_s(conn) == 0
    row = await schedules.due(conn)
    assert row is not None
    assert (row.waiting_slot, row.busy) == (NEXT, False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [("retired_at = now()", "retired while it waited"), ("is_active = false", "switched off while it waited")],
)
async def test_a_tick_that_waits_is_skipped_with_its_plan(
    conn: Connection, due: ScheduleRow, change: str, reason: str
) -> None:
    await schedules.wait(conn, id=due.id, slot=SLOT)
    await conn.execute(f"update reportd.schedules set {change}")
    assert (await plan(conn)).waiting_slot is None
    (tick,) = await schedules.occurrences(conn, id=due.id, limit=9)
    assert (tick.slot, tick.outcome, tick.reason) == (SLOT, "skipped", reason)


async def test_a_row_made_by_sql_keeps_its_name(conn: Connection, worker: int) -> None:
    await conn.execute("insert into reportd.schedules (name, kind, cron) values ('nightly', 'noop', '* * * * *')")
    told = await schedules.declare(conn, {"sales": [NIGHTLY]}, worker=worker, timezone="UTC")
    assert (told.changed, told.taken) == ([], ["nightly"])
    assert (await plan(conn)).kind == "noop"


async def test_a_planned_tick_is_due_when_its_time_has_come(conn: Connection, due: ScheduleRow) -> None:
    found = await schedules.due(conn)
    assert found == due
    await schedules.plan(conn, id=due.id, next_run_at=datetime.now(UTC) + timedelta(hours=1))
    assert await schedules.due(conn) is None
    wait_s = await schedules.wait_s(conn)
    assert wait_s is not None
    assert 3500 < wait_s <= 3600


async def test_a_plan_without_a_next_tick_rests(conn: Connection, due: ScheduleRow) -> None:
    await schedules.plan(conn, id=due.id, next_run_at=None)
    assert await schedules.due(conn) is None
    assert await schedules.wait_s(conn) is None


async def test_a_plan_that_another_scheduler_has_is_skipped(
    conn: Connection, other: Connection, due: ScheduleRow
) -> None:
    async with other.transaction():
        assert await schedules.due(other) == due
        async with asyncio.timeout(5):
            assert await schedules.due(conn) is None


async def test_fire_orders_the_job_and_moves_on(conn: Connection, due: ScheduleRow) -> None:
    id = await schedules.fire(conn, id=due.id, slot=SLOT)
    assert id is not None
    await schedules.plan(conn, id=due.id, next_run_at=NEXT)
    row = await jobs.get(conn, id)
    assert (row["kind"], row["params"], row["formats"]) == ("sales", {"period": "yesterday"}, ["pdf"])
    assert (row["schedule_id"], row["slot"]) == (due.id, SLOT)
    after = await plan(conn)
    assert (after.next_run_at, after.last_job_id, after.run_count, after.busy) == (NEXT, id, 1, True)
    (tick,) = await schedules.occurrences(conn, id=due.id, limit=9)
    assert (tick.slot, tick.outcome, tick.job_id) == (SLOT, "ran", id)


async def test_a_slot_fires_once(conn: Connection, due: ScheduleRow) -> None:
    assert await schedules.fire(conn, id=due.id, slot=SLOT) is not None
    assert await schedules.fire(conn, id=due.id, slot=SLOT) is None
    assert (await plan(conn)).run_count == 1
    assert await count(conn, "jobs") == 1


async def test_two_schedulers_fire_a_slot_once(conn: Connection, other: Connection, due: ScheduleRow) -> None:
    async def step(connection: Connection) -> int | None:
        async with connection.transaction():
            row = await schedules.due(connection)
            if row is None:
                return None
            job = await schedules.fire(connection, id=row.id, slot=SLOT)
            await schedules.plan(connection, id=row.id, next_run_at=datetime(2099, 1, 1, tzinfo=UTC))
            return job

    fired = await asyncio.gather(step(conn), step(other))
    assert len([id for id in fired if id]) == 1
    assert await count(conn, "jobs") == 1
    assert due.run_count == 0


async def test_a_refused_job_writes_nothing_and_leaves_the_transaction_usable(
    conn: Connection, due: ScheduleRow
) -> None:
    await conn.execute("update reportd.schedules set params = '{\"perod\": 1}'")
    async with conn.transaction():
        with pytest.raises(Refused, match=r"params\.period: missing"):
            await schedules.fire(conn, id=due.id, slot=SLOT)
        await schedules.miss(conn, id=due.id, slot=SLOT, outcome="missed", reason="refused")
        await schedules.plan(conn, id=due.id, next_run_at=NEXT, error={"code": "refused", "message": "params"})
    row = await plan(conn)
    assert (row.error_count, row.run_count, row.next_run_at) == (1, 0, NEXT)
    assert row.error is not None
    (tick,) = await schedules.occurrences(conn, id=due.id, limit=9)
    assert (tick.outcome, tick.reason, tick.job_id) == ("missed", "refused", None)


async def test_a_tick_that_worked_clears_the_error_and_keeps_its_count(conn: Connection, due: ScheduleRow) -> None:
    await schedules.plan(conn, id=due.id, next_run_at=SLOT, error={"code": "refused", "message": "params"})
    await schedules.fire(conn, id=due.id, slot=SLOT)
    await schedules.plan(conn, id=due.id, next_run_at=NEXT)
    row = await plan(conn)
    assert (row.error, row.error_count) == (None, 1)


async def test_a_slot_settled_as_missed_does_not_fire(conn: Connection, due: ScheduleRow) -> None:
    for _ in range(2):
        await schedules.miss(conn, id=due.id, slot=SLOT, outcome="skipped", reason="misfire")
    assert await schedules.fire(conn, id=due.id, slot=SLOT) is None


async def test_busy_ends_with_the_job(conn: Connection, due: ScheduleRow) -> None:
    id = await schedules.fire(conn, id=due.id, slot=SLOT)
    assert id is not None
    await jobs.cancel(conn, id)
    assert not (await plan(conn)).busy


async def test_a_paused_plan_is_not_due_and_goes_on_from_now(conn: Connection, due: ScheduleRow, worker: int) -> None:
    await schedules.set_paused(conn, "nightly", paused=True)
    assert await schedules.due(conn) is None
    changed = dataclasses.replace(NIGHTLY, cron="0 3 * * *")
    await schedules.declare(conn, {"sales": [changed]}, worker=worker, timezone="UTC")
    assert (await plan(conn)).is_paused
    await schedules.set_paused(conn, "nightly", paused=False)
    row = await schedules.due(conn)
    assert row is not None
    assert (row.id, row.next_run_at) == (due.id, None)
    with pytest.raises(UnknownSchedule):
        await schedules.set_paused(conn, "weekly", paused=True)


@pytest.mark.parametrize(
    ("cron", "timezone", "column", "hint"),
    [
        ("0 0 * *", "UTC", "cron", "minute, hour"),
        ("", "UTC", "cron", "minute, hour"),
        ("0 0 * * *", "Europe/Viena", "timezone", '"Europe/Vienna"'),
        ("@daily", "Nowhere", "timezone", "pg_timezone_names"),
    ],
)
async def test_a_wrong_plan_is_refused_with_a_remedy(
    conn: Connection, cron: str, timezone: str, column: str, hint: str
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError) as refusal:
        await conn.execute(
            "insert into reportd.schedules (name, kind, cron, timezone) values ('x', 'noop', $1, $2)", cron, timezone
        )
    assert (refusal.value.column_name, hint in (refusal.value.hint or "")) == (column, True)


@pytest.mark.parametrize("cron", ["@daily", "*/5 * * * *", "30 2 1,15 JAN-MAR MON"])
async def test_a_plan_by_sql_wakes_the_daemons(conn: Connection, cron: str) -> None:
    heard: list[object] = []
    await conn.add_listener("reportd_jobs", lambda *told: heard.append(told[3]))
    await conn.execute("insert into reportd.schedules (name, kind, cron) values ('x', 'noop', $1)", cron)
    await conn.fetchval("select 1")
    assert heard == [""]
    assert await schedules.now(conn) > SLOT


async def test_a_schedule_may_order_from_a_template(conn: Connection) -> None:
    await conn.execute("""
        insert into reportd.templates (name, kind, params)
        values ('monthly', 'sales', '{"period": "last month", "limit": 5}');
        insert into reportd.schedules (name, template, cron, params)
        values ('x', 'monthly', '@monthly', '{"limit": 9}');
    """)
    row = await schedules.due(conn)
    assert row is not None
    id = await schedules.fire(conn, id=row.id, slot=SLOT)
    assert id is not None
    found = await jobs.get(conn, id)
    assert (found["kind"], found["params"]) == ("sales", {"period": "last month", "limit": 9})
    assert await order(conn) != [id]
