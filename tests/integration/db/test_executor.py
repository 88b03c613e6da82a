"""The executor against a real database: brief jobs that wait, hang, are stopped, or never get to begin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from reportd.db import jobs
from reportd.db.pool import Pool, create_pool
from reportd.db.queries import Connection
from reportd.job import Artifact, Backoff, Completed, Job
from reportd.progress import Progress
from reportd.queue.executor import Executor, Policy, Reason
from reportd.queue.watcher import Watcher
from tests.conftest import Eventually
from tests.integration.db.desk import fence, order, take


@dataclass
class Waiting:
    """A brief kind whose jobs wait until they are let go."""

    name: str = "noop"
    brief: bool = True
    go: asyncio.Event = field(default_factory=asyncio.Event)
    begun: list[int] = field(default_factory=list)

    def resolve(self, job: Job) -> Mapping[str, Any] | None:
        return None

    async def run(self, job: Job, progress: Progress) -> Completed:
        self.begun.append(job.id)
        await self.go.wait()
        return Completed()

    async def discard(self, artifacts: tuple[Artifact, ...]) -> None:
        """Nothing is ever stored."""

    async def forget(self, job: Job) -> None:
        """Nothing is ever kept."""


@dataclass(frozen=True)
class Desk:
    """An executor with one kind, and the task group that its attempts are tasks of."""

    executor: Executor
    kind: Waiting
    group: asyncio.TaskGroup
    pool: Pool

    def start(self, *claimed: Job) -> None:
        for job in claimed:
            self.executor.start(job, group=self.group)

    def interrupt(self, id: int, reason: Reason) -> None:
        (attempt,) = [each for each in self.executor.running if each.job.id == id]
        self.executor.interrupt(attempt, reason)


Opened = Callable[[], Any]


@pytest.fixture
async def queue_pool(dsn: str) -> AsyncIterator[Pool]:
    pool = await create_pool(dsn, min_size=1, max_size=3, application_name="test")
    yield pool
    pool.terminate()


@pytest.fixture
def opened(queue_pool: Pool, worker: int) -> Opened:
    @asynccontextmanager
    async def desk() -> AsyncIterator[Desk]:
        kind = Waiting()
        policy = Policy(backoff=Backoff(delay_s=0.0))
        executor = Executor(
            pool=queue_pool,
            worker=worker,
            kinds={"noop": kind},
            policy=policy,
            freed=lambda: None,
            divided=lambda: None,
        )
        async with asyncio.TaskGroup() as group:
            flushing = group.create_task(executor.flusher.run())
            try:
                yield Desk(executor, kind, group, queue_pool)
            finally:
                executor.abandon()
                flushing.cancel()

    return desk


async def statuses(conn: Connection) -> list[str]:
    return [row["status"] for row in await conn.fetch("select status from reportd.jobs order by id")]


async def test_brief_jobs_that_wait_are_all_under_way_at_once(
    conn: Connection, worker: int, opened: Opened, eventually: Eventually
) -> None:
    ids = await order(conn, 10)
    async with opened() as desk:
        desk.start(*await take(conn, worker))
        assert await eventually(lambda: desk.kind.begun == ids)
        desk.kind.go.set()
        async with asyncio.timeout(10):
            await desk.executor.idle()
        assert await statuses(conn) == ["completed"] * 10
        assert desk.executor.taken("brief") == 0


async def test_a_brief_job_past_its_deadline_ends_and_its_neighbour_goes_on(
    conn: Connection, worker: int, opened: Opened, eventually: Eventually
) -> None:
    await order(conn, 1, timeout_s=0.05, max_attempts=1)
    await order(conn, 1)
    async with opened() as desk:
        desk.start(*await take(conn, worker))
        await eventually(lambda: len(desk.kind.begun) == 2)

        async def expired() -> bool:
            await desk.executor.expire()
            return await statuses(conn) == ["failed", "running"]

        await eventually(expired)
        error = await conn.fetchval("select error from reportd.jobs where status = 'failed'")
        assert (error["code"], error["message"]) == (
            "timeout",
            "the attempt passed its limit of 0.05 s while initializing",
        )
        desk.kind.go.set()
        async with asyncio.timeout(10):
            await desk.executor.idle()
        assert await statuses(conn) == ["failed", "completed"]


async def test_a_brief_job_stopped_while_it_waits_leaves_its_task_to_the_others(
    conn: Connection, worker: int, opened: Opened, eventually: Eventually
) -> None:
    first, *_ = await order(conn, 3)
    async with opened() as desk:
        desk.start(*await take(conn, worker))
        await eventually(lambda: len(desk.kind.begun) == 3)
        await jobs.cancel(conn, first)
        desk.interrupt(first, "cancelled")
        desk.kind.go.set()
        async with asyncio.timeout(10):
            await desk.executor.idle()
        assert await statuses(conn) == ["cancelled", "completed", "completed"]


async def test_a_brief_job_interrupted_before_it_began_goes_back(conn: Connection, worker: int, opened: Opened) -> None:
    (id,) = await order(conn, 1)
    async with opened() as desk:
        desk.start(*await take(conn, worker))
        desk.interrupt(id, "drain")
        async with asyncio.timeout(10):
            await desk.executor.idle()
        assert desk.kind.begun == []
        assert await statuses(conn) == ["pending"]


async def test_what_is_abandoned_is_not_written(conn: Connection, worker: int, opened: Opened) -> None:
    await order(conn, 3)
    async with opened() as desk:
        desk.start(*await take(conn, worker))
        desk.executor.abandon()
    assert desk.kind.begun == []
    assert await statuses(conn) == ["running"] * 3


async def test_the_next_attempt_may_begin_while_the_end_of_the_last_is_still_unknown(
    conn: Connection, worker: int, opened: Opened, eventually: Eventually
) -> None:
    """As after a release whose COMMIT got through and whose answer got lost: the job is free, and comes back here."""
    await order(conn, 1)
    async with opened() as desk:
        (first,) = await take(conn, worker)
        desk.start(first)
        await eventually(lambda: len(desk.kind.begun) == 1)
        assert await jobs.release(conn, **fence(first, worker), delay_s=0)
        (second,) = await take(conn, worker)
        desk.start(second)
        await eventually(lambda: len(desk.kind.begun) == 2)
        lost, held = desk.executor.running
        assert (lost.job.attempt, held.job.attempt) == (1, 2)
        watcher = Watcher(pool=desk.pool, worker=worker, executor=desk.executor)
        await watcher.step()
        assert (lost.reason, held.reason) == ("fenced", None)
        await eventually(lambda: desk.executor.running == [held])
        desk.kind.go.set()
        async with asyncio.timeout(10):
            await desk.executor.idle()
        assert await statuses(conn) == ["completed"]


async def test_a_kind_that_can_not_clear_up_ends_nothing(
    conn: Connection, worker: int, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_self: Waiting, _job: Job) -> None:
        raise ConnectionResetError("gone")

    monkeypatch.setattr(Waiting, "forget", fail)
    await order(conn, 1, timeout_s=0.01, max_attempts=1)
    async with opened() as desk:
        desk.start(*await take(conn, worker))
        with capture_logs() as logs:
            while await statuses(conn) != ["failed"]:
                await desk.executor.expire()
            async with asyncio.timeout(10):
                await desk.executor.idle()
        assert "job.uncleared" in [line["event"] for line in logs]
