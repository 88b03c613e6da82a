"""Jobs that wait for other jobs: blocked until those have ended, and told of a bad end."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from reportd.db import jobs
from reportd.db.queries import Connection
from reportd.errors import Refused
from reportd.job import Job
from tests.integration.db.desk import ERROR, count, fence, finish, order, register, take


async def status(conn: Connection, *ids: int) -> list[str]:
    return [(await jobs.get(conn, id))["status"] for id in ids]


async def fail(conn: Connection, job: Job, worker: int) -> None:
    assert await jobs.fail(conn, **fence(job, worker), error=ERROR, crashed=False)


@pytest.mark.parametrize("way", ["alone", "brief"])
async def test_a_job_waits_until_all_its_dependencies_have_completed(conn: Connection, worker: int, way: str) -> None:
    first, second = await order(conn, 2)
    (last,) = await order(conn, depends_on=[first, second, second])
    assert await status(conn, last) == ["blocked"]
    claimed = await take(conn, worker)
    assert [job.id for job in claimed] == [first, second]
    for job in claimed:
        assert await status(conn, last) == ["blocked"]
        if way == "alone":
            await finish(conn, job, worker)
        else:
            await jobs.complete_brief(conn, worker=worker, jobs=[(job.id, job.attempt)])
    assert await status(conn, last) == ["pending"]
    assert [job.id for job in await take(conn, worker)] == [last]
    assert await count(conn, "waits") == 0


async def test_a_brief_batch_unblocks_what_waits_for_all_of_it(conn: Connection, worker: int) -> None:
    ids = await order(conn, 20)
    (last,) = await order(conn, depends_on=ids)
    claimed = await take(conn, worker, demand=20)
    await jobs.complete_brief(conn, worker=worker, jobs=[(job.id, job.attempt) for job in claimed])
    assert await status(conn, last) == ["pending"]


async def test_a_job_whose_dependencies_have_completed_is_pending_at_once(conn: Connection, worker: int) -> None:
    (first,) = await order(conn)
    (job,) = await take(conn, worker)
    await finish(conn, job, worker)
    (last,) = await order(conn, depends_on=[first])
    assert await status(conn, last) == ["pending"]
    assert await count(conn, "waits") == 0


async def test_a_failure_spreads_to_all_that_depends_on_it(conn: Connection, worker: int) -> None:
    (first,) = await order(conn)
    (second,) = await order(conn, depends_on=[first])
    (third,) = await order(conn, depends_on=[second])
    (job,) = await take(conn, worker)
    await fail(conn, job, worker)
    assert await status(conn, second, third) == ["failed", "failed"]
    error = (await jobs.get(conn, third))["error"]
    assert (error["code"], error["message"]) == ("dependency", f"job {second}, which it depends on, failed")
    assert error["detail"] == {"job": second, "outcome": "failed"}
    assert await conn.fetchval("select sum(jobs) from reportd.tallies where outcome = 'failed'") == 3


async def test_a_cancellation_spreads(conn: Connection, worker: int) -> None:
    (first,) = await order(conn)
    (second,) = await order(conn, depends_on=[first])
    (third,) = await order(conn, depends_on=[second])
    assert await jobs.cancel(conn, first) == "cancelled"
    assert await status(conn, second, third) == ["cancelled", "cancelled"]
    (running,) = await order(conn)
    (after,) = await order(conn, depends_on=[running])
    (job,) = await take(conn, worker)
    await jobs.cancelled(conn, **fence(job, worker))
    assert await status(conn, after) == ["cancelled"]
    assert await count(conn, "waits") == 0


async def test_a_batchs_callback_runs_however_they_ended_and_is_told(conn: Connection, worker: int) -> None:
    good, bad, dropped = await order(conn, 3)
    callback = await conn.fetchval(
        """select reportd.batch($1::bigint[], 'noop', metadata => '{"mine": 1}')""", [good, bad, dropped]
    )
    assert await status(conn, callback) == ["blocked"]
    await jobs.cancel(conn, dropped)
    first, second = await take(conn, worker)
    await fail(conn, second, worker)
    assert await status(conn, callback) == ["blocked"]
    await finish(conn, first, worker)
    row = await jobs.get(conn, callback)
    assert row["status"] == "pending"
    summary = {"completed": 1, "failed": [bad], "cancelled": [dropped]}
    assert row["metadata"] == {"mine": 1, "dependencies": summary}


async def test_a_blocked_job_can_be_cancelled(conn: Connection) -> None:
    (first,) = await order(conn)
    (second,) = await order(conn, depends_on=[first])
    assert await jobs.cancel(conn, second) == "cancelled"
    assert await count(conn, "waits") == 0
    assert await status(conn, first) == ["pending"]


async def test_release_lets_a_blocked_job_run_without_its_dependencies(conn: Connection, worker: int) -> None:
    (first,) = await order(conn)
    (second,) = await order(conn, depends_on=[first])
    assert await conn.fetchval("select reportd.release($1)", second) == "pending"
    assert {job.id for job in await take(conn, worker)} == {first, second}


async def test_a_retry_waits_again_for_what_has_not_completed(conn: Connection, worker: int) -> None:
    (first,) = await order(conn)
    (second,) = await order(conn, depends_on=[first])
    (job,) = await take(conn, worker)
    await fail(conn, job, worker)
    assert await jobs.retry(conn, first) == "pending"
    assert await jobs.retry(conn, second) == "blocked"
    (again,) = await take(conn, worker)
    await finish(conn, again, worker)
    assert await status(conn, second) == ["pending"]


async def test_a_dependency_that_ended_while_the_row_was_inserted_is_found(
    conn: Connection, other: Connection, worker: int
) -> None:
    (first,) = await order(conn)
    (job,) = await take(conn, worker)
    async with other.transaction():
        (second,) = await order(other, depends_on=[first])
        await finish(conn, job, worker)
    assert await status(conn, second) == ["blocked"]
    assert not await jobs.unblock(conn)
    assert await status(conn, second) == ["pending"]


async def test_a_completion_does_not_wait_for_somebody_who_holds_the_job_that_waits(
    conn: Connection, other: Connection, worker: int
) -> None:
    (first,) = await order(conn)
    (second,) = await order(conn, depends_on=[first])
    (job,) = await take(conn, worker)
    async with other.transaction():
        await other.execute("select from reportd.jobs where id = $1 for update", second)
        async with asyncio.timeout(5):
            assert await finish(conn, job, worker)
    assert await status(conn, second) == ["blocked"]
    await jobs.unblock(conn)
    assert await status(conn, second) == ["pending"]


async def test_a_dependency_that_was_deleted_counts_as_failed(conn: Connection) -> None:
    (first,) = await order(conn)
    (second,) = await order(conn, depends_on=[first])
    await conn.execute("delete from reportd.jobs where id = $1", first)
    await jobs.unblock(conn)
    row = await jobs.get(conn, second)
    assert (row["status"], row["error"]["message"]) == ("failed", f"job {first}, which it depends on, was deleted")


async def test_a_job_can_not_wait_for_itself(conn: Connection) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="a cycle: job 77 would wait for itself"):
        await conn.execute(
            "insert into reportd.jobs (id, kind, depends_on) overriding system value values (77, 'noop', '{77}')"
        )


async def test_completers_at_the_same_time_leave_nobody_blocked(
    conn: Connection, other: Connection, worker: int
) -> None:
    rival = await register(other)
    ids = await order(conn, 40)
    waiting = [(await order(conn, depends_on=ids[place : place + 2]))[0] for place in range(0, 40, 2)]
    mine = await take(conn, worker, demand=40)
    assert len(mine) == 40
    assert rival

    async def complete(connection: Connection, share: list[Job]) -> None:
        for job in share:
            assert await finish(connection, job, worker)

    await asyncio.gather(complete(conn, mine[::2]), complete(other, mine[1::2]))
    await jobs.unblock(conn)
    assert await status(conn, *waiting) == ["pending"] * 20


class TestUniqueFor:
    """The same request within a window is one job."""

    async def test_the_same_request_gives_the_finished_job_inside_the_window(
        self, conn: Connection, worker: int
    ) -> None:
        async def ask(**values: object) -> int:
            return await jobs.enqueue(conn, "sales", {"period": "today"}, **{"unique_for_s": 60, **values})  # type: ignore[arg-type]

        first = await ask()
        assert await ask() == first
        (job,) = await take(conn, worker, kinds=["sales"])
        await finish(conn, job, worker)
        assert await ask() == first
        assert await ask(formats=["pdf"]) != first
        assert await ask(tenant="north") != first
        await conn.execute(
            "update reportd.jobs set finished_at = finished_at - interval '2 minutes' where id = $1", first
        )
        assert await ask() != first

    async def test_a_failed_one_is_made_again(self, conn: Connection, worker: int) -> None:
        first = await jobs.enqueue(conn, "noop", unique_key="mine", unique_for_s=60)
        (job,) = await take(conn, worker)
        await fail(conn, job, worker)
        assert await jobs.enqueue(conn, "noop", unique_key="mine", unique_for_s=60) != first

    async def test_a_window_must_be_one(self, conn: Connection) -> None:
        with pytest.raises(Refused, match=r"unique_for: .* is no window"):
            await jobs.enqueue(conn, "noop", unique_for_s=-1)
