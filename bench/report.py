"""A small report in a warm daemon: from INSERT to completed, one at a time, and how many a minute when many wait.

The report is what a manager reads in a morning: a title, four figures, a bar chart and thirty rows, as a PDF. Its
numbers change with every job, so that nothing can be cached.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from typing import Any

import asyncpg

from bench.daemon import cpu_s, daemon, pss_mb
from bench.machine import machine, versions
from bench.server import server

JOBS, JOBS_QUICK = 100, 15
WARM_UP = 3
SEED = 42
_POLL_S = 0.005
_LIMIT_S = 300.0

_REPORT = """\
-- /// report
-- title = "Sales this morning"
-- params.seed = { type = "int", required = true }
-- ///
-- @kpi
select sum(amount) as revenue, count(*) as orders, avg(amount) as avg_order, max(amount) as largest
from (select (n * 7919 * :seed) % 10007 / 100.0 as amount from generate_series(1, 3000) as n) as sales;
-- @bar "Revenue by day" x=day y=revenue
select date '2026-01-01' + n as day, (n * 104729 * :seed) % 9973 as revenue from generate_series(0, 13) as n;
-- @table "Latest orders"
select n as order_no, timestamptz '2026-01-14 08:00+00' + n * interval '7 min' as ordered_at,
  'Customer ' || (n * :seed) % 500 as customer, 1 + n % 9 as quantity, (n * 7919 * :seed) % 10007 / 100.0 as amount
from generate_series(1, 30) as n;
"""
_INSERT = "insert into reportd.jobs (kind, params, formats) values ('morning', $1, '{pdf}') returning id"


def run(*, quick: bool) -> dict[str, Any]:
    """Print the table; `median_s` is INSERT → completed, `per_minute_core` jobs a minute and core when many wait.

    `cpu_s` is what one job costs the daemon and its children; the server's share is not in it.
    """
    cores = len(os.sched_getaffinity(0))
    with server() as (dsn, directory):
        reports = directory / "reports"
        reports.mkdir()
        (reports / "morning.sql").write_text(_REPORT, encoding="utf-8")
        started = time.perf_counter()
        with daemon(dsn, state=directory / "state", reports=reports, concurrency=cores) as pid:
            start_s = time.perf_counter() - started
            result = asyncio.run(_measure(dsn, pid, jobs=JOBS_QUICK if quick else JOBS, cores=cores))
    print(f"{'one at a time':24}{'median s':>10}{'p95 s':>10}{'CPU s':>10}")
    print(f"{'INSERT to completed':24}{result['median_s']:10.3f}{result['p95_s']:10.3f}{result['cpu_s']:10.3f}")
    print(f"{f'{cores} at once':24}{'a minute':>10}{'and core':>10}")
    print(f"{'':24}{result['per_minute']:10.0f}{result['per_minute_core']:10.0f}")
    print(f"{'daemon and children':24}{result['pss_mb']:>7} MB{'':3}started in {start_s:.1f} s")
    return {**result, "start_s": round(start_s, 2), "seed": SEED, "machine": machine()}


async def _measure(dsn: str, pid: int, *, jobs: int, cores: int) -> dict[str, Any]:
    connection = await asyncpg.connect(dsn)
    try:
        for number in range(WARM_UP):
            await _one(connection, number)
        cpu = cpu_s(pid)
        times = sorted([await _one(connection, SEED + number) for number in range(jobs)])
        cpu = cpu_s(pid) - cpu
        started = time.perf_counter()
        ids = [await connection.fetchval(_INSERT, f'{{"seed": {SEED + number}}}') for number in range(jobs)]
        await _completed(connection, ids)
        per_minute = len(ids) * 60 / (time.perf_counter() - started)
        return {
            "median_s": round(statistics.median(times), 4),
            "p95_s": round(times[int(len(times) * 0.95)], 4),
            "cpu_s": round(cpu / jobs, 4),
            "per_minute": round(per_minute, 1),
            "per_minute_core": round(per_minute / cores, 1),
            "pss_mb": pss_mb(pid),
            "jobs": jobs,
            "versions": await versions(connection),
        }
    finally:
        await connection.close()


async def _one(connection: asyncpg.Connection[asyncpg.Record], seed: int) -> float:
    """Seconds from before the INSERT until its job is seen completed."""
    started = time.perf_counter()
    await _completed(connection, [await connection.fetchval(_INSERT, f'{{"seed": {seed}}}')])
    return time.perf_counter() - started


async def _completed(connection: asyncpg.Connection[asyncpg.Record], ids: list[int]) -> None:
    query = "select status, error from reportd.jobs where id = any($1) and status <> 'completed'"
    async with asyncio.timeout(_LIMIT_S):
        while waiting := await connection.fetch(query, ids):
            if failed := [row["error"] for row in waiting if row["status"] in ("failed", "cancelled")]:
                raise SystemExit(f"a job failed: {failed[0]}")
            await asyncio.sleep(_POLL_S)
