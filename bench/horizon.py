"""Steady load while a snapshot is held elsewhere: what the worker drains in the last seconds against the first."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import asyncpg

from bench.machine import machine, versions
from bench.process import Process, process
from bench.queue import declare
from bench.server import server
from bench.worker import Options
from reportd.db import migrate

HELD_S, HELD_QUICK_S = 600.0, 30.0
WINDOW_S = 5.0
_AHEAD = 5000
_BATCH = 1000
_INSERT = "insert into reportd.jobs (kind) select 'noop' from generate_series(1, $1)"
_DRAINED = "select coalesce(sum(jobs), 0)::bigint from reportd.tallies where outcome = 'completed'"


def run(*, quick: bool) -> dict[str, Any]:
    """Print the table; `last_over_first` compares the completions of the last and first 5 s of the held snapshot.

    Somebody keeps some thousand jobs waiting all the time, so the worker is never idle.
    """
    with server() as (dsn, _):
        result = asyncio.run(_measure(dsn, held_s=HELD_QUICK_S if quick else HELD_S))
    print(f"snapshot held for {result['held_s']:.0f} s, {result['jobs']:,} jobs")
    print(f"first 5 s {result['first_jobs_s']:10,.0f} jobs/s\nlast 5 s  {result['last_jobs_s']:10,.0f} jobs/s")
    return {**result, "machine": machine()}


async def _measure(dsn: str, *, held_s: float) -> dict[str, Any]:
    connection, holder = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    await migrate.migrate(connection)
    await declare(connection)
    with process(Options(dsn=dsn).command()) as worker:
        feeding = asyncio.create_task(_feed(dsn, worker))
        await asyncio.sleep(WINDOW_S)  # until it runs at its pace
        transaction = holder.transaction(isolation="repeatable_read", readonly=True)
        await transaction.start()
        await holder.fetchval("select count(*) from reportd.kinds")
        begun = time.monotonic()
        before = await connection.fetchval(_DRAINED)
        first = await _pace(connection)
        while time.monotonic() - begun < held_s - WINDOW_S:
            await asyncio.sleep(0.5)
        last = await _pace(connection)
        jobs = await connection.fetchval(_DRAINED) - before
        await transaction.rollback()
        feeding.cancel()
        result = {
            "last_over_first": round(last / first, 2),
            "first_jobs_s": round(first, 1),
            "last_jobs_s": round(last, 1),
            "held_s": held_s,
            "jobs": jobs,
            "versions": await versions(connection),
        }
    await connection.close()
    await holder.close()
    return result


async def _pace(connection: asyncpg.Connection[asyncpg.Record]) -> float:
    """Completions per second in the next WINDOW_S."""
    begun, before = time.monotonic(), await connection.fetchval(_DRAINED)
    await asyncio.sleep(WINDOW_S)
    drained: int = await connection.fetchval(_DRAINED) - before
    return drained / (time.monotonic() - begun)


async def _feed(dsn: str, worker: Process) -> None:
    """Keep some thousand jobs waiting. What is done the worker says: asked for that, the database would count ever more
    rows, and take from the drain what this is to measure."""
    connection = await asyncpg.connect(dsn)
    waiting = heard = 0
    while True:
        said = worker.lines[heard:]
        heard += len(said)
        waiting -= sum(json.loads(line)["jobs"] for line in said if '"jobs.completed"' in line)
        if waiting < _AHEAD:
            await connection.execute(_INSERT, _BATCH)
            waiting += _BATCH
        else:
            await asyncio.sleep(0.02)
