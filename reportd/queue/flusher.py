"""Writes the ends of brief jobs in batches: one statement for many, a few milliseconds after the first."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

import structlog

from reportd.db import jobs
from reportd.db.pool import Pool
from reportd.db.session import session
from reportd.errors import DatabaseUnavailable
from reportd.job import Job

log = structlog.get_logger()

# Long enough for company, short enough that nobody waits for it.
GATHER_S = 0.002
ENOUGH = 250
BATCH = 1000


class Flusher:
    """Collects finished brief jobs of one worker; `written` is called with each batch once the database has it."""

    def __init__(self, *, pool: Pool, worker: int, written: Callable[[list[Job]], None]) -> None:
        self._pool = pool
        self._worker = worker
        self._written = written
        self._done: list[Job] = []
        self._wake = asyncio.Event()
        # Jobs of each claim that are still out; a claim's row goes with its last one.
        self._out: Counter[int] = Counter()

    def expect(self, job: Job) -> None:
        """`job` has begun; its claim's row stays until it has ended."""
        if job.claim_id is not None:
            self._out[job.claim_id] += 1

    def add(self, job: Job) -> None:
        """`job` has completed, without files or a result."""
        self._done.append(job)
        self._wake.set()

    def settled(self, job: Job) -> None:
        """`job` has ended in another way, and its claim was told."""
        if job.claim_id is not None:
            self._out[job.claim_id] -= 1

    async def run(self) -> None:
        """Flush for ever; a database that is away gets everything when it is back."""
        while True:
            await self._wake.wait()
            if len(self._done) < ENOUGH:
                await asyncio.sleep(GATHER_S)
            self._wake.clear()
            while batch := self._done[:BATCH]:
                await self._flush(batch)
                del self._done[: len(batch)]
                self._written(batch)

    async def _flush(self, batch: list[Job]) -> None:
        emptied = self._emptied(batch)
        while True:
            try:
                async with session(self._pool) as conn:
                    done = await jobs.complete_brief(
                        conn,
                        worker=self._worker,
                        jobs=[(job.id, job.attempt) for job in batch],
                        emptied=emptied,
                    )
            except DatabaseUnavailable as error:
                log.warning("job.unwritten", jobs=len(batch), error=str(error))
                await asyncio.sleep(random.uniform(0.2, 1.0))  # noqa: S311  spreads load, hides nothing
                continue
            log.info("jobs.completed", jobs=len(done))
            if len(done) < len(batch):
                log.warning("jobs.fenced", jobs=sorted({job.id for job in batch} - set(done))[:100])
            return

    def _emptied(self, batch: list[Job]) -> list[int]:
        ended = Counter(job.claim_id for job in batch if job.claim_id is not None)
        self._out.subtract(ended)
        emptied = [claim for claim in ended if self._out[claim] <= 0]
        for claim in emptied:
            del self._out[claim]
        return emptied
