"""The daemon, composed: configuration → parts → one TaskGroup → signals → drain → exit.

Reads top down: `serve` opens what everything else needs and closes it in reverse; `_run` lists what a daemon does at
the same time. Nobody is a leader: every statement of the maintenance is safe in any number of daemons.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import TypedDict

import structlog

from reportd import deliver, plugins, telemetry
from reportd.artifacts import DirectoryStore
from reportd.config import Config
from reportd.db import migrate
from reportd.db.pool import Pool, create_pool
from reportd.db.retention import Keep
from reportd.db.session import session
from reportd.fetch import FetchLimits
from reportd.host import Identity, identity
from reportd.job import Backoff
from reportd.kinds import catalogue, installed, task
from reportd.kinds.catalogue import Loaded
from reportd.kinds.deliver import DeliverKind
from reportd.kinds.shelf import Shelf
from reportd.kinds.task import Tasks
from reportd.loops import Step, every
from reportd.maintenance.gatherer import Gatherer
from reportd.maintenance.pruner import Pruner
from reportd.maintenance.reloader import Reloader
from reportd.maintenance.rescuer import NEAR_S, Rescuer
from reportd.maintenance.retention import Retention
from reportd.maintenance.scheduler import Scheduler
from reportd.pipeline import Parts
from reportd.queue.executor import Policy
from reportd.queue.producer import Claiming
from reportd.queue.watchdog import Watchdog
from reportd.queue.worker import Shutdown, WorkerSettings, work
from reportd.render.pool import ChildLimits, RenderPool
from reportd.render.task import RenderSettings
from reportd.tasks.pool import PoolLimits

log = structlog.get_logger()

GATHER_S = 5.0
PRUNE_S = 300.0
SPOOL_S = 5.0
WATCH_S = 0.3
RETRY_S = 5.0
TASKS_S = 5.0


async def serve(
    config: Config,
    *,
    dsn: str,
    ready: Callable[[], None] | None = None,
    shutdown: Shutdown | None = None,
    watch: bool = False,
    reread: Callable[[], Config] | None = None,
) -> None:
    """Run until SIGTERM, SIGINT or `shutdown.stop`; a second signal, or `shutdown.hurry`, cuts the drain short.

    SIGHUP reads the reports again, and the configuration by `reread`; `watch` does so for reports whenever a file of
    theirs changes.

    `dsn` is where the queue lives; `ready` is called once jobs are being claimed. Errors: DatabaseUnavailable,
    SchemaError and ConfigError at the start; later no error of a job, a report or the database ends the daemon.
    """
    shutdown = shutdown or Shutdown(asyncio.Event(), asyncio.Event())
    with _signals(shutdown):
        async with (
            _pools(config, dsn) as (pool, source),
            parts_of(config, pool, source) as parts,
            task.offered(_task_modules(config), pool=pool, limits=_task_limits(config)) as tasks,
        ):
            # Side by side: the template takes a second or two to be warm, most of it in a process of its own.
            loaded, _ = await asyncio.gather(_prepared(config, pool, source), _warm(parts.render))
            log.info("daemon.started", version=version("reportd"), reports=[report.name for report in loaded])
            await _run(
                config,
                dsn,
                pool,
                parts,
                tasks,
                loaded,
                ready=ready or _nothing,
                shutdown=shutdown,
                watch=watch,
                reread=reread,
            )
    log.info("daemon.stopped")


async def _prepared(config: Config, pool: Pool, source: Pool) -> Sequence[Loaded]:
    """The reports, proven against a database whose schema is up to date."""
    async with session(pool, limit_s=120) as conn:
        await migrate.migrate(conn)
    return await catalogue.load(config.reports.directories, source=source)


async def _warm(render: RenderPool) -> None:
    await render.start()
    for format, reason in render.unusable.items():
        log.warning("format.unusable", format=format, reason=reason)


async def _run(
    config: Config,
    dsn: str,
    pool: Pool,
    parts: Parts,
    tasks: Tasks,
    loaded: Sequence[Loaded],
    *,
    ready: Callable[[], None],
    shutdown: Shutdown,
    watch: bool,
    reread: Callable[[], Config] | None,
) -> None:
    """What a daemon does at the same time; the maintenance ends when the work has."""
    worker = config.worker
    me = identity()
    shelf = _shelf(config, pool, parts, tasks, loaded)
    watchdog = Watchdog()
    retention = Retention(pool=pool, store=parts.store, **_kept(config))

    def adopt(changed: Config) -> None:
        telemetry.configure(format=changed.log.format, level=changed.log.level)
        shelf.adopt(
            replace(parts, limits=_fetch_limits(changed), settings=_render_settings(changed)),
            directories=changed.reports.directories,
            timezone=changed.reports.timezone,
        )
        retention.adopt(**_kept(changed))

    reloader = Reloader(shelf, watch=watch, config=config, reread=reread, adopt=adopt)
    divided = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        crew = [
            group.create_task(every(seconds, step))
            for seconds, step in _maintenance(config, pool=pool, parts=parts, me=me)
        ]
        crew.append(group.create_task(every(GATHER_S, Gatherer(pool=pool).step, wake=divided)))
        crew.append(group.create_task(every(PRUNE_S, retention.step)))
        crew.append(group.create_task(every(WATCH_S if watch else RETRY_S, reloader.step, wake=reloader.wake)))
        crew.append(group.create_task(every(TASKS_S, tasks.keep)))
        crew.append(group.create_task(every(watchdog.interval_s, watchdog.beat)))
        watchdog.start()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.order)
        if "worker" in worker.roles:
            await work(
                pool=pool,
                kinds=shelf.kinds,
                settings=_worker_settings(config, dsn, me),
                announce=shelf.announce,
                ready=ready,
                divided=divided.set,
                shutdown=shutdown,
            )
        else:
            ready()
            await shutdown.stop.wait()
        await watchdog.stop()
        for each in crew:
            each.cancel()


def _shelf(config: Config, pool: Pool, parts: Parts, tasks: Tasks, loaded: Sequence[Loaded]) -> Shelf:
    plugged = installed.load(plugins.kinds())
    for each in plugged:
        if each.broken is not None:
            log.error("plugin.broken", kind=each.name, error=each.broken.message)
    return Shelf(
        loaded,
        [*plugged, *tasks.offered],
        own={"deliver": _deliver_kind(config, pool, parts)},
        directories=config.reports.directories,
        parts=parts,
        timezone=config.reports.timezone,
    )


def _deliver_kind(config: Config, pool: Pool, parts: Parts) -> DeliverKind:
    setup = deliver.Setup(directory=config.storage.deliver_dir)
    return DeliverKind(pool=pool, store=parts.store, channels=deliver.load(plugins.channels(), setup))


def _maintenance(config: Config, *, pool: Pool, parts: Parts, me: Identity) -> list[tuple[float, Step]]:
    """Who keeps the house, each with the longest wait between two steps."""
    worker, storage = config.worker, config.storage
    rescuer = Rescuer(pool=pool, me=me, lease_s=worker.lease_s, crashes_max=worker.crashes_max)
    pruner = Pruner(pool=pool, spool=parts.spool, store=parts.store, orphan_age_s=storage.orphan_age_s)
    crew: list[tuple[float, Step]] = [(min(NEAR_S, worker.lease_s / 3), rescuer.step), (PRUNE_S, pruner.step)]
    crew.append((SPOOL_S, pruner.prune_spool))
    if "scheduler" in worker.roles:
        plans = config.schedules
        scheduler = Scheduler(pool=pool, interval_s=plans.interval_s, catch_up_max=plans.catch_up_max)
        crew.append((plans.interval_s, scheduler.step))
    return crew


class _Kept(TypedDict):
    """What `[retention]` says, as Retention takes it."""

    keep: Keep
    artifacts_s: float | None
    occurrences_s: float | None


def _kept(config: Config) -> _Kept:
    kept = config.retention
    return {
        "keep": Keep(kept.completed_s, kept.failed_s, kept.completed, kept.failed),
        "artifacts_s": kept.artifacts_s,
        "occurrences_s": kept.occurrences_s,
    }


def _nothing() -> None:
    pass


@asynccontextmanager
async def _pools(config: Config, dsn: str) -> AsyncIterator[tuple[Pool, Pool]]:
    """Connections to the queue's database and to the one that reports read."""
    database = config.database
    pool = await create_pool(
        dsn,
        min_size=1,
        max_size=database.pool_max,
        application_name=database.application_name,
        statement_cache_size=database.statement_cache_size,
    )
    try:
        source = await create_pool(
            database.report_dsn or dsn,
            min_size=0,
            max_size=config.worker.concurrency + 1,
            application_name=f"{database.application_name} report",
            statement_cache_size=0,
        )
        try:
            yield pool, source
        finally:
            source.terminate()
    finally:
        # Not close(): it waits for connections that a dead server will never give back.
        pool.terminate()


