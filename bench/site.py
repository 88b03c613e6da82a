"""Where a chaos run takes place: a watched database behind a proxy, a store, and workers that can be put there."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg

from bench import invariants
from bench.process import ROOT
from bench.proxy import Proxy
from bench.worker import SCHEMA, Options
from reportd import failpoints
from reportd.db import migrate
from reportd.db.embedded import EmbeddedPostgres

Worker = asyncio.subprocess.Process
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What a query of the harness's own may meet while a fault is on."""

_FAULT = re.compile(r"^[ |+]*[\w.]+(?:Error|Group|Unavailable|Refused|Exception)\b|/reportd/\w")
_KIND = """insert into reportd.kinds (name, type, title, content_hash, params_schema, brief)
  values ($1, 'task', $1, 'bench', $2, $3) on conflict do nothing"""
_LEFT = """select (select count(*) from reportd.jobs where outcome is null) + (select count(*) from reportd.claims)
  + (select count(*) from reportd.workers where lease_until < clock_timestamp() - make_interval(secs => 2 * lease_s))"""


async def prepare(dsn: str, *, crashes_max: int) -> None:
    """Make the schema in the database at `dsn`, the kinds of `bench.worker`, and the history."""
    connection = await asyncpg.connect(dsn)
    try:
        await migrate.migrate(connection)
        await invariants.watch(connection, crashes_max=crashes_max)
        for kind, brief in (("noop", True), ("filed", False), ("deliver", False)):
            await connection.execute(_KIND, kind, json.dumps(SCHEMA), brief)
    finally:
        await connection.close()


@dataclass
class Site:
    """`database` of `server`, and what lies round it in `home`. The workers end with it."""

    server: EmbeddedPostgres
    dsn: str
    home: Path
    proxy: Proxy
    mutant: str | None = None
    workers: list[Worker] = field(default_factory=list)
    _logs: dict[int, Path] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    async def worker(
        self, options: Mapping[str, Any], *, armed: Mapping[str, str] | None = None, direct: bool = False
    ) -> Worker:
        """Start one. `armed` maps places to an action, taken by the first who comes by; `direct` is past the proxy."""
        database = urlsplit(self.dsn).path
        told = Options(
            dsn=self.dsn if direct else f"postgresql://postgres@127.0.0.1:{self.proxy.port}{database}",
            store=str(self.store),
            delivered=str(self.delivered),
            mutant=self.mutant,
            log_level="error",
            **options,
        )
        traps = {place: self.home / "once" / f"{place}-{action}" for place, action in (armed or {}).items()}
        spec = ";".join(f"{place}={armed[place]}:{traps[place]}" for place in traps) if armed else ""
        path = self.home / "logs" / f"{next(self._numbers)}.log"
        with path.open("wb") as log:
            started = await asyncio.create_subprocess_exec(
                *told.command(),
                cwd=ROOT,
                env={"PATH": "/usr/bin:/bin", failpoints.ENVIRONMENT: spec, "TMPDIR": str(self.home)},
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.workers.append(started)
        self._logs[started.pid] = path
        return started

    def last_words(self, worker: Worker) -> list[str]:
        """Of what it said: its faults by name, and where in our own code they came from."""
        lines = self._logs[worker.pid].read_text(errors="replace").splitlines()
        return [line for line in lines if _FAULT.search(line)][:40]

    def trap(self, place: str, action: str) -> Path:
        """The file that makes an armed `action` at `place` happen, once; it is gone when it has."""
        return self.home / "once" / f"{place}-{action}"

    @property
    def store(self) -> Path:
        """Where files are kept."""
        return self.home / "store"

    @property
    def delivered(self) -> Path:
        """Where deliveries go."""
        return self.home / "delivered"

    async def ask(self, query: str, *values: Any) -> Any:
        """One value, over a connection of its own, which the proxy's faults do not meet."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return await connection.fetchval(query, *values)
        finally:
            await connection.close()

    async def left(self) -> int:
        """How much is still to come: jobs, claims, leases of the dead."""
        return int(await self.ask(_LEFT))

    async def history(self) -> dict[str, list[Any]]:
        """What the history tells against; nothing while the server is away."""
        with suppress(*AWAY):
            connection = await asyncpg.connect(self.dsn)
            try:
                return await invariants.history(connection)
            finally:
                await connection.close()
        return {}

    async def until(self, condition: Callable[[], Awaitable[Any]], *, limit_s: float) -> bool:
        """Wait until `condition` holds; False: it did not within `limit_s`."""
        end = asyncio.get_running_loop().time() + limit_s
        while True:
            with suppress(*AWAY):
                if await condition():
                    return True
            if asyncio.get_running_loop().time() > end:
                return False
            await asyncio.sleep(0.03)

    async def close(self) -> None:
        """Kill every worker."""
        for each in self.workers:
            send(each, signal.SIGKILL)
            await each.wait()


def send(worker: Worker, number: signal.Signals) -> None:
    """Send a signal, also to one that has just ended."""
    # Not by the object: it would look for the exit status first, and take it from under the loop's watcher.
    if worker.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(worker.pid, number)


@asynccontextmanager
async def site(server: EmbeddedPostgres, dsn: str, home: Path, *, mutant: str | None = None) -> AsyncIterator[Site]:
    """The prepared database at `dsn` of `server`, with `home` for files; the workers go with the block."""
    for part in ("store", "delivered", "once", "logs"):
        (home / part).mkdir(parents=True)
    async with Proxy(_socket(dsn)) as proxy:
        made = Site(server, dsn, home, proxy, mutant)
        try:
            yield made
        finally:
            await made.close()


def _socket(dsn: str) -> Path:
    query = parse_qs(urlsplit(dsn).query)
    return Path(query["host"][0]) / f".s.PGSQL.{query['port'][0]}"
