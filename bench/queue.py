"""Drain of a full queue by one process, against PgQueuer and graphile-worker at their best settings, and bulk INSERT.

Every run starts on a database of its own with the jobs in it; the clock goes from the first handler's start to the last
job's end in the database. All three do the same work: claim, call an empty handler, record the end.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg

from bench import peers
from bench.daemon import cpu_s
from bench.machine import machine, versions
from bench.process import process
from bench.server import server
from bench.worker import Options
from reportd.db import migrate, workers

JOBS, JOBS_QUICK = 20_000, 10_000
RUNS, RUNS_QUICK = 5, 3
BATCH = 1000
_LIMIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """A queue under test: how its database is made and filled, what drains it, and how one sees that it is empty."""

    name: str
    fill: Callable[[str, int], float]
    drain: Callable[[str], Sequence[str]]
    empty: str


def run(*, quick: bool) -> dict[str, Any]:
    """Print the table; `drain_jobs_s` is the median of ours, `vs_…` its ratio to a peer's, `bulk_rows_s` of one client.

    `cpu_us_job` is microseconds of CPU per job in the worker and in the server together: the steadier measure on a
    machine with neighbours.
    """
    jobs, runs = (JOBS_QUICK, RUNS_QUICK) if quick else (JOBS, RUNS)
    results: dict[str, list[dict[str, float]]] = {each.name: [] for each in CONTESTANTS}
    with server() as (dsn, directory):
        postmaster = int((directory.parent / "pg" / "data" / "postmaster.pid").read_text().split()[0])
        for turn in range(runs):
            for each in CONTESTANTS:
                results[each.name].append(_one(each, dsn, turn, jobs=jobs, postmaster=postmaster))
        software = asyncio.run(_versions(dsn))
    medians = {
        name: {what: round(statistics.median(each[what] for each in measured), 1) for what in measured[0]}
        for name, measured in results.items()
    }
    print(f"{jobs:,} jobs that do nothing, one process, median of {runs}")
    print(f"{'':18}{'drain jobs/s':>14}{'CPU us/job':>12}{'of it worker':>14}{'INSERT rows/s':>15}")
    for name, row in medians.items():
        print(
            f"{name:18}{row['jobs_s']:14,.0f}{row['cpu_us_job']:12.0f}{row['worker_us_job']:14.0f}{row['rows_s']:15,.0f}"
        )
    ours = medians["reportd"]
    return {
        "drain_jobs_s": ours["jobs_s"],
        "vs_pgqueuer": round(ours["jobs_s"] / medians["pgqueuer"]["jobs_s"], 2),
        "vs_graphile": round(ours["jobs_s"] / medians["graphile-worker"]["jobs_s"], 2),
        "bulk_rows_s": ours["rows_s"],
        "cpu_us_job": ours["cpu_us_job"],
        "vs_pgqueuer_cpu": round(medians["pgqueuer"]["cpu_us_job"] / ours["cpu_us_job"], 2),
        "vs_graphile_cpu": round(medians["graphile-worker"]["cpu_us_job"] / ours["cpu_us_job"], 2),
        "jobs": jobs,
        "runs": results,
        "machine": machine(),
        "versions": {**software, "pgqueuer": peers.PGQUEUER, "graphile-worker": peers.GRAPHILE},
    }


def _one(each: Contestant, dsn: str, turn: int, *, jobs: int, postmaster: int) -> dict[str, float]:
    name = f"{each.name.replace('-', '_')}_{turn}"
    asyncio.run(_execute(dsn, f"create database {name}"))
    database = dsn.replace("/postgres?", f"/{name}?")
    try:
        rows_s = jobs / each.fill(database, jobs)
        asyncio.run(_execute(database, "vacuum analyze"))
        with process(each.drain(database)) as worker:
            first = float(worker.said("first ").split()[1])
            worker_cpu, server_cpu = cpu_s(worker.pid), cpu_s(postmaster)  # what its start took is not the jobs'
            last = asyncio.run(_drained(database, each.empty))
            worker_cpu, server_cpu = cpu_s(worker.pid) - worker_cpu, cpu_s(postmaster) - server_cpu
    finally:
        asyncio.run(_execute(dsn, f"drop database {name} with (force)"))
    return {
        "jobs_s": jobs / (last - first),
        "cpu_us_job": (worker_cpu + server_cpu) / jobs * 1e6,
        "worker_us_job": worker_cpu / jobs * 1e6,
        "rows_s": rows_s,
    }


async def _drained(dsn: str, empty: str) -> float:
    """When the database was seen to hold no more unfinished job."""
    # By the index: from the table's start it would read all that has ended, and take part of the time that it measures.
    connection = await asyncpg.connect(dsn, server_settings={"enable_seqscan": "off"})
    try:
        async with asyncio.timeout(_LIMIT_S):
            while not await connection.fetchval(empty):
                await asyncio.sleep(0.02)
        return time.time()
    finally:
        await connection.close()


def _fill_ours(dsn: str, jobs: int) -> float:
    return asyncio.run(fill(dsn, jobs))


async def fill(dsn: str, jobs: int) -> float:
    """Make the schema and `jobs` jobs of the kind noop, params checked, a thousand per statement; seconds it took."""
    connection = await asyncpg.connect(dsn)
    try:
        await migrate.migrate(connection)
        await declare(connection)
        insert = "insert into reportd.jobs (kind, params) select 'noop', params from unnest($1::jsonb[]) as params"
        begun = time.perf_counter()
        for _ in range(0, jobs, BATCH):
            await connection.execute(insert, ['{"sleep_s": 0}'] * BATCH)
        return time.perf_counter() - begun
    finally:
        await connection.close()


async def declare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """The kind noop, as its worker declares it; until then its jobs would be refused."""
    await connection.execute(
        "insert into reportd.kinds (name, type, title, content_hash, params_schema, brief) values ('noop', 'task',"
        ' \'noop\', \'bench\', \'{"type": "object", "properties": {"sleep_s": {"type": "number"}}}\', true)'
    )


async def registered(connection: asyncpg.Connection[asyncpg.Record]) -> int:
    """A worker that claims noops by itself, for a day."""
    return await workers.register(
        connection,
        host="bench",
        boot_id="",
        pid_namespace="",
        pid=1,
        process_start="",
        version="",
        kinds=["noop"],
        roles=[],
        lease_s=86_400,
    )


def _fill_peer(command: Callable[..., Sequence[str]]) -> Callable[[str, int], float]:
    def fill(dsn: str, jobs: int) -> float:
        """With the start of the peer's own program taken off."""
        subprocess.run(command(dsn, "install", "0"), check=True)
        begun = time.perf_counter()
        subprocess.run(command(dsn, "fill", "0"), check=True)
        start_s = time.perf_counter() - begun
        subprocess.run(command(dsn, "fill", str(jobs)), check=True)
        return max(time.perf_counter() - begun - 2 * start_s, 0.001)

    return fill


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        with suppress(OSError):
            await connection.close()


async def _versions(dsn: str) -> dict[str, str]:
    connection = await asyncpg.connect(dsn)
    try:
        return await versions(connection)
    finally:
        await connection.close()


CONTESTANTS = (
    Contestant(
        "reportd",
        _fill_ours,
        lambda dsn: Options(dsn=dsn, brief_concurrency=1000).command(),
        "select not exists (select from reportd.jobs where ready) and not exists (select from reportd.claims)",
    ),
    Contestant(
        "pgqueuer",
        _fill_peer(peers.pgqueuer),
        lambda dsn: peers.pgqueuer(dsn, "drain", "0"),
        "select not exists (select from pgqueuer)",
    ),
    Contestant(
        "graphile-worker",
        _fill_peer(peers.graphile),
        lambda dsn: peers.graphile(dsn, "drain", "0"),
        "select not exists (select from graphile_worker._private_jobs)",
    ),
)
