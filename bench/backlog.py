"""What a claim costs when millions wait: its time with a deep backlog against its time with a thousand jobs."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import asyncpg

from bench.machine import machine, versions
from bench.queue import declare, registered
from bench.server import server
from reportd.db import jobs, migrate
from reportd.db.jobs import Lane
from reportd.db.pool import connect

FUTURE, FUTURE_QUICK = 10_000_000, 100_000
DUE, DUE_QUICK = 1_000_000, 20_000
SHALLOW = 1000
CLAIMS = 1000
BATCH = 4
_CHUNK = 100_000
_INSERT = """insert into reportd.jobs (kind, run_at)
select 'noop', clock_timestamp() + make_interval(hours => $2, secs => n) from generate_series(1, $1) as n"""


def run(*, quick: bool) -> dict[str, Any]:
    """Print the table; `claim_p99_ratio` is the 99th percentile with the backlog to that with a thousand jobs."""
    future, due = (FUTURE_QUICK, DUE_QUICK) if quick else (FUTURE, DUE)
    with server() as (dsn, _):
        result = asyncio.run(_measure(dsn, future=future, due=due))
    print(f"{'claim of 4 jobs':40}{'p50 ms':>10}{'p99 ms':>10}")
    for name, p50, p99 in (
        (f"{SHALLOW:,} due", result["shallow_p50_ms"], result["shallow_p99_ms"]),
        (f"{due:,} due, {future:,} in the future", result["deep_p50_ms"], result["deep_p99_ms"]),
    ):
        print(f"{name:40}{p50:10.2f}{p99:10.2f}")
    return {**result, "future": future, "due": due, "machine": machine()}


async def _measure(dsn: str, *, future: int, due: int) -> dict[str, Any]:
    shallow, shallow_worker = await _database(dsn, "shallow")
    deep, deep_worker = await _database(dsn, "deep")
    # The rows are there to be claimed; how they are checked is another measurement's matter.
    for connection, parts in ((shallow, ((0, SHALLOW),)), (deep, ((24, future), (0, due)))):
        for hours, count in parts:
            for _ in range(0, count, _CHUNK):
                await connection.execute(_INSERT, min(_CHUNK, count), hours)
        await connection.execute(
            "update reportd.jobs set run_at = clock_timestamp() where run_at < now() + interval '12 h' and ready"
        )
        await connection.execute("vacuum analyze reportd.jobs")
    # In turns: whatever else the machine does meets both.
    few: list[float] = []
    many: list[float] = []
    for _ in range(CLAIMS):
        few.append(await _claim_ms(shallow, shallow_worker))
        many.append(await _claim_ms(deep, deep_worker))
    few.sort()
    many.sort()
    half, late = CLAIMS // 2, int(CLAIMS * 0.99)
    result = {
        "claim_p99_ratio": round(many[late] / few[late], 2),
        "claim_p50_ratio": round(many[half] / few[half], 2),
        "shallow_p50_ms": round(few[half], 3),
        "shallow_p99_ms": round(few[late], 3),
        "deep_p50_ms": round(many[half], 3),
        "deep_p99_ms": round(many[late], 3),
        "versions": await versions(deep),
    }
    await shallow.close()
    await deep.close()
    return result


async def _database(dsn: str, name: str) -> tuple[asyncpg.Connection[asyncpg.Record], int]:
    """A database with the schema, the kind noop and one worker."""
    server = await asyncpg.connect(dsn)
    await server.execute(f"create database {name}")
    await server.close()
    connection = await connect(dsn.replace("/postgres?", f"/{name}?"), application_name="bench")
    await migrate.migrate(connection)
    await declare(connection)
    worker = await registered(connection)
    return connection, worker


async def _claim_ms(connection: asyncpg.Connection[asyncpg.Record], worker: int) -> float:
    """Milliseconds of a claim from the lane's start, which is undone, so that all see the same."""
    transaction = connection.transaction()
    await transaction.start()
    begun = time.perf_counter()
    taken, _scan = await jobs.claim(
        connection,
        lane=Lane("default", 0),
        demand=BATCH,
        worker=worker,
        kinds=["noop"],
        after=None,
        default_timeout_s=60,
        default_max_attempts=1,
    )
    took_ms = (time.perf_counter() - begun) * 1000
    await transaction.rollback()
    if len(taken) != BATCH:
        raise SystemExit(f"a claim took {len(taken)} jobs instead of {BATCH}")
    return took_ms
