"""One registration of this daemon as a worker: from its row in `workers` to the row's end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial

import structlog

from reportd.db import jobs, workers
from reportd.db.listen import listen, through
from reportd.db.pool import Pool
from reportd.db.renewal import LeaseRenewal
from reportd.db.session import session
from reportd.errors import DatabaseUnavailable
from reportd.host import Identity
from reportd.kinds.kind import Kind, share_of
from reportd.loops import every, pause
from reportd.queue import memory
from reportd.queue.attention import Attention
from reportd.queue.executor import Executor, Policy
from reportd.queue.lease import Lease
from reportd.queue.notifier import notify
from reportd.queue.producer import Claiming, Producer, Work
from reportd.queue.watcher import Watcher

log = structlog.get_logger()

# How often attempts are held against their deadlines: a timer for each would cost a brief job a good part of its time.
_EXPIRE_S = 0.25


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How this daemon takes part in the queue.

    `stuck_s` is how long its loop may be silent before the lease is let go; `listen_dsn` a direct address for LISTEN,
    None for polling alone.
    """

    identity: Identity
    version: str
    roles: Sequence[str]
    dsn: str
    listen_dsn: str | None
    poll_interval_s: float
    lease_s: float
    drain_limit_s: float
    claiming: Claiming
    policy: Policy
    stuck_s: float = 10.0
    watch_s: float = 1.0


class LeaseLost(Exception):
    """This worker was declared dead: its jobs are others' now."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The two stages of the end: `stop` ends claiming and starts the drain, `hurry` cuts the drain short."""

    stop: asyncio.Event
    hurry: asyncio.Event


async def work(
    *,
    pool: Pool,
    kinds: Mapping[str, Kind],
    settings: WorkerSettings,
    announce: Callable[[int], Awaitable[None]],
    ready: Callable[[], None],
    divided: Callable[[], None],
    shutdown: Shutdown,
) -> None:
    """Take part in the queue until `shutdown.stop`, as one worker, or as the next one after a lost lease.

    `announce(worker)` tells the database what can be ordered; `ready` is called when jobs are being claimed, `divided`
    when a job has become a burst.
    """
    memory.spare_the_collector()
    while not shutdown.stop.is_set():
        try:
            me = await _register(pool, kinds, settings)
            await announce(me)
        except DatabaseUnavailable as error:
            log.warning("database.unavailable", step="register", error=str(error))
            await pause(1.0, wake=shutdown.stop)
            continue
        log.info("worker.registered", worker=me, kinds=len(kinds))
        ready()
        try:
            await _registered(me, pool=pool, kinds=kinds, settings=settings, divided=divided, shutdown=shutdown)
        except* LeaseLost:
            log.error("worker.lost", worker=me, hint="its lease ran out, others took its jobs; it registers anew")


async def _register(pool: Pool, kinds: Mapping[str, Kind], settings: WorkerSettings) -> int:
    async with session(pool) as conn:
        return await workers.register(
            conn,
            **asdict(settings.identity),
            version=settings.version,
            roles=settings.roles,
            kinds=sorted(kinds),
            lease_s=settings.lease_s,
            waiting=settings.listen_dsn is not None,
        )


async def _registered(
    me: int,
    *,
    pool: Pool,
    kinds: Mapping[str, Kind],
    settings: WorkerSettings,
    divided: Callable[[], None],
    shutdown: Shutdown,
) -> None:
    """Work under the registration `me` until shutdown; raises LeaseLost (in a group) when it was declared dead."""
    lost = asyncio.Event()
    renewal = LeaseRenewal(settings.dsn, worker=me, lease_s=settings.lease_s)
    lease = Lease(renewal, length_s=settings.lease_s, stuck_s=settings.stuck_s, lost=lost.set)
    wake = asyncio.Event()
    executor = Executor(pool=pool, worker=me, kinds=kinds, policy=settings.policy, freed=wake.set, divided=divided)
    watcher = Watcher(pool=pool, worker=me, executor=executor)
    lease.start()
    try:
        async with asyncio.TaskGroup() as group:
            producer = Producer(
                pool=pool,
                worker=me,
                claiming=settings.claiming,
                work=Work(
                    kinds=lambda share: [kind.name for kind in kinds.values() if share_of(kind) == share],
                    taken=executor.taken,
                    known=lambda: [attempt.job.id for attempt in executor.running],
                    start=lambda job: executor.start(job, group=group),
                ),
            )
            attention = Attention(producer, tell=lambda waiting: _tell(pool, me, waiting=waiting))
            claiming = group.create_task(every(settings.poll_interval_s, attention.step, wake=wake))
            crew = [
                group.create_task(executor.flusher.run()),
                group.create_task(every(settings.watch_s, watcher.step)),
                group.create_task(every(_EXPIRE_S, executor.expire)),
                group.create_task(every(1.0, lease.beat)),
                group.create_task(every(memory.GIVE_BACK_S, memory.give_back)),
                group.create_task(_raise_when(lost)),
            ]
            if settings.listen_dsn:

                def heard() -> None:
                    attention.heard()
                    wake.set()

                ear = partial(listen, settings.listen_dsn, say=through(pool))
                crew.append(group.create_task(notify(ear, heard=heard)))
            await shutdown.stop.wait()
            claiming.cancel()
            with suppress(asyncio.CancelledError):
                await claiming
            await _drain(executor, limit_s=settings.drain_limit_s, hurry=shutdown.hurry)
            for task in crew:
                task.cancel()
    finally:
        await lease.stop()
    await _leave(pool, me)


async def _drain(executor: Executor, *, limit_s: float, hurry: asyncio.Event) -> None:
    """Let the running attempts end for `limit_s` seconds, then send the rest back to the queue."""
    log.info("worker.draining", running=len(executor.running), limit_s=limit_s)
    in_time = asyncio.create_task(executor.idle())
    hurried = asyncio.create_task(hurry.wait())
    try:
        await asyncio.wait({in_time, hurried}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        for attempt in executor.running:
            executor.interrupt(attempt, "drain")
        # A release is one statement; without a database it is not to be had, and the lease's end does the same.
        await asyncio.wait({in_time}, timeout=5.0)
        executor.abandon()
    finally:
        in_time.cancel()
        hurried.cancel()


async def _tell(pool: Pool, me: int, *, waiting: bool) -> None:
    async with session(pool) as conn:
        await workers.set_waiting(conn, worker=me, waiting=waiting)


async def _leave(pool: Pool, me: int) -> None:
    try:
        async with session(pool, limit_s=5) as conn:
            await jobs.give_back(conn, worker=me, known=[])
            await workers.leave(conn, worker=me)
    except DatabaseUnavailable as error:
        log.warning("worker.unleft", worker=me, error=str(error), hint="its lease will run out by itself")
    else:
        log.info("worker.left", worker=me)


async def _raise_when(lost: asyncio.Event) -> None:
    await lost.wait()
    raise LeaseLost
