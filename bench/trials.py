"""One guard taken away at a time, each met by the interleaving that it is for: the checker has to notice."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from bench import invariants
from bench.mutants import MUTANTS
from bench.scenarios import CRASHES_MAX, SCENARIOS, Scenario
from bench.site import AWAY, Site, prepare, site
from reportd.db.embedded import EmbeddedPostgres
from tests.postgres import with_database

_DRAIN_S = 30.0
# A job that nobody can find any more is given up for lost after this; rescued ones take a second or two.
_LOST_S = 8.0
_TEMPLATE = "chaos_template"


@dataclass(frozen=True, slots=True)
class Trial:
    """What a scenario showed, and in how many seconds; `mutant` None: with every guard in place."""

    scenario: str
    mutant: str | None
    violations: dict[str, list[Any]]
    seconds: float

    @property
    def caught(self) -> bool:
        """Whether the invariant that is for this guard was seen broken."""
        return self.mutant is not None and any(
            name.startswith(MUTANTS[self.mutant].invariant) for name in self.violations
        )


async def trials(names: Iterable[str]) -> AsyncIterator[Trial]:
    """Each mutant's trial, and before it the same scenario with every guard in place, once per scenario."""
    seen: set[Scenario] = set()
    async with _ground() as ground:
        for name in names:
            scenario = SCENARIOS[name]
            if scenario not in seen:
                seen.add(scenario)
                yield await ground.trial(scenario, mutant=None)
            yield await ground.trial(scenario, mutant=name)


async def whole(scenario: Scenario) -> Trial:
    """One scenario with every guard in place."""
    async with _ground() as ground:
        return await ground.trial(scenario, mutant=None)


@asynccontextmanager
async def _ground() -> AsyncIterator[_Ground]:
    """A server with a prepared database to copy."""
    with tempfile.TemporaryDirectory(prefix="reportd-trials-") as name:
        home = Path(name)
        home.chmod(0o711)
        server = EmbeddedPostgres(home / "pg", options={"fsync": "off", "full_page_writes": "off"})
        dsn = await server.start()
        try:
            await _execute(dsn, f"create database {_TEMPLATE} template template0")
            await prepare(with_database(dsn, _TEMPLATE), crashes_max=CRASHES_MAX)
            yield _Ground(server, dsn, home)
        finally:
            await server.stop(immediate=True)


class _Ground:
    def __init__(self, server: EmbeddedPostgres, dsn: str, home: Path) -> None:
        self._server = server
        self._dsn = dsn
        self._home = home
        self._count = 0

    async def trial(self, scenario: Scenario, *, mutant: str | None) -> Trial:
        """One scenario on a database of its own, then the check."""
        begun = time.monotonic()
        self._count += 1
        database = f"chaos_{self._count}"
        await _execute(self._dsn, f"create database {database} template {_TEMPLATE}")
        dsn, home = with_database(self._dsn, database), self._home / database
        async with site(self._server, dsn, home, mutant=mutant) as place:
            await scenario(place)
            await _ended(place)
            found = await _violations(place)
            if fallen := [place.last_words(each) for each in place.workers if each.returncode not in (None, -9)]:
                found["I9 a worker that nobody killed has ended"] = fallen
        await _execute(self._dsn, f"drop database {database} with (force)")
        return Trial(scenario.__name__, mutant, found, time.monotonic() - begun)


async def _ended(place: Site) -> None:
    """Until nothing is left to come, or something is wrong already."""
    end = time.monotonic() + (_DRAIN_S if place.mutant is None else _LOST_S)
    while time.monotonic() < end:
        if place.mutant is not None and await place.history():
            return
        with suppress(*AWAY):
            if await place.left() == 0:
                return
        await asyncio.sleep(0.1)


async def _violations(place: Site) -> dict[str, list[Any]]:
    connection = await asyncpg.connect(place.dsn)
    try:
        return await invariants.violations(connection, store=place.store, delivered=place.delivered, ordered={})
    finally:
        await connection.close()


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
