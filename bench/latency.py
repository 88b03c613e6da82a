"""Idle: from INSERT to the handler's start, and what a whole daemon asks of the database while nothing happens."""

from __future__ import annotations

import asyncio
import random
import re
import time
from pathlib import Path
from typing import Any

import asyncpg

from bench.daemon import cpu_s, daemon
from bench.machine import machine, versions
from bench.process import Process, process
from bench.queue import declare
from bench.server import server
from bench.worker import Options
from reportd.db import migrate

JOBS, JOBS_QUICK = 500, 60
IDLE_S, IDLE_QUICK_S = 60.0, 15.0
SETTLED_S = 8.0
SEED = 42
# The server's own log is what counts the statements: its statistics would count autovacuum's as well.
_LOGGED = {"log_min_duration_statement": "0", "log_line_prefix": "%a|"}
_STATEMENT = re.compile(r"^reportd\b[^|]*\|LOG:  duration: [\d.]+ ms  (?:execute|statement)", re.MULTILINE)


def run(*, quick: bool) -> dict[str, Any]:
    """Print the table; `p50_ms` and `p99_ms` are INSERT → handler, `idle_queries_s` counts a daemon's statements.

    INSERTs come one at a time at random distances, so that the worker is idle before each.
    """
    with server() as (dsn, _):
        asyncio.run(_prepare(dsn))
        with process(Options(dsn=dsn, clock=True).command()) as worker:
            worker.said("worker.registered")
            result = asyncio.run(_measure(dsn, worker, jobs=JOBS_QUICK if quick else JOBS))
    result |= _idle(IDLE_QUICK_S if quick else IDLE_S)
    print(f"{'INSERT to handler':20}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}")
    print(f"{'':20}{result['p50_ms']:10.1f}{result['p99_ms']:10.1f}{result['max_ms']:10.1f}")
    print(f"an idle daemon: {result['idle_queries_s']:.2f} queries/s, {result['idle_core_percent']:.2f} % of a core")
    return {**result, "seed": SEED, "machine": machine()}


def _idle(seconds: float) -> dict[str, float]:
    """What a daemon with all its roles asks and takes while there is nothing to do."""
    with server(**_LOGGED) as (dsn, directory):
        reports = directory / "reports"
        reports.mkdir()
        log = directory.parent / "pg" / "postgres.log"
        with daemon(dsn, state=directory / "state", reports=reports, concurrency=2) as pid:
            time.sleep(SETTLED_S)  # past what it does at its start
            asked, cpu, at = _statements(log), cpu_s(pid), time.monotonic()
            time.sleep(seconds)
            asked, cpu, elapsed = _statements(log) - asked, cpu_s(pid) - cpu, time.monotonic() - at
    return {"idle_queries_s": round(asked / elapsed, 2), "idle_core_percent": round(cpu / elapsed * 100, 2)}


def _statements(log: Path) -> int:
    return len(_STATEMENT.findall(log.read_text(encoding="utf-8", errors="replace")))


async def _prepare(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await migrate.migrate(connection)
    await declare(connection)
    await connection.close()


async def _measure(dsn: str, worker: Process, *, jobs: int) -> dict[str, Any]:
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
    result = {
        "p50_ms": round(waits[len(waits) // 2], 2),
        "p99_ms": round(waits[min(len(waits) - 1, int(len(waits) * 0.99))], 2),
        "max_ms": round(waits[-1], 2),
        "jobs": jobs,
        "versions": await versions(connection),
    }
    await connection.close()
    return result
