"""A worker of the queue without reports, as a process: starts in half a second, so it can be killed by the hundred.

`python -m bench.worker '{"dsn": …}'` takes part in the queue exactly as the daemon does: the same `work`, the same
rescuer, the same store of files. Its kinds are `noop` (brief: nothing to do) and `filed` (one small file, stored and
committed with the job's end). `mutant` takes one guard of the protocol away: see `bench/mutants.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from reportd import deliver, failpoints, plugins
from reportd.artifacts import DirectoryStore
from reportd.db import jobs
from reportd.db import kinds as kind_rows
from reportd.db.kinds import KindRow
from reportd.db.pool import Connection, Pool, create_pool
from reportd.db.session import session
from reportd.host import identity
from reportd.job import PLAIN, Artifact, Backoff, Completed, Delivery, Job
from reportd.kinds.deliver import DeliverKind
from reportd.kinds.kind import Kind
from reportd.loops import every
from reportd.maintenance.rescuer import NEAR_S, Rescuer
from reportd.maintenance.scheduler import Scheduler
from reportd.progress import Progress
from reportd.queue.executor import Policy
from reportd.queue.producer import Claiming
from reportd.queue.worker import Shutdown, WorkerSettings, work
from reportd.render.task import RenderedFile
from reportd.telemetry import configure

SCHEMA = {
    "type": "object",
    "properties": {
        "sleep_s": {"type": "number"},
        "kill": {"type": "boolean"},
        "delivery_id": {"type": "integer"},
    },
}
_PLANS_S, _CATCH_UP_MAX = 1.0, 4
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Options:
    """What such a process is told. `host` other than None pretends another machine: its death shows by its lease.

    `store` and `delivered` are directories; without them there is no `filed`. `pace_s` is the longest that one takes;
    `mutant` names a guard to go without. With `clock` each `noop` prints when it began; with `scheduler` it keeps the
    schedules as well. Where the file `still_at_flush` is there before it writes the ends of brief jobs, it takes that
    away and stands still (SIGSTOP).
    """

    dsn: str
    store: str | None = None
    delivered: str | None = None
    lease_s: float = 15.0
    stuck_s: float = 10.0
    poll_interval_s: float = 5.0
    concurrency: int = 4
    brief_concurrency: int = 1000
    notify: bool = True
    host: str | None = None
    pace_s: float = 0.0
    crashes_max: int = 3
    mutant: str | None = None
    clock: bool = False
    scheduler: bool = False
    still_at_flush: str | None = None
    log_level: str = "info"

    def command(self) -> list[str]:
        """How to start it."""
        return [sys.executable, "-m", "bench.worker", json.dumps(asdict(self))]


class Noop:
    """Nothing to do, or with `sleep_s` in its params a wait: what the queue itself costs."""

    name = "noop"
    brief = True

    def __init__(self, *, clock: bool) -> None:
        self._clock = clock
        self._begun = False

    def resolve(self, job: Job) -> Mapping[str, Any] | None:
        """There is nothing to settle."""
        return None

    async def run(self, job: Job, progress: Progress) -> Completed:
        """Done at once. The first one's time goes to stdout: a drain's clock starts there."""
        if self._clock:
            print(f"begun {job.id} {time.time()}", flush=True)
        elif not self._begun:
            self._begun = True
            print(f"first {time.time()}", flush=True)
        if sleep_s := job.params.get("sleep_s"):
            await asyncio.sleep(sleep_s)
        return PLAIN

    async def discard(self, artifacts: tuple[Artifact, ...]) -> None:
        """Nothing is ever stored."""

    async def forget(self, job: Job) -> None:
        """Nothing is ever kept."""


class Filed:
    """One small file of the job's own, in the place where reports keep theirs."""

    name = "filed"
    brief = False

    def __init__(self, store: DirectoryStore, *, pace_s: float) -> None:
        self._store = store
        self._pace_s = pace_s

    def resolve(self, job: Job) -> Mapping[str, Any]:
        """The parameters as they were ordered."""
        return job.params

    async def run(self, job: Job, progress: Progress) -> Completed:
        """Write it, store it. With `kill` in its params the job takes its worker along."""
        if job.params.get("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(random.uniform(0, self._pace_s))
        # Another worker's attempt has other bytes, as a report's second try has.
        content = f"{job.id} {job.attempt} {os.getpid()} {random.random()}\n".encode() * 50
        with tempfile.TemporaryDirectory(prefix="reportd-bench-filed-") as directory:
            path = Path(directory) / "small.txt"
            path.write_bytes(content)
            await failpoints.reach("rendered")
            file = RenderedFile(format="txt", name="small.txt", path=str(path), content_type="text/plain")
            artifact = await self._store.put(file, job=job.id, attempt=job.attempt)
        await failpoints.reach("stored")
        return Completed(artifacts=(artifact,), deliveries=(Delivery("file", f"{job.id}/"),))

    async def discard(self, artifacts: tuple[Artifact, ...]) -> None:
        """Remove files that no row will name."""
        for artifact in artifacts:
            await self._store.delete(artifact.uri)

    async def forget(self, job: Job) -> None:
        """Nothing is ever kept."""


async def serve(options: Options) -> None:
    """Work until SIGTERM."""
    shutdown = Shutdown(asyncio.Event(), asyncio.Event())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, shutdown.stop.set)
    me = identity() if options.host is None else replace(identity(), host=options.host, pid_namespace=options.host)
    # The history of a chaos run tells the writers apart by this name.
    pool = await create_pool(options.dsn, min_size=1, max_size=5, application_name=f"reportd {os.getpid()}")
    made: dict[str, Kind] = {"noop": Noop(clock=options.clock)}
    if options.store is not None and options.delivered is not None:
        store = DirectoryStore(Path(options.store))
        channels = deliver.load(plugins.channels(), deliver.Setup(directory=Path(options.delivered)))
        made["filed"] = Filed(store, pace_s=options.pace_s)
        made["deliver"] = DeliverKind(pool=pool, store=store, channels=channels)
    if options.still_at_flush is not None:
        _stand_still_at_flush(Path(options.still_at_flush))
    rescuer = Rescuer(pool=pool, me=me, lease_s=options.lease_s, crashes_max=options.crashes_max)
    try:
        async with asyncio.TaskGroup() as group:
            crew = [group.create_task(every(min(NEAR_S, options.lease_s / 3), rescuer.step))]
            if options.scheduler:
                scheduler = Scheduler(pool=pool, interval_s=_PLANS_S, catch_up_max=_CATCH_UP_MAX)
                crew.append(group.create_task(every(_PLANS_S, scheduler.step)))
            await work(
                pool=pool,
                kinds=made,
                settings=_settings(options, me),
                announce=lambda worker: _announce(pool, worker, made),
                ready=lambda: None,
                divided=lambda: None,
                shutdown=shutdown,
            )
            for each in crew:
                each.cancel()
    finally:
        pool.terminate()


