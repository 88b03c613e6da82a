"""How an attempt ends: what each outcome writes, and that the fence keeps everything else out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from reportd.db import artifacts, jobs
from reportd.db.queries import Connection
from reportd.job import Artifact, Delivery, Job
from tests.conftest import Eventually
from tests.integration.db.desk import ERROR, count, fence, finish, order, take

PDF = Artifact("pdf", "sales.pdf", "file:///store/1", "application/pdf", 1234, "a" * 64, rows=30, pages=2)
CSV = Artifact("csv", "sales.csv", "file:///store/2", "text/csv", 99, "b" * 64, rows=30)
USAGE = {"cpu_s": 1.5, "peak_bytes": 4096, "steps_s": {"fetching-data": 0.5}}

Outcome = Callable[[Connection, Job, int], Awaitable[bool]]


async def retry(conn: Connection, job: Job, worker: int) -> bool:
    return await jobs.retry_later(conn, **fence(job, worker), error=ERROR, delay_s=60, crashed=False)


async def fail(conn: Connection, job: Job, worker: int) -> bool:
    return await jobs.fail(conn, **fence(job, worker), error=ERROR, crashed=False)


async def cancelled(conn: Connection, job: Job, worker: int) -> bool:
    return await jobs.cancelled(conn, **fence(job, worker))


async def release(conn: Connection, job: Job, worker: int) -> bool:
    return await jobs.release(conn, **fence(job, worker), delay_s=0)


async def complete(conn: Connection, job: Job, worker: int) -> bool:
    return await finish(conn, job, worker, artifacts=[PDF], deliveries=[Delivery("file", "x")])


async def begin(conn: Connection, job: Job, worker: int) -> bool:
    return await jobs.begin(conn, id=job.id, worker=worker, attempt=job.attempt, params_resolved={"a": 1})


async def progress(conn: Connection, job: Job, worker: int) -> bool:
    return await jobs.progress(conn, id=job.id, worker=worker, attempt=job.attempt, step="building-report", percent=40)


async def brief(conn: Connection, job: Job, worker: int) -> bool:
    return await jobs.complete_brief(conn, worker=worker, jobs=[(job.id, job.attempt)]) == [job.id]


@pytest.fixture
async def job(conn: Connection, worker: int) -> Job:
    """A claimed job."""
    await order(conn)
    (job,) = await take(conn, worker)
    return job


async def test_begin_starts_the_clock_and_keeps_the_first_resolution(conn: Connection, job: Job, worker: int) -> None:
    assert await begin(conn, job, worker)
    started = (await jobs.get(conn, job.id))["started_at"]
    assert await jobs.begin(conn, id=job.id, worker=worker, attempt=1, params_resolved={"a": 2})
    row = await jobs.get(conn, job.id)
    assert (row["step"], row["percent"], row["params_resolved"]) == ("initializing", 0, {"a": 1})
    assert row["started_at"] == started


async def test_progress_is_seen(conn: Connection, job: Job, worker: int) -> None:
    await jobs.progress(conn, id=job.id, worker=worker, attempt=1, step="fetching-data", percent=10, message="2 of 3")
    row = await jobs.get(conn, job.id)
    assert (row["status"], row["step"], row["percent"], row["message"]) == ("running", "fetching-data", 10, "2 of 3")


async def test_complete_commits_files_deliveries_and_attempt_together(conn: Connection, job: Job, worker: int) -> None:
    await begin(conn, job, worker)
    to = [Delivery("file", "sales/"), Delivery("file", "sales/"), Delivery("file", "board/")]
    assert await finish(conn, job, worker, artifacts=[PDF, CSV], deliveries=to, result={"rows": 30}, usage=USAGE)
    row = await jobs.get(conn, job.id)
    assert (row["status"], row["percent"], row["step"], row["result"]) == ("completed", 100, None, {"rows": 30})
    assert row["finished_at"] >= row["started_at"]
    files = await artifacts.of_job(conn, job.id)
    assert [(file.format, file.bytes, file.rows, file.pages, file.attempt) for file in files] == [
        ("pdf", 1234, 30, 2, 1),
        ("csv", 99, 30, None, 1),
    ]
    ledger = await conn.fetch("select * from reportd.deliveries order by target")
    assert [(entry["target"], entry["status"]) for entry in ledger] == [("board/", "pending"), ("sales/", "pending")]
    sent = await conn.fetch("select kind, status, parent_id, params from reportd.jobs where id <> $1", job.id)
    assert {(order["kind"], order["status"], order["parent_id"]) for order in sent} == {("deliver", "pending", job.id)}
    assert {order["params"]["delivery_id"] for order in sent} == {entry["id"] for entry in ledger}
    (tried,) = await jobs.attempts(conn, job.id)
    assert (tried["outcome"], tried["cpu_s"], tried["peak_bytes"], tried["steps_s"]) == (
        "completed",
        1.5,
        4096,
        {"fetching-data": 0.5},
    )


async def test_a_completion_that_the_database_refuses_leaves_nothing(conn: Connection, job: Job, worker: int) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await finish(conn, job, worker, artifacts=[PDF, PDF], deliveries=[Delivery("file", "x")])
    assert (await jobs.get(conn, job.id))["status"] == "running"
    for table in ("artifacts", "deliveries", "attempts", "tallies"):
        assert await count(conn, table) == 0
    assert await finish(conn, job, worker)


async def test_complete_without_deliveries_wakes_nobody(conn: Connection, job: Job, worker: int) -> None:
    """NOTIFY takes a lock of the whole server: a completion must not pay for it."""
    heard: list[str] = []
    await conn.add_listener("reportd_jobs", lambda *told: heard.append(str(told[2])))
    await finish(conn, job, worker, artifacts=[PDF])
    await conn.fetchval("select 1")
    assert heard == []
    await conn.execute("insert into reportd.jobs (kind) values ('noop')")
    await conn.fetchval("select 1")
    assert heard == ["reportd_jobs"]


async def test_complete_brief_ends_many_and_writes_no_attempt_for_a_first_try(conn: Connection, worker: int) -> None:
    ids = await order(conn, 3)
    claimed = await take(conn, worker)
    pairs = [(job.id, job.attempt) for job in claimed]
    assert sorted(await jobs.complete_brief(conn, worker=worker, jobs=pairs)) == ids
    assert await count(conn, "claims") == 1
    emptied = {job.claim_id for job in claimed if job.claim_id}
    assert await jobs.complete_brief(conn, worker=worker, jobs=pairs, emptied=emptied) == []
    assert {(await jobs.get(conn, id))["status"] for id in ids} == {"completed"}
    assert await count(conn, "attempts") == 0
    assert await count(conn, "claims") == 0


async def test_complete_brief_writes_an_attempt_for_a_later_try(conn: Connection, job: Job, worker: int) -> None:
    await release(conn, job, worker)
    (again,) = await take(conn, worker)
    assert again.attempt == 2
    assert await brief(conn, again, worker)
    assert [(tried["attempt"], tried["outcome"]) for tried in await jobs.attempts(conn, job.id)] == [
        (1, "released"),
        (2, "completed"),
    ]


async def test_complete_brief_leaves_out_what_has_another_attempt(conn: Connection, worker: int) -> None:
    first, second = await order(conn, 2)
    await take(conn, worker)
    assert await jobs.complete_brief(conn, worker=worker, jobs=[(first, 1), (second, 2)]) == [first]


async def test_a_failure_waits_and_counts(conn: Connection, job: Job, worker: int) -> None:
    await begin(conn, job, worker)
    assert await retry(conn, job, worker)
    row = await jobs.get(conn, job.id)
    assert (row["status"], row["failures"], row["crashes"], row["error"]) == ("pending", 1, 0, ERROR)
    assert (row["worker"], row["step"], row["started_at"]) == (None, None, None)
    assert 55 < (row["run_at"] - row["created_at"]).total_seconds() < 70
    assert row["params_resolved"] == {"a": 1}
    assert await take(conn, worker) == []


async def test_a_crash_has_a_budget_of_its_own(conn: Connection, job: Job, worker: int) -> None:
    await jobs.retry_later(conn, **fence(job, worker), error=ERROR, delay_s=0, crashed=True)
    row = await jobs.get(conn, job.id)
    assert (row["failures"], row["crashes"]) == (0, 1)
    (again,) = await take(conn, worker)
    await jobs.fail(conn, **fence(again, worker), error=ERROR, crashed=True)
    row = await jobs.get(conn, job.id)
    assert (row["failures"], row["crashes"], row["status"]) == (0, 2, "failed")
    assert [tried["outcome"] for tried in await jobs.attempts(conn, job.id)] == ["crashed", "crashed"]


async def test_a_final_failure_keeps_its_error_and_how_far_it_got(conn: Connection, job: Job, worker: int) -> None:
    await progress(conn, job, worker)
    assert await fail(conn, job, worker)
    row = await jobs.get(conn, job.id)
    assert (row["status"], row["error"], row["failures"]) == ("failed", ERROR, 1)
    assert (row["step"], row["percent"]) == ("building-report", 40)


async def test_a_release_spends_nothing_and_keeps_the_place(conn: Connection, job: Job, worker: int) -> None:
    before = await jobs.get(conn, job.id)
    assert await release(conn, job, worker)
    row = await jobs.get(conn, job.id)
    assert (row["status"], row["failures"], row["crashes"], row["attempt"]) == ("pending", 0, 0, 1)
    assert row["run_at"] == before["run_at"]


async def test_a_release_with_a_delay_waits_and_says_why(conn: Connection, job: Job, worker: int) -> None:
    full = {**ERROR, "code": "store-full"}
    await jobs.release(conn, **fence(job, worker), delay_s=60, error=full)
    row = await jobs.get(conn, job.id)
    assert (row["error"], row["failures"]) == (full, 0)
    assert await jobs.lanes(conn) == []


@pytest.mark.parametrize("outcome", [retry, release])
async def test_a_job_asked_to_stop_does_not_go_back(conn: Connection, job: Job, worker: int, outcome: Outcome) -> None:
    assert await jobs.cancel(conn, job.id) == "running"
    assert await outcome(conn, job, worker)
    assert (await jobs.get(conn, job.id))["status"] == "cancelled"


@pytest.mark.parametrize("outcome", [complete, retry, fail, cancelled, release, brief, begin, progress])
@pytest.mark.parametrize("change", ["attempt", "worker", "ready", "finished"])
async def test_the_fence_stops_every_write(
    conn: Connection, job: Job, worker: int, outcome: Outcome, change: str
) -> None:
    await conn.execute(
        {
            "attempt": "update reportd.jobs set attempt = attempt + 1",
            "worker": "update reportd.jobs set worker = worker + 1",
            "ready": "update reportd.jobs set ready = true, worker = null",
            "finished": "update reportd.jobs set outcome = 'cancelled', finished_at = now()",
        }[change]
    )
    before = await jobs.get(conn, job.id)
    assert not await outcome(conn, job, worker)
    assert await jobs.get(conn, job.id) == before
    for table in ("artifacts", "deliveries", "attempts", "tallies"):
        assert await count(conn, table) == 0


@pytest.mark.parametrize("outcome", [complete, retry, fail, cancelled, release])
async def test_a_claim_goes_with_its_last_job(conn: Connection, worker: int, outcome: Outcome) -> None:
    await order(conn, 2)
    first, second = await take(conn, worker)
    await outcome(conn, first, worker)
    assert await conn.fetchval("select jobs from reportd.claims") == [second.id]
    await finish(conn, second, worker)
    assert await count(conn, "claims") == 0


async def test_two_ends_of_one_batch_at_once_leave_no_claim(
    conn: Connection, other: Connection, worker: int, eventually: Eventually
) -> None:
    await order(conn, 2)
    first, second = await take(conn, worker)
    slow = other.transaction()
    await slow.start()
    await finish(other, first, worker)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(finish(conn, second, worker))
        await eventually(lambda: blocked(other))
        await slow.commit()
    assert waiting.result()
    assert await count(conn, "claims") == 0


async def blocked(conn: Connection) -> bool:
    """Whether somebody waits for a lock that `conn` holds."""
    return bool(
        await conn.fetchval(
            "select exists (select from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid)))"
        )
    )


async def test_interrupted_tells_cancelled_from_fenced(conn: Connection, worker: int) -> None:
    running, asked, lost = await order(conn, 3)
    claimed = {job.id: job for job in await take(conn, worker)}
    await jobs.cancel(conn, asked)
    await release(conn, claimed[lost], worker)
    pairs = [(running, 1), (asked, 1), (lost, 1), (10**9, 1)]
    assert sorted(await jobs.interrupted(conn, worker=worker, jobs=pairs)) == [
        ((asked, 1), "cancelled"),
        ((lost, 1), "fenced"),
        ((10**9, 1), "fenced"),
    ]


async def test_settled_knows_what_this_attempt_has_written(conn: Connection, job: Job, worker: int) -> None:
    ours = {"id": job.id, "worker": worker, "attempt": job.attempt}
    assert not await jobs.settled(conn, **ours)
    await finish(conn, job, worker)
    assert await jobs.settled(conn, **ours)
    assert not await jobs.settled(conn, **{**ours, "worker": worker + 1})


async def test_give_back_returns_what_the_worker_does_not_know_of(conn: Connection, worker: int) -> None:
    known, unknown = await order(conn, 2)
    await take(conn, worker)
    assert await jobs.give_back(conn, worker=worker, known=[known]) == [unknown]
    row = await jobs.get(conn, unknown)
    assert (row["status"], row["attempt"], row["failures"]) == ("pending", 1, 0)
    assert (await jobs.get(conn, known))["status"] == "running"
    assert await conn.fetchval("select jobs from reportd.claims") == [known]


async def test_unfinished_names_the_latest_attempt(conn: Connection, worker: int) -> None:
    first, second = await order(conn, 2)
    claimed = await take(conn, worker, demand=1)
    assert await jobs.unfinished(conn, ids=[first, second, 10**9]) == {first: 1, second: 0}
    await finish(conn, claimed[0], worker)
    assert await jobs.unfinished(conn, ids=[first, second]) == {second: 0}


async def test_errors_of_any_text_can_be_written(conn: Connection, job: Job, worker: int) -> None:
    strange = {**ERROR, "message": "nul \x00, a lone \ud800, and a literal \\u0000"}
    await jobs.fail(conn, **fence(job, worker), error=strange, crashed=False)
    message = (await jobs.get(conn, job.id))["error"]["message"]
    assert message == "nul \ufffd, a lone ?, and a literal \\u0000"


async def test_an_applications_own_trigger_sees_the_status(conn: Connection, job: Job, worker: int) -> None:
    await conn.execute("""
        create table public.told (job bigint, status text);
        create function public.tell() returns trigger language plpgsql as $$
        begin
          insert into public.told values (new.id, new.status);
          return null;
        end $$;
        create trigger application after update on reportd.jobs for each row
          when (new.status in ('completed', 'failed')) execute function public.tell();
    """)
    try:
        assert await complete(conn, job, worker)
        [told] = await conn.fetch("select job, status from public.told")
        assert tuple(told) == (job.id, "completed")
    finally:
        await conn.execute(
            "drop trigger application on reportd.jobs; drop function public.tell; drop table public.told"
        )


@pytest.mark.parametrize(
    "broken",
    [
        "outcome = 'completed'",
        "outcome = 'done', finished_at = now()",
        "outcome = 'failed', finished_at = now(), error = null",
        "outcome = 'completed', finished_at = now(), ready = true",
        "finished_at = now()",
        "ready = true",
        "active_key = 'another'",
        "unique_key = 'mine', active_key = 'mine', outcome = 'completed', finished_at = now()",
    ],
)
async def test_a_state_that_the_protocol_does_not_know_is_refused(conn: Connection, job: Job, broken: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="jobs_state"):
        await conn.execute(f"update reportd.jobs set {broken} where id = $1", job.id)
