"""Claims due jobs, lane by lane, as many as there are free slots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from reportd.db import jobs
from reportd.db.pool import Pool
from reportd.db.session import session
from reportd.job import Job

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Claiming:
    """What a claim needs to know beside the lane: how much this daemon takes on, how far ahead it looks, and the
    defaults of a job's limits.
    """

    concurrency: int
    poll_interval_s: float
    timeout_s: float
    max_attempts: int


class Producer:
    """Finds work for the free slots. `start` hands a claimed job to the executor; `running` counts the taken
    slots, `known` names the jobs in them."""

    def __init__(
        self,
        *,
        pool: Pool,
        worker: int,
        kinds: Callable[[], Sequence[str]],
        claiming: Claiming,
        running: Callable[[], int],
        known: Callable[[], Sequence[int]],
        start: Callable[[Job], None],
    ) -> None:
        self._pool = pool
        self._worker = worker
        self._kinds = kinds
        self._claiming = claiming
        self._running = running
        self._known = known
        self._start = start
        self._unsure = False

    async def step(self) -> float | None:
        """Claim until the slots are full or nothing is due; seconds until the next job is, where that is soon."""
        if self._unsure:
            await self._reconcile()
        while self._free() > 0:
            if (wait_s := await self._round()) is not None:
                return wait_s
        return None

    def _free(self) -> int:
        return self._claiming.concurrency - self._running()

    async def _round(self) -> float | None:
        """Fill the free slots from the best lanes that have anything due.

        Without a due job: the seconds until the next one, at most a poll's interval; else None.
        """
        started = 0
        wait_s = self._claiming.poll_interval_s
        # Until the claim's answer is here, jobs may be ours without our knowing.
        self._unsure = True
        async with session(self._pool) as conn:
            for lane in await jobs.lanes(conn, horizon_s=wait_s):
                if lane.wait_s > 0:
                    wait_s = min(wait_s, lane.wait_s)
                    continue
                claimed = await jobs.claim(
                    conn,
                    lane=lane,
                    demand=self._free(),
                    worker=self._worker,
                    kinds=self._kinds(),
                    after=None,
                    default_timeout_s=self._claiming.timeout_s,
                    default_max_attempts=self._claiming.max_attempts,
                )
                for job in claimed:
                    log.info("job.claimed", job=job.id, kind=job.kind, queue=job.queue, attempt=job.attempt)
                    self._start(job)
                started += len(claimed)
                if self._free() <= 0:
                    break
        self._unsure = False
        return None if started else wait_s

    async def _reconcile(self) -> None:
        """Give back what a claim took whose answer never came: nobody else would while this worker lives."""
        async with session(self._pool) as conn:
            returned = await jobs.give_back(conn, worker=self._worker, known=self._known())
        self._unsure = False
        for job_id in returned:
            log.warning("job.released", job=job_id, reason="claim-unanswered")
