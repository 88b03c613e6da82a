"""Claiming: which jobs, in which order, for whom."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from reportd.db import jobs, kinds, queues
from reportd.db.jobs import Lane
from reportd.db.kinds import KindRow
from reportd.db.queries import Connection
from tests.integration.db.desk import DEFAULT, count, look, order, register, take

SOON = timedelta(hours=1)


async def test_claim_takes_the_oldest_first_up_to_its_demand(conn: Connection, worker: int) -> None:
    ids = await order(conn, 3)
    claimed = await take(conn, worker, demand=2)
    assert [job.id for job in claimed] == ids[:2]
    assert [(job.attempt, job.failures, job.crashes) for job in claimed] == [(1, 0, 0)] * 2
    row = await jobs.get(conn, ids[0])
    assert (row["status"], row["worker"], row["ready"]) == ("running", worker, False)
    assert (await jobs.get(conn, ids[2]))["status"] == "pending"


async def test_a_batch_has_one_claims_row(conn: Connection, worker: int) -> None:
    ids = await order(conn, 3)
    claimed = await take(conn, worker)
    rows = await conn.fetch("select id, worker, jobs from reportd.claims")
    assert [(row["worker"], row["jobs"]) for row in rows] == [(worker, ids)]
    assert {job.claim_id for job in claimed} == {rows[0]["id"]}


async def test_an_empty_claim_leaves_no_trace(conn: Connection, worker: int) -> None:
    assert await take(conn, worker) == []
    assert await count(conn, "claims") == 0


async def test_claim_skips_a_job_locked_by_another_worker(conn: Connection, other: Connection, worker: int) -> None:
    first, second = await order(conn, 2)
    async with other.transaction():
        await other.execute("select from reportd.jobs where id = $1 for update", first)
        async with asyncio.timeout(5):
            assert [job.id for job in await take(conn, worker)] == [second]


async def test_claimers_never_share_a_job(conn: Connection, other: Connection, worker: int) -> None:
    ids = await order(conn, 60)
    rival = await register(other)

    async def drain(connection: Connection, me: int) -> list[int]:
        taken: list[int] = []
        while batch := await take(connection, me, demand=3):
            taken += [job.id for job in batch]
        return taken

    mine, theirs = await asyncio.gather(drain(conn, worker), drain(other, rival))
    assert sorted(mine + theirs) == ids


async def test_run_at_in_the_future_waits(conn: Connection, worker: int) -> None:
    await order(conn, run_at=datetime.now(UTC) + SOON)
    assert await jobs.lanes(conn) == []
    assert await take(conn, worker) == []


async def test_run_at_in_the_past_counts_as_now(conn: Connection) -> None:
    (id,) = await order(conn, run_at=datetime(2020, 1, 1, tzinfo=UTC))
    row = await jobs.get(conn, id)
    assert row["run_at"] >= row["created_at"]


async def test_age_is_run_at_then_id(conn: Connection, worker: int) -> None:
    first, second, third = await order(conn, 3)
    await conn.execute("update reportd.jobs set run_at = run_at + interval '1 ms' where id = $1", first)
    await conn.execute(
        "update reportd.jobs set run_at = (select run_at from reportd.jobs where id = $1) where id = $2", third, second
    )
    await conn.execute("update reportd.jobs set run_at = clock_timestamp() where id = $1", first)
    assert [job.id for job in await take(conn, worker)] == [second, third, first]


async def test_lanes_come_best_first_and_only_with_due_jobs(conn: Connection) -> None:
    await order(conn, queue="mail")
    await order(conn, priority=5)
    await order(conn, priority=-5)
    await order(conn, queue="later", run_at=datetime.now(UTC) + SOON)
    lanes = await jobs.lanes(conn)
    assert lanes == [Lane("default", 5), Lane("mail", 0), Lane("default", -5)]
    assert all(lane.oldest for lane in lanes)


async def test_lanes_of_one_priority_start_with_the_longest_waiting(conn: Connection) -> None:
    await order(conn, queue="zebra")
    await order(conn, queue="ant")
    assert [lane.queue for lane in await jobs.lanes(conn)] == ["zebra", "ant"]


async def test_a_paused_queue_is_neither_a_lane_nor_claimed(conn: Connection, worker: int) -> None:
    await order(conn)
    await queues.pause(conn, "default")
    assert await jobs.lanes(conn) == []
    assert await take(conn, worker) == []
    await queues.resume(conn, "default")
    assert len(await take(conn, worker)) == 1


async def test_claim_takes_only_kinds_that_the_worker_has(conn: Connection, worker: int) -> None:
    (other_kind,) = await order(conn, kind="sales", params={"period": "today"})
    (mine,) = await order(conn)
    assert [job.id for job in await take(conn, worker)] == [mine]
    assert (await jobs.get(conn, other_kind))["status"] == "pending"


async def test_a_worker_declared_dead_claims_nothing(conn: Connection, worker: int) -> None:
    await order(conn)
    await conn.execute("delete from reportd.workers where id = $1", worker)
    assert await take(conn, worker) == []


@pytest.mark.parametrize(
    ("own", "of_kind", "of_queue", "expected"),
    [
        ({"timeout_s": 5, "max_attempts": 9}, (7, 2), (8, 3), (5, 9)),
        ({}, (7, 2), (8, 3), (7, 2)),
        ({}, (None, None), (8, 3), (8, 3)),
        ({}, (None, None), (None, None), (300, 4)),
    ],
)
async def test_limits_are_the_jobs_else_the_kinds_else_the_queues_else_the_default(
    conn: Connection,
    worker: int,
    own: dict[str, int],
    of_kind: tuple[int | None, int | None],
    of_queue: tuple[int | None, int | None],
    expected: tuple[int, int],
) -> None:
    row = KindRow("noop", "task", "Nothing", "2", timeout_s=of_kind[0], max_attempts=of_kind[1])
    await kinds.upsert(conn, [row], worker=worker)
    await conn.execute(
        "insert into reportd.queues (name, timeout_s, max_attempts) values ('default', $1, $2)", *of_queue
    )
    await order(conn, **own)
    (job,) = await take(conn, worker)
    assert (job.timeout_s, job.max_attempts) == expected


async def test_a_claimed_job_carries_what_was_ordered(conn: Connection, worker: int) -> None:
    await jobs.enqueue(
        conn,
        "sales",
        {"period": "last month"},
        formats=["pdf", "csv"],
        name="For the board",
        deliver=["file:sales/"],
        requested_by="ann",
        department="finance",
        tenant="acme",
        metadata={"ticket": 7},
        priority=3,
    )
    (job,) = await take(conn, worker, lane=Lane("default", 3), kinds=["sales"])
    assert (job.params, job.formats, job.name) == ({"period": "last month"}, ("pdf", "csv"), "For the board")
    assert (job.deliver, job.requested_by, job.department, job.tenant) == (("file:sales/",), "ann", "finance", "acme")
    assert (job.metadata, job.priority, job.queue) == ({"ticket": 7}, 3, "default")


async def test_claim_goes_on_from_a_hint(conn: Connection, worker: int) -> None:
    first, second = await order(conn, 2)
    row = await jobs.get(conn, second)
    assert [job.id for job in await take(conn, worker, after=(row["run_at"], second))] == [second]
    assert [job.id for job in await take(conn, worker)] == [first]


async def test_a_scan_tells_how_far_it_saw(conn: Connection, worker: int) -> None:
    await order(conn, 3)
    claimed, scan = await look(conn, worker, demand=2)
    assert (scan.full, scan.reached) == (True, (claimed[-1].run_at, claimed[-1].id))
    claimed, scan = await look(conn, worker, demand=2)
    assert (len(claimed), scan.full) == (1, False)
    assert scan.reached[0] >= claimed[-1].run_at
    claimed, scan = await look(conn, worker, demand=2)
    assert (claimed, scan.last, scan.full) == ([], None, False)


async def test_a_hint_that_waits_for_open_transactions_leaves_nothing_behind(
    conn: Connection, other: Connection, worker: int
) -> None:
    """A producer that commits late: its row lies behind rows already claimed, and is found from the same hint."""
    slow = other.transaction()
    await slow.start()
    late = await jobs.enqueue(other, "noop")
    await order(conn, 2)
    claimed, first = await look(conn, worker)
    assert len(claimed) == 2
    # The open producer holds the hint back: some transaction below xmax has not ended.
    _, second = await look(conn, worker)
    assert second.xmin < first.xmax
    await slow.commit()
    # Only a scan that began after that, from the old hint, proves what lies behind the new one.
    claimed, third = await look(conn, worker)
    assert third.xmin >= first.xmax
    assert [job.id for job in claimed] == [late]


async def test_no_insert_can_fall_behind_a_snapshot_taken_before_it(conn: Connection, other: Connection) -> None:
    """A transaction that has begun but written nothing has no id; its rows must not be dated back to its begin."""
    waiting = other.transaction()
    await waiting.start()
    await other.fetchval("select now()")
    (early,) = await order(conn)
    late = await jobs.enqueue(other, "noop", run_at=datetime(2020, 1, 1, tzinfo=UTC))
    await waiting.commit()
    assert (await jobs.get(conn, late))["run_at"] > (await jobs.get(conn, early))["run_at"]


async def test_lanes_tell_when_a_job_came_back_behind_a_hint(conn: Connection, worker: int) -> None:
    first, second = await order(conn, 2)
    claimed = await take(conn, worker)
    await jobs.release(conn, id=first, worker=worker, attempt=1, claim=claimed[0].claim_id, delay_s=0, usage=None)
    (lane,) = await jobs.lanes(conn)
    assert lane == DEFAULT
    assert lane.oldest is not None
    assert lane.oldest < (await jobs.get(conn, second))["run_at"]


async def test_a_number_of_any_length_is_claimed_like_all_others(conn: Connection, worker: int) -> None:
    """Python reads no whole number of more than 4,300 digits: a claim that failed on one would fail for ever."""
    await order(conn, 1)
    await conn.execute("update reportd.jobs set metadata = '{\"n\": 1e5000}'")
    await order(conn, 1)
    assert [job.metadata.get("n") for job in await take(conn, worker)] == [Decimal("1e5000"), None]
