"""Workers: their lease, and what becomes of a dead one's jobs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from reportd.db import jobs, workers
from reportd.db.queries import Connection
from reportd.db.workers import Suspect
from tests.conftest import Eventually
from tests.integration.db.desk import count, finish, order, register, take


async def expire(conn: Connection, worker: int) -> None:
    await conn.execute(
        "update reportd.workers set lease_until = clock_timestamp() - interval '1 s' where id = $1", worker
    )


async def suspects(conn: Connection, *, horizon_s: float) -> list[Suspect]:
    return await workers.suspects(conn, host="here", boot_id="boot", pid_namespace="pid:[1]", horizon_s=horizon_s)


async def late(conn: Connection) -> list[int]:
    return [each.id for each in await suspects(conn, horizon_s=0) if each.late]


async def test_ids_rise_with_every_registration(conn: Connection) -> None:
    assert await register(conn) < await register(conn)


async def test_a_worker_that_only_polls_is_not_told_of_new_jobs(conn: Connection, other: Connection) -> None:
    heard: list[str] = []
    await other.add_listener("reportd_jobs", lambda *notice: heard.append(str(notice[2])))
    await register(conn, waiting=False)
    await order(conn)
    await other.fetchval("select 1")
    assert heard == []
    await register(conn)
    await order(conn)
    await other.fetchval("select 1")
    assert heard == ["reportd_jobs"]


async def test_renew_moves_the_lease_on(conn: Connection, worker: int) -> None:
    await expire(conn, worker)
    assert await workers.renew(conn, worker=worker, lease_s=30, load={"running": 2})
    (row,) = await workers.list_(conn)
    assert row.lease_until > datetime.now(UTC) + timedelta(seconds=20)
    assert await conn.fetchval("select load from reportd.workers") == {"running": 2}


async def test_renew_tells_a_worker_that_it_was_declared_dead(conn: Connection, worker: int) -> None:
    await expire(conn, worker)
    await workers.rescue(conn, worker=worker, crashes_max=3)
    assert not await workers.renew(conn, worker=worker, lease_s=15)


async def test_only_a_lease_that_ran_out_is_expired(conn: Connection, worker: int, eventually: Eventually) -> None:
    dead = await register(conn, lease_s=0.1)

    async def expired() -> list[int]:
        return await late(conn)

    # A lease of 0.1 s: the server has been up for longer.
    assert await eventually(expired) == [dead]
    assert worker != dead


async def test_nobody_expires_within_a_lease_of_the_servers_start(conn: Connection) -> None:
    dead = await register(conn, lease_s=10**6)
    await expire(conn, dead)
    assert await late(conn) == []


async def test_suspects_are_workers_whose_processes_can_be_seen(conn: Connection, worker: int) -> None:
    await register(conn, pid_namespace="pid:[2]")
    await register(conn, host="elsewhere")
    here = await suspects(conn, horizon_s=0)
    assert [(row.id, row.pid, row.process_start, row.here, row.late) for row in here] == [
        (worker, 7, "100", True, False)
    ]
    assert 0 < here[0].left_s <= 15


async def test_a_lease_that_will_run_out_makes_a_suspect(conn: Connection) -> None:
    elsewhere = await register(conn, host="elsewhere", lease_s=10)
    await register(conn, host="elsewhere", lease_s=10**6)
    assert await suspects(conn, horizon_s=5) == []
    assert [(row.id, row.here, row.late) for row in await suspects(conn, horizon_s=11)] == [(elsewhere, False, False)]


async def test_rescue_gives_back_what_the_dead_held_and_no_more(conn: Connection, worker: int) -> None:
    done, lost, kept = await order(conn, 3)
    claimed = await take(conn, worker, demand=2)
    await finish(conn, claimed[0], worker)
    survivor = await register(conn)
    await take(conn, survivor)
    place = (await jobs.get(conn, lost))["run_at"]
    rescued = await workers.rescue(conn, worker=worker, crashes_max=3)
    assert [(job.id, job.attempt, job.outcome) for job in rescued] == [(lost, 1, "pending")]
    row = await jobs.get(conn, lost)
    assert (row["status"], row["worker"], row["crashes"], row["failures"]) == ("pending", None, 1, 0)
    assert row["run_at"] == place
    assert (await jobs.get(conn, done))["status"] == "completed"
    assert (await jobs.get(conn, kept))["status"] == "running"
    assert [row.id for row in await workers.list_(conn)] == [survivor]
    assert [row["worker"] for row in await conn.fetch("select worker from reportd.claims")] == [survivor]
    (tried,) = await jobs.attempts(conn, lost)
    assert (tried["outcome"], tried["worker"], tried["error"]["code"]) == ("crashed", worker, "worker-lost")


async def test_a_rescued_job_runs_again_under_a_new_attempt(conn: Connection, worker: int) -> None:
    await order(conn)
    (zombie,) = await take(conn, worker)
    await workers.rescue(conn, worker=worker, crashes_max=3)
    heir = await register(conn)
    (again,) = await take(conn, heir)
    assert (again.id, again.attempt, again.crashes) == (zombie.id, 2, 1)
    assert not await finish(conn, zombie, worker)
    assert await finish(conn, again, heir)


async def test_a_job_that_keeps_killing_its_workers_is_quarantined(conn: Connection) -> None:
    (poison,) = await order(conn)
    for crash in (1, 2, 3):
        victim = await register(conn)
        await take(conn, victim)
        (rescued,) = await workers.rescue(conn, worker=victim, crashes_max=3)
        assert rescued.outcome == ("failed" if crash == 3 else "pending")
    row = await jobs.get(conn, poison)
    assert (row["status"], row["error"]["code"], row["crashes"], row["failures"]) == ("failed", "crash-loop", 3, 0)
    assert row["finished_at"] is not None
    assert [tried["outcome"] for tried in await jobs.attempts(conn, poison)] == ["crashed"] * 3


async def test_a_job_asked_to_stop_is_not_run_again(conn: Connection, worker: int) -> None:
    (id,) = await order(conn, unique_key="once")
    await take(conn, worker)
    await jobs.cancel(conn, id)
    (rescued,) = await workers.rescue(conn, worker=worker, crashes_max=3)
    assert rescued.outcome == "cancelled"
    assert (await jobs.get(conn, id))["active_key"] is None


async def test_a_rescued_job_keeps_its_unique_key(conn: Connection, worker: int) -> None:
    (id,) = await order(conn, unique_key="once")
    await take(conn, worker)
    await workers.rescue(conn, worker=worker, crashes_max=3)
    assert await order(conn, unique_key="once") == [id]


async def test_rescue_by_two_at_once_happens_once(conn: Connection, other: Connection, worker: int) -> None:
    (id,) = await order(conn)
    await take(conn, worker)
    both = await asyncio.gather(*(workers.rescue(one, worker=worker, crashes_max=3) for one in (conn, other)))
    assert [job.id for rescued in both for job in rescued] == [id]
    assert (await jobs.get(conn, id))["crashes"] == 1


async def test_a_worker_that_renewed_meanwhile_is_not_rescued(conn: Connection) -> None:
    late = await register(conn, lease_s=0.001)
    await order(conn)
    await take(conn, late)
    await expire(conn, late)
    (seen,) = await suspects(conn, horizon_s=0)
    await workers.renew(conn, worker=late, lease_s=15)
    assert await workers.rescue(conn, worker=late, crashes_max=3, lease_until=seen.lease_until) == []
    assert [row.id for row in await workers.list_(conn)] == [late]


async def test_a_claim_under_way_is_seen_by_the_rescue(conn: Connection, other: Connection, worker: int) -> None:
    """The zombie's last claim commits while the rescue begins: its jobs must not be stranded."""
    (id,) = await order(conn)
    slow = other.transaction()
    await slow.start()
    await take(other, worker)
    assert await workers.rescue(conn, worker=worker, crashes_max=3) == []
    await slow.commit()
    assert [job.id for job in await workers.rescue(conn, worker=worker, crashes_max=3)] == [id]


async def test_leave_gives_back_what_is_left_and_forgets_the_worker(conn: Connection, worker: int) -> None:
    first, second = await order(conn, 2)
    claimed = await take(conn, worker)
    await finish(conn, claimed[0], worker)
    await workers.leave(conn, worker=worker)
    row = await jobs.get(conn, second)
    assert (row["status"], row["crashes"], row["failures"]) == ("pending", 0, 0)
    assert (await jobs.get(conn, first))["status"] == "completed"
    assert await count(conn, "workers") == await count(conn, "claims") == 0


async def test_leave_after_having_been_rescued_does_nothing(conn: Connection, worker: int) -> None:
    await workers.rescue(conn, worker=worker, crashes_max=3)
    await workers.leave(conn, worker=worker)
    assert await count(conn, "workers") == 0


async def test_set_kinds_says_anew_what_can_run(conn: Connection, worker: int) -> None:
    await workers.set_kinds(conn, worker=worker, kinds=["a", "b"])
    (row,) = await workers.list_(conn)
    assert row.kinds == ["a", "b"]