@asynccontextmanager
async def parts_of(
    config: Config, pool: Pool, source: Pool, *, formats: Mapping[str, str] | None = None
) -> AsyncIterator[Parts]:
    """What the pipeline works with, by `config`; the render children end with it. `formats`: see RenderPool."""
    storage = config.storage
    for directory in (storage.state_dir, storage.artifacts_dir, storage.spool_dir):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    render = RenderPool(
        concurrency=config.render.concurrency or config.worker.concurrency,
        limits=ChildLimits(
            memory_bytes=config.render.memory_mb << 20,
            cpu_s=config.render.cpu_s,
            file_bytes=config.render.file_mb << 20,
        ),
        formats=formats,
        caches=storage.state_dir / "cache",
        chart_cpu_s=config.render.chart_cpu_s,
    )
    try:
        yield Parts(
            source=source,
            queue=pool,
            limits=_fetch_limits(config),
            render=render,
            settings=_render_settings(config),
            store=DirectoryStore(storage.artifacts_dir),
            spool=storage.spool_dir,
            channels=frozenset(plugins.channels()),
        )
    finally:
        await render.close()


def _fetch_limits(config: Config) -> FetchLimits:
    limits = config.fetch
    return FetchLimits(
        rows_max=limits.rows_max,
        bytes_max=limits.bytes_max,
        row_bytes_max=limits.row_bytes_max,
        columns_max=limits.columns_max,
        query_timeout_s=limits.query_timeout_s,
        lock_wait_s=limits.lock_wait_s,
        temp_bytes_max=limits.temp_bytes_max,
    )


