"""Once a second, while jobs run: write their progress, and ask which of them were cancelled or lost."""

from __future__ import annotations

from reportd.db import jobs
from reportd.db.pool import Pool
from reportd.db.session import session
from reportd.queue.executor import Executor


class Watcher:
    """The traffic between this worker's running attempts and their rows: two statements a second, none when idle."""

    def __init__(self, *, pool: Pool, worker: int, executor: Executor) -> None:
        self._pool = pool
        self._worker = worker
        self._executor = executor

    async def step(self) -> None:
        """One round over all running attempts."""
        running = [attempt for attempt in self._executor.running if not attempt.finishing]
        if not running:
            return
        async with session(self._pool, limit_s=10) as conn:
            for attempt in running:
                progress = attempt.progress
                state = (progress.step, progress.percent, progress.message)
                if state != attempt.written:
                    await jobs.progress(
                        conn,
                        id=attempt.job.id,
                        worker=self._worker,
                        attempt=attempt.job.attempt,
                        step=progress.step,
                        percent=progress.percent,
                        message=progress.message,
                        eta=progress.eta,
                    )
                    attempt.written = state
            theirs = {(attempt.job.id, attempt.job.attempt): attempt for attempt in running}
            interrupted = await jobs.interrupted(conn, worker=self._worker, jobs=list(theirs))
        for job, reason in interrupted:
            self._executor.interrupt(theirs[job], reason)
