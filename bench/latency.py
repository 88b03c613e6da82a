"""An idle worker: from INSERT to the handler's start, and what it asks of the database while nothing happens."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import asyncpg

from bench.daemon import cpu_s
from bench.machine import machine, versions
from bench.process import Process, process
from bench.queue import declare
from bench.server import server
from bench.worker import Options
from reportd.db import migrate

JOBS, JOBS_QUICK = 500, 60
IDLE_S, IDLE_QUICK_S = 60.0, 8.0
SEED = 42


def run(*, quick: bool) -> dict[str, Any]:
    """Print the table; `p50_ms` and `p99_ms` are INSERT → handler, `idle_queries_s` counts transactions of the worker.

    INSERTs come one at a time at random distances, so that the worker is idle before each.
    """
    with server() as (dsn, _):
        asyncio.run(_prepare(dsn))
        with process(Options(dsn=dsn, clock=True).command()) as worker:
            worker.said("worker.registered")
            result = asyncio.run(_measure(dsn, worker, jobs=JOBS_QUICK if quick else JOBS, quick=quick))
    print(f"{'INSERT to handler':20}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}")
    print(f"{'':20}{result['p50_ms']:10.1f}{result['p99_ms']:10.1f}{result['max_ms']:10.1f}")
    print(f"idle: {result['idle_queries_s']:.2f} transactions/s, {result['idle_core_percent']:.2f} % of a core")
    return {**result, "seed": SEED, "machine": machine()}


async def _prepare(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await migrate.migrate(connection)
    await declare(connection)
    await connection.close()


async def _measure(dsn: str, worker: Process, *, jobs: int, quick: bool) -> dict[str, Any]:
    rng = random.Random(SEED)
    connection = await asyncpg.connect(dsn)
    sent: dict[int, float] = {}
    for _ in range(jobs):
        await asyncio.sleep(rng.uniform(0.02, 0.15))
        begun = time.time()
        sent[await connection.fetchval("insert into reportd.jobs (kind) values ('noop') returning id")] = begun
    started: dict[int, float] = {}
    async with asyncio.timeout(30):
        while len(started) < jobs:
            await asyncio.sleep(0.1)
            started = {
                int(words[1]): float(words[2])
                for words in (line.split() for line in list(worker.lines) if line.startswith("begun "))
            }
    waits = sorted((started[id] - begun) * 1000 for id, begun in sent.items())
    await asyncio.sleep(6)  # the last looks after the work
    idle_s = IDLE_QUICK_S if quick else IDLE_S
    before, cpu, at = await _transactions(connection), cpu_s(worker.pid), time.monotonic()
    await asyncio.sleep(idle_s)
    after, elapsed = await _transactions(connection), time.monotonic() - at
    cpu = cpu_s(worker.pid) - cpu
    result = {
        "p50_ms": round(waits[len(waits) // 2], 2),
        "p99_ms": round(waits[min(len(waits) - 1, int(len(waits) * 0.99))], 2),
        "max_ms": round(waits[-1], 2),
        "idle_queries_s": round((after - before) / elapsed, 2),
        "idle_core_percent": round(cpu / elapsed * 100, 2),
        "jobs": jobs,
        "versions": await versions(connection),
    }
    await connection.close()
    return result


async def _transactions(connection: asyncpg.Connection[asyncpg.Record]) -> int:
    """Transactions in this database so far, without the ones that ask for this."""
    # A backend tells the statistics at the end of a transaction, at most once a second: so both looks see the same lag.
    count: int = await connection.fetchval(
        "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
    )
    return count