def _stand_still_at_flush(trap: Path) -> None:
    whole = jobs.complete_brief

    async def complete_brief(conn: Connection, **values: Any) -> list[int]:
        with suppress(FileNotFoundError):
            trap.unlink()
            os.kill(os.getpid(), signal.SIGSTOP)
        return await whole(conn, **values)

    jobs.complete_brief = complete_brief


def _settings(options: Options, me: Any) -> WorkerSettings:
    return WorkerSettings(
        identity=me,
        version="bench",
        roles=["worker"],
        dsn=options.dsn,
        listen_dsn=options.dsn if options.notify else None,
        poll_interval_s=options.poll_interval_s,
        lease_s=options.lease_s,
        stuck_s=options.stuck_s,
        drain_limit_s=5.0,
        claiming=Claiming(
            concurrency=options.concurrency,
            brief_concurrency=options.brief_concurrency,
            poll_interval_s=options.poll_interval_s,
            timeout_s=60.0,
            max_attempts=5,
        ),
        policy=Policy(
            backoff=Backoff(delay_s=0.2, factor=1.0, cap_s=1.0, jitter=0.0),
            crashes_max=options.crashes_max,
            store_full_delay_s=0.2,
        ),
    )


async def _announce(pool: Pool, worker: int, made: Mapping[str, Kind]) -> None:
    async with session(pool) as conn:
        await kind_rows.upsert(conn, [row(kind.name, brief=kind.brief) for kind in made.values()], worker=worker)


def row(name: str, *, brief: bool) -> KindRow:
    """How one of these kinds is declared to the database."""
    return KindRow(name, "task", name, content_hash="bench", params_schema=SCHEMA, brief=brief)


def main() -> None:
    """Read the options, take the mutant's guard away, work."""
    options = Options(**json.loads(sys.argv[1]))
    configure(level=options.log_level, format="json")
    if options.mutant is not None:
        from bench import mutants  # here: nothing of it is in reach of a worker that is whole

        mutants.apply(options.mutant)
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
