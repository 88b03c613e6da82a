"""Runs claimed jobs, one task each: deadline, interruption, and the one place where exceptions become states."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, assert_never

import structlog

from reportd import failpoints
from reportd.db import bursts, jobs
from reportd.db.pool import Pool
from reportd.db.session import session
from reportd.errors import (
    ChildDied,
    CrashLoop,
    DatabaseUnavailable,
    JobTimeout,
    Refused,
    ReportdError,
    StoreFull,
    UnknownKind,
)
from reportd.job import (
    Backoff,
    Cancelled,
    Completed,
    Divided,
    Failed,
    Job,
    Outcome,
    Released,
    Retried,
    after_failure,
    error_row,
)
from reportd.kinds.kind import Kind, Share, share_of
from reportd.progress import Progress
from reportd.queue.flusher import Flusher

log = structlog.get_logger()

_PLAIN = Completed()
Reason = Literal["cancelled", "fenced", "drain"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for jobs that say nothing themselves."""

    backoff: Backoff = field(default_factory=Backoff)
    crashes_max: int = 3
    store_full_delay_s: float = 60.0


@dataclass(slots=True)
class Attempt:
    """A job in this worker's hands. `reason` is set once, by whoever wants its end."""

    job: Job
    kind: Kind | None
    progress: Progress = field(default_factory=Progress)
    task: asyncio.Task[None] | None = None
    reason: Reason | None = None
    finishing: bool = False
    written: tuple[str, int, str | None] | None = None

    @property
    def share(self) -> Share:
        """Where it counts among what the worker has in hand."""
        return "long" if self.kind is None else share_of(self.kind)


