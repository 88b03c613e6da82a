"""Daemons under kill -9, again and again, while small reports run: none lost, none twice, nothing left over.

Two daemons share a database, a store and a disk. Each is killed as soon as it has started: half the time at a place in
the code where it holds work (`reportd.failpoints`), half the time at a random moment. Then the faults stop, the rest
must finish, and the tables, the disk and the process list are compared with what was ordered.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from bench.machine import machine
from bench.server import server
from reportd import failpoints
from tests.daemons import SMALL_REPORT, Daemon, check, daemon, orphans, until

KILLS, REPORTS = 200, 1000
KILLS_QUICK, REPORTS_QUICK = 5, 50
DAEMONS = 2
SEED = 42
_AHEAD = 12
"""Jobs that wait at any moment, so that whoever is killed has work in its hands."""
_PATIENCE_S = 1.5
_ORPHAN_AGE_S = 3
_DRAIN_S = 900.0
# In a child a kill ends the child, which is another fault; and deliveries are not ordered here.
PLACES = tuple(name for name in failpoints.POINTS if name not in ("building", "generating", "delivered"))
_ORDER = "insert into reportd.jobs (kind, params, formats) values ('small', $1, '{csv}') returning id"


def options(parser: argparse.ArgumentParser) -> None:
    """What the command line may set."""
    parser.add_argument("--seed", type=int, default=SEED)


def run(*, quick: bool, seed: int = SEED) -> dict[str, Any]:
    """The campaign's figures; AssertionError where something is lost, doubled or left over."""
    kills, reports = (KILLS_QUICK, REPORTS_QUICK) if quick else (KILLS, REPORTS)
    with server() as (dsn, work):
        found = asyncio.run(campaign(dsn, work, kills=kills, reports=reports, seed=seed))
    for name, value in found.items():
        print(f"{name:20} {value}")
    return {**found, "machine": machine()}


@dataclass
class _Storm:
    """What is going on: `ids` were ordered, `left` kills are still to come, `places` counts where they struck."""

    connection: asyncpg.Connection[Any]
    dice: random.Random
    kills: int
    reports: int
    left: int
    ids: list[int] = field(default_factory=list)
    places: Counter[str] = field(default_factory=Counter)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # the daemons' keepers share the connection

    async def order(self) -> None:
        """Keep some jobs waiting, spread over the kills that are left."""
        async with self.lock:
            waiting = await self.connection.fetchval("select count(*) from reportd.jobs where finished_at is null")
            due = max(self.reports - len(self.ids) - self.left * self.reports // self.kills, _AHEAD - waiting)
            for _ in range(min(due, self.reports - len(self.ids))):
                rows = f'{{"rows": {self.dice.randint(1, 40)}}}'
                self.ids.append(int(await self.connection.fetchval(_ORDER, rows)))


async def campaign(dsn: str, work: Path, *, kills: int, reports: int, seed: int) -> dict[str, Any]:
    """Kill daemons on the database at `dsn` `kills` times while `reports` jobs are made, then check what is left."""
    from reportd.db import migrate

    sources, state = work / "reports", work / "state"
    sources.mkdir()
    (sources / "small.sql").write_text(SMALL_REPORT)
    connection = await asyncpg.connect(dsn)
    started = time.monotonic()
    try:
        await migrate.migrate(connection)
        storm = _Storm(connection, random.Random(seed), kills, reports, left=kills)
        async with asyncio.TaskGroup() as group:
            for _ in range(DAEMONS):
                group.create_task(_slot(storm, dsn, state, sources))
        storm_s = time.monotonic() - started
        await _drained(storm, dsn, state, sources)
        await check(connection, state, jobs=storm.ids)
        statuses = await connection.fetch("select status, count(*) from reportd.jobs group by 1")
        assert {row["status"]: row["count"] for row in statuses} == {"completed": reports}
        crashed = await connection.fetchval("select count(*) from reportd.jobs where crashes > 0")
        attempts = await connection.fetchval("select sum(attempt) from reportd.jobs")
    finally:
        await connection.close()
    return {
        "kills": sum(storm.places.values()),
        "reports": len(storm.ids),
        "completed": len(storm.ids),
        "lost": 0,
        "twice": 0,
        "orphans": 0,
        "jobs_hit": crashed,
        "attempts": int(attempts),
        "places": dict(sorted(storm.places.items())),
        "storm_s": round(storm_s, 1),
        "seed": seed,
    }


_STEADY = {
    "REPORTD_WORKER__CRASHES_MAX": "100",
    "REPORTD_STORAGE__ORPHAN_AGE_S": str(_ORPHAN_AGE_S),
    "REPORTD_WORKER__POLL_INTERVAL_S": "0.5",
}


async def _slot(storm: _Storm, dsn: str, state: Path, sources: Path) -> None:
    """One daemon after the other, each killed, until no kill is left."""
    while storm.left > 0:
        storm.left -= 1
        place = storm.dice.choice(PLACES) if storm.dice.random() < 0.5 else None
        with tempfile.TemporaryDirectory(dir=state.parent) as directory:
            trap = Path(directory) / "trap"
            armed = {failpoints.ENVIRONMENT: f"{place}=kill:{trap}"} if place else {}
            async with daemon(dsn, state, sources, environment=_STEADY | armed) as running:
                await storm.order()
                await asyncio.sleep(storm.dice.uniform(0, 0.3))
                trap.touch()
                storm.places[await _struck(running, place)] += 1


async def _struck(running: Daemon, place: str | None) -> str:
    """Wait until the trap at `place` has killed the daemon; without one, or where it was not reached, kill it here."""
    if place is not None:
        with suppress(TimeoutError):
            await running.ended(_PATIENCE_S)
            return place
    running.kill()
    await running.ended()
    return "anywhere"


async def _drained(storm: _Storm, dsn: str, state: Path, sources: Path) -> None:
    """Without faults: everything that was ordered ends, and nobody else's file is left in the store."""
    storm.left = 0
    await storm.order()
    assert len(storm.ids) == storm.reports

    async def ended() -> bool:
        return bool(await storm.connection.fetchval("select count(*) = 0 from reportd.jobs where finished_at is null"))

    async def tidy() -> bool:
        known = {row["uri"] for row in await storm.connection.fetch("select uri from reportd.artifacts")}
        return not orphans(state, known) and not _leftovers(state)

    async with daemon(dsn, state, sources, environment=_STEADY) as running:
        await until(ended, running, limit_s=_DRAIN_S)
        assert await running.terminate() == 0
    # What the killed have left goes in a daemon's first round, once it is old enough.
    await asyncio.sleep(_ORPHAN_AGE_S)
    async with daemon(dsn, state, sources, environment=_STEADY) as running:
        await until(tidy, running, limit_s=60)
        assert await running.terminate() == 0


def _leftovers(state: Path) -> Sequence[Path]:
    return [*(state / "spool").iterdir()]
