"""What an application's INSERT costs: one job per transaction, 1 to 64 clients, beside an INSERT into a bare table."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import asyncpg

from bench.machine import machine, versions
from bench.process import process
from bench.queue import declare
from bench.server import server
from bench.worker import Options
from reportd.db import migrate

CLIENTS = (1, 16, 64)
RUN_S, RUN_QUICK_S = 10.0, 2.0
RUNS = 2
_BARE = """create table bare (
  id bigint generated always as identity primary key, run_at timestamptz not null default clock_timestamp(),
  kind text not null, params jsonb not null
)"""
_INTO_BARE = "insert into bare (kind, params) values ('noop', $1)"
_INTO_JOBS = "insert into reportd.jobs (kind, params) values ('noop', $1)"
_PARAMS = '{"sleep_s": 0}'
WAYS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "bare": (_INTO_BARE, {}),
    "reportd": (_INTO_JOBS, {}),
    "reportd_no_notify": (_INTO_JOBS, {"reportd.notify": "off"}),
}


def run(*, quick: bool) -> dict[str, Any]:
    """Print the table; each figure is of single INSERTs, each its own durable transaction, in ms and in rows/s.

    `vs_bare_p99_N` is the ratio of the 99th percentiles with N clients. All clients live in one process, which costs
    both tables the same; a worker takes the jobs meanwhile, on the same cores.
    """
    seconds = RUN_QUICK_S if quick else RUN_S
    with server(max_connections="100") as (dsn, _):
        asyncio.run(_prepare(dsn))
        with process(Options(dsn=dsn, log_level="warning").command()):
            figures, software = asyncio.run(_measure(dsn, seconds=seconds))
    print(f"{'':20}{'clients':>10}{'p50 ms':>10}{'p99 ms':>10}{'rows/s':>10}")
    for (way, clients), row in figures.items():
        print(f"{way:20}{clients:10}{row['p50_ms']:10.2f}{row['p99_ms']:10.2f}{row['rows_s']:10,.0f}")
    ratios = {
        f"vs_bare_p99_{clients}": round(figures["reportd", clients]["p99_ms"] / figures["bare", clients]["p99_ms"], 2)
        for clients in CLIENTS
    }
    runs = {f"{way}_{clients}": row for (way, clients), row in figures.items()}
    return {**ratios, "runs": runs, "seconds": seconds, "machine": machine(), "versions": software}


async def _prepare(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await migrate.migrate(connection)
    await declare(connection)
    await connection.execute(_BARE)
    await connection.close()


async def _measure(dsn: str, *, seconds: float) -> tuple[dict[tuple[str, int], dict[str, float]], dict[str, str]]:
    connection = await asyncpg.connect(dsn)
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(RUNS):
        for clients in CLIENTS:
            for way, (insert, settings) in WAYS.items():
                took = await _inserts(dsn, insert, settings, clients=clients, seconds=seconds / RUNS)
                times.setdefault((way, clients), []).extend(took)
    software = await versions(connection)
    await connection.close()
    figures = {
        key: {
            "p50_ms": round(sorted(took)[len(took) // 2] * 1000, 3),
            "p99_ms": round(sorted(took)[int(len(took) * 0.99)] * 1000, 3),
            "rows_s": round(len(took) / seconds, 1),
        }
        for key, took in times.items()
    }
    return figures, software


async def _inserts(dsn: str, insert: str, settings: Mapping[str, str], *, clients: int, seconds: float) -> list[float]:
    """How long each INSERT took, its commit included."""
    took: list[float] = []
    connections = [await asyncpg.connect(dsn, server_settings=dict(settings)) for _ in range(clients)]
    end = time.perf_counter() + seconds

    async def client(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        statement = await connection.prepare(insert)
        while (begun := time.perf_counter()) < end:
            await statement.fetch(_PARAMS)
            took.append(time.perf_counter() - begun)

    await asyncio.gather(*map(client, connections))
    for connection in connections:
        await connection.close()
    return took
