"""The kinds made of tasks: the daemon's side of `reportd.tasks`, in the loop or in a process of its own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import structlog
from pydantic import TypeAdapter

from reportd.db import checkpoints
from reportd.db.kinds import KindRow
from reportd.db.pool import Connection, Pool
from reportd.db.session import session
from reportd.errors import AttemptLost, ChildDied, DatabaseUnavailable, TaskBroken
from reportd.job import PLAIN, Artifact, Backoff, Completed, Job, storable
from reportd.kinds.kind import Kind, Share
from reportd.progress import Progress
from reportd.tasks import call, loading
from reportd.tasks.context import TaskContext
from reportd.tasks.loading import BrokenModule, BrokenTask, LoadedTask
from reportd.tasks.pool import PoolLimits, TaskPool
from reportd.tasks.services import Services
from reportd.tasks.values import plain

log = structlog.get_logger()
T = TypeVar("T")

RUNNING = "running"
"""The one step of a task."""

_JOB = TypeAdapter(Job)


@dataclass(frozen=True, slots=True)
class OfferedTask:
    """A task as the daemon takes it up: the kind that runs it, and the row that announces it."""

    name: str
    kind: Kind
    row: KindRow


@dataclass(frozen=True, slots=True)
class Tasks:
    """All tasks of a daemon. `keep` is one step of the upkeep of their processes."""

    offered: Sequence[OfferedTask]
    keep: Callable[[], Awaitable[None]]


@asynccontextmanager
async def offered(modules: Sequence[str], *, pool: Pool, limits: PoolLimits) -> AsyncIterator[Tasks]:
    """The tasks of `modules`, whose services and processes end with this context.

    What is broken is logged; a broken task's jobs fail with the reason.
    """
    loaded = loading.load(modules)
    isolated = {each.module for each in loaded if isinstance(each, LoadedTask) and each.task.isolation == "process"}
    services = Services()
    # Without such a task nothing is kept ready.
    processes = TaskPool(sorted(isolated), limits if isolated else replace(limits, processes_min=0))
    offers = []
    for each in loaded:
        if isinstance(each, LoadedTask):
            kind: Kind = TaskKind(each, pool=pool, services=services, processes=processes)
        else:
            log.error("task.broken", kind=each.name, module=each.module, error=each.error.message)
            if isinstance(each, BrokenModule):
                continue
            kind = BrokenTaskKind(each)
        offers.append(OfferedTask(each.name, kind, _row(each)))
    try:
        yield Tasks(offers, processes.keep)
    finally:
        await processes.close()
        await services.close()


class TaskKind:
    """One task as a kind of job. `processes` runs the tasks whose isolation is `process`."""

    def __init__(self, loaded: LoadedTask, *, pool: Pool, services: Services, processes: TaskPool) -> None:
        self.name = loaded.name
        self.brief = loaded.task.brief
        self.backoff: Backoff | None = loaded.task.backoff
        self._isolated = loaded.task.isolation == "process"
        self.share: Share = "process" if self._isolated else "brief" if self.brief else "long"
        self._loaded = loaded
        self._pool = pool
        self._services = services
        self._processes = processes
        self._kept: set[int] = set()

    def resolve(self, job: Job) -> Mapping[str, Any] | None:
        """Nothing to settle: a task's parameters are what was ordered."""
        return None

    async def run(self, job: Job, progress: Progress) -> Completed:
        """Call the task's function."""
        progress.step = RUNNING
        link = _Row(self._pool, job, progress, keeps=None if self.brief else self._kept)
        if self._isolated:
            value = await self._in_process(job, progress, link)
        else:
            task = self._loaded.task
            params = call.parameters(task, job.params)
            services = await self._services.get(self._loaded.services) if self._loaded.services else {}
            value = await call.perform(task, params, TaskContext(job, link=link), services)
        return PLAIN if value is None else Completed(result=value)

    async def discard(self, artifacts: tuple[Artifact, ...]) -> None:
        """Nothing is ever stored."""

    async def forget(self, job: Job) -> None:
        """Remove the checkpoints of a job that has completed."""
        if job.id in self._kept or job.attempt > 1:
            self._kept.discard(job.id)
            async with session(self._pool) as conn:
                await checkpoints.forget(conn, job=job.id)

    async def _in_process(self, job: Job, progress: Progress, link: _Row) -> Any:
        task, limits = self._loaded.task, self._processes.limits
        bound = log.bind(job=job.id, kind=job.kind, attempt=job.attempt)
        request = {
            "task": task.name,
            "job": _JOB.dump_python(job, mode="json"),
            "memory_mb": task.memory_mb or limits.memory_mb,
            "cpu_s": task.cpu_s or limits.cpu_s,
        }
        try:
            value, usage = await self._processes.run(request, link=link, log=bound)
        except ChildDied as error:
            progress.cost(cpu_s=error.detail.get("cpu_s", 0.0), peak_bytes=error.detail.get("peak_bytes", 0))
            raise
        progress.cost(cpu_s=usage["cpu_s"], peak_bytes=usage["peak_bytes"])
        return value


