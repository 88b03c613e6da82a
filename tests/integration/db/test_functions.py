"""The functions that any client may call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reportd.db import jobs, queues, schedules
from reportd.db.queries import Connection
from reportd.errors import Refused, UnknownJob, UnknownSchedule
from tests.integration.db.desk import DEFAULT, ERROR, fence, finish, order, register, take

LATER = datetime.now(UTC) + timedelta(days=1)


async def notified(conn: Connection) -> list[object]:
    """What `reportd_jobs` tells this connection from now on."""
    heard: list[object] = []
    await conn.add_listener("reportd_jobs", lambda *told: heard.append(told[3]))
    return heard


async def test_cancel_ends_a_waiting_job(conn: Connection, worker: int) -> None:
    (id,) = await order(conn)
    assert await jobs.cancel(conn, id) == "cancelled"
    row = await jobs.get(conn, id)
    assert (row["status"], row["ready"]) == ("cancelled", False)
    assert row["finished_at"] is not None
    assert await take(conn, worker) == []


async def test_cancel_asks_a_running_job_to_stop_and_wakes_its_worker(
    conn: Connection, other: Connection, worker: int
) -> None:
    (id,) = await order(conn)
    await take(conn, worker)
    heard = await notified(other)
    assert await jobs.cancel(conn, id) == "running"
    asked = (await jobs.get(conn, id))["cancel_requested_at"]
    assert asked is not None
    assert await jobs.cancel(conn, id) == "running"
    assert (await jobs.get(conn, id))["cancel_requested_at"] == asked
    await other.fetchval("select 1")
    assert heard == [""]


async def test_cancel_leaves_an_ended_job_alone(conn: Connection, worker: int) -> None:
    (id,) = await order(conn)
    (job,) = await take(conn, worker)
    await finish(conn, job, worker)
    before = await jobs.get(conn, id)
    assert await jobs.cancel(conn, id) == "completed"
    assert await jobs.get(conn, id) == before


@pytest.mark.parametrize("call", [jobs.cancel, jobs.retry, jobs.why, jobs.get])
async def test_a_job_that_is_not_there_is_named(conn: Connection, call: object) -> None:
    assert callable(call)
    with pytest.raises(UnknownJob, match="there is no job 4711"):
        await call(conn, 4711)


async def test_retry_makes_a_failed_job_pending_with_fresh_budgets(conn: Connection, worker: int) -> None:
    (id,) = await order(conn, unique_key="once")
    (job,) = await take(conn, worker)
    await jobs.fail(conn, **fence(job, worker), error=ERROR, crashed=False)
    assert await jobs.retry(conn, id) == "pending"
    row = await jobs.get(conn, id)
    assert (row["failures"], row["crashes"], row["attempt"]) == (0, 0, 1)
    assert (row["active_key"], row["finished_at"], row["percent"]) == ("once", None, 0)
    (again,) = await take(conn, worker)
    assert again.attempt == 2


async def test_retry_refuses_what_has_not_failed(conn: Connection, worker: int) -> None:
    (id,) = await order(conn)
    with pytest.raises(Refused, match=r"is pending.*release"):
        await jobs.retry(conn, id)
    (job,) = await take(conn, worker)
    await finish(conn, job, worker)
    with pytest.raises(Refused, match=r"is completed.*Order a new job"):
        await jobs.retry(conn, id)


async def test_retry_refuses_while_another_job_has_the_key(conn: Connection) -> None:
    (first,) = await order(conn, unique_key="once")
    await jobs.cancel(conn, first)
    await order(conn, unique_key="once")
    with pytest.raises(Refused, match="unique_key"):
        await jobs.retry(conn, first)


async def test_release_takes_a_running_job_from_its_worker(conn: Connection, worker: int) -> None:
    (id,) = await order(conn)
    (job,) = await take(conn, worker)
    assert await conn.fetchval("select reportd.release($1)", id) == "pending"
    assert await jobs.interrupted(conn, worker=worker, jobs=[(id, 1)]) == [((id, 1), "fenced")]
    assert not await finish(conn, job, worker)
    (again,) = await take(conn, worker)
    assert (again.attempt, again.failures, again.crashes) == (2, 0, 0)
    assert not await finish(conn, job, worker)


async def test_release_makes_a_delayed_job_due(conn: Connection, worker: int) -> None:
    (id,) = await order(conn, run_at=LATER)
    await conn.execute("select reportd.release($1)", id)
    assert [job.id for job in await take(conn, worker)] == [id]


async def test_resume_wakes_the_daemons(conn: Connection) -> None:
    heard = await notified(conn)
    await queues.pause(conn, "default")
    await queues.resume(conn, "default")
    assert heard == [""]


async def test_pause_refuses_what_is_no_name(conn: Connection) -> None:
    with pytest.raises(Refused, match="not a queue's name"):
        await queues.pause(conn, "Default!")


class TestWhy:
    """`why` names the one thing that a job waits for."""

    async def test_its_turn(self, conn: Connection, worker: int) -> None:
        ids = await order(conn, 3)
        await order(conn, priority=5)
        why = await jobs.why(conn, ids[1])
        assert (why["status"], why["waits_for"], why["position"]) == ("pending", "turn", 3)
        assert why["message"] == "2 ahead in queue default"
        assert worker

    async def test_its_time(self, conn: Connection, worker: int) -> None:
        (id,) = await order(conn, run_at=LATER)
        assert (await jobs.why(conn, id))["waits_for"] == "run_at"
        assert worker

    async def test_a_pause(self, conn: Connection, worker: int) -> None:
        (id,) = await order(conn)
        await queues.pause(conn, "default")
        why = await jobs.why(conn, id)
        assert (why["waits_for"], "reportd.resume('default')" in why["message"]) == ("pause", True)
        assert worker

    async def test_a_worker_with_its_kind(self, conn: Connection) -> None:
        await register(conn, kinds=["something-else"])
        (id,) = await order(conn)
        assert (await jobs.why(conn, id))["waits_for"] == "worker"

    async def test_the_next_try_after_a_failure(self, conn: Connection, worker: int) -> None:
        await order(conn)
        (job,) = await take(conn, worker)
        await jobs.retry_later(conn, **fence(job, worker), error=ERROR, delay_s=60, crashed=False)
        why = await jobs.why(conn, job.id)
        assert why["waits_for"] == "run_at"
        assert "failure 1: it broke" in why["message"]

    async def test_another_job(self, conn: Connection, worker: int) -> None:
        first, second = await order(conn, 2)
        (id,) = await order(conn, depends_on=[first, second])
        why = await jobs.why(conn, id)
        assert (why["status"], why["waits_for"], why["on_jobs"]) == ("blocked", "dependency", [first, second])
        assert why["message"] == f"waits for jobs {first} (pending), {second} (pending)"
        assert worker

    async def test_a_pause_of_its_kind_or_tenant(self, conn: Connection, worker: int) -> None:
        (id,) = await order(conn, tenant="north")
        await queues.pause(conn, tenant="north")
        why = await jobs.why(conn, id)
        assert (why["waits_for"], "reportd.resume(tenant => 'north')" in why["message"]) == ("pause", True)
        await queues.pause(conn, kind="noop")
        assert "reportd.resume(kind => 'noop')" in (await jobs.why(conn, id))["message"]
        assert worker

    @pytest.mark.parametrize(
        ("limits", "values", "waits_for", "said"),
        [
            ("concurrency", "1", "limit", "at most 1 jobs at once in each of 1 daemons"),
            ("concurrency_total", "1", "limit", "at most 1 jobs at once"),
            ("concurrency_per_key", "1", "limit", "at most 1 jobs of tenant north at once"),
            ("rate_limit, rate_interval_s", "1, 60", "rate", "starts at most 1 jobs per 60 s"),
        ],
    )
    async def test_a_limit(
        self, conn: Connection, worker: int, limits: str, values: str, waits_for: str, said: str
    ) -> None:
        await conn.execute(f"insert into reportd.queues (name, {limits}) values ('default', {values})")
        _, id = await order(conn, 2, tenant="north")
        assert (await jobs.why(conn, id))["waits_for"] == "turn"
        await jobs.take_turns(
            conn,
            lane=DEFAULT,
            demand=1,
            worker=worker,
            kinds=["noop"],
            default_timeout_s=1,
            default_max_attempts=1,
        )
        why = await jobs.why(conn, id)
        assert why["waits_for"] == waits_for
        assert said in why["message"]

    async def test_and_expects_its_turn_at_the_recent_rate(self, conn: Connection, worker: int) -> None:
        *_, id = await order(conn, 10)
        assert "eta" not in await jobs.why(conn, id)
        await conn.execute("insert into reportd.tallies (queue, outcome, jobs) values ('default', 'completed', 30)")
        why = await jobs.why(conn, id)
        in_s = (datetime.fromisoformat(why["eta"]) - datetime.now(UTC)).total_seconds()
        assert why["position"] == 10
        assert 90 < in_s <= 101  # 30 jobs in 5 minutes, 10 to go
        assert worker

    async def test_nothing_while_it_runs(self, conn: Connection, worker: int) -> None:
        await order(conn)
        (job,) = await take(conn, worker)
        why = await jobs.why(conn, job.id)
        assert (why["status"], "waits_for" in why) == ("running", False)
        assert "running on here pid 7, attempt 1" in why["message"]

    async def test_a_rescue_when_its_worker_is_silent(self, conn: Connection, worker: int) -> None:
        await order(conn)
        (job,) = await take(conn, worker)
        await conn.execute("update reportd.workers set lease_until = clock_timestamp() - interval '1 s'")
        assert (await jobs.why(conn, job.id))["waits_for"] == "rescue"

    async def test_and_says_how_it_ended(self, conn: Connection, worker: int) -> None:
        await order(conn)
        (job,) = await take(conn, worker)
        await jobs.fail(conn, **fence(job, worker), error=ERROR, crashed=False)
        why = await jobs.why(conn, job.id)
        assert why["status"] == "failed"
        assert why["message"].endswith(": it broke")


async def test_stats_count_every_state(conn: Connection, worker: int) -> None:
    await order(conn, 4)
    await order(conn, run_at=LATER)
    await order(conn, queue="mail")
    first, second, _third = await take(conn, worker, demand=3)
    await finish(conn, first, worker)
    await jobs.fail(conn, **fence(second, worker), error=ERROR, crashed=False)
    await jobs.cancel(conn, (await order(conn))[0])
    default, mail = await queues.stats(conn)
    assert (default.queue, default.waiting, default.delayed, default.active) == ("default", 1, 1, 1)
    assert (default.completed, default.failed, default.cancelled, default.paused) == (1, 1, 1, False)
    assert default.oldest is not None
    assert (mail.queue, mail.waiting) == ("mail", 1)
    assert await queues.stats(conn, "mail") == [mail]
    assert await queues.stats(conn, "nowhere") == []


async def test_fold_keeps_the_totals(conn: Connection, worker: int) -> None:
    await order(conn, 5)
    for job in await take(conn, worker):
        await finish(conn, job, worker)
    before = await queues.stats(conn)
    await queues.fold(conn, over=1)
    assert await conn.fetchval("select count(*) from reportd.tallies") == 5, "they tell the rate of these minutes"
    await conn.execute("update reportd.tallies set at = at - interval '11 minutes'")
    await queues.fold(conn, over=10)
    assert await conn.fetchval("select count(*) from reportd.tallies") == 5
    await queues.fold(conn, over=1)
    assert await conn.fetchval("select count(*) from reportd.tallies") == 1
    assert await queues.stats(conn) == before
    assert before[0].completed == 5


async def test_run_now_orders_a_schedules_job_beside_its_plan(conn: Connection) -> None:
    await conn.execute("""
        insert into reportd.schedules (name, kind, cron, timezone, params, formats, requested_by)
        values ('monthly', 'sales', '0 7 1 * *', 'Europe/Vienna', '{"period": "last month"}', '{pdf}', 'ann')
    """)
    id = await schedules.run_now(conn, "monthly")
    row = await jobs.get(conn, id)
    assert (row["kind"], row["params"], row["formats"]) == ("sales", {"period": "last month"}, ["pdf"])
    assert (row["requested_by"], row["slot"] is not None) == ("ann", True)
    (plan,) = await schedules.list_(conn)
    assert (plan.last_job_id, plan.run_count, plan.next_run_at, plan.busy) == (id, 1, None, True)
    (tick,) = await schedules.occurrences(conn, id=plan.id, limit=5)
    assert (tick.outcome, tick.reason, tick.job_id, tick.slot) == ("ran", "run_now", id, row["slot"])


async def test_run_now_names_the_nearest_schedule(conn: Connection) -> None:
    await conn.execute("insert into reportd.schedules (name, kind, cron) values ('monthly', 'sales', '0 7 1 * *')")
    with pytest.raises(UnknownSchedule, match='Did you mean "monthly"'):
        await schedules.run_now(conn, "montly")
    with pytest.raises(Refused, match=r"params\.period: missing"):
        await schedules.run_now(conn, "monthly")
