"""What a job costs the server by the shape of the queue: many lanes, tenants with limits, payloads, keys, retries.

Each shape is filled and drained by one connection with the worker's own statements, and compared with plain jobs in one
queue. The figures are CPU time of that connection's server process, so that other work on the machine hardly shows.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import machine, versions
from bench.queue import declare, registered
from reportd.db import jobs, migrate
from reportd.db.embedded import EmbeddedPostgres
from reportd.db.pool import connect
from reportd.db.queries import Connection
from reportd.job import Job

JOBS, JOBS_QUICK = 10_000, 2_000
RUNS, RUNS_QUICK = 3, 1
BATCH = 200
_DEFAULTS = {"default_timeout_s": 60.0, "default_max_attempts": 3}
_ERROR = {"code": "bench", "message": "so it was told", "retryable": True, "attempt": 1, "detail": {}}
_PLAIN = "insert into reportd.jobs (kind) select 'noop' from generate_series(1, $1)"


@dataclass(frozen=True, slots=True)
class Shape:
    """One way to use the queue: how $1 jobs are ordered, what is set up before, and whether each fails once first."""

    insert: str
    before: str = "select"
    retried: bool = False


SHAPES: Mapping[str, Shape] = {
    "plain": Shape(_PLAIN),
    "no trigger": Shape(
        "insert into reportd.jobs (kind, queue, priority) select 'noop', 'default', 0 from generate_series(1, $1)",
        before="alter table reportd.jobs disable trigger user",
    ),
    "20 queues of 5 priorities": Shape(
        "insert into reportd.jobs (kind, queue, priority) select 'noop', 'queue-' || n % 20, n % 5"
        " from generate_series(1, $1) as n"
    ),
    "100 tenants": Shape(
        "insert into reportd.jobs (kind, tenant) select 'noop', 'tenant-' || n % 100 from generate_series(1, $1) as n"
    ),
    "100 tenants, 5 each at once": Shape(
        "insert into reportd.jobs (kind, tenant) select 'noop', 'tenant-' || n % 100 from generate_series(1, $1) as n",
        before="insert into reportd.queues (name, concurrency_per_key) values ('default', 5)",
    ),
    "400 at once over all": Shape(
        _PLAIN, before="insert into reportd.queues (name, concurrency_total) values ('default', 400)"
    ),
    "params of 2 kB": Shape(
        "insert into reportd.jobs (kind, params) select 'noop', jsonb_build_object('text', repeat(md5(n::text), 64))"
        " from generate_series(1, $1) as n"
    ),
    "params of 20 kB": Shape(
        "insert into reportd.jobs (kind, params) select 'noop',"
        " jsonb_build_object('text', (select string_agg(md5(n || ' ' || m), '') from generate_series(1, 640) as m))"
        " from generate_series(1, $1) as n"
    ),
    "unique keys": Shape(
        "insert into reportd.jobs (kind, unique_key) select 'noop', gen_random_uuid() from generate_series(1, $1)"
    ),
    "each fails once": Shape(_PLAIN, retried=True),
}


def run(*, quick: bool) -> dict[str, Any]:
    """Print the table: CPU µs of the server per job, and the ratio to plain jobs; on every Postgres that is at hand."""
    count, runs = (JOBS_QUICK, RUNS_QUICK) if quick else (JOBS, RUNS)
    found = {}
    for binaries in [None, *_distributions()]:
        figures, software = asyncio.run(_measure(binaries, count=count, runs=runs))
        found[software["postgres"]] = figures
        print(f"PostgreSQL {software['postgres']:28}{'insert µs':>12}{'':8}{'drain µs':>12}")
        for name, row in figures.items():
            ratios = {key: row[key] / figures["plain"][key] for key in row}
            print(
                f"  {name:36}{row['insert_us']:12.1f}{ratios['insert_us']:7.2f}×"
                f"{row['drain_us']:12.1f}{ratios['drain_us']:7.2f}×",
                flush=True,
            )
    return {"jobs": count, "runs": runs, "shapes": found, "machine": machine()}


def _distributions() -> list[Path]:
    """The `bin` directories of the distribution's servers."""
    return [found.parent for found in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))]


async def _measure(
    binaries: Path | None, *, count: int, runs: int
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="reportd-bench-") as name:
        Path(name).chmod(0o711)
        with EmbeddedPostgres(Path(name) / "pg", binaries=binaries) as dsn:
            taken: dict[str, list[tuple[float, float]]] = {shape: [] for shape in SHAPES}
            for _ in range(runs):
                for name_, shape in SHAPES.items():
                    taken[name_].append(await _round(dsn, shape, count=count))
            connection = await connect(dsn, application_name="bench")
            software = await versions(connection)
            await connection.close()
    return {
        name: {
            "insert_us": round(statistics.median(insert for insert, _ in rounds), 1),
            "drain_us": round(statistics.median(drain for _, drain in rounds), 1),
        }
        for name, rounds in taken.items()
    }, software


async def _round(dsn: str, shape: Shape, *, count: int) -> tuple[float, float]:
    """µs per job of the fill and of the drain, on a schema of its own."""
    connection = await connect(dsn, application_name="bench")
    try:
        await connection.execute("drop schema if exists reportd cascade")
        await migrate.migrate(connection)
        await declare(connection)
        worker = await registered(connection)
        await connection.execute(shape.before)
        pid = connection.get_server_pid()
        begun = _cpu_s(pid)
        for _ in range(0, count, 500):
            await connection.execute(shape.insert, min(500, count))
        filled = _cpu_s(pid)
        await connection.execute("vacuum analyze reportd.jobs")
        draining = _cpu_s(pid)
        done = await _drain(connection, worker, retried=shape.retried)
        drained = _cpu_s(pid)
        if done != count:
            raise SystemExit(f"{done} of {count} jobs were done: {shape.insert}")
    finally:
        await connection.close()
    return (filled - begun) / count * 1e6, (drained - draining) / count * 1e6


async def _drain(connection: Connection, worker: int, *, retried: bool) -> int:
    """Claim and complete in batches, lane after lane, until nothing is left; how many jobs ended."""
    done = 0
    while lanes := await jobs.lanes(connection):
        for lane in lanes:
            claim = {"lane": lane, "demand": BATCH, "worker": worker, "kinds": ["noop"], **_DEFAULTS}
            if lane.limited:
                batch, _ = await jobs.take_turns(connection, **claim)  # type: ignore[arg-type]
            else:
                batch, _ = await jobs.claim(connection, after=None, **claim)  # type: ignore[arg-type]
            if retried and batch and batch[0].attempt == 1:
                await _fail(connection, worker, batch)
                continue
            ended = await jobs.complete_brief(
                connection,
                worker=worker,
                jobs=[(job.id, job.attempt) for job in batch],
                emptied={job.claim_id for job in batch if job.claim_id is not None},
            )
            done += len(ended)
    return done


async def _fail(connection: Connection, worker: int, batch: list[Job]) -> None:
    for job in batch:
        await jobs.retry_later(
            connection,
            id=job.id,
            worker=worker,
            attempt=job.attempt,
            claim=job.claim_id,
            usage=None,
            error=_ERROR,
            delay_s=0.0,
            crashed=False,
        )


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
