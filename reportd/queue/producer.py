"""Claims due jobs, lane by lane, as many as there is room for.

Jobs of brief kinds are claimed ahead, in batches; of all others exactly as many as there are free slots, so that none
waits in the hands of a worker that is busy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TypedDict

import structlog

from reportd.db import jobs
from reportd.db.jobs import Lane
from reportd.db.pool import Connection, Pool
from reportd.db.session import session
from reportd.job import Job
from reportd.kinds.kind import Share
from reportd.queue.lanes import Lanes

log = structlog.get_logger()

SHARES: tuple[Share, ...] = ("long", "brief", "process")
# A claim of brief jobs waits until there is room for a good part of them: one statement for many. Not for all of them,
# so that claims, jobs and the writes of their ends go on side by side.
_BATCH_SHARE = 0.25
# And no more than so many at a time: a longer claim keeps the first of its jobs waiting for the last.
_BATCH = 300
# A connection is kept for so long while there is more to claim.
_SESSION_S = 1.0
# A queue at its limit is asked again this soon: the job that makes room may end in another daemon.
_FULL_S = 0.25


@dataclass(frozen=True, slots=True)
class Claiming:
    """What a claim needs to know beside the lane: how much this daemon takes on at once, of long and of brief jobs and
    of those that run in task processes, how far ahead it looks, and the defaults of a job's limits.
    """

    concurrency: int
    brief_concurrency: int
    poll_interval_s: float
    timeout_s: float
    max_attempts: int
    process_room: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """The executor's side: kinds of a share, jobs taken of it, all jobs in hand, and where a claimed one goes."""

    kinds: Callable[[Share], Sequence[str]]
    taken: Callable[[Share], int]
    known: Callable[[], Sequence[int]]
    start: Callable[[Job], None]


class _Defaults(TypedDict):
    default_timeout_s: float
    default_max_attempts: int


class Producer:
    """Finds work for one worker; `claimed` counts it."""

    def __init__(self, *, pool: Pool, worker: int, claiming: Claiming, work: Work) -> None:
        self._pool = pool
        self._worker = worker
        self._claiming = claiming
        self._work = work
        self._lanes = Lanes()
        self._unsure = False
        self.claimed = 0
        self._defaults: _Defaults = {
            "default_timeout_s": claiming.timeout_s,
            "default_max_attempts": claiming.max_attempts,
        }

    @property
    def full(self) -> bool:
        """Whether there is no room for another job."""
        return not any(self._room(share) for share in SHARES)

    async def step(self) -> float | None:
        """Claim until there is no room or nothing is due; seconds until the next job is, where that is soon."""
        if self._unsure:
            await self._reconcile()
        wait_s: float | None = None
        while wait_s is None and not self.full:
            # Until a claim's answer is here, jobs may be ours without our knowing.
            self._unsure = True
            async with session(self._pool) as conn:
                until = time.monotonic() + _SESSION_S
                # Without a pause in between: the server finds the next jobs while these run.
                while wait_s is None and not self.full and time.monotonic() < until:
                    wait_s = await self._round(conn)
            self._unsure = False
        return wait_s

    async def _round(self, conn: Connection) -> float | None:
        """One pass over the lanes, the best first. None: there may be more; else the seconds until the next job."""
        wait_s = self._claiming.poll_interval_s
        looked = self._lanes.look_due(time.monotonic())
        if looked:
            wait_s = await self._look(conn, wait_s)
        started = 0
        for lane in self._lanes.ordered():
            for share in SHARES:
                claimed, full_s = await self._claim(conn, lane, share)
                started += claimed
                wait_s = min(wait_s, full_s)
        if started:
            return None
        return wait_s if looked else 0.01

    async def _look(self, conn: Connection, horizon_s: float) -> float:
        """Ask which lanes have work; seconds until the first job that is not due yet, at most `horizon_s`."""
        begun = time.monotonic()
        found = await jobs.lanes(conn, horizon_s=horizon_s)
        now = time.monotonic()
        self._lanes.looked([lane for lane in found if lane.wait_s <= 0], now_s=now, took_s=now - begun)
        return min([horizon_s, *(lane.wait_s for lane in found if lane.wait_s > 0)])

    async def _claim(self, conn: Connection, lane: Lane, share: Share) -> tuple[int, float]:
        """Take what there is room for; how many jobs that gave, and in how many seconds a limit may give more."""
        room, kinds = self._room(share), self._work.kinds(share)
        if not room or not kinds:
            return 0, inf
        full_s, begun = inf, time.monotonic()
        if lane.limited:
            claimed, rate_s = await jobs.take_turns(
                conn, lane=lane, demand=room, worker=self._worker, kinds=kinds, **self._defaults
            )
            if not claimed:
                full_s = _FULL_S if rate_s is None else rate_s
        else:
            claimed = await self._scan(conn, lane, share, room, kinds, now_s=begun)
        now = time.monotonic()
        self.claimed += len(claimed)
        if claimed:
            self._lanes.used(lane, now_s=now)
        if claimed and share == "brief":
            took_ms = round((now - begun) * 1000, 1)
            log.info("jobs.claimed", jobs=len(claimed), queue=lane.queue, priority=lane.priority, took_ms=took_ms)
        for job in claimed:
            if share != "brief":
                log.info("job.claimed", job=job.id, kind=job.kind, queue=job.queue, attempt=job.attempt)
            self._work.start(job)
        return len(claimed), full_s

    async def _scan(
        self, conn: Connection, lane: Lane, share: Share, room: int, kinds: Sequence[str], *, now_s: float
    ) -> list[Job]:
        """Claim from a queue without limits, from where the last scan stopped."""
        if self._lanes.barren(lane, share, now_s=now_s):
            return []
        hint = self._lanes.hint(lane, share)
        start = hint.start(now_s)
        claimed, scan = await jobs.claim(
            conn, lane=lane, demand=room, worker=self._worker, kinds=kinds, after=start, **self._defaults
        )
        now = time.monotonic()
        hint.note(scan, start=start, now_s=now, took_s=now - now_s)
        self._lanes.scanned(lane, share, found=len(claimed), now_s=now, took_s=now - now_s)
        return claimed

    def _room(self, share: Share) -> int:
        taken = self._work.taken(share)
        if share == "long":
            return max(0, self._claiming.concurrency - taken)
        if share == "process":
            return max(0, self._claiming.process_room - taken)
        room = self._claiming.brief_concurrency - taken
        return min(room, _BATCH) if room >= self._claiming.brief_concurrency * _BATCH_SHARE else 0

    async def _reconcile(self) -> None:
        """Give back what a claim took whose answer never came: nobody else would while this worker lives."""
        async with session(self._pool) as conn:
            returned = await jobs.give_back(conn, worker=self._worker, known=self._work.known())
        self._unsure = False
        for job_id in returned:
            log.warning("job.released", job=job_id, reason="claim-unanswered")