def _render_settings(config: Config) -> RenderSettings:
    return RenderSettings(
        locale=config.reports.locale,
        paper=config.reports.paper,
        timezone=config.reports.timezone,
        pdf_rows_max=config.reports.pdf_rows_max,
        pdf_pages_max=config.reports.pdf_pages_max,
    )


def _task_modules(config: Config) -> list[str]:
    return [*config.tasks.modules, *plugins.tasks().values()] if "worker" in config.worker.roles else []


def _task_limits(config: Config) -> PoolLimits:
    tasks = config.tasks
    return PoolLimits(
        processes_min=tasks.processes_min,
        processes_max=tasks.processes_max,
        idle_s=tasks.idle_s,
        waiting_max=tasks.waiting_max,
        memory_mb=tasks.memory_mb,
        cpu_s=tasks.cpu_s,
    )


def _worker_settings(config: Config, dsn: str, me: Identity) -> WorkerSettings:
    worker = config.worker
    return WorkerSettings(
        identity=me,
        version=version("reportd"),
        roles=worker.roles,
        dsn=dsn,
        listen_dsn=(config.database.listen_dsn or dsn) if config.database.notify else None,
        poll_interval_s=worker.poll_interval_s,
        lease_s=worker.lease_s,
        drain_limit_s=worker.drain_limit_s,
        claiming=Claiming(
            brief_concurrency=worker.brief_concurrency,
            poll_interval_s=worker.poll_interval_s,
            concurrency=worker.concurrency,
            timeout_s=worker.timeout_s,
            max_attempts=worker.retries + 1,
            process_room=_task_limits(config).room,
        ),
        policy=Policy(
            backoff=Backoff(
                delay_s=worker.retry_delay_s,
                factor=worker.retry_factor,
                cap_s=worker.retry_delay_max_s,
                jitter=worker.retry_jitter,
            ),
            crashes_max=worker.crashes_max,
            store_full_delay_s=worker.retry_delay_s,
        ),
    )


@contextmanager
def _signals(shutdown: Shutdown) -> Iterator[None]:
    """SIGTERM and SIGINT: the first stops claiming and drains, the second releases what still runs.

    SIGHUP would end a process that does not know it yet; until there is something to reload it is passed over.
    """
    loop = asyncio.get_running_loop()

    def heard() -> None:
        (shutdown.hurry if shutdown.stop.is_set() else shutdown.stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, heard)
    loop.add_signal_handler(signal.SIGHUP, _nothing)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
