"""Queues with limits: never more than they allow, tenants in turn, pauses of a queue, a kind or a tenant."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from reportd.db import jobs, kinds, queues
from reportd.db.jobs import Lane
from reportd.db.kinds import KindRow
from reportd.db.queries import Connection
from reportd.errors import Refused
from reportd.job import Job
from tests.conftest import Eventually
from tests.integration.db.conftest import Connect
from tests.integration.db.desk import DEFAULT, fence, finish, order, register, take


async def limit(conn: Connection, **limits: float) -> None:
    """Give the queue `default` these limits."""
    names = ", ".join(limits)
    places = ", ".join(f"${place}" for place in range(1, len(limits) + 1))
    await conn.execute(f"insert into reportd.queues (name, {names}) values ('default', {places})", *limits.values())


async def turns(
    conn: Connection, worker: int, *, demand: int = 10, lane: Lane = DEFAULT, kinds: Sequence[str] = ("noop",)
) -> list[Job]:
    claimed, _ = await jobs.take_turns(
        conn, lane=lane, demand=demand, worker=worker, kinds=kinds, default_timeout_s=300, default_max_attempts=4
    )
    return claimed


async def fill(conn: Connection, count: int, tenant: str | None) -> None:
    await conn.execute(
        "insert into reportd.jobs (kind, tenant) select 'noop', $2 from generate_series(1, $1::integer)", count, tenant
    )


async def test_a_lane_says_whether_its_queue_has_limits(conn: Connection, worker: int) -> None:
    await order(conn)
    assert [lane.limited for lane in await jobs.lanes(conn)] == [False]
    await limit(conn, concurrency=1)
    assert [lane.limited for lane in await jobs.lanes(conn)] == [True]
    # A worker that has not looked yet takes nothing past the limit.
    assert await take(conn, worker) == []


async def test_concurrency_counts_one_daemons_jobs(conn: Connection, worker: int) -> None:
    await limit(conn, concurrency=2)
    await order(conn, 6)
    mine = await turns(conn, worker)
    assert len(mine) == 2
    assert await turns(conn, worker) == []
    assert len(await turns(conn, await register(conn))) == 2
    await finish(conn, mine[0], worker)
    assert len(await turns(conn, worker)) == 1


async def test_concurrency_total_counts_every_daemons_jobs(conn: Connection, worker: int) -> None:
    await limit(conn, concurrency_total=3)
    await order(conn, 6)
    mine = await turns(conn, worker, demand=2)
    other = await register(conn)
    assert len(await turns(conn, other)) == 1
    assert await jobs.release(conn, **fence(mine[0], worker), delay_s=60)
    assert len(await turns(conn, other)) == 1


async def test_a_turn_brings_what_a_claim_brings(conn: Connection, worker: int) -> None:
    await limit(conn, concurrency=5)
    (id,) = await order(conn, kind="sales", params={"period": "today"}, formats=["pdf"], tenant="north")
    (job,) = await turns(conn, worker, kinds=["sales"])
    assert (job.id, job.attempt, job.formats, job.tenant, job.timeout_s) == (id, 1, ("pdf",), "north", 300)
    row = await jobs.get(conn, id)
    assert (row["status"], row["worker"]) == ("running", worker)
    assert await conn.fetchval("select jobs from reportd.claims where id = $1", job.claim_id) == [id]


async def test_a_worker_declared_dead_gets_no_turn(conn: Connection, worker: int) -> None:
    await limit(conn, concurrency=5)
    await order(conn)
    await conn.execute("delete from reportd.workers where id = $1", worker)
    assert await turns(conn, worker) == []


async def test_a_rate_is_kept_and_says_when_it_allows_more(
    conn: Connection, worker: int, eventually: Eventually
) -> None:
    await limit(conn, rate_limit=3, rate_interval_s=0.5)
    await order(conn, 5)
    assert len(await turns(conn, worker)) == 3
    claimed, wait_s = await jobs.take_turns(
        conn, lane=DEFAULT, demand=9, worker=worker, kinds=["noop"], default_timeout_s=1, default_max_attempts=1
    )
    assert claimed == []
    assert wait_s is not None
    assert 0 < wait_s <= 0.5

    async def more() -> int:
        return len(await turns(conn, worker))

    assert await eventually(more, 5) == 2


async def test_concurrency_per_key_counts_one_tenants_jobs(conn: Connection, worker: int) -> None:
    await limit(conn, concurrency_per_key=1)
    await fill(conn, 3, "north")
    await fill(conn, 3, "south")
    await fill(conn, 3, None)
    held = Counter(job.tenant for job in await turns(conn, worker))
    assert held == {"north": 1, "south": 1, None: 3}


async def test_a_small_tenant_waits_no_more_than_one_turn(conn: Connection, worker: int) -> None:
    await limit(conn, concurrency_total=1)
    await fill(conn, 2000, "big")
    await fill(conn, 10, "small")
    seen: list[str | None] = []
    for _ in range(24):
        (job,) = await turns(conn, worker, demand=1)
        seen.append(job.tenant)
        await finish(conn, job, worker)
    assert seen == ["big", "small"] * 10 + ["big"] * 4


async def test_a_batch_is_shared_out_in_turns(conn: Connection, worker: int) -> None:
    await limit(conn, concurrency=100)
    for tenant, count in (("a", 50), ("b", 2), ("c", 50), (None, 50)):
        await fill(conn, count, tenant)
    assert [job.tenant for job in await turns(conn, worker, demand=7)] == ["a", "b", "c", None, "a", "b", "c"]
    assert [job.tenant for job in await turns(conn, worker, demand=4)] == [None, "a", "c", None]


async def test_a_tenant_whose_jobs_come_later_does_not_hold_up_the_others(conn: Connection, worker: int) -> None:
    await limit(conn, concurrency=100)
    await fill(conn, 2, "a")
    await conn.execute("update reportd.jobs set run_at = run_at + interval '1 hour'")
    await fill(conn, 2, "b")
    assert [job.tenant for job in await turns(conn, worker)] == ["b", "b"]


async def test_four_claimers_never_pass_a_limit(conn: Connection, connect: Connect) -> None:
    await limit(conn, concurrency=3, concurrency_total=7, concurrency_per_key=2)
    for tenant in "abcdef":
        await fill(conn, 12, tenant)
    most = Counter({"total": 0, "tenant": 0, "held": 0})
    done: list[int] = []

    async def claimer() -> None:
        mine = await connect()
        me = await register(mine)
        held: list[Job] = []
        while len(done) < 72:
            held += await turns(mine, me, demand=2)
            # What a snapshot shows did hold at one moment.
            seen = await mine.fetch("select tenant, count(*) from reportd.jobs where status = 'running' group by 1")
            most["total"] = max(most["total"], sum(count for _, count in seen))
            most["tenant"] = max(most["tenant"], *(count for _, count in seen), 0)
            most["held"] = max(most["held"], len(held))
            if held:
                job = held.pop(0)
                assert await finish(mine, job, me)
                done.append(job.id)

    async with asyncio.timeout(30):
        await asyncio.gather(*(claimer() for _ in range(4)))
    assert len(set(done)) == 72
    assert (most["total"], most["tenant"], most["held"]) == (7, 2, 3)


@pytest.mark.parametrize("limited", [False, True])
async def test_a_paused_kind_or_tenant_waits_and_the_others_go_on(conn: Connection, worker: int, limited: bool) -> None:
    await kinds.upsert(conn, [KindRow("other", "task", "Other", "1")], worker=0)
    if limited:
        await limit(conn, concurrency=100)
    claim = turns if limited else take
    await order(conn, kind="other")
    await order(conn, tenant="north")
    await order(conn, tenant="south")
    await queues.pause(conn, kind="other", tenant="north")
    claimed = await claim(conn, worker, kinds=["noop", "other"])
    assert [(job.kind, job.tenant) for job in claimed] == [("noop", "south")]
    await queues.resume(conn, kind="other")
    assert [job.kind for job in await claim(conn, worker, kinds=["noop", "other"])] == ["other"]
    await queues.resume(conn, tenant="north")
    assert [job.tenant for job in await claim(conn, worker, kinds=["noop", "other"])] == ["north"]


async def test_pause_of_an_unknown_kind_names_the_nearest(conn: Connection) -> None:
    with pytest.raises(Refused, match=r'kind: "nop" is unknown.*Did you mean "noop"'):
        await queues.pause(conn, kind="nop")
    with pytest.raises(Refused, match="Name a queue, a kind or a tenant"):
        await queues.pause(conn)


async def test_old_starts_are_forgotten_but_whose_turn_was_last(conn: Connection, worker: int) -> None:
    await limit(conn, rate_limit=100, rate_interval_s=3600)
    await fill(conn, 3, "a")
    await fill(conn, 3, "b")
    for _ in range(3):
        await turns(conn, worker, demand=1)
    await conn.execute("update reportd.starts set at = at - interval '10 minutes'")
    await queues.fold(conn)
    assert await conn.fetchval("select sum(jobs) from reportd.starts") == 3
    await conn.execute("update reportd.starts set at = at - interval '2 hours'")
    await queues.fold(conn)
    assert [row["tenant"] for row in await conn.fetch("select tenant from reportd.starts")] == ["a"]
