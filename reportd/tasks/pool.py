"""The processes for tasks of isolation `process`: some are kept, more come with work; each makes one attempt a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from structlog.typing import FilteringBoundLogger

from reportd.errors import ReportdError
from reportd.tasks.context import Link
from reportd.tasks.remote import Remote

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many processes, how long an idle one is kept beyond `processes_min`, and how many attempts may wait for one.

    `memory_mb` and `cpu_s` hold for tasks that say nothing themselves.
    """

    processes_min: int = 0
    processes_max: int = 2
    idle_s: float = 30.0
    waiting_max: int = 4
    memory_mb: int = 1024
    cpu_s: int = 600

    @property
    def room(self) -> int:
        """How many attempts may be in hand at once."""
        return self.processes_max + self.waiting_max


class TaskPool:
    """Runs attempts of the tasks of `modules`. `keep` is to be called now and then, `close` at the end."""

    def __init__(self, modules: Sequence[str], limits: PoolLimits) -> None:
        self.limits = limits
        self._modules = modules
        self._slots = asyncio.Semaphore(limits.processes_max)
        self._idle: list[tuple[float, Remote]] = []
        self._busy: set[Remote] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    async def run(
        self, request: Mapping[str, Any], *, link: Link, log: FilteringBoundLogger
    ) -> tuple[Any, Mapping[str, Any]]:
        """One attempt in a process of its own, waited for where all are busy: its result, and what it cost.

        `request` has `task`, `job`, `memory_mb` and `cpu_s`. Raises what the task raises; ChildDied, where its process
        died of it.
        """
        async with self._slots:
            remote = self._fitting() or await Remote.start(self._modules)
            self._busy.add(remote)
            try:
                return await remote.run(request, link=link, log=log), remote.usage
            finally:
                self._busy.discard(remote)
                self._back(remote)

    async def keep(self) -> None:
        """One step of the upkeep: start what `processes_min` lacks, end what has been idle for too long."""
        self._idle = [(since, each) for since, each in self._idle if each.usable]
        now = time.monotonic()
        spare = len(self._idle) + len(self._busy) - self.limits.processes_min
        tired = [(since, each) for since, each in self._idle if now - since >= self.limits.idle_s][: max(0, spare)]
        self._idle = [each for each in self._idle if each not in tired]
        for _, remote in tired:
            await remote.close()
        for _ in range(-spare):
            if self._closed or self._slots.locked():
                return
            async with self._slots:
                try:
                    self._back(await Remote.start(self._modules))
                except ReportdError as error:
                    log.warning("task.process.failed", error=error.message)
                    return

    async def close(self) -> None:
        """End all processes: the idle ones let their services close, the others have been stopped by now."""
        self._closed = True
        idle, self._idle = self._idle, []
        busy = [remote.kill() for remote in self._busy]
        await asyncio.gather(*(remote.close() for _, remote in idle), *busy, *self._ending)

    def pids(self) -> list[int]:
        """Of the processes that live."""
        return [remote.pid for remote in (*(each for _, each in self._idle), *self._busy)]

    def _fitting(self) -> Remote | None:
        """The process that was used last, if one is idle: the others may grow old."""
        while self._idle:
            _, remote = self._idle.pop()
            if remote.usable:
                return remote
        return None

    def _back(self, remote: Remote) -> None:
        if remote.usable and not self._closed:
            self._idle.append((time.monotonic(), remote))
        elif not remote.gone.is_set():
            # It ends by itself, as it said with its answer; nobody has to wait for that.
            ending = asyncio.create_task(remote.close())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
