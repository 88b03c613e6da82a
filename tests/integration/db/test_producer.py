"""The producer against a real database: what it finds, and how soon."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from reportd.db import jobs
from reportd.db.pool import Pool, create_pool
from reportd.db.queries import Connection
from reportd.job import Job
from reportd.kinds.kind import Share
from reportd.queue import hint
from reportd.queue.producer import Claiming, Producer, Work
from tests.conftest import Eventually
from tests.integration.db.desk import fence, order


@dataclass
class Hands:
    """Takes what the producer claims, and holds it until a test lets go."""

    held: list[Job] = field(default_factory=list)

    def kinds(self, share: Share) -> Sequence[str]:
        return ["noop"] if share == "brief" else []

    def taken(self, share: Share) -> int:
        return len(self.held) if share == "brief" else 0


@pytest.fixture
async def queue_pool(dsn: str) -> AsyncIterator[Pool]:
    pool = await create_pool(dsn, min_size=1, max_size=2, application_name="test", statement_cache_size=100)
    yield pool
    pool.terminate()


def producer(pool: Pool, worker: int, hands: Hands) -> Producer:
    """A producer of up to 100 brief jobs."""
    claiming = Claiming(concurrency=1, brief_concurrency=100, poll_interval_s=5, timeout_s=300, max_attempts=4)
    known = Work(
        kinds=hands.kinds, taken=hands.taken, known=lambda: [job.id for job in hands.held], start=hands.held.append
    )
    return Producer(pool=pool, worker=worker, claiming=claiming, work=known)


async def test_a_job_given_back_behind_the_hint_is_found_soon(
    conn: Connection, worker: int, queue_pool: Pool, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The look at the whole lane that comes anyway is out of reach.
    monkeypatch.setattr(hint, "INTERVAL_S", 600.0)
    hands = Hands()
    mine = producer(queue_pool, worker, hands)
    lane_jobs = [await order(conn) for _ in range(5)]
    for _ in range(3):  # until the hint has passed them all
        await mine.step()
    assert [job.id for job in hands.held] == [id for ids in lane_jobs for id in ids]
    for _ in range(3):
        await order(conn)
        await mine.step()
    first = hands.held.pop(0)
    assert await jobs.release(conn, **fence(first, worker), delay_s=0)

    async def found() -> bool:
        await mine.step()
        return first.id in [job.id for job in hands.held]

    assert await eventually(found, 30)
