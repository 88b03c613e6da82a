"""A table to a CSV file: reportd's way (fetch, then render) against `psql \\copy`, in turns, on one server.

The peer is the fastest that Postgres itself offers. Each run of ours is a process of its own, so that its peak memory
is its own; its clock starts when its pool is open, as a daemon's is. The peer's clock includes the start of psql.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import asyncpg

from bench.machine import machine, versions
from bench.server import server
from reportd.db import cluster

ROWS, ROWS_QUICK = 1_000_000, 200_000
RUNS = 5
SEED = 42

QUERY = "select * from sales"
# Ints, numerics, dates, text and a flag, as reports have them; every tenth note needs quotes, every eleventh is NULL.
_TABLE = """
create table sales as
select g as id,
  (g % 1000) * 97 as customer_no,
  round((random() * 10000)::numeric, 2) as amount,
  (g % 97)::smallint as quantity,
  date '2024-01-01' + (g % 900) as ordered_on,
  timestamptz '2024-01-01 00:00+00' + g * interval '37 s' as paid_at,
  'Customer ' || g % 5000 as customer,
  case when g % 10 = 0 then 'Smith, "Bob" & sons' when g % 11 = 0 then null else 'plain text ' || g end as note,
  g % 3 = 0 as is_paid,
  round((g % 100) / 100.0, 4) as share
from generate_series(1, {rows}) g
"""


def run(*, quick: bool) -> dict[str, Any]:
    """Print the table; `vs_copy` is the ratio of the medians of wall time, `peak_mb` the highest of ours (MiB).

    `guarded_vs_copy` is the same for `csv-excel`, which looks for formulas in every cell.
    """
    rows = ROWS_QUICK if quick else ROWS
    with server() as (dsn, directory):
        software = asyncio.run(_fill(dsn, rows=rows))
        # One of each first: the table in the server's cache, bytecode compiled.
        turns = [
            (_copy(dsn, directory), _reportd(dsn, directory, "csv"), _reportd(dsn, directory, "csv-excel"))
            for _ in range(1 + RUNS)
        ][1:]
    peer, ours, guarded = (_medians(turn[place] for turn in turns) for place in range(3))
    peak_mb = max(figures["peak_mb"] for _, *both in turns for figures in both)
    print(f"{rows:,} rows of 10 columns to a CSV file, median of {RUNS}")
    print(f"{'':12}{'wall s':>8}{'rows/s':>12}{'CPU s':>8}{'peak MB':>9}")
    print(f"{'psql copy':12}{peer['wall_s']:8.3f}{rows / peer['wall_s']:12,.0f}{peer['cpu_s']:8.3f}")
    for name, figures in (("csv", ours), ("csv-excel", guarded)):
        rate = rows / figures["wall_s"]
        print(f"{name:12}{figures['wall_s']:8.3f}{rate:12,.0f}{figures['cpu_s']:8.3f}{peak_mb:9.1f}")
    return {
        "vs_copy": round(ours["wall_s"] / peer["wall_s"], 3),
        "guarded_vs_copy": round(guarded["wall_s"] / peer["wall_s"], 3),
        "peak_mb": peak_mb,
        "rows": rows,
        "runs": RUNS,
        "copy": peer,
        "reportd": ours,
        "guarded": guarded,
        "seed": SEED,
        "machine": machine(),
        "versions": software,
    }


def _same(copied: Path, made: Path) -> bool:
    with copied.open("rb") as theirs, made.open("rb") as ours:
        if ours.read(3) != BOM_UTF8:
            ours.seek(0)
        while (chunk := ours.read(1 << 20)) == theirs.read(1 << 20):
            if not chunk:
                return True
    return False


def _medians(runs: Iterable[Mapping[str, float]]) -> dict[str, float]:
    runs = list(runs)
    return {name: round(statistics.median(run[name] for run in runs), 3) for name in ("wall_s", "cpu_s")}


async def _fill(dsn: str, *, rows: int) -> dict[str, str]:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"select setseed({SEED / 100})")
        await connection.execute(_TABLE.format(rows=rows))
        await connection.execute("vacuum analyze sales")
        return await versions(connection)
    finally:
        await connection.close()


def _copy(dsn: str, directory: Path) -> dict[str, float]:
    """The peer's figures; its share of the server's work is not in its CPU seconds, as it is not in ours."""
    binaries = cluster.wheel()
    assert binaries is not None  # the server has started from it
    command = f"\\copy ({QUERY}) to '{directory / 'copy.csv'}' (format csv, header)"
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([binaries / "psql", "-qX", dsn, "-c", command], check=True, env={**os.environ, "PGTZ": "UTC"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": time.perf_counter() - started, "cpu_s": cpu_s}


def _reportd(dsn: str, directory: Path, format: str) -> dict[str, float]:
    """Our figures, from a process of their own; both files must be the same, but for a byte order mark."""
    target = directory / "reportd"
    target.mkdir()
    try:
        process = subprocess.run(
            [sys.executable, "-m", "bench.csv_run", dsn, str(target), QUERY, format],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        if not _same(directory / "copy.csv", *target.glob("*.csv")):
            raise SystemExit("the two files differ: the measurement is void")
        figures: dict[str, float] = json.loads(process.stdout)
        return figures
    finally:
        shutil.rmtree(target)
