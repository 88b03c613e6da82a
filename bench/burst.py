"""A hundred thousand jobs in one statement: how long the worker's claims take while it eats its way through."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg

from bench.machine import machine, versions
from bench.process import Process, process
from bench.queue import declare
from bench.server import server
from bench.worker import Options
from reportd.db import migrate

JOBS, JOBS_QUICK = 100_000, 20_000
_LIMIT_S = 300.0
_INSERT = "insert into reportd.jobs (kind) select 'noop' from generate_series(1, $1)"


def run(*, quick: bool) -> dict[str, Any]:
    """Print the table; `claim_p99_ms` is of the worker's own claims, in its own words."""
    with server() as (dsn, _):
        asyncio.run(_prepare(dsn))
        with process(Options(dsn=dsn).command()) as worker:
            worker.said("worker.registered")
            result = asyncio.run(_measure(dsn, worker, jobs=JOBS_QUICK if quick else JOBS))
    print(f"{result['jobs']:,} jobs at once: INSERT {result['insert_s']:.1f} s, done {result['drain_s']:.1f} s later")
    print(f"{result['claims']} claims, p50 {result['claim_p50_ms']:.1f} ms, p99 {result['claim_p99_ms']:.1f} ms")
    return {**result, "machine": machine()}


async def _prepare(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await migrate.migrate(connection)
    await declare(connection)
    await connection.close()


async def _measure(dsn: str, worker: Process, *, jobs: int) -> dict[str, Any]:
    connection = await asyncpg.connect(dsn)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await connection.execute(_INSERT, jobs, timeout=_LIMIT_S)
    inserted = loop.time()
    async with asyncio.timeout(_LIMIT_S):
        while len(took_ms := _claims(worker)) == 0 or await connection.fetchval(
            "select exists (select from reportd.jobs where ready) or exists (select from reportd.claims)"
        ):
            await asyncio.sleep(0.05)
    drained = loop.time()
    took_ms = sorted(_claims(worker))
    result = {
        "claim_p50_ms": took_ms[len(took_ms) // 2],
        "claim_p99_ms": took_ms[min(len(took_ms) - 1, int(len(took_ms) * 0.99))],
        "claims": len(took_ms),
        "jobs": jobs,
        "insert_s": round(inserted - begun, 2),
        "drain_s": round(drained - inserted, 2),
        "versions": await versions(connection),
    }
    await connection.close()
    return result


def _claims(worker: Process) -> list[float]:
    """How long each claim took, from the worker's log."""
    events = (json.loads(line) for line in list(worker.lines) if line.startswith("{"))
    return [event["took_ms"] for event in events if event["event"] == "jobs.claimed"]