class BrokenTaskKind:
    """A task that could not be loaded: its jobs fail at once, with the reason."""

    brief = False

    def __init__(self, broken: BrokenTask) -> None:
        self.name = broken.name
        self._error = broken.error

    def resolve(self, job: Job) -> Mapping[str, Any]:
        """Raises the TaskBroken that says why."""
        raise TaskBroken(self._error.message, **self._error.detail)

    async def run(self, job: Job, progress: Progress) -> Completed:
        """Raises the TaskBroken that says why."""
        raise TaskBroken(self._error.message, **self._error.detail)

    async def discard(self, artifacts: tuple[Artifact, ...]) -> None:
        """Nothing is ever stored."""

    async def forget(self, job: Job) -> None:
        """Nothing is ever kept."""


def _row(loaded: LoadedTask | BrokenTask) -> KindRow:
    """The task as `reportd.kinds` announces it."""
    if isinstance(loaded, BrokenTask):
        error = {"code": loaded.error.code, "message": loaded.error.message, "detail": storable(loaded.error.detail)}
        return KindRow(loaded.name, "task", loaded.name, content_hash="broken", error=error)
    task = loaded.task
    return KindRow(
        name=task.name,
        type="task",
        title=task.title,
        content_hash=loaded.content_hash,
        params_schema=loaded.schema,
        queue=task.queue,
        priority=task.priority,
        timeout_s=task.timeout_s,
        max_attempts=task.max_attempts,
        brief=task.brief,
    )


class _Row:
    """A task's link to its job's row. `keeps` notes which jobs have checkpoints; None for a brief task: it has none."""

    def __init__(self, pool: Pool, job: Job, progress: Progress, *, keeps: set[int] | None) -> None:
        self._pool = pool
        self._job = job
        self._progress = progress
        self._keeps = keeps

    def progress(self, percent: float, message: str | None) -> None:
        """For the watcher to write."""
        self._progress.report(percent, None if message is None else str(storable(str(message)))[:1000])

    async def save(self, step: str, value: Any) -> None:
        """Commit it, however long the database is away."""
        if self._keeps is None:
            raise TypeError(f"{self._job.kind} is brief: it keeps no checkpoints")
        kept = plain(value, what=f"checkpoint {step}")
        self._keeps.add(self._job.id)
        job = self._job

        async def save(conn: Connection) -> bool:
            return await checkpoints.save(conn, job=job.id, attempt=job.attempt, step=step, value=kept)

        if not await self._patiently(save):
            raise AttemptLost(f"checkpoint {step} was not kept: job {job.id} is no longer attempt {job.attempt}'s")

    async def load(self, step: str, default: Any) -> Any:
        """Ask for it, however long the database is away."""
        found = await self._patiently(lambda conn: checkpoints.load(conn, job=self._job.id, step=step))
        return default if found is None else found[0]

    async def _patiently(self, ask: Callable[[Connection], Awaitable[T]]) -> T:
        """The answer of `ask`; an outage costs time, not the attempt."""
        while True:
            try:
                async with session(self._pool) as conn:
                    return await ask(conn)
            except DatabaseUnavailable as error:
                log.warning("database.unavailable", step="checkpoint", job=self._job.id, error=str(error))
                await asyncio.sleep(random.uniform(0.2, 1.0))  # noqa: S311  spreads load, hides nothing
