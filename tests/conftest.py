"""What every test may ask for: databases, servers that can be broken, and waiting without sleeping."""

from __future__ import annotations

import asyncio
import inspect
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, overload

import asyncpg
import pytest

from reportd.db.embedded import EmbeddedPostgres
from tests import postgres
from tests.postgres import Databases

Value = TypeVar("Value")


class Eventually(Protocol):
    """Poll `condition` until it is true, and return what it said; fail after `limit_s`."""

    @overload
    async def __call__(self, condition: Callable[[], Awaitable[Value]], limit_s: float = 10.0) -> Value: ...
    @overload
    async def __call__(self, condition: Callable[[], Value], limit_s: float = 10.0) -> Value: ...


def pytest_configure() -> None:
    """Let the processes that tests start hear SIGINT: who runs in a shell's background, as in CI, inherits deafness."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what speaks to a database, so that it can be run alone on another server (`-m database`)."""
    for item in items:
        if "server_dsn" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.database)


@dataclass(frozen=True)
class PostgresServer:
    """A server that belongs to one test, migrated; what was committed survives `restart` and `stop`."""

    dsn: str
    server: EmbeddedPostgres

    async def restart(self, *, immediate: bool = True) -> None:
        """Like `pg_ctl restart`, by default `-m immediate`: every connection breaks, crash recovery runs."""
        await self.stop(immediate=immediate)
        await self.start()

    async def stop(self, *, immediate: bool = True) -> None:
        await self.server.stop(immediate=immediate)

    async def start(self) -> None:
        await self.server.start()


@pytest.fixture(scope="session")
def server_dsn() -> Iterator[str]:
    """The run's server; each xdist worker has its own."""
    with postgres.server() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def databases(server_dsn: str) -> Iterator[Databases]:
    """The run's server with a migrated template on it."""
    with postgres.databases(server_dsn) as made:
        yield made


@pytest.fixture
async def dsn(databases: Databases) -> AsyncIterator[str]:
    """A fresh, migrated database; the DSN of its superuser."""
    async with databases.migrated() as dsn:
        yield dsn


@pytest.fixture
async def empty_dsn(server_dsn: str) -> AsyncIterator[str]:
    """A fresh database without our schema."""
    async with postgres.fresh(server_dsn) as dsn:
        yield dsn


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to the database at `dsn`."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def migrated_cluster() -> Iterator[Path]:
    """A stopped cluster whose database `postgres` is migrated, for servers to begin from."""
    with postgres.stopped_cluster() as directory:
        yield directory


@pytest.fixture
def postgres_server(migrated_cluster: Path) -> Iterator[PostgresServer]:
    """A server that the test may stop, restart and kill."""
    with postgres.private_server(durable=True, copy_of=migrated_cluster) as (server, dsn):
        yield PostgresServer(dsn, server)


@pytest.fixture(scope="session")
def distribution_postgres() -> Iterator[Databases]:
    """The distribution's own Postgres, an older one than the embedded (15 on Debian 12)."""
    binaries = postgres.distribution_binaries()
    if binaries is None:
        pytest.skip("the distribution's Postgres is not installed: apt-get install postgresql")
    with postgres.private_server(binaries=binaries) as (_, dsn), postgres.databases(dsn) as made:
        yield made


@pytest.fixture
def eventually() -> Eventually:
    """`await eventually(condition, limit_s)`: no test sleeps for an outcome."""

    async def eventually(condition: Callable[[], Any], limit_s: float = 10.0) -> Any:
        end = time.monotonic() + limit_s
        while True:
            answer = condition()
            value = await answer if inspect.isawaitable(answer) else answer
            if value:
                return value
            if time.monotonic() > end:
                pytest.fail(f"{inspect.getsource(condition).strip()} did not come true within {limit_s} s: {value!r}")
            await asyncio.sleep(0.02)

    return eventually
