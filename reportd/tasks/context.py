"""What a running task is given beside its parameters: its job, and the ways to say how far it is and to keep it."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import structlog
from structlog.typing import FilteringBoundLogger

from reportd.job import Job


class Link(Protocol):
    """Where a context's words go: in the daemon to the job's row, in a child over the pipe."""

    def progress(self, percent: float, message: str | None) -> None:
        """Note how far the attempt is."""
        ...

    async def save(self, step: str, value: Any) -> None:
        """Keep `value`. Raises TypeError for what JSON can't hold, AttemptLost where the job is another's now."""
        ...

    async def load(self, step: str, default: Any) -> Any:
        """What was kept, by this attempt or an earlier one."""
        ...


class TaskContext:
    """Given to an async task; `job` is the claimed row."""

    def __init__(self, job: Job, *, link: Link) -> None:
        self.job = job
        self.cancelled = asyncio.Event()
        """Set when the attempt must end (cancelled, out of time, fenced); the task is cancelled at the same moment."""
        self._link = link

    @property
    def log(self) -> FilteringBoundLogger:
        """A structlog logger that has the job in each line."""
        # Made when asked for: most brief tasks say nothing, and this would be a third of what one costs.
        logger: FilteringBoundLogger = structlog.get_logger().bind(
            job=self.job.id, kind=self.job.kind, attempt=self.job.attempt
        )
        return logger

    def progress(self, percent: float, message: str | None = None) -> None:
        """Say how far it is, 0 to 100, and in words. Cheap; the row follows once a second, with an ETA."""
        self._link.progress(percent, message)

    async def checkpoint(self, step: str, value: Any) -> None:
        """Keep `value` under `step`; when this returns it is committed. The next attempt finds it by `restored`.

        `value` is anything that JSON can hold. Errors: TypeError; AttemptLost once the job is another worker's, which
        is not to be caught.
        """
        await self._link.save(step, value)

    async def restored(self, step: str, default: Any = None) -> Any:
        """What this job last kept under `step`, in this attempt or an earlier one; else `default`."""
        return await self._link.load(step, default)


class SyncTaskContext:
    """Given to a plain function, which runs in a thread: the same, and nothing is awaited.

    A thread can't be stopped from outside: once the attempt must end, `progress`, `checkpoint` and `restored` raise
    asyncio.CancelledError, and a function that calls none of them asks `cancelled`. Isolation `process` needs neither.
    """

    def __init__(self, context: TaskContext, *, loop: asyncio.AbstractEventLoop) -> None:
        self.job = context.job
        self._context = context
        self._loop = loop

    @property
    def log(self) -> FilteringBoundLogger:
        """As `TaskContext.log`."""
        return self._context.log

    @property
    def cancelled(self) -> bool:
        """Whether the attempt must end."""
        return self._context.cancelled.is_set()

    def progress(self, percent: float, message: str | None = None) -> None:
        """As `TaskContext.progress`."""
        self._go_on()
        self._loop.call_soon_threadsafe(self._context.progress, percent, message)

    def checkpoint(self, step: str, value: Any) -> None:
        """As `TaskContext.checkpoint`."""
        self._go_on()
        asyncio.run_coroutine_threadsafe(self._context.checkpoint(step, value), self._loop).result()

    def restored(self, step: str, default: Any = None) -> Any:
        """As `TaskContext.restored`."""
        self._go_on()
        return asyncio.run_coroutine_threadsafe(self._context.restored(step, default), self._loop).result()

    def _go_on(self) -> None:
        if self.cancelled:
            raise asyncio.CancelledError("the attempt was stopped")
