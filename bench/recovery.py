"""After a SIGKILL of a worker, and after an immediate restart of Postgres: how long until jobs run again."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import asyncpg

from bench.machine import machine, versions
from bench.process import Process, process
from bench.queue import declare
from bench.worker import Options
from reportd.db import migrate
from reportd.db.embedded import EmbeddedPostgres

RUNS, RUNS_QUICK = 3, 1
JOBS = 20
_SLEEPING = "insert into reportd.jobs (kind, params) select 'noop', '{\"sleep_s\": 600}' from generate_series(1, $1)"


def run(*, quick: bool) -> dict[str, Any]:
    """Print the table; `kill_s` is SIGKILL → all jobs run again on another host, `kill_same_host_s` on the dead one's.

    `postgres_restart_s` is from the moment when Postgres accepts connections again to the first new job's start.
    """
    runs = RUNS_QUICK if quick else RUNS
    figures: dict[str, list[float]] = {"kill_same_host_s": [], "kill_s": [], "postgres_restart_s": []}
    with tempfile.TemporaryDirectory(prefix="reportd-bench-") as name:
        home = Path(name)
        home.chmod(0o711)
        server = EmbeddedPostgres(home / "pg")
        with server as dsn:
            software = asyncio.run(_prepare(dsn))
            for _ in range(runs):
                figures["kill_same_host_s"].append(_kill(dsn, host=None))
                figures["kill_s"].append(_kill(dsn, host="elsewhere"))
                figures["postgres_restart_s"].append(asyncio.run(_restart(server, dsn)))
    for what, seconds in figures.items():
        print(f"{what:22}{statistics.median(seconds):8.2f} s   {', '.join(f'{each:.2f}' for each in seconds)}")
    medians = {what: round(statistics.median(seconds), 2) for what, seconds in figures.items()}
    return {**medians, "runs": figures, "machine": machine(), "versions": software}


async def _prepare(dsn: str) -> dict[str, str]:
    connection = await asyncpg.connect(dsn)
    await migrate.migrate(connection)
    await declare(connection)
    found = await versions(connection)
    await connection.close()
    return found


def _kill(dsn: str, *, host: str | None) -> float:
    """Seconds from the SIGKILL until the survivor has begun every job of the dead one."""
    asyncio.run(_execute(dsn, "delete from reportd.jobs"))
    with process(Options(dsn=dsn, clock=True, host=host).command()) as doomed:
        doomed.said("worker.registered")
        asyncio.run(_execute(dsn, _SLEEPING, JOBS))
        _begun(doomed, JOBS)
        with process(Options(dsn=dsn, clock=True).command()) as survivor:
            survivor.said("worker.registered")
            time.sleep(1)  # past the start, into the ordinary rhythm
            killed = time.time()
            doomed.kill()
            last = max(_begun(survivor, JOBS))
            survivor.kill()
    return last - killed


async def _restart(server: EmbeddedPostgres, dsn: str) -> float:
    await _execute(dsn, "delete from reportd.claims")
    await _execute(dsn, "delete from reportd.workers")
    await _execute(dsn, "delete from reportd.jobs")
    with process(Options(dsn=dsn, clock=True).command()) as worker:
        await asyncio.to_thread(worker.said, "notifier.listening")
        await server.stop(immediate=True)
        await server.start()
        accepts = time.time()
        await _execute(dsn, "insert into reportd.jobs (kind) values ('noop')")
        first = (await asyncio.to_thread(_begun, worker, 1))[0]
        worker.kill()
    return max(first - accepts, 0.0)


def _begun(worker: Process, jobs: int) -> list[float]:
    """When each of so many jobs began, waited for."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        times = {line.split()[1]: float(line.split()[2]) for line in list(worker.lines) if line.startswith("begun ")}
        if len(times) >= jobs:
            return list(times.values())
        time.sleep(0.01)
    raise SystemExit(f"only {len(times)} of {jobs} jobs began:\n" + "".join(worker.lines[-20:]))


async def _execute(dsn: str, statement: str, *values: Any) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement, *values)
    await connection.close()