class Executor:
    """The attempts of one worker. `freed` is called whenever a slot becomes free."""

    def __init__(
        self, *, pool: Pool, worker: int, kinds: Mapping[str, Kind], policy: Policy, freed: Callable[[], None]
    ) -> None:
        self._pool = pool
        self._worker = worker
        self._kinds = kinds
        self._policy = policy
        self._freed = freed
        self._attempts: dict[int, Attempt] = {}
        self._taken: Counter[Share] = Counter()
        self.flusher = Flusher(pool=pool, worker=worker, written=self._written)

    @property
    def running(self) -> list[Attempt]:
        """The attempts whose end is not yet written."""
        return list(self._attempts.values())

    def taken(self, share: Share) -> int:
        """How many jobs of the kinds of `share` are in hand."""
        return self._taken[share]

    def start(self, job: Job, *, group: asyncio.TaskGroup) -> None:
        """Run `job` as a task of `group`."""
        kind = self._kinds.get(job.kind)
        attempt = Attempt(job, kind)
        self._attempts[job.id] = attempt
        self._taken[attempt.share] += 1
        if kind is not None and kind.brief:
            self.flusher.expect(job)
            attempt.task = group.create_task(self._run_brief(attempt, kind))
        else:
            attempt.task = group.create_task(self._run(attempt), name=f"job-{job.id}")

    def interrupt(self, job_id: int, reason: Reason) -> None:
        """End an attempt early; its outcome follows from `reason`. Too late once the outcome is being written."""
        attempt = self._attempts.get(job_id)
        if attempt and attempt.task and attempt.reason is None and not attempt.finishing:
            attempt.reason = reason
            attempt.task.cancel()

    async def _run(self, attempt: Attempt) -> None:
        log.info("job.started", job=attempt.job.id, kind=attempt.job.kind, attempt=attempt.job.attempt)
        try:
            await self._end(attempt, await self._attempt(attempt))
        finally:
            self._drop(attempt)

    async def _run_brief(self, attempt: Attempt, kind: Kind) -> None:
        """Like `_run`, without the writes that a job of milliseconds does not need: its end goes out in a batch."""
        job = attempt.job
        try:
            outcome = await self._attempt(attempt)
            if outcome == _PLAIN:
                attempt.finishing = True
                self.flusher.add(job)
                return
            await self._end(attempt, outcome)
        except BaseException:
            self._drop(attempt)
            raise
        self.flusher.settled(job)
        self._drop(attempt)

    def _written(self, batch: list[Job]) -> None:
        for job in batch:
            self._drop(self._attempts[job.id])

    def _drop(self, attempt: Attempt) -> None:
        del self._attempts[attempt.job.id]
        self._taken[attempt.share] -= 1
        self._freed()

    async def _end(self, attempt: Attempt, outcome: Outcome | None) -> None:
        """Write how the attempt ended, and clear up behind it."""
        job = attempt.job
        attempt.finishing = True
        # The interrupt's own cancellation has done its work; a later one (tear-down) still ends this task.
        if attempt.reason and (task := asyncio.current_task()):
            task.uncancel()
        if outcome is None or not await self._settled(attempt, outcome):
            log.warning("job.fenced", job=job.id, attempt=job.attempt)
            if isinstance(outcome, Completed) and attempt.kind:
                await attempt.kind.discard(outcome.artifacts)
        elif attempt.kind and isinstance(outcome, Completed | Divided | Failed | Cancelled):
            await attempt.kind.forget(job)

    async def _attempt(self, attempt: Attempt) -> Outcome | None:
        """One try, and how it ended; None when the job turned out to be no longer ours."""
        job = attempt.job
        try:
            if attempt.kind is None:
                raise UnknownKind(
                    f"kind {job.kind!r} is not loaded by this daemon any more; it was when the job was claimed"
                )
            try:
                async with asyncio.timeout(job.timeout_s) as deadline:
                    resolved = job.params_resolved if job.params_resolved is not None else attempt.kind.resolve(job)
                    await failpoints.reach("claimed")
                    if not attempt.kind.brief and not await self._begin(job, resolved):
                        return None
                    await failpoints.reach("begun")
                    settled = job if resolved is job.params_resolved else replace(job, params_resolved=resolved)
                    return await attempt.kind.run(settled, attempt.progress)
            except TimeoutError:
                if not deadline.expired():
                    raise
                raise JobTimeout(
                    f"the attempt passed its limit of {job.timeout_s:g} s while {attempt.progress.step}",
                    limit_s=job.timeout_s,
                    step=attempt.progress.step,
                ) from None
        except asyncio.CancelledError:
            if attempt.reason is None:
                raise
            return _interrupted(attempt.reason)
        except ReportdError as error:
            return self._decide(attempt, error)
        except Exception as error:
            log.exception("job.crashed", job=job.id, attempt=job.attempt)
            return self._decide(attempt, _unforeseen(error))

    async def _begin(self, job: Job, resolved: Mapping[str, Any] | None) -> bool:
        async with session(self._pool) as conn:
            return await jobs.begin(conn, id=job.id, worker=self._worker, attempt=job.attempt, params_resolved=resolved)

    def _decide(self, attempt: Attempt, error: ReportdError) -> Retried | Failed | Released:
        """What an error means: dead children have their own budget, a full disk spends none, the rest are failures."""
        job = attempt.job
        row = error_row(error, attempt=job.attempt)
        # A task's own backoff takes the place of the configured one; the kind's and the queue's rows win over both.
        backoff = getattr(attempt.kind, "backoff", None) or self._policy.backoff
        if isinstance(error, ChildDied):
            attempt.progress.signal = error.detail.get("signal")
        match error:
            case StoreFull():
                return Released("store-full", delay_s=self._policy.store_full_delay_s, error=row)
            case ChildDied() if job.crashes + 1 >= self._policy.crashes_max:
                loop = CrashLoop(
                    f"{job.crashes + 1} attempts died with their process; the last: {error.message}", last=error.detail
                )
                return Failed(error_row(loop, attempt=job.attempt), crashed=True)
            case ChildDied():
                return Retried(row, delay_s=backoff.under(job.backoff).delay(job.crashes + 1), crashed=True)
            case _:
                return after_failure(job, error, backoff)

    async def _settled(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Write the outcome; one that the database refuses to hold becomes a failure that says so."""
        try:
            return await self._settle(attempt, outcome)
        except Refused as error:
            if isinstance(outcome, Completed) and attempt.kind:
                await attempt.kind.discard(outcome.artifacts)
            return await self._settle(attempt, self._decide(attempt, error))

    async def _settle(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Write the outcome, however long the database is away; False: the job is no longer ours."""
        tries = 0
        while True:
            tries += 1
            try:
                async with session(self._pool) as conn:
                    ours = await self._write(conn, attempt, outcome)
                    # A COMMIT whose answer got lost may have happened: then the row says so itself.
                    return ours or (
                        tries > 1
                        and await jobs.settled(
                            conn, id=attempt.job.id, worker=self._worker, attempt=attempt.job.attempt
                        )
                    )
            except DatabaseUnavailable as error:
                log.warning("job.unwritten", job=attempt.job.id, tries=tries, error=str(error))
                await asyncio.sleep(random.uniform(0.2, 1.0))  # noqa: S311  spreads load, hides nothing

    async def _write(self, conn: Any, attempt: Attempt, outcome: Outcome) -> bool:
        job = attempt.job
        ours: dict[str, Any] = {
            "id": job.id,
            "worker": self._worker,
            "attempt": job.attempt,
            "claim": job.claim_id,
            "usage": attempt.progress.usage(),
        }
        said: dict[str, Any] = {}
        match outcome:
            case Completed():
                done = await jobs.complete(
                    conn,
                    **ours,
                    artifacts=outcome.artifacts,
                    deliveries=outcome.deliveries,
                    result=outcome.result,
                )
                event, said = "job.completed", {"files": len(outcome.artifacts)}
            case Divided():
                done = await bursts.divide(conn, **ours, children=outcome.children)
                event, said = "job.divided", {"children": len(outcome.children)}
            case Retried():
                done = await jobs.retry_later(
                    conn, **ours, error=outcome.error, delay_s=outcome.delay_s, crashed=outcome.crashed
                )
                event, said = "job.retried", {"code": outcome.error["code"], "delay_s": round(outcome.delay_s, 1)}
            case Failed():
                done = await jobs.fail(conn, **ours, error=outcome.error, crashed=outcome.crashed)
                event, said = "job.failed", {"code": outcome.error["code"], "error": outcome.error["message"]}
            case Cancelled():
                done = await jobs.cancelled(conn, **ours)
                event = "job.cancelled"
            case Released():
                done = await jobs.release(conn, **ours, delay_s=outcome.delay_s, error=outcome.error)
                event, said = "job.released", {"reason": outcome.reason}
            case _:
                assert_never(outcome)
        if done:
            await failpoints.reach("completed")
            log.info(event, job=job.id, kind=job.kind, attempt=job.attempt, **said)
        return done


def _interrupted(reason: Reason) -> Outcome | None:
    match reason:
        case "cancelled":
            return Cancelled()
        case "drain":
            return Released("drain")
        case "fenced":
            return None
        case _:
            assert_never(reason)


def _unforeseen(error: Exception) -> ReportdError:
    lines = traceback.format_exception(error)
    return ReportdError(f"{type(error).__name__}: {error}"[:8000], traceback="".join(lines)[-8000:])
