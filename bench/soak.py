"""Half an hour of steady work for one daemon: reports, files, errors. Its memory and descriptors must stay flat."""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import asyncpg

from bench.daemon import daemon, pss_mb
from bench.machine import machine, versions
from bench.server import server
from reportd.db import migrate

SOAK_S, SOAK_QUICK_S = 1800.0, 40.0
SEED = 42
_LOOK_S = 2.0
_WARM_S = 60.0
_AHEAD = 4
_REPORT = """-- /// report
-- title = "Soak"
-- params.rows = { type = "int", default = 100 }
-- ///
-- @kpi
select count(*) as rows, sum(n) as total from generate_series(1, :rows) as n;
-- @bar "By last digit" x=digit y=total
select n % 10 as digit, sum(n) as total from generate_series(1, :rows) as n group by 1 order by 1;
-- @table "All of them"
select n, n * 1.5 as half_as_much, md5(n::text) as text from generate_series(1, :rows) as n;
"""
_BROKEN = "select 1 / (:rows - :rows) as never;\n"


def run(*, quick: bool) -> dict[str, Any]:
    """Print the table; `…_last_over_first` compare the medians of the last and the first quarter after a warm-up.

    Memory is what the daemon, its template and its children have together (PSS); descriptors are the daemon's own.
    """
    seconds = SOAK_QUICK_S if quick else SOAK_S
    with server() as (dsn, work), tempfile.TemporaryDirectory(prefix="reportd-bench-soak-") as name:
        reports = Path(name)
        (reports / "soak.sql").write_text(_REPORT)
        (reports / "broken.sql").write_text(_BROKEN)
        asyncio.run(_prepare(dsn))
        with daemon(dsn, state=work / "state", reports=reports, concurrency=2) as pid:
            result = asyncio.run(_measure(dsn, pid, seconds=seconds, warm_s=min(_WARM_S, seconds / 4)))
    for what in ("memory_mb", "descriptors"):
        print(f"{what:12} first {result[f'{what}_first']:8.1f}   last {result[f'{what}_last']:8.1f}")
    print(f"{result['jobs']:,} jobs in {seconds:.0f} s, {result['failed']:,} of them failed as they should")
    return {**result, "seconds": seconds, "seed": SEED, "machine": machine()}


async def _prepare(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await migrate.migrate(connection)
    await connection.close()


async def _measure(dsn: str, pid: int, *, seconds: float, warm_s: float) -> dict[str, Any]:
    connection = await asyncpg.connect(dsn)
    feeding = asyncio.create_task(_feed(dsn))
    await asyncio.sleep(warm_s)
    looks: list[tuple[float, int]] = []
    end = time.monotonic() + seconds - warm_s
    while time.monotonic() < end:
        looks.append((pss_mb(pid), len(list(Path(f"/proc/{pid}/fd").iterdir()))))
        await asyncio.sleep(_LOOK_S)
    feeding.cancel()
    quarter = max(1, len(looks) // 4)
    first, last = looks[:quarter], looks[-quarter:]
    result: dict[str, Any] = {}
    for place, what in enumerate(("memory_mb", "descriptors")):
        before, after = (statistics.median(look[place] for look in part) for part in (first, last))
        result |= {f"{what}_first": before, f"{what}_last": after}
        result[f"{what}_last_over_first"] = round(after / before, 3)
    ended = """select count(*) filter (where status = 'failed') as failed, count(*) as jobs
from reportd.jobs where finished_at is not null"""
    result |= dict(await connection.fetchrow(ended) or {})
    result["versions"] = await versions(connection)
    await connection.close()
    return result


async def _feed(dsn: str) -> None:
    """Keep a few jobs waiting, of all formats, some of them bound to fail."""
    rng = random.Random(SEED)
    connection = await asyncpg.connect(dsn)
    while True:
        if await connection.fetchval("select count(*) from reportd.jobs where ready") < _AHEAD:
            kind = "broken" if rng.random() < 0.1 else "soak"
            formats = rng.sample(["pdf", "xlsx", "csv", "json", "html"], k=rng.randint(1, 3))
            await connection.execute(
                "insert into reportd.jobs (kind, params, formats, max_attempts) values ($1, $2, $3, 1)",
                kind,
                f'{{"rows": {rng.choice((10, 100, 1000))}}}',
                formats,
            )
        else:
            await asyncio.sleep(0.05)
