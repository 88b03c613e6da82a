"""Every failpoint by every fault, on two real daemons that run small reports and deliver them.

Each cell orders one report and sets one trap; whichever daemon comes by is killed, fails, hangs for longer than its
lease, is stopped for longer than its lease, or finds the disk full. Then the report must be there all the same, once,
and delivered. A daemon that has died is replaced.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from bench.server import server
from reportd import failpoints
from reportd.db import migrate
from tests.daemons import Daemon, check, daemon, until

FAULTS = ("kill", "raise", "hang", "stop", "enospc")
CELLS = tuple((place, fault) for fault in FAULTS for place in failpoints.POINTS)
_LEASE_S = 2
# Longer than the lease: a daemon that hangs is well, and nobody may take its job; the attempt's own limit ends it.
_TIMEOUT_S = 4
_LIMIT_S = 60.0
_REPORT = """\
-- /// report
-- title = "Small"
-- formats = ["csv"]
-- params.cell = { type = "int", required = true }
-- [deliver]
-- to = ["file:{cell}/"]
-- ///
-- @table
select n as no, n * 1.5 as amount, 'row ' || n as label from generate_series(1, 2000) as n;
"""
_ORDER = "select reportd.enqueue('small', jsonb_build_object('cell', $1::int))"
_OVER = "select not exists (select from reportd.jobs where outcome is null)"
_TRIES = """select coalesce(string_agg(outcome, ', ' order by job_id, attempt), 'completed') from reportd.attempts
  where job_id = $1 or job_id in (select id from reportd.jobs where parent_id = $1)"""


@dataclass
class Grid:
    """The daemons on one database, and what became of each cell so far: how its attempts ended, in order."""

    dsn: str
    work: Path
    connection: asyncpg.Connection[Any]
    stack: AsyncExitStack
    daemons: list[Daemon] = field(default_factory=list)
    jobs: list[int] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)

    async def cell(self, place: str, fault: str) -> None:
        """Order a report, let `fault` meet it at `place`, and wait for it."""
        for dead in [each for each in self.daemons if each.process.returncode is not None]:
            self.daemons.remove(dead)
        while len(self.daemons) < 2:
            self.daemons.append(await self._daemon())
        trap = self.work / f"{place}-{fault}"
        trap.touch()
        job = int(await self.connection.fetchval(_ORDER, len(self.jobs)))
        self.jobs.append(job)
        await until(lambda: not trap.exists(), self.daemons[0], limit_s=_LIMIT_S)
        if fault == "stop":
            await self._outlast(place)
        await until(self._over, self.daemons[-1], limit_s=_LIMIT_S)
        self.ended[f"{place} {fault}"] = await self.connection.fetchval(_TRIES, job)

    async def checked(self) -> None:
        """Everything once, whole, delivered, by one more daemon that met no fault; nothing left over."""
        for each in self.daemons:
            with suppress(ProcessLookupError):
                each.kill()
            await each.ended()
        async with daemon(self.dsn, self.work / "state", self.work / "reports", environment=_SETTINGS) as last:
            await until(self._over, last, limit_s=_LIMIT_S)
            deliveries = await self.connection.fetch("select job_id, status from reportd.deliveries order by job_id")
            assert [tuple(row) for row in deliveries] == [(job, "delivered") for job in self.jobs]
            for number in range(len(self.jobs)):
                there = [path.name for path in (self.work / "state" / "delivered" / str(number)).iterdir()]
                assert there == ["small.csv"], there
            senders = await self.connection.fetch("select id from reportd.jobs where kind = 'deliver'")
            completed = "select count(*) from reportd.jobs where outcome = 'completed'"
            assert await self.connection.fetchval(completed) == len(self.jobs) + len(senders)
            await check(self.connection, self.work / "state", jobs=self.jobs)

    async def _daemon(self) -> Daemon:
        spec = ";".join(f"{place}={fault}:{self.work / f'{place}-{fault}'}" for place, fault in CELLS)
        return await self.stack.enter_async_context(
            daemon(
                self.dsn,
                self.work / "state",
                self.work / "reports",
                environment=_SETTINGS | {failpoints.ENVIRONMENT: spec},
            )
        )

    async def _outlast(self, place: str) -> None:
        """Whoever stands still does so until the others have given it up; then it goes on."""
        stopped = await _found(lambda: [pid for pid in self._pids() if _state(pid) == "T"])
        # A child that stands still is its daemon's to end.
        if place in ("building", "generating"):
            return
        await asyncio.sleep(_LEASE_S * 1.5)
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _pids(self) -> list[int]:
        return [pid for each in self.daemons for pid in (each.pid, *each.descendants())]

    async def _over(self) -> bool:
        return bool(await self.connection.fetchval(_OVER))


async def run(dsn: str, work: Path, cells: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Meet `cells` on the empty database at `dsn`; how the attempts of each ended. AssertionError where one fails."""
    (work / "reports").mkdir()
    (work / "reports" / "small.sql").write_text(_REPORT)
    connection = await asyncpg.connect(dsn)
    try:
        await migrate.migrate(connection)
        async with AsyncExitStack() as stack:
            grid = Grid(dsn, work, connection, stack)
            for place, fault in cells:
                await grid.cell(place, fault)
            await grid.checked()
            return grid.ended
    finally:
        await connection.close()


def campaign() -> dict[str, Any]:
    """The whole grid on a server of its own; its figures."""
    begun = time.monotonic()
    with server() as (dsn, work):
        ended = asyncio.run(run(dsn, work, CELLS))
    for cell, outcomes in ended.items():
        print(f"{cell:20} {outcomes}")
    return {"cells": len(ended), "ended": dict(ended), "seconds": round(time.monotonic() - begun, 1)}


_SETTINGS = {
    "REPORTD_WORKER__LEASE_S": str(_LEASE_S),
    "REPORTD_WORKER__TIMEOUT_S": str(_TIMEOUT_S),
    "REPORTD_WORKER__CRASHES_MAX": "100",
    "REPORTD_WORKER__POLL_INTERVAL_S": "0.5",
}


async def _found(look: Callable[[], list[int]]) -> list[int]:
    end = time.monotonic() + _LIMIT_S
    while not (found := look()) and time.monotonic() < end:
        await asyncio.sleep(0.02)
    return found


def _state(pid: int) -> str:
    """The process' state in one letter, as the kernel tells it; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
