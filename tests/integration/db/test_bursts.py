"""Parents and children: ordered once, counted, completed with the last, cancelled together."""

from __future__ import annotations

import pytest

from reportd.db import bursts, jobs
from reportd.db.queries import Connection
from reportd.errors import Refused
from reportd.job import Child, Job
from tests.integration.db.desk import ERROR, count, fence, finish, order, take

CHILDREN = (Child({"n": 1}, formats=("pdf",), name="One", deliver=("file:1/",)), Child({"n": 2}))


@pytest.fixture(autouse=True)
async def kinds(conn: Connection) -> None:
    await conn.execute("update reportd.kinds set params_schema = '{}', formats = '{pdf}' where name = 'noop'")


async def divided(conn: Connection, worker: int, *children: Child) -> Job:
    await order(conn, requested_by="ann", tenant="acme")
    (job,) = await take(conn, worker)
    assert await bursts.divide(conn, **fence(job, worker), children=children)
    return job


async def test_a_parent_waits_blocked_without_a_worker(conn: Connection, worker: int) -> None:
    job = await divided(conn, worker, *CHILDREN)
    row = await jobs.get(conn, job.id)
    assert (row["status"], row["worker"], row["step"]) == ("blocked", None, "waiting-for-children")
    assert await count(conn, "claims") == 0
    assert (await jobs.why(conn, job.id))["waits_for"] == "children"


async def test_children_are_jobs_of_the_same_kind_with_their_own_values(conn: Connection, worker: int) -> None:
    job = await divided(conn, worker, *CHILDREN)
    one, two = await take(conn, worker)
    assert (one.kind, one.params, one.formats, one.name, one.deliver) == (
        "noop",
        {"n": 1},
        ("pdf",),
        "One",
        ("file:1/",),
    )
    assert (two.params, two.formats, two.parent_id, two.requested_by, two.tenant) == (
        {"n": 2},
        (),
        job.id,
        "ann",
        "acme",
    )


async def test_a_second_division_orders_nothing_again(conn: Connection, worker: int) -> None:
    job = await divided(conn, worker, *CHILDREN)
    await conn.execute("select reportd.release($1)", job.id)
    again = next(each for each in await take(conn, worker) if each.id == job.id)
    assert not await bursts.divide(conn, **fence(job, worker), children=CHILDREN), "the fence holds"
    assert await bursts.divide(conn, **fence(again, worker), children=CHILDREN)
    assert await count(conn, "jobs") == 3


async def test_a_child_that_the_trigger_refuses_takes_the_others_along(conn: Connection, worker: int) -> None:
    await order(conn)
    (job,) = await take(conn, worker)
    with pytest.raises(Exception, match="formats") as caught:
        async with conn.transaction():
            await bursts.divide(conn, **fence(job, worker), children=(*CHILDREN, Child({}, formats=("docx",))))
    assert not isinstance(caught.value, Refused)
    assert (await jobs.get(conn, job.id))["status"] == "running"
    assert await count(conn, "jobs") == 1


async def test_a_parent_completes_with_its_last_child_whatever_became_of_them(conn: Connection, worker: int) -> None:
    job = await divided(conn, worker, *CHILDREN)
    one, two = await take(conn, worker)
    assert await bursts.gather(conn) == []
    await finish(conn, one, worker)
    assert await bursts.gather(conn) == []
    row = await jobs.get(conn, job.id)
    assert (row["percent"], row["message"]) == (54, "1 of 2 documents")
    await jobs.fail(conn, **fence(two, worker, error=ERROR, crashed=False))
    counts = {"children": 2, "completed": 1, "failed": 1, "cancelled": 0}
    assert await bursts.gather(conn) == [{"id": job.id, "result": counts}]
    row = await jobs.get(conn, job.id)
    assert (row["status"], row["percent"], row["result"]) == ("completed", 100, counts)
    assert await bursts.gather(conn) == []
    assert await count(conn, "checkpoints") == 0


async def test_a_burst_without_rows_is_completed_at_once(conn: Connection, worker: int) -> None:
    job = await divided(conn, worker)
    ((done),) = await bursts.gather(conn)
    assert (done["id"], done["result"]["children"]) == (job.id, 0)


async def test_who_waits_for_a_parent_goes_on_with_its_end(conn: Connection, worker: int) -> None:
    job = await divided(conn, worker)
    waiting = await conn.fetchval(
        "insert into reportd.jobs (kind, depends_on) values ('noop', $1) returning id", [job.id]
    )
    assert (await jobs.get(conn, waiting))["status"] == "blocked"
    await bursts.gather(conn)
    assert (await jobs.get(conn, waiting))["status"] == "pending"


async def test_children_of_a_cancelled_parent_are_cancelled(conn: Connection, worker: int) -> None:
    job = await divided(conn, worker, *CHILDREN)
    (running,) = await take(conn, worker, demand=1)
    assert await jobs.cancel(conn, job.id) == "cancelled"
    assert await bursts.abandon(conn) == 2
    statuses = await conn.fetch(
        "select status, cancel_requested_at from reportd.jobs where parent_id = $1 order by id", job.id
    )
    assert [row["status"] for row in statuses] == ["running", "cancelled"]
    assert all(row["cancel_requested_at"] for row in statuses)
    await jobs.cancelled(conn, **fence(running, worker))
    await bursts.gather(conn)
    assert await count(conn, "checkpoints") == 0
    assert (await jobs.get(conn, job.id))["status"] == "cancelled"


async def test_a_child_that_is_retried_after_its_parent_was_cancelled_stays(conn: Connection, worker: int) -> None:
    job = await divided(conn, worker, *CHILDREN)
    await jobs.cancel(conn, job.id)
    assert await bursts.abandon(conn) == 2
    child = await conn.fetchval("select min(id) from reportd.jobs where parent_id = $1", job.id)
    assert await jobs.retry(conn, child) == "pending"
    assert await bursts.abandon(conn) == 0
    assert (await jobs.get(conn, child))["status"] == "pending"
