"""Runs claimed jobs: deadline, interruption, and the one place where exceptions become states."""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
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
    PLAIN,
    Artifact,
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
from reportd.queue.runners import Runners

log = structlog.get_logger()

Reason = Literal["cancelled", "fenced", "drain", "overdue"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for jobs that say nothing themselves."""

    backoff: Backoff = field(default_factory=Backoff)
    crashes_max: int = 3
    store_full_delay_s: float = 60.0


@dataclass(slots=True)
class Attempt:
    """A job in this worker's hands. `reason` is set once, by whoever wants its end.

    `share` is where it counts among what the worker has in hand; `deadline` is monotonic, set when it begins.
    """

    job: Job
    kind: Kind | None
    share: Share
    progress: Progress = field(default_factory=Progress)
    task: asyncio.Task[Any] | None = None
    reason: Reason | None = None
    finishing: bool = False
    written: tuple[str, int, str | None] | None = None
    deadline: float = inf


class Executor:
    """The attempts of one worker. `freed` is called whenever a slot becomes free, `divided` when a burst has begun."""

    def __init__(
        self,
        *,
        pool: Pool,
        worker: int,
        kinds: Mapping[str, Kind],
        policy: Policy,
        freed: Callable[[], None],
        divided: Callable[[], None],
    ) -> None:
        self._pool = pool
        self._worker = worker
        self._kinds = kinds
        self._policy = policy
        self._freed = freed
        self._divided = divided
        # By job and number: the next one may begin here while the end of the last is written, and not yet known to be.
        self._attempts: dict[tuple[int, int], Attempt] = {}
        self._taken: Counter[Share] = Counter()
        self._runners = Runners(self._run_brief)
        self._idle = asyncio.Event()
        self._idle.set()
        self.flusher = Flusher(pool=pool, worker=worker, written=self._drop)

    @property
    def running(self) -> list[Attempt]:
        """The attempts whose end is not yet written."""
        return list(self._attempts.values())

    def taken(self, share: Share) -> int:
        """How many jobs of the kinds of `share` are in hand."""
        return self._taken[share]

    def start(self, job: Job, *, group: asyncio.TaskGroup) -> None:
        """Run `job` in a task of `group`; a brief one in a task that it may share with others."""
        kind = self._kinds.get(job.kind)
        attempt = Attempt(job, kind, "long" if kind is None else share_of(kind))
        self._attempts[job.id, job.attempt] = attempt
        self._taken[attempt.share] += 1
        self._idle.clear()
        if kind is not None and kind.brief:
            self.flusher.expect(job)
            self._runners.put(attempt, group=group)
        else:
            attempt.task = group.create_task(self._run(attempt), name=f"job-{job.id}")

    def interrupt(self, attempt: Attempt, reason: Reason) -> None:
        """End `attempt` early; its outcome follows from `reason`. Too late once the outcome is being written."""
        if attempt.reason is None and not attempt.finishing:
            attempt.reason = reason
            if attempt.task:
                attempt.task.cancel()

    async def expire(self) -> None:
        """Interrupt what is past its deadline."""
        now = time.monotonic()
        for attempt in self.running:
            if now >= attempt.deadline:
                self.interrupt(attempt, "overdue")

    def abandon(self) -> None:
        """End all attempts where they stand, without a word to the database."""
        self._runners.clear()
        for attempt in self.running:
            if attempt.task:
                attempt.task.cancel()

    async def idle(self) -> None:
        """Wait until no attempt is left."""
        await self._idle.wait()

    async def _run(self, attempt: Attempt) -> None:
        log.info("job.started", job=attempt.job.id, kind=attempt.job.kind, attempt=attempt.job.attempt)
        try:
            await self._end(attempt, await self._attempt(attempt))
        finally:
            self._drop([attempt.job])

    async def _run_brief(self, attempt: Attempt, task: asyncio.Task[Any]) -> None:
        """Like `_run`, without the writes that a job of milliseconds does not need: its end goes out in a batch."""
        job = attempt.job
        attempt.task = task
        try:
            outcome = await self._attempt(attempt)
            if outcome is PLAIN or outcome == PLAIN:
                self._finish(attempt)
                self.flusher.add(job)
                return
            await self._end(attempt, outcome)
        except BaseException:
            self._drop([job])
            raise
        self.flusher.settled(job)
        self._drop([job])

    def _drop(self, jobs: Sequence[Job]) -> None:
        attempts = self._attempts
        self._taken.subtract(Counter([attempts.pop((job.id, job.attempt)).share for job in jobs]))
        if not self._attempts:
            self._idle.set()
        self._freed()

    def _finish(self, attempt: Attempt) -> None:
        """From here on nobody interrupts: the task may go on to write, or to another attempt."""
        attempt.finishing = True
        # The interrupt's own cancellation has done its work; a later one (tear-down) still ends this task.
        if attempt.reason and attempt.task:
            attempt.task.uncancel()

    async def _end(self, attempt: Attempt, outcome: Outcome | None) -> None:
        """Write how the attempt ended, and clear up behind it."""
        job = attempt.job
        self._finish(attempt)
        if outcome is None or not await self._settled(attempt, outcome):
            log.warning("job.fenced", job=job.id, attempt=job.attempt)
            if isinstance(outcome, Completed):
                await self._clear(attempt, outcome.artifacts)
        elif isinstance(outcome, Completed | Divided | Failed | Cancelled):
            await self._clear(attempt)

    async def _clear(self, attempt: Attempt, artifacts: tuple[Artifact, ...] | None = None) -> None:
        """Clear up behind an attempt: its files, or with the job's end whatever its kind keeps for it."""
        if attempt.kind is None:
            return
        try:
            await (attempt.kind.forget(attempt.job) if artifacts is None else attempt.kind.discard(artifacts))
        except Exception as error:  # noqa: BLE001  the job has ended; whatever a kind's clean-up raises
            # What is left goes with a round of the maintenance, here or elsewhere.
            log.warning("job.uncleared", job=attempt.job.id, error=str(error) or type(error).__name__)

    async def _attempt(self, attempt: Attempt) -> Outcome | None:
        """One try, and how it ended; None when the job turned out to be no longer ours."""
        job = attempt.job
        try:
            if attempt.kind is None:
                raise UnknownKind(
                    f"kind {job.kind!r} is not loaded by this daemon any more; it was when the job was claimed"
                )
            if attempt.reason:  # before it began
                return self._interrupted(attempt, attempt.reason)
            attempt.deadline = time.monotonic() + job.timeout_s
            resolved = job.params_resolved if job.params_resolved is not None else attempt.kind.resolve(job)
            await failpoints.reach("claimed")
            if not attempt.kind.brief and not await self._begin(job, resolved):
                return None
            await failpoints.reach("begun")
            settled = job if resolved is job.params_resolved else replace(job, params_resolved=resolved)
            return await attempt.kind.run(settled, attempt.progress)
        except asyncio.CancelledError:
            if attempt.reason is None:
                raise
            return self._interrupted(attempt, attempt.reason)
        except ReportdError as error:
            return self._decide(attempt, error)
        except Exception as error:
            log.exception("job.crashed", job=job.id, attempt=job.attempt)
            return self._decide(attempt, _unforeseen(error))

    def _interrupted(self, attempt: Attempt, reason: Reason) -> Outcome | None:
        match reason:
            case "cancelled":
                return Cancelled()
            case "drain":
                return Released("drain")
            case "fenced":
                return None
            case "overdue":
                limit_s, step = attempt.job.timeout_s, attempt.progress.step
                said = f"the attempt passed its limit of {limit_s:g} s while {step}"
                return self._decide(attempt, JobTimeout(said, limit_s=limit_s, step=step))
            case _:
                assert_never(reason)

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
            if isinstance(outcome, Completed):
                await self._clear(attempt, outcome.artifacts)
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
            if isinstance(outcome, Divided):
                self._divided()
            await failpoints.reach("completed")
            log.info(event, job=job.id, kind=job.kind, attempt=job.attempt, **said)
        return done


def _unforeseen(error: Exception) -> ReportdError:
    lines = traceback.format_exception(error)
    return ReportdError(f"{type(error).__name__}: {error}"[:8000], traceback="".join(lines)[-8000:])
